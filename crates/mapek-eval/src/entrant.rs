//! Who steers: the loop, or something to hold it against.

mod looped;
mod nothing;
mod oracle;
mod plain;
mod random;
mod remedies;
mod seed_formulas;
mod static_rules;

use std::{collections::BTreeSet, fmt, sync::Arc};

use async_trait::async_trait;
use charter_client::CharterApi;
use mapek_loop::{ManualClock, Seed, WakeReason};
use mapek_model::{Duration, ExecutionId, StepIndex, Timestamp};
use mapek_monitor::{AlertFeed, AlertInbox, MetricSource};

use crate::{Error, Look, Scenario};

pub use looped::{BuildLoop, Looped};
pub use nothing::Nothing;
pub use oracle::Oracle;
pub use random::Random;
pub use seed_formulas::SeedFormulas;
pub use static_rules::StaticRules;

/// Somebody who can take a seat in any scenario.
///
/// # Contract
///
/// Whoever sits there knows nothing but what comes through the [`Seat`]; only an oracle looks at the scenario. The same seat gives the
/// same turns.
pub trait Entrant: fmt::Debug + Send + Sync {
    /// What tables and files call it: kebab-case.
    fn name(&self) -> &str;

    /// Whether it takes part in `scenario`; in all of them, unless it says so.
    fn plays(&self, _scenario: &Scenario) -> bool {
        true
    }

    /// Sits down.
    ///
    /// # Errors
    ///
    /// [`Error::Entrant`] if it cannot be set up.
    fn sit_down(&self, seat: Seat) -> Result<Box<dyn Steering>, Error>;
}

/// What somebody who steers sees and can reach.
#[derive(Debug, Clone)]
pub struct Seat {
    /// The scenario. For oracles.
    pub scenario: Arc<Scenario>,
    /// What random numbers come from.
    pub seed: Seed,
    /// The time.
    pub clock: ManualClock,
    /// The managed system.
    pub charter: Arc<dyn CharterApi>,
    /// Its metrics.
    pub metrics: Arc<dyn MetricSource>,
    /// Alerts that fire.
    pub feed: Arc<dyn AlertFeed>,
    /// Alerts that were sent.
    pub inbox: Arc<dyn AlertInbox>,
    /// How often the metrics are scraped.
    pub scrape_interval: Duration,
    /// When the scored time begins.
    pub start: Timestamp,
}

/// Somebody who steers.
#[async_trait]
pub trait Steering: Send {
    /// Looks, and does what it thinks right.
    async fn turn(&mut self, now: Timestamp, woken_by: BTreeSet<WakeReason>) -> Turn;
}

const _: Option<&dyn Entrant> = None; // stays usable as a trait object
const _: Option<&dyn Steering> = None;

/// What came of one turn.
#[derive(Debug, Clone)]
pub struct Turn {
    /// What was seen and thought. Its time is filled in by whoever asked.
    pub look: Look,
    /// Executions whose steps may have been sent, with how many steps each has.
    pub executions: Vec<(ExecutionId, StepIndex)>,
    /// The whole cycle as one line of JSON, if there was one.
    pub report: Option<String>,
    /// When the next turn is due.
    pub next_due: Timestamp,
}
