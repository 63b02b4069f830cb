//! A body that is watched on its way out.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

/// Largest piece that is handed on at once. A body of one piece would be gone as soon as it is asked for; in pieces it
/// goes as fast as the other side takes it.
const PIECE_MAX: usize = 64 * 1024;

/// Hands a body on in pieces, calls back for each, and holds what the callback captured until the body is sent or given
/// up.
#[derive(Debug)]
pub(crate) struct Watched<F> {
    inner: Body,
    /// Of the last frame, what is not handed on yet.
    rest: Bytes,
    on_piece: F,
}

impl<F: FnMut() + Send + Unpin + 'static> Watched<F> {
    pub(crate) fn body(inner: Body, on_piece: F) -> Body {
        Body::new(Self { inner, rest: Bytes::new(), on_piece })
    }
}

impl<F: FnMut() + Unpin> HttpBody for Watched<F> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        (self.on_piece)();
        let length = self.rest.len().min(PIECE_MAX);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper().and_then(|upper| upper.checked_add(rest)) {
            hint.set_upper(upper);
        }
        hint
    }
}
