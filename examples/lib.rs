//! One runnable file for each idea; this library is empty.
//!
//! `cargo run -p mapek-examples --example embed_loop` runs one. Each ends by itself, and asserts what it shows.
