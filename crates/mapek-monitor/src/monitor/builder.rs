use std::{collections::BTreeSet, sync::Arc};

use mapek_model::TargetId;

use super::{Monitor, MonitorState};
use crate::{
    AlertFeed, AlertInbox, Error, ManagedElement, MetricSource, MonitorConfig, SilenceFeed,
    read::{self, Probe, Sources},
    silences::Known,
    source::source_name,
};

/// Puts a [`Monitor`] together.
#[derive(Debug)]
#[must_use = "call `build`"]
pub struct MonitorBuilder {
    target: TargetId,
    config: MonitorConfig,
    sources: Sources,
    inbox: Option<Arc<dyn AlertInbox>>,
}

impl MonitorBuilder {
    pub(super) fn new(config: MonitorConfig) -> Self {
        Self { target: TargetId::default(), config, sources: Sources::default(), inbox: None }
    }

    /// Which managed system it watches; `default` unless set.
    pub fn target(self, target: TargetId) -> Self {
        Self { target, ..self }
    }

    /// Where metrics come from. Rules and watches need it.
    pub fn metrics(mut self, metrics: Arc<dyn MetricSource>) -> Self {
        self.sources.metrics = Some(metrics);
        self
    }

    /// Where the alerts that fire can be read. Without it, alerts of webhooks are confirmed by their rules' expressions only.
    pub fn feed(mut self, feed: Arc<dyn AlertFeed>) -> Self {
        self.sources.feed = Some(feed);
        self
    }

    /// Where silences can be read. Without it nothing is silenced.
    pub fn silences(mut self, silences: Arc<dyn SilenceFeed>) -> Self {
        self.sources.silences = Some(silences);
        self
    }

    /// Where webhooks leave what they heard. It belongs to this monitor alone: reading it moves it on.
    pub fn inbox(mut self, inbox: Arc<dyn AlertInbox>) -> Self {
        self.inbox = Some(inbox);
        self
    }

    /// One more part of the managed system that can be asked about itself.
    pub fn element(mut self, element: Arc<dyn ManagedElement>) -> Self {
        self.sources.elements.push(element);
        self
    }

    /// The monitor. It reads nothing yet.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the configuration makes no sense, if there are rules or watches but no metric source, or if two
    /// sources have one name.
    pub fn build(self) -> Result<Monitor, Error> {
        self.config.check()?;
        let asks = !self.config.rules.is_empty() || !self.config.watches.is_empty();
        if asks && self.sources.metrics.is_none() {
            return Err(Error::config("monitor", "rules and watches need a metric source"));
        }
        let metrics = self.sources.metrics.iter().map(|it| it.name());
        let feed = self.sources.feed.iter().map(|it| it.name());
        let elements = self.sources.elements.iter().map(|it| it.name());
        let mut names = BTreeSet::new();
        for name in metrics.chain(feed).chain(elements) {
            if !names.insert(name.clone()) {
                return Err(Error::config("monitor", format!("two sources are called {name}")));
            }
        }
        let probes: Vec<Probe> = match &self.sources.metrics {
            Some(metrics) => {
                let probe = |rule| Probe::new(rule, &self.config, metrics.as_ref());
                self.config.rules.iter().map(probe).collect()
            }
            None => Vec::new(),
        };
        let alerts_by = self.sources.feed.as_ref().map(|it| it.name());
        Ok(Monitor {
            state: MonitorState::new(self.target.clone()),
            target: self.target,
            expected: read::expected(&self.config, &probes),
            probes,
            config: self.config,
            sources: self.sources,
            inbox: self.inbox,
            silences: Known::default(),
            alerts_by: alerts_by.unwrap_or_else(|| source_name("alertmanager")),
        })
    }
}
