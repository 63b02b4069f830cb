//! Alertmanager without Alertmanager: alerts that are grouped, silenced and delivered in memory, and routed by its matchers.
//!
//! `cargo run -p mapek-examples --example alert_router`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use alertmanager_client::{
    Alert, AlertFilter, AlertHandler, AlertmanagerApi, Delivery, InMemoryAlertmanager, Intake,
    IntakeError, Labels, PostableAlert, Router, async_trait, handler_fn,
};

/// Takes deliveries over and does nothing with them yet: Alertmanager forgets what was accepted, so *accept* means *stored*.
/// A program that must survive a crash stores them in a file.
#[derive(Debug, Default)]
struct Inbox(Mutex<Vec<Delivery>>);

impl Inbox {
    fn take(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Intake for Inbox {
    async fn accept(&self, delivery: Delivery) -> Result<(), IntakeError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(delivery);
        Ok(())
    }
}

/// Who was told what.
type Told = Arc<Mutex<Vec<String>>>;

fn teller(who: &'static str, told: &Told) -> impl AlertHandler + use<> {
    let told = Arc::clone(told);
    handler_fn(move |alert: Alert| {
        let line =
            format!("{who}: {} {}", alert.status, alert.labels.get("alertname").unwrap_or("?"));
        println!("{line}");
        told.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        async { Ok(()) }
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let inbox = Arc::new(Inbox::default());
    let alertmanager = InMemoryAlertmanager::new("2026-11-20T10:00:00Z".parse()?)
        .with_receiver("example")
        .with_intake(inbox.clone());

    // Matchers are those of Alertmanager, regular expressions included. The first route does not end the search.
    let told = Told::default();
    let router = Router::new()
        .route("pager", r#"severity="critical""#.parse()?, teller("pager", &told))
        .route(
            "latency team",
            r#"alertname=~"Validation.*""#.parse()?,
            teller("latency team", &told),
        )
        .route("broken", "{}".parse()?, handler_fn(|_: Alert| async { Err("nobody home".into()) }))
        .default_handler(teller("anybody", &told));

    let slow = PostableAlert::new(Labels::from([
        ("alertname", "ValidationLatencySLA"),
        ("severity", "critical"),
    ]));
    alertmanager.inject(&slow)?;
    alertmanager.inject(&PostableAlert::new(Labels::from([("alertname", "DiskFull")])))?;
    assert!(alertmanager.flush().await?, "there was something to tell");
    assert!(!alertmanager.flush().await?, "and nothing new since");

    for delivery in inbox.take() {
        let report = router.dispatch(&delivery.notification).await;
        println!("{} alerts, {} failed", report.received, report.failed);
        // One handler's failure keeps nobody else from their turn, and it is told.
        assert_eq!((report.received, report.failed), (2, 2));
        assert_eq!(report.failures[0].route, "broken");
    }
    let lines = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(lines.len(), 2, "pager and latency team, once each: {lines:?}");

    // API v2 answers what fires now. Nobody repeats these alerts, so after five minutes they have ended.
    let critical = AlertFilter::matching("severity=critical".parse()?);
    assert_eq!(alertmanager.alerts(&critical).await?.len(), 1);
    alertmanager.advance_to("2026-11-20T10:05:00Z".parse()?);
    assert!(alertmanager.alerts(&critical).await?.is_empty());

    // The receiver hears of that, too.
    assert!(alertmanager.flush().await?);
    for delivery in inbox.take() {
        router.dispatch(&delivery.notification).await;
    }
    let lines = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(lines.contains(&"pager: resolved ValidationLatencySLA".to_owned()), "{lines:?}");
    Ok(())
}
