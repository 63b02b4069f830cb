//! Bursts that come when they like.

use rand::Rng;

use crate::stats::exponential;

/// What is known of bursts: an alternating renewal process. Times between and lengths are exponential, heights uniform.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BurstLaw {
    /// Requests per second between bursts.
    pub(crate) rate: f64,
    /// Requests per second within one, from and to.
    pub(crate) burst_rate: (f64, f64),
    /// Mean seconds from the end of one to the beginning of the next.
    pub(crate) gap_s: f64,
    /// Mean seconds that one lasts.
    pub(crate) length_s: f64,
}

impl BurstLaw {
    /// The rate over a long time: by the renewal reward theorem (Ross, *Stochastic Processes*, 1996, ch. 3.6), what a gap and a burst
    /// bring on the mean over what they last on the mean.
    pub(crate) fn mean(&self) -> f64 {
        let (low, high) = self.burst_rate;
        let brought = self.gap_s * self.rate + self.length_s * (low + high) / 2.0;
        brought / (self.gap_s + self.length_s)
    }
}

/// Where in its bursts a plant is. Only time and its own random numbers drive it, so that runs that differ in an action meet the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bursts {
    /// The rate of the burst that is on.
    burst: Option<f64>,
    /// When what is on ends; nothing was on before the start.
    until: Option<f64>,
}

impl Bursts {
    /// The rate at `t`, which must not be before that of the last call.
    pub(crate) fn rate(&mut self, law: &BurstLaw, t: f64, rng: &mut impl Rng) -> f64 {
        let mut until = self.until.unwrap_or_else(|| law.gap_s * exponential(rng));
        while t >= until {
            let mean_s = if self.burst.take().is_some() {
                law.gap_s
            } else {
                let (low, high) = law.burst_rate;
                self.burst = Some(low + (high - low) * rng.random::<f64>());
                law.length_s
            };
            until += mean_s * exponential(rng);
        }
        self.until = Some(until);
        self.burst.unwrap_or(law.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    const LAW: BurstLaw =
        BurstLaw { rate: 100.0, burst_rate: (300.0, 500.0), gap_s: 90.0, length_s: 10.0 };

    fn rates(seed: u64, step_s: f64, steps: u32) -> Vec<f64> {
        let (mut bursts, mut rng) = (Bursts::default(), ChaCha8Rng::seed_from_u64(seed));
        (0..steps).map(|n| bursts.rate(&LAW, f64::from(n) * step_s, &mut rng)).collect()
    }

    #[test]
    fn bursts_have_the_law_that_they_are_given() {
        // 10 000 bursts: the share of time has a standard error of a percent of itself, the mean of heights of half of that.
        let rates = rates(5, 1.0, 1_000_000);
        let within: Vec<f64> = rates.iter().copied().filter(|rate| *rate > 100.0).collect();
        assert!(within.iter().all(|rate| (300.0..=500.0).contains(rate)));
        let share = within.len() as f64 / rates.len() as f64;
        assert!((share / 0.1 - 1.0).abs() < 0.05, "{share}");
        let mean = rates.iter().sum::<f64>() / rates.len() as f64;
        assert!((mean / LAW.mean() - 1.0).abs() < 0.02, "{mean} against {}", LAW.mean());
        let heights: std::collections::BTreeSet<u64> = within.iter().map(|r| r.to_bits()).collect();
        assert!((8_000..11_000).contains(&heights.len()), "{} bursts", heights.len());
    }

    #[test]
    fn when_they_come_does_not_depend_on_how_often_one_looks() {
        let (often, seldom) = (rates(1, 0.25, 40_000), rates(1, 1.0, 10_000));
        let thinned: Vec<f64> = often.into_iter().step_by(4).collect();
        assert_eq!(thinned, seldom);
        assert_ne!(rates(2, 1.0, 10_000), seldom);
    }
}
