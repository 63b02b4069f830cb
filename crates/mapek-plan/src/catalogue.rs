//! The catalogue: which remedies there are against which cause, as data.

use std::{collections::BTreeMap, fmt, sync::Arc};

use mapek_model::{CauseKind, Duration, Precondition, RankedCause, Step, VerificationOverride};

use crate::{Candidate, Context, Proposals, Rejection, StepBuilder, Strategy, Unavailable};

/// Strategies by the kind of cause that they treat. It is a strategy itself: it asks those that fit.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    by_cause: BTreeMap<CauseKind, Vec<Arc<dyn Strategy>>>,
}

impl Catalogue {
    /// An empty catalogue: every cause is escalated.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a strategy against causes of a kind, beside those that are there.
    #[must_use]
    pub fn with(mut self, cause: CauseKind, strategy: impl Strategy + 'static) -> Self {
        self.by_cause.entry(cause).or_default().push(Arc::new(strategy));
        self
    }

    /// Takes out all strategies against causes of a kind: they are escalated.
    #[must_use]
    pub fn without(mut self, cause: &CauseKind) -> Self {
        self.by_cause.remove(cause);
        self
    }

    /// The kinds of causes that something is known against.
    pub fn causes(&self) -> impl Iterator<Item = &CauseKind> {
        self.by_cause.keys()
    }

    /// Whether anything is known against causes of this kind.
    #[must_use]
    pub fn treats(&self, cause: &CauseKind) -> bool {
        self.by_cause.contains_key(cause)
    }
}

impl Strategy for Catalogue {
    fn propose<'a>(&self, cause: &RankedCause, context: &Context<'a>) -> Proposals {
        let mut all = Proposals::default();
        for strategy in self.by_cause.get(&cause.cause.kind).into_iter().flatten() {
            all.extend(strategy.propose(cause, context));
        }
        all
    }
}

/// One way to treat a cause: builders whose steps are taken in order. It is proposed as a whole or not at all.
///
/// ```
/// use mapek_model::{Action, Duration};
/// use mapek_plan::{Fixed, Remedy};
///
/// let remedy = Remedy::new("spread the load", "one node draws more than its share")
///     .then(Fixed::new(Action::RebalanceLoad { strategy: "least_loaded".to_owned() }), Duration::ZERO)
///     .seen_within(Duration::from_secs(60));
/// assert_eq!(remedy.name(), "spread the load");
/// ```
#[derive(Clone)]
pub struct Remedy {
    name: String,
    rationale: String,
    parts: Vec<(Arc<dyn StepBuilder>, Duration)>,
    time_to_effect: Duration,
    verification: Option<VerificationOverride>,
}

impl fmt::Debug for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remedy").field("name", &self.name).field("parts", &self.parts).finish()
    }
}

impl Remedy {
    /// Its effect should be seen within a minute, unless [`seen_within`](Self::seen_within) says otherwise: two to four
    /// scrapes, and the usual range of a `rate`.
    pub const TIME_TO_EFFECT: Duration = Duration::from_secs(60);

    /// A remedy without steps as yet. The name says what it does, the rationale why that helps; both are for people.
    pub fn new(name: impl Into<String>, rationale: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            rationale: rationale.into(),
            parts: Vec::new(),
            time_to_effect: Self::TIME_TO_EFFECT,
            verification: None,
        }
    }

    /// Adds a step, and how long to wait after it before the next.
    #[must_use]
    pub fn then(mut self, builder: impl StepBuilder + 'static, wait: Duration) -> Self {
        self.parts.push((Arc::new(builder), wait));
        self
    }

    /// When its effect should be seen, counted from the last step. Too short a time makes good remedies look bad.
    #[must_use]
    pub fn seen_within(mut self, time: Duration) -> Self {
        self.time_to_effect = time;
        self
    }

    /// How its effect is looked for from then on, where that is not as for all plans.
    #[must_use]
    pub fn verified_by(mut self, verification: VerificationOverride) -> Self {
        self.verification = Some(verification);
        self
    }

    /// What it does, in a word or two.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn candidate(
        &self,
        cause: &RankedCause,
        context: &Context<'_>,
    ) -> Result<Candidate, Unavailable> {
        let mut steps = Vec::with_capacity(self.parts.len());
        for (builder, wait) in &self.parts {
            steps.push(Step { wait: *wait, ..builder.build(cause, context)? });
        }
        reconcile(&mut steps);
        let candidate = Candidate::try_new(steps, &*self.rationale, self.time_to_effect)?;
        Ok(match &self.verification {
            Some(verification) => candidate.verified_by(verification.clone()),
            None => candidate,
        })
    }
}

impl Strategy for Remedy {
    fn propose<'a>(&self, cause: &RankedCause, context: &Context<'a>) -> Proposals {
        match self.candidate(cause, context) {
            Ok(candidate) => vec![candidate].into(),
            Err(why) => Proposals {
                candidates: Vec::new(),
                rejections: vec![Rejection { remedy: self.name.clone(), why }],
            },
        }
    }
}

/// Makes the preconditions of single steps fit a plan of several.
///
/// The first step of a plan may not begin once the cause is gone; a later one may, since an earlier one may have removed
/// it, and stopping there would undo what helped. Likewise a resource is bound to be changed by the plan's own steps,
/// so only the first step that touches it can ask for it as it was.
fn reconcile(steps: &mut [Step]) {
    let mut touched = std::collections::BTreeSet::new();
    for (i, step) in steps.iter_mut().enumerate() {
        let before = touched.clone();
        step.preconditions.retain(|condition| match condition {
            Precondition::CausePresent => false,
            Precondition::Unchanged { kind, id, .. } | Precondition::Within { kind, id, .. } => {
                touched.insert((kind.clone(), id.clone()));
                !before.contains(&(kind.clone(), id.clone()))
            }
            _ => true,
        });
        if i == 0 {
            step.preconditions.insert(0, Precondition::CausePresent);
        }
    }
}
