//! The causes that are known, each with what speaks for it: data, not code.
//!
//! The shipped catalogue is `causes.json`, and `docs/causes.md` shows it. A configuration may replace it as a whole.

mod condition;
mod pattern;

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{ActionKind, CauseKind, MetricName};
use serde::{Deserialize, Serialize};

use crate::Error;

pub use condition::{Condition, ResourceTest, Shape, WatchTest};
pub use pattern::Pattern;

/// The causes that are known.
///
/// ```
/// use mapek_analyze::Catalogue;
///
/// let catalogue = Catalogue::shipped();
/// assert!(catalogue.causes().iter().any(|cause| cause.kind == "overload"));
/// assert!(Catalogue::parse(r#"{"causes": []}"#).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "Raw"))]
pub struct Catalogue {
    causes: Vec<Signature>,
}

/// As it is written: families are names for lists of patterns, so that `@latency` need not be spelt out by each cause.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
struct Raw {
    /// Lists of patterns by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    families: BTreeMap<String, Vec<Pattern>>,
    /// The causes.
    causes: Vec<Signature>,
}

/// One cause: how likely it is before anything is seen, what it explains, what speaks for it, what helps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Signature {
    /// Its word.
    pub kind: CauseKind,
    /// What it is, in a sentence.
    pub title: String,
    /// Log-odds against *unknown* before any clue, −20 to 20.
    pub prior: f64,
    /// The watched value that shows it best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricName>,
    /// The expectations whose breach it can explain. Never empty.
    pub explains: Vec<Pattern>,
    /// What speaks for it and against it. Never empty.
    pub clues: Vec<Clue>,
    /// What helps, most gentle first.
    pub remedies: Vec<Remedy>,
}

/// One thing to look at, and what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Clue {
    /// What to look at.
    #[serde(rename = "if")]
    pub when: Condition,
    /// Log-odds added if it is so, −20 to 20.
    pub then: f64,
    /// Log-odds added if it is not so, −20 to 20. Nothing is added if it cannot be seen.
    #[serde(default, rename = "else")]
    pub otherwise: f64,
    /// What is so, in words.
    pub words: String,
    /// Whether the component or resource that it is about is where the cause is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locates: bool,
}

/// What helps against a cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Remedy {
    /// The kind of action.
    pub action: ActionKind,
    /// What is done, in words.
    pub words: String,
    /// How it is undone, in words.
    pub undo: String,
}

impl Catalogue {
    /// Most causes in a catalogue: each competes with all others in each cycle.
    pub const CAUSES_MAX: usize = 200;
    /// Most clues of one cause.
    pub const CLUES_MAX: usize = 100;
    /// Greatest log-odds either way: e²⁰ is certain enough, and sums stay finite.
    pub const LOG_ODDS_MAX: f64 = 20.0;

    /// The catalogue that comes with this crate.
    #[must_use]
    pub fn shipped() -> Self {
        match Self::parse(include_str!("causes.json")) {
            Ok(catalogue) => catalogue,
            Err(error) => unreachable!("a test reads the embedded catalogue: {error}"),
        }
    }

    /// Reads a catalogue from JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Catalogue`] says what is wrong where.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let raw: Raw = serde_json::from_str(json)
            .map_err(|error| Error::catalogue("JSON", error.to_string()))?;
        raw.try_into()
    }

    /// The causes, by kind.
    #[must_use]
    pub fn causes(&self) -> &[Signature] {
        &self.causes
    }

    /// One cause.
    #[must_use]
    pub fn cause(&self, kind: &CauseKind) -> Option<&Signature> {
        self.causes.iter().find(|it| it.kind == *kind)
    }
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::shipped()
    }
}

impl From<Catalogue> for Raw {
    fn from(catalogue: Catalogue) -> Self {
        Self { families: BTreeMap::new(), causes: catalogue.causes }
    }
}

impl TryFrom<Raw> for Catalogue {
    type Error = Error;

