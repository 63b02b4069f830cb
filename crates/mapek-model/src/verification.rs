//! How the effect of a plan is looked for, and what each look shows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Direction, Duration, Expectation, Timestamp};

/// How the effect of a plan is looked for, from its time to effect on.
///
/// One look decides nothing that would have consequences: what looks healed has to look so again, and what looks worse has to
/// look so again before it is undone. What stays as it was is believed at once, for another plan waits for it.
///
/// ```
/// use mapek_model::Verification;
///
/// let spec: Verification = serde_json::from_str(r#"{"interval": "1m", "successes": 3}"#)?;
/// assert_eq!((spec.interval.as_secs(), spec.successes, spec.failures), (60, 3, 2));
/// assert!(serde_json::from_str::<Verification>(r#"{"failures": 0}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Verification {
    /// How long between two looks: no less than between two scrapes, or both see the same.
    #[serde(with = "crate::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "crate::duration::Schema"))]
    pub interval: Duration,
    /// How many looks in a row have to show everything gone before it is a success; 1 or more.
    pub successes: u16,
    /// How many looks in a row have to show it worse before it is a degradation; 1 or more.
    pub failures: u16,
    /// Whether harm is looked for at once: what looks worse before the time to effect is worse. Not for steps that make things
    /// worse for a moment, as restarts do.
    pub early: bool,
    /// Values outside the cause that must not get worse meanwhile.
    pub guards: Vec<Guard>,
}

/// What of the usual [`Verification`] is not so for one plan.
///
/// ```
/// use mapek_model::{Verification, VerificationOverride};
///
/// let own: VerificationOverride = serde_json::from_str(r#"{"early": true, "failures": 3}"#)?;
/// let spec = Verification::default().overridden_by(&own);
/// assert_eq!((spec.early, spec.failures, spec.successes), (true, 3, 2));
/// assert!(serde_json::from_str::<VerificationOverride>(r#"{"failures": 0}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, try_from = "UncheckedOverride")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct VerificationOverride {
    /// Another time between two looks.
    #[serde(with = "crate::duration::option", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<crate::duration::Schema>"))]
    pub interval: Option<Duration>,
    /// Another number of looks for a success; 1 or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successes: Option<u16>,
    /// Another number of looks for a degradation; 1 or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u16>,
    /// Whether harm is looked for at once, or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early: Option<bool>,
    /// What is guarded besides: nothing takes a guard away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<Guard>,
}

impl Verification {
    /// This, but for what a plan has of its own.
    #[must_use]
    pub fn overridden_by(&self, own: &VerificationOverride) -> Self {
        Self {
            interval: own.interval.unwrap_or(self.interval),
            successes: own.successes.unwrap_or(self.successes),
            failures: own.failures.unwrap_or(self.failures),
            early: own.early.unwrap_or(self.early),
            guards: [own.guards.as_slice(), &self.guards].concat(),
        }
    }

    fn checked(self) -> Result<Self, InvalidVerification> {
        let bad = |what: &str| Err(InvalidVerification(what.to_owned()));
        if self.successes == 0 || self.failures == 0 {
            return bad("successes and failures must be 1 or more");
        }
        if self.interval.is_zero() {
            return bad("interval must be above 0");
        }
        self.guards.iter().try_for_each(Guard::check)?;
        Ok(self)
    }
}

impl Default for Verification {
    fn default() -> Self {
        Self {
            // The usual scrape interval.
            interval: Duration::from_secs(15),
            // What is gone for one scrape may be between two spikes.
            successes: 2,
            // An alert that was late to fire is no harm; harm is still there at the next scrape.
            failures: 2,
            early: false,
            guards: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(rename = "Verification"))]
struct Unchecked {
    #[serde(with = "crate::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "crate::duration::Schema"))]
    interval: Duration,
    successes: u16,
    failures: u16,
    early: bool,
    guards: Vec<Guard>,
}

impl Default for Unchecked {
    fn default() -> Self {
        let Verification { interval, successes, failures, early, guards } = Verification::default();
        Self { interval, successes, failures, early, guards }
    }
}

impl TryFrom<Unchecked> for Verification {
    type Error = InvalidVerification;

    fn try_from(raw: Unchecked) -> Result<Self, Self::Error> {
        let Unchecked { interval, successes, failures, early, guards } = raw;
        Self { interval, successes, failures, early, guards }.checked()
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(rename = "VerificationOverride"))]
struct UncheckedOverride {
    #[serde(with = "crate::duration::option")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<crate::duration::Schema>"))]
    interval: Option<Duration>,
    successes: Option<u16>,
    failures: Option<u16>,
    early: Option<bool>,
    guards: Vec<Guard>,
}

impl TryFrom<UncheckedOverride> for VerificationOverride {
    type Error = InvalidVerification;

    fn try_from(raw: UncheckedOverride) -> Result<Self, Self::Error> {
        let UncheckedOverride { interval, successes, failures, early, guards } = raw;
        let own = Self { interval, successes, failures, early, guards };
        Verification::default().overridden_by(&own).checked()?;
        Ok(own)
    }
}

/// A verification or one of its guards makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidVerification(String);

/// A value that a plan must not make worse, though it treats something else.
///
/// It counts as worse if it is beyond what its trend before the plan would have led to by more than the `share` of that and by
/// more than the `floor`: a share alone makes much of small numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Guard {
    /// The watched value, as Monitor's configuration names it.
    pub value: String,
    /// Which way is worse: `rising` or `falling`.
    pub worse: Direction,
    /// By which share of what was to be expected; 0 or more.
    pub share: f64,
    /// By how much at least, in the value's own unit; 0 or more.
    #[serde(default)]
    pub floor: f64,
    /// What is breached when this value is bad. Where a plan treats that, or is expected to bring it about, the guard is not asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<Expectation>,
}

