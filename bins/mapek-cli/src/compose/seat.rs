//! The loop in a seat of the evaluation: as configured, on another clock, another Charter and other eyes.

use std::sync::Arc;

use mapek::{
    Cycle, MemoryCheckpoint, SeededIds,
    knowledge::{Knowledge, MemoryKnowledge},
    store::{MemoryStore, Store},
};
use mapek_eval::Seat;

use super::{BuildError, Outside, System, builder, settings};
use crate::config::Config;

/// Puts the loop of `config` into `seat`. Where it lives, what it reads and where it remembers is the seat's; how it thinks and
/// what it may do is the configuration's.
pub(crate) fn seated(config: &Config, seat: &Seat) -> Result<Cycle, BuildError> {
    seated_over(config, seat, Arc::new(MemoryStore::new()))
}

/// The same, with its journal in `store`.
pub(crate) fn seated_over(
    config: &Config,
    seat: &Seat,
    store: Arc<dyn Store>,
) -> Result<Cycle, BuildError> {
    let mut config = config.clone();
    config.monitor.scrape_interval = seat.scrape_interval;
    let knowledge = settings::knowledge_config(&config);
    let memory = Arc::new(MemoryKnowledge::new(Default::default()));
    let outside = Outside {
        clock: Arc::new(seat.clock.clone()),
        ids: Arc::new(SeededIds::new(seat.seed)),
        seed: Some(seat.seed),
        system: System::charter(Arc::clone(&seat.charter)),
        metrics: Arc::clone(&seat.metrics),
        feed: Some(Arc::clone(&seat.feed)),
        silences: None,
        inbox: Some(Arc::clone(&seat.inbox)),
        store,
        knowledge: Knowledge::over(memory, knowledge),
        checkpoint: Arc::new(MemoryCheckpoint::default()),
        on_disk: false,
    };
    let (builder, _) = builder(&config, outside)?;
    builder.build_cycle().map_err(BuildError::of("the loop"))
}
