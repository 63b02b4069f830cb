//! The plant, its faults at their times, and how it fares: all that a replay needs.

use std::sync::Arc;

use charter_client::{CallOptions, CharterApi, Seconds};
use charter_sim::{Arrivals, Fault, InProcess, Mutation, Totals};
use mapek_model::{Duration, Timestamp, later, since};

use crate::{CallRecord, Error, Moment, PlannedChange, Scenario};

/// How much time passes at once.
pub(crate) const TICK: Duration = Duration::from_secs(5);

/// How long the plant has run when the warm-up begins: its gauges show what is usual.
const RUN_IN: Duration = Duration::from_secs(60);
/// How long before the warm-up its policies were installed: they are no longer news.
const INSTALLED_AGO: Duration = Duration::from_secs(2_700);

/// The plant of one run.
#[derive(Debug)]
pub(crate) struct Stage {
    scenario: Arc<Scenario>,
    plant: InProcess,
    began: Timestamp,
    start: Timestamp,
    now: Timestamp,
    before: Totals,
    /// How many faults of the API have been injected, in the order of their times.
    api_faults: usize,
    /// What others are still to do, the last first.
    changes: Vec<PlannedChange>,
    moments: Vec<Moment>,
}

impl Stage {
    /// A healthy plant that knows what is to befall it.
    pub(crate) fn build(scenario: &Arc<Scenario>, seed: u64) -> Result<Self, Error> {
        let born: Timestamp = "2026-01-01T00:00:00Z".parse().expect("it is written here");
        let began = later(born, RUN_IN);
        let start = later(began, scenario.warm_up);
        let refused =
            |field: String, reason: String| Error::scenario(&scenario.name, field, reason);
        let mut config = scenario.plant.clone();
        config.installed_ago_s = config.installed_ago_s.max(INSTALLED_AGO.as_secs_f64());
        // In a scenario a trace begins with the warm-up, in a plant with the plant.
        if let Arrivals::Trace { starts_at_s, .. } = &mut config.arrivals {
            *starts_at_s += RUN_IN.as_secs_f64();
        }
        let plant = InProcess::try_new(config, seed, born)
            .map_err(|error| refused(format!("plant.{}", error.field()), error.to_string()))?;
        plant.advance_to(began);
        for (i, fault) in scenario.faults.iter().enumerate() {
            let seconds = |field: &str, duration: Duration| {
                Seconds::try_new(duration.as_secs_f64())
                    .map_err(|error| refused(format!("faults[{i}].{field}"), error.to_string()))
            };
            for at in fault.starts() {
                let fault = Fault {
                    kind: fault.kind,
                    at: Some(later(start, at)),
                    ramp: seconds("ramp", fault.ramp)?,
                    duration: fault.duration.map(|it| seconds("duration", it)).transpose()?,
                    intensity: fault.intensity,
                    node: fault.node.clone(),
                };
                let injected = plant.inject(fault);
                injected.map_err(|error| refused(format!("faults[{i}]"), error.to_string()))?;
            }
        }
        let mut changes: Vec<_> = scenario.changes.iter().rev().cloned().collect();
        changes.sort_by_key(|change| std::cmp::Reverse(change.at));
        Ok(Self {
            scenario: Arc::clone(scenario),
            plant,
            began,
            start,
            now: began,
            before: Totals::default(),
            api_faults: 0,
            changes,
            moments: Vec::new(),
        })
    }

    pub(crate) fn plant(&self) -> &InProcess {
        &self.plant
    }

    /// When the warm-up began.
    pub(crate) fn began(&self) -> Timestamp {
        self.began
    }

    /// When the scored time begins.
    pub(crate) fn start(&self) -> Timestamp {
        self.start
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Seconds after the start; negative in the warm-up.
    pub(crate) fn at_s(&self, at: Timestamp) -> f64 {
        at.duration_since(self.start).as_secs_f64()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.now >= later(self.start, self.scenario.horizon)
    }

    /// Lets a tick pass, and looks how the plant fares.
    pub(crate) fn tick(&mut self) -> Result<(), Error> {
        self.now = later(self.now, TICK);
        self.inject_api_faults()?;
        self.let_others_act();
        self.plant.advance_to(self.now);
        let state = self.plant.state();
        let compliance = self.scenario.objective.compliance(&state, &self.before);
        self.before = state.totals;
        self.moments.push(Moment {
            at_s: self.at_s(self.now),
            met: compliance.met,
            loss: compliance.loss,
            validation_p99_s: state.validation_p99_s,
            failure_rate: state.failure_rate,
            throughput: state.throughput,
            arrivals: state.arrival_rate,
            load: state.load,
            replicas: state.target_replicas,
        });
        Ok(())
    }

    fn let_others_act(&mut self) {
        while let Some(change) = self.changes.pop_if(|it| later(self.start, it.at) <= self.now) {
            change.make(&self.plant);
        }
    }

    fn inject_api_faults(&mut self) -> Result<(), Error> {
        if self.now < self.start {
            return Ok(());
        }
        let passed = since(self.now, self.start);
        while let Some(next) = self.scenario.api_faults.get(self.api_faults) {
            if next.at > passed {
                break;
            }
            let field = format!("api_faults[{}]", self.api_faults);
            self.api_faults += 1;
            let injected = self.plant.inject(next.fault.clone());
            injected.map_err(|error| Error::scenario(&self.scenario.name, field, error))?;
        }
        Ok(())
    }

    /// What was seen of it so far.
    pub(crate) fn into_moments(self) -> Vec<Moment> {
        self.moments
    }
}

/// The same plant under the same seed, to which just `calls` are done, each at its time: what would have been.
///
/// Faults of the API are left out: the calls are those that took effect.
pub(crate) async fn replay(
    scenario: &Arc<Scenario>,
    seed: u64,
    calls: &[&CallRecord],
) -> Result<Vec<Moment>, Error> {
    let mut quiet = Scenario::clone(scenario);
    quiet.api_faults.clear();
    let mut stage = Stage::build(&Arc::new(quiet), seed)?;
    let mut calls = calls.iter().filter(|call| call.result.took_effect()).peekable();
    while !stage.is_over() {
        stage.tick()?;
        let now = stage.at_s(stage.now);
        while let Some(call) = calls.next_if(|call| call.at_s <= now) {
            repeat(&stage.plant, &call.mutation).await;
        }
    }
    Ok(stage.into_moments())
}

/// A call that made sense then may not make sense without those before it; then nothing happens.
async fn repeat(plant: &InProcess, mutation: &Mutation) {
    let options = CallOptions::new();
    match mutation {
        Mutation::Apply(request) => drop(plant.apply(request, &options).await),
        Mutation::Rollback(policy) => drop(plant.rollback(policy, &options).await),
        Mutation::Scale(request) => drop(plant.scale(request, &options).await),
        Mutation::Restart(request) => drop(plant.restart(request, &options).await),
    }
}
