//! The seam below the journal.

use std::{collections::BTreeSet, fmt, sync::Arc};

use mapek_model::{ContentHash, Epoch, Sequence};

use crate::Error;

/// A record as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the log.
    pub sequence: Sequence,
    /// The epoch under which it was appended.
    pub epoch: Epoch,
    /// What it says; the store does not look inside.
    pub bytes: Vec<u8>,
}

/// What may go when a log is pruned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruning {
    /// Records up to and including this one go.
    pub through: Sequence,
    /// But for these: they stay where they are.
    pub keep: BTreeSet<Sequence>,
    /// Blobs that go with them; one that is not there is no error.
    pub blobs: BTreeSet<ContentHash>,
}

/// How far a log was pruned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Records up to and including this one are gone, but for those that were kept; 0 if nothing was ever pruned.
    pub through: Sequence,
    /// The record that was appended with it and says so; 0 if nothing was ever pruned.
    pub checkpoint: Sequence,
}

/// A log of numbered records, and blobs beside it.
///
/// *Order.* Records are numbered from 1 without gaps, but where it was [pruned](Self::prune). Appends are serialised by `expected`: of two that expect the same
/// head, one fails.
///
/// *Durability.* What an append or [`put_blob`](Self::put_blob) has answered survives a crash of the process and of the machine. An
/// append that failed with a [transient](Error::is_transient) error may have happened all the same: read the log back.
/// [`StaleEpoch`](Error::StaleEpoch), [`WrongSequence`](Error::WrongSequence) and [`TooLarge`](Error::TooLarge) promise that nothing was written.
///
/// *Blocking.* Calls block for as long as the medium takes, usually a few milliseconds.
pub trait Store: fmt::Debug + Send + Sync {
    /// The newest record's place; 0 if there is none.
    ///
    /// # Errors
    ///
    /// If the medium fails.
    fn head(&self) -> Result<Sequence, Error>;

    /// The highest epoch seen; 0 before the first.
    ///
    /// # Errors
    ///
    /// If the medium fails.
    fn epoch(&self) -> Result<Epoch, Error>;

    /// Begins a new epoch and answers it: appends under older ones are refused from now on. Whoever begins to write
    /// calls this first. It is durable when it returns.
    ///
    /// # Errors
    ///
    /// If the medium fails.
    fn raise_epoch(&self) -> Result<Epoch, Error>;

    /// Appends all of `records` or none, and answers the new head. Durable when it returns.
    ///
    /// # Errors
    ///
    /// A batch of more than 1 024 records or a record of more than 16 MiB is [`TooLarge`](Error::TooLarge);
    /// [`StaleEpoch`](Error::StaleEpoch) if a newer epoch has begun, [`WrongSequence`](Error::WrongSequence) if the log does not end at `expected`;
    /// else whatever the medium says.
    fn append(
        &self,
        epoch: Epoch,
        expected: Sequence,
        records: &[Vec<u8>],
    ) -> Result<Sequence, Error>;

    /// The records after `after`, in order, at most `limit` of them.
    ///
    /// # Errors
    ///
    /// If the medium fails.
    fn read(&self, after: Sequence, limit: usize) -> Result<Vec<Stored>, Error>;

    /// Keeps `bytes` under their hash; the same bytes are kept once. Durable when it returns.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](Error::TooLarge) beyond 64 MiB, else whatever the medium says.
    fn put_blob(&self, bytes: &[u8]) -> Result<ContentHash, Error>;

    /// The bytes with this hash, if they are kept.
    ///
    /// # Errors
    ///
    /// If the medium fails.
    fn blob(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, Error>;

    /// How far it was pruned.
    ///
    /// # Errors
    ///
    /// If the medium fails.
    fn pruned(&self) -> Result<Pruned, Error>;

    /// Appends `checkpoint`, which says what goes, and lets it go; both or neither. Answers the new head, which is the
    /// checkpoint's place. The newest record always stays, so numbers go on where they were. Durable when it returns.
    ///
    /// What is to stay of `pruning.through` and before has to be named each time, what was kept by an earlier pruning too.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append); and [`WrongSequence`](Error::WrongSequence) if `pruning.through` lies behind the head.
    fn prune(
        &self,
        epoch: Epoch,
        expected: Sequence,
        checkpoint: &[u8],
        pruning: &Pruning,
    ) -> Result<Sequence, Error>;
}

const _: Option<&dyn Store> = None; // stays usable as a trait object

impl<T: Store + ?Sized> Store for Arc<T> {
    fn head(&self) -> Result<Sequence, Error> {
        (**self).head()
    }

