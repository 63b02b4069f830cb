//! What else is kept: webhooks, outcomes, and the checkpoint.

use alertmanager_client::{Delivery, Intake, IntakeError};
use async_trait::async_trait;
use mapek_knowledge::{Cursor, Filter, Idle, KnowledgeStore, Recorded, Statistics, Taken};
use mapek_loop::{Checkpoint, CheckpointError, Saved};
use mapek_model::{ContentHash, Experience, Outcome, Sequence, TargetId};
use mapek_monitor::{AlertBatch, AlertInbox, InboxPosition, PendingAlert, Stored};

use crate::points::{around, reach, telling};

/// An inbox that is watched.
#[derive(Debug)]
pub(crate) struct WatchedInbox<I>(pub(crate) I);

#[async_trait]
impl<I: AlertInbox> AlertInbox for WatchedInbox<I> {
    async fn store(&self, batch: &AlertBatch) -> Result<Stored, mapek_monitor::Error> {
        around("inbox.store", self.0.store(batch)).await
    }

    async fn pending(&self, limit: usize) -> Result<Vec<PendingAlert>, mapek_monitor::Error> {
        around("inbox.pending", self.0.pending(limit)).await
    }

    async fn acknowledge(&self, up_to: InboxPosition) -> Result<(), mapek_monitor::Error> {
        around("inbox.acknowledge", self.0.acknowledge(up_to)).await
    }
}

/// What stands between the receiver and the inbox. Behind its last point there is only the answer.
#[derive(Debug)]
pub(crate) struct WatchedIntake<I>(pub(crate) I);

#[async_trait]
impl<I: Intake> Intake for WatchedIntake<I> {
    async fn accept(&self, delivery: Delivery) -> Result<(), IntakeError> {
        around("webhook.accept", self.0.accept(delivery)).await
    }
}

/// A checkpoint that is watched.
#[derive(Debug)]
pub(crate) struct WatchedCheckpoint<C>(pub(crate) C);

impl<C: Checkpoint> Checkpoint for WatchedCheckpoint<C> {
    fn save(&self, saved: &Saved) -> Result<(), CheckpointError> {
        reach("checkpoint.save.before");
        let done = self.0.save(saved);
        reach("checkpoint.save.after");
        done
    }

    fn load(&self) -> Result<Option<Saved>, CheckpointError> {
        reach("checkpoint.load");
        self.0.load()
    }
}

/// Knowledge that is watched where it is written, and where it is asked how far it has come.
#[derive(Debug)]
pub(crate) struct WatchedKnowledge<K>(pub(crate) K);

#[async_trait]
impl<K: KnowledgeStore> KnowledgeStore for WatchedKnowledge<K> {
    async fn record(&self, outcome: &Outcome) -> Result<Recorded, mapek_knowledge::Error> {
        self.0.record(outcome).await
    }

    async fn record_all(
        &self,
        journal: &ContentHash,
        taken: &[(Sequence, Outcome)],
    ) -> Result<Taken, mapek_knowledge::Error> {
        around("knowledge.record", self.0.record_all(journal, taken)).await
    }

    async fn record_idle(&self, idle: &Idle) -> Result<Recorded, mapek_knowledge::Error> {
        telling("knowledge.record_idle", self.0.record_idle(idle).await)
    }

    async fn experience(&self, target: &TargetId) -> Result<Experience, mapek_knowledge::Error> {
        telling("knowledge.experience", self.0.experience(target).await)
    }

    async fn outcomes(
        &self,
        filter: &Filter,
        limit: u32,
    ) -> Result<Vec<Outcome>, mapek_knowledge::Error> {
        telling("knowledge.outcomes", self.0.outcomes(filter, limit).await)
    }

    async fn statistics(&self, target: &TargetId) -> Result<Statistics, mapek_knowledge::Error> {
        telling("knowledge.statistics", self.0.statistics(target).await)
    }

    async fn cursor(&self) -> Result<Cursor, mapek_knowledge::Error> {
        around("knowledge.cursor", self.0.cursor()).await
    }

    async fn set_cursor(&self, to: Cursor) -> Result<(), mapek_knowledge::Error> {
        telling("knowledge.set_cursor", self.0.set_cursor(to).await)
    }

    async fn reset_cursor(&self) -> Result<(), mapek_knowledge::Error> {
        telling("knowledge.reset_cursor", self.0.reset_cursor().await)
    }
}
