//! One run: a scenario, a seed, and somebody who steers.

use std::{collections::BTreeMap, collections::BTreeSet, sync::Arc};

use mapek_loop::WakeReason;
use mapek_model::{ExecutionId, IdempotencyKey, StepIndex, Way};

use crate::{
    CallRecord, Entrant, Error, Look, Scenario, StepOf, Trace,
    recorder::Asked,
    world::{Stage, World},
};

/// What came of one run.
#[derive(Debug, Clone)]
pub struct Played {
    /// What happened.
    pub trace: Trace,
    /// Each cycle as one line of JSON, where whoever steered told.
    pub reports: Vec<String>,
}

/// Plays `scenario` under `seed`, steered by `entrant`. The same three give the same bytes.
///
/// Nothing in it waits: whoever polls the future gets it done in one go.
///
/// # Errors
///
/// [`Error`] if the scenario makes no sense, or the entrant cannot be set up.
pub async fn play(
    scenario: &Arc<Scenario>,
    seed: u64,
    entrant: &dyn Entrant,
) -> Result<Played, Error> {
    let mut world = World::build(scenario, seed)?;
    let mut steering = entrant.sit_down(world.seat(scenario, seed))?;
    let mut notes = Notes::default();
    let mut due = world.stage.now();
    let mut woken_by = BTreeSet::from([WakeReason::Start]);
    while !world.stage.is_over() {
        if world.tick().await? {
            woken_by.insert(WakeReason::Alert);
        }
        let now = world.stage.now();
        if now >= due {
            woken_by.insert(WakeReason::Interval);
        }
        if woken_by.is_empty() {
            continue;
        }
        let turn = steering.turn(now, std::mem::take(&mut woken_by)).await;
        due = turn.next_due;
        notes.know(&turn.executions);
        notes.looks.push(Look { at_s: world.stage.at_s(now), ..turn.look });
        notes.reports.extend(turn.report);
        for asked in world.recorder.take() {
            let call = notes.call(asked, &world.stage);
            notes.calls.push(call);
        }
    }
    let trace = Trace {
        scenario: scenario.name.clone(),
        seed,
        entrant: entrant.name().to_owned(),
        moments: world.stage.into_moments(),
        looks: notes.looks,
        calls: notes.calls,
    };
    Ok(Played { trace, reports: notes.reports })
}

#[derive(Default)]
struct Notes {
    looks: Vec<Look>,
    calls: Vec<CallRecord>,
    reports: Vec<String>,
    /// Which step a key belongs to.
    steps: BTreeMap<String, StepOf>,
    known: BTreeSet<ExecutionId>,
}

impl Notes {
    fn know(&mut self, executions: &[(ExecutionId, StepIndex)]) {
        for &(execution, StepIndex(count)) in executions {
            if !self.known.insert(execution) {
                continue;
            }
            for step in (0..count).map(StepIndex) {
                for way in [Way::Do, Way::Undo] {
                    let key = IdempotencyKey::of(execution, step, way).to_string();
                    self.steps.insert(key, StepOf { execution, step, way });
                }
            }
        }
    }

    fn call(&self, asked: Asked, stage: &Stage) -> CallRecord {
        let step = asked.key.and_then(|key| self.steps.get(&key).copied());
        let Asked { at, kind, mutation, result, .. } = asked;
        CallRecord { at_s: stage.at_s(at), kind, mutation, result, step }
    }
}
