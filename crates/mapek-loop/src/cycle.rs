//! One cycle: one value that flows through the stages, with I/O only at its two ends.

pub(crate) mod decide;
mod keep;
mod learn;

use std::{collections::BTreeSet, sync::Arc};

use mapek_analyze::{Analyzer, AnalyzerState, Expected, Ours as OwnWork, Pattern, Treated};
use mapek_execute::{Advance, Control, Executor};
use mapek_knowledge::Knowledge;
use mapek_model::{
    ContentHash, CycleNumber, Diagnosis, DiagnosisId, Execution, Fingerprint, Observation, Outcome,
    Plan, Span, StepStatus, TargetId, Timestamp, Violation, later, since,
};
use mapek_monitor::{ExpectedReset, Monitor, Ours};
use mapek_plan::{Planner, Planning};
use tracing::{Instrument as _, error, info_span};

use crate::{
    Checkpoint, Chronicle, Clock, CycleReport, IdSource, LoopConfig, LoopState, NoPlanning,
    Progress, Saved, Seed, Seen, Timings, WakeReason, idle::IdleWatch, state::Pulse,
};
use decide::Decisions;
use keep::Kept;

/// The stages of one managed system, run one cycle at a time by whoever has the time: a [`Loop`](crate::Loop), or a
/// scheduler of yours.
///
/// # Guarantees
///
/// - Nothing below [`run_once`](Self::run_once) spawns, selects or asks for the time: the same inputs give the same report.
/// - Long work (an execution, a verification window, a held remedy) is a state that the next cycle advances.
/// - A target with a live execution gets no new plan.
/// - What a decision was worked out from is in the journal before anything is done about it.
/// - All that can go wrong in a cycle goes wrong before the decision: a fault lets nothing begin.
#[derive(Debug)]
pub struct Cycle {
    pub(crate) parts: Parts,
    analyzer_state: AnalyzerState,
    idle: IdleWatch,
    number: CycleNumber,
    decided: Option<Timestamp>,
    /// What the next cycle is due for.
    due_for: WakeReason,
    /// What the newest cycle saw.
    observation: Option<Observation>,
    /// What of the newest cycle is in the journal.
    kept: Kept,
    state: LoopState,
}

/// What a cycle is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) config: LoopConfig,
    pub(crate) config_hash: ContentHash,
    /// The whole configuration as JSON, where it was handed over.
    pub(crate) configuration: Option<Vec<u8>>,
    pub(crate) seed: Seed,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) monitor: Monitor,
    pub(crate) analyzer: Analyzer,
    pub(crate) planner: Planner,
    pub(crate) executor: Executor,
    pub(crate) control: Control,
    pub(crate) knowledge: Knowledge,
    pub(crate) checkpoint: Arc<dyn Checkpoint>,
}

/// What a cycle gathers on its way.
struct Draft {
    observation: Observation,
    /// What the open episodes are about. Each fingerprint is a SHA-256, and there may be 100 000.
    open: Vec<Fingerprint>,
    diagnosis: Diagnosis,
    /// What our own actions meant for the diagnosis.
    ours: OwnWork,
    /// What the analyzer remembered before, where the journal has to be told.
    remembered: Option<AnalyzerState>,
    progress: Vec<Progress>,
    outcomes: Vec<Outcome>,
    faults: Vec<String>,
    timings: Timings,
}

impl Cycle {
    /// Goes on where an earlier run stood.
    pub(crate) fn new(mut parts: Parts) -> Self {
        let mut number = parts.control.cycle();
        let (mut analyzer_state, mut idle) = (AnalyzerState::default(), IdleWatch::default());
        // Losing a checkpoint costs time, not correctness: it must not keep a loop from watching, and from taking back
        // what the journal says is held.
        match restored(&mut parts) {
            Ok(Some(saved)) => {
                (analyzer_state, idle) = (saved.analyzer, saved.idle);
                number = number.max(saved.cycle);
            }
            Ok(None) => {}
            Err(reason) => error!(reason, "the checkpoint cannot be used; starting without it"),
        }
        let mut state = LoopState::new(parts.monitor.target().clone());
        state.chronicle = Chronicle::new(parts.config.interval);
        state.refresh(&parts.control);
        let due_for = WakeReason::Interval;
        Self {
            parts,
            analyzer_state,
            idle,
            number,
            decided: None,
            due_for,
            observation: None,
            kept: Kept::default(),
            state,
        }
    }

