//! People, who do what they like; and what is acknowledged to them must be durable.

use std::{collections::BTreeSet, sync::Arc};

use mapek_execute::{Control, Error};
use mapek_model::{ActionKind, Approval, Execution, ExecutionId, TargetId, Timestamp};

use crate::{
    script::Event,
    world::{Inner, ProcessId, World},
};

const NAMES: [&str; 3] = ["ada", "bob", "eve"];

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Pause,
    Resume,
    Approve,
    Reject,
    Rollback,
    Regret,
    Resolve,
    Rearm,
}

const DEEDS: [Deed; 14] = [
    Deed::Pause,
    Deed::Pause,
    Deed::Resume,
    Deed::Resume,
    Deed::Approve,
    Deed::Approve,
    Deed::Approve,
    Deed::Approve,
    Deed::Reject,
    Deed::Rollback,
    Deed::Rollback,
    Deed::Resolve,
    Deed::Resolve,
    Deed::Rearm,
];

/// A person does something by way of this process.
pub(crate) fn act(world: &Arc<World>, process: ProcessId) {
    let (deed, name, which) = {
        let mut inner = world.lock();
        let people = &mut inner.streams.people;
        (*people.pick(&DEEDS), *people.pick(&NAMES), people.between(0, 1_000))
    };
    let which = usize::try_from(which).unwrap_or(0);
    does(world, process, deed, (name, which));
}

/// A person rolls back the newest execution.
pub(crate) fn roll_back(world: &Arc<World>, process: ProcessId) {
    does(world, process, Deed::Rollback, ("eve", 0));
}

/// Of the newest two that did the same a person rolls back the older one, or the newer.
pub(crate) fn regret(world: &Arc<World>, process: ProcessId, older: bool) {
    does(world, process, Deed::Regret, ("eve", usize::from(older)));
}

/// A person pauses, and somebody lets it go on after a while.
pub(crate) fn pause(world: &Arc<World>, process: ProcessId) {
    does(world, process, Deed::Pause, ("bob", 0));
    let mut inner = world.lock();
    let wait = inner.streams.moments.between(5_000, 90_000);
    inner.after(wait, Event::Resumes);
}

/// A person lets it go on.
pub(crate) fn resume(world: &Arc<World>, process: ProcessId) {
    does(world, process, Deed::Resume, ("bob", 0));
}

/// A person re-arms all kinds.
pub(crate) fn rearm(world: &Arc<World>, process: ProcessId) {
    for kind in ActionKind::KNOWN {
        with(world, process, |control, now| Some(rearmed(control, kind, "eve", now)));
    }
}

fn does(world: &Arc<World>, process: ProcessId, deed: Deed, (name, which): (&str, usize)) {
    with(world, process, |control, now| deed.done(control, name, which, now));
}

/// In the calm somebody looks after what is left: closes what needs an operator, and lets the loop go on.
pub(crate) fn tidy_up(world: &Arc<World>, process: ProcessId) {
    with(world, process, |control, now| Deed::Resolve.done(control, "ada", 0, now));
    with(world, process, |control, now| Deed::Resume.done(control, "ada", 0, now));
}

type Done = Option<(&'static str, Result<Claim, Error>)>;

/// What an acknowledgement says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Claim {
    Paused(bool),
    Approved(mapek_model::PlanHash, String),
    Rejected(mapek_model::PlanHash),
    Undoing(mapek_model::ExecutionId),
    Closed(mapek_model::ExecutionId),
    Rearmed(mapek_model::ActionKind, i64),
}

fn with(world: &Arc<World>, process: ProcessId, deed: impl FnOnce(&Control, Timestamp) -> Done) {
    let (control, now) = {
        let mut inner = world.lock();
        if inner.is_dead(process) {
            return;
        }
        let now = Inner::timestamp(inner.wall());
        let life = inner.life(process);
        life.person = true;
        (life.control.clone(), now)
    };
    let done = control.and_then(|control| deed(&control, now));
    let mut inner = world.lock();
    inner.life(process).person = false;
    let Some((what, result)) = done else { return };
    match result {
        Ok(claim) => {
            inner.tell(format_args!("p{process} a person {what}: {claim:?}"));
            if let Some(message) = inner.denied(&claim) {
                let at = inner.now;
                inner.check.violated(at, "no-false-acknowledgement", message);
            }
        }
        Err(error) => {
            // Each run has a directory of its own; the story must not depend on it.
            let error = error.to_string().replace(&*world.state_dir.to_string_lossy(), "");
            inner.tell(format_args!("p{process} a person {what}: {error}"));
        }
    }
}

