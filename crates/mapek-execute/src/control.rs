//! What people and readers do while the executor works: pause, approve, roll back, resolve, look.

mod approvals;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mapek_model::{
    Action, ActionKind, Component, ContentHash, Duration, Ending, Epoch, Execution, ExecutionEvent,
    ExecutionId, Expectation, Observation, Outcome, Phase, Plan, Sequence, TargetId, Timestamp,
    UndoReason, since,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    BadRecord, Body, Config, Context, CycleInputs, Damaged, Decision, Error, PauseFile, Paused,
    Rails,
    ledger::{Ledger, Tracked},
};

/// What the loop calls itself where names of people stand. Nobody by that name approves anything.
pub const LOOP: &str = "loop";

/// How long after a restart of ours a reset counter is ours: the longest window that rules commonly look back over.
const RESETS_SEEN: Duration = Duration::from_secs(3600);

/// A handle on the executor's state. Clones share it; each call is short and never waits for the managed system, so that the
/// loop can be paused while a step is under way.
///
/// What a person does is journaled with their name and reason before it has any effect.
#[derive(Debug, Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ledger: Mutex<Ledger>,
    config: Config,
    rails: Rails,
    pause_file: Option<PauseFile>,
}

/// What our own live actions bring about on a target, so that nobody takes it for a new cause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OwnEffects {
    /// Expectations that they are expected to breach.
    pub expected: BTreeSet<Expectation>,
    /// What they restarted (all of it, if no component is named), and when: counters begin anew there.
    pub restarted: Vec<(Timestamp, Option<Component>)>,
}

