//! Reads a pool of replicas out of an observation's inventory.

use mapek_model::{Cause, Component, Observation, Precondition, Resource};
use serde_json::Value;

use crate::Unavailable;

/// A pool of replicas as the inventory shows it: a resource with the attribute `replicas`, and where known
/// `target_replicas`, `replicas_min`, `replicas_max` and `nodes` (a list of `{node, healthy?, load?}`). Resources of
/// kind `node` count as its nodes too.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool<'a> {
    /// The resource.
    pub resource: &'a Resource,
    /// How many replicas there are.
    pub replicas: u32,
    /// How many there shall be; as many as there are where the managed system does not say.
    pub target: u32,
    /// The fewest that the managed system accepts.
    pub min: Option<u32>,
    /// The most that the managed system accepts.
    pub max: Option<u32>,
    /// Its nodes, as far as they are known, by name.
    pub nodes: Vec<Node>,
}

/// A node of a pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: Component,
    /// Whether it is healthy; absent if that is not known.
    pub healthy: Option<bool>,
    /// How busy it is: 1 is all it can do.
    pub load: Option<f64>,
}

impl<'a> Pool<'a> {
    /// The pool of resource kind `kind`. Where there are several, the cause's component says which.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if there is none, if it cannot be told which, or if its size is not known.
    pub fn find(
        observation: &'a Observation,
        kind: &str,
        cause: &Cause,
    ) -> Result<Self, Unavailable> {
        let resource = pick(observation, kind, cause)?;
        let count = |name: &str| resource.count(name).and_then(|n| u32::try_from(n).ok());
        let replicas = count("replicas")
            .ok_or_else(|| Unavailable::missing(format!("the number of replicas of {kind}")))?;
        Ok(Self {
            resource,
            replicas,
            target: count("target_replicas").unwrap_or(replicas),
            min: count("replicas_min"),
            max: count("replicas_max"),
            nodes: nodes(observation, resource),
        })
    }

    /// How many replicas there are, unless their number is changing just now.
    ///
    /// # Errors
    ///
    /// [`Unavailable::Unsuitable`] while replicas start or stop: what is seen is not yet what was asked for.
    pub fn settled(&self) -> Result<u32, Unavailable> {
        if self.target == self.replicas {
            Ok(self.replicas)
        } else {
            Err(Unavailable::unsuitable(format!(
                "{} of {} replicas are there: an earlier change is still under way",
                self.replicas, self.target
            )))
        }
    }

    /// Mean load of the nodes whose load is known; absent if none is.
    #[must_use]
    pub fn mean_load(&self) -> Option<f64> {
        let loads: Vec<f64> = self
            .nodes
            .iter()
            .filter_map(|node| node.load)
            .filter(|load| load.is_finite())
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "a pool has far fewer than 2^52 nodes")]
        let n = loads.len() as f64;
        (!loads.is_empty()).then(|| loads.iter().sum::<f64>() / n)
    }

    /// The node of this name.
    #[must_use]
    pub fn node(&self, name: &Component) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == *name)
    }

    /// Asks that the pool is as it was seen: by its generation where it counts, else by its number of replicas.
    #[must_use]
    pub fn unchanged(&self) -> Precondition {
        let (kind, id) = (self.resource.kind.clone(), self.resource.id.clone());
        let seen = u64::from(self.replicas);
        match self.resource.generation {
            Some(generation) => Precondition::Unchanged { kind, id, generation },
            None => self.within(seen, seen),
        }
    }

    /// Asks that there are from `min` to `max` replicas.
    #[must_use]
    pub fn within(&self, min: u64, max: u64) -> Precondition {
        Precondition::Within {
            kind: self.resource.kind.clone(),
            id: self.resource.id.clone(),
            attribute: "replicas".to_owned(),
            min,
            max,
        }
    }
}

fn pick<'a>(
    observation: &'a Observation,
    kind: &str,
    cause: &Cause,
) -> Result<&'a Resource, Unavailable> {
    let all: Vec<_> = observation.resources_of(kind).collect();
    match all.as_slice() {
        [] => Err(Unavailable::missing(format!("the {kind}"))),
        [only] => Ok(only),
        several => several
            .iter()
            .find(|resource| {
                cause.component.as_ref().is_some_and(|name| *name == resource.id.as_str())
            })
            .copied()
            .ok_or_else(|| Unavailable::missing(format!("which of {} {kind}s", several.len()))),
    }
}

fn nodes(observation: &Observation, pool: &Resource) -> Vec<Node> {
    let listed = pool.attributes.get("nodes").and_then(Value::as_array).into_iter().flatten();
    let mut nodes: Vec<_> = listed.filter_map(listed_node).collect();
    for resource in observation.resources_of("node") {
        let Ok(name) = Component::try_new(&resource.id) else { continue };
        if nodes.iter().any(|node| node.name == name) {
            continue;
        }
        let flag = resource.attributes.get("healthy").and_then(Value::as_bool);
        let load = resource.attributes.get("load").and_then(Value::as_f64);
        let healthy = flag.or_else(|| healthy_word(&resource.status));
        nodes.push(Node { name, healthy, load });
    }
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    nodes
}

fn listed_node(value: &Value) -> Option<Node> {
    if let Some(name) = value.as_str() {
        return Some(Node { name: Component::try_new(name).ok()?, healthy: None, load: None });
    }
    Some(Node {
        name: Component::try_new(value.get("node")?.as_str()?).ok()?,
        healthy: value.get("healthy").and_then(Value::as_bool),
        load: value.get("load").and_then(Value::as_f64),
    })
}

/// Words that leave no doubt; any other says nothing about health.
fn healthy_word(status: &str) -> Option<bool> {
    match status {
        "healthy" | "up" | "ok" | "normal" | "ready" => Some(true),
        "unhealthy" | "down" | "dead" | "failed" | "crashed" => Some(false),
        _ => None,
    }
}
