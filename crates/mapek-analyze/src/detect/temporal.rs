//! Bursts: many onsets in a short time.

use std::ops::Range;

use mapek_model::{Confidence, Duration, Finding, FindingKind};
use serde::{Deserialize, Serialize};

use super::{
    Detector, EPISODES_MAX, FINDINGS_MAX,
    chance::{Count, looks},
    most_confident,
};
use crate::{Baselines, Error, Onset, Window, config::check_window};

/// When a burst is a burst.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct TemporalConfig {
    /// Whether it is looked for at all.
    pub enabled: bool,
    /// Length of the sliding window, above 0. Both ends cannot be in it: onsets exactly one length apart are apart.
    #[serde(with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub window: Duration,
    /// Onsets within one window that make a burst, at least 2.
    pub min_onsets: usize,
    /// Confidence with just as many onsets, where nothing is known of what is usual.
    pub sensitivity: Confidence,
}

impl Default for TemporalConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            window: Duration::from_secs(60),
            min_onsets: 3,
            sensitivity: Confidence::saturating(0.85),
        }
    }
}

impl TemporalConfig {
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_window("algorithms.temporal.window", self.window)?;
        if self.min_onsets < 2 {
            let why = format!("must be at least 2, is {}", self.min_onsets);
            return Err(Error::config("algorithms.temporal.min_onsets", why));
        }
        Ok(())
    }
}

/// Finds bursts: stretches in which every onset lies in a window with enough of them.
///
/// An episode counts once, at its onset, so one that lasts does not fire again and again; and where onsets are usual,
/// a usual number of them is no burst.
#[derive(Debug, Clone, Default)]
pub struct Temporal {
    config: TemporalConfig,
}

impl Temporal {
    /// With `config`, checked.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] names the setting that is out of range.
    pub fn try_new(config: TemporalConfig) -> Result<Self, Error> {
        config.check()?;
        Ok(Self { config })
    }
}

impl Detector for Temporal {
    fn detect(&self, window: &Window<'_>, baselines: &Baselines) -> Vec<Finding> {
        let TemporalConfig { window: length, min_onsets, sensitivity, .. } = self.config;
        let usual = baselines.expected(length);
        let looks = looks(window.history(), length);
        let mut bursts: Vec<_> = bursts(window.onsets(), length, min_onsets)
            .into_iter()
            .filter_map(|(range, seen)| {
                let count = Count { seen, least: min_onsets, usual, looks };
                Some((count.confidence(sensitivity)?, seen, range))
            })
            .collect();
        // Newest first among equals: what is going on matters more than what is over.
        bursts.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(b.2.start.cmp(&a.2.start)));
        bursts.truncate(FINDINGS_MAX);
        let mut findings: Vec<_> = bursts
            .into_iter()
            .map(|(confidence, seen, range)| Finding {
                kind: FindingKind::Temporal,
                episodes: window.keys(window.onsets()[range].iter(), EPISODES_MAX),
                component: None,
                confidence,
                hypothesis: format!(
                    "cascade failure in progress: {seen} onsets within {}",
                    mapek_model::duration::format(length)
                ),
            })
            .collect();
        most_confident(&mut findings, FINDINGS_MAX);
        findings
    }
}

/// The stretches in which windows of `length` with `least` onsets overlap, each with the count of its fullest window.
/// One pass of two ends.
fn bursts(onsets: &[Onset], length: Duration, least: usize) -> Vec<(Range<usize>, usize)> {
    let mut found: Vec<(Range<usize>, usize)> = Vec::new();
    let length = nanos(length);
    let mut first = 0;
    for (last, onset) in onsets.iter().enumerate() {
        while onset.at.as_nanosecond() - onsets[first].at.as_nanosecond() >= length {
            first += 1;
        }
        let count = last - first + 1;
        if count < least {
            continue;
        }
        match found.last_mut() {
            Some((range, peak)) if range.end > first => {
                range.end = last + 1;
                *peak = count.max(*peak);
            }
            _ => found.push((first..last + 1, count)),
        }
    }
    found
}

/// The most onsets in any window of `length`, and where: the newest of the fullest.
pub(super) fn fullest<T>(
    onsets: &[T],
    length: Duration,
    at: impl Fn(&T) -> mapek_model::Timestamp,
) -> Range<usize> {
    let length = nanos(length);
    let (mut best, mut first) = (0..0, 0);
    for (last, onset) in onsets.iter().enumerate() {
        while at(onset).as_nanosecond() - at(&onsets[first]).as_nanosecond() >= length {
            first += 1;
        }
        if last + 1 - first >= best.len() {
            best = first..last + 1;
        }
    }
    best
}

/// The length of a window as differences of instants come: asked some hundred thousand times, so a plain number.
fn nanos(length: Duration) -> i128 {
    i128::try_from(length.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::violation;
    use mapek_model::Severity;

    fn at_seconds(seconds: &[u64]) -> Vec<Finding> {
        let all: Vec<_> = seconds
            .iter()
            .enumerate()
            .map(|(i, s)| violation("slow", Some(&format!("n{i}")), Severity::Warning, *s))
            .collect();
        Temporal::default().detect(&Window::of(&all), &Baselines::default())
    }

    #[test]
    fn three_within_a_minute_are_a_burst_in_any_order() {
        for seconds in [[100, 120, 159], [159, 100, 120]] {
            let [finding] = at_seconds(&seconds).try_into().unwrap();
            assert_eq!(finding.confidence, Confidence::saturating(0.85));
            assert_eq!(finding.episodes.len(), 3);
            assert_eq!(finding.hypothesis, "cascade failure in progress: 3 onsets within 1m");
        }
    }

    #[test]
    fn one_every_thirty_seconds_is_none() {
        assert!(at_seconds(&[0, 30, 60, 90, 120, 150, 180]).is_empty());
    }

    #[test]
    fn windows_slide_and_two_bursts_are_two() {
        // No fixed minute holds three of 50, 70, 109; a sliding one does.
        assert_eq!(at_seconds(&[50, 70, 109]).len(), 1);
        let two = at_seconds(&[0, 1, 2, 1000, 1001, 1002, 1003]);
        assert_eq!(two.iter().map(|it| it.episodes.len()).collect::<Vec<_>>(), [4, 3]);
        assert!(two[0].confidence > two[1].confidence);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let window = TemporalConfig { window: Duration::ZERO, ..TemporalConfig::default() };
        let error = Temporal::try_new(window).unwrap_err().to_string();
        assert_eq!(error, "algorithms.temporal.window must be above 0");
        let least = TemporalConfig { min_onsets: 1, ..TemporalConfig::default() };
        assert!(Temporal::try_new(least).unwrap_err().to_string().contains("at least 2, is 1"));
    }
}
