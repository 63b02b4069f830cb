//! The `mapek` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    mapek_cli::main()
}
