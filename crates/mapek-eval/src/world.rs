//! The world of one run: a plant with its faults, eyes that may fail, and a clock that is moved by hand.

mod eyes;
mod stage;

use std::sync::Arc;

use mapek_loop::{ManualClock, Seed};
use mapek_model::{Duration, SourceName, Timestamp, since};
use mapek_monitor::{MemoryInbox, MetricSource};
use mapek_scrape::{EmbeddedSource, Exposition as _, MetricStore, Scraper, StoreConfig, Target};

use crate::{
    Error, Scenario, Seat,
    alerts::{Alerting, Delivery, charter_rules},
    recorder::Recorder,
};
use eyes::{Eyes, Glasses};
pub(crate) use stage::{Stage, TICK, replay};

/// How often metrics are scraped: what Prometheus servers do as they come.
pub(crate) const SCRAPED_EVERY: Duration = Duration::from_secs(15);

/// Alerts that the inbox holds; more than the rules can make.
const INBOX_CAPACITY: usize = 10_000;

/// Everything outside of whoever steers.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) stage: Stage,
    pub(crate) recorder: Recorder,
    eyes: Arc<Eyes>,
    clock: ManualClock,
    scraper: Scraper,
    metrics: Arc<dyn MetricSource>,
    alerting: Alerting,
    inbox: Arc<MemoryInbox>,
    scrapes: u64,
}

impl World {
    /// All is well.
    pub(crate) fn build(scenario: &Arc<Scenario>, seed: u64) -> Result<Self, Error> {
        let stage = Stage::build(scenario, seed)?;
        let clock = ManualClock::at(stage.now());
        let eyes = Arc::new(Eyes::new(stage.plant().clone(), scenario, stage.start(), seed));
        let store = Arc::new(MetricStore::new(StoreConfig::default()));
        let exposed = Arc::clone(&eyes);
        let target = Target::in_process("charter", "plant", move || exposed.expose());
        let scraper = Scraper::builder(Arc::clone(&store)).target(target).build();
        let scraper = scraper.map_err(|error| Error::scenario(&scenario.name, "plant", error))?;
        let source = EmbeddedSource::new(source_name("scrape"), store);
        let metrics: Arc<dyn MetricSource> =
            Arc::new(Glasses::over(Arc::new(source), Arc::clone(&eyes)));
        let inbox = Arc::new(MemoryInbox::new(INBOX_CAPACITY));
        let alerting = Alerting::new(charter_rules(), source_name("alertmanager"), inbox.clone());
        let recorder = Recorder::over(stage.plant().clone());
        Ok(Self { stage, recorder, eyes, clock, scraper, metrics, alerting, inbox, scrapes: 0 })
    }

    pub(crate) fn seat(&self, scenario: &Arc<Scenario>, seed: u64) -> Seat {
        Seat {
            scenario: Arc::clone(scenario),
            seed: Seed(seed),
            clock: self.clock.clone(),
            charter: Arc::new(self.recorder.clone()),
            metrics: Arc::clone(&self.metrics),
            feed: Arc::new(self.alerting.feed()),
            inbox: self.inbox.clone(),
            scrape_interval: SCRAPED_EVERY,
            start: self.stage.start(),
        }
    }

    /// Lets a tick pass; true if an alert came in.
    pub(crate) async fn tick(&mut self) -> Result<bool, Error> {
        self.stage.tick()?;
        let now = self.stage.now();
        self.clock.advance_to(now);
        if self.is_scrape(now) {
            self.scrapes += 1;
            if !(self.eyes.delays(now) && self.scrapes.is_multiple_of(2)) {
                self.scraper.scrape(now).await;
            }
        }
        let (delivery, forced) = (self.eyes.delivery(now), self.eyes.flapping(now));
        Ok(self.alerting.tick(self.metrics.as_ref(), now, delivery, &forced).await)
    }

    fn is_scrape(&self, now: Timestamp) -> bool {
        since(now, self.stage.began()).as_secs().is_multiple_of(SCRAPED_EVERY.as_secs())
    }
}

fn source_name(name: &str) -> SourceName {
    SourceName::try_new(name).expect("it is a short word in small letters")
}

impl Eyes {
    fn delivery(&self, now: Timestamp) -> Delivery {
        use crate::SensorFaultKind::{DuplicateAlerts, LostAlerts};
        if self.has(LostAlerts, now) {
            Delivery::Lost
        } else if self.has(DuplicateAlerts, now) {
            Delivery::Repeated
        } else {
            Delivery::Normal
        }
    }

    fn delays(&self, now: Timestamp) -> bool {
        self.has(crate::SensorFaultKind::Delayed, now)
    }
}
