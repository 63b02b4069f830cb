//! Who may use the listeners, from the configuration.

use std::{path::Path, sync::Arc};

use mapek::{
    Clock,
    server::{Access, Credential, Identities, Person, Proof, Rate, Role},
    tls::ServerTls,
};

use super::{BuildError, Tls};
use crate::{
    bounded,
    config::{Config, TlsSection, TokenEntry, TokensFile},
    yaml,
};

/// What Alertmanager is called where names of people stand.
const ALERTMANAGER: &str = "alertmanager";

/// What says how the webhook speaks TLS.
const WEBHOOK_TLS: &str = "alertmanager.webhook_tls";

/// Webhooks a second, and at once: an Alertmanager sends one for each group that is due, and thousands after an outage.
const WEBHOOKS: (u32, u32) = (500, 2000);

/// All who may use the API, as the configuration and its file of tokens say at this moment.
pub(crate) fn identities(config: &Config) -> Result<Identities, BuildError> {
    let auth = &config.api.auth;
    let mut credentials = by_token(&auth.tokens, "api.auth.tokens")?;
    if let Some(path) = &auth.tokens_file {
        let file = tokens_file(path)?;
        credentials.extend(by_token(&file.tokens, &path.display().to_string())?);
    }
    credentials.extend(by_certificate(&config.api.tls, "api.tls")?);
    let identities = Identities::try_new(credentials);
    let identities = identities.map_err(BuildError::of("who may use the API"))?;
    // Who is in a file may come later.
    Ok(if auth.tokens_file.is_some() { identities.closed() } else { identities })
}

fn tokens_file(path: &Path) -> Result<TokensFile, BuildError> {
    let name = path.display().to_string();
    let what = || format!("api.auth.tokens_file: {name}");
    let text = bounded::read(path).map_err(|error| {
        BuildError::new(what(), error).with_help("check the path, and that this user may read it")
    })?;
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(TokensFile::default());
    }
    yaml::parse(&text, &name).map_err(|why| BuildError::new(what(), why))
}

fn by_token(entries: &[TokenEntry], key: &str) -> Result<Vec<Credential>, BuildError> {
    let credential = |entry: &TokenEntry| {
        let failed = |why| BuildError::new(key.to_owned(), format!("{}: {why}", entry.name));
        let proof =
            Proof::Token { hash: entry.sha256.get().map_err(failed)?, expires: entry.expires };
        Ok(Credential { person: entry.name.clone(), role: entry.role, proof })
    };
    entries.iter().map(credential).collect()
}

fn by_certificate(tls: &TlsSection, key: &str) -> Result<Vec<Credential>, BuildError> {
    let failed = |why: String| BuildError::new(format!("{key}.identities"), why);
    if !tls.identities.is_empty() && tls.client_ca_file.is_none() {
        let why = format!("nobody can show a certificate without {key}.client_ca_file");
        return Err(failed(why));
    }
    let mut credentials = Vec::new();
    for entry in &tls.identities {
        let proof = match (&entry.uri, &entry.dns) {
            (Some(uri), None) => Proof::Uri(uri.clone()),
            (None, Some(name)) => Proof::Dns(name.clone()),
            _ => return Err(failed(format!("{}: give either uri or dns", entry.name))),
        };
        credentials.push(Credential { person: entry.name.clone(), role: entry.role, proof });
    }
    Ok(credentials)
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
    let tls = &config.alertmanager.webhook_tls;
    let by_certificate = by_certificate(tls, WEBHOOK_TLS)?;
    if tls.client_ca_file.is_some() && by_certificate.is_empty() {
        let why = "say in identities whose certificates may send";
        return Err(BuildError::new(WEBHOOK_TLS, why));
    }
    let identities = Identities::try_new(credentials.into_iter().chain(by_certificate).collect());
    Ok(Access {
        identities: identities.map_err(BuildError::of(key))?,
        rate: Rate::new(WEBHOOKS.0, WEBHOOKS.1),
        ..access(config, clock)?
    })
}

/// The certificate of the API and the metrics, if they have one.
pub(crate) fn api_tls(config: &Config, tls: &Tls) -> Result<Option<ServerTls>, BuildError> {
    tls.server("api.tls", &config.api.tls)
}

/// The certificate of the webhook, if it has one.
pub(crate) fn webhook_tls(config: &Config, tls: &Tls) -> Result<Option<ServerTls>, BuildError> {
    tls.server(WEBHOOK_TLS, &config.alertmanager.webhook_tls)
}
