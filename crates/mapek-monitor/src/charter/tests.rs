use charter_client::{
    Call, CommitteeState, CommitteeStatus, ETag, MockCharterApi, NodeState, PolicyConfig, PolicyId,
    PolicyStatus, Tagged, Violations,
};
use mapek_model::Level;
use serde_json::json;

use super::*;

fn at() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn broken<T>(call: Call) -> Result<T, charter_client::Error> {
    Err(charter_client::Error::unanswered(call, "reset"))
}

fn record(status: ViolationStatus) -> ViolationRecord {
    let mut record: ViolationRecord = serde_json::from_value(json!({
        "violation_id": "v-1", "severity": "critical", "type": "validation_late",
        "detected_at": "2026-11-20T09:59:00Z", "component": "node-1", "policy_id": "p-1",
        "metric_name": "westworld_charter_validation_latency_seconds", "metric_value": 2.5, "threshold": 1.0
    }))
    .unwrap();
    record.status = status;
    record
}

fn version(number: u64, status: PolicyStatus) -> PolicyVersion {
    PolicyVersion {
        version: number,
        status,
        config: PolicyConfig::default(),
        applied_at: None,
        source: None,
    }
}

fn policy() -> Policy {
    Policy {
        policy_id: PolicyId::try_new("p-1").unwrap(),
        name: "limits".to_owned(),
        version: 3,
        status: PolicyStatus::Active,
        config: PolicyConfig::default(),
        applied_at: Some(at()),
        etag: Some(ETag::from_generation(7)),
    }
}

fn committee() -> Tagged<CommitteeState> {
    Tagged::new(CommitteeState {
        status: CommitteeStatus::Degraded,
        replicas: 5,
        healthy_nodes: 4,
        timestamp: at(),
        target_replicas: Some(6),
        replicas_min: None,
        replicas_max: Some(20),
        generation: Some(9),
        configuration: None,
        nodes: vec![NodeState {
            node: "node-1".into(),
            healthy: false,
            restarting: false,
            load: Some(0.5),
        }],
    })
}

fn healthy() -> MockCharterApi {
    let mut api = MockCharterApi::new();
    api.expect_violations().returning(|| {
        let items = vec![record(ViolationStatus::Open), record(ViolationStatus::Resolved)];
        Ok(Violations { items, truncated: false })
    });
    api.expect_committee().returning(|| Ok(committee()));
    api.expect_policies().returning(|| Ok(vec![policy()]));
    api.expect_versions().returning(|_| {
        let [bad, good] = [PolicyStatus::Failed, PolicyStatus::Active];
        Ok(vec![version(3, bad), version(1, good), version(2, good)])
    });
    api
}

async fn read(api: MockCharterApi, config: CharterElementConfig) -> ElementReading {
    CharterElement::new(Arc::new(api), config).read(at()).await
}

#[tokio::test]
async fn it_tells_what_charter_holds_against_itself_and_consists_of() {
    let reading = read(healthy(), CharterElementConfig::default()).await;
    assert_eq!(reading.quality.level(), Level::Fresh);
    let [breach] = &reading.violations[..] else { panic!("{:?}", reading.violations) };
    // The rule on the same metric speaks of the system as a whole: both are one episode.
    assert_eq!(breach.expectation, "high-validation-latency");
    assert_eq!(breach.component, None);
    assert_eq!((breach.severity, breach.value), (Severity::Critical, Some(2.5)));
    assert_eq!(breach.labels.get("policy_id"), Some("p-1"));

    let kinds: Vec<_> =
        reading.resources.iter().map(|it| (it.kind.as_str(), it.id.as_str())).collect();
    assert_eq!(kinds, [("committee", "committee"), ("node", "node-1"), ("policy", "p-1")]);
    let [committee, node, policy] = &reading.resources[..] else { panic!("three resources") };
    assert_eq!((committee.count("replicas"), committee.count("healthy_nodes")), (Some(5), Some(4)));
    assert_eq!((committee.status.as_str(), node.status.as_str()), ("degraded", "unhealthy"));
    assert_eq!((policy.count("version"), policy.text("name")), (Some(3), Some("limits")));
    assert_eq!(policy.changed, Some(at()));
    let versions: Vec<_> = policy.attributes["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["version"].as_u64().unwrap(), it["status"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(versions, [(1, "active".into()), (2, "active".into()), (3, "failed".into())]);
}

#[tokio::test]
async fn what_cannot_be_read_is_doubted_and_the_rest_is_there() {
    let mut api = MockCharterApi::new();
    api.expect_violations().returning(|| broken(Call::Violations));
    api.expect_committee().returning(|| Ok(committee()));
    api.expect_policies().returning(|| Ok(vec![policy()]));
    api.expect_versions().returning(|_| broken(Call::Versions));
    let reading = read(api, CharterElementConfig::default()).await;
    assert_eq!(reading.quality.level(), Level::Unknown);
    let subjects: Vec<_> = reading.quality.doubts().map(|it| it.subject.as_str()).collect();
    assert_eq!(subjects, ["versions of p-1", "violations"]);
    assert_eq!(reading.resources.len(), 3);
    assert!(!reading.resources[2].attributes.contains_key("versions"), "unknown is not none");
}

#[tokio::test]
async fn a_list_that_was_cut_and_policies_beyond_the_limit_are_doubted() {
    let mut api = healthy();
    api.checkpoint();
    api.expect_violations().returning(|| Ok(Violations { items: vec![], truncated: true }));
    api.expect_committee().returning(|| Ok(committee()));
    api.expect_policies().returning(|| Ok(vec![policy()]));
    api.expect_versions().times(0);
    let config = CharterElementConfig { policies_max: 0, ..CharterElementConfig::default() };
    let reading = read(api, config).await;
    let kinds: Vec<_> = reading.quality.doubts().map(|it| it.kind).collect();
    assert_eq!(kinds, [DoubtKind::Truncated; 2]);
}

#[tokio::test]
async fn our_words_and_limits_can_be_set() {
    let latency = Expectation::try_new("too-slow").unwrap();
    let config = CharterElementConfig {
        expectations: BTreeMap::from([("validation_late".to_owned(), latency.clone())]),
        versions_max: 1,
        ..CharterElementConfig::default()
    };
    let reading = read(healthy(), config).await;
    assert_eq!(reading.violations[0].expectation, latency);
    let versions = reading.resources[2].attributes["versions"].as_array().unwrap();
    assert_eq!((versions.len(), versions[0]["version"].as_u64()), (1, Some(3)));
}

#[test]
fn the_known_rules_make_sense() {
    let names = ["high_validation_latency", "high_failure_rate", "low_throughput"];
    let rules: Vec<_> = names.map(|name| crate::RuleConfig::known(name).unwrap()).into();
    assert_eq!(rules[0].metric.as_ref().unwrap(), &"westworld_charter_validation_latency_seconds");
    assert!(crate::MonitorConfig { rules, ..Default::default() }.check().is_ok());
    assert!(crate::RuleConfig::known("high_hopes").is_none());
}
