//! Scenes for the tests: a cause, and what is seen around it.

use std::collections::BTreeSet;

use mapek_model::{
    Cause, CauseKind, Component, Confidence, Diagnosis, DiagnosisId, Duration, EpisodeKey,
    Expectation, Experience, Generation, Labels, Observation, PlanId, RankedCause, Resource, Risk,
    Severity, SourceName, TargetId, Timestamp, Violation, ViolationSource, Witness, earlier,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{Context, Planner, Planning};

#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) cause: RankedCause,
    pub(crate) observation: Observation,
    pub(crate) experience: Experience,
    diagnosis: Diagnosis,
}

pub(crate) fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

impl Scene {
    /// A cause of a kind, 90 % likely, there for two cycles; three warnings a minute old on one component.
    pub(crate) fn new(kind: &str) -> Self {
        let cause = RankedCause {
            cause: Cause { kind: CauseKind::try_new(kind).unwrap(), component: None, metric: None },
            confidence: Confidence::saturating(0.9),
            explains: Vec::new(),
            since: earlier(noon(), Duration::from_secs(60)),
            symptoms: Vec::new(),
            persisted_cycles: 3,
            reasons: Vec::new(),
        };
        let diagnosis = Diagnosis {
            id: DiagnosisId::from_uuid(Uuid::from_u128(7)),
            target: TargetId::default(),
            at: noon(),
            findings: Vec::new(),
            causes: Vec::new(),
            unexplained: Vec::new(),
            risk: Some(Risk::Medium),
            recommendations: Vec::new(),
        };
        let scene = Self {
            cause,
            observation: Observation::empty(TargetId::default(), noon()),
            experience: Experience::default(),
            diagnosis,
        };
        scene
            .seeing("slow", Severity::Warning)
            .seeing("failing", Severity::Warning)
            .seeing("late", Severity::Warning)
    }

    /// Adds an open episode that the cause explains.
    pub(crate) fn seeing(mut self, expectation: &str, severity: Severity) -> Self {
        let violation = violation(expectation, None, severity);
        self.cause.explains.push(violation.key());
        self.observation.open.push(violation);
        self
    }

    /// Forgets all episodes.
    pub(crate) fn seeing_nothing(mut self) -> Self {
        self.cause.explains.clear();
        self.observation.open.clear();
        self
    }

    pub(crate) fn at(mut self, component: &str) -> Self {
        self.cause.cause.component = Some(Component::try_new(component).unwrap());
        self
    }

    pub(crate) fn with(mut self, resource: Resource) -> Self {
        self.observation.resources.push(resource);
        self
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            diagnosis: &self.diagnosis,
            observation: &self.observation,
            experience: &self.experience,
            now: noon(),
        }
    }

    /// The diagnosis of this one cause.
    pub(crate) fn diagnosis(&self) -> Diagnosis {
        Diagnosis { causes: vec![self.cause.clone()], ..self.diagnosis.clone() }
    }

    pub(crate) fn plan(&self, planner: &Planner) -> Planning {
        let (diagnosis, mut next) = (self.diagnosis(), ids());
        planner.plan(&diagnosis, &self.observation, &self.experience, noon(), &mut next)
    }
}

pub(crate) fn ids() -> impl FnMut() -> PlanId {
    let mut next = 0;
    move || {
        next += 1;
        PlanId::from_uuid(Uuid::from_u128(next))
    }
}

pub(crate) fn violation(
    expectation: &str,
    component: Option<&str>,
    severity: Severity,
) -> Violation {
    let witness = Witness {
        source: ViolationSource::Rule,
        by: SourceName::try_new("prometheus").unwrap(),
        name: expectation.to_owned(),
        family: None,
        confirmed: true,
    };
    Violation {
        target: TargetId::default(),
        expectation: Expectation::try_new(expectation).unwrap(),
        component: component.map(|name| Component::try_new(name).unwrap()),
        severity,
        onset: earlier(noon(), Duration::from_secs(60)),
        last_seen: noon(),
        closed: None,
        witnesses: BTreeSet::from([witness]),
        metric: None,
        value: None,
        threshold: None,
        labels: Labels::default(),
        description: String::new(),
    }
}

pub(crate) fn key(expectation: &str) -> EpisodeKey {
    violation(expectation, None, Severity::Info).key()
}

pub(crate) fn resource(kind: &str, id: &str, status: &str, attributes: Value) -> Resource {
    let Value::Object(attributes) = attributes else { panic!("attributes are an object") };
    Resource {
        kind: kind.to_owned(),
        id: id.to_owned(),
        status: status.to_owned(),
        generation: Some(Generation::new(7)),
        changed: Some(earlier(noon(), Duration::from_secs(600))),
        attributes: attributes.into_iter().collect(),
    }
}

pub(crate) fn committee(attributes: Value) -> Resource {
    resource("committee", "committee", "normal", attributes)
}
