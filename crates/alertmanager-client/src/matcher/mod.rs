//! Matchers: conditions on labels, in Alertmanager's own syntax.

mod classic;
mod error;
mod list;
mod unquote;
mod utf8;
mod wire;

use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

pub use error::MatcherError;
pub use list::Matchers;
pub use wire::SilenceMatcher;

use crate::Labels;

/// Longest text of one list of matchers, in bytes. Written by people, so this is generous.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Largest compiled regular expression, in bytes: `(a{1000}){1000}` is short to write.
const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl MatchOp {
    /// The operator as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }

    /// Whether the value is a regular expression.
    #[must_use]
    pub const fn is_regex(self) -> bool {
        matches!(self, Self::Regex | Self::NotRegex)
    }

    /// Whether the matcher holds where its value fits, rather than where it does not.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        matches!(self, Self::Equal | Self::Regex)
    }
}

impl fmt::Display for MatchOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One condition on one label. Prints and parses as Alertmanager writes it; serde uses that text.
///
/// A missing label is the empty string, so `team!="web"` holds for an alert without `team`. Regular
/// expressions must fit the whole value.
///
/// # Regular expressions
///
/// Alertmanager uses Go's RE2, we the `regex` crate, which was modelled on it. They differ in little: here
/// `\d`, `\s`, `\w` and `\b` know Unicode, where RE2 knows ASCII; RE2 has `\Q…\E` and `\C`, which are an error
/// here; and what lies outside a group must be an expression by itself (`a)|(b` passes there, not here).
///
/// ```
/// use alertmanager_client::{Labels, Matcher};
///
/// let matcher: Matcher = r#"severity =~ "critical|warning""#.parse()?;
/// assert!(matcher.matches(&Labels::from([("severity", "critical")])));
/// assert!(!matcher.matches(&Labels::from([("severity", "critical-ish")])));
/// assert_eq!(matcher.to_string(), r#"severity=~"critical|warning""#);
/// # Ok::<_, alertmanager_client::MatcherError>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    /// Compiled and anchored; there if and only if `op` is one of the regular expressions.
    regex: Option<Regex>,
}

impl Matcher {
    /// A matcher on label `name`.
    ///
    /// # Errors
    ///
    /// [`MatcherError::EmptyName`], or [`MatcherError::Regex`] if `value` should be a regular expression and is not.
    pub fn try_new(
        name: impl Into<String>,
        op: MatchOp,
        value: impl Into<String>,
    ) -> Result<Self, MatcherError> {
        let (name, value) = (name.into(), value.into());
        if name.is_empty() {
            return Err(MatcherError::EmptyName);
        }
        let regex = if op.is_regex() { Some(anchored(&value)?) } else { None };
        Ok(Self { name, op, value, regex })
    }

    /// The label's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the label is compared.
    #[must_use]
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What the label is compared with: a text or, as [`op`](Self::op) says, a regular expression.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether the condition holds. A missing label is the empty string.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.value(&self.name))
    }

    /// Whether the condition holds for this value of the label.
    #[must_use]
    pub fn matches_value(&self, value: &str) -> bool {
        let fits = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => self.value == value,
        };
        fits == self.op.is_positive()
    }

    /// What makes two matchers the same.
    fn key(&self) -> (&str, MatchOp, &str) {
        (&self.name, self.op, &self.value)
    }
}

/// Compiles `pattern` so that it must fit a whole value.
pub(crate) fn anchored(pattern: &str) -> Result<Regex, MatcherError> {
    let compile = |pattern: &str| RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).build();
    let wrapped = format!("^(?:{pattern})$");
    // Alone first: an unbalanced parenthesis could escape from the group that anchors it.
    compile(pattern)
        .and_then(|_| compile(&wrapped))
        .map_err(|error| MatcherError::regex(pattern, &error))
}

/// Whether `name` can be written without quotes for every version of Alertmanager.
fn is_classic_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, '_' | ':'))
        && chars.all(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | ':'))
}

