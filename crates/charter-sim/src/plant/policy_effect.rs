//! What the policies in effect do to the plant, all together.

use std::collections::BTreeMap;

use charter_client::{PolicyId, PolicyKind, RebalanceStrategy};

use super::replica::VALIDATION_TYPES;
use super::tuning::Tuning;

/// Summed cost of the rules that the plant is born with: at this cost a replica serves its nominal rate.
pub(crate) const NOMINAL_COST: f64 = 10.0;
/// Share of a validation's time that does not depend on rules.
const FIXED_SHARE: f64 = 0.2;
/// Up to this strictness an enforcement policy raises no false violations.
const STRICT_FROM: f64 = 0.8;
/// Share of requests falsely flagged at strictness 1.
const FALSE_SHARE_MAX: f64 = 0.2;

/// The sum of all policies in effect.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Effects {
    /// Work of one validation relative to the nominal rules.
    pub(crate) work: f64,
    /// Per enforcement policy: its name, and the share of requests that it flags without reason.
    pub(crate) enforcement: BTreeMap<PolicyId, (String, f64)>,
    pub(crate) tuning: Tuning,
    pub(crate) strategy: RebalanceStrategy,
    /// The rate limit applied last, and the node that it is for, if it is for one only.
    pub(crate) throttle: Option<(f64, Option<String>)>,
    /// How many emergency overrides are active.
    pub(crate) overrides: u32,
    /// Which validations are bypassed.
    pub(crate) bypassed: [bool; VALIDATION_TYPES.len()],
}

impl Effects {
    /// Adds up `active` policies, given in the order in which they took effect, over the `base` tuning.
    pub(crate) fn of<'a>(
        active: impl Iterator<Item = (&'a PolicyId, &'a str, &'a PolicyKind)>,
        base: Tuning,
    ) -> Self {
        let mut effects = Self {
            work: 0.0,
            enforcement: BTreeMap::new(),
            tuning: base,
            strategy: RebalanceStrategy::RoundRobin,
            throttle: None,
            overrides: 0,
            bypassed: [false; VALIDATION_TYPES.len()],
        };
        let mut cost = 0.0;
        for (id, name, kind) in active {
            cost += effects.add(id, name, kind);
        }
        effects.work = FIXED_SHARE + (1.0 - FIXED_SHARE) * cost / NOMINAL_COST;
        effects
    }

    /// Adds one policy; answers the cost of its rules.
    fn add(&mut self, id: &PolicyId, name: &str, kind: &PolicyKind) -> f64 {
        match kind {
            PolicyKind::Rebalance { strategy } => self.strategy = *strategy,
            PolicyKind::Configuration { batch_size, timeout, parallelism } => {
                let tuning = &mut self.tuning;
                tuning.batch_size = batch_size.unwrap_or(tuning.batch_size);
                tuning.parallelism = parallelism.unwrap_or(tuning.parallelism);
                tuning.timeout_s = timeout.map_or(tuning.timeout_s, |t| t.as_f64());
            }
            PolicyKind::Throttle { rate_limit, node } => {
                self.throttle = Some((*rate_limit, node.clone()));
            }
            PolicyKind::EmergencyOverride { .. } => self.overrides += 1,
            PolicyKind::BypassValidation { scope, .. } => {
                for (bypassed, (name, _)) in self.bypassed.iter_mut().zip(VALIDATION_TYPES) {
                    *bypassed |= scope == "all" || scope == name;
                }
            }
            PolicyKind::Enforcement { rules, strictness } => {
                self.enforcement.insert(id.clone(), (name.to_owned(), false_share(*strictness)));
                return rules.iter().map(|rule| rule.cost).sum();
            }
            // A kind that the wire types learn later changes nothing here until the plant learns it too.
            _ => {}
        }
        0.0
    }
}

/// Grows with the square of what exceeds the harmless strictness.
fn false_share(strictness: f64) -> f64 {
    let excess = (strictness - STRICT_FROM).max(0.0) / (1.0 - STRICT_FROM);
    FALSE_SHARE_MAX * excess * excess
}

/// Whether a bypass of this scope means anything to the plant.
pub(crate) fn check_scope(scope: &str) -> Result<(), String> {
    let known: Vec<&str> = VALIDATION_TYPES.iter().map(|(name, _)| *name).collect();
    if scope == "all" || known.contains(&scope) {
        return Ok(());
    }
    Err(format!("is none of all, {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use charter_client::{EnforcementRule, RuleEffect, Seconds};

    fn effects(kinds: &[PolicyKind]) -> Effects {
        let id = PolicyId::try_new("p").unwrap();
        Effects::of(kinds.iter().map(|k| (&id, "p", k)), Tuning::default())
    }

    fn rule(cost: f64) -> EnforcementRule {
        EnforcementRule { name: "r".into(), metric: "*".into(), effect: RuleEffect::Flag, cost }
    }

    #[test]
    fn dear_rules_slow_validation_and_strictness_flags_the_innocent() {
        let nominal = effects(&[PolicyKind::Enforcement {
            rules: vec![rule(NOMINAL_COST)],
            strictness: 0.8,
        }]);
        assert!((nominal.work - 1.0).abs() < 1e-12);
        let id = PolicyId::try_new("p").unwrap();
        assert!(nominal.enforcement[&id].1.abs() < 1e-12);
        let bad = effects(&[PolicyKind::Enforcement { rules: vec![rule(60.0)], strictness: 1.0 }]);
        assert!((bad.work - 5.0).abs() < 1e-12);
        assert!((bad.enforcement[&id].1 - FALSE_SHARE_MAX).abs() < 1e-12);
    }

    #[test]
    fn of_two_the_one_applied_last_has_effect() {
        let throttle = |rate_limit| PolicyKind::Throttle { rate_limit, node: None };
        assert_eq!(effects(&[throttle(50.0), throttle(80.0)]).throttle, Some((80.0, None)));
        let tune = |batch_size, timeout| PolicyKind::Configuration {
            batch_size,
            timeout,
            parallelism: None,
        };
        let tuned = effects(&[tune(Some(8), Some(Seconds::whole(9))), tune(Some(32), None)]).tuning;
        assert_eq!(tuned, Tuning { batch_size: 32, timeout_s: 9.0, ..Tuning::default() });
    }

    #[test]
    fn a_bypass_reaches_its_scope_only() {
        let bypass = |scope: &str| PolicyKind::BypassValidation {
            duration: Seconds::whole(9),
            scope: scope.into(),
        };
        assert_eq!(effects(&[bypass("schema")]).bypassed, [false, true]);
        assert_eq!(effects(&[bypass("all")]).bypassed, [true, true]);
        assert!(check_scope("schema").is_ok() && check_scope("everything").is_err());
    }
}
