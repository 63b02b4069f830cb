//! Back from the journal: what happened before this process began, and cycles that have left memory.
//!
//! The journal keeps the cycles in which something was open or at work; what a quiet one saw is gone with the process.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mapek_execute::{Archive, Body, CycleDecisions, CycleInputs, Decision, PlanDecision, Record};
use mapek_model::{
    ContentHash, CycleNumber, Diagnosis, ExecutionEvent, ExecutionId, Observation, Plan, PlanHash,
    Quality, Series, SourceName, TargetId, Timestamp, Violation,
};
use mapek_plan::Planning;
use serde::Deserialize;

use super::{
    Mark, Moment, Past, Pause, Track, cut,
    episode::Told,
    moment::{Open, Raw},
};
use crate::{CycleReport, Decided, Seen, cycle::decide::summary};

/// What a moment needs of an observation: the rest is not even read.
#[derive(Deserialize)]
struct Glimpse {
    target: TargetId,
    at: Timestamp,
    open: Vec<Violation>,
    closed: Vec<Violation>,
    #[serde(default)]
    gone: Vec<Violation>,
    series: BTreeMap<String, Vec<Series>>,
    quality: BTreeMap<SourceName, Quality>,
}

impl Glimpse {
    fn values(&self) -> BTreeMap<String, f64> {
        let newest = |series: &[Series]| Some(series.iter().find_map(Series::last)?.value);
        let values = self.series.iter().filter_map(|(name, it)| Some((name.clone(), newest(it)?)));
        values.filter(|(_, value)| value.is_finite()).collect()
    }
}

/// What the journal has of a target's time from `since` on.
pub(crate) fn past(
    archive: &Archive,
    target: &TargetId,
    since: Timestamp,
) -> Result<Past, mapek_execute::Error> {
    let mut gathered = Gathered { past: Past::default(), archive, target, moment: None };
    let mut failed = None;
    archive.since(since, |record| {
        if failed.is_none() {
            failed = gathered.take(&record).err();
        }
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok(gathered.finish()),
    }
}

struct Gathered<'a> {
    past: Past,
    archive: &'a Archive,
    target: &'a TargetId,
    /// The cycle that may still have decided something.
    moment: Option<(Moment, CycleInputs)>,
}

impl Gathered<'_> {
    fn take(&mut self, record: &Record) -> Result<(), mapek_execute::Error> {
        match &record.body {
            Body::Cycle(inputs) => self.cycle(inputs)?,
            Body::Decided(decisions) => self.decided(decisions)?,
            Body::Execution { record: happened } if record.target.as_ref() == Some(self.target) => {
                self.happened(happened.execution, record, &happened.event);
            }
            Body::Latch { paused, by, reason } => self.latch(*paused, by, reason, record.at),
            _ => {}
        }
        Ok(())
    }

    fn cycle(&mut self, inputs: &CycleInputs) -> Result<(), mapek_execute::Error> {
        self.settle();
        let Some(seen) = readable(self.archive.kept::<Glimpse>(&inputs.observation))? else {
            return Ok(());
        };
        if seen.target != *self.target {
            return Ok(());
        }
        let diagnosis = match &inputs.diagnosis {
            Some(hash) => readable(self.archive.kept::<Diagnosis>(hash))?,
            None => None,
        };
        let Glimpse { at, open, closed, gone, quality, .. } = &seen;
        self.past.episodes.take(Told { at: *at, open, closed, gone });
        let raw = Raw {
            number: inputs.number,
            at: *at,
            open: Open::of(open),
            diagnosis: diagnosis.as_ref(),
            quality,
            values: &seen.values(),
            decisions: Vec::new(),
            paused: None,
            faults: &[],
        };
        let moment = Moment::new(raw, self.past.moments.last().map(|it| &**it));
        self.moment = Some((moment, inputs.clone()));
        Ok(())
    }

    fn decided(&mut self, decisions: &CycleDecisions) -> Result<(), mapek_execute::Error> {
        let Some((moment, inputs)) = &mut self.moment else { return Ok(()) };
        if inputs.number != decisions.number {
            return Ok(());
        }
        moment.paused = decisions.paused.as_ref().map(|it| cut(&it.to_string()).into());
        if !decisions.decisions.is_empty() {
            let planning = readable(self.archive.kept::<Planning>(&decisions.planning))?;
            let planning = planning.unwrap_or_default();
            let said = decisions.decisions.iter().filter_map(|it| in_words(it, &planning));
            moment.decisions = said.map(String::into_boxed_str).collect();
        }
        Ok(())
    }

    fn settle(&mut self) {
        let moment = self.moment.take().map(|(moment, _)| Arc::new(moment));
        self.past.moments.extend(moment);
    }

    fn happened(&mut self, id: ExecutionId, record: &Record, event: &ExecutionEvent) {
        match event {
            ExecutionEvent::Started { plan, .. } => {
                self.past.tracks.insert(Track::new(id, plan, record.at, record.cycle));
            }
            event => self.past.tracks.note(id, Mark::of(record.at, record.cycle, event)),
        }
    }

    fn latch(&mut self, paused: bool, by: &str, reason: &str, at: Timestamp) {
        let pauses = &mut self.past.pauses;
        if let Some(pause) = pauses.last_mut().filter(|it| it.to.is_none()) {
            pause.to = Some(at);
        }
        if paused {
            let why = cut(&format!("paused by {by} at {at}: {reason}")).into();
            pauses.push(Pause { from: at, to: None, why });
        }
    }

    fn finish(mut self) -> Past {
        self.settle();
        if let Some(newest) = self.past.moments.last().map(|it| it.at) {
            self.past.episodes.settle(newest);
        }
        self.past
    }
}

