//! Whether the series behind rules and watched values are there, and fresh.

use mapek::{
    model::{Answer, Duration, Query, Timestamp, duration},
    monitor::{MetricSource, MonitorConfig, RuleConfig, Selector},
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
            Ok(answer) => {
                report.ok("metric", format_args!("{name}: {}", counted(answer.series.len())))?
            }
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
    let answer = match source.instant(&rule.promql, now).await {
        Ok(answer) => answer,
        Err(error) => return failed("rule", name, &error, report),
    };
    let selectors = rule.selectors(source).unwrap_or_default();
    if selectors.is_empty() {
        // A rule without a threshold answers only what breaches it: no series is good news.
        if answer.series.is_empty() && rule.threshold.is_some() {
            let what = format!("{name}: no series for {}", rule.promql);
            return report.fail("rule", what, ABSENT);
        }
        let count = counted(answer.series.len());
        let what = format!("{name}: answers {count}; how old they are cannot be asked");
        return report.ok("rule", what);
    }
    let (mut found, mut oldest) = (0, None);
    for Selector { query, required } in &selectors {
        let answer = match source.instant(query, now).await {
            Ok(answer) => answer,
            Err(error) => return failed("rule", name, &error, report),
        };
        if answer.series.is_empty() && *required {
            return report.fail("rule", format_args!("{name}: no series for {query}"), ABSENT);
        }
        found += answer.series.len();
        oldest = oldest.max(age(source, query, now).await);
    }
    let text = format!("{name}: {}", counted(found));
    match oldest {
        Some(age) if age > interval * 2 => {
            let age = duration::format(Duration::from_secs(age.as_secs()));
            let what = format!("{text}, the oldest of {age} ago");
            report.fail("rule", what, "scrape it as often as monitor.scrape_interval says")
        }
        Some(_) => report.ok("rule", format_args!("{text}, fresh")),
        None => report.ok("rule", text),
    }
}

/// How old the oldest sample of raw series is.
async fn age(source: &dyn MetricSource, selector: &Query, now: Timestamp) -> Option<Duration> {
    let oldest = Query::try_new(format!("time() - min(timestamp({selector}))")).ok()?;
    let age = value(&source.instant(&oldest, now).await.ok()?)?;
    Duration::try_from_secs_f64(age.max(0.0)).ok()
}

fn value(answer: &Answer) -> Option<f64> {
    answer.series.first()?.last().map(|sample| sample.value)
}

fn counted(series: usize) -> String {
    match series {
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
