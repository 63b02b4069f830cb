//! The stage: plant, metric source and loop, on one clock that is moved by hand.

use std::sync::Arc;

use charter_sim::{Fault, InProcess, PlantConfig};
use mapek::{
    Clock as _, CycleReport, Loop, LoopHandle, LoopState, ManualClock, MemoryCheckpoint, Seed,
    SeededIds,
    knowledge::{Knowledge, MemoryKnowledge},
    model::{Approval, Duration, PlanHash, SourceName, Verdict},
    scrape::{EmbeddedSource, MetricStore, Scraper, StoreConfig, Target},
    store::MemoryStore,
};

use super::{
    blindfold::{Blindfold, Hidden},
    hands::Hands,
};
use crate::{
    compose::{self, BuildError, Outside, System},
    config::Config,
};

/// How much time passes at once: the metrics are scraped as often.
pub(super) const TICK: Duration = Duration::from_secs(5);

/// What a proxy answers whose service is gone.
const BAD_GATEWAY: &str = "<html><body><h1>502 Bad Gateway</h1></body></html>\n";

/// Everything that the demo runs.
#[derive(Debug)]
pub(super) struct Stage {
    plant: InProcess,
    clock: ManualClock,
    scraper: Scraper,
    looped: Loop,
    handle: LoopHandle,
    blindfold: Blindfold,
    hands: Arc<Hands>,
}

/// How far things had gone at some moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    executions: usize,
    successes: usize,
}

impl Stage {
    /// A healthy system, and a loop that has not looked yet.
    pub(super) fn build(seed: u64) -> Result<Self, BuildError> {
        let start = "2026-01-01T00:00:00Z".parse().map_err(BuildError::of("the clock"))?;
        let clock = ManualClock::at(start);
        let plant = InProcess::try_new(PlantConfig::default(), seed, start)
            .map_err(BuildError::of("the reference server"))?;
        let store = Arc::new(MetricStore::new(StoreConfig::default()));
        let blindfold = Blindfold::default();
        let hands = Arc::new(Hands::new(plant.clone(), blindfold.clone()));
        let (exposed, hidden) = (plant.clone(), blindfold.clone());
        let target =
            Target::in_process("charter", "reference", move || match hidden.at(exposed.now()) {
                Some(_) => BAD_GATEWAY.to_owned(),
                None => exposed.metrics(),
            });
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
        let looped = builder.build().map_err(BuildError::of("the loop"))?;
        let handle = looped.handle();
        Ok(Self { plant, clock, scraper, looped, handle, blindfold, hands })
    }

    /// Steers the loop, and looks at it.
    pub(super) fn handle(&self) -> LoopHandle {
        self.handle.clone()
    }

    /// What things are broken by, and who may.
    pub(super) fn hands(&self) -> Arc<Hands> {
        Arc::clone(&self.hands)
    }

    /// Lets time pass, scrapes, and runs a cycle if one is due or asked for.
    pub(super) async fn tick(&mut self) -> Option<Arc<CycleReport>> {
        self.clock.advance(TICK);
        let now = self.clock.now();
        self.plant.advance_to(now);
        self.scraper.scrape(now).await;
        self.looped.step().await
    }

    /// Breaks something; answers the name by which it can be mended.
    pub(super) fn inject(&self, fault: Fault) -> Result<String, BuildError> {
        self.plant.inject(fault).map(|it| it.fault_id).map_err(BuildError::of("the fault"))
    }

    /// Mends what was broken; answers whether it still was.
    pub(super) fn mend(&self, fault: &str) -> bool {
        self.plant.clear_fault(fault)
    }

    /// Whether the metrics cannot be read from now on.
    pub(super) fn blind(&self, blind: bool) {
        if blind {
            self.blindfold.put_on(Hidden { since: self.clock.now(), until: None });
        } else {
            self.blindfold.take_off();
        }
    }

    /// What the loop is at.
    pub(super) fn state(&self) -> Arc<LoopState> {
        self.handle.state()
    }

    /// The best plan that waits for people while nothing else is under way, and what it would do.
    pub(super) fn asked(&self) -> Option<(PlanHash, String)> {
        let state = self.state();
        let under_way = state.executions.values().any(|it| it.status.is_live())
            || state.proposals.iter().any(|it| matches!(it.approval, Approval::Approved { .. }));
        let best = state
            .proposals
            .iter()
            .filter(|it| matches!(it.approval, Approval::Pending { .. }) && !under_way)
            .max_by(|a, b| a.plan.score.cmp(&b.plan.score))?;
        let steps = best.plan.steps.iter().map(|step| step.action.to_string());
        Some((best.hash, steps.collect::<Vec<_>>().join(", then ")))
    }

    /// Where things stand.
    pub(super) fn mark(&self) -> Mark {
        let state = self.state();
        let successes = state.statistics.outcomes.get(Verdict::Success.as_str()).copied();
        Mark {
            executions: state.executions.len(),
            successes: usize::try_from(successes.unwrap_or(0)).unwrap_or(usize::MAX),
        }
    }

    /// Whether a plan has succeeded since then, and nothing is open any more.
    pub(super) fn has_healed_since(&self, mark: Mark) -> bool {
        self.mark().successes > mark.successes && self.is_quiet()
    }

    /// Whether nothing was done since then.
    pub(super) fn has_rested_since(&self, mark: Mark) -> bool {
        self.mark().executions == mark.executions
    }

    /// Whether nothing is open.
    pub(super) fn is_quiet(&self) -> bool {
        self.state().last().is_some_and(|report| report.seen.open.is_empty())
    }

    /// Whether the evidence of the newest cycle is not good enough to act on.
    pub(super) fn doubts(&self) -> bool {
        let doubtful = |report: &Arc<CycleReport>| {
            report.seen.quality.values().any(|quality| !quality.permits_action())
        };
        self.state().last().is_some_and(doubtful)
    }
}
