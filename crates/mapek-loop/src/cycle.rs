//! One cycle: one value that flows through the stages, with I/O only at its two ends.

mod decide;

use std::{collections::BTreeSet, sync::Arc};

use mapek_analyze::{Analyzer, AnalyzerState, Expected, Pattern};
use mapek_execute::{Advance, Control, CycleInputs, Executor};
use mapek_knowledge::Knowledge;
use mapek_model::{
    Action, ContentHash, CycleNumber, Diagnosis, DiagnosisId, Duration, Execution, Experience,
    Level, Observation, Outcome, Span, StepStatus, TargetId, Timestamp, later, since,
};
use mapek_monitor::{ExpectedReset, Monitor};
use mapek_plan::{Planner, Planning};
use tracing::error;

use crate::{
    Checkpoint, Clock, CycleReport, IdSource, LoopConfig, LoopState, NoPlanning, Progress, Saved,
    Seed, Seen, Timings, WakeReason, idle::IdleWatch,
};
use decide::Decisions;

/// Outcomes that one cycle takes from the journal; the rest follow in the next ones.
const OUTCOMES_PER_CYCLE: usize = 100;

/// How long a policy or a configuration that we changed ourselves is no sign of a cause.
const OUR_CHANGES: Duration = Duration::from_secs(1800);

/// The stages of one managed system, run one cycle at a time by whoever has the time: a [`Loop`](crate::Loop), or a
/// scheduler of yours.
///
/// # Guarantees
///
/// - Nothing below [`run_once`](Self::run_once) spawns, selects or asks for the time: the same inputs give the same report.
/// - Long work (an execution, a verification window, a held remedy) is a state that the next cycle advances.
/// - A target with a live execution gets no new plan.
/// - What a decision was worked out from is in the journal before anything is done about it.
#[derive(Debug)]
pub struct Cycle {
    pub(crate) parts: Parts,
    analyzer_state: AnalyzerState,
    idle: IdleWatch,
    number: CycleNumber,
    decided: Option<Timestamp>,
    state: LoopState,
}

