//! What is counted, and what is not counted twice.

use std::{sync::Arc, time::Duration};

use mapek_execute::Decision;
use mapek_loop::LoopState;
use mapek_model::{DoubtKind, Ending, Quality, SourceName, TargetId, UndoReason, Verdict};
use mapek_server::Metrics;
use serde_json::json;

use crate::sample::{
    Shown, at, client, decided, ended, execution, execution_id, judged, outcome, plan, plan_id,
    progress, push, refused, report, state, violation,
};

/// The value of a series, by its name and labels as the text has them.
fn value(metrics: &Metrics, series: &str) -> Option<f64> {
    let text = metrics.open_metrics();
    let found = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.map(|value| value.parse().unwrap())
}

/// The same with `target="default"` and these labels.
fn of(metrics: &Metrics, name: &str, labels: &str) -> f64 {
    let comma = if labels.is_empty() { "" } else { "," };
    let series = format!("mape_k_{name}{{target=\"default\"{comma}{labels}}}");
    value(metrics, &series).unwrap_or_else(|| panic!("no {series}"))
}

fn fresh() -> (Metrics, LoopState) {
    (Metrics::new(), LoopState::new(TargetId::default()))
}

#[test]
fn the_same_report_counts_once_and_counters_only_grow() {
    let (metrics, mut now) = fresh();
    let mut recorder = metrics.recorder();
    let bad = violation("high-latency", "critical", at(0));
    let scale = plan(plan_id(1), json!({"kind": "scale_up", "replicas": 5}), &bad);
    let mut before: Vec<(String, f64)> = Vec::new();
    for cycle in 1..=5 {
        let mut one = report(cycle, at(cycle * 30), vec![bad.clone()]);
        one.decisions = vec![decided(&scale, refused("sensor-doubt"), None)];
        push(&mut now, one);
        *now.statistics.refusals.entry("sensor-doubt".to_owned()).or_default() += 1;
        recorder.observe(&now);
        recorder.observe(&now);

        assert_eq!(of(&metrics, "cycles_total", "result=\"ok\""), cycle as f64);
        assert_eq!(of(&metrics, "plans_total", "decision=\"refused\""), cycle as f64);
        assert_eq!(of(&metrics, "rail_refusals_total", "rail=\"sensor-doubt\""), cycle as f64);
        assert_eq!(of(&metrics, "patterns_detected_total", "kind=\"temporal\""), cycle as f64);
        assert_eq!(of(&metrics, "loop_duration_seconds_count", ""), cycle as f64);
        let text = metrics.open_metrics();
        let counters =
            text.lines().filter(|line| line.contains("_total{") || line.contains("_count{"));
        let after: Vec<_> = counters
            .map(|line| line.rsplit_once(' ').unwrap())
            .map(|(series, value)| (series.to_owned(), value.parse::<f64>().unwrap()))
            .collect();
        for (series, value) in &before {
            let (_, later) = after.iter().find(|(name, _)| name == series).expect("none vanishes");
            assert!(later >= value, "{series} went from {value} to {later}");
        }
        before = after;
    }
}

#[test]
fn cycles_that_were_missed_are_caught_up_with() {
    let (metrics, mut now) = fresh();
    for cycle in 1..=3 {
        push(&mut now, report(cycle, at(cycle), Vec::new()));
    }
    let mut faulty = report(4, at(4), Vec::new());
    faulty.faults = vec!["no disk".to_owned()];
    push(&mut now, faulty);
    now.timings.total = Duration::from_millis(20);
    now.timings.plan = Duration::from_millis(4);
    metrics.recorder().observe(&now);
    assert_eq!(of(&metrics, "cycles_total", "result=\"ok\""), 3.0);
    assert_eq!(of(&metrics, "cycles_total", "result=\"faulty\""), 1.0);
    assert_eq!(of(&metrics, "loop_duration_seconds_count", ""), 1.0, "only the newest is timed");
    assert_eq!(of(&metrics, "loop_duration_seconds_sum", ""), 0.02);
    assert_eq!(of(&metrics, "stage_duration_seconds_sum", "stage=\"plan\""), 0.004);
}

