//! What can happen to an execution.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    Confidence, Duration, ExecutionId, Measured, Plan, Sight, StepIndex, Timestamp, Verdict,
};

/// Doing a step, or undoing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Way {
    /// Forward.
    Do,
    /// Back.
    Undo,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Do => "do",
            Self::Undo => "undo",
        })
    }
}

/// The key under which a managed system knows one step of one execution, the same in every retry and after every crash.
///
/// SHA-256 over execution, step and way, in 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of this step, this way.
    #[must_use]
    pub fn of(execution: ExecutionId, step: StepIndex, way: Way) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"mapek/key/1");
        hasher.update(execution.as_uuid().as_bytes());
        hasher.update(step.0.to_be_bytes());
        hasher.update([u8::from(way == Way::Undo)]);
        let digest: [u8; 32] = hasher.finalize().into();
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What the managed system was like before a step, as far as its undo needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Captured {
    /// When it was read.
    pub at: Timestamp,
    /// In the effector's own words; only the effector reads it.
    pub state: Value,
}

/// A step that could not be undone, as far as that can be found out without doing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Irreversible {
    /// Which step.
    pub step: StepIndex,
    /// Why its undo would fail.
    pub reason: String,
}

/// Why steps are undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum UndoReason {
    /// A later step failed, or may not be sent any more.
    Failure,
    /// The metrics got worse.
    Degradation,
    /// A person asked for it.
    Person,
    /// The cause is gone: temporary steps are taken back. This is how such a plan succeeds.
    Release,
}

impl fmt::Display for UndoReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Failure => "failure",
            Self::Degradation => "degradation",
            Self::Person => "person",
            Self::Release => "release",
        })
    }
}

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Ending {
    /// All steps ran; what was temporary is released.
    Completed,
    /// All that may have run is undone.
    Undone,
    /// It failed before anything took effect.
    FailedClean,
    /// It cannot go on without a person: an undo failed, or it cannot be known whether an irreversible step ran.
    NeedsOperator,
}

impl Ending {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Completed, Self::Undone, Self::FailedClean, Self::NeedsOperator];

    /// The word that JSON uses. Metrics say `success` for completed and `failed` for failed-clean.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Undone => "undone",
            Self::FailedClean => "failed_clean",
            Self::NeedsOperator => "needs_operator",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something happened to an execution. Each is durable in the journal before anything that follows from it is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum ExecutionEvent {
    /// It begins. Always the first event, and only that.
    Started {
        /// The plan, whole: what runs is what was journaled, whatever becomes of the planner.
        plan: Box<Plan>,
        /// With what probability it was chosen among the admissible plans.
        chosen_with: Confidence,
        /// What was measured before it.
        before: Measured,
    },
    /// A step is about to be sent.
    Intended {
        /// Which step.
        step: StepIndex,
        /// Which way.
        way: Way,
        /// The first try is 1.
        attempt: u16,
        /// The key that it is sent under.
        key: IdempotencyKey,
        /// What the managed system was like; only on the way forward.
        captured: Option<Captured>,
    },
    /// It is known that a step took effect.
    Applied {
        /// Which step.
        step: StepIndex,
        /// Which way.
        way: Way,
        /// What the managed system answered, for people and for undo.
        receipt: Value,
    },
    /// It is known that a step did not take effect.
    Refused {
        /// Which step.
        step: StepIndex,
        /// Which way.
        way: Way,
        /// Why.
        reason: String,
        /// Whether trying again can help.
        transient: bool,
    },
    /// A step was sent and it is not known whether it took effect.
    Unclear {
        /// Which step.
        step: StepIndex,
        /// Which way.
        way: Way,
        /// Why it is not known.
        reason: String,
    },
    /// A step that did not take effect is given up and the plan goes on without it: only in best effort.
    Skipped {
        /// Which step.
        step: StepIndex,
        /// Why.
        reason: String,
    },
    /// Before the first step was sent, the undo of each was tried as far as that is possible without doing it.
    Rehearsed {
        /// The steps that could not be undone, in order. They count as irreversible.
        irreversible: Vec<Irreversible>,
    },
    /// All steps are applied; now fresh metrics must show what they did.
    VerificationBegan,
    /// Fresh metrics were looked at, and are to be looked at again before anything is concluded.
    Looked {
        /// What they showed.
        sight: Sight,
        /// The share that is left of the worst that the plan explains, of what doing nothing would have led to: 0 is gone, 1 is
        /// all of it. Absent where nobody can tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<f64>,
        /// In words.
        reason: String,
    },
    /// Fresh metrics showed what the steps did.
    Judged {
        /// What they achieved.
        verdict: Verdict,
        /// Why that is the verdict.
        reason: String,
        /// What was measured after them.
        after: Measured,
        /// How long after the last step the last explained episode closed; only with a success.
        #[serde(default, with = "crate::duration::option")]
        #[cfg_attr(feature = "schemars", schemars(with = "Option<crate::duration::Schema>"))]
        time_to_effect: Option<Duration>,
    },
    /// Temporary steps stay until the cause has been absent for a while, but not beyond their lease.
    Held {
        /// When they are taken back in any case.
        until: Timestamp,
    },
    /// Steps will be undone, in this order.
    UndoBegan {
        /// Why.
        why: UndoReason,
        /// Which ones, last first: all that may have run, or the temporary ones on release.
        steps: Vec<StepIndex>,
        /// In words.
        reason: String,
    },
    /// It ended.
    Ended {
        /// How.
        ending: Ending,
        /// In words.
        reason: String,
    },
    /// A named person closed what needed an operator.
    Closed {
        /// Who.
        by: String,
        /// What they found and did.
        reason: String,
    },
}

impl ExecutionEvent {
    /// The word that JSON uses.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Intended { .. } => "intended",
            Self::Applied { .. } => "applied",
            Self::Refused { .. } => "refused",
            Self::Unclear { .. } => "unclear",
            Self::Skipped { .. } => "skipped",
            Self::Rehearsed { .. } => "rehearsed",
            Self::Looked { .. } => "looked",
            Self::VerificationBegan => "verification_began",
            Self::Judged { .. } => "judged",
            Self::Held { .. } => "held",
            Self::UndoBegan { .. } => "undo_began",
            Self::Ended { .. } => "ended",
            Self::Closed { .. } => "closed",
        }
    }
}
