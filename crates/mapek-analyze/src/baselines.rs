//! How often episodes usually begin: what is usual explains itself.

use std::collections::BTreeMap;

use mapek_model::{Component, Duration, Timestamp, earlier, since};
use serde::{Deserialize, Serialize};

use crate::Window;

/// Learned rates of onsets, of the whole target and of each component. Can be saved and loaded.
///
/// A rate is events over exposure, both of which fade with a half-life of a week, so that what is usual can change.
/// Nothing is *usual* before an hour was watched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Baselines {
    /// Seconds watched, faded.
    exposure_s: f64,
    /// Onsets seen, faded.
    events: f64,
    /// Onsets seen by component, faded.
    by_component: BTreeMap<Component, f64>,
    /// Up to when onsets have been counted.
    counted_to: Option<Timestamp>,
}

impl Baselines {
    /// Most components that are remembered; the quietest are forgotten first. A system that invents component names must
    /// not fill memory.
    pub const COMPONENTS_MAX: usize = 1_000;
    /// Least time watched before a rate is believed.
    pub const EXPOSURE_MIN: Duration = Duration::from_secs(3_600);
    /// How long after the fact onsets are counted. Alerts tell of their beginning late; counted at once they were missed.
    pub const DELAY: Duration = Duration::from_secs(120);
    const HALF_LIFE_S: f64 = 7.0 * 86_400.0;
    /// Longest stretch that one observation stands for; more is a gap in which nobody watched.
    const STEP_MAX: Duration = Duration::from_secs(600);
    /// An incident counts for at most so many times the usual, or the next one would look usual.
    const SURGE_MAX: f64 = 3.0;

    /// Baselines that were learned elsewhere: `per_hour` onsets of the whole target, watched for `exposure`.
    #[must_use]
    pub fn of_rate(per_hour: f64, exposure: Duration) -> Self {
        let exposure_s = exposure.as_secs_f64();
        Self { exposure_s, events: per_hour.max(0.0) * exposure_s / 3_600.0, ..Self::default() }
    }

    /// The same with `per_hour` onsets of one component.
    #[must_use]
    pub fn with_component(mut self, component: Component, per_hour: f64) -> Self {
        let events = per_hour.max(0.0) * self.exposure_s / 3_600.0;
        self.by_component.insert(component, events);
        self
    }

    /// How many onsets are usual within `span`; `None` until enough was watched.
    #[must_use]
    pub fn expected(&self, span: Duration) -> Option<f64> {
        self.usual(self.events, span)
    }

    /// How many onsets of `component` are usual within `span`; `None` until enough was watched.
    #[must_use]
    pub fn expected_of(&self, component: &Component, span: Duration) -> Option<f64> {
        self.usual(self.by_component.get(component).copied().unwrap_or(0.0), span)
    }

    fn usual(&self, events: f64, span: Duration) -> Option<f64> {
        (self.exposure_s >= Self::EXPOSURE_MIN.as_secs_f64())
            .then(|| events * span.as_secs_f64() / self.exposure_s)
    }

    /// Learns from the onsets of `window` that are due to be counted at `now`. Calling twice with the same `now` learns
    /// once.
    pub fn learn(&mut self, window: &Window<'_>, now: Timestamp) {
        let to = earlier(now, Self::DELAY);
        let Some(from) = self.counted_to else {
            self.counted_to = Some(to);
            return;
        };
        if to <= from {
            return;
        }
        self.counted_to = Some(to);
        let elapsed = since(to, from).min(Self::STEP_MAX);
        let from = earlier(to, elapsed);
        let fresh = window.onsets().iter().filter(|onset| onset.at > from && onset.at <= to);
        let mut all = 0_u32;
        let mut counts = BTreeMap::<usize, u32>::new();
        for onset in fresh {
            all += 1;
            if let Some(component) = window.component(onset) {
                *counts.entry(component).or_default() += 1;
            }
        }
        let usual = self.expected(elapsed).unwrap_or(0.0);
        self.fade(elapsed);
        self.events += capped(all, usual);
        for (component, count) in counts {
            let component = &window.components()[component];
            let usual = self.expected_of(component, elapsed).unwrap_or(0.0);
            *self.by_component.entry(component.clone()).or_default() += capped(count, usual);
        }
        self.forget_the_quietest();
    }

