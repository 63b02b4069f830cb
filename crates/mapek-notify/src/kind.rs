//! What people are told about.

use std::fmt;

use mapek_model::Severity;
use serde::{Deserialize, Serialize};

/// What people are told about, most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Kind {
    /// An execution that only a person can close; its target is frozen until then.
    NeedsOperator,
    /// What was done made things worse, or was undone.
    VerificationFailed,
    /// Nothing is done by itself until somebody resumes the loop.
    Paused,
    /// A kind of action is disabled until somebody re-arms it.
    BreakerOpen,
    /// A plan waits for people.
    ApprovalWaiting,
    /// Something is wrong, and there is no plan, no permission, or no success.
    Escalation,
}

impl Kind {
    /// All of them, most urgent first.
    pub const ALL: [Self; 6] = [
        Self::NeedsOperator,
        Self::VerificationFailed,
        Self::Paused,
        Self::BreakerOpen,
        Self::ApprovalWaiting,
        Self::Escalation,
    ];

    /// The word that JSON, configuration and metrics use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeedsOperator => "needs_operator",
            Self::VerificationFailed => "verification_failed",
            Self::Paused => "paused",
            Self::BreakerOpen => "breaker_open",
            Self::ApprovalWaiting => "approval_waiting",
            Self::Escalation => "escalation",
        }
    }

    /// The name of its alert.
    #[must_use]
    pub const fn alertname(self) -> &'static str {
        match self {
            Self::NeedsOperator => "MapekNeedsOperator",
            Self::VerificationFailed => "MapekVerificationFailed",
            Self::Paused => "MapekPaused",
            Self::BreakerOpen => "MapekBreakerOpen",
            Self::ApprovalWaiting => "MapekApprovalWaiting",
            Self::Escalation => "MapekEscalation",
        }
    }

    /// What is said when it is over.
    pub(crate) fn over(self, title: &str) -> String {
        match self {
            Self::Paused => "the loop was resumed".to_owned(),
            Self::NeedsOperator => format!("resolved: {title}"),
            Self::BreakerOpen => format!("re-armed: {title}"),
            _ => format!("over: {title}"),
        }
    }

    /// How bad it is.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::NeedsOperator => Severity::Critical,
            Self::VerificationFailed | Self::BreakerOpen | Self::Escalation => Severity::Warning,
            Self::Paused | Self::ApprovalWaiting => Severity::Info,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_json_and_the_order_is_that_of_urgency() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!(Kind::ALL.is_sorted());
        assert_eq!(Kind::ALL[0], Kind::NeedsOperator);
    }
}
