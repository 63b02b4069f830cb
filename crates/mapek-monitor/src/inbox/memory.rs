use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;

use super::{AlertBatch, AlertInbox, InboxPosition, PendingAlert, Stored, keys::key};
use crate::Error;

/// An inbox that a crash empties: for tests, for simulation, and for those who poll anyway.
///
/// It holds at most `capacity` alerts that wait, and remembers twice as many of those that were acknowledged, so that what is
/// sent again is known.
#[derive(Debug)]
pub struct MemoryInbox {
    capacity: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    last: u64,
    waiting: BTreeMap<InboxPosition, PendingAlert>,
    known: BTreeSet<[u8; 32]>,
    /// Keys in the order in which they came, oldest first.
    order: VecDeque<[u8; 32]>,
}

impl MemoryInbox {
    /// An empty inbox in which at most `capacity` alerts wait.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, inner: Mutex::default() }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Nothing panics between two changes that belong together.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AlertInbox for MemoryInbox {
    async fn store(&self, batch: &AlertBatch) -> Result<Stored, Error> {
        let mut inner = self.inner();
        let mut fresh = BTreeMap::new();
        let new: Vec<_> = batch
            .alerts
            .iter()
            .map(|alert| (key(alert), alert))
            .filter(|(key, _)| !inner.known.contains(key) && fresh.insert(*key, ()).is_none())
            .collect();
        if inner.waiting.len() + new.len() > self.capacity {
            return Err(Error::full(self.capacity));
        }
        let accepted = new.len();
        for (key, alert) in new {
            inner.last += 1;
            let position = InboxPosition(inner.last);
            let truncated = batch.truncated > 0;
            let item = PendingAlert { position, alert: alert.clone(), truncated };
            inner.waiting.insert(position, item);
            inner.known.insert(key);
            inner.order.push_back(key);
        }
        while inner.order.len() > self.capacity.saturating_mul(3) {
            if let Some(oldest) = inner.order.pop_front() {
                inner.known.remove(&oldest);
            }
        }
        Ok(Stored { accepted, repeated: batch.alerts.len() - accepted })
    }

    async fn pending(&self, limit: usize) -> Result<Vec<PendingAlert>, Error> {
        Ok(self.inner().waiting.values().take(limit).cloned().collect())
    }

    async fn acknowledge(&self, up_to: InboxPosition) -> Result<(), Error> {
        let mut inner = self.inner();
        inner.waiting.retain(|position, _| *position > up_to);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_keeps_the_contract() {
        super::super::contract::holds(&MemoryInbox::new(4)).await;
    }
}
