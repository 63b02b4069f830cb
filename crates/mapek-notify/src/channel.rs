//! The seam to people.

use std::{fmt, str::FromStr, sync::Arc};

use async_trait::async_trait;
use mapek_model::Duration;
use serde::{Deserialize, Serialize};

use crate::Notice;

/// A message did not get through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failed {
    /// It may get through later.
    #[error("{reason}")]
    #[non_exhaustive]
    Transient {
        /// Why; without addresses, which may be secrets.
        reason: String,
        /// How long to wait at least, if the receiver said so.
        wait: Option<Duration>,
    },
    /// It never will: the receiver does not take it.
    #[error("{reason}")]
    #[non_exhaustive]
    Refused {
        /// Why; without addresses, which may be secrets.
        reason: String,
    },
}

impl Failed {
    /// It may get through later.
    pub fn transient(reason: impl Into<String>) -> Self {
        Self::Transient { reason: reason.into(), wait: None }
    }

    /// It never will.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }
}

/// A way to reach people.
///
/// *Idempotency.* A message may arrive more than once: it is sent again, with the same id, where its answer was lost.
///
/// *Time.* A call ends by itself, by a timeout of the implementation's own. One call is one attempt.
///
/// *Cancellation.* A call may be dropped at any moment; the message counts as not told then.
///
/// *Ordering.* One message at a time.
#[async_trait]
pub trait Channel: fmt::Debug + Send + Sync {
    /// Hands a message over.
    ///
    /// # Errors
    ///
    /// [`Failed`] if it was not taken, or nobody knows.
    async fn tell(&self, notice: &Notice) -> Result<(), Failed>;
}

const _: Option<&dyn Channel> = None; // stays usable as a trait object

#[async_trait]
impl<C: Channel + ?Sized> Channel for Arc<C> {
    async fn tell(&self, notice: &Notice) -> Result<(), Failed> {
        (**self).tell(notice).await
    }
}

/// What a channel is called in files, logs and metrics: 1 to 32 of `a-z`, `0-9` and `-`.
///
/// ```
/// use mapek_notify::ChannelName;
///
/// assert_eq!("on-call".parse::<ChannelName>()?.as_str(), "on-call");
/// assert!("../etc".parse::<ChannelName>().is_err());
/// # Ok::<(), mapek_notify::InvalidChannelName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "String"))]
pub struct ChannelName(String);

/// A text that names no channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a channel's name has 1 to 32 of a-z, 0-9 and -")]
#[non_exhaustive]
pub struct InvalidChannelName;

impl ChannelName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for ChannelName {
    type Err = InvalidChannelName;

    fn from_str(text: &str) -> Result<Self, InvalidChannelName> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if (1..=32).contains(&text.len()) && text.chars().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidChannelName)
        }
    }
}

impl TryFrom<String> for ChannelName {
    type Error = InvalidChannelName;

    fn try_from(text: String) -> Result<Self, InvalidChannelName> {
        text.parse()
    }
}

impl From<ChannelName> for String {
    fn from(name: ChannelName) -> Self {
        name.0
    }
}
