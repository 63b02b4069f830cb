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
        || {
            let (all, version) = (expected.join(", "), env!("CARGO_PKG_VERSION"));
            format!("valid {what}s here are {all}; this is version {version}, a newer one may know {word}")
        },
        |near| format!("the nearest valid {what} is {near}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Section {
        #[garde(skip)]
        interval: u64,
    }

    #[test]
    fn a_key_of_a_newer_version_is_told_from_a_misspelt_one() {
        assert_eq!(parse::<Section>("interval: 3", "x").unwrap().interval, 3);
        let misspelt = parse::<Section>("intervall: 3", "c.yaml").unwrap_err();
        assert!(misspelt.starts_with("c.yaml:1:1: unknown field"), "{misspelt}");
        assert!(misspelt.ends_with("= help: the nearest valid key is interval"), "{misspelt}");
        let newer = parse::<Section>("interval: 3\nforesight: deep", "c.yaml").unwrap_err();
        let version = env!("CARGO_PKG_VERSION");
        let help = format!("this is version {version}, a newer one may know foresight");
        assert!(newer.starts_with("c.yaml:2:1:") && newer.ends_with(&help), "{newer}");
    }
}
