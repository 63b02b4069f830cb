//! Restart a node, or all of them.

use mapek_model::{Action, Component, Duration, RankedCause, Step};

use super::{Pool, StepBuilder};
use crate::{Context, Unavailable};

/// What a restart is for, which says what it hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartScope {
    /// The node that the cause names; the whole service if the cause is in all of it.
    Cause,
    /// What is down: the node that the cause names, or the nodes that are known to be unhealthy.
    Unhealthy,
}

/// Restart gracefully.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    /// The resource kind of the pool.
    pub pool: String,
    /// What it hits.
    pub scope: RestartScope,
    /// How long work in hand may take.
    pub timeout: Duration,
}

impl Restart {
    /// The node to restart; `None` is the whole service.
    fn node(&self, cause: &RankedCause, pool: &Pool<'_>) -> Result<Option<Component>, Unavailable> {
        match &cause.cause.component {
            Some(name) if pool.node(name).is_some() => Ok(Some(name.clone())),
            Some(name) if *name != pool.resource.id.as_str() && *name != self.pool.as_str() => {
                // A typing error must not restart everything.
                Err(Unavailable::missing(format!("a node {name}")))
            }
            _ if self.scope == RestartScope::Cause => Ok(None),
            _ => unhealthy(pool),
        }
    }
}

fn unhealthy(pool: &Pool<'_>) -> Result<Option<Component>, Unavailable> {
    let mut down = pool.nodes.iter().filter(|node| node.healthy == Some(false));
    match (down.next(), down.next()) {
        (None, _) => Err(Unavailable::missing("which node is down")),
        (Some(node), None) => Ok(Some(node.name.clone())),
        (Some(_), Some(_)) => Ok(None),
    }
}

impl StepBuilder for Restart {
    fn build(&self, cause: &RankedCause, context: &Context<'_>) -> Result<Step, Unavailable> {
        let pool = Pool::find(context.observation, &self.pool, &cause.cause)?;
        let node = self.node(cause, &pool)?;
        let action = Action::RestartService { graceful: true, timeout: self.timeout, node };
        Ok(Step { preconditions: vec![pool.unchanged()], ..Step::of(action) })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::test_support::{Scene, committee};

    fn node(name: &str, healthy: bool) -> Value {
        json!({"node": name, "healthy": healthy})
    }

    #[rstest]
    #[case(RestartScope::Cause, Some("a"), Ok(Some("a")))]
    #[case(RestartScope::Cause, None, Ok(None))]
    #[case(RestartScope::Cause, Some("committee"), Ok(None))]
    #[case(RestartScope::Cause, Some("elsewhere"), Err("a node elsewhere is not known"))]
    #[case(RestartScope::Unhealthy, None, Ok(Some("b")))]
    #[case(RestartScope::Unhealthy, Some("a"), Ok(Some("a")))]
    fn a_restart_hits_what_the_cause_names(
        #[case] scope: RestartScope,
        #[case] component: Option<&str>,
        #[case] expected: Result<Option<&str>, &str>,
    ) {
        let nodes = json!({"replicas": 2, "nodes": [node("a", true), node("b", false)]});
        let mut scene = Scene::new("leak").with(committee(nodes));
        scene.cause.cause.component = component.map(|name| Component::try_new(name).unwrap());
        let builder = Restart { pool: "committee".into(), scope, timeout: Duration::from_secs(30) };
        let hit = builder.build(&scene.cause, &scene.context()).map(|step| match step.action {
            Action::RestartService { node, .. } => node.map(String::from),
            other => panic!("{other}"),
        });
        let expected = expected.map(|node| node.map(str::to_owned)).map_err(str::to_owned);
        assert_eq!(hit.map_err(|error| error.to_string()), expected);
    }

    #[test]
    fn nothing_down_is_nothing_to_restart() {
        let scene = Scene::new("node-down")
            .with(committee(json!({"replicas": 1, "nodes": [node("a", true)]})));
        let builder = Restart {
            pool: "committee".into(),
            scope: RestartScope::Unhealthy,
            timeout: Duration::from_secs(30),
        };
        let error = builder.build(&scene.cause, &scene.context()).unwrap_err();
        assert_eq!(error, Unavailable::missing("which node is down"));
    }
}
