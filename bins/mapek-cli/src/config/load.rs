//! From a file and the environment to a checked configuration.

use std::path::{Path, PathBuf};

use garde::Validate;

use super::{
    env,
    sections::{Config, Database, ExecutionMode, Mode, Secret},
};
use crate::{
    bounded::{self, FILE_BYTES_MAX, ReadError},
    yaml,
};

/// A configuration that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// What people should know about it: overrides that took effect, keys that have none.
    pub notices: Vec<String>,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}")]
    #[diagnostic(help("check the path, or start without --config to use the defaults"))]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is too large to be a configuration.
    #[error("{path} has more than {FILE_BYTES_MAX} bytes, and is not read")]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// The file does not say what it should; the report shows where.
    #[error("{rendered}")]
    Invalid {
        /// File, line, column, snippet and remedy.
        rendered: String,
    },
    /// A variable of the environment does not fit.
    #[error("the environment variable {name} cannot be used: {why}")]
    Environment {
        /// Which one.
        name: String,
        /// Why.
        why: String,
    },
    /// The values are fine one by one, and refused together.
    #[error("{0}")]
    Refused(String),
}

/// Reads `path` (or the defaults) and the environment, as pairs of name and value.
///
/// # Errors
///
/// [`ConfigError`] says where and what to do.
pub fn load(
    path: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, ConfigError> {
    let config = path.map_or_else(|| Ok(Config::default()), read)?;
    let (mut config, mut notices) = env::overridden(config, environment)?;
    config
        .validate()
        .map_err(|report| ConfigError::Refused(format!("after overrides: {report}")))?;
    read_key(&mut config)?;
    refuse_in_production(&config)?;
    notices.extend(without_effect(&config));
    Ok(Loaded { config, notices })
}

fn read(path: &Path) -> Result<Config, ConfigError> {
    parse(&text(path)?, &path.display().to_string())
}

fn text(path: &Path) -> Result<String, ConfigError> {
    bounded::read(path).map_err(|error| match error {
        ReadError::Unreadable(source) => ConfigError::Unreadable { path: path.to_owned(), source },
        ReadError::TooLarge => ConfigError::TooLarge { path: path.to_owned() },
    })
}

/// Parses `text`, which errors call `name`.
pub(super) fn parse(text: &str, name: &str) -> Result<Config, ConfigError> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Config::default());
    }
    yaml::parse(text, name).map_err(|rendered| ConfigError::Invalid { rendered })
}

fn read_key(config: &mut Config) -> Result<(), ConfigError> {
    if let (None, Some(path)) =
        (&config.execute.charter_api_key, &config.execute.charter_api_key_file)
    {
        let key = text(path)?;
        config.execute.charter_api_key = Some(Secret::new(key.trim()));
    }
    Ok(())
}

fn refuse_in_production(config: &Config) -> Result<(), ConfigError> {
    if config.orchestrator.mode != Mode::Production {
        return Ok(());
    }
    let refused = [
        (config.staging.use_mock_charter, "staging.use_mock_charter: true"),
        (config.staging.simulate_failures, "staging.simulate_failures: true"),
        (config.api.debug, "api.debug: true"),
        (
            config.execute.execution_mode == ExecutionMode::BestEffort,
            "execute.execution_mode: best_effort",
        ),
        (!config.execute.rollback_enabled, "execute.rollback_enabled: false"),
        (config.knowledge.database == Database::Memory, "knowledge.database: memory"),
    ];
    let refused: Vec<_> =
        refused.into_iter().filter(|(set, _)| *set).map(|(_, text)| text).collect();
    if refused.is_empty() {
        Ok(())
    } else {
        Err(ConfigError::Refused(format!(
            "orchestrator.mode: production refuses {}; remove them, or use mode: staging",
            refused.join(", ")
        )))
    }
}