    fn try_from(Raw { families, mut causes }: Raw) -> Result<Self, Error> {
        if causes.is_empty() || causes.len() > Self::CAUSES_MAX {
            let why = format!("must have 1 to {} causes, has {}", Self::CAUSES_MAX, causes.len());
            return Err(Error::catalogue("causes", why));
        }
        let mut kinds = BTreeSet::new();
        for cause in &mut causes {
            if !kinds.insert(cause.kind.clone()) {
                return Err(Error::catalogue(cause.kind.as_str(), "is there twice"));
            }
            let problem = |why| Error::catalogue(cause.kind.as_str(), why);
            pattern::expand(&mut cause.explains, &families).map_err(problem)?;
            for clue in &mut cause.clues {
                clue.when.expand(&families).map_err(problem)?;
            }
            check(cause).map_err(problem)?;
        }
        causes.sort_by(|a, b| a.kind.cmp(&b.kind));
        Ok(Self { causes })
    }
}

fn check(cause: &Signature) -> Result<(), String> {
    let sane = |log_odds: f64| log_odds.abs() <= Catalogue::LOG_ODDS_MAX; // false for NaN
    if cause.explains.is_empty() {
        return Err("must explain something".to_owned());
    }
    if cause.clues.is_empty() || cause.clues.len() > Catalogue::CLUES_MAX {
        return Err(format!("must have 1 to {} clues", Catalogue::CLUES_MAX));
    }
    if !sane(cause.prior) {
        return Err(format!("prior must be in -20..=20, is {}", cause.prior));
    }
    for clue in &cause.clues {
        if !(sane(clue.then) && sane(clue.otherwise)) {
            return Err(format!("clue {:?} must say -20..=20", clue.words));
        }
        clue.when.check().map_err(|why| format!("clue {:?}: {why}", clue.words))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        Catalogue::parse(json).unwrap_err().to_string()
    }

    fn cause(fields: &str) -> String {
        format!(r#"{{"causes": [{{"kind": "k", "title": "t", "remedies": [], {fields}}}]}}"#)
    }

    #[test]
    fn the_shipped_catalogue_knows_what_the_loop_needs() {
        let catalogue = Catalogue::shipped();
        for kind in [
            "attack",
            "configuration-drift",
            "hot-spot",
            "idle-capacity",
            "instability",
            "leak",
            "node-down",
            "overload",
            "policy-misconfiguration",
            "retry-cascade",
            "stale-policy",
            "validation-latency",
        ] {
            let kind = CauseKind::try_new(kind).unwrap();
            let signature = catalogue.cause(&kind).unwrap_or_else(|| panic!("{kind}"));
            assert!(!signature.remedies.is_empty(), "{kind}");
        }
    }

    #[test]
    fn a_catalogue_survives_json() {
        let catalogue = Catalogue::shipped();
        let text = serde_json::to_string(&catalogue).unwrap();
        assert_eq!(Catalogue::parse(&text).unwrap(), catalogue);
    }

    #[test]
    fn contradictions_are_named() {
        assert!(refused("{").contains("JSON: EOF"));
        assert!(refused(r#"{"causes": []}"#).contains("1 to 200 causes, has 0"));
        let clue = r#""clues": [{"if": {"recurring": 2}, "then": 1, "words": "w"}]"#;
        let with = |rest: &str| refused(&cause(&format!("{clue}, {rest}")));
        assert!(with(r#""prior": 0, "explains": []"#).contains("k: must explain something"));
        assert!(with(r#""prior": 99, "explains": ["x"]"#).contains("prior must be in -20..=20"));
        assert!(with(r#""prior": 0, "explains": ["@no"]"#).contains("no family \"no\""));
        let one = cause(&format!(r#"{clue}, "prior": 0, "explains": ["x"]"#));
        let mut twice: serde_json::Value = serde_json::from_str(&one).unwrap();
        let half = twice["causes"][0].clone();
        twice["causes"].as_array_mut().unwrap().push(half);
        assert!(refused(&twice.to_string()).contains("k: is there twice"));
        let watch = r#""clues": [{"if": {"watch": {"name": "x"}}, "then": 1, "words": "w"}]"#;
        let nothing = refused(&cause(&format!(r#"{watch}, "prior": 0, "explains": ["x"]"#)));
        assert!(nothing.contains("clue \"w\": a watch must ask for"), "{nothing}");
        assert!(refused(r#"{"causes": [], "cuases": []}"#).contains("unknown field"));
    }
}

#[cfg(test)]
mod document;
