//! From when to when a certificate is valid.

use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use crate::Error;

/// From when to when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validity {
    /// Its first second.
    pub from: Timestamp,
    /// Its last second.
    pub to: Timestamp,
}

/// What is left at most when it is said that a certificate ends soon: enough for people to renew one after a holiday.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

impl Validity {
    /// Whether less than a fifth of its time is left, and less than two weeks: whoever renews it should have done so.
    ///
    /// ```
    /// fn warning(validity: mapek_tls::Validity, now: jiff::Timestamp) -> Option<String> {
    ///     validity.ends_soon(now).then(|| format!("it ends at {}", validity.to))
    /// }
    /// ```
    #[must_use]
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        let whole = self.to.duration_since(self.from).unsigned_abs();
        self.to.duration_since(now)
            < jiff::SignedDuration::try_from(SOON.min(whole / 5)).unwrap_or_default()
    }

    /// Refuses `now` outside of it.
    pub(crate) fn check(&self, now: Timestamp, file: &str) -> Result<(), Error> {
        if now > self.to {
            return Err(Error::Expired { file: file.to_owned(), at: self.to });
        }
        if now < self.from {
            return Err(Error::NotYetValid { file: file.to_owned(), from: self.from });
        }
        Ok(())
    }

    /// What the verifier of others would say of this certificate before and after all time: it names the limits.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Result<Self, webpki::Error> {
        let certificate = EndEntityCert::try_from(certificate)?;
        let judged = |at: u64| {
            let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
            let usage = KeyUsage::server_auth();
            certificate.verify_for_usage(&[], &[], &[], at, usage, None, None).err()
        };
        let to = match judged(u64::MAX) {
            Some(webpki::Error::CertExpired { not_after, .. }) => timestamp(not_after),
            Some(error) => return Err(error),
            None => Timestamp::MAX,
        };
        let from = match judged(0) {
            Some(webpki::Error::CertNotValidYet { not_before, .. }) => timestamp(not_before),
            _ => Timestamp::UNIX_EPOCH,
        };
        Ok(Self { from, to })
    }
}

pub(crate) fn timestamp(time: UnixTime) -> Timestamp {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_ends_soon_by_its_own_measure_and_by_that_of_people() {
        let at = |seconds: i64| Timestamp::from_second(seconds).unwrap();
        let hour = Validity { from: at(0), to: at(3600) };
        assert!(!hour.ends_soon(at(2880)), "a fifth is left");
        assert!(hour.ends_soon(at(2881)) && hour.ends_soon(at(9999)));
        let day = 24 * 3600;
        let year = Validity { from: at(0), to: at(365 * day) };
        assert!(!year.ends_soon(at(351 * day)));
        assert!(year.ends_soon(at(351 * day + 1)));
    }

    #[test]
    fn limits_are_those_that_the_certificate_was_made_with() {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2027, 3, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let validity = Validity::of(params.self_signed(&key).unwrap().der()).unwrap();
        assert_eq!(validity.from.to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(validity.to.to_string(), "2027-03-01T00:00:00Z");
    }
}