impl Control {
    pub(crate) fn new(ledger: Ledger, config: Config, rails: Rails) -> Self {
        let pause_file = config.state_dir.as_ref().map(PauseFile::in_directory);
        let shared = Shared { ledger: Mutex::new(ledger), config, rails, pause_file };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // A panic under the lock leaves at worst an unsound ledger, which the next commit reads again.
        self.shared.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the executor behaves.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    // --- pause ---

    /// Why the loop is paused, if it is. Looks at the file each time.
    #[must_use]
    pub fn paused(&self) -> Option<Paused> {
        self.paused_in(&self.ledger())
    }

    pub(crate) fn paused_in(&self, ledger: &Ledger) -> Option<Paused> {
        let file = self.shared.pause_file.as_ref().and_then(PauseFile::read);
        file.or_else(|| ledger.view.latch.clone())
    }

    /// Stops everything that the loop would send by itself, until it is resumed. It survives restarts.
    ///
    /// # Errors
    ///
    /// [`Error::Unsigned`] without a name and a reason; [`Error::Journal`] if it cannot be made to last: then use the file.
    pub fn pause(&self, by: &str, reason: &str, now: Timestamp) -> Result<(), Error> {
        self.latch(true, by, reason, now)
    }

    /// Lets the loop go on.
    ///
    /// # Errors
    ///
    /// [`Error::PauseFile`] while the file pauses it; else as [`pause`](Self::pause).
    pub fn resume(&self, by: &str, reason: &str, now: Timestamp) -> Result<(), Error> {
        if let Some(Paused::File { path, reason }) =
            self.shared.pause_file.as_ref().and_then(PauseFile::read)
        {
            return Err(Error::PauseFile { path, reason });
        }
        self.latch(false, by, reason, now)
    }

    fn latch(&self, paused: bool, by: &str, reason: &str, now: Timestamp) -> Result<(), Error> {
        let (by, reason) = signed(by, reason)?;
        self.ledger().commit(None, now, Body::Latch { paused, by, reason })
    }

    /// Trusts a kind of action again that the breaker has disabled on a target.
    ///
    /// # Errors
    ///
    /// [`Error::Unsigned`] without a name and a reason; [`Error::Journal`] if it cannot be made to last.
    pub fn rearm(
        &self,
        target: &TargetId,
        kind: ActionKind,
        by: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (by, reason) = signed(by, reason)?;
        self.ledger().commit(Some(target), now, Body::Rearmed { kind, by, reason })
    }

    // --- executions ---

    /// What the rails say to a plan at this moment.
    #[must_use]
    pub fn decide(&self, plan: &Plan, observation: &Observation, now: Timestamp) -> Decision {
        let ledger = self.ledger();
        let approvals = ledger.view.proposals.approvers(&plan.hash(), self.config(), now);
        self.decide_in(&ledger, plan, None, &approvals, observation, now)
    }

    pub(crate) fn decide_in(
        &self,
        ledger: &Ledger,
        plan: &Plan,
        execution: Option<&Execution>,
        approvals: &BTreeSet<String>,
        observation: &Observation,
        now: Timestamp,
    ) -> Decision {
        let view = &ledger.view;
        let never = std::collections::BTreeMap::new();
        self.shared.rails.decide(&Context {
            plan,
            execution,
            observation,
            now,
            approvals,
            others: &view.others(&plan.target, execution.map(|it| it.id)),
            damaged: &view.damaged_on(&plan.target),
            rearmed: view.rearmed.get(&plan.target).unwrap_or(&never),
            paused: self.paused_in(ledger).as_ref(),
        })
    }

    /// Undoes all of an execution that may have run, at a person's word, even while the loop is paused. What has run to its end is undone
    /// too, as long as nothing else is at work on its target. The steps are sent by the next advances.
    ///
    /// # Errors
    ///
    /// [`Error::Unsigned`] without a name and a reason, [`Error::UnknownExecution`], [`Error::TargetBusy`], [`Error::Illegal`] if it is beyond undoing.
    pub fn rollback(
        &self,
        execution: ExecutionId,
        by: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (by, reason) = signed(by, reason)?;
        let reason = format!("{by}: {reason}");
        let mut ledger = self.ledger();
        ledger.refresh()?;
        if ledger.view.damaged.contains_key(&execution) {
            // Nobody knows what of it has run; a person looks, and resolves it.
            return Err(Error::UnknownExecution { execution });
        }
        let known = known(&ledger, execution)?;
        let busy = ledger.view.live().find(|other| {
            other.execution.target() == known.target() && other.execution.id != execution
        });
        if let Some(other) = busy {
            let target = known.target().clone();
            return Err(Error::TargetBusy { target, execution: other.execution.id });
        }
        let steps = known.status.may_have_run();
        let running = *known.status.phase() == Phase::Running;
        let event = if steps.is_empty() && running {
            ExecutionEvent::Ended { ending: Ending::FailedClean, reason }
        } else {
            ExecutionEvent::UndoBegan { why: UndoReason::Person, steps, reason }
        };
        ledger.happen(execution, now, event)?;
        if let Some(tracked) = ledger.view.executions.get_mut(&execution) {
            tracked.due = Some(now);
        }
        Ok(())
    }

    /// Closes what needed an operator, and thaws its target.
    ///
    /// # Errors
    ///
    /// [`Error::Unsigned`] without a name and a reason, [`Error::UnknownExecution`], [`Error::Illegal`] if it needs no operator.
    pub fn resolve(
        &self,
        execution: ExecutionId,
        by: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (by, reason) = signed(by, reason)?;
        let mut ledger = self.ledger();
        ledger.refresh()?;
        if !ledger.view.damaged.contains_key(&execution) {
            known(&ledger, execution)?;
        }
        ledger.happen(execution, now, ExecutionEvent::Closed { by, reason })
    }

    /// All executions that are remembered, by id: live ones, and those that ended lately.
    #[must_use]
    pub fn executions(&self) -> Vec<Execution> {
        let ledger = self.ledger();
        ledger.view.executions.values().map(|tracked| tracked.execution.clone()).collect()
    }

    /// One execution.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownExecution`].
    pub fn execution(&self, id: ExecutionId) -> Result<Execution, Error> {
        known(&self.ledger(), id).cloned()
    }

    /// The live execution on a target, which it awaits before it gets a new plan.
    #[must_use]
    pub fn live(&self, target: &TargetId) -> Option<Execution> {
        let ledger = self.ledger();
        let mut live = ledger.view.live();
        live.find(|tracked| tracked.execution.target() == target)
            .map(|tracked| tracked.execution.clone())
    }

    /// When the executor has something to do next; `None` if nothing is live.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.ledger().view.live().filter_map(|tracked| tracked.due).min()
    }

