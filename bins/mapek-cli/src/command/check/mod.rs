//! `mapek check`.

mod alerting;
mod embedded;
mod live;
mod prometheus;
mod report;
mod series;
mod stages;
mod state;

use std::process::ExitCode;

use super::{Done, configuration};
use crate::{cli::CheckArgs, config::effective_yaml};
use report::Report;

/// Checks the configuration and the state directory, and with `--live` what else it points to. Exit code 2 if the configuration is at fault, 1 if
/// something outside is.
pub(super) async fn check(args: &CheckArgs) -> Done {
    let loaded = configuration(&args.config)?;
    let config = &loaded.config;
    let mut report = Report::new();
    report.text(&effective_yaml(config))?;
    for notice in &loaded.notices {
        report.note("configuration", notice)?;
    }
    stages::check(config, &mut report)?;
    if report.failures() > 0 {
        return Ok(ExitCode::from(2));
    }
    report.ok("configuration", "can be used")?;
    state::check(config, &mut report)?;
    if args.live {
        live::check(config, &mut report).await?;
    }
    Ok(if report.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
