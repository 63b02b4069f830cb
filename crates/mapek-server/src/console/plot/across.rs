//! From moments to places across a picture.

use mapek_model::Timestamp;

use super::digit;

/// A span of time, laid across a picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Across {
    from: Timestamp,
    to: Timestamp,
}

impl Across {
    /// From one moment to a later one.
    pub(crate) fn new(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to }
    }

    pub(crate) const fn from(self) -> Timestamp {
        self.from
    }

    pub(crate) const fn to(self) -> Timestamp {
        self.to
    }

    /// Its length in seconds; never 0.
    pub(crate) fn seconds(self) -> f64 {
        let length = self.to.as_millisecond().saturating_sub(self.from.as_millisecond());
        (length as f64 / 1000.0).max(0.001)
    }

    /// Where a moment is: 0 at the beginning, 1 at the end, and never beyond.
    pub(crate) fn share(self, at: Timestamp) -> f64 {
        let into = at.as_millisecond().saturating_sub(self.from.as_millisecond());
        (into as f64 / 1000.0 / self.seconds()).clamp(0.0, 1.0)
    }

    /// The same, as an attribute: `12.5%`.
    pub(crate) fn percent(self, at: Timestamp) -> String {
        percent(self.share(at))
    }

    /// Where something begins and how wide it is, as attributes. What lasted a moment can be seen, too.
    pub(crate) fn extent(self, from: Timestamp, to: Option<Timestamp>) -> (String, String) {
        const LEAST: f64 = 0.002;
        let (from, to) = (self.share(from), to.map_or(1.0, |to| self.share(to)));
        let width = (to - from).max(LEAST);
        (percent(from.min(1.0 - width)), percent(width))
    }

    pub(crate) fn contains(self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }
}

fn percent(share: f64) -> String {
    // A tenth of a thousandth is a tenth of a pixel on a wide screen.
    format!("{}%", (share * 10_000.0).round() / 100.0)
}

/// Across a drawing that is stretched: it is so wide, in units of its own.
pub(super) const WIDTH: f64 = 1000.0;

/// A place in such a drawing.
pub(super) fn stretched(share: f64) -> String {
    digit(share * WIDTH)
}