    /// What our own actions are expected to bring about on a target: breaches while they last, resets for an hour.
    #[must_use]
    pub fn own_effects(&self, target: &TargetId, now: Timestamp) -> OwnEffects {
        let ledger = self.ledger();
        let mut effects = OwnEffects::default();
        for execution in ledger.view.others(target, None) {
            if execution.status.is_live() {
                effects.expected.extend(self.expected_of(execution));
            }
            let Some(at) = execution.last_applied else { continue };
            if since(now, at) <= RESETS_SEEN {
                effects.restarted.extend(restarts(execution).map(|node| (at, node)));
            }
        }
        effects
    }

    /// What the steps of an execution that may have run are expected to breach.
    pub(crate) fn expected_of(&self, execution: &Execution) -> BTreeSet<Expectation> {
        may_have_run(execution)
            .filter_map(|action| self.config().side_effects.get(&action.kind()))
            .flatten()
            .cloned()
            .collect()
    }

    /// Executions whose log cannot be followed; each freezes its target until a person resolves it.
    #[must_use]
    pub fn damaged(&self) -> Vec<Damaged> {
        self.ledger().view.damaged.values().cloned().collect()
    }

    /// Records of the journal that cannot be trusted.
    #[must_use]
    pub fn bad_records(&self) -> Vec<BadRecord> {
        self.ledger().view.bad.clone()
    }

    // --- journal ---

    /// The outcomes that became known after `cursor`, each with the place in the journal that is the next cursor; at most `limit`. Taking
    /// them again gives the same, so whoever stores outcome and cursor together loses none and doubles none.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the journal has to be read for it and cannot be.
    pub fn outcomes_after(
        &self,
        cursor: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Outcome)>, Error> {
        self.ledger().outcomes_after(cursor, limit)
    }

    /// Writes down what a cycle is worked out from. All records from here on carry its number.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if it cannot be made to last.
    pub fn begin_cycle(&self, inputs: CycleInputs, now: Timestamp) -> Result<(), Error> {
        let mut ledger = self.ledger();
        ledger.set_cycle(inputs.number);
        ledger.commit(None, now, Body::Cycle(inputs))
    }

    /// The newest cycle that the journal has seen.
    #[must_use]
    pub fn cycle(&self) -> mapek_model::CycleNumber {
        self.ledger().view.cycle
    }

    /// Keeps a value beside the journal (an observation, experience), and answers the hash that [`CycleInputs`] name it by.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails, [`Error::Json`] if it is no JSON.
    pub fn keep<T: Serialize + ?Sized>(&self, value: &T) -> Result<ContentHash, Error> {
        self.ledger().journal().put(value)
    }

    /// The value that was kept under `hash`, if it was.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails, [`Error::Json`] if it is another type.
    pub fn kept<T: DeserializeOwned>(&self, hash: &ContentHash) -> Result<Option<T>, Error> {
        self.ledger().journal().get(hash)
    }

    /// The epoch that this executor works in.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.ledger().journal().epoch()
    }

    /// The newest record of the journal.
    #[must_use]
    pub fn head(&self) -> Sequence {
        self.ledger().journal().head()
    }

    pub(crate) fn tracked(&self, id: ExecutionId) -> Option<Tracked> {
        self.ledger().view.executions.get(&id).cloned()
    }
}

fn known(ledger: &Ledger, id: ExecutionId) -> Result<&Execution, Error> {
    let tracked = ledger.view.executions.get(&id);
    tracked.map(|it| &it.execution).ok_or(Error::UnknownExecution { execution: id })
}

fn may_have_run(execution: &Execution) -> impl Iterator<Item = &Action> {
    let steps = execution.plan.steps.iter().zip(execution.status.steps());
    steps.filter(|(_, status)| status.may_have_run()).map(|(step, _)| &step.action)
}

fn restarts(execution: &Execution) -> impl Iterator<Item = Option<Component>> {
    may_have_run(execution).filter_map(|action| match action {
        Action::RestartService { node, .. } => Some(node.clone()),
        _ => None,
    })
}

fn named(by: &str) -> Result<String, Error> {
    let by = by.trim();
    if by.is_empty() { Err(Error::Unsigned { missing: "a name" }) } else { Ok(by.to_owned()) }
}

fn signed(by: &str, reason: &str) -> Result<(String, String), Error> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Error::Unsigned { missing: "a reason" });
    }
    Ok((named(by)?, reason.to_owned()))
}
