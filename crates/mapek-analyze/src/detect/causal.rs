//! Relations: one series follows another.

use mapek_model::{Confidence, Finding, FindingKind, Ratio, Sample, Series};
use mapek_signal::PAIRS_MIN;
use serde::{Deserialize, Serialize};

use super::{
    Detector,
    chance::LEAST,
    correlation::{Aligned, Relation, align, strongest},
    most_confident,
};
use crate::{Baselines, Error, Window};

/// When a relation is a relation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct CausalConfig {
    /// Whether it is looked for at all.
    pub enabled: bool,
    /// Least strength |r| of the correlation, above 0.
    pub correlation_threshold: Ratio,
    /// Greatest lag, in steps of the series: at most 1 000, since each lag is one more chance to be fooled.
    pub lag_max_steps: usize,
    /// Confidence at just that strength, where chance is out of the question.
    pub sensitivity: Confidence,
}

impl Default for CausalConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            correlation_threshold: Ratio::saturating(0.8),
            lag_max_steps: 10,
            sensitivity: Confidence::saturating(0.75),
        }
    }
}

impl CausalConfig {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.correlation_threshold.get() <= 0.0 {
            return Err(Error::config(
                "algorithms.causal.correlation_threshold",
                "must be above 0",
            ));
        }
        if self.lag_max_steps > 1_000 {
            let why = format!("must be at most 1000, is {}", self.lag_max_steps);
            return Err(Error::config("algorithms.causal.lag_max_steps", why));
        }
        Ok(())
    }
}

/// Finds watched values that move together, the one after the other.
///
/// Of each watched value the first series with enough samples is taken. The chance of being fooled allows for the
/// inertia of the series and for how many pairs and lags were tried. A correlation is no proof of cause: it is one clue
/// among others.
#[derive(Debug, Clone, Default)]
pub struct Causal {
    config: CausalConfig,
}

/// Most watched values that are compared, by name: pairs grow with the square.
const NAMES_MAX: usize = 32;
/// Most samples of each that are compared, newest first: lags cost as many sums each.
const SAMPLES_MAX: usize = 512;
/// Most relations that are told; more of them say that everything moves together.
const RELATIONS_MAX: usize = 20;

impl Causal {
    /// With `config`, checked.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] names the setting that is out of range.
    pub fn try_new(config: CausalConfig) -> Result<Self, Error> {
        config.check()?;
        Ok(Self { config })
    }

    fn finding(&self, names: (&str, &str), relation: Relation, tries: f64) -> Option<Finding> {
        let strength = relation.r.abs();
        let least = self.config.correlation_threshold.get();
        if strength < least {
            return None;
        }
        let base = self.config.sensitivity.get();
        // At |r| = 1 no doubt is left but chance; at the threshold all of it is.
        let doubt = (1.0 - base) * (1.0 - strength) / (1.0 - least).max(f64::EPSILON);
        let confidence = (1.0 - doubt.min(1.0 - base)) * (1.0 - relation.chance).powf(tries);
        (confidence >= LEAST).then(|| Finding {
            kind: FindingKind::Causal,
            episodes: Vec::new(),
            component: None,
            confidence: Confidence::saturating(confidence),
            hypothesis: hypothesis(names, relation),
        })
    }
}

impl Detector for Causal {
    fn detect(&self, window: &Window<'_>, _: &Baselines) -> Vec<Finding> {
        let watched: Vec<(&str, &[Sample])> = window
            .series()
            .filter_map(|(name, series)| Some((name, longest_recent(series)?)))
            .take(NAMES_MAX)
            .collect();
        let pairs: Vec<(&str, &str, Aligned)> = watched
            .iter()
            .enumerate()
            .flat_map(|(i, a)| watched[i + 1..].iter().map(move |b| (a, b)))
            .filter_map(|(a, b)| Some((a.0, b.0, align(a.1, b.1)?)))
            .collect();
        let tries = pairs.len() as f64 * (2.0 * self.config.lag_max_steps as f64 + 1.0);
        let mut findings: Vec<_> = pairs
            .iter()
            .filter_map(|(a, b, pair)| {
                let relation = strongest(pair, self.config.lag_max_steps)?;
                self.finding((a, b), relation, tries)
            })
            .collect();
        most_confident(&mut findings, RELATIONS_MAX);
        findings
    }
}

