//! Carries out moves: reads, checks, writes the intent down, sends, writes the answer down.

use std::{collections::BTreeSet, sync::Arc};

use mapek_model::{
    Action, Captured, Execution, ExecutionEvent, ExecutionId, IdempotencyKey, Observation, Phase,
    Precondition, StepIndex, StepStatus, Timestamp, UndoClass, UndoReason, Way, since,
};
use serde_json::{Value, json};

use super::{
    Rest,
    moves::{Move, Scene, give_up},
    needs_operator, nth,
};
use crate::{
    Control, Decision, EffectError, Effector, Error, Presence, Repeat, Sending, judge::explained,
    ledger::Tracked,
};

/// Longest chain of moves in one advance: each step once either way, and what only the journal hears. A plan has at most as
/// many steps as people can read; a longer chain is a defect, and stops instead of spinning.
const MOVES_MAX: usize = 1024;

/// One execution's turn in one advance.
pub(super) struct Act<'a> {
    control: &'a Control,
    effector: Option<&'a Arc<dyn Effector>>,
    id: ExecutionId,
    observation: &'a Observation,
    now: Timestamp,
    /// What was sent in this advance: each step once, either way.
    tried: BTreeSet<(StepIndex, Way)>,
    events: Vec<ExecutionEvent>,
}

/// How a move ended: go on with the next one, or rest.
type Turn = Result<(), Rest>;

impl<'a> Act<'a> {
    pub(super) fn new(
        control: &'a Control,
        effector: Option<&'a Arc<dyn Effector>>,
        id: ExecutionId,
        observation: &'a Observation,
        now: Timestamp,
    ) -> Self {
        let (tried, events) = (BTreeSet::new(), Vec::new());
        Self { control, effector, id, observation, now, tried, events }
    }

    pub(super) fn into_events(self) -> Vec<ExecutionEvent> {
        self.events
    }

    pub(super) async fn run(&mut self) -> Rest {
        for _ in 0..MOVES_MAX {
            if let Err(rest) = self.turn().await {
                return rest;
            }
        }
        self.rest("it makes no progress")
    }

    async fn turn(&mut self) -> Turn {
        let Some(tracked) = self.control.tracked(self.id) else {
            return Err(self.rest("it is not known any more"));
        };
        let next = self.next(&tracked);
        match next {
            Move::Done => Err(self.rest("it has ended")),
            Move::Wait { until, why } => Err(Rest { until, ..self.rest(why) }),
            Move::Note(event) => self.note(event),
            Move::Do(step) => self.do_step(&tracked, step).await,
            Move::Undo(step) => self.undo_step(&tracked, step).await,
            Move::Settle(step, Way::Do) => self.settle_do(&tracked, step).await,
            Move::Settle(step, Way::Undo) => self.settle_undo(&tracked, step).await,
        }
    }

    fn next(&self, tracked: &Tracked) -> Move {
        let expected = self.control.expected_of(&tracked.execution);
        let scene = Scene {
            tracked,
            config: self.control.config(),
            observation: self.observation,
            expected: &expected,
            now: self.now,
        };
        scene.next()
    }

    // --- forward ---

    async fn do_step(&mut self, tracked: &Tracked, step: StepIndex) -> Turn {
        self.once(step, Way::Do)?;
        let execution = &tracked.execution;
        if let Err(reason) = self.still_valid(tracked, step) {
            return self.give_up(execution, step, &reason);
        }
        // Asked here to spare the managed system reads that lead nowhere; what counts is the answer before sending.
        self.permitted(tracked)?;
        let (effector, action) = (self.effector()?, action_of(execution, step)?);
        let captured = match effector.capture(action).await {
            Ok(state) => Captured { at: self.now, state },
            Err(error) => return self.unready(execution, step, &error, "reading its state"),
        };
        if let Err(error) = effector.rehearse(action, &captured).await {
            return self.unready(execution, step, &error, "checking it");
        }
        self.send(tracked, step, Some(captured)).await
    }

