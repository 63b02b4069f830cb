//! What people and readers do while the executor works: pause, approve, roll back, resolve, look.

mod approvals;
mod effects;
mod executions;
mod journal;
mod rehearsal;
mod witness;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mapek_model::{
    ActionKind, ContentHash, CycleNumber, Execution, ExecutionId, Observation, Plan, Step,
    TargetId, Timestamp,
};

use crate::{
    Body, Config, CycleDecisions, Decision, Effector, Error, PauseFile, Paused, PlanDecision,
    Rails,
    ledger::{Asked, Ledger, Tracked},
    rails::Breaker,
};

pub use effects::{OwnChange, OwnEffect, OwnEffects};
pub use rehearsal::Rehearsed;

/// What the loop calls itself where names of people stand. Nobody by that name approves anything.
pub const LOOP: &str = "loop";

/// A handle on the executor's state. Clones share it; each call is short and never waits for the managed system, so that the
/// loop can be paused while a step is under way; but for [`rehearse`](Self::rehearse), which asks it.
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
    /// How each target can be acted on.
    effectors: BTreeMap<TargetId, Arc<dyn Effector>>,
}

impl Control {
    pub(crate) fn new(
        ledger: Ledger,
        config: Config,
        rails: Rails,
        effectors: BTreeMap<TargetId, Arc<dyn Effector>>,
    ) -> Self {
        let pause_file = config.state_dir.as_ref().map(PauseFile::in_directory);
        let shared = Shared { ledger: Mutex::new(ledger), config, rails, pause_file, effectors };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // A panic under the lock leaves at worst an unsound ledger, which the next commit reads again.
        self.shared.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a target can be acted on.
    pub(crate) fn effector(&self, target: &TargetId) -> Option<&Arc<dyn Effector>> {
        self.shared.effectors.get(target)
    }

    /// How the executor behaves.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Why the loop is paused, if it is. Looks at the file each time.
    #[must_use]
    pub fn paused(&self) -> Option<Paused> {
        let mut ledger = self.ledger();
        // What a failed append has written after all is in force. If that cannot be read, nothing is sent either.
        if let Err(error) = ledger.refresh() {
            tracing::error!(%error, "the journal cannot be read");
        }
        self.paused_in(&ledger)
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

    /// The kinds that the breaker has disabled on a target until a person re-arms them, each with when it last did harm. It goes by
    /// the [`Config`] that the executor was opened with.
    #[must_use]
    pub fn disabled(&self, target: &TargetId) -> BTreeMap<ActionKind, Timestamp> {
        let (ledger, never) = (self.ledger(), BTreeMap::new());
        let rearmed = ledger.view.rearmed.get(target).unwrap_or(&never);
        let breaker = Breaker::new(self.config().rails.breaker.clone());
        breaker.disabled(&ledger.view.others(target, None), rearmed)
    }

    /// What the rails say to a plan at this moment.
    #[must_use]
    pub fn decide(&self, plan: &Plan, observation: &Observation, now: Timestamp) -> Decision {
        let ledger = self.ledger();
        let approvals = ledger.view.proposals.approvers(&plan.hash(), self.config(), now);
        self.decide_in(&ledger, plan, None, &approvals, observation, now)
    }

    /// What the rails say to plans that stand in line, at this moment: to each one until the first that may run, which is the last that
    /// is begun. Where `noted` names a cycle and what was planned in it, by content, the journal is told before anybody else; nothing
    /// happens in between.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if it cannot be made to last. Then nothing of it may be done.
    pub fn decide_in_turn(
        &self,
        plans: &[Plan],
        observation: &Observation,
        now: Timestamp,
        noted: Option<(CycleNumber, ContentHash)>,
    ) -> Result<Vec<Decision>, Error> {
        let mut ledger = self.ledger();
        ledger.refresh()?;
        let paused = self.paused_in(&ledger);
        let asked = (plans, observation, paused.as_ref());
        let (rails, config) = (&self.shared.rails, &self.shared.config);
        let resources = |plan: &Plan| self.resources(plan);
        let said = ledger.view.decide_in_turn(rails, config, asked, &resources, now);
        if let Some((number, planning)) = noted {
            let decisions = plans.iter().zip(&said);
            let decisions = decisions
                .map(|(plan, said)| PlanDecision::new(plan, said, self.resources(plan)))
                .collect();
            let paused = paused.map(Paused::placeless);
            let decided = CycleDecisions { number, planning, decisions, paused };
            ledger.commit(None, now, Body::Decided(Box::new(decided)))?;
        }
        Ok(said)
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
        let paused = self.paused_in(ledger);
        let resources = self.resources(plan);
        let asked = Asked { plan, execution, approvals, observation, now, resources: &resources };
        ledger.view.decide(&self.shared.rails, &asked, paused.as_ref())
    }

    /// The resource that each step of a plan changes.
    fn resources(&self, plan: &Plan) -> Vec<Option<String>> {
        let effector = self.effector(&plan.target);
        let resource = |step: &Step| effector?.resource(&step.action);
        plan.steps.iter().map(resource).collect()
    }

    pub(crate) fn tracked(&self, id: ExecutionId) -> Option<Tracked> {
        self.ledger().view.executions.get(&id).cloned()
    }
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
