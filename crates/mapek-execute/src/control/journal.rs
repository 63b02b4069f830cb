//! The journal, for whoever reads it or keeps something beside it.

use std::sync::Arc;

use mapek_model::{ContentHash, CycleNumber, Epoch, Outcome, Sequence, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

use super::Control;
use crate::{Archive, BadRecord, Body, CycleInputs, Defect, Error};

impl Control {
    /// Records of the journal that cannot be trusted.
    #[must_use]
    pub fn bad_records(&self) -> Vec<BadRecord> {
        self.ledger().view.bad.clone()
    }

    /// The outcomes that became known after `cursor`, each with the place in the journal that is the next cursor; at most `limit`. Taking
    /// them again gives the same, so whoever stores outcome and cursor together loses none and doubles none.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the journal has to be read for it and cannot be.
    pub fn outcomes_after(
        &self,
        cursor: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Outcome)>, Error> {
        self.ledger().outcomes_after(cursor, limit)
    }

    /// Writes down what a cycle is worked out from. All records from here on carry its number. If the clock has gone back since the cycle
    /// before, that comes first: nothing that is waited for then takes longer.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if it cannot be made to last.
    pub fn begin_cycle(&self, inputs: CycleInputs, now: Timestamp) -> Result<(), Error> {
        let mut ledger = self.ledger();
        ledger.set_cycle(inputs.number);
        ledger.refresh()?;
        let unwritten = self.config().defects().has(Defect::UnwrittenClock);
        if let Some(by) = ledger.view.went_back(now) {
            if unwritten && ledger.view.live().next().is_none() {
                return Ok(());
            }
            ledger.commit(None, now, Body::SetBack { by })?;
        }
        ledger.commit(None, now, Body::Cycle(inputs))
    }

    /// Whether the clock is behind the newest cycle in the journal, of whichever process it was: it went back. Until
    /// [`begin_cycle`](Self::begin_cycle) has written that down no time means anything.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the journal cannot be read.
    pub fn is_behind(&self, now: Timestamp) -> Result<bool, Error> {
        let mut ledger = self.ledger();
        ledger.refresh()?;
        let unnoticed = self.config().defects().has(Defect::UnnoticedClock);
        Ok(ledger.view.went_back(now).is_some() && !unnoticed)
    }

    /// The newest cycle that the journal has seen.
    #[must_use]
    pub fn cycle(&self) -> CycleNumber {
        self.ledger().view.cycle
    }

    /// Keeps a value beside the journal (an observation, experience), and answers the hash that [`CycleInputs`] name it by.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails, [`Error::Json`] if it is no JSON.
    pub fn keep<T: Serialize + ?Sized>(&self, value: &T) -> Result<ContentHash, Error> {
        self.ledger().journal().put(value)
    }

    /// The same for what is JSON already.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails.
    pub fn keep_bytes(&self, json: &[u8]) -> Result<ContentHash, Error> {
        let kept = self.ledger().journal().store().put_blob(json);
        kept.map_err(Error::journal("keeping a value"))
    }

    /// The value that was kept under `hash`, if it was.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails, [`Error::Json`] if it is another type.
    pub fn kept<T: DeserializeOwned>(&self, hash: &ContentHash) -> Result<Option<T>, Error> {
        self.ledger().journal().get(hash)
    }

    /// What the journal keeps of what is over, for whoever looks back: reading there holds nobody up.
    #[must_use]
    pub fn archive(&self) -> Archive {
        Archive::new(Arc::clone(self.ledger().journal().store()))
    }

    /// The epoch that this executor works in.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.ledger().journal().epoch()
    }

    /// The newest record of the journal.
    #[must_use]
    pub fn head(&self) -> Sequence {
        self.ledger().journal().head()
    }

    /// The journal's id, that cursors name it by; `None` while nothing is written in it.
    #[must_use]
    pub fn journal_id(&self) -> Option<ContentHash> {
        self.ledger().journal().id()
    }

    /// Lets go of what [`Retention`](crate::Retention) does not ask to keep and nobody needs any more, and answers how many records went. Outcomes
    /// after `learned` are still to be learned, and stay. It is cheap if there is little to do, and does much in several
    /// calls: call it once a cycle.
    ///
    /// What was [kept](Self::keep) goes with the cycles that name it; what no cycle names stays.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails.
    pub fn prune(&self, learned: Sequence, now: Timestamp) -> Result<usize, Error> {
        self.ledger().prune(learned, self.config(), now)
    }
}
