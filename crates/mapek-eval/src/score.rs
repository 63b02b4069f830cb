//! What a run was worth.

use std::sync::Arc;

use mapek_model::{ActionKind, CauseKind, Duration, Way};
use serde::Serialize;

use crate::{
    CallRecord, Error, Look, Moment, Scenario, ScenarioKind, Trace,
    world::{TICK, replay},
};

/// Confidence from which on a diagnosis counts as one that the loop stands by: that from which it plans.
const STANDS_BY: f64 = 0.6;

/// How long after a fault has ended its traces are still rightly ascribed to it.
pub(crate) const GRACE: Duration = Duration::from_secs(300);

/// Lost seconds by which an action must do worse than its absence to count as harmful. Two runs that differ in one request differ in
/// a few: the paired run has the same random streams, but not the same queues.
const HARM_MIN_S: f64 = 10.0;

/// The score of one run. Times are in seconds, losses in seconds of a total outage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// The scenario.
    pub scenario: String,
    /// What would have been right in it.
    pub kind: ScenarioKind,
    /// What random numbers came from.
    pub seed: u64,
    /// Who steered.
    pub entrant: String,
    /// Whether the objective was ever missed.
    pub breached: bool,
    /// From the first fault until whoever steered saw anything.
    pub detected_s: Option<f64>,
    /// Whether the first diagnosis that was stood by was right; absent where nothing was wrong.
    pub cause_at_1: Option<bool>,
    /// Whether the true cause was among its first three.
    pub cause_at_3: Option<bool>,
    /// Whether the objective was met and held after the last fault had begun; absent where there is nothing to mitigate.
    pub mitigated: Option<bool>,
    /// From the first miss until the objective was met and held.
    pub mitigated_s: Option<f64>,
    /// What was lost.
    pub loss_s: f64,
    /// Changes of the plant, those that take something back apart.
    pub actions: u32,
    /// Those of them of which nobody who knows the fault would approve.
    pub needless: u32,
    /// Those that were taken back.
    pub undone: u32,
    /// Those without which less would have been lost, and that were not taken back. Absent if nobody asked.
    pub harmful: Option<u32>,
    /// Whether people were told.
    pub escalated: bool,
    /// How often.
    pub escalations: u32,
    /// Confidences as they were stated, and whether they were right.
    pub stated: Vec<Stated>,
}

/// A confidence as it was stated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stated {
    /// How sure: 0 to 1.
    pub confidence: f64,
    /// Whether it was right.
    pub right: bool,
    /// How much it counts: all of one run count as one.
    pub weight: f64,
}

/// Scores a run by what is in its trace; [`harm`] asks further.
#[must_use]
pub fn score(scenario: &Scenario, trace: &Trace) -> Score {
    let first_fault = scenario.first_fault().as_secs_f64();
    let faulty = scenario.kind != ScenarioKind::Control;
    let after = |look: &&Look| look.at_s >= first_fault;
    let guess = faulty.then(|| first_guess(trace, first_fault));
    let right = |count: usize| {
        guess.map(|guess| guess.is_some_and(|look| is_right(scenario, trace, look, count)))
    };
    let missed = trace.moments.iter().find(|it| it.at_s >= first_fault && !it.met);
    let escalations = trace.looks.iter().filter(after).filter(|it| !it.escalations.is_empty());
    let escalations = count(escalations.count());
    let actions: Vec<_> = trace.actions().collect();
    Score {
        scenario: scenario.name.clone(),
        kind: scenario.kind,
        seed: trace.seed,
        entrant: trace.entrant.clone(),
        breached: missed.is_some(),
        detected_s: detected(trace, first_fault),
        cause_at_1: right(1),
        cause_at_3: right(3),
        mitigated: (scenario.kind == ScenarioKind::Fault).then(|| is_mitigated(scenario, trace)),
        mitigated_s: missed.and_then(|missed| {
            Some(restored(scenario, &trace.moments, missed.at_s)? - missed.at_s)
        }),
        loss_s: lost(&trace.moments),
        actions: count(actions.len()),
        needless: count(actions.iter().filter(|it| is_needless(scenario, trace, it)).count()),
        undone: count(actions.iter().filter(|it| trace.is_undone(it)).count()),
        harmful: None,
        escalated: escalations > 0,
        escalations,
        stated: stated(scenario, trace),
    }
}

/// How many actions of the run did harm and were left standing: for each, the same plant is run again without it and what took it back,
/// everything else as it was.
///
/// # Errors
///
/// [`Error::Scenario`] if the scenario makes no sense.
pub async fn harm(scenario: &Arc<Scenario>, trace: &Trace) -> Result<u32, Error> {
    let mut harmful = 0;
    for action in trace.actions().filter(|it| !trace.is_undone(it)) {
        let others: Vec<_> = trace.calls.iter().filter(|it| !it.belongs_to(action)).collect();
        let without = lost(&replay(scenario, trace.seed, &others).await?);
        if lost(&trace.moments) > without + HARM_MIN_S {
            harmful += 1;
        }
    }
    Ok(harmful)
}

