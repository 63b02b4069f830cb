//! One step of virtual time.

use charter_client::{PolicyId, PolicyKind, RuleEffect, ViolationSeverity};

use super::admission::Bucket;
use super::arrivals::RATE_MAX;
use super::breach::{BreachKind, Seen};
use super::clients::Manners;
use super::committee::{Committee, Pulse};
use super::config::ServiceLaw;
use super::fault::{Disturbance, FaultKind, Phase};
use super::fleet::Fleet;
use super::machine::{MISCONFIGURED, Plant, defective_policy};
use super::policies::Change;
use super::replica::{Departure, Ending, Op, VALIDATION_TYPES};
use super::tuning::Tuning;
use crate::stats::{exponential, poisson};

/// Share of validated requests that each enforcement policy rightly flags.
const TRUE_SHARE: f64 = 0.0007;
/// How right findings divide into info, warning, critical; and wrong ones.
const TRUE_SEVERITIES: [f64; 3] = [0.9, 0.1, 0.0];
const FALSE_SEVERITIES: [f64; 3] = [0.5, 0.4, 0.1];
/// Critical violations per second of a full attack.
const ATTACK_VIOLATIONS: f64 = 3.0;
/// What a rate limit leaves of an attack: limits are per client, and attackers are first to exceed theirs.
const THROTTLED_ATTACK: f64 = 0.05;
/// How old the last load of policies is when a stale-policy fault begins: 25 hours.
const STALE_AGE_S: f64 = 90_000.0;
const SEVERITIES: [ViolationSeverity; 3] =
    [ViolationSeverity::Info, ViolationSeverity::Warning, ViolationSeverity::Critical];

impl Plant {
    pub(crate) fn step(&mut self) {
        let now = self.now_s();
        let end = self.serve();
        self.settle(end);
        self.counters.close_step(end);
        if end.floor() > now.floor() {
            self.tick(end);
        }
    }

    /// Lets requests in and serves them, up to the step's end, which it answers. What left is yet to be booked.
    fn serve(&mut self) -> f64 {
        let (now, dt) = (self.now_s(), self.config.step_s());
        self.fleet.advance(now, &mut self.departures);
        self.advance_policies(now);
        self.advance_faults(now);
        self.set_pace(now);
        self.steps += 1;
        let end = self.now_s();
        self.receive(now, end);
        self.fleet.finish_step(end, dt, &mut self.departures);
        end
    }

    /// Books all departures; what failed may come again. The step ends, or the call happens, at `end`.
    pub(crate) fn settle(&mut self, end: f64) {
        let tuning = self.tuning();
        let (overhead_s, timeout_s) = (tuning.overhead_s(), tuning.timeout_s);
        for departure in self.departures.drain(..) {
            if self.counters.settle(&departure, overhead_s, timeout_s) {
                let (attempt, ago) = (departure.op.attempt, end - departure.at);
                self.retries.after_failure(attempt, ago, &mut self.dice.retries);
            }
        }
    }

    /// The tuning as it is, drift included.
    pub(crate) fn tuning(&self) -> Tuning {
        let (wanted, drift) = (self.effects.tuning, self.disturbance.drift);
        if drift <= 0.0 {
            return wanted;
        }
        let towards_one = |n: u32| (f64::from(n) + drift * (1.0 - f64::from(n))).round() as u32;
        Tuning {
            batch_size: towards_one(wanted.batch_size),
            parallelism: towards_one(wanted.parallelism),
            timeout_s: wanted.timeout_s * (1.0 - 0.93 * drift),
        }
    }

    /// Whether enough nodes are up to approve anything. Nodes that warm up have not joined yet.
    pub(crate) fn has_quorum(&self) -> bool {
        self.fleet.healthy() >= Committee::quorum(self.fleet.members())
    }

