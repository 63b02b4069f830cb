//! Defects that can be put in, to see that the harness finds them.

use std::{fmt, str::FromStr};

/// A defect. All but [`NoSettling`](Self::NoSettling), which is a setting, are wrapped around a seam: the loop itself stays as it is.
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
    /// What was sent and not answered is believed lost at once. So it was with everything that can be repeated: an effect came after its
    /// execution had ended, and what it was undone to was read when it was there already.
    NoSettling,
    /// A write that failed is answered as if it had not.
    SwallowsWriteErrors,
    /// What somebody else has set since is taken for what we set.
    BlindToOthers,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 14] = [
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
    ];

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