impl Trace {
    /// Changes that took effect, those that take something back apart.
    pub fn actions(&self) -> impl Iterator<Item = &CallRecord> {
        let forth = |call: &&CallRecord| call.step.is_none_or(|step| step.way == Way::Do);
        self.calls.iter().filter(|call| call.result.took_effect()).filter(forth)
    }

    /// Whether `action` was taken back later.
    #[must_use]
    pub fn is_undone(&self, action: &CallRecord) -> bool {
        let back = |call: &CallRecord| call.step.is_some_and(|step| step.way == Way::Undo);
        let effective = self.calls.iter().filter(|call| call.result.took_effect());
        action.step.is_some() && effective.filter(|it| back(it)).any(|it| it.belongs_to(action))
    }

    /// Whether capacity has been idle until then.
    fn is_idle(&self, at_s: f64) -> bool {
        let lately = self.moments.iter().filter(|it| (at_s - IDLE_FOR_S..=at_s).contains(&it.at_s));
        let (sum, count) = lately.fold((0.0, 0.0), |(sum, n), it| (sum + it.load, n + 1.0));
        count > 0.0 && sum / count < IDLE_BELOW
    }
}

impl CallRecord {
    /// Whether it is `action`, or takes it back.
    fn belongs_to(&self, action: &Self) -> bool {
        match (self.step, action.step) {
            (Some(mine), Some(its)) => (mine.execution, mine.step) == (its.execution, its.step),
            _ => self == action,
        }
    }
}

/// The area above a curve that should be zero, in the warm-up left out.
fn lost(moments: &[Moment]) -> f64 {
    let scored = moments.iter().filter(|it| it.at_s > 0.0);
    scored.map(|it| it.loss * TICK.as_secs_f64()).sum()
}

fn detected(trace: &Trace, first_fault: f64) -> Option<f64> {
    let look = trace.looks.iter().find(|it| it.at_s >= first_fault && !it.open.is_empty())?;
    Some(look.at_s - first_fault)
}

/// The first diagnosis that was stood by, or else the most confident one.
fn first_guess(trace: &Trace, from: f64) -> Option<&Look> {
    let told = || trace.looks.iter().filter(move |it| it.at_s >= from && !it.causes.is_empty());
    let confidence = |look: &Look| look.causes[0].1;
    told()
        .find(|look| confidence(look).get() >= STANDS_BY)
        .or_else(|| told().rev().max_by_key(|look| confidence(look)))
}

/// Whether one of the first `count` causes is true.
fn is_right(scenario: &Scenario, trace: &Trace, look: &Look, count: usize) -> bool {
    let at = Duration::try_from_secs_f64(look.at_s).unwrap_or_default();
    let truth = scenario.causes_at(at, GRACE);
    let idle = || trace.is_idle(look.at_s);
    let is_true = |kind: &CauseKind| truth.contains(kind) || (*kind == IDLE && idle());
    look.causes.iter().take(count).any(|(cause, _)| is_true(&cause.kind))
}

/// The one cause that is a state rather than a fault: whoever scales up for a crowd that leaves again makes it true.
const IDLE: &str = "idle-capacity";
/// Capacity is idle if less of it than this has been used on average
const IDLE_BELOW: f64 = 0.4;
/// for so long.
const IDLE_FOR_S: f64 = 600.0;

/// When the objective is met and stays so for as long as it must, at `from` or later.
fn restored(scenario: &Scenario, moments: &[Moment], from: f64) -> Option<f64> {
    let held = scenario.objective.held.as_secs_f64();
    let mut since = None;
    for moment in moments.iter().filter(|it| it.at_s >= from) {
        if !moment.met {
            since = None;
            continue;
        }
        let begun = *since.get_or_insert(moment.at_s);
        if moment.at_s - begun >= held {
            return Some(begun);
        }
    }
    None
}

/// Whether the objective is met and held once the last fault has begun.
fn is_mitigated(scenario: &Scenario, trace: &Trace) -> bool {
    let last = scenario.faults.iter().flat_map(|fault| fault.starts()).max().unwrap_or_default();
    let missed = trace.moments.iter().find(|it| it.at_s >= last.as_secs_f64() && !it.met);
    missed.is_none_or(|missed| restored(scenario, &trace.moments, missed.at_s).is_some())
}

fn is_needless(scenario: &Scenario, trace: &Trace, action: &CallRecord) -> bool {
    let gives_back = action.kind == ActionKind::ScaleDown && trace.is_idle(action.at_s);
    scenario.kind == ScenarioKind::Control || !(scenario.accepts(&action.kind) || gives_back)
}

