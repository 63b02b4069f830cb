//! What a person reads while the demo runs.

use mapek::{
    CycleReport, Decided, LoopState, NoPlanning, Progress,
    model::{
        Approval, Duration, ExecutionEvent, PlanHash, Timestamp, Verdict, Violation, Way, duration,
        since,
    },
};

use super::{hands::Deed, stage::Stage, visit};
use crate::command::output::Look;

/// `println!`, but who stops reading ends the demo quietly.
macro_rules! say {
    ($($text:tt)*) => { crate::command::say(format_args!($($text)*)) };
}

/// Quiet cycles between two lines that say that all is well.
const QUIET_CYCLES: u32 = 10;

/// Tells the story.
#[derive(Debug)]
pub(super) struct Teller {
    start: Option<Timestamp>,
    quiet: u32,
    /// What was said last of what keeps the loop from acting, so that it is said once.
    held: Option<String>,
    colour: bool,
}

impl Teller {
    pub(super) fn new() -> Self {
        Self { start: None, quiet: 0, held: None, colour: Look::of_stdout().has_colours() }
    }

    pub(super) fn opening(&self, stage: &Stage, url: Option<&str>) {
        say!("{}", self.bold("mapek demo"));
        say!(
            "A Charter committee serves requests; the loop looks at its metrics every 30 s of its time. Target: {}.",
            stage.state().target
        );
        if let Some(url) = url {
            say!("Look over its shoulder, approve, pause: {}", self.bold(url));
            say!("Break things yourself: {}", self.bold(&format!("{url}/demo")));
        }
        say!("First a quarter of an hour in which all is well, to learn what is usual.\n");
    }

    pub(super) fn broken(&mut self, what: &str, words: &str) {
        self.quiet = 0;
        say!("\n{} {what}: {words}. Nobody tells the loop.\n", self.paint("31;1", "FAULT"));
    }

    /// What became of what was broken: how long it took if the loop healed it, or else whether somebody has mended it now.
    pub(super) fn healed(&self, took: Option<Duration>, mended: bool) {
        match took {
            None if mended => {
                say!("\n{}", self.paint("31;1", "Not healed in time; somebody else mends it."))
            }
            None => say!("\n{}", self.paint("31;1", "Not healed in time.")),
            Some(took) => {
                let text = format!("Healed after {}.", duration::format(took));
                say!("\n{}", self.paint("32;1", &text));
            }
        }
    }

    /// Whether nothing was done where nothing was to be done.
    pub(super) fn kept_still(&self, still: bool) {
        let text = if still {
            self.paint(
                "32;1",
                "Rightly, nothing was done: one does not act on what one cannot see.",
            )
        } else {
            self.paint(
                "31;1",
                "The loop should have kept still, have said why, and see again by now.",
            )
        };
        say!("\n{text}");
    }

    /// A plan waits for a person.
    pub(super) fn asks(&self, what: &str, plan: PlanHash, url: Option<&str>) {
        let asks = self.paint("35;1", "asks     for a person's word");
        say!("{}{asks} on {what} (plan {})", self.margin(), plan.short());
        if let Some(url) = url {
            let command = format!("mapek plans approve {} --url {url}", plan.short());
            say!("{}         approve or reject it at {}, or by", self.margin(), self.bold(url));
            say!("{}         {command}", self.margin());
            let most = duration::format(visit::PATIENCE);
            say!("{}         time stands still until you have, for {most} at most", self.margin());
        }
    }

    /// What a person has said to it.
    pub(super) fn answered(&self, state: &LoopState, plan: PlanHash) {
        let approval = state.proposals.iter().find(|it| it.hash == plan).map(|it| &it.approval);
        let (colour, text) = match approval {
            Some(Approval::Approved { by }) => {
                let by: Vec<_> = by.iter().map(String::as_str).collect();
                ("32", format!("hears    yes from {}", by.join(", ")))
            }
            Some(Approval::Rejected { by, .. }) => ("31", format!("hears    no from {by}")),
            Some(Approval::Pending { .. }) => ("33", "hears    that one more is needed".to_owned()),
            _ => ("33", "hears    that it is not wanted any more".to_owned()),
        };
        say!("{}{}", self.margin(), self.paint(colour, &text));
    }