/// Writes `text` in quotes, escaping just what classic and UTF-8 syntax both unescape alike.
fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let escaped = text.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
    write!(f, "\"{escaped}\"")
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_classic_name(&self.name) {
            f.write_str(&self.name)?;
        } else {
            write_quoted(f, &self.name)?;
        }
        f.write_str(self.op.as_str())?;
        write_quoted(f, &self.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matcher({self})")
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Matcher {}

impl PartialOrd for Matcher {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Matcher {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl std::hash::Hash for Matcher {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl std::str::FromStr for Matcher {
    type Err = MatcherError;

    /// Reads one matcher, without braces.
    fn from_str(text: &str) -> Result<Self, MatcherError> {
        let trimmed = text.trim();
        if trimmed.starts_with('{') || trimmed.ends_with('}') {
            return Err(MatcherError::syntax(text, 0, "one matcher has no braces"));
        }
        let mut matchers = text.parse::<Matchers>()?.into_iter();
        match (matchers.next(), matchers.next()) {
            (Some(matcher), None) => Ok(matcher),
            (None, _) => Err(MatcherError::syntax(text, 0, "expected a matcher")),
            (Some(_), Some(_)) => Err(MatcherError::syntax(text, 0, "expected only one matcher")),
        }
    }
}

impl TryFrom<String> for Matcher {
    type Error = MatcherError;

    fn try_from(text: String) -> Result<Self, MatcherError> {
        text.parse()
    }
}

impl From<Matcher> for String {
    fn from(matcher: Matcher) -> Self {
        matcher.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(matcher: &str, value: &str) -> bool {
        let matcher: Matcher = matcher.parse().unwrap();
        assert_eq!(matcher.to_string().parse::<Matcher>().unwrap(), matcher);
        matcher.matches(&Labels::from([("job", value)]))
    }

    #[test]
    fn the_four_operators() {
        for (matcher, value, holds) in [
            ("job=api", "api", true),
            ("job=api", "API", false),
            ("job!=api", "api", false),
            ("job!=api", "db", true),
            ("job=~a.i", "api", true),
            ("job=~a.i", "a\ni", false),
            ("job!~a.i", "api", false),
            ("job!~a.i", "db", true),
        ] {
            assert_eq!(matches(matcher, value), holds, "{matcher} on {value}");
        }
    }

    #[test]
    fn a_regex_fits_the_whole_value() {
        assert!(!matches("job=~api", "api-2"));
        assert!(!matches("job=~api|db", "my-db"));
        assert!(matches("job=~.*db", "my-db"));
        assert!(!matches("job=~api", "api\n"));
        assert!(matches(r#"job=~"\d+""#, "42"));
    }

    #[test]
    fn a_missing_label_is_the_empty_string() {
        let none = Labels::new();
        for (matcher, holds) in [
            ("a=\"\"", true),
            ("a=b", false),
            ("a!=b", true),
            ("a=~.*", true),
            ("a=~.+", false),
            ("a!~.+", true),
        ] {
            assert_eq!(matcher.parse::<Matcher>().unwrap().matches(&none), holds, "{matcher}");
        }
    }

    #[test]
    fn expressions_that_are_wrong_or_too_big_are_refused() {
        for pattern in ["(", "a)|(b", "[z-a]", "(((a{900}){900}){900})"] {
            let error = Matcher::try_new("a", MatchOp::Regex, pattern).unwrap_err();
            assert!(matches!(error, MatcherError::Regex { .. }), "{pattern}: {error}");
        }
        assert!(Matcher::try_new("a", MatchOp::Equal, "(").is_ok());
        assert!(matches!(Matcher::try_new("", MatchOp::Equal, ""), Err(MatcherError::EmptyName)));
    }

    #[test]
    fn one_matcher_is_one() {
        for text in ["", "{a=b}", "a=b,c=d", "  "] {
            assert!(text.parse::<Matcher>().is_err(), "{text}");
        }
    }
}
