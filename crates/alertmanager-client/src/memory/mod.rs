//! An Alertmanager in memory, for simulation, demonstration and tests.

mod state;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;

use self::state::State;
use crate::{
    AlertFilter, AlertmanagerApi, ClusterStatus, ConfigText, DedupeKey, Delivery, Error,
    GettableAlert, Intake, IntakeError, Matchers, Notification, PostableAlert, PostableSilence,
    Silence, SilenceId, Status, VersionInfo,
};

/// The receiver that [`InMemoryAlertmanager`] has unless told otherwise.
const RECEIVER: &str = "default";

/// Keeps alerts and silences, answers as API v2 does, and delivers to an [`Intake`] as the webhook does.
///
/// Time stands still until [`advance_to`](Self::advance_to), and nothing is delivered until [`flush`](Self::flush):
/// whoever drives it decides. One receiver, one group, no inhibition; as at the real one, a group is sent whole,
/// silenced alerts are left out, and an alert that ended while silenced is never told as resolved.
///
/// ```
/// use alertmanager_client::{AlertFilter, AlertmanagerApi, InMemoryAlertmanager, Labels, PostableAlert};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let alertmanager = InMemoryAlertmanager::new("2026-11-20T10:00:00Z".parse()?);
/// alertmanager.inject(&PostableAlert::new(Labels::from([("alertname", "Latency")])))?;
/// assert_eq!(alertmanager.alerts(&AlertFilter::default()).await?.len(), 1);
///
/// alertmanager.advance_to("2026-11-20T10:05:00Z".parse()?);
/// assert!(alertmanager.alerts(&AlertFilter::default()).await?.is_empty());
/// # Ok::<_, alertmanager_client::BoxError>(()) })?;
/// # Ok::<_, alertmanager_client::BoxError>(())
/// ```
#[derive(Clone)]
pub struct InMemoryAlertmanager {
    receiver: String,
    started_at: Timestamp,
    intake: Option<Arc<dyn Intake>>,
    /// Never held over an await; whoever panics with it leaves a state that is whole.
    state: Arc<Mutex<State>>,
}

impl InMemoryAlertmanager {
    /// One without alerts and silences, at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            receiver: RECEIVER.to_owned(),
            started_at: now,
            intake: None,
            state: Arc::new(Mutex::new(State::new(now))),
        }
    }

    /// Names its receiver.
    #[must_use]
    pub fn with_receiver(mut self, receiver: impl Into<String>) -> Self {
        self.receiver = receiver.into();
        self
    }

    /// Sets where [`flush`](Self::flush) delivers.
    #[must_use]
    pub fn with_intake(mut self, intake: Arc<dyn Intake>) -> Self {
        self.intake = Some(intake);
        self
    }

    /// Moves time on. It never goes back: an earlier `now` changes nothing.
    pub fn advance_to(&self, now: Timestamp) {
        self.state().advance_to(now);
    }

    /// Puts an alert in by hand, as [`AlertmanagerApi::post_alerts`] would, and returns the key of its report.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 400 if it has no label with a value, or ends before it starts.
    pub fn inject(&self, alert: &PostableAlert) -> Result<DedupeKey, Error> {
        self.state().post(alert)
    }

    /// Delivers the group if it holds anything that was not told yet, and says whether it did.
    ///
    /// What is not taken over stays, and goes with the next flush. Without an intake nothing is delivered.
    ///
    /// # Errors
    ///
    /// The intake's [`IntakeError`].
    pub async fn flush(&self) -> Result<bool, IntakeError> {
        let Some(intake) = &self.intake else { return Ok(false) };
        let Some(alerts) = self.state().untold() else { return Ok(false) };
        let keys: Vec<_> = alerts.iter().map(crate::Alert::dedupe_key).collect();
        intake.accept(Delivery::of(Notification::of(&self.receiver, alerts))).await?;
        self.state().mark_told(keys);
        Ok(true)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for InMemoryAlertmanager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryAlertmanager")
            .field("receiver", &self.receiver)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl AlertmanagerApi for InMemoryAlertmanager {
    async fn alerts(&self, filter: &AlertFilter) -> Result<Vec<GettableAlert>, Error> {
        if let Some(pattern) = &filter.receiver {
            let wanted = crate::matcher::anchored(pattern)
                .map_err(|error| state::refused("alerts", 400, error.to_string()))?;
            if !wanted.is_match(&self.receiver) {
                return Ok(Vec::new());
            }
        }
        Ok(self.state().alerts(filter, &self.receiver))
    }

    async fn receivers(&self) -> Result<Vec<String>, Error> {
        Ok(vec![self.receiver.clone()])
    }

    async fn status(&self) -> Result<Status, Error> {
        Ok(Status {
            version_info: VersionInfo { version: "in-memory".to_owned(), revision: String::new() },
            uptime: self.started_at,
            cluster: ClusterStatus { status: "disabled".to_owned(), ..ClusterStatus::default() },
            config: ConfigText::default(),
        })
    }

    async fn post_alerts(&self, alerts: &[PostableAlert]) -> Result<(), Error> {
        let results: Vec<_> = alerts.iter().map(|alert| self.inject(alert)).collect();
        results.into_iter().try_for_each(|result| result.map(drop))
    }

    async fn silences(&self, matchers: &Matchers) -> Result<Vec<Silence>, Error> {
        Ok(self.state().silences(matchers))
    }

    async fn post_silence(&self, silence: &PostableSilence) -> Result<SilenceId, Error> {
        self.state().post_silence(silence)
    }

    async fn delete_silence(&self, id: &SilenceId) -> Result<(), Error> {
        self.state().expire_silence(id)
    }

    async fn ready(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
