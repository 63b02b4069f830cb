//! Violations as lines of JSON, from files and other programs.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::BufRead,
};

use mapek_model::{
    Component, Duration, EpisodeKey, Expectation, Labels, MetricName, Observation, Severity,
    SourceName, TargetId, Timestamp, Violation, ViolationSource, Witness, earlier, later, since,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;

/// One violation as a line of JSON. `violation_id`, `severity`, `detected_at` and `metric_name` are required; fields that
/// are not known are left aside.
///
/// ```
/// use mapek_analyze::ViolationLine;
///
/// let line = r#"{"violation_id": "v1", "severity": "critical", "detected_at": "2026-01-01T00:00:00Z",
///     "metric_name": "validation_latency", "metric_value": 3.5, "threshold": 1.0,
///     "labels": {"node": "validator-1"}, "description": "p99 over SLA"}"#;
/// let violation = ViolationLine::parse(line, 1)?.into_violation(&Default::default(), 1)?;
/// assert_eq!(violation.expectation, "high-validation-latency");
/// assert_eq!(violation.component.unwrap().as_str(), "validator-1");
///
/// let error = ViolationLine::parse(r#"{"violation_id": "v1", "severity": "bad"}"#, 7).unwrap_err();
/// assert_eq!(error.to_string(), "line 7: severity: expected critical, warning or info, got \"bad\"");
/// # Ok::<(), mapek_analyze::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViolationLine {
    /// Which violation, in the words of its source. One id twice is one violation.
    pub violation_id: String,
    /// How bad it is.
    pub severity: Severity,
    /// When it began (RFC 3339).
    pub detected_at: Timestamp,
    /// The metric that breaches.
    pub metric_name: String,
    /// Its value.
    #[serde(default, with = "mapek_model::number::option")]
    pub metric_value: Option<f64>,
    /// What it must not cross.
    #[serde(default, with = "mapek_model::number::option")]
    pub threshold: Option<f64>,
    /// What else the source says.
    #[serde(default)]
    pub labels: Labels,
    /// For people.
    #[serde(default)]
    pub description: String,
}

/// Labels that name a component, the first that is there wins.
pub const COMPONENT_LABELS: &[&str] =
    &["component", "node", "node_or_service", "service", "instance", "pod", "policy_id"];

/// Labels that name the expectation, the first that is there wins. Without one it is made of the metric's name:
/// `high-validation-latency` for a value above its threshold, `low-throughput` for one below.
pub const EXPECTATION_LABELS: &[&str] = &["expectation", "rule", "alertname"];

/// Longest line, in bytes.
pub const LINE_LEN_MAX: usize = 1024 * 1024;

/// Most lines that are read.
pub const LINES_MAX: usize = 1_000_000;

fn refuse(line: usize, field: &str, why: impl Into<String>) -> Error {
    Error::Line { line, field: field.to_owned(), why: why.into() }
}

impl ViolationLine {
    /// Reads one line; `line` is its number, for errors.
    ///
    /// # Errors
    ///
    /// [`Error::Line`] names the line and the field.
    pub fn parse(text: &str, line: usize) -> Result<Self, Error> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| refuse(line, "line", format!("is no JSON: {error}")))?;
        let Value::Object(fields) = value else {
            return Err(refuse(line, "line", "must be a JSON object"));
        };
        let fields = Fields { fields, line };
        Ok(Self {
            violation_id: fields.text("violation_id")?,
            severity: fields.severity()?,
            detected_at: fields.time("detected_at")?,
            metric_name: fields.text("metric_name")?,
            metric_value: fields.number("metric_value")?,
            threshold: fields.number("threshold")?,
            labels: fields.labels("labels")?,
            description: fields.optional_text("description")?.unwrap_or_default(),
        })
    }

    /// The episode that it tells of: open, seen once.
    ///
    /// # Errors
    ///
    /// [`Error::Line`] if the metric or the component cannot be a name.
    pub fn into_violation(self, target: &TargetId, line: usize) -> Result<Violation, Error> {
        let metric = MetricName::try_new(&self.metric_name)
            .map_err(|error| refuse(line, "metric_name", error.to_string()))?;
        let by = SourceName::try_new("lines")
            .map_err(|error| refuse(line, "line", error.to_string()))?;
        let label = |names: &[&str]| names.iter().find_map(|name| self.labels.get(name));
        let component = label(COMPONENT_LABELS)
            .map(Component::try_new)
            .transpose()
            .map_err(|error| refuse(line, "labels", error.to_string()))?;
        let expectation =
            label(EXPECTATION_LABELS).map_or_else(|| self.expectation(), Expectation::normalise);
        let witness = Witness {
            source: ViolationSource::ManagedSystem,
            by,
            name: self.violation_id,
            family: Some(metric.clone()),
            confirmed: true,
        };
        Ok(Violation {
            target: target.clone(),
            expectation,
            component,
            severity: self.severity,
            onset: self.detected_at,
            last_seen: self.detected_at,
            closed: None,
            witnesses: BTreeSet::from([witness]),
            metric: Some(metric),
            value: self.metric_value,
            threshold: self.threshold,
            labels: self.labels,
            description: self.description,
        })
    }

    fn expectation(&self) -> Expectation {
        let plain = Expectation::normalise(&self.metric_name);
        if plain.as_str().starts_with("high-") || plain.as_str().starts_with("low-") {
            return plain;
        }
        let below = self.metric_value.zip(self.threshold).is_some_and(|(v, limit)| v < limit);
        Expectation::normalise(&format!("{}-{plain}", if below { "low" } else { "high" }))
    }
}

