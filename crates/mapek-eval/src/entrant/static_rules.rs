//! Each alert has its action.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use charter_client::CharterApi;
use mapek_loop::WakeReason;
use mapek_model::{Action, Component, Duration, Observation, Timestamp, Violation, later};

use super::{
    Entrant, Seat, Steering, Turn,
    plain::{Eyes, Hands, turn},
    remedies,
};
use crate::Error;

/// Runbooks that alerts trigger, as teams have them that automate what they did by hand: what is breached says what is done.
///
/// | Breached | Done |
/// |---|---|
/// | `high-validation-latency`, `validation-latency-sla`, `low-throughput`, `committee-overloaded` | half as many replicas again, up to 20 |
/// | `high-failure-rate` | the service is restarted, gracefully |
/// | `node-down`, `committee-quorum` | the node is restarted, or all |
/// | `critical-violation-detected`, `policy-violations` | the policy that changed last is rolled back |
/// | `forbidden-metric`, `forbidden-metric-spike` | four fifths of the present load are let in |
/// | `policy-load-failure`, `policy-stale` | the service is restarted, which loads policies |
///
/// A runbook rests for five minutes after it ran. There is no diagnosis, nothing is checked, nothing is taken back.
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
            ran: BTreeMap::new(),
        }))
    }
}

/// What a breach calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Runbook {
    Scale,
    Restart,
    RestartNode,
    RollBack,
    Throttle,
}

impl Runbook {
    fn of(violation: &Violation) -> Option<Self> {
        Some(match violation.expectation.as_str() {
            "high-validation-latency"
            | "validation-latency-sla"
            | "low-throughput"
            | "committee-overloaded" => Self::Scale,
            "high-failure-rate" | "policy-load-failure" | "policy-stale" => Self::Restart,
            "node-down" | "committee-quorum" => Self::RestartNode,
            "critical-violation-detected" | "policy-violations" => Self::RollBack,
            "forbidden-metric" | "forbidden-metric-spike" => Self::Throttle,
            _ => return None,
        })
    }
}

struct Automated {
    eyes: Eyes,
    hands: Hands,
    charter: Arc<dyn CharterApi>,
    ran: BTreeMap<Runbook, Timestamp>,
}

impl Automated {
    /// The action that a runbook comes to at the moment, if any.
    async fn action(
        &self,
        runbook: Runbook,
        violation: &Violation,
        seen: &Observation,
    ) -> Option<Action> {
        match runbook {
            Runbook::Scale => remedies::half_again(self.charter.as_ref()).await,
            Runbook::Restart => Some(remedies::restart(None)),
            Runbook::RestartNode => Some(remedies::restart(node(violation))),
            Runbook::RollBack => remedies::roll_back_newest(seen),
            Runbook::Throttle => remedies::let_in_four_fifths(seen),
        }
    }
}

fn node(violation: &Violation) -> Option<Component> {
    violation.component.clone().filter(|it| it.as_str().starts_with("validator-"))
}

#[async_trait]
impl Steering for Automated {
    async fn turn(&mut self, now: Timestamp, _: BTreeSet<WakeReason>) -> Turn {
        let seen = self.eyes.look(now).await;
        let mut touched = Vec::new();
        for violation in &seen.open {
            let Some(runbook) = Runbook::of(violation) else { continue };
            if self.ran.get(&runbook).is_some_and(|ran| later(*ran, COOLDOWN) > now) {
                continue;
            }
            if let Some(action) = self.action(runbook, violation, &seen).await {
                self.ran.insert(runbook, now);
                touched.extend(self.hands.act(action, now).await);
            }
        }
        let acts = !touched.is_empty();
        Turn { executions: touched, ..turn(&seen, acts) }
    }
}
