//! Names that people write and read: of targets, components, expectations and causes.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// A text cannot be such a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {why}, got {text:?}")]
#[non_exhaustive]
pub struct InvalidName {
    /// What it was to name.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
    /// What was given, cut after 80 characters.
    pub text: String,
}

impl InvalidName {
    pub(crate) fn new(what: &'static str, why: &'static str, text: &str) -> Self {
        Self { what, why, text: text.chars().take(80).collect() }
    }
}

macro_rules! name {
    ($(#[$meta:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "String"))]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text`.
            ///
            /// # Errors
            ///
            /// [`InvalidName`] says what is wrong with it.
            pub fn try_new(text: impl AsRef<str>) -> Result<Self, InvalidName> {
                let text = text.as_ref();
                $check(text).map_err(|why| InvalidName::new($what, why, text))?;
                Ok(Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::try_new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::try_new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

name! {
    /// The managed system that something is about. It is in every key, budget, URL and metric, so it is short and plain:
    /// 1 to 63 of `a-z`, `0-9` and `-`, beginning and ending with a letter or digit (an RFC 1123 label).
    ///
    /// ```
    /// use mapek_model::TargetId;
    ///
    /// assert_eq!(TargetId::default().as_str(), "default");
    /// assert!(TargetId::try_new("../etc").is_err());
    /// ```
    TargetId, "a target", kebab
}

name! {
    /// A part of a managed system: a node, a service, a policy. 1 to 253 characters, none of them a control character.
    Component, "a component", plain
}

name! {
    /// What was expected of the managed system and is now breached (`high-validation-latency`); the rule, the alert and
    /// the system's own report of one breach share it, so that they are one episode. Kebab-case, at most 63 characters.
    Expectation, "an expectation", kebab
}

name! {
    /// What kind of cause this is (`overload`, `policy-misconfiguration`): an open, kebab-case word from the catalogue in
    /// `docs/causes.md`, at most 63 characters.
    CauseKind, "a kind of cause", kebab
}

name! {
    /// Where evidence comes from (`prometheus`, `alertmanager`, `charter`). Kebab-case, at most 63 characters.
    SourceName, "a source", kebab
}

name! {
    /// A metric's name, as in Prometheus: 1 to 253 characters, none of them a control character.
    MetricName, "a metric name", plain
}

impl MetricName {
    /// The name of the family that it belongs to: without what the
    /// [exposition formats](https://prometheus.io/docs/instrumenting/exposition_formats/) append for the parts of a histogram or
    /// a summary. Of a name that ends so by chance it takes the end off as well.
    ///
    /// ```
    /// let name = mapek_model::MetricName::try_new("latency_seconds_bucket")?;
    /// assert_eq!(name.family(), "latency_seconds");
    /// # Ok::<(), mapek_model::InvalidName>(())
    /// ```
    #[must_use]
    pub fn family(&self) -> &str {
        let name = self.as_str();
        let parts = ["_bucket", "_sum", "_count"];
        let family = parts.iter().find_map(|part| name.strip_suffix(part));
        family.filter(|family| !family.is_empty()).unwrap_or(name)
    }
}

impl Default for TargetId {
    /// The target of a configuration for one managed system.
    fn default() -> Self {
        Self("default".into())
    }
}

impl Expectation {
    /// The nearest valid expectation to any text: `ValidationLatencySLA` becomes `validation-latency-sla`.
    ///
    /// Alert names come from people who know nothing of our words; two texts that differ only in case and punctuation
    /// become one expectation. A text without letters and digits becomes `unnamed`.
    ///
    /// ```
    /// use mapek_model::Expectation;
    ///
    /// assert_eq!(Expectation::normalise("CommitteeOverloaded"), "committee-overloaded");
    /// assert_eq!(Expectation::normalise("CharterAPIDown"), "charter-api-down");
    /// assert_eq!(Expectation::normalise("high_failure_rate"), "high-failure-rate");
    /// assert_eq!(Expectation::normalise("…"), "unnamed");
    /// ```
    #[must_use]
    pub fn normalise(text: &str) -> Self {
        let mut out = String::with_capacity(text.len() + 8);
        let (mut previous_lower, mut previous_upper) = (false, false);
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            // The last capital of a run begins the next word: `APIDown` is `api-down`.
            let ends_run = previous_upper && rest.peek().is_some_and(char::is_ascii_lowercase);
            if c.is_ascii_uppercase() && (previous_lower || ends_run) {
                out.push('-');
            }
            if c.is_ascii_alphanumeric() {
                out.push(c.to_ascii_lowercase());
            } else if !out.ends_with('-') {
                out.push('-');
            }
            previous_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
            previous_upper = c.is_ascii_uppercase();
            if out.len() >= 63 {
                break;
            }
        }
        let cut = out.get(..63).unwrap_or(&out).trim_matches('-');
        Self(if cut.is_empty() { "unnamed" } else { cut }.into())
    }
}

fn kebab(text: &str) -> Result<(), &'static str> {
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
    match text.as_bytes() {
        [] => Err("must not be empty"),
        bytes if bytes.len() > 63 => Err("must have at most 63 characters"),
        bytes if !bytes.iter().all(inner) => Err("may only have a-z, 0-9 and '-'"),
        [b'-', ..] | [.., b'-'] => Err("must begin and end with a letter or digit"),
        _ => Ok(()),
    }
}

fn plain(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        Err("must not be empty")
    } else if text.len() > 253 {
        Err("must have at most 253 bytes")
    } else if text.chars().any(char::is_control) {
        Err("must not have control characters")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_in_code_and_in_json() {
        for bad in ["", "-a", "a-", "A", "a b", "a/b", &"x".repeat(64)] {
            assert!(TargetId::try_new(bad).is_err(), "{bad:?} passed");
            let json = serde_json::to_string(bad).unwrap();
            assert!(serde_json::from_str::<TargetId>(&json).is_err(), "{bad:?} passed serde");
        }
        assert!(Component::try_new("carts-db/µ").is_ok());
        assert!(Component::try_new("a\0b").is_err());
    }

    #[test]
    fn any_text_normalises_to_a_valid_expectation() {
        for text in ["", "---", "HTTPServerDown", "ä", &"Ab".repeat(100), "x".repeat(62).as_str()]
        {
            let name = Expectation::normalise(text);
            assert!(Expectation::try_new(name.as_str()).is_ok(), "{text:?} -> {name:?}");
        }
    }
}
