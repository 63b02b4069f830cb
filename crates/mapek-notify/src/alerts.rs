//! What is so, as alerts in Alertmanager.
//!
//! An alert fires for as long as it is told of, so there is nothing to remember: all that is so is told again at an interval, what is over is
//! resolved, and what nobody tells of any more, because the process is gone, ends by itself.

use std::{collections::BTreeMap, sync::Arc};

use alertmanager_client::{AlertmanagerApi, Labels, PostableAlert};
use mapek_loop::{Clock, LoopState};
use mapek_model::{CycleNumber, Duration, TargetId, Timestamp, later, since};
use tokio::sync::watch;
use tracing::warn;

use crate::{Condition, Config, Kind, Meter, Told, condition::conditions, defused, pace::Tries};

/// What they are counted under.
const CHANNEL: &str = "alertmanager";

/// The name of the alert that always fires while cycles complete.
const HEARTBEAT: &str = "MapekHeartbeat";

/// Alerts at once; the most urgent ones. More are a flood that nobody reads.
const ALERTS_MAX: usize = 100;

/// How long the alert of something that happened fires.
const HAPPENED_FOR: Duration = Duration::from_secs(3600);

/// Posts what is so to an Alertmanager, and keeps it firing while it lasts.
#[derive(Debug)]
pub struct Alerts {
    api: Arc<dyn AlertmanagerApi>,
    heartbeat: bool,
}

/// Which alert it is.
type Key = (String, String);

impl Alerts {
    /// The names of all alerts that are posted. Whoever takes alerts for signs of trouble in the managed system leaves these out.
    pub const NAMES: [&str; 7] = [
        Kind::NeedsOperator.alertname(),
        Kind::VerificationFailed.alertname(),
        Kind::Paused.alertname(),
        Kind::BreakerOpen.alertname(),
        Kind::ApprovalWaiting.alertname(),
        Kind::Escalation.alertname(),
        HEARTBEAT,
    ];

    /// Whose they are, by the label `team`: who runs the loop, as of the shipped rules on it. The heartbeat is nobody's.
    pub const TEAM: &str = "sre";

    /// To this Alertmanager.
    #[must_use]
    pub const fn new(api: Arc<dyn AlertmanagerApi>) -> Self {
        Self { api, heartbeat: false }
    }

    /// With an alert that fires as long as cycles complete, for a receiver that is alarmed when it is not told of it.
    #[must_use]
    pub fn with_heartbeat(self) -> Self {
        Self { heartbeat: true, ..self }
    }

    pub(crate) async fn follow(
        self,
        mut states: watch::Receiver<Arc<LoopState>>,
        config: Config,
        clock: Arc<dyn Clock>,
        meter: Arc<dyn Meter>,
    ) {
        let mut board = Board::new(config.clone(), self.heartbeat);
        let mut tries = Tries::new(config.backoff_max);
        let mut rests_until = Duration::ZERO;
        loop {
            let state = Arc::clone(&states.borrow_and_update());
            let (now, passed) = (clock.now(), clock.stopwatch());
            let wanted = board.wanted(&state, now);
            let mut wait = rests_until.saturating_sub(passed);
            if wait.is_zero() {
                wait = board.idle_for(&wanted, passed);
            }
            if wait.is_zero() {
                let due = board.due(&wanted, now);
                let posted = if due.is_empty() { Ok(()) } else { self.api.post_alerts(&due).await };
                let came_to = if posted.is_ok() { Told::Sent } else { Told::Failed };
                count(meter.as_ref(), &due, came_to);
                match posted {
                    Ok(()) => {
                        tries.succeeded();
                        board.posted(wanted, passed);
                    }
                    Err(error) => {
                        let again = tries.failed(None);
                        warn!(%error, ?again, "alertmanager was not told; it is tried again");
                        rests_until = passed + again;
                    }
                }
                continue;
            }
            tokio::select! {
                changed = states.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = clock.sleep_until(later(now, wait)) => {}
            }
        }
    }
}

fn count(meter: &dyn Meter, alerts: &[PostableAlert], told: Told) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for alert in alerts {
        let name = alert.labels.value("alertname");
        let kind = Kind::ALL.into_iter().find(|kind| kind.alertname() == name);
        *counts.entry(kind.map_or("heartbeat", Kind::as_str)).or_default() += 1;
    }
    for (kind, alerts) in counts {
        meter.count(CHANNEL, kind, told, alerts);
    }
}

