//! Scenarios that nobody has thought of.

use charter_sim::{Arrivals, FaultKind, PlantConfig, Tuning};
use mapek_model::{Action, ActionKind, Component, Duration};

use super::{
    Objective, Operator, PlannedFault, Right, Scenario, ScenarioKind, a_quarter_of_an_hour,
    three_quarters_of_an_hour,
};
use crate::statistics::SplitMix64;

/// What goes wrong, one after the other. Stale policies and idle capacity are states that take hours, and are left out.
const KINDS: [FaultKind; 9] = [
    FaultKind::Overload,
    FaultKind::ValidationLatency,
    FaultKind::PolicyMisconfiguration,
    FaultKind::ConfigurationDrift,
    FaultKind::NodeDown,
    FaultKind::HotSpot,
    FaultKind::Leak,
    FaultKind::RetryCascade,
    FaultKind::Attack,
];

/// What comes on top, now and then.
const BESIDE: [FaultKind; 3] =
    [FaultKind::Overload, FaultKind::ValidationLatency, FaultKind::PolicyMisconfiguration];

/// What passes before anybody could act.
const PASSING: [FaultKind; 3] =
    [FaultKind::Overload, FaultKind::Overload, FaultKind::ValidationLatency];

impl Scenario {
    /// Scenarios drawn at random, without end: they tell what a loop is worth where nobody has tuned it. The same seed
    /// gives the same ones.
    ///
    /// A system has 4 to 12 replicas that serve 75 to 140 requests a second each; 45 to 78 % of that is in use, steadily
    /// or, one in three, in waves of half an hour to two. Kinds of fault take turns, nine of them, so that each is there as
    /// often; every tenth scenario is a control, a surge or a slow spell of 6 to 25 seconds. A fault comes 2 to 25 minutes
    /// after the warm-up, with a strength between 0.25 and 1 where it has one. One in three comes gradually, three in ten
    /// go away by themselves, and one in seven has another beside it. A weak fault of a large system may show nowhere:
    /// nobody can name it then.
    pub fn at_random(seed: u64) -> impl Iterator<Item = Self> {
        let mut seeds = SplitMix64::new(seed);
        (0..).map(move |number| {
            let mut dice = Dice(SplitMix64::new(seeds.next()));
            let (plant, rate) = dice.plant();
            match KINDS.get(number % (KINDS.len() + 1)) {
                Some(kind) => dice.fault(number, *kind, plant, rate),
                None => dice.control(number, plant),
            }
        })
    }
}

struct Dice(SplitMix64);

impl Dice {
    /// A system, and how many requests a second arrive at it.
    fn plant(&mut self) -> (PlantConfig, f64) {
        let replicas = self.whole(4, 12);
        let service_rate = self.any(&[75.0, 90.0, 100.0, 120.0, 140.0]);
        let rate = (f64::from(replicas) * service_rate * self.between(0.45, 0.78)).round();
        let arrivals = if self.happens(1, 3) {
            Arrivals::Diurnal {
                mean: rate,
                amplitude: self.between(0.05, 0.15),
                period_s: self.any(&[1_800.0, 3_600.0, 7_200.0]),
                peak_at_s: f64::from(self.whole(0, 1_800)),
                noise: self.between(0.0, 0.06),
            }
        } else {
            Arrivals::Constant { rate }
        };
        let replicas_max = 3 * replicas;
        let plant = PlantConfig {
            arrivals,
            replicas,
            replicas_max,
            service_rate,
            ..PlantConfig::default()
        };
        (plant, rate)
    }

    fn fault(&mut self, number: usize, kind: FaultKind, plant: PlantConfig, rate: f64) -> Scenario {
        let mut faults = vec![self.planned(kind, plant.replicas)];
        if self.happens(1, 7) {
            let (kind, intensity) = (self.any(&BESIDE), self.between(0.3, 0.8));
            faults.push(PlannedFault { intensity, ..self.sudden(kind) });
        }
        let right = right(&faults, plant.replicas, rate);
        scenario(number, ScenarioKind::Fault, plant, faults, right)
    }

    fn control(&mut self, number: usize, plant: PlantConfig) -> Scenario {
        let kind = self.any(&PASSING);
        let fault = PlannedFault {
            duration: Some(self.seconds(6, 25)),
            intensity: self.between(0.4, 0.9),
            ..self.sudden(kind)
        };
        scenario(number, ScenarioKind::Control, plant, vec![fault], Right::default())
    }

