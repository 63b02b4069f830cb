//! TLS for those who call.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use jiff::Timestamp;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, OtherError, RootCertStore,
    SignatureScheme,
    client::{
        ResolvesClientCert, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
    sign::CertifiedKey,
};

use crate::{
    Error, Look, Refusal, SpiffeId, Validity, Watched,
    files::Content,
    pem,
    provider::{PROTOCOLS, provider},
    watch::{Kept, Source},
};

/// What a client is made of, as paths of PEM files. All of it may be absent: then servers are believed for whom the authorities of
/// the system vouch, and nobody learns who calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFiles {
    /// Who vouches for servers, in place of the authorities of the system.
    pub ca: Option<PathBuf>,
    /// Our certificate, with those that lead from it to a root, for servers that ask for it.
    pub certificate: Option<PathBuf>,
    /// The key of it, without a password.
    pub key: Option<PathBuf>,
    /// Who the server has to be, in place of the name that it is called by. Needs `ca`: a public authority vouches for no SPIFFE ID.
    pub server_id: Option<SpiffeId>,
    /// The name that has to be in its certificate, in place of the one that it is called by: where it is called by an address, or through a tunnel.
    pub server_name: Option<String>,
}

/// How a client speaks TLS 1.2 and 1.3. Clones share what is in force.
#[derive(Clone)]
pub struct ClientTls(Arc<Inner>);

struct Inner {
    kept: Kept<Files>,
    provider: Arc<CryptoProvider>,
    /// The authorities of the system, read when they are needed: where there are none, what is said in clear text needs none.
    system: OnceLock<Result<RootCertStore, TlsError>>,
}

struct Files {
    paths: ClientFiles,
    /// That of `paths`, as TLS knows names.
    server_name: Option<ServerName<'static>>,
    provider: Arc<CryptoProvider>,
}

struct Made {
    /// Absent: those of the system.
    roots: Option<RootCertStore>,
    identity: Option<(Arc<CertifiedKey>, Validity)>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("files", self.files()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

impl ClientTls {
    /// Of files, which a [look](Watched::look) reads again.
    ///
    /// # Errors
    ///
    /// [`Error`] names the file that cannot be used.
    pub fn open(files: ClientFiles, now: Timestamp) -> Result<Self, Error> {
        match (&files.certificate, &files.key) {
            (Some(_), None) => {
                return Err(Error::Incomplete { given: "certificate", missing: "key" });
            }
            (None, Some(_)) => {
                return Err(Error::Incomplete { given: "key", missing: "certificate" });
            }
            _ => {}
        }
        if files.server_id.is_some() && files.ca.is_none() {
            return Err(Error::NoBundle);
        }
        if files.server_id.is_some() && files.server_name.is_some() {
            return Err(Error::TwoNames);
        }
        let server_name = files.server_name.clone().map(|name| {
            ServerName::try_from(name.clone()).map_err(|_| Error::NoName { given: name })
        });
        let (server_name, provider) = (server_name.transpose()?, provider());
        let files = Files { paths: files, server_name, provider: Arc::clone(&provider) };
        let kept = Kept::open(files, now)?;
        Ok(Self(Arc::new(Inner { kept, provider, system: OnceLock::new() })))
    }

    /// What it is made of.
    #[must_use]
    pub fn files(&self) -> &ClientFiles {
        &self.0.kept.source().paths
    }

    /// For a connector. It follows the files by itself, so one is enough for all connections.
    ///
    /// # Panics
    ///
    /// Never: the provider has suites for the versions that it is asked for.
    #[must_use]
    pub fn config(&self) -> ClientConfig {
        let trust = Arc::clone(&self.0);
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.0.provider))
            .with_safe_default_protocol_versions()
            .expect("the provider has suites of TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&trust) as Arc<dyn ServerCertVerifier>)
            .with_client_cert_resolver(trust);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        // A resumed session is not verified again, whatever has changed in the files.
        config.resumption = Resumption::disabled();
        config
    }
}

impl Watched for ClientTls {
    fn look(&self, now: Timestamp) -> Look {
        self.0.kept.look(now, false)
    }

