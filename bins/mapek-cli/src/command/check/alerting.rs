//! Alertmanager: reachable, and what is told to it reaches our webhook.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mapek::{
    Clock, IdSource as _, RandomIds,
    alertmanager::{
        Alert, AlertmanagerApi, Delivery, Intake, IntakeError, Labels, PostableAlert,
        WebhookConfig, WebhookService,
    },
    model::later,
    server::{Access, Server, webhook_router},
};
use tokio::sync::Notify;

use super::report::Report;
use crate::{
    command::{
        http,
        output::{OutputError, chain},
    },
    compose::{self, CHECK_ALERT, Tls},
    config::Config,
};

/// How long the test alert may take: Alertmanager waits 30 s for others of its group unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(75);
/// How long it fires at most, if it cannot be taken back.
const ALERT_LASTS: Duration = Duration::from_secs(120);
/// How often a running loop is asked whether it got one.
const POLL: Duration = Duration::from_millis(500);
/// What the running loop counts alerts in.
const RECEIVED: &str = "mape_k_alerts_received_total";

pub(super) async fn check(
    config: &Config,
    tls: &Tls,
    clock: Arc<dyn Clock>,
    report: &mut Report,
) -> miette::Result<()> {
    let api = compose::alertmanager(config, tls, clock.as_ref())?;
    let url = &config.alertmanager.url;
    let known = async {
        api.ready().await?;
        Ok::<_, mapek::alertmanager::Error>((api.status().await?, api.receivers().await?))
    };
    let (status, receivers) = match known.await {
        Ok(known) => known,
        Err(error) => {
            let what = format!("{url} cannot be asked: {}", chain(&error));
            let remedy = "start it, correct alertmanager.url, or set alertmanager.enabled to false";
            return Ok(report.fail("alertmanager", what, remedy)?);
        }
    };
    let version = &status.version_info.version;
    report.ok(
        "alertmanager",
        format_args!("{url}, {version}; receivers: {}", receivers.join(", ")),
    )?;
    let probe = Probe {
        config,
        tls,
        access: compose::webhook_access(config, Arc::clone(&clock))?,
        clock: clock.as_ref(),
        api: api.as_ref(),
        id: RandomIds.next_id(clock.now()).to_string(),
    };
    probe.run(report).await
}

/// A test alert on its way to the webhook.
struct Probe<'a> {
    config: &'a Config,
    tls: &'a Tls,
    access: Access,
    clock: &'a dyn Clock,
    api: &'a dyn AlertmanagerApi,
    id: String,
}

impl Probe<'_> {
    async fn run(&self, report: &mut Report) -> miette::Result<()> {
        let section = &self.config.alertmanager;
        let heard = Arc::new(Notify::new());
        let listener = Listener { id: self.id.clone(), heard: Arc::clone(&heard) };
        let address = (section.webhook_host.as_str(), section.webhook_port);
        let address = match tokio::net::lookup_host(address).await.map(|mut it| it.next()) {
            Ok(Some(address)) => address,
            _ => {
                let what = format!("{} names no address", section.webhook_host);
                return Ok(report.fail("webhook", what, "correct alertmanager.webhook_host")?);
            }
        };
        let Ok(server) = Server::bind(address).await else {
            return Ok(self.by_running_loop(address, report).await?);
        };
        let server = match compose::webhook_tls(self.config, self.tls)? {
            Some(tls) => server.with_tls(tls),
            None => server,
        };
        let limits =
            WebhookConfig { path: Some(section.webhook_path.clone()), ..WebhookConfig::default() };
        let service = WebhookService::with_config(listener, limits);
        let routes = webhook_router(service, self.access.clone());
        let arrival = async {
            tokio::select! {
                () = heard.notified() => true,
                _ = server.serve(routes, std::future::pending::<()>()) => false,
            }
        };
        Ok(self.judge(arrival, "the test alert arrived", report).await?)
    }

    /// The port is taken, most likely by `mapek run`: then it is the one to get the alert.
    async fn by_running_loop(
        &self,
        address: std::net::SocketAddr,
        report: &mut Report,
    ) -> Result<(), OutputError> {
        let api = &self.config.api;
        let port = api.metrics_port.unwrap_or(api.port);
        let url = http::reached(&api.tls, &api.host, port) + "/metrics";
        let client = compose::commands(self.config, self.tls).ok();
        let count = async || {
            let text = http::text(client.as_ref()?, &url).await.ok()?;
            received(&text)
        };
        let Some(before) = count().await else {
            let what = format!(
                "{address} is taken, and no running loop shows its metrics at {url}: delivery is not checked"
            );
            let remedy = "end what listens there, or choose another alertmanager.webhook_port";
            return report.fail("webhook", what, remedy);
        };
        report.note(
            "webhook",
            format_args!("{address} is taken by a running loop, which is watched instead"),
        )?;
        let arrival = async {
            loop {
                if count().await.is_some_and(|now| now > before) {
                    return true;
                }
                self.clock.sleep_until(later(self.clock.now(), POLL)).await;
            }
        };
        self.judge(arrival, "the running loop got an alert", report).await
    }

    /// Posts the alert, waits for `arrival`, and takes the alert back.
    async fn judge(
        &self,
        arrival: impl Future<Output = bool>,
        good: &str,
        report: &mut Report,
    ) -> Result<(), OutputError> {
        let alert = self.alert();
        if let Err(error) = self.api.post_alerts(std::slice::from_ref(&alert)).await {
            let what = format!("the test alert is not taken: {}", chain(&error));
            return report.fail("webhook", what, "look at Alertmanager's log");
        }
        let arrived = tokio::time::timeout(PATIENCE, arrival).await;
        let over = alert.resolved(self.clock.now());
        if let Err(error) = self.api.post_alerts(&[over]).await {
            let what = format!("the test alert {CHECK_ALERT} ends by itself: {}", chain(&error));
            report.note("webhook", what)?;
        }
        if matches!(arrived, Ok(true)) {
            return report.ok("webhook", good);
        }
        let section = &self.config.alertmanager;
        let own = http::reached(&section.webhook_tls, &section.webhook_host, section.webhook_port);
        let what = format!("the test alert did not arrive within {} s", PATIENCE.as_secs());
        let remedy = format!(
            "add a receiver with webhook_configs url {own}{}, route alerts to it, and let Alertmanager reach it",
            section.webhook_path
        );
        report.fail("webhook", what, &remedy)
    }

    fn alert(&self) -> PostableAlert {
        let labels =
            [("alertname", CHECK_ALERT), ("severity", "info"), ("check", self.id.as_str())];
        let text = "mapek check looks whether alerts arrive; nothing is wrong.";
        PostableAlert {
            annotations: Labels::from([("summary", text)]),
            ends_at: Some(later(self.clock.now(), ALERT_LASTS)),
            ..PostableAlert::new(Labels::from(labels))
        }
    }
}

