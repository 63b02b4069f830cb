//! The table: what helps Charter against which cause.

use mapek_model::{Action, CauseKind, Duration, VerificationOverride};

use super::{
    ApplyLastGood, COMMITTEE, CharterStrategies, ConfigKind, Reapply, RestoreConfiguration,
    RollBack, Tighten, TuneConfiguration,
};
use crate::{
    Catalogue, Fixed, Rebalance, Remedy, Restart, RestartScope, ScaleDown, ScaleUp, Throttle,
};

/// Waits after a step, before the next one: until its effect shows in the load of the others.
const AFTER_VALVE: Duration = Duration::from_secs(5);
const AFTER_REBALANCE: Duration = Duration::from_secs(10);
const AFTER_SCALE: Duration = Duration::from_secs(30);

/// Times to effect. A policy must be approved and activated, replicas must boot, and each must show in a `rate` of a minute.
const VALVE_SHOWS: Duration = Duration::from_secs(60);
const POLICY_SHOWS: Duration = Duration::from_secs(90);
const REPLICAS_SHOW: Duration = Duration::from_secs(90);
/// Use of capacity is averaged over minutes.
const USE_SHOWS: Duration = Duration::from_secs(240);
const RESTART_SHOWS: Duration = Duration::from_secs(120);

impl CharterStrategies {
    /// The catalogue: causes of `docs/causes.md`, and what helps against each.
    ///
    /// # Panics
    ///
    /// Never: the words for the causes are valid.
    #[must_use]
    pub fn catalogue(&self) -> Catalogue {
        let rows = [
            ("validation-latency", self.validation_latency()),
            ("policy-misconfiguration", self.policy_misconfiguration()),
            ("retry-cascade", self.retry_cascade()),
            ("overload", self.overload()),
            ("instability", self.instability()),
            (
                "leak",
                vec![self.restart(
                    "restart",
                    "a fresh process has not leaked",
                    RestartScope::Cause,
                )],
            ),
            ("hot-spot", self.hot_spot()),
            ("configuration-drift", self.configuration_drift()),
            ("node-down", self.node_down()),
            ("attack", self.attack()),
            ("stale-policy", self.stale_policy()),
            ("idle-capacity", self.idle_capacity()),
        ];
        let mut catalogue = Catalogue::new();
        for (cause, remedies) in rows {
            let cause = CauseKind::try_new(cause).expect("the words above are kebab-case");
            for remedy in remedies {
                catalogue = catalogue.with(cause.clone(), remedy);
            }
        }
        catalogue
    }

    fn validation_latency(&self) -> Vec<Remedy> {
        let tune = || TuneConfiguration { default: self.tuning_default, max: self.tuning_max };
        vec![
            Remedy::new("scale up", "more validation workers shorten the queue")
                .then(self.scale_up(), Duration::ZERO)
                .seen_within(self.paced(REPLICAS_SHOW)),
            Remedy::new("scale up and tune", "more workers, each of which validates more at once")
                .then(self.scale_up(), self.paced(AFTER_SCALE))
                .then(tune(), Duration::ZERO)
                .seen_within(self.paced(POLICY_SHOWS)),
            Remedy::new("tune", "larger batches, more in parallel and more patience serve more")
                .then(tune(), Duration::ZERO)
                .seen_within(self.paced(POLICY_SHOWS)),
        ]
    }

    fn policy_misconfiguration(&self) -> Vec<Remedy> {
        vec![
            Remedy::new("roll back", "the version before did no harm")
                .then(RollBack { kind: ConfigKind::Enforcement }, Duration::ZERO)
                .seen_within(self.paced(POLICY_SHOWS)),
            Remedy::new("apply the last good version", "the version before did no harm")
                .then(ApplyLastGood { kind: ConfigKind::Enforcement }, Duration::ZERO)
                .seen_within(self.paced(POLICY_SHOWS)),
        ]
    }

    fn retry_cascade(&self) -> Vec<Remedy> {
        let valve = "what is repeated must be shed before anything else can help";
        vec![
            Remedy::new("throttle", valve)
                .then(self.throttle(false), Duration::ZERO)
                .seen_within(self.paced(VALVE_SHOWS)),
            Remedy::new("throttle, then scale up", valve)
                .then(self.throttle(false), self.paced(AFTER_VALVE))
                .then(self.scale_up(), Duration::ZERO)
                .seen_within(self.paced(REPLICAS_SHOW)),
            Remedy::new("throttle and override, then scale up", valve)
                .then(self.throttle(false), self.paced(AFTER_VALVE))
                .then(
                    Fixed::new(Action::ActivateEmergencyOverride {
                        duration: self.override_duration,
                    }),
                    self.paced(AFTER_VALVE),
                )
                .then(self.scale_up(), Duration::ZERO)
                .seen_within(self.paced(REPLICAS_SHOW)),
        ]
    }

    fn overload(&self) -> Vec<Remedy> {
        vec![
            Remedy::new("scale up", "there is more to do than the workers can")
                .then(self.scale_up(), Duration::ZERO)
                .seen_within(self.paced(REPLICAS_SHOW)),
            self.rebalance("spare capacity may sit on other nodes"),
            self.rebalance_and_scale(),
            self.rebalance_scale_restart(),
        ]
    }