    /// A fault in all its ways to come and go.
    fn planned(&mut self, kind: FaultKind, replicas: u32) -> PlannedFault {
        let mut fault = self.sudden(kind);
        if !matches!(kind, FaultKind::NodeDown | FaultKind::Leak) {
            fault.intensity = self.between(0.25, 1.0);
        }
        if kind == FaultKind::Leak {
            fault.ramp = self.seconds(240, 1_200);
        } else if kind != FaultKind::NodeDown && self.happens(1, 3) {
            fault.ramp = self.seconds(30, 300);
        }
        if self.happens(3, 10) {
            fault.duration = Some(self.seconds(300, 1_500).max(fault.ramp));
        }
        if matches!(kind, FaultKind::HotSpot | FaultKind::NodeDown | FaultKind::Leak) {
            fault.node = Some(format!("validator-{}", self.whole(0, replicas - 1)));
        }
        fault
    }

    /// A fault at full strength from one moment on.
    fn sudden(&mut self, kind: FaultKind) -> PlannedFault {
        PlannedFault {
            kind,
            at: self.seconds(120, 1_500),
            ramp: Duration::ZERO,
            duration: None,
            intensity: 1.0,
            node: None,
            again: None,
        }
    }

    fn happens(&mut self, times: usize, of: usize) -> bool {
        self.0.below(of) < times
    }

    fn any<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.0.below(these.len())]
    }

    /// Both ends may come.
    fn whole(&mut self, least: u32, most: u32) -> u32 {
        least + self.0.below((most - least + 1) as usize) as u32
    }

    fn seconds(&mut self, least: u32, most: u32) -> Duration {
        Duration::from_secs(u64::from(self.whole(least, most)))
    }

    /// In hundredths: what is read in a file is short.
    fn between(&mut self, least: f64, most: f64) -> f64 {
        let hundredths = self.whole((100.0 * least).round() as u32, (100.0 * most).round() as u32);
        f64::from(hundredths) / 100.0
    }
}

/// What somebody who knows all of the faults accepts, and does.
fn right(faults: &[PlannedFault], replicas: u32, rate: f64) -> Right {
    let (mut acceptable, mut remedy) = (Vec::new(), Vec::new());
    // Too many requests and slow replicas ask for more replicas, and both together for the product of it.
    let mut times = 1.0;
    for fault in faults {
        let (kinds, known) = known(fault, rate);
        acceptable.extend_from_slice(kinds);
        match known {
            Known::Times(more) => times *= more,
            Known::Done(action) if remedy.contains(&action) => {}
            Known::Done(action) => remedy.push(action),
        }
    }
    if times > 1.0 {
        let wanted = (f64::from(replicas) * times).ceil() as u32 + 1;
        remedy.push(Action::ScaleUp { replicas: wanted.min(3 * replicas) });
    }
    acceptable.sort();
    acceptable.dedup();
    Right { causes: Vec::new(), acceptable, remedies: vec![remedy] }
}

/// What heals a fault.
enum Known {
    /// So many times as many replicas.
    Times(f64),
    Done(Action),
}

fn known(fault: &PlannedFault, rate: f64) -> (&'static [ActionKind], Known) {
    use ActionKind::{
        ActivateEmergencyOverride, ApplyPolicy, RebalanceLoad, RestartService, RollbackPolicy,
        ScaleUp, ThrottleRequests, UpdateConfiguration,
    };
    let throttled = |share: f64| Action::ThrottleRequests { rate_limit: share * rate, node: None };
    let restarted = || Action::RestartService {
        graceful: true,
        timeout: Duration::from_secs(10),
        node: fault.node.as_deref().and_then(|node| Component::try_new(node).ok()),
    };
    match fault.kind {
        // As many times as arrive at full strength: 2.2.
        FaultKind::Overload => (
            &[ScaleUp, RebalanceLoad, UpdateConfiguration, ThrottleRequests],
            Known::Times(1.0 + 1.2 * fault.intensity),
        ),
        // At full strength 35 % of the rate are left.
        FaultKind::ValidationLatency => (
            &[ScaleUp, UpdateConfiguration, RebalanceLoad],
            Known::Times(1.0 / (1.0 - 0.65 * fault.intensity)),
        ),
        FaultKind::PolicyMisconfiguration => {
            let (policy, from_version) = ("privacy-baseline".to_owned(), "2".to_owned());
            let rolled_back = Action::RollbackPolicy { policy, from_version };
            (&[RollbackPolicy, ApplyPolicy], Known::Done(rolled_back))
        }
        FaultKind::ConfigurationDrift => {
            let Tuning { batch_size, parallelism, timeout_s } = Tuning::default();
            let configured = Action::UpdateConfiguration {
                batch_size: Some(batch_size),
                timeout: Some(Duration::from_secs_f64(timeout_s)),
                parallelism: Some(parallelism),
            };
            (&[UpdateConfiguration], Known::Done(configured))
        }
        FaultKind::NodeDown => (&[RestartService, ScaleUp], Known::Done(restarted())),
        FaultKind::HotSpot => {
            let rebalanced = Action::RebalanceLoad { strategy: "least_loaded".to_owned() };
            (&[RebalanceLoad], Known::Done(rebalanced))
        }
        FaultKind::RetryCascade => {
            (&[ThrottleRequests, ActivateEmergencyOverride, ScaleUp], Known::Done(throttled(0.7)))
        }
        FaultKind::Attack => (&[ThrottleRequests, ApplyPolicy], Known::Done(throttled(0.8))),
        // A leak: nothing else is drawn.
        _ => (&[RestartService, RebalanceLoad], Known::Done(restarted())),
    }
}

