//! Metrics with labels, and a limit on how many series they can become.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::Metric,
};

/// Most series of one family. Labels such as a rail or a custom action kind come from whoever embeds the loop; a
/// mistake there must not fill a time-series database.
pub(super) const SERIES_MAX: usize = 512;

/// What stands for the label values of all further series.
const OTHER: &str = "other";

/// A gauge of real numbers.
pub(super) type RealGauge = Gauge<f64, AtomicU64>;

type Pairs<const N: usize> = [(&'static str, String); N];

/// A metric for each combination of `N` label values.
#[derive(Debug)]
pub(super) struct Labelled<M, const N: usize> {
    names: [&'static str; N],
    family: Family<Pairs<N>, M, fn() -> M>,
    /// Series that there are.
    series: Arc<AtomicUsize>,
}

impl<M, const N: usize> Clone for Labelled<M, N> {
    fn clone(&self) -> Self {
        Self { names: self.names, family: self.family.clone(), series: Arc::clone(&self.series) }
    }
}

impl<M: Clone, const N: usize> Labelled<M, N> {
    pub(super) fn new(names: [&'static str; N], metric: fn() -> M) -> Self {
        Self {
            names,
            family: Family::new_with_constructor(metric),
            series: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// The metric of these label values; the first is the coarsest, and is kept when there are too many series.
    pub(super) fn of(&self, values: [&str; N]) -> M {
        let mut pairs = self.pairs(values);
        if let Some(known) = self.family.get(&pairs) {
            return known.clone();
        }
        // Two that come at once for the same new series count it twice: the limit need not be exact.
        if self.series.fetch_add(1, Relaxed) >= SERIES_MAX {
            self.series.fetch_sub(1, Relaxed);
            pairs.iter_mut().skip(1).for_each(|(_, value)| OTHER.clone_into(value));
        }
        self.family.get_or_create_owned(&pairs)
    }

    /// Forgets the metric of these label values.
    pub(super) fn remove(&self, values: [&str; N]) {
        if self.family.remove(&self.pairs(values)) {
            self.series.fetch_sub(1, Relaxed);
        }
    }

    /// What the registry takes.
    pub(super) fn metric(&self) -> impl Metric
    where
        Family<Pairs<N>, M, fn() -> M>: Metric,
    {
        self.family.clone()
    }

    fn pairs(&self, values: [&str; N]) -> Pairs<N> {
        std::array::from_fn(|i| (self.names[i], values[i].to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn too_many_series_become_one() {
        let family: Labelled<Counter, 2> = Labelled::new(["target", "rail"], Counter::default);
        for i in 0..SERIES_MAX + 10 {
            family.of(["default", &format!("rail-{i}")]).inc();
        }
        assert_eq!(family.of(["default", "other"]).get(), 10);
        assert_eq!(family.of(["default", "rail-0"]).get(), 1, "what is known stays known");

        family.remove(["default", "rail-0"]);
        family.of(["default", "late"]).inc();
        assert_eq!(family.of(["default", "late"]).get(), 1, "there is room again");
        assert_eq!(family.of(["default", "other"]).get(), 10);
    }
}
