//! When steps were sent, so that what changes then is not taken for somebody else's.

use mapek_model::{Duration, ExecutionEvent, ExecutionRecord, StepIndex, Timestamp, Way, since};

/// One sending, from its intent until it was known what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) step: StepIndex,
    pub(crate) way: Way,
    /// The moment of the cycle that sent it, which is before it left.
    pub(crate) from: Timestamp,
    /// The moment of the cycle in which its answer was known; absent while it may still arrive.
    pub(crate) to: Option<Timestamp>,
    /// By how much the clock was set back since.
    back: Duration,
}

impl Sent {
    /// Whether it can have changed something that was as before at `after` and is not any more at `before`.
    pub(crate) fn may_have_changed(&self, after: Timestamp, before: Timestamp) -> bool {
        // Who starts anew may look in the very moment in which another process has sent.
        self.from <= before && self.to.is_none_or(|to| to >= after)
    }
}

/// All sendings of one execution, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sends(Vec<Sent>);

impl Sends {
    pub(super) fn take(&mut self, happened: &ExecutionRecord) {
        use ExecutionEvent as E;
        let at = happened.at;
        match &happened.event {
            E::Intended { step, way, .. } => {
                self.0.push(Sent {
                    step: *step,
                    way: *way,
                    from: at,
                    to: None,
                    back: Duration::ZERO,
                });
            }
            E::Applied { step, way, .. } | E::Refused { step, way, .. } => {
                self.end(at, |sent| (sent.step, sent.way) == (*step, *way));
            }
            E::Closed { .. } => self.end(at, |_| true),
            _ => {}
        }
    }

    fn end(&mut self, at: Timestamp, which: impl Fn(&Sent) -> bool) {
        for sent in self.0.iter_mut().filter(|sent| sent.to.is_none() && which(sent)) {
            sent.to = Some(at);
        }
    }

    /// The clock went back to `now`: what was sent later was sent at the latest now, and is no younger for it.
    pub(super) fn set_back(&mut self, now: Timestamp, by: Duration) {
        for sent in &mut self.0 {
            sent.back = sent.back.saturating_add(by);
            sent.from = now.min(sent.from);
            sent.to = sent.to.map(|to| now.min(to));
        }
    }

    /// How long ago a step was sent for the first time, this way; at the least, where the clock was set back meanwhile. `None` if it was
    /// not.
    pub(crate) fn age(&self, step: StepIndex, way: Way, now: Timestamp) -> Option<Duration> {
        let first = self.0.iter().find(|sent| (sent.step, sent.way) == (step, way))?;
        Some(since(now, first.from).saturating_add(first.back))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Sent> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use mapek_model::{ExecutionId, IdempotencyKey, later};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_clock_that_is_set_back_makes_no_sending_younger() {
        let seconds = Duration::from_secs;
        let at = |n| later(Timestamp::UNIX_EPOCH, seconds(n));
        let execution = ExecutionId::from_uuid(Uuid::from_u128(1));
        let step = StepIndex(0);
        let mut sends = Sends::default();
        for (attempt, n) in [(1, 1_000), (2, 1_050)] {
            let key = IdempotencyKey::of(execution, step, Way::Do);
            let event =
                ExecutionEvent::Intended { step, way: Way::Do, attempt, key, captured: None };
            sends.take(&ExecutionRecord { execution, at: at(n), event });
        }
        let age = |sends: &Sends, n| sends.age(step, Way::Do, at(n));
        assert_eq!(age(&sends, 1_100), Some(seconds(100)), "of the first");
        assert_eq!(sends.age(step, Way::Undo, at(1_100)), None);
        sends.set_back(at(1_060), seconds(600));
        assert_eq!(age(&sends, 1_100), Some(seconds(700)));
        // What was sent in what is the future now is still ours.
        sends.set_back(at(500), seconds(600));
        assert_eq!(age(&sends, 510), Some(seconds(1_210)));
        assert!(sends.iter().all(|sent| sent.may_have_changed(at(490), at(510))));
    }
}
