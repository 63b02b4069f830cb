//! The way to the managed system: calls that are refused, lost, late, doubled, or that the process does not outlive.

use std::sync::Arc;

use async_trait::async_trait;
use mapek_execute::{EffectError, Effector, Presence, Repeat, Sending};
use mapek_model::{Action, ActionKind, Captured, Duration, Way};
use serde_json::{Value, json};

use crate::{
    bug::Bug,
    people,
    plant::{Slot, repeat, slot},
    script::{Event, Weather},
    world::{Call, Inner, ProcessId, World},
};

/// How long a process waits for an answer.
const TIMEOUT: i64 = 5_000;

/// How long a call may be on its way: less than [`settle`](mapek_execute::Config::settle), as a server that has the
/// request by then has answered it or dropped it.
const FLIGHT_MAX: i64 = 29_000;

/// Does steps on the plant, through a network that is no better than others.
#[derive(Debug)]
pub(crate) struct Hands {
    pub(crate) world: Arc<World>,
    pub(crate) process: ProcessId,
}

impl Hands {
    /// Something that only reads. Things happen while it waits.
    async fn read<T>(
        &self,
        what: &str,
        read: impl FnOnce(&mut Inner) -> T + Send,
    ) -> Result<T, EffectError> {
        let (wait, fails, (person, pauses)) = {
            let mut inner = self.world.lock();
            let rates = inner.script.rates.clone();
            let calm = inner.calm;
            let net = &mut inner.streams.net;
            let (slow, fails) = (net.chance(rates.slow), net.chance(rates.element));
            let (wait, overlaps) = (net.between(1, 3_000), net.chance(rates.call_overlap));
            let stays = net.between(1_000, 60_000);
            let person = net.chance(rates.person) && !calm;
            let reads = &mut inner.life(self.process).reads;
            *reads += 1;
            let later = *reads > 1;
            let moments = &mut inner.streams.moments;
            let fails = fails || (moments.chance(rates.flicker) && later);
            let pauses = moments.chance(rates.pause) && !calm;
            if overlaps && !calm && !inner.is_dead(self.process) {
                inner.after(0, Event::Overlap(stays));
            }
            let wait = if (slow || overlaps) && !calm { wait } else { 0 };
            let fails = (fails || inner.has(Weather::ElementDown)) && !calm;
            (wait, fails, (person, pauses))
        };
        self.world.sleep(self.process, wait).await;
        if person {
            people::act(&self.world, self.process);
        }
        if pauses {
            people::pause(&self.world, self.process);
        }
        let mut inner = self.world.lock();
        let process = self.process;
        inner.tell(format_args!("p{process} {what}{}", if fails { ": away" } else { "" }));
        if fails { Err(EffectError::transient("it does not answer")) } else { Ok(read(&mut inner)) }
    }

    async fn send(
        &self,
        way: Way,
        action: &Action,
        captured: &Captured,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        self.world.sleep(self.process, 0).await;
        let (id, wait) = self.world.lock().send(self.process, way, action, captured, sending);
        self.world.sleep(self.process, wait).await;
        let mut inner = self.world.lock();
        let answer = inner.calls.get(&id).and_then(|call| call.answer.clone());
        let lost = wait >= TIMEOUT;
        let answer = answer.filter(|_| !lost).unwrap_or_else(|| {
            Err(match inner.bug {
                Some(Bug::TimeoutAsRefusal) => EffectError::transient("timeout"),
                _ => EffectError::unclear("timeout"),
            })
        });
        let process = self.process;
        inner.tell(format_args!("p{process} call {id} answers {answer:?}"));
        answer
    }
}

impl Inner {
    /// A call leaves; answers its number, and how long the caller waits for the answer.
    fn send(
        &mut self,
        process: ProcessId,
        way: Way,
        action: &Action,
        captured: &Captured,
        sending: &Sending,
    ) -> (u64, i64) {
        let id = self.calls.len() as u64 + 1;
        let mut key = sending.key.to_string();
        if self.bug == Some(Bug::FreshKeys) {
            key = format!("{id}-{key}");
        }
        self.tell(format_args!(
            "p{process} sends {id}: {way} {action} e{} {}",
            sending.epoch,
            &key[..8]
        ));
        self.look_at_sending(process, way, action, &key, sending);
        let state = captured.state.as_i64().unwrap_or_default();
        let wrong = self.bug == Some(Bug::WrongUndo) && way == Way::Undo;
        let call = Call {
            way,
            action: action.clone(),
            captured: if wrong { state + 1 } else { state },
            key,
            epoch: sending.epoch,
            sent: self.now,
            jumped: false,
            answer: None,
        };
        self.calls.insert(id, call);
        let wait = self.travel(process, id, action);
        self.strike(slot(action));
        (id, wait)
    }

