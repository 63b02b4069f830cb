//! Runs plans as sagas.
//!
//! An execution is its log, and the log is in the journal. The executor looks where each live execution stands and
//! what is seen now, does the next thing, and writes down each event before anything follows from it. It sleeps
//! never, asks for no time, and draws no random number: waits, retries, verification windows and leases are states
//! that a later advance finds.

mod act;
mod moves;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mapek_model::{
    Confidence, Ending, Execution, ExecutionEvent, ExecutionId, ExecutionStatus, Observation, Plan,
    StepIndex, TargetId, Timestamp, Way,
};
use mapek_store::Store;
use serde::Serialize;

use crate::{
    BadRecord, Config, Control, Damaged, Decision, Effector, Error, Rails,
    judge::{guarded, measure_for},
    ledger::Ledger,
};
use act::Act;

/// A plan that is to begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The id of the execution; whoever makes ids makes it.
    pub execution: ExecutionId,
    /// The plan.
    pub plan: Plan,
    /// With what probability it was chosen among the admissible plans; 1 if the choice was not random.
    pub chosen_with: Confidence,
}

/// What an advance did for one execution.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Advance {
    /// Which execution.
    pub execution: ExecutionId,
    /// On which target.
    pub target: TargetId,
    /// What happened, in order; each is in the journal.
    pub events: Vec<ExecutionEvent>,
    /// Where it stands now.
    pub status: ExecutionStatus,
    /// What it waits for, in words; absent when it has ended.
    pub waits: Option<String>,
    /// What the rails say, where they hold it back.
    pub held_back: Option<Decision>,
    /// What went wrong on our own side, in words: the journal could not be read or written. Nothing was sent after
    /// that.
    pub fault: Option<String>,
    /// When there is something to do next; absent when it has ended.
    pub due: Option<Timestamp>,
}

/// What was found when the journal was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Executions that go on where they were, by id.
    pub resumed: Vec<ExecutionId>,
    /// Executions that cannot go on because their target is not configured any more, by id.
    pub unattended: Vec<ExecutionId>,
    /// Executions that wait for a person, by id.
    pub needs_operator: Vec<ExecutionId>,
    /// Executions whose log cannot be followed; each freezes its target.
    pub damaged: Vec<Damaged>,
    /// Records that cannot be trusted.
    pub bad: Vec<BadRecord>,
}

/// Runs plans as sagas on one or more targets.
///
/// *Concurrency.* One executor for one journal, one advance at a time. What people do meanwhile goes through
/// [`Control`].
///
/// *Cancellation.* An advance may be dropped at any moment: what was sent and not answered is read back by the next
/// one.
#[derive(Debug)]
pub struct Executor {
    control: Control,
}

impl Executor {
    /// Opens the journal in `store`, beginning a new epoch, and takes over what was under way. Nothing is sent before
    /// the first [`advance`](Self::advance). Each execution is taken over by itself: one that cannot be stops no
    /// other.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails.
    pub fn open(
        config: Config,
        rails: Rails,
        store: Arc<dyn Store>,
        effectors: BTreeMap<TargetId, Arc<dyn Effector>>,
    ) -> Result<(Self, Recovery), Error> {
        let ledger = Ledger::with(store, config.defects())?;
        let view = &ledger.view;
        let stuck = view.executions.values().filter(|it| it.execution.status.needs_operator());
        let (resumed, unattended): (Vec<_>, Vec<_>) = view
            .live()
            .map(|tracked| &tracked.execution)
            .partition(|live| effectors.contains_key(live.target()));
        let ids = |found: Vec<&Execution>| found.into_iter().map(|it| it.id).collect();
        let recovery = Recovery {
            resumed: ids(resumed),
            unattended: ids(unattended),
            needs_operator: stuck.map(|tracked| tracked.execution.id).collect(),
            damaged: view.damaged.values().cloned().collect(),
            bad: view.bad.clone(),
        };
        for bad in &recovery.bad {
            tracing::error!(sequence = %bad.sequence, reason = %bad.reason, "a journal record cannot be trusted");
        }
        Ok((Self { control: Control::new(ledger, config, rails, effectors) }, recovery))
    }

