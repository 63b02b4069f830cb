//! An execution as the fold of its log.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Captured, Confidence, Duration, ExecutionEvent, ExecutionId, ExecutionStatus,
    IllegalTransition, Irreversible, Look, Measured, Outcome, Plan, StepIndex, TargetId, Timestamp,
    Verdict, Way, drawn_back, since,
};

/// One entry of an execution's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ExecutionRecord {
    /// Which execution.
    pub execution: ExecutionId,
    /// When.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: ExecutionEvent,
}

/// A log is not the log of one execution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The first event is not `started`, or there is none.
    #[error("the log of an execution must begin with started, got {first}")]
    NotStarted {
        /// What it begins with.
        first: String,
    },
    /// A record belongs to another execution.
    #[error("record of execution {other} in the log of {execution}")]
    Foreign {
        /// Whose log it is.
        execution: ExecutionId,
        /// Whose record it is.
        other: ExecutionId,
    },
    /// An event cannot follow the ones before it.
    #[error("execution {execution} cannot go on")]
    Illegal {
        /// Whose log it is.
        execution: ExecutionId,
        /// Which event, after which status.
        #[source]
        source: IllegalTransition,
    },
}

/// An execution: all that its log says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Execution {
    /// Which execution.
    pub id: ExecutionId,
    /// The plan that runs.
    pub plan: Plan,
    /// With what probability it was chosen.
    pub chosen_with: Confidence,
    /// When it began.
    pub started: Timestamp,
    /// When its last event happened.
    pub updated: Timestamp,
    /// When its first step took effect; absent before that.
    pub first_applied: Option<Timestamp>,
    /// When its newest step took effect; absent before the first.
    pub last_applied: Option<Timestamp>,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// What each step is to be undone to: what was captured before the first sending that may have taken effect.
    pub captured: BTreeMap<StepIndex, Captured>,
    /// Steps of which an earlier sending may still take effect: what is captured later may already show it.
    pub doubtful: BTreeSet<StepIndex>,
    /// What the managed system answered to each step.
    pub receipts: BTreeMap<StepIndex, Value>,
    /// How often the step at hand was tried, this way.
    pub attempts: u16,
    /// Whether trying again can help after the newest refusal; true before the first.
    pub retryable: bool,
    /// What was measured before it.
    pub before: Measured,
    /// The steps that could not be undone, as was found before the first was sent; absent before that.
    pub irreversible: Option<Vec<Irreversible>>,
    /// The looks at its effect that decided nothing yet, in order.
    pub looks: Vec<Look>,
    /// What it achieved; absent until it is judged.
    pub judgement: Option<Judgement>,
    /// Why the newest refusal, doubt, undo or ending came about.
    pub reason: Option<String>,
}

/// What an execution achieved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Judgement {
    /// In a word.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// What was measured.
    pub after: Measured,
    /// How long after the last step the last explained episode closed; only with a success.
    #[serde(default, with = "crate::duration::option")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<crate::duration::Schema>"))]
    pub time_to_effect: Option<Duration>,
    /// When.
    pub at: Timestamp,
}

impl Execution {
    /// Begins with a `started` record.
    ///
    /// # Errors
    ///
    /// [`ReplayError::NotStarted`] if it is another one.
    pub fn begin(record: &ExecutionRecord) -> Result<Self, ReplayError> {
        let ExecutionEvent::Started { plan, chosen_with, before } = &record.event else {
            return Err(ReplayError::NotStarted { first: record.event.as_str().to_owned() });
        };
        Ok(Self {
            id: record.execution,
            status: ExecutionStatus::started(plan.steps.len()),
            plan: plan.as_ref().clone(),
            chosen_with: *chosen_with,
            started: record.at,
            updated: record.at,
            first_applied: None,
            last_applied: None,
            captured: BTreeMap::new(),
            doubtful: BTreeSet::new(),
            receipts: BTreeMap::new(),
            attempts: 0,
            retryable: true,
            before: before.clone(),
            irreversible: None,
            looks: Vec::new(),
            judgement: None,
            reason: None,
        })
    }

    /// Goes on with the next record.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] if the record does not belong here; nothing has changed then.
    pub fn apply(&mut self, record: &ExecutionRecord) -> Result<(), ReplayError> {
        if record.execution != self.id {
            return Err(ReplayError::Foreign { execution: self.id, other: record.execution });
        }
        self.status = self
            .status
            .after(&record.event)
            .map_err(|source| ReplayError::Illegal { execution: self.id, source })?;
        self.updated = record.at;
        self.note(record);
        Ok(())
    }

