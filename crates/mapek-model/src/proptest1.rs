//! Generators of arbitrary values, for proptest 1.
//!
//! They make values that occur: a handful of components and causes, onsets within an hour, plans of one to four steps. A
//! law that needs a stranger value should say so with a generator of its own.

use std::collections::BTreeSet;

use proptest::{collection, option, prelude::*};
use uuid::Uuid;

use crate::{
    Action, Cause, CauseKind, Component, Confidence, Cost, DiagnosisId, Duration, Expectation,
    Labels, MetricName, Plan, PlanId, Priority, Risk, Score, Severity, SourceName, Step, TargetId,
    Timestamp, Utility, Verdict, Violation, ViolationSource, Witness, earlier, later,
};

fn valid<T, E: std::fmt::Debug>(value: Result<T, E>) -> T {
    value.expect("the generators only make valid values")
}

/// An instant within the first hour of 2026, to the millisecond.
pub fn timestamp() -> impl Strategy<Value = Timestamp> {
    let start = valid("2026-01-01T00:00:00Z".parse::<Timestamp>());
    (0..3_600_000_u64).prop_map(move |ms| later(start, Duration::from_millis(ms)))
}

/// Any confidence.
pub fn confidence() -> impl Strategy<Value = Confidence> {
    (0.0..=1.0_f64).prop_map(Confidence::saturating)
}

/// Any severity.
pub fn severity() -> impl Strategy<Value = Severity> {
    proptest::sample::select(Severity::ALL)
}

/// Any verdict.
pub fn verdict() -> impl Strategy<Value = Verdict> {
    proptest::sample::select(Verdict::ALL)
}

/// One of six nodes.
pub fn component() -> impl Strategy<Value = Component> {
    (0..6_u8).prop_map(|n| valid(Component::try_new(format!("node-{n}"))))
}

/// One of six expectations.
pub fn expectation() -> impl Strategy<Value = Expectation> {
    proptest::sample::select(&[
        "high-validation-latency",
        "high-failure-rate",
        "low-throughput",
        "critical-violations",
        "committee-overloaded",
        "forbidden-metric-spike",
    ])
    .prop_map(|text| valid(Expectation::try_new(text)))
}

/// One of six kinds of cause.
pub fn cause_kind() -> impl Strategy<Value = CauseKind> {
    proptest::sample::select(&[
        "overload",
        "policy-misconfiguration",
        "retry-cascade",
        "validation-latency",
        "leak",
        "hot-spot",
    ])
    .prop_map(|text| valid(CauseKind::try_new(text)))
}

/// A cause, somewhere or everywhere.
pub fn cause() -> impl Strategy<Value = Cause> {
    (cause_kind(), option::of(component())).prop_map(|(kind, component)| Cause {
        kind,
        component,
        metric: None,
    })
}

/// An open episode seen by one confirmed rule.
pub fn violation() -> impl Strategy<Value = Violation> {
    (expectation(), option::of(component()), severity(), timestamp(), 0..600_u64, 0.0..100.0_f64)
        .prop_map(|(expectation, component, severity, last_seen, age, value)| {
            let metric = valid(MetricName::try_new(expectation.as_str().replace('-', "_")));
            let witness = Witness {
                source: ViolationSource::Rule,
                by: valid(SourceName::try_new("prometheus")),
                name: expectation.to_string(),
                family: Some(metric.clone()),
                confirmed: true,
            };
            Violation {
                target: TargetId::default(),
                description: format!("{expectation} is breached"),
                expectation,
                component,
                severity,
                onset: earlier(last_seen, Duration::from_secs(age)),
                last_seen,
                closed: None,
                witnesses: BTreeSet::from([witness]),
                metric: Some(metric),
                value: Some(value),
                threshold: Some(1.0),
                labels: Labels::default(),
            }
        })
}

/// Episodes that no two of which have the same key, sorted by key; at most `max`.
pub fn violations(max: usize) -> impl Strategy<Value = Vec<Violation>> {
    collection::vec(violation(), 0..=max).prop_map(|mut all| {
        all.sort_by_key(Violation::key);
        all.dedup_by_key(|violation| violation.key());
        all
    })
}

