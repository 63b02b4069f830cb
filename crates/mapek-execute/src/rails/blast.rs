//! How much a plan touches at most.

use std::collections::BTreeSet;

use mapek_model::{Action, ActionKind, Component, Observation, Plan, Resource};
use serde::{Deserialize, Serialize};

use super::{Context, Rail, Refusal};

/// How much one plan may touch, of what there is. Of the two limits the smaller wins; one that is absent limits nothing.
///
/// What an action touches, in nodes:
///
/// | Action | Touches |
/// |---|---|
/// | restart, or throttle, of a node | that node |
/// | graceful restart of the service | one node: they restart one after the other |
/// | scale | the replicas that it adds or takes away |
/// | anything else: other restarts, policies, configuration, custom actions | everything |
///
/// A node that is named twice counts once, and what a plan does not name it does not touch: a plan without steps touches nothing.
/// There is as much as the one pool of the inventory (the resource with the attribute `replicas`) has, before or after
/// scaling, whichever is more; without a pool, as many as there are nodes. If that is not known, nothing that is limited
/// passes.
///
/// ```
/// use mapek_execute::BlastRadiusConfig;
///
/// let limits = BlastRadiusConfig { nodes: Some(4), percent: Some(50), ..BlastRadiusConfig::default() };
/// assert_eq!([6, 8, 100].map(|there_are| limits.most(there_are)), [3, 4, 4]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct BlastRadiusConfig {
    /// How many nodes.
    pub nodes: Option<u32>,
    /// How many in a hundred of them.
    pub percent: Option<u8>,
    /// Kinds that may touch everything at once. What is said of numbers does not hold for what they do to all; it does for what they do
    /// to a node.
    pub everywhere: BTreeSet<ActionKind>,
}

impl Default for BlastRadiusConfig {
    fn default() -> Self {
        use ActionKind as K;
        Self {
            // Half of a pool of twenty.
            nodes: Some(10),
            // What is left must be able to decide without what is touched.
            percent: Some(50),
            // Each is one setting with one way back. Restarting all at once has none, and of custom actions nothing is known.
            everywhere: BTreeSet::from([
                K::RebalanceLoad,
                K::RollbackPolicy,
                K::ApplyPolicy,
                K::UpdateConfiguration,
                K::ThrottleRequests,
                K::ActivateEmergencyOverride,
                K::BypassValidation,
            ]),
        }
    }
}

impl BlastRadiusConfig {
    /// How many nodes may be touched where there are so many: what both limits allow.
    #[must_use]
    pub fn most(&self, there_are: u64) -> u64 {
        let share = self.percent.map(|percent| {
            u64::try_from(u128::from(there_are) * u128::from(percent) / 100).unwrap_or(u64::MAX)
        });
        let limits = [self.nodes.map(u64::from), share];
        limits.into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    const fn is_unlimited(&self) -> bool {
        self.nodes.is_none() && self.percent.is_none()
    }
}

/// What an action touches.
enum Reach<'a> {
    /// A node.
    Node(&'a Component),
    /// One node at a time.
    OneByOne,
    /// As many replicas as are missing or too many.
    To(u32),
    /// All there is, at once.
    Everything,
}

fn reach(action: &Action) -> Reach<'_> {
    match action {
        Action::RestartService { node: Some(node), .. }
        | Action::ThrottleRequests { node: Some(node), .. } => Reach::Node(node),
        Action::RestartService { graceful: true, .. } => Reach::OneByOne,
        Action::ScaleUp { replicas } | Action::ScaleDown { replicas } => Reach::To(*replicas),
        _ => Reach::Everything,
    }
}

/// How large the system is.
#[derive(Clone, Copy)]
struct Size {
    replicas: u64,
    /// How many there shall be, where that is on its way.
    wanted: u64,
}

impl Size {
    fn of(observation: &Observation) -> Result<Self, &'static str> {
        let mut pools =
            observation.resources.iter().filter(|it| it.attributes.contains_key("replicas"));
        match (pools.next(), pools.next()) {
            (Some(pool), None) => Self::of_pool(pool).ok_or("the size of the pool is not known"),
            (Some(_), Some(_)) => Err("there are several pools, and it cannot be told which it is"),
            (None, _) => {
                let nodes: BTreeSet<_> =
                    observation.resources_of("node").map(|node| &node.id).collect();
                let replicas = nodes.len() as u64;
                let known = (replicas > 0).then_some(Self { replicas, wanted: replicas });
                known.ok_or("how many nodes there are is not known")
            }
        }
    }

    fn of_pool(pool: &Resource) -> Option<Self> {
        let replicas = pool.count("replicas")?;
        Some(Self { replicas, wanted: pool.count("target_replicas").unwrap_or(replicas) })
    }
}

/// What a plan touches, and how much there is.
struct Radius {
    touched: u64,
    there_are: u64,
}

impl Radius {
    fn of(plan: &Plan, everywhere: &BTreeSet<ActionKind>, size: Size) -> Self {
        let Size { replicas, mut wanted } = size;
        let (mut nodes, mut one_by_one, mut all) = (BTreeSet::new(), 0, false);
        let (mut scaled, mut there_are) = (0, replicas);
        for step in &plan.steps {
            match reach(&step.action) {
                Reach::Node(node) => drop(nodes.insert(node)),
                Reach::OneByOne => one_by_one = 1,
                Reach::To(to) => {
                    let to = u64::from(to);
                    // What is still on its way may come or not: the longer way counts.
                    let way = if scaled == 0 { to.abs_diff(replicas) } else { 0 };
                    scaled += way.max(to.abs_diff(wanted));
                    (wanted, there_are) = (to, there_are.max(to));
                }
                Reach::Everything => all |= !everywhere.contains(&step.action.kind()),
            }
        }
        let touched = (nodes.len() as u64).saturating_add(one_by_one).saturating_add(scaled);
        Self { touched: if all { touched.max(there_are) } else { touched }, there_are }
    }
}

/// No plan touches more at once than people agreed to lose.
#[derive(Debug)]
pub(super) struct BlastRadius(BlastRadiusConfig);

impl BlastRadius {
    pub(super) const fn new(config: BlastRadiusConfig) -> Self {
        Self(config)
    }

    /// Whether numbers say anything about the plan: not if all that it does is set everywhere, by kinds that may.
    fn is_asked(&self, plan: &Plan) -> bool {
        !self.0.is_unlimited()
            && plan.steps.iter().any(|step| match reach(&step.action) {
                Reach::Everything => !self.0.everywhere.contains(&step.action.kind()),
                _ => true,
            })
    }
}

impl Rail for BlastRadius {
    fn check(&self, context: &Context<'_>) -> Result<(), Refusal> {
        if !self.is_asked(context.plan) {
            return Ok(());
        }
        let size = Size::of(context.observation).map_err(|why| {
            let reason = format!("how much it would touch cannot be told: {why}");
            Refusal::new("blast_radius", reason).unless("the managed system tells its size")
        })?;
        let Radius { touched, there_are } = Radius::of(context.plan, &self.0.everywhere, size);
        let most = self.0.most(there_are);
        if touched <= most {
            return Ok(());
        }
        let reason = format!("it would touch {touched} of {there_are} nodes, {most} are the most");
        let unless =
            format!("execute.rails.blast_radius lets a plan touch {touched} of {there_are}");
        Err(Refusal::new("blast_radius", reason).unless(unless))
    }
}

#[cfg(test)]
mod tests;