    /// Writes the intent down, durable, then sends, then writes the answer down.
    async fn send(
        &mut self,
        tracked: &Tracked,
        step: StepIndex,
        captured: Option<Captured>,
    ) -> Turn {
        let execution = &tracked.execution;
        let (effector, action) = (self.effector()?, action_of(execution, step)?);
        if tracked.suspect
            && effector.repeat(&action.kind(), Way::Do) == Some(Repeat::NonRepeatable)
        {
            let reason = format!(
                "a damaged record may hide that step {nth} was sent already, and it cannot be repeated",
                nth = nth(step)
            );
            return self.note(needs_operator(reason));
        }
        let kept = captured.clone().or_else(|| execution.captured.get(&step).cloned());
        let Some(state) = kept else {
            return self.note(needs_operator(format!(
                "nothing was captured before step {nth}",
                nth = nth(step)
            )));
        };
        self.permitted_and_intended(tracked, step, captured)?;
        let sending = self.sending(execution, step, Way::Do);
        let answer = effector.apply(action, &state, &sending).await;
        self.note(answered(step, Way::Do, answer))
    }

    /// The last look at the rails and the intent, with nothing in between.
    fn permitted_and_intended(
        &mut self,
        tracked: &Tracked,
        step: StepIndex,
        captured: Option<Captured>,
    ) -> Turn {
        self.permitted(tracked)?;
        self.intend(&tracked.execution, step, Way::Do, captured)
    }

    fn permitted(&self, tracked: &Tracked) -> Turn {
        let execution = &tracked.execution;
        let ledger = self.control.ledger();
        let decision = self.control.decide_in(
            &ledger,
            &execution.plan,
            Some(execution),
            &tracked.approvers,
            self.observation,
            self.now,
        );
        if decision == Decision::Run {
            return Ok(());
        }
        let why = format!("the rails hold it back: {decision}");
        Err(Rest { held_back: Some(decision), ..self.rest(why) })
    }

    /// What was true when the plan was made is looked at again each time that a step is sent.
    fn still_valid(&self, tracked: &Tracked, step: StepIndex) -> Result<(), String> {
        let execution = &tracked.execution;
        if execution.plan.is_expired(self.now) {
            return Err(format!("the plan expired at {}", execution.plan.expires));
        }
        if execution.plan.hash() != tracked.hash {
            return Err("the plan is not the one that began".to_owned());
        }
        let index = usize::from(step.0);
        let conditions = execution.plan.steps.get(index).map(|step| step.preconditions.as_slice());
        conditions
            .unwrap_or_default()
            .iter()
            .try_for_each(|condition| holds(condition, execution, self.observation))
    }

    /// A step that cannot be read or checked: later, or not at all.
    fn unready(
        &mut self,
        execution: &Execution,
        step: StepIndex,
        error: &EffectError,
        doing: &str,
    ) -> Turn {
        if error.is_transient() {
            Err(self.rest(format!("{doing} before step {nth}: {error}", nth = nth(step))))
        } else {
            self.give_up(execution, step, &error.to_string())
        }
    }

    fn give_up(&mut self, execution: &Execution, step: StepIndex, reason: &str) -> Turn {
        self.note(give_up(execution, self.control.config(), step, reason))
    }

    /// It was sent, or may have been: look before anything else.
    async fn settle_do(&mut self, tracked: &Tracked, step: StepIndex) -> Turn {
        self.read_once(step, Way::Do)?;
        let execution = &tracked.execution;
        let (effector, action) = (self.effector()?, action_of(execution, step)?);
        let Some(captured) = execution.captured.get(&step) else {
            return self.note(needs_operator(format!(
                "nothing was captured before step {nth}",
                nth = nth(step)
            )));
        };
        let receipt = receipt_of(execution, step);
        let repeat = effector.repeat(&action.kind(), Way::Do).unwrap_or(Repeat::NonRepeatable);
        match effector.read_back(action, Way::Do, captured, &receipt).await {
            Ok(Presence::Applied { receipt }) => {
                self.note(ExecutionEvent::Applied { step, way: Way::Do, receipt })
            }
            Ok(Presence::NotApplied) => self.note(ExecutionEvent::Refused {
                step,
                way: Way::Do,
                reason: "read back: it did not take effect".to_owned(),
                // What cannot be repeated may still be on its way, and is not sent a second time.
                transient: repeat != Repeat::NonRepeatable,
            }),
            Ok(Presence::Unknown { reason }) => {
                self.resend_or_stop(tracked, step, repeat, &reason).await
            }
            Err(error) => self.parked(execution, step, &error),
        }
    }

