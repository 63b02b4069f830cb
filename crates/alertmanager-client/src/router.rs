//! Hands alerts to those who subscribed to them.
//!
//! Unlike a route of Alertmanager, which ends the search unless it says `continue`, every route that matches gets
//! the alert: subscribers are added by people who do not know of each other.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{Alert, AlertHandler, BoxError, Matchers, Notification, panic::contained};

/// The name under which the default handler is reported.
const DEFAULT_ROUTE: &str = "default";

/// Failures told one by one in a [`RoutingReport`]; beyond, they are only counted. A handler that is broken fails for
/// each of up to 10 000 alerts.
const FAILURES_TOLD_MAX: usize = 100;

/// Routes by matchers, in the order in which they were added, and a default for what nobody else wants.
///
/// One handler's failure, panics included, keeps neither the next handler nor the next alert from their turn.
///
/// ```
/// use alertmanager_client::{Alert, Labels, Notification, Router, handler_fn};
/// # use alertmanager_client::BoxError;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let page = handler_fn(|_: Alert| async { Err("pager is down".into()) });
/// let log = handler_fn(|_: Alert| async { Ok(()) });
/// let router = Router::new()
///     .route("pager", "severity=critical".parse()?, page)
///     .route("everything", "{}".parse()?, log);
///
/// let alert = Alert::firing(Labels::from([("severity", "critical")]), "2026-11-20T10:00:00Z".parse()?);
/// let report = router.dispatch(&Notification::of("loop", vec![alert])).await;
/// assert_eq!((report.received, report.processed, report.failed), (1, 0, 1));
/// assert_eq!(report.failures[0].to_string(), "handler pager failed: pager is down");
/// # Ok::<_, BoxError>(()) })?;
/// # Ok::<_, BoxError>(())
/// ```
#[derive(Default)]
pub struct Router {
    routes: Vec<Route>,
    default: Option<Arc<dyn AlertHandler>>,
    counts: Counts,
}

struct Route {
    name: String,
    matchers: Matchers,
    handler: Arc<dyn AlertHandler>,
}

#[derive(Default)]
struct Counts {
    received: AtomicU64,
    processed: AtomicU64,
    failed: AtomicU64,
    unrouted: AtomicU64,
}

/// What a router has seen since it was made. Every alert received is counted once more: as processed, failed
/// or unrouted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouterCounts {
    /// Alerts that came in.
    pub received: u64,
    /// Alerts that all their handlers dealt with.
    pub processed: u64,
    /// Alerts that at least one of their handlers failed on.
    pub failed: u64,
    /// Alerts that nobody wanted, for want of a default handler.
    pub unrouted: u64,
}

/// What came of one notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoutingReport {
    /// Alerts that came in.
    pub received: u64,
    /// Alerts that all their handlers dealt with.
    pub processed: u64,
    /// Alerts that at least one of their handlers failed on.
    pub failed: u64,
    /// Alerts that nobody wanted, for want of a default handler.
    pub unrouted: u64,
    /// The first 100 failures of handlers, in the order in which they happened.
    pub failures: Vec<HandlerFailure>,
}

/// One handler's failure on one alert.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("handler {route} {}: {reason}", if *.panicked { "panicked" } else { "failed" })]
#[non_exhaustive]
pub struct HandlerFailure {
    /// The route's name; `default` for the default handler.
    pub route: String,
    /// The alert's fingerprint.
    pub fingerprint: String,
    /// Whether the handler panicked rather than answered with an error.
    pub panicked: bool,
    /// What it said.
    pub reason: String,
}

impl Router {
    /// A router without routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a subscriber to the alerts that match, behind those already there. `name` is for reports; several
    /// routes may bear the same.
    #[must_use]
    pub fn route(
        mut self,
        name: impl Into<String>,
        matchers: Matchers,
        handler: impl AlertHandler + 'static,
    ) -> Self {
        self.routes.push(Route { name: name.into(), matchers, handler: Arc::new(handler) });
        self
    }

    /// Sets who gets the alerts that no route matches. Without it they are only counted.
    #[must_use]
    pub fn default_handler(mut self, handler: impl AlertHandler + 'static) -> Self {
        self.default = Some(Arc::new(handler));
        self
    }

    /// Hands each alert, in order, to each route that matches, in order, and waits for all of it.
    pub async fn dispatch(&self, notification: &Notification) -> RoutingReport {
        let mut report = RoutingReport::default();
        for alert in &notification.alerts {
            self.dispatch_alert(alert, &mut report).await;
        }
        report
    }

    /// What this router has seen since it was made.
    #[must_use]
    pub fn counts(&self) -> RouterCounts {
        RouterCounts {
            received: self.counts.received.load(Relaxed),
            processed: self.counts.processed.load(Relaxed),
            failed: self.counts.failed.load(Relaxed),
            unrouted: self.counts.unrouted.load(Relaxed),
        }
    }

    async fn dispatch_alert(&self, alert: &Alert, report: &mut RoutingReport) {
        self.counts.received.fetch_add(1, Relaxed);
        report.received += 1;
        let (mut asked, mut failed) = (false, false);
        for (name, handler) in self.subscribers(alert) {
            asked = true;
            if let Some(failure) = ask(name, handler, alert).await {
                failed = true;
                report.note(failure);
            }
        }
        let (total, this) = match (asked, failed) {
            (false, _) => (&self.counts.unrouted, &mut report.unrouted),
            (true, true) => (&self.counts.failed, &mut report.failed),
            (true, false) => (&self.counts.processed, &mut report.processed),
        };
        total.fetch_add(1, Relaxed);
        *this += 1;
    }

