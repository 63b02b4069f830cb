//! Serves the Charter reference server.

fn main() {}
