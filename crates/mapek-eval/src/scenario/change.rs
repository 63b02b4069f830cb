//! What others do to the managed system, rightly: deploys, restarts, resizing. Nothing that a loop has to heal.

use charter_client::{
    ApplyRequest, PolicyConfig, PolicyId, PolicyKind, PolicySpec, RestartRequest, ScaleRequest,
    Seconds,
};
use charter_sim::{Charter, InProcess, Mutation, PlantConfig};
use mapek_model::{Duration, Timestamp};
use serde::{Deserialize, Serialize};

/// A change by others, at its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct PlannedChange {
    /// When.
    #[serde(default, with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub at: Duration,
    /// By whom, as the history of a policy names its source.
    #[serde(default = "a_pipeline")]
    pub by: String,
    /// What.
    pub does: Change,
}

fn a_pipeline() -> String {
    "release-pipeline".to_owned()
}

/// What others do. It heals what such an action heals, and is refused where such an action would be; then nothing happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Change {
    /// A new version of an enforcement policy. It says what the first version said.
    ApplyPolicy {
        /// Which policy: one that the plant is born with.
        #[serde(default = "privacy_baseline")]
        policy: String,
        /// How dear its rules are, as a multiple of the first version's: above 0, at most 2.
        #[serde(default = "as_dear")]
        #[cfg_attr(feature = "schemars", schemars(range(min = 0.0, max = 2.0)))]
        cost: f64,
    },
    /// A new configuration; what is absent stays as the plant began.
    Configure {
        /// Requests per batch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch_size: Option<u32>,
        /// How long one request may take.
        #[serde(
            default,
            with = "mapek_model::duration::option",
            skip_serializing_if = "Option::is_none"
        )]
        #[cfg_attr(feature = "schemars", schemars(with = "Option<mapek_model::duration::Schema>"))]
        timeout: Option<Duration>,
        /// Batches in work at once, per replica.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parallelism: Option<u32>,
    },
    /// One node after the other finishes what it holds, and starts again.
    RollingRestart {
        /// Only this node.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// How long all of them together may take to finish what they hold.
        #[serde(default = "a_minute", with = "mapek_model::duration")]
        #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
        timeout: Duration,
    },
    /// So many replicas from now on.
    Scale {
        /// How many.
        replicas: u32,
    },
}

fn privacy_baseline() -> String {
    "privacy-baseline".to_owned()
}

const fn as_dear() -> f64 {
    1.0
}

const fn a_minute() -> Duration {
    Duration::from_secs(60)
}

impl PlannedChange {
    /// Does it. What Charter refuses at this moment does not happen.
    pub(crate) fn make(&self, plant: &InProcess) {
        drop(plant.with(|charter| self.try_make(charter)));
    }

    /// What makes no sense about it, in a plant of this kind: the field and the reason.
    pub(super) fn flaw(&self, plant: &PlantConfig) -> Option<(&'static str, String)> {
        if !(1..=128).contains(&self.by.len()) {
            return Some(("by", "must have 1 to 128 bytes".to_owned()));
        }
        if let Change::ApplyPolicy { cost, .. } = self.does
            && !(cost > 0.0 && cost <= 2.0)
        {
            return Some(("does.cost", "must be above 0 and at most 2".to_owned()));
        }
        let mut charter = Charter::try_new(plant.clone(), 0, Timestamp::UNIX_EPOCH).ok()?;
        self.try_make(&mut charter).err().map(|reason| ("does", reason))
    }

    fn try_make(&self, charter: &mut Charter) -> Result<(), String> {
        let mutation = self.mutation(charter)?;
        let options = charter_client::CallOptions::new();
        let refused = |refusal: charter_sim::Refusal| refusal.to_string();
        charter.mutate(&mutation.into(), &options).map(drop).map_err(refused)
    }

    fn mutation(&self, charter: &Charter) -> Result<Mutation, String> {
        let seconds =
            |it: Duration| Seconds::try_from(it).map_err(|error| format!("timeout: {error}"));
        let apply = |id: PolicyId, name: &str, kind: PolicyKind| {
            let spec = PolicySpec::new(id, name, PolicyConfig::from(kind));
            let (timestamp, source) = (charter.now(), self.by.clone());
            Mutation::Apply(ApplyRequest { policy: spec, timestamp, source })
        };
        Ok(match &self.does {
            Change::ApplyPolicy { policy, cost } => {
                let id = PolicyId::try_new(policy).map_err(|error| error.to_string())?;
                let held = charter.policy(&id).map_err(|refusal| refusal.to_string())?;
                apply(id.clone(), &held.name, first(charter, &id, *cost)?)
            }
            Change::Configure { batch_size, timeout, parallelism } => {
                let id = PolicyId::try_new("configuration").expect("a short plain id");
                let timeout = timeout.map(seconds).transpose()?;
                let (batch_size, parallelism) = (*batch_size, *parallelism);
                let kind = PolicyKind::Configuration { batch_size, timeout, parallelism };
                apply(id, "Configuration", kind)
            }
            Change::RollingRestart { node, timeout } => Mutation::Restart(RestartRequest {
                graceful: true,
                timeout: seconds(*timeout)?,
                node: node.clone(),
            }),
            Change::Scale { replicas } => Mutation::Scale(ScaleRequest { replicas: *replicas }),
        })
    }
}

