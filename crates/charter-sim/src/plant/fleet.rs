//! The replicas together: routing, scaling, restarts.

use std::collections::{BTreeSet, VecDeque};

use charter_client::RebalanceStrategy;
use rand::Rng;

use super::config::PlantConfig;
use super::replica::{Condition, Departure, Replica};

/// When the processes of the start began: long before anything that can go wrong with them.
const LONG_AGO: f64 = -1e9;

/// Why the fleet does not do as told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FleetRefusal {
    #[error("replicas must be within {min} and {max}")]
    OutOfRange { min: u32, max: u32 },
    #[error("no node `{0}`")]
    NoSuchNode(String),
    #[error("a restart of it is under way")]
    Busy,
}

/// One node, for those who ask.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeReport {
    pub(crate) name: String,
    pub(crate) healthy: bool,
    pub(crate) restarting: bool,
    /// Requests sent over requests that it can serve.
    pub(crate) load: f64,
}

#[derive(Debug, Clone)]
pub(crate) struct Fleet {
    pub(crate) replicas: Vec<Replica>,
    pub(crate) target: u32,
    queue_limit: usize,
    bounds: (u32, u32),
    times: Times,
    /// Replicas whose graceful restart is still to come, each with the time that its drain may take.
    rolling: VecDeque<(u32, f64)>,
    /// Whether the restart under way is one of the whole committee.
    whole: bool,
    /// Indices of the replicas that get requests in this step, with cumulative weights.
    routes: Vec<(usize, f64)>,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    warm_up_s: f64,
    boot_s: f64,
    detection_s: f64,
}

impl Fleet {
    pub(crate) fn new(config: &PlantConfig) -> Self {
        let replicas =
            (0..config.replicas).map(|n| Replica::new(n, Condition::Up, LONG_AGO)).collect();
        Self {
            replicas,
            target: config.replicas,
            queue_limit: config.queue_limit,
            bounds: (config.replicas_min, config.replicas_max),
            times: Times {
                warm_up_s: config.warm_up_s,
                boot_s: config.boot_s,
                detection_s: config.detection_s,
            },
            rolling: VecDeque::new(),
            whole: false,
            routes: Vec::new(),
        }
    }

    /// The name of a node, as metrics label it.
    pub(crate) fn name(number: u32) -> String {
        format!("validator-{number}")
    }

    /// The number of an existing node.
    pub(crate) fn find(&self, name: &str) -> Result<u32, FleetRefusal> {
        let found = self.replicas.iter().find(|r| Self::name(r.number) == name);
        found.map(|r| r.number).ok_or_else(|| FleetRefusal::NoSuchNode(name.to_owned()))
    }

    pub(crate) fn check_size(&self, replicas: u32) -> Result<(), FleetRefusal> {
        let (min, max) = self.bounds;
        if (min..=max).contains(&replicas) {
            Ok(())
        } else {
            Err(FleetRefusal::OutOfRange { min, max })
        }
    }

    /// Whether a scale would be accepted now.
    pub(crate) fn check_scale(&self, replicas: u32) -> Result<(), FleetRefusal> {
        self.check_size(replicas)?;
        if self.whole && self.is_restarting() { Err(FleetRefusal::Busy) } else { Ok(()) }
    }

    /// Which nodes a restart would take, if it would be accepted now.
    pub(crate) fn check_restart(&self, node: Option<&str>) -> Result<Vec<u32>, FleetRefusal> {
        let Some(name) = node else {
            let numbers = self.staying().map(|r| r.number).collect();
            return if self.is_restarting() { Err(FleetRefusal::Busy) } else { Ok(numbers) };
        };
        let number = self.find(name)?;
        let waits = self.rolling.iter().any(|(n, _)| *n == number);
        let busy = waits || self.replicas.iter().any(|r| r.number == number && is_restarting(r));
        if busy { Err(FleetRefusal::Busy) } else { Ok(vec![number]) }
    }

    pub(crate) const fn bounds(&self) -> (u32, u32) {
        self.bounds
    }

    /// Sets how many replicas there shall be; true if that changes anything.
    pub(crate) fn scale(&mut self, replicas: u32, now: f64) -> Result<bool, FleetRefusal> {
        self.check_scale(replicas)?;
        let changed = self.target != replicas;
        self.target = replicas;
        self.keep_those_leaving();
        self.add_missing(now);
        self.drain_surplus();
        Ok(changed)
    }

