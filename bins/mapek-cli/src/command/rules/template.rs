//! Texts of alerts: labels and the value of what they are about, and nothing more of Go's templates.

use std::collections::BTreeMap;

use mapek::model::Labels;

/// A text with places for values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Label(String),
    External(String),
    Value,
}

impl Template {
    /// Understands `{{ $labels.name }}`, `{{ $externalLabels.name }}` and `{{ $value }}`, also with `.Labels`, `.ExternalLabels` and
    /// `.Value`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            parts.push(Part::Text(before.to_owned()));
            let (inside, after) = after.split_once("}}").ok_or("`{{` is never closed")?;
            parts.push(part(inside.trim()).ok_or_else(|| {
                format!("the template {{{{{inside}}}}} is not evaluated here: only labels and $value are")
            })?);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The text for a series with these labels, and this value.
    pub(super) fn filled(
        &self,
        labels: &Labels,
        external: &BTreeMap<String, String>,
        value: f64,
    ) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Label(name) => text.push_str(labels.get(name).unwrap_or_default()),
                Part::External(name) => {
                    text.push_str(external.get(name).map_or("", String::as_str));
                }
                Part::Value => text.push_str(&as_go(value)),
            }
        }
        text
    }
}

fn part(inside: &str) -> Option<Part> {
    let name = |prefixes: [&str; 2]| {
        let name = prefixes.iter().find_map(|prefix| inside.strip_prefix(prefix))?;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        (!name.is_empty() && name.chars().all(fits)).then(|| name.to_owned())
    };
    if matches!(inside, "$value" | ".Value") {
        return Some(Part::Value);
    }
    name(["$labels.", ".Labels."])
        .map(Part::Label)
        .or_else(|| name(["$externalLabels.", ".ExternalLabels."]).map(Part::External))
}

/// A number as Go prints it: as short as it can be, with an exponent below 1e-4 and from 1e21 on.
fn as_go(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if value != 0.0 && (value.abs() < 1e-4 || value.abs() >= 1e21) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |it| ('-', it));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_values_are_filled_in() {
        let text = "{{ $labels.job }} on {{$labels.none}}{{ .Labels.x }}: {{ $value }} in {{ $externalLabels.dc }}.";
        let labels = Labels::from_iter([("job", "web"), ("x", "y")]);
        let external = BTreeMap::from([("dc".to_owned(), "b".to_owned())]);
        let filled = Template::parse(text).unwrap().filled(&labels, &external, 0.25);
        assert_eq!(filled, "web on y: 0.25 in b.");
    }

    #[test]
    fn what_is_not_evaluated_is_refused() {
        for text in ["{{ $value | humanize }}", "{{ if true }}", "{{ $labels.a.b }}", "{{ $value"] {
            Template::parse(text).unwrap_err();
        }
    }

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, text) in [
            (1.0, "1"),
            (0.1, "0.1"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-07"),
            (-0.000_05, "-5e-05"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(as_go(value), text);
        }
    }
}
