//! Charter as a managed system: its own violations, its committee and its policies.

mod known;
mod resources;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use charter_client::{
    CharterApi, Policy, PolicyVersion, ViolationRecord, ViolationSeverity, ViolationStatus,
};
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, join3},
    stream,
};
use mapek_model::{
    Component, DoubtKind, Expectation, Labels, MetricName, Quality, Resource, Severity, SourceName,
    Timestamp, ViolationSource, Witness,
};
use serde::{Deserialize, Serialize};

use crate::{Breach, ElementReading, Error, ManagedElement};

pub(crate) use known::{known_expectations, known_rule, known_watches};

/// How Charter is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CharterElementConfig {
    /// What the source is called in observations.
    pub name: SourceName,
    /// What the `type` of a violation means in our words; others mean themselves in kebab-case. A type that is listed is about
    /// the system as a whole, as the rules of the same expectations are, so that both are one episode.
    pub expectations: BTreeMap<String, Expectation>,
    /// Most policies of which versions are read; each costs a request.
    pub policies_max: usize,
    /// Most versions of a policy that are kept, the newest.
    pub versions_max: usize,
}

impl CharterElementConfig {
    /// A committee holds dozens of policies; what is beyond is listed without versions.
    pub const POLICIES_MAX: usize = 100;
    /// The last good version is among the newest, or long out of date.
    pub const VERSIONS_MAX: usize = 20;
}

impl Default for CharterElementConfig {
    fn default() -> Self {
        Self {
            name: crate::source::source_name("charter"),
            expectations: known_expectations(),
            policies_max: Self::POLICIES_MAX,
            versions_max: Self::VERSIONS_MAX,
        }
    }
}

/// Requests for versions that run at once: enough to hide latency, few enough not to be load.
const READS_MAX: usize = 4;

/// Charter's own word: violations that are not over, the committee (resource `committee`), its nodes (`node`) and policies
/// (`policy`, each with its versions and their status).
///
/// ```
/// use std::sync::Arc;
/// use charter_client::CharterApi;
/// use mapek_monitor::{CharterElement, CharterElementConfig};
///
/// fn watch(api: Arc<dyn CharterApi>) -> CharterElement {
///     CharterElement::new(api, CharterElementConfig::default())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct CharterElement {
    api: Arc<dyn CharterApi>,
    config: CharterElementConfig,
}

impl CharterElement {
    /// Reads Charter over `api`.
    #[must_use]
    pub fn new(api: Arc<dyn CharterApi>, config: CharterElementConfig) -> Self {
        Self { api, config }
    }

    async fn violations(&self, at: Timestamp) -> (Vec<Breach>, Quality) {
        match self.api.violations().await {
            Err(error) => (Vec::new(), unread("violations", &error)),
            Ok(violations) => {
                let open = violations.items.iter();
                let open = open.filter(|it| it.status != ViolationStatus::Resolved);
                let breaches = open.map(|record| self.breach(record, at)).collect();
                let mut quality = Quality::fresh();
                if violations.truncated {
                    let detail = "charter left some out";
                    quality = quality.with(DoubtKind::Truncated, "violations", detail);
                }
                (breaches, quality)
            }
        }
    }

    fn breach(&self, record: &ViolationRecord, at: Timestamp) -> Breach {
        let metric = record.metric_name.as_ref().and_then(|name| MetricName::try_new(name).ok());
        let expectation = self.config.expectations.get(&record.kind).cloned();
        let part = record.component.as_ref().filter(|_| expectation.is_none());
        Breach {
            expectation: expectation.unwrap_or_else(|| Expectation::normalise(&record.kind)),
            component: part.and_then(|it| Component::try_new(it).ok()),
            severity: match record.severity {
                ViolationSeverity::Info => Severity::Info,
                ViolationSeverity::Warning => Severity::Warning,
                ViolationSeverity::Critical => Severity::Critical,
            },
            onset: record.detected_at.min(at),
            witness: Witness {
                source: ViolationSource::ManagedSystem,
                by: self.config.name.clone(),
                // Not its id: the same breach reported anew is the same witness.
                name: record.kind.clone(),
                family: metric.clone(),
                confirmed: true,
            },
            metric,
            value: record.metric_value,
            threshold: record.threshold,
            labels: labels(record),
            description: record.description.clone().unwrap_or_else(|| record.kind.clone()),
        }
    }

    async fn committee(&self) -> (Vec<Resource>, Quality) {
        match self.api.committee().await {
            Ok(state) => (resources::committee(&state), Quality::fresh()),
            Err(error) => (Vec::new(), unread("committee", &error)),
        }
    }

    async fn policies(&self) -> (Vec<Resource>, Quality) {
        let policies = match self.api.policies().await {
            Ok(policies) => policies,
            Err(error) => return (Vec::new(), unread("policies", &error)),
        };
        let reads: Vec<BoxFuture<'_, (Resource, Quality)>> = policies
            .iter()
            .enumerate()
            .map(|(place, policy)| self.policy(policy, place < self.config.policies_max).boxed())
            .collect();
        let all: Vec<_> = stream::iter(reads).buffered(READS_MAX).collect().await;
        let mut quality = Quality::fresh();
        let mut found = Vec::with_capacity(all.len());
        for (resource, doubts) in all {
            quality.merge(doubts);
            found.push(resource);
        }
        (found, quality)
    }

    async fn policy(&self, policy: &Policy, with_versions: bool) -> (Resource, Quality) {
        if !with_versions {
            let detail = "its versions were not read: there are too many policies";
            let id = policy.policy_id.as_str();
            let quality = Quality::fresh().with(DoubtKind::Truncated, id, detail);
            return (resources::policy(policy, None), quality);
        }
        match self.api.versions(&policy.policy_id).await {
            Ok(mut versions) => {
                versions.sort_by_key(|version: &PolicyVersion| version.version);
                let surplus = versions.len().saturating_sub(self.config.versions_max);
                versions.drain(..surplus);
                (resources::policy(policy, Some(&versions)), Quality::fresh())
            }
            Err(error) => {
                let subject = format!("versions of {}", policy.policy_id);
                (resources::policy(policy, None), unread(&subject, &error))
            }
        }
    }
}

#[async_trait]
impl ManagedElement for CharterElement {
    fn name(&self) -> SourceName {
        self.config.name.clone()
    }

    async fn read(&self, at: Timestamp) -> ElementReading {
        let (violations, committee, policies) =
            join3(self.violations(at), self.committee(), self.policies()).await;
        let (violations, mut quality) = violations;
        let (mut resources, doubts) = committee;
        quality.merge(doubts);
        resources.extend(policies.0);
        quality.merge(policies.1);
        resources.sort_by(|a, b| (&a.kind, &a.id).cmp(&(&b.kind, &b.id)));
        ElementReading { violations, resources, quality }
    }
}

fn unread(subject: &str, error: &charter_client::Error) -> Quality {
    Quality::unreachable(subject, Error::unreachable("charter", subject, error.to_string()).chain())
}

fn labels(record: &ViolationRecord) -> Labels {
    let mut labels = Labels::from_iter([("violation_id", record.violation_id.as_str())]);
    labels.insert("violation_type", record.kind.as_str());
    if let Some(id) = &record.policy_id {
        labels.insert("policy_id", id.as_str());
    }
    if let Some(name) = &record.policy_name {
        labels.insert("policy_name", name.as_str());
    }
    labels
}

#[cfg(test)]
mod tests;
