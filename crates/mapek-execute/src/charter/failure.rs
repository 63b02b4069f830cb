//! What a failed call means for a step.

use charter_client::{Error, Outcome, ProblemKind, Validation};

use crate::EffectError;

/// A call that only reads: nothing has changed, and unless Charter itself said no, it may answer later.
pub(super) fn reading(error: &Error) -> EffectError {
    let transient = !matches!(error, Error::Refused { .. }) || error.is_transient();
    EffectError::Refused { reason: describe(error), transient }
}

/// A mutation: only Charter itself can say that it had no effect.
pub(super) fn sending(error: &Error) -> EffectError {
    match error.outcome() {
        Outcome::Unknown => EffectError::unclear(describe(error)),
        Outcome::NotApplied => {
            // The state has moved since it was captured; the next attempt captures it anew.
            let moved = error.problem_kind() == Some(ProblemKind::PreconditionFailed);
            let transient = error.is_transient() || moved;
            EffectError::Refused { reason: describe(error), transient }
        }
    }
}

pub(super) fn verdict(validation: &Validation) -> Result<(), EffectError> {
    if validation.valid {
        return permitted(validation);
    }
    let reasons: Vec<_> = validation
        .reasons
        .iter()
        .map(|reason| format!("{}: {}", reason.field, reason.reason))
        .collect();
    Err(EffectError::refused(format!("it would not be accepted: {}", reasons.join("; "))))
}

/// Whether we may send what was asked about, as far as Charter says so, be it valid at the moment or not.
pub(super) fn permitted(validation: &Validation) -> Result<(), EffectError> {
    match validation.permitted {
        Some(false) => Err(EffectError::refused("the key of this client may not send it")),
        _ => Ok(()),
    }
}

fn describe(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
