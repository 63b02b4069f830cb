//! YAML that people write, checked, with errors that say where and what to do.

mod nearest;

use garde::Validate;
use serde::de::DeserializeOwned;

pub(crate) use nearest::nearest;

/// Reads `text`, which errors call `name`: file, line, column, the line itself, and a remedy where there is one.
pub(crate) fn parse<T>(text: &str, name: &str) -> Result<T, String>
where
    T: DeserializeOwned + Validate<Context: Default>,
{
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options_valid(text, options)
        .map_err(|error| render(&error, text, name))
}

fn render(error: &serde_saphyr::Error, text: &str, name: &str) -> String {
    let position =
        error.location().map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
    let line = error
        .location()
        .and_then(|at| text.lines().nth(usize::try_from(at.line()).ok()?.checked_sub(1)?))
        .map_or_else(String::new, |line| format!("\n  | {}", line.trim_end()));
    let formatter = serde_saphyr::UserMessageFormatter;
    let what = serde_saphyr::MessageFormatter::format_message(&formatter, error);
    let remedy = remedy(error).map_or_else(String::new, |remedy| format!("\n  = help: {remedy}"));
    format!("{name}{position}: {what}{line}{remedy}")
}

fn remedy(error: &serde_saphyr::Error) -> Option<String> {
    let (what, word, expected) = match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => ("key", field, expected),
        serde_saphyr::Error::SerdeUnknownVariant { variant, expected, .. } => {
            ("value", variant, expected)
        }
        serde_saphyr::Error::WithSnippet { error, .. } => return remedy(error),
        _ => return None,
    };
    Some(nearest(word, expected.iter().copied()).map_or_else(
        || format!("valid {what}s here are {}", expected.join(", ")),
        |near| format!("the nearest valid {what} is {near}"),
    ))
}
