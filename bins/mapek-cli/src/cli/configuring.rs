//! Configurations and rules, without a loop.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ConfigArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// A commented file that holds every key at its default.
    Init {
        /// Where it goes; it must not be there yet. Standard output if absent.
        file: Option<PathBuf>,
    },
    /// The JSON Schema of the file, for editors.
    Schema,
    /// What is in force: the file and the environment together, secrets masked.
    Show {
        #[command(flatten)]
        config: ConfigArgs,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Evaluate rules over samples as `promtool test rules` does, by the embedded metric source.
    #[command(after_help = RULES_HELP)]
    Test(RulesTestArgs),
}

/// What is different from promtool.
const RULES_HELP: &str = "\
A FILE is one that promtool takes. What the embedded source or this command does not evaluate is refused and never
approximated: docs/cli.md lists it.

Exit codes: 0 all tests hold; 1 one does not; 2 a file cannot be used.";

#[derive(Debug, Args)]
pub(crate) struct RulesTestArgs {
    /// Files of tests.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Print JSON: a line for each test.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Ask Prometheus, Alertmanager and Charter too: expected series, loaded rules, receivers, and a test alert that must
    /// reach our webhook.
    #[arg(long)]
    pub(crate) live: bool,
}
