//! The loop in the past, where it can look and do nothing.

use std::sync::Arc;

use mapek::{
    Cycle, MemoryCheckpoint, Seed, SeededIds,
    knowledge::{Knowledge, MemoryKnowledge},
    model::SourceName,
    store::MemoryStore,
};
use mapek_eval::past::{Past, PastAlerts, PastCharter};

use super::{BuildError, Outside, builder, settings};
use crate::config::{Config, RailsProfile};

/// Ids of the past, so that the same past gives the same bytes.
const SEED: Seed = Seed(1);

/// Puts the loop of `config` into `past`. It has no hands there, whatever its profile says.
pub(crate) fn in_the_past(config: &Config, past: &Past) -> Result<Cycle, BuildError> {
    let mut config = config.clone();
    config.execute.rails.profile = RailsProfile::Observe;
    let memory = Arc::new(MemoryKnowledge::new(Default::default()));
    let metrics = || Arc::clone(&past.metrics);
    let alerts = SourceName::try_new("alertmanager").map_err(BuildError::of("the alerts"))?;
    let outside = Outside {
        clock: Arc::new(past.clock.clone()),
        ids: Arc::new(SeededIds::new(SEED)),
        seed: Some(SEED),
        charter: Arc::new(PastCharter::new(metrics(), past.clock.clone())),
        metrics: metrics(),
        feed: Some(Arc::new(PastAlerts::new(alerts, metrics()))),
        inbox: None,
        store: Arc::new(MemoryStore::new()),
        knowledge: Knowledge::over(memory, settings::knowledge_config(&config)),
        checkpoint: Arc::new(MemoryCheckpoint::default()),
        on_disk: false,
    };
    let (builder, _) = builder(&config, outside)?;
    builder.build_cycle().map_err(BuildError::of("the loop"))
}
