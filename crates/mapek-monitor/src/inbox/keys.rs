//! By what alerts are told apart.

use mapek_model::{Fingerprint, Timestamp};

use crate::FeedAlert;

/// The key of a report: fingerprint of the alert, start in whole milliseconds (API v2 tells no more), and status.
pub(super) fn key(alert: &FeedAlert) -> [u8; 32] {
    let start = Timestamp::as_millisecond(alert.starts_at);
    let text = format!("{}\0{start}\0{}", alert.fingerprint, alert.status.as_str());
    *Fingerprint::of(text.as_bytes()).as_bytes()
}
