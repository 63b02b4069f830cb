//! What the rails say, of what the journal says.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{Execution, Observation, Plan, Timestamp};

use super::{Trails, View};
use crate::{Config, Context, Decision, Paused, Rails};

/// What the rails are asked about.
pub(crate) struct Asked<'a> {
    pub(crate) plan: &'a Plan,
    /// The execution whose next step it is about; absent before the plan begins.
    pub(crate) execution: Option<&'a Execution>,
    pub(crate) approvals: &'a BTreeSet<String>,
    pub(crate) observation: &'a Observation,
    pub(crate) now: Timestamp,
    /// Which resource each step of the plan changes.
    pub(crate) resources: &'a [Option<String>],
}

impl View {
    pub(crate) fn decide(
        &self,
        rails: &Rails,
        asked: &Asked<'_>,
        paused: Option<&Paused>,
    ) -> Decision {
        let Asked { plan, execution, approvals, observation, now, resources } = *asked;
        let never = BTreeMap::new();
        rails.decide(&Context {
            plan,
            execution,
            observation,
            now,
            approvals,
            others: &self.others(&plan.target, execution.map(|it| it.id)),
            damaged: &self.damaged_on(&plan.target),
            foreign: &self.trails.get(&plan.target).map(Trails::foreign).unwrap_or_default(),
            resources,
            rearmed: self.rearmed.get(&plan.target).unwrap_or(&never),
            paused,
        })
    }

    /// One plan after the other, until one may run.
    pub(crate) fn decide_in_turn(
        &self,
        rails: &Rails,
        config: &Config,
        (plans, observation, paused): (&[Plan], &Observation, Option<&Paused>),
        resources: &dyn Fn(&Plan) -> Vec<Option<String>>,
        now: Timestamp,
    ) -> Vec<Decision> {
        let mut said = Vec::with_capacity(plans.len());
        for plan in plans {
            let approvals = &self.proposals.approvers(&plan.hash(), config, now);
            let resources = &resources(plan);
            let asked = Asked { plan, execution: None, approvals, observation, now, resources };
            let decision = self.decide(rails, &asked, paused);
            let runs = decision == Decision::Run;
            said.push(decision);
            if runs {
                break;
            }
        }
        said
    }
}
