//! Cycles for tests of what is kept of them.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{
    CycleNumber, Diagnosis, DiagnosisId, Duration, Labels, Quality, SensorCensus, Severity,
    SourceName, TargetId, Timestamp, Violation, later,
};
use mapek_plan::Planning;

use crate::{CycleReport, Seen};

pub(crate) fn at(seconds: u64) -> Timestamp {
    let noon: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    later(noon, Duration::from_secs(seconds))
}

pub(crate) fn violation(name: &str, severity: Severity, onset: u64) -> Violation {
    Violation {
        target: TargetId::default(),
        expectation: name.parse().unwrap(),
        component: None,
        severity,
        onset: at(onset),
        last_seen: at(onset),
        closed: None,
        witnesses: BTreeSet::new(),
        metric: None,
        value: None,
        threshold: Some(0.5),
        labels: Labels::default(),
        description: String::new(),
    }
}

pub(crate) fn report(number: u64, seconds: u64, values: &[(&str, f64)]) -> CycleReport {
    let (target, at) = (TargetId::default(), at(seconds));
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), *value));
    let source = SourceName::try_new("prometheus").unwrap();
    CycleReport {
        number: CycleNumber::new(number),
        target: target.clone(),
        at,
        woken_by: BTreeSet::new(),
        seen: Seen {
            open: Vec::new(),
            closed: Vec::new(),
            gone: Vec::new(),
            quality: BTreeMap::from([(source, Quality::fresh())]),
            sensors: SensorCensus::default(),
            values: values.collect(),
            trends: Vec::new(),
        },
        diagnosis: Diagnosis {
            id: DiagnosisId::from_uuid(uuid::Uuid::nil()),
            target,
            at,
            findings: Vec::new(),
            causes: Vec::new(),
            unexplained: Vec::new(),
            risk: None,
            recommendations: Vec::new(),
        },
        planning: Planning::default(),
        decisions: Vec::new(),
        no_planning: None,
        progress: Vec::new(),
        outcomes: Vec::new(),
        escalations: Vec::new(),
        paused: None,
        faults: Vec::new(),
        next_due: later(at, Duration::from_secs(30)),
        unknown: BTreeSet::new(),
    }
}