    /// The handle for people and readers.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Begins a plan: the rails are asked once more, and the plan is written down whole. Nothing is sent before the
    /// next [`advance`](Self::advance). Approvals of the same plan are used up by it.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] if the rails refuse or people are still to be asked, [`Error::TargetBusy`] if the
    /// target has a live execution, [`Error::NoEffector`] if the target or an action is not known,
    /// [`Error::WrongObservation`], [`Error::Journal`].
    pub fn start(
        &mut self,
        order: Order,
        observation: &Observation,
        now: Timestamp,
    ) -> Result<ExecutionId, Error> {
        let Order { execution, plan, chosen_with } = order;
        let target = plan.target.clone();
        if observation.target != target {
            return Err(Error::WrongObservation { observed: observation.target.clone(), target });
        }
        self.check_effector(&plan)?;
        self.control.witness(observation, now)?;
        let mut ledger = self.control.ledger();
        ledger.refresh()?;
        if let Some(other) = ledger.view.live().find(|it| *it.execution.target() == target) {
            return Err(Error::TargetBusy { target, execution: other.execution.id });
        }
        let config = self.control.config();
        let approvals = ledger.view.proposals.approvers(&plan.hash(), config, now);
        let decision = self.control.decide_in(&ledger, &plan, None, &approvals, observation, now);
        if decision != Decision::Run {
            return Err(Error::NotPermitted { decision });
        }
        let explained: BTreeSet<_> = plan.explains.iter().map(|key| key.fingerprint).collect();
        let mut before = measure_for(&explained, observation);
        before.guarded = guarded(&plan, &before, &[], config);
        let event = ExecutionEvent::Started { plan: Box::new(plan), chosen_with, before };
        ledger.happen(execution, now, event)?;
        Ok(execution)
    }

    fn check_effector(&self, plan: &Plan) -> Result<(), Error> {
        let unable = |reason: String| Error::NoEffector { target: plan.target.clone(), reason };
        let effector = self
            .control
            .effector(&plan.target)
            .ok_or_else(|| unable("nothing is configured for it".to_owned()))?;
        plan.steps.iter().map(|step| step.action.kind()).try_for_each(|kind| {
            let known = effector.repeat(&kind, Way::Do).is_some();
            if known { Ok(()) } else { Err(unable(format!("it does not know {kind}"))) }
        })
    }

    /// Advances the live executions on the observed target, in order of their ids, each as far as it gets: at most
    /// one attempt for each step, and each event in the journal before what follows from it. One that fails stops no
    /// other.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if it cannot be written down what others have changed; then nothing goes on.
    pub async fn advance(
        &mut self,
        observation: &Observation,
        now: Timestamp,
    ) -> Result<Vec<Advance>, Error> {
        self.control.witness(observation, now)?;
        let ids: Vec<_> = {
            let ledger = self.control.ledger();
            let live = ledger.view.live();
            live.filter(|it| *it.execution.target() == observation.target)
                .map(|it| it.execution.id)
                .collect()
        };
        let mut advances = Vec::new();
        for id in ids {
            advances.extend(self.advance_one(id, observation, now).await);
        }
        Ok(advances)
    }

    async fn advance_one(
        &self,
        id: ExecutionId,
        observation: &Observation,
        now: Timestamp,
    ) -> Option<Advance> {
        let target = observation.target.clone();
        let effector = self.control.effector(&target);
        let mut act = Act::new(&self.control, effector, id, observation, now);
        let rest = act.run().await;
        let events = act.into_events();
        let mut ledger = self.control.ledger();
        let tracked = ledger.view.executions.get_mut(&id)?;
        let status = tracked.execution.status.clone();
        tracked.due = status.is_live().then_some(rest.until);
        Some(Advance {
            execution: id,
            target,
            events,
            fault: rest.is_fault.then(|| rest.why.clone()),
            waits: status.is_live().then_some(rest.why),
            held_back: rest.held_back,
            due: tracked.due,
            status,
        })
    }

    /// The live executions, by id. They may be left as they are at any moment, at a shutdown say: whoever opens the
    /// journal next goes on with them.
    #[must_use]
    pub fn live(&self) -> Vec<ExecutionId> {
        self.control.ledger().view.live().map(|tracked| tracked.execution.id).collect()
    }
}

/// What keeps an execution from going on.
#[derive(Debug)]
struct Rest {
    until: Timestamp,
    why: String,
    held_back: Option<Decision>,
    /// Whether it is our own journal.
    is_fault: bool,
}

/// Ends an execution that only a person can take further.
fn needs_operator(reason: impl Into<String>) -> ExecutionEvent {
    ExecutionEvent::Ended { ending: Ending::NeedsOperator, reason: reason.into() }
}

/// A step as people count: from 1.
fn nth(step: StepIndex) -> u32 {
    u32::from(step.0) + 1
}
