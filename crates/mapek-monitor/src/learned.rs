//! What values usually are: one baseline per series, in bounded number.

use std::collections::BTreeMap;

use mapek_model::Timestamp;
use mapek_signal::{Baseline, BaselineConfig, InvalidState, SeasonalBaseline, SeasonalConfig};
use serde::{Deserialize, Serialize};

/// A baseline, with seasons or without.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Learned {
    Plain(Baseline),
    Seasonal(SeasonalBaseline),
}

impl Learned {
    pub(crate) fn try_new(
        baseline: BaselineConfig,
        season: Option<&SeasonalConfig>,
    ) -> Result<Self, InvalidState> {
        match season {
            Some(season) => SeasonalBaseline::try_new(season.clone()).map(Self::Seasonal),
            None => Baseline::try_new(baseline).map(Self::Plain),
        }
    }

    fn score(&self, at: Timestamp, value: f64) -> Option<f64> {
        match self {
            Self::Plain(baseline) => baseline.score(value),
            Self::Seasonal(baseline) => baseline.score(at, value),
        }
    }

    fn learn(&mut self, at: Timestamp, value: f64) {
        match self {
            Self::Plain(baseline) => baseline.learn(value),
            Self::Seasonal(baseline) => baseline.learn(at, value),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    used: Timestamp,
    learned: Learned,
}

/// The baselines by the name of their series.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Baselines(BTreeMap<String, Entry>);

impl Baselines {
    /// How far off what is usual a value lies, if enough is known. The value is learned afterwards, if `learning`.
    pub(crate) fn score(
        &mut self,
        key: &str,
        at: Timestamp,
        value: f64,
        fresh: impl FnOnce() -> Result<Learned, InvalidState>,
        learning: bool,
    ) -> Option<f64> {
        if !self.0.contains_key(key) {
            // The configuration was checked when the monitor was built.
            self.0.insert(key.to_owned(), Entry { used: at, learned: fresh().ok()? });
        }
        let entry = self.0.get_mut(key)?;
        entry.used = at;
        let score = entry.learned.score(at, value);
        if learning {
            entry.learned.learn(at, value);
        }
        score
    }

    /// Lets go of those that were not used for longest until at most `max` are left.
    pub(crate) fn trim(&mut self, max: usize) {
        if self.0.len() <= max {
            return;
        }
        let mut by_use: Vec<_> =
            self.0.iter().map(|(key, entry)| (entry.used, key.clone())).collect();
        by_use.sort();
        for (_, key) in by_use.into_iter().take(self.0.len() - max) {
            self.0.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapek_model::{Duration, later};

    fn plain() -> Result<Learned, InvalidState> {
        Learned::try_new(BaselineConfig::default(), None)
    }

    #[test]
    fn it_scores_before_it_learns_and_not_while_paused() {
        let mut baselines = Baselines::default();
        let at = Timestamp::UNIX_EPOCH;
        for i in 0..40 {
            baselines.score("a", at, f64::from(i % 5), plain, true);
        }
        let before = baselines.clone();
        assert!(baselines.score("a", at, 100.0, plain, false).unwrap() > 5.0);
        assert_eq!(baselines, before);
    }

    #[test]
    fn the_least_used_goes_first() {
        let mut baselines = Baselines::default();
        for (i, key) in ["c", "a", "b"].into_iter().enumerate() {
            let at = later(Timestamp::UNIX_EPOCH, Duration::from_secs(i as u64));
            baselines.score(key, at, 1.0, plain, true);
        }
        baselines.trim(2);
        assert_eq!(baselines.0.keys().collect::<Vec<_>>(), ["a", "b"]);
    }
}
