//! What a life is about: which plan, against what resistance, with which people around.

use charter_client::{ApplyRequest, Call, PolicyConfig, PolicyId, PolicySpec, Seconds};
use charter_sim::{ApiFault, Arrivals, Charter, Mutation, PlantConfig};
use jiff::{SignedDuration, Timestamp};
use mapek_execute::{Autonomy, Config, ExecutionMode, Profile, Retention};
use mapek_model::{Action, ActionKind, Duration};
use serde_json::json;

use crate::BoxError;

/// What people do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum People {
    /// Nothing.
    Nobody,
    /// Two of them approve whatever is proposed.
    Approve,
    /// Somebody has paused the loop, and resumes it after two minutes.
    Pause,
    /// Somebody pauses the loop when a plan has begun, and resumes it two minutes after that.
    Interrupt,
    /// Somebody takes back what has run to its end.
    RollBack,
    /// Somebody closes what needs an operator.
    Resolve,
    /// Somebody trusts a kind of action again.
    Rearm,
}

/// One story.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// The plan; without one nothing is wrong.
    pub(crate) steps: fn() -> Vec<Action>,
    /// What the managed system does to calls.
    faults: fn() -> Vec<ApiFault>,
    pub(crate) people: People,
    /// Whether the managed system keeps idempotency keys.
    pub(crate) keys: bool,
    /// Whether something new breaks once the plan is applied.
    pub(crate) degrades: bool,
    /// Whether webhooks come meanwhile.
    pub(crate) webhooks: bool,
    /// Whether a crash, or the managed system, may leave something that only a person can decide.
    pub(crate) may_need_operator: bool,
    /// How long the process stays away after a crash, in seconds of the managed system.
    pub(crate) away_s: i64,
    adjust: fn(&mut Config),
}

const PLAIN: Scenario = Scenario {
    name: "",
    steps: capacity,
    faults: Vec::new,
    people: People::Nobody,
    keys: true,
    degrades: false,
    webhooks: false,
    may_need_operator: false,
    away_s: 0,
    adjust: |_| (),
};

/// When time begins.
pub(crate) const START: &str = "2026-01-01T00:00:00Z";

/// How long somebody keeps the loop paused.
pub(crate) const PAUSED_FOR: SignedDuration = SignedDuration::from_secs(120);

/// How long webhooks come at least.
pub(crate) const WEBHOOKS_FOR: SignedDuration = SignedDuration::from_secs(300);

fn capacity() -> Vec<Action> {
    vec![
        Action::ScaleUp { replicas: 9 },
        Action::UpdateConfiguration { batch_size: Some(8), timeout: None, parallelism: Some(4) },
    ]
}

fn restart() -> Vec<Action> {
    let timeout = Duration::from_secs(30);
    vec![Action::RestartService { graceful: true, timeout, node: None }]
}

fn throttle() -> Vec<Action> {
    vec![Action::ThrottleRequests { rate_limit: 50.0, node: None }]
}

fn roll_back() -> Vec<Action> {
    vec![Action::RollbackPolicy { policy: POLICY.to_owned(), from_version: "2".to_owned() }]
}

fn apply() -> Vec<Action> {
    vec![Action::ApplyPolicy {
        policy: POLICY.to_owned(),
        name: "Privacy".to_owned(),
        version: "1".to_owned(),
        config: strictness(0.3),
    }]
}

/// Steps that fail and are undone in every way that there is.
fn troubled_undo() -> Vec<ApiFault> {
    vec![
        // The first call gets through; the next one is the undo.
        ApiFault::delay(Call::Scale, Seconds::ZERO),
        ApiFault::failure(Call::Scale, 503, 1),
        ApiFault::lost_answer(Call::Rollback),
    ]
}

