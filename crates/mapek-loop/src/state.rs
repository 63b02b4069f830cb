//! What can be seen of a loop from outside, without stopping it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use mapek_execute::{Control, Damaged, Decision, Proposal};
use mapek_knowledge::Insight;
use mapek_model::{
    ActionKind, Component, Duration, Execution, ExecutionId, Expectation, Outcome, TargetId,
    Timestamp, Violation,
};
use serde::Serialize;

use crate::{Chronicle, Clock, CycleReport, LoopConfig, Timings, Unready};

/// How much has happened since the loop was built.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Statistics {
    /// Cycles.
    pub cycles: u64,
    /// Cycles in which something went wrong inside the loop itself.
    pub faulty_cycles: u64,
    /// Episodes that began.
    pub violations: u64,
    /// Decisions about plans, by word.
    pub decisions: BTreeMap<&'static str, u64>,
    /// Refusals, by rail: of plans, and of the next steps of those that are under way.
    pub refusals: BTreeMap<String, u64>,
    /// Executions that ended, by ending.
    pub endings: BTreeMap<&'static str, u64>,
    /// Outcomes, by verdict.
    pub outcomes: BTreeMap<&'static str, u64>,
}

/// What a loop is at. A snapshot: it is replaced after every cycle and every command, never changed.
#[derive(Debug, Clone)]
pub struct LoopState {
    /// The managed system.
    pub target: TargetId,
    /// Why nothing may be done at the moment; absent if the loop is not paused.
    pub paused: Option<String>,
    /// The newest cycles, newest last; at most [`REPORTS_MAX`](Self::REPORTS_MAX), and fewer while thousands of episodes are open.
    pub reports: VecDeque<Arc<CycleReport>>,
    /// How long the newest cycle's stages took.
    pub timings: Timings,
    /// Plans that were laid before people, by hash.
    pub proposals: Vec<Proposal>,
    /// Executions: the live ones, those that need an operator, and those that ended lately; by id, which is by time.
    pub executions: BTreeMap<ExecutionId, Execution>,
    /// Executions whose log cannot be followed: each freezes its target until a person resolves it.
    pub damaged: Vec<Damaged>,
    /// Kinds of actions that the breaker has disabled until a person re-arms them, each with when it last did harm.
    pub disabled: BTreeMap<ActionKind, Timestamp>,
    /// The newest outcomes, newest last; at most [`OUTCOMES_MAX`](Self::OUTCOMES_MAX).
    pub outcomes: VecDeque<Outcome>,
    /// What was learned, in words.
    pub insights: Vec<Insight>,
    /// What happened in a day, small.
    pub chronicle: Chronicle,
    /// Counts.
    pub statistics: Statistics,
    /// When the next cycle is due; absent before the first.
    pub next_due: Option<Timestamp>,
    /// Whether the loop has ended: no cycle will follow.
    pub stopped: bool,
    /// Whether cycles still complete; absent before the first.
    pub(crate) pulse: Option<Pulse>,
}

/// Tells a loop that hangs from one that waits. A snapshot alone cannot: it looks the same for ever.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    clock: Arc<dyn Clock>,
    /// By the stopwatch, when the newest cycle completed: the time of day may be set forward.
    completed: Duration,
    /// How long the next one may take to complete.
    patience: Duration,
}

impl Pulse {
    /// So many intervals without a cycle are too many. One is the wait, and the cycle after it may take as long as an effector
    /// waits for a managed system that does not answer (30 s for a call) and still do its work; twice that is no work any more.
    const INTERVALS: u32 = 4;

    /// A cycle has just completed.
    pub(crate) fn new(clock: &Arc<dyn Clock>, config: &LoopConfig) -> Self {
        let patience = config.interval.saturating_mul(Self::INTERVALS);
        Self {
            clock: Arc::clone(clock),
            completed: clock.stopwatch(),
            patience: patience.saturating_add(config.read_deadline),
        }
    }

    /// For how long no cycle has completed, if that is too long.
    fn overdue(&self) -> Option<Duration> {
        let waited = self.clock.stopwatch().saturating_sub(self.completed);
        (waited > self.patience).then_some(waited)
    }
}

impl LoopState {
    /// Cycles that are kept for people to look at: an hour of them at the usual interval.
    pub const REPORTS_MAX: usize = 120;
    /// Cycles that are kept however much was open in them.
    pub const REPORTS_MIN: usize = 5;
    /// Episodes in the cycles that are kept, in all; of each cycle those that were open in it. One takes about a kilobyte.
    pub const EPISODES_MAX: usize = 30_000;
    /// Outcomes that are kept for people to look at; the store has more.
    pub const OUTCOMES_MAX: usize = 100;

    /// Before the first cycle.
    #[must_use]
    pub fn new(target: TargetId) -> Self {
        Self {
            target,
            paused: None,
            reports: VecDeque::new(),
            timings: Timings::default(),
            proposals: Vec::new(),
            executions: BTreeMap::new(),
            damaged: Vec::new(),
            disabled: BTreeMap::new(),
            outcomes: VecDeque::new(),
            insights: Vec::new(),
            chronicle: Chronicle::default(),
            statistics: Statistics::default(),
            next_due: None,
            stopped: false,
            pulse: None,
        }
    }

    /// The newest cycle.
    #[must_use]
    pub fn last(&self) -> Option<&Arc<CycleReport>> {
        self.reports.back()
    }

    /// How many executions wait for a person.
    #[must_use]
    pub fn needing_operator(&self) -> usize {
        let stuck = self.executions.values().filter(|it| it.status.needs_operator()).count();
        stuck + self.damaged.len()
    }

