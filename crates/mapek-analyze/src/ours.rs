//! What our own live actions are expected to cause, and what they treat.

use std::collections::BTreeSet;

use mapek_model::{
    Cause, Component, Confidence, EpisodeKey, Fingerprint, RankedCause, Resource, Timestamp,
    Violation,
};
use serde::{Deserialize, Serialize};

use crate::{Catalogue, Pattern};

/// What our own live actions mean for a diagnosis.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ours {
    /// What they are expected to cause: neither a cause nor unexplained.
    pub expected: Vec<Expected>,
    /// What is being treated.
    pub treated: Option<Treated>,
}

impl Ours {
    /// Whether they mean nothing.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.expected.is_empty() && self.treated.is_none()
    }

    /// Actions that are expected to cause this, and treat nothing any more.
    #[must_use]
    pub fn expecting(expected: impl IntoIterator<Item = Expected>) -> Self {
        Self { expected: expected.into_iter().collect(), treated: None }
    }
}

/// A cause that is being treated, and of which nobody knows yet whether that helps.
///
/// From the first step of a remedy until its effect is judged, what is measured shows the fault and the remedy mixed: a policy is
/// rolled back while its queue still drains. So as long as nothing is open that the cause could not bring about, the diagnosis on
/// which the remedy was chosen stands, as sure as it was then. Whatever else opens is diagnosed like anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Treated {
    cause: Cause,
    confidence: Confidence,
    since: Timestamp,
    episodes: BTreeSet<Fingerprint>,
}

impl Treated {
    /// `cause` is treated since then; it was so sure, and explained these episodes.
    #[must_use]
    pub fn new<'a>(
        cause: Cause,
        confidence: Confidence,
        since: Timestamp,
        explains: impl IntoIterator<Item = &'a EpisodeKey>,
    ) -> Self {
        let episodes = explains.into_iter().map(|key| key.fingerprint).collect();
        Self { cause, confidence, since, episodes }
    }

    /// The cause as it stands while `open` is open; `None` if nothing is, or something is of another cause.
    pub(crate) fn standing<'a>(
        &self,
        open: impl IntoIterator<Item = &'a Violation>,
        catalogue: &Catalogue,
    ) -> Option<RankedCause> {
        let signature = catalogue.cause(&self.cause.kind);
        let patterns = signature.map_or(&[][..], |it| &it.explains);
        let symptom = |it: &Violation| {
            patterns.iter().any(|pattern| pattern.matches(it.expectation.as_str()))
        };
        let explains = |it: &'a Violation| {
            let its = self.episodes.contains(&it.fingerprint()) || symptom(it);
            its.then(|| it.key())
        };
        let explains: Vec<_> = open.into_iter().map(explains).collect::<Option<_>>()?;
        (!explains.is_empty()).then(|| RankedCause {
            cause: self.cause.clone(),
            confidence: self.confidence,
            explains,
            symptoms: patterns.to_vec(),
            since: self.since,
            persisted_cycles: 1,
            reasons: vec!["it is being treated, and its effect is not judged yet".to_owned()],
        })
    }
}

/// Something that a live action of ours explains, so that it is no sign of a new cause: the alert that an override is
/// active, the throughput that a throttle takes away, the policy that we applied ourselves.
///
/// ```
/// use mapek_analyze::{Expected, Pattern};
///
/// let ours = Expected::because("the override of execution 7 is active")
///     .episodes([Pattern::new("emergency-override-staying-active")])
///     .watch("throughput");
/// assert_eq!(ours.reason(), "the override of execution 7 is active");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Expected {
    reason: String,
    episodes: Vec<Pattern>,
    component: Option<Component>,
    since: Option<Timestamp>,
    watches: Vec<String>,
    resources: Vec<String>,
}

impl Expected {
    /// Nothing yet; `reason` says why, in words.
    #[must_use]
    pub fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }

    /// Breaches of these expectations.
    #[must_use]
    pub fn episodes(mut self, patterns: impl IntoIterator<Item = Pattern>) -> Self {
        self.episodes.extend(patterns);
        self
    }

    /// Narrows the episodes down to those on one component, and on the target as a whole, which it is a part of.
    #[must_use]
    pub fn on(mut self, component: Component) -> Self {
        self.component = Some(component);
        self
    }

    /// Narrows the episodes down to those that began then or later, and the resources to those that changed no earlier (or of
    /// which nobody says when they changed): what was so before is not our doing.
    #[must_use]
    pub fn since(mut self, at: Timestamp) -> Self {
        self.since = Some(at);
        self
    }

    /// A watched value that is unusual for our sake, and so says nothing.
    #[must_use]
    pub fn watch(mut self, name: impl Into<String>) -> Self {
        self.watches.push(name.into());
        self
    }

    /// A resource that we changed, by id.
    #[must_use]
    pub fn resource(mut self, id: impl Into<String>) -> Self {
        self.resources.push(id.into());
        self
    }

    /// Why it is expected.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    pub(crate) fn explains(&self, violation: &Violation) -> bool {
        let elsewhere = self.component.is_some()
            && violation.component.is_some()
            && self.component != violation.component;
        !elsewhere
            && self.since.is_none_or(|since| violation.onset >= since)
            && self.episodes.iter().any(|it| it.matches(violation.expectation.as_str()))
    }

    pub(crate) fn has_watch(&self, name: &str) -> bool {
        self.watches.iter().any(|it| it == name)
    }

    pub(crate) fn has_resource(&self, resource: &Resource) -> bool {
        let before = |since| resource.changed.is_some_and(|changed| changed < since);
        self.resources.contains(&resource.id) && !self.since.is_some_and(before)
    }
}
