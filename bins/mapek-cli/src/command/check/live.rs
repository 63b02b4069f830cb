//! Whether what the configuration points to is there, and does its part.

use mapek::{Clock, charter::Extension};

use super::{alerting, embedded, prometheus, report::Report};
use crate::{
    command::output::chain,
    compose::{self, Charter, Tls},
    config::Config,
};

pub(super) async fn check(config: &Config, report: &mut Report) -> miette::Result<()> {
    let clock = compose::system_clock();
    let tls = Tls::new(clock.now());
    if config.monitor.targets.is_empty() {
        prometheus::check(config, &tls, clock.as_ref(), report).await?;
    } else {
        embedded::check(config, &tls, clock.as_ref(), report).await?;
    }
    charter(config, &tls, clock.as_ref(), report).await?;
    if config.alertmanager.enabled {
        alerting::check(config, &tls, clock, report).await
    } else {
        Ok(report.note("alertmanager", "is not asked: alertmanager.enabled is false")?)
    }
}

async fn charter(
    config: &Config,
    tls: &Tls,
    clock: &dyn Clock,
    report: &mut Report,
) -> miette::Result<()> {
    let url = &config.execute.charter_url;
    let charter = compose::charter_over(config, tls, clock)?;
    if let Charter::InProcess(_) = charter {
        report.note("charter", "is the reference server in this process")?;
        return Ok(());
    }
    let health = match charter.api().health().await {
        Ok(health) if health.is_ok() => health,
        Ok(health) => {
            let what = format!("{url} says that it is {}", health.status);
            return Ok(report.fail("charter", what, "look at its log")?);
        }
        Err(error) => {
            let what = format!("{url} cannot be asked: {}", chain(&error));
            let remedy = "start it, or correct execute.charter_url and the key";
            return Ok(report.fail("charter", what, remedy)?);
        }
    };
    let version = health.version.as_deref().unwrap_or("of unknown version");
    let extensions: Vec<_> = health.extensions.iter().map(Extension::as_str).collect();
    let extensions = if extensions.is_empty() { "none".to_owned() } else { extensions.join(", ") };
    report.ok("charter", format_args!("{url}, {version}; extensions: {extensions}"))?;
    if !health.offers(&Extension::IdempotencyKey) {
        let what =
            "it keeps no idempotency keys: what is unclear is read back and never repeated blindly";
        report.note("charter", what)?;
    }
    Ok(())
}
