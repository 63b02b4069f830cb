//! Whether every stage can be built from the configuration. Nothing is opened, and nobody is asked.

use mapek::{
    Clock,
    analyze::Analyzer,
    model::Query,
    monitor::MonitorConfig,
    scrape::{conforms, parse_promql},
    server::Metrics,
};
use miette::Diagnostic as _;

use super::report::Report;
use crate::{
    command::output::{OutputError, chain},
    compose::{self, BuildError, Tls},
    config::{Config, Database},
    telemetry,
};

/// Where the expressions are.
const CORRECT: &str = "correct it in monitor.queries or monitor.metrics";

pub(super) fn check(config: &Config, report: &mut Report) -> Result<(), OutputError> {
    match compose::monitor_config(config) {
        Err(error) => refused(&error, report)?,
        Ok(monitor) => {
            expressions(&monitor, !config.monitor.targets.is_empty(), report)?;
            unjudged(config, &monitor, report)?;
        }
    }
    if let Err(error) = Analyzer::try_new(compose::analyze_config(config)) {
        report.fail("analyze", chain(&error), "correct it in analyze.algorithms")?;
    }
    if let Err(error) = compose::planner(config) {
        report.fail("plan", chain(&error), "correct it in plan")?;
    }
    if config.knowledge.database == Database::Postgres {
        let remedy = "set knowledge.database to sqlite or memory";
        report.fail("knowledge", "database postgres is not in this build", remedy)?;
    }
    let clock = compose::system_clock();
    let tls = Tls::new(clock.now());
    clients(config, &tls, report)?;
    listeners(config, &tls, report)?;
    certificates(&tls, clock.as_ref(), report)?;
    ports(config, report)
}

fn refused(error: &BuildError, report: &mut Report) -> Result<(), OutputError> {
    let help = error.help().map(|help| help.to_string());
    report.fail("stages", chain(error), help.as_deref().unwrap_or("correct what it names"))
}

/// Syntax, and for the embedded source whether it answers as Prometheus would.
fn expressions(
    monitor: &MonitorConfig,
    embedded: bool,
    report: &mut Report,
) -> Result<(), OutputError> {
    let rules = monitor.rules.iter().map(|rule| ("rule", &rule.name, &rule.promql));
    let watches = monitor.watches.iter().map(|watch| ("metric", &watch.name, &watch.promql));
    let before = report.failures();
    for (what, name, query) in rules.chain(watches) {
        if let Err(why) = sound(query, embedded) {
            report.fail(what, format_args!("{name}: {why}"), CORRECT)?;
        }
    }
    if report.failures() == before
        && let Err(error) = monitor.check()
    {
        report.fail("monitor", chain(&error), CORRECT)?;
    }
    Ok(())
}

/// Says of which rules nobody sees when their data is old or gone.
fn unjudged(
    config: &Config,
    monitor: &MonitorConfig,
    report: &mut Report,
) -> Result<(), OutputError> {
    // What cannot be built is told with the other clients.
    let tls = Tls::new(compose::system_clock().now());
    let Ok((source, _)) = compose::metrics(config, &tls) else { return Ok(()) };
    for rule in &monitor.rules {
        let why = match rule.selectors(source.as_ref()) {
            Some(selectors) if selectors.iter().any(|it| it.required) => continue,
            Some(selectors) if selectors.is_empty() => "reads no series",
            Some(_) => "reads only series that may be missing",
            None => "reads series that cannot be told",
        };
        let what = format!("{}: {why}; that its data is gone is not noticed", rule.name);
        report.note("rule", what)?;
    }
    Ok(())
}

fn sound(query: &Query, embedded: bool) -> Result<(), String> {
    parse_promql(query.as_str()).map_err(|error| error.to_string())?;
    if embedded {
        conforms(query).map_err(|error| {
            format!("{error}; the embedded metric source, which monitor.targets asks for, lacks it")
        })?;
    }
    Ok(())
}

fn clients(config: &Config, tls: &Tls, report: &mut Report) -> Result<(), OutputError> {
    let clock = compose::system_clock();
    let clock = clock.as_ref();
    let alertmanager = || compose::alertmanager(config, tls, clock).err();
    let built = [
        compose::charter_over(config, tls, clock).err(),
        compose::metrics(config, tls).err(),
        config.alertmanager.enabled.then(alertmanager).flatten(),
        compose::commands(config, tls).err(),
    ];
    built.iter().flatten().try_for_each(|error| refused(error, report))
}

/// Who may use the listeners, and the certificate of those that have one.
fn listeners(config: &Config, tls: &Tls, report: &mut Report) -> Result<(), OutputError> {
    let clock = compose::system_clock();
    let built = [
        compose::access(config, clock.clone()).err(),
        // What both have is told once.
        compose::access(config, clock.clone())
            .ok()
            .and_then(|_| compose::webhook_access(config, clock).err()),
        compose::api_tls(config, tls).err(),
        compose::webhook_tls(config, tls).err(),
        compose::notifier(config, tls, compose::system_clock(), &Metrics::new()).err(),
        telemetry::check(config, tls).err(),
    ];
    built.iter().flatten().try_for_each(|error| refused(error, report))
}

/// Which certificates can be used, and for how long.
fn certificates(tls: &Tls, clock: &dyn Clock, report: &mut Report) -> Result<(), OutputError> {
    for (key, part) in tls.parts() {
        let Some(validity) = part.validity() else { continue };
        if validity.ends_soon(clock.now()) {
            let what = format!("{key}: the certificate ends soon, at {}: renew it", validity.to);
            report.note("certificate", what)?;
        } else {
            report.ok("certificate", format_args!("{key}: valid until {}", validity.to))?;
        }
    }
    Ok(())
}

/// Two listeners cannot share a port. Port 0 is any that is free.
fn ports(config: &Config, report: &mut Report) -> Result<(), OutputError> {
    let webhook = config.alertmanager.enabled.then_some(config.alertmanager.webhook_port);
    let listeners = [
        ("api.port", Some(config.api.port)),
        ("api.metrics_port", config.api.metrics_port),
        ("alertmanager.webhook_port", webhook),
    ];
    for (i, (name, port)) in listeners.iter().enumerate() {
        let same =
            |(_, other): &&(&str, Option<u16>)| port.is_some_and(|it| it > 0) && other == port;
        if let Some((first, _)) = listeners[..i].iter().find(same) {
            let what = format!("{first} and {name} are the same");
            report.fail("ports", what, "give each a port of its own")?;
        }
    }
    Ok(())
}
