//! Worse evidence never lets more happen, and budgets are never exceeded, whatever happens.

use super::*;
use crate::testing::cases;

/// Most that a plan explains, however often it is repeated: repetitions multiply.
const EXPLAINS_MAX: usize = 1_000;

/// How evidence gets worse, or a plan claims more than there is.
#[derive(Debug, Clone)]
enum Worse {
    /// Something becomes doubtful.
    Doubt(DoubtKind),
    /// A witness of this episode is not confirmed any more.
    Unconfirm(usize),
    /// A witness of this episode falls silent.
    Silence(usize),
    /// This episode is not seen any more.
    Close(usize),
    /// All witnesses look at the same thing.
    OneFamily,
    /// So many more sensors are bad.
    BadSensors(u32),
    /// The plan names what it explains so often.
    Repeated(usize),
    /// The plan explains nothing.
    ExplainsNothing,
}

fn worse() -> impl Strategy<Value = Worse> {
    use DoubtKind as D;
    let kinds = [
        D::Warning,
        D::NonFinite,
        D::StaleSample,
        D::MissingSeries,
        D::TargetDown,
        D::Reset,
        D::Unreachable,
        D::Unconfirmed,
        D::Truncated,
    ];
    prop_oneof![
        prop::sample::select(kinds.to_vec()).prop_map(Worse::Doubt),
        (0..2_usize).prop_map(Worse::Unconfirm),
        (0..2_usize).prop_map(Worse::Silence),
        (0..2_usize).prop_map(Worse::Close),
        Just(Worse::OneFamily),
        (1..9_u32).prop_map(Worse::BadSensors),
        prop::sample::select(vec![2, 3, 500]).prop_map(Worse::Repeated),
        Just(Worse::ExplainsNothing),
    ]
}

impl Worse {
    fn make(&self, plan: &mut Plan, observation: &mut Observation) {
        let change = |observation: &mut Observation, at: usize, silent: bool| {
            let Some(episode) = observation.open.get_mut(at) else { return };
            let mut witnesses = std::mem::take(&mut episode.witnesses);
            if let Some(witness) = witnesses.pop_first().filter(|_| !silent) {
                witnesses.insert(Witness { confirmed: false, ..witness });
            }
            episode.witnesses = witnesses;
        };
        match self {
            Self::Doubt(kind) => {
                let source = SourceName::try_new("prometheus").unwrap();
                let quality = observation.quality.entry(source).or_default();
                quality.merge(Quality::fresh().with(*kind, "x", "worse"));
            }
            Self::Unconfirm(at) => change(observation, *at, false),
            Self::Silence(at) => change(observation, *at, true),
            Self::Close(at) => {
                if *at < observation.open.len() {
                    observation.open.remove(*at);
                }
            }
            Self::OneFamily => {
                for episode in &mut observation.open {
                    let witnesses = std::mem::take(&mut episode.witnesses);
                    let blurred = |witness| Witness { family: None, ..witness };
                    episode.witnesses = witnesses.into_iter().map(blurred).collect();
                }
            }
            Self::BadSensors(more) => {
                let sensors = &mut observation.sensors;
                sensors.bad = (sensors.bad + more).min(sensors.total);
            }
            Self::Repeated(times) => {
                let all = plan.explains.clone();
                let repeated = std::iter::repeat_n(all, *times).flatten();
                plan.explains = repeated.take(EXPLAINS_MAX).collect();
            }
            Self::ExplainsNothing => plan.explains.clear(),
        }
    }
}

fn freedom(decision: &Decision) -> u8 {
    match decision {
        Decision::Run => 2,
        Decision::AwaitApproval { .. } => 1,
        _ => 0,
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn worse_evidence_never_lets_more_happen(
        places in prop::collection::vec(0..4_u8, 1..4),
        sensors in 0..9_u32,
        profile in prop::sample::select(vec![Profile::Observe, Profile::Shipped, Profile::Auto]),
        before in prop::collection::vec(worse(), 0..2),
        after in prop::collection::vec(worse(), 1..5),
    ) {
        let actions: Vec<_> = places
            .iter()
            .map(|place| match place {
                0 | 1 => low_risk(),
                2 => node("node-1"),
                _ => Action::ThrottleRequests { rate_limit: 9.0, node: None },
            })
            .collect();
        let (mut plan, mut observation) = scene(&actions);
        observation.sensors = SensorCensus { total: sensors, bad: 0 };
        before.iter().for_each(|worse| worse.make(&mut plan, &mut observation));
        let mut ask = Ask::new();
        ask.config.autonomy.profile = profile;
        let mut free = freedom(&ask.decide(&plan, &observation));
        for worse in &after {
            worse.make(&mut plan, &mut observation);
            let decision = ask.decide(&plan, &observation);
            prop_assert!(freedom(&decision) <= free, "{worse:?} made it {decision}");
            free = freedom(&decision);
        }
    }

    /// Whatever is asked for when: what may begin stays within what was agreed.
    #[test]
    fn budgets_are_never_exceeded(
        asked in prop::collection::vec((0..1_500_u64, 0..3_usize, 0..3_usize), 1..24),
        (plans, actions, one) in (0..7_u32, 0..5_u32, prop::option::of(0..3_u32)),
        cooldown in 0..600_u64,
    ) {
        let kinds = [low_risk(), Action::ScaleDown { replicas: 5 }, node("node-1")];
        let mut ask = Ask::new();
        ask.config.blast_radius.nodes = None;
        ask.config.blast_radius.percent = None;
        let budget = &mut ask.config.budget;
        (budget.plans_per_hour, budget.actions_per_hour) = (plans, actions);
        budget.cooldown = seconds(cooldown);
        budget.kinds.extend(one.map(|limit| (ActionKind::ScaleUp, limit)));
        let of_kind = |kind: usize| if kind == 0 { one.unwrap_or(actions) } else { actions };

        let mut at = now();
        let mut begun: Vec<(Timestamp, BTreeSet<usize>, Execution)> = Vec::new();
        for (n, (gap, first, second)) in asked.into_iter().enumerate() {
            at = later(at, seconds(gap));
            let steps = BTreeSet::from([first, second]);
            let actions: Vec<_> = steps.iter().map(|kind| kinds[*kind].clone()).collect();
            let (mut plan, observation) = scene(&actions);
            plan.expires = later(at, seconds(60));
            let others = begun.iter().map(|(_, _, execution)| execution).collect();
            let ask = Ask { others, config: ask.config.clone(), ..Ask::new() };
            if ask.decide_at(&plan, &observation, at) == Decision::Run {
                let all = executed(n as u128, &actions, at);
                begun.push((at, steps, end(all, Verdict::Success)));
            }
        }
        for (i, (at, steps, _)) in begun.iter().enumerate() {
            let hour: Vec<_> =
                begun[..=i].iter().filter(|(then, ..)| *then > earlier(*at, seconds(3600))).collect();
            prop_assert!(hour.len() <= plans as usize, "{} plans in an hour", hour.len());
            for kind in steps {
                let same: Vec<_> = hour.iter().filter(|(_, steps, _)| steps.contains(kind)).collect();
                prop_assert!(same.len() <= of_kind(*kind) as usize, "{} of a kind", same.len());
                let mut before = begun[..i].iter().filter(|(_, steps, _)| steps.contains(kind));
                if let Some((then, ..)) = before.next_back() {
                    prop_assert!(mapek_model::since(*at, *then) >= seconds(cooldown));
                }
            }
        }
    }
}
