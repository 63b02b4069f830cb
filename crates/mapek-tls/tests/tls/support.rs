//! Authorities, certificates, and two ends of a connection.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use mapek_tls::{ClientFiles, ClientTls, ServerFiles, ServerTls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use rustls::{ClientConfig, NamedGroup, ServerConfig, pki_types::ServerName};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream};

pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

/// An authority by this name. What it signs names its signer by it.
pub(crate) fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

pub(crate) fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

pub(crate) fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

/// A certificate with its key, as PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pair {
    pub(crate) fn of(by: &Authority, names: Vec<SanType>) -> Self {
        Self::with(by, names, |_| {})
    }

    pub(crate) fn with(
        by: &Authority,
        names: Vec<SanType>,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names;
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, by).unwrap().pem();
        Self { certificate, key: key.serialize_pem() }
    }

    /// One that was valid until the year 2020.
    pub(crate) fn expired(by: &Authority, names: Vec<SanType>) -> Self {
        Self::with(by, names, |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1))
    }
}

/// A directory of files.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A certificate and its key, as `name.pem` and `name.key`.
    pub(crate) fn pair(&self, name: &str, pair: &Pair) -> (PathBuf, PathBuf) {
        let certificate = self.write(&format!("{name}.pem"), &pair.certificate);
        (certificate, self.write(&format!("{name}.key"), &pair.key))
    }

    /// The files of a server.
    pub(crate) fn server(&self, pair: &Pair, client_ca: Option<&Authority>) -> ServerFiles {
        let (certificate, key) = self.pair("server", pair);
        let client_ca = client_ca.map(|ca| self.write("client-ca.pem", &ca.pem()));
        ServerFiles { certificate, key, client_ca, client_required: false }
    }

    /// The files of a client that believes this authority.
    pub(crate) fn client(&self, ca: &Authority) -> ClientFiles {
        ClientFiles { ca: Some(self.write("ca.pem", &ca.pem())), ..ClientFiles::default() }
    }
}

pub(crate) fn now() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

pub(crate) fn opened(files: ServerFiles) -> ServerTls {
    ServerTls::open(files, now()).unwrap()
}

pub(crate) fn calling(files: ClientFiles) -> ClientTls {
    ClientTls::open(files, now()).unwrap()
}

/// What a server saw of one connection: the group that keys were agreed by and the client's certificate, or why there is none.
pub(crate) type Seen = Result<(NamedGroup, Option<Vec<u8>>), std::io::Error>;

/// Listens, and takes the configuration for each connection from `config`.
pub(crate) async fn listen(
    config: impl Fn() -> Arc<ServerConfig> + Send + 'static,
) -> (SocketAddr, tokio::sync::mpsc::Receiver<Seen>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = tokio::sync::mpsc::channel(16);
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, tell) = (TlsAcceptor::from(config()), tell.clone());
            tokio::spawn(async move {
                let mut stream = match acceptor.accept(stream).await {
                    Ok(stream) => stream,
                    Err(error) => return tell.send(Err(error)).await.unwrap(),
                };
                let state = stream.get_ref().1;
                let group = state.negotiated_key_exchange_group().unwrap().name();
                let shown = state.peer_certificates().map(|it| it[0].to_vec());
                tell.send(Ok((group, shown))).await.unwrap();
                // An echo, so that both ends know that hands were shaken.
                let mut byte = [0];
                while stream.read_exact(&mut byte).await.is_ok() {
                    stream.write_all(&byte).await.unwrap();
                }
            });
        }
    });
    (address, told, serving)
}

/// Connects to `name` at an address, and hears an echo.
pub(crate) async fn call(
    config: ClientConfig,
    address: SocketAddr,
    name: &'static str,
) -> Result<TlsStream<TcpStream>, String> {
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from(name).unwrap();
    let mut stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
    echo(&mut stream).await.map_err(|error| error.to_string())?;
    Ok(stream)
}

pub(crate) async fn echo(stream: &mut TlsStream<TcpStream>) -> std::io::Result<()> {
    let mut byte = [0];
    stream.write_all(b"x").await?;
    stream.read_exact(&mut byte).await?;
    assert_eq!(&byte, b"x");
    Ok(())
}

/// The certificate that a server showed, as DER.
pub(crate) fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// A certificate as DER.
pub(crate) fn der(pem: &str) -> Vec<u8> {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

/// Whether a path is named in a text.
pub(crate) fn names(text: &str, path: &Path) -> bool {
    text.contains(&path.display().to_string())
}
