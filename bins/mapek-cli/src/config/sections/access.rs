//! Who may use the API: keys `api.auth` and `api.tls`.

use std::path::PathBuf;

use garde::Validate;
use mapek::{
    model::Timestamp,
    server::{InvalidToken, Person, Role, TokenHash},
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The hash of a token. What is none is not kept: it may be a token, and nothing may print it.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(with = "String")]
pub(crate) struct HashEntry(Result<TokenHash, InvalidToken>);

impl HashEntry {
    /// The hash, if it is one.
    pub(crate) fn get(&self) -> Result<TokenHash, InvalidToken> {
        self.0
    }
}

impl<'de> Deserialize<'de> for HashEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.parse()))
    }
}

impl Serialize for HashEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Ok(hash) => hash.serialize(serializer),
            Err(_) => serializer.serialize_str("****"),
        }
    }
}

/// A bearer token of somebody.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenEntry {
    /// Who has it.
    pub(crate) name: Person,
    /// What they may do.
    pub(crate) role: Role,
    /// What it is known by.
    pub(crate) sha256: HashEntry,
    /// From when on it is worth nothing.
    #[serde(default)]
    pub(crate) expires: Option<Timestamp>,
}

/// People who have tokens.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuthSection {
    /// Two for each person at most: the one in use, and the one that is to replace it.
    pub(crate) tokens: Vec<TokenEntry>,
    /// A file with more of them, which is read again when it changes.
    pub(crate) tokens_file: Option<PathBuf>,
}

/// What is in a file of tokens.
#[derive(Debug, Clone, Default, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TokensFile {
    #[garde(skip)]
    pub(crate) tokens: Vec<TokenEntry>,
}

/// Somebody who shows a client certificate with a certain name.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateEntry {
    /// Who.
    pub(crate) name: Person,
    /// What they may do.
    pub(crate) role: Role,
    /// A URI among its alternative names, such as a SPIFFE ID.
    #[serde(default)]
    pub(crate) uri: Option<String>,
    /// A DNS name among its alternative names.
    #[serde(default)]
    pub(crate) dns: Option<String>,
}

/// TLS for a listener.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TlsSection {
    /// Our certificate, with those that lead from it to a root, as PEM. With it nothing is said in clear text any more.
    #[garde(skip)]
    pub(crate) certificate_file: Option<PathBuf>,
    /// Its key, as PEM.
    #[garde(skip)]
    pub(crate) key_file: Option<PathBuf>,
    /// Whose signature makes a client certificate count, as PEM.
    #[garde(skip)]
    pub(crate) client_ca_file: Option<PathBuf>,
    /// Who is known by a client certificate.
    #[garde(skip)]
    pub(crate) identities: Vec<CertificateEntry>,
}
