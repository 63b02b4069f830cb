//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Serves a Charter that is simulated: a seeded plant behind the API of the real one.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Where to listen; port 0 picks a free one. The address is printed once the server is ready.
    #[arg(long, default_value = "127.0.0.1:8000")]
    pub(crate) listen: SocketAddr,

    /// Seed of all randomness.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Pace of the plant's time against the clock: 0.001 to 10000.
    #[arg(long, default_value_t = 1.0, value_parser = pace, conflicts_with = "manual_time")]
    pub(crate) speed: f64,

    /// Time moves only by POST /api/v1/sim/advance.
    #[arg(long)]
    pub(crate) manual_time: bool,

    /// File with the key that may do everything. CHARTER_API_KEY in the environment does as well; with neither, and
    /// without a key that may only read, the server is open to all.
    #[arg(long)]
    pub(crate) api_key_file: Option<PathBuf>,

    /// File with a key that may only read.
    #[arg(long)]
    pub(crate) read_only_key_file: Option<PathBuf>,

    /// The server's certificate, as PEM: with it nothing is said in clear text. It is read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,

    /// The key of that certificate, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Who signs the certificates of clients, as PEM: then each client needs one.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_client_ca: Option<PathBuf>,

    /// The plant, as JSON; without it the default one.
    #[arg(long)]
    pub(crate) plant: Option<PathBuf>,
}

/// What it does besides.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask a server that runs whether it is well: exit code 0, or 1.
    Health(HealthArgs),
}

/// Who is asked, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct HealthArgs {
    /// Where it is. With https, by a name that its certificate holds.
    #[arg(long, default_value = "http://127.0.0.1:8000")]
    pub(crate) url: String,

    /// Who vouches for its certificate, as PEM; the authorities of the system if absent.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Our certificate and its key, both as PEM, where it asks for one.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity_file: Option<PathBuf>,
}

fn pace(text: &str) -> Result<f64, String> {
    let (slowest, fastest) = charter_sim::Driver::SPEED_RANGE;
    let speed: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (slowest..=fastest).contains(&speed) {
        return Ok(speed);
    }
    Err(format!("not within {slowest} and {fastest}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_pace_has_limits() {
        assert!(pace("10").is_ok());
        for bad in ["0", "-1", "NaN", "inf", "fast", "10001"] {
            assert!(pace(bad).is_err(), "{bad}");
        }
    }
}
