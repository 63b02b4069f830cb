//! What people do.

use mapek_model::{Action, Approval, Ending, Plan, PlanId, Step, Way, later};
use mapek_store::Fault;
use uuid::Uuid;

use super::world::{Scene, config, custom, id, plan, seconds};
use crate::{Decision, Error, LOOP, PauseFile, Profile};

pub(super) fn dangerous() -> Plan {
    plan(vec![Step::of(Action::BypassValidation {
        duration: seconds(60),
        scope: "all".to_owned(),
    })])
}

#[tokio::test]
async fn a_pause_holds_every_step_and_survives_a_crash() {
    let mut scene = Scene::new();
    let mut waits = plan(vec![custom("alpha"), custom("beta")]);
    waits.steps[0].wait = seconds(20);
    scene.start(waits).unwrap();
    scene.cycle().await;
    scene.executor.control().pause("ada", "3 a.m.", scene.now).unwrap();
    scene.crash();
    scene.cycles(5).await;
    assert_eq!(scene.world.effects(Way::Do), ["alpha"]);
    let advances = scene.cycle().await;
    assert!(matches!(advances[0].held_back, Some(Decision::Refused { .. })), "{advances:?}");
    scene.executor.control().resume("ada", "morning", scene.now).unwrap();
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Completed));
}

#[tokio::test]
async fn a_pause_that_was_written_but_not_answered_is_in_force() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.store.fail_append(1, Fault::Unanswered);
    let control = scene.executor.control();
    control.pause("ada", "3 a.m.", scene.now).unwrap_err();
    assert!(control.paused().is_some());
    scene.cycles(5).await;
    assert!(scene.world.state().keys.is_empty());
    control.resume("ada", "morning", scene.now).unwrap();
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Completed));
}

#[tokio::test]
async fn a_pause_that_was_written_but_not_answered_holds_an_undo() {
    let mut scene = Scene::new();
    scene.world.fail("beta", Way::Do, 1, super::world::Fault::Refused);
    scene.world.state().unreadable = false;
    let mut waits = plan(vec![custom("alpha"), custom("beta")]);
    waits.steps[0].wait = seconds(15);
    scene.start(waits).unwrap();
    scene.cycles(2).await;
    scene.world.state().unreadable = true;
    scene.cycle().await;
    scene.store.fail_append(1, Fault::Unanswered);
    scene.executor.control().pause("ada", "3 a.m.", scene.now).unwrap_err();
    scene.world.state().unreadable = false;
    scene.cycles(3).await;
    assert!(scene.world.effects(Way::Undo).is_empty());
}

#[tokio::test]
async fn while_it_is_paused_nothing_is_undone_by_itself() {
    use super::world::Fault;
    let mut scene = Scene::new();
    scene.world.fail("beta", Way::Do, 1, Fault::Refused);
    scene.world.fail("alpha", Way::Undo, 1, Fault::Transient);
    scene.start(plan(vec![custom("alpha"), custom("beta")])).unwrap();
    scene.cycle().await;
    let sent = scene.world.state().keys.len();
    let control = scene.executor.control();
    control.pause("ada", "3 a.m.", scene.now).unwrap();
    scene.cycles(5).await;
    assert_eq!(scene.world.state().keys.len(), sent);
    assert_eq!(scene.world.effects(Way::Undo), [""; 0]);
    control.resume("ada", "morning", scene.now).unwrap();
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Undone));
}

#[tokio::test]
async fn what_is_held_back_is_looked_at_again_without_hurry() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.executor.control().pause("ada", "3 a.m.", scene.now).unwrap();
    let due = Some(later(scene.now, seconds(30)));
    let advances = scene.cycle().await;
    assert_eq!(
        (advances[0].due, scene.executor.control().next_due(&Default::default())),
        (due, due)
    );
}

