//! More replicas, or fewer, to an absolute number.

use mapek_model::{Action, RankedCause, Step};

use super::{Pool, StepBuilder};
use crate::{Context, Unavailable};

/// More replicas: half as many again, at least one more; twice as many where the nodes do all they can, since nobody
/// can tell then how much more is asked of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaleUp {
    /// The resource kind of the pool.
    pub pool: String,
    /// Never more replicas than this, whatever the managed system would accept.
    pub replicas_max: u32,
}

/// Mean load from which a pool counts as saturated. Queues of a node grow without bound as its load approaches 1.
const SATURATED: f64 = 0.9;

impl ScaleUp {
    fn target(&self, pool: &Pool<'_>) -> Result<u32, Unavailable> {
        let replicas = pool.settled()?;
        let ceiling = pool.max.map_or(self.replicas_max, |max| max.min(self.replicas_max));
        if replicas >= ceiling {
            let why = format!("there are {replicas} replicas already, {ceiling} are the most");
            return Err(Unavailable::unsuitable(why));
        }
        let saturated = pool.mean_load().is_some_and(|load| load >= SATURATED);
        let more = if saturated { replicas } else { replicas.div_ceil(2) };
        Ok(replicas.saturating_add(more.max(1)).min(ceiling))
    }
}

impl StepBuilder for ScaleUp {
    fn build(&self, cause: &RankedCause, context: &Context<'_>) -> Result<Step, Unavailable> {
        let pool = Pool::find(context.observation, &self.pool, &cause.cause)?;
        let replicas = self.target(&pool)?;
        // Somebody else may have scaled in the meantime: to scale "up" to fewer would be a scale down.
        let preconditions = vec![pool.unchanged(), pool.within(0, u64::from(replicas) - 1)];
        Ok(Step { preconditions, ..Step::of(Action::ScaleUp { replicas }) })
    }
}

/// Fewer replicas: as many as would be used to three fifths, but never less than half; a quarter less where nobody knows how much they are
/// used. At least one less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaleDown {
    /// The resource kind of the pool.
    pub pool: String,
    /// Never fewer replicas than this, whatever the managed system would accept.
    pub replicas_min: u32,
}

impl ScaleDown {
    fn target(&self, pool: &Pool<'_>) -> Result<u32, Unavailable> {
        let replicas = pool.settled()?;
        if let Some(node) = pool.nodes.iter().find(|node| node.healthy == Some(false)) {
            return Err(Unavailable::unsuitable(format!("node {} is not healthy", node.name)));
        }
        let floor = pool.min.unwrap_or(0).max(self.replicas_min).max(1);
        if replicas <= floor {
            let why = format!("there are only {replicas} replicas, {floor} are the fewest");
            return Err(Unavailable::unsuitable(why));
        }
        let fewer = match pool.mean_load() {
            Some(load) => needed(replicas, load).max(replicas.div_ceil(2)),
            None => replicas - replicas / 4,
        };
        if fewer >= replicas && pool.mean_load().is_some() {
            let why = format!("{replicas} replicas are used to more than {:.0} %", USED * 100.0);
            return Err(Unavailable::unsuitable(why));
        }
        Ok(fewer.min(replicas - 1).max(floor))
    }
}

/// How much of each replica is to be used after scaling down. Queues grow fast beyond; what is left is for peaks and for a replica
/// that fails.
const USED: f64 = 0.6;

/// How many replicas would be used to [`USED`], if so many are used to `load`.
fn needed(replicas: u32, load: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let needed = (f64::from(replicas) * load / USED).ceil() as u32;
    needed
}

