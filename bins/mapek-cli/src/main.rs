//! The `mapek` binary.

fn main() {}
