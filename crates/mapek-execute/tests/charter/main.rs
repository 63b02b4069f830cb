//! The effector for Charter, on the reference server.
#![expect(clippy::unwrap_used, reason = "what fails in the helpers fails the test")]

mod executor;

use std::{collections::BTreeMap, sync::Arc};

use charter_client::{
    ActionRequest, CallOptions, CharterApi, HttpCharter, MockCharterApi, PolicyConfig, PolicyId,
    PolicySpec, PolicyStatus, ScaleRequest, ValidateRequest,
};
use charter_sim::{AccessKeys, InProcess, PlantConfig, Server, serve};
use jiff::{SignedDuration, Timestamp};
use mapek_execute::{CharterEffector, DryRun, EffectError, Effector, Presence, Repeat, Sending};
use mapek_model::{
    Action, ActionKind, Captured, Duration, Epoch, ExecutionId, IdempotencyKey, StepIndex, Way,
};
use serde_json::{Value, json};
use uuid::Uuid;

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn charter() -> (InProcess, CharterEffector) {
    let charter = InProcess::try_new(PlantConfig::default(), 7, start()).unwrap();
    let effector = CharterEffector::new(Arc::new(charter.clone()));
    (charter, effector)
}

fn execution_id() -> ExecutionId {
    ExecutionId::from_uuid(Uuid::from_u128(1))
}

fn sending(step: u16, way: Way) -> Sending {
    let key = IdempotencyKey::of(execution_id(), StepIndex(step), way);
    Sending { key, epoch: Epoch::new(1), decided: start() }
}

fn pass(charter: &InProcess, seconds: i64) {
    charter.advance_by(SignedDuration::from_secs(seconds));
}

/// An ordinary policy with two versions, the second in effect.
async fn two_versions(charter: &InProcess) -> PolicyId {
    let id = PolicyId::try_new("privacy").unwrap();
    for strictness in [0.2, 0.4] {
        let config = config(strictness);
        let request = charter_client::ApplyRequest::new(
            PolicySpec::new(id.clone(), "Privacy", config),
            start(),
        );
        charter.apply(&request, &CallOptions::new()).await.unwrap();
        pass(charter, 60);
    }
    id
}

fn config(strictness: f64) -> PolicyConfig {
    serde_json::from_value(json!({"kind": "enforcement", "rules": [], "strictness": strictness}))
        .unwrap()
}

/// What can be seen of Charter: sizes, and each policy's effect.
async fn visible(charter: &InProcess) -> (u32, BTreeMap<String, Value>) {
    let replicas = charter.committee().await.unwrap().value.target_replicas.unwrap();
    let mut policies = BTreeMap::new();
    for policy in charter.policies().await.unwrap() {
        let versions = charter.versions(&policy.policy_id).await.unwrap();
        let active = versions.into_iter().find(|it| it.status == PolicyStatus::Active);
        if let Some(active) = active {
            policies
                .insert(policy.policy_id.to_string(), serde_json::to_value(active.config).unwrap());
        }
    }
    (replicas, policies)
}

fn reversible() -> Vec<Action> {
    let minute = Duration::from_secs(60);
    vec![
        Action::ScaleUp { replicas: 9 },
        Action::ScaleDown { replicas: 2 },
        Action::RebalanceLoad { strategy: "least_loaded".to_owned() },
        Action::RollbackPolicy { policy: "privacy".to_owned(), from_version: "2".to_owned() },
        Action::ApplyPolicy {
            policy: "privacy".to_owned(),
            name: "Privacy".to_owned(),
            version: "1".to_owned(),
            config: serde_json::to_value(config(0.3)).unwrap(),
        },
        Action::UpdateConfiguration {
            batch_size: Some(8),
            timeout: Some(minute),
            parallelism: None,
        },
        Action::ThrottleRequests { rate_limit: 50.0, node: None },
        Action::ActivateEmergencyOverride { duration: 60 * minute },
        Action::BypassValidation { duration: 60 * minute, scope: "all".to_owned() },
    ]
}

