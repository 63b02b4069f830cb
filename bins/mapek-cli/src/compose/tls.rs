//! What this process speaks TLS with: the one place in which HTTP clients are made.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mapek::{
    model::Timestamp,
    tls::{ClientFiles, ClientTls, Error, ServerFiles, ServerTls, Watched},
};

use super::BuildError;
use crate::config::{ClientTlsSection, TlsSection};

/// How long it may take until somebody has taken a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// All that this process speaks TLS with, each part by the key that configures it. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    parts: Arc<Mutex<BTreeMap<String, Part>>>,
    /// When the files are read first.
    now: Timestamp,
}

#[derive(Debug, Clone)]
enum Part {
    Client(ClientTls),
    Server(ServerTls),
}

impl Tls {
    /// Nothing yet; what is made of files has to be valid at `now`.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { parts: Arc::default(), now }
    }

    /// A client that keeps its connections, follows no redirect, and brings `timeout`; `key` is where `section` stands.
    pub(crate) fn http_client(
        &self,
        key: &str,
        section: &ClientTlsSection,
        timeout: Duration,
    ) -> Result<reqwest::Client, BuildError> {
        http_client(&self.client(key, section)?, timeout)
    }

    fn client(&self, key: &str, section: &ClientTlsSection) -> Result<ClientTls, BuildError> {
        if let Some(Part::Client(known)) = self.known(key) {
            return Ok(known);
        }
        let server_id = section.server_id.as_deref().map(str::parse).transpose();
        let server_id =
            server_id.map_err(|error| BuildError::new(format!("{key}.server_id"), error))?;
        let files = ClientFiles {
            ca: section.ca_file.clone(),
            certificate: section.certificate_file.clone(),
            key: section.key_file.clone(),
            server_id,
            server_name: section.server_name.clone(),
        };
        let tls = ClientTls::open(files, self.now).map_err(|error| refused(key, error))?;
        if section.is_set() {
            self.keep(key, Part::Client(tls.clone()));
        }
        Ok(tls)
    }

    /// The certificate of a listener, if it has one.
    pub(crate) fn server(
        &self,
        key: &str,
        section: &TlsSection,
    ) -> Result<Option<ServerTls>, BuildError> {
        if let Some(Part::Server(known)) = self.known(key) {
            return Ok(Some(known));
        }
        let Some(files) = server_files(key, section)? else { return Ok(None) };
        let tls = ServerTls::open(files, self.now).map_err(|error| refused(key, error))?;
        self.keep(key, Part::Server(tls.clone()));
        Ok(Some(tls))
    }

    /// What was made of files so far, by key.
    pub(crate) fn parts(&self) -> Vec<(String, Arc<dyn Watched>)> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let watched = |part: &Part| match part {
            Part::Client(tls) => Arc::new(tls.clone()) as Arc<dyn Watched>,
            Part::Server(tls) => Arc::new(tls.clone()),
        };
        parts.iter().map(|(key, part)| (key.clone(), watched(part))).collect()
    }

    fn known(&self, key: &str) -> Option<Part> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep(&self, key: &str, part: Part) {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), part);
    }
}

/// The same of TLS that somebody else has.
pub(crate) fn http_client(
    tls: &ClientTls,
    timeout: Duration,
) -> Result<reqwest::Client, BuildError> {
    http_client_builder(tls, timeout).build().map_err(BuildError::of("the HTTP client"))
}

pub(super) fn http_client_builder(tls: &ClientTls, timeout: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls.config())
        .timeout(timeout)
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("mapek/", env!("CARGO_PKG_VERSION")))
}

fn server_files(key: &str, tls: &TlsSection) -> Result<Option<ServerFiles>, BuildError> {
    match (&tls.certificate_file, &tls.key_file) {
        (Some(certificate), Some(private)) => Ok(Some(ServerFiles {
            certificate: PathBuf::clone(certificate),
            key: PathBuf::clone(private),
            client_ca: tls.client_ca_file.clone(),
            // A token does as well.
            client_required: false,
        })),
        (None, None) if tls.client_ca_file.is_none() => Ok(None),
        _ => {
            let why = "certificate_file and key_file are given together";
            Err(BuildError::new(key, why))
        }
    }
}

fn refused(key: &str, error: Error) -> BuildError {
    let remedy = error.remedy();
    BuildError::new(key, error).with_help(remedy)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn nobody_sends_us_elsewhere() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            let answer = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{address}/secret\r\n\
                 content-length: 0\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            // A second request would wait here for ever.
        });
        let tls = ClientTls::open(ClientFiles::default(), Timestamp::UNIX_EPOCH).unwrap();
        let client = http_client_builder(&tls, Duration::from_secs(20)).no_proxy().build().unwrap();
        let answer = client.get(format!("http://{address}/")).send().await.unwrap();
        assert_eq!(answer.status(), 307);
        serving.await.unwrap();
    }
}