    /// The managed system.
    #[must_use]
    pub fn target(&self) -> &TargetId {
        self.parts.monitor.target()
    }

    /// The number of the cycle that runs next.
    #[must_use]
    pub const fn next_number(&self) -> CycleNumber {
        self.number.next()
    }

    /// What the moment that the newest report calls due is due for: the interval, or something before its end. Whoever runs a
    /// cycle then says so to it.
    #[must_use]
    pub const fn due_for(&self) -> WakeReason {
        self.due_for
    }

    /// All that the newest cycle saw, series and inventory included, as rails look at it; absent before the first. Its report tells
    /// less of it.
    #[must_use]
    pub const fn observation(&self) -> Option<&Observation> {
        self.observation.as_ref()
    }

    /// What can be seen of it.
    #[must_use]
    pub fn state(&self) -> LoopState {
        self.state.clone()
    }

    /// The handle for people: pause, approve, roll back, resolve.
    #[must_use]
    pub fn control(&self) -> Control {
        self.parts.control.clone()
    }

    /// Runs one cycle for the moment `now`. The report says when the next one is due.
    ///
    /// It never fails as a whole: what went wrong is in the report, and such a cycle begins nothing.
    pub async fn run_once(
        &mut self,
        now: Timestamp,
        woken_by: BTreeSet<WakeReason>,
    ) -> Arc<CycleReport> {
        let begun = self.parts.clock.stopwatch();
        self.number = self.number.next();
        let mut timings = Timings::default();
        // Who has just started has no cycle before, and the journal has; if it cannot be read, that is a fault of its own.
        let backwards = self.state.last().is_some_and(|last| now < last.at)
            || self.parts.control.is_behind(now).unwrap_or(false);
        let observation = self.observe(now, &mut timings).await;
        let ours = OwnWork { expected: self.expected(observation.at), treated: self.treated() };
        let remembered = self.kept.wants_state().then(|| self.analyzer_state.clone());
        let diagnosis = self.diagnose(&observation, &ours, &mut timings);
        let mut draft = Draft {
            open: observation.open.iter().map(Violation::fingerprint).collect(),
            observation,
            diagnosis,
            ours,
            remembered,
            progress: Vec::new(),
            outcomes: Vec::new(),
            faults: Vec::new(),
            timings,
        };
        let experience = self.experience(&mut draft).await;
        self.write_down(&experience, now, (&mut draft, backwards));
        if backwards {
            // Ages mean nothing then: what is old would look fresh. What is at work waits for the next cycle, too.
            draft.faults.push("the clock went back".to_owned());
            // Else the next decision would wait until it has come as far again.
            self.decided = None;
        } else {
            self.advance(now, &mut draft).await;
        }
        self.learn(now, &mut draft).await;
        self.tidy_proposals(now, &mut draft);
        self.follow_idle(now, &mut draft).await;
        self.save(&mut draft.faults).await;
        // Nothing fails behind this but what begins a plan itself; so no fault comes too late to hold it back.
        let no_planning = self.no_planning(now, &woken_by, &draft);
        let (planning, mut decisions) = match no_planning {
            Some(_) => (Planning::default(), Decisions::default()),
            None => self.plan_and_decide(now, &experience, &mut draft).await,
        };
        if no_planning.is_none() {
            self.decided = Some(now);
        }
        decisions.escalations.extend(self.stuck());
        let Draft { observation, diagnosis, progress, outcomes, faults, mut timings, .. } = draft;
        let unclear = decisions.decided.is_empty() && self.is_news(&observation);
        let (next_due, due_for) = self.next_due(now, !outcomes.is_empty(), unclear);
        self.due_for = due_for;
        let report = Arc::new(CycleReport {
            number: self.number,
            target: observation.target.clone(),
            at: now,
            woken_by,
            seen: Seen::of(&observation),
            diagnosis,
            planning,
            decisions: decisions.decided,
            no_planning,
            progress,
            outcomes,
            escalations: decisions.escalations,
            paused: self.parts.control.paused().map(|paused| paused.to_string()),
            faults,
            next_due,
            unknown: BTreeSet::new(),
        });
        timings.total = self.parts.clock.stopwatch().saturating_sub(begun);
        self.state.take(Arc::clone(&report), timings);
        self.state.pulse = Some(Pulse::new(&self.parts.clock, &self.parts.config));
        self.state.refresh(&self.parts.control);
        self.observation = Some(observation);
        report
    }

