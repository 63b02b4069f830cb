//! Records as bytes: a line with the SHA-256 of the rest, then the record as JSON.
//!
//! Each record vouches for itself, so that a bad one is found where it is and not at its successor, and the last one too.

use mapek_model::ContentHash;
use mapek_store::Stored;

use super::Record;
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

/// What a record says, and its hash.
pub(super) fn decode(stored: &Stored) -> Result<(Record, ContentHash), String> {
    let (digest, json) = stored
        .bytes
        .split_at_checked(HEX)
        .and_then(|(head, rest)| Some((head, rest.strip_prefix(b"\n")?)))
        .ok_or("it is too short to be a record")?;
    let found = ContentHash::of(json);
    if !is_hex_of(digest, &found) {
        let said = String::from_utf8_lossy(digest);
        return Err(format!("its content has the hash {found}, expected {said}"));
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

/// Compares without writing the hash out: that would cost as much as reading the record.
fn is_hex_of(text: &[u8], hash: &ContentHash) -> bool {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digits = hash.as_bytes().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    text.iter().copied().eq(digits.map(|digit| DIGITS[usize::from(digit)]))
}
