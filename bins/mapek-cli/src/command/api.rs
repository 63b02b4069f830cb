//! The API of a running loop, as commands use it.

mod error;
mod events;
mod pages;

use std::{path::Path, time::Duration};

use http::Method;
use mapek::tls::{ClientFiles, ClientTls};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use super::{
    UsageError, configuration, http as plain_http, note,
    output::{chain, plain},
};
use crate::{
    bounded,
    cli::ApiArgs,
    compose,
    config::{ClientTlsSection, Config, Secret},
};

/// How long the API may take: it answers from memory, or after a write to a disk.
const PATIENCE: Duration = Duration::from_secs(15);

/// Largest answer that is read, in bytes: a list of a thousand plans.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

pub(crate) use error::ApiError;
pub(super) use error::Refusal;
pub(super) use events::Events;
pub(super) use pages::Items;

/// Where the loop is, and who asks.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    base: String,
    token: Option<Secret>,
}

impl Api {
    /// The API that the command line, the environment and the configuration name.
    pub(super) fn of(args: &ApiArgs) -> miette::Result<Self> {
        match &args.url {
            Some(url) => Self::at(args, url.clone(), &ClientTlsSection::default()),
            None => Self::of_config(args, &configuration(&args.config)?.config),
        }
    }

    /// The same where the configuration is known.
    pub(super) fn of_config(args: &ApiArgs, config: &Config) -> miette::Result<Self> {
        Self::at(args, address(config), &config.api.client_tls)
    }

    fn at(args: &ApiArgs, base: String, tls: &ClientTlsSection) -> miette::Result<Self> {
        let token = token(args)?;
        let url = reqwest::Url::parse(&base).map_err(|why| {
            UsageError::new(
                format!("{base} is no URL: {why}"),
                "write it as http://localhost:8001, in --url or MAPEK_URL",
            )
        })?;
        let near = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if token.is_some() && url.scheme() == "http" && !near {
            note(format_args!("note: the token is sent to {base} in clear text"));
        }
        let tls = ClientTls::open(client_files(args, tls), compose::system_clock().now());
        let tls = tls.map_err(|why| UsageError::new(chain(&why), why.remedy()))?;
        Ok(Self { client: compose::http_client(&tls, PATIENCE)?, base, token })
    }

    /// Where it is.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// What it answers at `path`.
    pub(super) async fn get(&self, path: &str) -> miette::Result<Value> {
        Ok(self.ask(Method::GET, path, None).await.map_err(|why| why.at(&self.base))?)
    }

    /// What it answers once it has done this.
    pub(super) async fn post(&self, path: &str, body: &Value) -> miette::Result<Value> {
        Ok(self.try_post(path, body).await.map_err(|why| why.at(&self.base))?)
    }

    /// The same, for whoever knows another way.
    pub(super) async fn try_post(&self, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// What it answers at `path`, whatever its status.
    pub(super) async fn look(&self, path: &str) -> miette::Result<(StatusCode, Value)> {
        let answered = self.answered(Method::GET, path, None).await;
        let (status, answer) = answered.map_err(|why| why.at(&self.base))?;
        Ok((status, answer.ok_or_else(|| Refusal::strange().at(&self.base))?))
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Refusal> {
        let (status, answer) = self.answered(method, path, body).await?;
        if status.is_success() {
            return answer.ok_or_else(Refusal::strange);
        }
        Err(Refusal::said(status, answer.as_ref()))
    }

    /// The status, and the body if it is JSON.
    async fn answered(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Option<Value>), Refusal> {
        let request = self.request(method, path).timeout(PATIENCE);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let mut response = request.send().await.map_err(down)?;
        let status = response.status();
        let bytes = body_of(&mut response).await?;
        Ok((status, serde_json::from_slice(&bytes).ok()))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, plain_http::below(&self.base, path));
        match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    }
}

fn down(error: reqwest::Error) -> Refusal {
    Refusal::Down(chain(&error.without_url()))
}

async fn body_of(response: &mut Response) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(down)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > BODY_BYTES_MAX {
            return Err(Refusal::Down("its answer is too long".to_owned()));
        }
    }
    Ok(bytes)
}

/// A part of a path of ours, that cannot be more than one.
pub(super) fn segment(text: &str) -> Result<&str, UsageError> {
    let fits = |c: char| c.is_ascii_hexdigit() || c == '-';
    if !text.is_empty() && text.chars().all(fits) {
        return Ok(text);
    }
    let what = format!("an id has hexadecimal digits and dashes, got {}", plain(text));
    Err(UsageError::new(what, "copy it from a list, as `mapek plans list`"))
}

/// How the API of this configuration is reached from here.
pub(super) fn address(config: &Config) -> String {
    plain_http::reached(&config.api.tls, &config.api.host, config.api.port)
}

/// What the command line says of TLS, and what the configuration does where it says nothing.
fn client_files(args: &ApiArgs, section: &ClientTlsSection) -> ClientFiles {
    // One file may hold both.
    let shown = args.identity_file.as_ref().map(|both| (Some(both.clone()), Some(both.clone())));
    let (certificate, key) =
        shown.unwrap_or_else(|| (section.certificate_file.clone(), section.key_file.clone()));
    // Whoever says one of the two means nothing of what the configuration says of either.
    let said = args.server_id.is_some() || args.server_name.is_some();
    let configured = Some(section).filter(|_| !said);
    ClientFiles {
        ca: args.ca_file.clone().or_else(|| section.ca_file.clone()),
        certificate,
        key,
        server_id: args.server_id.clone().or_else(|| {
            // It was checked with the configuration.
            configured?.server_id.as_deref().and_then(|id| id.parse().ok())
        }),
        server_name: args.server_name.clone().or_else(|| configured?.server_name.clone()),
    }
}

fn read(path: &Path) -> miette::Result<String> {
    Ok(bounded::read(path).map_err(|error| {
        UsageError::new(format!("cannot read {}: {error}", path.display()), "check the path")
    })?)
}

/// From a file, or from the environment; never from the command line, which everybody on the machine can read.
fn token(args: &ApiArgs) -> miette::Result<Option<Secret>> {
    let text = match &args.token_file {
        Some(path) => Some(read(path)?),
        None => std::env::var("MAPEK_TOKEN").ok(),
    };
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    Ok(text.map(Secret::new))
}
