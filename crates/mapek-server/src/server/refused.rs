//! Handshakes that fail, as the log has them.

use std::{
    io,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use mapek_tls::ServerTls;
use tokio::time::Instant;

/// How often it is told at most that a certificate was refused: whoever likes may show bad ones all day.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// What was told of refused certificates.
#[derive(Debug, Default)]
pub(super) struct Refused(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    last: Option<Instant>,
    /// How many there were since.
    unsaid: u64,
}

impl Refused {
    /// Tells of a certificate that was refused, with what to do; of everything else only those who debug.
    pub(super) fn tell(&self, tls: &ServerTls, error: &io::Error, peer: SocketAddr) {
        let Some(refusal) = tls.refusal(error) else {
            return tracing::debug!(%error, %peer, "a TLS handshake failed");
        };
        if let Some(unsaid) = self.due(Instant::now()) {
            tracing::warn!(%refusal, %peer, unsaid, "a TLS handshake failed");
        }
    }

    /// Whether it is told now, and how many were not.
    fn due(&self, now: Instant) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.last.is_some_and(|last| now.saturating_duration_since(last) < TOLD_EVERY) {
            told.unsaid += 1;
            return None;
        }
        told.last = Some(now);
        Some(std::mem::take(&mut told.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_bad_certificates_is_a_line_now_and_then() {
        let refused = Refused::default();
        let now = Instant::now();
        assert_eq!(refused.due(now), Some(0));
        assert_eq!(refused.due(now), None);
        assert_eq!(refused.due(now + TOLD_EVERY / 2), None);
        assert_eq!(refused.due(now + TOLD_EVERY), Some(2));
        assert_eq!(refused.due(now + TOLD_EVERY), None);
    }
}
