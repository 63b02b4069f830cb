//! Why files cannot be used.

use std::io;

use jiff::Timestamp;

use crate::files::FILE_BYTES_MAX;

/// Files cannot be used. The name of a file is its path; of what was handed in, what it is for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read {file}")]
    #[non_exhaustive]
    Unreadable {
        /// Which.
        file: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is too long to be certificates.
    #[error("{file} has more than {FILE_BYTES_MAX} bytes, and is not read")]
    #[non_exhaustive]
    TooLarge {
        /// Which.
        file: String,
    },
    /// There is no certificate in it, or one that is damaged.
    #[error("{file} holds no certificate that can be read")]
    #[non_exhaustive]
    NoCertificate {
        /// Which.
        file: String,
    },
    /// There is no private key in it.
    #[error("{file} holds no private key that can be read")]
    #[non_exhaustive]
    NoKey {
        /// Which.
        file: String,
    },
    /// TLS cannot be spoken with what is in it.
    #[error("what is in {file} cannot be used")]
    #[non_exhaustive]
    Unusable {
        /// Which.
        file: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Certificate and key are not of each other.
    #[error("the key in {key} does not belong to the certificate in {certificate}")]
    #[non_exhaustive]
    Mismatch {
        /// Where the certificate is.
        certificate: String,
        /// Where the key is.
        key: String,
    },
    /// It was valid once.
    #[error("the certificate in {file} has expired at {at}")]
    #[non_exhaustive]
    Expired {
        /// Which.
        file: String,
        /// When.
        at: Timestamp,
    },
    /// It will be valid.
    #[error("the certificate in {file} is not valid before {from}")]
    #[non_exhaustive]
    NotYetValid {
        /// Which.
        file: String,
        /// From when on.
        from: Timestamp,
    },
    /// One of certificate and key is missing.
    #[error("there is a {given} without a {missing}")]
    #[non_exhaustive]
    Incomplete {
        /// What there is.
        given: &'static str,
        /// What there is not.
        missing: &'static str,
    },
    /// A SPIFFE ID is expected, and nobody is trusted to vouch for it.
    #[error("a server of a SPIFFE ID is expected without the authorities that may vouch for it")]
    NoBundle,
    /// A server is to have a name that is none.
    #[error("{given} is no name that a certificate could have")]
    #[non_exhaustive]
    NoName {
        /// What was given.
        given: String,
    },
    /// A server is expected by two names.
    #[error("a server is expected by a SPIFFE ID and by a name")]
    TwoNames,
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check the path, and that this user may read it",
            Self::TooLarge { .. } => "name a file of certificates, as PEM",
            Self::NoCertificate { .. } => {
                "write certificates as PEM, between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----"
            }
            Self::NoKey { .. } => {
                "write the key as PEM, without a password: PKCS #8, SEC 1 or PKCS #1"
            }
            Self::Unusable { .. } => "make another one, with an ECDSA, Ed25519 or RSA key",
            Self::Mismatch { .. } => "give the key that the certificate was made with",
            Self::Expired { .. } => "renew it",
            Self::NotYetValid { .. } => "wait, correct the clock, or make another one",
            Self::Incomplete { .. } => "give certificate and key together",
            Self::NoBundle => "give the trust bundle of its trust domain as the CA",
            Self::NoName { .. } => "give one of the names in its certificate, as mapek.example",
            Self::TwoNames => "give the one that its certificate has",
        }
    }
}