    fn advance_policies(&mut self, now: f64) {
        let changes = self.policies.advance(now, self.has_quorum());
        if !changes.is_empty() {
            for change in &changes {
                self.react(change, now);
            }
            self.refresh_effects(now);
        }
        if now - self.loaded_at >= self.config.reload_every_s && !self.disturbance.stale {
            self.load_policies(now);
        }
    }

    /// What a change of policies does besides its effect: it is the remedy of some faults.
    fn react(&mut self, change: &Change, now: f64) {
        match change {
            Change::InEffect(PolicyKind::Enforcement { rules, .. }) => {
                self.load_policies(now);
                self.treat(FaultKind::StalePolicy);
                if rules.iter().any(|rule| rule.effect == RuleEffect::Revoke) {
                    self.treat(FaultKind::Attack);
                }
            }
            Change::InEffect(PolicyKind::Configuration { .. })
            | Change::Gone(PolicyKind::Configuration { .. }) => {
                self.treat(FaultKind::ConfigurationDrift);
            }
            Change::InEffect(PolicyKind::Rebalance { .. }) => self.treat(FaultKind::HotSpot),
            _ => {}
        }
    }

    fn treat(&mut self, kind: FaultKind) {
        for fault in
            self.faults.iter_mut().filter(|f| f.fault.kind == kind && f.phase == Phase::Live)
        {
            fault.phase = Phase::Treated;
        }
    }

    fn load_policies(&mut self, now: f64) {
        self.loaded_at = now;
        let rules = self.effects.work;
        self.loads.record(0.1 + 0.1 * rules * exponential(&mut self.dice.committee));
    }

    fn refresh_effects(&mut self, now: f64) {
        self.effects = self.policies.effects(self.config.tuning);
        self.throttle = self.effects.throttle.as_ref().and_then(|(rate, node)| {
            // A limit for a node that has gone since limits nothing.
            let number = node.as_deref().map(|name| self.fleet.find(name)).transpose().ok()?;
            let same = |(n, bucket): &&(Option<u32>, Bucket)| {
                *n == number && bucket.rate().total_cmp(rate).is_eq()
            };
            let kept = self.throttle.as_ref().filter(same).map(|(_, bucket)| bucket.clone());
            Some((number, kept.unwrap_or_else(|| Bucket::new(*rate, now))))
        });
        self.overridden_since = match self.effects.overrides {
            0 => None,
            _ => self.overridden_since.or(Some(now)),
        };
    }

    fn advance_faults(&mut self, now: f64) {
        for index in 0..self.faults.len() {
            let fault = &self.faults[index];
            let (phase, due, over) = (fault.phase, now >= fault.start, now >= fault.ends_at());
            match phase {
                Phase::Waiting if due => self.begin_fault(index, now),
                Phase::Live | Phase::Treated if over => self.end_fault(index),
                Phase::Live if self.is_undone(index) => self.faults[index].phase = Phase::Treated,
                _ => {}
            }
        }
    }

    fn begin_fault(&mut self, index: usize, now: f64) {
        self.faults[index].phase = Phase::Live;
        let (kind, intensity) = (self.faults[index].fault.kind, self.faults[index].fault.intensity);
        match kind {
            FaultKind::NodeDown => {
                let victims = self.choose_victims(index, intensity);
                for &number in &victims {
                    self.fleet.crash(number, now, &mut self.departures);
                }
                self.faults[index].victims = victims;
            }
            FaultKind::PolicyMisconfiguration => {
                let id = PolicyId::try_new(MISCONFIGURED).expect("a short plain id");
                let name = self
                    .policies
                    .get(&id)
                    .map_or("Privacy baseline", |held| held.name.as_str())
                    .to_owned();
                let kind = defective_policy(intensity);
                let version = self.policies.force(&id, &name, kind, "release-pipeline", now);
                self.faults[index].defective = version.map(|number| (id, number));
                self.refresh_effects(now);
            }
            FaultKind::StalePolicy => self.loaded_at = now - STALE_AGE_S,
            _ => {}
        }
    }

