//! Lists, page by page, and of what is asked for.

use serde_json::Value;

use crate::sample::{Shown, at, push, report, state, violation};

fn items<'a>(list: &'a Value, pointer: &str) -> Vec<&'a Value> {
    list["items"].as_array().unwrap().iter().map(|one| one.pointer(pointer).unwrap()).collect()
}

#[tokio::test]
async fn pages_follow_each_other_whatever_comes_in_between() {
    let mut now = state();
    for number in 43..=50 {
        push(&mut now, report(number, at(number), Vec::new()));
    }
    let shown = Shown::start(now.clone()).await;
    let first = shown.json("/api/v1/cycles?limit=4").await;
    let numbers: Vec<_> = items(&first, "/number").into_iter().map(Value::as_u64).collect();
    assert_eq!(numbers, [50, 49, 48, 47].map(Some));
    assert_eq!(first["total"], 10);
    // A cycle runs meanwhile.
    push(&mut now, report(51, at(51), Vec::new()));
    shown.states.send_replace(now.clone().into());
    let mut seen = Vec::new();
    let mut next = first["next"].as_str().map(str::to_owned);
    while let Some(after) = next {
        let page = shown.json(&format!("/api/v1/cycles?limit=4&after={after}")).await;
        seen.extend(items(&page, "/number").into_iter().map(|it| it.as_u64().unwrap()));
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, [46, 45, 44, 43, 42, 41]);
    let gone = shown.get("/api/v1/cycles?after=7").await;
    assert_eq!(
        (gone.status().as_u16(), gone.headers()["content-type"].to_str().unwrap()),
        (410, "application/problem+json")
    );
}

#[tokio::test]
async fn every_list_has_pages() {
    let mut now = state();
    let last = now.reports[1].as_ref().clone();
    let rejected = now.reports[0].planning.rejected[0].clone();
    let mut planned = report(43, at(60), last.seen.open.clone());
    planned.planning.rejected = vec![rejected.clone(), rejected];
    push(&mut now, planned);
    now.insights.push(now.insights[0].clone());
    now.outcomes.push_back({
        let mut other = now.outcomes[0].clone();
        other.execution = crate::sample::execution_id(77);
        other
    });
    now.damaged = [30, 31]
        .map(|id| mapek_execute::Damaged {
            execution: crate::sample::execution_id(id),
            target: None,
            reason: "torn".to_owned(),
        })
        .into();
    let shown = Shown::start(now).await;
    for list in [
        "cycles",
        "violations",
        "diagnoses",
        "plans",
        "plans/rejected",
        "executions",
        "needs-operator",
        "outcomes",
        "insights",
    ] {
        let whole = shown.json(&format!("/api/v1/{list}")).await;
        let all = whole["items"].as_array().unwrap();
        assert!(all.len() >= 2 && whole["next"].is_null(), "{list}: {whole}");
        let mut pages = Vec::new();
        let mut uri = format!("/api/v1/{list}?limit=1");
        loop {
            let page = shown.json(&uri).await;
            assert_eq!(page["total"], all.len(), "{list}");
            pages.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(after) = page["next"].as_str() else { break };
            uri = format!("/api/v1/{list}?limit=1&after={after}");
        }
        assert_eq!(&pages, all, "{list}");
    }
}

#[tokio::test]
async fn lists_are_of_what_was_asked_for() {
    let mut now = state();
    push(&mut now, report(43, at(60), Vec::new()));
    push(
        &mut now,
        report(
            44,
            at(90),
            vec![
                violation("slow", "warning", at(90)),
                violation("high-latency", "critical", at(0)),
            ],
        ),
    );
    let shown = Shown::start(now).await;
    for (asked, pointer, expected) in [
        ("cycles?breached=false", "/number", vec![Value::from(43)]),
        (
            "cycles?since=2026-03-01T12:00:30Z&until=2026-03-01T12:01:00Z",
            "/number",
            vec![43.into(), 42.into()],
        ),
        ("violations?severity=warning", "/expectation", vec!["slow".into()]),
        ("violations?expectation=high-latency", "/expectation", vec!["high-latency".into()]),
        ("violations?component=validator&severity=info", "/expectation", vec![]),
        ("executions?live=true", "/status/phase", vec!["verifying".into()]),
        ("executions?ending=completed", "/status/ending", vec!["completed".into()]),
        ("executions?ending=undone", "/id", vec![]),
        ("executions?until=2026-03-01T11:00:00Z", "/status/phase", vec!["ended".into()]),
        ("outcomes?verdict=success", "/verdict", vec!["success".into()]),
        ("outcomes?verdict=degradation", "/verdict", vec![]),
        ("outcomes?since=2026-03-01T11:00:00Z", "/verdict", vec![]),
    ] {
        let list = shown.json(&format!("/api/v1/{asked}")).await;
        assert_eq!(items(&list, pointer), expected.iter().collect::<Vec<_>>(), "{asked}");
        assert_eq!(list["total"], expected.len(), "{asked}");
    }
    for (asked, why) in [
        (
            "violations?severity=bad",
            "severity must be one of info, warning, critical, got bad; the parameters are limit, after, severity, expectation, component",
        ),
        (
            "cycles?since=yesterday",
            "since must be a time such as 2026-03-01T12:00:00Z, got yesterday; the parameters are limit, after, since, until, breached",
        ),
        (
            "executions?live=perhaps",
            "live must be true or false, got perhaps; the parameters are limit, after, since, until, live, ending",
        ),
        (
            "insights?severity=info",
            "there is no parameter severity; the parameters are limit, after",
        ),
    ] {
        let answer = shown.get(&format!("/api/v1/{asked}")).await;
        assert_eq!(answer.status(), 400, "{asked}");
        assert_eq!(answer.json::<Value>().await.unwrap()["detail"], why, "{asked}");
    }
}
