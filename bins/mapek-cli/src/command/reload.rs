//! SIGHUP for `mapek run`: the configuration file is read again, and certificates with their keys.

use serde_json::Value;
use tokio::signal::unix::Signal;
use tracing::{error, info, warn};

use super::{configuration, output::chain};
use crate::{certificates::Certificates, cli::ConfigArgs, config::Config, logging::LevelSwitch};

/// Keys that take effect at once; all others need a restart.
const LIVE: [&str; 2] = ["logging.level", "orchestrator.log_level"];

/// Reads the configuration at every signal. A bad one is refused: the running one stays.
pub(super) async fn on_hangup(
    mut hangup: Signal,
    args: ConfigArgs,
    mut running: Config,
    level: LevelSwitch,
    certificates: Certificates,
) {
    while hangup.recv().await.is_some() {
        certificates.look_now();
        match configuration(&args) {
            Ok(loaded) => take(&mut running, &loaded.config, &level),
            Err(report) => {
                let error = chain(report.as_ref());
                error!(error, "SIGHUP: the configuration is refused; the running one stays");
            }
        }
    }
}

fn take(running: &mut Config, new: &Config, level: &LevelSwitch) {
    let changed = changes(running, new);
    let (live, later): (Vec<_>, Vec<_>) =
        changed.into_iter().partition(|key| LIVE.contains(&key.as_str()));
    if live.is_empty() && later.is_empty() {
        info!("SIGHUP: the configuration has not changed");
    }
    if !later.is_empty() {
        warn!(keys = later.join(", "), "SIGHUP: these changes take effect with the next start");
    }
    if !live.is_empty() {
        running.logging.level = new.logging.level;
        running.orchestrator.log_level = new.orchestrator.log_level;
        info!(keys = live.join(", "), level = new.log_level().as_str(), "SIGHUP: takes effect");
        level.set(new.log_level());
    }
}

/// The keys whose values differ, in order.
fn changes(old: &Config, new: &Config) -> Vec<String> {
    let mut changed = Vec::new();
    let value = |config: &Config| serde_json::to_value(config).unwrap_or_default();
    compare("", &value(old), &value(new), &mut changed);
    // What is shown of it is the same for all keys.
    let key =
        |config: &Config| config.execute.charter_api_key.as_ref().map(|it| it.expose().to_owned());
    let name = "execute.charter_api_key".to_owned();
    if key(old) != key(new) && !changed.contains(&name) {
        changed.push(name);
    }
    changed.sort();
    changed
}

fn compare(path: &str, old: &Value, new: &Value, changed: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let only_new = b.keys().filter(|key| !a.contains_key(*key));
            for key in a.keys().chain(only_new) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let value = |of: &serde_json::Map<String, Value>| of.get(key).cloned();
                let (a, b) = (value(a).unwrap_or_default(), value(b).unwrap_or_default());
                compare(&path, &a, &b, changed);
            }
        }
        _ if old != new => changed.push(path.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn changes_are_named_by_key_and_a_secret_is_one_though_it_is_masked() {
        let old = Config::default();
        let mut new = old.clone();
        assert_eq!(changes(&old, &new), Vec::<String>::new());
        new.plan.min_violations += 1;
        new.api.metrics_port = Some(9);
        new.monitor.alerts.insert("TooSlow".to_owned(), mapek::model::Expectation::normalise("x"));
        new.execute.charter_api_key = Some(Secret::new("a"));
        let expected = [
            "api.metrics_port",
            "execute.charter_api_key",
            "monitor.alerts.TooSlow",
            "plan.min_violations",
        ];
        assert_eq!(changes(&old, &new), expected);
        let mut other = new.clone();
        other.execute.charter_api_key = Some(Secret::new("b"));
        assert_eq!(changes(&new, &other), ["execute.charter_api_key"]);
    }
}
