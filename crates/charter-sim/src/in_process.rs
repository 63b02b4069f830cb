//! Charter in the same process: the seam without a network.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use charter_client::{
    Applied, ApplyRequest, BoxError, Call, CallOptions, CharterApi, CommitteeState, Error, Health,
    Policy, PolicyId, PolicyVersion, RestartAccepted, RestartRequest, RolledBack, ScaleRequest,
    Tagged, ValidateRequest, Validation, Violations,
};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use crate::core::{AnyFault, Charter, FaultRecord, LedgerEntry, Mutation, Refusal, Trouble};
use crate::plant::{InvalidConfig, PlantConfig, PlantState};

/// A [`Charter`] that many hold: the in-process implementation of [`CharterApi`], and what the HTTP server serves.
///
/// Clones share one Charter. Time stands still unless somebody calls [`advance_to`](Self::advance_to). Injected faults of
/// the API hit here as they do over HTTP, except that a delay does not wait: there is no clock to wait on.
///
/// ```
/// use charter_client::{CallOptions, CharterApi, ScaleRequest};
/// use charter_sim::{InProcess, PlantConfig};
/// use jiff::{SignedDuration, Timestamp};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let start: Timestamp = "2026-01-01T00:00:00Z".parse()?;
/// let charter = InProcess::try_new(PlantConfig::default(), 7, start)?;
/// charter.scale(&ScaleRequest { replicas: 9 }, &CallOptions::new()).await?;
/// charter.advance_to(start + SignedDuration::from_secs(30));
/// assert_eq!(charter.committee().await?.value.healthy_nodes, 9);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct InProcess {
    charter: Arc<Mutex<Charter>>,
}

impl InProcess {
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
        Ok(Self::over(Charter::try_new(config, seed, start)?))
    }

    /// Shares a Charter.
    #[must_use]
    pub fn over(charter: Charter) -> Self {
        Self { charter: Arc::new(Mutex::new(charter)) }
    }

    /// The plant's present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.lock().now()
    }

    /// Lets time pass until `to`; a time in the past changes nothing.
    pub fn advance_to(&self, to: Timestamp) {
        self.lock().advance(to);
    }

    /// Lets so much time pass, from whatever the moment is.
    pub fn advance_by(&self, passed: SignedDuration) {
        let mut charter = self.lock();
        let to = charter.now().checked_add(passed).unwrap_or(Timestamp::MAX);
        charter.advance(to);
    }

    /// All metrics, in the text exposition format.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.lock().metrics()
    }

    /// What can be seen of the plant.
    #[must_use]
    pub fn state(&self) -> PlantState {
        self.lock().plant().state()
    }

    /// Every mutation that took effect, in order.
    #[must_use]
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.lock().ledger()
    }

    /// Injects a fault.
    ///
    /// # Errors
    ///
    /// `validation-failed` with the field that is wrong.
    pub fn inject(&self, fault: impl Into<AnyFault>) -> Result<FaultRecord, Refusal> {
        self.lock().inject(fault)
    }

    /// All faults.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultRecord> {
        self.lock().faults()
    }

    /// Ends a fault; false if there is none of this id.
    #[must_use]
    pub fn clear_fault(&self, id: &str) -> bool {
        self.lock().clear_fault(id)
    }

    /// Does something to the Charter itself, past its API and the faults of that: as those do who sit at the machine.
    ///
    /// Others wait meanwhile; calling this Charter again from within would wait for ever.
    pub fn with<T>(&self, act: impl FnOnce(&mut Charter) -> T) -> T {
        act(&mut self.lock())
    }

    /// The Charter itself. Never held over an await: no method of it waits.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Charter> {
        // A Charter is changed by whole calls; one that panicked half way is for tests to show, not to spread.
        self.charter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(
        &self,
        call: Call,
        read: impl FnOnce(&Charter) -> Result<T, Refusal>,
    ) -> Result<T, Error> {
        let mut charter = self.lock();
        let trouble = charter.trouble(call);
        let answer = before(call, trouble.as_ref()).and_then(|()| {
            read(&charter).map_err(|refusal| Error::refused(call, refusal.into_problem()))
        });
        after(call, trouble.as_ref(), answer)
    }

    fn mutate<T: DeserializeOwned>(
        &self,
        mutation: Mutation,
        options: &CallOptions,
    ) -> Result<Tagged<T>, Error> {
        let call = mutation.call();
        let mut charter = self.lock();
        let trouble = charter.trouble(call);
        let answer = before(call, trouble.as_ref()).and_then(|()| {
            let answer = charter.mutate(&mutation.into(), options);
            answer.map_err(|refusal| Error::refused(call, refusal.into_problem()))
        });
        let answer = after(call, trouble.as_ref(), answer)?;
        let value = serde_json::from_value(answer.body)
            .map_err(|error| Error::protocol(call, answer.status, error.to_string()))?;
        Ok(Tagged { value, etag: Some(answer.etag), replayed: answer.replayed })
    }
}

