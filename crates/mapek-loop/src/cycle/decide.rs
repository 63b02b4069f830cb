//! From plans to what is done about them.

use std::collections::{BTreeMap, BTreeSet};

use mapek_execute::{Decision, LOOP, Order, Proposal};
use mapek_model::{
    Approval, Confidence, Diagnosis, ExecutionId, Experience, Level, Observation, Plan, PlanId,
    Timestamp, Violation,
};
use mapek_plan::{Planning, WaitReason, Waiting};

use super::{Cycle, Draft, fault};
use crate::Decided;

/// What was decided in one cycle.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    pub(super) decided: Vec<Decided>,
    pub(super) escalations: Vec<String>,
}

impl Cycle {
    /// Plans, asks the rails, begins the first plan that may run, and lays before people what they must decide.
    pub(super) async fn plan_and_decide(
        &mut self,
        now: Timestamp,
        experience: &Experience,
        draft: &mut Draft,
    ) -> (Planning, Decisions) {
        let begun = self.parts.clock.stopwatch();
        let ids = &self.parts.ids;
        let mut next_id = || PlanId::from_uuid(ids.next_id(now));
        let planner = &self.parts.planner;
        let (diagnosis, observation) = (&draft.diagnosis, &draft.observation);
        let mut planning = tracing::info_span!("plan")
            .in_scope(|| planner.plan(diagnosis, observation, experience, now, &mut next_id));
        if let Some(before) = &self.observation {
            wait_for_what_fades(&mut planning, before, &draft.observation);
        }
        draft.timings.plan = self.parts.clock.stopwatch().saturating_sub(begun);
        let mut decisions = Decisions::default();
        decisions.escalations.extend(planning.escalate.clone());
        let mut proposals = self.parts.control.proposals();
        proposals.retain(|proposal| proposal.plan.target == *self.target());
        let plans = candidates(proposals, &planning, &draft.diagnosis);
        // What was decided is in the journal before any of it is done.
        let Some(said) = self.decide_in_turn(&planning, &plans, now, draft) else {
            return (planning, decisions);
        };
        for (plan, said) in plans.into_iter().zip(said) {
            let decided = self.act_on(plan, said, now, draft, &mut decisions.escalations);
            let started = decided.execution.is_some();
            decisions.decided.push(decided);
            if !draft.faults.is_empty() {
                break;
            }
            if started {
                // One plan at a time on a target; what it leaves is planned for when it has been judged.
                self.advance(now, draft).await;
                break;
            }
        }
        (planning, decisions)
    }

    fn act_on(
        &mut self,
        plan: Plan,
        decision: Decision,
        now: Timestamp,
        draft: &mut Draft,
        escalations: &mut Vec<String>,
    ) -> Decided {
        let control = &self.parts.control;
        let mut decided = Decided {
            plan: plan.id,
            hash: plan.hash(),
            summary: summary(&plan),
            decision,
            execution: None,
        };
        match &decided.decision {
            Decision::Run => {
                let execution = ExecutionId::from_uuid(self.parts.ids.next_id(now));
                // Nothing is random yet in the choice: the best that may run is taken.
                let order = Order { execution, plan, chosen_with: Confidence::MAX };
                match self.parts.executor.start(order, &draft.observation, now) {
                    Ok(execution) => decided.execution = Some(execution),
                    Err(error) => fault(&mut draft.faults, "a plan cannot begin", &error),
                }
            }
            Decision::AwaitApproval { needed, because } => {
                match control.propose(&plan, *needed, LOOP, now) {
                    Ok(Approval::Pending { needed, by }) => {
                        let why: Vec<_> = because.iter().map(|it| it.reason.as_str()).collect();
                        escalations.push(format!(
                            "{} awaits approval: {} of {needed}, as {}",
                            decided.summary,
                            by.len(),
                            why.join(" and ")
                        ));
                    }
                    Ok(_) => {}
                    Err(error) => fault(&mut draft.faults, "a plan cannot be proposed", &error),
                }
            }
            Decision::Refused { .. } => {
                escalations.push(format!("{} may not run: {}", decided.summary, decided.decision));
            }
            Decision::ObserveOnly => {}
        }
        decided
    }

