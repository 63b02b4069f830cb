//! Prometheus: ready, with the series that are expected and the alerting rules that are meant.

use std::collections::BTreeSet;

use mapek::{
    Clock,
    monitor::{PrometheusConfig, PrometheusSource},
};
use serde_json::Value;

use super::{report::Report, series};
use crate::{
    command::{
        http,
        output::{OutputError, chain},
    },
    compose::{self, BuildError, Tls},
    config::Config,
};

pub(super) async fn check(
    config: &Config,
    tls: &Tls,
    clock: &dyn Clock,
    report: &mut Report,
) -> miette::Result<()> {
    let url = &config.monitor.prometheus_url;
    let client = compose::prometheus(config, tls)?;
    let source = PrometheusSource::try_new(client.clone(), PrometheusConfig::at(url.clone()))
        .map_err(BuildError::of("the Prometheus client"))?;
    if let Err(error) = source.ready().await {
        let remedy = "start it, wait until it is ready, or correct monitor.prometheus_url";
        return Ok(report.fail("prometheus", format_args!("{url}: {}", chain(&error)), remedy)?);
    }
    report.ok("prometheus", format_args!("{url} is ready"))?;
    let monitor = compose::monitor_config(config)?;
    series::check(&source, &monitor, clock.now(), report).await?;
    Ok(rules(config, &client, report).await?)
}

/// The alerting rules that Prometheus evaluates, against those that the configuration speaks of.
async fn rules(
    config: &Config,
    client: &reqwest::Client,
    report: &mut Report,
) -> Result<(), OutputError> {
    let url = http::below(&config.monitor.prometheus_url, "/api/v1/rules?type=alert");
    let loaded = match http::json(client, &url).await {
        Ok(answer) => names(&answer),
        Err(error) => {
            let what = format!("cannot be listed: {error}");
            return report.fail("alert rules", what, "let this client read /api/v1/rules");
        }
    };
    if loaded.is_empty() && config.alertmanager.enabled {
        let remedy = "name their file in rule_files of prometheus.yml, and reload it";
        return report.fail("alert rules", "none is loaded", remedy);
    }
    for alert in config.monitor.alerts.keys().filter(|alert| !loaded.contains(*alert)) {
        let remedy = "load it, or take it out of monitor.alerts";
        report.fail("alert rules", format_args!("{alert} is not loaded"), remedy)?;
    }
    let all: Vec<_> = loaded.iter().map(String::as_str).collect();
    report.ok("alert rules", format_args!("{} loaded: {}", all.len(), all.join(", ")))
}

fn names(answer: &Value) -> BTreeSet<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    list(&answer["data"]["groups"])
        .iter()
        .flat_map(|group| list(&group["rules"]))
        .filter(|rule| rule["type"] == "alerting")
        .filter_map(|rule| rule["name"].as_str().map(str::to_owned))
        .collect()
}
