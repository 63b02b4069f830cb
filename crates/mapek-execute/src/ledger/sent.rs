//! When steps were sent, so that what changes then is not taken for somebody else's.

use mapek_model::{ExecutionEvent, ExecutionRecord, StepIndex, Timestamp, Way};

/// One sending, from its intent until it was known what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) step: StepIndex,
    pub(crate) way: Way,
    /// The moment of the cycle that sent it, which is before it left.
    pub(crate) from: Timestamp,
    /// The moment of the cycle in which its answer was known; absent while it may still arrive.
    pub(crate) to: Option<Timestamp>,
}

impl Sent {
    /// Whether it can have changed something that was as before at `after` and is not any more at `before`.
    pub(crate) fn may_have_changed(&self, after: Timestamp, before: Timestamp) -> bool {
        self.from < before && self.to.is_none_or(|to| to >= after)
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
                self.0.push(Sent { step: *step, way: *way, from: at, to: None });
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

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Sent> {
        self.0.iter()
    }
}