    /// The node named, or half of all at full strength, at least one; those with the highest numbers.
    fn choose_victims(&self, index: usize, intensity: f64) -> Vec<u32> {
        if let Some(number) = self.faults[index].node {
            return vec![number];
        }
        let up = self.fleet.replicas.iter().filter(|r| r.is_up()).map(|r| r.number);
        let count = (f64::from(self.fleet.size()) * intensity / 2.0).ceil() as usize;
        up.rev().take(count).collect()
    }

    /// Whether what a fault did when it began has been undone since.
    fn is_undone(&self, index: usize) -> bool {
        let fault = &self.faults[index];
        match (&fault.fault.kind, &fault.defective) {
            (FaultKind::NodeDown, _) => !fault.victims.iter().any(|n| self.fleet.is_down(*n)),
            (FaultKind::PolicyMisconfiguration, Some((id, version))) => {
                let held = self.policies.get(id);
                held.map_or(true, |h| h.in_effect().is_none_or(|v| v.number != *version))
            }
            _ => false,
        }
    }

    /// Ends a fault, and what it did when it began.
    pub(crate) fn end_fault(&mut self, index: usize) {
        let now = self.now_s();
        let was = std::mem::replace(&mut self.faults[index].phase, Phase::Over);
        if !matches!(was, Phase::Live | Phase::Treated) {
            return;
        }
        for number in std::mem::take(&mut self.faults[index].victims) {
            self.fleet.revive(number, now, &mut self.departures);
        }
        if was == Phase::Live
            && let Some((id, _)) = self.faults[index].defective.take()
        {
            // Live means that the defective version is the one in effect, so there is something to take back.
            let _gone = self.policies.roll_back(&id, now).ok();
        }
    }

    /// Sets how fast each replica serves, and how clients behave, in this step.
    fn set_pace(&mut self, now: f64) {
        self.disturbance = Disturbance::of(self.faults.iter(), now);
        let pace = self.config.service_rate * self.tuning().speed() / self.effects.work.max(0.01);
        for replica in &mut self.fleet.replicas {
            replica.speed = pace * self.disturbance.speed(replica.number, replica.booted_at, now);
        }
        let (clients, storm) = (&self.config.clients, self.disturbance.storm);
        self.retries.set_manners(if storm > 0.0 {
            Manners {
                attempts_max: clients.attempts_max.max(2 + (10.0 * storm).round() as u8),
                retry_share: clients.retry_share + (1.0 - clients.retry_share) * storm,
                backoff_s: clients.backoff_s.min(0.5),
            }
        } else {
            Manners {
                attempts_max: clients.attempts_max,
                retry_share: clients.retry_share,
                backoff_s: clients.backoff_s,
            }
        });
        self.fleet.prepare_routes(self.effects.strategy, now);
    }

    /// Lets this step's requests in, first attempts and retries in order of time.
    fn receive(&mut self, now: f64, end: f64) {
        let dt = end - now;
        let noise = self.noise.next(self.config.arrivals.noise(), dt, &mut self.dice.arrivals);
        let load = (1.0 + self.disturbance.extra_load) * (1.0 - self.disturbance.missing_load);
        let factor = noise * load;
        let rate = (self.ordinary_rate(now) * factor).clamp(0.0, RATE_MAX);
        let due = self.retries.take_due();
        let count: u32 = due.iter().sum();
        self.counters.retries += u64::from(count);
        let spacing = dt / f64::from(count.max(1));
        let attempts =
            due.iter().enumerate().flat_map(|(a, &n)| std::iter::repeat_n(a as u8, n as usize));
        let mut retries =
            attempts.enumerate().map(|(i, a)| (now + spacing * i as f64, a)).peekable();
        let mut fresh = now + exponential(&mut self.dice.arrivals) / rate;
        loop {
            let (t, attempt) = match retries.peek() {
                Some(&(t, attempt)) if t <= fresh => {
                    retries.next();
                    (t, attempt)
                }
                _ if fresh < end => {
                    let t = fresh;
                    fresh += exponential(&mut self.dice.arrivals) / rate;
                    (t, 1)
                }
                _ => break,
            };
            self.receive_one(t, attempt);
        }
    }

