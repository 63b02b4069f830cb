//! How many requests come.

use std::f64::consts::TAU;

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::bursts::BurstLaw;
use super::config::{InvalidConfig, check};
use super::trace::{InvalidTrace, Trace};
use crate::stats::standard_normal;

/// Most requests per second that any pattern, fault or storm may ask for: keeps a step's work bounded (25 000 requests
/// in a step of 250 ms), at two hundred times the load of the default plant.
pub(crate) const RATE_MAX: f64 = 100_000.0;

/// How quickly the noise forgets, in seconds: a minute, so that p99 sees it as drift and not as one burst.
const NOISE_MEMORY_S: f64 = 60.0;

/// The pattern of first attempts. Rates are requests per second; times are seconds after the plant's start.
///
/// ```
/// use charter_sim::Arrivals;
///
/// let day = Arrivals::Diurnal { mean: 500.0, amplitude: 0.4, period_s: 86_400.0, peak_at_s: 0.0, noise: 0.0 };
/// assert!((day.rate(0.0) - 700.0).abs() < 1e-9);
/// assert!((day.rate(43_200.0) - 300.0).abs() < 1e-9);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Arrivals {
    /// The same rate for ever.
    Constant {
        /// Requests per second.
        #[cfg_attr(feature = "schemars", schemars(range(min = 0.0, max = 100_000.0)))]
        rate: f64,
    },
    /// A cosine over the day, with noise that wanders.
    Diurnal {
        /// Mean rate.
        #[cfg_attr(feature = "schemars", schemars(range(min = 0.0, max = 100_000.0)))]
        mean: f64,
        /// Height of the peak over the mean, as a share of it: 0 to 1.
        #[cfg_attr(feature = "schemars", schemars(range(min = 0.0, max = 1.0)))]
        amplitude: f64,
        /// Length of the day.
        period_s: f64,
        /// When the first peak comes.
        peak_at_s: f64,
        /// Relative standard deviation of the noise: 0 to 1.
        #[cfg_attr(feature = "schemars", schemars(range(min = 0.0, max = 1.0)))]
        noise: f64,
    },
    /// A rate, and a higher one at regular times.
    Bursts {
        /// Rate between bursts.
        #[cfg_attr(feature = "schemars", schemars(range(min = 0.0, max = 100_000.0)))]
        rate: f64,
        /// Rate within one.
        #[cfg_attr(feature = "schemars", schemars(range(min = 0.0, max = 100_000.0)))]
        burst_rate: f64,
        /// From one burst's start to the next; the first comes after this time.
        every_s: f64,
        /// How long each lasts.
        length_s: f64,
    },
    /// A rate, and higher ones at times, of heights and for lengths that the seed draws. Runs under one seed meet the same bursts,
    /// whatever is done in them.
    RandomBursts {
        /// Rate between bursts.
        #[cfg_attr(feature = "schemars", schemars(range(min = 0.0, max = 100_000.0)))]
        rate: f64,
        /// Least rate within one.
        #[cfg_attr(feature = "schemars", schemars(range(min = 0.0, max = 100_000.0)))]
        burst_rate_min: f64,
        /// Highest rate within one; all from the least to it are as likely.
        #[cfg_attr(feature = "schemars", schemars(range(min = 0.0, max = 100_000.0)))]
        burst_rate_max: f64,
        /// Mean time from the end of one burst to the start of the next: exponential, at least 1.
        gap_s: f64,
        /// Mean time that one lasts: exponential, at least 1.
        length_s: f64,
    },
    /// A rate that was recorded, from a file or written here.
    Trace {
        /// The file: CSV of `seconds,rate`. Whoever reads configurations reads it, and [`fill`](Arrivals::fill)s it in; scenarios name
        /// it relative to themselves.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// The rows themselves, in place of a file: pairs of seconds and rate.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<Trace>,
        /// When second 0 of the trace is.
        #[serde(default)]
        starts_at_s: f64,
    },
}

impl Arrivals {
    /// The expected rate at `t` seconds after the start, noise apart. Random bursts have their mean at any time, and a trace whose file
    /// has not been read has none.
    #[must_use]
    pub fn rate(&self, t: f64) -> f64 {
        match self {
            Self::Constant { rate } => *rate,
            Self::Diurnal { mean, amplitude, period_s, peak_at_s, .. } => {
                mean * (1.0 + amplitude * (TAU * (t - peak_at_s) / period_s).cos())
            }
            Self::Bursts { rate, burst_rate, every_s, length_s } => {
                let in_burst = t >= *every_s && t % every_s < *length_s;
                if in_burst { *burst_rate } else { *rate }
            }
            Self::RandomBursts { .. } => self.burst_law().map_or(0.0, |law| law.mean()),
            Self::Trace { rows, starts_at_s, .. } => {
                rows.as_ref().map_or(0.0, |trace| trace.rate(t - starts_at_s))
            }
        }
    }

    /// The file of a trace that is still to be read.
    #[must_use]
    pub fn unread(&self) -> Option<&str> {
        match self {
            Self::Trace { file: Some(file), rows: None, .. } => Some(file),
            _ => None,
        }
    }

    /// Fills in a trace from the text of its file, which errors call `name`. Other shapes stay as they are.
    ///
    /// # Errors
    ///
    /// [`InvalidTrace`] with the first line that is wrong.
    pub fn fill(&mut self, text: &str, name: &str) -> Result<(), InvalidTrace> {
        if let Self::Trace { rows, .. } = self {
            *rows = Some(Trace::parse(text, name)?);
        }
        Ok(())
    }

