//! Let fewer requests in, at a rate that follows from what is served.

use mapek_model::{Action, Component, Observation, RankedCause, Step};

use super::{Pool, StepBuilder};
use crate::{Context, Unavailable};

/// Let in a share of what the pool served at best within the observation; of one node's part of it, if that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Throttle {
    /// The resource kind of the pool.
    pub pool: String,
    /// Names of the watched value that is the throughput, in requests per second; the first one that is there counts.
    pub throughput: Vec<String>,
    /// The share to let in, of the best throughput seen: what a saturated pool serves is what it can.
    pub share: f64,
    /// Only from the node that the cause names; without such a node the step is not made.
    pub node_only: bool,
}

impl Throttle {
    fn node(&self, cause: &RankedCause, pool: &Pool<'_>) -> Result<Option<Component>, Unavailable> {
        if !self.node_only {
            return Ok(None);
        }
        match &cause.cause.component {
            Some(name) if pool.node(name).is_some() => Ok(Some(name.clone())),
            Some(name) => Err(Unavailable::missing(format!("a node {name}"))),
            None => Err(Unavailable::missing("which node to throttle")),
        }
    }
}

impl StepBuilder for Throttle {
    fn build(&self, cause: &RankedCause, context: &Context<'_>) -> Result<Step, Unavailable> {
        let pool = Pool::find(context.observation, &self.pool, &cause.cause)?;
        let node = self.node(cause, &pool)?;
        let best = best_value(context.observation, &self.throughput)
            .ok_or_else(|| Unavailable::missing("the throughput"))?;
        let parts = if node.is_some() { f64::from(pool.replicas.max(1)) } else { 1.0 };
        // Whole requests: a rate with a tail of digits would make a new plan hash of every breath of the metric.
        let rate_limit = two_digits(best * self.share / parts).max(1.0);
        Ok(Step::of(Action::ThrottleRequests { rate_limit, node }))
    }
}

/// The greatest value above zero of the first watched value that has one.
fn best_value(observation: &Observation, names: &[String]) -> Option<f64> {
    names.iter().find_map(|name| {
        let samples = observation.series.get(name)?.iter().flat_map(|series| &series.samples);
        let usable = samples.map(|sample| sample.value).filter(|value| value.is_finite());
        usable.max_by(f64::total_cmp).filter(|value| *value > 0.0)
    })
}

/// Rounds down to two significant digits, and to a whole number.
fn two_digits(value: f64) -> f64 {
    let unit = 10_f64.powf((value.max(1.0).log10().floor() - 1.0).max(0.0));
    (value / unit).floor() * unit
}

#[cfg(test)]
mod tests {
    use mapek_model::{Labels, Sample, Series, Timestamp};
    use serde_json::json;

    use super::*;
    use crate::test_support::{Scene, committee};

    fn scene(values: &[f64]) -> Scene {
        let nodes = json!({"replicas": 4, "nodes": ["a", "b", "c", "d"]});
        let mut scene = Scene::new("retry-cascade").with(committee(nodes));
        let at = Timestamp::UNIX_EPOCH;
        let samples = values.iter().map(|&value| Sample { at, value }).collect();
        let series = Series { labels: Labels::default(), samples };
        scene.observation.series.insert("throughput".to_owned(), vec![series]);
        scene
    }

    fn throttle(node_only: bool) -> Throttle {
        let throughput = vec!["ops".to_owned(), "throughput".to_owned()];
        Throttle { pool: "committee".to_owned(), throughput, share: 0.8, node_only }
    }

    #[test]
    fn the_rate_is_a_share_of_the_best_throughput() {
        let scene = scene(&[120.0, f64::NAN, 437.0, f64::INFINITY, 90.0]);
        let step = throttle(false).build(&scene.cause, &scene.context()).unwrap();
        assert_eq!(step.action, Action::ThrottleRequests { rate_limit: 340.0, node: None });
    }

    #[test]
    fn a_node_is_let_its_own_part() {
        let mut scene = scene(&[437.0]);
        assert!(throttle(true).build(&scene.cause, &scene.context()).is_err(), "no node is named");
        scene.cause.cause.component = Some(Component::try_new("b").unwrap());
        let step = throttle(true).build(&scene.cause, &scene.context()).unwrap();
        let node = scene.cause.cause.component.clone();
        assert_eq!(step.action, Action::ThrottleRequests { rate_limit: 87.0, node });
        scene.cause.cause.component = Some(Component::try_new("z").unwrap());
        assert!(throttle(true).build(&scene.cause, &scene.context()).is_err(), "nobody knows z");
    }

    #[test]
    fn without_a_throughput_there_is_no_rate() {
        for values in [&[][..], &[0.0], &[f64::NAN], &[-4.0]] {
            let scene = scene(values);
            let error = throttle(false).build(&scene.cause, &scene.context()).unwrap_err();
            assert_eq!(error, Unavailable::missing("the throughput"));
        }
    }
}