    /// Ends proposals that have waited too long, and takes back those whose cause is gone.
    pub(super) fn tidy_proposals(&self, now: Timestamp, draft: &mut Draft) {
        let control = &self.parts.control;
        if let Err(error) = control.expire_proposals(now) {
            fault(&mut draft.faults, "proposals cannot be ended", &error);
        }
        // What cannot be seen is not known to be gone.
        if draft.observation.overall_quality().level() != Level::Fresh {
            return;
        }
        let open = &draft.open;
        let gone = |proposal: &Proposal| {
            !proposal.plan.explains.iter().any(|key| open.contains(&key.fingerprint))
        };
        for proposal in control.proposals() {
            let waits =
                matches!(proposal.approval, Approval::Pending { .. } | Approval::Approved { .. });
            if waits && proposal.plan.target == *self.target() && gone(&proposal) {
                let withdrawn = control.withdraw(&proposal.hash, "its cause is gone", now);
                if let Err(error) = withdrawn {
                    fault(&mut draft.faults, "a proposal cannot be taken back", &error);
                }
            }
        }
    }
}

/// Lets plans wait against what gets better by itself: nobody could tell afterwards what healed it, and what heals it is quicker.
pub(crate) fn wait_for_what_fades(
    planning: &mut Planning,
    before: &Observation,
    now: &Observation,
) {
    let (fading, acting) =
        std::mem::take(&mut planning.plans).into_iter().partition(|it| fades(it, before, now));
    planning.plans = acting;
    let waiting = |plan| Waiting { plan, reason: WaitReason::Fading };
    planning.waiting.extend(Vec::into_iter(fading).map(waiting));
}

/// Whether of the worst that a plan explains all that has a value is beyond its threshold by no more than half of what it was by before,
/// or something worse, of the same cause, has ended since. Where nothing has a value nobody knows. It halves only so often: what does
/// not go stops fading.
fn fades(plan: &Plan, before: &Observation, now: &Observation) -> bool {
    let explained: BTreeSet<_> = plan.explains.iter().map(|key| key.fingerprint).collect();
    let open: Vec<_> = now.open.iter().filter(|it| explained.contains(&it.fingerprint())).collect();
    let worst = open.iter().map(|it| it.severity).max();
    let is_symptom =
        |it: &Violation| plan.symptoms.iter().any(|one| one.matches(it.expectation.as_str()));
    let is_over =
        |it: &Violation| now.open.iter().all(|other| other.fingerprint() != it.fingerprint());
    if before.open.iter().any(|it| Some(it.severity) > worst && is_symptom(it) && is_over(it)) {
        return true;
    }
    let beyond = |it: &Violation| Some((it.value? - it.threshold?).abs());
    let earlier: BTreeMap<_, _> =
        before.open.iter().filter_map(|it| Some((it.fingerprint(), beyond(it)?))).collect();
    let worst = open.into_iter().filter(|it| Some(it.severity) == worst);
    let mut halved = worst.filter_map(|it| {
        let now = beyond(it)?;
        Some(earlier.get(&it.fingerprint()).is_some_and(|before| now <= before / 2.0))
    });
    halved.next().is_some_and(|first| first && halved.all(|it| it))
}

/// What people have approved comes first, as long as the diagnosis still tells its cause, then the plans in their rank. Where
/// the planner has just made the same plan anew, that one counts: its expiry and its reasons are of now.
pub(crate) fn candidates(
    proposals: Vec<Proposal>,
    planning: &Planning,
    diagnosis: &Diagnosis,
) -> Vec<Plan> {
    let told =
        |plan: &Plan| diagnosis.causes.iter().any(|ranked| ranked.cause.kind == plan.cause.kind);
    let fresh = |plan: Plan| {
        let hash = plan.hash();
        planning.plans.iter().find(|it| it.hash() == hash).cloned().unwrap_or(plan)
    };
    let mut approved: Vec<_> = proposals
        .into_iter()
        .filter(|proposal| proposal.approval.is_approved())
        .map(|proposal| fresh(proposal.plan))
        .filter(told)
        .collect();
    approved.sort_by_key(|plan| (std::cmp::Reverse((plan.priority, plan.score)), plan.hash()));
    let known: Vec<_> = approved.iter().map(Plan::hash).collect();
    let ranked = planning.plans.iter().filter(|plan| !known.contains(&plan.hash()));
    let ranked: Vec<_> = ranked.cloned().collect();
    approved.into_iter().chain(ranked).collect()
}

/// A plan in one line.
pub(crate) fn summary(plan: &Plan) -> String {
    let steps: Vec<_> = plan.steps.iter().map(|step| step.action.to_string()).collect();
    format!("against {}: {}", plan.cause, steps.join(", then "))
}

#[cfg(test)]
mod tests {
    use mapek_model::{
        ApprovalEvent, Cause, Duration, Pattern, RankedCause, Severity, TargetId, later,
        proptest1::plan,
    };
    use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

    use super::*;

    fn some_plan(kind: &str) -> Plan {
        let mut plan = plan().new_tree(&mut TestRunner::deterministic()).unwrap().current();
        plan.cause.kind = kind.parse().unwrap();
        plan
    }

