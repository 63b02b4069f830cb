//! What tallies are made of: the few columns of an outcome that are kept when its details are long forgotten.

use mapek_model::{CauseKind, Duration, ExecutionId, Outcome, PlanSignature, TargetId, Verdict};

use crate::{Error, Idle};

/// Longest outcome, in bytes of JSON. A measured outcome is a few kilobytes; a larger one is a mistake.
const BYTES_MAX: usize = 256 * 1024;

/// Where an outcome is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) target: TargetId,
    pub(crate) cause: CauseKind,
    /// Empty for doing nothing: a plan is never empty.
    pub(crate) signature: PlanSignature,
}

/// What is counted there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) verdict: Verdict,
    /// Rounded: see [`rounded_ms`]. Only of successes.
    pub(crate) time_to_effect_ms: Option<i64>,
}

/// An outcome as it is stored: columns, and the whole of it as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) execution: ExecutionId,
    pub(crate) place: Place,
    pub(crate) count: Count,
    /// Microseconds since 1970: what both stores sort by.
    pub(crate) judged_us: i64,
    pub(crate) body: String,
}

impl Row {
    /// Checks an outcome. Values that are not finite are left out of its measurements: they say that nothing was measured,
    /// and JSON cannot hold them.
    pub(crate) fn of(outcome: &Outcome) -> Result<Self, Error> {
        if outcome.signature.kinds().is_empty() {
            return Err(Error::Invalid { why: "has no action".to_owned() });
        }
        let mut outcome = outcome.clone();
        outcome.before.values.retain(|_, value| value.is_finite());
        outcome.after.values.retain(|_, value| value.is_finite());
        let body = serde_json::to_string(&outcome)
            .map_err(|error| Error::Invalid { why: format!("is no JSON ({error})") })?;
        if body.len() > BYTES_MAX {
            return Err(Error::Invalid { why: format!("has more than {BYTES_MAX} bytes") });
        }
        // A text that nobody can read back would get in the way of all others.
        if let Err(error) = serde_json::from_str::<Outcome>(&body) {
            return Err(Error::Invalid { why: format!("cannot be read back ({error})") });
        }
        let time_to_effect =
            (outcome.verdict == Verdict::Success).then_some(outcome.time_to_effect).flatten();
        let count =
            Count { verdict: outcome.verdict, time_to_effect_ms: time_to_effect.map(rounded_ms) };
        Ok(Self {
            execution: outcome.execution,
            place: Place {
                target: outcome.target,
                cause: outcome.cause.kind,
                signature: outcome.signature,
            },
            count,
            judged_us: outcome.judged.as_microsecond(),
            body,
        })
    }
}

impl Row {
    /// Whether `newer` says nothing new. Where details are gone, the columns decide.
    pub(crate) fn same_as(&self, newer: &Self) -> bool {
        (&self.place, self.count, self.judged_us) == (&newer.place, newer.count, newer.judged_us)
            && (self.body.is_empty() || self.body == newer.body)
    }
}

/// Reads the details of an outcome back.
pub(crate) fn read(body: &str) -> Result<Outcome, Error> {
    serde_json::from_str(body).map_err(|error| Error::corrupt("outcome", error))
}

/// Which idle period this is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IdleKey {
    pub(crate) place: Place,
    /// Empty if the cause was in the whole system: a component's name never is.
    pub(crate) component: String,
    pub(crate) began_us: i64,
}

impl IdleKey {
    pub(crate) fn of(idle: &Idle) -> Self {
        Self {
            place: Place {
                target: idle.target.clone(),
                cause: idle.cause.kind.clone(),
                signature: PlanSignature::new([]),
            },
            component: idle.cause.component.as_ref().map_or("", |it| it.as_str()).to_owned(),
            began_us: idle.began.as_microsecond(),
        }
    }
}

/// Milliseconds to three significant digits: at most 0.5 % off, and never more than some thousand different values, however
/// many outcomes there are.
pub(crate) fn rounded_ms(time: Duration) -> i64 {
    let ms = time.as_millis().min(mapek_model::duration::MAX.as_millis());
    let mut unit: u128 = 1;
    while ms / unit >= 1_000 {
        unit *= 10;
    }
    let rounded = (ms + unit / 2) / unit * unit;
    i64::try_from(rounded).expect("ten years of milliseconds fit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_three_digits() {
        for (ms, kept) in
            [(0, 0), (999, 999), (41_249, 41_200), (41_250, 41_300), (99_999, 100_000)]
        {
            assert_eq!(rounded_ms(Duration::from_millis(ms)), kept, "{ms}");
        }
        assert!(rounded_ms(Duration::MAX) > 0);
    }
}
