//! Each alert has its action.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use charter_client::CharterApi;
use mapek_loop::WakeReason;
use mapek_model::{Action, Duration, Labels, Observation, Timestamp, later};
use mapek_monitor::AlertFeed;

use super::{
    Entrant, Seat, Steering, Turn,
    plain::{Eyes, Hands, turn},
    remedies,
};
use crate::Error;

/// Runbooks that alerts trigger, as teams have them that automate what they did by hand: the alert that fires says what is done.
///
/// | Alert | Done |
/// |---|---|
/// | `ValidationLatencySLA`, `CommitteeOverloaded`, `CommitteeNotificationLatencySLA` | half as many replicas again, up to 20 |
/// | `CriticalViolationDetected`, `HighViolationInvestigationRate` | the policy that changed last is rolled back |
/// | `ForbiddenMetricSpike`, `UnusualDataRevocationActivity` | four fifths of the present load are let in |
/// | `PolicyLoadFailure` | the service is restarted, gracefully, which loads policies |
/// | `DataRevocationSLAViolation` | the service is restarted, gracefully |
///
/// The alerts are those of Charter's operators ([`charter_rules`](crate::charter_rules)): each fires once its expression has been true for as
/// long as its rule says, and reaches whoever listens. A runbook rests for five minutes after it ran, and runs again if its alert still
/// fires. There is no diagnosis, nothing is checked, nothing is taken back.
#[derive(Debug, Clone, Copy, Default)]
pub struct StaticRules;

/// How long a runbook rests.
pub(super) const COOLDOWN: Duration = Duration::from_secs(300);

impl Entrant for StaticRules {
    fn name(&self) -> &str {
        "static-rules"
    }

    fn sit_down(&self, seat: Seat) -> Result<Box<dyn Steering>, Error> {
        Ok(Box::new(Automated {
            eyes: Eyes::new(&seat)?,
            hands: Hands::new(&seat),
            charter: Arc::clone(&seat.charter),
            alerts: Arc::clone(&seat.feed),
            ran: BTreeMap::new(),
        }))
    }
}

/// What an alert calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Runbook {
    Scale,
    Restart,
    RollBack,
    Throttle,
}

impl Runbook {
    fn of(labels: &Labels) -> Option<Self> {
        Some(match labels.get("alertname")? {
            "ValidationLatencySLA" | "CommitteeOverloaded" | "CommitteeNotificationLatencySLA" => {
                Self::Scale
            }
            "CriticalViolationDetected" | "HighViolationInvestigationRate" => Self::RollBack,
            "ForbiddenMetricSpike" | "UnusualDataRevocationActivity" => Self::Throttle,
            "PolicyLoadFailure" | "DataRevocationSLAViolation" => Self::Restart,
            _ => return None,
        })
    }
}

struct Automated {
    eyes: Eyes,
    hands: Hands,
    charter: Arc<dyn CharterApi>,
    alerts: Arc<dyn AlertFeed>,
    ran: BTreeMap<Runbook, Timestamp>,
}

impl Automated {
    /// The action that a runbook comes to at the moment, if any.
    async fn action(&self, runbook: Runbook, seen: &Observation) -> Option<Action> {
        match runbook {
            Runbook::Scale => remedies::half_again(self.charter.as_ref()).await,
            Runbook::Restart => Some(remedies::restart(None)),
            Runbook::RollBack => remedies::roll_back_newest(seen),
            Runbook::Throttle => remedies::let_in_four_fifths(seen),
        }
    }
}

#[async_trait]
impl Steering for Automated {
    async fn turn(&mut self, now: Timestamp, _: BTreeSet<WakeReason>) -> Turn {
        let seen = self.eyes.look(now).await;
        let alerts = self.alerts.alerts(now).await.map(|it| it.alerts).unwrap_or_default();
        let called: BTreeSet<_> = alerts.iter().filter_map(|it| Runbook::of(&it.labels)).collect();
        let mut touched = Vec::new();
        for runbook in called {
            if self.ran.get(&runbook).is_some_and(|ran| later(*ran, COOLDOWN) > now) {
                continue;
            }
            if let Some(action) = self.action(runbook, &seen).await {
                self.ran.insert(runbook, now);
                touched.extend(self.hands.act(action, now).await);
            }
        }
        let acts = !touched.is_empty();
        Turn { executions: touched, ..turn(&seen, acts) }
    }
}
