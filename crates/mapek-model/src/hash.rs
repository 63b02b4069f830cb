//! Hashes: of content, of plans, of what an episode is about.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::InvalidName;

macro_rules! hash {
    ($(#[$meta:meta])* $name:ident, $what:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "String"))]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes the 32 bytes of a SHA-256.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// SHA-256 of `bytes`.
            #[must_use]
            pub fn of(bytes: &[u8]) -> Self {
                Self(Sha256::digest(bytes).into())
            }

            /// The first twelve hexadecimal digits, for people.
            #[must_use]
            pub fn short(&self) -> String {
                self.to_string().chars().take(12).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}…)"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                parse_hex(text)
                    .map(Self)
                    .ok_or_else(|| InvalidName::new($what, "must be 64 hexadecimal digits", text))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(hash: $name) -> String {
                hash.to_string()
            }
        }
    };
}

hash! {
    /// SHA-256 of any content, to name it by what it says.
    ContentHash, "a content hash"
}

hash! {
    /// What a plan would do, and nothing else: SHA-256 over the canonical {schema, target, cause, kinds with parameters
    /// and undo class}, without ids, times or scores. Approvals bind to it.
    PlanHash, "a plan hash"
}

hash! {
    /// What an episode is about: SHA-256 over expectation and component (see [`crate::EpisodeKey`]).
    Fingerprint, "a fingerprint"
}

impl ContentHash {
    /// The hash of a value's canonical JSON (see [`canonical_json`]).
    ///
    /// # Errors
    ///
    /// If the value cannot be written as JSON (a map whose keys are no strings, say).
    pub fn of_value<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Self> {
        Ok(Self::of(&canonical_json(value)?))
    }
}

/// One text for one value: compact JSON with the keys of every object sorted by code point.
///
/// Object order never depends on how `serde_json` was built, so a hash of this text is stable.
///
/// # Errors
///
/// If the value cannot be written as JSON.
///
/// ```
/// use mapek_model::canonical_json;
///
/// let text = canonical_json(&serde_json::json!({"b": 1, "a": [true, null]}))?;
/// assert_eq!(text, br#"{"a":[true,null],"b":1}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn canonical_json<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::new();
    write_canonical(&serde_json::to_value(value)?, &mut out)?;
    Ok(out)
}

fn write_canonical(value: &Value, out: &mut Vec<u8>) -> serde_json::Result<()> {
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_canonical(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| *key);
            out.push(b'{');
            for (i, (key, item)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, key)?;
                out.push(b':');
                write_canonical(item, out)?;
            }
            out.push(b'}');
        }
        plain => serde_json::to_writer(out, plain)?,
    }
    Ok(())
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let bytes = text.as_bytes();
    if bytes.len() != 64 {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| (digit as char).to_digit(16));
        *byte = u8::try_from(high? * 16 + low?).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_read_what_they_print() {
        // FIPS 180-2, appendix B.1.
        let hash = ContentHash::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), text);
        assert_eq!(text.parse::<ContentHash>().unwrap(), hash);
        for bad in ["", "ba", &text.replace('b', "g"), &format!("{text}00")] {
            assert!(bad.parse::<ContentHash>().is_err());
        }
    }

    #[test]
    fn order_of_keys_does_not_change_the_hash() {
        let a: Value = serde_json::from_str(r#"{"x":{"b":1,"a":2},"k":[{"z":0,"y":1}]}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"k":[{"y":1,"z":0}],"x":{"a":2,"b":1}}"#).unwrap();
        assert_eq!(ContentHash::of_value(&a).unwrap(), ContentHash::of_value(&b).unwrap());
    }
}
