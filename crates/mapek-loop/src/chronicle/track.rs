//! Tracks: what executions did, and when.

use std::{collections::BTreeMap, sync::Arc};

use mapek_model::{
    CycleNumber, Execution, ExecutionEvent, ExecutionId, Plan, StepIndex, Timestamp, Way,
};

use super::{LATER_MARKS, MARKS_MAX, TRACKS_MAX, cut};
use crate::CycleReport;

/// Something that happened to an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// In which cycle.
    pub cycle: CycleNumber,
    /// What, in the journal's word: `started`, `applied`, `judged`, `ended`, …
    pub event: &'static str,
    /// Which step, if it is about one.
    pub step: Option<StepIndex>,
    /// Which way the step goes.
    pub way: Option<Way>,
    /// The verdict, the ending, or why.
    pub detail: Option<Arc<str>>,
}

impl Mark {
    pub(super) fn of(at: Timestamp, cycle: CycleNumber, event: &ExecutionEvent) -> Self {
        use ExecutionEvent as E;
        let (step, way) = match event {
            E::Intended { step, way, .. }
            | E::Applied { step, way, .. }
            | E::Refused { step, way, .. }
            | E::Unclear { step, way, .. } => (Some(*step), Some(*way)),
            E::Skipped { step, .. } => (Some(*step), None),
            _ => (None, None),
        };
        let detail = match event {
            E::Refused { reason, .. } | E::Unclear { reason, .. } | E::Skipped { reason, .. } => {
                Some(reason.clone())
            }
            E::Judged { verdict, .. } => Some(verdict.to_string()),
            E::UndoBegan { why, .. } => Some(why.to_string()),
            E::Ended { ending, .. } => Some(ending.to_string()),
            E::Held { until } => Some(format!("until {until}")),
            _ => None,
        };
        let detail = detail.map(|text| cut(&text).into());
        Self { at, cycle, event: event.as_str(), step, way, detail }
    }

    /// Whether nothing follows but, perhaps, a person who closes it.
    fn ends(&self) -> bool {
        matches!(self.event, "ended" | "closed")
    }
}

/// An execution in a [`Chronicle`](super::Chronicle).
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Which execution.
    pub id: ExecutionId,
    /// What it treats, in words.
    pub cause: Box<str>,
    /// What its steps do, in words.
    pub steps: Box<[Box<str>]>,
    /// What happened, in order. Never empty.
    pub marks: Vec<Mark>,
}

impl Track {
    /// An execution of this plan, which began then.
    pub(super) fn new(id: ExecutionId, plan: &Plan, at: Timestamp, cycle: CycleNumber) -> Self {
        let steps = plan.steps.iter().map(|step| cut(&step.action.to_string()).into());
        let started = Mark { at, cycle, event: "started", step: None, way: None, detail: None };
        let cause = cut(&plan.cause.to_string()).into();
        Self { id, cause, steps: steps.collect(), marks: vec![started] }
    }

    /// When it began.
    #[must_use]
    pub fn from(&self) -> Option<Timestamp> {
        self.marks.first().map(|mark| mark.at)
    }

    /// When it ended; absent as long as it goes on.
    #[must_use]
    pub fn to(&self) -> Option<Timestamp> {
        self.marks.iter().rev().find(|mark| mark.ends()).map(|mark| mark.at)
    }

    /// What was achieved, in a word; absent before that is known.
    #[must_use]
    pub fn verdict(&self) -> Option<&str> {
        let judged = self.marks.iter().rev().find(|mark| mark.event == "judged")?;
        judged.detail.as_deref()
    }

    /// How it ended, in a word.
    #[must_use]
    pub fn ending(&self) -> Option<&str> {
        let ended = self.marks.iter().rev().find(|mark| mark.event == "ended")?;
        ended.detail.as_deref()
    }

    /// Whether any of it lies in a span of time.
    #[must_use]
    pub fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        let begun = self.from().is_some_and(|begun| begun <= to);
        begun && self.to().is_none_or(|end| from <= end)
    }

    pub(super) fn note(&mut self, mark: Mark) {
        // One that is tried again and again says so with its first tries and its last words.
        let repeats = matches!(mark.event, "intended" | "refused" | "unclear" | "looked");
        if self.marks.len() < if repeats { MARKS_MAX - LATER_MARKS } else { MARKS_MAX } {
            self.marks.push(mark);
        }
    }
}

/// The executions of a chronicle. A copy shares all of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Tracks(Arc<BTreeMap<ExecutionId, Arc<Track>>>);

impl Tracks {
    pub(super) fn take(&mut self, report: &CycleReport) {
        for progress in &report.progress {
            let state = &progress.state;
            self.begin(state, report.number);
            for event in &progress.advance.events {
                self.note(state.id, Mark::of(report.at, report.number, event));
            }
        }
    }

    fn begin(&mut self, execution: &Execution, cycle: CycleNumber) {
        if !self.0.contains_key(&execution.id) {
            self.insert(Track::new(execution.id, &execution.plan, execution.started, cycle));
        }
    }

    pub(super) fn insert(&mut self, track: Track) {
        let tracks = Arc::make_mut(&mut self.0);
        if tracks.len() >= TRACKS_MAX {
            // Ids are by time.
            tracks.pop_first();
        }
        tracks.insert(track.id, Arc::new(track));
    }

    pub(super) fn note(&mut self, id: ExecutionId, mark: Mark) {
        if let Some(track) = Arc::make_mut(&mut self.0).get_mut(&id) {
            Arc::make_mut(track).note(mark);
        }
    }

    /// What people did to executions between cycles: no advance tells of it.
    pub(super) fn follow<'a>(
        &mut self,
        executions: impl Iterator<Item = &'a Execution>,
        cycle: CycleNumber,
    ) {
        for execution in executions {
            let status = &execution.status;
            let Some(track) = self.0.get(&execution.id).filter(|_| !status.is_live()) else {
                continue;
            };
            let closed = status.ending().is_some_and(|_| !status.needs_operator())
                && track.ending() == Some("needs_operator");
            let known = track.marks.last().map(|it| it.event);
            let word = if closed { "closed" } else { "ended" };
            if known == Some("closed") || known == Some(word) {
                continue;
            }
            let detail = status.ending().filter(|_| !closed).map(|it| it.to_string().into());
            let at = execution.updated;
            let mark = Mark { at, cycle, event: word, step: None, way: None, detail };
            self.note(execution.id, mark);
        }
    }

    pub(super) fn forget(&mut self, before: Timestamp) {
        let old = |track: &Arc<Track>| track.to().is_some_and(|to| to < before);
        if self.0.values().any(old) {
            Arc::make_mut(&mut self.0).retain(|_, track| !old(track));
        }
    }

    pub(super) fn get(&self, id: ExecutionId) -> Option<&Arc<Track>> {
        self.0.get(&id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Track>> {
        self.0.values()
    }

    pub(super) fn bytes(&self) -> usize {
        let of = |track: &Arc<Track>| size_of::<Track>() + track.marks.len() * size_of::<Mark>();
        self.0.values().map(of).sum()
    }
}
