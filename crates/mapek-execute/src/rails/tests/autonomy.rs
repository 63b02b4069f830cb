//! What may be done alone, and how many people are asked about the rest.

use super::*;

#[test]
fn the_shipped_profile_does_little_alone() {
    let config = AutonomyConfig::default();
    for kind in ActionKind::KNOWN {
        let alone =
            matches!(kind, ActionKind::ScaleUp | ActionKind::ScaleDown | ActionKind::RebalanceLoad);
        assert_eq!(config.of_kind(&kind) == Autonomy::Auto, alone, "{kind}");
    }
    let custom = ActionKind::Custom("x".to_owned());
    assert_eq!(config.of_kind(&custom), Autonomy::Suggest);
}

#[test]
fn a_plan_is_as_free_as_its_strictest_step() {
    let (mixed, observation) = scene(&[low_risk(), node("a")]);
    let mut ask = Ask::new();
    ask.config.autonomy.profile = Profile::Shipped;
    let decision = ask.decide(&mixed, &observation);
    assert_eq!(asked(&decision), (1, vec!["the profile shipped asks for restart_service"]));
    assert_eq!(
        decision.to_string(),
        "it awaits the approval of 1: autonomy: the profile shipped asks for restart_service"
    );
    ask.approvals.insert("ada".to_owned());
    assert_eq!(ask.decide(&mixed, &observation), Decision::Run);
    ask.config.autonomy.kinds.insert(ActionKind::ScaleUp, Autonomy::Observe);
    assert_eq!(ask.decide(&mixed, &observation), Decision::ObserveOnly);
}

#[test]
fn people_are_told_of_each_kind_why_they_are_asked() {
    let override_ = Action::ActivateEmergencyOverride { duration: seconds(60) };
    let throttle = Action::ThrottleRequests { rate_limit: 9.0, node: None };
    let (plan, observation) = scene(&[throttle.clone(), low_risk(), override_, throttle]);
    let mut ask = Ask::new();
    ask.config.autonomy.kinds.insert(ActionKind::ThrottleRequests, Autonomy::Suggest);
    let decision = ask.decide(&plan, &observation);
    let Decision::AwaitApproval { needed: 2, because } = decision else { panic!("{decision:?}") };
    let said: BTreeMap<_, _> =
        because.iter().map(|it| (it.reason.as_str(), it.unless.as_deref())).collect();
    let expected = BTreeMap::from([
        (
            "throttle_requests is set to be asked for",
            Some("throttle_requests is set to be done alone"),
        ),
        ("activate_emergency_override suspends checks, which is never done alone", None),
    ]);
    assert_eq!(
        (said, because.len()),
        (expected, 2),
        "each kind once, and none that may be done alone"
    );
    assert!(because.iter().all(|it| it.rail == "autonomy"));
}

#[test]
fn an_older_record_that_does_not_say_why_people_are_asked_is_read() {
    let old = r#"{"decision":"await_approval","needed":2}"#;
    let then: Decision = serde_json::from_str(old).unwrap();
    assert_eq!(then, Decision::AwaitApproval { needed: 2, because: Vec::new() });
    assert_eq!(serde_json::to_string(&then).unwrap(), old);
    assert_eq!(then.to_string(), "it awaits the approval of 2");
    // What was not kept is no difference; what was kept, and anything else, is.
    let because = vec![Refusal::new("autonomy", "it is set so")];
    let now = Decision::AwaitApproval { needed: 2, because };
    let forgetting = |then: &Decision| {
        let mut now = now.clone();
        now.forget_what_was_not_kept(then);
        now
    };
    assert_eq!(forgetting(&then), then);
    assert_eq!(forgetting(&now), now);
    assert_ne!(forgetting(&Decision::Run), Decision::Run);
}

#[test]
fn nothing_lifts_the_quorum_of_what_suspends_checks() {
    let override_ = Action::ActivateEmergencyOverride { duration: seconds(60) };
    let (plan, observation) = scene(&[override_]);
    let mut ask = Ask::new();
    ask.config.autonomy.kinds.insert(ActionKind::ActivateEmergencyOverride, Autonomy::Auto);
    ask.config.autonomy.approvers = 0;
    let why = "activate_emergency_override suspends checks, which is never done alone";
    assert_eq!(asked(&ask.decide(&plan, &observation)), (2, vec![why]));
    ask.approvals.insert("ada".to_owned());
    assert_ne!(ask.decide(&plan, &observation), Decision::Run);
    ask.approvals.insert("grace".to_owned());
    assert_eq!(ask.decide(&plan, &observation), Decision::Run);
}