/// All stories.
pub(crate) fn all() -> Vec<Scenario> {
    vec![
        Scenario { name: "success", ..PLAIN },
        Scenario {
            name: "second-step-fails",
            faults: || vec![ApiFault::failure(Call::Apply, 422, 100)],
            ..PLAIN
        },
        Scenario {
            name: "refused",
            faults: || vec![ApiFault::failure(Call::Scale, 422, 100)],
            ..PLAIN
        },
        Scenario { name: "busy", faults: || vec![ApiFault::failure(Call::Scale, 503, 2)], ..PLAIN },
        Scenario {
            name: "applied-but-unanswered",
            faults: || vec![ApiFault::lost_answer(Call::Scale), ApiFault::lost_answer(Call::Apply)],
            ..PLAIN
        },
        Scenario { name: "degradation", degrades: true, faults: troubled_undo, ..PLAIN },
        Scenario {
            name: "undo-refused",
            degrades: true,
            faults: || vec![ApiFault::failure(Call::Rollback, 422, 100)],
            people: People::Resolve,
            may_need_operator: true,
            ..PLAIN
        },
        Scenario { name: "hold-and-release", steps: throttle, ..PLAIN },
        Scenario { name: "restart", steps: restart, may_need_operator: true, ..PLAIN },
        Scenario {
            name: "restart-after-a-while",
            steps: restart,
            may_need_operator: true,
            away_s: 120,
            ..PLAIN
        },
        Scenario {
            name: "restart-unanswered",
            steps: restart,
            faults: || vec![ApiFault::lost_answer(Call::Restart)],
            people: People::Resolve,
            may_need_operator: true,
            away_s: 600,
            ..PLAIN
        },
        Scenario {
            name: "approvals",
            people: People::Approve,
            adjust: |config| {
                let autonomy = &mut config.rails.autonomy;
                autonomy.kinds.insert(ActionKind::ScaleUp, Autonomy::Suggest);
                autonomy.approvers = 2;
            },
            ..PLAIN
        },
        Scenario { name: "pause", people: People::Pause, ..PLAIN },
        Scenario {
            name: "pause-before-another-try",
            people: People::Interrupt,
            faults: || vec![ApiFault::failure(Call::Scale, 503, 2)],
            ..PLAIN
        },
        Scenario { name: "rollback-by-a-person", people: People::RollBack, ..PLAIN },
        Scenario { name: "rearm", steps: throttle, people: People::Rearm, away_s: 120, ..PLAIN },
        Scenario { name: "policy-rolled-back", steps: roll_back, ..PLAIN },
        Scenario {
            name: "policy-rollback-undone",
            steps: roll_back,
            people: People::RollBack,
            ..PLAIN
        },
        Scenario { name: "policy-applied", steps: apply, people: People::RollBack, ..PLAIN },
        Scenario {
            name: "without-keys",
            keys: false,
            degrades: true,
            may_need_operator: true,
            ..PLAIN
        },
        Scenario {
            name: "rollback-without-keys",
            steps: roll_back,
            people: People::RollBack,
            keys: false,
            may_need_operator: true,
            ..PLAIN
        },
        Scenario {
            name: "best-effort",
            faults: || vec![ApiFault::failure(Call::Scale, 422, 100)],
            adjust: |config| config.execution_mode = ExecutionMode::BestEffort,
            ..PLAIN
        },
        Scenario {
            name: "pruning",
            adjust: |config| {
                config.journal_retention = Retention { records: 8, ..Retention::default() }
            },
            ..PLAIN
        },
        Scenario { name: "webhooks", steps: Vec::new, webhooks: true, ..PLAIN },
    ]
}

impl Scenario {
    /// The story of this name.
    pub(crate) fn named(name: &str) -> Result<Self, BoxError> {
        let mut all = all();
        let found = all.iter().position(|it| it.name == name);
        Ok(all.swap_remove(found.ok_or_else(|| format!("there is no scenario `{name}`"))?))
    }

    /// The managed system as it is in the beginning: small, with a policy of two versions, and with what it does to calls.
    pub(crate) fn charter(&self) -> Result<Charter, BoxError> {
        let plant = PlantConfig {
            arrivals: Arrivals::Constant { rate: 1.0 },
            step_ms: 1_000,
            ..PlantConfig::default()
        };
        let start: Timestamp = START.parse()?;
        let mut charter = Charter::try_new(plant, 7, earlier(start, 120))?;
        for (version, seconds) in [(0.2, 60), (0.4, 0)] {
            let config: PolicyConfig = serde_json::from_value(strictness(version))?;
            let policy = PolicySpec::new(PolicyId::try_new(POLICY)?, "Privacy", config);
            let request = Mutation::Apply(ApplyRequest::new(policy, start));
            let applied = charter.mutate(&request.into(), &charter_client::CallOptions::new());
            applied.map_err(|refusal| format!("the reference server refuses: {refusal:?}"))?;
            charter.advance(earlier(start, seconds));
        }
        for fault in (self.faults)() {
            let injected = charter.inject(fault);
            injected.map_err(|refusal| format!("the reference server refuses: {refusal:?}"))?;
        }
        Ok(if self.keys { charter } else { charter.without_keys() })
    }

    /// How the executor is set.
    pub(crate) fn executor(&self, state_dir: &std::path::Path) -> Config {
        let mut config = Config {
            state_dir: Some(state_dir.to_owned()),
            release_after: Duration::from_secs(60),
            ..Config::default()
        };
        config.rails.autonomy.profile = Profile::Auto;
        // One source is all that there is here.
        config.rails.doubt.two_sources_from = mapek_model::Risk::High;
        (self.adjust)(&mut config);
        config
    }
}

/// A policy of somebody else's.
const POLICY: &str = "privacy";

fn strictness(strictness: f64) -> serde_json::Value {
    json!({ "kind": "enforcement", "rules": [], "strictness": strictness })
}

fn earlier(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_story_has_a_name_of_its_own_and_begins_at_the_start() {
        let all = all();
        let names: std::collections::BTreeSet<_> = all.iter().map(|it| it.name).collect();
        assert_eq!(names.len(), all.len());
        for scenario in &all {
            let charter = scenario.charter().unwrap();
            assert_eq!(charter.now().to_string(), START, "{}", scenario.name);
            assert_eq!(charter.ledger().len(), 2);
            assert_eq!(Scenario::named(scenario.name).unwrap().name, scenario.name);
        }
        assert!(Scenario::named("none").is_err());
    }
}