    fn instability(&self) -> Vec<Remedy> {
        vec![
            self.rebalance("load that wanders settles when it is spread by load"),
            self.rebalance_and_scale(),
            self.rebalance_scale_restart(),
            self.restart("restart", "processes in a bad state start afresh", RestartScope::Cause),
        ]
    }

    fn hot_spot(&self) -> Vec<Remedy> {
        vec![self.rebalance("one node draws more than its share"), self.rebalance_and_scale()]
    }

    fn configuration_drift(&self) -> Vec<Remedy> {
        vec![
            Remedy::new("restore the configuration", "it is no longer what it should be")
                .then(RestoreConfiguration { default: self.tuning_default }, Duration::ZERO)
                .seen_within(self.paced(POLICY_SHOWS)),
            Remedy::new("roll the configuration back", "it was right before its last change")
                .then(RollBack { kind: ConfigKind::Configuration }, Duration::ZERO)
                .seen_within(self.paced(POLICY_SHOWS)),
        ]
    }

    fn node_down(&self) -> Vec<Remedy> {
        let timeout = self.restart_timeout;
        let scope = RestartScope::Unhealthy;
        vec![
            self.restart("restart the node", "a node that died comes back", scope),
            Remedy::new("scale up", "other workers take over")
                .then(self.scale_up(), Duration::ZERO)
                .seen_within(self.paced(REPLICAS_SHOW)),
            Remedy::new("scale up, then restart the node", "others take over while it comes back")
                .then(self.scale_up(), self.paced(AFTER_SCALE))
                .then(Restart { pool: COMMITTEE.to_owned(), scope, timeout }, Duration::ZERO)
                .seen_within(self.paced(RESTART_SHOWS)),
        ]
    }

    fn attack(&self) -> Vec<Remedy> {
        vec![
            Remedy::new("revoke", "who asks for what is forbidden loses what they hold")
                .then(Tighten, Duration::ZERO)
                .seen_within(self.paced(POLICY_SHOWS)),
            Remedy::new("throttle the node", "what a node may ask is limited to its fair part")
                .then(self.throttle(true), Duration::ZERO)
                .seen_within(self.paced(VALVE_SHOWS)),
        ]
    }

    fn stale_policy(&self) -> Vec<Remedy> {
        vec![
            Remedy::new("apply the policy again", "applying a policy loads it")
                .then(Reapply { kind: ConfigKind::Enforcement }, Duration::ZERO)
                .seen_within(self.paced(POLICY_SHOWS)),
        ]
    }

    fn idle_capacity(&self) -> Vec<Remedy> {
        let pool = COMMITTEE.to_owned();
        vec![
            // Nobody misses a worker too many; whom a worker too few hurts must not wait until it shows in the use.
            Remedy::new("scale down", "fewer workers do the same")
                .then(ScaleDown { pool, replicas_min: self.replicas_min }, Duration::ZERO)
                .seen_within(self.paced(USE_SHOWS))
                .verified_by(VerificationOverride { early: Some(true), ..Default::default() }),
        ]
    }

    fn rebalance(&self, rationale: &str) -> Remedy {
        Remedy::new("rebalance", rationale)
            .then(spread(), Duration::ZERO)
            .seen_within(self.paced(POLICY_SHOWS))
    }

    fn rebalance_and_scale(&self) -> Remedy {
        Remedy::new("rebalance and scale up", "new workers only help if they get their share")
            .then(spread(), self.paced(AFTER_REBALANCE))
            .then(self.scale_up(), Duration::ZERO)
            .seen_within(self.paced(REPLICAS_SHOW))
    }

    fn rebalance_scale_restart(&self) -> Remedy {
        let (pool, timeout) = (COMMITTEE.to_owned(), self.restart_timeout);
        Remedy::new("rebalance, scale up and restart", "capacity first, then processes afresh")
            .then(spread(), self.paced(AFTER_REBALANCE))
            .then(self.scale_up(), self.paced(AFTER_SCALE))
            .then(Restart { pool, scope: RestartScope::Cause, timeout }, Duration::ZERO)
            .seen_within(self.paced(RESTART_SHOWS))
    }

    fn restart(&self, name: &str, rationale: &str, scope: RestartScope) -> Remedy {
        let (pool, timeout) = (COMMITTEE.to_owned(), self.restart_timeout);
        Remedy::new(name, rationale)
            .then(Restart { pool, scope, timeout }, Duration::ZERO)
            .seen_within(self.paced(RESTART_SHOWS))
    }

    fn scale_up(&self) -> ScaleUp {
        ScaleUp { pool: COMMITTEE.to_owned(), replicas_max: self.replicas_max }
    }

    fn throttle(&self, node_only: bool) -> Throttle {
        Throttle {
            pool: COMMITTEE.to_owned(),
            throughput: self.throughput.clone(),
            share: self.throttle_share.get(),
            node_only,
        }
    }

    fn paced(&self, time: Duration) -> Duration {
        let pace = if self.pace.is_finite() && self.pace >= 0.0 { self.pace } else { 1.0 };
        Duration::try_from_secs_f64(time.as_secs_f64() * pace).unwrap_or(Duration::MAX)
    }
}

fn spread() -> Rebalance {
    Rebalance { pool: COMMITTEE.to_owned(), strategy: "least_loaded".to_owned() }
}