#[tokio::test]
async fn each_kind_is_done_read_back_and_undone() {
    for action in reversible() {
        let (charter, effector) = charter();
        two_versions(&charter).await;
        let before = visible(&charter).await;
        let captured = Captured { at: start(), state: effector.capture(&action).await.unwrap() };
        let none = Value::Null;
        let presence = |way, receipt| effector.read_back(&action, way, &captured, receipt);
        assert_eq!(presence(Way::Do, &none).await, Ok(Presence::NotApplied), "{action}");
        effector.rehearse(&action, Way::Do, &captured).await.unwrap();
        effector.rehearse(&action, Way::Undo, &captured).await.unwrap();

        let receipt = effector.apply(&action, &captured, &sending(0, Way::Do)).await.unwrap();
        pass(&charter, 60);
        assert_ne!(visible(&charter).await, before, "{action}");
        for receipt in [&receipt, &none] {
            let found = presence(Way::Do, receipt).await.unwrap();
            assert!(matches!(found, Presence::Applied { .. }), "{action}: {found:?}");
            assert_eq!(presence(Way::Undo, receipt).await, Ok(Presence::NotApplied), "{action}");
        }

        for _ in 0..2 {
            let undo = sending(0, Way::Undo);
            effector.undo(&action, &captured, &receipt, &undo).await.unwrap();
            pass(&charter, 60);
            let found = presence(Way::Undo, &receipt).await.unwrap();
            assert!(matches!(found, Presence::Applied { .. }), "{action}: {found:?}");
            assert_eq!(visible(&charter).await, before, "{action}");
        }
    }
}

#[tokio::test]
async fn the_same_key_has_one_effect() {
    for action in reversible() {
        let (charter, effector) = charter();
        two_versions(&charter).await;
        let captured = Captured { at: start(), state: effector.capture(&action).await.unwrap() };
        let effects = charter.ledger().len();
        let first = effector.apply(&action, &captured, &sending(0, Way::Do)).await.unwrap();
        let second = effector.apply(&action, &captured, &sending(0, Way::Do)).await.unwrap();
        assert_eq!(first, second, "{action}");
        assert_eq!(charter.ledger().len(), effects + 1, "{action}");
        let to_a_size = matches!(action, Action::ScaleUp { .. } | Action::ScaleDown { .. });
        let repeat = if to_a_size { Repeat::AbsoluteSet } else { Repeat::Keyed };
        assert_eq!(effector.repeat(&action.kind(), Way::Do), Some(repeat));
        assert_eq!(effector.remembers_keys(), Some(Duration::from_secs(86_400)));
    }
}

#[tokio::test]
async fn a_restart_is_never_repeatable_and_shows_while_it_runs() {
    let (charter, effector) = charter();
    let action =
        Action::RestartService { graceful: true, timeout: Duration::from_secs(30), node: None };
    let captured = Captured { at: start(), state: effector.capture(&action).await.unwrap() };
    let read = || effector.read_back(&action, Way::Do, &captured, &Value::Null);
    assert_eq!(effector.repeat(&ActionKind::RestartService, Way::Do), Some(Repeat::NonRepeatable));
    assert_eq!(read().await, Ok(Presence::NotApplied));
    effector.rehearse(&action, Way::Do, &captured).await.unwrap();
    effector.apply(&action, &captured, &sending(0, Way::Do)).await.unwrap();
    pass(&charter, 1);
    assert!(matches!(read().await, Ok(Presence::Applied { .. })));
    pass(&charter, 600);
    assert!(matches!(read().await, Ok(Presence::Unknown { .. })));
    let error = effector.undo(&action, &captured, &Value::Null, &sending(0, Way::Undo)).await;
    assert!(!error.unwrap_err().is_transient());
}

#[tokio::test]
async fn a_way_back_that_charter_would_not_take_is_found_beforehand() {
    let (charter, effector) = charter();
    two_versions(&charter).await;
    let scale = Action::ScaleUp { replicas: 5 };
    let mut state = effector.capture(&scale).await.unwrap();
    state["replicas"] = 10_000.into();
    let captured = Captured { at: start(), state };
    let error = effector.rehearse(&scale, Way::Undo, &captured).await.unwrap_err();
    assert!(error.to_string().contains("no way back to 10000 replicas"), "{error}");

    let policy = "privacy".to_owned();
    let rollback = Action::RollbackPolicy { policy: policy.clone(), from_version: "2".to_owned() };
    let (name, version) = ("Privacy".to_owned(), "1".to_owned());
    let config = serde_json::to_value(config(0.3)).unwrap();
    for action in [rollback, Action::ApplyPolicy { policy, name, version, config }] {
        let mut state = effector.capture(&action).await.unwrap();
        state["active"]["config"] = serde_json::json!({ "kind": "throttle", "rate_limit": -1 });
        let captured = Captured { at: start(), state };
        let error = effector.rehearse(&action, Way::Undo, &captured).await.unwrap_err();
        assert!(!error.is_transient() && error.to_string().contains("rate_limit"), "{error}");
    }

    let restart =
        Action::RestartService { graceful: true, timeout: Duration::from_secs(30), node: None };
    let captured = Captured { at: start(), state: effector.capture(&restart).await.unwrap() };
    assert!(effector.rehearse(&restart, Way::Undo, &captured).await.is_err());
}

