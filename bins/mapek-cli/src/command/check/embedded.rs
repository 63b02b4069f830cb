//! The embedded metric source: every target is scraped once.

use mapek::{Clock, model::Timestamp, scrape::Scraper};

use super::{report::Report, series};
use crate::{
    command::output::OutputError,
    compose::{self, Tls},
    config::Config,
};

pub(super) async fn check(
    config: &Config,
    tls: &Tls,
    clock: &dyn Clock,
    report: &mut Report,
) -> miette::Result<()> {
    let (source, scraper) = compose::metrics(config, tls)?;
    let now = clock.now();
    if let Some(scraper) = scraper {
        targets(&scraper, now, report).await?;
    }
    let monitor = compose::monitor_config(config)?;
    Ok(series::check(source.as_ref(), &monitor, now, report).await?)
}

async fn targets(
    scraper: &Scraper,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), OutputError> {
    for target in scraper.scrape(now).await.targets {
        let name = format!("{} {}", target.job, target.instance);
        match target.error {
            None => report.ok("target", format_args!("{name}: {} samples", target.exposed))?,
            Some(error) => {
                let remedy = "start it, or correct monitor.targets";
                report.fail("target", format_args!("{name}: {error}"), remedy)?;
            }
        }
    }
    Ok(())
}