/// Waits for the test alert, and leaves all others for the loop.
#[derive(Debug)]
struct Listener {
    id: String,
    heard: Arc<Notify>,
}

#[async_trait]
impl Intake for Listener {
    async fn accept(&self, delivery: Delivery) -> Result<(), IntakeError> {
        let alerts = &delivery.notification.alerts;
        let test = |alert: &Alert| alert.labels.alertname() == Some(CHECK_ALERT);
        if alerts.iter().any(|it| test(it) && it.labels.get("check") == Some(self.id.as_str())) {
            self.heard.notify_one();
        }
        // What is taken is forgotten by Alertmanager. Real alerts are to come again, when the loop listens.
        if alerts.iter().all(test) { Ok(()) } else { Err(IntakeError::full()) }
    }
}

/// How many alerts a running loop got, as its metrics say.
fn received(metrics: &str) -> Option<f64> {
    let counts = metrics.lines().filter(|line| line.starts_with(RECEIVED)).filter_map(|line| {
        let end = line.find('}').map_or(RECEIVED.len(), |end| end + 1);
        line.get(end..)?.split_whitespace().next()?.parse::<f64>().ok()
    });
    counts.reduce(|a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapek::alertmanager::Notification;

    #[test]
    fn a_counter_is_read_from_both_formats() {
        let text = "# TYPE mape_k_alerts_received counter\nmape_k_alerts_received_total{target=\"a b\"} 3\n";
        assert_eq!(received(text), Some(3.0));
        assert_eq!(received("mape_k_alerts_received_total 2 1700000000"), Some(2.0));
        assert_eq!(received("mape_k_cycles_total 2"), None);
    }

    #[tokio::test]
    async fn real_alerts_are_left_to_the_loop() {
        let heard = Arc::new(Notify::new());
        let listener = Listener { id: "7".to_owned(), heard: Arc::clone(&heard) };
        let deliver = |labels: &[&str]| {
            let alerts: Vec<_> = labels
                .iter()
                .map(|labels| {
                    format!(r#"{{"status": "firing", "labels": {labels}, "startsAt": "2026-01-01T00:00:00Z"}}"#)
                })
                .collect();
            let body =
                format!(r#"{{"version": "4", "receiver": "r", "alerts": [{}]}}"#, alerts.join(","));
            let notification = Notification::parse(body.as_bytes()).unwrap();
            listener.accept(Delivery { notification, body: body.into_bytes() })
        };
        let ours = r#"{"alertname": "MapekCheck", "check": "7"}"#;
        assert!(deliver(&[ours]).await.is_ok());
        heard.notified().await;
        let mixed = deliver(&[ours, r#"{"alertname": "TooSlow"}"#]).await;
        assert!(mixed.unwrap_err().is_transient());
    }
}