/// What the first version of a policy says, at `cost` times its cost.
fn first(charter: &Charter, id: &PolicyId, cost: f64) -> Result<PolicyKind, String> {
    let versions = charter.versions(id).map_err(|refusal| refusal.to_string())?;
    let kind = versions.first().map(|it| it.config.kind()).transpose();
    match kind.map_err(|error| error.to_string())? {
        Some(PolicyKind::Enforcement { mut rules, strictness }) => {
            rules.iter_mut().for_each(|rule| rule.cost *= cost);
            Ok(PolicyKind::Enforcement { rules, strictness })
        }
        _ => Err(format!("{id} is no enforcement policy")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(json: &str) -> PlannedChange {
        serde_json::from_str(json).unwrap()
    }

    fn plant() -> InProcess {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        InProcess::try_new(PlantConfig::default(), 1, start).unwrap()
    }

    #[test]
    fn a_new_version_says_what_the_first_said_and_names_who_applied_it() {
        let plant = plant();
        change(r#"{"does": {"kind": "apply-policy", "cost": 1.5}}"#).make(&plant);
        let id = PolicyId::try_new("privacy-baseline").unwrap();
        let versions = plant.with(|charter| charter.versions(&id)).unwrap();
        let [first, second] = &versions[..] else { panic!("{versions:?}") };
        assert_eq!(second.source.as_deref(), Some("release-pipeline"));
        let rules = |version: &charter_client::PolicyVersion| match version.config.kind() {
            Ok(PolicyKind::Enforcement { rules, .. }) => rules,
            other => panic!("{other:?}"),
        };
        for (before, after) in rules(first).iter().zip(rules(second)) {
            assert_eq!(before.name, after.name);
            assert!((after.cost / before.cost - 1.5).abs() < 1e-12);
        }
        plant.advance_by(jiff::SignedDuration::from_secs(60));
        assert!(plant.state().breaches.is_empty(), "{:?}", plant.state());
    }

    #[test]
    fn others_are_not_hit_by_faults_of_the_api() {
        let plant = plant();
        plant.inject(charter_sim::ApiFault::failure(charter_client::Call::Scale, 503, 1)).unwrap();
        change(r#"{"does": {"kind": "scale", "replicas": 9}}"#).make(&plant);
        assert_eq!(plant.state().target_replicas, 9);
        assert!(plant.faults()[0].active, "it waits for a call of the loop");
    }

    #[test]
    fn a_restart_takes_one_node_after_the_other() {
        let plant = plant();
        change(r#"{"does": {"kind": "rolling-restart"}}"#).make(&plant);
        let mut healthy = std::collections::BTreeSet::new();
        for _ in 0..60 {
            plant.advance_by(jiff::SignedDuration::from_secs(1));
            healthy.insert(plant.state().healthy);
        }
        assert_eq!(healthy.into_iter().collect::<Vec<_>>(), [5, 6]);
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (does, field, why) in [
            (r#"{"kind": "apply-policy", "policy": "none"}"#, "does", "none"),
            (r#"{"kind": "apply-policy", "cost": 3}"#, "does.cost", "at most 2"),
            (r#"{"kind": "scale", "replicas": 21}"#, "does", "within 1 and 20"),
            (r#"{"kind": "rolling-restart", "node": "validator-9"}"#, "does", "validator-9"),
            (r#"{"kind": "configure", "batch_size": 0}"#, "does", "batch_size"),
        ] {
            let flaw = change(&format!(r#"{{"does": {does}}}"#)).flaw(&PlantConfig::default());
            let (where_, reason) = flaw.unwrap_or_else(|| panic!("{does} makes sense"));
            assert!(where_ == field && reason.contains(why), "{does}: {where_}: {reason}");
        }
        assert!(
            change(r#"{"does": {"kind": "configure", "timeout": "3s"}}"#)
                .flaw(&PlantConfig::default())
                .is_none()
        );
    }
}