#[tokio::test]
async fn the_file_pauses_and_forbids_to_resume() {
    let directory = tempfile::tempdir().unwrap();
    let mut scene =
        Scene::with(crate::Config { state_dir: Some(directory.path().into()), ..config() });
    scene.start(plan(vec![custom("alpha")])).unwrap();
    let file = PauseFile::in_directory(directory.path());
    std::fs::write(file.path(), "").unwrap();
    scene.cycle().await;
    assert!(scene.world.state().keys.is_empty());
    let control = scene.executor.control();
    let error = control.resume("ada", "please", scene.now).unwrap_err();
    assert!(matches!(error, Error::PauseFile { .. }), "{error}");
    std::fs::remove_file(file.path()).unwrap();
    assert_eq!(control.paused(), None);
    scene.cycle().await;
    assert_eq!(scene.world.effects(Way::Do), ["alpha"]);
}

#[test]
fn what_cannot_be_read_is_paused() {
    let directory = tempfile::tempdir().unwrap();
    let gone = directory.path().join("not-there");
    assert!(PauseFile::in_directory(&gone).read().is_some());
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(PauseFile::in_directory(&file).read().is_some());
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", directory.path().join(PauseFile::NAME)).unwrap();
        assert!(PauseFile::in_directory(directory.path()).read().is_some());
    }
}

#[tokio::test]
async fn a_person_rolls_back_even_while_paused() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha"), custom("beta")])).unwrap();
    scene.cycle().await;
    let control = scene.executor.control();
    control.pause("ada", "hm", scene.now).unwrap();
    assert!(control.rollback(id(1), "", "no", scene.now).is_err());
    control.rollback(id(1), "ada", "I do not like it", scene.now).unwrap();
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::Undone));
    assert_eq!(scene.world.effects(Way::Undo), ["beta", "alpha"]);
}

#[tokio::test]
async fn what_was_completed_can_still_be_rolled_back() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Completed));
    scene.executor.control().rollback(id(1), "ada", "on second thoughts", scene.now).unwrap();
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Undone));
    assert!(scene.world.changed().is_empty());
    let outcomes = scene.executor.control().outcomes_after(Default::default(), 10).unwrap();
    assert_eq!(outcomes.len(), 1, "one outcome for each execution");
}

#[tokio::test]
async fn what_suspends_checks_needs_two_people_in_every_profile() {
    let mut scene = Scene::new();
    assert_eq!(scene.config.rails.autonomy.profile, Profile::Auto);
    let control = scene.executor.control();
    let (plan, observation) = (dangerous(), scene.observation());
    let decision = control.decide(&plan, &observation, scene.now);
    assert!(matches!(decision, Decision::AwaitApproval { needed: 2, .. }), "{decision:?}");
    assert!(scene.start(plan.clone()).is_err());

    let hash = plan.hash();
    control.propose(&plan, 2, LOOP, scene.now).unwrap();
    assert_eq!(control.hash_of(plan.id), Some(hash));
    for nobody in ["", LOOP, "Loop "] {
        assert!(control.approve(&hash, nobody, None, scene.now).is_err(), "{nobody:?}");
    }
    for ada in ["ada", "Ada", " ADA "] {
        let approval = control.approve(&hash, ada, None, scene.now).unwrap();
        assert!(!approval.is_approved(), "one person in several spellings is one person");
    }
    assert!(scene.start(plan.clone()).is_err());

    // Proposed again in the next cycle, under another id, it keeps its approval; so it does after a crash.
    let mut again = plan.clone();
    again.id = PlanId::from_uuid(Uuid::from_u128(99));
    again.expires = later(again.expires, seconds(30));
    scene.crash();
    let control = scene.executor.control();
    control.propose(&again, 2, LOOP, scene.now).unwrap();
    assert!(control.approve(&hash, "grace", Some("go"), scene.now).unwrap().is_approved());
    scene.start(again.clone()).unwrap();
    assert!(control.proposals().is_empty(), "the approvals are used up");
    scene.cycle().await;
    assert_eq!(scene.world.effects(Way::Do), ["bypass_validation"]);
}

#[tokio::test]
async fn who_asks_cannot_approve() {
    let scene = Scene::new();
    let control = scene.executor.control();
    let plan = dangerous();
    control.propose(&plan, 2, "ada", scene.now).unwrap();
    let error = control.approve(&plan.hash(), "Ada", None, scene.now).unwrap_err();
    assert!(matches!(error, Error::OwnProposal { .. }), "{error}");
}

