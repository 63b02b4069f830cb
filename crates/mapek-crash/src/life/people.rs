//! What people do. They look before they act, so that who is interrupted by a crash does the same again afterwards.

use mapek_loop::Clock as _;
use mapek_model::{ActionKind, Approval, Ending, TargetId};

use super::Story;
use crate::{
    BoxError,
    scenario::{PAUSED_FOR, People, START},
};

/// What is done at the beginning of each life.
pub(super) fn begin(story: &Story) -> Result<(), BoxError> {
    if story.scenario.people == People::Rearm {
        let (target, kind) = (TargetId::default(), ActionKind::ScaleUp);
        story.control.rearm(&target, kind, "ada", "it was the network", story.clock.now())?;
    }
    Ok(())
}

/// What is done before each cycle.
pub(super) fn act(story: &Story) -> Result<(), BoxError> {
    let (control, now) = (&story.control, story.clock.now());
    match story.scenario.people {
        People::Nobody | People::Rearm => {}
        People::Approve => {
            for proposal in control.proposals() {
                let Approval::Pending { by, .. } = &proposal.approval else { continue };
                let next = ["ada", "bob"].into_iter().find(|name| !by.contains(*name));
                if let Some(name) = next {
                    control.approve(&proposal.hash, name, None, now)?;
                }
            }
        }
        People::Pause => {
            pause_while(story, now.duration_since(START.parse()?) < PAUSED_FOR)?;
        }
        People::Interrupt => {
            let executions = control.executions();
            let begun = executions.iter().filter(|it| it.status.is_live()).map(|it| it.started);
            let fresh = begun.max().is_some_and(|at| now.duration_since(at) < PAUSED_FOR);
            pause_while(story, fresh)?;
        }
        People::RollBack => {
            for execution in control.executions() {
                if execution.status.ending() == Some(Ending::Completed) {
                    control.rollback(execution.id, "ada", "it was not that", now)?;
                }
            }
        }
        People::Resolve => {
            for execution in control.executions() {
                if execution.status.needs_operator() {
                    control.resolve(execution.id, "ada", "looked at it", now)?;
                }
            }
        }
    }
    Ok(())
}

fn pause_while(story: &Story, wanted: bool) -> Result<(), BoxError> {
    let (control, now) = (&story.control, story.clock.now());
    match (wanted, control.paused()) {
        (true, None) => control.pause("ada", "not tonight", now)?,
        (false, Some(_)) => control.resume("ada", "good morning", now)?,
        _ => {}
    }
    Ok(())
}

/// Whether people have done what they want to do.
pub(super) fn are_done(story: &Story) -> bool {
    let executions = story.control.executions();
    match story.scenario.people {
        People::RollBack => {
            executions.iter().all(|it| it.status.ending() != Some(Ending::Completed))
        }
        People::Resolve => executions.iter().all(|it| !it.status.needs_operator()),
        People::Pause | People::Interrupt => story.control.paused().is_none(),
        _ => true,
    }
}
