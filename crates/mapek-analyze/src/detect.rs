//! Detectors: each recognises one shape in a window of onsets.

mod causal;
mod chance;
mod correlation;
mod frequency;
mod spatial;
mod temporal;

use std::{fmt, sync::Arc};

use mapek_model::Finding;

use crate::{Baselines, Window};

pub use causal::{Causal, CausalConfig};
pub use frequency::{Frequency, FrequencyConfig};
pub use spatial::{Spatial, SpatialConfig};
pub use temporal::{Temporal, TemporalConfig};

/// Recognises one shape in one window of onsets and series.
///
/// Detectors are pure: they never ask for the time, so the same window and baselines always yield the same findings,
/// and asking twice changes nothing. The findings of one detector may come in any order; whoever asks sorts them.
/// More evidence must never lower a confidence, and what the learned base rate explains must not keep it high. A
/// detector must afford 100 000 onsets: O(n log n) or better, without copying names while it looks.
pub trait Detector: fmt::Debug + Send + Sync {
    /// What it recognises.
    fn detect(&self, window: &Window<'_>, baselines: &Baselines) -> Vec<Finding>;
}

const _: Option<&dyn Detector> = None; // stays usable as a trait object

impl<T: Detector + ?Sized> Detector for Arc<T> {
    fn detect(&self, window: &Window<'_>, baselines: &Baselines) -> Vec<Finding> {
        (**self).detect(window, baselines)
    }
}

/// A detector that is one function.
///
/// ```
/// use mapek_analyze::{Baselines, Detector, Window, detector_fn};
///
/// let blind = detector_fn(|_, _| Vec::new());
/// assert!(blind.detect(&Window::default(), &Baselines::default()).is_empty());
/// ```
pub fn detector_fn<F>(detect: F) -> DetectorFn<F>
where
    F: Fn(&Window<'_>, &Baselines) -> Vec<Finding> + Send + Sync,
{
    DetectorFn { detect }
}

/// See [`detector_fn`].
#[derive(Clone, Copy)]
pub struct DetectorFn<F> {
    detect: F,
}

impl<F> fmt::Debug for DetectorFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DetectorFn").finish_non_exhaustive()
    }
}

impl<F> Detector for DetectorFn<F>
where
    F: Fn(&Window<'_>, &Baselines) -> Vec<Finding> + Send + Sync,
{
    fn detect(&self, window: &Window<'_>, baselines: &Baselines) -> Vec<Finding> {
        (self.detect)(window, baselines)
    }
}

/// Most episodes that one finding names, newest first. Confidence counts them all; nobody reads more of them.
pub const EPISODES_MAX: usize = 200;

/// Most findings of one detector, most confident first. More say only that everything is on fire.
pub const FINDINGS_MAX: usize = 100;

/// Sorts findings, most confident first, in a total order, and keeps the first of them.
pub(crate) fn most_confident(findings: &mut Vec<Finding>, max: usize) {
    findings.sort_by(|a, b| {
        b.confidence
            .cmp(&a.confidence)
            .then_with(|| a.kind.cmp(&b.kind))
            .then_with(|| a.component.cmp(&b.component))
            .then_with(|| a.hypothesis.cmp(&b.hypothesis))
            .then_with(|| a.episodes.cmp(&b.episodes))
    });
    findings.truncate(max);
}

#[cfg(test)]
mod laws;
