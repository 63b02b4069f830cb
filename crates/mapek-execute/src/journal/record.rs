//! What a record of the journal says.

use mapek_model::{
    ActionKind, ApprovalEvent, ContentHash, CycleNumber, Epoch, ExecutionId, ExecutionRecord, Plan,
    PlanHash, Sequence, TargetId, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{judge::Watch, ledger::Moved};

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
    /// Something new was seen of the episodes that an execution treats: what its judgement will rest on.
    Watched {
        /// Which execution.
        execution: ExecutionId,
        /// All that is known of them now.
        watch: Watch,
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
            Self::Cycle(inputs) => vec![inputs.observation, inputs.experience],
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
}
