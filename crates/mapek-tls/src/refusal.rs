//! Why the certificate of somebody else is not believed, in words that say whose and what to do.

use std::{fmt, path::Path};

use rustls::{CertificateError, Error as TlsError};

use crate::{SpiffeId, validity::timestamp};

/// The other side's certificate is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{who} {why}")]
#[non_exhaustive]
pub struct Refusal {
    who: String,
    why: String,
}

impl Refusal {
    /// Of a server, by the name that it was called by; `bundle` says who would be believed.
    pub(crate) fn of_server(name: &str, bundle: &str, error: &TlsError) -> Self {
        Self { who: format!("the server {name}"), why: why(error, bundle) }
    }

    /// Of a server whose certificate says another identity than the expected one.
    pub(crate) fn stranger(name: &str, expected: &SpiffeId, shown: &[String]) -> Self {
        let shown = match shown {
            [] => "a certificate without a SPIFFE ID".to_owned(),
            [one] => format!("a certificate of {}", printable(one)),
            several => {
                format!("a certificate of {} URIs, where a SPIFFE ID is alone", several.len())
            }
        };
        let why = format!(
            "shows {shown}, and {expected} is expected: ask the right one, or expect this one"
        );
        Self { who: format!("the server {name}"), why }
    }

    /// Of a client, if that is what `error` is about.
    pub(crate) fn of_client(
        error: &(dyn std::error::Error + 'static),
        bundle: Option<&Path>,
    ) -> Option<Self> {
        let error = innermost(error)?;
        let bundle =
            bundle.map_or_else(|| "the client CA".to_owned(), |it| it.display().to_string());
        matches!(error, TlsError::InvalidCertificate(_))
            .then(|| Self { who: "the client".to_owned(), why: why(error, &bundle) })
    }
}

/// The error of TLS in an error of a stream.
fn innermost<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a TlsError> {
    if let Some(found) = error.downcast_ref::<TlsError>() {
        return Some(found);
    }
    error.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<TlsError>()
}

fn why(error: &TlsError, bundle: &str) -> String {
    use CertificateError as E;
    let TlsError::InvalidCertificate(found) = error else {
        return format!("cannot be believed: {error}");
    };
    match found {
        E::ExpiredContext { not_after, .. } => {
            format!(
                "shows a certificate that has expired at {}: it has to be renewed there",
                timestamp(*not_after)
            )
        }
        E::NotValidYetContext { not_before, .. } => format!(
            "shows a certificate that is not valid before {}: is the clock of this machine right?",
            timestamp(*not_before)
        ),
        E::UnknownIssuer | E::BadSignature => format!(
            "shows a certificate that nobody in {bundle} has signed: add who has, if that is to be trusted"
        ),
        E::NotValidForNameContext { presented, .. } => {
            // Each is shown with its kind: DnsName("charter.example").
            let names = presented.iter().map(|it| it.split('"').nth(1).unwrap_or(it));
            let names = names.collect::<Vec<_>>().join(", ");
            let names = if names.is_empty() { "no name" } else { names.as_str() };
            format!(
                "shows a certificate of {}, and not of that name: call it by one of its names",
                printable(names)
            )
        }
        other => format!("shows a certificate that cannot be believed: {other}"),
    }
}

/// What others write stays in its line.
fn printable(text: &str) -> impl fmt::Display {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>()
}
