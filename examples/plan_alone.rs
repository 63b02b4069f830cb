//! Plan alone: a diagnosis in, ranked plans out. What was learned changes the ranking.
//!
//! `cargo run -p mapek-examples --example plan_alone`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{collections::BTreeMap, error::Error};

use mapek_model::{
    ActionKind, Cause, Confidence, Diagnosis, Duration, Experience, Observation, Plan, PlanId,
    PlanSignature, RankedCause, Resource, Risk, Tally, TargetId, Timestamp,
};
use mapek_plan::{Catalogue, Config, Rebalance, Remedy, ScaleUp};

/// What Monitor would have seen: a cluster of four replicas.
fn observation() -> Observation {
    let cluster = Resource {
        kind: "cluster".to_owned(),
        id: "main".to_owned(),
        status: "running".to_owned(),
        generation: None,
        changed: None,
        attributes: BTreeMap::from([("replicas".to_owned(), 4.into())]),
    };
    let seen = Observation::empty(TargetId::default(), Timestamp::UNIX_EPOCH);
    Observation { resources: vec![cluster], ..seen }
}

/// What Analyze would have made of it.
fn diagnosis() -> Result<Diagnosis, Box<dyn Error>> {
    let hot_spot = RankedCause {
        cause: Cause { kind: "hot-spot".parse()?, component: None, metric: None },
        confidence: Confidence::try_new(0.9)?,
        explains: Vec::new(),
        since: Timestamp::UNIX_EPOCH,
        symptoms: Vec::new(),
        persisted_cycles: 2,
        reasons: vec!["one node draws half of all requests".to_owned()],
    };
    Ok(Diagnosis {
        id: "00000000-0000-0000-0000-000000000001".parse()?,
        target: TargetId::default(),
        at: Timestamp::UNIX_EPOCH,
        findings: Vec::new(),
        causes: vec![hot_spot],
        unexplained: Vec::new(),
        risk: Some(Risk::Medium),
        recommendations: Vec::new(),
    })
}

fn show(title: &str, plans: &[Plan]) {
    println!("{title}");
    for plan in plans {
        println!("  {:.3}  {}", plan.score.get(), plan.rationale);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // Remedies are data. Their builders read the inventory and never guess: without a cluster there is no plan.
    let pool = || "cluster".to_owned();
    let more = Remedy::new("more", "more replicas share the load")
        .then(ScaleUp { pool: pool(), replicas_max: 10 }, Duration::ZERO);
    let spread = Remedy::new("spread", "one node draws too much")
        .then(Rebalance { pool: pool(), strategy: "least_loaded".to_owned() }, Duration::ZERO);
    let catalogue =
        Catalogue::new().with("hot-spot".parse()?, more).with("hot-spot".parse()?, spread);
    // This diagnosis was made by hand and explains no violations, so planning must not wait for three of them.
    let planner = Config { min_violations: 0, ..Config::default() }.build(catalogue)?;
    let (diagnosis, observation) = (diagnosis()?, observation());
    let mut ids = (1_u8..).map(|n| format!("00000000-0000-0000-0000-{n:012}").parse::<PlanId>());
    let mut next = || ids.next().and_then(Result::ok).expect("twelve digits at the end of a UUID");

    // Nothing was tried yet. Both are equally promising; more replicas cost less.
    let fresh =
        planner.plan(&diagnosis, &observation, &Experience::default(), observation.at, &mut next);
    show("without experience", &fresh.plans);
    assert_eq!(fresh.plans[0].signature().to_string(), "scale_up");

    // More replicas did nothing, five times. Spreading the load is worth its higher price now.
    let mut experience = Experience::default();
    let scale_up = PlanSignature::new([ActionKind::ScaleUp]);
    let tally = Tally { ineffective: 5, ..Tally::default() };
    experience.plans.entry("hot-spot".parse()?).or_default().insert(scale_up, tally);
    let learned = planner.plan(&diagnosis, &observation, &experience, observation.at, &mut next);
    show("after five scale-ups that did nothing", &learned.plans);
    assert_eq!(learned.plans[0].signature().to_string(), "rebalance_load");
    Ok(())
}
