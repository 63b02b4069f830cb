//! What a record of the journal says.

use mapek_model::{
    ActionKind, ApprovalEvent, ContentHash, CycleNumber, Duration, Epoch, ExecutionId,
    ExecutionRecord, Plan, PlanHash, Sequence, TargetId, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{Decision, Paused, judge::Watch, ledger::Moved};

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The managed system; absent where it is about all of them.
    pub target: Option<TargetId>,
    /// The epoch that it was written in.
    pub epoch: Epoch,
    /// Its place.
    pub sequence: Sequence,
    /// When it was written.
    pub at: Timestamp,
    /// In which cycle.
    pub cycle: CycleNumber,
    /// The hash of the record before it.
    pub previous: ContentHash,
    /// What happened.
    pub body: Body,
}

/// What is to become a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The managed system; absent where it is about all of them.
    pub target: Option<TargetId>,
    /// When.
    pub at: Timestamp,
    /// In which cycle.
    pub cycle: CycleNumber,
    /// What happened.
    pub body: Body,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "body", rename_all = "snake_case")]
pub enum Body {
    /// Something happened to an execution.
    Execution {
        /// What.
        record: ExecutionRecord,
    },
    /// A plan was laid before people.
    Proposed(Box<Proposed>),
    /// Something happened to a proposal.
    Approval {
        /// The hash of its plan.
        plan: PlanHash,
        /// What.
        event: ApprovalEvent,
    },
    /// The loop was paused or resumed.
    Latch {
        /// Which of the two.
        paused: bool,
        /// By whom.
        by: String,
        /// Why.
        reason: String,
    },
    /// A person trusts a kind of action again that the breaker had disabled on the record's target.
    Rearmed {
        /// Which kind.
        kind: ActionKind,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// A cycle began, with these inputs.
    Cycle(CycleInputs),
    /// The clock had gone back since the cycle before: what is said to have happened later than this happened at the latest now.
    SetBack {
        /// By how much, at least; for people.
        #[serde(with = "mapek_model::duration")]
        by: Duration,
    },
    /// It was decided what to do about what a cycle saw; nothing of it is done yet.
    Decided(Box<CycleDecisions>),
    /// Something new was seen of the episodes that an execution treats: what its judgement will rest on.
    Watched {
        /// Which execution.
        execution: ExecutionId,
        /// All that is known of them now.
        watch: Watch,
    },
    /// The rails hold back what an execution would do next. It is written down when that begins, and when others hold it back.
    HeldBack {
        /// Which execution.
        execution: ExecutionId,
        /// What they say.
        said: Decision,
    },
    /// Resources of the record's target were seen in another state than before, or for the first time.
    Moved {
        /// Which, by kind and id.
        moves: Vec<Moved>,
    },
    /// Records were pruned. What stays of them stays where it is.
    Checkpoint {
        /// The journal's id.
        journal: ContentHash,
        /// The newest record that may have been pruned.
        through: Sequence,
        /// Its hash: the chain goes on from here.
        hash: ContentHash,
        /// Which records up to there stay, each with its hash; by content.
        kept: ContentHash,
        /// Who vouches for it, in a form of their own. Nobody does yet: there is no key to sign with.
        signature: Option<String>,
    },
}

impl Body {
    /// The values beside the journal that it names.
    pub(crate) fn values(&self) -> Vec<ContentHash> {
        match self {
            Self::Cycle(inputs) => inputs.values(),
            Self::Decided(decisions) => vec![decisions.planning],
            Self::Checkpoint { kept, .. } => vec![*kept],
            _ => Vec::new(),
        }
    }
}

/// A plan that waits for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposed {
    /// The plan, whole.
    pub plan: Plan,
    /// How many distinct people it needs.
    pub needed: u8,
    /// Who asks: the loop, or a person.
    pub requester: String,
}

/// What a cycle was worked out from, as far as a replay needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleInputs {
    /// Which cycle.
    pub number: CycleNumber,
    /// The configuration in force.
    pub config: ContentHash,
    /// What random numbers come from.
    pub seed: u64,
    /// What was observed, by content.
    pub observation: ContentHash,
    /// What was known, by content.
    pub experience: ContentHash,
    /// The whole configuration, by content; absent where nobody handed it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ContentHash>,
    /// What was diagnosed, by content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<ContentHash>,
    /// What our own actions meant for the diagnosis, by content; absent where they meant nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ours: Option<ContentHash>,
    /// What the analyzer remembered before, by content; absent where that is what the cycle before left, which is here too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analyzer: Option<ContentHash>,
    /// What the cycle before saw, by content, where something was open in it and it is not here itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<ContentHash>,
}

impl CycleInputs {
    /// What every cycle has; the rest is absent.
    #[must_use]
    pub const fn new(
        number: CycleNumber,
        config: ContentHash,
        seed: u64,
        observation: ContentHash,
        experience: ContentHash,
    ) -> Self {
        Self {
            number,
            config,
            seed,
            observation,
            experience,
            configuration: None,
            diagnosis: None,
            ours: None,
            analyzer: None,
            before: None,
        }
    }

    fn values(&self) -> Vec<ContentHash> {
        let Self { configuration, diagnosis, ours, analyzer, before, .. } = self;
        let more = [configuration, diagnosis, ours, analyzer, before].into_iter().flatten();
        [self.observation, self.experience].into_iter().chain(more.copied()).collect()
    }
}

/// What was decided in a cycle, before any of it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleDecisions {
    /// Which cycle.
    pub number: CycleNumber,
    /// What was planned, by content.
    pub planning: ContentHash,
    /// What the rails said, plan by plan in the order in which they were asked; none behind the first that may run.
    pub decisions: Vec<PlanDecision>,
    /// Why the loop was paused then, if it was: the file says that to nobody afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
}

/// What the rails said to one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDecision {
    /// What the plan would do.
    pub plan: PlanHash,
    /// What they said.
    pub said: Decision,
    /// Which resource each of its steps changes, as the effector told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Option<String>>,
}

impl PlanDecision {
    /// They said this to `plan`, whose steps change these resources.
    #[must_use]
    pub fn new(plan: &Plan, said: &Decision, resources: Vec<Option<String>>) -> Self {
        Self { plan: plan.hash(), said: said.clone(), resources }
    }
}
