//! TLS for those who listen.

use std::{fmt, path::Path, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use rustls::{
    ServerConfig, crypto::CryptoProvider, server::WebPkiClientVerifier, sign::SingleCertAndKey,
};

use crate::{
    Error, Look, Refusal, Validity, Watched,
    files::Content,
    pem,
    provider::{PROTOCOLS, provider},
    watch::{Kept, Source},
};

/// What a server is made of, as paths of PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    /// Its certificate, with those that lead from it to a root.
    pub certificate: PathBuf,
    /// The key of it, without a password.
    pub key: PathBuf,
    /// Whose signature makes a client's certificate count; without it none is asked for.
    pub client_ca: Option<PathBuf>,
    /// Whether nobody gets in without one.
    pub client_required: bool,
}

/// How a server speaks TLS 1.2 and 1.3. Clones share what is in force.
///
/// With a client CA, whoever connects may show a certificate that it has signed. One that another has signed ends the
/// handshake; none at all is fine unless it is required: where tokens count as well, that is for whoever knows tokens.
#[derive(Clone)]
pub struct ServerTls(Arc<Inner>);

enum Inner {
    Files(Kept<Files>),
    Given(Made),
}

struct Files {
    paths: ServerFiles,
    provider: Arc<CryptoProvider>,
}

struct Made {
    config: Arc<ServerConfig>,
    validity: Validity,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ServerTls");
        if let Inner::Files(kept) = &*self.0 {
            shown.field("files", &kept.source().paths);
        }
        shown.finish_non_exhaustive()
    }
}

impl ServerTls {
    /// Of files, which a [look](Watched::look) reads again.
    ///
    /// # Errors
    ///
    /// [`Error`] names the file that cannot be used.
    pub fn open(files: ServerFiles, now: Timestamp) -> Result<Self, Error> {
        let files = Files { paths: files, provider: provider() };
        Ok(Self(Arc::new(Inner::Files(Kept::open(files, now)?))))
    }

    /// Our certificate with those that lead from it to a root, its key, and the certificates whose owners may sign those of clients; all
    /// as PEM. They stay as they are, and whether they have expired is not asked.
    ///
    /// # Errors
    ///
    /// [`Error`] says which of them cannot be used; what is in the key is never told.
    pub fn from_pem(
        certificates: &[u8],
        key: &[u8],
        client_ca: Option<&[u8]>,
    ) -> Result<Self, Error> {
        let certificates = Content::given("the certificate", certificates);
        let key = Content::given("the key", key);
        let client_ca = client_ca.map(|pem| Content::given("the client CA", pem));
        let clients = Clients { ca: client_ca.as_ref(), required: false };
        let made = made(&certificates, &key, &clients, None, provider())?;
        Ok(Self(Arc::new(Inner::Given(made))))
    }

    /// What the next connection is accepted with. Ask for each: it changes with the files.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        match &*self.0 {
            Inner::Files(kept) => Arc::clone(&kept.made().config),
            Inner::Given(made) => Arc::clone(&made.config),
        }
    }

    /// Why a client's certificate was refused, if that is what an error of a handshake says.
    #[must_use]
    pub fn refusal(&self, error: &(dyn std::error::Error + 'static)) -> Option<Refusal> {
        let ca = match &*self.0 {
            Inner::Files(kept) => kept.source().paths.client_ca.as_deref(),
            Inner::Given(_) => None,
        };
        Refusal::of_client(error, ca)
    }
}

impl Watched for ServerTls {
    fn look(&self, now: Timestamp) -> Look {
        match &*self.0 {
            Inner::Files(kept) => kept.look(now, false),
            Inner::Given(_) => Look::Same,
        }
    }

    fn look_now(&self, now: Timestamp) -> Look {
        match &*self.0 {
            Inner::Files(kept) => kept.look(now, true),
            Inner::Given(_) => Look::Same,
        }
    }

    fn validity(&self) -> Option<Validity> {
        Some(match &*self.0 {
            Inner::Files(kept) => kept.made().validity,
            Inner::Given(made) => made.validity,
        })
    }
}

impl Source for Files {
    type Made = Made;

    fn paths(&self) -> Vec<&Path> {
        let ServerFiles { certificate, key, client_ca, .. } = &self.paths;
        [certificate, key].into_iter().chain(client_ca).map(PathBuf::as_path).collect()
    }

    fn make(&self, contents: Vec<Content>, now: Timestamp) -> Result<Made, Error> {
        let [certificate, key, client_ca @ ..] = contents.as_slice() else {
            unreachable!("there are always these two paths")
        };
        let clients = Clients { ca: client_ca.first(), required: self.paths.client_required };
        made(certificate, key, &clients, Some(now), Arc::clone(&self.provider))
    }
}

/// Whose certificates count.
struct Clients<'a> {
    ca: Option<&'a Content>,
    required: bool,
}

fn made(
    certificate: &Content,
    key: &Content,
    clients: &Clients<'_>,
    now: Option<Timestamp>,
    provider: Arc<CryptoProvider>,
) -> Result<Made, Error> {
    let (identity, validity) = pem::identity(certificate, key, now, &provider)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(key, error))?;
    let builder = match clients.ca {
        None => builder.with_no_client_auth(),
        Some(bundle) => {
            let roots = Arc::new(pem::roots(bundle)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            let verifier =
                if clients.required { verifier } else { verifier.allow_unauthenticated() };
            let verifier = verifier.build().map_err(|error| unusable(bundle, error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Made { config: Arc::new(config), validity })
}

fn unusable(
    content: &Content,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::Unusable { file: content.name.clone(), source: source.into() }
}
