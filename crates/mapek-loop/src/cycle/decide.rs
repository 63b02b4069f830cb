//! From plans to what is done about them.

use mapek_execute::{Decision, LOOP, Order, Proposal};
use mapek_model::{
    Approval, Confidence, Diagnosis, ExecutionId, Experience, Level, Plan, PlanId, Timestamp,
};
use mapek_plan::Planning;

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
        let planning = self.parts.planner.plan(
            &draft.diagnosis,
            &draft.observation,
            experience,
            now,
            &mut next_id,
        );
        draft.timings.plan = self.parts.clock.stopwatch().saturating_sub(begun);
        let mut decisions = Decisions::default();
        decisions.escalations.extend(planning.escalate.clone());
        for plan in self.candidates(&planning, &draft.diagnosis) {
            let decided = self.decide(plan, now, draft, &mut decisions.escalations);
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

    /// What people have approved comes first, as long as the diagnosis still tells its cause, then the plans in their
    /// rank. Where the planner has just made the same plan anew, that one counts: its expiry and its reasons are of now.
    fn candidates(&self, planning: &Planning, diagnosis: &Diagnosis) -> Vec<Plan> {
        let told = |plan: &Plan| {
            diagnosis.causes.iter().any(|ranked| ranked.cause.kind == plan.cause.kind)
        };
        let fresh = |plan: Plan| {
            let hash = plan.hash();
            planning.plans.iter().find(|it| it.hash() == hash).cloned().unwrap_or(plan)
        };
        let mut approved: Vec<_> = self
            .parts
            .control
            .proposals()
            .into_iter()
            .filter(|proposal| proposal.plan.target == *self.target())
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

    fn decide(
        &mut self,
        plan: Plan,
        now: Timestamp,
        draft: &mut Draft,
        escalations: &mut Vec<String>,
    ) -> Decided {
        let control = &self.parts.control;
        let mut decided = Decided {
            plan: plan.id,
            hash: plan.hash(),
            summary: summary(&plan),
            decision: control.decide(&plan, &draft.observation, now),
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
            Decision::AwaitApproval { needed } => {
                match control.propose(&plan, *needed, LOOP, now) {
                    Ok(Approval::Pending { needed, by }) => escalations.push(format!(
                        "{} awaits approval: {} of {needed}",
                        decided.summary,
                        by.len()
                    )),
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
        let open: Vec<_> = draft.observation.open.iter().map(|it| it.fingerprint()).collect();
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

/// A plan in one line.
fn summary(plan: &Plan) -> String {
    let steps: Vec<_> = plan.steps.iter().map(|step| step.action.to_string()).collect();
    format!("against {}: {}", plan.cause, steps.join(", then "))
}