impl StepBuilder for ScaleDown {
    fn build(&self, cause: &RankedCause, context: &Context<'_>) -> Result<Step, Unavailable> {
        let pool = Pool::find(context.observation, &self.pool, &cause.cause)?;
        let replicas = self.target(&pool)?;
        let preconditions =
            vec![pool.unchanged(), pool.within(u64::from(replicas) + 1, u64::from(u32::MAX))];
        Ok(Step { preconditions, ..Step::of(Action::ScaleDown { replicas }) })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::test_support::{Scene, committee};

    fn up(attributes: Value) -> Result<Action, String> {
        let scene = Scene::new("overload").with(committee(attributes));
        let builder = ScaleUp { pool: "committee".to_owned(), replicas_max: 20 };
        builder.build(&scene.cause, &scene.context()).map(|s| s.action).map_err(|e| e.to_string())
    }

    #[rstest]
    #[case(1, 2)]
    #[case(3, 5)]
    #[case(4, 6)]
    #[case(15, 20)]
    #[case(19, 20)]
    fn half_as_many_again_but_never_beyond_the_ceiling(#[case] from: u32, #[case] to: u32) {
        assert_eq!(up(json!({ "replicas": from })), Ok(Action::ScaleUp { replicas: to }));
    }

    #[test]
    fn a_saturated_pool_doubles() {
        let busy = json!({"replicas": 3, "nodes": [{"node": "a", "load": 1.0}, {"node": "b", "load": 0.95}]});
        assert_eq!(up(busy), Ok(Action::ScaleUp { replicas: 6 }));
    }

    #[test]
    fn what_is_not_known_or_speaks_against_it_is_said() {
        assert_eq!(up(json!({})).unwrap_err(), "the number of replicas of committee is not known");
        assert!(up(json!({"replicas": 20})).unwrap_err().contains("20 are the most"));
        assert!(
            up(json!({"replicas": 5, "replicas_max": 5})).unwrap_err().contains("5 are the most")
        );
        assert!(
            up(json!({"replicas": 3, "target_replicas": 5})).unwrap_err().contains("under way")
        );
        assert!(up(json!({"replicas": -3})).is_err());
        assert!(up(json!({"replicas": "3"})).is_err());
    }

    #[rstest]
    #[case(20, 15)]
    #[case(4, 3)]
    #[case(3, 2)]
    fn a_quarter_less(#[case] from: u32, #[case] to: u32) {
        let scene = Scene::new("idle-capacity").with(committee(json!({ "replicas": from })));
        let builder = ScaleDown { pool: "committee".to_owned(), replicas_min: 2 };
        let step = builder.build(&scene.cause, &scene.context()).unwrap();
        assert_eq!(step.action, Action::ScaleDown { replicas: to });
    }

    #[rstest]
    #[case(18, 0.25, Ok(9))]
    #[case(10, 0.4, Ok(7))]
    #[case(4, 0.58, Err(()))]
    #[case(9, 0.0, Ok(5))]
    fn as_few_as_are_used(#[case] from: u32, #[case] load: f64, #[case] to: Result<u32, ()>) {
        let nodes: Vec<_> =
            (0..from).map(|n| json!({"node": n.to_string(), "load": load})).collect();
        let pool = committee(json!({ "replicas": from, "nodes": nodes }));
        let scene = Scene::new("idle-capacity").with(pool);
        let builder = ScaleDown { pool: "committee".to_owned(), replicas_min: 2 };
        let step = builder.build(&scene.cause, &scene.context());
        let expected = to.map(|replicas| Action::ScaleDown { replicas });
        assert_eq!(step.map(|it| it.action).map_err(drop), expected);
    }

    #[test]
    fn nobody_scales_down_below_the_floor_or_beside_a_sick_node() {
        let builder = ScaleDown { pool: "committee".to_owned(), replicas_min: 2 };
        for attributes in [
            json!({"replicas": 2}),
            json!({"replicas": 5, "replicas_min": 5}),
            json!({"replicas": 5, "nodes": [{"node": "a", "healthy": false}]}),
        ] {
            let scene = Scene::new("idle-capacity").with(committee(attributes.clone()));
            assert!(builder.build(&scene.cause, &scene.context()).is_err(), "{attributes}");
        }
    }
}
