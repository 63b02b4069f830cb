//! The names in certificates of clients.

use rustls::pki_types::CertificateDer;

/// What a client certificate says of its owner: its alternative names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CertificateNames {
    pub(crate) uris: Vec<String>,
    pub(crate) dns: Vec<String>,
}

impl CertificateNames {
    /// Of a certificate that has been verified. One that cannot be read has no names.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else {
            return Self::default();
        };
        Self {
            uris: certificate.valid_uri_names().map(str::to_owned).collect(),
            dns: certificate.valid_dns_names().map(str::to_owned).collect(),
        }
    }
}
