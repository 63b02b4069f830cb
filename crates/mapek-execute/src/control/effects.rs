//! What our own actions bring about, so that nobody takes it for a new cause.

use mapek_model::{
    Action, Component, Duration, Execution, Expectation, Step, StepIndex, StepStatus, TargetId,
    Timestamp, Violation, earlier, since,
};
use serde::Serialize;

use super::Control;

/// How long after a restart of ours a reset counter is ours: the longest window that rules commonly look back over.
const RESETS_SEEN: Duration = Duration::from_secs(3600);

/// How long what we changed ourselves is no sign of a cause: as long as a change counts as one.
const CHANGES_SEEN: Duration = Duration::from_secs(1800);

/// What our own actions bring about on a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OwnEffects {
    /// What live ones are expected to breach.
    pub expected: Vec<OwnEffect>,
    /// What they changed, within half an hour.
    pub changed: Vec<OwnChange>,
    /// What they restarted (all of it, if no component is named), and when: counters begin anew there.
    pub restarted: Vec<(Timestamp, Option<Component>)>,
    /// Whether they changed the number of parts within an hour, up, down or back: some may have gone by that.
    pub scaled: bool,
}

/// Something that a step of ours is expected to breach while it lasts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OwnEffect {
    /// What.
    pub expectation: Expectation,
    /// Where, if the step acts on one component.
    pub component: Option<Component>,
    /// Since when: when the step was sent first, less [`onset_tolerance`](crate::Config::onset_tolerance).
    pub since: Timestamp,
}

impl OwnEffect {
    /// Whether it explains an episode: one of its expectation that began with it, on its component, or on the target as a whole,
    /// which the component is a part of. What breaks on another component, or was broken before, is not ours.
    #[must_use]
    pub fn explains(&self, violation: &Violation) -> bool {
        let elsewhere = self.component.is_some()
            && violation.component.is_some()
            && self.component != violation.component;
        self.expectation == violation.expectation && violation.onset >= self.since && !elsewhere
    }
}

/// Something that a step of ours changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OwnChange {
    /// The resource, by its id.
    pub resource: String,
    /// Since when: what was changed before was changed by somebody else. As for [`OwnEffect::since`].
    pub since: Timestamp,
}

impl Control {
    /// What our own actions are expected to bring about on a target: breaches while they last, changes for half an hour, resets
    /// for an hour.
    #[must_use]
    pub fn own_effects(&self, target: &TargetId, now: Timestamp) -> OwnEffects {
        let ledger = self.ledger();
        let mut effects = OwnEffects::default();
        for execution in ledger.view.others(target, None) {
            if execution.status.is_live() {
                effects.expected.extend(self.expected_of(execution));
            }
            if since(now, execution.updated) <= CHANGES_SEEN {
                effects.changed.extend(self.changed_by(execution));
            }
            let restarts = sent(execution).filter_map(|sent| match &sent.step.action {
                Action::RestartService { node, .. } => Some((sent.at, node.clone())),
                _ => None,
            });
            effects.scaled |= since(now, execution.updated) <= RESETS_SEEN
                && sent(execution).any(|sent| {
                    matches!(sent.step.action, Action::ScaleUp { .. } | Action::ScaleDown { .. })
                });
            effects.restarted.extend(restarts.filter(|(at, _)| since(now, *at) <= RESETS_SEEN));
        }
        effects
    }

    /// What the steps of an execution that may have run are expected to breach.
    pub(crate) fn expected_of(&self, execution: &Execution) -> impl Iterator<Item = OwnEffect> {
        let there = sent(execution).filter(|sent| sent.status.may_have_run());
        there.flat_map(|Sent { step, at, .. }| {
            let component = match &step.action {
                Action::RestartService { node, .. } | Action::ThrottleRequests { node, .. } => {
                    node.clone()
                }
                _ => None,
            };
            let since = self.begins(at);
            let breaches = self.config().side_effects.get(&step.action.kind());
            breaches.into_iter().flatten().map(move |expectation| OwnEffect {
                expectation: expectation.clone(),
                component: component.clone(),
                since,
            })
        })
    }

    /// The resources that an execution changed, but for pools: that they are short of nodes is a sign of a cause whoever has scaled
    /// them. What was undone was changed twice.
    fn changed_by(&self, execution: &Execution) -> impl Iterator<Item = OwnChange> {
        let effector = self.effector(execution.target());
        let settings = sent(execution).filter(|sent| {
            use Action::{RestartService, ScaleDown, ScaleUp};
            !matches!(sent.step.action, ScaleUp { .. } | ScaleDown { .. } | RestartService { .. })
        });
        settings.filter_map(move |Sent { step, at, .. }| {
            let resource = effector?.resource(&step.action)?;
            Some(OwnChange { resource, since: self.begins(at) })
        })
    }

    fn begins(&self, sent: Timestamp) -> Timestamp {
        earlier(sent, self.config().onset_tolerance)
    }
}

/// A step that was sent and may have taken effect, undone or not.
struct Sent<'a> {
    step: &'a Step,
    status: StepStatus,
    /// When first. The state before a step is captured in the moment before it is sent, and captured anew only if what was
    /// sent before is known to have had no effect.
    at: Timestamp,
}

fn sent(execution: &Execution) -> impl Iterator<Item = Sent<'_>> {
    let steps = (0..).map(StepIndex).zip(execution.plan.steps.iter().zip(execution.status.steps()));
    steps.filter_map(|(index, (step, status))| {
        let nothing =
            matches!(status, StepStatus::Waiting | StepStatus::Refused | StepStatus::Skipped);
        let at = execution.captured.get(&index).filter(|_| !nothing)?.at;
        Some(Sent { step, status: *status, at })
    })
}
