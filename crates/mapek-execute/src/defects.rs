//! Faults that this crate once had, for a simulation that has to show that it would find them.
//!
//! Most of what may be wrong is put in around a seam, and the crate knows nothing of it. These were in what lies behind
//! the seams. Without the feature `defects` each question after one is a constant *no*, and nobody can put one in. With
//! it, as another package of the same build may turn it on, there is none either until code sets `Config::defects`: no
//! file, no variable and no request reaches that.

use mapek_model::Timestamp;

/// Something that was wrong once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Defect {
    /// How long a call may be on its way is counted from the beginning of the cycle that sent it.
    EarlyWait,
    /// What was sent by a clock that has gone back since counts as sent in the future.
    SentInTheFuture,
    /// What was sent in the very moment of a look counts as sent after it.
    SentAtOnce,
    /// What was found to have taken effect counts as over, though nothing has answered.
    OverOnceFound,
    /// What an execution that has ended sent, and heard nothing of, may arrive for ever.
    NeverOver,
    /// An undo that meets what a later execution of ours has set takes it for the work of others.
    LaterIsOthers,
    /// A plan that is under way expires by the clock that it was made by, however far that has gone back since.
    Immortal,
    /// The rails look at what is known, though an append has failed since.
    UnseenPause,
    /// A plan that has expired is rehearsed nevertheless.
    EndlessRehearsal,
    /// Who starts anew does not see that the clock is behind the journal.
    UnnoticedClock,
    /// That the clock went back is written down only while an execution is live.
    UnwrittenClock,
}

/// Which of them is there: none, unless it is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Defects(#[cfg(feature = "defects")] Option<Defect>);

impl Defects {
    /// Just this one.
    #[cfg(feature = "defects")]
    #[must_use]
    pub const fn only(defect: Defect) -> Self {
        Self(Some(defect))
    }

    /// Whether it is there.
    #[cfg(feature = "defects")]
    pub(crate) fn has(self, defect: Defect) -> bool {
        self.0 == Some(defect)
    }

    /// Whether what was sent then is wrongly left out of what may have been at work when it is looked now.
    pub(crate) fn overlook(self, sent: Timestamp, now: Timestamp) -> bool {
        (self.has(Defect::SentInTheFuture) && sent > now)
            || (self.has(Defect::SentAtOnce) && sent == now)
    }

    /// There is none.
    #[cfg(not(feature = "defects"))]
    #[expect(clippy::unused_self, reason = "the question is the same with the feature")]
    pub(crate) const fn has(self, _: Defect) -> bool {
        false
    }
}

#[cfg(all(test, feature = "defects"))]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn there_is_none_unless_code_says_so_and_no_file_can() {
        assert_eq!(Config::default().defects, Defects(None));
        let bad = Config { defects: Defects::only(Defect::Immortal), ..Config::default() };
        let text = serde_json::to_string(&bad).unwrap();
        assert!(!text.contains("defect"), "{text}");
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), Config::default());
        assert!(serde_json::from_str::<Config>(r#"{"defects": "immortal"}"#).is_err());
    }
}
