//! Names of workloads, after the SPIFFE standards *SPIFFE-ID* and *X.509-SVID*.

use std::{fmt, str::FromStr};

/// The exact name of a workload, as `spiffe://prod/charter`.
///
/// ```
/// use mapek_tls::SpiffeId;
///
/// let id: SpiffeId = "spiffe://prod.example/ns/charter".parse()?;
/// assert_eq!(id.trust_domain(), "prod.example");
/// assert!("spiffe://prod.example/*".parse::<SpiffeId>().is_err());
/// # Ok::<(), mapek_tls::InvalidSpiffeId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId(String);

/// A text that is no SPIFFE ID of a workload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it must look like spiffe://trust-domain/workload, {why}")]
#[non_exhaustive]
pub struct InvalidSpiffeId {
    why: &'static str,
}

/// What each of them begins with.
const SCHEME: &str = "spiffe://";

impl SpiffeId {
    /// Most bytes of one.
    pub const BYTES_MAX: usize = 2048;

    /// The whole of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Who vouches for it.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        let rest = &self.0[SCHEME.len()..];
        rest.split('/').next().unwrap_or(rest)
    }
}

impl FromStr for SpiffeId {
    type Err = InvalidSpiffeId;

    fn from_str(text: &str) -> Result<Self, InvalidSpiffeId> {
        let wrong = |why| Err(InvalidSpiffeId { why });
        if text.len() > Self::BYTES_MAX {
            return wrong("and have at most 2048 bytes");
        }
        let Some((domain, path)) = text.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/'))
        else {
            return wrong("with a path");
        };
        let small = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '.' | '_');
        if domain.is_empty() || domain.len() > 255 || !domain.chars().all(small) {
            return wrong("with a trust domain of 1 to 255 of a-z, 0-9, dot, dash and underscore");
        }
        let fits = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment.chars().all(|c| small(c) || c.is_ascii_uppercase())
        };
        if !path.split('/').all(fits) {
            return wrong("with a path of segments of letters, digits, dot, dash and underscore");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_standard_calls_one_is_one() {
        for good in ["spiffe://a/b", "spiffe://a.b-c_9/ns/X/sa/y.z", "spiffe://a/..."] {
            assert_eq!(good.parse::<SpiffeId>().unwrap().as_str(), good);
        }
        let long = format!("spiffe://a/{}", "x".repeat(SpiffeId::BYTES_MAX));
        for bad in [
            "",
            "spiffe://",
            "spiffe://a",
            "spiffe://a/",
            "spiffe:///b",
            "spiffe://A/b",
            "spiffe://a//b",
            "spiffe://a/b/",
            "spiffe://a/./b",
            "spiffe://a/../b",
            "spiffe://a/%41",
            "spiffe://a:1/b",
            "spiffe://u@a/b",
            "spiffe://a/b?q",
            "spiffe://a/b#f",
            "https://a/b",
            "SPIFFE://a/b",
            &long,
        ] {
            let refused = bad.parse::<SpiffeId>().unwrap_err().to_string();
            assert!(refused.starts_with("it must look like spiffe://"), "{bad}: {refused}");
        }
    }
}
