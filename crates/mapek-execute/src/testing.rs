//! What tests of several modules need.

use proptest::prelude::ProptestConfig;

/// So many cases; as many as `PROPTEST_CASES` asks for, where it does. `cargo xtask properties` asks for a million.
pub(crate) fn cases(short: u32) -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig::default();
    ProptestConfig { cases: if asked { config.cases } else { short }, ..config }
}
