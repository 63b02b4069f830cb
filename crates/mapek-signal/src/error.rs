/// A setting, or a saved state, that no constructor could have made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{what} {why}")]
#[non_exhaustive]
pub struct InvalidState {
    /// Which part.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

impl InvalidState {
    pub(crate) const fn new(what: &'static str, why: &'static str) -> Self {
        Self { what, why }
    }
}

/// `Ok` if the number is finite and above zero.
pub(crate) fn positive(what: &'static str, value: f64) -> Result<f64, InvalidState> {
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(InvalidState::new(what, "must be a finite number above 0"))
    }
}

/// `Ok` if all numbers are finite.
pub(crate) fn finite(what: &'static str, values: &[f64]) -> Result<(), InvalidState> {
    if values.iter().all(|value| value.is_finite()) {
        Ok(())
    } else {
        Err(InvalidState::new(what, "must be finite"))
    }
}
