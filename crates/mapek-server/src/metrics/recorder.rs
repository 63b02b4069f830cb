//! From cycle reports to numbers.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use mapek_loop::{CycleReport, LoopState, Timings};
use mapek_model::{
    CycleNumber, Ending, ExecutionId, Fingerprint, Level, Outcome, Severity, SourceName, Timestamp,
    Verdict, later, since,
};
use tokio::sync::watch;

use super::{Families, Metrics, recent::Recent};

/// Words that are there from the first cycle on, with a count of zero: a counter that appears with its first event has
/// no increase that `rate` could see.
const DECISIONS: [&str; 5] = ["started", "run", "await_approval", "observe_only", "refused"];
const FINDINGS: [&str; 4] = ["temporal", "spatial", "causal", "frequency"];
const RESULTS: [&str; 2] = ["ok", "faulty"];
/// Over how many cycles objectives are looked at: an hour of them at the usual interval.
const OBJECTIVES_MAX: usize = 120;

/// Takes in what one loop reports, each cycle once.
///
/// ```
/// use mapek_loop::LoopState;
/// use mapek_model::TargetId;
/// use mapek_server::Metrics;
///
/// let metrics = Metrics::new();
/// let mut state = LoopState::new(TargetId::default());
/// state.paused = Some("maintenance".to_owned());
/// metrics.recorder().observe(&state);
/// assert!(metrics.open_metrics().contains(r#"mape_k_paused{target="default"} 1"#));
/// ```
#[derive(Debug)]
pub struct MetricsRecorder {
    metrics: Metrics,
    last: Option<CycleNumber>,
    /// What was open in the last cycle; absent before the first, when nobody knows how long it had been there.
    open: Option<BTreeSet<Fingerprint>>,
    sources: BTreeSet<SourceName>,
    endings: Recent<Ending>,
    outcomes: Recent<()>,
    /// Refusals by rail, as the loop counts them.
    refusals: BTreeMap<String, u64>,
    /// When each of the newest cycles was, and whether objectives were met in it, as far as that can be told.
    objectives: VecDeque<(Timestamp, Option<bool>)>,
}

impl MetricsRecorder {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            last: None,
            open: None,
            sources: BTreeSet::new(),
            endings: Recent::default(),
            outcomes: Recent::default(),
            refusals: BTreeMap::new(),
            objectives: VecDeque::new(),
        }
    }

    /// Takes in every state until the loop is gone. To be spawned beside it; may be dropped at any time.
    pub async fn follow(mut self, mut states: watch::Receiver<Arc<LoopState>>) {
        loop {
            let state = Arc::clone(&states.borrow_and_update());
            self.observe(&state);
            if states.changed().await.is_err() {
                return;
            }
        }
    }

    /// Takes in a state. Cycles that were taken in before do not count again, so any state may be given any number of
    /// times; those that no state was given for are caught up with, but for their durations, which only the newest has.
    pub fn observe(&mut self, state: &LoopState) {
        // Held, so that a scrape sees the whole cycle or nothing of it.
        let metrics = self.metrics.clone();
        let _whole = metrics.lock();
        let families = &metrics.families;
        let target = state.target.as_str();

        families.begin(target);
        families.paused.of([target]).set(i64::from(state.paused.is_some()));
        families.needing_operator.of([target]).set(count(state.needing_operator()));
        let waited = state.needing_operator_since().zip(state.last());
        let waited = waited.map_or(0.0, |(at, last)| since(last.at, at).as_secs_f64());
        families.operator_age.of([target]).set(waited);
        for (rail, total) in &state.statistics.refusals {
            let before = self.refusals.insert(rail.clone(), *total).unwrap_or(0);
            families.refusals.of([target, rail]).inc_by(total.saturating_sub(before));
        }
        let new = state.reports.iter().filter(|report| self.last < Some(report.number));
        let new: Vec<_> = new.cloned().collect();
        for report in &new {
            self.take(families, state, report);
        }
        if !new.is_empty() {
            families.time(target, &state.timings);
            families.compliance.of([target]).set(compliance(&self.objectives));
        }
    }

    fn take(&mut self, families: &Families, state: &LoopState, report: &CycleReport) {
        self.last = Some(report.number);
        self.objectives.push_back((report.at, meets_objectives(report)));
        if self.objectives.len() > OBJECTIVES_MAX {
            self.objectives.pop_front();
        }
        families.count(report);
        self.take_seen(families, report);
        self.take_progress(families, report);
        let target = report.target.as_str();
        for outcome in &report.outcomes {
            if !self.outcomes.is_new(outcome.execution, ()) {
                continue;
            }
            for kind in outcome.signature.kinds().iter().collect::<BTreeSet<_>>() {
                families.outcomes.of([target, kind.as_str(), outcome.verdict.as_str()]).inc();
            }
            if let Some((onset, healed)) = healing(outcome, state) {
                let took = since(healed, onset).as_secs_f64();
                families.time_to_remediate.of([target]).observe(took);
            }
        }
    }

    fn take_seen(&mut self, families: &Families, report: &CycleReport) {
        let target = report.target.as_str();
        let mut open = BTreeSet::new();
        for violation in &report.seen.open {
            let fingerprint = violation.fingerprint();
            if self.open.as_ref().is_some_and(|known| !known.contains(&fingerprint)) {
                let took = since(report.at, violation.onset).as_secs_f64();
                families.time_to_detect.of([target]).observe(took);
            }
            open.insert(fingerprint);
        }
        self.open = Some(open);

        let sources: BTreeSet<_> = report.seen.quality.keys().cloned().collect();
        for gone in self.sources.difference(&sources) {
            families.quality.remove([target, gone.as_str()]);
        }
        for (source, quality) in &report.seen.quality {
            families.quality.of([target, source.as_str()]).set(trust(quality.level()));
        }
        self.sources = sources;
    }

    fn take_progress(&mut self, families: &Families, report: &CycleReport) {
        let target = report.target.as_str();
        for progress in &report.progress {
            let execution = &progress.state;
            // The series must be there before the outcome is.
            for kind in execution.plan.signature().kinds() {
                for verdict in Verdict::ALL {
                    families.outcomes.of([target, kind.as_str(), verdict.as_str()]);
                }
            }
            if let Some(ending) = execution.status.ending()
                && self.endings.is_new(execution.id, ending)
            {
                families.executions.of([target, status(ending)]).inc();
            }
        }
    }
}

