//! Defects that can be put in, to see that the harness finds them.

use std::{fmt, str::FromStr};

use mapek_execute::Defect;

/// A defect. Most are wrapped around a seam, [`NoSettling`](Self::NoSettling) is a setting: the loop itself stays as it
/// is. What `within` names is where no seam reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Bug {
    /// The disk answers before what it was given is durable, and a crash loses it.
    AckBeforeDurable,
    /// A process that was replaced goes on writing, into a file that nobody else reads.
    SplitBrain,
    /// The process does not look for the pause file that people make.
    NoPauseFile,
    /// A restart forgets that the loop was paused.
    ForgetsPause,
    /// The metric source passes stale and partial answers off as fresh.
    StaleAsFresh,
    /// Each attempt is sent under a key of its own.
    FreshKeys,
    /// What cannot be repeated is said to be repeatable.
    LiesAboutRepeat,
    /// A timeout is taken for a refusal.
    TimeoutAsRefusal,
    /// An undo puts back something else than what was captured.
    WrongUndo,
    /// The budgets allow more than people asked for.
    LooseBudget,
    /// What people have to approve is done by the loop alone.
    LooseAutonomy,
    /// What was sent and not answered is believed lost at once. So it was with everything that can be repeated: an
    /// effect came after its execution had ended, and what it was undone to was read when it was there already.
    NoSettling,
    /// A write that failed is answered as if it had not.
    SwallowsWriteErrors,
    /// What somebody else has set since is taken for what we set.
    BlindToOthers,
    /// How long a call may be on its way is counted from the beginning of the cycle that sent it.
    EarlyWait,
    /// What was sent by a clock that has gone back since is blamed on others.
    BlamesTheFuture,
    /// What could not be read in a cycle counts as seen by it; what changed in it is blamed on others.
    BlamesTheUnread,
    /// What another process sent as its successor looked is blamed on others.
    BlamesTheMoment,
    /// What takes effect after it had been found there, as somebody had set the same, is blamed on others.
    BlamesTheFound,
    /// What a later execution of ours has set is blamed on others by an undo of one before it.
    BlamesTheLater,
    /// An execution that has ended unanswered hides for ever what others do.
    HidesOthers,
    /// A plan under way expires by the clock that it was made by, however far that has gone back since.
    ImmortalPlan,
    /// A pause whose write failed after it had become durable is not seen before a step is sent.
    UnseenPause,
    /// What is rehearsed does not expire.
    EndlessRehearsal,
    /// Who starts does not notice that the clock has gone back since the process before.
    UnnoticedClock,
    /// While nothing is under way it is not written down that the clock went back.
    UnwrittenClock,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::AckBeforeDurable,
        Self::SplitBrain,
        Self::NoPauseFile,
        Self::ForgetsPause,
        Self::StaleAsFresh,
        Self::FreshKeys,
        Self::LiesAboutRepeat,
        Self::TimeoutAsRefusal,
        Self::WrongUndo,
        Self::LooseBudget,
        Self::LooseAutonomy,
        Self::NoSettling,
        Self::SwallowsWriteErrors,
        Self::BlindToOthers,
        Self::EarlyWait,
        Self::BlamesTheFuture,
        Self::BlamesTheUnread,
        Self::BlamesTheMoment,
        Self::BlamesTheFound,
        Self::BlamesTheLater,
        Self::HidesOthers,
        Self::ImmortalPlan,
        Self::UnseenPause,
        Self::EndlessRehearsal,
        Self::UnnoticedClock,
        Self::UnwrittenClock,
    ];

    /// The fault that the executor has had itself, and gets again.
    pub(crate) const fn within(self) -> Option<Defect> {
        Some(match self {
            Self::EarlyWait => Defect::EarlyWait,
            Self::BlamesTheFuture => Defect::SentInTheFuture,
            Self::BlamesTheMoment => Defect::SentAtOnce,
            Self::BlamesTheFound => Defect::OverOnceFound,
            Self::BlamesTheLater => Defect::LaterIsOthers,
            Self::HidesOthers => Defect::NeverOver,
            Self::ImmortalPlan => Defect::Immortal,
            Self::UnseenPause => Defect::UnseenPause,
            Self::EndlessRehearsal => Defect::EndlessRehearsal,
            Self::UnnoticedClock => Defect::UnnoticedClock,
            Self::UnwrittenClock => Defect::UnwrittenClock,
            _ => return None,
        })
    }

    /// The word that the command line uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AckBeforeDurable => "ack-before-durable",
            Self::SplitBrain => "split-brain",
            Self::NoPauseFile => "no-pause-file",
            Self::ForgetsPause => "forgets-pause",
            Self::StaleAsFresh => "stale-as-fresh",
            Self::FreshKeys => "fresh-keys",
            Self::LiesAboutRepeat => "lies-about-repeat",
            Self::TimeoutAsRefusal => "timeout-as-refusal",
            Self::WrongUndo => "wrong-undo",
            Self::LooseBudget => "loose-budget",
            Self::LooseAutonomy => "loose-autonomy",
            Self::NoSettling => "no-settling",
            Self::SwallowsWriteErrors => "swallows-write-errors",
            Self::BlindToOthers => "blind-to-others",
            Self::EarlyWait => "early-wait",
            Self::BlamesTheFuture => "blames-the-future",
            Self::BlamesTheUnread => "blames-the-unread",
            Self::BlamesTheMoment => "blames-the-moment",
            Self::BlamesTheFound => "blames-the-found",
            Self::BlamesTheLater => "blames-the-later",
            Self::HidesOthers => "hides-others",
            Self::ImmortalPlan => "immortal-plan",
            Self::UnseenPause => "unseen-pause",
            Self::EndlessRehearsal => "endless-rehearsal",
            Self::UnnoticedClock => "unnoticed-clock",
            Self::UnwrittenClock => "unwritten-clock",
        }
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Bug {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|bug| bug.as_str() == text);
        found.ok_or_else(|| format!("no bug is called `{text}`; there are {}", known()))
    }
}
