//! What is so, as far as people have to know: a pure function of what the loop shows.

mod escalation;
mod execution;

use std::collections::BTreeMap;

use mapek_execute::Decision;
use mapek_loop::LoopState;
use mapek_model::{ActionKind, Approval, Duration, PlanHash, Severity, Timestamp, since};

use crate::Kind;

/// Something that people have to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Of which kind.
    pub kind: Kind,
    /// What tells it from others of its kind, the same for as long as it lasts.
    pub subject: String,
    /// How bad it is.
    pub severity: Severity,
    /// In half a line. Holds texts of others, as do the rest.
    pub title: String,
    /// In a paragraph: what is so, and what to do about it.
    pub text: String,
    /// Names and values, for programs.
    pub facts: BTreeMap<&'static str, String>,
    /// Since when it is so, or when it happened; absent if nobody can tell.
    pub since: Option<Timestamp>,
    /// Whether it lasts until it ends. Else it happened once.
    pub lasts: bool,
}

impl Condition {
    /// How long something that happened is worth telling: who was away for longer looks into the journal.
    pub const AGE_MAX: Duration = Duration::from_secs(24 * 3600);

    pub(crate) fn new(
        kind: Kind,
        subject: impl Into<String>,
        title: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            subject: subject.into(),
            severity: kind.severity(),
            title: title.into(),
            text: text.into(),
            facts: BTreeMap::new(),
            since: None,
            lasts: true,
        }
    }

    pub(crate) fn since(self, since: Timestamp) -> Self {
        Self { since: Some(since), ..self }
    }

    pub(crate) fn fact(mut self, name: &'static str, value: impl ToString) -> Self {
        self.facts.insert(name, value.to_string());
        self
    }

    /// It happened, at a moment.
    pub(crate) fn happened(self, at: Timestamp) -> Self {
        Self { lasts: false, ..self.since(at) }
    }

    /// What its order among others is: urgency, then age, then its name.
    pub(crate) fn rank(&self) -> (Kind, Option<Timestamp>, &str) {
        (self.kind, self.since, &self.subject)
    }
}

/// All that people have to know of a loop at `now`, most urgent first, then oldest first. What happened longer ago than
/// [`Condition::AGE_MAX`] is left out.
#[must_use]
pub fn conditions(state: &LoopState, now: Timestamp) -> Vec<Condition> {
    let mut found: Vec<_> = execution::stuck(state)
        .chain(execution::failed(state))
        .chain(paused(state))
        .chain(state.disabled.iter().map(disabled))
        .chain(approvals(state))
        .chain(escalation::conditions(state))
        .collect();
    found.retain(|it| it.lasts || it.since.is_none_or(|at| since(now, at) < Condition::AGE_MAX));
    found.sort_by(|a, b| a.rank().cmp(&b.rank()));
    found.dedup_by(|a, b| (a.kind, &a.subject) == (b.kind, &b.subject));
    found
}

/// Whether it is known what of a kind is so. Before a cycle has looked nobody knows what has ended.
pub(crate) fn is_known(state: &LoopState, kind: Kind) -> bool {
    kind != Kind::Escalation || escalation::is_known(state)
}

fn paused(state: &LoopState) -> Option<Condition> {
    let why = state.paused.as_ref()?;
    let text =
        format!("{why}. Nothing is done by itself until the loop is resumed: `mapek resume`");
    Some(Condition::new(Kind::Paused, "pause", "the loop is paused", text).fact("why", why))
}

fn disabled((kind, last): (&ActionKind, &Timestamp)) -> Condition {
    let title = format!("{kind} is disabled");
    let text = format!(
        "{kind} did harm too often, last at {last}; no plan with it runs until a person re-arms it: `mapek rearm {kind}`"
    );
    let condition = Condition::new(Kind::BreakerOpen, kind.as_str(), title, text);
    condition.fact("action", kind).since(*last)
}

fn approvals(state: &LoopState) -> impl Iterator<Item = Condition> {
    state.proposals.iter().filter_map(|proposal| {
        let Approval::Pending { needed, by } = &proposal.approval else { return None };
        let plan = &proposal.plan;
        let what = steps(plan);
        let why = why_asked(state, &proposal.hash).map(|it| format!(", as {it}"));
        let text = format!(
            "against {}: {what}. {} of {needed} have approved it{}; it is withdrawn at {} at the latest: `mapek plans show {}`",
            plan.cause,
            by.len(),
            why.unwrap_or_default(),
            plan.expires,
            plan.id,
        );
        let title = format!("approval is wanted: {what}");
        let condition =
            Condition::new(Kind::ApprovalWaiting, proposal.hash.to_string(), title, text);
        let condition = condition.fact("plan", plan.id).fact("hash", proposal.hash);
        let condition = condition.fact("needed", needed).fact("approved", by.len());
        Some(condition.fact("cause", &plan.cause).since(proposal.since))
    })
}

/// Why the loop does not do a plan alone, as far as cycles are kept.
fn why_asked(state: &LoopState, hash: &PlanHash) -> Option<String> {
    let newest_first = state.reports.iter().rev().flat_map(|report| &report.decisions);
    let because = newest_first.filter(|it| it.hash == *hash).find_map(|it| match &it.decision {
        Decision::AwaitApproval { because, .. } => Some(because),
        _ => None,
    });
    let reasons: Vec<_> = because?.iter().map(|it| it.reason.as_str()).collect();
    (!reasons.is_empty()).then(|| reasons.join(" and "))
}

/// What a plan does, in one line.
fn steps(plan: &mapek_model::Plan) -> String {
    let steps: Vec<_> = plan.steps.iter().map(|step| step.action.to_string()).collect();
    steps.join(", then ")
}

#[cfg(test)]
mod tests;