    async fn resend_or_stop(
        &mut self,
        tracked: &Tracked,
        step: StepIndex,
        repeat: Repeat,
        reason: &str,
    ) -> Turn {
        let execution = &tracked.execution;
        if repeat == Repeat::NonRepeatable {
            let why =
                format!("it cannot be known whether step {nth} ran: {reason}", nth = nth(step));
            return self.note(needs_operator(why));
        }
        if execution.attempts > self.control.config().max_retries {
            return self.give_up(execution, step, reason);
        }
        if let Err(reason) = self.still_valid(tracked, step) {
            return self.give_up(execution, step, &reason);
        }
        self.once(step, Way::Do)?;
        self.send(tracked, step, None).await
    }

    // --- back ---

    async fn undo_step(&mut self, tracked: &Tracked, step: StepIndex) -> Turn {
        self.once(step, Way::Undo)?;
        let execution = &tracked.execution;
        self.may_undo(execution)?;
        let status = execution.status.steps().get(usize::from(step.0)).copied();
        let unsure = matches!(status, Some(StepStatus::Intended | StepStatus::Unclear));
        if undo_class(execution, step) == UndoClass::Irreversible {
            if unsure {
                let why = format!(
                    "it cannot be known whether step {nth} ran, nor can it be undone",
                    nth = nth(step)
                );
                return self.note(needs_operator(why));
            }
            return self.nothing_to_undo(execution, step, "it cannot be undone and stays");
        }
        let Some(captured) = execution.captured.get(&step).cloned() else {
            return self.note(needs_operator(format!(
                "nothing was captured before step {nth}",
                nth = nth(step)
            )));
        };
        let (effector, action) = (self.effector()?, action_of(execution, step)?);
        // Reading first parks the undo while the managed system is away, without using up attempts.
        let look = if unsure { Way::Do } else { Way::Undo };
        let known = receipt_of(execution, step);
        let receipt = match effector.read_back(action, look, &captured, &known).await {
            Ok(Presence::NotApplied) if unsure => {
                return self.nothing_to_undo(execution, step, "it never took effect");
            }
            Ok(Presence::Applied { .. }) if !unsure => {
                return self.nothing_to_undo(execution, step, "it is undone already");
            }
            Ok(Presence::Applied { receipt }) => receipt,
            Ok(Presence::NotApplied | Presence::Unknown { .. }) => known,
            Err(error) => return self.parked(execution, step, &error),
        };
        self.send_undo(execution, step, &captured, &receipt).await
    }

    async fn send_undo(
        &mut self,
        execution: &Execution,
        step: StepIndex,
        captured: &Captured,
        receipt: &Value,
    ) -> Turn {
        let (effector, action) = (self.effector()?, action_of(execution, step)?);
        self.may_undo(execution)?;
        self.intend(execution, step, Way::Undo, None)?;
        let sending = self.sending(execution, step, Way::Undo);
        let answer = effector.undo(action, captured, receipt, &sending).await;
        if answer.is_ok()
            && effector.read_back(action, Way::Undo, captured, receipt).await
                == Ok(Presence::NotApplied)
        {
            let error = EffectError::transient("it was answered, but read back it is not undone");
            return self.note(answered(step, Way::Undo, Err(error)));
        }
        self.note(answered(step, Way::Undo, answer))
    }

