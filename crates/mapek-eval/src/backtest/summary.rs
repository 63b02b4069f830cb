//! What all cycles of a backtest come to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use mapek_model::{CauseKind, Confidence, Expectation, PlanHash, Score, Span, Timestamp};
use serde::Serialize;

use super::{Effect, Past, Replayed};

/// A backtest in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// What was asked for.
    pub span: Span,
    /// Of that, what is recorded, to five minutes.
    pub record: Span,
    /// Cycles.
    pub cycles: CycleCounts,
    /// Episodes that began, by what was expected.
    pub violations: BTreeMap<Expectation, u64>,
    /// Diagnoses, by the kind of their most likely cause.
    pub causes: BTreeMap<CauseKind, CauseCount>,
    /// Plans that were proposed, by the kinds of their actions.
    pub plans: BTreeMap<String, PlanCount>,
    /// What could not be worked out, by why: in how many cycles.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, u64>,
    /// Why it is not told what plans would have brought about.
    pub effect: &'static str,
    #[serde(skip)]
    open: BTreeSet<mapek_model::Fingerprint>,
    #[serde(skip)]
    hashes: BTreeMap<String, BTreeSet<PlanHash>>,
}

/// How many cycles there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CycleCounts {
    /// In all.
    pub all: u64,
    /// In which something was breached.
    pub breached: u64,
    /// In which something was breached and no cause was told.
    pub unexplained: u64,
    /// In which a plan was proposed.
    pub proposing: u64,
    /// In which some evidence was missing: nothing is known of them.
    pub blind: u64,
}

/// How often a kind of cause came first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CauseCount {
    /// In how many cycles.
    pub cycles: u64,
    /// When first.
    pub first: Timestamp,
    /// How sure the diagnosis was at most.
    pub confidence_max: Confidence,
}

/// How often plans of some kinds of action were proposed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanCount {
    /// In how many cycles. Nothing is executed, so a plan is proposed again for as long as its cause lasts.
    pub cycles: u64,
    /// How many different ones.
    pub different: u64,
    /// When first.
    pub first: Timestamp,
    /// The best score.
    pub score_max: Score,
    /// What the rails would have said, by word: in how many cycles.
    pub rails: BTreeMap<&'static str, u64>,
    /// What came of them, by word: in how many cycles.
    pub effects: BTreeMap<String, u64>,
}

/// What is to be said of effects.
const EFFECT: &str =
    "unknown: no plan was executed, so what one would have brought about is not in the record";

impl Summary {
    pub(super) fn new(past: &Past) -> Self {
        Self::over(past.span(), past.record(), EFFECT)
    }

    /// Of nothing yet, over a span of which so much is recorded.
    pub(super) fn over(span: Span, record: Span, effect: &'static str) -> Self {
        Self {
            span,
            record,
            cycles: CycleCounts::default(),
            violations: BTreeMap::new(),
            causes: BTreeMap::new(),
            plans: BTreeMap::new(),
            left_out: BTreeMap::new(),
            effect,
            open: BTreeSet::new(),
            hashes: BTreeMap::new(),
        }
    }

    pub(super) fn take(&mut self, replayed: &Replayed) {
        let cycle = &replayed.cycle;
        let breached = !cycle.seen.open.is_empty();
        let first = cycle.diagnosis.causes.first();
        self.cycles.all += 1;
        self.cycles.breached += u64::from(breached);
        self.cycles.unexplained += u64::from(breached && first.is_none());
        self.cycles.proposing += u64::from(!replayed.proposed.is_empty());
        self.cycles.blind += u64::from(replayed.blind);
        let open: BTreeSet<_> = cycle.seen.open.iter().map(|it| it.fingerprint()).collect();
        let began = cycle.seen.open.iter().filter(|it| !self.open.contains(&it.fingerprint()));
        // What began and ended between two cycles was never open in one.
        let passed = cycle.seen.closed.iter().filter(|it| !self.open.contains(&it.fingerprint()));
        for violation in began.chain(passed) {
            *self.violations.entry(violation.expectation.clone()).or_default() += 1;
        }
        self.open = open;
        if let Some(first) = first {
            let fresh = CauseCount { cycles: 0, first: cycle.at, confidence_max: first.confidence };
            let count = self.causes.entry(first.cause.kind.clone()).or_insert(fresh);
            count.cycles += 1;
            count.confidence_max = count.confidence_max.max(first.confidence);
        }
        self.leave_out(&replayed.left_out);
        self.take_plans(replayed);
    }