    fn diagnosis(kind: &str) -> Diagnosis {
        let at = Timestamp::UNIX_EPOCH;
        let cause = RankedCause {
            cause: Cause { kind: kind.parse().unwrap(), component: None, metric: None },
            confidence: Confidence::MAX,
            explains: Vec::new(),
            since: at,
            symptoms: Vec::new(),
            persisted_cycles: 1,
            reasons: Vec::new(),
        };
        Diagnosis {
            id: "00000000-0000-0000-0000-000000000001".parse().unwrap(),
            target: TargetId::default(),
            at,
            findings: Vec::new(),
            causes: vec![cause],
            unexplained: Vec::new(),
            risk: None,
            recommendations: Vec::new(),
        }
    }

    fn proposal(plan: Plan, approved: bool) -> Proposal {
        let at = Timestamp::UNIX_EPOCH;
        let ada = ApprovalEvent::Approved { by: "ada".to_owned(), reason: None };
        let pending = Approval::pending(1);
        let approval = if approved { pending.after(&ada).unwrap() } else { pending };
        let (hash, requester) = (plan.hash(), LOOP.to_owned());
        let approved = approval.is_approved().then_some(at);
        let given = approved.map(|at| ("ada".to_owned(), at)).into_iter().collect();
        Proposal { hash, plan, requester, approval, given, approved, since: at, updated: at }
    }

    #[test]
    fn what_was_approved_runs_only_while_its_cause_is_told() {
        let (overload, leak) = (some_plan("overload"), some_plan("leak"));
        let waiting = || vec![proposal(overload.clone(), true), proposal(leak.clone(), false)];
        let none = Planning::default();
        assert_eq!(
            candidates(waiting(), &none, &diagnosis("overload")),
            std::slice::from_ref(&overload)
        );
        assert!(candidates(waiting(), &none, &diagnosis("leak")).is_empty());
        // Of the same plan the one of now counts, and it comes before those that rank.
        let mut anew = overload.clone();
        anew.expires = later(anew.expires, Duration::from_secs(60));
        let planning = Planning { plans: vec![leak.clone(), anew.clone()], ..Planning::default() };
        assert_eq!(candidates(waiting(), &planning, &diagnosis("overload")), [anew, leak]);
    }

    /// Breaches of `(expectation, severity, value)`, of which 1.0 is the threshold.
    fn seen(breaches: &[(&str, Severity, Option<f64>)]) -> Observation {
        let at = later(Timestamp::UNIX_EPOCH, Duration::from_secs(100));
        let open = breaches.iter().map(|(expectation, severity, value)| Violation {
            target: TargetId::default(),
            expectation: expectation.parse().unwrap(),
            component: None,
            severity: *severity,
            onset: at,
            last_seen: at,
            closed: None,
            witnesses: BTreeSet::new(),
            metric: None,
            value: *value,
            threshold: value.map(|_| 1.0),
            labels: mapek_model::Labels::default(),
            description: String::new(),
        });
        Observation { open: open.collect(), ..Observation::empty(TargetId::default(), at) }
    }

    #[test]
    fn plans_wait_while_the_worst_that_they_explain_gets_better_by_itself() {
        use Severity::{Critical, Warning};
        let waits = |before: &[_], now: &[_]| {
            let (before, now) = (seen(before), seen(now));
            let explains = now.open.iter().map(Violation::key).collect();
            let symptoms = vec![Pattern::new("failing")];
            let plan = Plan { explains, symptoms, ..some_plan("overload") };
            let mut planning = Planning { plans: vec![plan], ..Planning::default() };
            wait_for_what_fades(&mut planning, &before, &now);
            assert_eq!(planning.plans.len() + planning.waiting.len(), 1);
            planning.waiting.first().is_some_and(|it| it.reason == WaitReason::Fading)
        };
        let failing = |value| ("failing", Critical, Some(value));
        let slow = |value| ("slow", Warning, Some(value));
        assert!(waits(&[failing(9.0)], &[failing(5.0)]));
        assert!(!waits(&[failing(9.0)], &[failing(5.1)]), "too little");
        assert!(!waits(&[], &[failing(5.0)]), "it is new");
        assert!(waits(&[failing(9.0), slow(2.0)], &[failing(2.0), slow(8.0)]), "the worst counts");
        assert!(!waits(&[slow(9.0)], &[slow(2.0), failing(3.0)]), "something worse is new");
        assert!(waits(&[failing(9.0), slow(4.0)], &[slow(4.0)]), "what was worse has ended");
        assert!(
            !waits(&[("down", Critical, Some(1.0)), slow(4.0)], &[slow(4.0)]),
            "of another cause"
        );
        assert!(!waits(&[("told", Critical, None)], &[("told", Critical, None)]), "nobody knows");
    }
}
