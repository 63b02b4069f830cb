//! When steps were sent, so that what changes then is not taken for somebody else's.

use mapek_model::{
    Duration, ExecutionEvent, ExecutionRecord, StepIndex, Timestamp, Way, drawn_back, later, since,
};

use crate::{Defect, Defects};

/// One sending, from its intent until it was known what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) step: StepIndex,
    pub(crate) way: Way,
    /// The moment of the cycle that sent it, which is before it left.
    pub(crate) from: Timestamp,
    /// The moment of the cycle in which it was known what became of it; absent before that.
    pub(crate) to: Option<Timestamp>,
    /// Whether that was not told by an answer: its effect was found there, or the execution has ended without a word of it. It may still be on
    /// its way, as what was found may be that of somebody who set the same.
    unanswered: bool,
    /// By how much the clock was set back since.
    back: Duration,
}

impl Sent {
    /// Whether it can have changed something that was still as before at `after`, if nothing is on its way for longer than `settle`. It
    /// was sent by now, whatever the clock says: one that went back may not have come as far again.
    pub(crate) fn may_have_changed(&self, after: Timestamp, settle: Duration) -> bool {
        let lingers = if self.unanswered { settle } else { Duration::ZERO };
        self.to.is_none_or(|to| later(to, lingers) >= after)
    }
}

/// All sendings of one execution, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sends(Vec<Sent>);

impl Sends {
    pub(super) fn take(&mut self, happened: &ExecutionRecord, defects: Defects) {
        use ExecutionEvent as E;
        let at = happened.at;
        match &happened.event {
            E::Intended { step, way, .. } => {
                self.0.push(Sent {
                    step: *step,
                    way: *way,
                    from: at,
                    to: None,
                    unanswered: false,
                    back: Duration::ZERO,
                });
            }
            E::Applied { step, way, .. } => {
                for sent in self.open().filter(|it| (it.step, it.way) == (*step, *way)) {
                    // An answer comes within the cycle that sent it.
                    let found = at > sent.from && !defects.has(Defect::OverOnceFound);
                    (sent.to, sent.unanswered) = (Some(at), found);
                }
            }
            E::Refused { step, way, .. } => {
                let these = self.open().filter(|it| (it.step, it.way) == (*step, *way));
                these.for_each(|sent| sent.to = Some(at));
            }
            E::Closed { .. } => self.open().for_each(|sent| sent.to = Some(at)),
            E::Ended { .. } if defects.has(Defect::NeverOver) => {}
            // What became of the others nobody looks for any more.
            E::Ended { .. } => {
                self.open().for_each(|sent| (sent.to, sent.unanswered) = (Some(at), true));
            }
            _ => {}
        }
    }

    /// Those of which nothing is known yet.
    fn open(&mut self) -> impl Iterator<Item = &mut Sent> {
        self.0.iter_mut().filter(|sent| sent.to.is_none())
    }

