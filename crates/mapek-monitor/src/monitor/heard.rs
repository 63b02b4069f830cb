//! What webhooks brought since the last cycle.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{Fingerprint, Timestamp, Violation};

use super::{Monitor, TOO_LATE};
use crate::{
    AlertStatus, Breach, FeedAlert, InboxPosition, PendingAlert, alerts,
    episode::Sighting,
    read::{Deadline, Readings},
};

/// What the inbox held.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The last word on each alert, if it fires.
    pub(super) firing: Vec<FeedAlert>,
    /// All ends that were told.
    ended: Vec<FeedAlert>,
    /// Which alerts' last word is that they ended: name of the witness, and breach.
    pub(super) resolved: BTreeSet<(String, Fingerprint)>,
    /// Whether a batch was cut off.
    pub(super) truncated: bool,
    /// How far the inbox was read.
    pub(super) up_to: InboxPosition,
    /// Why it could not be read.
    pub(super) failure: Option<String>,
}

impl Monitor {
    pub(super) async fn hear(&self, at: Timestamp, deadline: &mut Deadline<'_>) -> Heard {
        let Some(inbox) = &self.inbox else { return Heard::default() };
        match deadline.race(inbox.pending(self.config.inbox_max)).await {
            Some(Ok(pending)) => self.sort(at, pending),
            Some(Err(error)) => Heard { failure: Some(error.chain()), ..Heard::default() },
            None => Heard { failure: Some(TOO_LATE.to_owned()), ..Heard::default() },
        }
    }

    fn sort(&self, at: Timestamp, pending: Vec<PendingAlert>) -> Heard {
        let mut heard = Heard::default();
        let mut last: BTreeMap<String, FeedAlert> = BTreeMap::new();
        for item in pending {
            heard.up_to = heard.up_to.max(item.position);
            // Seen already, but the acknowledgement was lost.
            if item.position <= self.state.inbox_position {
                continue;
            }
            heard.truncated |= item.truncated;
            if !alerts::concerns(&item.alert, &self.config) {
                continue;
            }
            if item.alert.status == AlertStatus::Resolved {
                heard.ended.push(item.alert.clone());
            }
            last.insert(item.alert.fingerprint.clone(), item.alert);
        }
        for alert in last.into_values() {
            if alert.status == AlertStatus::Firing {
                heard.firing.push(alert);
            } else {
                let breach = self.unconfirmed(at, &alert);
                heard.resolved.insert((breach.witness.name.clone(), breach.fingerprint()));
            }
        }
        heard
    }

    fn unconfirmed(&self, at: Timestamp, alert: &FeedAlert) -> Breach {
        alerts::breach(alert, &self.config, &self.alerts_by, false, at)
    }

    /// What webhooks say fires. What is known to be over, and not in the feed either, was heard before: a crash came between
    /// taking it in and telling the inbox so.
    pub(super) fn told_by_inbox(
        &self,
        at: Timestamp,
        heard: &Heard,
        readings: &Readings,
    ) -> Vec<Sighting> {
        let denied = readings.feed_is_fresh();
        let breaches = heard.firing.iter().map(|alert| self.unconfirmed(at, alert));
        let news = breaches.filter(|breach| !(denied && self.state.episodes.is_old_news(breach)));
        news.map(|breach| Sighting { breach, current: false }).collect()
    }

    /// Episodes that began and ended between two cycles, of which only webhooks tell.
    pub(super) fn passed(&mut self, at: Timestamp, heard: &Heard) -> Vec<Violation> {
        let mut ended: Vec<(Timestamp, Breach)> = heard
            .ended
            .iter()
            .map(|alert| (alert.ends_at.unwrap_or(at).min(at), self.unconfirmed(at, alert)))
            .collect();
        ended.sort_by(|a, b| (a.0, a.1.onset, &a.1.witness).cmp(&(b.0, b.1.onset, &b.1.witness)));
        ended
            .iter()
            .filter_map(|(end, breach)| self.state.episodes.passed(&self.target, breach, *end))
            .collect()
    }
}
