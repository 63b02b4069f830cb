//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, builder::PossibleValuesParser};
use mapek::{
    model::{ActionKind, Duration, Ending, Severity, Verdict},
    server::{Person, Role},
    tls::SpiffeId,
};

use crate::command::Moment;

/// A control loop that sees violations, finds their cause, remedies it and checks whether that helped.
#[derive(Debug, Parser)]
#[command(name = "mapek", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Colours: always, never, or auto, which is on a terminal and unless NO_COLOR is set.
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        global = true
    )]
    pub(crate) color: Colour,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When there are colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal.
    #[default]
    Auto,
    /// Wherever it goes.
    Always,
    /// Nowhere.
    Never,
}

/// What the exit codes mean.
const EXIT_CODES: &str = "\
Exit codes:
  0  it is done, and well
  1  it was refused, or what came of it is bad
  2  the command line, the configuration or the input cannot be used
  3  the loop cannot be asked
  4  the loop does not let you: it does not know you, or your role is not enough";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the loop beside Prometheus, Alertmanager and Charter.
    Run(ConfigArgs),
    /// Check the configuration, and with --live what it points to.
    Check(CheckArgs),
    /// The configuration: a file to begin with, its schema, what is in force.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Rules, tried on samples.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Show what a running loop is at.
    Status(StatusArgs),
    /// Cycles of a running loop.
    #[command(subcommand)]
    Cycles(CyclesCommand),
    /// What is wrong now, worst first.
    Violations(ViolationsArgs),
    /// What the newest cycle takes for the cause, and why.
    Diagnosis(ApiArgs),
    /// Plans of a running loop: look, approve, reject.
    #[command(subcommand)]
    Plans(PlansCommand),
    /// Executions of a running loop: look, roll back, resolve.
    #[command(subcommand)]
    Executions(ExecutionsCommand),
    /// What came of executions, newest first.
    Outcomes(OutcomesArgs),
    /// What was learned, in words.
    Insights(ListArgs),
    /// Stop all that a running loop would do by itself; by the file PAUSE if its API does not answer.
    Pause(PauseArgs),
    /// Let a paused loop act again.
    Resume(ReasonArgs),
    /// Trust a kind of action again that the breaker has disabled.
    Rearm(RearmArgs),
    /// Ask a running loop for a cycle now.
    Cycle(ApiArgs),
    /// Who a running loop takes you for, and what you may do.
    Whoami(ApiArgs),
    /// Tokens for people who use the API.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Observe once, and print the observation as JSON.
    Monitor(ConfigArgs),
    /// Diagnose: an observation on standard input, or violations in FILE, one JSON object a line.
    Analyze(AnalyzeArgs),
    /// Plan: reads {"observation": …, "diagnosis": …} as JSON lines, prints plans.
    Plan(StageArgs),
    /// Execute plans, one JSON object a line; only as a dry run.
    Execute(ExecuteArgs),
    /// See it heal: reference server, loop and metric source in one process.
    Demo(DemoArgs),
    /// Judge this configuration: run it against a simulated Charter in which things go wrong, and score what it does.
    Simulate(SimulateArgs),
    /// Show what this configuration would have seen and proposed on past data, cycle by cycle, without acting.
    Backtest(BacktestArgs),
    /// What a loop has written down, beside a running one or in a copy: check it, decide it once more.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Print what lets a shell complete commands and options.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Write manual pages: one for each command into DIR, or that of mapek to standard output.
    Man {
        /// Where they go; it is made if it is not there.
        dir: Option<PathBuf>,
    },
}

/// Where the configuration is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file; the defaults if there is none.
    #[arg(long, short, value_name = "FILE", env = "MAPEK_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

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

#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Check that it is what its writer left: hashes, order, epochs, kept values, and that each event could follow the one before it.
    #[command(after_help = "Exit codes: 0 it is sound; 1 it is damaged; 2 it cannot be read.")]
    Verify(JournalVerifyArgs),
    /// Decide each of its cycles once more, and say which diagnosis, plan, score or word of the rails is another one.
    #[command(
        after_help = "Exit codes: 0 all is decided as it was; 1 something is not; 2 it cannot be read."
    )]
    Replay(JournalReplayArgs),
}