    pub(crate) fn burst_law(&self) -> Option<BurstLaw> {
        match *self {
            Self::RandomBursts { rate, burst_rate_min, burst_rate_max, gap_s, length_s } => {
                Some(BurstLaw {
                    rate,
                    burst_rate: (burst_rate_min, burst_rate_max),
                    gap_s,
                    length_s,
                })
            }
            _ => None,
        }
    }

    pub(crate) fn noise(&self) -> f64 {
        match *self {
            Self::Diurnal { noise, .. } => noise,
            _ => 0.0,
        }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        match *self {
            Self::Constant { rate } => check("arrivals.rate", rate, 0.0, RATE_MAX),
            Self::Diurnal { mean, amplitude, period_s, peak_at_s, noise } => {
                check("arrivals.mean", mean, 0.0, RATE_MAX)?;
                check("arrivals.amplitude", amplitude, 0.0, 1.0)?;
                check("arrivals.period_s", period_s, 1.0, 1e9)?;
                check("arrivals.peak_at_s", peak_at_s, 0.0, 1e9)?;
                check("arrivals.noise", noise, 0.0, 1.0)
            }
            Self::Bursts { rate, burst_rate, every_s, length_s } => {
                check("arrivals.rate", rate, 0.0, RATE_MAX)?;
                check("arrivals.burst_rate", burst_rate, 0.0, RATE_MAX)?;
                check("arrivals.every_s", every_s, 1.0, 1e9)?;
                check("arrivals.length_s", length_s, 0.0, every_s)
            }
            Self::RandomBursts { rate, burst_rate_min, burst_rate_max, gap_s, length_s } => {
                check("arrivals.rate", rate, 0.0, RATE_MAX)?;
                check("arrivals.burst_rate_min", burst_rate_min, 0.0, RATE_MAX)?;
                check("arrivals.burst_rate_max", burst_rate_max, burst_rate_min, RATE_MAX)?;
                check("arrivals.gap_s", gap_s, 1.0, 1e9)?;
                check("arrivals.length_s", length_s, 1.0, 1e9)
            }
            Self::Trace { ref file, ref rows, starts_at_s } => {
                check("arrivals.starts_at_s", starts_at_s, -1e9, 1e9)?;
                match (rows, file) {
                    (Some(_), _) => Ok(()),
                    (None, Some(file)) => Err(InvalidConfig::UnreadTrace { file: file.clone() }),
                    (None, None) => Err(InvalidConfig::NoTrace),
                }
            }
        }
    }
}

/// Noise as a factor on the rate: log-normal with mean one over an Ornstein–Uhlenbeck process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Noise {
    state: f64,
}

impl Noise {
    /// The factor after another `dt` seconds.
    pub(crate) fn next(&mut self, relative_sd: f64, dt: f64, rng: &mut impl Rng) -> f64 {
        if relative_sd <= 0.0 {
            return 1.0;
        }
        let keep = (-dt / NOISE_MEMORY_S).exp();
        self.state =
            self.state * keep + relative_sd * (1.0 - keep * keep).sqrt() * standard_normal(rng);
        (self.state - relative_sd * relative_sd / 2.0).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn bursts_come_at_their_times() {
        let bursts =
            Arrivals::Bursts { rate: 10.0, burst_rate: 90.0, every_s: 60.0, length_s: 5.0 };
        let at = |t| bursts.rate(t) as u32;
        assert_eq!(
            (at(0.0), at(59.9), at(60.0), at(64.9), at(65.0), at(121.0)),
            (10, 10, 90, 90, 10, 90)
        );
    }

    #[test]
    fn noise_has_mean_one_and_no_noise_is_exactly_one() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut noise = Noise::default();
        let mean = (0..200_000).map(|_| noise.next(0.2, 30.0, &mut rng)).sum::<f64>() / 200_000.0;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        assert!((Noise::default().next(0.0, 1.0, &mut rng) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_trace_is_filled_in_from_its_file() {
        let mut arrivals: Arrivals =
            serde_json::from_str(r#"{"shape": "trace", "file": "day.csv", "starts_at_s": 100}"#)
                .unwrap();
        assert_eq!(arrivals.unread(), Some("day.csv"));
        let refused = arrivals.check().unwrap_err();
        assert_eq!(refused.to_string(), "arrivals.file: day.csv has not been read");
        arrivals.fill("0,5\n10,7\n", "day.csv").unwrap();
        assert_eq!((arrivals.unread(), arrivals.check()), (None, Ok(())));
        assert_eq!([0.0, 109.0, 110.0].map(|t| arrivals.rate(t) as u32), [5, 5, 7]);
        let neither: Arrivals = serde_json::from_str(r#"{"shape": "trace"}"#).unwrap();
        assert_eq!(neither.check(), Err(InvalidConfig::NoTrace));
    }

    #[test]
    fn bursts_are_at_least_as_high_as_the_least() {
        let bursts = |low, high| Arrivals::RandomBursts {
            rate: 10.0,
            burst_rate_min: low,
            burst_rate_max: high,
            gap_s: 30.0,
            length_s: 10.0,
        };
        assert!(bursts(20.0, 20.0).check().is_ok());
        assert_eq!(bursts(20.0, 19.0).check().unwrap_err().field(), "arrivals.burst_rate_max");
        assert!((bursts(20.0, 40.0).rate(3.0) - 15.0).abs() < 1e-9);
    }

    #[test]
    fn a_rate_that_is_no_rate_is_refused() {
        for rate in [-1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(Arrivals::Constant { rate }.check().is_err(), "{rate}");
        }
    }
}