    fn subscribers(&self, alert: &Alert) -> Vec<(&str, &dyn AlertHandler)> {
        let matching = self.routes.iter().filter(|route| route.matchers.matches(&alert.labels));
        let mut subscribers: Vec<_> =
            matching.map(|route| (route.name.as_str(), &*route.handler)).collect();
        if subscribers.is_empty() {
            subscribers.extend(self.default.as_deref().map(|handler| (DEFAULT_ROUTE, handler)));
        }
        subscribers
    }
}

async fn ask(route: &str, handler: &dyn AlertHandler, alert: &Alert) -> Option<HandlerFailure> {
    // The call itself is inside: a handler may panic before it makes a future.
    let answer: Result<Result<(), BoxError>, String> =
        contained(async { handler.handle(alert).await }).await;
    let (panicked, reason) = match answer {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => (false, error.to_string()),
        Err(message) => (true, message),
    };
    let fingerprint = alert.fingerprint.clone();
    tracing::warn!(route, fingerprint, panicked, reason, "alert handler failed");
    Some(HandlerFailure { route: route.to_owned(), fingerprint, panicked, reason })
}

impl RoutingReport {
    fn note(&mut self, failure: HandlerFailure) {
        if self.failures.len() < FAILURES_TOLD_MAX {
            self.failures.push(failure);
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.routes.iter().map(|route| (&route.name, &route.matchers));
        f.debug_struct("Router")
            .field("routes", &routes.collect::<Vec<_>>())
            .field("default", &self.default.is_some())
            .field("counts", &self.counts())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AlertStatus, Labels, MockAlertHandler, handler_fn};
    use jiff::Timestamp;
    use std::sync::Mutex;

    type Log = Arc<Mutex<Vec<String>>>;

    fn logging(log: &Log, name: &'static str) -> impl AlertHandler + 'static {
        let log = Arc::clone(log);
        handler_fn(move |alert: Alert| {
            let log = Arc::clone(&log);
            async move {
                log.lock().unwrap().push(format!("{name}:{}", alert.labels.value("n")));
                Ok(())
            }
        })
    }

    fn alerts(severities: &[&str]) -> Notification {
        let alert = |(n, severity): (usize, &&str)| {
            let labels = Labels::from([("n", n.to_string()), ("severity", (*severity).to_owned())]);
            Alert::firing(labels, Timestamp::UNIX_EPOCH)
        };
        Notification::of("loop", severities.iter().enumerate().map(alert).collect())
    }

    fn matchers(text: &str) -> Matchers {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn alerts_go_in_order_to_every_route_that_matches_else_to_the_default() {
        let log = Log::default();
        let router = Router::new()
            .route("b", matchers("severity=~critical|warning"), logging(&log, "b"))
            .route("a", matchers("severity=critical"), logging(&log, "a"))
            .default_handler(logging(&log, "default"));
        let report = router.dispatch(&alerts(&["critical", "info", "warning"])).await;
        assert_eq!(*log.lock().unwrap(), ["b:0", "a:0", "default:1", "b:2"]);
        assert_eq!((report.received, report.processed, report.failed), (3, 3, 0));
    }

    #[tokio::test]
    async fn an_error_and_a_panic_stop_neither_the_next_handler_nor_the_next_alert() {
        let log = Log::default();
        let mut instant_panic = MockAlertHandler::new();
        instant_panic.expect_handle().returning(|_| panic!("before any future"));
        let router = Router::new()
            .route("error", Matchers::any(), handler_fn(|_| async { Err("broken".into()) }))
            .route("panic", Matchers::any(), handler_fn(|_| async { panic!("at {}", 3) }))
            .route("instant", Matchers::any(), instant_panic)
            .route("log", Matchers::any(), logging(&log, "log"));
        let report = router.dispatch(&alerts(&["x", "y"])).await;
        assert_eq!(*log.lock().unwrap(), ["log:0", "log:1"]);
        assert_eq!((report.received, report.processed, report.failed), (2, 0, 2));
        let told: Vec<_> = report.failures.iter().take(3).map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "handler error failed: broken",
                "handler panic panicked: at 3",
                "handler instant panicked: before any future"
            ]
        );
    }

    #[tokio::test]
    async fn nobody_is_counted_too_and_counts_add_up_over_dispatches() {
        let router = Router::new()
            .route("bad", matchers("severity=critical"), handler_fn(|_| async { Err("no".into()) }))
            .route("good", matchers("severity=warning"), handler_fn(|_| async { Ok(()) }));
        for _ in 0..2 {
            router.dispatch(&alerts(&["critical", "warning", "info"])).await;
        }
        let counts = router.counts();
        let RouterCounts { received, processed, failed, unrouted } = counts;
        assert_eq!((received, processed, failed, unrouted), (6, 2, 2, 2));
    }

    #[tokio::test]
    async fn failures_told_are_bounded_failures_counted_are_not() {
        let router = Router::new().default_handler(handler_fn(|_| async { Err("no".into()) }));
        let report = router.dispatch(&alerts(&["x"; 150])).await;
        assert_eq!((report.failed, report.failures.len()), (150, 100));
    }

    #[tokio::test]
    async fn resolved_alerts_are_routed_as_resolved() {
        let mut handler = MockAlertHandler::new();
        let resolved = |alert: &Alert| alert.status == AlertStatus::Resolved;
        handler.expect_handle().withf(resolved).times(1).returning(|_| Ok(()));
        let mut notification = alerts(&["x"]);
        let alert = notification.alerts.remove(0).resolved(Timestamp::UNIX_EPOCH);
        notification.alerts.push(alert);
        assert_eq!(
            Router::new().default_handler(handler).dispatch(&notification).await.processed,
            1
        );
    }
}
