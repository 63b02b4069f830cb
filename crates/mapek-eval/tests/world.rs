//! What a scenario says happens in its world, at its time.

use std::sync::Arc;

use mapek_eval::{Moment, Nothing, Scenario, Trace, play};
use serde_json::{Value, json};

/// A control of ten minutes after five of warm-up, with what is `given`.
fn scenario(given: Value) -> Arc<Scenario> {
    let mut json = json!({
        "name": "x", "description": "x", "kind": "control", "warm_up": "5m", "horizon": "10m",
    });
    let object = json.as_object_mut().expect("it is one");
    object.extend(given.as_object().expect("it is one").clone());
    let scenario: Scenario = serde_json::from_value(json).expect("it is a scenario");
    assert_eq!(scenario.flaws(), []);
    Arc::new(scenario)
}

async fn played(given: Value) -> Trace {
    play(&scenario(given), 1, &Nothing).await.expect("it makes sense").trace
}

fn between(trace: &Trace, from_s: f64, to_s: f64) -> impl Iterator<Item = &Moment> {
    trace.moments.iter().filter(move |it| it.at_s >= from_s && it.at_s < to_s)
}

#[tokio::test]
async fn a_trace_begins_with_the_warm_up() {
    let rows: Vec<_> =
        (0..10).map(|n| (90.0 * f64::from(n), 100.0 + 40.0 * f64::from(n))).collect();
    let trace = played(json!({"plant": {"arrivals": {"shape": "trace", "rows": rows}}})).await;
    for (at_s, rate) in rows {
        // Rates look back ten seconds, and lag by as much: 30 s hold 3 000 requests and more, 4 σ of which are at most 8 %.
        let from_s = at_s - 300.0 + 30.0;
        let seen: Vec<f64> = between(&trace, from_s, from_s + 50.0).map(|it| it.arrivals).collect();
        let mean = seen.iter().sum::<f64>() / seen.len() as f64;
        assert!((mean / rate - 1.0).abs() < 0.08, "{mean} for {rate} at {from_s}");
    }
}

#[tokio::test]
async fn others_act_at_their_times_in_whatever_order_they_are_written() {
    let trace = played(json!({"changes": [
        {"at": "6m", "does": {"kind": "scale", "replicas": 7}},
        {"at": "2m", "does": {"kind": "scale", "replicas": 9}},
        {"at": "6m", "does": {"kind": "scale", "replicas": 8}},
    ]}))
    .await;
    let replicas = |at_s: f64| between(&trace, at_s, at_s + 5.0).map(|it| it.replicas).next();
    assert_eq!(
        [115.0, 125.0, 355.0, 365.0].map(|at_s| replicas(at_s).expect("there is one")),
        [6, 9, 9, 8]
    );
    assert!(trace.calls.is_empty(), "what others do is not what who steers did");
}

#[tokio::test]
async fn an_alert_that_flaps_is_seen_and_goes_while_all_is_well() {
    let flapping = json!({
        "kind": "flapping-alert", "alert": "ForbiddenMetricSpike",
        "at": "1m", "duration": "6m", "every": "4m",
    });
    let trace = played(json!({"sensor_faults": [flapping]})).await;
    assert!(trace.moments.iter().all(|it| it.met), "the plant is well");
    let seen = |at_s: f64| {
        let look = trace.looks.iter().find(|it| it.at_s >= at_s).expect("somebody looks");
        !look.open.is_empty()
    };
    // From 60 to 180 it fires, and from 300 to 420; rules are evaluated every 30 s, and eyes look as often.
    assert_eq!([30.0, 120.0, 270.0, 360.0, 510.0].map(seen), [false, true, false, true, false]);
}

#[tokio::test]
async fn noise_is_in_the_eyes_alone() {
    let noise = json!({"sensor_faults": [{"kind": "noise", "spread": 0.2}]});
    let (noisy, quiet) = (played(noise).await, played(json!({})).await);
    assert_eq!(noisy.moments, quiet.moments);
}
