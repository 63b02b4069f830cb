//! Whether the evidence is good enough to act on.

use std::collections::BTreeSet;

use mapek_model::{MetricName, Plan, Ratio, Risk, Violation, ViolationSource};
use serde::{Deserialize, Serialize};

use super::{Context, Rail, Refusal};

/// When evidence is too doubtful to act on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DoubtConfig {
    /// The share of sensors that may be bad at once, where there are five or more.
    pub bad_sensors_max: Ratio,
    /// From which risk on two independent sources must agree.
    pub two_sources_from: Risk,
}

impl Default for DoubtConfig {
    fn default() -> Self {
        // When two in five fail together, the fault is likelier in the measuring than in the measured.
        Self { bad_sensors_max: Ratio::saturating(0.4), two_sources_from: Risk::Medium }
    }
}

#[derive(Debug)]
pub(super) struct SensorDoubt(DoubtConfig);

impl SensorDoubt {
    pub(super) const fn new(config: DoubtConfig) -> Self {
        Self(config)
    }
}

impl Rail for SensorDoubt {
    fn check(&self, context: &Context<'_>) -> Result<(), Refusal> {
        let refuse = |reason: String, unless: String| {
            Err(Refusal::new("sensor_doubt", reason).unless(unless))
        };
        let observation = context.observation;
        if let Some(share) = observation.sensors.bad_share()
            && share > self.0.bad_sensors_max
        {
            let (bad, total) = (observation.sensors.bad, observation.sensors.total);
            let percent = 100.0 * self.0.bad_sensors_max.get();
            return refuse(
                format!("{bad} of {total} sensors are bad at once"),
                format!("at most {percent:.0} % of the {total} sensors are bad"),
            );
        }
        let quality = observation.overall_quality();
        if let Some(doubt) = quality.doubts().max_by_key(|doubt| doubt.kind.level()) {
            let level = quality.level();
            return refuse(
                format!("evidence is {level}: {} ({})", doubt.detail, doubt.subject),
                format!("{} is seen afresh", doubt.subject),
            );
        }
        // Once its steps have begun to help, the evidence for a plan is gone: what it began on was checked then.
        if context.execution.is_some_and(|execution| execution.first_applied.is_some()) {
            return Ok(());
        }
        let confirmed = confirmed(context.plan, &observation.open);
        if confirmed.is_empty() {
            return refuse(
                "nothing that the plan explains is open and confirmed".to_owned(),
                "a rule, the alert list or the managed system confirms what it explains".to_owned(),
            );
        }
        let risk = riskiest(context.plan);
        let sources = independent_sources(&confirmed);
        if risk >= self.0.two_sources_from && sources < 2 {
            return refuse(
                format!("a risk that is {risk} needs two independent sources"),
                "a second source confirms it: another metric family, or the managed system itself"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// The confirmed episodes that a plan explains and that are open now; their onset may have moved.
fn confirmed<'a>(plan: &Plan, open: &'a [Violation]) -> Vec<&'a Violation> {
    let explained: BTreeSet<_> = plan.explains.iter().map(|key| key.fingerprint).collect();
    open.iter()
        .filter(|violation| violation.is_confirmed())
        .filter(|violation| explained.contains(&violation.fingerprint()))
        .collect()
}

/// What the plan says of its risk, or what its actions say, whichever is greater.
fn riskiest(plan: &Plan) -> Risk {
    let kinds = plan.steps.iter().map(|step| step.action.kind().risk());
    kinds.fold(plan.risk_if_wrong, Risk::max)
}

/// How many sources agree that do not lean on each other: each metric family is one, and the managed system itself is one. A
/// witness whose family cannot be told may be any of them, so it counts only where it is alone.
fn independent_sources(episodes: &[&Violation]) -> usize {
    let witnesses = || {
        episodes.iter().flat_map(|episode| &episode.witnesses).filter(|witness| witness.confirmed)
    };
    let own = witnesses().any(|witness| witness.source == ViolationSource::ManagedSystem);
    let families: BTreeSet<_> = witnesses()
        .filter(|witness| witness.source != ViolationSource::ManagedSystem)
        .filter_map(|witness| witness.family.as_ref().map(MetricName::family))
        .collect();
    (families.len() + usize::from(own)).max(usize::from(witnesses().next().is_some()))
}
