//! Where notifications go once they are understood.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::Notification;

/// Any error, boxed: what lies behind a seam.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A notification as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What the body says.
    pub notification: Notification,
    /// The body itself, byte for byte: keep this if fields that this crate does not know may matter later.
    pub body: Vec<u8>,
}

impl Delivery {
    /// A delivery of `notification`, as if Alertmanager had sent it.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it cannot happen")]
    pub fn of(notification: Notification) -> Self {
        let body = serde_json::to_vec(&notification)
            .expect("texts, times and numbers under text keys are always JSON");
        Self { notification, body }
    }
}

/// Takes notifications over from whoever received them.
///
/// # Contract
///
/// `Ok` is a promise: the sender is told that it may forget. So an implementation answers `Ok` only once the
/// delivery is durable, and does its work on it later: Alertmanager waits 10 s at most (less with a shorter
/// `group_interval`), and then sends the same again.
///
/// Deliveries repeat, and may overlap and overtake each other; a future may be dropped at any await when its
/// sender hangs up. Both must be harmless: tell repetitions by [`DedupeKey`](crate::DedupeKey).
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Intake: fmt::Debug + Send + Sync {
    /// Makes `delivery` durable.
    ///
    /// # Errors
    ///
    /// [`IntakeError`] if the delivery was not taken over; it says what the sender should do.
    async fn accept(&self, delivery: Delivery) -> Result<(), IntakeError>;
}

const _: Option<&dyn Intake> = None; // stays usable as a trait object

#[async_trait]
impl<I: Intake + ?Sized> Intake for Arc<I> {
    async fn accept(&self, delivery: Delivery) -> Result<(), IntakeError> {
        (**self).accept(delivery).await
    }
}

/// Why a delivery was not taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// No room now; the sender should come back. Answered with 503, which Alertmanager retries.
    #[error("the intake is full")]
    Full {
        /// When to come back, if that is known. Alertmanager goes by its own backoff.
        retry_after: Option<Duration>,
    },
    /// This will never be taken. Answered with 400, after which Alertmanager does not retry: for what is wrong
    /// with the delivery itself only.
    #[error("the intake refuses this delivery: {reason}")]
    Rejected {
        /// What is wrong with it. Told to the sender.
        reason: String,
    },
    /// The intake could not do its work. Answered with 500, which Alertmanager retries.
    #[error("the intake failed")]
    Failed {
        /// What went wrong. Logged, not told to the sender.
        #[source]
        source: BoxError,
    },
}

impl IntakeError {
    /// No room now.
    #[must_use]
    pub fn full() -> Self {
        Self::Full { retry_after: None }
    }

    /// This delivery will never be taken.
    pub fn rejected(reason: impl Into<String>) -> Self {
        Self::Rejected { reason: reason.into() }
    }

    /// The intake could not do its work.
    pub fn failed(source: impl Into<BoxError>) -> Self {
        Self::Failed { source: source.into() }
    }

    /// Whether the same delivery may be taken later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::Rejected { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_rejection_is_for_good() {
        assert!(IntakeError::full().is_transient());
        assert!(IntakeError::failed("disk").is_transient());
        assert!(!IntakeError::rejected("tenant").is_transient());
    }

    #[test]
    fn a_made_delivery_carries_its_own_body() {
        let delivery = Delivery::of(Notification::of("loop", Vec::new()));
        assert_eq!(Notification::parse(&delivery.body).unwrap(), delivery.notification);
    }

    #[tokio::test]
    async fn an_arc_forwards() {
        let mut intake = MockIntake::new();
        intake.expect_accept().times(1).returning(|_| Err(IntakeError::full()));
        let shared: Arc<dyn Intake> = Arc::new(intake);
        let delivery = Delivery::of(Notification::default());
        assert!(matches!(shared.accept(delivery).await, Err(IntakeError::Full { .. })));
    }
}
