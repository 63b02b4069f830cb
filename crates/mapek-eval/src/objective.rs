//! What counts as healthy, and how much is lost while it is not.

use std::collections::BTreeSet;

use charter_sim::{BreachKind, PlantState, Totals};
use mapek_model::Duration;
use serde::{Deserialize, Serialize};

/// A service-level objective on what can be measured of the plant itself, past all sensors. Everything must hold at once.
///
/// ```
/// use mapek_eval::Objective;
///
/// let objective: Objective = serde_json::from_str(r#"{"validation_p99_s": 0.5}"#)?;
/// assert!(objective.failure_rate < 0.1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Objective {
    /// Highest p99 of validation, in seconds.
    pub validation_p99_s: f64,
    /// Highest share of requests that fail: 0 to 1.
    pub failure_rate: f64,
    /// Highest share of requests that are shed: 0 to 1. Below it, what is shed is lost all the same.
    pub shed_share: f64,
    /// Most violations of policies per second.
    pub violations_per_s: f64,
    /// Breaches that the plant itself sees and that must not be open, besides what the numbers above say.
    pub breaches: BTreeSet<BreachKind>,
    /// Most replicas, where idle ones are a fault of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// How long it must hold until it counts as restored.
    #[serde(with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub held: Duration,
}

impl Default for Objective {
    fn default() -> Self {
        Self {
            validation_p99_s: 1.0,
            failure_rate: 0.05,
            shed_share: 0.3,
            violations_per_s: 10.0,
            breaches: BTreeSet::from([
                BreachKind::CommitteeQuorum,
                BreachKind::ForbiddenMetric,
                BreachKind::PolicyStale,
                BreachKind::OverrideStays,
            ]),
            replicas: None,
            held: Duration::from_secs(300),
        }
    }
}

/// The objective at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Compliance {
    /// Whether it is met.
    pub met: bool,
    /// How much is lost: 0 to 1.
    pub loss: f64,
}

/// What one open breach loses, by convention: it hurts, and no request fails for it.
const BREACH_LOSS: f64 = 0.25;

impl Objective {
    /// Compares `state`, where `before` is where the requests were one look earlier.
    ///
    /// The loss is that of the worst term. A number above its limit loses `1 - limit / number`: twice the limit is a half, ten times
    /// nine tenths. Requests that are shed are lost one by one, and a breach loses a quarter.
    #[must_use]
    pub fn compliance(&self, state: &PlantState, before: &Totals) -> Compliance {
        let arrived = state.totals.arrivals.saturating_sub(before.arrivals);
        let shed = state.totals.shed.saturating_sub(before.shed);
        let shed_share = if arrived == 0 { 0.0 } else { shed as f64 / arrived as f64 };
        let surplus = self.replicas.map_or(0.0, |most| {
            excess(f64::from(state.target_replicas.max(state.replicas)), f64::from(most))
        });
        let breached = state.breaches.iter().any(|it| self.breaches.contains(&it.kind));
        let worst = [
            excess(state.validation_p99_s, self.validation_p99_s),
            excess(state.failure_rate, self.failure_rate),
            excess(state.violation_rate, self.violations_per_s),
            surplus,
            if breached { BREACH_LOSS } else { 0.0 },
            if shed_share > self.shed_share { shed_share } else { 0.0 },
        ]
        .into_iter()
        .fold(0.0, f64::max);
        Compliance { met: worst <= 0.0, loss: worst.max(shed_share).min(1.0) }
    }
}

/// How far `value` is above `limit`: 0 up to the limit, and towards 1 beyond. What is not a number exceeds nothing.
fn excess(value: f64, limit: f64) -> f64 {
    if value > limit { 1.0 - limit.max(0.0) / value } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use charter_sim::{Plant, PlantConfig};

    fn plant(change: impl FnOnce(&mut PlantState)) -> PlantState {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut state = Plant::try_new(PlantConfig::default(), 1, start).unwrap().state();
        change(&mut state);
        state
    }

    #[test]
    fn the_worst_term_is_what_is_lost() {
        let objective = Objective::default();
        let fine = objective.compliance(&plant(|_| ()), &Totals::default());
        assert_eq!(fine, Compliance { met: true, loss: 0.0 });
        let late = plant(|it| (it.validation_p99_s, it.failure_rate) = (2.0, 0.06));
        let late = objective.compliance(&late, &Totals::default());
        assert!(!late.met && (late.loss - 0.5).abs() < 1e-12, "{late:?}");
        let blind = plant(|it| it.validation_p99_s = f64::NAN);
        assert!(objective.compliance(&blind, &Totals::default()).met);
    }

    #[test]
    fn shedding_a_little_is_allowed_and_still_lost() {
        let shed = |n| plant(|it| (it.totals.arrivals, it.totals.shed) = (200, n));
        let before = Totals { arrivals: 100, shed: 0, ..Totals::default() };
        let objective = Objective::default();
        let little = objective.compliance(&shed(20), &before);
        assert!(little.met && (little.loss - 0.2).abs() < 1e-12);
        assert!(!objective.compliance(&shed(40), &before).met);
    }

    #[test]
    fn idle_replicas_count_only_where_they_are_a_fault() {
        let many = plant(|it| (it.target_replicas, it.replicas) = (12, 12));
        assert!(Objective::default().compliance(&many, &Totals::default()).met);
        let thrifty = Objective { replicas: Some(6), ..Objective::default() };
        let compliance = thrifty.compliance(&many, &Totals::default());
        assert!(!compliance.met && (compliance.loss - 0.5).abs() < 1e-12);
    }
}
