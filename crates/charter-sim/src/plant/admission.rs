//! Admission: token buckets that shed what comes above a rate.

/// A token bucket that holds half a second of its rate, at least one token.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    rate: f64,
    tokens: f64,
    at: f64,
}

impl Bucket {
    /// A full bucket at time `now` that lets `rate` requests per second pass.
    pub(crate) fn new(rate: f64, now: f64) -> Self {
        Self { rate, tokens: Self::depth(rate), at: now }
    }

    pub(crate) const fn rate(&self) -> f64 {
        self.rate
    }

    /// Whether a request at time `t` passes. Times must not decrease.
    pub(crate) fn admit(&mut self, t: f64) -> bool {
        self.tokens =
            (self.tokens + (t - self.at).max(0.0) * self.rate).min(Self::depth(self.rate));
        self.at = t;
        let pass = self.tokens >= 1.0;
        if pass {
            self.tokens -= 1.0;
        }
        pass
    }

    fn depth(rate: f64) -> f64 {
        (rate / 2.0).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_passes_its_rate_and_no_more() {
        let mut bucket = Bucket::new(100.0, 0.0);
        let passed = (0..10_000).filter(|i| bucket.admit(f64::from(*i) * 0.001)).count();
        assert!((1_000..=1_051).contains(&passed), "{passed} in 10 s");
    }

    #[test]
    fn a_rate_below_one_still_lets_something_pass() {
        let mut bucket = Bucket::new(0.1, 0.0);
        let passed = (0..100).filter(|i| bucket.admit(f64::from(*i))).count();
        assert!((9..=11).contains(&passed), "{passed} in 100 s");
    }
}
