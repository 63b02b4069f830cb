//! TLS: our certificate, and the names in those of others.

use std::{fmt, sync::Arc};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio_rustls::TlsAcceptor;

use crate::Error;

/// How a [`Server`](super::Server) speaks TLS 1.2 and 1.3.
///
/// With a client CA, whoever connects may show a certificate that it has signed; what is in it counts as an identity. One that another
/// has signed ends the handshake, none at all is fine: tokens work as well.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Our certificate with those that lead from it to a root, its key, and the certificates whose owners may sign those of clients; all as PEM.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] says which of them cannot be used; what is in the key is never told.
    pub fn from_pem(
        certificates: &[u8],
        key: &[u8],
        client_ca: Option<&[u8]>,
    ) -> Result<Self, Error> {
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::tls("the protocol", error))?;
        let builder = match client_ca {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for certificate in read("the client CA", pem)? {
                    roots.add(certificate).map_err(|error| Error::tls("the client CA", error))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = verifier.allow_unauthenticated().build();
                let verifier = verifier.map_err(|error| Error::tls("the client CA", error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let chain = read("the certificate", certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| Error::tls("the key", "there is no private key in it"))?;
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| Error::tls("the certificate with its key", error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    pub(super) const fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }
}

fn read(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(Error::tls(what, "there is no certificate in it")),
        Err(error) => Err(Error::tls(what, error)),
    }
}

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
