//! The seam: where outcomes are kept.

mod memory;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use mapek_model::{
    Cause, CauseKind, ContentHash, Experience, Outcome, PlanSignature, Sequence, TargetId,
    Timestamp, Verdict,
};
use serde::{Deserialize, Serialize};

pub use memory::MemoryKnowledge;

use crate::{Error, Statistics};

/// Keeps outcomes, and counts them.
///
/// *What is counted.* Each execution once, by the outcome recorded last: recording is an upsert by execution id. Details
/// are kept for the newest outcomes only (by the time of judgement), counts for all; outcomes older than the last
/// million are forgotten altogether. The order of recording does not matter. An unknown verdict is counted as such and
/// teaches nothing.
///
/// *Atomicity.* Each call takes effect as a whole or not at all, [`record_all`](Self::record_all) with its cursor; after a
/// crash it did or did not. An error whose cause is a lost answer may hide a success: repeat the call, it is idempotent.
///
/// *Cancellation.* Dropping a future does not take back what it was doing; again, repeat it.
///
/// *Order.* Calls that have answered are seen by those that begin afterwards.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait KnowledgeStore: fmt::Debug + Send + Sync {
    /// Stores an outcome, or replaces the one of the same execution.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if nothing can be learned from it, else [`Error::Backend`].
    async fn record(&self, outcome: &Outcome) -> Result<Recorded, Error>;

    /// Stores outcomes taken from a journal, each with the number of its record, and moves the cursor behind the last of
    /// them, all at once. Records at or before the cursor are left out, if it is in the same journal: they were taken before.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfOrder`] if the numbers do not rise, [`Error::Invalid`] if nothing can be learned from one of them, else
    /// [`Error::Backend`]. Nothing is stored then.
    async fn record_all(
        &self,
        journal: &ContentHash,
        taken: &[(Sequence, Outcome)],
    ) -> Result<Taken, Error>;

    /// Stores what became of a cause where nothing was done, or replaces what was said of the same cause, place and
    /// beginning.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`].
    async fn record_idle(&self, idle: &Idle) -> Result<Recorded, Error>;

    /// How plans did on a target so far.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] or [`Error::Corrupt`].
    async fn experience(&self, target: &TargetId) -> Result<Experience, Error>;

    /// Outcomes whose details are kept, judged last first; at most `limit` of them, and never more than
    /// [`OUTCOMES_MAX`].
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] or [`Error::Corrupt`].
    async fn outcomes(&self, filter: &Filter, limit: u32) -> Result<Vec<Outcome>, Error>;

    /// Counts for people.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] or [`Error::Corrupt`].
    async fn statistics(&self, target: &TargetId) -> Result<Statistics, Error>;

    /// How far outcomes were taken.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] or [`Error::Corrupt`].
    async fn cursor(&self) -> Result<Cursor, Error>;

    /// Passes over records without outcomes, or goes over to another journal. Within one journal the cursor never moves back:
    /// what was taken stays taken.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`].
    async fn set_cursor(&self, to: Cursor) -> Result<(), Error>;

    /// Forgets how far outcomes were taken, so that they are taken again from the beginning. What is stored stays.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`].
    async fn reset_cursor(&self) -> Result<(), Error>;
}

const _: Option<&dyn KnowledgeStore> = None; // stays usable as a trait object

/// Most outcomes in one answer, so that nobody reads a whole history into memory.
pub const OUTCOMES_MAX: u32 = 10_000;

#[async_trait]
impl<T: KnowledgeStore + ?Sized> KnowledgeStore for Arc<T> {
    async fn record(&self, outcome: &Outcome) -> Result<Recorded, Error> {
        (**self).record(outcome).await
    }

    async fn record_all(
        &self,
        journal: &ContentHash,
        taken: &[(Sequence, Outcome)],
    ) -> Result<Taken, Error> {
        (**self).record_all(journal, taken).await
    }

    async fn record_idle(&self, idle: &Idle) -> Result<Recorded, Error> {
        (**self).record_idle(idle).await
    }

    async fn experience(&self, target: &TargetId) -> Result<Experience, Error> {
        (**self).experience(target).await
    }

