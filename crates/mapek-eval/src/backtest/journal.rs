//! Cycle after cycle of a journal.

use std::{collections::BTreeMap, sync::Arc};

use mapek_execute::{Body, Record};
use mapek_loop::{Deciders, Replay, Retold, Thought, Values};
use mapek_model::{ExecutionEvent, ExecutionId, Level, PlanHash, Span, Timestamp, Verdict, later};

use super::{Effect, Proposed, Replayed, Summary};

/// What is to be said of effects.
const EFFECT: &str = "of a plan that was executed in the very cycle that proposes it, as it was judged then; of all others unknown: they were not executed, so what one would have brought about is not in the record";

/// Why there is no plan in a cycle that did not plan.
const NOT_PLANNED: &str = "nothing was planned then: a plan was under way, something was learned in it, or it only looked";

/// What `deciders` would have seen and proposed in the cycles of a journal, each judged by itself: what people and executions did meanwhile is
/// taken as it was.
///
/// It is told every record twice, in order: first [`expect`](Self::expect), then [`take`](Self::take).
#[derive(Debug)]
pub struct JournalBacktest<'a> {
    deciders: &'a Deciders,
    /// From when on cycles are told, and until when.
    from: Timestamp,
    to: Timestamp,
    replay: Replay,
    past: Executed,
    /// When the first cycle was that was told, and the last.
    told: Option<(Timestamp, Timestamp)>,
    summary: Summary,
}

/// What was executed, and how it was judged.
#[derive(Debug, Default)]
struct Executed {
    begun: BTreeMap<(PlanHash, Timestamp), ExecutionId>,
    verdicts: BTreeMap<ExecutionId, Verdict>,
}

impl Executed {
    fn note(&mut self, record: &Record) {
        let Body::Execution { record: happened } = &record.body else { return };
        let id = happened.execution;
        match &happened.event {
            ExecutionEvent::Started { plan, .. } => {
                self.begun.insert((plan.hash(), happened.at), id);
            }
            ExecutionEvent::Judged { verdict, .. } => {
                self.verdicts.insert(id, *verdict);
            }
            _ => {}
        }
    }

    /// What came of a plan that began in the cycle of that moment.
    fn effect(&self, plan: PlanHash, at: Timestamp) -> Effect {
        let begun = self.begun.get(&(plan, at));
        let verdict = begun.and_then(|id| self.verdicts.get(id));
        verdict.map_or(Effect::Unknown, |verdict| Effect::Judged(*verdict))
    }
}

impl<'a> JournalBacktest<'a> {
    /// Of the cycles from one moment to another, both included.
    #[must_use]
    pub fn new(deciders: &'a Deciders, from: Timestamp, to: Timestamp) -> Self {
        let nothing = Span::ending_at(from, mapek_model::Duration::ZERO);
        Self {
            deciders,
            from,
            to,
            replay: Replay::default(),
            past: Executed::default(),
            told: None,
            summary: Summary::over(nothing, nothing, EFFECT),
        }
    }

    /// A record of the journal, before the first is taken.
    pub fn expect(&mut self, record: &Record) {
        self.replay.expect(record);
        self.past.note(record);
    }

    /// The next record, with the values that were kept beside the journal. Answers the cycle that it ends, if it ends one that is looked at.
    pub fn take(&mut self, record: &Record, values: Values<'_>) -> Option<Replayed> {
        let retold = self.replay.retell(record, values, self.deciders)?;
        self.replayed(retold)
    }

    /// There is no further record. Answers the cycle that was under way, and what all of them come to; `None` if there was no cycle to look at.
    #[must_use]
    pub fn finish(mut self) -> Option<(Option<Replayed>, Summary)> {
        let last = std::mem::take(&mut self.replay).finish_retelling();
        let last = last.and_then(|retold| self.replayed(retold));
        let (first, newest) = self.told?;
        let span = Span::try_new(first, later(newest, mapek_model::Duration::ZERO)).ok()?;
        (self.summary.span, self.summary.record) = (span, span);
        Some((last, self.summary))
    }

    fn replayed(&mut self, retold: Retold) -> Option<Replayed> {
        let Retold { number, at, mut skipped, thought, .. } = retold;
        if at < self.from || self.to < at {
            return None;
        }
        self.told = Some((self.told.map_or(at, |(first, _)| first), at));
        let Some(thought) = thought else {
            self.summary.leave_out(&skipped);
            return None;
        };
        let Thought { observation, planning, said, .. } = &thought;
        let blind = observation.overall_quality().level() == Level::Unknown;
        let plans = planning.iter().flat_map(|it| &it.plans).zip(said);
        let proposed = plans
            .map(|(plan, said)| {
                let effect = self.past.effect(plan.hash(), at);
                Proposed { effect, ..Proposed::of(plan, said.clone()) }
            })
            .collect();
        // Whether it was decided the same is what a replay tells.
        skipped.retain(|why| !why.starts_with("its diagnosis"));
        if planning.is_none() {
            skipped.push(NOT_PLANNED.to_owned());
        }
        let cycle = Arc::new(thought.into_report(number));
        let replayed = Replayed { cycle, proposed, blind, left_out: skipped };
        self.summary.take(&replayed);
        Some(replayed)
    }
}
