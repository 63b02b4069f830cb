//! What must hold where somebody else is at work on the same things.

use mapek_execute::{Body, Record, Writer};
use mapek_model::{Ending, ExecutionEvent, ExecutionId, Plan, StepStatus, UndoClass, Way};

use super::{Checker, Effect, Entry, book::millis};
use crate::plant::{Plant, Slot, slot};

type Told = Vec<(&'static str, String)>;

/// How often others may set otherwise what we set, and within which time: see `OthersConfig`.
const REVERSALS: usize = 2;
const WINDOW: i64 = 3_600_000;
/// How long after its end something of an execution may arrive: see `settle`. A clock that is set back adds half
/// a second.
const LINGERS: i64 = 31_000;

impl Checker {
    /// A call leaves in a cycle that began at `began`: it must not go over what others have set, nor build upon what
    /// they have overwritten.
    pub(crate) fn others(&mut self, now: i64, way: Way, key: &str, began: i64, plant: &Plant) {
        let Some((id, step, _)) = self.book.keys.get(key).copied() else { return };
        let Some(entry) = self.book.entries.get(&id) else { return };
        let place = usize::from(step.0);
        let lost = match way {
            // Looking and undoing are one moment.
            Way::Undo => {
                slot_at(entry, place).filter(|slot| self.is_overwritten(id, *slot, now, plant)).map(
                    |slot| format!("the undo of step {step} of {id} goes over others on {slot:?}"),
                )
            }
            Way::Do => standing(entry, place)
                .into_iter()
                .find(|slot| self.is_overwritten(id, *slot, began, plant))
                .map(|slot| {
                    format!("step {step} of {id} left although others had overwritten {slot:?}")
                }),
        };
        if let Some(message) = lost {
            self.violated(now, "others-left-alone", message);
        }
    }

    /// Whether somebody else set otherwise, at `until` at the latest, what this execution had set.
    fn is_overwritten(&self, id: ExecutionId, slot: Slot, until: i64, plant: &Plant) -> bool {
        let mut on = self.effects.iter().rev().filter(|it| it.slot == slot);
        let ours = |it: &&Effect| it.execution.is_some_and(|(of, _)| of == id);
        let Some(last) = on.clone().next().filter(|it| !it.is_ours() && it.at <= until) else {
            return false;
        };
        let set = on.find(ours).filter(|it| it.way == Way::Do && !it.jumped);
        // Who sets the same is not to be told from us.
        set.is_some_and(|set| last.after != set.after && plant.get(slot) != set.after)
    }

    /// What speaks against a plan that would set what others set otherwise each time.
    pub(super) fn turns(&self, id: ExecutionId, plan: &Plan) -> Told {
        let mut told = Told::new();
        for action in plan.steps.iter().map(|step| &step.action) {
            let Some((_, resource)) = slot(action).and_then(Slot::resource) else { continue };
            let kind = action.kind();
            let rearmed = self.book.rearmed.get(&kind).map_or(0, |(_, record)| *record);
            let answers = self.book.answers.get(resource).into_iter().flatten();
            let since = answers.filter(|(_, record)| *record > rearmed);
            let times: Vec<_> = since.map(|(at, _)| *at).collect();
            if times.windows(REVERSALS).any(|run| run[run.len() - 1] - run[0] <= WINDOW) {
                let often = times.len();
                let message =
                    format!("{id} does {kind}, though others answered on {resource} {often} times");
                told.push(("two-writers", message));
            }
        }
        told
    }

    /// Whether somebody is blamed who did nothing.
    pub(super) fn blames(&self, record: &Record) -> Told {
        match &record.body {
            Body::Moved { moves } => {
                let blamed = moves.iter().filter(|it| matches!(it.writer, Writer::Others { .. }));
                let innocent = blamed.filter(|moved| {
                    let before = moved.before.map_or(0, mapek_model::Generation::get);
                    !self.effects.iter().any(|it| {
                        it.slot.resource().is_some_and(|(_, id)| id == moved.id)
                            && (!it.is_ours() || it.jumped)
                            && (before + 1..=moved.after.get()).contains(&it.generation)
                    })
                });
                let message = |id: &String| format!("others are blamed for {id}: it was us");
                innocent.map(|it| ("others-are-others", message(&it.id))).collect()
            }
            Body::Execution { record: happened } => match &happened.event {
                ExecutionEvent::Ended { ending: Ending::NeedsOperator, reason }
                    if reason.contains("by others") =>
                {
                    self.blamed_at_end(happened.execution)
                }
                _ => Told::new(),
            },
            _ => Told::new(),
        }
    }

    /// Whether what others have changed is taken for ours, though nothing of ours can have been on its way.
    pub(super) fn claims(&self, record: &Record) -> Told {
        let Body::Moved { moves } = &record.body else { return Told::new() };
        let claimed = moves.iter().filter(|it| it.writer == Writer::Us);
        let theirs = claimed.filter(|moved| {
            let before = moved.before.map_or(0, mapek_model::Generation::get);
            let changes = self.effects.iter().filter(|it| {
                it.slot.resource().is_some_and(|(_, id)| id == moved.id)
                    && (before + 1..=moved.after.get()).contains(&it.generation)
            });
            let [ours, theirs] =
                [true, false].map(|of| changes.clone().any(|it| it.is_ours() == of));
            theirs && !ours && !self.may_arrive(&moved.id, millis(moved.since))
        });
        let message = |id: &String| format!("what others did to {id} is taken for ours");
        theirs.map(|it| ("others-are-seen", message(&it.id))).collect()
    }

    /// Whether something of ours may have been on its way to a resource after a moment, by the wall clock.
    fn may_arrive(&self, resource: &str, since: i64) -> bool {
        self.book.entries.values().any(|entry| {
            let mut slots = (0..entry.plan.steps.len()).filter_map(|it| slot_at(entry, it));
            let sets = slots.any(|it| it.resource().is_some_and(|(_, id)| id == resource));
            sets && (entry.status.is_live() || entry.updated + LINGERS >= since)
        })
    }

    fn blamed_at_end(&self, id: ExecutionId) -> Told {
        let Some(entry) = self.book.entries.get(&id) else { return Told::new() };
        let slots: Vec<_> =
            (0..entry.plan.steps.len()).filter_map(|it| slot_at(entry, it)).collect();
        let theirs = |it: &Effect| {
            slots.contains(&it.slot) && it.at >= entry.begun && (!it.is_ours() || it.jumped)
        };
        if self.effects.iter().any(theirs) {
            return Told::new();
        }
        vec![("others-are-others", format!("{id} ended for others who did nothing"))]
    }
}

fn slot_at(entry: &Entry, place: usize) -> Option<Slot> {
    entry.plan.steps.get(place).and_then(|step| slot(&step.action))
}

/// What the steps before a place have set, and would be taken back.
fn standing(entry: &Entry, place: usize) -> Vec<Slot> {
    let steps = entry.plan.steps.iter().zip(entry.status.steps()).take(place);
    let applied = steps.filter(|(step, status)| {
        **status == StepStatus::Applied && step.undo != UndoClass::Irreversible
    });
    applied.filter_map(|(step, _)| slot(&step.action)).collect()
}
