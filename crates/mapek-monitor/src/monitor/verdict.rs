//! What silence proves.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{
    Component, DoubtKind, Fingerprint, Level, Observation, Quality, SourceName, Violation,
    ViolationSource, Witness,
};

use super::{Monitor, Seen, doubt};
use crate::{
    episode::Testimony,
    read::{Ours, RollCall, RuleReport, TOO_LATE},
    source::source_name,
};

/// Who could be read in this cycle, and so says something by saying nothing.
pub(super) struct Evidence<'a> {
    alerts_by: SourceName,
    metrics: Option<SourceName>,
    /// What each configured rule says.
    rules: &'a BTreeMap<String, RuleReport>,
    /// Each configured element, and whether its silence counts.
    elements: BTreeMap<SourceName, bool>,
    has_feed: bool,
    hears: bool,
    feed_counts: bool,
    /// Whether the metrics behind alerts were there. An alert also ends when its metric is gone.
    metrics_count: bool,
    resolved: BTreeSet<(String, Fingerprint)>,
    /// As what the managed system lists its parts.
    parts: BTreeMap<String, String>,
    /// Whether a part that is not listed any more may be gone because we changed their number.
    removes: bool,
    /// Of those who will never be heard again.
    nobody: RollCall,
    seen: &'a Seen,
}

impl<'a> Evidence<'a> {
    pub(super) fn new(
        monitor: &Monitor,
        rules: &'a BTreeMap<String, RuleReport>,
        ours: &Ours,
        seen: &'a Seen,
        observation: &Observation,
    ) -> Self {
        let metrics = monitor.sources.metrics.as_ref().map(|it| it.name());
        let elements: BTreeMap<_, _> = monitor
            .sources
            .elements
            .iter()
            .enumerate()
            .map(|(place, element)| {
                let reading = seen.readings.elements.get(&place);
                (element.name(), reading.is_some_and(|it| it.quality.level() == Level::Fresh))
            })
            .collect();
        let readings = seen.readings.elements.values();
        let resources = readings.flat_map(|reading| &reading.resources);
        let quality = metrics.as_ref().and_then(|name| observation.quality.get(name));
        let feed_counts = seen.readings.feed_is_fresh();
        Self {
            alerts_by: monitor.alerts_by.clone(),
            rules,
            removes: ours.scaled && elements.values().all(|is_fresh| *is_fresh),
            parts: resources.map(|it| (it.id.clone(), it.kind.clone())).collect(),
            nobody: RollCall::default(),
            elements,
            has_feed: monitor.sources.feed.is_some(),
            hears: monitor.inbox.is_some(),
            feed_counts,
            metrics_count: quality.is_none_or(metrics_are_there),
            resolved: seen.heard.resolved.clone(),
            metrics,
            seen,
        }
    }

    /// The rule of a witness, if it is still there.
    fn rule(&self, witness: &Witness) -> Option<&RuleReport> {
        let ours = self.metrics.as_ref() == Some(&witness.by);
        self.rules.get(&witness.name).filter(|_| ours)
    }

    fn hears_alerts(&self, witness: &Witness) -> bool {
        witness.by == self.alerts_by && (self.has_feed || self.hears)
    }

    fn alert_is_absent(&self, violation: &Violation, witness: &Witness) -> bool {
        if !self.hears_alerts(witness) {
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

impl Testimony for Evidence<'_> {
    /// Whether it is known that `witness`, who reported nothing in this cycle, does not see the breach any more. Who is not
    /// configured any more will never be heard again, and does not keep an episode open.
    fn is_absent(&self, violation: &Violation, witness: &Witness) -> bool {
        match witness.source {
            ViolationSource::Rule | ViolationSource::Anomaly => {
                self.rule(witness).is_none_or(|it| it.quality.level() == Level::Fresh)
            }
            ViolationSource::ManagedSystem => {
                self.elements.get(&witness.by).copied().unwrap_or(true)
            }
            ViolationSource::Alert => self.alert_is_absent(violation, witness),
        }
    }

    fn roll(&self, witness: &Witness) -> Option<&RollCall> {
        match witness.source {
            ViolationSource::Rule | ViolationSource::Anomaly => {
                Some(self.rule(witness).map_or(&self.nobody, |it| &it.roll))
            }
            ViolationSource::Alert if self.hears_alerts(witness) => {
                self.seen.confirmations.roll(&witness.name)
            }
            ViolationSource::Alert | ViolationSource::ManagedSystem => Some(&self.nobody),
        }
    }

    fn listed(&self, part: &Component) -> Option<&str> {
        self.parts.get(part.as_str()).map(String::as_str)
    }

    fn is_removed(&self, part: &Component, kind: &str) -> bool {
        // A list without any of the kind is no list of them.
        self.removes && self.listed(part).is_none() && self.parts.values().any(|it| it == kind)
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
