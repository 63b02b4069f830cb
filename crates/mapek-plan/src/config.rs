//! What may be configured about planning: section `plan` of the configuration file.

use std::collections::BTreeMap;

use mapek_model::{ActionKind, Confidence, Cost, Duration, Ratio};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{Planner, Strategy};

/// Configuration of the planner. Unknown keys are refused, and a value out of range is refused by the name of its key.
///
/// ```
/// use mapek_plan::Config;
///
/// let config: Config = serde_json::from_str(r#"{"cost_model": {"SCALE_UP": 0.2}, "expiry": "5m"}"#)?;
/// assert_eq!(config.cost_of(&"scale_up".parse()?).get(), 0.2);
/// assert_eq!(config.cost_of(&"scale_down".parse()?).get(), 0.05);
///
/// let error = serde_json::from_str::<Config>(r#"{"min_confidence": 60}"#).unwrap_err();
/// assert!(error.to_string().starts_with("min_confidence: "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What actions cost, where it is not their default: by kind, as `scale_up` or `SCALE_UP`.
    #[serde(deserialize_with = "cost_model")]
    pub cost_model: BTreeMap<ActionKind, Cost>,
    /// The most that a plan can bring: benefit is at most this, even for a certain cause and a remedy that always works.
    #[serde(deserialize_with = "benefit_target")]
    pub benefit_target: Ratio,
    /// Below this confidence in its cause no plan is proposed.
    #[serde(deserialize_with = "min_confidence")]
    pub min_confidence: Confidence,
    /// A plan whose cause is less likely than this waits `unsure_cycles`, even if it explains a critical violation.
    #[serde(deserialize_with = "sure_confidence")]
    pub sure_confidence: Confidence,
    /// Most plans proposed for one diagnosis: 1 to 100.
    #[serde(deserialize_with = "max_policies_per_analysis")]
    pub max_policies_per_analysis: u32,
    /// With fewer open violations in the diagnosis than this, plans wait, unless their cause explains a critical one:
    /// 0 to 1 000 000.
    #[serde(deserialize_with = "min_violations")]
    pub min_violations: u32,
    /// A plan waits until its cause was there for so many cycles in a row, unless it explains a critical violation:
    /// 0 to 1 000.
    #[serde(deserialize_with = "dwell_cycles")]
    pub dwell_cycles: u32,
    /// For how many cycles in a row a cause that is not sure must have been there, if that is more than `dwell_cycles`: 0 to 1 000.
    #[serde(deserialize_with = "unsure_cycles")]
    pub unsure_cycles: u32,
    /// A plan that has not begun after this time is too old: 1 s to 7 days.
    #[serde(serialize_with = "mapek_model::duration::serialize", deserialize_with = "expiry")]
    pub expiry: Duration,
}

/// A value of the configuration is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
#[non_exhaustive]
pub struct InvalidConfig {
    /// The key, below section `plan`.
    pub key: &'static str,
    /// What is wrong with its value.
    pub why: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cost_model: BTreeMap::new(),
            benefit_target: Ratio::saturating(Self::BENEFIT_TARGET),
            min_confidence: Confidence::saturating(Self::MIN_CONFIDENCE),
            sure_confidence: Confidence::saturating(Self::SURE_CONFIDENCE),
            max_policies_per_analysis: Self::MAX_POLICIES_PER_ANALYSIS,
            min_violations: Self::MIN_VIOLATIONS,
            dwell_cycles: Self::DWELL_CYCLES,
            unsure_cycles: Self::UNSURE_CYCLES,
            expiry: Self::EXPIRY,
        }
    }
}

impl Config {
    /// Nothing works always.
    pub const BENEFIT_TARGET: f64 = 0.95;
    /// A remedy against a cause that is as likely wrong as right is worse than a question to a person.
    pub const MIN_CONFIDENCE: f64 = 0.6;
    /// What is less likely is told from other things a look later, or is over.
    pub const SURE_CONFIDENCE: f64 = 0.85;
    /// Nobody compares more than a handful.
    pub const MAX_POLICIES_PER_ANALYSIS: u32 = 5;
    /// One or two mild violations may be noise.
    pub const MIN_VIOLATIONS: u32 = 3;
    /// What is gone in the next cycle needed no remedy.
    pub const DWELL_CYCLES: u32 = 2;
    /// A burst of ten seconds is still seen in the second look, by a rate over a minute.
    pub const UNSURE_CYCLES: u32 = 3;
    /// Longer, and the system is no longer the one that the plan was made for.
    pub const EXPIRY: Duration = Duration::from_secs(600);

    /// What an action of this kind costs.
    #[must_use]
    pub fn cost_of(&self, kind: &ActionKind) -> Cost {
        self.cost_model.get(kind).copied().unwrap_or_else(|| kind.default_cost())
    }

    /// Checks what types cannot, for configurations that were made in code.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] names the first key whose value is out of range.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        check_count("max_policies_per_analysis", self.max_policies_per_analysis, PLANS)?;
        check_count("min_violations", self.min_violations, VIOLATIONS)?;
        check_count("dwell_cycles", self.dwell_cycles, CYCLES)?;
        check_count("unsure_cycles", self.unsure_cycles, CYCLES)?;
        check_expiry(self.expiry)
    }

    /// Makes the planner.
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check).
    pub fn build(self, strategy: impl Strategy + 'static) -> Result<Planner, InvalidConfig> {
        self.check()?;
        Ok(Planner::checked(self, std::sync::Arc::new(strategy)))
    }
}

