//! What is judged, and what follows from it.

use mapek_model::{
    Action, DoubtKind, Ending, Phase, Quality, Step, Timestamp, Verdict, Way, later, since,
};

use super::world::{Scene, custom, plan, seconds, start_time};

/// Runs one step, then lets `seen` be open after it, until it is judged.
async fn verdict(seen: &[&str]) -> (Scene, Verdict) {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    let onset = scene.now;
    scene.open = seen
        .iter()
        .map(|name| {
            let old = ["slow", "failing"].contains(name);
            ((*name).to_owned(), if old { start_time() } else { onset })
        })
        .collect();
    for _ in 0..20 {
        scene.cycle().await;
        if let Some(judgement) = scene.execution().judgement {
            return (scene, judgement.verdict);
        }
    }
    panic!("never judged");
}

#[tokio::test]
async fn the_share_that_is_gone_decides() {
    assert_eq!(verdict(&[]).await.1, Verdict::Success);
    assert_eq!(verdict(&["slow"]).await.1, Verdict::Partial);
    assert_eq!(verdict(&["slow", "failing"]).await.1, Verdict::Ineffective);
    assert_eq!(verdict(&["other"]).await.1, Verdict::Partial);
    assert_eq!(verdict(&["slow", "failing", "other"]).await.1, Verdict::Degradation);
}

#[tokio::test]
async fn a_degradation_is_undone() {
    let (mut scene, _) = verdict(&["slow", "failing", "other"]).await;
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::Undone));
    assert_eq!(scene.world.effects(Way::Undo), ["alpha"]);
    assert_eq!(execution.outcome().unwrap().verdict, Verdict::Degradation);
}

#[tokio::test]
async fn nothing_is_judged_before_the_time_to_effect() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    scene.open.clear();
    scene.cycles(5).await;
    assert_eq!(*scene.execution().status.phase(), Phase::Verifying);
    assert_eq!(
        scene.executor.control().next_due(&Default::default()),
        Some(later(start_time(), seconds(60)))
    );
    scene.cycle().await;
    assert_eq!(scene.execution().looks.len(), 1, "one look decides nothing");
    scene.cycle().await;
    let judgement = scene.execution().judgement.unwrap();
    assert_eq!(judgement.verdict, Verdict::Success);
    assert_eq!(judgement.time_to_effect, Some(seconds(10)));
    assert_eq!(judgement.at, later(start_time(), seconds(70)));
}

#[tokio::test]
async fn an_episode_whose_onset_moved_is_the_same_episode() {
    let (_, verdict) = {
        let mut scene = Scene::new();
        scene.start(plan(vec![custom("alpha")])).unwrap();
        scene.cycle().await;
        scene.open.values_mut().for_each(|onset| *onset = later(*onset, seconds(5)));
        scene.cycles(8).await;
        let verdict = scene.execution().judgement.unwrap().verdict;
        (scene, verdict)
    };
    assert_eq!(verdict, Verdict::Ineffective);
}

#[tokio::test]
async fn what_faded_by_itself_proves_nothing() {
    let mut scene = Scene::new();
    let mut slow_start = plan(vec![custom("alpha")]);
    slow_start.steps[0].preconditions.clear();
    scene.start(slow_start).unwrap();
    scene.world.state().unreadable = true; // so that the step is late
    scene.cycle().await;
    scene.open.remove("slow");
    scene.cycle().await;
    scene.world.state().unreadable = false;
    scene.cycle().await;
    scene.open.clear();
    scene.cycles(8).await;
    let judgement = scene.execution().judgement.unwrap();
    assert_eq!(judgement.verdict, Verdict::Unknown, "{}", judgement.reason);
}

#[tokio::test]
async fn what_was_given_up_is_neither_healed_nor_held_against_a_plan() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    scene.open.clear();
    scene.gone.push("slow".to_owned());
    scene.cycle().await;
    scene.gone.clear();
    scene.crash();
    scene.cycles(8).await;
    let judgement = scene.execution().judgement.unwrap();
    assert_eq!(judgement.verdict, Verdict::Unknown, "{}", judgement.reason);
    assert!(judgement.reason.contains("nothing is known"), "{}", judgement.reason);
}

