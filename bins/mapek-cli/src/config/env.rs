//! Overrides from the environment.
//!
//! A few names that users know, and `MAPEK__SECTION__KEY` for every key. An override goes through the same types as the
//! file, so it is checked the same way; its errors name the variable.

use serde_json::Value;

use super::{
    load::ConfigError,
    sections::{Config, RailsProfile, Secret},
};
use crate::yaml::nearest;

/// The short names, and the keys that they stand for.
const SHORT: &[(&str, &str)] = &[
    ("PROMETHEUS_URL", "monitor.prometheus_url"),
    ("CHARTER_URL", "execute.charter_url"),
    ("CHARTER_API_URL", "execute.charter_url"),
    ("ALERTMANAGER_URL", "alertmanager.url"),
    ("MAPE_K_INTERVAL", "orchestrator.loop_interval"),
    ("MAPE_K_THRESHOLD", "plan.min_violations"),
    ("LOG_LEVEL", "logging.level"),
    ("WEBHOOK_PORT", "alertmanager.webhook_port"),
];

/// What begins the long names.
const PREFIX: &str = "MAPEK__";

/// `config` with what the environment overrides, and a notice for each override.
///
/// Long names win over short ones, and among the short ones the later in [`SHORT`].
///
/// # Errors
///
/// [`ConfigError::Environment`] names the variable.
pub(super) fn overridden(
    mut config: Config,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(Config, Vec<String>), ConfigError> {
    let mut notices = Vec::new();
    for (name, path, value) in in_order(environment) {
        match path.as_str() {
            "" => {
                approve_by_itself(&mut config, &name, &value, &mut notices)?;
                continue;
            }
            "execute.charter_api_key" => {
                config.execute.charter_api_key = Some(Secret::new(value));
            }
            path => set(&mut config, &name, path, &value)?,
        }
        notices.push(format!("{path} is taken from {name}"));
    }
    Ok((config, notices))
}

/// The variables that concern us, as (name, path of the key, value), weakest first.
fn in_order(
    environment: impl IntoIterator<Item = (String, String)>,
) -> Vec<(String, String, String)> {
    let mut found: Vec<(usize, String, String, String)> = Vec::new();
    for (name, value) in environment {
        if let Some(rank) = SHORT.iter().position(|(short, _)| *short == name) {
            found.push((rank, name, SHORT[rank].1.to_owned(), value));
        } else if name == "CHARTER_API_KEY" {
            found.push((0, name, "execute.charter_api_key".to_owned(), value));
        } else if name == "MAPE_K_AUTO_APPROVE" {
            found.push((0, name, String::new(), value));
        } else if let Some(rest) = name.strip_prefix(PREFIX) {
            let path = rest.to_ascii_lowercase().replace("__", ".");
            found.push((SHORT.len(), name, path, value));
        }
    }
    found.sort();
    found.into_iter().map(|(_, name, path, value)| (name, path, value)).collect()
}

fn approve_by_itself(
    config: &mut Config,
    name: &str,
    value: &str,
    notices: &mut Vec<String>,
) -> Result<(), ConfigError> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => {
            config.execute.rails.profile = RailsProfile::Auto;
            notices.push(format!(
                "{name} lets the loop act by itself: profile auto; only the emergency override and the bypass still \
                 need two people"
            ));
            Ok(())
        }
        "false" | "0" | "" => Ok(()),
        _ => Err(ConfigError::Environment {
            name: name.to_owned(),
            why: format!("expected true or false, got {value:?}"),
        }),
    }
}

fn set(config: &mut Config, name: &str, path: &str, text: &str) -> Result<(), ConfigError> {
    let fail = |why: String| ConfigError::Environment { name: name.to_owned(), why };
    let key = config.execute.charter_api_key.take();
    let mut whole = serde_json::to_value(&*config).map_err(|error| fail(error.to_string()))?;
    let mut place = &mut whole;
    for part in path.split('.') {
        let Value::Object(fields) = place else {
            return Err(fail(format!("there is no key {path}")));
        };
        if !fields.contains_key(part) {
            let near = nearest(part, fields.keys().map(String::as_str));
            let hint = near.map_or_else(String::new, |near| format!("; the nearest is {near}"));
            return Err(fail(format!("there is no key {path}{hint}")));
        }
        place = fields.get_mut(part).expect("it was just found");
    }
    // A text first: it may be what the key wants, and `30s` is nothing else. Then whatever YAML makes of it.
    let readings =
        [Some(Value::String(text.to_owned())), serde_saphyr::from_str::<Value>(text).ok()];
    let mut why = String::new();
    for reading in readings.into_iter().flatten() {
        *at(&mut whole, path) = reading;
        match serde_json::from_value::<Config>(whole.clone()) {
            Ok(good) => {
                *config = good;
                config.execute.charter_api_key = key;
                return Ok(());
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(fail(format!("{why} (for {path})")))
}

/// The value at a path that is known to exist.
fn at<'a>(whole: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').fold(whole, |place, part| &mut place[part])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sections::{LogLevel, Mode};
    use mapek::model::Duration;

    fn with(pairs: &[(&str, &str)]) -> Result<(Config, Vec<String>), ConfigError> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        overridden(Config::default(), pairs)
    }

    #[test]
    fn short_and_long_names_take_effect_and_are_told() {
        let (config, notices) = with(&[
            ("PROMETHEUS_URL", "http://prom:9090"),
            ("MAPE_K_INTERVAL", "5"),
            ("LOG_LEVEL", "INFO"),
            ("MAPE_K_THRESHOLD", "7"),
            ("MAPEK__ORCHESTRATOR__MODE", "production"),
            ("MAPEK__MONITOR__QUERIES", "[{name: low_throughput}]"),
            ("HOME", "/root"),
        ])
        .unwrap();
        assert_eq!(config.monitor.prometheus_url, "http://prom:9090");
        assert_eq!(config.orchestrator.loop_interval, Duration::from_secs(5));
        assert_eq!(config.logging.level, LogLevel::Info);
        assert_eq!(config.plan.min_violations, 7);
        assert_eq!(config.orchestrator.mode, Mode::Production);
        assert_eq!(config.monitor.queries.len(), 1);
        assert_eq!(notices.len(), 6);
    }

    #[test]
    fn the_long_name_wins() {
        let (config, _) = with(&[
            ("MAPEK__EXECUTE__CHARTER_URL", "http://long:1"),
            ("CHARTER_API_URL", "http://short:1"),
        ])
        .unwrap();
        assert_eq!(config.execute.charter_url, "http://long:1");
    }

    #[test]
    fn what_does_not_fit_names_the_variable_and_the_nearest_key() {
        let error = with(&[("MAPEK__PLAN__MIN_CONFIDENSE", "0.7")]).unwrap_err().to_string();
        assert!(error.contains("MAPEK__PLAN__MIN_CONFIDENSE"), "{error}");
        assert!(error.contains("the nearest is min_confidence"), "{error}");
        let error = with(&[("WEBHOOK_PORT", "many")]).unwrap_err().to_string();
        assert!(error.contains("WEBHOOK_PORT"), "{error}");
        assert!(with(&[("MAPE_K_AUTO_APPROVE", "perhaps")]).is_err());
    }

    #[test]
    fn a_key_survives_other_overrides_and_is_never_printed() {
        let (config, _) =
            with(&[("CHARTER_API_KEY", "hunter2"), ("MAPEK__API__PORT", "9")]).unwrap();
        assert_eq!(config.execute.charter_api_key.as_ref().unwrap().expose(), "hunter2");
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!serde_json::to_string(&config).unwrap().contains("hunter2"));
    }
}
