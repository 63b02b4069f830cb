//! How much must be wrong before a plan is made.

use std::collections::BTreeMap;

use mapek_model::{RankedCause, Severity, Violation};

/// Sightings before planning unless the configuration says otherwise (`plan.min_violations`, `MAPE_K_THRESHOLD`).
pub const MIN_VIOLATIONS: u32 = 3;

/// Whether what `cause` explains is enough to plan for.
///
/// One critical episode is. Warnings and infos are once they were seen `min_violations` times, where an episode is seen
/// once in each cycle that the cause has persisted: three at once, or one for three cycles. An episode of which `open`
/// knows nothing is as mild as info.
///
/// ```
/// use mapek_analyze::{MIN_VIOLATIONS, enough_to_plan};
/// use mapek_model::{Cause, CauseKind, Confidence, RankedCause, Timestamp};
///
/// let cause = CauseKind::try_new("overload")?;
/// let nothing = RankedCause {
///     cause: Cause { kind: cause, component: None, metric: None },
///     confidence: Confidence::MAX,
///     explains: Vec::new(),
///     since: Timestamp::UNIX_EPOCH,
///     symptoms: Vec::new(),
///     persisted_cycles: 9,
///     reasons: Vec::new(),
/// };
/// assert!(!enough_to_plan(&nothing, &[], MIN_VIOLATIONS));
/// # Ok::<(), mapek_model::InvalidName>(())
/// ```
#[must_use]
pub fn enough_to_plan(cause: &RankedCause, open: &[Violation], min_violations: u32) -> bool {
    let severities: BTreeMap<_, _> =
        open.iter().map(|violation| (violation.key(), violation.severity)).collect();
    let critical = |key| severities.get(key) == Some(&Severity::Critical);
    let seen = cause.explains.len() as u64 * u64::from(cause.persisted_cycles);
    cause.explains.iter().any(critical)
        || (!cause.explains.is_empty() && seen >= u64::from(min_violations))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{at, violation};
    use mapek_model::{Cause, CauseKind, Confidence};

    #[test]
    fn one_critical_is_enough_and_warnings_must_be_seen_three_times() {
        let of = |severity, episodes: u64, cycles| {
            let open: Vec<_> =
                (0..episodes).map(|i| violation("slow", None, severity, i)).collect();
            let cause = RankedCause {
                cause: Cause {
                    kind: CauseKind::try_new("overload").unwrap(),
                    component: None,
                    metric: None,
                },
                confidence: Confidence::MAX,
                explains: open.iter().map(Violation::key).collect(),
                since: at(0),
                symptoms: Vec::new(),
                persisted_cycles: cycles,
                reasons: Vec::new(),
            };
            enough_to_plan(&cause, &open, MIN_VIOLATIONS)
        };
        assert!(of(Severity::Critical, 1, 1));
        assert!(!of(Severity::Warning, 2, 1) && of(Severity::Warning, 3, 1));
        assert!(!of(Severity::Info, 1, 2) && of(Severity::Info, 1, 3));
        assert!(!of(Severity::Critical, 0, 9));
    }
}
