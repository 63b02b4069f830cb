//! A plan in the making: scored, but without an id as yet.

use std::cmp::{Ordering, Reverse};

use mapek_model::{
    Duration, Plan, PlanHash, PlanId, PlanSignature, Priority, RankedCause, Risk, Score, Tally,
    canonical_json, later,
};
use uuid::Uuid;

use crate::{
    Candidate, Config, Context, plan_cost,
    priority::Extent,
    rejection::Reason,
    score::{Prospect, Scored},
};

/// A learned time to effect may stretch a remedy's own to four times its length, no further: one freak outcome must not
/// keep a target waiting for an hour.
const STRETCH_MAX: u32 = 4;

/// What all candidates against one cause share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) config: &'a Config,
    pub(crate) context: &'a Context<'a>,
    pub(crate) cause: &'a RankedCause,
    pub(crate) extent: Extent,
}

/// A scored plan.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    cause: &'a RankedCause,
    /// The plan, still without id and episodes.
    pub(crate) plan: Plan,
    pub(crate) hash: PlanHash,
    pub(crate) extent: Extent,
    scored: Scored,
}

impl<'a> Source<'a> {
    /// Scores a candidate.
    pub(crate) fn draft(&self, candidate: Candidate) -> Draft<'a> {
        let signature = candidate.signature();
        let (kind, experience) = (&self.cause.cause.kind, self.context.experience);
        let prospect = Prospect::of(experience, kind, &signature);
        let cost = plan_cost(self.config, signature.kinds());
        let nothing = experience.utility_of_nothing(kind);
        let scored = Scored::new(self.config, self.cause.confidence, prospect, nothing, cost);
        let own = experience.plan(kind, &signature);
        let plan = self.plan(candidate, &signature, &scored, prospect, own);
        let hash = plan.hash();
        Draft { cause: self.cause, plan, hash, extent: self.extent, scored }
    }

    fn plan(
        &self,
        candidate: Candidate,
        signature: &PlanSignature,
        scored: &Scored,
        prospect: Prospect,
        own: Option<&Tally>,
    ) -> Plan {
        let Context { diagnosis, now, .. } = *self.context;
        Plan {
            id: PlanId::from_uuid(Uuid::nil()),
            target: diagnosis.target.clone(),
            diagnosis: diagnosis.id,
            cause: self.cause.cause.clone(),
            confidence: self.cause.confidence,
            explains: Vec::new(),
            symptoms: self.cause.symptoms.clone(),
            benefit: scored.benefit,
            cost: scored.cost,
            score: scored.score,
            success: prospect.success,
            risk_if_wrong: signature
                .kinds()
                .iter()
                .map(|kind| kind.risk())
                .max()
                .unwrap_or(Risk::High),
            priority: self.extent.priority(),
            time_to_effect: time_to_effect(candidate.time_to_effect(), own),
            verification: candidate.verification().cloned(),
            created: now,
            expires: later(now, self.config.expiry),
            rationale: self.rationale(&candidate, scored, own),
            steps: candidate.into_steps(),
        }
    }

    fn rationale(&self, candidate: &Candidate, scored: &Scored, own: Option<&Tally>) -> String {
        let actions: Vec<_> =
            candidate.steps().iter().map(|step| step.action.to_string()).collect();
        let history = match own.map(|tally| (tally.success, tally.judged())) {
            Some((success, judged @ 1..)) => format!("{success} of {judged} such plans succeeded"),
            _ => "no such plan was tried against this cause".to_owned(),
        };
        format!(
            "{} ({:.0} % likely): {}, because {}; benefit {:.2}, cost {:.2}; {history}",
            self.cause.cause,
            100.0 * self.cause.confidence.get(),
            actions.join(", then "),
            candidate.rationale(),
            scored.benefit.get(),
            scored.cost.get(),
        )
    }
}

/// The remedy's own time, or twice the median of what was measured, whichever is longer: judging at the median would call
/// half of the successes failures.
fn time_to_effect(remedy: Duration, own: Option<&Tally>) -> Duration {
    let learned = own.and_then(|tally| tally.time_to_effect).unwrap_or(Duration::ZERO);
    let longest = remedy.saturating_mul(STRETCH_MAX);
    learned.saturating_mul(2).clamp(remedy, longest.max(remedy))
}

impl Draft<'_> {
    /// For how many cycles in a row its cause was there.
    pub(crate) fn persisted(&self) -> u32 {
        self.cause.persisted_cycles
    }

    /// Why it is not proposed, whatever its rank.
    pub(crate) fn refusal(&self, config: &Config) -> Option<Reason> {
        let confidence = self.plan.confidence;
        if confidence < config.min_confidence {
            return Some(Reason::Unsure { confidence, needed: config.min_confidence });
        }
        (self.plan.score.get() <= 0.0).then(|| Reason::DoesNotPay {
            benefit: self.plan.benefit,
            cost: self.plan.cost,
            score: self.plan.score,
            needed: self.scored.confidence_needed(),
            needed_utility: self.scored.utility_needed(),
        })
    }

    /// Its place among others: see [`rank`]. Two plans of one hash do the same; of these the one that is judged earlier
    /// comes first, and where even that is equal, the text decides, so that the order of proposals never does.
    pub(crate) fn rank(&self, other: &Self) -> Ordering {
        rank_key(&self.plan, self.hash)
            .cmp(&rank_key(&other.plan, other.hash))
            .then_with(|| self.plan.time_to_effect.cmp(&other.plan.time_to_effect))
            .then_with(|| self.text().cmp(&other.text()))
            .then_with(|| self.cause.explains.cmp(&other.cause.explains))
    }

    fn text(&self) -> Vec<u8> {
        canonical_json(&(&self.plan.steps, &self.plan.rationale))
            .expect("names, numbers and JSON values are JSON")
    }

    /// The plan, complete. A cause may explain 100 000 episodes, so they are copied for those that are proposed only.
    pub(crate) fn into_plan(self, id: PlanId) -> Plan {
        Plan { id, explains: self.cause.explains.clone(), ..self.plan }
    }
}

fn rank_key(plan: &Plan, hash: PlanHash) -> (Reverse<(Priority, Score)>, PlanHash) {
    (Reverse((plan.priority, plan.score)), hash)
}

/// Puts plans in the order in which they are proposed: priority, then score, then the hash, so that the order is total.
///
/// ```
/// use mapek_model::Plan;
///
/// fn best(mut plans: Vec<Plan>) -> Option<Plan> {
///     mapek_plan::rank(&mut plans);
///     plans.into_iter().next()
/// }
/// assert!(best(Vec::new()).is_none());
/// ```
pub fn rank(plans: &mut [Plan]) {
    plans.sort_by_cached_key(|plan| (rank_key(plan, plan.hash()), plan.id));
}