fn stated(scenario: &Scenario, trace: &Trace) -> Vec<Stated> {
    let told = trace.looks.iter().filter(|it| it.at_s >= 0.0 && !it.causes.is_empty());
    let told: Vec<_> = told.collect();
    let weight = 1.0 / told.len().max(1) as f64;
    let stated = |look: &&Look| Stated {
        confidence: look.causes[0].1.get(),
        right: is_right(scenario, trace, look, 1),
        weight,
    };
    told.iter().map(stated).collect()
}

/// A count that is shown; no run makes four billion of anything.
fn count(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Nothing, Oracle, StaticRules, play};

    fn scenario(change: impl FnOnce(&mut serde_json::Value)) -> Arc<Scenario> {
        let mut json = serde_json::json!({
            "name": "overload", "description": "More requests.",
            "warm_up": "5m", "horizon": "15m",
            "faults": [{"kind": "overload", "at": "2m", "intensity": 0.6}],
            "right": {
                "acceptable": ["scale_up", "throttle_requests"],
                "remedies": [
                    [{"kind": "scale_up", "replicas": 13}],
                    [{"kind": "throttle_requests", "rate_limit": 400.0}],
                ],
            },
        });
        change(&mut json);
        Arc::new(serde_json::from_value(json).unwrap())
    }

    #[tokio::test]
    async fn a_replay_of_all_calls_is_the_run_itself_and_without_them_nothing_is_healed() {
        let scenario = scenario(|_| ());
        let trace = play(&scenario, 3, &StaticRules).await.unwrap().trace;
        let calls: Vec<_> = trace.calls.iter().collect();
        assert!(!calls.is_empty());
        assert_eq!(replay(&scenario, 3, &calls).await.unwrap(), trace.moments);
        let left = replay(&scenario, 3, &[]).await.unwrap();
        let nothing = play(&scenario, 3, &Nothing).await.unwrap().trace;
        assert_eq!(left, nothing.moments, "who only looks changes nothing");
    }

    #[tokio::test]
    async fn who_knows_the_fault_heals_it_and_takes_back_what_is_temporary() {
        let scenario = scenario(|json| json["faults"][0]["duration"] = "3m".into());
        let throttled = play(&scenario, 1, &Oracle::new(1)).await.unwrap().trace;
        let [throttle, release] = &throttled.calls[..] else { panic!("{:?}", throttled.calls) };
        assert!(throttled.is_undone(throttle) && release.at_s > throttle.at_s);
        let scored = score(&scenario, &throttled);
        assert_eq!((scored.actions, scored.undone, scored.needless), (1, 1, 0));
        let scaled = play(&scenario, 1, &Oracle::new(0)).await.unwrap().trace;
        let nothing = play(&scenario, 1, &Nothing).await.unwrap().trace;
        let (scaled, nothing) = (score(&scenario, &scaled), score(&scenario, &nothing));
        assert_eq!((scaled.mitigated, scaled.breached), (Some(true), true));
        assert!(2.0 * scaled.loss_s < nothing.loss_s, "{} {}", scaled.loss_s, nothing.loss_s);
    }

    #[tokio::test]
    async fn an_action_is_harmful_if_less_is_lost_without_it() {
        // Nothing is wrong, and somebody takes half of the replicas away.
        let scenario = scenario(|json| {
            json["faults"][0]["intensity"] = 0.01.into();
            json["right"]["remedies"][0][0] =
                serde_json::json!({"kind": "scale_down", "replicas": 3});
        });
        let mut trace = play(&scenario, 1, &Nothing).await.unwrap().trace;
        assert_eq!(harm(&scenario, &trace).await.unwrap(), 0);
        trace.calls.push(CallRecord {
            at_s: 60.0,
            kind: mapek_model::ActionKind::ScaleDown,
            mutation: charter_sim::Mutation::Scale(charter_client::ScaleRequest { replicas: 3 }),
            result: crate::CallResult::Applied,
            step: None,
        });
        let all: Vec<_> = trace.calls.iter().collect();
        trace.moments = replay(&scenario, 1, &all).await.unwrap();
        assert_eq!(harm(&scenario, &trace).await.unwrap(), 1);
        assert_eq!(score(&scenario, &trace).needless, 1);
    }

    #[test]
    fn restored_is_held_for_as_long_as_it_must() {
        let scenario = scenario(|_| ());
        let moment = |at_s: f64, met| Moment {
            at_s,
            met,
            loss: 0.0,
            validation_p99_s: 0.0,
            failure_rate: 0.0,
            throughput: 0.0,
            arrivals: 0.0,
            load: 0.8,
            replicas: 6,
        };
        let moments: Vec<_> = (0..200)
            .map(|i| moment(f64::from(i) * 5.0, !(20..40).contains(&i) && i != 60))
            .collect();
        assert_eq!(restored(&scenario, &moments, 0.0), Some(305.0), "the first gap is too short");
        assert_eq!(restored(&scenario, &moments[..110], 0.0), None);
    }
}
