//! What people are told of, from what the loop shows.

use std::collections::BTreeMap;

use mapek_loop::{CycleReport, NoPlanning};
use mapek_model::{ActionKind, Approval, Ending, TargetId, Verdict};

use super::*;
use crate::fixture::{
    applied, at, damaged, ended, execution, execution_id, judged, proposal, push, quiet, refusing,
    report, stuck, undone, with,
};

fn told(state: &LoopState) -> Vec<(Kind, String)> {
    conditions(state, at(60)).into_iter().map(|it| (it.kind, it.title)).collect()
}

fn one(state: &LoopState) -> Condition {
    let mut found = conditions(state, at(60));
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[test]
fn of_a_loop_that_has_not_begun_and_of_one_that_works_there_is_nothing_to_tell() {
    assert_eq!(told(&quiet()), []);
    let live = execution(1, vec![applied()]);
    let mut good = vec![applied()];
    good.extend(judged(1, Verdict::Success));
    good.push(ended(1, Ending::Completed));
    assert_eq!(told(&with([live, execution(2, good)])), []);
}

#[test]
fn what_needs_an_operator_comes_first_with_what_to_do() {
    let mut state = with([stuck(1, 5)]);
    state.paused = Some("paused by ada".to_owned());
    state.damaged.push(damaged());
    let found = conditions(&state, at(60));
    let kinds: Vec<_> = found.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [Kind::NeedsOperator, Kind::NeedsOperator, Kind::Paused]);
    // Of what nobody knows the age comes before all others.
    assert_eq!(found[0].subject, execution_id(7).to_string());
    assert!(found[0].text.contains("All targets are frozen"), "{}", found[0].text);
    let stuck = &found[1];
    assert_eq!(stuck.since, Some(at(5)));
    let resolve = format!("`mapek executions resolve {}`", execution_id(1));
    assert!(stuck.text.contains("that is why") && stuck.text.ends_with(&resolve), "{}", stuck.text);
    assert_eq!(stuck.facts["cause"], "leak");
    assert!(found.iter().all(|it| it.lasts));
}

#[test]
fn what_a_person_has_closed_is_over() {
    let closed =
        mapek_model::ExecutionEvent::Closed { by: "ada".to_owned(), reason: "x".to_owned() };
    let closed = execution(1, vec![ended(5, Ending::NeedsOperator), (6, closed)]);
    assert_eq!(told(&with([closed])), []);
}

#[test]
fn what_was_left_half_done_elsewhere_needs_somebody_too() {
    let mut state = with([execution(1, vec![applied()])]);
    state.target = TargetId::try_new("other").unwrap();
    let found = one(&state);
    assert_eq!(found.kind, Kind::NeedsOperator);
    assert!(found.text.contains("taken out of the configuration"), "{}", found.text);
}

#[test]
fn what_made_things_worse_and_what_was_undone_are_two_messages() {
    let mut events = vec![applied()];
    events.extend(judged(10, Verdict::Degradation));
    let worse = execution(1, events.clone());
    let found = one(&with([worse]));
    assert_eq!(
        (found.kind, found.lasts, found.since),
        (Kind::VerificationFailed, false, Some(at(10)))
    );
    assert!(found.title.ends_with("made things worse"), "{}", found.title);
    events.extend(undone(20));
    let state = with([execution(1, events)]);
    let titles: Vec<_> = told(&state).into_iter().map(|(_, title)| title).collect();
    assert!(titles[0].ends_with("made things worse") && titles[1].ends_with("was undone"));
    // A day later nobody is told any more.
    assert_eq!(conditions(&state, at(24 * 3600 + 15)).len(), 1);
    assert_eq!(conditions(&state, at(24 * 3600 + 20)).len(), 0);
}

#[test]
fn no_success_is_an_escalation() {
    for (verdict, word) in
        [(Verdict::Ineffective, "did nothing"), (Verdict::Unknown, "nobody knows")]
    {
        let mut events = vec![applied()];
        events.extend(judged(10, verdict));
        let found = one(&with([execution(1, events)]));
        assert_eq!(found.kind, Kind::Escalation);
        assert!(found.title.contains(word), "{}", found.title);
    }
    let refused = mapek_model::ExecutionEvent::Refused {
        step: mapek_model::StepIndex(0),
        way: mapek_model::Way::Do,
        reason: "no".to_owned(),
        transient: false,
    };
    let clean = execution(1, vec![(1, refused), ended(1, Ending::FailedClean)]);
    assert!(one(&with([clean])).title.ends_with("could not be done"));
}

