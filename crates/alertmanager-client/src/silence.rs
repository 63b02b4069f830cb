//! Silences as API v2 shows and takes them.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Labels, Matcher, MatcherError, Matchers, SilenceMatcher, wire::null_as_default};

/// Identifies a silence. Alertmanager's are UUIDs; any word of letters, digits, `-` and `_` will do here.
///
/// ```
/// use alertmanager_client::SilenceId;
///
/// assert!(SilenceId::try_new("2b4c6e2f-0e9d-4ae5-9d0c-0f1d2b3a4c5d").is_ok());
/// assert!(SilenceId::try_new("../alerts").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SilenceId(String);

/// Not the id of a silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a silence id is 1 to 64 letters, digits, - or _")]
pub struct SilenceIdError;

impl SilenceId {
    /// Checks an id; it becomes part of a URL.
    ///
    /// # Errors
    ///
    /// [`SilenceIdError`] unless it is 1 to 64 letters, digits, `-` or `_`.
    pub fn try_new(id: impl Into<String>) -> Result<Self, SilenceIdError> {
        let id = id.into();
        let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let valid = (1..=64).contains(&id.len()) && id.bytes().all(word);
        if valid { Ok(Self(id)) } else { Err(SilenceIdError) }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SilenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for SilenceId {
    type Error = SilenceIdError;

    fn try_from(id: String) -> Result<Self, SilenceIdError> {
        Self::try_new(id)
    }
}

impl From<SilenceId> for String {
    fn from(id: SilenceId) -> Self {
        id.0
    }
}

/// A silence as API v2 shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// What to call it by.
    pub id: SilenceId,
    /// Whether it works now.
    pub status: SilenceStatus,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// What it silences: alerts for which all of these hold.
    pub matchers: Vec<SilenceMatcher>,
    /// From when on.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Who made it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_by: String,
    /// Why.
    #[serde(default, deserialize_with = "null_as_default")]
    pub comment: String,
}

impl Silence {
    /// Whether it works now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status.state == SilenceState::Active
    }

    /// Its matchers, ready to use.
    ///
    /// # Errors
    ///
    /// [`MatcherError`] if one of them is written in a way that only Alertmanager understands. It may silence
    /// anything: take it as matching where a silence should hold back an action.
    pub fn to_matchers(&self) -> Result<Matchers, MatcherError> {
        self.matchers.iter().map(Matcher::try_from).collect()
    }
}

/// Whether a silence works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceStatus {
    /// Where in its life it is.
    pub state: SilenceState,
}

/// Where in its life a silence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SilenceState {
    /// It works now.
    Active,
    /// It will work later.
    Pending,
    /// It is over.
    Expired,
}

/// A silence to be made or changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableSilence {
    /// Which silence to change; a new one, if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<SilenceId>,
    /// What to silence: alerts for which all of these hold. At least one must not fit the empty string.
    pub matchers: Vec<SilenceMatcher>,
    /// From when on.
    pub starts_at: Timestamp,
    /// Until when: later than the start, and in the future.
    pub ends_at: Timestamp,
    /// Who makes it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

impl PostableSilence {
    /// A new silence from `starts_at` until `ends_at`.
    #[must_use]
    pub fn new(
        matchers: &Matchers,
        starts_at: Timestamp,
        ends_at: Timestamp,
        created_by: impl Into<String>,
        comment: impl Into<String>,
    ) -> Self {
        Self {
            id: None,
            matchers: matchers.iter().map(SilenceMatcher::from).collect(),
            starts_at,
            ends_at,
            created_by: created_by.into(),
            comment: comment.into(),
        }
    }

    /// Whether it would silence an alert with these labels.
    ///
    /// # Errors
    ///
    /// [`MatcherError`] if one of its matchers cannot be used.
    pub fn matches(&self, labels: &Labels) -> Result<bool, MatcherError> {
        let matchers: Matchers =
            self.matchers.iter().map(Matcher::try_from).collect::<Result<_, _>>()?;
        Ok(matchers.matches(labels))
    }
}
