//! Who may use the listeners, from the configuration.

use std::{path::Path, sync::Arc};

use mapek::{
    Clock,
    server::{Access, Credential, Identities, Person, Proof, Rate, Role, Tls},
};

use super::BuildError;
use crate::{bounded, config::Config};

/// What Alertmanager is called where names of people stand.
const ALERTMANAGER: &str = "alertmanager";

/// Webhooks a second, and at once: an Alertmanager sends one for each group that is due, and thousands after an outage.
const WEBHOOKS: (u32, u32) = (500, 2000);

/// All who may use the API.
fn identities(config: &Config) -> Result<Identities, BuildError> {
    let failed = |key: &str, why: String| BuildError::new(key.to_owned(), why);
    let mut credentials = Vec::new();
    for entry in &config.api.auth.tokens {
        let hash = entry.sha256.get();
        let hash =
            hash.map_err(|why| failed("api.auth.tokens", format!("{}: {why}", entry.name)))?;
        let proof = Proof::Token { hash, expires: entry.expires };
        credentials.push(Credential { person: entry.name.clone(), role: entry.role, proof });
    }
    for entry in &config.api.tls.identities {
        let proof = match (&entry.uri, &entry.dns) {
            (Some(uri), None) => Proof::Uri(uri.clone()),
            (None, Some(name)) => Proof::Dns(name.clone()),
            _ => {
                let why = format!("{}: give either uri or dns", entry.name);
                return Err(failed("api.tls.identities", why));
            }
        };
        credentials.push(Credential { person: entry.name.clone(), role: entry.role, proof });
    }
    let tls = &config.api.tls;
    if !tls.identities.is_empty() && tls.client_ca_file.is_none() {
        let why = "nobody can show a certificate without api.tls.client_ca_file".to_owned();
        return Err(failed("api.tls.identities", why));
    }
    Identities::try_new(credentials).map_err(BuildError::of("who may use the API"))
}

/// Who may use the API, and how.
pub(crate) fn access(config: &Config, clock: Arc<dyn Clock>) -> Result<Access, BuildError> {
    let api = &config.api;
    // What it binds to is a name of it.
    let hosts = api.allowed_hosts.iter().chain([&api.host, &config.alertmanager.webhook_host]);
    let origins = api.allowed_origins.iter().map(|origin| origin.trim_end_matches('/'));
    Ok(Access {
        identities: identities(config)?,
        hosts: hosts.map(|host| host.to_ascii_lowercase()).collect(),
        origins: origins.map(str::to_ascii_lowercase).collect(),
        rate: Rate::new(api.requests_per_second, api.requests_burst),
        clock,
    })
}

/// Who may send webhooks, and how.
pub(crate) fn webhook_access(config: &Config, clock: Arc<dyn Clock>) -> Result<Access, BuildError> {
    let key = "alertmanager.webhook_token_sha256";
    let token = config.alertmanager.webhook_token_sha256.as_ref();
    let token = token.map(|entry| entry.get().map_err(BuildError::of(key))).transpose()?;
    let person: Person = ALERTMANAGER.parse().map_err(BuildError::of(key))?;
    let credentials = token.map(|hash| Credential {
        person,
        role: Role::Viewer,
        proof: Proof::Token { hash, expires: None },
    });
    let identities = Identities::try_new(credentials.into_iter().collect());
    Ok(Access {
        identities: identities.map_err(BuildError::of(key))?,
        rate: Rate::new(WEBHOOKS.0, WEBHOOKS.1),
        ..access(config, clock)?
    })
}

/// The certificate of the API and the metrics, if they have one.
pub(crate) fn tls(config: &Config) -> Result<Option<Tls>, BuildError> {
    let tls = &config.api.tls;
    let read = |path: &Path| {
        bounded::read(path).map_err(|error| {
            BuildError::new(format!("api.tls: {}", path.display()), error)
                .with_help("check the path, and that this user may read it")
        })
    };
    let (certificate, key) = match (&tls.certificate_file, &tls.key_file) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) if tls.client_ca_file.is_none() => return Ok(None),
        _ => {
            let why = "certificate_file and key_file are given together";
            return Err(BuildError::new("api.tls", why));
        }
    };
    let (certificate, key) = (read(certificate)?, read(key)?);
    let authority = tls.client_ca_file.as_deref().map(read).transpose()?;
    let authority = authority.as_ref().map(String::as_bytes);
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes(), authority);
    tls.map(Some).map_err(BuildError::of("api.tls"))
}
