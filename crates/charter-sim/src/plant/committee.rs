//! What the committee does besides validating: decide, investigate, notify, revoke, and see attacks.
//!
//! Ticks once a second. These are rates, not requests; they matter for what they show, and none of them feeds back into
//! the queues.

use std::collections::BTreeMap;

use charter_client::{PolicyId, ViolationSeverity};
use rand::Rng;

use super::counters::rank;
use crate::stats::{
    DECISION_BOUNDS, Histogram, SlidingQuantiles, SlidingSum, exponential, poisson,
};

/// Seconds between two decisions that the committee takes anyway.
const DECISION_EVERY_S: u64 = 2;
/// A decision that finds no quorum gives up after this long.
const NO_QUORUM_S: f64 = 5.0;
/// Mean time that one investigation takes.
const INVESTIGATION_S: f64 = 30.0;
/// Share of violations that are investigated, by severity: info, warning, critical.
const INVESTIGATED: [f64; 3] = [0.0, 0.02, 0.2];
/// Most investigations open at once; beyond, violations are only counted.
const OPEN_MAX: u64 = 10_000;
/// Revocations per second in peace, and per critical violation.
const REVOCATIONS: (f64, f64) = (0.003, 0.02);
/// Attempts to read a forbidden metric: per second in peace, and in a full attack.
const ATTEMPTS: (f64, f64) = (0.02, 30.0);
/// Most latencies recorded per tick and kind: a thousand describe a distribution as well as a million.
const RECORDED_MAX: u64 = 1_000;
/// Seconds over which the rates of violations and attempts are taken.
const RATE_WINDOW: usize = 10;

/// What the committee is told in a tick of one second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pulse {
    /// Violations found in this second: info, warning, critical.
    pub(crate) violations: [u64; 3],
    /// Strength of an attack, as far as it gets through.
    pub(crate) attack: f64,
    /// Whether checks are suspended.
    pub(crate) suspended: bool,
    pub(crate) replicas: u32,
    pub(crate) healthy: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Committee {
    ticks: u64,
    pub(crate) decisions: SlidingQuantiles,
    pub(crate) notifications: Histogram,
    pub(crate) revocations: Histogram,
    /// By reason.
    pub(crate) revoked: BTreeMap<&'static str, u64>,
    /// By severity.
    pub(crate) initiated: [u64; 3],
    pub(crate) open: [u64; 3],
    /// By fate: allowed or blocked.
    pub(crate) attempts: BTreeMap<&'static str, u64>,
    violations_window: SlidingSum,
    policy_windows: BTreeMap<PolicyId, SlidingSum>,
    attempts_window: SlidingSum,
}

impl Committee {
    pub(crate) fn new(window_s: f64) -> Self {
        Self {
            ticks: 0,
            decisions: SlidingQuantiles::new(window_s),
            notifications: Histogram::new(DECISION_BOUNDS),
            revocations: Histogram::new(DECISION_BOUNDS),
            revoked: BTreeMap::new(),
            initiated: [0; 3],
            open: [0; 3],
            attempts: BTreeMap::from([("allowed", 0), ("blocked", 0)]),
            violations_window: SlidingSum::new(RATE_WINDOW),
            policy_windows: BTreeMap::new(),
            attempts_window: SlidingSum::new(RATE_WINDOW),
        }
    }

    /// Nodes that must be healthy for a decision: two thirds and one, as Byzantine agreement needs (Castro and Liskov,
    /// *Practical Byzantine Fault Tolerance*, 1999).
    pub(crate) const fn quorum(replicas: u32) -> u32 {
        replicas * 2 / 3 + 1
    }

    /// One second of work, ending at `now`.
    pub(crate) fn tick(&mut self, now: f64, pulse: &Pulse, rng: &mut impl Rng) {
        self.ticks += 1;
        if self.ticks.is_multiple_of(DECISION_EVERY_S) {
            let duration = self.decide(pulse, rng);
            self.decisions.record(duration);
            self.notify(1, rng);
        }
        self.investigate(pulse, rng);
        self.notify(pulse.violations[rank(ViolationSeverity::Critical)], rng);
        self.revoke(pulse, rng);
        self.see_attempts(pulse, rng);
        self.violations_window.push(pulse.violations.iter().sum());
        self.decisions.advance(now);
    }

    /// Violations per second, lately.
    pub(crate) fn violation_rate(&self) -> f64 {
        self.violations_window.sum() as f64 / RATE_WINDOW as f64
    }

    /// Takes in how many violations of a policy this second found. To be called for each policy in effect.
    pub(crate) fn note_policy(&mut self, id: &PolicyId, found: u64) {
        let window = self.policy_windows.entry(id.clone());
        window.or_insert_with(|| SlidingSum::new(RATE_WINDOW)).push(found);
    }

