//! A quantile of a stream, in constant memory.

use serde::{Deserialize, Serialize};

use crate::{InvalidState, error::finite};

/// The P² estimate of one quantile: five markers, no samples kept (Jain and Chlamtac, "The P² Algorithm for Dynamic
/// Calculation of Quantiles and Histograms Without Storing Observations", 1985).
///
/// ```
/// let mut p90 = mapek_signal::StreamingQuantile::try_new(0.9)?;
/// for i in 0..1000 {
///     p90.learn(f64::from(i * 7919 % 1000));
/// }
/// assert!(p90.value().is_some_and(|value| (value - 900.0).abs() < 20.0));
/// # Ok::<(), mapek_signal::InvalidState>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct StreamingQuantile(Raw);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    q: f64,
    count: u64,
    /// The markers' heights: minimum, q/2, q, (1+q)/2 and maximum.
    heights: [f64; 5],
    /// Where the markers are, counted from 1.
    places: [f64; 5],
}

impl StreamingQuantile {
    /// Knows nothing yet.
    ///
    /// # Errors
    ///
    /// [`InvalidState`] if `q` is not strictly between 0 and 1.
    pub fn try_new(q: f64) -> Result<Self, InvalidState> {
        Raw { q, count: 0, heights: [0.0; 5], places: [1.0, 2.0, 3.0, 4.0, 5.0] }.try_into()
    }

    /// How many values it is made of.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.count
    }

    /// The quantile of what was seen; `None` before the first value. Exact up to five values.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        match self.0.count {
            0 => None,
            count @ 1..=4 => crate::quantile(&self.0.heights[..count as usize], self.0.q),
            _ => Some(self.0.heights[2]),
        }
    }

    /// Takes in a value; one that is not finite changes nothing.
    pub fn learn(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let state = &mut self.0;
        if state.count < 5 {
            state.heights[state.count as usize] = value;
            state.count += 1;
            state.heights[..state.count as usize].sort_by(f64::total_cmp);
        } else {
            state.count += 1;
            state.make_room(value);
            (1..4).for_each(|i| state.settle(i));
        }
    }
}

impl Raw {
    /// Stretches the ends if need be, and moves the markers above `value` up by one place.
    fn make_room(&mut self, value: f64) {
        self.heights[0] = self.heights[0].min(value);
        self.heights[4] = self.heights[4].max(value);
        for i in 1..5 {
            if value < self.heights[i] || i == 4 {
                self.places[i] += 1.0;
            }
        }
    }

    /// Moves an inner marker one place towards where it should be, if it is off by one or more and there is room.
    fn settle(&mut self, i: usize) {
        let shares = [0.0, self.q / 2.0, self.q, (1.0 + self.q) / 2.0, 1.0];
        let wanted = 1.0 + (self.count - 1) as f64 * shares[i];
        let off = wanted - self.places[i];
        let room_above = self.places[i + 1] - self.places[i] > 1.0;
        let room_below = self.places[i - 1] - self.places[i] < -1.0;
        if (off >= 1.0 && room_above) || (off <= -1.0 && room_below) {
            let step = off.signum();
            self.heights[i] = self.moved(i, step);
            self.places[i] += step;
        }
    }

    /// The height of marker `i` one step further: on the parabola through its neighbours, or, where that leaves their range,
    /// on the straight line.
    fn moved(&self, i: usize, step: f64) -> f64 {
        let (n, h) = (&self.places, &self.heights);
        let above = (n[i] - n[i - 1] + step) * (h[i + 1] - h[i]) / (n[i + 1] - n[i]);
        let below = (n[i + 1] - n[i] - step) * (h[i] - h[i - 1]) / (n[i] - n[i - 1]);
        let curved = h[i] + step / (n[i + 1] - n[i - 1]) * (above + below);
        if h[i - 1] < curved && curved < h[i + 1] {
            return curved;
        }
        let j = if step > 0.0 { i + 1 } else { i - 1 };
        (h[i] + step * (h[j] - h[i]) / (n[j] - n[i])).clamp(h[i - 1], h[i + 1])
    }
}

impl TryFrom<Raw> for StreamingQuantile {
    type Error = InvalidState;

    fn try_from(raw: Raw) -> Result<Self, InvalidState> {
        if !(raw.q > 0.0 && raw.q < 1.0) {
            return Err(InvalidState::new("a quantile", "must lie strictly between 0 and 1"));
        }
        finite("heights and places", &[raw.heights, raw.places].concat())?;
        let known = &raw.heights[..raw.count.min(5) as usize];
        if !known.is_sorted() || !raw.places.is_sorted_by(|a, b| a < b) {
            return Err(InvalidState::new("heights and places", "must rise"));
        }
        Ok(Self(raw))
    }
}

impl From<StreamingQuantile> for Raw {
    fn from(quantile: StreamingQuantile) -> Raw {
        quantile.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn only_real_quantiles_and_sound_states() {
        for bad in [0.0, 1.0, -1.0, f64::NAN] {
            assert!(StreamingQuantile::try_new(bad).is_err(), "{bad}");
        }
        let text = r#"{"q":0.5,"count":5,"heights":[5,4,3,2,1],"places":[1,2,3,4,5]}"#;
        assert!(serde_json::from_str::<StreamingQuantile>(text).is_err());
    }

    proptest! {
        #[test]
        fn it_lies_near_the_true_quantile_in_rank(values in vec(-1e3..1e3_f64, 200..600), q in 0.1..0.9_f64) {
            let mut stream = StreamingQuantile::try_new(q).unwrap();
            stream.learn(f64::NAN);
            values.iter().for_each(|value| stream.learn(*value));
            let estimate = stream.value().unwrap();
            let rank = values.iter().filter(|value| **value <= estimate).count() as f64 / values.len() as f64;
            prop_assert!((rank - q).abs() < 0.12, "rank {rank} of quantile {q}");
            let text = serde_json::to_string(&stream).unwrap();
            prop_assert_eq!(serde_json::from_str::<StreamingQuantile>(&text).unwrap(), stream);
        }

        #[test]
        fn any_finite_stream_keeps_the_state_sound(values in vec(prop_oneof![-5.0..5.0_f64, Just(1.0), Just(f64::MAX)], 0..60)) {
            let mut stream = StreamingQuantile::try_new(0.5).unwrap();
            values.iter().for_each(|value| stream.learn(*value));
            prop_assert_eq!(stream.value().is_some(), !values.is_empty());
            prop_assert!(StreamingQuantile::try_from(stream.0.clone()).is_ok(), "{stream:?}");
        }
    }
}
