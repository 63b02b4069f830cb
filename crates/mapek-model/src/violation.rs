//! Violations: episodes of breached expectations.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Component, Expectation, Fingerprint, Labels, MetricName, Severity, SourceName, TargetId,
    Timestamp,
};

/// How a breach was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum ViolationSource {
    /// A rule of ours crossed its threshold.
    Rule,
    /// A value is unlike what it usually is.
    Anomaly,
    /// Alertmanager says so.
    Alert,
    /// The managed system itself says so.
    ManagedSystem,
}

/// Who saw a breach, and by what. Two witnesses are *independent* if they read different metric families, or one of them
/// is the managed system itself; Alertmanager over the same Prometheus is not a second source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Witness {
    /// How it was seen.
    pub source: ViolationSource,
    /// Who says so: the metric source, Alertmanager, the managed system.
    pub by: SourceName,
    /// The rule, the alert, or the managed system's word for it.
    pub name: String,
    /// The metric family that it was read from (`westworld_charter_validation_latency_seconds`); absent where it was no
    /// metric or cannot be told.
    pub family: Option<MetricName>,
    /// Whether it is confirmed. An alert that came by webhook alone is not, and permits no action.
    pub confirmed: bool,
}

/// What an episode is: the same breach in the next cycle has the same key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct EpisodeKey {
    /// The managed system.
    pub target: TargetId,
    /// Expectation and component.
    pub fingerprint: Fingerprint,
    /// When it was first seen.
    pub onset: Timestamp,
}

impl Fingerprint {
    /// The fingerprint of a breach of `expectation` by `component`, or by the managed system as a whole.
    ///
    /// SHA-256 over the two, each after its length, so that no two pairs read alike.
    #[must_use]
    pub fn of_breach(expectation: &Expectation, component: Option<&Component>) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"mapek/breach/1");
        // Absent and empty differ: an absent part has no length.
        for text in [Some(expectation.as_str()), component.map(Component::as_str)].iter().flatten()
        {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        Self::from_bytes(hasher.finalize().into())
    }
}

/// An episode of a breached expectation, from its onset to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Violation {
    /// The managed system.
    pub target: TargetId,
    /// What was expected.
    pub expectation: Expectation,
    /// Which part of the system breaches it; absent if it is the system as a whole.
    pub component: Option<Component>,
    /// How bad it is; the worst that any witness says.
    pub severity: Severity,
    /// When it was first seen. May move earlier when a witness knows better; the key then moves with it.
    pub onset: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// When it was found to be over, or given up; absent while it is open.
    pub closed: Option<Timestamp>,
    /// Who saw it. Never empty.
    pub witnesses: BTreeSet<Witness>,
    /// The metric that breaches.
    pub metric: Option<MetricName>,
    /// Its newest value, in the metric's unit.
    #[serde(default, with = "crate::number::option")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<f64>"))]
    pub value: Option<f64>,
    /// What it must not cross.
    #[serde(default, with = "crate::number::option")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<f64>"))]
    pub threshold: Option<f64>,
    /// All that the sources said.
    pub labels: Labels,
    /// For people.
    pub description: String,
}

impl Violation {
    /// What this episode is about.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_breach(&self.expectation, self.component.as_ref())
    }

    /// Which episode this is.
    #[must_use]
    pub fn key(&self) -> EpisodeKey {
        EpisodeKey {
            target: self.target.clone(),
            fingerprint: self.fingerprint(),
            onset: self.onset,
        }
    }

    /// Whether it is still going on.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// Whether any witness is confirmed. An unconfirmed episode permits no action.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.witnesses.iter().any(|witness| witness.confirmed)
    }

    /// Whether any witness saw it this way.
    #[must_use]
    pub fn has_source(&self, source: ViolationSource) -> bool {
        self.witnesses.iter().any(|witness| witness.source == source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_tell_apart_what_differs() {
        let of = |expectation: &str, component: Option<&str>| {
            let component = component.map(|name| Component::try_new(name).unwrap());
            Fingerprint::of_breach(&Expectation::try_new(expectation).unwrap(), component.as_ref())
        };
        assert_eq!(of("slow", Some("a")), of("slow", Some("a")));
        assert_ne!(of("slow", Some("a")), of("slow", Some("b")));
        assert_ne!(of("slow", Some("a")), of("slow", None));
        assert_ne!(of("slow", Some("a")), of("slowa", None));
    }
}