    /// Restarts one node or all. Graceful: one after the other, each finishing what it holds. `timeout_s` is what the
    /// whole restart may spend on that. Answers the nodes in their order.
    pub(crate) fn restart(
        &mut self,
        node: Option<&str>,
        graceful: bool,
        timeout_s: f64,
        now: f64,
        out: &mut Vec<Departure>,
    ) -> Result<Vec<String>, FleetRefusal> {
        let numbers = self.check_restart(node)?;
        self.whole = node.is_none() || (self.whole && self.is_restarting());
        if graceful {
            let drain_s = timeout_s / numbers.len().max(1) as f64;
            self.rolling.extend(numbers.iter().map(|&n| (n, drain_s)));
        } else {
            for &number in &numbers {
                self.boot(number, now, out);
            }
        }
        Ok(numbers.into_iter().map(Self::name).collect())
    }

    /// Takes a replica down at once; what it held is lost.
    pub(crate) fn crash(&mut self, number: u32, now: f64, out: &mut Vec<Departure>) {
        if let Some(replica) = self.get_mut(number) {
            replica.lose_queue(now, out);
            replica.condition = Condition::Crashed { since: now };
        }
    }

    /// Boots a replica that is down.
    pub(crate) fn revive(&mut self, number: u32, now: f64, out: &mut Vec<Departure>) {
        if self.get_mut(number).is_some_and(|r| matches!(r.condition, Condition::Crashed { .. })) {
            self.boot(number, now, out);
        }
    }

    /// Moves every replica along its life to `now`, and the rolling restart to its next node.
    pub(crate) fn advance(&mut self, now: f64, out: &mut Vec<Departure>) {
        let mut drained = Vec::new();
        for replica in &mut self.replicas {
            match replica.condition {
                Condition::Warming { until } | Condition::Booting { until } if now >= until => {
                    replica.condition = Condition::Up;
                    replica.booted_at = now;
                    replica.worked = 0.0;
                }
                Condition::Draining { until, leaves } if replica.is_idle(now) || now >= until => {
                    replica.lose_queue(now, out);
                    drained.push((replica.number, leaves));
                }
                _ => {}
            }
        }
        for (number, leaves) in drained {
            if leaves {
                self.replicas.retain(|r| r.number != number)
            } else {
                self.boot(number, now, out)
            }
        }
        self.roll_on(now, out);
    }

    /// Prepares routing for the step that begins at `now`.
    pub(crate) fn prepare_routes(&mut self, strategy: RebalanceStrategy, now: f64) {
        let detection_s = self.times.detection_s;
        let mut sum = 0.0;
        let routes = self.replicas.iter().enumerate().filter_map(|(index, replica)| {
            match replica.condition {
                Condition::Up => {}
                Condition::Crashed { since } if now < since + detection_s => {}
                _ => return None,
            }
            sum += match strategy {
                RebalanceStrategy::Weighted => replica.speed.max(f64::MIN_POSITIVE),
                RebalanceStrategy::RoundRobin | RebalanceStrategy::LeastLoaded => 1.0,
            };
            Some((index, sum))
        });
        self.routes = routes.collect();
    }

    /// The index of the replica for a request that arrives at `t`. Equal shares are drawn at random, as they come from
    /// several balancers that do not know of each other: a Poisson stream stays one.
    pub(crate) fn route(
        &mut self,
        strategy: RebalanceStrategy,
        skew: Option<(u32, f64)>,
        t: f64,
        rng: &mut impl Rng,
        out: &mut Vec<Departure>,
    ) -> Option<usize> {
        let draw = rng.random::<f64>();
        let (_, total) = *self.routes.last()?;
        let mut share = draw;
        if let Some((number, hot)) = skew
            && let Some(&(index, _)) =
                self.routes.iter().find(|(i, _)| self.replicas[*i].number == number)
        {
            if draw < hot {
                return Some(index);
            }
            share = (draw - hot) / (1.0 - hot);
        }
        if strategy == RebalanceStrategy::LeastLoaded {
            return self.shortest_queue(share, t, out);
        }
        let at = self.routes.partition_point(|(_, cumulative)| *cumulative <= share * total);
        Some(self.routes[at.min(self.routes.len() - 1)].0)
    }

