//! Putting a loop together.

use std::sync::Arc;

use mapek_analyze::Analyzer;
use mapek_execute::{Control, Executor};
use mapek_knowledge::Knowledge;
use mapek_model::ContentHash;
use mapek_monitor::Monitor;
use mapek_plan::Planner;

use crate::{
    Checkpoint, Clock, Cycle, Error, IdSource, Loop, LoopConfig, MemoryCheckpoint, RandomIds, Seed,
    SystemClock, Waker, cycle::Parts,
};

/// Puts a [`Loop`] or a [`Cycle`] together. The five stages are needed, the rest has defaults.
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until it builds"]
pub struct Builder {
    monitor: Option<Monitor>,
    analyzer: Option<Analyzer>,
    planner: Option<Planner>,
    executor: Option<Executor>,
    knowledge: Option<Knowledge>,
    config: LoopConfig,
    config_hash: Option<ContentHash>,
    configuration: Option<Vec<u8>>,
    seed: Option<Seed>,
    clock: Option<Arc<dyn Clock>>,
    ids: Option<Arc<dyn IdSource>>,
    checkpoint: Option<Arc<dyn Checkpoint>>,
    waker: Waker,
}

impl Builder {
    /// Who watches. Needed.
    pub fn monitor(mut self, monitor: Monitor) -> Self {
        self.monitor = Some(monitor);
        self
    }

    /// Who finds the cause. Needed.
    pub fn analyzer(mut self, analyzer: Analyzer) -> Self {
        self.analyzer = Some(analyzer);
        self
    }

    /// Who chooses the remedy. Needed.
    pub fn planner(mut self, planner: Planner) -> Self {
        self.planner = Some(planner);
        self
    }

    /// Who carries it out. Needed.
    pub fn executor(mut self, executor: Executor) -> Self {
        self.executor = Some(executor);
        self
    }

    /// Who remembers. Needed.
    pub fn knowledge(mut self, knowledge: Knowledge) -> Self {
        self.knowledge = Some(knowledge);
        self
    }

    /// When cycles run.
    pub fn config(mut self, config: LoopConfig) -> Self {
        self.config = config;
        self
    }

    /// The hash of the whole configuration, as the journal is to name it; that of [`LoopConfig`] if it is not given.
    pub fn config_hash(mut self, hash: ContentHash) -> Self {
        self.config_hash = Some(hash);
        self
    }

    /// The whole configuration as canonical JSON, without secrets: the journal keeps it, so that a [`Replay`](crate::Replay) can ask
    /// the same stages once more. Its hash is what the journal names it by.
    pub fn configuration(mut self, json: Vec<u8>) -> Self {
        self.config_hash = Some(ContentHash::of(&json));
        self.configuration = Some(json);
        self
    }

    /// What random numbers come from; the system's randomness if it is not given.
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Where the time comes from; the system if it is not given.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Where ids come from; the system's randomness if it is not given.
    pub fn ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = Some(ids);
        self
    }

    /// Where episodes and baselines survive a restart. Without one they do not, and alerts that were taken from the inbox
    /// just before a crash have to be sent again.
    pub fn checkpoint(mut self, checkpoint: Arc<dyn Checkpoint>) -> Self {
        self.checkpoint = Some(checkpoint);
        self
    }

    /// What wakes the loop, where it must be known before the loop is built.
    pub fn waker(mut self, waker: Waker) -> Self {
        self.waker = waker;
        self
    }

    /// The stages, to be run by a scheduler of yours.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] names the part that is missing.
    pub fn build_cycle(self) -> Result<Cycle, Error> {
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let ids = self.ids.unwrap_or_else(|| Arc::new(RandomIds));
        let seed = self.seed.unwrap_or_else(|| {
            let (high, low) = ids.next_id(clock.now()).as_u64_pair();
            Seed(high ^ low)
        });
        let config_hash = self.config_hash.unwrap_or_else(|| self.config.hash());
        let executor = self.executor.ok_or(Error::Missing { what: "an executor" })?;
        let control: Control = executor.control();
        Ok(Cycle::new(Parts {
            config: self.config,
            config_hash,
            configuration: self.configuration,
            seed,
            clock,
            ids,
            monitor: self.monitor.ok_or(Error::Missing { what: "a monitor" })?,
            analyzer: self.analyzer.ok_or(Error::Missing { what: "an analyzer" })?,
            planner: self.planner.ok_or(Error::Missing { what: "a planner" })?,
            executor,
            control,
            knowledge: self.knowledge.ok_or(Error::Missing { what: "knowledge" })?,
            checkpoint: self.checkpoint.unwrap_or_else(|| Arc::new(MemoryCheckpoint::default())),
        }))
    }

    /// The loop.
    ///
    /// # Errors
    ///
    /// As [`build_cycle`](Self::build_cycle).
    pub fn build(mut self) -> Result<Loop, Error> {
        let waker = std::mem::take(&mut self.waker);
        Ok(Loop::new(self.build_cycle()?, waker))
    }
}
