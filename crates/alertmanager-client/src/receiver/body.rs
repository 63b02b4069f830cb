//! Reading bodies within a limit for each and a limit for all of them together.

use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Buf;
use http::StatusCode;
use http_body::Body;
use http_body_util::BodyExt;

use super::answer::Refusal;

/// Bytes held for all requests at once.
#[derive(Debug)]
pub(super) struct InFlight {
    bytes: AtomicUsize,
    limit: usize,
}

impl InFlight {
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: AtomicUsize::new(0), limit }
    }

    /// A share that is empty yet, and given back when dropped.
    pub(super) fn share(&self) -> Share<'_> {
        Share { of: self, bytes: 0 }
    }

    /// Whether `bytes` more would fit now.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        self.bytes.load(Relaxed).saturating_add(bytes) <= self.limit
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }
}

/// One request's share of the bytes in flight.
#[derive(Debug)]
pub(super) struct Share<'a> {
    of: &'a InFlight,
    bytes: usize,
}

impl Share<'_> {
    /// Takes `bytes` more; `false` if there is no room for them.
    fn grow(&mut self, bytes: usize) -> bool {
        let room = |held: usize| held.checked_add(bytes).filter(|held| *held <= self.of.limit);
        let grown = self.of.bytes.fetch_update(Relaxed, Relaxed, room).is_ok();
        if grown {
            self.bytes += bytes;
        }
        grown
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.of.bytes.fetch_sub(self.bytes, Relaxed);
    }
}

/// Reads a body. What is held is counted as it arrives, not as it is announced: an announcement costs its
/// sender nothing, and could keep all others out.
pub(super) async fn read<B>(
    body: B,
    limit: usize,
    share: &mut Share<'_>,
) -> Result<Vec<u8>, Refusal>
where
    B: Body,
{
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let broken = |_| Refusal::new(StatusCode::BAD_REQUEST, "the body broke off");
        let Ok(mut data) = frame.map_err(broken)?.into_data() else { continue };
        if bytes.len() + data.remaining() > limit {
            return Err(too_large(limit));
        }
        if !share.grow(data.remaining()) {
            return Err(no_room());
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            bytes.extend_from_slice(chunk);
            let length = chunk.len();
            data.advance(length);
        }
    }
    Ok(bytes)
}

pub(super) fn too_large(limit: usize) -> Refusal {
    let detail = format!("the body is larger than the limit of {limit} bytes");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

pub(super) fn no_room() -> Refusal {
    Refusal::overload("too many bytes are in flight", None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_given_back() {
        let in_flight = InFlight::new(10);
        let (mut first, mut second) = (in_flight.share(), in_flight.share());
        assert!(first.grow(6) && !second.grow(5) && second.grow(4));
        assert!(!in_flight.has_room_for(1));
        drop(first);
        assert_eq!(in_flight.bytes(), 4);
        assert!(in_flight.has_room_for(6) && !in_flight.has_room_for(usize::MAX));
        assert!(second.grow(6));
        drop(second);
        assert_eq!(in_flight.bytes(), 0);
    }
}