    /// Hands a request to a replica, which first catches up with the time.
    pub(crate) fn offer(&mut self, index: usize, op: super::replica::Op, out: &mut Vec<Departure>) {
        let replica = &mut self.replicas[index];
        replica.serve_until(op.arrived, out);
        replica.offer(op, self.queue_limit, out);
    }

    /// Serves all queues until the end of the step.
    pub(crate) fn finish_step(&mut self, end: f64, dt: f64, out: &mut Vec<Departure>) {
        for replica in &mut self.replicas {
            replica.serve_until(end, out);
            replica.close_step(dt);
        }
    }

    pub(crate) fn queued(&self) -> u64 {
        self.replicas.iter().map(|r| r.queued() as u64).sum()
    }

    /// Replicas that are there to stay, up or not, those that warm up among them.
    pub(crate) fn size(&self) -> u32 {
        self.staying().count() as u32
    }

    pub(crate) fn healthy(&self) -> u32 {
        self.staying().filter(|r| r.is_up()).count() as u32
    }

    /// Whether a restart is under way, or still has nodes to come to.
    pub(crate) fn is_restarting(&self) -> bool {
        !self.rolling.is_empty() || self.replicas.iter().any(is_restarting)
    }

    /// Whether replicas are on their way to being healthy by themselves.
    pub(crate) fn is_recovering(&self) -> bool {
        self.is_restarting()
            || self.replicas.iter().any(|r| matches!(r.condition, Condition::Warming { .. }))
    }

    /// Requests sent to nodes that are up, over what they can serve.
    pub(crate) fn load(&self) -> f64 {
        let up = self.replicas.iter().filter(|it| it.is_up());
        let (sent, speed) =
            up.fold((0.0, 0.0), |(sent, speed), it| (sent + it.offered_rate, speed + it.speed));
        if speed > 0.0 { sent / speed } else { 0.0 }
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeReport> {
        self.staying().filter(|r| has_joined(r)).map(|r| NodeReport {
            name: Self::name(r.number),
            healthy: r.is_up(),
            restarting: is_restarting(r),
            load: if r.speed > 0.0 { r.offered_rate / r.speed } else { 0.0 },
        })
    }

    /// Replicas whose process runs, and so can show anything.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &Replica> {
        let runs = |it: &&Replica| {
            matches!(
                it.condition,
                Condition::Up | Condition::Warming { .. } | Condition::Draining { .. }
            )
        };
        self.replicas.iter().filter(runs)
    }

    /// Replicas that have joined: those that warm up have not.
    pub(crate) fn members(&self) -> u32 {
        self.staying().filter(|r| has_joined(r)).count() as u32
    }

    /// Whether a node is down and will stay so by itself.
    pub(crate) fn is_down(&self, number: u32) -> bool {
        let crashed = |r: &&Replica| matches!(r.condition, Condition::Crashed { .. });
        self.staying().filter(crashed).any(|r| r.number == number)
    }

