//! Alerts that fired.

use std::sync::Arc;

use async_trait::async_trait;
use mapek_model::{Labels, Query, SourceName, Timestamp};
use mapek_monitor::{AlertFeed, AlertStatus, Error, FeedAlert, FeedAnswer, MetricSource};
use sha2::{Digest, Sha256};

/// The alerts that fired at a moment of the past, from the series `ALERTS` and `ALERTS_FOR_STATE` that Prometheus writes of its rules.
///
/// What Alertmanager made of them, silences included, was not recorded.
#[derive(Debug, Clone)]
pub struct PastAlerts {
    name: SourceName,
    metrics: Arc<dyn MetricSource>,
}

impl PastAlerts {
    /// The alerts that `metrics` knows of, under the name of whoever would have listed them.
    #[must_use]
    pub fn new(name: SourceName, metrics: Arc<dyn MetricSource>) -> Self {
        Self { name, metrics }
    }
}

#[async_trait]
impl AlertFeed for PastAlerts {
    fn name(&self) -> SourceName {
        self.name.clone()
    }

    async fn alerts(&self, now: Timestamp) -> Result<FeedAnswer, Error> {
        let fired = self.metrics.instant(&query(r#"ALERTS{alertstate="firing"}"#), now).await?;
        let since = self.metrics.instant(&query("ALERTS_FOR_STATE"), now).await?;
        let began = |labels: &Labels| {
            let same = |it: &&mapek_model::Series| without(&it.labels) == *labels;
            let seconds = since.series.iter().find(same)?.last()?.value;
            Timestamp::from_second(seconds as i64).ok()
        };
        let alert = |series: &mapek_model::Series| {
            let labels = without(&series.labels);
            let digest = Sha256::digest(labels.to_string().as_bytes());
            FeedAlert {
                fingerprint: digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
                starts_at: began(&labels).unwrap_or(now),
                labels,
                annotations: Labels::default(),
                ends_at: None,
                status: AlertStatus::Firing,
                suppressed: false,
            }
        };
        let alerts = fired.series.iter().map(alert).collect();
        Ok(FeedAnswer { alerts, quality: fired.quality })
    }
}

/// The labels of the alert itself.
fn without(labels: &Labels) -> Labels {
    labels.filtered(|name| !matches!(name, "__name__" | "alertstate"))
}

fn query(promql: &str) -> Query {
    Query::try_new(promql).expect("it is written here")
}
