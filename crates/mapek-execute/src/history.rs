//! What a journal had said up to some record: for whoever decides once more what was decided then.

use mapek_model::{Duration, Observation, Plan, Timestamp, earlier, later};

use crate::{
    Body, Config, Paused, PlanDecision, Proposal, Rails, Record,
    ledger::{ENDED_KEPT, View},
};

/// How long rails look back, but for the breaker, whose executions are never pruned, and for what is configured.
const LOOKS_BACK: Duration = Duration::from_secs(3600);

/// What a journal had said up to some record, and what the rails say to a plan at that point.
///
/// The rails that decide are the very ones that a running loop asks, and they look at the same: nothing is rebuilt here.
///
/// ```
/// use mapek_execute::History;
///
/// let history = History::default();
/// assert!(history.proposals().is_empty());
/// ```
#[derive(Debug, Default)]
pub struct History {
    view: View,
    /// When it was pruned last.
    pruned: Option<Timestamp>,
}

impl History {
    /// The next record, in order.
    pub fn take(&mut self, record: &Record) {
        self.view.fold(record);
    }

    /// All proposals that are remembered, by hash.
    #[must_use]
    pub fn proposals(&self) -> Vec<Proposal> {
        self.view.proposals.iter().cloned().collect()
    }

    /// A later record says that the journal was pruned: what rails looked back at may be missing.
    pub fn expect(&mut self, checkpoint: &Record) {
        if let Body::Checkpoint { .. } = &checkpoint.body {
            self.pruned = self.pruned.max(Some(checkpoint.at));
        }
    }

    /// Whether all that the rails looked back at then is here.
    #[must_use]
    pub fn is_complete(&self, at: Timestamp, config: &Config) -> bool {
        let cooldown = config.rails.budget.cooldown;
        // What was pruned had ended long before: that much is whole.
        let whole = |pruned| earlier(pruned, ENDED_KEPT.max(cooldown));
        self.pruned.is_none_or(|pruned| at >= later(whole(pruned), LOOKS_BACK.max(cooldown)))
    }

    /// What the rails say to plans that stand in line, as [`Control::decide_in_turn`](crate::Control::decide_in_turn) does, where the loop is paused if `paused` says so.
    /// What the steps of plans change is as `recorded` then; of plans that are not there nobody can tell any more.
    #[must_use]
    pub fn decide_in_turn(
        &self,
        rails: &Rails,
        config: &Config,
        plans: &[Plan],
        observation: &Observation,
        paused: Option<&Paused>,
        recorded: &[PlanDecision],
    ) -> Vec<PlanDecision> {
        let resources = |plan: &Plan| {
            let hash = plan.hash();
            let then = recorded.iter().find(|then| then.plan == hash);
            then.map_or_else(|| vec![None; plan.steps.len()], |then| then.resources.clone())
        };
        let asked = (plans, observation, paused);
        let said = self.view.decide_in_turn(rails, config, asked, &resources, observation.at);
        let said = plans.iter().zip(&said);
        said.map(|(plan, said)| PlanDecision::new(plan, said, resources(plan))).collect()
    }
}