    async fn observe(&mut self, now: Timestamp, timings: &mut Timings) -> Observation {
        let begun = self.parts.clock.stopwatch();
        let clock = Arc::clone(&self.parts.clock);
        // The deadline is the clock's own: a cycle that is about another moment than the clock's may take as long.
        let until = later(clock.now(), self.parts.config.read_deadline);
        let deadline = async move { clock.sleep_until(until).await };
        let ours = self.ours(now);
        let observing = self.parts.monitor.observe(now, &ours, deadline);
        let observation = observing.instrument(info_span!("monitor")).await;
        timings.monitor = self.parts.clock.stopwatch().saturating_sub(begun);
        observation
    }

    /// What our own actions do to what is measured.
    fn ours(&self, now: Timestamp) -> Ours {
        let effects = self.parts.control.own_effects(self.target(), now);
        let resets = effects.restarted.into_iter().filter_map(|(at, component)| {
            Some(ExpectedReset { span: Span::try_new(at, now.max(at)).ok()?, component })
        });
        Ours { resets: resets.collect(), scaled: effects.scaled }
    }

    fn diagnose(
        &mut self,
        observation: &Observation,
        ours: &OwnWork,
        timings: &mut Timings,
    ) -> Diagnosis {
        let begun = self.parts.clock.stopwatch();
        let id = DiagnosisId::from_uuid(self.parts.ids.next_id(observation.at));
        let diagnosis = info_span!("analyze").in_scope(|| {
            self.parts.analyzer.diagnose_knowing(&mut self.analyzer_state, observation, ours, id)
        });
        timings.analyze = self.parts.clock.stopwatch().saturating_sub(begun);
        diagnosis
    }

    /// What our own actions bring about, and what of it is no sign of a cause.
    fn expected(&self, now: Timestamp) -> Vec<Expected> {
        let effects = self.parts.control.own_effects(self.target(), now);
        let because = || Expected::because("a live action of ours");
        let breaches = effects.expected.into_iter().map(|ours| {
            let pattern = Pattern::new(ours.expectation.as_str());
            let expected = because().episodes([pattern]).since(ours.since);
            ours.component.into_iter().fold(expected, Expected::on)
        });
        let changes = effects.changed.into_iter();
        let changes = changes.map(|ours| because().resource(ours.resource).since(ours.since));
        breaches.chain(changes).collect()
    }

    /// What an execution treats whose steps have begun to take effect, and whose effect is not judged yet.
    fn treated(&self) -> Option<Treated> {
        let execution = self.parts.control.live(self.target())?;
        let since = execution.first_applied?;
        let unjudged = execution.judgement.is_none();
        let Plan { cause, confidence, explains, .. } = &execution.plan;
        unjudged.then(|| Treated::new(cause.clone(), *confidence, since, explains))
    }

    /// Lets executions go on.
    async fn advance(&mut self, now: Timestamp, draft: &mut Draft) {
        let begun = self.parts.clock.stopwatch();
        let advancing = self.parts.executor.advance(&draft.observation, now);
        match advancing.instrument(info_span!("execute")).await {
            Ok(advances) => {
                let faulty =
                    advances.iter().filter_map(|it| Some((it.execution, it.fault.as_ref()?)));
                let text = |(id, fault)| format!("execution {id} cannot go on: {fault}");
                draft.faults.extend(faulty.map(text));
                draft.progress.extend(self.progress(advances));
            }
            Err(error) => fault(&mut draft.faults, "no execution can go on", &error),
        }
        draft.timings.execute += self.parts.clock.stopwatch().saturating_sub(begun);
    }

    fn progress(&self, advances: Vec<Advance>) -> Vec<Progress> {
        let control = &self.parts.control;
        let with_state = |advance: Advance| {
            let state = control.execution(advance.execution).ok()?;
            Some(Progress { advance, state })
        };
        advances.into_iter().filter_map(with_state).collect()
    }