    /// The execution that these records are the log of.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] if they are not the log of one execution.
    pub fn replay<'a>(
        records: impl IntoIterator<Item = &'a ExecutionRecord>,
    ) -> Result<Self, ReplayError> {
        let mut records = records.into_iter();
        let first = records
            .next()
            .ok_or_else(|| ReplayError::NotStarted { first: "nothing".to_owned() })?;
        let mut execution = Self::begin(first)?;
        records.try_for_each(|record| execution.apply(record))?;
        Ok(execution)
    }

    /// The managed system that it works on.
    #[must_use]
    pub const fn target(&self) -> &TargetId {
        &self.plan.target
    }

    /// What Knowledge is to remember of it: once it is judged, or once it ended without a judgement. One that ended
    /// before its effect could be measured teaches nothing about the plan, and its verdict is unknown.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        let judgement = match &self.judgement {
            Some(judgement) => judgement.clone(),
            None => Judgement {
                verdict: Verdict::Unknown,
                reason: format!(
                    "{}: {}",
                    self.status.ending()?,
                    self.reason.as_deref().unwrap_or("no reason was recorded")
                ),
                after: Measured::default(),
                time_to_effect: None,
                at: self.updated,
            },
        };
        Some(Outcome {
            execution: self.id,
            plan: self.plan.id,
            plan_hash: self.plan.hash(),
            target: self.plan.target.clone(),
            cause: self.plan.cause.clone(),
            signature: self.plan.signature(),
            verdict: judgement.verdict,
            reason: judgement.reason,
            predicted: self.plan.success,
            chosen_with: self.chosen_with,
            before: self.before.clone(),
            after: judgement.after,
            time_to_effect: judgement.time_to_effect,
            started: self.started,
            judged: judgement.at,
        })
    }

    /// The clock went back to `now`: what is said to have happened later has happened at the latest now. So what is waited for begins anew
    /// at most, instead of waiting until the clock has come as far again; and nothing is cut short. The onsets of the episodes that it
    /// treats stay: they are names. When it was judged is [drawn back](drawn_back): that is compared with what people said before and after it.
    pub fn set_back(&mut self, now: Timestamp) {
        self.status.hasten(since(self.first_applied.unwrap_or(self.started), now));
        self.plan.set_back(now);
        let captured = self.captured.values_mut().map(|it| &mut it.at);
        let applied = self.first_applied.iter_mut().chain(&mut self.last_applied);
        let looks = self.looks.iter_mut().map(|look| &mut look.at);
        let own = [&mut self.started, &mut self.updated];
        for at in own.into_iter().chain(captured).chain(applied).chain(looks) {
            *at = now.min(*at);
        }
        if let Some(judgement) = &mut self.judgement {
            judgement.at = drawn_back(judgement.at, now);
        }
    }

    fn note(&mut self, record: &ExecutionRecord) {
        use ExecutionEvent as E;
        match &record.event {
            E::Started { .. } | E::VerificationBegan | E::Held { .. } => {}
            E::Intended { step, captured, attempt, .. } => {
                self.attempts = *attempt;
                if let Some(captured) = captured
                    && !self.doubtful.contains(step)
                {
                    self.captured.insert(*step, captured.clone());
                }
            }
            E::Applied { step, way, receipt } => {
                self.attempts = 0;
                if *way == Way::Do {
                    self.first_applied = self.first_applied.or(Some(record.at));
                    self.last_applied = Some(record.at);
                    self.receipts.insert(*step, receipt.clone());
                }
            }
            E::Rehearsed { irreversible } => self.irreversible = Some(irreversible.clone()),
            E::Looked { sight, left, reason } => {
                let (at, sight, left, reason) = (record.at, *sight, *left, reason.clone());
                let look = Look { at, sight, left, reason };
                self.looks.push(look);
            }
            E::Judged { verdict, reason, after, time_to_effect } => {
                self.judgement = Some(Judgement {
                    verdict: *verdict,
                    reason: reason.clone(),
                    after: after.clone(),
                    time_to_effect: *time_to_effect,
                    at: record.at,
                });
            }
            E::UndoBegan { reason, .. } | E::Skipped { reason, .. } => {
                self.attempts = 0;
                self.reason = Some(reason.clone());
            }
            E::Refused { reason, transient, .. } => {
                self.retryable = *transient;
                self.reason = Some(reason.clone());
            }
            E::Unclear { step, way, reason } => {
                if *way == Way::Do {
                    self.doubtful.insert(*step);
                }
                self.reason = Some(reason.clone());
            }
            E::Ended { reason, .. } | E::Closed { reason, .. } => {
                self.reason = Some(reason.clone());
            }
        }
    }
}
