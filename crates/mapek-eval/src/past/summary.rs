//! What a backtest came to.

use std::collections::{BTreeMap, BTreeSet};

use mapek_loop::CycleReport;
use mapek_model::{Cause, Confidence, EpisodeKey, Expectation, Level, PlanHash, Score, Timestamp};
use serde::Serialize;

/// What a loop would have seen and proposed, added up over its cycles.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// How many cycles.
    pub cycles: u64,
    /// Those of them in which the evidence was not fresh and whole: nothing could have been begun.
    pub cycles_in_doubt: u64,
    /// Episodes, by what was breached.
    pub episodes: BTreeMap<Expectation, u64>,
    /// The likeliest causes, by how often they were.
    pub causes: Vec<CauseSeen>,
    /// Plans, in the order in which they were first proposed.
    pub plans: Vec<PlanSeen>,
    /// Cycles in which a person would have been told.
    pub escalations: u64,
    #[serde(skip)]
    seen: BTreeSet<EpisodeKey>,
}

/// A cause that was the likeliest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CauseSeen {
    /// Which.
    pub cause: Cause,
    /// In how many cycles.
    pub cycles: u64,
    /// When first.
    pub first: Timestamp,
    /// How sure at most.
    pub confidence: Confidence,
}

/// A plan that was proposed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanSeen {
    /// What it would have done.
    pub hash: PlanHash,
    /// In words.
    pub summary: String,
    /// When it was first decided on.
    pub first: Timestamp,
    /// In how many cycles.
    pub cycles: u64,
    /// Its best score.
    pub score: Score,
    /// What was decided about it, and how often.
    pub decisions: BTreeMap<String, u64>,
    /// What would have come of it.
    pub effect: Effect,
}

/// What would have come of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// It was not carried out, so the record does not tell.
    #[default]
    Unknown,
}

impl Summary {
    /// Adds a cycle.
    pub fn add(&mut self, report: &CycleReport) {
        self.cycles += 1;
        let level = report.seen.quality.values().map(|it| it.level()).max().unwrap_or_default();
        self.cycles_in_doubt += u64::from(level != Level::Fresh);
        self.escalations += u64::from(!report.escalations.is_empty());
        for violation in &report.seen.open {
            if self.seen.insert(violation.key()) {
                *self.episodes.entry(violation.expectation.clone()).or_default() += 1;
            }
        }
        if let Some(likeliest) = report.diagnosis.causes.first() {
            self.add_cause(&likeliest.cause, likeliest.confidence, report.at);
        }
        for decided in &report.decisions {
            let plan = report.planning.plans.iter().find(|it| it.id == decided.plan);
            let Some(score) = plan.map(|it| it.score) else { continue };
            let known = self.plans.iter().position(|it| it.hash == decided.hash);
            let place = known.unwrap_or_else(|| {
                self.plans.push(PlanSeen {
                    hash: decided.hash,
                    summary: decided.summary.clone(),
                    first: report.at,
                    cycles: 0,
                    score,
                    decisions: BTreeMap::new(),
                    effect: Effect::Unknown,
                });
                self.plans.len() - 1
            });
            let plan = &mut self.plans[place];
            plan.cycles += 1;
            plan.score = plan.score.max(score);
            *plan.decisions.entry(decided.decision.to_string()).or_default() += 1;
        }
    }

    fn add_cause(&mut self, cause: &Cause, confidence: Confidence, at: Timestamp) {
        match self.causes.iter_mut().find(|it| it.cause == *cause) {
            Some(known) => {
                known.cycles += 1;
                known.confidence = known.confidence.max(confidence);
            }
            None => self.causes.push(CauseSeen {
                cause: cause.clone(),
                cycles: 1,
                first: at,
                confidence,
            }),
        }
        self.causes.sort_by(|a, b| {
            b.cycles.cmp(&a.cycles).then(a.first.cmp(&b.first)).then_with(|| a.cause.cmp(&b.cause))
        });
    }
}