/// A key may be good for the one and not for the other.
#[tokio::test]
async fn the_way_back_from_a_size_is_asked_about_as_what_it_is() {
    let (charter, _) = charter();
    let (health, committee) = (charter.health().await.unwrap(), charter.committee().await.unwrap());
    for (action, way_back) in [
        (Action::ScaleUp { replicas: 9 }, "scale_down"),
        (Action::ScaleDown { replicas: 2 }, "scale_up"),
    ] {
        let parameters = serde_json::Map::from_iter([("replicas".to_owned(), json!(5))]);
        let request = ActionRequest { action: way_back.to_owned(), parameters };
        let said = charter.validate(&ValidateRequest::Action(request)).await.unwrap();
        let mut asked = MockCharterApi::new();
        let (health, committee) = (health.clone(), committee.clone());
        asked.expect_health().returning(move || Ok(health.clone()));
        asked.expect_committee().returning(move || Ok(committee.clone()));
        let this = move |request: &ValidateRequest| matches!(request, ValidateRequest::Action(it) if it.action == way_back);
        asked.expect_validate().withf(this).times(1).return_once(move |_| Ok(said));
        let effector = CharterEffector::new(Arc::new(asked));
        let captured = Captured { at: start(), state: effector.capture(&action).await.unwrap() };
        effector.rehearse(&action, Way::Undo, &captured).await.unwrap();
    }
}

