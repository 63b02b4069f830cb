//! What can go wrong in serving.

use std::{io, net::SocketAddr};

/// An error of the server or of its metrics.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("listening on {address} failed")]
    #[non_exhaustive]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Some requests were cut off at shutdown.
    #[error("{connections} connections had to be cut off at shutdown")]
    #[non_exhaustive]
    CutOff {
        /// How many connections.
        connections: usize,
    },
    /// A metric cannot be registered.
    #[error("metric {name:?} {why}")]
    #[non_exhaustive]
    Metric {
        /// Its name, as it was given.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
}
