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
    /// Certificates or a key cannot be used.
    #[error("{what} cannot be used")]
    #[non_exhaustive]
    Tls {
        /// Which of them.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
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

impl Error {
    pub(crate) fn tls(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Tls { what, source: source.into() }
    }
}
