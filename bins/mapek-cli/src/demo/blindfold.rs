//! What hides the metrics.

use std::sync::{Arc, Mutex, PoisonError};

use mapek::model::Timestamp;

/// Hides the metrics for a while. Clones hide the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Blindfold(Arc<Mutex<Option<Hidden>>>);

/// Since when they are hidden, and until when, if that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hidden {
    pub(super) since: Timestamp,
    pub(super) until: Option<Timestamp>,
}

impl Blindfold {
    /// Hides them.
    pub(super) fn put_on(&self, hidden: Hidden) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(hidden);
    }

    /// Shows them; answers whether they were hidden.
    pub(super) fn take_off(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }

    /// How they are hidden at a moment, if they are.
    pub(super) fn at(&self, now: Timestamp) -> Option<Hidden> {
        let hidden = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hidden.filter(|it| it.until.is_none_or(|until| now < until))
    }
}
