//! Certificates in files, made for one test.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use tempfile::TempDir;

/// An authority that is made for one test, and a directory for what it signs.
pub(crate) struct Certificates {
    authority: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

/// Certificate and key of somebody.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), authority.pem()).unwrap();
        Self { authority, directory }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// For this SPIFFE ID, and for whoever calls this machine by a name or an address.
    pub(crate) fn sign(&self, id: &str, change: impl FnOnce(&mut CertificateParams)) -> Signed {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.subject_alt_names.push(SanType::URI(id.try_into().unwrap()));
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap().pem();
        Signed { certificate, key: key.serialize_pem() }
    }

    /// The same, as `name.pem` and `name.key`.
    pub(crate) fn write(&self, name: &str, signed: &Signed) -> (PathBuf, PathBuf) {
        let (certificate, key) =
            (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        std::fs::write(&certificate, &signed.certificate).unwrap();
        std::fs::write(&key, &signed.key).unwrap();
        (certificate, key)
    }

    /// A section `tls` of a client that shows what is in `name.pem`, and expects this of the server.
    pub(crate) fn client(&self, name: &str, server_id: &str) -> String {
        let [ca, certificate, key] = ["ca.pem", &format!("{name}.pem"), &format!("{name}.key")]
            .map(|file| shown(&self.path(file)));
        format!(
            "{{ca_file: '{ca}', certificate_file: '{certificate}', key_file: '{key}', server_id: '{server_id}'}}"
        )
    }

    /// A client that shows this.
    pub(crate) fn reqwest(&self, signed: &Signed) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(self.authority.pem().as_bytes()).unwrap();
        let both = format!("{}{}", signed.certificate, signed.key);
        let identity = reqwest::Identity::from_pem(both.as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([root]).identity(identity);
        client.no_proxy().pool_max_idle_per_host(0).tls_info(true).build().unwrap()
    }
}

pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