    fn fade(&mut self, elapsed: Duration) {
        let keep = (-elapsed.as_secs_f64() / Self::HALF_LIFE_S).exp2();
        self.exposure_s = self.exposure_s * keep + elapsed.as_secs_f64();
        self.events *= keep;
        self.by_component.values_mut().for_each(|events| *events *= keep);
    }

    fn forget_the_quietest(&mut self) {
        let surplus = self.by_component.len().saturating_sub(Self::COMPONENTS_MAX);
        if surplus > 0 {
            let mut quietest: Vec<_> =
                self.by_component.iter().map(|(name, events)| (*events, name.clone())).collect();
            quietest.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
            for (_, name) in quietest.iter().take(surplus) {
                self.by_component.remove(name);
            }
        }
    }
}

/// `count`, but no more than a surge over what is usual, and never less than two if there were.
fn capped(count: u32, usual: f64) -> f64 {
    f64::from(count).min((Baselines::SURGE_MAX * usual).max(2.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{at, violation};
    use mapek_model::Severity;

    /// Watches for `hours`, one onset every `every` seconds, looking every 30 s.
    fn watch(hours: u64, every: u64) -> Baselines {
        let mut baselines = Baselines::default();
        for now in (0..hours * 3_600).step_by(30) {
            let recent = now.saturating_sub(600) / every..=now / every;
            let all: Vec<_> =
                recent.map(|i| violation("slow", Some("a"), Severity::Info, i * every)).collect();
            baselines.learn(&Window::of(&all), at(now));
        }
        baselines
    }

    #[test]
    fn nothing_is_usual_before_an_hour() {
        assert_eq!(watch(1, 60).expected(Duration::from_secs(60)), None);
    }

    #[test]
    fn the_usual_rate_is_learned_per_target_and_component() {
        let baselines = watch(6, 60);
        let minute = Duration::from_secs(60);
        let learned = baselines.expected(minute).unwrap();
        assert!((learned - 1.0).abs() < 0.05, "{learned}");
        let of_a = baselines.expected_of(&Component::try_new("a").unwrap(), minute).unwrap();
        assert!((of_a - learned).abs() < 1e-9);
        assert_eq!(baselines.expected_of(&Component::try_new("b").unwrap(), minute), Some(0.0));
    }

    #[test]
    fn one_incident_does_not_become_usual_and_time_does_not_count_twice() {
        let mut baselines = watch(6, 600);
        let before = baselines.expected(Duration::from_secs(600)).unwrap();
        let now = 6 * 3_600 + 200;
        let all: Vec<_> = (0..500)
            .map(|i| violation("slow", Some("a"), Severity::Info, now - 150 + i % 20))
            .collect();
        let burst: Vec<_> = all
            .into_iter()
            .enumerate()
            .map(|(i, mut it)| {
                it.component = Some(Component::try_new(format!("n{i}")).unwrap());
                it
            })
            .collect();
        baselines.learn(&Window::of(&burst), at(now));
        let once = baselines.clone();
        baselines.learn(&Window::of(&burst), at(now));
        assert_eq!(baselines, once);
        let after = baselines.expected(Duration::from_secs(600)).unwrap();
        assert!(after < before * 1.2, "{before} -> {after}");
    }

    #[test]
    fn baselines_survive_json() {
        let baselines = watch(2, 45);
        let text = serde_json::to_string(&baselines).unwrap();
        assert_eq!(serde_json::from_str::<Baselines>(&text).unwrap(), baselines);
    }
}
