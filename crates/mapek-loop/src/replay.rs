//! Works the decisions of a recorded run out once more, from what the journal kept of each cycle.
//!
//! Analyze, Plan and the rails are asked as a running cycle asks them: this module reads, hands over, and compares. What came from outside
//! (what was observed, what was known, what people and executions did meanwhile) is taken as it was recorded, so that each cycle is judged
//! by itself: what another decision would have brought about nobody knows.

mod differ;

use std::collections::BTreeSet;

use mapek_analyze::{Analyzer, AnalyzerState, Ours};
use mapek_execute::{
    Body, Config, CycleDecisions, CycleInputs, Decision, History, PlanDecision, Rails, Record,
};
use mapek_model::{
    ContentHash, CycleNumber, Diagnosis, DiagnosisId, Epoch, Experience, Observation, Plan, PlanId,
    Sequence, Timestamp,
};
use mapek_plan::{Planner, Planning};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    CycleReport, Decided, Seen,
    cycle::decide::{candidates, summary, wait_for_what_fades},
};
pub use differ::Difference;

/// Who is asked once more.
#[derive(Debug)]
pub struct Deciders {
    /// Who finds the cause.
    pub analyzer: Analyzer,
    /// Who chooses the remedy.
    pub planner: Planner,
    /// What no plan gets past.
    pub rails: Rails,
    /// How approvals count.
    pub execute: Config,
}

/// The values that were kept beside a journal, by their content.
pub type Values<'a> = &'a dyn Fn(&ContentHash) -> Option<Vec<u8>>;

/// One cycle, worked out once more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recalled {
    /// Which cycle.
    pub number: CycleNumber,
    /// When it was.
    pub at: Timestamp,
    /// Its record.
    pub record: Sequence,
    /// The configuration that was in force then.
    pub config: ContentHash,
    /// What was decided otherwise than then, and how; nothing if it is all the same.
    pub differences: Vec<Difference>,
    /// What could not be compared, and why; nothing if all could.
    pub skipped: Vec<String>,
}

impl Recalled {
    /// Whether anything was decided otherwise.
    #[must_use]
    pub const fn differs(&self) -> bool {
        !self.differences.is_empty()
    }
}

/// One cycle, as others would have worked it out.
#[derive(Debug, Clone, PartialEq)]
pub struct Retold {
    /// Which cycle.
    pub number: CycleNumber,
    /// When it was.
    pub at: Timestamp,
    /// Its record.
    pub record: Sequence,
    /// What could not be worked out, and why; nothing if all could.
    pub skipped: Vec<String>,
    /// What it saw, and what they make of it; absent if that could not be worked out.
    pub thought: Option<Thought>,
}

/// What somebody makes of what a cycle saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Thought {
    /// What it saw.
    pub observation: Observation,
    /// What they take it for.
    pub diagnosis: Diagnosis,
    /// What they would do about it; absent where the cycle did not plan.
    pub planning: Option<Planning>,
    /// What their rails say to each of these plans, asked by itself, of what the journal says until then.
    pub said: Vec<Decision>,
}

impl Thought {
    /// As the cycle would have reported it, had it done nothing.
    #[must_use]
    pub fn into_report(self, number: CycleNumber) -> CycleReport {
        let planning = self.planning.unwrap_or_default();
        let decided = planning.plans.iter().zip(self.said).map(|(plan, decision)| Decided {
            plan: plan.id,
            hash: plan.hash(),
            summary: summary(plan),
            decision,
            execution: None,
        });
        CycleReport {
            number,
            target: self.observation.target.clone(),
            at: self.observation.at,
            woken_by: BTreeSet::new(),
            seen: Seen::of(&self.observation),
            diagnosis: self.diagnosis,
            decisions: decided.collect(),
            no_planning: None,
            progress: Vec::new(),
            outcomes: Vec::new(),
            escalations: planning.escalate.iter().cloned().collect(),
            paused: None,
            faults: Vec::new(),
            next_due: self.observation.at,
            unknown: BTreeSet::new(),
            planning,
        }
    }
}

/// Works cycles out once more, record by record.
///
/// ```
/// use mapek_loop::Replay;
///
/// let replay = Replay::default();
/// assert!(replay.finish().is_none(), "nothing was recorded");
/// ```
#[derive(Debug, Default)]
pub struct Replay {
    history: History,
    /// What the newest cycle saw, where that is known.
    before: Option<(Place, Observation)>,
    /// What the analyzer remembered behind it.
    remembered: Option<(Place, AnalyzerState)>,
    open: Option<Open>,
}

/// A cycle of one process: another process remembers what was saved, and saw nothing before.
type Place = (Epoch, CycleNumber);

