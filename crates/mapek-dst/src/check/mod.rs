//! The invariants: what must hold whatever goes wrong.
//!
//! They look at three things that do not know of each other: the bytes that the disk has made durable, the calls that
//! leave a process with the effects that they have, and what a process was told before. How the loop came to do
//! something they do not ask; what the journal means they work out by themselves.

mod book;
mod ends;
mod others;

use std::collections::{BTreeMap, BTreeSet};

use mapek_execute::{ExecutionMode, Profile};
use mapek_model::{Action, ActionKind, Epoch, ExecutionId, Phase, StepIndex, UndoReason, Way};

use crate::{script::Script, world::Call};

pub(crate) use book::{Book, Entry};

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// When, in milliseconds from the beginning of the run.
    pub at: i64,
    /// The name of the invariant.
    pub invariant: &'static str,
    /// What was seen.
    pub message: String,
}

/// Most violations that one run tells: the first is what counts.
const VIOLATIONS_MAX: usize = 20;

/// One effect on the managed system.
#[derive(Debug, Clone)]
pub(crate) struct Effect {
    pub(crate) at: i64,
    pub(crate) execution: Option<(ExecutionId, StepIndex)>,
    pub(crate) way: Way,
    pub(crate) kind: ActionKind,
    pub(crate) slot: crate::plant::Slot,
    pub(crate) before: i64,
    pub(crate) after: i64,
    /// Of its slot, behind it.
    pub(crate) generation: u64,
    /// Whether the clock jumped while it was on its way: how long that was nobody could know.
    pub(crate) jumped: bool,
}

impl Effect {
    /// Whether a call of ours had it.
    pub(crate) const fn is_ours(&self) -> bool {
        self.execution.is_some()
    }
}

/// What was agreed with people, which the loop may not exceed.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) profile: Profile,
    pub(crate) mode: ExecutionMode,
    pub(crate) plans_per_hour: usize,
    pub(crate) actions_per_hour: usize,
    pub(crate) cooldown_ms: i64,
}

/// Looks at everything and remembers what it needs.
#[derive(Debug)]
pub(crate) struct Checker {
    pub(crate) limits: Limits,
    pub(crate) book: Book,
    pub(crate) effects: Vec<Effect>,
    /// The highest epoch that the disk has.
    pub(crate) epoch: Epoch,
    /// Whether the pause file is there.
    pub(crate) pause_file: bool,
    /// Records that are on the disk by half.
    pub(crate) torn: u64,
    pub(crate) violations: Vec<Violation>,
    pub(crate) sent: u64,
}

impl Checker {
    pub(crate) fn new(script: &Script) -> Self {
        Self {
            limits: Limits {
                profile: script.profile,
                mode: script.mode,
                plans_per_hour: script.plans_per_hour as usize,
                actions_per_hour: script.actions_per_hour as usize,
                cooldown_ms: i64::try_from(script.cooldown_s).unwrap_or_default() * 1000,
            },
            book: Book::default(),
            effects: Vec::new(),
            epoch: Epoch::default(),
            pause_file: false,
            torn: 0,
            violations: Vec::new(),
            sent: 0,
        }
    }

