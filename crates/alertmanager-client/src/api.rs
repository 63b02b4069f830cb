//! The seam to Alertmanager's API v2.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{
    AlertFilter, Error, GettableAlert, Matchers, PostableAlert, PostableSilence, Silence,
    SilenceId, Status,
};

/// What can be asked of Alertmanager, and told to it.
///
/// # Contract
///
/// *Repeating*: reads change nothing. [`post_alerts`](Self::post_alerts) may be repeated: the same alert again only
/// prolongs it. [`post_silence`](Self::post_silence) without an id makes another silence each time.
/// [`delete_silence`](Self::delete_silence) may be repeated.
/// *Cancelling*: a dropped future may or may not have taken effect.
/// *Ordering*: what was posted may take a moment to be seen by a read, and in a cluster another member may
/// answer it.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AlertmanagerApi: fmt::Debug + Send + Sync {
    /// The alerts that fire now and pass `filter`, in order of fingerprint.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`Error::is_transient`] tells whether asking again can help.
    async fn alerts(&self, filter: &AlertFilter) -> Result<Vec<GettableAlert>, Error>;

    /// The names of the configured receivers, in order.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`Error::is_transient`] tells whether asking again can help.
    async fn receivers(&self) -> Result<Vec<String>, Error>;

    /// Version, configuration and cluster.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`Error::is_transient`] tells whether asking again can help.
    async fn status(&self) -> Result<Status, Error>;

    /// Tells of alerts. One without an end fires until nobody has told of it for Alertmanager's `resolve_timeout` (5
    /// minutes by default); one whose end has passed is resolved.
    ///
    /// # Errors
    ///
    /// [`Error`]. Alertmanager takes the valid ones of a list and answers with an error if any was not.
    async fn post_alerts(&self, alerts: &[PostableAlert]) -> Result<(), Error>;

    /// The silences, expired ones included, that have matchers such as these; all, if `matchers` is empty.
    /// In the order in which Alertmanager gives them: by state, then by end.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`Error::is_transient`] tells whether asking again can help.
    async fn silences(&self, matchers: &Matchers) -> Result<Vec<Silence>, Error>;

    /// Makes a silence, or changes the one whose id is given. A change of its meaning makes a new one.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the silence is not valid; [`Error`] else.
    async fn post_silence(&self, silence: &PostableSilence) -> Result<SilenceId, Error>;

    /// Expires a silence at once. Doing so again succeeds.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchSilence`] if there is none of that id, or no longer; [`Error`] else.
    async fn delete_silence(&self, id: &SilenceId) -> Result<(), Error>;

    /// Succeeds when Alertmanager is ready to serve.
    ///
    /// # Errors
    ///
    /// [`Error`] when it is not, or cannot be reached.
    async fn ready(&self) -> Result<(), Error>;
}

const _: Option<&dyn AlertmanagerApi> = None; // stays usable as a trait object

#[async_trait]
impl<A: AlertmanagerApi + ?Sized> AlertmanagerApi for Arc<A> {
    async fn alerts(&self, filter: &AlertFilter) -> Result<Vec<GettableAlert>, Error> {
        (**self).alerts(filter).await
    }

    async fn receivers(&self) -> Result<Vec<String>, Error> {
        (**self).receivers().await
    }

    async fn status(&self) -> Result<Status, Error> {
        (**self).status().await
    }

    async fn post_alerts(&self, alerts: &[PostableAlert]) -> Result<(), Error> {
        (**self).post_alerts(alerts).await
    }

    async fn silences(&self, matchers: &Matchers) -> Result<Vec<Silence>, Error> {
        (**self).silences(matchers).await
    }

    async fn post_silence(&self, silence: &PostableSilence) -> Result<SilenceId, Error> {
        (**self).post_silence(silence).await
    }

    async fn delete_silence(&self, id: &SilenceId) -> Result<(), Error> {
        (**self).delete_silence(id).await
    }

    async fn ready(&self) -> Result<(), Error> {
        (**self).ready().await
    }
}