    pub(super) fn leave_out(&mut self, why: &[String]) {
        for why in why {
            *self.left_out.entry(why.clone()).or_default() += 1;
        }
    }

    fn take_plans(&mut self, replayed: &Replayed) {
        let mut counted = BTreeSet::new();
        for proposed in &replayed.proposed {
            let kinds = proposed.kinds.to_string();
            let hashes = self.hashes.entry(kinds.clone()).or_default();
            hashes.insert(proposed.hash);
            let different = hashes.len() as u64;
            let count = self.plans.entry(kinds.clone()).or_insert_with(|| PlanCount {
                cycles: 0,
                different,
                first: replayed.cycle.at,
                score_max: proposed.score,
                rails: BTreeMap::new(),
                effects: BTreeMap::new(),
            });
            count.different = different;
            count.score_max = count.score_max.max(proposed.score);
            // Two plans of the same kinds in one cycle are one cycle; the better one speaks for both.
            if counted.insert(kinds) {
                count.cycles += 1;
                *count.rails.entry(proposed.rails.as_str()).or_default() += 1;
                *count.effects.entry(proposed.effect.to_string()).or_default() += 1;
            }
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { span, cycles, .. } = self;
        writeln!(f, "from {} to {}", span.from(), span.to())?;
        writeln!(
            f,
            "cycles      {}: {} in which something was breached, {} in which a plan was proposed, {} of which nothing is known",
            cycles.all, cycles.breached, cycles.proposing, cycles.blind
        )?;
        let violations = self.violations.iter().map(|(name, count)| format!("{name} {count}"));
        list(f, "violations", violations)?;
        let causes = self.causes.iter().map(|(kind, it)| {
            let percent = it.confidence_max.get() * 100.0;
            format!("{kind} in {} cycles, up to {percent:.0} %, first {}", it.cycles, it.first)
        });
        let unknown =
            (cycles.unexplained > 0).then(|| format!("unknown in {}", cycles.unexplained));
        list(f, "diagnoses", causes.chain(unknown))?;
        let plans = self.plans.iter().map(|(kinds, it)| {
            let rails: Vec<_> = it.rails.iter().map(|(word, n)| format!("{word} {n}")).collect();
            let PlanCount { cycles, different, score_max, first, effects, .. } = it;
            let known = effects.iter().filter(|(word, _)| **word != Effect::Unknown.to_string());
            let known: Vec<_> = known.map(|(word, n)| format!("; {word} {n}")).collect();
            format!(
                "{kinds} in {cycles} cycles, {different} different, score up to {:.2}, first {first}; the rails would have said: {}{}",
                score_max.get(),
                rails.join(", "),
                known.concat()
            )
        });
        list(f, "plans", plans)?;
        if !self.left_out.is_empty() {
            list(f, "left out", self.left_out.iter().map(|(why, n)| format!("{n}: {why}")))?;
        }
        write!(f, "effect      {}", self.effect)
    }
}

/// Each on a line of its own, below a name.
fn list(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    lines: impl Iterator<Item = String>,
) -> fmt::Result {
    let mut name = name;
    for line in lines {
        writeln!(f, "{name:<10}  {line}")?;
        name = "";
    }
    if name.is_empty() { Ok(()) } else { writeln!(f, "{name:<10}  none") }
}
