//! What our own live actions are expected to cause.

use mapek_model::{Component, Resource, Timestamp, Violation};

use crate::Pattern;

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
