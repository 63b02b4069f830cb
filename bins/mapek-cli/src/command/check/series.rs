//! Whether the series behind rules and watched values are there, and fresh.

use mapek::{
    model::{Answer, Duration, Query, Timestamp, duration},
    monitor::{MetricSource, MonitorConfig, RuleConfig},
};

use super::report::Report;
use crate::command::output::{OutputError, chain};

/// What to do where there is no series.
const ABSENT: &str = "is the target scraped, and is that what the metric is called there?";

pub(super) async fn check(
    source: &dyn MetricSource,
    monitor: &MonitorConfig,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), OutputError> {
    for rule in &monitor.rules {
        check_rule(source, rule, monitor.scrape_interval, now, report).await?;
    }
    for watch in monitor.watches.iter().filter(|watch| watch.expected) {
        let name = &watch.name;
        match source.instant(&watch.promql, now).await {
            Err(error) => failed("metric", name, &error, report)?,
            Ok(answer) if answer.series.is_empty() => {
                let what = format!("{name}: no series for {}", watch.promql);
                report.fail("metric", what, ABSENT)?;
            }
            Ok(answer) => report.ok("metric", format_args!("{name}: {}", counted(&answer)))?,
        }
    }
    Ok(())
}

async fn check_rule(
    source: &dyn MetricSource,
    rule: &RuleConfig,
    interval: Duration,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), OutputError> {
    let name = &rule.name;
    let selector = selector(rule);
    let asked = selector.as_ref().unwrap_or(&rule.promql);
    let answer = match source.instant(asked, now).await {
        Ok(answer) => answer,
        Err(error) => return failed("rule", name, &error, report),
    };
    // A rule without a threshold answers only what breaches it: no series is good news.
    if answer.series.is_empty() && (selector.is_some() || rule.threshold.is_some()) {
        return report.fail("rule", format_args!("{name}: no series for {asked}"), ABSENT);
    }
    let Some(selector) = selector else {
        let what =
            format!("{name}: answers {}; how old they are cannot be asked", counted(&answer));
        return report.ok("rule", what);
    };
    let oldest = format!("time() - min(timestamp({selector}))");
    let age = match Query::try_new(oldest) {
        Ok(query) => source.instant(&query, now).await.ok().as_ref().and_then(value),
        Err(_) => None,
    };
    let age = age.and_then(|age| Duration::try_from_secs_f64(age.max(0.0)).ok());
    let text = format!("{name}: {}", counted(&answer));
    match age {
        Some(age) if age > interval * 2 => {
            let age = duration::format(Duration::from_secs(age.as_secs()));
            let what = format!("{text}, the oldest of {age} ago");
            report.fail("rule", what, "scrape it as often as monitor.scrape_interval says")
        }
        Some(_) => report.ok("rule", format_args!("{text}, fresh")),
        None => report.ok("rule", text),
    }
}

fn selector(rule: &RuleConfig) -> Option<Query> {
    let metric = || Query::try_new(rule.metric.as_ref()?.as_str()).ok();
    rule.selector.clone().or_else(metric)
}

fn value(answer: &Answer) -> Option<f64> {
    answer.series.first()?.last().map(|sample| sample.value)
}

fn counted(answer: &Answer) -> String {
    match answer.series.len() {
        1 => "1 series".to_owned(),
        many => format!("{many} series"),
    }
}

fn failed(
    what: &str,
    name: &str,
    error: &mapek::monitor::Error,
    report: &mut Report,
) -> Result<(), OutputError> {
    let remedy = "try the expression in the metric source's own console";
    report.fail(what, format_args!("{name}: {}", chain(error)), remedy)
}
