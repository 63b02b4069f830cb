//! What Charter consists of, in the loop's words.

use std::collections::BTreeMap;

use charter_client::{CommitteeState, Configuration, NodeState, Policy, PolicyVersion, Tagged};
use mapek_model::{Generation, Resource};
use serde::Serialize;
use serde_json::{Value, json};

/// A word of the contract, as it stands on the wire.
fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The committee, and each of its nodes.
pub(super) fn committee(state: &Tagged<CommitteeState>) -> Vec<Resource> {
    let CommitteeState { replicas, healthy_nodes, .. } = state.value;
    let mut attributes = BTreeMap::from([
        ("replicas".to_owned(), json!(replicas)),
        ("healthy_nodes".to_owned(), json!(healthy_nodes)),
    ]);
    for (name, value) in [
        ("target_replicas", state.value.target_replicas),
        ("replicas_min", state.value.replicas_min),
        ("replicas_max", state.value.replicas_max),
    ] {
        attributes.extend(value.map(|value| (name.to_owned(), json!(value))));
    }
    let etag = state.etag.as_ref().map(|etag| ("etag".to_owned(), json!(etag.as_str())));
    attributes.extend(etag);
    let committee = Resource {
        kind: "committee".to_owned(),
        id: "committee".to_owned(),
        status: word(&state.value.status),
        generation: state.value.generation.map(Generation::new),
        changed: None,
        attributes,
    };
    let configuration = state.value.configuration.as_ref().map(configuration);
    let nodes = state.value.nodes.iter().map(node);
    std::iter::once(committee).chain(configuration).chain(nodes).collect()
}

/// How requests are validated, and whether that is as it was configured.
fn configuration(configuration: &Configuration) -> Resource {
    let drifted = configuration.in_effect != configuration.configured;
    Resource {
        kind: "configuration".to_owned(),
        id: "validation".to_owned(),
        status: if drifted { "drifted" } else { "in_effect" }.to_owned(),
        generation: None,
        changed: None,
        attributes: BTreeMap::from([
            ("in_effect".to_owned(), json!(configuration.in_effect)),
            ("configured".to_owned(), json!(configuration.configured)),
        ]),
    }
}

fn node(node: &NodeState) -> Resource {
    let status = match (node.restarting, node.healthy) {
        (true, _) => "restarting",
        (false, true) => "healthy",
        (false, false) => "unhealthy",
    };
    Resource {
        kind: "node".to_owned(),
        id: node.node.clone(),
        status: status.to_owned(),
        generation: None,
        changed: None,
        attributes: node.load.map(|load| ("load".to_owned(), json!(load))).into_iter().collect(),
    }
}

/// A policy. `versions` (oldest first) is missing where they could not be read; that is not the same as none.
pub(super) fn policy(policy: &Policy, versions: Option<&[PolicyVersion]>) -> Resource {
    let mut attributes = BTreeMap::from([
        ("name".to_owned(), json!(policy.name)),
        ("version".to_owned(), json!(policy.version)),
        ("config".to_owned(), json!(policy.config)),
    ]);
    let kind = policy.config.kind_name().map(|kind| ("kind".to_owned(), json!(kind)));
    attributes.extend(kind);
    let etag = policy.etag.as_ref().map(|etag| ("etag".to_owned(), json!(etag.as_str())));
    attributes.extend(etag);
    let source = versions.and_then(|versions| versions.last()?.source.clone());
    attributes.extend(source.map(|source| ("source".to_owned(), json!(source))));
    attributes.extend(versions.map(|versions| ("versions".to_owned(), json!(versions))));
    Resource {
        kind: "policy".to_owned(),
        id: policy.policy_id.as_str().to_owned(),
        status: word(&policy.status),
        generation: Some(Generation::new(policy.version)),
        changed: policy.applied_at,
        attributes,
    }
}
