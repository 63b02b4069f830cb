//! What people decide and do, and who they are.

use clap::{Args, Subcommand};
use mapek::{
    model::{ActionKind, Duration, Ending},
    server::{Person, Role},
};

use super::{
    ApiArgs, ListArgs, PeriodArgs,
    values::{MOMENTS, days, words},
};

/// The same, with the reason that the journal keeps.
#[derive(Debug, Args)]
pub(crate) struct ReasonArgs {
    /// Why, in one line; it is kept in the journal with your name.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlansCommand {
    /// Those that wait for people first.
    List {
        /// What was not proposed, and the least that would change that.
        #[arg(long)]
        rejected: bool,
        #[command(flatten)]
        list: ListArgs,
    },
    /// One plan, and the least that would have to be otherwise for it to run.
    Show {
        /// Its id or its hash, or what one of them begins with.
        id: String,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Ask what the managed system would say to a plan, and to its undo; nothing is done.
    Rehearse {
        /// Its id or its hash, or what one of them begins with.
        id: String,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Approve what a plan would do.
    Approve(DecideArgs),
    /// Reject what a plan would do; it is not proposed again for an hour.
    Reject(DecideArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DecideArgs {
    /// The plan's id or its hash, or what one of them begins with.
    pub(crate) id: String,
    /// The hash of the plan that you have seen: nothing is done if the plan is another one now.
    #[arg(long, value_name = "HASH")]
    pub(crate) hash: Option<String>,
    /// Do not ask; needed where there is no terminal.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Why, in one line; it is kept in the journal with your name.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExecutionsCommand {
    /// Newest first.
    #[command(after_help = MOMENTS)]
    List {
        /// Only those that need an operator, with how long they have waited.
        #[arg(long, conflicts_with_all = ["live", "ending", "since", "until"])]
        needs_operator: bool,
        /// Only those that are not over.
        #[arg(long)]
        live: bool,
        /// Only those that ended like this.
        #[arg(long, value_parser = words(Ending::ALL.iter().map(|it| it.as_str())))]
        ending: Option<String>,
        #[command(flatten)]
        period: PeriodArgs,
        #[command(flatten)]
        list: ListArgs,
    },
    /// One, step by step.
    Show {
        /// Its id, or what it begins with.
        id: String,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Undo all of an execution that may have run, even while the loop is paused.
    Rollback {
        /// Its id.
        id: String,
        #[command(flatten)]
        reason: ReasonArgs,
    },
    /// Close an execution that needs an operator, and thaw its target.
    Resolve {
        /// Its id.
        id: String,
        #[command(flatten)]
        reason: ReasonArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) how: ReasonArgs,
    /// Write the file PAUSE into execute.state_dir without asking the API.
    #[arg(long, conflicts_with = "url")]
    pub(crate) file: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RearmArgs {
    /// The kind, as `scale_up`.
    pub(crate) kind: ActionKind,
    #[command(flatten)]
    pub(crate) how: ReasonArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token: it is printed once, with the line for the configuration that knows it by its hash.
    New(TokenNewArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TokenNewArgs {
    /// Who gets it.
    #[arg(long)]
    pub(crate) name: Person,
    /// What they may do: viewer, operator, approver, admin.
    #[arg(long)]
    pub(crate) role: Role,
    /// After how long it is worth nothing, as `90d` or `12h`; never if absent.
    #[arg(long, value_name = "DURATION", value_parser = days)]
    pub(crate) expires: Option<Duration>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
