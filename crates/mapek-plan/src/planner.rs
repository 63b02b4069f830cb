//! The planner: asks the strategies, scores, ranks, cuts.

use std::{collections::BTreeSet, sync::Arc};

use mapek_model::{
    Confidence, Diagnosis, Experience, Observation, PlanId, RankedCause, Score, Severity, Timestamp,
};

use crate::{
    Config, Context, Planning, RejectedPlan, Strategy, Waiting,
    draft::{Draft, Source},
    planning::WaitReason,
    priority::Episodes,
    rejection::Reason,
};

/// Turns a diagnosis into ranked plans. Made by [`Config::build`].
///
/// It is pure: the same arguments give the same answer, whatever the order of causes, episodes or strategies. It decides
/// nothing about permission: what a plan is allowed to do is for the rails.
#[derive(Debug, Clone)]
pub struct Planner {
    config: Config,
    strategy: Arc<dyn Strategy>,
}

impl Planner {
    pub(crate) fn checked(config: Config, strategy: Arc<dyn Strategy>) -> Self {
        Self { config, strategy }
    }

    /// How it is configured.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Plans against `diagnosis`. `ids` is asked once for each plan in the answer, in their order, those to act on first.
    #[must_use]
    pub fn plan(
        &self,
        diagnosis: &Diagnosis,
        observation: &Observation,
        experience: &Experience,
        now: Timestamp,
        ids: &mut dyn FnMut() -> PlanId,
    ) -> Planning {
        if diagnosis.target != observation.target {
            return mismatch(diagnosis, observation);
        }
        let context = Context { diagnosis, observation, experience, now };
        let episodes = Episodes::of(observation);
        let mut sieve = Sieve::new(&self.config, violations(diagnosis, self.config.min_violations));
        for cause in &diagnosis.causes {
            self.propose(cause, &context, &episodes, &mut sieve);
        }
        let mut planning = sieve.finish(ids);
        planning.risk_if_left = diagnosis.risk;
        planning.escalate = escalation(diagnosis, observation, &planning);
        planning
    }

    fn propose<'a>(
        &'a self,
        cause: &'a RankedCause,
        context: &'a Context<'a>,
        episodes: &Episodes<'_>,
        sieve: &mut Sieve<'a>,
    ) {
        let proposals = self.strategy.propose(cause, context);
        if proposals.candidates.is_empty() && proposals.rejections.is_empty() {
            sieve.reject(cause, RejectedPlan::unmade(&cause.cause, Reason::NoStrategy));
        }
        for rejection in proposals.rejections {
            let reason = Reason::Unavailable { remedy: rejection.remedy, why: rejection.why };
            sieve.reject(cause, RejectedPlan::unmade(&cause.cause, reason));
        }
        let extent = episodes.extent(&cause.explains);
        let source = Source { config: &self.config, context, cause, extent };
        for candidate in proposals.candidates {
            sieve.take(source.draft(candidate));
        }
    }
}

/// Drops what does not pay, ranks the rest, cuts off what is too much.
#[derive(Debug)]
struct Sieve<'a> {
    config: &'a Config,
    violations: u32,
    drafts: Vec<Draft<'a>>,
    rejected: Vec<(Confidence, RejectedPlan)>,
}

impl<'a> Sieve<'a> {
    fn new(config: &'a Config, violations: u32) -> Self {
        Self { config, violations, drafts: Vec::new(), rejected: Vec::new() }
    }

    fn reject(&mut self, cause: &RankedCause, rejected: RejectedPlan) {
        self.rejected.push((cause.confidence, rejected));
    }

    fn take(&mut self, draft: Draft<'a>) {
        match draft.refusal(self.config) {
            Some(reason) => self.drop(&draft, reason),
            None => self.drafts.push(draft),
        }
    }

    fn drop(&mut self, draft: &Draft<'_>, reason: Reason) {
        let rejected = RejectedPlan::of(&draft.plan, draft.hash, reason);
        self.rejected.push((draft.plan.confidence, rejected));
    }

    fn finish(mut self, ids: &mut dyn FnMut() -> PlanId) -> Planning {
        let mut planning = Planning::default();
        let (waiting, acting) =
            self.ranked().into_iter().partition(|draft| self.wait(draft).is_some());
        planning.plans = self.cut(acting).into_iter().map(|draft| draft.into_plan(ids())).collect();
        for draft in self.cut(waiting) {
            let reason = self.wait(&draft).expect("only those that wait are here");
            planning.waiting.push(Waiting { plan: draft.into_plan(ids()), reason });
        }
        (planning.rejected, planning.rejected_more) = listed(self.rejected);
        planning
    }

