//! Looking at a running loop.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mapek::{
    model::{Severity, Verdict},
    tls::SpiffeId,
};

use super::{
    ConfigArgs,
    values::{MOMENTS, words},
};
use crate::command::Moment;

/// Which loop, and who asks. The token comes from the environment variable `MAPEK_TOKEN` or from a file.
#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The API to ask, if not the configured one.
    #[arg(long, value_name = "URL", env = "MAPEK_URL")]
    pub(crate) url: Option<String>,
    /// The file that holds the token, in place of MAPEK_TOKEN.
    #[arg(long, value_name = "FILE", env = "MAPEK_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The certificates, as PEM, one of which must have signed that of the API; those of the system if absent.
    #[arg(long, value_name = "FILE", env = "MAPEK_CA_FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// A client certificate with its key, as PEM in one file.
    #[arg(long, value_name = "FILE", env = "MAPEK_IDENTITY_FILE")]
    pub(crate) identity_file: Option<PathBuf>,
    /// The SPIFFE ID that the API has to have, in place of the name in its URL.
    #[arg(long, value_name = "ID", env = "MAPEK_SERVER_ID")]
    pub(crate) server_id: Option<SpiffeId>,
    /// The name that the certificate of the API has to have, in place of that in its URL.
    #[arg(long, value_name = "NAME", env = "MAPEK_SERVER_NAME", conflicts_with = "server_id")]
    pub(crate) server_name: Option<String>,
    /// Print JSON, in the shapes of the API; lists as lines.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A list, of which not all may be wanted.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Most items that are printed.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    /// Show it again whenever it changes, until Ctrl-C.
    #[arg(long, short)]
    pub(crate) watch: bool,
}

/// What a container engine understands.
pub(crate) const HEALTH_HELP: &str = "\
No token is needed. Exit codes: 0 it is well; 1 it is not, or cannot be asked.";

#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    /// Ask whether it does its work, too: one that is paused, or waits for a person, lives and is not ready.
    #[arg(long)]
    pub(crate) ready: bool,
}

/// A time between two moments.
#[derive(Debug, Args)]
pub(crate) struct PeriodArgs {
    /// None before this moment.
    #[arg(long, value_name = "MOMENT")]
    pub(crate) since: Option<Moment>,
    /// None after this moment.
    #[arg(long, value_name = "MOMENT")]
    pub(crate) until: Option<Moment>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CyclesCommand {
    /// In short, newest first.
    #[command(after_help = MOMENTS)]
    List {
        /// Only those in which something was breached.
        #[arg(long)]
        breached: bool,
        #[command(flatten)]
        period: PeriodArgs,
        #[command(flatten)]
        list: ListArgs,
    },
    /// One in full: what woke it, what it saw, thought, proposed and decided, and why.
    Show {
        /// Its number; the newest if absent.
        number: Option<u64>,
        #[command(flatten)]
        api: ApiArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ViolationsArgs {
    /// Only those as bad as this.
    #[arg(long, value_parser = words(Severity::ALL.iter().map(|it| it.as_str())))]
    pub(crate) severity: Option<String>,
    /// Only those of one expectation, as high-latency.
    #[arg(long)]
    pub(crate) expectation: Option<String>,
    /// Only those of one component.
    #[arg(long)]
    pub(crate) component: Option<String>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Debug, Args)]
#[command(after_help = MOMENTS)]
pub(crate) struct OutcomesArgs {
    /// Only those with this verdict.
    #[arg(long, value_parser = words(Verdict::ALL.iter().map(|it| it.as_str())))]
    pub(crate) verdict: Option<String>,
    #[command(flatten)]
    pub(crate) period: PeriodArgs,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}
