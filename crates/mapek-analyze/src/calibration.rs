//! From a computed to a stated confidence: 0.8 should be right eight times in ten.

use mapek_model::Confidence;
use serde::{Deserialize, Serialize};

use crate::Error;

/// A map of confidences that never changes their order.
///
/// ```
/// use mapek_analyze::Calibration;
/// use mapek_model::Confidence;
///
/// // Three of the four claims of 0.9 were right, and none of the two of 0.3.
/// let seen = [(0.9, true), (0.9, true), (0.9, false), (0.9, true), (0.3, false), (0.3, false)]
///     .map(|(claimed, right)| (Confidence::saturating(claimed), right));
/// let calibration = Calibration::fit_isotonic(&seen);
/// assert_eq!(calibration.apply(Confidence::saturating(0.9)).get(), 0.75);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Method", into = "Method")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "Method"))]
pub struct Calibration {
    method: Method,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
enum Method {
    /// As computed.
    #[default]
    Identity,
    /// A logistic curve on the log-odds: σ(slope · logit(p) + offset), slope at least 0.
    Platt { slope: f64, offset: f64 },
    /// Straight lines between points [computed, stated], both growing; constant beyond the ends.
    Isotonic { points: Vec<(Confidence, Confidence)> },
}

impl Calibration {
    /// Most points of an isotonic map.
    pub const POINTS_MAX: usize = 10_000;

    /// The map of the [shipped catalogue](crate::Catalogue::shipped): what came of its confidences in simulated faults
    /// (`docs/evaluation.md`). With a catalogue of your own, begin with the identity, which is the default, and fit one.
    ///
    /// ```
    /// use mapek_analyze::Calibration;
    /// use mapek_model::Confidence;
    ///
    /// let stated = |computed| Calibration::shipped().apply(Confidence::saturating(computed)).get();
    /// assert!(stated(0.4) < 0.4 && stated(0.75) > 0.75 && stated(1.0) < 1.0);
    /// ```
    #[must_use]
    pub fn shipped() -> Self {
        // Below 0.45 two causes are about as likely, and it is mostly the other one. What leads by more is righter than clues that count as
        // independent make it, and what they are sure of is a little less so.
        const SEEN: [(f64, f64); 9] = [
            (0.0, 0.0),
            (0.42, 0.15),
            (0.47, 0.74),
            (0.55, 0.8),
            (0.65, 0.88),
            (0.75, 0.94),
            (0.9, 0.955),
            (0.98, 0.965),
            (1.0, 0.985),
        ];
        let confidence = Confidence::saturating;
        let points = SEEN.map(|(computed, right)| (confidence(computed), confidence(right)));
        Self { method: Method::Isotonic { points: points.to_vec() } }
    }

    /// A logistic curve on the log-odds (Platt 1999): `σ(slope · logit(p) + offset)`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if a number is not finite or the slope is negative, which would turn the order around.
    pub fn try_platt(slope: f64, offset: f64) -> Result<Self, Error> {
        if slope.is_finite() && slope >= 0.0 && offset.is_finite() {
            Ok(Self { method: Method::Platt { slope, offset } })
        } else {
            let why = format!(
                "must have a finite slope of at least 0 and a finite offset, has {slope}, {offset}"
            );
            Err(Error::config("calibration", why))
        }
    }

    /// Straight lines between points of (computed, stated) confidence.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if there are none, too many, or they do not grow.
    pub fn try_isotonic(points: Vec<(Confidence, Confidence)>) -> Result<Self, Error> {
        if points.is_empty() || points.len() > Self::POINTS_MAX {
            let why = format!("must have 1 to {} points, has {}", Self::POINTS_MAX, points.len());
            return Err(Error::config("calibration.points", why));
        }
        if !points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1) {
            return Err(Error::config("calibration.points", "must grow from point to point"));
        }
        Ok(Self { method: Method::Isotonic { points } })
    }

