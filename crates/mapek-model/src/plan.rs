//! Plans: what is proposed, hashed so that an approval binds to what would be done.

use serde::{Deserialize, Serialize};

use crate::{
    Action, ActionKind, Cause, Confidence, Cost, DiagnosisId, Duration, EpisodeKey, Generation,
    Pattern, PlanHash, PlanId, Priority, Risk, Score, TargetId, Timestamp, UndoClass, Utility,
    VerificationOverride, canonical_json, earlier, since,
};

/// A step's place in its plan, from 0.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct StepIndex(pub u16);

impl std::fmt::Display for StepIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What must hold before a step is sent. It is checked at that moment, not when the plan is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "require", rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Precondition {
    /// At least one of the episodes that the plan explains is still open.
    CausePresent,
    /// A resource still has the state that the plan was made for.
    Unchanged {
        /// The resource's kind.
        kind: String,
        /// The resource's id.
        id: String,
        /// The state's number.
        generation: Generation,
    },
    /// An attribute of a resource, a whole number, lies within bounds.
    Within {
        /// The resource's kind.
        kind: String,
        /// The resource's id.
        id: String,
        /// The attribute.
        attribute: String,
        /// Least value.
        min: u64,
        /// Greatest value.
        max: u64,
    },
}

/// One action of a plan, with what comes before and after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// How it is undone.
    pub undo: UndoClass,
    /// What must hold before it is sent.
    pub preconditions: Vec<Precondition>,
    /// How long to wait after it before the next step, or before verification.
    #[serde(with = "crate::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "crate::duration::Schema"))]
    pub wait: Duration,
}

impl Step {
    /// The step of `action` that is undone as its kind is, waits for nothing and asks nothing beforehand.
    #[must_use]
    pub fn of(action: Action) -> Self {
        let undo = action.kind().undo_class();
        Self { action, undo, preconditions: Vec::new(), wait: Duration::ZERO }
    }
}

/// What plans of one sort have in common, whatever their numbers: the kinds of their actions in order. Experience is
/// kept for it.
///
/// ```
/// use mapek_model::{ActionKind, PlanSignature};
///
/// let signature = PlanSignature::new([ActionKind::ScaleUp, ActionKind::UpdateConfiguration]);
/// assert_eq!(signature.to_string(), "scale_up+update_configuration");
/// assert_eq!("scale_up+update_configuration".parse::<PlanSignature>()?, signature);
/// # Ok::<(), mapek_model::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "String"))]
pub struct PlanSignature(Vec<ActionKind>);

impl PlanSignature {
    /// The signature of actions of these kinds, in this order.
    #[must_use]
    pub fn new(kinds: impl IntoIterator<Item = ActionKind>) -> Self {
        Self(kinds.into_iter().collect())
    }

    /// The kinds, in order.
    #[must_use]
    pub fn kinds(&self) -> &[ActionKind] {
        &self.0
    }
}

impl std::fmt::Display for PlanSignature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, kind) in self.0.iter().enumerate() {
            write!(f, "{}{kind}", if i > 0 { "+" } else { "" })?;
        }
        Ok(())
    }
}

impl std::str::FromStr for PlanSignature {
    type Err = crate::InvalidName;

    fn from_str(text: &str) -> Result<Self, crate::InvalidName> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        text.split('+').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl TryFrom<String> for PlanSignature {
    type Error = crate::InvalidName;

    fn try_from(text: String) -> Result<Self, crate::InvalidName> {
        text.parse()
    }
}

impl From<PlanSignature> for String {
    fn from(signature: PlanSignature) -> String {
        signature.to_string()
    }
}

/// What is proposed against a cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Plan {
    /// Which plan.
    pub id: PlanId,
    /// The managed system.
    pub target: TargetId,
    /// The diagnosis that it answers.
    pub diagnosis: DiagnosisId,
    /// The cause that it treats.
    pub cause: Cause,
    /// How likely the cause is.
    pub confidence: Confidence,
    /// The episodes that the cause explains, sorted; the outcome is judged on them.
    pub explains: Vec<EpisodeKey>,
    /// All that its cause brings about. What of it opens before the time to effect is late, not harm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symptoms: Vec<Pattern>,
    /// What is done, in order. Never empty.
    pub steps: Vec<Step>,
    /// Expected utility of doing it over doing nothing, before cost, times the confidence in the cause: on the scale of
    /// [`Utility`].
    pub benefit: Utility,
    /// What it costs: its dearest action, and a tenth of the others.
    pub cost: Cost,
    /// Benefit minus cost.
    pub score: Score,
    /// How likely it is to succeed, given the cause: the posterior that people are shown, without optimism.
    pub success: Confidence,
    /// How much harm it does if it is wrong: the riskiest of its actions.
    pub risk_if_wrong: Risk,
    /// How urgent it is.
    pub priority: Priority,
    /// When its effect should be seen, counted from its last step.
    #[serde(with = "crate::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "crate::duration::Schema"))]
    pub time_to_effect: Duration,
    /// How its effect is looked for from then on, where that is not as for all plans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationOverride>,
    /// When it was made.
    pub created: Timestamp,
    /// When it is too old to begin.
    pub expires: Timestamp,
    /// Why this plan, in words.
    pub rationale: String,
}

impl Plan {
    /// The version of what is hashed. It changes whenever the meaning of a step changes.
    pub const HASH_SCHEMA: u32 = 1;

    /// What the plan would do: see [`PlanHash`].
    ///
    /// # Panics
    ///
    /// Never: all that is hashed can be written as JSON.
    #[must_use]
    pub fn hash(&self) -> PlanHash {
        #[derive(Serialize)]
        struct Hashed<'a> {
            schema: u32,
            target: &'a TargetId,
            cause: &'a Cause,
            steps: Vec<(&'a Action, UndoClass)>,
        }
        let hashed = Hashed {
            schema: Self::HASH_SCHEMA,
            target: &self.target,
            cause: &self.cause,
            steps: self.steps.iter().map(|step| (&step.action, step.undo)).collect(),
        };
        PlanHash::of(&canonical_json(&hashed).expect("names, numbers and JSON values are JSON"))
    }

    /// The kinds of its actions, in order.
    #[must_use]
    pub fn signature(&self) -> PlanSignature {
        PlanSignature::new(self.steps.iter().map(|step| step.action.kind()))
    }

    /// Whether any step is to be taken back once the cause is gone.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.steps.iter().any(|step| step.action.kind().is_temporary())
    }

    /// Whether it is too old to begin at `now`.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires
    }

    /// The clock went back to `now`: one that was made later was made now, and lives as long from then on. Its hash stays.
    pub fn set_back(&mut self, now: Timestamp) {
        self.expires = earlier(self.expires, since(self.created, now));
        self.created = now.min(self.created);
    }
}