#[test]
fn an_approval_is_wanted_until_it_is_given() {
    let mut state = quiet();
    state.proposals = vec![proposal(1)];
    let found = one(&state);
    assert_eq!((found.kind, found.since), (Kind::ApprovalWaiting, Some(at(0))));
    assert!(found.text.contains("0 of 2 have approved it; "), "{}", found.text);
    let proposal = &state.proposals[0];
    let because = vec![mapek_execute::Refusal::new("autonomy", "the profile shipped asks for it")];
    let decision = mapek_execute::Decision::AwaitApproval { needed: 2, because };
    let decided = mapek_loop::Decided {
        plan: proposal.plan.id,
        hash: proposal.hash,
        summary: String::new(),
        decision,
        execution: None,
    };
    let asking = CycleReport { decisions: vec![decided], ..report(7) };
    state.reports.push_back(std::sync::Arc::new(asking));
    let wanted = conditions(&state, at(0)).into_iter().find(|it| it.kind == Kind::ApprovalWaiting);
    let text = wanted.unwrap().text;
    assert!(text.contains("approved it, as the profile shipped asks for it; "), "{text}");
    state.reports.pop_back();
    assert_eq!(found.subject, state.proposals[0].hash.to_string());
    state.proposals[0].approval = Approval::Expired;
    assert_eq!(told(&state), []);
}

#[test]
fn a_disabled_kind_and_a_pause_last() {
    let mut state = quiet();
    state.disabled = BTreeMap::from([(ActionKind::ScaleUp, at(3))]);
    state.paused = Some("paused by ada at noon: I look".to_owned());
    let found = conditions(&state, at(60));
    assert_eq!(found.len(), 2);
    assert!(found[0].text.starts_with("paused by ada at noon: I look. "));
    assert!(found[1].text.ends_with("`mapek rearm scale_up`"), "{}", found[1].text);
}

#[test]
fn a_plan_that_is_half_done_and_may_not_go_on_is_told_while_it_may_not() {
    let execution = execution(1, vec![applied()]);
    let held = |number, rail: Option<&str>| {
        let refusals = rail.map(|rail| vec![mapek_execute::Refusal::new(rail, "not now")]);
        let advance = mapek_execute::Advance {
            execution: execution.id,
            target: Default::default(),
            events: Vec::new(),
            status: execution.status.clone(),
            waits: None,
            held_back: refusals.map(|refusals| mapek_execute::Decision::Refused { refusals }),
            fault: None,
            due: None,
        };
        let progress = vec![mapek_loop::Progress { advance, state: execution.clone() }];
        let no_planning = Some(NoPlanning::Awaits { execution: execution.id });
        CycleReport { progress, no_planning, ..report(number) }
    };
    let mut state = quiet();
    push(&mut state, held(1, Some("sensor_doubt")));
    let found = one(&state);
    assert_eq!((found.kind, found.subject), (Kind::Escalation, format!("held/{}", execution.id)));
    assert!(found.text.contains("may not go on: sensor_doubt: not now"), "{}", found.text);
    push(&mut state, held(2, Some("pause")));
    assert_eq!(told(&state), [], "a pause is told as what it is");
    push(&mut state, held(3, None));
    assert_eq!(told(&state), []);
}

#[test]
fn no_plan_and_no_permission_last_as_long_as_cycles_say_so() {
    let mut state = quiet();
    let mut none = report(1);
    none.planning.escalate = Some("the cause is unknown".to_owned());
    push(&mut state, none);
    assert!(is_known(&state, Kind::Escalation));
    assert!(one(&state).text.ends_with("nothing is done: the cause is unknown"));
    // A cycle that does not plan takes nothing back.
    let mut looks = report(2);
    looks.no_planning = Some(NoPlanning::Polling);
    push(&mut state, looks.clone());
    assert_eq!(one(&state).subject, "no-plan");
    push(&mut state, refusing(3, "budget"));
    let found = one(&state);
    assert_eq!((found.subject.as_str(), found.facts["rails"].as_str()), ("refused/leak", "budget"));
    // While something is done about it, and when nothing is wrong any more, there is nothing to escalate.
    let mut awaits = report(4);
    awaits.no_planning = Some(NoPlanning::Awaits { execution: execution_id(1) });
    push(&mut state, awaits);
    assert_eq!(told(&state), []);
    looks.seen.open.clear();
    push(&mut state, looks);
    assert_eq!(told(&state), []);
}

#[test]
fn a_pause_is_told_as_a_pause_and_not_for_each_plan_that_it_stops() {
    let mut state = quiet();
    push(&mut state, refusing(1, "pause"));
    assert_eq!(told(&state), []);
    push(&mut state, refusing(2, "doubt"));
    assert_eq!(told(&state).len(), 1);
}

#[test]
fn before_a_cycle_has_looked_nobody_knows_what_is_escalated() {
    let mut state = quiet();
    assert!(!is_known(&state, Kind::Escalation) && is_known(&state, Kind::NeedsOperator));
    let mut settling = report(1);
    settling.no_planning = Some(NoPlanning::Settling);
    push(&mut state, settling);
    assert!(!is_known(&state, Kind::Escalation));
    push(&mut state, report(2));
    assert!(is_known(&state, Kind::Escalation));
}

#[test]
fn one_faulty_cycle_is_a_hiccup_and_two_are_not() {
    let mut state = quiet();
    let mut faulty = report(1);
    faulty.faults = vec!["the disk is full".to_owned()];
    faulty.no_planning = Some(NoPlanning::Fault);
    push(&mut state, faulty.clone());
    assert_eq!(told(&state), []);
    push(&mut state, faulty);
    assert!(one(&state).text.ends_with("the disk is full"));
    push(&mut state, report(3));
    assert_eq!(told(&state), []);
}