impl Guard {
    fn check(&self) -> Result<(), InvalidVerification> {
        let bad = |what: &str| Err(InvalidVerification(format!("guard {:?}: {what}", self.value)));
        if self.worse == Direction::Steady {
            bad("worse must be rising or falling")
        } else if !(self.share >= 0.0 && self.share.is_finite()) {
            bad("share must be 0 or more")
        } else if !(self.floor >= 0.0 && self.floor.is_finite()) {
            bad("floor must be 0 or more")
        } else {
            Ok(())
        }
    }

    /// Whether `now` is worse than `expected`, what doing nothing would have led to.
    ///
    /// ```
    /// use mapek_model::{Direction, Guard};
    ///
    /// let latency = Guard {
    ///     value: "latency".to_owned(),
    ///     worse: Direction::Rising,
    ///     share: 0.5,
    ///     floor: 0.1,
    ///     expectations: Vec::new(),
    /// };
    /// assert!(latency.is_worse(0.4, 0.7));
    /// assert!(!latency.is_worse(0.4, 0.55), "less than half of it");
    /// assert!(!latency.is_worse(0.02, 0.08), "much more, but next to nothing");
    /// assert!(!latency.is_worse(0.4, 0.1) && !latency.is_worse(0.4, f64::NAN));
    /// ```
    #[must_use]
    pub fn is_worse(&self, expected: f64, now: f64) -> bool {
        let by = match self.worse {
            Direction::Rising => now - expected,
            Direction::Falling => expected - now,
            Direction::Steady => return false,
        };
        by > self.floor && by > self.share * expected.abs()
    }
}

/// What one look at fresh metrics shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Sight {
    /// Nothing that the plan explains is open, nor anything new.
    Healed,
    /// Some of it is open, and it is getting better, or is better than doing nothing would have led to.
    Better,
    /// It is as it was.
    Same,
    /// More is open than before, or a guarded value got worse.
    Worse,
}

impl Sight {
    /// The word that JSON uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healed => "healed",
            Self::Better => "better",
            Self::Same => "same",
            Self::Worse => "worse",
        }
    }
}

impl fmt::Display for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One look at fresh metrics that was not the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Look {
    /// When.
    pub at: Timestamp,
    /// What it showed.
    pub sight: Sight,
    /// The share that was left of the worst that the plan explains; see [`ExecutionEvent::Looked`](crate::ExecutionEvent::Looked).
    pub left: Option<f64>,
    /// In words.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (text, what) in [
            (r#"{"successes": 0}"#, "successes"),
            (r#"{"interval": 0}"#, "interval"),
            (r#"{"guards": [{"value": "x", "worse": "steady", "share": 1}]}"#, "\"x\": worse"),
            (r#"{"guards": [{"value": "x", "worse": "rising", "share": -1}]}"#, "\"x\": share"),
            (
                r#"{"guards": [{"value": "x", "worse": "rising", "share": 1, "floor": -1}]}"#,
                "\"x\": floor",
            ),
            (r#"{"failure": 1}"#, "failures"),
        ] {
            let error = serde_json::from_str::<Verification>(text).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
            let error = serde_json::from_str::<VerificationOverride>(text).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        let all = Verification::default();
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Verification>(&text).unwrap(), all);
    }

    #[test]
    fn what_a_plan_does_not_say_is_as_for_all_plans() {
        let usual = Verification { successes: 7, ..Verification::default() };
        assert_eq!(usual.overridden_by(&VerificationOverride::default()), usual);
        let guard = |value: &str| Guard {
            value: value.to_owned(),
            worse: Direction::Rising,
            share: 0.5,
            floor: 0.0,
            expectations: Vec::new(),
        };
        let usual = Verification { guards: vec![guard("latency")], ..usual };
        let own = VerificationOverride {
            interval: Some(Duration::from_secs(90)),
            guards: vec![guard("failures")],
            ..VerificationOverride::default()
        };
        let spec = usual.overridden_by(&own);
        assert_eq!((spec.interval.as_secs(), spec.successes), (90, 7));
        assert_eq!(spec.guards, [guard("failures"), guard("latency")]);
        let text = serde_json::to_string(&own).unwrap();
        assert!(!text.contains("null"), "{text}");
        assert_eq!(serde_json::from_str::<VerificationOverride>(&text).unwrap(), own);
    }

    #[test]
    fn a_value_that_must_not_fall_is_worse_when_it_falls() {
        let guard = |floor| Guard {
            value: "throughput".to_owned(),
            worse: Direction::Falling,
            share: 0.25,
            floor,
            expectations: Vec::new(),
        };
        assert!(guard(0.0).is_worse(100.0, 70.0));
        assert!(!guard(0.0).is_worse(100.0, 80.0));
        assert!(!guard(50.0).is_worse(100.0, 70.0));
        assert!(!guard(0.0).is_worse(100.0, 200.0));
    }
}
