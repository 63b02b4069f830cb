//! The seam to the managed system's own word.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use mapek_model::{Quality, Resource, SourceName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Breach;

/// What a managed system says about itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ElementReading {
    /// What it holds against itself, and is not over.
    pub violations: Vec<Breach>,
    /// What it consists of, by kind and id.
    pub resources: Vec<Resource>,
    /// How far the reading can be trusted. Absence from `violations` proves something only if it is fresh.
    pub quality: Quality,
}

/// The managed system, as far as it can be asked about itself.
///
/// # Contract
///
/// *Repeating*: calling twice is safe; it only reads. *Cancelling*: a dropped future has no effect. *Ordering*: none.
/// It never fails as a whole: what could not be read is missing, and [`ElementReading::quality`] says so.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait ManagedElement: fmt::Debug + Send + Sync {
    /// What the configuration calls it.
    fn name(&self) -> SourceName;

    /// Reads violations and resources. `at` is the moment of the cycle.
    async fn read(&self, at: Timestamp) -> ElementReading;
}

const _: Option<&dyn ManagedElement> = None; // stays usable as a trait object

#[async_trait]
impl<T: ManagedElement + ?Sized> ManagedElement for Arc<T> {
    fn name(&self) -> SourceName {
        (**self).name()
    }

    async fn read(&self, at: Timestamp) -> ElementReading {
        (**self).read(at).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_arc_forwards() {
        let mut element = MockManagedElement::new();
        element.expect_name().times(1).returning(|| crate::source::source_name("mock"));
        element.expect_read().times(1).returning(|_| ElementReading::default());
        let shared = Arc::new(element);
        let shared: &dyn ManagedElement = &shared;
        assert_eq!(shared.name(), "mock");
        assert_eq!(shared.read(Timestamp::UNIX_EPOCH).await, ElementReading::default());
    }
}
