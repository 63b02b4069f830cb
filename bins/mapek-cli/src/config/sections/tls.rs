//! How those who are called are known, and what they are shown: keys `tls` of clients.

use std::path::PathBuf;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::optional_spiffe_id;

/// TLS for a client.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ClientTlsSection {
    /// Who vouches for the other side, as PEM; the authorities of the system if absent.
    #[garde(skip)]
    pub(crate) ca_file: Option<PathBuf>,
    /// Our certificate, with those that lead from it to a root, as PEM, for who asks for one.
    #[garde(skip)]
    pub(crate) certificate_file: Option<PathBuf>,
    /// Its key, as PEM.
    #[garde(skip)]
    pub(crate) key_file: Option<PathBuf>,
    /// Who the other side has to be, by the one SPIFFE ID in its certificate, in place of the name in the URL. Needs `ca_file`.
    #[garde(custom(optional_spiffe_id))]
    pub(crate) server_id: Option<String>,
    /// The name that has to be in the certificate of the other side, in place of the one in the URL: where that is an address, or leads through a tunnel.
    #[garde(skip)]
    pub(crate) server_name: Option<String>,
}

impl ClientTlsSection {
    /// Whether it says anything.
    pub(crate) fn is_set(&self) -> bool {
        *self != Self::default()
    }
}
