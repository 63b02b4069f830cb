//! The stage: plant, metric source and loop, on one clock that is moved by hand.

use std::{collections::BTreeSet, sync::Arc};

use charter_sim::{Fault, InProcess, PlantConfig};
use mapek::{
    Clock as _, Cycle, CycleReport, LoopState, ManualClock, MemoryCheckpoint, Seed, SeededIds,
    WakeReason,
    knowledge::{Knowledge, MemoryKnowledge},
    model::{Duration, Outcome, SourceName, Timestamp},
    scrape::{EmbeddedSource, MetricStore, Scraper, StoreConfig, Target},
    store::MemoryStore,
};

use crate::{
    compose::{self, BuildError, Outside, System},
    config::Config,
};

/// How much time passes at once: the metrics are scraped as often.
pub(super) const TICK: Duration = Duration::from_secs(5);

/// Everything that the demo runs.
#[derive(Debug)]
pub(super) struct Stage {
    plant: InProcess,
    clock: ManualClock,
    scraper: Scraper,
    cycle: Cycle,
    due: Timestamp,
    outcomes: Vec<Outcome>,
}

impl Stage {
    /// A healthy system, and a loop that has not looked yet.
    pub(super) fn build(seed: u64) -> Result<Self, BuildError> {
        let start = "2026-01-01T00:00:00Z".parse().map_err(BuildError::of("the clock"))?;
        let clock = ManualClock::at(start);
        let plant = InProcess::try_new(PlantConfig::default(), seed, start)
            .map_err(BuildError::of("the reference server"))?;
        let store = Arc::new(MetricStore::new(StoreConfig::default()));
        let exposed = plant.clone();
        let target = Target::in_process("charter", "reference", move || exposed.metrics());
        let scraper = Scraper::builder(Arc::clone(&store)).target(target);
        let scraper = scraper.build().map_err(BuildError::of("the scraper"))?;
        let mut config = Config::default();
        config.monitor.scrape_interval = TICK;
        let name = SourceName::try_new("scrape").map_err(BuildError::of("the metric source"))?;
        let outside = Outside {
            clock: Arc::new(clock.clone()),
            ids: Arc::new(SeededIds::new(Seed(seed))),
            seed: Some(Seed(seed)),
            system: System::charter(Arc::new(plant.clone())),
            metrics: Arc::new(EmbeddedSource::new(name, store)),
            feed: None,
            silences: None,
            inbox: None,
            store: Arc::new(MemoryStore::new()),
            knowledge: Knowledge::over(
                Arc::new(MemoryKnowledge::new(Default::default())),
                Default::default(),
            ),
            checkpoint: Arc::new(MemoryCheckpoint::default()),
            on_disk: false,
        };
        let (builder, _) = compose::builder(&config, outside)?;
        let cycle = builder.build_cycle().map_err(BuildError::of("the loop"))?;
        Ok(Self { plant, clock, scraper, cycle, due: start, outcomes: Vec::new() })
    }

    /// Lets time pass, scrapes, and runs a cycle if one is due.
    pub(super) async fn tick(&mut self) -> Option<Arc<CycleReport>> {
        self.clock.advance(TICK);
        let now = self.clock.now();
        self.plant.advance_to(now);
        self.scraper.scrape(now).await;
        if now < self.due {
            return None;
        }
        let report = self.cycle.run_once(now, BTreeSet::from([WakeReason::Interval])).await;
        self.due = report.next_due;
        self.outcomes.extend(report.outcomes.iter().cloned());
        Some(report)
    }

    /// Breaks something.
    pub(super) fn inject(&self, fault: Fault) -> Result<(), BuildError> {
        self.plant.inject(fault).map(drop).map_err(BuildError::of("the fault"))
    }

    /// What came of plans so far.
    pub(super) fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Whether a plan has succeeded and nothing is open any more.
    pub(super) fn is_healed(&self) -> bool {
        let quiet = |report: &Arc<CycleReport>| report.seen.open.is_empty();
        !self.outcomes.is_empty() && self.state().last().is_some_and(quiet)
    }

    /// What the loop is at.
    pub(super) fn state(&self) -> LoopState {
        self.cycle.state()
    }
}