    /// First attempts per second, noise and faults apart.
    fn ordinary_rate(&mut self, now: f64) -> f64 {
        let arrivals = &self.config.arrivals;
        match arrivals.burst_law() {
            Some(law) => self.bursts.rate(&law, now, &mut self.dice.bursts),
            None => arrivals.rate(now),
        }
    }

    fn receive_one(&mut self, t: f64, attempt: u8) {
        self.counters.arrivals += 1;
        let op = self.new_op(t, attempt);
        let (index, ending) = match self.pass_or_route(&op) {
            Ok(index) => return self.fleet.offer(index, op, &mut self.departures),
            Err(found) => found,
        };
        let replica = index.map(|i: usize| self.fleet.replicas[i].number);
        self.departures.push(Departure { op, at: t, ending, replica });
    }

    /// The replica that a request goes to, or how it ends instead, and at which replica.
    fn pass_or_route(&mut self, op: &Op) -> Result<usize, (Option<usize>, Ending)> {
        let t = op.arrived;
        if let Some((None, bucket)) = &mut self.throttle
            && !bucket.admit(t)
        {
            return Err((None, Ending::Shed));
        }
        if self.effects.overrides > 0 {
            return Err((None, Ending::Overridden));
        }
        if self.effects.bypassed[usize::from(op.validation)] {
            return Err((None, Ending::Bypassed));
        }
        let (strategy, skew) = (self.effects.strategy, self.disturbance.skew);
        let rng = &mut self.dice.routing;
        let Some(index) = self.fleet.route(strategy, skew, t, rng, &mut self.departures) else {
            return Err((None, Ending::Unavailable));
        };
        let number = self.fleet.replicas[index].number;
        if let Some((Some(limited), bucket)) = &mut self.throttle
            && *limited == number
            && !bucket.admit(t)
        {
            return Err((Some(index), Ending::Shed));
        }
        Ok(index)
    }

    fn new_op(&mut self, t: f64, attempt: u8) -> Op {
        use rand::Rng;
        let rng = &mut self.dice.work;
        let work = match self.config.service_law {
            ServiceLaw::Exponential => exponential(rng) as f32,
            ServiceLaw::Constant => 1.0,
        };
        let validation = u8::from(rng.random::<f64>() >= VALIDATION_TYPES[0].1);
        Op { arrived: t, work, attempt, validation }
    }

    /// One second of the committee's work, and a look at what is breached.
    fn tick(&mut self, now: f64) {
        let shielded = if self.throttle.is_some() { THROTTLED_ATTACK } else { 1.0 };
        let attack = self.disturbance.attack * shielded;
        let suspended = self.effects.overrides > 0;
        let violations = self.find_violations(if suspended { 0.0 } else { attack });
        let pulse = Pulse {
            violations,
            attack,
            suspended,
            replicas: self.fleet.members(),
            healthy: self.fleet.healthy(),
        };
        self.committee.tick(now, &pulse, &mut self.dice.committee);
        let seen = self.breached(now);
        self.watch.update(seen, now);
    }

    /// Counts this second's violations by policy; answers them by severity.
    fn find_violations(&mut self, attack: f64) -> [u64; 3] {
        let validated = std::mem::take(&mut self.counters.validated) as f64;
        let mut sum = [0; 3];
        for (id, (name, false_share)) in &self.effects.enforcement {
            let attacked = if id.as_str() == "forbidden-metrics" { attack } else { 0.0 };
            let mut found = 0;
            for (rank, severity) in SEVERITIES.into_iter().enumerate() {
                let share =
                    TRUE_SHARE * TRUE_SEVERITIES[rank] + false_share * FALSE_SEVERITIES[rank];
                let from_attack = if severity == ViolationSeverity::Critical {
                    ATTACK_VIOLATIONS * attacked
                } else {
                    0.0
                };
                let n = poisson(&mut self.dice.committee, validated * share + from_attack);
                self.counters.violated(id, name, severity, n);
                sum[rank] += n;
                found += n;
            }
            self.committee.note_policy(id, found);
        }
        sum
    }