    /// The drafts, best first, each thing to do once.
    fn ranked(&mut self) -> Vec<Draft<'a>> {
        let mut drafts = std::mem::take(&mut self.drafts);
        drafts.sort_by(Draft::rank);
        let mut seen = BTreeSet::new();
        let (first, again): (Vec<_>, Vec<_>) =
            drafts.into_iter().partition(|draft| seen.insert(draft.hash));
        again.iter().for_each(|draft| self.drop(draft, Reason::Duplicate));
        first
    }

    /// The first few, each with its id; the others are rejected as outranked.
    fn cut(&mut self, mut drafts: Vec<Draft<'a>>) -> Vec<Draft<'a>> {
        let limit = self.config.max_policies_per_analysis;
        let keep = drafts.len().min(usize::try_from(limit).unwrap_or(usize::MAX));
        let beyond = drafts.split_off(keep);
        let needed = drafts.last().map_or(Score::MIN, |draft| draft.plan.score);
        for (rank, draft) in (limit.saturating_add(1)..).zip(&beyond) {
            self.drop(draft, Reason::Outranked { rank, limit, needed });
        }
        drafts
    }

    /// What the plan waits for; `None` if it may be acted on. A critical episode whose cause is sure waits for nothing.
    fn wait(&self, draft: &Draft<'_>) -> Option<WaitReason> {
        let &Config { dwell_cycles, unsure_cycles, sure_confidence: sure, .. } = self.config;
        let (confidence, persisted) = (draft.plan.confidence, draft.persisted());
        let is_critical = draft.extent.critical > 0;
        let needed = self.config.min_violations;
        // A violation that stays is as much evidence as another one: it counts once for each cycle of its cause.
        let violations = self.violations.saturating_mul(persisted.max(1));
        if !is_critical && violations < needed {
            return Some(WaitReason::Violations { violations, needed });
        }
        let dwell = if is_critical { 0 } else { dwell_cycles };
        if confidence < sure && persisted < unsure_cycles.max(dwell) {
            let needed = unsure_cycles.max(dwell);
            return Some(WaitReason::Unsure { confidence, sure, persisted, needed });
        }
        (persisted < dwell).then_some(WaitReason::Dwell { persisted, needed: dwell })
    }
}

/// Most likely causes first, then an order that does not depend on that of the input.
fn listed(rejected: Vec<(Confidence, RejectedPlan)>) -> (Vec<RejectedPlan>, u32) {
    let mut rejected = rejected;
    rejected.sort_by_cached_key(|(confidence, plan)| {
        (std::cmp::Reverse(*confidence), plan.cause.clone(), plan.text.clone(), plan.hash)
    });
    let more = rejected.len().saturating_sub(Planning::REJECTED_MAX);
    rejected.truncate(Planning::REJECTED_MAX);
    let listed = rejected.into_iter().map(|(_, plan)| plan).collect();
    (listed, u32::try_from(more).unwrap_or(u32::MAX))
}

/// How many episodes the diagnosis is about. Causes may share some. Nobody asks for more than `enough`, and there may be
/// 100 000.
fn violations(diagnosis: &Diagnosis, enough: u32) -> u32 {
    let explained = diagnosis.causes.iter().flat_map(|cause| &cause.explains);
    let mut keys = BTreeSet::new();
    for key in explained.chain(&diagnosis.unexplained) {
        if keys.len() >= enough as usize {
            break;
        }
        keys.insert(key);
    }
    u32::try_from(keys.len()).unwrap_or(u32::MAX)
}

fn mismatch(diagnosis: &Diagnosis, observation: &Observation) -> Planning {
    let (of, seen) = (&diagnosis.target, &observation.target);
    let escalate = format!("the diagnosis is of {of}, but the observation is of {seen}: no plan");
    Planning { escalate: Some(escalate), risk_if_left: diagnosis.risk, ..Planning::default() }
}

/// When there is no plan, a person is told.
fn escalation(
    diagnosis: &Diagnosis,
    observation: &Observation,
    planning: &Planning,
) -> Option<String> {
    if diagnosis.is_healthy() {
        return None;
    }
    if diagnosis.is_unknown() {
        let n = diagnosis.unexplained.len();
        return Some(format!("the cause is unknown: nothing explains {n} open violation(s)"));
    }
    if planning.plans.is_empty() && planning.waiting.is_empty() {
        let why = planning.rejected.first().map(|first| format!("{}: {}", first.cause, first.text));
        return Some(format!("there is no plan; {}", why.unwrap_or_default()));
    }
    let unexplained = unexplained_critical(diagnosis, observation);
    (unexplained > 0).then(|| format!("no cause explains {unexplained} critical violation(s)"))
}

fn unexplained_critical(diagnosis: &Diagnosis, observation: &Observation) -> usize {
    let keys: BTreeSet<_> = diagnosis.unexplained.iter().collect();
    if keys.is_empty() {
        return 0;
    }
    let critical = observation.open.iter().filter(|it| it.severity == Severity::Critical);
    critical.filter(|violation| keys.contains(&violation.key())).count()
}

#[cfg(test)]
mod tests;
