//! Series and samples as promtool's tests write them.

use mapek::model::Labels;
use promql_parser::{
    label::MatchOp,
    parser::{self, Expr},
};

/// Samples of one series: a test of a month, one a second.
const SAMPLES_MAX: usize = 3_000_000;

/// A value at its place in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Number(f64),
    /// Nothing was scraped.
    Missing,
    /// The series ended.
    Stale,
}

/// The labels of `metric{name="value"}`.
pub(super) fn labels(text: &str) -> Result<Labels, String> {
    let explain = |why: &str| format!("{text:?} is no series such as up{{job=\"web\"}}: {why}");
    if text.trim() == "{}" {
        return Ok(Labels::default());
    }
    // A number is where a sample has neither a name nor labels, too.
    let Expr::VectorSelector(selector) = parser::parse(text).map_err(|why| explain(&why))? else {
        return Err(explain("it is an expression"));
    };
    if selector.offset.is_some()
        || selector.at.is_some()
        || !selector.matchers.or_matchers.is_empty()
    {
        return Err(explain("it is an expression"));
    }
    let mut labels: Vec<_> =
        selector.name.into_iter().map(|name| ("__name__".to_owned(), name)).collect();
    for matcher in selector.matchers.matchers {
        if !matches!(matcher.op, MatchOp::Equal) {
            return Err(explain("its labels are given by ="));
        }
        labels.push((matcher.name, matcher.value));
    }
    Ok(labels.into_iter().filter(|(_, value)| !value.is_empty()).collect())
}

/// The samples of a row: `1 2 _ stale`, `0+10x5` (six, each ten more), `1x4` (five times one), `_x3` (three missing).
pub(super) fn values(text: &str) -> Result<Vec<Value>, String> {
    let mut values = Vec::new();
    for word in text.split_whitespace() {
        let (start, step, times) = row(word)
            .ok_or_else(|| format!("{word:?} is no sample such as 1, 0+10x5, _x3 or stale"))?;
        if values.len().saturating_add(times) > SAMPLES_MAX {
            return Err(format!("{word:?} makes more than {SAMPLES_MAX} samples"));
        }
        match start {
            Value::Number(start) => {
                // As promtool: by adding, with what that rounds.
                let mut value = start;
                for _ in 0..times {
                    values.push(Value::Number(value));
                    value += step;
                }
            }
            other => values.extend(std::iter::repeat_n(other, times)),
        }
    }
    Ok(values)
}

fn row(word: &str) -> Option<(Value, f64, usize)> {
    if word == "stale" {
        return Some((Value::Stale, 0.0, 1));
    }
    if let Some(rest) = word.strip_prefix('_') {
        let times = if rest.is_empty() { 1 } else { rest.strip_prefix('x')?.parse().ok()? };
        return Some((Value::Missing, 0.0, times));
    }
    if let Some(value) = number(word) {
        return Some((Value::Number(value), 0.0, 1));
    }
    let (sum, times) = word.rsplit_once('x')?;
    let times = times.parse::<usize>().ok()?.checked_add(1)?;
    if let Some(value) = number(sum) {
        return Some((Value::Number(value), 0.0, times));
    }
    // The sign between them, and not that of an exponent or of the first.
    let signs = sum.char_indices().skip(1).filter(|(_, c)| matches!(c, '+' | '-'));
    signs.into_iter().find_map(|(at, _)| {
        let (start, step) = sum.split_at(at);
        Some((Value::Number(number(start)?), number(step)?, times))
    })
}

fn number(text: &str) -> Option<f64> {
    match text {
        "Inf" | "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ if text.contains(|c: char| c.is_alphabetic() && !matches!(c, 'e' | 'E')) => None,
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<f64> {
        let value = |value| match value {
            Value::Number(value) => value,
            Value::Missing | Value::Stale => f64::NAN,
        };
        values(text).unwrap().into_iter().map(value).collect()
    }

    #[test]
    fn rows_are_spelt_out() {
        assert_eq!(numbers("1 2.5 -3"), [1.0, 2.5, -3.0]);
        assert_eq!(numbers("0+10x3"), [0.0, 10.0, 20.0, 30.0]);
        assert_eq!(numbers("5-2x2"), [5.0, 3.0, 1.0]);
        assert_eq!(numbers("-1+1x1 1e3+1e-1x1"), [-1.0, 0.0, 1000.0, 1000.1]);
        assert_eq!(numbers("1x2"), [1.0, 1.0, 1.0]);
        assert_eq!(
            values("1 _ _x2 stale").unwrap(),
            [Value::Number(1.0), Value::Missing, Value::Missing, Value::Missing, Value::Stale]
        );
        assert_eq!(numbers("+Inf -Inf"), [f64::INFINITY, f64::NEG_INFINITY]);
    }

    #[test]
    fn what_is_no_row_is_named() {
        for bad in ["x", "1+x3", "1x", "{{schema:1}}", "1x-1", "0+1x99999999", "inf", "one"] {
            let why = values(bad).unwrap_err();
            assert!(why.contains(bad), "{why}");
        }
    }

    #[test]
    fn series_are_named_by_equality() {
        let text = r#"up{job="a\"b", empty="", x='y'}"#;
        let found = labels(text).unwrap();
        let found: Vec<_> = found.iter().collect();
        assert_eq!(found, [("__name__", "up"), ("job", "a\"b"), ("x", "y")]);
        assert!(labels("{}").unwrap().is_empty());
        assert_eq!(labels(r#"{job="a"}"#).unwrap().len(), 1);
        for bad in ["up{job=~\"a\"}", "up + 1", "up offset 5m", "rate(up[5m])", "up{"] {
            labels(bad).unwrap_err();
        }
    }
}