/// Trouble that comes before the effect.
fn before(call: Call, trouble: Option<&Trouble>) -> Result<(), Error> {
    match trouble {
        Some(Trouble::Fail(problem)) => Err(Error::refused(call, (**problem).clone())),
        _ => Ok(()),
    }
}

/// Trouble that comes after it.
fn after<T>(call: Call, trouble: Option<&Trouble>, answer: Result<T, Error>) -> Result<T, Error> {
    match trouble {
        Some(Trouble::LoseAnswer(_)) => {
            Err(Error::unanswered(call, BoxError::from("the answer was lost")))
        }
        _ => answer,
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").field("now", &self.now()).finish_non_exhaustive()
    }
}

#[async_trait]
impl CharterApi for InProcess {
    async fn health(&self) -> Result<Health, Error> {
        self.read(Call::Health, |charter| Ok(charter.health()))
    }

    async fn policies(&self) -> Result<Vec<Policy>, Error> {
        self.read(Call::Policies, |charter| Ok(charter.policies()))
    }

    async fn policy(&self, id: &PolicyId) -> Result<Tagged<Policy>, Error> {
        let value = self.read(Call::Policy, |charter| charter.policy(id))?;
        Ok(Tagged { etag: value.etag.clone(), value, replayed: false })
    }

    async fn versions(&self, id: &PolicyId) -> Result<Vec<PolicyVersion>, Error> {
        self.read(Call::Versions, |charter| charter.versions(id))
    }

    async fn apply(
        &self,
        request: &ApplyRequest,
        options: &CallOptions,
    ) -> Result<Tagged<Applied>, Error> {
        self.mutate(Mutation::Apply(request.clone()), options)
    }

    async fn validate(&self, request: &ValidateRequest) -> Result<Validation, Error> {
        self.read(Call::Validate, |charter| Ok(charter.validate(request)))
    }

    async fn rollback(
        &self,
        id: &PolicyId,
        options: &CallOptions,
    ) -> Result<Tagged<RolledBack>, Error> {
        self.mutate(Mutation::Rollback(id.clone()), options)
    }

    async fn committee(&self) -> Result<Tagged<CommitteeState>, Error> {
        self.read(Call::Committee, |charter| {
            Ok(Tagged::new(charter.committee()).with_etag(charter.committee_etag()))
        })
    }

    async fn scale(
        &self,
        request: &ScaleRequest,
        options: &CallOptions,
    ) -> Result<Tagged<CommitteeState>, Error> {
        self.mutate(Mutation::Scale(*request), options)
    }

    async fn restart(
        &self,
        request: &RestartRequest,
        options: &CallOptions,
    ) -> Result<Tagged<RestartAccepted>, Error> {
        self.mutate(Mutation::Restart(request.clone()), options)
    }

    async fn violations(&self) -> Result<Violations, Error> {
        self.read(Call::Violations, |charter| {
            Ok(Violations { items: charter.violations(), truncated: false })
        })
    }
}
