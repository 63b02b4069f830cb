//! Telling what is new from what is said again.
//!
//! Alertmanager delivers at least once and sends the whole group each time, so a receiver hears of the
//! same alert many times. The group key names the group, not the event: keyed by it, the second alert of
//! a group would pass for a repetition of the first.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AlertStatus, wire::to_millisecond};

/// Identifies one report: which alert, since when, and whether it fires.
///
/// Two deliveries with equal keys say the same. The start is cut to milliseconds, because that is all
/// that API v2 tells: so an alert read there has the same key as in the webhook.
///
/// ```
/// use alertmanager_client::{AlertStatus, DedupeKey};
///
/// let by_webhook = "2026-11-20T10:00:00.123456789Z".parse()?;
/// let by_api = "2026-11-20T10:00:00.123Z".parse()?;
/// let key = |start| DedupeKey::new("cbf29ce484222325", start, AlertStatus::Firing);
/// assert_eq!(key(by_webhook), key(by_api));
/// assert_eq!(key(by_api).to_string(), "cbf29ce484222325/2026-11-20T10:00:00.123Z/firing");
/// # Ok::<_, jiff::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "WireKey")]
pub struct DedupeKey {
    fingerprint: String,
    starts_at: Timestamp,
    status: AlertStatus,
}

impl DedupeKey {
    /// The key of a report; `starts_at` is cut to milliseconds.
    #[must_use]
    pub fn new(fingerprint: impl Into<String>, starts_at: Timestamp, status: AlertStatus) -> Self {
        Self { fingerprint: fingerprint.into(), starts_at: to_millisecond(starts_at), status }
    }

    /// Which alert: the hash of its labels.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Since when the alert fires or fired, in whole milliseconds.
    #[must_use]
    pub fn starts_at(&self) -> Timestamp {
        self.starts_at
    }

    /// Whether the alert fires.
    #[must_use]
    pub fn status(&self) -> AlertStatus {
        self.status
    }

    /// What this report means to someone whose last report of the alert was `previous`.
    ///
    /// ```
    /// use alertmanager_client::{AlertStatus::*, DedupeKey, Sequel};
    ///
    /// let key = |start: &str, status| DedupeKey::new("f", start.parse().expect("a time"), status);
    /// let before = key("2026-11-20T10:00:00Z", Firing);
    /// assert_eq!(key("2026-11-20T09:59:00Z", Firing).sequel(&before), Sequel::Backdated);
    /// assert_eq!(key("2026-11-20T10:05:00Z", Firing).sequel(&before), Sequel::Onset);
    /// ```
    #[must_use]
    pub fn sequel(&self, previous: &Self) -> Sequel {
        use AlertStatus::{Firing, Resolved};
        use std::cmp::Ordering::{Equal, Greater, Less};

        if self.fingerprint != previous.fingerprint {
            return Sequel::Unrelated;
        }
        match (previous.status, self.status, self.starts_at.cmp(&previous.starts_at)) {
            (Firing, Firing, Equal) | (Resolved, Resolved, Equal) => Sequel::Repeat,
            (Firing, Firing, Less) => Sequel::Backdated,
            // An end under another start than the one we know: the start moved, or an onset was never told.
            (Firing, Resolved, _) | (Resolved, Resolved, Greater) => Sequel::End,
            (_, Firing, Greater) => Sequel::Onset,
            (Resolved, _, Less) | (Resolved, Firing, Equal) => Sequel::Late,
        }
    }
}

impl fmt::Display for DedupeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:.3}/{}", self.fingerprint, self.starts_at, self.status)
    }
}

/// What a report means after an earlier one of the same alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sequel {
    /// Another alert altogether.
    Unrelated,
    /// Nothing new.
    Repeat,
    /// The same incident, now known to have begun earlier. Not a new one.
    Backdated,
    /// The alert ended and began again. Within one `group_interval` this new start is all that is ever seen of it.
    Onset,
    /// The alert ended.
    End,
    /// Older than what is known: a delivery that was retried, or overtaken.
    Late,
}

#[derive(Deserialize)]
struct WireKey {
    fingerprint: String,
    starts_at: Timestamp,
    status: AlertStatus,
}

impl From<WireKey> for DedupeKey {
    fn from(wire: WireKey) -> Self {
        Self::new(wire.fingerprint, wire.starts_at, wire.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AlertStatus::{Firing, Resolved};

    fn key(second: i64, status: AlertStatus) -> DedupeKey {
        DedupeKey::new("f", Timestamp::from_second(second).unwrap(), status)
    }

    #[test]
    fn every_pair_of_reports_has_a_meaning() {
        for (previous, next, sequel) in [
            (key(5, Firing), key(5, Firing), Sequel::Repeat),
            (key(5, Firing), key(4, Firing), Sequel::Backdated),
            (key(5, Firing), key(6, Firing), Sequel::Onset),
            (key(5, Firing), key(5, Resolved), Sequel::End),
            (key(5, Firing), key(4, Resolved), Sequel::End),
            (key(5, Resolved), key(5, Resolved), Sequel::Repeat),
            (key(5, Resolved), key(6, Resolved), Sequel::End),
            (key(5, Resolved), key(4, Resolved), Sequel::Late),
            (key(5, Resolved), key(6, Firing), Sequel::Onset),
            (key(5, Resolved), key(5, Firing), Sequel::Late),
            (key(5, Resolved), key(4, Firing), Sequel::Late),
        ] {
            assert_eq!(next.sequel(&previous), sequel, "{previous} then {next}");
        }
        let other = DedupeKey::new("g", Timestamp::UNIX_EPOCH, Firing);
        assert_eq!(other.sequel(&key(0, Firing)), Sequel::Unrelated);
    }

    #[test]
    fn status_and_start_are_part_of_the_key() {
        assert_ne!(key(5, Firing), key(5, Resolved));
        assert_ne!(key(5, Firing), key(6, Firing));
    }

    #[test]
    fn reading_a_key_cuts_it_like_making_one() {
        let json =
            r#"{"fingerprint":"f","starts_at":"2026-11-20T10:00:00.0009Z","status":"firing"}"#;
        let key: DedupeKey = serde_json::from_str(json).unwrap();
        assert_eq!(key.starts_at().to_string(), "2026-11-20T10:00:00Z");
    }
}
