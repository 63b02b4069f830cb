//! Checked identifiers: what reaches a path or a header has been looked at once, here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An identifier or header value that the contract does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?} {reason}")]
pub struct InvalidId {
    what: &'static str,
    value: String,
    reason: &'static str,
}

impl InvalidId {
    fn new(what: &'static str, value: &str, reason: &'static str) -> Self {
        // What is refused may be huge; the message need not be.
        let value = value.chars().take(64).collect();
        Self { what, value, reason }
    }
}

/// Implements the conversions that every checked string shares; all of them go through `check`.
macro_rules! checked_string {
    ($name:ident, $what:literal) => {
        impl $name {
            /// Checks and wraps a value.
            ///
            /// # Errors
            ///
            /// [`InvalidId`] if the contract does not allow it; see the type.
            pub fn try_new(value: impl Into<String>) -> Result<Self, InvalidId> {
                let value = value.into();
                match Self::check(&value) {
                    None => Ok(Self(value)),
                    Some(reason) => Err(InvalidId::new($what, &value, reason)),
                }
            }

            /// The value as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(value: &str) -> Result<Self, Self::Err> {
                Self::try_new(value)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(value: String) -> Result<Self, Self::Error> {
                Self::try_new(value)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

/// The id of a policy: 1 to 128 bytes without control characters; not `.`, `..`, `apply` or `validate`.
///
/// It is one path segment, percent-encoded when sent, so it may hold slashes and spaces. Dot segments are
/// refused because URL parsers remove them even when encoded; the two words are routes of their own.
///
/// ```
/// use charter_client::PolicyId;
///
/// assert!(PolicyId::try_new("privacy-baseline").is_ok());
/// assert!(PolicyId::try_new("..").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PolicyId(String);

impl PolicyId {
    /// Longest id, in bytes: the percent-encoded path stays well under the 8 KiB that proxies allow.
    pub const BYTES_MAX: usize = 128;

    fn check(value: &str) -> Option<&'static str> {
        match value {
            "" => Some("is empty"),
            "." | ".." => Some("is a dot segment"),
            "apply" | "validate" => Some("is a route of its own"),
            _ if value.len() > Self::BYTES_MAX => Some("is longer than 128 bytes"),
            _ if value.chars().any(char::is_control) => Some("holds a control character"),
            _ => None,
        }
    }
}

checked_string!(PolicyId, "policy id");

/// The value of `Idempotency-Key`: 1 to 255 visible ASCII characters.
///
/// The same key with the same request has one effect, however often it is sent.
///
/// ```
/// use charter_client::IdempotencyKey;
///
/// assert!(IdempotencyKey::try_new("exec-7/step-1/do").is_ok());
/// assert!(IdempotencyKey::try_new("two\r\nlines").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Longest key, in characters.
    pub const CHARS_MAX: usize = 255;

    fn check(value: &str) -> Option<&'static str> {
        if value.is_empty() {
            Some("is empty")
        } else if value.len() > Self::CHARS_MAX {
            Some("is longer than 255 characters")
        } else if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            Some("holds something else than visible ASCII")
        } else {
            None
        }
    }
}

checked_string!(IdempotencyKey, "idempotency key");

/// A strong entity tag, quotes included (RFC 9110 §8.8.3), of at most 128 characters.
///
/// Weak tags are refused: `If-Match` compares strongly, so a weak one could never match.
///
/// ```
/// use charter_client::ETag;
///
/// assert!(ETag::try_new("\"g42\"").is_ok());
/// assert!(ETag::try_new("W/\"g42\"").is_err());
/// assert_eq!(ETag::from_generation(42).as_str(), "\"g42\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ETag(String);

impl ETag {
    /// Longest tag, in characters, quotes included.
    pub const CHARS_MAX: usize = 128;

    /// The tag for a generation counter: `"g<n>"`.
    #[must_use]
    pub fn from_generation(generation: u64) -> Self {
        Self(format!("\"g{generation}\""))
    }

    fn check(value: &str) -> Option<&'static str> {
        let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            return Some("is not a strong entity tag in double quotes");
        };
        if value.len() > Self::CHARS_MAX {
            Some("is longer than 128 characters")
        } else if !inner.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') {
            Some("holds a character that entity tags do not allow")
        } else {
            None
        }
    }
}

checked_string!(ETag, "entity tag");

/// The leadership epoch of the sender; a server that has seen a newer one refuses with 409.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_ids_that_would_change_the_path_are_refused() {
        for bad in ["", ".", "..", "apply", "validate", "a\nb", "a\0b", &"x".repeat(129)] {
            assert!(PolicyId::try_new(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "a/b", "ünïcode id", "apply-2", "...", &"x".repeat(128)] {
            assert!(PolicyId::try_new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn the_message_names_what_and_why_and_stays_short() {
        let error = PolicyId::try_new("x".repeat(10_000)).unwrap_err().to_string();
        assert!(error.contains("policy id") && error.contains("128 bytes"), "{error}");
        assert!(error.len() < 150, "{} bytes", error.len());
    }

    #[test]
    fn serde_goes_through_the_same_check() {
        assert!(serde_json::from_str::<PolicyId>("\"ok\"").is_ok());
        assert!(serde_json::from_str::<PolicyId>("\"..\"").is_err());
        assert!(serde_json::from_str::<ETag>("\"bare\"").is_err());
        assert!(serde_json::from_str::<IdempotencyKey>("\"with space\"").is_err());
    }

    #[test]
    fn header_values_cannot_smuggle_lines() {
        assert!(IdempotencyKey::try_new("a\r\nX-Evil: 1").is_err());
        assert!(ETag::try_new("\"a\r\n\"").is_err());
        assert!(ETag::try_new("\"a\"b\"").is_err());
        assert!(ETag::try_new("\"").is_err());
        assert!(IdempotencyKey::try_new("k".repeat(256)).is_err());
    }
}