#[tokio::test]
async fn stale_evidence_is_waited_for_and_then_unknown() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    scene.open.clear();
    scene.quality = Quality::fresh().with(DoubtKind::StaleSample, "up", "old");
    scene.cycles(20).await;
    assert!(scene.execution().judgement.is_none());
    scene.cycles(20).await;
    let judgement = scene.execution().judgement.unwrap();
    assert_eq!(judgement.verdict, Verdict::Unknown);
    assert!(judgement.reason.contains("not fresh"), "{}", judgement.reason);
    assert_eq!(scene.execution().status.ending(), Some(Ending::Completed));
}

fn throttle() -> Step {
    Step::of(Action::ThrottleRequests { rate_limit: 10.0, node: None })
}

#[tokio::test]
async fn a_temporary_step_is_held_and_released_once_the_cause_stays_away() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha"), throttle()])).unwrap();
    scene.cycle().await;
    scene.open.clear();
    scene.cycles(8).await;
    assert!(matches!(scene.execution().status.phase(), Phase::Holding { .. }));
    // The cause comes back for a moment: the clock begins anew.
    scene.open.insert("slow".to_owned(), scene.now);
    scene.cycle().await;
    scene.open.clear();
    scene.cycles(29).await;
    assert!(scene.world.effects(Way::Undo).is_empty());
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::Completed));
    assert_eq!(scene.world.effects(Way::Undo), ["throttle_requests"]);
    assert_eq!(scene.world.changed().into_iter().collect::<Vec<_>>(), ["alpha"]);
}

#[tokio::test]
async fn a_lease_ends_even_if_the_cause_does_not() {
    let mut scene = Scene::new();
    scene.config.lease = seconds(300);
    scene.crash();
    scene.start(plan(vec![throttle()])).unwrap();
    scene.cycle().await;
    scene.open.remove("slow"); // partial
    scene.cycles(29).await;
    assert!(matches!(scene.execution().status.phase(), Phase::Holding { .. }));
    scene.cycles(2).await;
    assert_eq!(scene.execution().status.ending(), Some(Ending::Completed));
    assert!(scene.world.changed().is_empty());
}

/// What became of a temporary step, and whether it was taken back as soon as that was known; its lease is far longer than anything here.
async fn judged_and_taken_back(
    scene: &mut Scene,
    becomes: impl AsyncFn(&mut Scene),
) -> (Verdict, bool) {
    scene.config.lease = seconds(3600);
    scene.crash();
    scene.start(plan(vec![throttle()])).unwrap();
    scene.cycle().await;
    becomes(scene).await;
    for _ in 0..60 {
        scene.cycle().await;
        if let Some(judgement) = scene.execution().judgement {
            scene.cycles(2).await;
            return (judgement.verdict, scene.executor.live().is_empty());
        }
    }
    panic!("it is not judged: {}", scene.execution().status)
}

#[tokio::test]
async fn a_temporary_step_that_did_nothing_is_taken_back_at_once() {
    let found = judged_and_taken_back(&mut Scene::new(), async |_| ()).await;
    assert_eq!(found, (Verdict::Ineffective, true));
}

#[tokio::test]
async fn a_temporary_step_that_nobody_could_judge_is_held() {
    let stale = async |scene: &mut Scene| {
        scene.quality = Quality::fresh().with(DoubtKind::StaleSample, "up", "old");
    };
    let found = judged_and_taken_back(&mut Scene::new(), stale).await;
    assert_eq!(found, (Verdict::Unknown, false));
}

