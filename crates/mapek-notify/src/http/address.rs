//! Where a receiver is: for many chats a secret in itself.

use std::{fmt, str::FromStr};

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

/// An `http` or `https` URL that is never printed: whoever has that of a chat may write into it.
///
/// ```
/// use mapek_notify::Address;
///
/// let address: Address = "https://hooks.example/T0/s3cret".parse()?;
/// assert_eq!(format!("{address:?}"), "Address(https://hooks.example/…)");
/// # Ok::<(), mapek_notify::InvalidAddress>(())
/// ```
#[derive(Clone)]
pub struct Address {
    url: SecretString,
    origin: String,
}

/// A text that is no address; what it is instead is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no URL that begins with http:// or https://")]
#[non_exhaustive]
pub struct InvalidAddress;

impl Address {
    pub(super) fn url(&self) -> &str {
        self.url.expose_secret()
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let url = Url::parse(text.trim()).map_err(|_| InvalidAddress)?;
        let origin = match (url.scheme(), url.host_str()) {
            (scheme @ ("http" | "https"), Some(host)) => format!("{scheme}://{host}"),
            _ => return Err(InvalidAddress),
        };
        Ok(Self { url: SecretString::from(String::from(url)), origin })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({}/…)", self.origin)
    }
}
