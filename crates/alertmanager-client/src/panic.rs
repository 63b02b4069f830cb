//! Keeping one party's panic from another's work.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

use crate::wire::shorten;

/// How much of a panic's message is kept.
const MESSAGE_CHARS_MAX: usize = 300;

/// Drives `future` to its end; `Err` holds the message if it panicked. (Not where panics abort the process.)
///
/// The future is dropped after a panic and never polled again; what it shares with others must bear
/// being left half-way, as it must when the future is cancelled.
pub(crate) async fn contained<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(message(panic.as_ref()))),
        }
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    shorten(text.unwrap_or("no message"), MESSAGE_CHARS_MAX)
}
