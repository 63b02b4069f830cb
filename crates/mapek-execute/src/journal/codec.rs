//! Records as bytes: a line with the SHA-256 of the rest, then the record as JSON.
//!
//! Each record vouches for itself, so that a bad one is found where it is and not at its successor, and the last one too.

use mapek_model::{ContentHash, Sequence};
use mapek_store::Stored;

use super::{BadRecord, Record};
use crate::Error;

/// Length of a hash in hexadecimal digits.
const HEX: usize = 64;

pub(super) fn encode(record: &Record) -> Result<(Vec<u8>, ContentHash), Error> {
    let json = serde_json::to_vec(record).map_err(Error::json("a journal record"))?;
    let digest = ContentHash::of(&json);
    let mut bytes = Vec::with_capacity(HEX + 1 + json.len());
    bytes.extend_from_slice(digest.to_string().as_bytes());
    bytes.push(b'\n');
    bytes.extend_from_slice(&json);
    Ok((bytes, digest))
}

fn decode(stored: &Stored) -> Result<(Record, ContentHash), String> {
    let (digest, json) = stored
        .bytes
        .split_at_checked(HEX)
        .and_then(|(head, rest)| Some((head, rest.strip_prefix(b"\n")?)))
        .ok_or("it is too short to be a record")?;
    let found = ContentHash::of(json);
    if found.to_string().as_bytes() != digest {
        return Err("its content does not match its hash".to_owned());
    }
    let record: Record =
        serde_json::from_slice(json).map_err(|error| format!("it cannot be read: {error}"))?;
    if record.sequence != stored.sequence {
        return Err(format!("it says that it is record {}", record.sequence));
    }
    if record.epoch != stored.epoch {
        return Err(format!("it says epoch {}, the store {}", record.epoch, stored.epoch));
    }
    Ok((record, found))
}

/// Follows the chain from the beginning.
pub(super) struct Chain {
    head: Sequence,
    last: ContentHash,
    /// Whether `last` is known to be the hash of the record at `head`.
    sure: bool,
}

impl Default for Chain {
    fn default() -> Self {
        // The first record follows the name of the format.
        Self { head: Sequence::default(), last: ContentHash::of(b"mapek/journal/1"), sure: true }
    }
}

impl Chain {
    pub(super) const fn head(&self) -> Sequence {
        self.head
    }

    pub(super) const fn last(&self) -> ContentHash {
        self.last
    }

    pub(super) fn follow(&mut self, stored: &Stored) -> Result<Record, BadRecord> {
        let bad = |reason: String| BadRecord { sequence: stored.sequence, reason };
        let gap = stored.sequence != self.head.next();
        self.head = stored.sequence;
        match decode(stored) {
            Ok((record, digest)) => {
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
                (self.last, self.sure) = (ContentHash::of(&stored.bytes), false);
                Err(bad(reason))
            }
        }
    }
}