impl Families {
    /// Makes the series that are always there.
    fn begin(&self, target: &str) {
        Ending::ALL.iter().for_each(|ending| drop(self.executions.of([target, status(*ending)])));
        DECISIONS.iter().for_each(|word| drop(self.plans.of([target, word])));
        FINDINGS.iter().for_each(|word| drop(self.patterns.of([target, word])));
        RESULTS.iter().for_each(|word| drop(self.cycles.of([target, word])));
    }

    /// Counts what is new in every report.
    fn count(&self, report: &CycleReport) {
        let target = report.target.as_str();
        self.cycles.of([target, RESULTS[usize::from(!report.faults.is_empty())]]).inc();
        for severity in Severity::ALL {
            let open = report.seen.open.iter().filter(|open| open.severity == *severity).count();
            self.violations.of([target, severity.as_str()]).set(count(open));
        }
        for finding in &report.diagnosis.findings {
            self.patterns.of([target, &finding.kind.to_string()]).inc();
        }
        for decided in &report.decisions {
            self.plans.of([target, decided.as_str()]).inc();
        }
    }

    fn time(&self, target: &str, timings: &Timings) {
        self.loop_duration.of([target]).observe(timings.total.as_secs_f64());
        for (stage, took) in timings.stages() {
            self.stage_duration.of([target, stage]).observe(took.as_secs_f64());
        }
    }
}

/// The word of `mape_k_policy_executions_total`.
const fn status(ending: Ending) -> &'static str {
    match ending {
        Ending::Completed => "success",
        Ending::FailedClean => "failed",
        Ending::Undone => "undone",
        Ending::NeedsOperator => "needs_operator",
    }
}

/// The number of `mape_k_evidence_quality`: the more, the better.
const fn trust(level: Level) -> i64 {
    match level {
        Level::Fresh => 3,
        Level::Partial => 2,
        Level::Stale => 1,
        Level::Unknown => 0,
    }
}

fn count(things: usize) -> i64 {
    i64::try_from(things).unwrap_or(i64::MAX)
}

/// When what a successful plan explains began, and when it was gone.
fn healing(outcome: &Outcome, state: &LoopState) -> Option<(Timestamp, Timestamp)> {
    if outcome.verdict != Verdict::Success {
        return None;
    }
    let execution = state.executions.get::<ExecutionId>(&outcome.execution)?;
    let onset = execution.plan.explains.iter().map(|episode| episode.onset).min()?;
    let healed = match (execution.last_applied, outcome.time_to_effect) {
        (Some(applied), Some(took)) => later(applied, took),
        _ => outcome.judged,
    };
    Some((onset, healed))
}

/// Share of the time that the reports cover in which objectives were met, as far as anybody could tell.
///
/// A report stands for the time until the next one, since cycles come faster while something is wrong. NaN if nothing
/// can be told: unknown is never healthy, and not a breach either.
fn compliance(cycles: &VecDeque<(Timestamp, Option<bool>)>) -> f64 {
    let (mut met, mut told) = (0.0, 0.0);
    for ((at, good), (next, _)) in cycles.iter().zip(cycles.iter().skip(1)) {
        if let Some(good) = good {
            let stood = since(*next, *at).as_secs_f64();
            told += stood;
            met += if *good { stood } else { 0.0 };
        }
    }
    if told > 0.0 {
        return met / told;
    }
    let newest = cycles.back().and_then(|(_, good)| *good);
    newest.map_or(f64::NAN, |good| f64::from(u8::from(good)))
}

/// Whether objectives were met in a cycle; nothing if that cannot be told.
fn meets_objectives(report: &CycleReport) -> Option<bool> {
    if report.seen.open.iter().any(|open| open.severity >= Severity::Warning) {
        return Some(false);
    }
    let blind = report.seen.quality.values().any(|quality| quality.level() >= Level::Stale);
    (report.faults.is_empty() && !blind).then_some(true)
}
