//! The seam: from a cause to candidate plans.

use std::{fmt, sync::Arc};

use mapek_model::{Diagnosis, Experience, Observation, RankedCause, Timestamp};

use crate::{Candidate, Rejection};

/// All that a strategy may look at besides the cause itself.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The diagnosis that the cause is from.
    pub diagnosis: &'a Diagnosis,
    /// What was seen, the inventory of the managed system included.
    pub observation: &'a Observation,
    /// How plans did so far. The planner scores with it; a strategy may leave out what never worked.
    pub experience: &'a Experience,
    /// The time.
    pub now: Timestamp,
}

/// What a strategy answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proposals {
    /// What could be done.
    pub candidates: Vec<Candidate>,
    /// What could not be proposed, and why: shown to people, and never acted on.
    pub rejections: Vec<Rejection>,
}

impl Proposals {
    /// Adds what `other` proposes.
    pub fn extend(&mut self, other: Self) {
        self.candidates.extend(other.candidates);
        self.rejections.extend(other.rejections);
    }
}

impl From<Vec<Candidate>> for Proposals {
    fn from(candidates: Vec<Candidate>) -> Self {
        Self { candidates, rejections: Vec::new() }
    }
}

/// Knows what can be done against a cause.
///
/// A strategy is pure: the same arguments give the same proposals, and nothing is changed. It proposes only what the
/// inventory of the observation supports; where something that it needs is not known, it proposes nothing and says so in
/// a [`Rejection`]. A guessed target is worse than no plan. Order of proposals does not matter: the planner ranks.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait Strategy: fmt::Debug + Send + Sync {
    /// What could be done against `cause`.
    fn propose<'a>(&self, cause: &RankedCause, context: &Context<'a>) -> Proposals;
}

const _: Option<&dyn Strategy> = None; // stays usable as a trait object

impl<T: Strategy + ?Sized> Strategy for Arc<T> {
    fn propose<'a>(&self, cause: &RankedCause, context: &Context<'a>) -> Proposals {
        (**self).propose(cause, context)
    }
}

/// A strategy that is one function.
///
/// ```
/// use mapek_model::{Action, Duration, Step};
/// use mapek_plan::{Candidate, Catalogue, strategy_fn};
///
/// let fail_over = strategy_fn("fail-over", |_cause, _context| {
///     let action = Action::Custom { name: "fail_over".to_owned(), parameters: Default::default() };
///     let minute = Duration::from_secs(60);
///     Candidate::try_new(vec![Step::of(action)], "the standby is healthy", minute).into_iter().collect::<Vec<_>>().into()
/// });
/// let catalogue = Catalogue::new().with("node-down".parse()?, fail_over);
/// assert_eq!(catalogue.causes().count(), 1);
/// # Ok::<(), mapek_model::InvalidName>(())
/// ```
pub fn strategy_fn<F>(name: impl Into<String>, propose: F) -> impl Strategy
where
    F: for<'a> Fn(&RankedCause, &Context<'a>) -> Proposals + Send + Sync,
{
    StrategyFn { name: name.into(), propose }
}

struct StrategyFn<F> {
    name: String,
    propose: F,
}

impl<F> fmt::Debug for StrategyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StrategyFn").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<F> Strategy for StrategyFn<F>
where
    F: for<'a> Fn(&RankedCause, &Context<'a>) -> Proposals + Send + Sync,
{
    fn propose<'a>(&self, cause: &RankedCause, context: &Context<'a>) -> Proposals {
        (self.propose)(cause, context)
    }
}
