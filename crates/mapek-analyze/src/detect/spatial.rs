//! Clusters: many onsets on one component.

use mapek_model::{Confidence, Duration, Finding, FindingKind};
use serde::{Deserialize, Serialize};

use super::{
    Detector, EPISODES_MAX, FINDINGS_MAX,
    chance::{Count, looks},
    most_confident,
    temporal::fullest,
};
use crate::{Baselines, Error, Onset, Window, config::check_window};

/// When a cluster is a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct SpatialConfig {
    /// Whether it is looked for at all.
    pub enabled: bool,
    /// Length of the sliding window, above 0. Without one, any component would be a cluster sooner or later.
    #[serde(with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub window: Duration,
    /// Onsets on one component that make a cluster, at least 2.
    pub min_components: usize,
    /// Confidence with just as many onsets, where nothing is known of what is usual.
    pub sensitivity: Confidence,
}

impl Default for SpatialConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            window: Duration::from_secs(300),
            min_components: 3,
            sensitivity: Confidence::saturating(0.80),
        }
    }
}

impl SpatialConfig {
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_window("algorithms.spatial.window", self.window)?;
        if self.min_components < 2 {
            let why = format!("must be at least 2, is {}", self.min_components);
            return Err(Error::config("algorithms.spatial.min_components", why));
        }
        Ok(())
    }
}

/// Finds components on which more begins than is usual there. Episodes of the system as a whole belong to none.
#[derive(Debug, Clone, Default)]
pub struct Spatial {
    config: SpatialConfig,
}

impl Spatial {
    /// With `config`, checked.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] names the setting that is out of range.
    pub fn try_new(config: SpatialConfig) -> Result<Self, Error> {
        config.check()?;
        Ok(Self { config })
    }
}

impl Detector for Spatial {
    fn detect(&self, window: &Window<'_>, baselines: &Baselines) -> Vec<Finding> {
        let SpatialConfig { window: length, min_components: least, sensitivity, .. } = self.config;
        let looks = looks(window.history(), length);
        let (onsets, starts) = by_component(window);
        let mut clusters: Vec<_> = starts
            .windows(2)
            .enumerate()
            .filter(|(_, ends)| ends[1] - ends[0] >= least)
            .filter_map(|(component, ends)| {
                let here = &onsets[ends[0]..ends[1]];
                let range = fullest(here, length, |onset| onset.at);
                let usual = baselines.expected_of(&window.components()[component], length);
                let count = Count { seen: range.len(), least, usual, looks };
                Some((count.confidence(sensitivity)?, component, &here[range]))
            })
            .collect();
        clusters.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        clusters.truncate(FINDINGS_MAX);
        let mut findings: Vec<_> = clusters
            .into_iter()
            .map(|(confidence, component, episodes)| Finding {
                kind: FindingKind::Spatial,
                episodes: window.keys(episodes.iter().copied(), EPISODES_MAX),
                component: Some(window.components()[component].clone()),
                confidence,
                hypothesis: format!(
                    "policy misconfiguration: {} onsets on {} within {}",
                    episodes.len(),
                    window.components()[component],
                    mapek_model::duration::format(length)
                ),
            })
            .collect();
        most_confident(&mut findings, FINDINGS_MAX);
        findings
    }
}

/// The onsets grouped by component, each group in order of time, and where each group starts: a counting sort, O(n).
fn by_component<'w>(window: &'w Window<'_>) -> (Vec<&'w Onset>, Vec<usize>) {
    let mut starts = vec![0; window.components().len() + 1];
    for component in window.onsets().iter().filter_map(|onset| window.component(onset)) {
        starts[component + 1] += 1;
    }
    for i in 1..starts.len() {
        starts[i] += starts[i - 1];
    }
    let Some(filler) = window.onsets().first() else { return (Vec::new(), starts) };
    let mut next = starts.clone();
    let mut grouped = vec![filler; *starts.last().unwrap_or(&0)];
    for onset in window.onsets() {
        if let Some(component) = window.component(onset) {
            grouped[next[component]] = onset;
            next[component] += 1;
        }
    }
    (grouped, starts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::violation;
    use mapek_model::{Component, Severity};

    fn findings(places: &[(Option<&str>, u64)], baselines: &Baselines) -> Vec<Finding> {
        let all: Vec<_> =
            places.iter().map(|(place, s)| violation("slow", *place, Severity::Info, *s)).collect();
        Spatial::default().detect(&Window::of(&all), baselines)
    }

    #[test]
    fn three_on_one_component_are_a_cluster_and_nobody_elses() {
        let places =
            [(Some("a"), 0), (Some("b"), 1), (Some("a"), 100), (None, 2), (Some("a"), 299)];
        let [finding] = findings(&places, &Baselines::default()).try_into().unwrap();
        assert_eq!(finding.component, Some(Component::try_new("a").unwrap()));
        assert_eq!((finding.confidence.get(), finding.episodes.len()), (0.80, 3));
        assert!(findings(&[(None, 0), (None, 1), (None, 2)], &Baselines::default()).is_empty());
    }

    #[test]
    fn three_in_the_long_run_are_no_cluster() {
        let places = [(Some("a"), 0), (Some("a"), 200), (Some("a"), 400), (Some("a"), 600)];
        assert!(findings(&places, &Baselines::default()).is_empty());
    }

    #[test]
    fn what_is_usual_on_a_component_is_no_cluster_there() {
        let places = [(Some("a"), 0), (Some("a"), 1), (Some("a"), 2)];
        let day = Duration::from_secs(86_400);
        let usual = |name| {
            Baselines::of_rate(60.0, day).with_component(Component::try_new(name).unwrap(), 60.0)
        };
        assert!(findings(&places, &usual("a")).is_empty());
        assert_eq!(findings(&places, &usual("b")).len(), 1);
    }
}
