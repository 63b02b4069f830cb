use std::{fmt, future::Future, sync::Arc};

use async_trait::async_trait;

use crate::{Alert, BoxError};

/// Does something about an alert.
///
/// # Contract
///
/// Called once for each alert of each notification that is routed to it, repetitions included: an
/// implementation must bear the same alert twice. Calls of one dispatch follow each other in the order of the
/// alerts, never at once; other handlers wait meanwhile, so an implementation sets its own deadline. A dropped
/// future means that the dispatch was given up.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AlertHandler: Send + Sync {
    /// Handles one alert, firing or resolved.
    ///
    /// # Errors
    ///
    /// Whatever went wrong. The router counts and reports it and goes on; it does not retry.
    async fn handle(&self, alert: &Alert) -> Result<(), BoxError>;
}

const _: Option<&dyn AlertHandler> = None; // stays usable as a trait object

#[async_trait]
impl<H: AlertHandler + ?Sized> AlertHandler for Arc<H> {
    async fn handle(&self, alert: &Alert) -> Result<(), BoxError> {
        (**self).handle(alert).await
    }
}

/// A handler made of a closure, which gets an alert of its own.
///
/// ```
/// use alertmanager_client::{Alert, Router, handler_fn};
///
/// let log = handler_fn(|alert: Alert| async move {
///     println!("{} {:?}", alert.status, alert.labels);
///     Ok(())
/// });
/// let router = Router::new().route("critical", "severity=critical".parse()?, log);
/// # let _ = router;
/// # Ok::<_, alertmanager_client::MatcherError>(())
/// ```
pub fn handler_fn<F, R>(handle: F) -> HandlerFn<F>
where
    F: Fn(Alert) -> R + Send + Sync,
    R: Future<Output = Result<(), BoxError>> + Send,
{
    HandlerFn(handle)
}

/// See [`handler_fn`].
#[derive(Clone, Copy)]
pub struct HandlerFn<F>(F);

impl<F> fmt::Debug for HandlerFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandlerFn")
    }
}

#[async_trait]
impl<F, R> AlertHandler for HandlerFn<F>
where
    F: Fn(Alert) -> R + Send + Sync,
    R: Future<Output = Result<(), BoxError>> + Send,
{
    async fn handle(&self, alert: &Alert) -> Result<(), BoxError> {
        (self.0)(alert.clone()).await
    }
}