#[test]
fn counters_are_there_before_their_first_event() {
    let (metrics, now) = fresh();
    metrics.recorder().observe(&now);
    for (name, labels) in [
        ("policy_executions_total", "status=\"needs_operator\""),
        ("plans_total", "decision=\"started\""),
        ("patterns_detected_total", "kind=\"causal\""),
        ("cycles_total", "result=\"faulty\""),
        ("paused", ""),
        ("executions_needing_operator", ""),
    ] {
        assert_eq!(of(&metrics, name, labels), 0.0);
    }
    // A cycle's word for a decision must be one of them.
    let one = plan(
        plan_id(1),
        json!({"kind": "scale_up", "replicas": 5}),
        &violation("x", "info", at(0)),
    );
    for decision in [
        Decision::Run,
        Decision::AwaitApproval { needed: 1, because: Vec::new() },
        Decision::ObserveOnly,
        refused("x"),
    ] {
        let word = decided(&one, decision, None).as_str();
        assert_eq!(of(&metrics, "plans_total", &format!("decision=\"{word}\"")), 0.0);
    }
}

#[test]
fn an_execution_counts_when_it_ends_and_again_only_when_it_ends_otherwise() {
    let (metrics, mut now) = fresh();
    let mut recorder = metrics.recorder();
    let bad = violation("high-latency", "critical", at(0));
    let scale = plan(plan_id(1), json!({"kind": "scale_up", "replicas": 5}), &bad);
    let id = execution_id(1);
    let completed = vec![judged(Verdict::Success), ended(Ending::Completed)];
    let mut undone = completed.clone();
    let why = UndoReason::Person;
    undone.extend([
        mapek_model::ExecutionEvent::UndoBegan {
            why,
            steps: vec![mapek_model::StepIndex(0)],
            reason: "no".to_owned(),
        },
        ended(Ending::NeedsOperator),
    ]);
    let lives = [Vec::new(), completed.clone(), completed, undone];
    for (events, expected) in
        lives.into_iter().zip([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    {
        let number = now.statistics.cycles + 1;
        let mut one = report(number, at(number * 30), Vec::new());
        one.progress = vec![progress(&execution(id, &scale, events))];
        push(&mut now, one);
        recorder.observe(&now);
        let success = of(&metrics, "policy_executions_total", "status=\"success\"");
        let stuck = of(&metrics, "policy_executions_total", "status=\"needs_operator\"");
        assert_eq!([success, stuck], expected, "cycle {number}");
    }
    assert_eq!(of(&metrics, "executions_needing_operator", ""), 1.0);
    let labels = "action=\"scale_up\",outcome=\"degradation\"";
    assert_eq!(of(&metrics, "outcomes_total", labels), 0.0, "there before any outcome");
}

#[test]
fn outcomes_count_once_and_success_tells_how_long_it_took() {
    let (metrics, mut now) = fresh();
    let mut recorder = metrics.recorder();
    let bad = violation("high-latency", "critical", at(0));
    let mut scale = plan(plan_id(1), json!({"kind": "scale_up", "replicas": 5}), &bad);
    let (again, other) =
        (scale.steps[0].clone(), json!({"kind": "rebalance_load", "strategy": "even"}));
    let other = plan(plan_id(2), other, &bad).steps[0].clone();
    scale.steps.extend([again, other]);
    scale.created = at(20);
    // One step of three is enough for the times: an execution of the first step alone.
    let mut first_only = scale.clone();
    first_only.steps.truncate(1);
    let done = execution(
        execution_id(1),
        &first_only,
        vec![judged(Verdict::Success), ended(Ending::Completed)],
    );
    let mut judged = outcome(&done, Verdict::Success);
    judged.signature = scale.signature();
    for cycle in 1..=2 {
        let mut one = report(cycle, at(cycle * 60), Vec::new());
        one.progress = vec![progress(&done)];
        one.outcomes = vec![judged.clone()];
        push(&mut now, one);
        recorder.observe(&now);
    }
    for action in ["scale_up", "rebalance_load"] {
        let labels = format!("action=\"{action}\",outcome=\"success\"");
        assert_eq!(of(&metrics, "outcomes_total", &labels), 1.0);
    }
    // Onset at 0, last step applied at 20, effect 40 s later.
    assert_eq!(of(&metrics, "time_to_remediate_seconds_sum", ""), 60.0);
    assert_eq!(of(&metrics, "time_to_remediate_seconds_count", ""), 1.0);
}

#[test]
fn detection_is_timed_for_what_is_new() {
    let (metrics, mut now) = fresh();
    let mut recorder = metrics.recorder();
    // What was there before the loop says nothing about how fast it sees.
    let old = violation("old", "warning", at(0));
    push(&mut now, report(1, at(3600), vec![old.clone()]));
    recorder.observe(&now);
    assert!(!metrics.open_metrics().contains("mape_k_time_to_detect_seconds_count"));

    let mut new = violation("new", "warning", at(3626));
    push(&mut now, report(2, at(3630), vec![old.clone(), new.clone()]));
    // A witness knows better when it began: the same episode all the same.
    new.onset = at(3620);
    push(&mut now, report(3, at(3660), vec![old, new]));
    recorder.observe(&now);
    assert_eq!(of(&metrics, "time_to_detect_seconds_count", ""), 1.0);
    assert_eq!(of(&metrics, "time_to_detect_seconds_sum", ""), 4.0);
    assert_eq!(of(&metrics, "violations", "severity=\"warning\""), 2.0);
}

#[test]
fn sources_that_are_gone_are_not_shown() {
    let (metrics, mut now) = fresh();
    let mut recorder = metrics.recorder();
    let mut one = report(1, at(0), Vec::new());
    let alertmanager = SourceName::try_new("alertmanager").unwrap();
    one.seen.quality.insert(alertmanager, Quality::unreachable("http", "refused"));
    push(&mut now, one);
    recorder.observe(&now);
    assert_eq!(of(&metrics, "evidence_quality", "source=\"prometheus\""), 3.0);
    assert_eq!(of(&metrics, "evidence_quality", "source=\"alertmanager\""), 0.0);
    push(&mut now, report(2, at(30), Vec::new()));
    recorder.observe(&now);
    assert!(!metrics.open_metrics().contains("alertmanager"));
}

#[test]
fn compliance_is_a_share_of_time_as_far_as_it_can_be_told() {
    let (metrics, mut now) = fresh();
    let mut recorder = metrics.recorder();
    let mut blind = report(1, at(0), Vec::new());
    let doubt = Quality::fresh().with(DoubtKind::StaleSample, "x", "old");
    blind.seen.quality.insert(SourceName::try_new("prometheus").unwrap(), doubt);
    push(&mut now, blind);
    recorder.observe(&now);
    assert!(of(&metrics, "objective_compliance_ratio", "").is_nan());

    // Unknown for 100 s, good for 30 s with something mild, bad for 10 s, good for no time yet.
    push(&mut now, report(2, at(100), vec![violation("mild", "info", at(100))]));
    push(&mut now, report(3, at(130), vec![violation("bad", "warning", at(130))]));
    push(&mut now, report(4, at(140), Vec::new()));
    recorder.observe(&now);
    assert_eq!(of(&metrics, "objective_compliance_ratio", ""), 0.75);

    // A loop in which thousands are open keeps fewer cycles; what was seen in them was seen.
    now.reports.drain(..3);
    push(&mut now, report(5, at(180), Vec::new()));
    recorder.observe(&now);
    assert_eq!(of(&metrics, "objective_compliance_ratio", ""), 0.875);
}

#[test]
fn two_loops_share_the_metrics() {
    let (metrics, mut first) = fresh();
    let mut second = LoopState::new(TargetId::try_new("charter-eu").unwrap());
    first.paused = Some("maintenance".to_owned());
    let mut one = report(1, at(0), Vec::new());
    one.target = second.target.clone();
    push(&mut second, one);
    metrics.recorder().observe(&first);
    metrics.recorder().observe(&second);
    assert_eq!(of(&metrics, "paused", ""), 1.0);
    assert_eq!(value(&metrics, "mape_k_paused{target=\"charter-eu\"}"), Some(0.0));
    let cycles = "mape_k_cycles_total{target=\"charter-eu\",result=\"ok\"}";
    assert_eq!(value(&metrics, cycles), Some(1.0));
}

#[tokio::test]
async fn the_endpoint_follows_the_loop() {
    let shown = Shown::start(LoopState::new(TargetId::default())).await;
    let mut now = state();
    now.paused = Some("maintenance".to_owned());
    shown.states.send_replace(Arc::new(now));
    mapek_testkit::wait_until(
        Duration::from_secs(10),
        "the newest cycle in /metrics",
        async || {
            let text = shown.get("/metrics").await.text().await.unwrap();
            text.contains("mape_k_paused{target=\"default\"} 1\n")
                && text.contains("mape_k_cycles_total{target=\"default\",result=\"ok\"} 2\n")
                && text.contains("mape_k_violations{target=\"default\",severity=\"critical\"} 1\n")
        },
    )
    .await
    .unwrap();

    let asked = |accept| client().get(shown.url("/metrics")).header("accept", accept).send();
    let open = asked("application/openmetrics-text;version=1.0.0,text/plain;q=0.5").await.unwrap();
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(open.headers()["content-type"], kind);
    assert!(open.text().await.unwrap().ends_with("\n# EOF\n"));
    let old = asked("text/plain;version=0.0.4").await.unwrap();
    assert_eq!(old.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let old = old.text().await.unwrap();
    assert!(old.contains("# TYPE mape_k_cycles_total counter\n") && !old.contains("# EOF"));
}
