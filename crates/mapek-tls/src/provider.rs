//! The one crypto provider: aws-lc-rs, with what withstands quantum computers first.

use std::sync::Arc;

use rustls::{
    NamedGroup,
    crypto::{CryptoProvider, aws_lc_rs::default_provider},
};

/// What is spoken over TLS: HTTP/2 where both can.
pub(crate) const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// All that rustls offers by itself, in FIPS mode only what is approved, with X25519MLKEM768 before the other groups: a client
/// sends the share for it and the one for X25519 in its first message, so a server that knows only the latter loses no time.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    let mut provider = default_provider();
    provider.kx_groups.sort_by_key(|group| group.name() != NamedGroup::X25519MLKEM768);
    Arc::new(provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hybrid_group_comes_first_and_the_others_are_all_there() {
        let groups: Vec<_> = provider().kx_groups.iter().map(|group| group.name()).collect();
        let expected = [
            NamedGroup::X25519MLKEM768,
            NamedGroup::X25519,
            NamedGroup::secp256r1,
            NamedGroup::secp384r1,
        ];
        assert_eq!(groups, expected);
    }
}
