//! Every fixture is read by the wire types, and written again as it was.

use std::collections::BTreeSet;

use charter_client::{
    Applied, ApplyRequest, Call, CommitteeState, ETag, Health, IdempotencyKey, Policy,
    PolicyVersion, Problem, ProblemKind, RestartAccepted, RestartRequest, RolledBack, ScaleRequest,
    ValidateRequest, Validation, ViolationRecord,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::fixture::{self, Fixture};

/// Reads a body as `T` and writes it again.
fn rewrite<T: DeserializeOwned + Serialize>(body: &Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_value::<T>(body.clone())?)
}

fn rewrite_request(call: Call, body: &Value) -> Result<Value, serde_json::Error> {
    match call {
        Call::Apply => rewrite::<ApplyRequest>(body),
        Call::Validate => rewrite::<ValidateRequest>(body),
        Call::Scale => rewrite::<ScaleRequest>(body),
        Call::Restart => rewrite::<RestartRequest>(body),
        _ => Ok(body.clone()),
    }
}

fn rewrite_answer(call: Call, body: &Value) -> Result<Value, serde_json::Error> {
    match call {
        Call::Health => rewrite::<Health>(body),
        Call::Policies => rewrite::<Vec<Policy>>(body),
        Call::Policy => rewrite::<Policy>(body),
        Call::Versions => rewrite::<Vec<PolicyVersion>>(body),
        Call::Apply => rewrite::<Applied>(body),
        Call::Validate => rewrite::<Validation>(body),
        Call::Rollback => rewrite::<RolledBack>(body),
        Call::Committee | Call::Scale => rewrite::<CommitteeState>(body),
        Call::Restart => rewrite::<RestartAccepted>(body),
        Call::Violations => rewrite::<Vec<ViolationRecord>>(body),
        _ => panic!("no payload for {call}"),
    }
}

fn call_of(fixture: &Fixture) -> Option<Call> {
    let name = fixture.call.as_deref()?;
    let call = Call::ALL.into_iter().find(|call| call.name() == name);
    Some(call.unwrap_or_else(|| panic!("{}: no call {name}", fixture.name)))
}

/// Members that may be left out and are written with their default.
fn without_defaults(mut value: Value) -> Value {
    match &mut value {
        Value::Array(items) => {
            *items = std::mem::take(items).into_iter().map(without_defaults).collect();
        }
        Value::Object(members) => {
            members
                .retain(|name, value| !(name == "extensions" && value == &serde_json::json!([])));
            members.retain(|name, value| !(name == "status" && value == "open"));
        }
        _ => {}
    }
    value
}

#[test]
fn every_body_is_read_and_written_again_as_it_was() {
    for fixture in fixture::all() {
        let (name, response) = (&fixture.name, &fixture.response);
        let Some(call) = call_of(&fixture) else { continue };
        if let Some(body) = &fixture.request.body {
            let again = rewrite_request(call, body).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(&again, body, "{name}: request");
        }
        if response.status < 400 && !name.ends_with("unknown-members") {
            let again = rewrite_answer(call, &response.body);
            let again = without_defaults(again.unwrap_or_else(|e| panic!("{name}: {e}")));
            assert_eq!(again, response.body, "{name}: answer");
        }
    }
}

#[test]
fn unknown_members_are_accepted_and_those_of_a_config_kept() {
    for fixture in fixture::all().iter().filter(|f| f.name.ends_with("unknown-members")) {
        let again = rewrite_answer(call_of(fixture).unwrap(), &fixture.response.body).unwrap();
        assert_eq!(again.get("config"), fixture.response.body.get("config"), "{}", fixture.name);
        assert_ne!(again, fixture.response.body, "{}: nothing unknown in it", fixture.name);
    }
}

#[test]
fn every_config_has_the_meaning_that_the_contract_gives_it() {
    let fixtures = fixture::all();
    let kinds = fixtures.iter().find(|fixture| fixture.name == "policies-every-kind").unwrap();
    let policies: Vec<Policy> = serde_json::from_value(kinds.response.body.clone()).unwrap();
    let names: BTreeSet<_> = policies.iter().filter_map(|p| p.config.kind_name()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    for Policy { policy_id, config, .. } in policies {
        assert!(config.kind().is_ok(), "{policy_id}: {:?}", config.kind());
    }
}

#[test]
fn every_error_is_a_problem_of_the_contract() {
    let mut seen = BTreeSet::new();
    for fixture in fixture::all().iter().filter(|f| f.response.status >= 400) {
        let (name, response) = (&fixture.name, &fixture.response);
        let problem: Problem = serde_json::from_value(response.body.clone()).unwrap();
        let kind = problem.kind().unwrap_or_else(|| panic!("{name}: {}", problem.type_uri));
        assert_eq!(response.headers["content-type"], "application/problem+json", "{name}");
        assert_eq!((kind.status(), problem.status), (response.status, Some(kind.status())));
        assert_eq!(problem.title.as_deref(), Some(kind.title()), "{name}");
        assert_eq!(serde_json::to_value(&problem).unwrap(), response.body, "{name}");
        seen.insert(kind);
    }
    assert_eq!(seen, BTreeSet::from(ProblemKind::ALL), "a problem has no fixture");
}

#[test]
fn every_call_has_a_fixture_that_succeeds() {
    let good: BTreeSet<_> = fixture::all()
        .iter()
        .filter(|fixture| fixture.response.status < 400)
        .filter_map(call_of)
        .collect();
    assert_eq!(good, BTreeSet::from(Call::ALL));
}

#[test]
fn headers_are_what_the_checked_types_admit() {
    for fixture in fixture::all() {
        let headers = &fixture.request.headers;
        if let Some(key) = headers.get("idempotency-key") {
            assert!(IdempotencyKey::try_new(key).is_ok(), "{}", fixture.name);
        }
        for tag in [headers.get("if-match"), fixture.response.headers.get("etag")] {
            assert!(tag.is_none_or(|tag| ETag::try_new(tag).is_ok()), "{}", fixture.name);
        }
        assert!(!fixture.given.is_empty(), "{}", fixture.name);
    }
}

#[test]
fn requests_declare_the_body_that_they_have() {
    for Fixture { name, request, .. } in fixture::all() {
        let bodies = usize::from(request.body.is_some()) + usize::from(request.body_text.is_some());
        let declared = usize::from(request.headers.contains_key("content-type"));
        assert_eq!(bodies, declared, "{name}");
        assert!(request.method != "GET" || bodies == 0, "{name}");
    }
}