    /// Since when an execution has waited for a person; the oldest, if several do. Absent if none does, or if nobody can tell
    /// because its log cannot be followed.
    #[must_use]
    pub fn needing_operator_since(&self) -> Option<Timestamp> {
        let stuck = self.executions.values().filter(|it| it.status.needs_operator());
        stuck.map(|execution| execution.updated).min()
    }

    /// Why the loop is not ready to do its work; absent if it is. It looks at the loop's clock: if no cycle has completed for
    /// four intervals, the loop hangs, and the newest snapshot does not know it.
    #[must_use]
    pub fn unready(&self) -> Option<Unready> {
        if self.stopped {
            return Some(Unready::Stopped);
        }
        let Some(last) = self.last() else { return Some(Unready::Starting) };
        if let Some(waited) = self.pulse.as_ref().and_then(Pulse::overdue) {
            return Some(Unready::Hanging { waited: Duration::from_secs(waited.as_secs()) });
        }
        if let Some(why) = &self.paused {
            return Some(Unready::Paused { why: why.clone() });
        }
        if let Some(fault) = last.faults.first() {
            return Some(Unready::Faulty { fault: fault.clone() });
        }
        match self.needing_operator() {
            0 => None,
            count => Some(Unready::NeedsOperator { count }),
        }
    }

    /// Takes in what people may have changed since.
    pub(crate) fn refresh(&mut self, control: &Control) {
        self.paused = control.paused().map(|paused| paused.to_string());
        self.proposals = control.proposals();
        self.damaged = control.damaged();
        self.disabled = control.disabled(&self.target);
        let executions = control.executions().into_iter();
        self.executions = executions.map(|execution| (execution.id, execution)).collect();
        self.chronicle.follow(self.executions.values());
    }

    /// Takes in a finished cycle.
    pub(crate) fn take(&mut self, report: Arc<CycleReport>, timings: Timings) {
        let before = self.last().map_or(&[][..], |last| &last.seen.open);
        let known: BTreeSet<_> = before.iter().map(breach).collect();
        let begun = report.seen.open.iter().filter(|it| !known.contains(&breach(it)));
        self.statistics.violations += begun.count() as u64;
        self.statistics.count(&report);
        self.chronicle.take(&report);
        self.next_due = Some(report.next_due);
        self.timings = timings;
        for outcome in &report.outcomes {
            push_bounded(&mut self.outcomes, outcome.clone(), Self::OUTCOMES_MAX);
        }
        self.keep(report);
    }

    fn keep(&mut self, report: Arc<CycleReport>) {
        self.reports.push_back(report);
        let mut episodes: usize = self.reports.iter().map(|report| report.seen.episodes()).sum();
        let too_many = |reports: usize, episodes: usize| {
            reports > Self::REPORTS_MAX
                || (reports > Self::REPORTS_MIN && episodes > Self::EPISODES_MAX)
        };
        while too_many(self.reports.len(), episodes) {
            let oldest = self.reports.pop_front();
            episodes -= oldest.map_or(0, |report| report.seen.episodes());
        }
    }
}

/// What a violation is about: as good as its fingerprint, and cheaper.
fn breach(violation: &Violation) -> (&Expectation, Option<&Component>) {
    (&violation.expectation, violation.component.as_ref())
}

impl Statistics {
    fn count(&mut self, report: &CycleReport) {
        self.cycles += 1;
        self.faulty_cycles += u64::from(!report.faults.is_empty());
        for decided in &report.decisions {
            *self.decisions.entry(decided.as_str()).or_default() += 1;
            self.count_refusals(&decided.decision);
        }
        for progress in &report.progress {
            if let Some(said) = &progress.advance.held_back {
                self.count_refusals(said);
            }
            if let Some(ending) = progress.advance.status.ending() {
                *self.endings.entry(ending.as_str()).or_default() += 1;
            }
        }
        for outcome in &report.outcomes {
            *self.outcomes.entry(outcome.verdict.as_str()).or_default() += 1;
        }
    }

    fn count_refusals(&mut self, said: &Decision) {
        if let Decision::Refused { refusals } = said {
            for refusal in refusals {
                *self.refusals.entry(refusal.rail.clone()).or_default() += 1;
            }
        }
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, max: usize) {
    if queue.len() >= max {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests {
    use mapek_model::Severity;

    use super::*;
    use crate::fixture::{report, violation};

    /// The numbers of the cycles that are kept, after one hundred and thirty with so many episodes open.
    fn kept(open: usize) -> Vec<u64> {
        let mut state = LoopState::new(TargetId::default());
        for number in 1..=130 {
            let mut one = report(number, number * 30, &[]);
            one.seen.open = vec![violation("slow", Severity::Info, 0); open];
            one.seen.closed.push(violation("flap", Severity::Info, 0));
            state.take(Arc::new(one), Timings::default());
        }
        state.reports.iter().map(|it| it.number.get()).collect()
    }

    #[test]
    fn the_more_was_open_the_fewer_cycles_are_kept() {
        assert_eq!(kept(0), (11..=130).collect::<Vec<_>>());
        assert_eq!(kept(249), (11..=130).collect::<Vec<_>>(), "thirty thousand episodes");
        assert_eq!(kept(250), (12..=130).collect::<Vec<_>>());
        assert_eq!(kept(1_999), (116..=130).collect::<Vec<_>>());
        assert_eq!(kept(10_000), (126..=130).collect::<Vec<_>>(), "five, whatever they weigh");
    }
}
