//! Doing steps: check, capture, intend, send; or find out what became of one that was sent.

use mapek_model::{
    Action, Captured, Execution, ExecutionEvent, Irreversible, Observation, Precondition,
    StepIndex, StepStatus, UndoClass, Way,
};

use tracing::Instrument as _;

use super::{
    super::{moves::give_up, needs_operator, nth},
    Act, Rest, Turn, action_of, answered, receipt_of,
};
use crate::{
    Decision, Defect, EffectError, Effector, Presence, Repeat,
    judge::explained,
    ledger::{Ledger, Tracked},
};

impl Act<'_> {
    pub(super) async fn do_step(&mut self, tracked: &Tracked, step: StepIndex) -> Turn {
        let execution = &tracked.execution;
        let rehearses = execution.irreversible.is_none() && is_untouched(execution);
        let endless = rehearses && self.control.config().defects().has(Defect::EndlessRehearsal);
        if !endless && let Err(reason) = self.still_valid(tracked, step) {
            return self.give_up(execution, step, &reason);
        }
        if rehearses {
            return self.rehearse_undo(tracked).await;
        }
        self.once(step, Way::Do)?;
        self.undisturbed(execution, step).await?;
        // Asked here to spare the managed system reads that lead nowhere; what counts is the answer before sending.
        if let Err(rest) = self.permitted(tracked) {
            return self.held_back(execution, step, rest);
        }
        let (effector, action) = (self.effector()?, action_of(execution, step)?);
        match self.ready(effector.as_ref(), action).await {
            Ok(captured) => self.send(tracked, step, Some(captured)).await,
            Err((error, doing)) => self.unready(execution, step, &error, doing),
        }
    }

    /// Tries the undo of every step, as far as that is possible without doing it, before the first is sent.
    async fn rehearse_undo(&mut self, tracked: &Tracked) -> Turn {
        let effector = self.effector()?;
        let mut irreversible = Vec::new();
        for (place, planned) in (0..=u16::MAX).zip(&tracked.execution.plan.steps) {
            if planned.undo == UndoClass::Irreversible {
                continue; // nobody counts on it
            }
            let step = StepIndex(place);
            let action = &planned.action;
            let rehearsed = match effector.capture(action).await {
                Ok(state) => {
                    let captured = Captured { at: self.now, state };
                    effector.rehearse(action, Way::Undo, &captured).await
                }
                Err(error) => Err(error),
            };
            match rehearsed {
                Ok(()) => {}
                Err(error) if error.is_transient() => {
                    let nth = nth(step);
                    return Err(self.rest(format!("rehearsing the undo of step {nth}: {error}")));
                }
                Err(error) => {
                    // What would not even be done first needs nobody's word about its undo.
                    if place == 0
                        && let Err((error, doing)) = self.ready(effector.as_ref(), action).await
                    {
                        return self.unready(&tracked.execution, step, &error, doing);
                    }
                    irreversible.push(Irreversible { step, reason: error.to_string() });
                }
            }
        }
        self.note(ExecutionEvent::Rehearsed { irreversible })
    }

    /// What a step is sent with, if it would be accepted as things are; else why not, and at what that showed.
    async fn ready(
        &self,
        effector: &dyn Effector,
        action: &Action,
    ) -> Result<Captured, (EffectError, &'static str)> {
        let state = effector.capture(action).await.map_err(|error| (error, "reading its state"))?;
        let captured = Captured { at: self.now, state };
        let checked = effector.rehearse(action, Way::Do, &captured).await;
        checked.map(|()| captured).map_err(|error| (error, "checking it"))
    }

    /// What waits for people because it could not be undone ends here: nothing was sent yet, and it is laid before them anew.
    fn held_back(&mut self, execution: &Execution, step: StepIndex, rest: Rest) -> Turn {
        let awaits = matches!(rest.held_back, Some(Decision::AwaitApproval { .. }));
        let first = execution.irreversible.iter().flatten().next();
        match first.filter(|_| awaits && is_untouched(execution)) {
            Some(Irreversible { step: stuck, reason }) => {
                let nth = nth(*stuck);
                let reason =
                    format!("step {nth} could not be undone, and nobody approved that: {reason}");
                self.give_up(execution, step, &reason)
            }
            None => Err(rest),
        }
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
        if tracked.suspect && self.repeat(tracked, step, Way::Do)? == Repeat::NonRepeatable {
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
        if effector.repeat(&action.kind(), Way::Do) == Some(Repeat::Keyed)
            && self.is_forgotten(tracked, step, Way::Do)?
        {
            let reason = "it was sent before, and its key may be forgotten";
            return self.give_up(execution, step, reason);
        }
        let again = captured.is_none();
        self.permitted_and_intended(tracked, step, captured)?;
        let sending = self.sending(execution, step, Way::Do);
        let applying = effector.apply(action, &state, &sending);
        let answer = match applying.instrument(self.span(action, step, Way::Do)).await {
            // It says nothing of the sending before, of which nobody knows what became.
            Err(EffectError::Refused { reason, .. }) if again => {
                Err(EffectError::unclear(format!("refused, but it was sent before: {reason}")))
            }
            answer => answer,
        };
        self.note(answered(step, Way::Do, answer))
    }

    /// The last look at the rails and the intent, with nothing in between: not a person's pause either.
    fn permitted_and_intended(
        &mut self,
        tracked: &Tracked,
        step: StepIndex,
        captured: Option<Captured>,
    ) -> Turn {
        let control = self.control;
        let mut ledger = control.ledger();
        self.permitted_in(&mut ledger, tracked)?;
        self.intend(&mut ledger, &tracked.execution, (step, Way::Do), captured)
    }

    fn permitted(&self, tracked: &Tracked) -> Turn {
        self.permitted_in(&mut self.control.ledger(), tracked)
    }

    fn permitted_in(&self, ledger: &mut Ledger, tracked: &Tracked) -> Turn {
        self.refreshed(ledger)?;
        let execution = &tracked.execution;
        let decision = self.control.decide_in(
            ledger,
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
    pub(super) async fn settle_do(&mut self, tracked: &Tracked, step: StepIndex) -> Turn {
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
        let found = effector.read_back(action, Way::Do, captured, &receipt).await;
        let repeat = self.repeat(tracked, step, Way::Do)?;
        match found {
            Ok(Presence::Applied { receipt }) => {
                self.note(ExecutionEvent::Applied { step, way: Way::Do, receipt })
            }
            Ok(_) if self.is_on_its_way() => Err(self.on_its_way(step)),
            Ok(Presence::NotApplied) => self.note(ExecutionEvent::Refused {
                step,
                way: Way::Do,
                reason: "read back: it did not take effect".to_owned(),
                // Who took longer than we wait has a second one at work if it is sent again.
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
}

/// Whether no step of it was sent.
fn is_untouched(execution: &Execution) -> bool {
    execution.status.steps().iter().all(|step| *step == StepStatus::Waiting)
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
            let explained = explained(&execution.plan);
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
