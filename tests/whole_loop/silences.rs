//! What people silence in Alertmanager is seen, and left alone.

use std::time::Duration;

use mapek::{
    CycleReport, SystemClock,
    alertmanager::{Config, PostableSilence},
    execute::Decision,
    model::{Ending, Verdict, later},
};

use crate::support::{Setup, World, sees, slow_validation};

/// Whether a plan was held back by a silence in this cycle.
fn is_held_back(report: &CycleReport) -> bool {
    report.decisions.iter().any(|decided| match &decided.decision {
        Decision::Refused { refusals } => refusals.iter().any(|it| it.rail == "silence"),
        _ => false,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_stops_what_would_be_done_until_it_is_expired_and_nothing_else() {
    let world = World::start(Setup { alerts: true, ..Setup::default() }).await;
    let url = world.alertmanager.as_ref().unwrap().url();
    let now = mapek::Clock::now(&SystemClock::new());
    let api = Config { url, ..Config::default() }.build(reqwest::Client::new(), now).unwrap();
    let matchers = r#"alertname=~"EnforcementFailing|ValidationLatencySLA""#.parse().unwrap();
    let until = later(now, Duration::from_secs(3600));
    let silence = PostableSilence::new(&matchers, now, until, "ada", "we are moving house");
    let id = api.post_silence(&silence).await.unwrap();

    world.inject(slow_validation());
    world
        .until("a plan that is held back", |state| state.last().is_some_and(|it| is_held_back(it)))
        .await;
    world.cycles(3, "cycles that hold it back", is_held_back).await;
    let state = world.state();
    assert!(state.executions.is_empty(), "{:?}", state.executions);
    assert_eq!(world.effects("scale"), 0);
    let last = state.last().unwrap();
    assert!(
        sees(last, "high-validation-latency"),
        "what is silenced is seen: {:?}",
        last.seen.open
    );

    api.delete_silence(&id).await.unwrap();
    let execution = world.execution("the end of the plan", |it| it.status.ending().is_some()).await;
    assert_eq!(execution.status.ending(), Some(Ending::Completed), "{:?}", execution.reason);
    assert_eq!(world.outcome().await.verdict, Verdict::Success);
}