/// A cycle that may still have decided something.
#[derive(Debug)]
struct Open {
    recalled: Recalled,
    /// What it is worked out from; absent if it cannot be.
    worked: Option<Worked>,
}

#[derive(Debug)]
struct Worked {
    observation: Observation,
    experience: Experience,
    diagnosis: Diagnosis,
    /// What the cycle before saw.
    before: Option<Observation>,
    /// What would be done, and what the rails say to each plan by itself.
    planned: Option<(Planning, Vec<Decision>)>,
}

impl Replay {
    /// A checkpoint somewhere in the journal: says that something is missing in front of it. Call it with each before the first record
    /// is [taken](Self::take).
    pub fn expect(&mut self, checkpoint: &Record) {
        self.history.expect(checkpoint);
    }

    /// The next record, in order. Answers the cycle that it ends, if it ends one. `deciders` decide the cycle that it belongs to; a cycle
    /// for which there are none is left out.
    pub fn take(
        &mut self,
        record: &Record,
        values: Values<'_>,
        deciders: Option<&Deciders>,
    ) -> Option<Recalled> {
        self.step(record, values, deciders, false).map(|it| it.recalled)
    }

    /// The same, for who wants to know what `deciders` would have done, whatever was done then.
    pub fn retell(
        &mut self,
        record: &Record,
        values: Values<'_>,
        deciders: &Deciders,
    ) -> Option<Retold> {
        self.step(record, values, Some(deciders), true).map(Retold::of)
    }

    /// There is no further record. Answers the cycle that was under way, if one was.
    #[must_use]
    pub fn finish(self) -> Option<Recalled> {
        self.open.map(|it| it.recalled)
    }

    /// The same, for who retells.
    #[must_use]
    pub fn finish_retelling(self) -> Option<Retold> {
        self.open.map(Retold::of)
    }

    /// The cycle that a record ends; `each` plan is put before the rails by itself, too, if that is wanted.
    fn step(
        &mut self,
        record: &Record,
        values: Values<'_>,
        deciders: Option<&Deciders>,
        each: bool,
    ) -> Option<Open> {
        let ended = match &record.body {
            Body::Cycle(inputs) => {
                let opened = deciders.map(|it| self.open(record, inputs, values, it));
                std::mem::replace(&mut self.open, opened)
            }
            Body::Decided(decisions) => {
                deciders.and_then(|it| self.decided(decisions, values, it, each))
            }
            _ => None,
        };
        self.history.take(record);
        ended
    }

    fn open(
        &mut self,
        record: &Record,
        inputs: &CycleInputs,
        values: Values<'_>,
        deciders: &Deciders,
    ) -> Open {
        let mut recalled = Recalled {
            number: inputs.number,
            at: record.at,
            record: record.sequence,
            config: inputs.config,
            differences: Vec::new(),
            skipped: Vec::new(),
        };
        let worked = self.work((record.epoch, inputs.number), inputs, values, deciders);
        // What the next cycle rests on is what this one left, and nothing older.
        if worked.is_err() {
            (self.before, self.remembered) = (None, None);
        }
        let worked = match worked {
            Ok((worked, then)) => {
                match then {
                    Some(then) => {
                        recalled.differences =
                            differ::differences("diagnosis", &then, &worked.diagnosis);
                    }
                    None => recalled.skipped.push("its diagnosis was not kept".to_owned()),
                }
                Some(worked)
            }
            Err(why) => {
                recalled.skipped.push(why);
                None
            }
        };
        Open { recalled, worked }
    }

    /// What the analyzer says now, and what it said then.
    fn work(
        &mut self,
        place: Place,
        inputs: &CycleInputs,
        values: Values<'_>,
        deciders: &Deciders,
    ) -> Result<(Worked, Option<Diagnosis>), String> {
        let observation: Observation = read(values, &inputs.observation, "its observation")?;
        let experience: Experience = read(values, &inputs.experience, "its experience")?;
        let then: Option<Diagnosis> = maybe(values, inputs.diagnosis.as_ref(), "its diagnosis")?;
        let ours: Ours =
            maybe(values, inputs.ours.as_ref(), "what it did itself")?.unwrap_or_default();
        let follows = |(epoch, number): Place| (epoch, number.next()) == place;
        let mut state = match &inputs.analyzer {
            Some(hash) => read(values, hash, "what the analyzer remembered")?,
            None => {
                let left = self.remembered.take().filter(|(left, _)| follows(*left));
                left.ok_or("what the analyzer remembered was not kept, or is pruned")?.1
            }
        };
        let id = then.as_ref().map_or(DiagnosisId::from_uuid(Uuid::nil()), |it| it.id);
        let diagnosis = deciders.analyzer.diagnose_knowing(&mut state, &observation, &ours, id);
        let before = match self.before.take().filter(|(left, _)| follows(*left)) {
            Some((_, before)) => Some(before),
            None => maybe(values, inputs.before.as_ref(), "what the cycle before saw")?,
        };
        self.before = Some((place, observation.clone()));
        self.remembered = Some((place, state));
        Ok((Worked { observation, experience, diagnosis, before, planned: None }, then))
    }

