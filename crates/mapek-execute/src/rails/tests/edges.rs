//! One more and one less, and the words that people read.

use mapek_model::{Ending, Irreversible};

use super::*;

#[test]
fn each_decision_has_a_word_of_its_own() {
    let asked = Decision::AwaitApproval { needed: 1, because: Vec::new() };
    let refused = Decision::Refused { refusals: Vec::new() };
    let words = [Decision::Run, asked, Decision::ObserveOnly, refused].map(|it| it.as_str());
    assert_eq!(words, ["run", "await_approval", "observe_only", "refused"]);
}

#[test]
fn who_is_still_to_approve_is_said_with_those_who_have() {
    let by = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let told = |needed: u8, approval: Option<Approval>| {
        let decision = Decision::AwaitApproval { needed, because: Vec::new() };
        decision.changes(approval.as_ref()).join("; ")
    };
    let pending = |needed, names: &[&str]| Some(Approval::Pending { needed, by: by(names) });
    assert_eq!(told(1, None), "1 person approves it");
    assert_eq!(told(2, None), "2 people approve it");
    assert_eq!(told(2, pending(2, &["ada"])), "1 more person than ada approves it");
    assert_eq!(told(4, pending(4, &["ada", "joan"])), "2 more people than ada and joan approve it");
    assert_eq!(told(1, Some(Approval::Approved { by: by(&["ada"]) })), "");
    let rejected = Approval::Rejected { by: "ada".to_owned(), reason: None };
    assert_eq!(told(2, Some(rejected)), "ada, who rejected it, is asked again and 2 approve it");
}

#[test]
fn what_has_no_way_back_needs_as_many_people_as_anything_else() {
    let (plan, observation) = scene(&[low_risk()]);
    let mut stuck = done(1, &[low_risk()], 0, earlier(now(), seconds(600)));
    let found = vec![Irreversible { step: StepIndex(0), reason: "none is known".to_owned() }];
    for event in [
        ExecutionEvent::Rehearsed { irreversible: found },
        ExecutionEvent::Ended { ending: Ending::FailedClean, reason: "stuck".to_owned() },
    ] {
        let (execution, at) = (stuck.id, stuck.started);
        stuck.apply(&ExecutionRecord { execution, at, event }).unwrap();
    }
    let mut ask = Ask::new();
    ask.others = vec![&stuck];
    ask.config.autonomy.approvers = 3;
    let why = "step 1 could not be undone: none is known";
    assert_eq!(asked(&ask.decide(&plan, &observation)), (3, vec![why]));
    let (other, observation) = scene(&[Action::ScaleUp { replicas: 6 }]);
    assert_eq!(ask.decide(&other, &observation), Decision::Run, "of another plan nothing is known");
}

#[test]
fn what_began_an_hour_ago_counts_no_more() {
    let (plan, observation) = scene(&[low_risk()]);
    let limited = |change: &dyn Fn(&mut BudgetConfig), others: &[Execution]| {
        let mut ask = Ask::new();
        ask.config.budget.cooldown = Duration::ZERO;
        change(&mut ask.config.budget);
        ask.others = others.iter().collect();
        ask.decide(&plan, &observation)
    };
    let ago = |n, s| end(executed(n, &[low_risk()], earlier(now(), seconds(s))), Verdict::Success);
    let plans: &dyn Fn(&mut BudgetConfig) = &|budget| budget.plans_per_hour = 1;
    let actions: &dyn Fn(&mut BudgetConfig) = &|budget| budget.actions_per_hour = 1;
    for limit in [plans, actions] {
        assert_eq!(limited(limit, &[ago(1, 3600)]), Decision::Run);
        let refused = limited(limit, &[ago(1, 3700), ago(2, 3600), ago(3, 60)]);
        refused_by(&refused, "budget");
        assert_eq!(refused.changes(None), ["it is 2026-01-01T12:59:00Z or later"]);
    }
}

#[test]
fn want_of_evidence_is_held_against_a_kind_and_ends_with_the_word_of_a_person() {
    let (plan, observation) = scene(&[low_risk()]);
    let at = earlier(now(), seconds(4000));
    let unknown = |n| {
        let mut execution = end(executed(n, &[low_risk()], at), Verdict::Unknown);
        let judgement = execution.judgement.as_mut().unwrap();
        judgement.reason = "evidence was not fresh: nothing was heard".to_owned();
        execution
    };
    let (one, other) = (unknown(1), unknown(2));
    let mut ask = Ask::new();
    ask.others = vec![&one, &other];
    refused_by(&ask.decide(&plan, &observation), "breaker");
    ask.rearmed.insert(ActionKind::ScaleUp, earlier(at, seconds(1)));
    refused_by(&ask.decide(&plan, &observation), "breaker");
    // What was judged in that very moment was known to who said it.
    ask.rearmed.insert(ActionKind::ScaleUp, at);
    assert_eq!(ask.decide(&plan, &observation), Decision::Run);
}

#[test]
fn a_calendar_and_a_target_that_was_not_observed_refuse() {
    let (mut plan, observation) = scene(&[low_risk()]);
    let mut ask = Ask::new();
    let window = |from: &str, to: &str| {
        let once = serde_json::json!([{"name": "release", "from": from, "to": to}]);
        serde_json::from_value(serde_json::json!({ "once": once })).unwrap()
    };
    ask.config.calendar = window("2026-01-01T11:00:00Z", "2026-01-01T12:30:00Z");
    let refused = ask.decide(&plan, &observation);
    refused_by(&refused, "calendar");
    assert_eq!(refused.changes(None), ["it is 2026-01-01T12:30:00Z or later"]);
    ask.config.calendar = window("2026-01-01T11:00:00Z", "2026-01-01T12:00:00Z");
    assert_eq!(ask.decide(&plan, &observation), Decision::Run);
    plan.target = TargetId::try_new("elsewhere").unwrap();
    refused_by(&ask.decide(&plan, &observation), "plan");
}

#[test]
fn a_pause_says_who_and_when_or_which_file() {
    let latch = Paused::Latch { who: "ada".to_owned(), reason: "3 a.m.".to_owned(), at: now() };
    assert_eq!(latch.to_string(), "paused by ada at 2026-01-01T12:00:00Z: 3 a.m.");
    let directory = tempfile::tempdir().unwrap();
    let file = PauseFile::in_directory(directory.path());
    assert_eq!(file.read(), None);
    std::fs::write(file.path(), "").unwrap();
    let paused = file.read().unwrap().to_string();
    assert_eq!(paused, "paused by the file PAUSE: the file is there");
    // Below a file nothing can be looked for, and beside nothing neither.
    let below = PauseFile::in_directory(file.path()).read().unwrap().to_string();
    assert!(below.contains("it cannot be looked for"), "{below}");
    let gone = PauseFile::in_directory(directory.path().join("gone")).read().unwrap().to_string();
    assert!(gone.contains("its directory cannot be read"), "{gone}");
}