    /// What becomes of a call; answers how long the caller waits.
    fn travel(&mut self, process: ProcessId, id: u64, action: &Action) -> i64 {
        let mut rates = self.script.rates.clone();
        if self.has(Weather::NetBad) {
            rates.drop = rates.drop.max(0.3);
            rates.late = rates.late.max(0.3);
        }
        let calm = self.calm;
        let net = &mut self.streams.net;
        let mut drawn = |rate: f64| net.chance(rate) && !calm;
        let (refused, dropped, lost) = (drawn(rates.refuse), drawn(rates.drop), drawn(rates.lose));
        let (late, slow, doubled) = (drawn(rates.late), drawn(rates.slow), drawn(rates.double));
        let (dies, for_good) = (drawn(rates.call_crash), drawn(0.3));
        let (long, short) = (net.between(1, FLIGHT_MAX), net.between(1, 4_000));
        let (back, again) = (net.between(0, 2_000), net.between(1, FLIGHT_MAX));
        let (dies_after, overlaps) = (net.between(0, 2_000), net.chance(rates.call_overlap));
        if dies {
            self.after(dies_after, Event::Kill(process));
        } else if overlaps && slow {
            self.after(1, Event::Overlap(short));
        }
        if refused {
            let error = EffectError::Refused { reason: "busy".to_owned(), transient: !for_good };
            if let Some(call) = self.calls.get_mut(&id) {
                call.answer = Some(Err(error));
            }
            return 0;
        }
        if dropped {
            return TIMEOUT;
        }
        // What is late is often as late as it can be.
        let latest = self.streams.moments.chance(0.4);
        let there = if self.is_forestalled(id, calm) || (late && latest) {
            FLIGHT_MAX
        } else if late {
            long
        } else if slow || dies {
            short
        } else {
            0
        };
        if there == 0 {
            self.arrive(id)
        } else {
            self.after(there, Event::Arrival(id))
        }
        let keyed = repeat(&action.kind(), self.script.keyed_configuration) == Some(Repeat::Keyed);
        if doubled && keyed {
            self.after(again, Event::Arrival(id));
        }
        let back = if slow { back } else { 0 };
        if lost { TIMEOUT } else { (there + back).min(TIMEOUT) }
    }

    /// Faults strike right behind a call: then there is most to be mistaken about.
    fn strike(&mut self, slot: Option<Slot>) {
        let (rate, left) = (self.script.rates.moment, self.script.calm_at - self.now);
        let draw = &mut self.streams.moments;
        let (strikes, count) = (draw.chance(rate), draw.between(1, 2));
        if !strikes || self.calm {
            return;
        }
        let mut events = Vec::new();
        for _ in 0..count {
            let (at, lasts) = (draw.between(0, 15_000), draw.between(1_000, 90_000));
            let (at, sometimes) = (if draw.chance(0.3) { 0 } else { at }, draw.chance(0.5));
            let back = *draw.pick(&[-3_600_000, -300_000, -60_000, -60_000]);
            let down = |begins| Event::Weather(Weather::ElementDown, begins);
            let (first, then) = match draw.between(0, 7) {
                0 | 1 => (Event::Jump(back), sometimes.then_some((lasts, Event::Jump(-back)))),
                2 | 3 => (down(true), Some((lasts, down(false)))),
                // The clock goes back while nobody runs.
                4 => (Event::Crash, sometimes.then_some((400, Event::Jump(back)))),
                5 => (Event::Overlap(lasts), None),
                // What is taken back may still arrive; and later others come.
                _ => (Event::RollsBack, slot.map(|slot| (lasts + 60_000, Event::Meddles(slot)))),
            };
            events.extend(then.map(|(after, then)| (at + after, then)));
            events.push((at, first));
        }
        // In the calm nothing goes wrong any more.
        for (wait, event) in events.into_iter().filter(|(wait, _)| *wait < left) {
            self.after(wait, event);
        }
    }

    /// Whether somebody sets the same while a call is on its way, which then takes its time.
    fn is_forestalled(&mut self, id: u64, calm: bool) -> bool {
        let (rate, moments) = (self.script.rates.same, &mut self.streams.moments);
        let (same, wait) = (moments.chance(rate) && !calm, moments.between(0, TIMEOUT));
        let Some(call) = self.calls.get(&id).filter(|it| same && it.way == Way::Do) else {
            return false;
        };
        // What depends on what was there does not do the same any more.
        let absolute = |slot: &Slot| !matches!(slot, Slot::Restarts | Slot::Policy);
        let Some(slot) = slot(&call.action).filter(absolute) else { return false };
        let done = self.plant.clone().change(&call.action, call.way, call.captured);
        let set = done.map(|(_, after)| Event::SetsBack(slot, after));
        set.into_iter().for_each(|set| self.after(wait, set));
        true
    }

