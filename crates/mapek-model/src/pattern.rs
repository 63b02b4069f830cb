//! Patterns of expectations.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A pattern of an expectation: its text, with `*` for any text, even none.
///
/// ```
/// use mapek_model::Pattern;
///
/// let pattern = Pattern::new("high-*latency*");
/// assert!(pattern.matches("high-validation-latency"));
/// assert!(!pattern.matches("validation-latency-sla"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Pattern(String);

impl Pattern {
    /// Takes a pattern.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether `text` is of this pattern. Linear in the text for each `*`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(mut text) = text.strip_prefix(head) else { return false };
        let mut parts: Vec<_> = rest.split('*').collect();
        let tail = parts.pop().unwrap_or_default();
        // Leftmost matches leave most for the parts to come, so none is missed.
        for part in parts {
            match text.find(part) {
                Some(at) => text = &text[at + part.len()..],
                None => return false,
            }
        }
        text.ends_with(tail)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, yes, no) in [
            ("a", "a", "ab"),
            ("*", "", "\u{0}never"),
            ("a*", "a", "ba"),
            ("*a", "aa", "ab"),
            ("a*b*c", "aXbbc", "acb"),
            ("ab*ba", "abba", "aba"),
        ] {
            assert!(Pattern::new(pattern).matches(yes), "{pattern} {yes}");
            assert!(pattern == "*" || !Pattern::new(pattern).matches(no), "{pattern} {no}");
        }
    }
}