    fn no_planning(
        &self,
        now: Timestamp,
        woken_by: &BTreeSet<WakeReason>,
        draft: &Draft,
    ) -> Option<NoPlanning> {
        if !draft.faults.is_empty() {
            return Some(NoPlanning::Fault);
        }
        if let Some(execution) = self.parts.control.live(self.target()) {
            return Some(NoPlanning::Awaits { execution: execution.id });
        }
        if !draft.outcomes.is_empty() {
            return Some(NoPlanning::Learning);
        }
        if self.is_settling(now) {
            return Some(NoPlanning::Settling);
        }
        let only_time = woken_by.iter().all(|reason| reason.is_time());
        let early = self.decided.is_some_and(|it| later(it, self.parts.config.interval) > now);
        (self.parts.config.poll_interval.is_some() && only_time && early)
            .then_some(NoPlanning::Polling)
    }

    /// Whether something was undone or taken back so lately that the metrics may still show what was before.
    fn is_settling(&self, now: Timestamp) -> bool {
        let undone = |execution: &Execution| execution.status.steps().contains(&StepStatus::Undone);
        self.parts.control.executions().iter().any(|execution| {
            execution.target() == self.target()
                && undone(execution)
                && since(now, execution.updated) < self.parts.config.settle
        })
    }

    /// Makes what the stages know safe, and lets the inbox forget what was taken from it.
    async fn save(&self, faults: &mut Vec<String>) {
        let saved = Saved {
            cycle: self.number,
            monitor: self.parts.monitor.state(),
            analyzer: self.analyzer_state.clone(),
            idle: self.idle.clone(),
        };
        if let Err(error) = self.parts.checkpoint.save(&saved) {
            return fault(faults, "the checkpoint cannot be written", &error);
        }
        if let Err(error) = self.parts.monitor.settle().await {
            fault(faults, "the inbox cannot be settled", &error);
        }
    }

    /// What waits for a person by itself, whatever this cycle decided.
    fn stuck(&self) -> Vec<String> {
        let executions = self.parts.control.executions();
        let stuck = executions.iter().filter(|execution| execution.status.needs_operator());
        stuck
            .map(|execution| {
                let why = execution.reason.as_deref().unwrap_or("no reason was recorded");
                format!("execution {} needs an operator: {why}", execution.id)
            })
            .chain(self.parts.control.damaged().iter().map(|damaged| {
                format!("execution {} cannot be read back and needs an operator", damaged.execution)
            }))
            .chain(self.parts.control.unattended().iter().map(|execution| {
                let (id, target) = (execution.id, execution.target());
                format!(
                    "execution {id} goes on nowhere: its target {target} is not configured any more"
                )
            }))
            .collect()
    }

    /// Whether something broke so lately that what is measured of it still changes from look to look, and nobody treats it yet.
    fn is_news(&self, observation: &Observation) -> bool {
        let lately = self.parts.config.interval * 2;
        observation.open.iter().any(|it| since(observation.at, it.onset) < lately)
            && self.parts.control.live(&observation.target).is_none()
    }

    /// When there is something to do next, and what that is. Who saw news, and could decide nothing, looks again in half the time.
    fn next_due(&self, now: Timestamp, learned: bool, unclear: bool) -> (Timestamp, WakeReason) {
        let config = &self.parts.config;
        let interval = config.poll_interval.unwrap_or(config.interval).min(config.interval);
        let interval = if unclear { interval / 2 } else { interval };
        let (interval, soonest) = (later(now, interval), later(now, config.min_gap));
        let due = if learned { Some(now) } else { self.parts.control.next_due(self.target()) };
        match due.map(|due| due.max(soonest)).filter(|due| *due < interval) {
            Some(due) => (due, WakeReason::Due),
            None => (interval.max(soonest), WakeReason::Interval),
        }
    }
}

/// Puts the monitor back to where an earlier run stood, and answers the rest of what was saved; or why it cannot be used.
fn restored(parts: &mut Parts) -> Result<Option<Saved>, String> {
    let Some(saved) = parts.checkpoint.load().map_err(|error| chain(&error))? else {
        return Ok(None);
    };
    parts.monitor.restore(saved.monitor.clone()).map_err(|error| chain(&error))?;
    Ok(Some(saved))
}

fn fault(faults: &mut Vec<String>, what: &str, error: &(dyn std::error::Error + 'static)) {
    let text = format!("{what}: {}", chain(error));
    error!(fault = text, "the cycle is faulty");
    faults.push(text);
}

/// An error with its causes, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