/// Keys that are accepted because users know them, and do nothing here.
fn without_effect(config: &Config) -> Vec<String> {
    let default = Config::default();
    let (performance, staging) = (&config.performance, &config.staging);
    let keys = [
        (
            performance.async_executor != default.performance.async_executor,
            "performance.async_executor has no effect: the loop is always asynchronous",
        ),
        (
            performance.metric_cache_ttl != default.performance.metric_cache_ttl,
            "performance.metric_cache_ttl has no effect yet: the API answers from the newest cycle",
        ),
        (
            performance.policy_cache_ttl != default.performance.policy_cache_ttl,
            "performance.policy_cache_ttl has no effect yet: the API answers from the newest cycle",
        ),
        (config.api.cors_enabled, "api.cors_enabled has no effect yet: the API is read-only"),
        (config.api.debug, "api.debug has no effect yet"),
        (
            staging.simulate_failures,
            "staging.simulate_failures has no effect yet: inject faults into charter-simd",
        ),
        (
            staging.collect_metrics != default.staging.collect_metrics,
            "staging.collect_metrics has no effect: metrics are always collected",
        ),
        (
            staging.verbose_logging != default.staging.verbose_logging,
            "staging.verbose_logging has no effect: set logging.level",
        ),
    ];
    keys.into_iter().filter(|(set, _)| *set).map(|(_, text)| text.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text, "mapek.yaml").unwrap_err().to_string()
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        for text in ["", "# nothing\n", "\n\n"] {
            let config = parse(text, "x").unwrap();
            assert_eq!(config.plan.min_violations, 3);
        }
    }

    #[test]
    fn an_unknown_key_names_file_line_column_and_the_nearest_key() {
        let text = error("orchestrator:\n  mode: staging\n  loop_intervall: 30\n");
        assert!(text.starts_with("mapek.yaml:3:3: "), "{text}");
        assert!(text.contains("loop_intervall: 30"), "{text}");
        assert!(text.contains("the nearest valid key is loop_interval"), "{text}");
    }

    #[test]
    fn a_value_out_of_range_names_its_place() {
        let text = error("plan:\n  min_confidence: 1.5\n");
        assert!(text.starts_with("mapek.yaml:2:"), "{text}");
        assert!(text.contains("min_confidence"), "{text}");
    }

    #[test]
    fn wrong_types_duplicates_and_hostile_texts_are_errors() {
        for text in [
            "plan: 7",
            "plan: {min_confidence: high}",
            "api: {port: 70000}",
            "api: {debug: no}",
            "monitor: {prometheus_url: 'ftp://x'}",
            "monitor: {prometheus_url: 'http://user:secret@x'}",
            "orchestrator: {loop_interval: 0}",
            "orchestrator: {loop_interval: -5s}",
            "plan: {}\nplan: {}",
            "a: &a [*a]",
            "\u{0}",
            &format!("monitor: {}", "[".repeat(10_000)),
        ] {
            let message = error(text);
            assert!(message.starts_with("mapek.yaml"), "{text:.40}: {message:.200}");
        }
    }

    #[test]
    fn production_refuses_what_could_hide_harm() {
        let loaded = load(
            None,
            [
                ("MAPEK__ORCHESTRATOR__MODE".to_owned(), "production".to_owned()),
                ("MAPEK__EXECUTE__ROLLBACK_ENABLED".to_owned(), "false".to_owned()),
            ],
        );
        let message = loaded.unwrap_err().to_string();
        assert!(message.contains("execute.rollback_enabled: false"), "{message}");
    }

    #[test]
    fn a_key_without_effect_is_told() {
        let debug = ("MAPEK__API__DEBUG".to_owned(), "true".to_owned());
        let notices = load(None, [debug]).unwrap().notices;
        assert!(notices.iter().any(|it| it.contains("api.debug has no effect")), "{notices:?}");
        assert_eq!(load(None, []).unwrap().notices, Vec::<String>::new());
    }
}