    fn decided(
        &mut self,
        then: &CycleDecisions,
        values: Values<'_>,
        deciders: &Deciders,
        each: bool,
    ) -> Option<Open> {
        let Open { mut recalled, worked } =
            self.open.take_if(|open| open.recalled.number == then.number)?;
        let Some(mut worked) = worked else { return Some(Open { recalled, worked }) };
        let (planning, mut said) = self.decide(&worked, then, deciders);
        if each {
            let asked = |plan: &Plan| self.ask(plan, &worked.observation, then, deciders);
            let asked = planning.plans.iter().map(asked).collect();
            worked.planned = Some((planning.clone(), asked));
        }
        for (now, then) in said.iter_mut().zip(&then.decisions) {
            now.said.forget_what_was_not_kept(&then.said);
        }
        match read::<Planning>(values, &then.planning, "what was planned") {
            Ok(planned) => recalled.differences.extend(differ::differences(
                "planning",
                &nameless(planned),
                &nameless(planning),
            )),
            Err(why) => recalled.skipped.push(why),
        }
        if self.history.is_complete(worked.observation.at, &deciders.execute) {
            let rails = differ::differences("decisions", &then.decisions, &said);
            recalled.differences.extend(rails);
        } else {
            recalled.skipped.push("what the rails looked back at is pruned".to_owned());
        }
        Some(Open { recalled, worked: Some(worked) })
    }

    /// What the rails say to one plan.
    fn ask(
        &self,
        plan: &Plan,
        observation: &Observation,
        then: &CycleDecisions,
        deciders: &Deciders,
    ) -> Decision {
        let (paused, recorded) = (then.paused.as_ref(), &then.decisions);
        let Deciders { rails, execute, .. } = deciders;
        let plans = std::slice::from_ref(plan);
        let said =
            self.history.decide_in_turn(rails, execute, plans, observation, paused, recorded);
        said.into_iter().next().map_or(Decision::ObserveOnly, |it| it.said)
    }

    /// Plans, and asks the rails, as a cycle does.
    fn decide(
        &self,
        worked: &Worked,
        then: &CycleDecisions,
        deciders: &Deciders,
    ) -> (Planning, Vec<PlanDecision>) {
        let Worked { observation, experience, diagnosis, before, .. } = worked;
        let mut ids = 0;
        let mut next_id = || {
            ids += 1;
            PlanId::from_uuid(Uuid::from_u128(ids))
        };
        let (planner, now) = (&deciders.planner, observation.at);
        let mut planning = planner.plan(diagnosis, observation, experience, now, &mut next_id);
        if let Some(before) = before {
            wait_for_what_fades(&mut planning, before, observation);
        }
        let mut proposals = self.history.proposals();
        proposals.retain(|proposal| proposal.plan.target == observation.target);
        let plans = candidates(proposals, &planning, diagnosis);
        let Deciders { rails, execute, .. } = deciders;
        let paused = then.paused.as_ref();
        let recorded = &then.decisions;
        let said =
            self.history.decide_in_turn(rails, execute, &plans, observation, paused, recorded);
        (planning, said)
    }
}

impl Retold {
    fn of(Open { recalled, worked }: Open) -> Self {
        let Recalled { number, at, record, skipped, .. } = recalled;
        let thought = worked.map(|worked| {
            let (planning, said) = worked.planned.unzip();
            Thought {
                observation: worked.observation,
                diagnosis: worked.diagnosis,
                planning,
                said: said.unwrap_or_default(),
            }
        });
        Self { number, at, record, skipped, thought }
    }
}

/// Without the ids of plans, which are random.
fn nameless(mut planning: Planning) -> Planning {
    let nobody = PlanId::from_uuid(Uuid::nil());
    let waiting = planning.waiting.iter_mut().map(|it| &mut it.plan);
    planning.plans.iter_mut().chain(waiting).for_each(|plan| plan.id = nobody);
    planning
}

fn read<T: DeserializeOwned>(
    values: Values<'_>,
    hash: &ContentHash,
    what: &str,
) -> Result<T, String> {
    let bytes = values(hash).ok_or_else(|| format!("{what} is not there"))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("{what} cannot be read: {error}"))
}

fn maybe<T: DeserializeOwned>(
    values: Values<'_>,
    hash: Option<&ContentHash>,
    what: &str,
) -> Result<Option<T>, String> {
    hash.map(|hash| read(values, hash, what)).transpose()
}
