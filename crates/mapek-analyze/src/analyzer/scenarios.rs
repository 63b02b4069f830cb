//! Each cause is first in its own scenario, as the Charter reference server would show it; and what is none is not.

mod certainty;
mod load;
mod ours;
mod policies;
mod processes;

use std::collections::BTreeMap;

use mapek_model::{
    Component, Diagnosis, DiagnosisId, Direction, DoubtKind, Duration, Generation, Observation,
    Quality, Resource, Risk, Sample, Series, Severity, SourceName, Trend, Violation, later,
};
use serde_json::json;

use super::*;
use crate::fixture::{at, observation, trend, violation};
use crate::{Pattern, Treated};

/// What is seen of a system under way: all that a deployment watches, as usual unless said otherwise.
struct Scene {
    open: Vec<Violation>,
    trends: BTreeMap<&'static str, (Direction, f64)>,
    resources: Vec<Resource>,
    series: BTreeMap<String, Vec<Series>>,
}

const NOW: u64 = 36_000;

fn resource(kind: &str, id: &str, status: &str, changed: u64) -> Resource {
    Resource {
        kind: kind.to_owned(),
        id: id.to_owned(),
        status: status.to_owned(),
        generation: Some(Generation::new(1)),
        changed: Some(at(changed)),
        attributes: BTreeMap::new(),
    }
}

impl Scene {
    /// Nothing is wrong: everything wavers a little.
    fn healthy() -> Self {
        let names = [
            "arrivals_per_replica",
            "throughput",
            "failure_rate",
            "validation_latency",
            "committee_size",
            "violations_rate",
            "load_skew",
            "forbidden_attempts_rate",
        ];
        let mut committee = resource("committee", "committee", "normal", 0);
        committee.attributes =
            BTreeMap::from([("replicas".into(), json!(6)), ("healthy_nodes".into(), json!(6))]);
        let mut policy = resource("policy", "privacy-baseline", "active", 0);
        policy.attributes = BTreeMap::from([("kind".into(), json!("enforcement"))]);
        Self {
            open: Vec::new(),
            trends: names.into_iter().map(|name| (name, (Direction::Steady, 0.4))).collect(),
            resources: vec![committee, policy],
            series: BTreeMap::new(),
        }
    }

    fn episode(self, expectation: &str, severity: Severity, ago: u64) -> Self {
        self.episode_on(expectation, None, severity, ago)
    }

    fn episode_on(mut self, expectation: &str, on: Option<&str>, how: Severity, ago: u64) -> Self {
        self.open.push(violation(expectation, on, how, NOW - ago));
        self
    }

    fn is(mut self, name: &'static str, deviation: f64) -> Self {
        self.trends.insert(name, (Direction::Steady, deviation));
        self
    }

    fn rises(mut self, name: &'static str, deviation: f64) -> Self {
        self.trends.insert(name, (Direction::Rising, deviation));
        self
    }

    fn with(mut self, resource: Resource) -> Self {
        self.resources.retain(|it| it.id != resource.id);
        self.resources.push(resource);
        self
    }

    /// Five minutes ago it was 100, and now it is so many times as much.
    fn grows(mut self, name: &str, times: f64) -> Self {
        let value = |i| if i < 12 { 100.0 } else { 100.0 * times };
        let samples =
            (0..20).map(|i| Sample { at: at(NOW - 300 + i * 15), value: value(i) }).collect();
        self.series.insert(name.to_owned(), vec![Series { samples, ..Series::default() }]);
        self
    }

    /// It fell by a fifth in half an hour, wavering, and now it is so many times what it was just before.
    fn leaps(mut self, name: &str, times: f64) -> Self {
        let before = |i: u64| 100.0 - 0.4 * i as f64 + (i * 7919 % 3) as f64;
        let value = |i| if i < 50 { before(i) } else { 80.0 * times };
        let samples =
            (0..=50).map(|i| Sample { at: at(NOW - 1_500 + i * 30), value: value(i) }).collect();
        self.series.insert(name.to_owned(), vec![Series { samples, ..Series::default() }]);
        self
    }

    /// It is so much now, whatever is usual.
    fn reads(mut self, name: &'static str, value: f64) -> Self {
        self.trends.remove(name);
        let samples = vec![Sample { at: at(NOW), value }];
        self.series.insert(name.to_owned(), vec![Series { samples, ..Series::default() }]);
        self
    }

    fn slow(self) -> Self {
        self.episode("high-validation-latency", Severity::Warning, 60)
            .episode("validation-latency-sla", Severity::Warning, 30)
            .is("validation_latency", 9.0)
    }

    fn observation(&self) -> Observation {
        let mut seen = observation(NOW, self.open.clone());
        seen.trends = self.trends.iter().map(|(name, it)| trend(name, it.0, it.1)).collect();
        seen.resources = self.resources.clone();
        seen.series = self.series.clone();
        seen
    }

    fn diagnose(&self) -> Diagnosis {
        diagnose(&self.observation())
    }
}

fn id() -> DiagnosisId {
    "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()
}

fn analyzer() -> Analyzer {
    Analyzer::try_new(AnalyzeConfig::default()).unwrap()
}

fn diagnose(observation: &Observation) -> Diagnosis {
    analyzer().diagnose(&mut AnalyzerState::default(), observation, id())
}

/// The first cause is `kind`, sure enough to plan for, and explains all of it.
#[track_caller]
fn first(diagnosis: &Diagnosis, kind: &str) {
    let first = diagnosis.causes.first().unwrap_or_else(|| panic!("unknown: {diagnosis:#?}"));
    assert_eq!(first.cause.kind, kind, "{diagnosis:#?}");
    assert!(first.confidence.get() >= 0.6, "{diagnosis:#?}");
    assert_eq!(diagnosis.unexplained, [], "{diagnosis:#?}");
}

#[track_caller]
fn place(diagnosis: &Diagnosis) -> &str {
    diagnosis.causes[0].cause.component.as_ref().expect("a component").as_str()
}
