//! The API of a running loop, as commands use it.

use std::{path::Path, time::Duration};

use http::Method;
use miette::{IntoDiagnostic as _, miette};
use reqwest::{Certificate, Client, Identity, StatusCode};
use serde_json::Value;

use super::{
    configuration, http as plain_http, note,
    output::{chain, plain},
};
use crate::{
    bounded,
    cli::ApiArgs,
    compose,
    config::{Config, Secret},
};

/// How long the API may take: it answers from memory, or after a write to a disk.
const PATIENCE: Duration = Duration::from_secs(15);

/// Largest answer that is read, in bytes: a list of a thousand plans.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Where the loop is, and who asks.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    base: String,
    token: Option<Secret>,
}

/// Why the loop did not do what was asked.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It does not answer, or answers that it cannot.
    Down(String),
    /// It answers that it will not.
    Said(StatusCode, String),
}

impl Refusal {
    /// For people.
    pub(super) fn report(self, base: &str) -> miette::Report {
        match self {
            Self::Down(why) => miette!(
                help = "is `mapek run` running there? Say where its API is with --url, or with --config",
                "the loop at {base} cannot be asked: {why}"
            ),
            Self::Said(StatusCode::UNAUTHORIZED, why) => miette!(
                help = "set MAPEK_TOKEN, or say where the token is with --token-file",
                "the loop at {base} does not know you: {why}"
            ),
            Self::Said(_, why) => miette!("the loop at {base} refuses: {why}"),
        }
    }
}

impl Api {
    /// The API that the command line, the environment and the configuration name.
    pub(super) fn of(args: &ApiArgs) -> miette::Result<Self> {
        let base = match &args.url {
            Some(url) => url.clone(),
            None => address(&configuration(&args.config)?.config),
        };
        Self::at(args, base)
    }

    /// The same at a known place.
    pub(super) fn at(args: &ApiArgs, base: String) -> miette::Result<Self> {
        let token = token(args)?;
        let url = reqwest::Url::parse(&base).into_diagnostic()?;
        let near = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if token.is_some() && url.scheme() == "http" && !near {
            note(format_args!("note: the token is sent to {base} in clear text"));
        }
        let mut builder = compose::http_client_builder(PATIENCE);
        if let Some(path) = &args.ca_file {
            let pem = read(path)?;
            let roots = Certificate::from_pem_bundle(pem.as_bytes()).into_diagnostic()?;
            builder = builder.tls_certs_only(roots);
        }
        if let Some(path) = &args.identity_file {
            let identity = Identity::from_pem(read(path)?.as_bytes());
            builder = builder
                .identity(identity.map_err(|_| {
                    miette!("{} holds no certificate with its key", path.display())
                })?);
        }
        Ok(Self { client: builder.build().into_diagnostic()?, base, token })
    }

    /// Where it is.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// What it answers at `path`.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Refusal> {
        self.ask(Method::GET, path, None).await
    }

    /// What it answers once it has done this.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Refusal> {
        let mut request = self.client.request(method, plain_http::below(&self.base, path));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let down = |error: reqwest::Error| Refusal::Down(chain(&error.without_url()));
        let mut response = request.send().await.map_err(down)?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(down)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > BODY_BYTES_MAX {
                return Err(Refusal::Down("its answer is too long".to_owned()));
            }
        }
        let answer: Option<Value> = serde_json::from_slice(&bytes).ok();
        if status.is_success() {
            let strange = || Refusal::Down("what answers there is not the loop's API".to_owned());
            return answer.ok_or_else(strange);
        }
        let detail = answer.as_ref().and_then(|answer| answer["detail"].as_str());
        let detail = detail.map_or_else(|| status.to_string(), plain);
        if status.is_server_error() {
            return Err(Refusal::Down(detail));
        }
        Err(Refusal::Said(status, detail))
    }
}

/// How the API of this configuration is reached from here.
pub(super) fn address(config: &Config) -> String {
    let reached = plain_http::reached(&config.api.host, config.api.port);
    if config.api.tls.certificate_file.is_some() {
        reached.replacen("http://", "https://", 1)
    } else {
        reached
    }
}

fn read(path: &Path) -> miette::Result<String> {
    bounded::read(path).map_err(|error| miette!("cannot read {}: {error}", path.display()))
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