    fn breached(&self, now: f64) -> Vec<Seen> {
        let limits = &self.config.thresholds;
        let mut seen = Vec::new();
        let mut above = |kind, component: &str, value: f64, threshold: f64, critical_from: f64| {
            if value > threshold {
                let critical = value >= critical_from;
                let severity =
                    if critical { ViolationSeverity::Critical } else { ViolationSeverity::Warning };
                seen.push(Seen {
                    kind,
                    component: component.to_owned(),
                    severity,
                    value,
                    threshold,
                });
            }
        };
        let latency = limits.validation_latency_s;
        let p99 = self.counters.validation_quantile(0.99);
        above(BreachKind::ValidationLate, "validation", p99, latency, 5.0 * latency);
        let failing = self.counters.failure_rate();
        above(BreachKind::EnforcementFailed, "enforcement", failing, limits.failure_rate, 0.5);
        let attempts = self.committee.attempt_rate();
        above(
            BreachKind::ForbiddenMetric,
            "forbidden-metrics",
            attempts,
            limits.attempts_per_s,
            0.0,
        );
        let open = self.committee.under_investigation() as f64;
        above(
            BreachKind::CommitteeOverloaded,
            "committee",
            open,
            limits.under_investigation,
            f64::INFINITY,
        );
        above(BreachKind::PolicyStale, "policies", now - self.loaded_at, limits.policy_age_s, 0.0);
        let overridden = self.overridden_since.map_or(0.0, |since| now - since);
        above(BreachKind::OverrideStays, "committee", overridden, limits.override_s, 0.0);
        for (id, rate) in self.committee.policy_rates() {
            above(BreachKind::PolicyViolations, id.as_str(), rate, limits.violations_per_s, 0.0);
        }
        seen.extend(self.low_throughput(now));
        seen.extend(self.missing_nodes());
        seen
    }

    /// Fewer served than expected, though at least so many arrive; once a whole window has been seen.
    fn low_throughput(&self, now: f64) -> Option<Seen> {
        let threshold = self.config.thresholds.throughput;
        let value = self.counters.throughput();
        let demand = self.counters.arrival_rate() >= threshold;
        let low = demand && value < threshold && now >= self.config.rate_window_s;
        let severity = if value < threshold / 5.0 {
            ViolationSeverity::Critical
        } else {
            ViolationSeverity::Warning
        };
        let component = "enforcement".to_owned();
        low.then_some(Seen {
            kind: BreachKind::LowThroughput,
            component,
            severity,
            value,
            threshold,
        })
    }

    fn missing_nodes(&self) -> Vec<Seen> {
        let (healthy, members) = (self.fleet.healthy(), self.fleet.members());
        let seen = |kind, component, severity, threshold: u32| Seen {
            kind,
            component,
            severity,
            value: healthy.into(),
            threshold: threshold.into(),
        };
        let down = self.fleet.replicas.iter().filter(|r| self.fleet.is_down(r.number));
        let mut all: Vec<Seen> = down
            .map(|r| {
                seen(
                    BreachKind::NodeDown,
                    Fleet::name(r.number),
                    ViolationSeverity::Warning,
                    members,
                )
            })
            .collect();
        if !self.has_quorum() {
            let quorum = Committee::quorum(members);
            let committee = "committee".to_owned();
            all.push(seen(
                BreachKind::CommitteeQuorum,
                committee,
                ViolationSeverity::Critical,
                quorum,
            ));
        }
        all
    }
}

#[cfg(test)]
mod queueing;