    fn look_now(&self, now: Timestamp) -> Look {
        self.0.kept.look(now, true)
    }

    fn validity(&self) -> Option<Validity> {
        self.0.kept.made().identity.as_ref().map(|(_, validity)| *validity)
    }
}

impl Source for Files {
    type Made = Made;

    fn paths(&self) -> Vec<&Path> {
        let ClientFiles { ca, certificate, key, .. } = &self.paths;
        [ca, certificate, key].into_iter().flatten().map(PathBuf::as_path).collect()
    }

    fn make(&self, contents: Vec<Content>, now: Timestamp) -> Result<Made, Error> {
        let mut contents = contents.into_iter();
        let bundle = self.paths.ca.is_some().then(|| contents.next()).flatten();
        let roots = bundle.as_ref().map(pem::roots).transpose()?;
        let identity = match (contents.next(), contents.next()) {
            (Some(certificate), Some(key)) => {
                Some(pem::identity(&certificate, &key, Some(now), &self.provider)?)
            }
            _ => None,
        };
        Ok(Made { roots, identity })
    }
}

impl Inner {
    /// Who is believed at this moment.
    fn with_roots<T>(
        &self,
        made: &Made,
        then: impl FnOnce(&RootCertStore, &str) -> Result<T, TlsError>,
    ) -> Result<T, TlsError> {
        if let Some(roots) = &made.roots {
            let bundle = self.kept.source().paths.ca.as_ref();
            let bundle = bundle.map(|path| path.display().to_string()).unwrap_or_default();
            return then(roots, &bundle);
        }
        let system = self.system.get_or_init(system).as_ref().map_err(Clone::clone)?;
        then(system, "the authorities of the system")
    }
}

/// The authorities of the system.
fn system() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // One among hundreds that is strange is no reason to believe nobody.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = "this system has no certificates of authorities: install them, or give a CA of your own";
        return Err(TlsError::General(why.to_owned()));
    }
    Ok(roots)
}

impl ServerCertVerifier for Inner {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let name = server_name.to_str();
        let made = self.kept.made();
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        self.with_roots(&made, |roots, bundle| {
            verify_server_cert_signed_by_trust_anchor(
                &parsed,
                roots,
                intermediates,
                now,
                algorithms,
            )
            .map_err(|error| told(Refusal::of_server(&name, bundle, &error)))?;
            let source = self.kept.source();
            match &source.paths.server_id {
                None => {
                    let expected = source.server_name.as_ref().unwrap_or(server_name);
                    verify_server_name(&parsed, expected).map_err(|error| {
                        told(Refusal::of_server(&expected.to_str(), bundle, &error))
                    })
                }
                Some(expected) => is_named(end_entity, expected)
                    .map_err(|shown| told(Refusal::stranger(&name, expected, &shown))),
            }
        })?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ResolvesClientCert for Inner {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.kept.made().identity.as_ref().map(|(identity, _)| Arc::clone(identity))
    }

    fn has_certs(&self) -> bool {
        self.kept.source().paths.certificate.is_some()
    }
}

fn told(refusal: Refusal) -> TlsError {
    TlsError::Other(OtherError(Arc::new(refusal)))
}

/// Whether the one URI in a certificate is the expected one (X.509-SVID, section 2: it has exactly one). If not, those that it has.
fn is_named(certificate: &CertificateDer<'_>, expected: &SpiffeId) -> Result<(), Vec<String>> {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else {
        return Err(Vec::new());
    };
    let shown: Vec<_> = certificate.valid_uri_names().map(str::to_owned).collect();
    if shown.len() == 1 && shown[0] == expected.as_str() { Ok(()) } else { Err(shown) }
}