    fn staying(&self) -> impl Iterator<Item = &Replica> {
        self.replicas.iter().filter(|r| !is_leaving(r))
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut Replica> {
        self.replicas.iter_mut().find(|r| r.number == number)
    }

    fn boot(&mut self, number: u32, now: f64, out: &mut Vec<Departure>) {
        let until = now + self.times.boot_s;
        if let Some(replica) = self.get_mut(number) {
            replica.lose_queue(now, out);
            replica.condition = Condition::Booting { until };
        }
    }

    fn roll_on(&mut self, now: f64, out: &mut Vec<Departure>) {
        if self.replicas.iter().any(is_restarting) {
            return;
        }
        let Some((number, drain_s)) = self.rolling.pop_front() else { return };
        let until = now + drain_s;
        let Some(replica) = self.get_mut(number) else { return };
        if replica.is_up() {
            replica.condition = Condition::Draining { until, leaves: false };
        } else if !is_leaving(replica) {
            self.boot(number, now, out);
        }
    }

    fn keep_those_leaving(&mut self) {
        let mut wanted = self.target.saturating_sub(self.size());
        for replica in &mut self.replicas {
            if wanted > 0 && is_leaving(replica) {
                replica.condition = Condition::Up;
                wanted -= 1;
            }
        }
    }

    fn add_missing(&mut self, now: f64) {
        let until = now + self.times.warm_up_s;
        for _ in self.size()..self.target {
            let taken: BTreeSet<u32> = self.replicas.iter().map(|r| r.number).collect();
            let number =
                (0..).find(|n| !taken.contains(n)).expect("numbers never run out below the limit");
            self.replicas.push(Replica::new(number, Condition::Warming { until }, now));
        }
        self.replicas.sort_by_key(|r| r.number);
    }

    /// Those with the highest numbers go, after they have served what they hold.
    fn drain_surplus(&mut self) {
        let mut surplus = self.size().saturating_sub(self.target);
        for replica in self.replicas.iter_mut().rev() {
            if surplus > 0 && !is_leaving(replica) {
                // A replica that does not serve has nothing to finish.
                let until = if replica.is_up() { f64::INFINITY } else { 0.0 };
                replica.condition = Condition::Draining { until, leaves: true };
                surplus -= 1;
            }
        }
    }

    /// The replica that holds the fewest, those in work included: one that is idle comes before one that is busy.
    /// Of several that are as short, the first from `share` on: if it were always the same, it would get all that is refused.
    fn shortest_queue(&mut self, share: f64, t: f64, out: &mut Vec<Departure>) -> Option<usize> {
        for (index, _) in &self.routes {
            self.replicas[*index].serve_until(t, out);
        }
        let begin = ((share * self.routes.len() as f64) as usize).min(self.routes.len());
        let (before, from) = self.routes.split_at(begin);
        let routes = from.iter().chain(before).map(|(index, _)| *index);
        routes.min_by_key(|index| self.replicas[*index].held(t))
    }
}

fn is_leaving(replica: &Replica) -> bool {
    matches!(replica.condition, Condition::Draining { leaves: true, .. })
}

fn has_joined(replica: &Replica) -> bool {
    !matches!(replica.condition, Condition::Warming { .. })
}

fn is_restarting(replica: &Replica) -> bool {
    matches!(
        replica.condition,
        Condition::Booting { .. } | Condition::Draining { leaves: false, .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet() -> Fleet {
        Fleet::new(&PlantConfig::default())
    }

    #[test]
    fn scaling_up_takes_time_and_down_gives_the_last_ones_back() {
        let (mut fleet, mut out) = (fleet(), Vec::new());
        assert!(fleet.scale(9, 0.0).unwrap());
        assert!(!fleet.scale(9, 1.0).unwrap());
        assert_eq!((fleet.size(), fleet.healthy()), (9, 6));
        fleet.advance(20.0, &mut out);
        assert_eq!(fleet.healthy(), 9);
        fleet.scale(2, 21.0).unwrap();
        fleet.advance(22.0, &mut out);
        let names: Vec<String> = fleet.nodes().map(|n| n.name).collect();
        assert_eq!(names, ["validator-0", "validator-1"]);
        assert_eq!(fleet.replicas.len(), 2);
    }

    #[test]
    fn sizes_out_of_range_change_nothing() {
        let mut fleet = fleet();
        for size in [0, 21, u32::MAX] {
            assert_eq!(fleet.scale(size, 0.0), Err(FleetRefusal::OutOfRange { min: 1, max: 20 }));
        }
        assert_eq!(fleet.target, 6);
    }

    #[test]
    fn a_graceful_restart_takes_one_node_after_the_other() {
        let (mut fleet, mut out) = (fleet(), Vec::new());
        let nodes = fleet.restart(None, true, 30.0, 0.0, &mut out).unwrap();
        assert_eq!(nodes.len(), 6);
        let (mut t, mut least) = (0.0, 6);
        while fleet.is_restarting() && t < 120.0 {
            fleet.advance(t, &mut out);
            least = least.min(fleet.healthy());
            t += 0.25;
        }
        assert_eq!(least, 5);
        assert!((30.0..=45.0).contains(&t), "took {t} s");
        assert_eq!(fleet.healthy(), 6);
    }

    #[test]
    fn a_second_restart_waits_its_turn_and_an_unknown_node_is_named() {
        let (mut fleet, mut out) = (fleet(), Vec::new());
        fleet.restart(Some("validator-2"), false, 0.0, 0.0, &mut out).unwrap();
        assert_eq!(fleet.restart(None, true, 30.0, 0.0, &mut out), Err(FleetRefusal::Busy));
        let unknown = fleet.restart(Some("validator-77"), true, 30.0, 0.0, &mut out);
        assert_eq!(unknown, Err(FleetRefusal::NoSuchNode("validator-77".to_owned())));
    }
}