#[tokio::test]
async fn a_temporary_step_that_others_have_changed_is_not_held_though_nobody_could_judge_it() {
    let mut scene = Scene::new();
    scene.world.state().tells_resources = true;
    scene.generations.insert("throttle_requests".to_owned(), 1);
    let changed_by_others = async |scene: &mut Scene| {
        for _ in 0..2 {
            *scene.generations.get_mut("throttle_requests").unwrap() += 1;
            scene.cycle().await;
        }
        scene.open.clear();
    };
    let found = judged_and_taken_back(&mut scene, changed_by_others).await;
    assert_eq!(found, (Verdict::Unknown, true));
}

#[tokio::test]
async fn what_our_own_actions_bring_about_is_not_held_against_them() {
    let mut scene = Scene::new();
    let mut throttled = plan(vec![throttle()]);
    throttled.time_to_effect = seconds(30);
    scene.start(throttled).unwrap();
    scene.cycle().await;
    let own = scene.executor.control().own_effects(&Default::default(), scene.now);
    assert!(own.expected.iter().any(|it| it.expectation.as_str() == "low-throughput"), "{own:?}");
    let now: Timestamp = scene.now;
    scene.open = [("low-throughput".to_owned(), now)].into();
    scene.cycles(5).await;
    assert_eq!(scene.execution().judgement.unwrap().verdict, Verdict::Success);
}

#[tokio::test]
async fn a_change_of_the_number_of_parts_is_ours_for_an_hour() {
    let mut scene = Scene::new();
    let mut waits = plan(vec![custom("alpha"), Step::of(Action::ScaleDown { replicas: 2 })]);
    waits.steps[0].wait = seconds(60);
    scene.start(waits).unwrap();
    scene.cycle().await;
    let scaled =
        |scene: &Scene| scene.executor.control().own_effects(&Default::default(), scene.now).scaled;
    assert!(!scaled(&scene), "it is not sent yet");
    scene.finish().await;
    assert!(scaled(&scene));
    scene.now = later(scene.now, seconds(3601));
    assert!(!scaled(&scene));
}

/// Throttles `node-1`, sent 50 s after the plan began, and judges what is then open: breach and seconds after the beginning.
async fn verdict_of_throttled(seen: &[(&str, u64)]) -> Verdict {
    let mut scene = Scene::new();
    let node = Some(mapek_model::Component::try_new("node-1").unwrap());
    let step = Step::of(Action::ThrottleRequests { rate_limit: 10.0, node });
    scene.start(plan(vec![step])).unwrap();
    scene.world.state().unreadable = true; // so that the step is late
    scene.cycles(5).await;
    scene.world.state().unreadable = false;
    scene.cycle().await;
    assert_eq!(scene.world.effects(Way::Do).len(), 1);
    let at = |s: u64| later(start_time(), seconds(s));
    scene.open = seen.iter().map(|(name, s)| ((*name).to_owned(), at(*s))).collect();
    scene.cycles(8).await;
    scene.execution().judgement.unwrap().verdict
}

#[tokio::test]
async fn what_breaks_elsewhere_or_broke_before_is_not_ours() {
    assert_eq!(verdict_of_throttled(&[("low-throughput@node-1", 55)]).await, Verdict::Success);
    assert_eq!(verdict_of_throttled(&[("low-throughput", 55)]).await, Verdict::Success);
    assert_eq!(verdict_of_throttled(&[("low-throughput@node-2", 55)]).await, Verdict::Partial);
    assert_eq!(verdict_of_throttled(&[("low-throughput@node-1", 20)]).await, Verdict::Partial);
    // Times of others are no finer than a scrape.
    assert_eq!(verdict_of_throttled(&[("low-throughput@node-1", 40)]).await, Verdict::Success);
}

