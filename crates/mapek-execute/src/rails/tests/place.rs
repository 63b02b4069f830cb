//! One at a time in one place.

use super::*;

#[test]
fn one_mutating_action_in_a_failure_domain() {
    let long_ago = earlier(now(), seconds(7200));
    let live = execution(1, &[node("a")], long_ago);
    let whole = execution(2, &[low_risk()], long_ago);
    for (other, action, refused) in [
        (&live, node("a"), true),
        (&live, node("b"), false),
        (&live, low_risk(), true),
        (&whole, node("b"), true),
    ] {
        let (plan, observation) = scene(&[action]);
        let ask = Ask { others: vec![other], ..Ask::new() };
        let decision = ask.decide(&plan, &observation);
        if refused {
            refused_by(&decision, "failure_domain");
        }
        assert_eq!(decision != Decision::Run, refused, "{decision}");
        let ended = end(other.clone(), Verdict::Success);
        let ask = Ask { others: vec![&ended], ..Ask::new() };
        assert_eq!(ask.decide(&plan, &observation), Decision::Run);
    }
}