    /// The isotonic map nearest to what was seen: confidences as computed, and whether the cause was right. Pools adjacent
    /// violators (Ayer et al. 1955). The identity if nothing was seen.
    #[must_use]
    pub fn fit_isotonic(seen: &[(Confidence, bool)]) -> Self {
        let mut seen = seen.to_vec();
        seen.sort_unstable();
        // Blocks of (sum of computed, number right, number of all), whose share of right ones grows.
        let mut blocks: Vec<(f64, f64, f64)> = Vec::new();
        let mut last = None;
        for (computed, right) in seen {
            let one = (computed.get(), f64::from(u8::from(right)), 1.0);
            match blocks.last_mut() {
                Some(block) if last == Some(computed) => *block = sum(*block, one),
                _ => blocks.push(one),
            }
            last = Some(computed);
        }
        let mut pooled: Vec<(f64, f64, f64)> = Vec::new();
        for mut block in blocks {
            while let Some(before) =
                pooled.pop_if(|before| before.1 / before.2 >= block.1 / block.2)
            {
                block = sum(before, block);
            }
            pooled.push(block);
        }
        let stride = pooled.len().div_ceil(Self::POINTS_MAX).max(1);
        let points = pooled
            .into_iter()
            .step_by(stride)
            .map(|(x, y, n)| (Confidence::saturating(x / n), Confidence::saturating(y / n)))
            .collect();
        Self::try_isotonic(points).unwrap_or_default()
    }

    /// The confidence to state.
    #[must_use]
    pub fn apply(&self, computed: Confidence) -> Confidence {
        match &self.method {
            Method::Identity => computed,
            Method::Platt { slope, offset } => {
                let p = computed.get().clamp(1e-12, 1.0 - 1e-12);
                let log_odds = slope * (p / (1.0 - p)).ln() + offset;
                Confidence::saturating(1.0 / (1.0 + (-log_odds).exp()))
            }
            Method::Isotonic { points } => interpolate(points, computed),
        }
    }
}

fn sum(a: (f64, f64, f64), b: (f64, f64, f64)) -> (f64, f64, f64) {
    (a.0 + b.0, a.1 + b.1, a.2 + b.2)
}

fn interpolate(points: &[(Confidence, Confidence)], at: Confidence) -> Confidence {
    let above = points.partition_point(|point| point.0 <= at);
    let (Some(low), Some(high)) = (above.checked_sub(1).map(|i| points[i]), points.get(above))
    else {
        let nearest = if above == 0 { points.first() } else { points.last() };
        return nearest.map_or(at, |point| point.1);
    };
    let share = (at.get() - low.0.get()) / (high.0.get() - low.0.get());
    Confidence::saturating(low.1.get() + share * (high.1.get() - low.1.get()))
}

impl TryFrom<Method> for Calibration {
    type Error = Error;

    fn try_from(method: Method) -> Result<Self, Error> {
        match method {
            Method::Identity => Ok(Self::default()),
            Method::Platt { slope, offset } => Self::try_platt(slope, offset),
            Method::Isotonic { points } => Self::try_isotonic(points),
        }
    }
}

impl From<Calibration> for Method {
    fn from(calibration: Calibration) -> Self {
        calibration.method
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapek_model::proptest1;
    use proptest::prelude::*;

    #[test]
    fn the_shipped_map_is_one() {
        let text = serde_json::to_string(&Calibration::shipped()).unwrap();
        assert_eq!(serde_json::from_str::<Calibration>(&text).unwrap(), Calibration::shipped());
    }

    #[test]
    fn methods_are_read_and_checked() {
        let read = |text| serde_json::from_str::<Calibration>(text);
        assert_eq!(read(r#"{"method": "identity"}"#).unwrap(), Calibration::default());
        let doubtful = read(r#"{"method": "platt", "slope": 0.5, "offset": 0}"#).unwrap();
        assert!((doubtful.apply(Confidence::saturating(0.8)).get() - 2.0 / 3.0).abs() < 1e-12);
        let lines = read(r#"{"method": "isotonic", "points": [[0.2, 0.1], [0.8, 0.5]]}"#).unwrap();
        for (computed, stated) in [(0.0, 0.1), (0.5, 0.3), (0.8, 0.5), (1.0, 0.5)] {
            let got = lines.apply(Confidence::saturating(computed)).get();
            assert!((got - stated).abs() < 1e-12, "{computed} -> {got}");
        }
        for bad in [
            r#"{"method": "platt", "slope": -1, "offset": 0}"#,
            r#"{"method": "isotonic", "points": []}"#,
            r#"{"method": "isotonic", "points": [[0.2, 0.5], [0.8, 0.1]]}"#,
            r#"{"method": "magic"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad} passed");
        }
    }

    proptest! {
        #[test]
        fn order_is_kept_and_calibrations_survive_json(
            seen in proptest::collection::vec((proptest1::confidence(), any::<bool>()), 0..40),
            (a, b) in (proptest1::confidence(), proptest1::confidence()),
        ) {
            let calibration = Calibration::fit_isotonic(&seen);
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(calibration.apply(low) <= calibration.apply(high));
            let text = serde_json::to_string(&calibration).unwrap();
            prop_assert_eq!(serde_json::from_str::<Calibration>(&text).unwrap(), calibration);
        }
    }
}
