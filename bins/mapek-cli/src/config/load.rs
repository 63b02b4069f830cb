//! From a file and the environment to a checked configuration.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

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
    notices.extend(tls_in_clear_text(&config));
    notices.extend(exposed(&config));
    notices.extend(secrets_in_clear_text(&config));
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
pub(crate) fn parse(text: &str, name: &str) -> Result<Config, ConfigError> {
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
        (
            reaches_out(&config.api.host) && !knows_anybody(config),
            "api.host beyond loopback without api.auth.tokens or api.tls.identities",
        ),
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

/// Whether others than this machine reach a listener on this host.
fn reaches_out(host: &str) -> bool {
    let address = host.parse::<IpAddr>().map(|address| address.to_canonical());
    !address.map_or(host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

fn knows_anybody(config: &Config) -> bool {
    let auth = &config.api.auth;
    !auth.tokens.is_empty() || auth.tokens_file.is_some() || !config.api.tls.identities.is_empty()
}

/// What others than this machine could do, or see.
fn exposed(config: &Config) -> Vec<String> {
    let (api, alertmanager) = (&config.api, &config.alertmanager);
    let out = reaches_out(&api.host);
    let told = [
        (
            out && !knows_anybody(config),
            format!(
                "api.host {} is reached from elsewhere, and everybody who reaches it may read: set \
                 api.auth.tokens, see `mapek token new`",
                api.host
            ),
        ),
        (
            out && knows_anybody(config) && api.tls.certificate_file.is_none(),
            format!(
                "api.host {} is reached from elsewhere, and tokens are sent to it in clear text: set \
                 api.tls, or let only a proxy that speaks TLS reach it",
                api.host
            ),
        ),
        (
            alertmanager.enabled
                && reaches_out(&alertmanager.webhook_host)
                && alertmanager.webhook_token_sha256.is_none()
                && alertmanager.webhook_tls.identities.is_empty(),
            format!(
                "alertmanager.webhook_host {} is reached from elsewhere, and everybody who reaches it \
                 may tell of alerts: set alertmanager.webhook_token_sha256 or \
                 alertmanager.webhook_tls",
                alertmanager.webhook_host
            ),
        ),
        (
            config.orchestrator.mode == Mode::Production && !alertmanager.notify.tells_somebody(),
            "alertmanager.notify tells nobody what the loop needs people for: set alerts or webhooks"
                .to_owned(),
        ),
        (
            api.allowed_hosts.iter().any(|host| host == "*"),
            "api.allowed_hosts allows every name: a page in a browser can make any name mean this \
             host"
                .to_owned(),
        ),
    ];
    told.into_iter().filter(|(it_is_so, _)| *it_is_so).map(|(_, text)| text).collect()
}

/// Keys and tokens that whoever stands between can read.
fn secrets_in_clear_text(config: &Config) -> Vec<String> {
    let (execute, otlp) = (&config.execute, &config.logging.otlp);
    let mut sent = Vec::new();
    if execute.charter_api_key.is_some() && !config.staging.use_mock_charter {
        sent.push(("Charter's key", "execute.charter_url".to_owned(), &*execute.charter_url));
    }
    if let (Some(_), Some(url)) = (&otlp.token_file, &otlp.endpoint) {
        sent.push(("its token", "logging.otlp.endpoint".to_owned(), url));
    }
    // An address in a file is not known yet.
    for webhook in &config.alertmanager.notify.webhooks {
        if let (Some(_), Some(url)) = (&webhook.token_file, &webhook.url) {
            let key = format!("alertmanager.notify.webhooks.{}.url", webhook.name);
            sent.push(("its token", key, url));
        }
    }
    let told = sent.into_iter().filter_map(|(what, key, url)| {
        let url = reqwest::Url::parse(url).ok().filter(|url| url.scheme() == "http")?;
        let host = url.host_str()?;
        reaches_out(host.trim_matches(['[', ']'])).then(|| {
            format!(
                "{key} is http://{host}, which is elsewhere: {what} is sent in clear text. Write https://, \
                 and who vouches for it into its tls"
            )
        })
    });
    told.collect()
}

/// TLS of clients that speak none.
fn tls_in_clear_text(config: &Config) -> Vec<String> {
    let (monitor, alertmanager) = (&config.monitor, &config.alertmanager);
    let clear = |url: &str| !url.to_ascii_lowercase().starts_with("https:");
    let prometheus = match monitor.targets.as_slice() {
        [] => clear(&monitor.prometheus_url),
        targets => targets.iter().all(|target| clear(&target.url)),
    };
    let mut keys = vec![
        (monitor.tls.is_set() && prometheus, "monitor.tls".to_owned()),
        (
            config.execute.tls.is_set() && clear(&config.execute.charter_url),
            "execute.tls".to_owned(),
        ),
        (alertmanager.tls.is_set() && clear(&alertmanager.url), "alertmanager.tls".to_owned()),
        (
            config.api.client_tls.is_set() && config.api.tls.certificate_file.is_none(),
            "api.client_tls".to_owned(),
        ),
    ];
    let otlp = &config.logging.otlp;
    let known = |url: &Option<String>| url.as_deref().is_some_and(clear);
    keys.push((otlp.tls.is_set() && known(&otlp.endpoint), "logging.otlp.tls".to_owned()));
    // An address in a file is not known yet.
    let webhooks = alertmanager.notify.webhooks.iter().map(|entry| {
        let key = format!("alertmanager.notify.webhooks.{}.tls", entry.name);
        (entry.tls.is_set() && known(&entry.url), key)
    });
    keys.extend(webhooks);
    let heartbeat = &alertmanager.notify.heartbeat;
    let key = "alertmanager.notify.heartbeat.tls".to_owned();
    keys.push((heartbeat.tls.is_set() && known(&heartbeat.url), key));
    keys.into_iter()
        .filter(|(clear, _)| *clear)
        .map(|(_, key)| format!("{key} has no effect: what it is for is reached by http://"))
        .collect()
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
            "performance.metric_cache_ttl has no effect: the API answers from the newest cycle, and asks nobody",
        ),
        (
            performance.policy_cache_ttl != default.performance.policy_cache_ttl,
            "performance.policy_cache_ttl has no effect: the API answers from the newest cycle, and asks nobody",
        ),
        (
            config.api.cors_enabled,
            "api.cors_enabled has no effect: api.allowed_origins says whose pages may ask",
        ),
        (config.api.debug, "api.debug has no effect: set logging.level"),
        (
            staging.simulate_failures && !staging.use_mock_charter,
            "staging.simulate_failures has no effect without staging.use_mock_charter: inject faults \
             into charter-simd",
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
            "execute: {tls: {ca_file: x, server_id: 'https://x'}}",
            "execute: {tls: {ca_file: x, server_id: 'spiffe://prod'}}",
            "alertmanager: {notify: {webhooks: [{name: a, tls: {server_id: x}}]}}",
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
    fn what_others_reach_is_told_and_in_production_refused() {
        let told = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            load(None, pairs).map(|loaded| loaded.notices.join("\n"))
        };
        let production = ("MAPEK__ORCHESTRATOR__MODE", "production");
        let hash = "0".repeat(64);
        let tokens = format!("[{{name: ada, role: admin, sha256: '{hash}'}}]");
        let tokens = ("MAPEK__API__AUTH__TOKENS", &*tokens);
        for host in ["0.0.0.0", "::", "192.0.2.1", "mapek.example", "::ffff:10.0.0.1"] {
            let host = ("MAPEK__API__HOST", host);
            assert!(told(&[host]).unwrap().contains("everybody who reaches it may read"));
            let refused = told(&[host, production]).unwrap_err().to_string();
            assert!(refused.contains("api.host beyond loopback without api.auth.tokens"));
            let known = told(&[host, production, tokens]).unwrap();
            assert!(known.contains("in clear text") && !known.contains("everybody"), "{known}");
        }
        for host in ["127.0.0.1", "::1", "localhost", "127.9.9.9", "::ffff:127.0.0.1"] {
            let told = told(&[("MAPEK__API__HOST", host), production]).unwrap();
            assert!(!told.contains("reached from elsewhere"), "{host}: {told}");
        }
        let webhook = told(&[("MAPEK__ALERTMANAGER__WEBHOOK_HOST", "0.0.0.0")]).unwrap();
        assert!(webhook.contains("everybody who reaches it may tell of alerts"), "{webhook}");
        let nobody = told(&[production]).unwrap();
        assert!(nobody.contains("notify tells nobody"), "{nobody}");
        let alerts = ("MAPEK__ALERTMANAGER__NOTIFY__ALERTS", "true");
        assert!(!told(&[production, alerts]).unwrap().contains("tells nobody"));
        let any = told(&[("MAPEK__API__ALLOWED_HOSTS", "['*']")]).unwrap();
        assert!(any.contains("allows every name"), "{any}");
    }

    #[test]
    fn a_token_in_place_of_its_hash_is_never_shown() {
        let token = format!("mapek_{}", "ab".repeat(32));
        let text =
            format!("api: {{auth: {{tokens: [{{name: ada, role: admin, sha256: {token}}}]}}}}");
        let config = parse(&text, "x").unwrap();
        for shown in [format!("{config:?}"), super::super::effective_yaml(&config)] {
            assert!(!shown.contains("abab"), "{shown}");
        }
        let error = crate::compose::access(&config, crate::compose::system_clock()).unwrap_err();
        let why = std::error::Error::source(&error).unwrap().to_string();
        assert!(why.contains("make another one"), "{why}");
    }

    #[test]
    fn certificates_for_what_is_said_in_clear_text_are_told() {
        let told = |text: &str| tls_in_clear_text(&parse(text, "x").unwrap());
        for (text, key) in [
            ("monitor: {tls: {ca_file: x}}", "monitor.tls"),
            (
                "monitor: {tls: {ca_file: x}, prometheus_url: 'https://x', targets: [{url: 'http://x'}]}",
                "monitor.tls",
            ),
            ("execute: {tls: {ca_file: x}}", "execute.tls"),
            ("alertmanager: {tls: {key_file: x}}", "alertmanager.tls"),
            ("api: {client_tls: {ca_file: x}}", "api.client_tls"),
            ("logging: {otlp: {endpoint: 'http://x', tls: {ca_file: x}}}", "logging.otlp.tls"),
            (
                "alertmanager: {notify: {webhooks: [{name: a, url: 'http://x', tls: {ca_file: x}}]}}",
                "alertmanager.notify.webhooks.a.tls",
            ),
            (
                "alertmanager: {notify: {heartbeat: {url: 'http://x', tls: {ca_file: x}}}}",
                "alertmanager.notify.heartbeat.tls",
            ),
        ] {
            let expected = format!("{key} has no effect: what it is for is reached by http://");
            assert_eq!(told(text), [expected], "{text}");
        }
        for text in [
            "monitor: {tls: {ca_file: x}, prometheus_url: 'https://x'}",
            "monitor: {tls: {ca_file: x}, targets: [{url: 'http://x'}, {url: 'https://x'}]}",
            "execute: {tls: {ca_file: x}, charter_url: 'https://x'}",
            "api: {client_tls: {ca_file: x}, tls: {certificate_file: x, key_file: x}}",
            "alertmanager: {notify: {webhooks: [{name: a, url_file: x, tls: {ca_file: x}}]}}",
        ] {
            assert_eq!(told(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn secrets_that_cross_a_network_in_clear_text_are_told() {
        let told = |text: &str| secrets_in_clear_text(&parse(text, "x").unwrap()).join("\n");
        for (text, key, what) in [
            (
                "execute: {charter_url: 'http://charter:8000', charter_api_key: s3cret}",
                "execute.charter_url is http://charter,",
                "Charter's key",
            ),
            (
                "execute: {charter_url: 'HTTP://[2001:db8::1]:8000', charter_api_key: s3cret}",
                "execute.charter_url is http://[2001:db8::1],",
                "Charter's key",
            ),
            (
                "logging: {otlp: {endpoint: 'http://10.0.0.1:4318', token_file: x}}",
                "logging.otlp.endpoint is http://10.0.0.1,",
                "its token",
            ),
            (
                "alertmanager: {notify: {webhooks: [{name: a, url: 'http://pager/?x=s3cret', token_file: x}]}}",
                "alertmanager.notify.webhooks.a.url is http://pager,",
                "its token",
            ),
        ] {
            let said = told(text);
            assert!(said.starts_with(key) && said.contains(what), "{text}: {said}");
            assert!(said.contains("in clear text") && !said.contains("s3cret"), "{said}");
        }
        for text in [
            "execute: {charter_url: 'http://charter:8000'}",
            "execute: {charter_url: 'https://charter:8000', charter_api_key: s3cret}",
            "execute: {charter_url: 'http://localhost:8000', charter_api_key: s3cret}",
            "execute: {charter_url: 'http://127.0.0.1:8000', charter_api_key: s3cret}",
            "execute: {charter_url: 'http://[::1]:8000', charter_api_key: s3cret}",
            "{execute: {charter_url: 'http://charter:8000', charter_api_key: s3cret}, staging: {use_mock_charter: true}}",
            "alertmanager: {notify: {webhooks: [{name: a, url_file: x, token_file: x}]}}",
        ] {
            assert_eq!(told(text), "", "{text}");
        }
        // A key in a file is one, too, and whoever loads the configuration hears of it.
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        std::fs::write(&file, "s3cret\n").unwrap();
        let pairs = [
            ("MAPEK__EXECUTE__CHARTER_URL", "http://charter:8000".to_owned()),
            ("MAPEK__EXECUTE__CHARTER_API_KEY_FILE", file.display().to_string()),
        ];
        let loaded = load(None, pairs.map(|(name, value)| (name.to_owned(), value))).unwrap();
        let told = loaded.notices.join("\n");
        assert!(told.contains("Charter's key is sent in clear text"), "{told}");
    }

    #[test]
    fn a_key_without_effect_is_told() {
        let debug = ("MAPEK__API__DEBUG".to_owned(), "true".to_owned());
        let notices = load(None, [debug]).unwrap().notices;
        assert!(notices.iter().any(|it| it.contains("api.debug has no effect")), "{notices:?}");
        assert_eq!(load(None, []).unwrap().notices, Vec::<String>::new());
    }
}
