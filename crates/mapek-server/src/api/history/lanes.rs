//! What lasted from when to when.

use std::{cmp::Reverse, sync::Arc};

use mapek_loop::{Chronicle, Episode, Note, Pause, Track};
use mapek_model::{
    Component, CycleNumber, ExecutionId, Expectation, MetricName, Severity, StepIndex, Timestamp,
    Way,
};
use schemars::JsonSchema;
use serde::Serialize;

/// Items of a lane in an answer; of episodes the worst.
const LANE_MAX: usize = 500;

/// What lasted, by what it is; each at least partly within the span.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Lanes {
    /// What was breached.
    violations: Vec<Breached>,
    /// How many episodes there are besides.
    violations_more: usize,
    /// What was done.
    executions: Vec<Done>,
    /// When nothing was allowed.
    pauses: Vec<Paused>,
    /// What a person was to be told.
    escalations: Vec<Told>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Breached {
    expectation: Expectation,
    component: Option<Component>,
    severity: Severity,
    from: Timestamp,
    /// Null as long as it goes on.
    to: Option<Timestamp>,
    /// Whether it was given up: nobody knows whether it is over.
    gone: bool,
    /// Whether an alert told of it.
    alert: bool,
    metric: Option<MetricName>,
    threshold: Option<f64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Done {
    execution: ExecutionId,
    cause: String,
    steps: Vec<String>,
    from: Option<Timestamp>,
    /// Null as long as it goes on.
    to: Option<Timestamp>,
    verdict: Option<String>,
    ending: Option<String>,
    marks: Vec<Marked>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Marked {
    at: Timestamp,
    cycle: CycleNumber,
    /// What happened, in the journal's word.
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<StepIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    way: Option<Way>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Paused {
    from: Timestamp,
    /// Null as long as it goes on.
    to: Option<Timestamp>,
    why: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Told {
    from: Timestamp,
    to: Timestamp,
    cycle: CycleNumber,
    text: String,
}

/// The worst episodes, then the oldest.
pub(crate) fn worst_first(mut episodes: Vec<Arc<Episode>>) -> Vec<Arc<Episode>> {
    episodes.sort_by_key(|it| (Reverse(it.severity), it.from));
    episodes
}

impl Lanes {
    pub(super) fn of(chronicle: &Chronicle, from: Timestamp, to: Timestamp) -> Self {
        let episodes = worst_first(chronicle.episodes(from, to));
        let violations_more = episodes.len().saturating_sub(LANE_MAX);
        let of_episode = |it: &Arc<Episode>| Breached {
            expectation: it.expectation.clone(),
            component: it.component.clone(),
            severity: it.severity,
            from: it.from,
            to: it.to,
            gone: it.gone,
            alert: it.alerted,
            metric: it.metric.clone(),
            threshold: it.threshold,
        };
        let told = |it: &Arc<Note>| Told {
            from: it.from,
            to: it.to,
            cycle: it.cycle,
            text: it.text.to_string(),
        };
        let paused = |it: Pause| Paused { from: it.from, to: it.to, why: it.why.to_string() };
        Self {
            violations: episodes.iter().take(LANE_MAX).map(of_episode).collect(),
            violations_more,
            executions: chronicle.tracks(from, to).iter().map(|it| done(it)).collect(),
            pauses: chronicle.pauses(from, to).into_iter().take(LANE_MAX).map(paused).collect(),
            escalations: chronicle.notes(from, to).iter().take(LANE_MAX).map(told).collect(),
        }
    }
}

fn done(track: &Track) -> Done {
    let marked = |mark: &mapek_loop::Mark| Marked {
        at: mark.at,
        cycle: mark.cycle,
        event: mark.event,
        step: mark.step,
        way: mark.way,
        detail: mark.detail.as_ref().map(ToString::to_string),
    };
    Done {
        execution: track.id,
        cause: track.cause.to_string(),
        steps: track.steps.iter().map(ToString::to_string).collect(),
        from: track.from(),
        to: track.to(),
        verdict: track.verdict().map(str::to_owned),
        ending: track.ending().map(str::to_owned),
        marks: track.marks.iter().map(marked).collect(),
    }
}