/// Any action of the ten known kinds.
pub fn action() -> impl Strategy<Value = Action> {
    let seconds = (1..600_u64).prop_map(Duration::from_secs);
    prop_oneof![
        (1..20_u32).prop_map(|replicas| Action::ScaleDown { replicas }),
        (1..20_u32).prop_map(|replicas| Action::ScaleUp { replicas }),
        (any::<bool>(), seconds.clone(), option::of(component())).prop_map(
            |(graceful, timeout, node)| Action::RestartService { graceful, timeout, node }
        ),
        Just(Action::RebalanceLoad { strategy: "least_loaded".to_owned() }),
        (0..4_u8, 1..9_u8).prop_map(|(policy, version)| Action::RollbackPolicy {
            policy: format!("policy-{policy}"),
            from_version: version.to_string(),
        }),
        (0..4_u8, 1..9_u8).prop_map(|(policy, version)| Action::ApplyPolicy {
            policy: format!("policy-{policy}"),
            name: format!("Policy {policy}"),
            version: version.to_string(),
            config: serde_json::json!({ "strictness": version }),
        }),
        (1..64_u32, option::of(seconds.clone())).prop_map(|(batch, timeout)| {
            Action::UpdateConfiguration { batch_size: Some(batch), timeout, parallelism: None }
        }),
        (1..1000_u32, option::of(component())).prop_map(|(rate, node)| {
            Action::ThrottleRequests { rate_limit: f64::from(rate), node }
        }),
        seconds.clone().prop_map(|duration| Action::ActivateEmergencyOverride { duration }),
        seconds.prop_map(|duration| Action::BypassValidation { duration, scope: "all".to_owned() }),
    ]
}

/// A plan of one to four steps, irreversible ones last.
pub fn plan() -> impl Strategy<Value = Plan> {
    (
        (any::<u128>(), any::<u128>(), cause(), confidence(), timestamp()),
        collection::vec((action(), 0..30_u64), 1..=4),
        (-1.0..1.0_f64, 0.0..1.0_f64, confidence()),
        (proptest::sample::select(Risk::ALL), proptest::sample::select(Priority::ALL)),
    )
        .prop_map(|(ids, actions, (benefit, cost, success), (risk_if_wrong, priority))| {
            let (id, diagnosis, cause, confidence, created) = ids;
            let mut steps: Vec<_> = actions
                .into_iter()
                .map(|(action, wait)| Step { wait: Duration::from_secs(wait), ..Step::of(action) })
                .collect();
            steps.sort_by_key(|step| step.undo == crate::UndoClass::Irreversible);
            Plan {
                id: PlanId::from_uuid(Uuid::from_u128(id)),
                target: TargetId::default(),
                diagnosis: DiagnosisId::from_uuid(Uuid::from_u128(diagnosis)),
                cause,
                confidence,
                explains: Vec::new(),
                steps,
                benefit: Utility::saturating(benefit),
                cost: Cost::saturating(cost),
                score: Score::saturating(benefit - cost),
                success,
                risk_if_wrong,
                priority,
                time_to_effect: Duration::from_secs(60),
                verification: None,
                symptoms: Vec::new(),
                created,
                expires: later(created, Duration::from_secs(600)),
                rationale: "generated".to_owned(),
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest! {
        #[test]
        fn plans_survive_json_with_the_same_hash(plan in plan()) {
            let text = serde_json::to_string(&plan).unwrap();
            let back: Plan = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(back.hash(), plan.hash());
            prop_assert_eq!(back, plan);
        }

        #[test]
        fn violations_survive_json(violation in violation()) {
            let text = serde_json::to_string(&violation).unwrap();
            prop_assert_eq!(serde_json::from_str::<Violation>(&text).unwrap(), violation);
        }

        #[test]
        fn a_hash_ignores_who_and_when_but_not_what(plan in plan(), other in action()) {
            let mut twin = plan.clone();
            twin.id = PlanId::from_uuid(Uuid::from_u128(1));
            twin.created = later(twin.created, Duration::from_secs(5));
            twin.score = Score::MIN;
            prop_assert_eq!(twin.hash(), plan.hash());
            twin.steps.push(Step::of(other));
            prop_assert_ne!(twin.hash(), plan.hash());
        }
    }
}
