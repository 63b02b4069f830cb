//! Why something is not proposed, and what would have to be otherwise.

use mapek_model::{Action, Cause, Confidence, Cost, PlanHash, PlanSignature, Score, Utility};
use serde::{Deserialize, Serialize};

use crate::InvalidCandidate;

/// Something that a strategy could not propose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// What would have been proposed, in a word or two (`scale up and tune`).
    pub remedy: String,
    /// Why not.
    pub why: Unavailable,
}

/// Why a step cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "unavailable", rename_all = "snake_case")]
#[non_exhaustive]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Unavailable {
    /// The observation does not hold what is needed.
    #[error("{what} is not known")]
    Missing {
        /// What is not known.
        what: String,
    },
    /// What is known speaks against it.
    #[error("{why}")]
    Unsuitable {
        /// Why.
        why: String,
    },
    /// The steps break a rule of plans: a mistake in the strategy.
    #[error("not a plan: {why}")]
    Invalid {
        /// Which rule.
        why: String,
    },
}

impl Unavailable {
    /// `what` is not known.
    pub fn missing(what: impl Into<String>) -> Self {
        Self::Missing { what: what.into() }
    }

    /// Known facts speak against it.
    pub fn unsuitable(why: impl Into<String>) -> Self {
        Self::Unsuitable { why: why.into() }
    }
}

impl From<InvalidCandidate> for Unavailable {
    fn from(error: InvalidCandidate) -> Self {
        Self::Invalid { why: error.to_string() }
    }
}

/// Why a plan is not proposed, with what would have flipped the decision.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Reason {
    /// The catalogue holds nothing against this kind of cause.
    #[error("no strategy is known against this cause")]
    NoStrategy,
    /// A strategy could not make it.
    #[error("{remedy}: {why}")]
    Unavailable {
        /// What would have been proposed.
        remedy: String,
        /// Why not.
        why: Unavailable,
    },
    /// The cause is not sure enough.
    #[error("confidence {confidence:.2} is below {needed:.2}", confidence = .confidence.get(), needed = .needed.get())]
    Unsure {
        /// How likely the cause is.
        confidence: Confidence,
        /// How likely it would have to be.
        needed: Confidence,
    },
    /// It does not pay.
    #[error("benefit {benefit:.2} does not exceed cost {cost:.2}", benefit = .benefit.get(), cost = .cost.get())]
    DoesNotPay {
        /// What it would bring.
        benefit: Utility,
        /// What it would cost.
        cost: Cost,
        /// Benefit minus cost.
        score: Score,
        /// The confidence in the cause above which it would pay; absent if no confidence would do.
        needed: Option<Confidence>,
        /// The utility over doing nothing above which it would pay at this confidence; absent if none would do.
        needed_utility: Option<Utility>,
    },
    /// It does what a better ranked plan does.
    #[error("does the same as another proposal")]
    Duplicate,
    /// Others are better.
    #[error("ranked {rank}, only the first {limit} are proposed")]
    Outranked {
        /// Its rank, from 1.
        rank: u32,
        /// How many are proposed.
        limit: u32,
        /// The score of the last one that is.
        needed: Score,
    },
}

impl Reason {
    /// The least that would have to be otherwise for it to be proposed, for people: any one of these. Nothing where nobody
    /// can tell.
    ///
    /// ```
    /// use mapek_model::Confidence;
    /// use mapek_plan::Reason;
    ///
    /// let [confidence, needed] = [0.5, 0.6].map(Confidence::saturating);
    /// let unsure = Reason::Unsure { confidence, needed };
    /// assert_eq!(unsure.changes(), ["confidence is at least 0.60 (it is 0.50)"]);
    /// ```
    #[must_use]
    pub fn changes(&self) -> Vec<String> {
        match self {
            Self::NoStrategy => vec!["a strategy is known against this cause".to_owned()],
            Self::Unavailable { why: Unavailable::Missing { what }, .. } => {
                vec![format!("{what} is known")]
            }
            Self::Unavailable { .. } | Self::Duplicate => Vec::new(),
            Self::Unsure { confidence, needed } => {
                let (is, needed) = (confidence.get(), up(needed.get(), 100.0));
                vec![format!("confidence is at least {needed:.2} (it is {is:.2})")]
            }
            Self::DoesNotPay { benefit, cost, needed, needed_utility, .. } => {
                let shown = |number: f64| up(number, 1000.0);
                let confidence =
                    needed.map(|it| format!("confidence is above {:.3}", shown(it.get())));
                let utility = needed_utility.map(|it| {
                    format!("its utility over doing nothing is above {:.3}", shown(it.get()))
                });
                // Down, so that what is shown suffices.
                let less = -up(-benefit.get(), 1000.0);
                let cost = (less > 0.0)
                    .then(|| format!("it costs less than {less:.3} (it costs {:.3})", cost.get()));
                confidence.into_iter().chain(utility).chain(cost).collect()
            }
            Self::Outranked { rank, limit, needed } => vec![
                format!("its score is above {:.2}, that of rank {limit}", needed.get()),
                format!("plan.max_policies_per_analysis is at least {rank}"),
            ],
        }
    }
}

/// To the next hundredth, or whatever part of one, so that what is shown suffices.
fn up(number: f64, parts: f64) -> f64 {
    // What is such a part but for a rounding error is that part.
    (number * parts - 1e-9).ceil() / parts
}

/// A plan that is not proposed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct RejectedPlan {
    /// The cause that it would have treated.
    pub cause: Cause,
    /// What it would have done; empty where it could not even be made.
    pub actions: Vec<Action>,
    /// The kinds of those.
    pub signature: PlanSignature,
    /// Its hash; absent where it could not be made.
    pub hash: Option<PlanHash>,
    /// Why not, for programs.
    pub reason: Reason,
    /// Why not, for people.
    pub text: String,
}

impl RejectedPlan {
    pub(crate) fn unmade(cause: &Cause, reason: Reason) -> Self {
        Self {
            cause: cause.clone(),
            actions: Vec::new(),
            signature: PlanSignature::new([]),
            hash: None,
            text: reason.to_string(),
            reason,
        }
    }

    pub(crate) fn of(plan: &mapek_model::Plan, hash: PlanHash, reason: Reason) -> Self {
        let actions: Vec<_> = plan.steps.iter().map(|step| step.action.clone()).collect();
        let words: Vec<_> = actions.iter().map(ToString::to_string).collect();
        Self {
            cause: plan.cause.clone(),
            signature: plan.signature(),
            hash: Some(hash),
            text: format!("{}: {reason}", words.join(", then ")),
            actions,
            reason,
        }
    }
}
