use super::TEXT_BYTES_MAX;
use crate::wire::shorten;

/// How much of the text an error repeats.
const SHOWN_CHARS_MAX: usize = 200;

/// Why a text is not a matcher, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MatcherError {
    /// The text does not follow the syntax.
    #[error("matchers {text:?}, column {column}: {reason}")]
    #[non_exhaustive]
    Syntax {
        /// The text, shortened if it is long.
        text: String,
        /// Where, in characters from 1; one past the end where something is missing there.
        column: usize,
        /// What was expected there, or what is wrong with what stands there.
        reason: String,
    },
    /// The value of `=~` or `!~` is no regular expression, or too big a one.
    #[error("regular expression {pattern:?}: {reason}")]
    #[non_exhaustive]
    Regex {
        /// The expression, shortened if it is long.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A label has a name.
    #[error("a matcher's label name is empty")]
    EmptyName,
    /// The text is too long to be meant.
    #[error("matchers of {bytes} bytes are longer than the limit of {TEXT_BYTES_MAX}")]
    TooLong {
        /// The text's length.
        bytes: usize,
    },
}

impl MatcherError {
    /// A fault in `text` at byte `at`.
    pub(super) fn syntax(text: &str, at: usize, reason: impl Into<String>) -> Self {
        let column = text.char_indices().take_while(|(start, _)| *start < at).count() + 1;
        Self::Syntax { text: shorten(text, SHOWN_CHARS_MAX), column, reason: reason.into() }
    }

    /// The regular expression's own report spans lines; its last one says what is wrong.
    pub(super) fn regex(pattern: &str, error: &regex::Error) -> Self {
        let report = error.to_string();
        let reason = report.lines().last().unwrap_or_default();
        let reason = reason.strip_prefix("error: ").unwrap_or(reason).to_owned();
        Self::Regex { pattern: shorten(pattern, SHOWN_CHARS_MAX), reason }
    }
}
