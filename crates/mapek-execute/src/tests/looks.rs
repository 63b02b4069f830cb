//! How often is looked, and what one look says.

use mapek_model::{
    Action, Direction, Ending, Guard, Judgement, Pattern, Plan, Sight, Step, Verdict,
    VerificationOverride, Way,
};

use super::world::{Scene, custom, plan, seconds};

/// A plan of one step that has been done; what it treats is open.
async fn done(plan: Plan) -> Scene {
    let mut scene = Scene::new();
    scene.start(plan).unwrap();
    scene.cycle().await;
    scene
}

fn treated() -> Plan {
    plan(vec![custom("alpha")])
}

/// Cycles until it is judged.
async fn judged(scene: &mut Scene) -> Judgement {
    for _ in 0..100 {
        if let Some(judgement) = scene.execution().judgement {
            return judgement;
        }
        scene.cycle().await;
    }
    panic!("never judged: {:?}", scene.execution().looks);
}

fn sights(scene: &Scene) -> Vec<Sight> {
    scene.execution().looks.iter().map(|look| look.sight).collect()
}

/// Sees `other` beside what is treated, in each cycle for which `there` says so.
async fn flickering(there: impl Fn(u32) -> bool) -> (Scene, Judgement) {
    let mut scene = done(treated()).await;
    let onset = scene.now;
    for n in 0..100 {
        if let Some(judgement) = scene.execution().judgement {
            return (scene, judgement);
        }
        scene.open.clear();
        if there(n) {
            scene.open = ["slow", "failing", "other"].map(|name| (name.to_owned(), onset)).into();
        }
        scene.cycle().await;
    }
    panic!("never judged");
}

#[tokio::test]
async fn what_looks_worse_once_is_not_undone() {
    // The first look is in cycle 5.
    let (scene, judgement) = flickering(|n| n == 5).await;
    assert_eq!(sights(&scene), [Sight::Worse, Sight::Healed]);
    assert_eq!(judgement.verdict, Verdict::Success);
    let (scene, judgement) = flickering(|n| n < 7).await;
    assert_eq!(sights(&scene), [Sight::Worse]);
    assert_eq!(judgement.verdict, Verdict::Degradation);
}

#[tokio::test]
async fn looks_that_never_agree_prove_nothing() {
    let (scene, judgement) = flickering(|n| n % 2 == 0).await;
    assert_eq!(judgement.verdict, Verdict::Unknown, "{}", judgement.reason);
    assert!(judgement.reason.contains("no two looks agree"), "{}", judgement.reason);
    assert!(sights(&scene).windows(2).all(|pair| pair[0] != pair[1]));
    // They are in the journal: a crash begins nothing anew.
    let mut scene = scene;
    let looks = scene.execution().looks;
    scene.crash();
    assert_eq!(scene.execution().looks, looks);
}

#[tokio::test]
async fn the_plan_says_how_often_is_looked() {
    let (successes, interval) = (Some(4), Some(seconds(20)));
    let spec = VerificationOverride { successes, interval, ..Default::default() };
    let mut scene = done(Plan { verification: Some(spec), ..treated() }).await;
    scene.open.clear();
    let judgement = judged(&mut scene).await;
    assert_eq!(judgement.verdict, Verdict::Success);
    assert_eq!(sights(&scene), [Sight::Healed; 3]);
    assert_eq!(judgement.at.duration_since(scene.execution().started).as_secs(), 120);
}

#[tokio::test]
async fn what_is_on_its_way_back_is_given_time() {
    let mut scene = done(treated()).await;
    for (n, value) in [2.0, 2.0, 2.0, 2.0, 2.0, 1.4, 1.15, 1.05].into_iter().enumerate() {
        assert!(scene.execution().judgement.is_none(), "{n}");
        scene.courses = ["slow", "failing"].map(|name| (name.to_owned(), (value, 0.0))).into();
        scene.cycle().await;
    }
    assert_eq!(sights(&scene), [Sight::Better; 3]);
    // It halves no more.
    let judgement = judged(&mut scene).await;
    assert_eq!(judgement.verdict, Verdict::Ineffective);
    assert!(judgement.at < mapek_model::later(scene.execution().started, seconds(100)));
}

/// What is judged of a plan where something more is open afterwards and what it treats has this value, after a course before it.
async fn beside_something_new(before: (f64, f64), after: f64) -> Verdict {
    let mut scene = Scene::new();
    let course = |it: (f64, f64)| ["slow", "failing"].map(|name| (name.to_owned(), it)).into();
    scene.courses = course(before);
    scene.start(treated()).unwrap();
    scene.cycle().await;
    let onset = scene.now;
    scene.open.insert("other".to_owned(), onset);
    scene.courses = course((after, 0.0));
    judged(&mut scene).await.verdict
}

#[tokio::test]
async fn worse_is_what_is_worse_than_doing_nothing_would_have_been() {
    assert_eq!(beside_something_new((2.0, 0.0), 2.0).await, Verdict::Degradation);
    assert_eq!(beside_something_new((2.0, 0.0), 1.7).await, Verdict::Ineffective);
    // It was growing: without us there would be much more of it, and something new was coming anyway.
    assert_eq!(beside_something_new((2.0, 0.05), 2.5).await, Verdict::Ineffective);
    assert_eq!(beside_something_new((2.0, 0.05), 6.0).await, Verdict::Degradation);
    // It was getting better by itself, and now it is not.
    assert_eq!(beside_something_new((2.0, -0.015), 1.7).await, Verdict::Degradation);
}

