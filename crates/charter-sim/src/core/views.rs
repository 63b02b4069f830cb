//! The plant's state in the words of the wire.

use charter_client::{
    CommitteeState, CommitteeStatus, Configuration, ETag, NodeState, Policy, PolicyId,
    PolicyVersion, Seconds, Settings, ViolationRecord, ViolationStatus,
};

use crate::plant::{Breach, BreachKind, Held, Plant, Tuning, Version};

pub(super) fn policy(plant: &Plant, id: &PolicyId, held: &Held) -> Policy {
    let newest = held.newest();
    Policy {
        policy_id: id.clone(),
        name: held.name.clone(),
        version: newest.number,
        status: newest.status,
        config: newest.config.clone(),
        applied_at: newest.applied_at.map(|t| plant.at(t)),
        etag: Some(ETag::from_generation(held.generation)),
    }
}

pub(super) fn version(plant: &Plant, version: &Version) -> PolicyVersion {
    PolicyVersion {
        version: version.number,
        status: version.status,
        config: version.config.clone(),
        applied_at: version.applied_at.map(|t| plant.at(t)),
        source: Some(version.source.clone()),
    }
}

pub(super) fn committee(plant: &Plant, generation: u64) -> CommitteeState {
    let fleet = &plant.fleet;
    let (min, max) = fleet.bounds();
    let mut nodes: Vec<NodeState> = plant
        .nodes()
        .map(|node| NodeState {
            node: node.name,
            healthy: node.healthy,
            restarting: node.restarting,
            load: Some(node.load),
        })
        .collect();
    nodes.sort_by(|a, b| a.node.cmp(&b.node));
    CommitteeState {
        status: status(plant),
        replicas: fleet.members(),
        healthy_nodes: fleet.healthy(),
        timestamp: plant.now(),
        target_replicas: Some(fleet.target),
        replicas_min: Some(min),
        replicas_max: Some(max),
        generation: Some(generation),
        configuration: Some(Configuration {
            in_effect: settings(plant.tuning()),
            configured: settings(plant.effects.tuning),
        }),
        nodes,
    }
}

fn settings(tuning: Tuning) -> Settings {
    let Tuning { batch_size, parallelism, timeout_s } = tuning;
    Settings {
        batch_size,
        parallelism,
        timeout: Seconds::try_new(timeout_s).unwrap_or(Seconds::ZERO),
    }
}

fn status(plant: &Plant) -> CommitteeStatus {
    let fleet = &plant.fleet;
    if !plant.has_quorum() {
        CommitteeStatus::Critical
    } else if fleet.is_recovering() || fleet.members() != fleet.target {
        CommitteeStatus::Recovering
    } else if fleet.healthy() < fleet.members() {
        CommitteeStatus::Degraded
    } else {
        CommitteeStatus::Normal
    }
}

pub(super) fn violation(plant: &Plant, breach: &Breach) -> ViolationRecord {
    let word = breach.kind.word();
    let policy = policy_of(plant, breach);
    let looked_into =
        matches!(breach.kind, BreachKind::PolicyViolations | BreachKind::ForbiddenMetric);
    let status = match breach.resolved_s {
        Some(_) => ViolationStatus::Resolved,
        None if looked_into => ViolationStatus::Investigating,
        None => ViolationStatus::Open,
    };
    let onset = plant.at(breach.since_s);
    ViolationRecord {
        violation_id: format!("{word}-{}-{}", breach.component, onset.as_millisecond()),
        severity: breach.severity,
        kind: word.to_owned(),
        status,
        detected_at: onset,
        last_seen_at: Some(plant.at(breach.last_seen_s)),
        resolved_at: breach.resolved_s.map(|t| plant.at(t)),
        policy_name: policy.as_ref().map(|(_, name)| name.clone()),
        policy_id: policy.map(|(id, _)| id),
        component: Some(breach.component.clone()),
        metric_name: Some(format!("westworld_charter_{}", breach.kind.metric())),
        metric_value: Some(breach.value),
        threshold: Some(breach.threshold),
        description: Some(format!(
            "{} at {}: {:.3} against {:.3}",
            word.replace('_', " "),
            breach.component,
            breach.value,
            breach.threshold
        )),
    }
}

/// The policy that is breached: its id stands as the component.
fn policy_of(plant: &Plant, breach: &Breach) -> Option<(PolicyId, String)> {
    let id = PolicyId::try_new(breach.component.clone()).ok()?;
    let held = plant.policies.get(&id).ok()?;
    Some((id, held.name.clone()))
}