const PLANS: (u32, u32) = (1, 100);
const VIOLATIONS: (u32, u32) = (0, 1_000_000);
const CYCLES: (u32, u32) = (0, 1_000);
const EXPIRY_MIN: Duration = Duration::from_secs(1);
const EXPIRY_MAX: Duration = Duration::from_secs(7 * 86_400);

fn check_count(key: &'static str, value: u32, (min, max): (u32, u32)) -> Result<(), InvalidConfig> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(InvalidConfig { key, why: format!("must be a whole number in {min}..={max}, got {value}") })
}

fn check_expiry(expiry: Duration) -> Result<(), InvalidConfig> {
    if (EXPIRY_MIN..=EXPIRY_MAX).contains(&expiry) {
        return Ok(());
    }
    let got = mapek_model::duration::format(expiry);
    Err(InvalidConfig { key: "expiry", why: format!("must be from 1s to 7 days, got {got}") })
}

/// Reads a value, and names its key if that fails.
fn keyed<'de, T, D>(key: &str, deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map_err(|error| named(key, &error))
}

fn named<E: de::Error>(key: &str, error: &dyn std::fmt::Display) -> E {
    E::custom(format_args!("{key}: {error}"))
}

fn counted<'de, D>(key: &'static str, range: (u32, u32), deserializer: D) -> Result<u32, D::Error>
where
    D: Deserializer<'de>,
{
    let value = keyed(key, deserializer)?;
    check_count(key, value, range).map_err(de::Error::custom)?;
    Ok(value)
}

fn benefit_target<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ratio, D::Error> {
    keyed("benefit_target", deserializer)
}

fn min_confidence<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Confidence, D::Error> {
    keyed("min_confidence", deserializer)
}

fn sure_confidence<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Confidence, D::Error> {
    keyed("sure_confidence", deserializer)
}

fn max_policies_per_analysis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    counted("max_policies_per_analysis", PLANS, deserializer)
}

fn min_violations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    counted("min_violations", VIOLATIONS, deserializer)
}

fn dwell_cycles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    counted("dwell_cycles", CYCLES, deserializer)
}

fn unsure_cycles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    counted("unsure_cycles", CYCLES, deserializer)
}

fn expiry<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let value = mapek_model::duration::deserialize(deserializer)
        .map_err(|error| named("expiry", &error))?;
    check_expiry(value).map_err(de::Error::custom)?;
    Ok(value)
}

fn cost_model<'de, D>(deserializer: D) -> Result<BTreeMap<ActionKind, Cost>, D::Error>
where
    D: Deserializer<'de>,
{
    let raw: BTreeMap<String, f64> = keyed("cost_model", deserializer)?;
    let mut costs = BTreeMap::new();
    for (word, value) in raw {
        let fail = |why: &dyn std::fmt::Display| named(&format!("cost_model.{word}"), why);
        let kind: ActionKind = word.parse().map_err(|error| fail(&error))?;
        let cost = Cost::try_new(value).map_err(|error| fail(&error))?;
        if costs.insert(kind, cost).is_some() {
            return Err(fail(&"is given twice, in both spellings"));
        }
    }
    Ok(costs)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_documents_and_survive_json() {
        let config: Config = serde_json::from_str("{}").unwrap();
        assert_eq!(config, Config::default());
        let text = serde_json::to_string(&config).unwrap();
        assert!(text.contains(r#""expiry":"10m""#), "{text}");
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
        assert_eq!(config.check(), Ok(()));
    }

    #[rstest]
    #[case(r#"{"min_confidence": 1.5}"#, "min_confidence: confidence must be")]
    #[case(r#"{"min_confidence": "high"}"#, "min_confidence: invalid type")]
    #[case(r#"{"sure_confidence": 80}"#, "sure_confidence: confidence must be")]
    #[case(r#"{"benefit_target": -1}"#, "benefit_target: ratio must be")]
    #[case(r#"{"max_policies_per_analysis": 0}"#, "max_policies_per_analysis: must be a whole")]
    #[case(r#"{"min_violations": -1}"#, "min_violations: invalid value")]
    #[case(r#"{"dwell_cycles": 1001}"#, "dwell_cycles: must be a whole number in 0..=1000")]
    #[case(r#"{"unsure_cycles": "few"}"#, "unsure_cycles: invalid type")]
    #[case(r#"{"expiry": 0}"#, "expiry: must be from 1s to 7 days, got 0s")]
    #[case(r#"{"expiry": "soon"}"#, "expiry: expected a duration")]
    #[case(r#"{"cost_model": {"SCALE_UP": -1}}"#, "cost_model.SCALE_UP: cost must be")]
    #[case(r#"{"cost_model": {"SCALE UP": 1}}"#, "cost_model.SCALE UP: an action kind must")]
    #[case(
        r#"{"cost_model": {"SCALE_UP": 1, "scale_up": 1}}"#,
        "cost_model.scale_up: is given twice"
    )]
    #[case(r#"{"cost_model": 3}"#, "cost_model: invalid type")]
    #[case(r#"{"min_confidense": 0.5}"#, "unknown field `min_confidense`")]
    fn a_bad_value_is_named_by_its_key(#[case] text: &str, #[case] says: &str) {
        let error = serde_json::from_str::<Config>(text).unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    }

    #[test]
    fn a_configuration_made_in_code_is_checked_too() {
        let config = Config { max_policies_per_analysis: 0, ..Config::default() };
        let error = config.build(crate::Catalogue::new()).unwrap_err();
        assert_eq!(error.key, "max_policies_per_analysis");
    }
}