    /// Where lines begin that belong to the cycle before.
    fn margin(&self) -> String {
        " ".repeat(19)
    }

    /// One cycle, in as many lines as it has things to say.
    pub(super) fn cycle(&mut self, report: &CycleReport) {
        let start = *self.start.get_or_insert(report.at);
        let head = format!("{:>7}  cycle {:<3}", clock(since(report.at, start)), report.number);
        let mut lines = lines(report);
        let held = held(report);
        if held != self.held {
            let line = held.clone().map_or_else(
                || ("32", "may      act again".to_owned()),
                |why| ("33", format!("may not  act: {why}")),
            );
            lines.insert(0, line);
            self.held = held;
        }
        if lines.is_empty() {
            if self.quiet.is_multiple_of(QUIET_CYCLES) {
                say!("{head} {}", self.paint("32", &format!("all well: {}", values(report))));
            }
            self.quiet += 1;
            return;
        }
        self.quiet = 0;
        for (i, (colour, line)) in lines.iter().enumerate() {
            let head = if i == 0 { head.clone() } else { " ".repeat(head.chars().count()) };
            say!("{head} {}", self.paint(colour, line));
        }
    }

    pub(super) fn closing(&self, stage: &Stage, good: bool) {
        let state = stage.state();
        say!("\n{}", self.bold("What came of it"));
        for outcome in &state.outcomes {
            say!("  {} against {}: {}", outcome.signature, outcome.cause, outcome.reason);
        }
        say!("\n{}", self.bold("What was learned"));
        for insight in &state.insights {
            say!("  {}", insight.text);
        }
        let statistics = &state.statistics;
        say!(
            "\n{} cycles, {} violations, {} outcomes.",
            statistics.cycles,
            statistics.violations,
            state.outcomes.len()
        );
        let verdict = if good {
            self.paint("32;1", "All that broke was healed, and nothing else was touched.")
        } else {
            self.paint("31;1", "Not all went well.")
        };
        say!("{verdict}");
    }

    /// What a visitor has done.
    pub(super) fn deed(&mut self, deed: &Deed) {
        match deed {
            // That is told by what follows.
            Deed::Took => {}
            Deed::Broke(damage) => {
                self.broken(damage.name, damage.words.trim_end_matches('.'));
            }
            Deed::Mended(name) => say!("\n{}", self.bold(&format!("The visitor mends {name}."))),
        }
    }

    /// That the demo goes on, after its story or in place of it.
    pub(super) fn staying(&self, url: &str, played: bool) {
        let why = if played {
            "The story is over"
        } else {
            "A visitor has taken the stage, so the story is not judged"
        };
        let (url, page) = (self.bold(url), self.bold(&format!("{url}/demo")));
        say!(
            "\n{why}; the system runs on. Look around at {url}, break things at {page}; Ctrl-C ends it.\n"
        );
    }

    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour && !code.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// What keeps the loop from acting.
fn held(report: &CycleReport) -> Option<String> {
    if let Some(why) = &report.paused {
        return Some(why.clone());
    }
    let mut doubtful = report.seen.quality.iter().filter(|(_, quality)| !quality.permits_action());
    let (source, quality) = doubtful.next()?;
    let first = quality.doubts().next()?;
    Some(format!("{source} cannot be trusted ({}): {}", quality.level(), first.detail))
}

/// What a cycle has to say, each line with its colour.
fn lines(report: &CycleReport) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    lines.extend(report.seen.open.iter().map(|it| ("33", format!("sees     {}", violation(it)))));
    lines
        .extend(report.seen.closed.iter().map(|it| ("32", format!("over     {}", it.expectation))));
    let gone = report.seen.gone.iter();
    lines.extend(gone.map(|it| ("33", format!("lost     sight of {}", violation(it)))));
    for ranked in report.diagnosis.causes.iter().take(2) {
        let why = ranked.reasons.first().map_or("", String::as_str);
        let percent = ranked.confidence.get() * 100.0;
        lines.push(("36", format!("thinks   {} ({percent:.0} %): {why}", ranked.cause)));
    }
    lines.extend(report.planning.waiting.iter().map(|waiting| {
        let what: Vec<_> = waiting.plan.steps.iter().map(|step| step.action.to_string()).collect();
        ("", format!("waits    to {}: {}", what.join(", then "), waiting.reason))
    }));
    lines.extend(report.decisions.iter().map(|it| ("35", format!("decides  {}", decided(it)))));
    lines.extend(report.progress.iter().flat_map(progress));
    if let Some(no @ NoPlanning::Fault) = &report.no_planning {
        lines.push(("31", format!("plans nothing: {no}")));
    }
    lines.extend(report.faults.iter().map(|fault| ("31", format!("fault    {fault}"))));
    for outcome in &report.outcomes {
        let colour = if outcome.verdict == Verdict::Success { "32;1" } else { "33;1" };
        lines.push((colour, format!("learns   {}: {}", outcome.verdict, outcome.reason)));
    }
    lines
}