/// The newest samples of the first series that has enough of them.
fn longest_recent(series: &[Series]) -> Option<&[Sample]> {
    let samples = &series.iter().find(|it| it.samples.len() >= PAIRS_MIN)?.samples;
    Some(&samples[samples.len().saturating_sub(SAMPLES_MAX)..])
}

fn hypothesis((a, b): (&str, &str), Relation { r, lag, step, .. }: Relation) -> String {
    let (leader, follower) = if lag < 0 { (b, a) } else { (a, b) };
    let how = if lag == 0 {
        format!("{a} and {b} move together (r = {r:.2})")
    } else {
        let late = mapek_model::duration::format(step * lag.unsigned_abs());
        format!("{follower} follows {leader} by {late} (r = {r:.2})")
    };
    if lag != 0 && leader == "validation_latency" {
        format!("high validation latency blocks enforcement: {how}")
    } else {
        how
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{at, observation};
    use mapek_model::Labels;

    /// Deterministic noise in -1..1: the fractional part of multiples of the golden ratio, scrambled by a square.
    fn noise(i: u64, salt: u64) -> f64 {
        let x = (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt.wrapping_mul(0xD1B5_4A32_D192_ED03))
            .wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((x >> 33) as f64 / f64::from(1_u32 << 31)) * 2.0 - 1.0
    }

    fn detect(values: &[(&str, &dyn Fn(u64) -> f64)]) -> Vec<Finding> {
        let mut observation = observation(0, Vec::new());
        for (name, value) in values {
            let samples = (0..60).map(|i| Sample { at: at(i * 30), value: value(i) }).collect();
            let series = Series { labels: Labels::default(), samples };
            observation.series.insert((*name).to_owned(), vec![series]);
        }
        Causal::default().detect(&Window::from_observation(&observation), &Baselines::default())
    }

    #[test]
    fn latency_that_blocks_enforcement_is_named_with_its_lag() {
        let latency = |i: u64| if i < 30 { 0.1 } else { 2.0 } + 0.3 * noise(i, 1);
        let failures = move |i: u64| 0.1 * latency(i.saturating_sub(2));
        let [finding] = detect(&[("failure_rate", &failures), ("validation_latency", &latency)])
            .try_into()
            .unwrap();
        assert_eq!(
            finding.hypothesis,
            "high validation latency blocks enforcement: failure_rate follows validation_latency by 1m (r = 1.00)"
        );
        assert!(finding.confidence.get() > 0.9, "{:?}", finding.confidence);
    }

    #[test]
    fn noise_and_constants_are_no_relation() {
        for salt in 0..20 {
            let a = |i| noise(i, 3 * salt);
            let b = |i| noise(i, 3 * salt + 1);
            let c = |_| 4.0;
            assert_eq!(detect(&[("a", &a), ("b", &b), ("c", &c)]), []);
        }
    }

    #[test]
    fn a_stronger_relation_is_more_certain() {
        let clean = |i: u64| noise(i, 1);
        let follower = |grit: f64| move |i: u64| noise(i.saturating_sub(1), 1) + grit * noise(i, 9);
        let sure = detect(&[("a", &clean), ("b", &follower(0.1))]);
        let less = detect(&[("a", &clean), ("b", &follower(0.6))]);
        assert!(sure[0].confidence > less[0].confidence, "{sure:?} {less:?}");
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let config = CausalConfig { correlation_threshold: Ratio::MIN, ..CausalConfig::default() };
        let error = Causal::try_new(config).unwrap_err().to_string();
        assert_eq!(error, "algorithms.causal.correlation_threshold must be above 0");
    }
}