/// Reads violations, one JSON object a line, in any order of time. Blank lines are skipped.
///
/// One `violation_id` twice is one violation, as the last line tells it. Two ids of one breach at one instant are two
/// episodes: the later id begins a nanosecond later, so that each has its own key. The violations are sorted by key.
///
/// # Errors
///
/// [`Error::Line`] names the first line that is no violation, cannot be read, or is one too many.
pub fn read_violations(reader: impl BufRead, target: &TargetId) -> Result<Vec<Violation>, Error> {
    let mut by_id = BTreeMap::new();
    let mut reader = reader;
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let limit = LINE_LEN_MAX as u64 + 1;
        let read = std::io::Read::take(&mut reader, limit)
            .read_until(b'\n', &mut bytes)
            .map_err(|error| refuse(line, "line", format!("cannot be read: {error}")))?;
        if read == 0 {
            break;
        }
        if line > LINES_MAX {
            return Err(refuse(line, "line", format!("is one too many: at most {LINES_MAX}")));
        }
        if bytes.len() > LINE_LEN_MAX {
            return Err(refuse(line, "line", format!("is longer than {LINE_LEN_MAX} bytes")));
        }
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| refuse(line, "line", format!("is no UTF-8: {error}")))?;
        if !text.trim().is_empty() {
            let parsed = ViolationLine::parse(text, line)?;
            let id = parsed.violation_id.clone();
            by_id.insert(id, parsed.into_violation(target, line)?);
        }
    }
    let mut taken = BTreeSet::<EpisodeKey>::new();
    let mut violations: Vec<_> = by_id.into_values().collect();
    for violation in &mut violations {
        while !taken.insert(violation.key()) && violation.onset < Timestamp::MAX {
            violation.onset = later(violation.onset, Duration::from_nanos(1));
        }
    }
    violations.sort_by_cached_key(Violation::key);
    Ok(violations)
}

/// An observation of nothing but `violations`, at the moment of the newest, and how far back a diagnosis must look to
/// see all of them (for [`AnalyzeConfig::history`](crate::AnalyzeConfig)). `None` if there are none.
#[must_use]
pub fn observe(violations: Vec<Violation>, target: &TargetId) -> Option<(Observation, Duration)> {
    let newest = violations.iter().map(|it| it.last_seen.max(it.onset)).max()?;
    let oldest = violations.iter().map(|it| it.onset).min()?;
    let history = since(newest, earlier(oldest, Duration::from_secs(1)));
    let observation =
        Observation { open: violations, ..Observation::empty(target.clone(), newest) };
    Some((observation, history))
}

/// The fields of one line.
struct Fields {
    fields: Map<String, Value>,
    line: usize,
}

impl Fields {
    fn wrong(&self, field: &str, expected: &str, got: &Value) -> Error {
        let got: String = got.to_string().chars().take(80).collect();
        refuse(self.line, field, format!("expected {expected}, got {got}"))
    }

    fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    fn require(&self, field: &str) -> Result<&Value, Error> {
        self.get(field).ok_or_else(|| refuse(self.line, field, "is missing"))
    }

    fn text(&self, field: &str) -> Result<String, Error> {
        match self.require(field)? {
            Value::String(text) if !text.is_empty() => Ok(text.clone()),
            other => Err(self.wrong(field, "a text", other)),
        }
    }