fn scenario(
    number: usize,
    kind: ScenarioKind,
    plant: PlantConfig,
    faults: Vec<PlannedFault>,
    right: Right,
) -> Scenario {
    let (word, description) = match kind {
        ScenarioKind::Control => ("passing-", "Drawn at random: something passes by itself."),
        ScenarioKind::Fault | ScenarioKind::Escalate => {
            ("", "Drawn at random: something goes wrong.")
        }
    };
    let cause = faults.first().map_or("nothing", |fault| fault.kind.cause());
    let more = if faults.len() > 1 { "-and-more" } else { "" };
    Scenario {
        name: format!("random-{:03}-{word}{cause}{more}", number + 1),
        description: description.to_owned(),
        kind,
        warm_up: a_quarter_of_an_hour(),
        horizon: three_quarters_of_an_hour(),
        plant,
        faults,
        changes: Vec::new(),
        api_faults: Vec::new(),
        sensor_faults: Vec::new(),
        right,
        objective: Objective::default(),
        operator: Operator::default(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_make_sense_and_no_two_are_called_the_same() {
        let mut names = BTreeSet::new();
        let mut hit = BTreeSet::new();
        for seed in 0..20 {
            names.clear();
            for one in Scenario::at_random(seed)
                .take(200)
                .chain(Scenario::at_random(seed).skip(12_000).take(10))
            {
                assert_eq!(one.flaws(), [], "{one:?}");
                hit.extend(one.faults.iter().map(|it| it.kind.cause()));
                assert!(names.insert(one.name.clone()), "{}", one.name);
            }
        }
        assert_eq!(hit.len(), KINDS.len());
    }

    #[test]
    fn the_same_seed_gives_the_same_and_another_gives_others() {
        let some = |seed| Scenario::at_random(seed).take(30).collect::<Vec<_>>();
        assert_eq!(some(7), some(7));
        let (seven, eight) = (some(7), some(8));
        assert!(seven.iter().zip(&eight).all(|(one, other)| one.plant != other.plant));
    }

    #[test]
    fn what_a_file_would_hold_is_what_was_drawn() {
        for one in Scenario::at_random(3).take(30) {
            let text = serde_json::to_string(&one).unwrap();
            assert_eq!(serde_json::from_str::<Scenario>(&text).unwrap(), one);
        }
    }

    #[test]
    fn two_faults_that_ask_for_replicas_ask_for_their_product() {
        let fault = |kind, intensity| {
            let mut dice = Dice(SplitMix64::new(1));
            PlannedFault { intensity, ..dice.sudden(kind) }
        };
        let faults =
            [fault(FaultKind::Overload, 0.5), fault(FaultKind::ValidationLatency, 8.0 / 13.0)];
        let both = right(&faults, 10, 500.0);
        // 1.6 times the requests, and three fifths of the rate: 2.67 times as many, and one more.
        assert_eq!(both.remedies, [[Action::ScaleUp { replicas: 28 }]]);
        assert_eq!(right(&faults[..1], 10, 500.0).remedies, [[Action::ScaleUp { replicas: 17 }]]);
    }

    #[test]
    fn every_tenth_passes_by_itself() {
        let some: Vec<_> = Scenario::at_random(1).take(50).collect();
        let passing = |it: &&Scenario| it.kind == ScenarioKind::Control;
        assert_eq!(some.iter().filter(passing).count(), 5);
        assert!(some.iter().filter(passing).all(|it| it.right == Right::default()));
    }
}
