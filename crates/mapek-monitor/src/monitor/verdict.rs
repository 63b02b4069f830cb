//! What silence proves.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{
    DoubtKind, Fingerprint, Level, Observation, Quality, SourceName, Violation, ViolationSource,
    Witness,
};

use super::{Monitor, Seen, doubt};
use crate::{
    read::{RuleReport, TOO_LATE},
    source::source_name,
};

/// Who could be read in this cycle, and so says something by saying nothing.
pub(super) struct Evidence<'a> {
    alerts_by: SourceName,
    metrics: Option<SourceName>,
    /// Each configured rule, and whether its silence counts.
    rules: BTreeMap<String, bool>,
    /// Each configured element, and whether its silence counts.
    elements: BTreeMap<SourceName, bool>,
    has_feed: bool,
    hears: bool,
    feed_counts: bool,
    /// Whether the metrics behind alerts were there. An alert also ends when its metric is gone.
    metrics_count: bool,
    resolved: BTreeSet<(String, Fingerprint)>,
    seen: &'a Seen,
}

impl<'a> Evidence<'a> {
    pub(super) fn new(
        monitor: &Monitor,
        rules: &BTreeMap<String, RuleReport>,
        seen: &'a Seen,
        observation: &Observation,
    ) -> Self {
        let metrics = monitor.sources.metrics.as_ref().map(|it| it.name());
        let elements = monitor.sources.elements.iter().enumerate().map(|(place, element)| {
            let reading = seen.readings.elements.get(&place);
            (element.name(), reading.is_some_and(|it| it.quality.level() == Level::Fresh))
        });
        let quality = metrics.as_ref().and_then(|name| observation.quality.get(name));
        let feed_counts = seen.readings.feed_is_fresh();
        Self {
            alerts_by: monitor.alerts_by.clone(),
            rules: rules
                .iter()
                .map(|(name, it)| (name.clone(), it.quality.level() == Level::Fresh))
                .collect(),
            elements: elements.collect(),
            has_feed: monitor.sources.feed.is_some(),
            hears: monitor.inbox.is_some(),
            feed_counts,
            metrics_count: quality.is_none_or(metrics_are_there),
            resolved: seen.heard.resolved.clone(),
            metrics,
            seen,
        }
    }

    /// Whether it is known that `witness`, who reported nothing in this cycle, does not see the breach any more. Who is not
    /// configured any more will never be heard again, and does not keep an episode open.
    pub(super) fn proves_absence(&self, violation: &Violation, witness: &Witness) -> bool {
        match witness.source {
            ViolationSource::Rule | ViolationSource::Anomaly => {
                let ours = self.metrics.as_ref() == Some(&witness.by);
                !ours || self.rules.get(&witness.name).copied().unwrap_or(true)
            }
            ViolationSource::ManagedSystem => {
                self.elements.get(&witness.by).copied().unwrap_or(true)
            }
            ViolationSource::Alert => self.alert_is_absent(violation, witness),
        }
    }

    fn alert_is_absent(&self, violation: &Violation, witness: &Witness) -> bool {
        if witness.by != self.alerts_by || !(self.has_feed || self.hears) {
            return true;
        }
        if self.feed_counts {
            return self.metrics_count;
        }
        match self.seen.confirmations.holds(&witness.name, &violation.labels) {
            Some(holds) => !holds && self.metrics_count,
            // Without a feed and a rule, the word of the webhook is all that will ever be known.
            None => {
                !self.has_feed
                    && self.seen.confirmations.has_no_rule(&witness.name)
                    && self.resolved.contains(&(witness.name.clone(), violation.fingerprint()))
            }
        }
    }
}

/// Odd values and resets leave the metrics where they were; anything else may hide what alerts look at.
fn metrics_are_there(quality: &Quality) -> bool {
    quality.doubts().all(|it| matches!(it.kind, DoubtKind::NonFinite | DoubtKind::Reset))
}

impl Monitor {
    /// How far alert feed and inbox can be trusted.
    pub(super) fn judge_alert_sources(&self, seen: &Seen, observation: &mut Observation) {
        let mut trusted = !seen.heard.truncated;
        if self.sources.feed.is_some() {
            let quality = match &seen.readings.feed {
                Some(Ok(answer)) => answer.quality.clone(),
                Some(Err(error)) => Quality::unreachable("alerts", error.chain()),
                None => Quality::unreachable("alerts", TOO_LATE),
            };
            // What was cut off a webhook is in the feed.
            trusted |= quality.level() == Level::Fresh;
            doubt(&mut observation.quality, self.alerts_by.clone(), quality);
        }
        if !trusted {
            let detail = "a webhook was cut off: what it did not say may fire";
            let quality = Quality::fresh().with(DoubtKind::Truncated, "webhook", detail);
            doubt(&mut observation.quality, self.alerts_by.clone(), quality);
        }
        if let Some(why) = &seen.heard.failure {
            let quality = Quality::unreachable("inbox", why);
            doubt(&mut observation.quality, source_name("inbox"), quality);
        }
    }
}
