//! From PEM to what TLS is spoken with.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::{
    RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};

use crate::{Error, Validity, files::Content};

/// Who vouches for others. A bundle with one certificate that cannot be used is refused as a whole: nobody would notice who
/// is missing in it.
pub(crate) fn roots(bundle: &Content) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(bundle)? {
        roots
            .add(certificate)
            .map_err(|error| Error::Unusable { file: bundle.name.clone(), source: error.into() })?;
    }
    Ok(roots)
}

/// A certificate with its key, and from when to when it is valid, which includes `now`.
pub(crate) fn identity(
    certificate: &Content,
    key: &Content,
    now: Option<Timestamp>,
    provider: &CryptoProvider,
) -> Result<(Arc<CertifiedKey>, Validity), Error> {
    let chain = certificates(certificate)?;
    let unusable = |file: &Content, source: Box<dyn std::error::Error + Send + Sync>| {
        Error::Unusable { file: file.name.clone(), source }
    };
    let leaf = chain.first().expect("a list of certificates that is not empty has a first");
    let validity = Validity::of(leaf).map_err(|error| unusable(certificate, error.into()))?;
    if let Some(now) = now {
        validity.check(now, &certificate.name)?;
    }
    // What the parser says may quote the key.
    let private = PrivateKeyDer::from_pem_slice(&key.bytes)
        .map_err(|_| Error::NoKey { file: key.name.clone() })?;
    let made = CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            Error::Mismatch { certificate: certificate.name.clone(), key: key.name.clone() }
        }
        rustls::Error::InvalidCertificate(why) => unusable(certificate, why.to_string().into()),
        other => unusable(key, other.into()),
    })?;
    Ok((Arc::new(made), validity))
}

fn certificates(content: &Content) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content.bytes).collect();
    // Why not is a position in a text that people do not write by hand.
    read.ok()
        .filter(|certificates| !certificates.is_empty())
        .ok_or_else(|| Error::NoCertificate { file: content.name.clone() })
}