/// What Alertmanager was told, and is to be told.
#[derive(Debug)]
struct Board {
    config: Config,
    heartbeat: bool,
    /// What fires there because of us.
    firing: BTreeMap<Key, PostableAlert>,
    /// By the stopwatch, when it was told last.
    told: Option<Duration>,
    /// The newest cycle that completed well, and until when that is a sign of life.
    beat: Option<(CycleNumber, Timestamp)>,
    /// When what has no known beginning was seen first.
    seen: BTreeMap<Key, Timestamp>,
}

impl Board {
    fn new(config: Config, heartbeat: bool) -> Self {
        let (firing, seen) = (BTreeMap::new(), BTreeMap::new());
        Self { config, heartbeat, firing, told: None, beat: None, seen }
    }

    /// What is to fire.
    fn wanted(&mut self, state: &LoopState, now: Timestamp) -> BTreeMap<Key, PostableAlert> {
        let mut so = conditions(state, now);
        so.retain(|it| it.lasts || it.since.is_some_and(|at| since(now, at) < HAPPENED_FOR));
        so.truncate(ALERTS_MAX);
        let mut wanted = BTreeMap::new();
        for condition in &so {
            let key = (condition.kind.alertname().to_owned(), condition.subject.clone());
            let seen = *self.seen.entry(key.clone()).or_insert(now);
            let alert = self.alert(condition, &state.target, condition.since.unwrap_or(seen), now);
            wanted.insert(key, alert);
        }
        self.seen.retain(|key, _| wanted.contains_key(key));
        wanted.extend(self.heartbeat(state, now));
        wanted
    }

    fn alert(
        &self,
        condition: &Condition,
        target: &TargetId,
        starts_at: Timestamp,
        now: Timestamp,
    ) -> PostableAlert {
        // Alertmanager hands them on to chats as they are.
        let (subject, title) = (defused(&condition.subject), defused(&condition.title));
        let labels = [
            ("alertname", condition.kind.alertname()),
            ("severity", condition.severity.as_str()),
            ("team", Alerts::TEAM),
            ("target", target.as_str()),
            ("subject", &subject),
        ];
        let text = defused(&condition.text);
        let annotations = [("summary", title.as_str()), ("description", &text)];
        PostableAlert {
            labels: Labels::from(labels),
            annotations: Labels::from(annotations),
            starts_at: Some(starts_at.min(now)),
            ends_at: Some(later(now, self.config.alert_interval * 4)),
            generator_url: self.config.link.clone().unwrap_or_default(),
        }
    }

    fn heartbeat(&mut self, state: &LoopState, now: Timestamp) -> Option<(Key, PostableAlert)> {
        let last = state.last().filter(|_| self.heartbeat)?;
        let is_new = self.beat.is_none_or(|(number, _)| number != last.number);
        if last.faults.is_empty() && is_new {
            let patience = since(last.next_due, last.at).saturating_add(self.config.alert_interval);
            self.beat = Some((last.number, later(now, patience * 4)));
        }
        let (_, until) = self.beat.filter(|(_, until)| now < *until && !state.stopped)?;
        let labels =
            [("alertname", HEARTBEAT), ("severity", "none"), ("target", state.target.as_str())];
        let annotations = [("summary", "cycles complete; be alarmed when this is over")];
        let alert = PostableAlert {
            annotations: Labels::from(annotations),
            ends_at: Some(until),
            ..PostableAlert::new(Labels::from(labels))
        };
        Some(((HEARTBEAT.to_owned(), String::new()), alert))
    }

    /// For how long there is nothing to tell.
    fn idle_for(&self, wanted: &BTreeMap<Key, PostableAlert>, passed: Duration) -> Duration {
        let Some(told) = self.told else {
            return if wanted.is_empty() { self.config.alert_interval } else { Duration::ZERO };
        };
        if !wanted.keys().eq(self.firing.keys()) {
            return Duration::ZERO;
        }
        (told + self.config.alert_interval).saturating_sub(passed)
    }

    /// What fires, and what has ended.
    fn due(&self, wanted: &BTreeMap<Key, PostableAlert>, now: Timestamp) -> Vec<PostableAlert> {
        let ended = self.firing.iter().filter(|(key, _)| !wanted.contains_key(*key));
        let ended = ended.map(|(_, alert)| alert.clone().resolved(now));
        wanted.values().cloned().chain(ended).collect()
    }

    fn posted(&mut self, wanted: BTreeMap<Key, PostableAlert>, passed: Duration) {
        self.told = Some(passed);
        self.firing = wanted;
    }
}