    /// The clock went back to `now`: what was sent later was sent at the latest now, and is no younger for it.
    pub(super) fn set_back(&mut self, now: Timestamp, by: Duration) {
        for sent in &mut self.0 {
            sent.from = drawn_back(sent.from, now);
            sent.back = sent.back.saturating_add(by).saturating_add(since(sent.from, now));
            sent.to = sent.to.map(|to| drawn_back(to, now));
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

    fn at(n: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(n))
    }

    fn happen(sends: &mut Sends, n: u64, event: ExecutionEvent) {
        let execution = ExecutionId::from_uuid(Uuid::from_u128(1));
        sends.take(&ExecutionRecord { execution, at: at(n), event }, Defects::default());
    }

    fn intended(step: StepIndex, way: Way, attempt: u16) -> ExecutionEvent {
        let key = IdempotencyKey::of(ExecutionId::from_uuid(Uuid::from_u128(1)), step, way);
        ExecutionEvent::Intended { step, way, attempt, key, captured: None }
    }

    #[test]
    fn a_sending_lasts_until_its_own_answer_or_the_end_of_all() {
        let (one, two) = (StepIndex(0), StepIndex(1));
        let mut sends = Sends::default();
        happen(&mut sends, 1, intended(one, Way::Do, 1));
        happen(&mut sends, 2, intended(two, Way::Do, 1));
        happen(&mut sends, 3, intended(one, Way::Undo, 1));
        let reason = || "so".to_owned();
        let unclear = ExecutionEvent::Unclear { step: one, way: Way::Do, reason: reason() };
        happen(&mut sends, 4, unclear);
        let ends = |sends: &Sends| sends.iter().map(|it| it.to).collect::<Vec<_>>();
        assert_eq!(ends(&sends), [None, None, None], "nobody knows yet");
        let receipt = serde_json::Value::Null;
        happen(&mut sends, 5, ExecutionEvent::Applied { step: one, way: Way::Do, receipt });
        assert_eq!(ends(&sends), [Some(at(5)), None, None]);
        let (step, way) = (one, Way::Undo);
        let refused = ExecutionEvent::Refused { step, way, reason: reason(), transient: true };
        happen(&mut sends, 6, refused);
        assert_eq!(ends(&sends), [Some(at(5)), None, Some(at(6))]);
        happen(&mut sends, 7, ExecutionEvent::Closed { by: "ada".to_owned(), reason: reason() });
        assert_eq!(ends(&sends), [Some(at(5)), Some(at(7)), Some(at(6))]);
        // Sent once more it is another sending, and what was known of the first stays.
        happen(&mut sends, 8, intended(one, Way::Do, 2));
        let ends = ends(&sends);
        assert_eq!((ends.len(), ends[0], ends[3]), (4, Some(at(5)), None));
    }

    #[test]
    fn a_sending_may_have_changed_what_moved_until_it_ended_that_moment_included() {
        let mut sends = Sends::default();
        happen(&mut sends, 20, intended(StepIndex(0), Way::Do, 1));
        let may = |sends: &Sends, after| {
            let settle = Duration::from_secs(5);
            sends.iter().all(|sent| sent.may_have_changed(at(after), settle))
        };
        assert!(may(&sends, 10) && may(&sends, 30), "it may still arrive");
        let (step, way) = (StepIndex(0), Way::Do);
        let (reason, transient) = ("busy".to_owned(), true);
        let refused = ExecutionEvent::Refused { step, way, reason, transient };
        happen(&mut sends, 25, refused);
        assert!(may(&sends, 10) && may(&sends, 25) && !may(&sends, 26));
    }

    #[test]
    fn what_was_found_and_not_answered_may_still_arrive_for_a_while() {
        let (step, way) = (StepIndex(0), Way::Do);
        let lasts = |known: u64| {
            let mut sends = Sends::default();
            happen(&mut sends, 20, intended(step, way, 1));
            let receipt = serde_json::Value::Null;
            happen(&mut sends, known, ExecutionEvent::Applied { step, way, receipt });
            let settle = Duration::from_secs(5);
            let may = |after| sends.iter().all(|it| it.may_have_changed(at(after), settle));
            (20..99).take_while(|after| may(*after)).last()
        };
        assert_eq!(lasts(20), Some(20), "it was answered");
        assert_eq!(lasts(25), Some(30), "its effect was found later: five seconds more");
    }

    #[test]
    fn what_was_undone_without_an_answer_is_over_a_while_after_its_end() {
        let (step, mut sends) = (StepIndex(0), Sends::default());
        happen(&mut sends, 20, intended(step, Way::Do, 1));
        happen(&mut sends, 30, intended(step, Way::Undo, 1));
        let receipt = serde_json::Value::Null;
        happen(&mut sends, 30, ExecutionEvent::Applied { step, way: Way::Undo, receipt });
        let may = |sends: &Sends, after| {
            sends.iter().any(|it| it.may_have_changed(at(after), Duration::from_secs(5)))
        };
        assert!(may(&sends, 99), "it may still arrive");
        let (ending, reason) = (mapek_model::Ending::Undone, "it hurts".to_owned());
        happen(&mut sends, 31, ExecutionEvent::Ended { ending, reason });
        assert!(may(&sends, 36) && !may(&sends, 37));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_sending_younger() {
        let seconds = Duration::from_secs;
        let step = StepIndex(0);
        let mut sends = Sends::default();
        for (attempt, n) in [(1, 1_000), (2, 1_050)] {
            happen(&mut sends, n, intended(step, Way::Do, attempt));
        }
        let age = |sends: &Sends, n| sends.age(step, Way::Do, at(n));
        assert_eq!(age(&sends, 1_100), Some(seconds(100)), "of the first");
        assert_eq!(sends.age(step, Way::Undo, at(1_100)), None);
        sends.set_back(at(1_060), seconds(600));
        assert_eq!(age(&sends, 1_100), Some(seconds(700)));
        // What was sent in what is the future now is still ours.
        sends.set_back(at(500), seconds(600));
        assert_eq!(age(&sends, 510), Some(seconds(1_210)));
        assert!(sends.iter().all(|sent| sent.may_have_changed(at(490), seconds(5))));
    }
}
