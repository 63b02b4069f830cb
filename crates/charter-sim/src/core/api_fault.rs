//! Faults of the API rather than of the plant: calls that fail, take long, or lose their answer.

use std::time::Duration;

use charter_client::{Call, Problem, ProblemKind, Seconds};
use serde::{Deserialize, Serialize};

/// A fault of the next calls of one kind.
///
/// ```
/// use charter_sim::ApiFault;
///
/// let fault: ApiFault = serde_json::from_str(r#"{"kind": "api-failure", "call": "apply", "status": 422}"#)?;
/// assert_eq!(fault.count, 1);
/// assert!(fault.check().is_ok());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ApiFault {
    /// What happens to them.
    pub kind: ApiFaultKind,
    /// The call, by its name in [`Call`].
    pub call: String,
    /// How many calls it hits: 1 to 1 000 000.
    #[serde(default = "once")]
    pub count: u32,
    /// The status of a failure: 409, 422, 429, 500 or 503.
    #[serde(default = "internal")]
    pub status: u16,
    /// How long a delay takes, or how long it takes until an answer is lost: at most a minute.
    #[serde(default = "at_once")]
    #[cfg_attr(feature = "schemars", schemars(with = "f64", range(min = 0.0, max = 60.0)))]
    pub delay: Seconds,
}

fn once() -> u32 {
    1
}

fn internal() -> u16 {
    500
}

fn at_once() -> Seconds {
    Seconds::ZERO
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum ApiFaultKind {
    /// It fails with the status, without effect.
    ApiFailure,
    /// It is answered late; until then its key is in use.
    ApiDelay,
    /// It has its effect, and its answer never arrives whole.
    ApiLostAnswer,
}

impl ApiFault {
    /// Longest delay in seconds: twice the time that a client waits.
    pub const DELAY_S_MAX: u32 = 60;
    /// The kinds by name, for those who ask for another.
    pub(crate) const KINDS: [&'static str; 3] = ["api-failure", "api-delay", "api-lost-answer"];

    /// The next `count` calls of a kind fail with a status, without effect.
    #[must_use]
    pub fn failure(call: Call, status: u16, count: u32) -> Self {
        let kind = ApiFaultKind::ApiFailure;
        Self { kind, call: call.name().to_owned(), count, status, delay: Seconds::ZERO }
    }

    /// The next call of a kind has its effect, and its answer is lost.
    #[must_use]
    pub fn lost_answer(call: Call) -> Self {
        let kind = ApiFaultKind::ApiLostAnswer;
        Self { kind, call: call.name().to_owned(), count: 1, status: 500, delay: Seconds::ZERO }
    }

    /// The next call of a kind is answered late.
    #[must_use]
    pub fn delay(call: Call, delay: Seconds) -> Self {
        let kind = ApiFaultKind::ApiDelay;
        Self { kind, call: call.name().to_owned(), count: 1, status: 500, delay }
    }

    /// Whether the fault makes sense.
    ///
    /// # Errors
    ///
    /// The field and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.hits().is_none() {
            let names: Vec<&str> = Call::ALL.iter().map(|call| call.name()).collect();
            return Err(("call", format!("is none of {}", names.join(", "))));
        }
        if !(1..=1_000_000).contains(&self.count) {
            return Err(("count", "must be within 1 and 1000000".to_owned()));
        }
        if problem_kind(self.status).is_none() {
            return Err(("status", "is none of 409, 422, 429, 500, 503".to_owned()));
        }
        if self.delay > Seconds::whole(Self::DELAY_S_MAX) {
            return Err(("delay", format!("must be at most {} seconds", Self::DELAY_S_MAX)));
        }
        Ok(())
    }

    fn hits(&self) -> Option<Call> {
        Call::ALL.into_iter().find(|call| call.name() == self.call)
    }
}

/// What is to happen to one call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Trouble {
    Fail(Box<Problem>),
    Delay(Duration),
    LoseAnswer(Duration),
}

/// The faults of the API that wait for their calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Troubles {
    waiting: Vec<(String, ApiFault)>,
}

impl Troubles {
    pub(crate) fn add(&mut self, id: String, fault: ApiFault) {
        self.waiting.push((id, fault));
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(String, ApiFault)> {
        self.waiting.iter()
    }

    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|(waiting, _)| waiting != id);
        self.waiting.len() < before
    }

    /// What happens to this call, by the oldest fault that hits it.
    pub(crate) fn take(&mut self, call: Call) -> Option<Trouble> {
        let index = self.waiting.iter().position(|(_, fault)| fault.hits() == Some(call))?;
        let fault = &mut self.waiting[index].1;
        fault.count -= 1;
        let delay = fault.delay.to_duration();
        let trouble = match fault.kind {
            ApiFaultKind::ApiFailure => Trouble::Fail(Box::new(injected(fault.status))),
            ApiFaultKind::ApiDelay => Trouble::Delay(delay),
            ApiFaultKind::ApiLostAnswer => Trouble::LoseAnswer(delay),
        };
        if fault.count == 0 {
            self.waiting.remove(index);
        }
        Some(trouble)
    }
}

fn injected(status: u16) -> Problem {
    let kind = problem_kind(status).unwrap_or(ProblemKind::Internal);
    Problem::new(kind).with_detail("this failure was injected")
}

fn problem_kind(status: u16) -> Option<ProblemKind> {
    match status {
        409 => Some(ProblemKind::PolicyConflict),
        422 => Some(ProblemKind::ValidationFailed),
        429 => Some(ProblemKind::RateLimited),
        500 => Some(ProblemKind::Internal),
        503 => Some(ProblemKind::Unavailable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_hits_its_call_as_often_as_it_says() {
        let mut troubles = Troubles::default();
        troubles.add("fault-1".into(), ApiFault::failure(Call::Scale, 503, 2));
        assert_eq!(troubles.take(Call::Apply), None);
        assert!(matches!(troubles.take(Call::Scale), Some(Trouble::Fail(_))));
        assert!(troubles.take(Call::Scale).is_some());
        assert_eq!(troubles.take(Call::Scale), None);
    }

    #[test]
    fn nonsense_is_refused_by_field() {
        let field = |change: fn(&mut ApiFault)| {
            let mut fault = ApiFault::failure(Call::Scale, 500, 1);
            change(&mut fault);
            fault.check().unwrap_err().0
        };
        assert_eq!(field(|f| f.call = "dance".into()), "call");
        assert_eq!(field(|f| f.count = 0), "count");
        assert_eq!(field(|f| f.status = 200), "status");
        assert_eq!(field(|f| f.delay = Seconds::whole(61)), "delay");
    }
}