    pub(crate) fn violated(&mut self, at: i64, invariant: &'static str, message: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(Violation { at, invariant, message });
        }
    }

    /// A record is durable.
    pub(crate) fn durable(&mut self, bytes: &[u8], now: i64, wall: i64) {
        match Book::read(bytes) {
            Ok(record) => {
                let told = self.blames(&record);
                for (invariant, message) in told {
                    self.violated(now, invariant, message);
                }
                let told = self.claims(&record);
                for (invariant, message) in told {
                    self.violated(now, invariant, message);
                }
                let told = self.begins(&record, wall);
                for (invariant, message) in told {
                    self.violated(now, invariant, message);
                }
                let told = self.ends(&record);
                for (invariant, message) in told {
                    self.violated(now, invariant, message);
                }
                self.book.take(record, now);
            }
            Err(why) => self.violated(now, "journal-readable", why),
        }
    }

    /// A call leaves a process.
    pub(crate) fn sending(&mut self, now: i64, way: Way, action: &Action, key: &str, epoch: Epoch) {
        self.sent += 1;
        let what = format!("{way} {action} in epoch {epoch}");
        if epoch != self.epoch {
            let newest = self.epoch;
            self.violated(now, "no-old-epoch", format!("{what} left, the disk has epoch {newest}"));
        }
        let Some((id, step, meant)) = self.book.keys.get(key).copied() else {
            let message = format!("{what} left, and no intent with its key is durable");
            return self.violated(now, "durable-intent", message);
        };
        if meant != way {
            self.violated(now, "durable-intent", format!("{what} left, the intent was to {meant}"));
        }
        let Some(entry) = self.book.entries.get_mut(&id) else { return };
        let place = usize::from(step.0);
        let intended = entry.outstanding.take();
        let (status, phase) = (entry.status.clone(), entry.status.phase().clone());
        if intended != Some((step, way, epoch)) {
            let message = format!(
                "{what} left for step {step} of {id}; the newest durable intent is {intended:?}"
            );
            self.violated(now, "durable-intent", message);
        }
        let by_person = matches!(phase, Phase::Undoing { why: UndoReason::Person, .. });
        if let Some(why) = self.paused()
            && !(way == Way::Undo && by_person)
        {
            self.violated(now, "no-effect-under-pause", format!("{what} left, {why}"));
        }
        let steps = status.steps();
        let in_order = match way {
            Way::Do => steps[..place.min(steps.len())].iter().all(|it| it.is_past()),
            Way::Undo => {
                let release = matches!(phase, Phase::Undoing { why: UndoReason::Release, .. });
                release || steps.iter().skip(place + 1).all(|it| !it.may_have_run())
            }
        };
        if !in_order {
            let message = format!("{what} left for step {step} of {id}, out of turn: {steps:?}");
            self.violated(now, "steps-in-order", message);
        }
    }

    /// A step leaves in a cycle that began at `wall`, by the wall clock.
    pub(crate) fn in_time(&mut self, now: i64, key: &str, wall: i64) {
        let known = self.book.keys.get(key).and_then(|(id, ..)| self.book.entries.get(id));
        if let Some(entry) = known.filter(|it| wall >= it.expires) {
            let message = format!("a step of {} left after its plan had expired", entry.id);
            self.violated(now, "no-expired-plan", message);
        }
    }

    /// What the process had been told when a step left.
    pub(crate) fn evidence(
        &mut self,
        now: i64,
        key: &str,
        doubts: &BTreeSet<String>,
        breach: bool,
    ) {
        if !doubts.is_empty() {
            let message = format!("a step left although {doubts:?}");
            self.violated(now, "no-effect-on-bad-evidence", message);
        }
        let known = self.book.keys.get(key).and_then(|(id, ..)| self.book.entries.get(id));
        if !breach && known.is_some_and(|entry| !entry.applied) {
            let message = "a first step left although nothing was breached".to_owned();
            self.violated(now, "no-effect-without-a-breach", message);
        }
    }

    /// Why nothing may be done.
    pub(crate) fn paused(&self) -> Option<String> {
        if self.pause_file {
            return Some("the pause file is there".to_owned());
        }
        self.book.latch.as_ref().map(|by| format!("{by} has paused it"))
    }

    /// A call takes effect.
    pub(crate) fn effect(
        &mut self,
        call: &Call,
        (before, after): (i64, i64),
        generation: u64,
        now: i64,
    ) {
        let Some(slot) = crate::plant::slot(&call.action) else { return };
        let known = self.book.keys.get(&call.key).copied();
        let kind = call.action.kind();
        self.effects.push(Effect {
            at: now,
            execution: known.map(|(id, step, _)| (id, step)),
            way: call.way,
            kind: kind.clone(),
            slot,
            before,
            after,
            generation,
            jumped: call.jumped,
        });
        let Some((id, step, _)) = known else {
            let message = format!("{kind} took effect, and no durable record explains it");
            return self.violated(now, "effects-accounted-for", message);
        };
        if before == after || call.jumped {
            return;
        }
        self.twice(now, &kind, id, step, call.way);
        let Some(entry) = self.book.entries.get(&id) else { return };
        let late = now - call.sent;
        // Where somebody else wrote meanwhile, what is read back tells nothing of ours for sure.
        let (id, begun) = (entry.id, entry.begun);
        let foreign =
            self.effects.iter().any(|it| it.slot == slot && !it.is_ours() && it.at >= begun);
        let lost = entry.lost.get(&(step, call.way)).is_some_and(|lost| *lost > call.sent);
        if !foreign && (lost || (call.way == Way::Do && !entry.expects(step))) {
            let status = entry.status.to_string();
            let message = format!(
                "step {step} of {id} ({kind}) took effect {late} ms after it was sent; the journal says that it cannot: {status}, {:?}",
                entry.status.steps()
            );
            self.violated(now, "effects-accounted-for", message);
        }
    }

    fn twice(&mut self, now: i64, kind: &ActionKind, id: ExecutionId, step: StepIndex, way: Way) {
        let same = |it: &&Effect| {
            it.execution == Some((id, step)) && it.way == way && it.before != it.after && !it.jumped
        };
        let count = self.effects.iter().filter(same).count();
        let once = matches!(kind, ActionKind::RestartService | ActionKind::RollbackPolicy);
        if once && count > 1 {
            let message =
                format!("{way} of step {step} of {id} ({kind}) took effect {count} times");
            self.violated(now, "no-effect-twice", message);
        }
    }

    /// Who needs an operator, by the journal.
    pub(crate) fn stuck(&self) -> Vec<ExecutionId> {
        let stuck = self.book.entries.values().filter(|it| it.status.needs_operator());
        stuck.map(|entry| entry.id).collect()
    }

    /// Effects of one execution on each slot, in order, with whether somebody else wrote there since it began.
    pub(crate) fn traces(
        &self,
        id: ExecutionId,
    ) -> BTreeMap<crate::plant::Slot, (Vec<&Effect>, bool)> {
        let mut traces = BTreeMap::new();
        let ours = |it: &Effect| it.execution.is_some_and(|(of, _)| of == id);
        let slots: BTreeSet<_> =
            self.effects.iter().filter(|it| ours(it)).map(|it| it.slot).collect();
        let begun = self.book.entries.get(&id).map_or(0, |entry| entry.begun);
        for slot in slots {
            let on = || self.effects.iter().filter(move |it| it.slot == slot);
            let foreign = on().any(|it| !ours(it) && it.at >= begun);
            traces.insert(slot, (on().filter(|it| ours(it)).collect(), foreign));
        }
        traces
    }
}

impl Entry {
    /// Whether the journal allows for an effect of this step now.
    fn expects(&self, step: StepIndex) -> bool {
        use mapek_model::StepStatus as S;
        let place = usize::from(step.0);
        let Some(status) = self.status.steps().get(place) else { return false };
        match self.status.phase() {
            // A person has looked at it, or will.
            Phase::Closed => true,
            Phase::Ended { ending } if *ending == mapek_model::Ending::NeedsOperator => true,
            Phase::Ended { .. } => *status == S::Applied,
            _ => !matches!(status, S::Waiting | S::Skipped | S::Undone),
        }
    }
}