    fn optional_text(&self, field: &str) -> Result<Option<String>, Error> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.wrong(field, "a text", other)),
        }
    }

    fn severity(&self) -> Result<Severity, Error> {
        let value = self.require("severity")?;
        let word = value.as_str().unwrap_or_default().to_ascii_lowercase();
        let known = Severity::ALL.iter().find(|it| it.as_str() == word);
        known.copied().ok_or_else(|| self.wrong("severity", "critical, warning or info", value))
    }

    fn time(&self, field: &str) -> Result<Timestamp, Error> {
        let value = self.require(field)?;
        let expected = "a time as in 2026-01-01T00:00:00Z, with its offset";
        let parsed = value.as_str().and_then(|text| text.parse().ok());
        parsed.ok_or_else(|| self.wrong(field, expected, value))
    }

    fn number(&self, field: &str) -> Result<Option<f64>, Error> {
        let Some(value) = self.get(field) else { return Ok(None) };
        let read = mapek_model::number::deserialize(value.clone());
        read.map(Some).map_err(|_| self.wrong(field, "a number", value))
    }

    fn labels(&self, field: &str) -> Result<Labels, Error> {
        let Some(value) = self.get(field) else { return Ok(Labels::default()) };
        let expected = "an object of texts";
        let Value::Object(labels) = value else { return Err(self.wrong(field, expected, value)) };
        labels
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) => Ok((name.clone(), text.clone())),
                Value::Number(_) | Value::Bool(_) => Ok((name.clone(), value.to_string())),
                other => Err(self.wrong(&format!("{field}.{name}"), "a text", other)),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"violation_id": "v1", "severity": "Warning", "detected_at": "2026-01-01T00:00:05+00:00", "metric_name": "throughput", "metric_value": 80, "threshold": 100, "labels": {"service": "carts", "shard": 3}, "description": "slow", "extra": [1]}"#;

    fn read(text: &str) -> Result<Vec<Violation>, Error> {
        read_violations(text.as_bytes(), &TargetId::default())
    }

    #[test]
    fn a_line_becomes_an_open_episode() {
        let [violation] = read(&format!("\n{GOOD}\n\n")).unwrap().try_into().unwrap();
        assert_eq!(violation.expectation, "low-throughput");
        assert_eq!(violation.component.as_ref().unwrap().as_str(), "carts");
        assert_eq!((violation.severity, violation.is_open()), (Severity::Warning, true));
        assert_eq!(violation.labels.get("shard"), Some("3"));
        assert_eq!(violation.onset, crate::fixture::at(5));
    }

    #[test]
    fn a_line_survives_its_own_json() {
        let line = ViolationLine::parse(GOOD, 1).unwrap();
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(ViolationLine::parse(&text, 1).unwrap(), line);
    }

    #[test]
    fn errors_name_line_and_field() {
        let with = |from: &str, to: &str| read(&format!("{GOOD}\n{}", GOOD.replace(from, to)));
        for (from, to, message) in [
            (r#""v1""#, "7", "line 2: violation_id: expected a text, got 7"),
            (
                r#""Warning""#,
                r#""awful""#,
                r#"line 2: severity: expected critical, warning or info, got "awful""#,
            ),
            (r#""detected_at""#, r#""at""#, "line 2: detected_at: is missing"),
            (
                "+00:00",
                "",
                r#"line 2: detected_at: expected a time as in 2026-01-01T00:00:00Z, with its offset, got "2026-01-01T00:00:05""#,
            ),
            (
                r#""throughput""#,
                r#""a\u0000""#,
                "line 2: metric_name: a metric name must not have control characters",
            ),
            ("80", r#""many""#, r#"line 2: metric_value: expected a number, got "many""#),
            ("3}", "[]}", "line 2: labels.shard: expected a text, got []"),
            (
                r#""carts""#,
                r#""\u0007""#,
                "line 2: labels: a component must not have control characters",
            ),
            ("{\"v", "[{\"v", "line 2: line: is no JSON: "),
        ] {
            let error = with(from, to).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
        assert_eq!(read("3").unwrap_err().to_string(), "line 1: line: must be a JSON object");
        let deep = "[".repeat(100_000);
        assert!(read(&deep).unwrap_err().to_string().starts_with("line 1: line: is no JSON"));
        let long = "x".repeat(LINE_LEN_MAX + 1);
        assert!(read(&long).unwrap_err().to_string().contains("longer than 1048576 bytes"));
        let latin = [b'"', 0xE4, b'"'];
        let error = read_violations(&latin[..], &TargetId::default()).unwrap_err();
        assert!(error.to_string().contains("is no UTF-8"));
    }

    #[test]
    fn ids_tell_violations_apart_and_order_does_not_matter() {
        let second = GOOD.replace("v1", "v2");
        let there = read(&format!("{GOOD}\n{second}\n{GOOD}")).unwrap();
        let back = read(&format!("{second}\n{GOOD}")).unwrap();
        assert_eq!(there, back);
        assert_eq!(there.len(), 2);
        assert_ne!(there[0].key(), there[1].key());
    }

    #[test]
    fn an_observation_of_lines_looks_back_to_the_first() {
        let early = GOOD.replace("v1", "v0").replace("00:00:05", "00:00:01");
        let violations = read(&format!("{GOOD}\n{early}")).unwrap();
        let (observation, history) = observe(violations, &TargetId::default()).unwrap();
        assert_eq!(observation.at, crate::fixture::at(5));
        assert_eq!(history, Duration::from_secs(5));
        assert_eq!(observe(Vec::new(), &TargetId::default()), None);
    }
}