impl Deed {
    fn done(self, control: &Control, name: &str, which: usize, now: Timestamp) -> Done {
        let executions = control.executions();
        let proposals = control.proposals();
        let waits = |approval: &Approval| {
            matches!(approval, Approval::Pending { .. } | Approval::Approved { .. })
        };
        let open: Vec<_> = proposals.iter().filter(|it| waits(&it.approval)).collect();
        match self {
            Self::Pause => {
                Some(("pauses", control.pause(name, "wait", now).map(|()| Claim::Paused(true))))
            }
            Self::Resume => {
                Some(("resumes", control.resume(name, "go on", now).map(|()| Claim::Paused(false))))
            }
            Self::Approve => {
                let hash = open.get(which % open.len().max(1))?.hash;
                let approved = control.approve(&hash, name, None, now);
                Some(("approves", approved.map(|_| Claim::Approved(hash, name.to_owned()))))
            }
            Self::Reject => {
                let hash = open.get(which % open.len().max(1))?.hash;
                let rejected = control.reject(&hash, name, None, now);
                Some(("rejects", rejected.map(|_| Claim::Rejected(hash))))
            }
            Self::Rollback => {
                let newest = executions.len().checked_sub(1 + which % 2)?;
                let id = executions.get(newest)?.id;
                let undone = control.rollback(id, name, "not like that", now);
                Some(("rolls back", undone.map(|()| Claim::Undoing(id))))
            }
            Self::Regret => {
                let (old, new) = twins(&executions)?;
                let id = if which == 1 { old } else { new };
                let undone = control.rollback(id, name, "neither was right", now);
                Some(("regrets", undone.map(|()| Claim::Undoing(id))))
            }
            Self::Resolve => {
                let id = executions.iter().find(|it| it.status.needs_operator())?.id;
                let closed = control.resolve(id, name, "looked at it", now);
                Some(("resolves", closed.map(|()| Claim::Closed(id))))
            }
            Self::Rearm => {
                let kind = executions.last()?.plan.steps.first()?.action.kind();
                Some(rearmed(control, kind, name, now))
            }
        }
    }
}

fn rearmed(
    control: &Control,
    kind: ActionKind,
    name: &str,
    now: Timestamp,
) -> (&'static str, Result<Claim, Error>) {
    let rearmed = control.rearm(&TargetId::default(), kind.clone(), name, "fixed", now);
    ("re-arms", rearmed.map(|()| Claim::Rearmed(kind, now.as_millisecond())))
}

/// The newest two that did something of the same kind, the older one first.
fn twins(executions: &[Execution]) -> Option<(ExecutionId, ExecutionId)> {
    let kinds = |it: &Execution| -> BTreeSet<ActionKind> {
        it.plan.steps.iter().map(|step| step.action.kind()).collect()
    };
    let newest = executions.iter().enumerate().rev();
    let mut twins = newest.filter_map(|(at, new)| {
        let before = executions[..at].iter().rev();
        let old = before.into_iter().find(|old| !kinds(old).is_disjoint(&kinds(new)))?;
        Some((old.id, new.id))
    });
    twins.next()
}

impl Inner {
    /// What speaks against an acknowledgement: what the disk has made durable does not say so.
    fn denied(&self, claim: &Claim) -> Option<String> {
        let book = &self.check.book;
        let holds = match claim {
            Claim::Paused(paused) => book.latch.is_some() == *paused,
            Claim::Approved(hash, by) => {
                book.said.get(hash).is_some_and(|said| said.by.contains(by))
            }
            Claim::Rejected(hash) => book.rejected.contains(hash),
            Claim::Undoing(id) => book.entries.get(id).is_some_and(|entry| {
                use mapek_model::{Ending, Phase};
                matches!(
                    entry.status.phase(),
                    Phase::Undoing { .. } | Phase::Ended { ending: Ending::FailedClean }
                )
            }),
            Claim::Closed(id) => {
                let phase = |id| Some(book.entries.get(id)?.status.phase().clone());
                phase(id) == Some(mapek_model::Phase::Closed)
            }
            Claim::Rearmed(kind, at) => book.rearmed.get(kind).is_some_and(|(then, _)| then == at),
        };
        (!holds).then(|| format!("{claim:?} was acknowledged and is not durable"))
    }
}