    fn nothing_to_undo(&mut self, execution: &Execution, step: StepIndex, note: &str) -> Turn {
        self.intend(execution, step, Way::Undo, None)?;
        let receipt = json!({ "nothing_sent": note });
        self.note(ExecutionEvent::Applied { step, way: Way::Undo, receipt })
    }

    async fn settle_undo(&mut self, tracked: &Tracked, step: StepIndex) -> Turn {
        self.read_once(step, Way::Undo)?;
        let execution = &tracked.execution;
        let (effector, action) = (self.effector()?, action_of(execution, step)?);
        let Some(captured) = execution.captured.get(&step).cloned() else {
            return self.note(needs_operator(format!(
                "nothing was captured before step {nth}",
                nth = nth(step)
            )));
        };
        let receipt = receipt_of(execution, step);
        match effector.read_back(action, Way::Undo, &captured, &receipt).await {
            Ok(Presence::Applied { receipt }) => {
                self.note(ExecutionEvent::Applied { step, way: Way::Undo, receipt })
            }
            Ok(Presence::NotApplied) => self.note(ExecutionEvent::Refused {
                step,
                way: Way::Undo,
                reason: "read back: it is not undone".to_owned(),
                transient: true,
            }),
            Ok(Presence::Unknown { reason }) => {
                let repeat = effector.repeat(&action.kind(), Way::Undo);
                let may_resend = repeat.is_some_and(|it| it != Repeat::NonRepeatable)
                    && execution.attempts <= self.control.config().max_retries;
                if !may_resend {
                    let why = format!(
                        "it cannot be known whether step {nth} is undone: {reason}",
                        nth = nth(step)
                    );
                    return self.note(needs_operator(why));
                }
                self.once(step, Way::Undo)?;
                self.send_undo(execution, step, &captured, &receipt).await
            }
            Err(error) => self.parked(execution, step, &error),
        }
    }

    /// While the loop is paused nothing is undone by itself; a person who asks for it has thought of that.
    fn may_undo(&self, execution: &Execution) -> Turn {
        let by_person =
            matches!(execution.status.phase(), Phase::Undoing { why: UndoReason::Person, .. });
        match self.control.paused() {
            Some(paused) if !by_person => Err(self.rest(paused.to_string())),
            _ => Ok(()),
        }
    }

    // --- both ways ---

    /// The managed system cannot be read: later, but not for ever.
    fn parked(&mut self, execution: &Execution, step: StepIndex, error: &EffectError) -> Turn {
        let waited = since(self.now, execution.updated);
        if !error.is_transient() || waited >= self.control.config().park_max {
            return self.note(needs_operator(format!(
                "step {nth} cannot be read back: {error}",
                nth = nth(step)
            )));
        }
        Err(self.rest(format!("step {nth} is to be read back: {error}", nth = nth(step))))
    }

    fn intend(
        &mut self,
        execution: &Execution,
        step: StepIndex,
        way: Way,
        captured: Option<Captured>,
    ) -> Turn {
        let key = IdempotencyKey::of(self.id, step, way);
        let attempt = execution.attempts.saturating_add(1);
        self.note(ExecutionEvent::Intended { step, way, attempt, key, captured })
    }

    fn sending(&self, execution: &Execution, step: StepIndex, way: Way) -> Sending {
        Sending {
            key: IdempotencyKey::of(self.id, step, way),
            epoch: self.control.epoch(),
            decided: execution.started,
        }
    }

    /// Writes an event down. If that fails, nothing that follows from it may be done.
    fn note(&mut self, event: ExecutionEvent) -> Turn {
        match self.control.ledger().happen(self.id, self.now, event.clone()) {
            Ok(()) => {
                self.events.push(event);
                Ok(())
            }
            // A person rolled it back while the answer was on its way: the undo reads back what came of it.
            Err(Error::Illegal { source }) => Err(self.rest(format!("it was overtaken: {source}"))),
            Err(error) => {
                tracing::error!(execution = %self.id, %error, "an event cannot be written down");
                let source = std::error::Error::source(&error).map(ToString::to_string);
                let source = source.unwrap_or_default();
                Err(self.rest(format!("the journal failed: {error}: {source}")))
            }
        }
    }