    fn epoch(&self) -> Result<Epoch, Error> {
        (**self).epoch()
    }

    fn raise_epoch(&self) -> Result<Epoch, Error> {
        (**self).raise_epoch()
    }

    fn append(
        &self,
        epoch: Epoch,
        expected: Sequence,
        records: &[Vec<u8>],
    ) -> Result<Sequence, Error> {
        (**self).append(epoch, expected, records)
    }

    fn read(&self, after: Sequence, limit: usize) -> Result<Vec<Stored>, Error> {
        (**self).read(after, limit)
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<ContentHash, Error> {
        (**self).put_blob(bytes)
    }

    fn blob(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, Error> {
        (**self).blob(hash)
    }

    fn pruned(&self) -> Result<Pruned, Error> {
        (**self).pruned()
    }

    fn prune(
        &self,
        epoch: Epoch,
        expected: Sequence,
        checkpoint: &[u8],
        pruning: &Pruning,
    ) -> Result<Sequence, Error> {
        (**self).prune(epoch, expected, checkpoint, pruning)
    }
}

/// Most records in one append: an execution's step needs two or three, so more is a mistake.
pub(crate) const APPEND_RECORDS_MAX: usize = 1024;
/// Longest record: a plan with large policies inside stays far below.
pub(crate) const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest blob: an observation of a hundred thousand violations fits.
pub(crate) const BLOB_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(crate) fn check_records(records: &[Vec<u8>]) -> Result<(), Error> {
    at_most("the number of records in an append", records.len(), APPEND_RECORDS_MAX)?;
    records.iter().try_for_each(|record| {
        at_most("the number of bytes in a record", record.len(), RECORD_BYTES_MAX)
    })
}

pub(crate) fn check_blob(bytes: &[u8]) -> Result<(), Error> {
    at_most("the number of bytes in a blob", bytes.len(), BLOB_BYTES_MAX)
}

/// What both stores check of a pruning before anything is written.
pub(crate) fn check_pruning(
    checkpoint: &[u8],
    pruning: &Pruning,
    expected: Sequence,
) -> Result<(), Error> {
    at_most("the number of bytes in a record", checkpoint.len(), RECORD_BYTES_MAX)?;
    if pruning.through > expected {
        return Err(Error::WrongSequence { expected: pruning.through, head: expected });
    }
    Ok(())
}

/// What both stores check of a write before they begin.
pub(crate) fn check_turn(
    (epoch, highest): (Epoch, Epoch),
    (expected, head): (Sequence, Sequence),
) -> Result<(), Error> {
    if epoch != highest {
        return Err(Error::StaleEpoch { epoch, highest });
    }
    if expected != head {
        return Err(Error::WrongSequence { expected, head });
    }
    Ok(())
}

fn at_most(what: &'static str, size: usize, max: usize) -> Result<(), Error> {
    if size > max { Err(Error::TooLarge { what, size, max }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_the_limit_fits_and_no_more() {
        const MIB: usize = 1024 * 1024;
        assert!(check_records(&vec![Vec::new(); 1024]).is_ok());
        assert!(check_records(&vec![Vec::new(); 1025]).is_err());
        let (record, blob) = (vec![0; 16 * MIB + 1], vec![0; 64 * MIB + 1]);
        assert!(check_blob(&blob[1..]).is_ok());
        assert!(check_blob(&blob).is_err());
        let pruning = |through| Pruning { through: Sequence::new(through), ..Pruning::default() };
        assert!(check_pruning(&record[1..], &pruning(7), Sequence::new(7)).is_ok());
        assert!(check_pruning(&record, &pruning(7), Sequence::new(7)).is_err());
        assert!(check_pruning(b"", &pruning(8), Sequence::new(7)).is_err());
        assert!(check_records(&[record[1..].to_vec()]).is_ok());
        assert!(check_records(&[record]).is_err());
    }
}
