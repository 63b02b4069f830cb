//! Asks a server that runs whether it is well: an image that holds nothing but this program has no other way to look.

use std::error::Error;
use std::time::Duration;

use mapek_tls::{ClientFiles, ClientTls};

use crate::{args::HealthArgs, server::clock};

/// A server that is well answers at once.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks the server.
pub(crate) fn ask(args: &HealthArgs) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let files = ClientFiles {
        ca: args.ca_file.clone(),
        certificate: args.identity_file.clone(),
        key: args.identity_file.clone(),
        ..ClientFiles::default()
    };
    let tls = ClientTls::open(files, clock())?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.config())
        // None stands between a server and itself.
        .no_proxy()
        .timeout(PATIENCE);
    let request = client.build()?.get(format!("{}/health", args.url.trim_end_matches('/')));
    runtime.block_on(async { request.send().await?.error_for_status().map(drop) })?;
    Ok(())
}
