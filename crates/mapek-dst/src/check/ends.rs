//! What must hold when a plan begins, and when it has ended.

use std::collections::BTreeSet;

use mapek_execute::{Body, ExecutionMode, Profile, Record};
use mapek_model::{
    ActionKind, Ending, ExecutionEvent, ExecutionId, Plan, StepStatus, Verdict, Way,
};

use super::{Checker, book::millis};
use crate::plant::Slot;

type Told = Vec<(&'static str, String)>;

const HOUR: i64 = 3_600_000;
/// How long an approval stands: see `approval_ttl`.
const APPROVAL: i64 = HOUR;

const fn dangerous(kind: &ActionKind) -> bool {
    matches!(kind, ActionKind::BypassValidation | ActionKind::ActivateEmergencyOverride)
}

const fn temporary(slot: Slot) -> bool {
    matches!(slot, Slot::Limit | Slot::Override)
}

impl Checker {
    /// What speaks against a plan that begins with this record.
    pub(super) fn begins(&self, record: &Record, wall: i64) -> Told {
        let Body::Execution { record: happened } = &record.body else { return Vec::new() };
        let ExecutionEvent::Started { plan, .. } = &happened.event else { return Vec::new() };
        let (mut told, at) = (Vec::new(), millis(happened.at));
        let id = happened.execution;
        if let Some(other) = self.book.live().next() {
            told.push(("one-at-a-time", format!("{id} began while {} was live", other.id)));
        }
        for stuck in self.stuck() {
            told.push(("frozen-target", format!("{id} began while {stuck} needed an operator")));
        }
        if let Some(why) = self.paused() {
            told.push(("no-effect-under-pause", format!("{id} began, {why}")));
        }
        if wall >= millis(plan.expires) {
            told.push(("no-expired-plan", format!("{id} began after its plan had expired")));
        }
        if self.book.set_back == Some((record.epoch, record.cycle)) {
            let message = format!("{id} began in a cycle in which the clock had gone back");
            told.push(("no-effect-on-bad-evidence", message));
        }
        self.budgets(id, plan, at, &mut told);
        self.breaker(id, plan, &mut told);
        told.extend(self.turns(id, plan));
        self.approvals(id, plan, at, &mut told);
        told
    }

    fn budgets(&self, id: ExecutionId, plan: &Plan, at: i64, told: &mut Told) {
        let lately = || self.book.entries.values().filter(|entry| entry.started > at - HOUR);
        let begun = lately().count();
        if begun >= self.limits.plans_per_hour {
            let limit = self.limits.plans_per_hour;
            told.push((
                "budgets",
                format!("{id} is plan {} in an hour, {limit} may be", begun + 1),
            ));
        }
        let kinds: BTreeSet<_> = plan.steps.iter().map(|step| step.action.kind()).collect();
        for kind in kinds {
            let took = |other: &ExecutionId| self.took_effect(*other, &kind);
            let used =
                lately().filter(|it| it.sent_kinds().contains(&kind) || took(&it.id)).count();
            let limit = self.limits.actions_per_hour;
            if used >= limit {
                let message =
                    format!("{id} does {kind} for time {} in an hour, {limit} may be", used + 1);
                told.push(("budgets", message));
            }
            let done = self.book.entries.values().filter(|it| it.sent_kinds().contains(&kind));
            let newest = done.map(|it| it.updated).max();
            let ago = |newest: i64| (at - newest).max(0);
            if let Some(ago) = newest.map(ago).filter(|ago| *ago < self.limits.cooldown_ms) {
                told.push(("budgets", format!("{id} does {kind} again after {ago} ms")));
            }
        }
    }

    /// Whether an action of this kind took effect, whatever the journal thinks of it. Where somebody else wrote
    /// meanwhile, nobody can tell who looks afterwards.
    fn took_effect(&self, id: ExecutionId, kind: &ActionKind) -> bool {
        self.traces(id).into_values().filter(|(_, foreign)| !foreign).any(|(effects, _)| {
            effects.into_iter().any(|it| {
                it.kind == *kind && it.way == Way::Do && it.before != it.after && !it.jumped
            })
        })
    }

    /// Two degradations within a day, and nobody has trusted the kind again.
    fn breaker(&self, id: ExecutionId, plan: &Plan, told: &mut Told) {
        for kind in plan.steps.iter().map(|step| step.action.kind()) {
            let rearmed = self.book.rearmed.get(&kind).map_or(0, |(_, record)| *record);
            let harm = self.book.entries.values().filter(|entry| {
                entry.sent_kinds().contains(&kind)
                    && entry.judged.is_some_and(|(verdict, record)| {
                        verdict == Verdict::Degradation && record > rearmed
                    })
            });
            let count = harm.count();
            if count >= 2 {
                told.push(("breaker", format!("{id} does {kind}, which did harm {count} times")));
            }
        }
    }

    fn approvals(&self, id: ExecutionId, plan: &Plan, at: i64, told: &mut Told) {
        let kinds = || plan.steps.iter().map(|step| step.action.kind());
        let harmless = |kind: ActionKind| {
            matches!(kind, ActionKind::ScaleUp | ActionKind::ScaleDown | ActionKind::RebalanceLoad)
        };
        let needed = match self.limits.profile {
            Profile::Observe => {
                return told.push(("autonomy", format!("{id} began, and all is only observed")));
            }
            _ if kinds().any(|kind| dangerous(&kind)) => 2,
            Profile::Auto => 0,
            Profile::Shipped => usize::from(!kinds().all(harmless)),
        };
        let said = self.book.said.get(&plan.hash()).cloned().unwrap_or_default();
        let people = said.by.iter().filter(|by| by.as_str() != mapek_execute::LOOP).count();
        if people < needed {
            told.push(("autonomy", format!("{id} began with {people} of {needed} approvals")));
        } else if needed > 0 && at - said.newest >= APPROVAL {
            told.push(("autonomy", format!("{id} began on approvals that had expired")));
        }
    }

    /// What speaks against an execution that ends with this record.
    pub(super) fn ends(&self, record: &Record) -> Told {
        let Body::Execution { record: happened } = &record.body else { return Vec::new() };
        match &happened.event {
            ExecutionEvent::Rehearsed { .. } => self.rehearsed(record, happened.execution),
            ExecutionEvent::Ended { ending, .. } => self.ended(happened.execution, *ending),
            ExecutionEvent::UndoBegan { steps, .. } => {
                let falling = steps.windows(2).all(|pair| pair[0] > pair[1]);
                let id = happened.execution;
                let message = format!("{id} is undone in the order {steps:?}");
                if falling { Vec::new() } else { vec![("steps-in-order", message)] }
            }
            _ => Vec::new(),
        }
    }

    /// Whether a plan is tried that would not be sent any more.
    fn rehearsed(&self, record: &Record, id: ExecutionId) -> Told {
        let entry = self.book.entries.get(&id);
        let expired = entry.is_some_and(|it| millis(record.at) >= it.expires);
        let message = || format!("{id} was rehearsed after its plan had expired");
        expired.then(|| ("no-expired-plan", message())).into_iter().collect()
    }

    /// Whether what an execution has left behind is what its ending says.
    pub(crate) fn ended(&self, id: ExecutionId, ending: Ending) -> Told {
        let Some(entry) = self.book.entries.get(&id) else { return Vec::new() };
        let mut told = Told::new();
        for (slot, (effects, foreign)) in self.traces(id) {
            let (Some(first), Some(last)) = (effects.first(), effects.last()) else { continue };
            // What was there already when it was asked for leaves no trace but that of its undo.
            if first.way == Way::Undo || effects.iter().any(|it| it.jumped) {
                continue;
            }
            let (before, after) = (first.before, last.after);
            let wrong = match ending {
                Ending::FailedClean => !foreign && before != after,
                Ending::Undone => slot != Slot::Restarts && !foreign && before != after,
                Ending::Completed => temporary(slot) && !foreign && before != after,
                Ending::NeedsOperator => false,
            };
            if wrong {
                let message = format!(
                    "{id} ended {}, and {slot:?} is {after}, not {before}",
                    ending.as_str()
                );
                told.push(("ends-as-it-says", message));
            }
        }
        if ending == Ending::Completed && self.limits.mode == ExecutionMode::Transactional {
            for (place, (step, status)) in
                (0_u16..).zip(entry.plan.steps.iter().zip(entry.status.steps()))
            {
                let there = self.effects.iter().any(|it| {
                    it.execution.is_some_and(|(of, at)| of == id && at.0 == place)
                        && it.way == Way::Do
                });
                // A step that changes nothing because all is as it wants may be read back as done.
                let changes = matches!(step.action.kind(), ActionKind::RestartService);
                if *status == StepStatus::Applied && changes && !there {
                    let kind = step.action.kind();
                    let message = format!("{id} ended completed, and {kind} never took effect");
                    told.push(("ends-as-it-says", message));
                }
            }
        }
        told
    }
}