    async fn outcomes(&self, filter: &Filter, limit: u32) -> Result<Vec<Outcome>, Error> {
        (**self).outcomes(filter, limit).await
    }

    async fn statistics(&self, target: &TargetId) -> Result<Statistics, Error> {
        (**self).statistics(target).await
    }

    async fn cursor(&self) -> Result<Cursor, Error> {
        (**self).cursor().await
    }

    async fn set_cursor(&self, to: Cursor) -> Result<(), Error> {
        (**self).set_cursor(to).await
    }

    async fn reset_cursor(&self) -> Result<(), Error> {
        (**self).reset_cursor().await
    }
}

/// What recording did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recorded {
    /// It was not known.
    New,
    /// It replaced what was known of the same.
    Replaced,
    /// It was known already.
    Unchanged,
}

/// How far outcomes were taken, and from which journal: a number alone means nothing in another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The journal's id; absent before the first, and where it was not written down.
    pub journal: Option<ContentHash>,
    /// The last of its records that was taken or passed over; 0 before the first.
    pub sequence: Sequence,
}

impl Cursor {
    /// At a record of a journal.
    #[must_use]
    pub const fn at(journal: ContentHash, sequence: Sequence) -> Self {
        Self { journal: Some(journal), sequence }
    }

    /// Where it is in this journal: at its beginning, if it is in another.
    #[must_use]
    pub fn within(&self, journal: &ContentHash) -> Sequence {
        if self.journal == Some(*journal) { self.sequence } else { Sequence::default() }
    }

    /// Moves on within a journal, or over to another one; never back.
    #[must_use]
    pub(crate) fn moved(self, to: Self) -> Self {
        let back = self.journal == to.journal && to.sequence < self.sequence;
        if back { self } else { to }
    }
}

/// What taking outcomes from the journal did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// How many were stored.
    pub stored: usize,
    /// How many had been taken before.
    pub skipped: usize,
    /// Where the cursor is now.
    pub cursor: Cursor,
}

/// A cause against which nothing was done, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Idle {
    /// The managed system.
    pub target: TargetId,
    /// The cause that was left alone.
    pub cause: Cause,
    /// When it began: with cause and target, which period this is.
    pub began: Timestamp,
    /// When it was judged.
    pub judged: Timestamp,
    /// By the rules for plans: *success* means that it healed by itself.
    pub verdict: Verdict,
}

/// Which outcomes are asked for; what is absent is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// On this target.
    pub target: Option<TargetId>,
    /// Against this kind of cause.
    pub cause: Option<CauseKind>,
    /// Of plans with this signature.
    pub signature: Option<PlanSignature>,
    /// With this verdict.
    pub verdict: Option<Verdict>,
    /// Judged at this time or later.
    pub since: Option<Timestamp>,
}

impl Filter {
    /// Whether it asks for `outcome`.
    #[must_use]
    pub fn matches(&self, outcome: &Outcome) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, value: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == value)
        }
        is(self.target.as_ref(), &outcome.target)
            && is(self.cause.as_ref(), &outcome.cause.kind)
            && is(self.signature.as_ref(), &outcome.signature)
            && is(self.verdict.as_ref(), &outcome.verdict)
            && self.since.is_none_or(|since| outcome.judged >= since)
    }
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Outcomes whose details are kept.
    pub history: u32,
    /// Outcomes that are counted: one a minute for two years. Behind them the oldest are forgotten, counts and all; a
    /// system is no longer what it was a million actions ago.
    pub counted: u32,
}

impl Limits {
    /// Details of the last thousand, counts of the last million.
    pub const DEFAULT: Self = Self { history: 1_000, counted: 1_000_000 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Leaves out what was taken before.
pub(crate) fn untaken(
    taken: &[(Sequence, Outcome)],
    cursor: Sequence,
) -> Result<&[(Sequence, Outcome)], Error> {
    if let Some(pair) = taken.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        return Err(Error::OutOfOrder { sequence: pair[1].0, after: pair[0].0 });
    }
    let old = taken.partition_point(|(sequence, _)| *sequence <= cursor);
    Ok(&taken[old..])
}
