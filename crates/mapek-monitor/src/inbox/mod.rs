//! The seam to what webhooks brought.

mod keys;
mod memory;
#[cfg(feature = "alertmanager")]
mod sqlite;

#[cfg(test)]
mod contract;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Error, FeedAlert};

pub use memory::MemoryInbox;
#[cfg(feature = "alertmanager")]
pub use sqlite::SqliteInbox;

/// A place in an inbox: later ones are greater, none is used twice.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct InboxPosition(pub u64);

/// What one webhook call brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertBatch {
    /// The alerts, firing and resolved ones mixed.
    pub alerts: Vec<FeedAlert>,
    /// How many alerts the sender cut off. If there are any, what is not in the batch may fire nevertheless.
    pub truncated: u64,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Alerts that are new, and are durable now.
    pub accepted: usize,
    /// Alerts that were here already: same fingerprint, start and status.
    pub repeated: usize,
}

/// One alert that waits to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingAlert {
    /// Its place.
    pub position: InboxPosition,
    /// What was heard.
    pub alert: FeedAlert,
    /// Whether the batch that it came with was cut off.
    pub truncated: bool,
}

/// Where what webhooks brought waits for the next cycle.
///
/// # Contract
///
/// *Durability*: once [`store`](Self::store) has answered, the alerts survive a crash (as far as the implementation
/// promises to survive anything); so the sender may be told that it can forget them.
/// *Repeating*: storing the same again changes nothing: alerts are told apart by fingerprint, start (in whole milliseconds)
/// and status. Acknowledging twice, or less than before, changes nothing.
/// *Cancelling*: a dropped `store` may or may not have taken effect; since it can be repeated, that is harmless.
/// *Ordering*: positions follow the order in which alerts were stored; a later read sees what an earlier store answered for.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AlertInbox: fmt::Debug + Send + Sync {
    /// Makes a batch durable: all of it or nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] if there is no room for all of it, [`Error::Storage`] if it cannot be made durable.
    async fn store(&self, batch: &AlertBatch) -> Result<Stored, Error>;

    /// The oldest alerts that are not acknowledged, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if they cannot be read.
    async fn pending(&self, limit: usize) -> Result<Vec<PendingAlert>, Error>;

    /// Says that all alerts up to and with this one are dealt with.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if that cannot be made durable; they are then seen again.
    async fn acknowledge(&self, up_to: InboxPosition) -> Result<(), Error>;
}

const _: Option<&dyn AlertInbox> = None; // stays usable as a trait object

#[async_trait]
impl<T: AlertInbox + ?Sized> AlertInbox for Arc<T> {
    async fn store(&self, batch: &AlertBatch) -> Result<Stored, Error> {
        (**self).store(batch).await
    }

    async fn pending(&self, limit: usize) -> Result<Vec<PendingAlert>, Error> {
        (**self).pending(limit).await
    }

    async fn acknowledge(&self, up_to: InboxPosition) -> Result<(), Error> {
        (**self).acknowledge(up_to).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_arc_forwards() {
        let mut inbox = MockAlertInbox::new();
        inbox.expect_store().times(1).returning(|_| Ok(Stored::default()));
        inbox.expect_pending().times(1).returning(|_| Ok(Vec::new()));
        inbox.expect_acknowledge().times(1).returning(|_| Ok(()));
        let shared = Arc::new(inbox);
        let shared: &dyn AlertInbox = &shared;
        assert!(shared.store(&AlertBatch::default()).await.is_ok());
        assert!(shared.pending(1).await.unwrap().is_empty());
        assert!(shared.acknowledge(InboxPosition(1)).await.is_ok());
    }
}