#[tokio::test]
async fn approvals_expire_and_rejections_last_for_a_while() {
    let mut scene = Scene::new();
    scene.config.begin_within = seconds(120);
    scene.config.rejection_ttl = seconds(120);
    scene.crash();
    let control = scene.executor.control();
    let plan = dangerous();
    let hash = plan.hash();
    let at = |s| later(scene.now, seconds(s));
    control.propose(&plan, 1, LOOP, at(0)).unwrap();
    control.approve(&hash, "ada", None, at(0)).unwrap();
    assert!(control.expire_proposals(at(119)).unwrap().is_empty());
    assert_eq!(control.expire_proposals(at(120)).unwrap(), [hash]);
    assert!(control.approve(&hash, "ada", None, at(121)).is_err());

    control.propose(&plan, 1, LOOP, at(200)).unwrap();
    control.reject(&hash, "ada", Some("no"), at(200)).unwrap();
    let again = control.propose(&plan, 1, LOOP, at(319)).unwrap();
    assert!(matches!(again, Approval::Rejected { .. }), "{again:?}");
    let again = control.propose(&plan, 1, LOOP, at(320)).unwrap();
    assert!(matches!(again, Approval::Pending { .. }), "{again:?}");
    control.withdraw(&hash, "the cause is gone", at(321)).unwrap();
}

#[tokio::test]
async fn an_approval_and_the_beginning_expire_apart() {
    let mut scene = Scene::new();
    scene.config.approval_ttl = seconds(300);
    scene.config.begin_within = seconds(60);
    scene.crash();
    let control = scene.executor.control();
    let mut plan = dangerous();
    plan.expires = later(scene.now, seconds(100_000));
    let (hash, now, observation) = (plan.hash(), scene.now, scene.observation());
    let at = |s| later(now, seconds(s));
    control.propose(&plan, 2, LOOP, at(0)).unwrap();
    control.approve(&hash, "ada", None, at(0)).unwrap();
    // The second person comes too late: what ada said five minutes ago no longer counts.
    let late = control.approve(&hash, "grace", None, at(300)).unwrap();
    assert_eq!(late, Approval::Pending { needed: 2, by: ["grace".to_owned()].into() });
    assert_eq!(control.proposal(&hash).unwrap().given, [("grace".to_owned(), at(300))].into());
    // She says it again; from now on only the beginning is waited for, however old the first approval gets.
    assert!(control.approve(&hash, "ada", None, at(590)).unwrap().is_approved());
    assert!(control.expire_proposals(at(649)).unwrap().is_empty());
    assert_eq!(control.decide(&plan, &observation, at(649)), Decision::Run);
    // A third approval does not put the end off.
    control.approve(&hash, "joan", None, at(649)).unwrap();
    let decision = control.decide(&plan, &observation, at(650));
    assert!(matches!(decision, Decision::AwaitApproval { needed: 2, .. }), "{decision:?}");
    scene.crash();
    let control = scene.executor.control();
    assert_eq!(control.expire_proposals(at(650)).unwrap(), [hash], "also after a crash");
}

#[tokio::test]
async fn proposing_in_every_cycle_does_not_fill_the_journal() {
    let scene = Scene::new();
    let control = scene.executor.control();
    let mut plan = dangerous();
    for cycle in 0..60_u64 {
        plan.created = later(scene.now, seconds(30 * cycle));
        plan.expires = later(plan.created, seconds(3600));
        control.propose(&plan, 2, LOOP, plan.created).unwrap();
    }
    assert!(control.head().get() <= 3, "{} records", control.head());
}

#[tokio::test]
async fn who_cannot_resolve_or_roll_back_is_told_where_it_stands_and_what_may_be_done() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    let told = |scene: &Scene| {
        let control = scene.executor.control();
        let resolved = control.resolve(id(1), "ada", "why not", scene.now).unwrap_err();
        assert!(matches!(resolved, Error::NotNow { .. }), "{resolved:?}");
        let text = resolved.to_string();
        text.strip_prefix(&format!("execution {} is ", id(1))).unwrap().to_owned()
    };
    assert_eq!(
        told(&scene),
        "running step 1 of 1: it goes on by itself; it may be rolled back, or resolved if it comes to need an operator"
    );
    scene.finish().await;
    assert_eq!(told(&scene), "completed: it needs nobody; what it did may still be rolled back");
    scene.executor.control().rollback(id(1), "ada", "it was not that", scene.now).unwrap();
    assert!(told(&scene).starts_with("undoing after person, 1 steps left: it goes on by itself; "));
    scene.cycles(3).await;
    let over = "undone: it has left nothing behind, and nothing is left to be done";
    assert_eq!(told(&scene), over);
    let again = scene.executor.control().rollback(id(1), "ada", "once more", scene.now);
    assert!(again.unwrap_err().to_string().ends_with(over));
}

