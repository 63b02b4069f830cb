//! What people put right by a button: an undo, what needs an operator, a kind that the breaker has disabled.

use mapek_model::{ActionKind, Ending, ExecutionStatus, Phase, Verdict};
use serde_json::json;

use super::Visit;
use crate::{
    sample::{at, ended, execution_id, judged, plan, plan_id, records, violation},
    steered::{Steered, everybody},
};

/// One execution that is over and whose effect lasts, one that needs an operator, and two that did harm.
fn harmed() -> Steered {
    let late = violation("slow", "critical", at(0));
    let throttle = json!({"kind": "throttle_requests", "rate_limit": 50.0});
    let scale = |replicas: u32| json!({"kind": "scale_up", "replicas": replicas});
    let harm = || vec![judged(Verdict::Degradation), ended(Ending::Completed)];
    let lives = [
        (31, &throttle, vec![judged(Verdict::Success), ended(Ending::Completed)]),
        (32, &throttle, vec![ended(Ending::NeedsOperator)]),
        (33, &scale(5), harm()),
        (34, &scale(6), harm()),
    ];
    let past = lives.into_iter().flat_map(|(id, action, events)| {
        records(execution_id(id), &plan(plan_id(id), action.clone(), &late), events)
    });
    let steered = Steered::after(past.collect());
    steered.refresh();
    steered
}

impl Steered {
    fn status(&self, id: u128) -> ExecutionStatus {
        self.handle.state().executions[&execution_id(id)].status.clone()
    }

    fn distrusts(&self, kind: &ActionKind) -> bool {
        self.handle.state().disabled.contains_key(kind)
    }
}

/// Fills a form that acts in, and sends it.
async fn act(visit: &Visit, act: &str, reason: &str) {
    visit.is_live().await;
    visit.browser.fill(&format!("#{act}-reason"), reason).await.unwrap();
    visit.browser.click(&format!("form[data-act={act}] button")).await.unwrap();
}

#[tokio::test]
async fn what_went_wrong_is_put_right_by_buttons_and_not_by_whom_it_is_not() {
    let steered = harmed();
    let visit = Visit::to(steered.api(everybody())).await;
    let path = |id| format!("/executions/{}", execution_id(id));
    let enabled = "return document.querySelectorAll('form.act :enabled:not([type=hidden])').length";
    visit.log_in("viewer").await;
    for path in [path(31), path(32)] {
        visit.open(&path).await;
        visit.reads("form.act .why", "You are viewer, viewer; this needs operator.").await;
        assert_eq!(visit.browser.run(enabled, &[]).await.unwrap(), 0, "{path}");
    }

    visit.browser.forget().await.unwrap();
    visit.log_in("operator").await;
    // Closing comes first: what needs an operator freezes the target.
    visit.open(&path(32)).await;
    act(&visit, "resolve", "two of three had it").await;
    visit.reads("#stands", "closed by a person").await;
    assert_eq!(*steered.status(32).phase(), Phase::Closed);
    visit.open(&path(31)).await;
    act(&visit, "rollback", "it was the other one").await;
    visit.reads("#acts", "It is being undone.").await;
    assert!(matches!(steered.status(31).phase(), Phase::Undoing { .. }));

    visit.open("/").await;
    visit.reads("#rearm-scale_up-why", "You are operator, operator; this needs admin.").await;
    let disabled = "return document.querySelector('form[data-act=rearm-scale_up] button').disabled";
    assert_eq!(visit.browser.run(disabled, &[]).await.unwrap(), true);
    // The API says the same to who asks past the button.
    let past = "const answer = await fetch('/api/v1/rearm', {method: 'POST', headers: {'content-type': 'application/json'}, \
                body: JSON.stringify({kind: 'scale_up', reason: 'please'})}); return answer.status";
    assert_eq!(visit.browser.run_async(past).await.unwrap(), 403);
    assert!(steered.distrusts(&ActionKind::ScaleUp));
    visit.browser.forget().await.unwrap();
    visit.log_in("admin").await;
    act(&visit, "rearm-scale_up", "the pool was full").await;
    visit
        .until("that it is gone", "return !document.querySelector('form[data-act=rearm-scale_up]')")
        .await;
    assert!(!steered.distrusts(&ActionKind::ScaleUp));
}