    /// A call arrives.
    pub(crate) fn arrive(&mut self, id: u64) {
        let Some(call) = self.calls.get(&id).cloned() else { return };
        if self.script.fences && call.epoch < self.highest {
            self.tell(format_args!("call {id} is fenced off"));
            let refused = EffectError::refused("a newer epoch has begun");
            return self.answer(id, Err(refused));
        }
        self.highest = self.highest.max(call.epoch);
        let keyed = repeat(&call.action.kind(), self.script.keyed_configuration);
        let oldest = self.now - self.script.keys_kept;
        self.keys.retain(|_, (since, _)| *since > oldest);
        if keyed == Some(Repeat::Keyed)
            && let Some((_, known)) = self.keys.get(&call.key).cloned()
        {
            self.tell(format_args!("call {id} is known"));
            return self.answer(id, Ok(known));
        }
        let Some((before, after)) = self.plant.change(&call.action, call.way, call.captured) else {
            return self.answer(id, Err(EffectError::refused("unknown")));
        };
        let receipt = json!({ "now": after });
        let now = self.now;
        self.keys.insert(call.key.clone(), (now, receipt.clone()));
        self.tell(format_args!(
            "call {id} takes effect: {} {before} -> {after}",
            call.action.kind()
        ));
        let generation = slot(&call.action).map_or(0, |slot| self.plant.generation(slot));
        self.check.effect(&call, (before, after), generation, now);
        self.answer(id, Ok(receipt));
        self.others_answer(&call, before, after);
    }

    /// What others do about it.
    fn others_answer(&mut self, call: &Call, before: i64, after: i64) {
        let Some(slot) = slot(&call.action) else { return };
        let (share, rival) = (self.script.others.after_effect, self.script.others.rival);
        let draw = &mut self.streams.others;
        let (meddles, wait) = (draw.chance(share), draw.between(100, 90_000));
        if rival == Some(slot) && before != after {
            self.after(wait / 2, Event::SetsBack(slot, before));
        } else if meddles {
            self.after(wait, Event::Meddles(slot));
        }
    }

    fn answer(&mut self, id: u64, answer: Result<Value, EffectError>) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.answer.get_or_insert(answer);
        }
    }

    /// What the invariants say to a call that leaves.
    fn look_at_sending(
        &mut self,
        process: ProcessId,
        way: Way,
        action: &Action,
        key: &str,
        sending: &Sending,
    ) {
        let (doubts, breach, (began, wall)) = {
            let life = self.life(process);
            (life.doubts.clone(), life.breach, (life.began, life.began_wall))
        };
        let now = self.now;
        self.check.sending(now, way, action, key, sending.epoch);
        // What cannot be told by looking nobody can respect.
        if !self.has(Weather::Blind) && self.blind_until < began {
            self.check.others(now, way, key, began, &self.plant);
        }
        if way == Way::Do {
            self.check.evidence(now, key, &doubts, breach);
            self.check.in_time(now, key, wall);
        }
    }
}

#[async_trait]
impl Effector for Hands {
    fn repeat(&self, kind: &ActionKind, way: Way) -> Option<Repeat> {
        let inner = self.world.lock();
        let repeat = repeat(kind, inner.script.keyed_configuration);
        match repeat {
            Some(Repeat::NonRepeatable)
                if inner.bug == Some(Bug::LiesAboutRepeat) && way == Way::Do =>
            {
                Some(Repeat::AbsoluteSet)
            }
            other => other,
        }
    }

    fn remembers_keys(&self) -> Option<Duration> {
        let inner = self.world.lock();
        Some(Duration::from_millis(inner.script.keys_kept.unsigned_abs()))
    }

    fn resource(&self, action: &Action) -> Option<String> {
        match action {
            Action::ScaleUp { .. } | Action::ScaleDown { .. } => Some("workers".to_owned()),
            Action::RollbackPolicy { policy, .. } => Some(policy.clone()),
            _ => None,
        }
    }

    async fn capture(&self, action: &Action) -> Result<Value, EffectError> {
        let slot = slot(action).ok_or_else(|| EffectError::refused("unknown"))?;
        self.read("captures", |inner| {
            let share = inner.script.others.after_capture;
            let draw = &mut inner.streams.others;
            let (meddles, wait) = (draw.chance(share), draw.between(0, 4_000));
            if meddles {
                inner.after(wait, Event::Meddles(slot));
            }
            json!(inner.plant.get(slot))
        })
        .await
    }

    async fn rehearse(&self, _: &Action, _: Way, _: &Captured) -> Result<(), EffectError> {
        self.read("rehearses", |_| ()).await
    }

    async fn apply(
        &self,
        action: &Action,
        captured: &Captured,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        self.send(Way::Do, action, captured, sending).await
    }

    async fn undo(
        &self,
        action: &Action,
        captured: &Captured,
        _: &Value,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        self.send(Way::Undo, action, captured, sending).await
    }

    async fn read_back(
        &self,
        action: &Action,
        way: Way,
        captured: &Captured,
        _: &Value,
    ) -> Result<Presence, EffectError> {
        let captured = captured.state.as_i64().unwrap_or_default();
        let restarts = slot(action) == Some(Slot::Restarts);
        self.read("reads back", |inner| {
            let blind = inner.has(Weather::Blind) || (restarts && inner.script.blind_restarts);
            let presence = inner.plant.presence(action, way, captured);
            let theirs = slot(action).is_some_and(|slot| inner.plant.is_theirs(slot));
            if inner.bug == Some(Bug::BlindToOthers) && way == Way::Do && theirs {
                return Presence::Applied { receipt: Value::Null };
            }
            if blind {
                Presence::Unknown { reason: "nothing shows it".to_owned() }
            } else {
                presence
            }
        })
        .await
    }
}
