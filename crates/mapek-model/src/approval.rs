//! The life of a proposal, from pending to its end.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Something happened to a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum ApprovalEvent {
    /// A person approved it.
    Approved {
        /// Who.
        by: String,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// A person rejected it.
    Rejected {
        /// Who.
        by: String,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// What a person approved so long ago that it no longer counts; they may approve it again.
    Lapsed {
        /// Whose approval.
        by: String,
    },
    /// It waited for too long.
    Expired,
    /// Its cause is gone, or the rails would no longer let it pass.
    Withdrawn {
        /// Why.
        reason: String,
    },
}

/// Where a proposal stands.
///
/// ```
/// use mapek_model::{Approval, ApprovalEvent};
///
/// let approved = |by: &str| ApprovalEvent::Approved { by: by.to_owned(), reason: None };
/// let pending = Approval::pending(2);
/// let once = pending.after(&approved("ada"))?;
/// assert_eq!(once.after(&approved("ada"))?, once); // the same person does not count twice
/// assert!(once.after(&approved("grace"))?.is_approved());
/// # Ok::<(), mapek_model::IllegalTransition>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Approval {
    /// It waits for people.
    Pending {
        /// How many distinct people it needs.
        needed: u8,
        /// Who has approved so far.
        by: BTreeSet<String>,
    },
    /// Enough people approved it.
    Approved {
        /// Who.
        by: BTreeSet<String>,
    },
    /// A person rejected it.
    Rejected {
        /// Who.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// It waited for too long.
    Expired,
    /// It is no longer wanted or no longer allowed.
    Withdrawn {
        /// Why.
        reason: String,
    },
}

/// An event does not fit the status that it met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot follow {status}")]
#[non_exhaustive]
pub struct IllegalTransition {
    /// The status.
    pub status: String,
    /// The event.
    pub event: String,
}

impl IllegalTransition {
    /// Names both.
    #[must_use]
    pub fn new(status: impl Into<String>, event: impl Into<String>) -> Self {
        Self { status: status.into(), event: event.into() }
    }
}

impl Approval {
    /// Waits for `needed` distinct people; with 0 it is approved by nobody's leave.
    #[must_use]
    pub fn pending(needed: u8) -> Self {
        if needed == 0 {
            Self::Approved { by: BTreeSet::new() }
        } else {
            Self::Pending { needed, by: BTreeSet::new() }
        }
    }

    /// Whether it may run.
    #[must_use]
    pub const fn is_approved(&self) -> bool {
        matches!(self, Self::Approved { .. })
    }

    /// The word that JSON and metrics use.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Approved { .. } => "approved",
            Self::Rejected { .. } => "rejected",
            Self::Expired => "expired",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }

    /// The status after `event`. Approving twice changes nothing; an approved proposal can still expire, be withdrawn or
    /// be rejected before it runs, and no single approval of it lapses any more; what has ended stays so.
    ///
    /// # Errors
    ///
    /// [`IllegalTransition`] if the proposal has ended, or an approval lapses when there are enough of them.
    pub fn after(&self, event: &ApprovalEvent) -> Result<Self, IllegalTransition> {
        match (self, event) {
            (Self::Pending { needed, by: so_far }, ApprovalEvent::Approved { by, .. }) => {
                let mut by_now = so_far.clone();
                by_now.insert(by.clone());
                Ok(if by_now.len() >= usize::from(*needed) {
                    Self::Approved { by: by_now }
                } else {
                    Self::Pending { needed: *needed, by: by_now }
                })
            }
            (Self::Approved { by: so_far }, ApprovalEvent::Approved { by, .. }) => {
                let mut by_now = so_far.clone();
                by_now.insert(by.clone());
                Ok(Self::Approved { by: by_now })
            }
            (Self::Pending { needed, by: so_far }, ApprovalEvent::Lapsed { by }) => {
                let mut by_now = so_far.clone();
                by_now.remove(by);
                Ok(Self::Pending { needed: *needed, by: by_now })
            }
            (Self::Approved { .. }, ApprovalEvent::Lapsed { .. }) => {
                Err(IllegalTransition::new(self.as_str(), event.as_str()))
            }
            (Self::Pending { .. } | Self::Approved { .. }, ending) => Ok(match ending {
                ApprovalEvent::Rejected { by, reason } => {
                    Self::Rejected { by: by.clone(), reason: reason.clone() }
                }
                ApprovalEvent::Withdrawn { reason } => Self::Withdrawn { reason: reason.clone() },
                ApprovalEvent::Expired
                | ApprovalEvent::Approved { .. }
                | ApprovalEvent::Lapsed { .. } => Self::Expired,
            }),
            (ended, event) => Err(IllegalTransition::new(ended.as_str(), event.as_str())),
        }
    }
}

impl ApprovalEvent {
    /// The word that JSON and metrics use.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Approved { .. } => "approved",
            Self::Rejected { .. } => "rejected",
            Self::Lapsed { .. } => "lapsed",
            Self::Expired => "expired",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_stays_ended() {
        let rejected = Approval::pending(1)
            .after(&ApprovalEvent::Rejected { by: "ada".to_owned(), reason: None })
            .unwrap();
        let error = rejected
            .after(&ApprovalEvent::Approved { by: "bob".to_owned(), reason: None })
            .unwrap_err();
        assert_eq!(error.to_string(), "approved cannot follow rejected");
    }

    #[test]
    fn one_approval_lapses_and_leaves_those_of_others() {
        let approved = |by: &str| ApprovalEvent::Approved { by: by.to_owned(), reason: None };
        let lapsed = ApprovalEvent::Lapsed { by: "ada".to_owned() };
        let two = Approval::pending(3).after(&approved("ada")).unwrap();
        let two = two.after(&approved("grace")).unwrap();
        let left = Approval::Pending { needed: 3, by: ["grace".to_owned()].into() };
        assert_eq!(two.after(&lapsed).unwrap(), left);
        let enough = Approval::pending(1).after(&approved("ada")).unwrap();
        let error = enough.after(&lapsed).unwrap_err();
        assert_eq!(error.to_string(), "lapsed cannot follow approved");
    }

    #[test]
    fn an_approved_proposal_can_still_expire() {
        let approved = Approval::pending(0);
        assert_eq!(approved.after(&ApprovalEvent::Expired).unwrap(), Approval::Expired);
    }
}
