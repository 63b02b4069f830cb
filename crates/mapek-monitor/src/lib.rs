//! Metrics and alerts in, an observation out.
//!
//! The seams come first: a [`MetricSource`] answers PromQL, an [`AlertFeed`] lists the alerts that fire, an [`AlertInbox`]
//! keeps what webhooks brought, and a [`ManagedElement`] says what the managed system holds against itself.
mod error;

mod breach;
mod element;
mod feed;
mod inbox;
mod source;

pub use breach::Breach;
pub use element::{ElementReading, ManagedElement};
pub use error::{BoxError, Error};
pub use feed::{AlertFeed, AlertStatus, FeedAlert, FeedAnswer};
pub use inbox::{AlertBatch, AlertInbox, InboxPosition, PendingAlert, Stored};
pub use source::MetricSource;

#[cfg(any(test, feature = "mock"))]
pub use {
    element::MockManagedElement, feed::MockAlertFeed, inbox::MockAlertInbox,
    source::MockMetricSource,
};
