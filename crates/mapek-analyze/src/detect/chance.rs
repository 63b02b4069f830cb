//! How sure a count is no chance.

use mapek_model::{Confidence, Duration};
use statrs::function::gamma::gamma_lr;

/// A finding below this is more likely chance than not, and is not reported.
pub(super) const LEAST: f64 = 0.5;

/// How many onsets were seen, how many it takes, how many are usual.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    /// Onsets in the fullest window.
    pub(super) seen: usize,
    /// Onsets with which evidence starts.
    pub(super) least: usize,
    /// Onsets that are usual in such a window, if that is known.
    pub(super) usual: Option<f64>,
    /// How many windows there were to be the fullest.
    pub(super) looks: f64,
}

impl Count {
    /// `base` where evidence starts; the doubt that is left shrinks as the count grows; and all of it times the
    /// probability that chance under the usual rate has *not* filled one of the windows so.
    pub(super) fn confidence(self, base: Confidence) -> Option<Confidence> {
        if self.seen < self.least {
            return None;
        }
        let doubt = (1.0 - base.get()) * self.least as f64 / self.seen as f64;
        let chance = self.usual.map_or(0.0, |usual| poisson_tail(self.seen, usual));
        let nowhere = (1.0 - chance).powf(self.looks.max(1.0));
        let confidence = (1.0 - doubt) * nowhere;
        (confidence >= LEAST).then(|| Confidence::saturating(confidence))
    }
}

/// How many windows of `length` fit into `history`: the looks of a scan (Naus 1965, without the overlap).
pub(super) fn looks(history: Option<Duration>, length: Duration) -> f64 {
    history.map_or(1.0, |history| (history.as_secs_f64() / length.as_secs_f64()).max(1.0))
}

/// P(N ≥ n) for a Poisson variable of mean `mean`: the regularised lower incomplete gamma function P(n, mean)
/// (Abramowitz and Stegun 1964, 26.4.21).
fn poisson_tail(n: usize, mean: f64) -> f64 {
    if n == 0 {
        1.0
    } else if mean <= 0.0 {
        0.0
    } else {
        gamma_lr(n as f64, mean).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_tables() {
        // 1 - e^-1 (1 + 1 + 1/2) for three or more at a mean of one.
        assert!((poisson_tail(3, 1.0) - (1.0 - 2.5 * (-1.0_f64).exp())).abs() < 1e-12);
        assert!((poisson_tail(1, 2.0) - (1.0 - (-2.0_f64).exp())).abs() < 1e-12);
        assert!(poisson_tail(100_000, 10.0) < 1e-300);
        assert!(poisson_tail(10, 100_000.0) > 1.0 - 1e-12);
    }

    #[test]
    fn confidence_starts_at_the_base_grows_and_falls_to_what_is_usual() {
        let base = Confidence::saturating(0.85);
        let of = |seen, usual| Count { seen, least: 3, usual, looks: 10.0 }.confidence(base);
        assert_eq!(of(2, None), None);
        assert_eq!(of(3, None), Some(base));
        assert!(of(30, None).unwrap().get() > 0.98);
        assert!(of(3, Some(0.01)).unwrap() > of(3, Some(0.2)).unwrap());
        assert_eq!(of(3, Some(3.0)), None, "three are usual");
        assert!(of(30, Some(3.0)).unwrap().get() > 0.98);
    }
}
