//! Looks whether somebody else is at work on the same things.
//!
//! It goes by the generations of the resources in the inventory. One that has grown while a step of ours was on its way to that
//! resource, or may still have been, is taken for ours; any other was grown by somebody else. A resource without a generation tells nothing.

use mapek_model::{
    Action, Execution, ExecutionId, Observation, Resource, StepStatus, TargetId, Timestamp, Way,
    earlier, since,
};

use super::Control;
use crate::{
    Body, Error, ForeignChange, Moved, Writer,
    ledger::{Sent, Tracked, Trails, View},
};

/// Most resources of one target that are followed; of more nothing is known. Where there are so many, those go that have not been there
/// for as long as a change could be an answer to ours.
const RESOURCES_MAX: usize = 1000;

impl Control {
    /// Writes down which resources have changed since the newest look at them, and by whom as far as can be told.
    pub(crate) fn witness(&self, observation: &Observation, now: Timestamp) -> Result<(), Error> {
        let mut ledger = self.ledger();
        ledger.refresh()?;
        let target = &observation.target;
        if let Some(trails) = ledger.view.trails.get_mut(target)
            && trails.len().saturating_add(observation.resources.len()) > RESOURCES_MAX
        {
            trails.forget_missed(earlier(now, self.config().rails.others.window));
        }
        let none = Trails::default();
        let trails = ledger.view.trails.get(target).unwrap_or(&none);
        let mut room = RESOURCES_MAX.saturating_sub(trails.len());
        let mut moves = Vec::new();
        for resource in &observation.resources {
            let moved = self.moved(&ledger.view, trails, target, resource, now);
            let fits = moved.as_ref().is_some_and(|it| it.before.is_some() || room > 0);
            if let Some(moved) = moved.filter(|_| fits) {
                room = room.saturating_sub(usize::from(moved.before.is_none()));
                moves.push(moved);
            }
        }
        if !moves.is_empty() {
            ledger.commit(Some(target), now, Body::Moved { moves })?;
        }
        if let Some(trails) = ledger.view.trails.get_mut(target) {
            trails.look(&observation.resources, now);
        }
        Ok(())
    }

    fn moved(
        &self,
        view: &View,
        trails: &Trails,
        target: &TargetId,
        resource: &Resource,
        now: Timestamp,
    ) -> Option<Moved> {
        let after = resource.generation?;
        let Resource { kind, id, .. } = resource;
        let Some(trail) = trails.get(kind, id) else {
            let (kind, id, writer) = (kind.clone(), id.clone(), Writer::Unknown);
            return Some(Moved { kind, id, before: None, after, since: now, writer });
        };
        if trail.generation == after {
            return None;
        }
        let looked = trail.looked.unwrap_or(trail.at).max(trail.at);
        let settle = self.config().settle;
        let at_work = |(tracked, sent): &(&Tracked, &Sent)| {
            sent.may_have_changed(looked, settle)
                && self.changes(target, tracked, sent, id)
                && !self.config().defects().overlook(sent.from, now)
        };
        let writer = if sends(view, target).any(|it| at_work(&it)) {
            Writer::Us
        } else {
            let who = resource.text("source").map(ToOwned::to_owned);
            let answers = self.answered(view, target, id, trail.others_last(), now);
            Writer::Others { who, answers }
        };
        // The managed system may know better than we when it was.
        let told = resource.changed.filter(|changed| (looked..=now).contains(changed));
        let (kind, id, before) = (kind.clone(), id.clone(), Some(trail.generation));
        Some(Moved { kind, id, before, after, since: told.unwrap_or(looked), writer })
    }

    /// The execution of ours that has set a resource lately, if nobody else has changed it since, and it is not undone.
    fn answered(
        &self,
        view: &View,
        target: &TargetId,
        id: &str,
        others_last: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<ExecutionId> {
        let window = self.config().rails.others.window;
        let set = sends(view, target).filter(|(tracked, sent)| {
            let status = tracked.execution.status.steps().get(usize::from(sent.step.0));
            sent.way == Way::Do
                && status == Some(&StepStatus::Applied)
                && others_last.is_none_or(|last| last <= sent.from)
                && since(now, sent.from) <= window
                && self.changes(target, tracked, sent, id)
        });
        set.max_by_key(|(tracked, sent)| (sent.from, tracked.execution.id))
            .map(|(tracked, _)| tracked.execution.id)
    }

    /// What was seen of others at what an action changes, newest, for people.
    pub(crate) fn seen_of_others(&self, target: &TargetId, action: &Action) -> Option<String> {
        let resource = self.effector(target)?.resource(action)?;
        let ledger = self.ledger();
        let trails = ledger.view.trails.get(target)?;
        let newest = trails.foreign().into_iter().rfind(|change| change.id == resource)?;
        Some(newest.to_string())
    }

    /// What others have changed of what an execution changes, since it sent that last; newest, for people.
    pub(crate) fn changed_by_others(&self, execution: &Execution) -> Option<String> {
        let ledger = self.ledger();
        let trails = ledger.view.trails.get(execution.target())?;
        let tracked = ledger.view.executions.get(&execution.id)?;
        let since_it_was_sent = |change: &&ForeignChange| {
            let here = |it: &&Sent| self.changes(execution.target(), tracked, it, &change.id);
            let newest = tracked.sends.iter().filter(here).map(|it| it.from).max();
            newest.is_some_and(|newest| change.since >= newest)
        };
        trails.foreign().into_iter().rfind(since_it_was_sent).map(ToString::to_string)
    }

    fn changes(&self, target: &TargetId, tracked: &Tracked, sent: &Sent, id: &str) -> bool {
        let step = tracked.execution.plan.steps.get(usize::from(sent.step.0));
        let resource = || self.effector(target)?.resource(&step?.action);
        resource().is_some_and(|resource| resource == id)
    }
}

fn sends<'a>(
    view: &'a View,
    target: &'a TargetId,
) -> impl Iterator<Item = (&'a Tracked, &'a Sent)> {
    let here = view.executions.values().filter(move |it| it.execution.target() == target);
    here.flat_map(|tracked| tracked.sends.iter().map(move |sent| (tracked, sent)))
}
