//! What may be configured about knowledge: section `knowledge` of the configuration file.

use std::{path::PathBuf, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{Error, Knowledge, KnowledgeStore, Limits, MemoryKnowledge};

/// Where knowledge is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Database {
    /// In memory: forgotten at the end of the process.
    Memory,
    /// In a file.
    #[default]
    Sqlite,
    /// On a PostgreSQL server.
    Postgres,
}

/// Configuration of knowledge. Unknown keys are refused.
///
/// ```
/// use mapek_knowledge::{Config, Database};
///
/// let config: Config = serde_json::from_str(r#"{"database": "memory"}"#)?;
/// assert_eq!((config.database, config.outcome_history_limit), (Database::Memory, 1_000));
/// let error = serde_json::from_str::<Config>(r#"{"outcome_history_limit": 0}"#).unwrap_err();
/// assert!(error.to_string().starts_with("outcome_history_limit: "));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where knowledge is kept.
    pub database: Database,
    /// The file, for SQLite; made with its directories if it is not there.
    pub sqlite_path: PathBuf,
    /// Whether planning learns from outcomes. Without it every plan is judged as if it were the first of its kind; outcomes
    /// are stored all the same.
    pub pattern_learning_enabled: bool,
    /// After so many outcomes more of them make nobody surer: 1 to 1 000 000.
    #[serde(deserialize_with = "confidence_saturation_point")]
    pub confidence_saturation_point: u32,
    /// Outcomes whose details are kept: 1 to 1 000 000. All are counted.
    #[serde(deserialize_with = "outcome_history_limit")]
    pub outcome_history_limit: u32,
    /// Whether insights are written.
    pub insight_generation_enabled: bool,
}

/// Outside this range a number is a mistake.
const RANGE: std::ops::RangeInclusive<u32> = 1..=1_000_000;

impl Default for Config {
    fn default() -> Self {
        Self {
            database: Database::default(),
            sqlite_path: PathBuf::from(Self::SQLITE_PATH),
            pattern_learning_enabled: true,
            confidence_saturation_point: Self::CONFIDENCE_SATURATION_POINT,
            outcome_history_limit: Limits::DEFAULT.history,
            insight_generation_enabled: true,
        }
    }
}

impl Config {
    /// Beside the journal.
    pub const SQLITE_PATH: &'static str = "data/knowledge.db";
    /// With 30 outcomes the 95 % interval of a rate is about 35 points wide, and halving it takes four times as many.
    pub const CONFIDENCE_SATURATION_POINT: u32 = 30;

    /// How much is kept.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits { history: self.outcome_history_limit, ..Limits::DEFAULT }
    }

    /// Opens the store.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if this build has no such backend, [`Error::Backend`] if it cannot be opened.
    pub fn open(&self) -> Result<Arc<dyn KnowledgeStore>, Error> {
        match self.database {
            Database::Memory => Ok(Arc::new(MemoryKnowledge::new(self.limits()))),
            #[cfg(feature = "sqlite")]
            Database::Sqlite => {
                let path = self.sqlite_path.clone();
                Ok(Arc::new(crate::SqliteKnowledge::open(path, self.limits())?))
            }
            #[cfg(not(feature = "sqlite"))]
            Database::Sqlite => Err(Error::Unsupported { database: "sqlite" }),
            Database::Postgres => Err(Error::Unsupported { database: "postgres" }),
        }
    }

    /// Opens the store, and makes knowledge over it.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn build(self) -> Result<Knowledge, Error> {
        let store = self.open()?;
        Ok(Knowledge::over(store, self))
    }
}

fn confidence_saturation_point<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    counted("confidence_saturation_point", from)
}

fn outcome_history_limit<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    counted("outcome_history_limit", from)
}

fn counted<'de, D: Deserializer<'de>>(key: &str, from: D) -> Result<u32, D::Error> {
    let value = u32::deserialize(from)
        .map_err(|error| de::Error::custom(format_args!("{key}: {error}")))?;
    if RANGE.contains(&value) {
        return Ok(value);
    }
    let (min, max) = (RANGE.start(), RANGE.end());
    Err(de::Error::custom(format_args!("{key}: must be in {min}..={max}, got {value}")))
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
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
    }

    #[rstest]
    #[case(r#"{"confidence_saturation_point": 0}"#, "confidence_saturation_point: must be in")]
    #[case(r#"{"outcome_history_limit": 1000001}"#, "outcome_history_limit: must be in")]
    #[case(r#"{"outcome_history_limit": "many"}"#, "outcome_history_limit: invalid type")]
    #[case(r#"{"database": "mysql"}"#, "unknown variant `mysql`")]
    #[case(r#"{"sqlite_file": "x"}"#, "unknown field `sqlite_file`")]
    fn a_bad_value_is_named_by_its_key(#[case] text: &str, #[case] says: &str) {
        let error = serde_json::from_str::<Config>(text).unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    }

    #[test]
    fn a_backend_that_is_not_built_in_is_refused_by_name() {
        let config = Config { database: Database::Postgres, ..Config::default() };
        assert_eq!(
            config.open().unwrap_err().to_string(),
            "database postgres is not in this build"
        );
    }
}