    /// Violations per second by policy, lately.
    pub(crate) fn policy_rates(&self) -> impl Iterator<Item = (&PolicyId, f64)> {
        self.policy_windows
            .iter()
            .map(|(id, window)| (id, window.sum() as f64 / RATE_WINDOW as f64))
    }

    /// Attempts to read forbidden metrics per second, lately.
    pub(crate) fn attempt_rate(&self) -> f64 {
        self.attempts_window.sum() as f64 / RATE_WINDOW as f64
    }

    pub(crate) fn under_investigation(&self) -> u64 {
        self.open.iter().sum()
    }

    /// The time until a quorum has voted: the votes come after 40 ms and an exponential time each.
    fn decide(&self, pulse: &Pulse, rng: &mut impl Rng) -> f64 {
        let quorum = Self::quorum(pulse.replicas);
        if pulse.healthy < quorum {
            return NO_QUORUM_S;
        }
        let mut votes: Vec<f64> =
            (0..pulse.healthy).map(|_| 0.04 + 0.03 * exponential(rng)).collect();
        votes.sort_by(f64::total_cmp);
        let last = votes[quorum as usize - 1];
        last * self.strain()
    }

    /// Everybody is slower when there is much to look into.
    fn strain(&self) -> f64 {
        1.0 + (self.under_investigation() as f64 / 50.0).min(10.0)
    }

    fn investigate(&mut self, pulse: &Pulse, rng: &mut impl Rng) {
        for (severity, share) in INVESTIGATED.into_iter().enumerate() {
            let closed = poisson(rng, self.open[severity] as f64 / INVESTIGATION_S);
            self.open[severity] -= closed.min(self.open[severity]);
            let wanted = poisson(rng, pulse.violations[severity] as f64 * share);
            let room = OPEN_MAX - self.under_investigation();
            self.initiated[severity] += wanted.min(room);
            self.open[severity] += wanted.min(room);
        }
    }

    fn notify(&mut self, n: u64, rng: &mut impl Rng) {
        let strain = self.strain();
        for _ in 0..n.min(RECORDED_MAX) {
            self.notifications.record((0.1 + 0.05 * exponential(rng)) * strain);
        }
    }

    fn revoke(&mut self, pulse: &Pulse, rng: &mut impl Rng) {
        let critical = pulse.violations[rank(ViolationSeverity::Critical)] as f64;
        for (reason, mean) in
            [("consent_withdrawn", REVOCATIONS.0), ("violation", REVOCATIONS.1 * critical)]
        {
            let n = poisson(rng, mean);
            if n > 0 {
                *self.revoked.entry(reason).or_default() += n;
            }
            for _ in 0..n.min(RECORDED_MAX) {
                self.revocations.record((0.5 + 0.4 * exponential(rng)) * self.strain());
            }
        }
    }

    fn see_attempts(&mut self, pulse: &Pulse, rng: &mut impl Rng) {
        let n = poisson(rng, ATTEMPTS.0 + ATTEMPTS.1 * pulse.attack);
        let fate = if pulse.suspended { "allowed" } else { "blocked" };
        *self.attempts.entry(fate).or_default() += n;
        self.attempts_window.push(n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    const PEACE: Pulse =
        Pulse { violations: [1, 0, 0], attack: 0.0, suspended: false, replicas: 6, healthy: 6 };

    fn after(seconds: u32, pulse: &Pulse) -> Committee {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut committee = Committee::new(30.0);
        for second in 1..=seconds {
            committee.tick(f64::from(second), pulse, &mut rng);
        }
        committee
    }

    #[test]
    fn in_peace_decisions_are_quick_and_little_happens() {
        let committee = after(600, &PEACE);
        assert!(committee.decisions.quantile(0.99) < 0.5);
        assert_eq!(committee.under_investigation(), 0);
        assert!(committee.attempt_rate() < 1.0);
    }

    #[test]
    fn without_a_quorum_decisions_time_out() {
        let committee = after(60, &Pulse { healthy: 4, ..PEACE });
        assert!(committee.decisions.quantile(0.5) > 4.5);
        assert_eq!(Committee::quorum(6), 5);
        assert_eq!(Committee::quorum(1), 1);
    }

    #[test]
    fn critical_violations_pile_up_investigations_and_slow_everybody() {
        let committee = after(120, &Pulse { violations: [9, 9, 5], ..PEACE });
        assert!(committee.under_investigation() > 10);
        assert!(committee.decisions.quantile(0.5) > after(120, &PEACE).decisions.quantile(0.5));
    }

    #[test]
    fn an_attack_shows_and_gets_through_only_while_checks_are_suspended() {
        let attack = Pulse { attack: 1.0, ..PEACE };
        let committee = after(60, &attack);
        assert!(committee.attempt_rate() > 20.0);
        assert_eq!(committee.attempts["allowed"], 0);
        assert!(after(60, &Pulse { suspended: true, ..attack }).attempts["allowed"] > 1_000);
    }
}
