//! The direction of dependencies, as `cargo metadata` sees it.