#[tokio::test]
async fn a_symptom_that_comes_late_is_no_harm() {
    let mut scene = done(Plan { symptoms: vec![Pattern::new("oth*")], ..treated() }).await;
    let onset = scene.now;
    scene.open.insert("other".to_owned(), onset);
    let judgement = judged(&mut scene).await;
    assert_eq!(judgement.verdict, Verdict::Ineffective);
    assert!(judgement.reason.contains("1 of the same cause came late"), "{}", judgement.reason);
    // After the time to effect it should not have come any more.
    let mut scene = done(Plan { symptoms: vec![Pattern::new("oth*")], ..treated() }).await;
    let onset = mapek_model::later(scene.now, seconds(50));
    scene.open.insert("other".to_owned(), onset);
    assert_eq!(judged(&mut scene).await.verdict, Verdict::Degradation);
}

#[tokio::test]
async fn what_was_on_its_way_to_be_gone_is_no_success() {
    let course = |it: (f64, f64)| ["slow", "failing"].map(|name| (name.to_owned(), it)).into();
    for (slope, verdict) in [(-0.2, Verdict::Unknown), (-0.001, Verdict::Success)] {
        let mut scene = Scene::new();
        scene.courses = course((2.0, slope));
        scene.start(treated()).unwrap();
        scene.cycle().await;
        scene.open.clear();
        let judgement = judged(&mut scene).await;
        assert_eq!(judgement.verdict, verdict, "{}", judgement.reason);
    }
}

/// A plan under a guard on `latency`, which is 1 before it and so much after it.
async fn guarded(after: f64, step: Step, expectation: &str) -> Scene {
    let mut scene = Scene::new();
    scene.config.verification.guards = vec![Guard {
        value: "latency".to_owned(),
        worse: Direction::Rising,
        share: 0.5,
        floor: 0.1,
        expectations: vec![expectation.parse().unwrap()],
    }];
    scene.crash();
    scene.watched.insert("latency".to_owned(), 1.0);
    // That a plan looks in a way of its own takes no guard away.
    let own = VerificationOverride { interval: Some(seconds(20)), ..Default::default() };
    scene.start(Plan { verification: Some(own), ..plan(vec![step]) }).unwrap();
    scene.cycle().await;
    scene.open.clear();
    scene.watched.insert("latency".to_owned(), after);
    judged(&mut scene).await;
    scene
}

#[tokio::test]
async fn what_gets_worse_outside_the_cause_is_undone_though_the_cause_is_gone() {
    let scene = guarded(1.4, custom("alpha"), "too-late").await;
    assert_eq!(scene.execution().judgement.unwrap().verdict, Verdict::Success);
    let mut scene = guarded(1.6, custom("alpha"), "too-late").await;
    let judgement = scene.execution().judgement.unwrap();
    assert_eq!(judgement.verdict, Verdict::Degradation);
    assert_eq!(judgement.reason, "latency is 1.600, not 1.000 as it was");
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Undone));
    assert_eq!(scene.world.effects(Way::Undo), ["alpha"]);
}

#[tokio::test]
async fn what_was_guarded_is_written_down_as_it_began_and_as_it_was_judged() {
    let told = |scene: &Scene| {
        let execution = scene.execution();
        let after = execution.judgement.unwrap().after.guarded;
        [execution.before.guarded, after].map(|it| it.into_iter().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(told(&guarded(1.0, custom("alpha"), "too-late").await), ["latency", "latency"]);
    // What is treated is not guarded, and what is expected of us is not as soon as that is known.
    assert_eq!(told(&guarded(1.0, custom("alpha"), "slow").await), ["", ""]);
    let throttle = Step::of(Action::ThrottleRequests { rate_limit: 10.0, node: None });
    assert_eq!(told(&guarded(1.0, throttle, "low-throughput").await), ["latency", ""]);
}

#[tokio::test]
async fn a_guard_is_not_asked_about_what_is_treated_or_expected_of_us() {
    let verdict = |scene: Scene| scene.execution().judgement.unwrap().verdict;
    assert_eq!(verdict(guarded(9.0, custom("alpha"), "slow").await), Verdict::Success);
    let throttle = || Step::of(Action::ThrottleRequests { rate_limit: 10.0, node: None });
    assert_eq!(verdict(guarded(9.0, throttle(), "low-throughput").await), Verdict::Success);
    assert_eq!(verdict(guarded(9.0, throttle(), "too-late").await), Verdict::Degradation);
}

#[tokio::test]
async fn harm_is_seen_before_the_effect_where_the_plan_asks_for_it() {
    let interval = Some(seconds(10));
    let spec = |early| VerificationOverride { early: Some(early), interval, ..Default::default() };
    for (early, at) in [(true, 20), (false, 70)] {
        let mut scene = done(Plan { verification: Some(spec(early)), ..treated() }).await;
        let onset = scene.now;
        scene.open.insert("other".to_owned(), onset);
        let judgement = judged(&mut scene).await;
        assert_eq!(judgement.verdict, Verdict::Degradation);
        assert_eq!(judgement.at.duration_since(scene.execution().started).as_secs(), at);
    }
    // Before its time nothing else is concluded, and harm that went away is forgotten.
    let mut scene = done(Plan { verification: Some(spec(true)), ..treated() }).await;
    let onset = scene.now;
    for there in [true, false, true, false] {
        scene.open = ["slow", "failing"].map(|name| (name.to_owned(), onset)).into();
        if there {
            scene.open.insert("other".to_owned(), onset);
        }
        scene.cycle().await;
    }
    assert_eq!(sights(&scene), [Sight::Worse, Sight::Same, Sight::Worse, Sight::Same]);
    assert_eq!(judged(&mut scene).await.verdict, Verdict::Ineffective);
}