/// What a cycle is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) config: LoopConfig,
    pub(crate) config_hash: ContentHash,
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
    diagnosis: Diagnosis,
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
        state.refresh(&parts.control);
        Self { parts, analyzer_state, idle, number, decided: None, state }
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
        let backwards = self.state.last().is_some_and(|last| now < last.at);
        let observation = self.observe(now, &mut timings).await;
        let diagnosis = self.diagnose(&observation, &mut timings);
        let mut draft = Draft {
            observation,
            diagnosis,
            progress: Vec::new(),
            outcomes: Vec::new(),
            faults: Vec::new(),
            timings,
        };
        if backwards {
            // Ages mean nothing then: what is old would look fresh.
            draft.faults.push("the clock went back".to_owned());
        }
        let experience = self.experience(&mut draft).await;
        self.write_down(&draft.observation, &experience, now, &mut draft.faults);
        self.advance(now, &mut draft).await;
        self.learn(&mut draft).await;
        self.tidy_proposals(now, &mut draft);
        let no_planning = self.no_planning(now, &woken_by, &draft);
        let (planning, mut decisions) = match no_planning {
            Some(_) => (Planning::default(), Decisions::default()),
            None => self.plan_and_decide(now, &experience, &mut draft).await,
        };
        self.follow_idle(now, &mut draft).await;
        self.save(&mut draft.faults).await;
        if no_planning.is_none() {
            self.decided = Some(now);
        }
        decisions.escalations.extend(self.stuck());
        let Draft { observation, diagnosis, progress, outcomes, faults, mut timings } = draft;
        let next_due = self.next_due(now, !outcomes.is_empty());
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
        });
        timings.total = self.parts.clock.stopwatch().saturating_sub(begun);
        self.state.take(Arc::clone(&report), timings);
        self.state.refresh(&self.parts.control);
        report
    }

    async fn observe(&mut self, now: Timestamp, timings: &mut Timings) -> Observation {
        let begun = self.parts.clock.stopwatch();
        let clock = Arc::clone(&self.parts.clock);
        // The deadline is the clock's own: a cycle that is about another moment than the clock's may take as long.
        let until = later(clock.now(), self.parts.config.read_deadline);
        let deadline = async move { clock.sleep_until(until).await };
        let ours = self.expected_resets(now);
        let observation = self.parts.monitor.observe(now, &ours, deadline).await;
        timings.monitor = self.parts.clock.stopwatch().saturating_sub(begun);
        observation
    }

    fn expected_resets(&self, now: Timestamp) -> Vec<ExpectedReset> {
        let effects = self.parts.control.own_effects(self.target(), now);
        let resets = effects.restarted.into_iter();
        resets
            .filter_map(|(at, component)| {
                Some(ExpectedReset { span: Span::try_new(at, now.max(at)).ok()?, component })
            })
            .collect()
    }

    fn diagnose(&mut self, observation: &Observation, timings: &mut Timings) -> Diagnosis {
        let begun = self.parts.clock.stopwatch();
        let id = DiagnosisId::from_uuid(self.parts.ids.next_id(observation.at));
        let expected = self.expected(observation.at);
        let diagnosis = self.parts.analyzer.diagnose_expecting(
            &mut self.analyzer_state,
            observation,
            &expected,
            id,
        );
        timings.analyze = self.parts.clock.stopwatch().saturating_sub(begun);
        diagnosis
    }

    /// What our own actions bring about, and what of it is no sign of a cause.
    fn expected(&self, now: Timestamp) -> Vec<Expected> {
        let effects = self.parts.control.own_effects(self.target(), now);
        let patterns = effects.expected.iter().map(|it| Pattern::new(it.as_str()));
        let mut ours = Expected::because("a live action of ours").episodes(patterns);
        for execution in self.parts.control.executions() {
            if since(now, execution.updated) <= OUR_CHANGES && execution.first_applied.is_some() {
                ours = changed_by(&execution).fold(ours, Expected::resource);
            }
        }
        vec![ours]
    }

    async fn experience(&self, draft: &mut Draft) -> Experience {
        let begun = self.parts.clock.stopwatch();
        let experience = self.parts.knowledge.experience(self.target()).await;
        draft.timings.knowledge += self.parts.clock.stopwatch().saturating_sub(begun);
        experience.unwrap_or_else(|error| {
            fault(&mut draft.faults, "experience cannot be read", &error);
            Experience::default()
        })
    }

    /// Writes down what this cycle decides from, unless there is nothing to decide.
    fn write_down(
        &self,
        observation: &Observation,
        experience: &Experience,
        now: Timestamp,
        faults: &mut Vec<String>,
    ) {
        let control = &self.parts.control;
        let quiet = observation.open.is_empty()
            && observation.closed.is_empty()
            && control.live(&observation.target).is_none();
        if quiet {
            return;
        }
        let written = control.keep(observation).and_then(|observation| {
            let experience = control.keep(experience)?;
            let inputs = CycleInputs {
                number: self.number,
                config: self.parts.config_hash,
                seed: self.parts.seed.0,
                observation,
                experience,
            };
            control.begin_cycle(inputs, now)
        });
        if let Err(error) = written {
            fault(faults, "the journal cannot be written", &error);
        }
    }

    /// Lets executions go on.
    async fn advance(&mut self, now: Timestamp, draft: &mut Draft) {
        let begun = self.parts.clock.stopwatch();
        let advances = self.parts.executor.advance(&draft.observation, now).await;
        draft.progress.extend(self.progress(advances));
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

    /// Takes new outcomes from the journal to Knowledge.
    async fn learn(&mut self, draft: &mut Draft) {
        let begun = self.parts.clock.stopwatch();
        match self.take_outcomes().await {
            Ok(outcomes) => draft.outcomes = outcomes,
            Err(error) => fault(&mut draft.faults, "outcomes cannot be stored", error.as_ref()),
        }
        if !draft.outcomes.is_empty() || self.state.reports.is_empty() {
            match self.parts.knowledge.insights(self.target()).await {
                Ok(insights) => self.state.insights = insights,
                Err(error) => fault(&mut draft.faults, "insights cannot be read", &error),
            }
        }
        draft.timings.knowledge += self.parts.clock.stopwatch().saturating_sub(begun);
    }

    async fn take_outcomes(
        &self,
    ) -> Result<Vec<Outcome>, Box<dyn std::error::Error + Send + Sync>> {
        let cursor = self.parts.knowledge.store().cursor().await?;
        let taken = self.parts.control.outcomes_after(cursor, OUTCOMES_PER_CYCLE)?;
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        self.parts.knowledge.record_all(&taken).await?;
        Ok(taken.into_iter().map(|(_, outcome)| outcome).collect())
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
        let only_time = woken_by.iter().all(|reason| *reason == WakeReason::Interval);
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

    /// Learns what heals by itself.
    async fn follow_idle(&mut self, now: Timestamp, draft: &mut Draft) {
        if self.parts.control.live(self.target()).is_some() || !draft.outcomes.is_empty() {
            return self.idle.disturb();
        }
        // What cannot be seen may be gone or not: it is judged when it can be seen again.
        if draft.observation.overall_quality().level() != Level::Fresh {
            return;
        }
        let open: Vec<_> = draft.observation.open.iter().map(|it| it.fingerprint()).collect();
        for idle in self.idle.follow(&draft.diagnosis, &open, now) {
            if let Err(error) = self.parts.knowledge.record_idle(&idle).await {
                fault(&mut draft.faults, "what healed by itself cannot be stored", &error);
            }
        }
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
            .collect()
    }

    fn next_due(&self, now: Timestamp, learned: bool) -> Timestamp {
        let config = &self.parts.config;
        let interval = config.poll_interval.unwrap_or(config.interval).min(config.interval);
        let soonest = later(now, config.min_gap);
        if learned {
            return soonest;
        }
        let due = self.parts.control.next_due();
        due.map_or_else(|| later(now, interval), |due| due.min(later(now, interval))).max(soonest)
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

/// The resources that an execution changed, by id.
fn changed_by(execution: &Execution) -> impl Iterator<Item = &str> {
    execution.plan.steps.iter().filter_map(|step| match &step.action {
        Action::RollbackPolicy { policy, .. } | Action::ApplyPolicy { policy, .. } => {
            Some(policy.as_str())
        }
        _ => None,
    })
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