/// What the rails said, in a line; nothing where the plan is not among those that were kept.
fn in_words(decision: &PlanDecision, planning: &Planning) -> Option<String> {
    let plan = planned(planning, &decision.plan)?;
    Some(format!("{}: {}", decision.said.as_str(), cut(&summary(plan))))
}

fn planned<'a>(planning: &'a Planning, hash: &PlanHash) -> Option<&'a Plan> {
    planning.plans.iter().find(|plan| plan.hash() == *hash)
}

/// What was kept, if it still can be read: one value that cannot stops nobody else's.
fn readable<T>(
    kept: Result<Option<T>, mapek_execute::Error>,
) -> Result<Option<T>, mapek_execute::Error> {
    match kept {
        Err(mapek_execute::Error::Json { .. }) => Ok(None),
        kept => kept,
    }
}

/// What a report says that the journal does not keep.
const UNKNOWN: [&str; 7] =
    ["escalations", "faults", "next_due", "no_planning", "outcomes", "progress", "woken_by"];

/// A cycle that has left memory, as far as the journal has it; `None` if it does not have it.
pub(crate) fn report(
    archive: &Archive,
    number: CycleNumber,
) -> Result<Option<CycleReport>, mapek_execute::Error> {
    let records = archive.cycle(number)?;
    let inputs = records.iter().find_map(|record| match &record.body {
        Body::Cycle(inputs) => Some(inputs),
        _ => None,
    });
    let Some(inputs) = inputs else { return Ok(None) };
    let Some(observation) = readable(archive.kept::<Observation>(&inputs.observation))? else {
        return Ok(None);
    };
    let read = |hash: &ContentHash| readable(archive.kept::<Diagnosis>(hash));
    let diagnosis = inputs.diagnosis.as_ref().map(read).transpose()?.flatten();
    let mut unknown = BTreeSet::from(UNKNOWN);
    let decisions = records.iter().find_map(|record| match &record.body {
        Body::Decided(decisions) => Some(decisions),
        _ => None,
    });
    let planning = match decisions {
        Some(it) => readable(archive.kept::<Planning>(&it.planning))?,
        None => None,
    };
    if decisions.is_none() || planning.is_none() {
        unknown.extend(["planning", "decisions", "paused"]);
    }
    let planning = planning.unwrap_or_default();
    let said = decisions.map_or(&[][..], |it| &it.decisions);
    let decided: Vec<_> = said.iter().filter_map(|it| decided(it, &planning, &records)).collect();
    if decided.len() < said.len() {
        // Of what people had approved before, only the hash is here.
        unknown.insert("decisions");
    }
    if diagnosis.is_none() {
        unknown.insert("diagnosis");
    }
    Ok(Some(CycleReport {
        number,
        target: observation.target.clone(),
        at: observation.at,
        woken_by: BTreeSet::new(),
        seen: Seen::of(&observation),
        diagnosis: diagnosis.unwrap_or_else(|| nothing_diagnosed(&observation)),
        planning,
        decisions: decided,
        no_planning: None,
        progress: Vec::new(),
        outcomes: Vec::new(),
        escalations: Vec::new(),
        paused: decisions.and_then(|it| it.paused.as_ref()).map(ToString::to_string),
        faults: Vec::new(),
        next_due: observation.at,
        unknown,
    }))
}

/// What was decided about a plan, and what became of it.
fn decided(said: &PlanDecision, planning: &Planning, records: &[Record]) -> Option<Decided> {
    let plan = planned(planning, &said.plan)?;
    let execution = records.iter().find_map(|record| match &record.body {
        Body::Execution { record: happened } => match &happened.event {
            ExecutionEvent::Started { plan, .. } => {
                (plan.hash() == said.plan).then_some(happened.execution)
            }
            _ => None,
        },
        _ => None,
    });
    Some(Decided {
        plan: plan.id,
        hash: said.plan,
        summary: summary(plan),
        decision: Decision::clone(&said.said),
        execution,
    })
}

fn nothing_diagnosed(observation: &Observation) -> Diagnosis {
    Diagnosis {
        id: mapek_model::DiagnosisId::from_uuid(uuid::Uuid::nil()),
        target: observation.target.clone(),
        at: observation.at,
        findings: Vec::new(),
        causes: Vec::new(),
        unexplained: Vec::new(),
        risk: None,
        recommendations: Vec::new(),
    }
}