#[derive(Debug, Args)]
pub(crate) struct JournalVerifyArgs {
    /// The file journal.db, or the directory that holds it; it is only read.
    #[arg(value_name = "FILE|DIR")]
    pub(crate) path: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct JournalReplayArgs {
    /// The file journal.db, or the directory that holds it; it is only read.
    #[arg(value_name = "FILE|DIR")]
    pub(crate) path: PathBuf,
    /// Decide by this configuration, and not by the one that was in force.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
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

/// How an answer looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line.
    #[default]
    Json,
    /// A table for people.
    Table,
}

#[derive(Debug, Args)]
pub(crate) struct AnalyzeArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Violations, one JSON object a line, in any order of time; `-` for standard input. Without it, observations are
    /// read from standard input.
    pub(crate) file: Option<PathBuf>,
    /// How the diagnosis is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Print the observation too, as `mapek plan` reads it.
    #[arg(long, conflicts_with = "format")]
    pub(crate) pass: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StageArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Where the input is; standard input if absent or `-`.
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExecuteArgs {
    #[command(flatten)]
    pub(crate) stage: StageArgs,
    /// Say what would be done, and do nothing. Required: only the loop executes for real.
    #[arg(long, required = true)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Play the story to its end without a visitor, with exit code 0 only if the loop healed all that broke.
    #[arg(long)]
    pub(crate) once: bool,
    /// Where the console listens, on this machine alone; on any free port if this one is taken.
    #[arg(long, default_value_t = 8001, conflicts_with = "once")]
    pub(crate) port: u16,
    /// How many times faster than real time.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) speed: u32,
    /// What all random numbers come from.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Scenario files, or directories of them; tests/scenarios if there are none.
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<PathBuf>,
    /// How many seeds each scenario is run under.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    pub(crate) first_seed: u64,
    /// Whom to hold it against; may be given more than once. Nothing, static rules and the oracle if it is not given.
    #[arg(long, value_enum, value_name = "WHO")]
    pub(crate) baseline: Vec<Baseline>,
    /// How many runs go on at once; as many as there are cores if absent.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<std::num::NonZeroUsize>,
    /// Write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write a report with plots, in one file.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write every cycle of the loop as a line of JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) cycles: Option<PathBuf>,
    /// Print the JSON Schema of scenario files, and run nothing.
    #[arg(long, exclusive = true)]
    pub(crate) schema: bool,
}

#[derive(Debug, Args)]
#[command(after_help = MOMENTS)]
pub(crate) struct BacktestArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The Prometheus that has the data, if not the configured one.
    #[arg(long, value_name = "URL")]
    pub(crate) prometheus: Option<String>,
    /// The journal that has the data, in place of a Prometheus: journal.db, or the directory that holds it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prometheus", "step"])]
    pub(crate) journal: Option<PathBuf>,
    /// The first cycle; of a journal its first if absent.
    #[arg(long, value_name = "MOMENT", required_unless_present = "journal")]
    pub(crate) from: Option<Moment>,
    /// No cycle after this; of a journal its last if absent.
    #[arg(long, value_name = "MOMENT", required_unless_present = "journal")]
    pub(crate) to: Option<Moment>,
    /// From cycle to cycle; orchestrator.loop_interval if absent.
    #[arg(long, value_name = "DURATION", value_parser = at_least_a_second)]
    pub(crate) step: Option<Duration>,
    /// Write the summary as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write every cycle of the loop as a line of JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) cycles: Option<PathBuf>,
}

/// What a moment is.
const MOMENTS: &str = "A MOMENT is a time as in RFC 3339 (2026-01-31T03:00:00Z), in Unix seconds, back from now (2h \
                       ago, 1 day 6h ago), or now.";

/// A duration that may have days and weeks, each as long as 24 hours and seven of them.
fn days(text: &str) -> Result<Duration, String> {
    let explain = |why: String| format!("expected a duration such as 90d or 12h: {why}");
    let span: jiff::Span = text.parse().map_err(|error: jiff::Error| explain(error.to_string()))?;
    let time = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours());
    let time = time.map_err(|error| explain(error.to_string()))?;
    match Duration::try_from(time) {
        Ok(time) if time >= Duration::from_secs(1) => Ok(time),
        _ => Err(explain("it must be at least a second".to_owned())),
    }
}

/// One of these words.
fn words(words: impl Iterator<Item = &'static str>) -> PossibleValuesParser {
    PossibleValuesParser::new(words.collect::<Vec<_>>())
}

fn at_least_a_second(text: &str) -> Result<Duration, String> {
    let step = mapek::model::duration::parse(text)?;
    if step < Duration::from_secs(1) {
        Err("must be at least a second".to_owned())
    } else {
        Ok(step)
    }
}

/// Whom a loop is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum Baseline {
    /// Nobody acts.
    Nothing,
    /// Each alert has its action.
    StaticRules,
    /// Somebody who knows the fault.
    Oracle,
    /// This loop, with the profile that is shipped.
    Shipped,
    /// The predecessor of this loop: constant confidences, fixed remedies, nothing learned or verified.
    SeedFormulas,
    /// Somebody who does anything that is allowed.
    Random,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_token_lasts_for_days() {
        assert_eq!(days("90d").unwrap(), Duration::from_secs(90 * 86_400));
        assert_eq!(days("2w 1h").unwrap(), Duration::from_secs(14 * 86_400 + 3600));
        for bad in ["", "0s", "-1d", "1mo", "soon", "90"] {
            assert!(days(bad).unwrap_err().starts_with("expected a duration"), "{bad}");
        }
    }

    #[test]
    fn executing_alone_needs_dry_run() {
        assert!(Cli::try_parse_from(["mapek", "execute"]).is_err());
        assert!(Cli::try_parse_from(["mapek", "execute", "--dry-run"]).is_ok());
    }
}
