//! Counts for people.

use std::collections::BTreeMap;

use mapek_model::{ActionKind, CauseKind, Ratio, Tally, Verdict};
use serde::{Deserialize, Serialize};

/// How plans did on one target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// All plans.
    pub overall: Tally,
    /// What became of causes where nothing was done.
    pub nothing: Tally,
    /// All plans, by the cause that they treated.
    pub by_cause: BTreeMap<CauseKind, Tally>,
    /// All plans with such an action, whatever the cause.
    pub by_action: BTreeMap<ActionKind, Tally>,
}

impl Statistics {
    /// How many outcomes of plans there are, unknown ones included.
    #[must_use]
    pub fn outcomes(&self) -> u32 {
        self.overall.judged().saturating_add(self.overall.unknown)
    }

    /// How many outcomes of plans had each verdict; all five are there.
    #[must_use]
    pub fn by_verdict(&self) -> BTreeMap<Verdict, u32> {
        let all = &self.overall;
        BTreeMap::from([
            (Verdict::Success, all.success),
            (Verdict::Partial, all.partial),
            (Verdict::Ineffective, all.ineffective),
            (Verdict::Degradation, all.degradation),
            (Verdict::Unknown, all.unknown),
        ])
    }
}

/// The share of successes among what was judged, as it was, without any prior; absent if nothing was judged.
///
/// ```
/// use mapek_knowledge::success_rate;
/// use mapek_model::Tally;
///
/// let tally = Tally { success: 3, partial: 1, unknown: 9, ..Tally::default() };
/// assert_eq!(success_rate(&tally).map(|rate| rate.get()), Some(0.75));
/// assert_eq!(success_rate(&Tally::default()), None);
/// ```
#[must_use]
pub fn success_rate(tally: &Tally) -> Option<Ratio> {
    let judged = tally.judged();
    (judged > 0).then(|| Ratio::saturating(f64::from(tally.success) / f64::from(judged)))
}