/// Over HTTP, where there are keys: with one that may only read nothing is counted on, neither the way there nor the way back.
#[tokio::test]
async fn a_key_that_may_not_send_is_found_beforehand() {
    let (charter, _) = charter();
    two_versions(&charter).await;
    let keys = AccessKeys::new().with_key("s3cret").unwrap().with_read_only_key("0nly").unwrap();
    let router = Server::new(charter.clone()).with_keys(keys).with_manual_time().router();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(serve(listener, router, std::future::pending()));
    for (key, may) in [("s3cret", true), ("0nly", false)] {
        let pool = HttpCharter::client_builder().no_proxy().build().unwrap();
        let mut config = charter_client::Config::new(&url);
        config.api_key = Some(key.into());
        let client = config.build(pool).unwrap();
        let effector = CharterEffector::new(Arc::new(client));
        for action in reversible() {
            let state = effector.capture(&action).await.unwrap();
            let captured = Captured { at: start(), state };
            for way in [Way::Do, Way::Undo] {
                let rehearsed = effector.rehearse(&action, way, &captured).await;
                match rehearsed {
                    Ok(()) => assert!(may, "{action:?} {way:?} would be sent"),
                    Err(error) => {
                        let said = error.to_string();
                        assert!(
                            !may && said.contains("may not send"),
                            "{action:?} {way:?}: {said}"
                        );
                        assert!(!error.is_transient());
                    }
                }
            }
        }
    }
    server.abort();
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_is_sent() {
    let (charter, effector) = charter();
    two_versions(&charter).await;
    let effects = charter.ledger().len();
    let custom = Action::Custom { name: "dance".to_owned(), parameters: BTreeMap::new() };
    for action in [
        Action::ScaleUp { replicas: 1 },
        Action::ScaleUp { replicas: 10_000 },
        Action::RebalanceLoad { strategy: "luck".to_owned() },
        Action::RollbackPolicy { policy: "privacy".to_owned(), from_version: "1".to_owned() },
        Action::RollbackPolicy { policy: "..".to_owned(), from_version: "1".to_owned() },
        Action::ThrottleRequests { rate_limit: 0.0, node: None },
        Action::UpdateConfiguration { batch_size: None, timeout: None, parallelism: None },
        custom,
    ] {
        let error = match effector.capture(&action).await {
            Err(error) => error,
            Ok(state) => {
                let captured = Captured { at: start(), state };
                effector.rehearse(&action, Way::Do, &captured).await.expect_err(&action.to_string())
            }
        };
        assert!(!error.is_transient(), "{action}: {error}");
    }
    assert_eq!(charter.ledger().len(), effects);
}

#[tokio::test]
async fn what_others_did_since_is_not_undone() {
    let (charter, effector) = charter();
    let action = Action::ScaleUp { replicas: 9 };
    let captured = Captured { at: start(), state: effector.capture(&action).await.unwrap() };
    let receipt = effector.apply(&action, &captured, &sending(0, Way::Do)).await.unwrap();
    charter.scale(&ScaleRequest { replicas: 12 }, &CallOptions::new()).await.unwrap();
    let error = effector.undo(&action, &captured, &receipt, &sending(0, Way::Undo)).await;
    assert!(error.unwrap_err().to_string().contains("somebody else has scaled to 12"));
}

/// Somebody else sets what an action set: a version of their own, or none.
async fn set_by_others(charter: &InProcess, id: &PolicyId, kind: &Value) {
    let options = CallOptions::new();
    match kind {
        Value::Null => drop(charter.rollback(id, &options).await.unwrap()),
        config => {
            let config = serde_json::from_value(config.clone()).unwrap();
            let spec = PolicySpec::new(id.clone(), "Theirs", config);
            let request = charter_client::ApplyRequest::new(spec, start());
            charter.apply(&request, &options).await.unwrap();
        }
    }
    pass(charter, 60);
}

#[tokio::test]
async fn a_policy_that_others_have_set_since_is_neither_done_nor_undone() {
    let theirs = json!({"kind": "enforcement", "rules": [], "strictness": 0.7});
    let policies = reversible()
        .into_iter()
        .filter(|it| !matches!(it.kind(), ActionKind::ScaleUp | ActionKind::ScaleDown));
    for action in policies {
        let took_back = matches!(action, Action::RollbackPolicy { .. });
        let lapses = matches!(
            action,
            Action::ActivateEmergencyOverride { .. } | Action::BypassValidation { .. }
        );
        // A newer version; and ours taken back, which is as good as undone.
        let cases = [(theirs.clone(), Some(Presence::NotApplied)), (Value::Null, None)];
        for (config, undone) in cases.into_iter().take(if took_back { 1 } else { 2 }) {
            let (charter, effector) = charter();
            two_versions(&charter).await;
            let captured =
                Captured { at: start(), state: effector.capture(&action).await.unwrap() };
            let receipt = effector.apply(&action, &captured, &sending(0, Way::Do)).await.unwrap();
            pass(&charter, 60);
            let look = |way| effector.read_back(&action, way, &captured, &receipt);
            let found = look(Way::Do).await.unwrap();
            assert!(matches!(found, Presence::Applied { .. }), "{action}: {found:?}");
            let id = PolicyId::try_new(effector.resource(&action).unwrap()).unwrap();
            set_by_others(&charter, &id, &config).await;
            let (done, undo) = (look(Way::Do).await.unwrap(), look(Way::Undo).await.unwrap());
            match undone {
                Some(expected) => {
                    assert_eq!((done, undo), (expected.clone(), expected), "{action}")
                }
                None => {
                    assert!(matches!(undo, Presence::Applied { .. }), "{action}: {undo:?}");
                    // Whether it was taken back or had run out does not show.
                    let unknown = matches!(done, Presence::Unknown { .. });
                    assert!(
                        unknown == lapses && (lapses || done == Presence::NotApplied),
                        "{action}: {done:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn an_epoch_that_was_replaced_is_refused_and_a_moved_tag_is_tried_again() {
    let (charter, effector) = charter();
    let action = Action::ScaleUp { replicas: 9 };
    let captured = Captured { at: start(), state: effector.capture(&action).await.unwrap() };
    let newer = CallOptions::new().with_epoch(charter_client::Epoch(5));
    charter.scale(&ScaleRequest { replicas: 6 }, &newer).await.unwrap();
    let error = effector.apply(&action, &captured, &sending(0, Way::Do)).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    let current = Sending { epoch: Epoch::new(5), ..sending(0, Way::Do) };
    let error = effector.apply(&action, &captured, &current).await.unwrap_err();
    assert!(matches!(error, EffectError::Refused { transient: true, .. }), "{error}");
}

#[tokio::test]
async fn a_dry_run_reads_and_sends_nothing() {
    let (charter, effector) = charter();
    let dry = DryRun::over(effector);
    let action = Action::ScaleUp { replicas: 9 };
    let captured = Captured { at: start(), state: dry.capture(&action).await.unwrap() };
    dry.rehearse(&action, Way::Do, &captured).await.unwrap();
    let receipt = dry.apply(&action, &captured, &sending(0, Way::Do)).await.unwrap();
    assert!(receipt.to_string().contains("dry_run"));
    let impossible = Action::ScaleUp { replicas: 10_000 };
    assert!(dry.rehearse(&impossible, Way::Do, &captured).await.is_err());
    assert!(charter.ledger().is_empty());
}
