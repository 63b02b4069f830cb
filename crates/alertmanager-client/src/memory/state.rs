use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::{
    Alert, AlertFilter, AlertState, AlertStateKind, AlertStatus, DedupeKey, Error, GettableAlert,
    Labels, Matcher, Matchers, PostableAlert, PostableSilence, Receiver, Silence, SilenceId,
    SilenceMatcher, SilenceState, SilenceStatus,
};

/// How long an alert without an end fires: Alertmanager's default `resolve_timeout`.
const RESOLVE_TIMEOUT: SignedDuration = SignedDuration::from_mins(5);

/// Alerts kept at most. Resolved ones leave with the flush; this is for those who never flush.
const ALERTS_MAX: usize = 100_000;

/// Silences kept at most, expired ones included.
const SILENCES_MAX: usize = 10_000;

#[derive(Debug)]
pub(super) struct State {
    now: Timestamp,
    alerts: BTreeMap<String, Kept>,
    silences: BTreeMap<SilenceId, Stored>,
    silences_made: u64,
}

#[derive(Debug)]
struct Kept {
    labels: Labels,
    annotations: Labels,
    generator_url: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    updated_at: Timestamp,
    /// The last report of it that was taken over.
    told: Option<DedupeKey>,
}

#[derive(Debug)]
struct Stored {
    matchers: Matchers,
    updated_at: Timestamp,
    silence: PostableSilence,
}

pub(super) fn refused(call: &'static str, status: u16, message: impl Into<String>) -> Error {
    Error::Refused { call, status, message: message.into() }
}

