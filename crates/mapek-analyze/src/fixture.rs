//! What the tests of this crate are made of.

use std::collections::BTreeSet;

use mapek_model::{
    Component, Direction, Duration, Expectation, Labels, Observation, Severity, SourceName,
    TargetId, Timestamp, Trend, Violation, ViolationSource, Witness, later,
};

/// `seconds` after the beginning of 2026.
pub(crate) fn at(seconds: u64) -> Timestamp {
    later("2026-01-01T00:00:00Z".parse().unwrap(), Duration::from_secs(seconds))
}

/// An open episode that began `seconds` after the beginning of 2026.
pub(crate) fn violation(
    expectation: &str,
    component: Option<&str>,
    severity: Severity,
    seconds: u64,
) -> Violation {
    Violation {
        target: TargetId::default(),
        expectation: Expectation::try_new(expectation).unwrap(),
        component: component.map(|name| Component::try_new(name).unwrap()),
        severity,
        onset: at(seconds),
        last_seen: at(seconds),
        closed: None,
        witnesses: BTreeSet::from([Witness {
            source: ViolationSource::Rule,
            by: SourceName::try_new("prometheus").unwrap(),
            name: expectation.to_owned(),
            family: None,
            confirmed: true,
        }]),
        metric: None,
        value: None,
        threshold: None,
        labels: Labels::default(),
        description: String::new(),
    }
}

pub(crate) fn observation(seconds: u64, open: Vec<Violation>) -> Observation {
    Observation { open, ..Observation::empty(TargetId::default(), at(seconds)) }
}

pub(crate) fn trend(name: &str, direction: Direction, deviation: f64) -> Trend {
    Trend { name: name.to_owned(), component: None, direction, slope: 0.0, value: 1.0, deviation }
}
