//! Evidence that is not good enough to act on.

use super::*;

fn doubt(decision: &Decision) -> String {
    refused_by(decision, "sensor_doubt");
    decision.to_string()
}

#[test]
fn too_many_bad_sensors_refuse_from_five_up() {
    let (plan, mut observation) = scene(&[low_risk()]);
    for (total, bad, refused) in
        [(5, 2, false), (5, 3, true), (10, 4, false), (10, 5, true), (4, 4, false)]
    {
        observation.sensors = SensorCensus { total, bad };
        let decision = Ask::new().decide(&plan, &observation);
        assert_eq!(decision != Decision::Run, refused, "{bad} of {total}: {decision}");
    }
}

#[test]
fn evidence_that_is_not_fresh_refuses() {
    let (plan, observation) = scene(&[low_risk()]);
    for kind in [DoubtKind::Warning, DoubtKind::StaleSample, DoubtKind::MissingSeries] {
        let mut observation = observation.clone();
        let source = SourceName::try_new("prometheus").unwrap();
        observation.quality.insert(source, Quality::fresh().with(kind, "up", "seen"));
        let text = doubt(&Ask::new().decide(&plan, &observation));
        assert!(text.contains(kind.level().as_str()), "{text}");
    }
}

#[test]
fn what_nobody_confirms_refuses() {
    let (plan, mut observation) = scene(&[low_risk()]);
    for violation in &mut observation.open {
        let unsure = violation.witnesses.iter().cloned();
        violation.witnesses = unsure.map(|it| Witness { confirmed: false, ..it }).collect();
    }
    doubt(&Ask::new().decide(&plan, &observation));
    observation.open.clear();
    doubt(&Ask::new().decide(&plan, &observation));
}

#[test]
fn medium_risk_needs_two_independent_sources() {
    use mapek_model::ViolationSource::{Alert, ManagedSystem, Rule};
    let (risky, observation) = scene(&[node("a")]);
    let (harmless, _) = scene(&[low_risk()]);
    let witness = |source, family: Option<&str>| Witness {
        source,
        by: SourceName::try_new("x").unwrap(),
        name: "n".to_owned(),
        family: family.map(|name| mapek_model::MetricName::try_new(name).unwrap()),
        confirmed: true,
    };
    for (witnesses, enough) in [
        (vec![witness(Rule, Some("latency")), witness(Alert, Some("latency"))], false),
        (vec![witness(Rule, Some("latency")), witness(Alert, None)], false),
        (vec![witness(Alert, None)], false),
        (vec![witness(ManagedSystem, None)], false),
        (vec![witness(Rule, Some("latency_bucket")), witness(Alert, Some("latency_sum"))], false),
        (vec![witness(Alert, Some("latency")), witness(Alert, Some("failures"))], true),
        (vec![witness(Rule, Some("latency")), witness(Rule, Some("failures"))], true),
        (vec![witness(Rule, Some("latency")), witness(ManagedSystem, None)], true),
    ] {
        let mut observation = observation.clone();
        observation.open.truncate(1);
        observation.open[0].witnesses = witnesses.into_iter().collect();
        let decision = Ask::new().decide(&risky, &observation);
        assert_eq!(decision == Decision::Run, enough, "{:?}", observation.open[0].witnesses);
        assert_eq!(Ask::new().decide(&harmless, &observation), Decision::Run);
    }
}

#[test]
fn a_plan_cannot_talk_its_risk_down() {
    let (mut plan, mut observation) = scene(&[node("a")]);
    plan.risk_if_wrong = mapek_model::Risk::Low;
    observation.open.truncate(1);
    doubt(&Ask::new().decide(&plan, &observation));
}
