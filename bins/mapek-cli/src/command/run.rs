//! `mapek run`.

use std::process::ExitCode;

use mapek::{Clock as _, server::Metrics};
use miette::IntoDiagnostic as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Done, configuration, reload};
use crate::{
    App,
    cli::ConfigArgs,
    compose::{self, Tls},
    logging,
    telemetry::Telemetry,
};

/// Runs the loop until the process is told to stop.
pub(super) async fn run(args: &ConfigArgs) -> Done {
    let loaded = configuration(args)?;
    let tls = Tls::new(compose::system_clock().now());
    let metrics = Metrics::new();
    let (telemetry, others) = Telemetry::start(&loaded.config, &tls, &metrics)?;
    let log = logging::start(&loaded.config, others)?;
    // Caught from here on, so that none ends the process while it starts.
    let hangup = signal(SignalKind::hangup()).into_diagnostic()?;
    for notice in &loaded.notices {
        warn!("{notice}");
    }
    let app = App::build_beside(&loaded.config, tls, metrics).await?;
    let shutdown = CancellationToken::new();
    tokio::spawn(on_signal(shutdown.clone()));
    let reloading =
        reload::on_hangup(hangup, args.clone(), loaded.config, log.level(), app.certificates());
    tokio::spawn(shutdown.clone().run_until_cancelled_owned(reloading));
    app.run(shutdown).await;
    telemetry.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Cancels on SIGTERM and SIGINT.
async fn on_signal(shutdown: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return warn!("signals cannot be caught: the process ends at once when it is told to");
    };
    tokio::select! {
        _ = terminate.recv() => info!("SIGTERM"),
        _ = interrupt.recv() => info!("SIGINT"),
    }
    shutdown.cancel();
}