#[test]
fn five_hundred_plans_wait_and_no_more() {
    let scene = Scene::new();
    let control = scene.executor.control();
    let nth = |n: usize| plan(vec![custom(&format!("n{n}"))]);
    for n in 0..500 {
        control.propose(&nth(n), 1, LOOP, scene.now).unwrap();
    }
    let flood = control.propose(&nth(500), 1, LOOP, scene.now).unwrap_err();
    assert!(matches!(flood, Error::TooManyProposals { count: 500, .. }), "{flood:?}");
    control.propose(&nth(7), 2, LOOP, scene.now).expect("it waits already");
    control.reject(&nth(8).hash(), "ada", None, scene.now).unwrap();
    control.propose(&nth(500), 1, LOOP, scene.now).expect("there is room again");
}

#[tokio::test]
async fn nothing_is_rolled_back_beside_another_that_is_at_work() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.finish().await;
    scene.now = later(scene.now, seconds(600));
    scene.open = [("slow".to_owned(), scene.now), ("failing".to_owned(), scene.now)].into();
    let mut next = plan(vec![custom("beta")]);
    (next.created, next.expires) = (scene.now, later(scene.now, seconds(600)));
    scene.start_as(2, next).unwrap();
    let control = scene.executor.control();
    let error = control.rollback(id(1), "ada", "on second thoughts", scene.now).unwrap_err();
    let Error::TargetBusy { execution, .. } = error else { panic!("{error:?}") };
    assert_eq!(execution, id(2));
    assert_eq!(control.live(&Default::default()).map(|it| it.id), Some(id(2)));
    assert_eq!(control.live(&mapek_model::TargetId::try_new("other").unwrap()), None);

    // What has sent nothing yet is over at once.
    control.rollback(id(2), "ada", "not at all", scene.now).unwrap();
    let ended = control.execution(id(2)).unwrap().status.ending();
    assert_eq!((ended, control.live(&Default::default())), (Some(Ending::FailedClean), None));
    assert_eq!(scene.world.effects(Way::Do), ["alpha"]);
}

#[tokio::test]
async fn a_plan_is_laid_before_people_anew_when_half_of_its_time_is_over() {
    let scene = Scene::new();
    let control = scene.executor.control();
    let at = |s| later(scene.now, seconds(s));
    let again = |s: u64| {
        let mut plan = dangerous();
        (plan.created, plan.expires) = (at(s), at(s + 3600));
        let before = control.head();
        control.propose(&plan, 2, LOOP, at(s)).unwrap();
        control.head() != before
    };
    assert_eq!([0, 1, 1800].map(again), [true, false, false]);
    assert_eq!([1801, 1802].map(again), [true, false]);
    let mut plan = dangerous();
    (plan.created, plan.expires) = (at(1802), at(5402));
    let before = control.head();
    control.propose(&plan, 1, LOOP, at(1802)).unwrap();
    assert_ne!(control.head(), before, "fewer people are asked");
}

#[test]
fn what_has_ended_is_remembered_as_long_as_it_says_something() {
    let scene = Scene::new();
    let control = scene.executor.control();
    let (plan, ttl) = (dangerous(), scene.config.rejection_ttl.as_secs());
    control.propose(&plan, 2, LOOP, scene.now).unwrap();
    control.reject(&plan.hash(), "ada", None, scene.now).unwrap();
    let remembered = |after| {
        control.prune(control.head(), later(scene.now, seconds(after))).unwrap();
        control.proposals().len()
    };
    assert_eq!([ttl - 1, ttl].map(remembered), [1, 0]);
}
