//! Who may use the API, kept up with a file that changes.

use std::sync::Arc;

use mapek::{
    Clock,
    model::{Duration, later},
    server::Identities,
};
use tracing::{error, info};

use crate::{bounded, command::output::chain, compose, config::Config};

/// How often the file is looked at: who is taken out of it is gone as soon.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Reads `api.auth.tokens_file` again when it has changed, and lets `identities` be those in it. A file that cannot be read or says nothing
/// that makes sense changes nothing: an empty one takes everybody out. Ends at once if there is no such file.
pub(crate) async fn follow(config: Config, identities: Identities, clock: Arc<dyn Clock>) {
    let Some(path) = config.api.auth.tokens_file.clone() else { return };
    // Nothing yet: it may have changed since the start read it.
    let mut known = None;
    loop {
        clock.sleep_until(later(clock.now(), LOOK_EVERY)).await;
        let now = bounded::read(&path).ok();
        if now == known {
            continue;
        }
        known = now;
        match compose::identities(&config) {
            Ok(others) => {
                identities.replace(&others);
                info!(credentials = identities.len(), "who may use the API was read anew");
            }
            Err(error) => {
                let error = chain(&error);
                error!(error, "who may use the API stays as it was");
            }
        }
    }
}
