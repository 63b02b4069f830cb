//! Trying the loop on what is not real, or past.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mapek::model::Duration;

use super::{
    ConfigArgs,
    values::{MOMENTS, at_least_a_second},
};
use crate::command::Moment;

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
    /// So many scenarios drawn at random, in place of files: systems, faults and moments that nobody has tuned the loop to. Nine kinds of fault take
    /// turns, and every tenth is nothing to act on.
    #[arg(long, value_name = "N", conflicts_with = "scenarios", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) random: Option<u16>,
    /// What they are drawn from: the same number gives the same scenarios.
    #[arg(long, default_value_t = 1, value_name = "SEED", requires = "random")]
    pub(crate) random_seed: u64,
    /// Write those that were drawn into this directory, which must be empty, a file each, and run nothing.
    #[arg(
        long,
        value_name = "DIRECTORY",
        requires = "random",
        conflicts_with_all = ["config", "seeds", "first_seed", "baseline", "threads", "json", "html", "cycles"]
    )]
    pub(crate) random_into: Option<PathBuf>,
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
