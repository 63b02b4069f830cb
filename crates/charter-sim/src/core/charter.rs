//! The state of Charter, and what can be read of it.

use std::collections::BTreeSet;

use charter_client::{
    CommitteeState, ETag, Epoch, Extension, Health, Policy, PolicyId, PolicyVersion, Seconds,
    ViolationRecord,
};
use jiff::{SignedDuration, Timestamp};

use super::api_fault::Troubles;
use super::ledger::{Ledger, LedgerEntry};
use super::memory::Memory;
use super::refusal::Refusal;
use super::views;
use crate::plant::{InvalidConfig, Plant, PlantConfig};

/// How long an idempotency key is remembered: a day, in the plant's time.
pub const KEY_RETENTION: SignedDuration = SignedDuration::from_hours(24);

/// A Charter without a transport: the contract over a [`Plant`].
///
/// ```
/// use charter_sim::{Charter, PlantConfig};
/// use jiff::{SignedDuration, Timestamp};
///
/// let start: Timestamp = "2026-01-01T00:00:00Z".parse()?;
/// let mut charter = Charter::try_new(PlantConfig::default(), 7, start)?;
/// charter.advance(start + SignedDuration::from_secs(30));
/// assert_eq!(charter.committee().healthy_nodes, 6);
/// assert!(charter.metrics().contains("westworld_charter_committee_size 6\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Charter {
    pub(super) plant: Plant,
    pub(super) memory: Memory,
    pub(super) ledger: Ledger,
    pub(super) troubles: Troubles,
    pub(super) next_trouble: u64,
    /// The highest epoch of an accepted mutation.
    pub(super) epoch: Option<Epoch>,
    /// Rises with every accepted scale and restart.
    pub(super) committee_generation: u64,
    /// Whether it honours idempotency keys.
    pub(super) keyed: bool,
}

impl Charter {
    /// A Charter over a new plant.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with the first field that is out of range.
    pub fn try_new(
        config: PlantConfig,
        seed: u64,
        start: Timestamp,
    ) -> Result<Self, InvalidConfig> {
        Ok(Self::over(Plant::try_new(config, seed, start)?))
    }

    /// A Charter over a plant.
    #[must_use]
    pub fn over(plant: Plant) -> Self {
        Self {
            plant,
            memory: Memory::new(KEY_RETENTION, Memory::MAX),
            ledger: Ledger::default(),
            troubles: Troubles::default(),
            next_trouble: 1,
            epoch: None,
            committee_generation: 1,
            keyed: true,
        }
    }

    /// The same as a Charter that knows no idempotency keys: it does not offer them, and what is sent twice takes effect twice. Its
    /// ledger notes the keys that came all the same, so that a test can tell who sent what.
    #[must_use]
    pub fn without_keys(mut self) -> Self {
        self.keyed = false;
        self
    }

    /// The plant underneath.
    #[must_use]
    pub const fn plant(&self) -> &Plant {
        &self.plant
    }

    /// Lets time pass until `to`.
    pub fn advance(&mut self, to: Timestamp) {
        self.plant.advance(to);
    }

    /// The present moment: the plant's.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.plant.now()
    }

    /// All metrics, in the text exposition format.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.plant.metrics()
    }

    /// The answer to `GET /health`.
    #[must_use]
    pub fn health(&self) -> Health {
        let mut extensions =
            BTreeSet::from([Extension::ETag, Extension::Epoch, Extension::FaultInjection]);
        if self.keyed {
            extensions.insert(Extension::IdempotencyKey);
        }
        let retention = Seconds::whole(KEY_RETENTION.as_secs() as u32);
        Health {
            status: "ok".to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            extensions,
            key_retention_seconds: self.keyed.then_some(retention),
        }
    }

    /// All policies in order of id, each at its newest version.
    #[must_use]
    pub fn policies(&self) -> Vec<Policy> {
        self.plant.held().map(|(id, held)| views::policy(&self.plant, id, held)).collect()
    }

    /// One policy at its newest version.
    ///
    /// # Errors
    ///
    /// `policy-not-found`.
    pub fn policy(&self, id: &PolicyId) -> Result<Policy, Refusal> {
        let held = self.plant.policies.get(id)?;
        Ok(views::policy(&self.plant, id, held))
    }

    /// The versions of a policy, oldest first.
    ///
    /// # Errors
    ///
    /// `policy-not-found`.
    pub fn versions(&self, id: &PolicyId) -> Result<Vec<PolicyVersion>, Refusal> {
        let held = self.plant.policies.get(id)?;
        Ok(held.versions.iter().map(|version| views::version(&self.plant, version)).collect())
    }

    /// The state of the committee.
    #[must_use]
    pub fn committee(&self) -> CommitteeState {
        views::committee(&self.plant, self.committee_generation)
    }

    /// The tag of the committee.
    #[must_use]
    pub fn committee_etag(&self) -> ETag {
        ETag::from_generation(self.committee_generation)
    }

    /// What is breached, or was within the last hour; oldest first.
    #[must_use]
    pub fn violations(&self) -> Vec<ViolationRecord> {
        let breaches = self.plant.listed_breaches();
        breaches.into_iter().map(|breach| views::violation(&self.plant, breach)).collect()
    }

    /// Every mutation that took effect, in order: the newest 100 000.
    #[must_use]
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.ledger.entries().cloned().collect()
    }
}
