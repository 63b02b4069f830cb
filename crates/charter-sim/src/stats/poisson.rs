//! Draws from the three distributions that the plant needs.

use rand::Rng;
use std::f64::consts::TAU;

/// Above this mean a Poisson variable is drawn as a rounded normal one: exact to a percent and constant in time.
const NORMAL_FROM: f64 = 30.0;

/// An exponential variable with mean one.
pub(crate) fn exponential(rng: &mut impl Rng) -> f64 {
    // 1 - u lies in (0, 1], so the logarithm is finite.
    -(1.0 - rng.random::<f64>()).ln()
}

/// A standard normal variable (Box and Muller, 1958).
pub(crate) fn standard_normal(rng: &mut impl Rng) -> f64 {
    let radius = (2.0 * exponential(rng)).sqrt();
    radius * (TAU * rng.random::<f64>()).cos()
}

/// A Poisson variable with the given mean; zero for a mean that is not positive (Knuth, TAOCP 3.4.1).
pub(crate) fn poisson(rng: &mut impl Rng, mean: f64) -> u64 {
    if mean.is_nan() || mean <= 0.0 {
        return 0;
    }
    if mean > NORMAL_FROM {
        return (mean + mean.sqrt() * standard_normal(rng)).round().max(0.0) as u64;
    }
    let limit = (-mean).exp();
    let mut product = rng.random::<f64>();
    let mut n = 0;
    while product > limit {
        product *= rng.random::<f64>();
        n += 1;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn means_are_met() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for mean in [0.1, 3.0, 80.0] {
            let sum: u64 = (0..20_000).map(|_| poisson(&mut rng, mean)).sum();
            assert!((sum as f64 / 20_000.0 / mean - 1.0).abs() < 0.06, "mean {mean}");
        }
        let sum: f64 = (0..20_000).map(|_| exponential(&mut rng)).sum();
        assert!((sum / 20_000.0 - 1.0).abs() < 0.03);
        assert_eq!(poisson(&mut rng, 0.0), 0);
        assert_eq!(poisson(&mut rng, f64::NAN), 0);
    }
}
