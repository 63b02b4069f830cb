use serde::{Deserialize, Serialize};

use super::{MatchOp, Matcher, MatcherError};

/// A matcher as a silence holds it in API v2: plain data, not yet checked.
///
/// Silences are written by others, perhaps with an expression that only Go understands. One such must not make
/// the list of silences unreadable, so the check comes with `Matcher::try_from`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SilenceMatcher {
    /// The label's name.
    pub name: String,
    /// The value, or the regular expression.
    pub value: String,
    /// Whether `value` is a regular expression.
    pub is_regex: bool,
    /// Whether the silence wants labels that fit (the default) or that do not.
    #[serde(default = "yes")]
    pub is_equal: bool,
}

fn yes() -> bool {
    true
}

impl TryFrom<&SilenceMatcher> for Matcher {
    type Error = MatcherError;

    fn try_from(wire: &SilenceMatcher) -> Result<Self, MatcherError> {
        let op = match (wire.is_regex, wire.is_equal) {
            (false, true) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (true, false) => MatchOp::NotRegex,
        };
        Self::try_new(&wire.name, op, &wire.value)
    }
}

impl From<&Matcher> for SilenceMatcher {
    fn from(matcher: &Matcher) -> Self {
        Self {
            name: matcher.name().to_owned(),
            value: matcher.value().to_owned(),
            is_regex: matcher.op().is_regex(),
            is_equal: matcher.op().is_positive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_survive_the_wire() {
        for text in ["a=b", "a!=b", "a=~b", "a!~b"] {
            let matcher: Matcher = text.parse().unwrap();
            let json = serde_json::to_string(&SilenceMatcher::from(&matcher)).unwrap();
            let wire: SilenceMatcher = serde_json::from_str(&json).unwrap();
            assert_eq!(Matcher::try_from(&wire).unwrap(), matcher);
        }
    }

    #[test]
    fn equality_is_the_default_of_old_silences() {
        let json = r#"{"name":"a","value":"\\Qb\\E","isRegex":true}"#;
        let wire: SilenceMatcher = serde_json::from_str(json).unwrap();
        assert!(wire.is_equal);
        assert!(Matcher::try_from(&wire).is_err());
    }
}
