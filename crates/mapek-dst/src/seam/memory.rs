//! What lasts beside the journal: knowledge and the checkpoint.

use std::{future::Future, io, sync::Arc};

use async_trait::async_trait;
use mapek_knowledge::{Cursor, Error, Filter, Idle, KnowledgeStore, Recorded, Statistics, Taken};
use mapek_loop::{Checkpoint, CheckpointError, Saved};
use mapek_model::{ContentHash, Experience, Outcome, Sequence, TargetId};

use crate::world::{ProcessId, World};

/// Knowledge and checkpoint, as one process reaches them: calls fail before or after they took effect.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) world: Arc<World>,
    pub(crate) process: ProcessId,
}

fn failed() -> Error {
    Error::backend("asking knowledge", true, "an injected fault")
}

impl Memory {
    fn fails(&self) -> (bool, bool) {
        let mut inner = self.world.lock();
        let (rate, calm) = (inner.script.rates.memory, inner.calm);
        let fails = inner.streams.memory.chance(rate) && !calm;
        let before = inner.streams.memory.chance(0.5);
        (fails, before)
    }

    async fn around<T>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        self.world.sleep(self.process, 0).await;
        let (fails, before) = self.fails();
        if fails && before {
            return Err(failed());
        }
        let done = work.await;
        if fails { Err(failed()) } else { done }
    }
}

#[async_trait]
impl KnowledgeStore for Memory {
    async fn record(&self, outcome: &Outcome) -> Result<Recorded, Error> {
        self.around(self.world.knowledge.record(outcome)).await
    }

    async fn record_all(
        &self,
        journal: &ContentHash,
        taken: &[(Sequence, Outcome)],
    ) -> Result<Taken, Error> {
        self.around(self.world.knowledge.record_all(journal, taken)).await
    }

    async fn record_idle(&self, idle: &Idle) -> Result<Recorded, Error> {
        self.around(self.world.knowledge.record_idle(idle)).await
    }

    async fn experience(&self, target: &TargetId) -> Result<Experience, Error> {
        self.around(self.world.knowledge.experience(target)).await
    }

    async fn outcomes(&self, filter: &Filter, limit: u32) -> Result<Vec<Outcome>, Error> {
        self.around(self.world.knowledge.outcomes(filter, limit)).await
    }

    async fn statistics(&self, target: &TargetId) -> Result<Statistics, Error> {
        self.around(self.world.knowledge.statistics(target)).await
    }

    async fn cursor(&self) -> Result<Cursor, Error> {
        self.around(self.world.knowledge.cursor()).await
    }

    async fn set_cursor(&self, to: Cursor) -> Result<(), Error> {
        self.around(self.world.knowledge.set_cursor(to)).await
    }

    async fn reset_cursor(&self) -> Result<(), Error> {
        self.around(self.world.knowledge.reset_cursor()).await
    }
}

impl Checkpoint for Memory {
    fn save(&self, saved: &Saved) -> Result<(), CheckpointError> {
        let (fails, before) = self.fails();
        if self.world.lock().is_dead(self.process) || (fails && before) {
            return Err(full("writing"));
        }
        self.world.checkpoint.save(saved)?;
        if fails { Err(full("flushing")) } else { Ok(()) }
    }

    fn load(&self) -> Result<Option<Saved>, CheckpointError> {
        let (fails, _) = self.fails();
        if fails { Err(full("reading")) } else { self.world.checkpoint.load() }
    }
}

fn full(doing: &'static str) -> CheckpointError {
    let source = io::Error::from(io::ErrorKind::StorageFull);
    CheckpointError::Io { doing, path: "loop.json".into(), source }
}
