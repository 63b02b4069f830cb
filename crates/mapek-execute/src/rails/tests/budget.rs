//! How often, and how often with harm.

use super::*;

#[test]
fn budgets_and_cooldown_hold_back() {
    let (plan, observation) = scene(&[low_risk()]);
    let runs: Vec<_> = (0..4_u64)
        .map(|n| {
            let at = earlier(now(), seconds(600 * (n + 1)));
            end(execution(u128::from(n), &[low_risk()], at), Verdict::Success)
        })
        .collect();
    let ask = Ask { others: runs[..3].iter().collect(), ..Ask::new() };
    assert_eq!(ask.decide(&plan, &observation), Decision::Run);
    let ask = Ask { others: runs.iter().collect(), ..Ask::new() };
    refused_by(&ask.decide(&plan, &observation), "budget");
    let (different, observation) = scene(&[Action::ScaleDown { replicas: 5 }]);
    assert_eq!(ask.decide(&different, &observation), Decision::Run);

    let recent = end(execution(9, &[low_risk()], earlier(now(), seconds(119))), Verdict::Success);
    let ask = Ask { others: vec![&recent], ..Ask::new() };
    refused_by(&ask.decide(&plan, &observation), "cooldown");
}

#[test]
fn two_degradations_disable_a_kind_until_a_person_rearms_it() {
    let (plan, observation) = scene(&[low_risk()]);
    let harm = |n: u64, hours: u64| {
        let at = earlier(now(), seconds(3600 * hours));
        end(execution(u128::from(n), &[low_risk()], at), Verdict::Degradation)
    };
    let (a, b, c) = (harm(1, 100), harm(2, 80), harm(3, 50));
    let mut ask = Ask { others: vec![&a, &c], ..Ask::new() };
    assert_eq!(ask.decide(&plan, &observation), Decision::Run, "too far apart");
    let breaker = Breaker::new(BreakerConfig::default());
    assert_eq!(breaker.disabled(&ask.others, &ask.rearmed), BTreeMap::new());
    ask.others = vec![&a, &b];
    refused_by(&ask.decide(&plan, &observation), "breaker");
    let last = b.judgement.as_ref().unwrap().at;
    let told = breaker.disabled(&ask.others, &ask.rearmed);
    assert_eq!(told, BTreeMap::from([(ActionKind::ScaleUp, last)]));
    ask.rearmed.insert(ActionKind::ScaleUp, earlier(now(), seconds(3600 * 90)));
    assert_eq!(ask.decide(&plan, &observation), Decision::Run);
    assert_eq!(breaker.disabled(&ask.others, &ask.rearmed), BTreeMap::new());
}