#[tokio::test]
async fn a_crash_in_the_verification_window_forgets_nothing() {
    // Gone before the step took effect: whatever is seen after the crash, it proves nothing.
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.world.state().unreadable = true;
    scene.open.remove("slow");
    scene.cycle().await;
    scene.world.state().unreadable = false;
    scene.cycle().await;
    scene.crash();
    scene.open.clear();
    scene.cycles(8).await;
    let judgement = scene.execution().judgement.unwrap();
    assert_eq!(judgement.verdict, Verdict::Unknown, "{}", judgement.reason);

    // Gone ten seconds after the step: a crash later makes it no slower.
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    scene.open.clear();
    scene.cycles(3).await;
    scene.crash();
    scene.cycles(5).await;
    let judgement = scene.execution().judgement.unwrap();
    assert_eq!(
        (judgement.verdict, judgement.time_to_effect),
        (Verdict::Success, Some(seconds(10)))
    );
}

#[tokio::test]
async fn a_crash_while_holding_lengthens_nothing() {
    let mut scene = Scene::new();
    scene.start(plan(vec![throttle()])).unwrap();
    scene.cycle().await;
    scene.open.clear();
    scene.cycles(20).await;
    scene.crash();
    scene.cycles(11).await;
    assert_eq!(scene.world.effects(Way::Undo), ["throttle_requests"]);
}

#[tokio::test]
async fn what_we_changed_ourselves_is_ours_only_since_we_did() {
    let mut scene = Scene::new();
    let apply = Action::ApplyPolicy {
        policy: "privacy".to_owned(),
        name: "privacy".to_owned(),
        version: "2".to_owned(),
        config: serde_json::Value::Null,
    };
    let mut waits = plan(vec![custom("alpha"), Step::of(apply)]);
    waits.steps[0].wait = seconds(60);
    scene.start(waits).unwrap();
    scene.cycle().await;
    let effects = |scene: &Scene| {
        scene.executor.control().own_effects(&Default::default(), scene.now).changed
    };
    assert!(effects(&scene).is_empty(), "it is not sent yet");
    scene.cycles(7).await;
    let sent = later(start_time(), seconds(60));
    let since = mapek_model::earlier(sent, seconds(15));
    assert_eq!(effects(&scene), [crate::OwnChange { resource: "privacy".to_owned(), since }]);
    let elsewhere = mapek_model::TargetId::try_new("other").unwrap();
    let other = scene.executor.control().own_effects(&elsewhere, scene.now);
    assert_eq!(other, Default::default());
    scene.finish().await;
    assert_eq!(effects(&scene).len(), 1);
    scene.now = later(scene.now, seconds(1801));
    assert!(effects(&scene).is_empty());
}

/// For how many seconds what these steps set is held, where a lease is five minutes.
async fn held(steps: Vec<Step>) -> u64 {
    let mut scene = Scene::with(crate::Config { lease: seconds(300), ..super::world::config() });
    let mut plan = plan(steps);
    plan.expires = later(scene.now, seconds(3600));
    let (control, hash) = (scene.executor.control(), plan.hash());
    control.propose(&plan, 2, crate::LOOP, scene.now).unwrap();
    for by in ["ada", "grace"] {
        control.approve(&hash, by, None, scene.now).unwrap();
    }
    scene.start(plan).unwrap();
    for _ in 0..30 {
        scene.cycle().await;
        scene.open.clear();
        if let Phase::Holding { until } = scene.execution().status.phase() {
            return since(*until, start_time()).as_secs();
        }
    }
    panic!("it is not held: {}", scene.execution().status)
}

#[tokio::test]
async fn a_lease_is_the_shortest_of_those_that_temporary_steps_ask_for() {
    let bypass = |duration| {
        let (duration, scope) = (seconds(duration), "all".to_owned());
        Step::of(Action::BypassValidation { duration, scope })
    };
    assert_eq!(held(vec![throttle()]).await, 300);
    assert_eq!(held(vec![bypass(900)]).await, 900);
    assert_eq!(held(vec![custom("alpha"), bypass(900)]).await, 900, "what stays has no lease");
    assert_eq!(held(vec![bypass(900), throttle()]).await, 300);
    assert_eq!(held(vec![throttle(), bypass(200)]).await, 200);
}