impl State {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { now, alerts: BTreeMap::new(), silences: BTreeMap::new(), silences_made: 0 }
    }

    pub(super) fn advance_to(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    pub(super) fn post(&mut self, alert: &PostableAlert) -> Result<DedupeKey, Error> {
        const CALL: &str = "post_alerts";
        let labels = alert.labels.clone().without_empty();
        if labels.is_empty() {
            return Err(refused(CALL, 400, "an alert needs a label with a value"));
        }
        let timeout = self.now.saturating_add(RESOLVE_TIMEOUT).unwrap_or(Timestamp::MAX);
        let ends_at = alert.ends_at.unwrap_or(timeout);
        let mut starts_at = alert.starts_at.unwrap_or_else(|| self.now.min(ends_at));
        if ends_at < starts_at {
            return Err(refused(CALL, 400, "the alert ends before it starts"));
        }
        let fingerprint = labels.fingerprint();
        let known = self.alerts.get(&fingerprint);
        if known.is_none() && self.alerts.len() >= ALERTS_MAX {
            return Err(refused(CALL, 503, "too many alerts"));
        }
        // While it is the same incident, the earliest start that anybody has told holds.
        if let Some(known) = known.filter(|known| starts_at < known.ends_at) {
            starts_at = starts_at.min(known.starts_at);
        }
        let kept = Kept {
            labels,
            annotations: alert.annotations.clone().without_empty(),
            generator_url: alert.generator_url.clone(),
            starts_at,
            ends_at,
            updated_at: self.now,
            told: known.and_then(|known| known.told.clone()),
        };
        let key = kept.report(self.now).dedupe_key();
        self.alerts.insert(fingerprint, kept);
        Ok(key)
    }

    pub(super) fn alerts(&self, filter: &AlertFilter, receiver: &str) -> Vec<GettableAlert> {
        let firing = self.alerts.iter().filter(|(_, kept)| kept.ends_at > self.now);
        let matching = firing.filter(|(_, kept)| filter.matchers.matches(&kept.labels));
        let shown = matching.map(|(fingerprint, kept)| {
            let silenced_by = self.silencing(&kept.labels).map(ToString::to_string).collect();
            kept.show(fingerprint, receiver, silenced_by)
        });
        let wanted = |alert: &GettableAlert| match alert.status.state {
            AlertStateKind::Suppressed => filter.silenced,
            _ => filter.active,
        };
        shown.filter(wanted).collect()
    }

    /// The whole group, if it holds anything new. What ended unseen is forgotten.
    pub(super) fn untold(&mut self) -> Option<Vec<Alert>> {
        let now = self.now;
        let silenced: Vec<String> = self
            .alerts
            .iter()
            .filter(|(_, kept)| self.silencing(&kept.labels).next().is_some())
            .map(|(fingerprint, _)| fingerprint.clone())
            .collect();
        let is_silenced = |fingerprint: &String| silenced.binary_search(fingerprint).is_ok();
        self.alerts.retain(|fingerprint, kept| {
            let unseen = kept.told.is_none() || is_silenced(fingerprint);
            kept.ends_at > now || !unseen
        });
        let group: Vec<_> =
            self.alerts.iter().filter(|(fingerprint, _)| !is_silenced(fingerprint)).collect();
        let news = |kept: &Kept| Some(kept.report(now).dedupe_key()) != kept.told;
        group
            .iter()
            .any(|(_, kept)| news(kept))
            .then(|| group.iter().map(|(_, kept)| kept.report(now)).collect())
    }

    pub(super) fn mark_told(&mut self, keys: Vec<DedupeKey>) {
        for key in keys {
            let fingerprint = key.fingerprint().to_owned();
            let Some(kept) = self.alerts.get_mut(&fingerprint) else { continue };
            // It may have come back while its end was being delivered.
            let over = key.status() == AlertStatus::Resolved && kept.ends_at <= self.now;
            if over && key.starts_at() == kept.report(self.now).dedupe_key().starts_at() {
                self.alerts.remove(&fingerprint);
            } else {
                kept.told = Some(key);
            }
        }
    }

    pub(super) fn silences(&self, matchers: &Matchers) -> Vec<Silence> {
        let named = |stored: &Stored| {
            matchers.iter().all(|wanted| stored.matchers.iter().any(|matcher| matcher == wanted))
        };
        let stored = self.silences.iter().filter(|(_, stored)| named(stored));
        let mut silences: Vec<_> = stored.map(|(id, stored)| self.show(id, stored)).collect();
        silences.sort_by(|a, b| {
            (a.status.state, a.ends_at, &a.id).cmp(&(b.status.state, b.ends_at, &b.id))
        });
        silences
    }

    pub(super) fn post_silence(&mut self, silence: &PostableSilence) -> Result<SilenceId, Error> {
        const CALL: &str = "post_silence";
        let bad = |message: String| refused(CALL, 400, message);
        let matchers: Matchers = silence
            .matchers
            .iter()
            .map(Matcher::try_from)
            .collect::<Result<_, _>>()
            .map_err(|error| bad(error.to_string()))?;
        if matchers.iter().all(|matcher| matcher.matches_value("")) {
            return Err(bad("at least one matcher must not match the empty string".to_owned()));
        }
        if silence.ends_at <= silence.starts_at || silence.ends_at <= self.now {
            return Err(bad("the silence must end after its start, and in the future".to_owned()));
        }
        let id = match &silence.id {
            Some(id) if !self.silences.contains_key(id) => {
                return Err(Error::NoSuchSilence { id: id.clone() });
            }
            Some(id) => id.clone(),
            None if self.silences.len() >= SILENCES_MAX => {
                return Err(refused(CALL, 503, "too many silences"));
            }
            None => self.next_silence_id(),
        };
        let stored = Stored { matchers, updated_at: self.now, silence: silence.clone() };
        self.silences.insert(id.clone(), stored);
        Ok(id)
    }

    pub(super) fn expire_silence(&mut self, id: &SilenceId) -> Result<(), Error> {
        let now = self.now;
        let stored =
            self.silences.get_mut(id).ok_or_else(|| Error::NoSuchSilence { id: id.clone() })?;
        if stored.silence.ends_at <= now {
            return Ok(());
        }
        stored.silence.ends_at = now;
        stored.silence.starts_at = stored.silence.starts_at.min(now);
        stored.updated_at = now;
        Ok(())
    }

    /// The ids of the silences that cover these labels now.
    fn silencing<'a>(&'a self, labels: &'a Labels) -> impl Iterator<Item = &'a SilenceId> {
        let active = |stored: &Stored| stored.state(self.now) == SilenceState::Active;
        self.silences
            .iter()
            .filter(move |(_, stored)| active(stored) && stored.matchers.matches(labels))
            .map(|(id, _)| id)
    }

    fn next_silence_id(&mut self) -> SilenceId {
        self.silences_made += 1;
        SilenceId::try_new(format!("silence-{}", self.silences_made))
            .expect("a word, a hyphen and a number make an id")
    }

    fn show(&self, id: &SilenceId, stored: &Stored) -> Silence {
        Silence {
            id: id.clone(),
            status: SilenceStatus { state: stored.state(self.now) },
            updated_at: stored.updated_at,
            matchers: stored.matchers.iter().map(SilenceMatcher::from).collect(),
            starts_at: stored.silence.starts_at,
            ends_at: stored.silence.ends_at,
            created_by: stored.silence.created_by.clone(),
            comment: stored.silence.comment.clone(),
        }
    }
}

impl Stored {
    fn state(&self, now: Timestamp) -> SilenceState {
        if self.silence.ends_at <= now {
            SilenceState::Expired
        } else if self.silence.starts_at > now {
            SilenceState::Pending
        } else {
            SilenceState::Active
        }
    }
}

impl Kept {
    /// The alert as the webhook would tell of it at `now`.
    fn report(&self, now: Timestamp) -> Alert {
        let mut alert = Alert::firing(self.labels.clone(), self.starts_at);
        alert.annotations = self.annotations.clone();
        alert.generator_url.clone_from(&self.generator_url);
        if self.ends_at <= now { alert.resolved(self.ends_at) } else { alert }
    }

    fn show(&self, fingerprint: &str, receiver: &str, silenced_by: Vec<String>) -> GettableAlert {
        let suppressed = !silenced_by.is_empty();
        let state = if suppressed { AlertStateKind::Suppressed } else { AlertStateKind::Active };
        GettableAlert {
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            starts_at: crate::wire::to_millisecond(self.starts_at),
            ends_at: crate::wire::to_millisecond(self.ends_at),
            updated_at: self.updated_at,
            generator_url: self.generator_url.clone(),
            fingerprint: fingerprint.to_owned(),
            receivers: vec![Receiver { name: receiver.to_owned() }],
            status: AlertState {
                state,
                silenced_by,
                inhibited_by: Vec::new(),
                muted_by: Vec::new(),
            },
        }
    }
}
