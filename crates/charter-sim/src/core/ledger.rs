//! Every effect, once, in order: what a test reads to know what really happened.

use charter_client::{Call, Epoch, IdempotencyKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One mutation that took effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Its number, from 1.
    pub sequence: u64,
    /// When it took effect.
    pub at: Timestamp,
    /// The call: `apply`, `rollback`, `scale` or `restart`.
    pub call: String,
    /// The policy id, or `committee`.
    pub subject: String,
    /// The key that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
    /// The epoch that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// How often its remembered answer was given again.
    pub replays: u64,
}

/// The effects in order. Keeps the newest 100 000, as many as there are keys: what can be replayed can be looked up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    entries: std::collections::VecDeque<LedgerEntry>,
    next: u64,
}

impl Ledger {
    const MAX: usize = 100_000;

    /// Books an effect; answers its number.
    pub(crate) fn book(
        &mut self,
        at: Timestamp,
        call: Call,
        subject: &str,
        key: Option<&IdempotencyKey>,
        epoch: Option<Epoch>,
    ) -> u64 {
        self.next += 1;
        if self.entries.len() == Self::MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(LedgerEntry {
            sequence: self.next,
            at,
            call: call.name().to_owned(),
            subject: subject.to_owned(),
            idempotency_key: key.cloned(),
            epoch,
            replays: 0,
        });
        self.next
    }

    /// Books that the answer of an effect was given again.
    pub(crate) fn replayed(&mut self, sequence: u64) {
        let found = self.entries.binary_search_by_key(&sequence, |entry| entry.sequence);
        if let Ok(index) = found {
            self.entries[index].replays += 1;
        }
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &LedgerEntry> {
        self.entries.iter()
    }
}
