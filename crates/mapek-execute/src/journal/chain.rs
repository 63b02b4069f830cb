//! Follows records from one to the next.

use std::collections::BTreeMap;

use mapek_model::{ContentHash, Sequence};
use mapek_store::{Store, Stored};

use super::{BadRecord, Body, Record, codec::decode};
use crate::Error;

/// Records that stay where all around them is pruned, by content.
pub(super) type Kept = BTreeMap<Sequence, ContentHash>;

/// Where a journal begins, or where it goes on behind what was pruned.
struct Base {
    through: Sequence,
    /// What the record behind `through` must name as the one before it; `None` if nobody knows.
    hash: Option<ContentHash>,
    /// `None` if nobody knows.
    kept: Option<Kept>,
    journal: Option<ContentHash>,
}

impl Base {
    fn load(store: &dyn Store) -> Result<Self, Error> {
        let pruned = store.pruned().map_err(Error::journal("reading how far it was pruned"))?;
        if pruned.through == Sequence::default() {
            return Ok(Self {
                through: pruned.through,
                // The first record follows the name of the format.
                hash: Some(ContentHash::of(b"mapek/journal/1")),
                kept: Some(Kept::new()),
                journal: None,
            });
        }
        let unknown = Self { through: pruned.through, hash: None, kept: None, journal: None };
        let before = Sequence::new(pruned.checkpoint.get().saturating_sub(1));
        let found = store.read(before, 1).map_err(Error::journal("reading the checkpoint"))?;
        let record = found.first().and_then(|stored| decode(stored).ok());
        let Some(Body::Checkpoint { journal, through, hash, kept, .. }) =
            record.map(|it| it.0.body)
        else {
            return Ok(unknown);
        };
        if through != pruned.through {
            return Ok(unknown);
        }
        let list = store.blob(&kept).map_err(Error::journal("reading what was kept"))?;
        let kept = list.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(Self { through, hash: Some(hash), kept, journal: Some(journal) })
    }
}

/// Follows the chain from the beginning, or from where it was pruned.
pub(super) struct Chain {
    base: Base,
    head: Sequence,
    last: ContentHash,
    /// Whether `last` is known to be the hash of the record at `head`.
    sure: bool,
    journal: Option<ContentHash>,
}

impl Chain {
    pub(super) fn load(store: &dyn Store) -> Result<Self, Error> {
        let base = Base::load(store)?;
        let last = base.hash.unwrap_or(ContentHash::of(b""));
        let (sure, journal) = (base.hash.is_some(), base.journal);
        Ok(Self { base, head: Sequence::default(), last, sure, journal })
    }

    pub(super) const fn head(&self) -> Sequence {
        self.head
    }

    pub(super) const fn last(&self) -> ContentHash {
        self.last
    }

    /// How far it was pruned.
    pub(super) const fn pruned(&self) -> Sequence {
        self.base.through
    }

    /// The journal's id: the hash of its first record.
    pub(super) const fn journal(&self) -> Option<ContentHash> {
        self.journal
    }

    /// The next record, or why it cannot be trusted; and before it those that should have been there.
    pub(super) fn follow(
        &mut self,
        stored: &Stored,
        visit: &mut impl FnMut(Result<Record, BadRecord>),
    ) {
        self.miss(stored.sequence, visit);
        if stored.sequence <= self.base.through {
            self.head = stored.sequence;
            return visit(self.kept(stored));
        }
        // All that was kept lies behind us.
        self.head = self.head.max(self.base.through);
        visit(self.chained(stored));
    }

    /// What was kept and should lie between here and `next`, and does not.
    fn miss(&mut self, next: Sequence, visit: &mut impl FnMut(Result<Record, BadRecord>)) {
        let Some(kept) = &mut self.base.kept else {
            if next > self.base.through && self.head <= self.base.through {
                let reason = "what was kept before it is not known".to_owned();
                visit(Err(BadRecord { sequence: next, reason }));
            }
            return;
        };
        while let Some(missing) = kept.first_entry().filter(|it| *it.key() < next) {
            let (sequence, _) = missing.remove_entry();
            let reason = "it was kept, and is not there".to_owned();
            visit(Err(BadRecord { sequence, reason }));
        }
    }

    fn kept(&mut self, stored: &Stored) -> Result<Record, BadRecord> {
        let bad = |reason: String| BadRecord { sequence: stored.sequence, reason };
        let expected = self.base.kept.as_mut().map(|kept| kept.remove(&stored.sequence));
        let (record, digest) = decode(stored).map_err(bad)?;
        match expected {
            Some(expected) if expected != Some(digest) => {
                Err(bad("it is not the record that was kept".to_owned()))
            }
            _ => Ok(record),
        }
    }

    fn chained(&mut self, stored: &Stored) -> Result<Record, BadRecord> {
        let bad = |reason: String| BadRecord { sequence: stored.sequence, reason };
        let gap = stored.sequence != self.head.next();
        self.head = stored.sequence;
        let decoded = decode(stored);
        let digest = digest_of(stored, &decoded);
        self.journal = self.journal.or(Some(digest));
        match decoded {
            Ok((record, _)) => {
                // After a bad record nobody can say what its hash was; the next one vouches for itself.
                let follows = !self.sure || (!gap && record.previous == self.last);
                (self.last, self.sure) = (digest, true);
                if follows {
                    Ok(record)
                } else {
                    Err(bad("it does not follow the record before it".to_owned()))
                }
            }
            Err(reason) => {
                (self.last, self.sure) = (digest, false);
                Err(bad(reason))
            }
        }
    }
}

/// What names a record by its content, a bad one too.
pub(super) fn digest_of(
    stored: &Stored,
    decoded: &Result<(Record, ContentHash), String>,
) -> ContentHash {
    decoded.as_ref().map_or_else(|_| ContentHash::of(&stored.bytes), |(_, digest)| *digest)
}