fn violation(violation: &Violation) -> String {
    let component = violation.component.as_ref().map_or(String::new(), |it| format!(" at {it}"));
    let value = match (violation.value, violation.threshold) {
        (Some(value), Some(threshold)) => format!(": {value:.2}, must not cross {threshold}"),
        (Some(value), None) => format!(": {value:.2}"),
        _ => String::new(),
    };
    format!("{}{component} ({}){value}", violation.expectation, violation.severity)
}

fn decided(decided: &Decided) -> String {
    match decided.execution {
        Some(_) => format!("to act {}", decided.summary),
        None => format!("not to act {}: {}", decided.summary, decided.decision),
    }
}

fn progress(progress: &Progress) -> Vec<(&'static str, String)> {
    let name = |step: &mapek::model::StepIndex| {
        let planned = progress.state.plan.steps.get(usize::from(step.0));
        planned.map_or_else(|| format!("step {step}"), |planned| planned.action.to_string())
    };
    progress
        .advance
        .events
        .iter()
        .filter_map(|event| {
            Some(match event {
                ExecutionEvent::Applied { step, way: Way::Do, .. } => {
                    ("34", format!("does     {}", name(step)))
                }
                ExecutionEvent::Applied { step, way: Way::Undo, .. } => {
                    ("34", format!("undoes   {}", name(step)))
                }
                ExecutionEvent::Refused { step, reason, .. } => {
                    ("31", format!("refused  {}: {reason}", name(step)))
                }
                ExecutionEvent::Unclear { step, reason, .. } => {
                    ("31", format!("unclear  {}: {reason}", name(step)))
                }
                ExecutionEvent::UndoBegan { reason, .. } => {
                    ("33", format!("takes it back: {reason}"))
                }
                ExecutionEvent::VerificationBegan => {
                    ("", "checks   on fresh metrics whether it helps".to_owned())
                }
                ExecutionEvent::Ended { ending, reason } => {
                    ("", format!("ended    {ending}: {reason}"))
                }
                _ => return None,
            })
        })
        .collect()
}

/// The values that people know, as far as they are there.
fn values(report: &CycleReport) -> String {
    let value = |name: &str| report.seen.values.get(name).copied();
    let parts = [
        value("validation_latency").map(|it| format!("p99 {it:.2} s")),
        value("throughput").map(|it| format!("{it:.0} ops/s")),
        value("failure_rate").map(|it| format!("{:.1} % fail", it * 100.0)),
        value("committee_size").map(|it| format!("{it:.0} replicas")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Minutes and seconds of loop time.
fn clock(passed: Duration) -> String {
    format!("{}:{:02}", passed.as_secs() / 60, passed.as_secs() % 60)
}