    /// One attempt for each step in one advance.
    fn once(&mut self, step: StepIndex, way: Way) -> Turn {
        if self.tried.insert((step, way)) {
            Ok(())
        } else {
            Err(self.rest(format!("step {nth} was tried in this cycle", nth = nth(step))))
        }
    }

    /// What was sent in this advance is read back in the next: it may still be at work.
    fn read_once(&self, step: StepIndex, way: Way) -> Turn {
        if self.tried.contains(&(step, way)) {
            Err(self.rest(format!("step {nth} is read back in the next cycle", nth = nth(step))))
        } else {
            Ok(())
        }
    }

    fn effector(&self) -> Result<&'a Arc<dyn Effector>, Rest> {
        self.effector.ok_or_else(|| self.rest("its target has no effector"))
    }

    /// Looked at again in the next cycle.
    fn rest(&self, why: impl Into<String>) -> Rest {
        Rest { until: self.now, why: why.into(), held_back: None }
    }
}

fn action_of(execution: &Execution, step: StepIndex) -> Result<&Action, Rest> {
    let found = execution.plan.steps.get(usize::from(step.0)).map(|step| &step.action);
    // Its status has as many steps as the plan: one that is next is there.
    found.ok_or_else(|| Rest {
        until: execution.updated,
        why: format!("step {nth} is not in the plan", nth = nth(step)),
        held_back: None,
    })
}

fn undo_class(execution: &Execution, step: StepIndex) -> UndoClass {
    let found = execution.plan.steps.get(usize::from(step.0));
    found.map_or(UndoClass::Irreversible, |step| step.undo)
}

fn receipt_of(execution: &Execution, step: StepIndex) -> Value {
    execution.receipts.get(&step).cloned().unwrap_or(Value::Null)
}

fn answered(step: StepIndex, way: Way, answer: Result<Value, EffectError>) -> ExecutionEvent {
    match answer {
        Ok(receipt) => ExecutionEvent::Applied { step, way, receipt },
        Err(EffectError::Refused { reason, transient }) => {
            ExecutionEvent::Refused { step, way, reason, transient }
        }
        Err(EffectError::Unclear { reason }) => ExecutionEvent::Unclear { step, way, reason },
    }
}

/// Whether a precondition holds; a resource that was not observed is not known to be as it should.
fn holds(
    condition: &Precondition,
    execution: &Execution,
    observation: &Observation,
) -> Result<(), String> {
    let find = |kind: &str, id: &str| {
        observation
            .resources_of(kind)
            .find(|resource| resource.id == id)
            .ok_or_else(|| format!("{kind} {id} was not observed"))
    };
    match condition {
        Precondition::CausePresent => {
            let explained = explained(execution);
            let present = observation.open.iter().any(|it| explained.contains(&it.fingerprint()));
            present.then_some(()).ok_or_else(|| "nothing that the plan explains is open".to_owned())
        }
        Precondition::Unchanged { kind, id, generation } => {
            let found = find(kind, id)?.generation;
            if found == Some(*generation) {
                return Ok(());
            }
            let found = found.map_or_else(|| "unknown".to_owned(), |it| it.to_string());
            Err(format!("{kind} {id} has changed: generation {found}, not {generation}"))
        }
        Precondition::Within { kind, id, attribute, min, max } => {
            let found = find(kind, id)?.count(attribute);
            if found.is_some_and(|value| (*min..=*max).contains(&value)) {
                return Ok(());
            }
            let found = found.map_or_else(|| "unknown".to_owned(), |it| it.to_string());
            Err(format!("{attribute} of {kind} {id} is {found}, not within {min} and {max}"))
        }
        other => Err(format!("{other:?} cannot be checked")),
    }
}
