//! Bearer tokens, and the hashes by which they are known.

use std::{fmt, str::FromStr};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// What every token begins with, so that scanners for secrets find one that was left somewhere.
const PREFIX: &str = "mapek_";

/// Random bytes of a token.
const RANDOM_BYTES: usize = 32;

/// A bearer token: `mapek_` and 256 random bits in hexadecimal. It is never printed by accident; [`expose`](Self::expose) shows it.
///
/// ```
/// use mapek_server::Token;
///
/// let token = Token::from_random([7; 32]); // take them from the system
/// assert_eq!(token.expose().len(), 70);
/// assert_eq!(token.hash(), token.hash().to_string().parse()?);
/// assert!(!format!("{token:?}").contains("0707"));
/// # Ok::<(), mapek_server::InvalidToken>(())
/// ```
#[derive(Debug, Clone)]
pub struct Token(SecretString);

impl Token {
    /// The token of these bytes, which nobody else must be able to guess.
    #[must_use]
    pub fn from_random(bytes: [u8; RANDOM_BYTES]) -> Self {
        Self(SecretString::from(format!("{PREFIX}{}", hex(&bytes))))
    }

    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What it is known by.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.expose())
    }
}

/// The SHA-256 of a token. The token cannot be found from it, so it may lie in a configuration.
///
/// A slow hash protects what people think up. Nobody can try 2²⁵⁶ tokens however fast the hash is, and a slow one would let a stranger
/// keep this process busy.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash([u8; 32]);

/// A text that is no hash of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidToken {
    /// Something else.
    #[error("the SHA-256 of a token has 64 hexadecimal digits")]
    NoHash,
    /// The token itself, where everybody who reads the text has it.
    #[error(
        "this is a token and not its SHA-256: whoever has read it can use it, so make another one with `mapek token new`"
    )]
    Token,
}

impl TokenHash {
    /// The hash of a token, as it is sent.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Takes as long for every other hash.
    pub(super) fn matches(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other).into()
    }
}

impl Eq for TokenHash {}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({}…)", hex(&self.0[..4]))
    }
}

impl FromStr for TokenHash {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        if text.starts_with(PREFIX) {
            return Err(InvalidToken::Token);
        }
        let digits: Option<Vec<_>> =
            text.chars().map(|c| c.to_digit(16).and_then(|it| u8::try_from(it).ok())).collect();
        let digits = digits.filter(|digits| digits.len() == 64).ok_or(InvalidToken::NoHash)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for TokenHash {
    type Error = InvalidToken;

    fn try_from(text: String) -> Result<Self, InvalidToken> {
        text.parse()
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> Self {
        hash.to_string()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_other_tools() {
        // printf abc | sha256sum
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(TokenHash::of("abc").to_string(), abc);
        assert_eq!(abc.to_uppercase().parse(), Ok(TokenHash::of("abc")));
        assert_ne!(TokenHash::of("abd"), TokenHash::of("abc"));
    }

    #[test]
    fn a_token_is_long_says_what_it_is_and_is_known_by_its_hash() {
        let mut bytes = [0; 32];
        (bytes[0], bytes[31]) = (0x0f, 0xa0);
        let token = Token::from_random(bytes);
        let digits = format!("0f{}a0", "00".repeat(30));
        assert_eq!(token.expose().strip_prefix("mapek_"), Some(digits.as_str()));
        assert_eq!(token.hash(), TokenHash::of(token.expose()));
        assert!(!format!("{token:?}").contains("0f00"), "{token:?}");
    }

    #[test]
    fn in_a_configuration_a_hash_is_its_digits() {
        let hash = TokenHash::of("abc");
        let text = serde_json::to_string(&hash).unwrap();
        assert_eq!(text, format!("\"{hash}\""));
        assert_eq!(serde_json::from_str::<TokenHash>(&text).unwrap(), hash);
        assert!(serde_json::from_str::<TokenHash>("\"abc\"").is_err());
    }

    #[test]
    fn what_is_no_hash_is_told_apart_and_not_repeated() {
        let token = Token::from_random([0xab; 32]);
        let error = token.expose().parse::<TokenHash>().unwrap_err();
        assert_eq!(error, InvalidToken::Token);
        assert!(!error.to_string().contains("abab"));
        for text in ["", "ab", &"g".repeat(64), &"a".repeat(65), &"ä".repeat(32)] {
            assert_eq!(text.parse::<TokenHash>(), Err(InvalidToken::NoHash), "{text}");
        }
    }

    #[test]
    fn a_hash_in_a_log_is_a_hint_and_no_more() {
        assert_eq!(format!("{:?}", TokenHash::of("abc")), "TokenHash(ba7816bf…)");
    }
}
