//! `mapek monitor`.

use std::{process::ExitCode, sync::Arc};

use mapek::{
    Clock,
    model::later,
    monitor::{CharterElement, CharterElementConfig, Monitor, Ours},
    scrape::Scraper,
};

use super::{
    Done, configuration, note,
    output::{Out, plain},
};
use crate::{
    cli::ConfigArgs,
    compose::{self, BuildError, Tls},
    config::Config,
};

/// Observes once. Nothing is kept: no journal, no inbox, no baselines.
pub(super) async fn monitor(args: &ConfigArgs) -> Done {
    let config = configuration(args)?.config;
    let clock = compose::system_clock();
    let (mut monitor, scraper) = build(&config, clock.as_ref())?;
    if let Some(scraper) = scraper {
        scrape(&scraper, &config, clock.as_ref()).await;
    }
    let now = clock.now();
    let deadline = clock.sleep_until(later(now, config.monitor.read_deadline));
    let observation = monitor.observe(now, &Ours::default(), deadline).await;
    for (source, quality) in &observation.quality {
        for doubt in quality.doubts() {
            note(format_args!("{source}: {}: {}", plain(&doubt.subject), plain(&doubt.detail)));
        }
    }
    Out::stdout().json(&observation)?;
    Ok(ExitCode::SUCCESS)
}

fn build(config: &Config, clock: &dyn Clock) -> Result<(Monitor, Option<Scraper>), BuildError> {
    let tls = Tls::new(clock.now());
    let charter = compose::charter_over(config, &tls, clock)?;
    let (source, scraper) = compose::metrics(config, &tls)?;
    let element = CharterElement::new(charter.api(), CharterElementConfig::default());
    let mut monitor = Monitor::builder(compose::monitor_config(config)?)
        .target(config.orchestrator.target.clone())
        .metrics(source)
        .element(Arc::new(element));
    if config.alertmanager.enabled {
        let api = compose::alertmanager(config, &tls, clock)?;
        monitor = monitor.feed(Arc::new(compose::alert_feed(config, api)));
    }
    Ok((monitor.build().map_err(BuildError::of("the monitor"))?, scraper))
}

/// Scrapes twice: one sample has no rate.
async fn scrape(scraper: &Scraper, config: &Config, clock: &dyn Clock) {
    let begun = clock.now();
    scraper.scrape(begun).await;
    clock.sleep_until(later(begun, config.monitor.scrape_interval)).await;
    for target in scraper.scrape(clock.now()).await.targets {
        if let Some(error) = target.error {
            note(format_args!("{} {}: {error}", target.job, target.instance));
        }
    }
}
