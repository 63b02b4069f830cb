//! The journal's store: a point for each kind of record, and a word to the parent once a record is safe.

use mapek_execute::{Body, Record};
use mapek_model::{ContentHash, Ending, Epoch, ExecutionEvent, Sequence, Way};
use mapek_store::{Error, Pruned, Pruning, Store, Stored};

use crate::points::{answered, reach, tell, telling};

/// A store that tells what is written to it.
#[derive(Debug)]
pub(crate) struct WatchedStore<S>(pub(crate) S);

impl<S> WatchedStore<S> {
    fn around<T>(what: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        reach(&format!("{what}.before"));
        let done = work();
        answered(what, &done);
        done
    }
}

/// What a record is about, by its bytes: a line with a hash, then JSON.
fn kind(bytes: &[u8]) -> &'static str {
    let json = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes, |end| &bytes[end + 1..]);
    let Ok(record) = serde_json::from_slice::<Record>(json) else { return "unreadable" };
    let way = |way: Way, doing: &'static str, undoing: &'static str| {
        if way == Way::Do { doing } else { undoing }
    };
    match record.body {
        Body::Proposed(_) => "proposed",
        Body::Approval { .. } => "approval",
        Body::Latch { paused: true, .. } => "paused",
        Body::Latch { paused: false, .. } => "resumed",
        Body::Rearmed { .. } => "rearmed",
        // The clock of a life never goes back; where it does, that comes just before its cycle.
        Body::Cycle(_) | Body::SetBack { .. } => "cycle",
        Body::Decided(_) => "decided",
        Body::Watched { .. } => "watched",
        Body::HeldBack { .. } => "held-back",
        Body::Moved { .. } => "moved",
        Body::Checkpoint { .. } => "checkpoint",
        Body::Execution { record } => match record.event {
            ExecutionEvent::Started { .. } => "started",
            ExecutionEvent::Intended { way: it, .. } => way(it, "intended-do", "intended-undo"),
            ExecutionEvent::Applied { way: it, .. } => way(it, "applied-do", "applied-undo"),
            ExecutionEvent::Refused { way: it, .. } => way(it, "refused-do", "refused-undo"),
            ExecutionEvent::Unclear { way: it, .. } => way(it, "unclear-do", "unclear-undo"),
            ExecutionEvent::Skipped { .. } => "skipped",
            ExecutionEvent::Rehearsed { .. } => "rehearsed",
            ExecutionEvent::VerificationBegan => "verification-began",
            ExecutionEvent::Looked { .. } => "looked",
            ExecutionEvent::Judged { .. } => "judged",
            ExecutionEvent::Held { .. } => "held",
            ExecutionEvent::UndoBegan { .. } => "undo-began",
            ExecutionEvent::Ended { ending, .. } => match ending {
                Ending::Completed => "ended-completed",
                Ending::Undone => "ended-undone",
                Ending::FailedClean => "ended-failed-clean",
                Ending::NeedsOperator => "ended-needs-operator",
            },
            ExecutionEvent::Closed { .. } => "closed",
        },
    }
}

/// Tells the parent that a record is safe: from here on it may not be lost.
fn safe(head: Sequence, records: &[&[u8]]) {
    let first = head.get().saturating_sub(records.len() as u64);
    for (sequence, bytes) in (first + 1..).zip(records) {
        tell(&format!("record {sequence} {}", ContentHash::of(bytes)));
    }
}

impl<S: Store> Store for WatchedStore<S> {
    fn head(&self) -> Result<Sequence, Error> {
        telling("journal.head", self.0.head())
    }

    fn epoch(&self) -> Result<Epoch, Error> {
        telling("journal.epoch", self.0.epoch())
    }

    fn raise_epoch(&self) -> Result<Epoch, Error> {
        Self::around("journal.epoch", || self.0.raise_epoch())
    }

    fn append(
        &self,
        epoch: Epoch,
        expected: Sequence,
        records: &[Vec<u8>],
    ) -> Result<Sequence, Error> {
        let kind = records.last().map_or("cycle", |bytes| kind(bytes));
        Self::around(&format!("journal.{kind}"), || {
            let head = self.0.append(epoch, expected, records)?;
            safe(head, &records.iter().map(Vec::as_slice).collect::<Vec<_>>());
            Ok(head)
        })
    }

    fn read(&self, after: Sequence, limit: usize) -> Result<Vec<Stored>, Error> {
        telling("journal.read", self.0.read(after, limit))
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<ContentHash, Error> {
        Self::around("journal.value", || self.0.put_blob(bytes))
    }

    fn blob(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, Error> {
        telling("journal.blob", self.0.blob(hash))
    }

    fn pruned(&self) -> Result<Pruned, Error> {
        telling("journal.pruned", self.0.pruned())
    }

    fn prune(
        &self,
        epoch: Epoch,
        expected: Sequence,
        checkpoint: &[u8],
        pruning: &Pruning,
    ) -> Result<Sequence, Error> {
        Self::around("journal.checkpoint", || {
            let head = self.0.prune(epoch, expected, checkpoint, pruning)?;
            safe(head, &[checkpoint]);
            Ok(head)
        })
    }
}
