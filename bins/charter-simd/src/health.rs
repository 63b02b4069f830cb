//! Asks a server that runs whether it is well: an image that holds nothing but this program has no other way to look.

use std::error::Error;
use std::time::Duration;

/// A server that is well answers at once.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks the server at `url`.
pub(crate) fn ask(url: &str) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // No proxy stands between a server and itself, and there may be no certificates here.
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(PATIENCE);
    let request = client.build()?.get(format!("{}/health", url.trim_end_matches('/')));
    runtime.block_on(async { request.send().await?.error_for_status().map(drop) })?;
    Ok(())
}
