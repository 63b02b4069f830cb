//! The alerts that fired, as Prometheus wrote them down.

use std::collections::BTreeMap;

use async_trait::async_trait;
use mapek_model::{
    Duration, Labels, Query, Sample, Series, SourceName, Span, Timestamp, later, since,
};
use mapek_monitor::{AlertFeed, AlertStatus, Error, FeedAlert, FeedAnswer, MetricSource};
use sha2::{Digest, Sha256};

/// 1 for as long as an alert fires. Prometheus writes it at every evaluation of its rules.
const FIRING: &str = r#"ALERTS{alertstate="firing"}"#;
/// Since when the expression of an alert is true, in Unix seconds.
const SINCE: &str = "ALERTS_FOR_STATE";
/// Most points of time that are read; Prometheus gives eleven thousand at once.
const POINTS_MAX: u32 = 100_000;

/// What Alertmanager's list would have shown: the alerts of a span, read once.
///
/// Beginnings and ends are known to the step with which they are read. What fired already when the span begins is taken to have begun
/// when its expression became true. Annotations and silences are not in the record.
#[derive(Debug)]
pub(super) struct PastAlerts {
    name: SourceName,
    /// By beginning.
    fired: Vec<Fired>,
}

/// One time that an alert fired.
#[derive(Debug, Clone, PartialEq)]
struct Fired {
    alert: FeedAlert,
    /// Not any more at this moment.
    until: Timestamp,
}

impl PastAlerts {
    /// Reads what fired within `span`, every `step` of it or as often as is possible.
    pub(super) async fn read(
        source: &dyn MetricSource,
        span: Span,
        step: Duration,
    ) -> Result<Self, Error> {
        let step = step.max(span.length() / POINTS_MAX).max(Duration::from_secs(1));
        let firing = source.range(&query(FIRING), span, step).await?.series;
        let since = source.instant(&query(SINCE), span.from()).await?.series;
        let since: BTreeMap<Labels, f64> = since
            .iter()
            .filter_map(|it| Some((own_labels(&it.labels), it.last()?.value)))
            .collect();
        let mut fired: Vec<_> =
            firing.iter().flat_map(|it| times(it, span, step, &since)).collect();
        fired.sort_by(|a, b| {
            (a.alert.starts_at, &a.alert.labels).cmp(&(b.alert.starts_at, &b.alert.labels))
        });
        let name = SourceName::try_new("alertmanager").expect("it is a short word");
        Ok(Self { name, fired })
    }

    /// When the next alert begins to fire, after `at`.
    pub(super) fn next_start(&self, at: Timestamp) -> Option<Timestamp> {
        self.fired.iter().map(|it| it.alert.starts_at).find(|start| *start > at)
    }
}

#[async_trait]
impl AlertFeed for PastAlerts {
    fn name(&self) -> SourceName {
        self.name.clone()
    }

    async fn alerts(&self, at: Timestamp) -> Result<FeedAnswer, Error> {
        let mut alerts: Vec<_> = self
            .fired
            .iter()
            .filter(|it| it.alert.starts_at <= at && at < it.until)
            .map(|it| it.alert.clone())
            .collect();
        alerts.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
        Ok(FeedAnswer { alerts, ..FeedAnswer::default() })
    }
}

/// The stretches in which a series has a sample at every step.
fn times(
    series: &Series,
    span: Span,
    step: Duration,
    since_when: &BTreeMap<Labels, f64>,
) -> Vec<Fired> {
    let labels = own_labels(&series.labels);
    let together = |a: &Sample, b: &Sample| since(b.at, a.at) <= step;
    let stretches = series.samples.chunk_by(together);
    stretches
        .filter_map(|stretch| {
            let (first, last) = (stretch.first()?.at, stretch.last()?.at);
            let before = || since_when.get(&labels).copied().and_then(unix_seconds);
            let earlier = (first == span.from()).then(before).flatten();
            let starts_at = earlier.map_or(first, |it| it.min(first));
            Some(Fired { alert: alert(labels.clone(), starts_at), until: later(last, step) })
        })
        .collect()
}

fn unix_seconds(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_millisecond((seconds * 1_000.0).round() as i64).ok()
}

/// The labels that Alertmanager is told, without those that Prometheus writes beside them.
fn own_labels(labels: &Labels) -> Labels {
    let mut own = labels.clone();
    own.remove("__name__");
    own.remove("alertstate");
    own
}

fn alert(labels: Labels, starts_at: Timestamp) -> FeedAlert {
    let digest = Sha256::digest(labels.to_string().as_bytes());
    FeedAlert {
        fingerprint: digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
        labels,
        annotations: Labels::default(),
        starts_at,
        ends_at: None,
        status: AlertStatus::Firing,
        suppressed: false,
    }
}

fn query(promql: &str) -> Query {
    Query::try_new(promql).expect("it is written here")
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapek_model::{Answer, Quality};

    /// Two alerts: one that fires from the beginning on and again later, one that fires once.
    #[derive(Debug)]
    struct Record;

    fn at(seconds: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(1_000_000 + seconds))
    }

    fn series(labels: &[(&str, &str)], samples: &[(u64, f64)]) -> Series {
        let samples =
            samples.iter().map(|(seconds, value)| Sample { at: at(*seconds), value: *value });
        Series { labels: labels.iter().copied().collect(), samples: samples.collect() }
    }

    #[async_trait]
    impl MetricSource for Record {
        fn name(&self) -> SourceName {
            SourceName::try_new("prometheus").unwrap()
        }

        async fn instant(&self, query: &Query, asked: Timestamp) -> Result<Answer, Error> {
            assert_eq!((query.as_str(), asked), (SINCE, at(0)));
            let labels = [("__name__", SINCE), ("alertname", "Old"), ("severity", "critical")];
            let series = vec![series(&labels, &[(0, 999_400.0)])];
            Ok(Answer { series, quality: Quality::fresh() })
        }

        async fn range(&self, query: &Query, _: Span, _: Duration) -> Result<Answer, Error> {
            assert_eq!(query.as_str(), FIRING);
            let firing = |name, severity, times: &[u64]| {
                let labels = [
                    ("__name__", "ALERTS"),
                    ("alertname", name),
                    ("alertstate", "firing"),
                    ("severity", severity),
                ];
                let samples: Vec<_> = times.iter().map(|it| (*it, 1.0)).collect();
                series(&labels, &samples)
            };
            let all = vec![
                firing("New", "warning", &[30, 45]),
                firing("Old", "critical", &[0, 15, 30, 120, 135]),
            ];
            Ok(Answer { series: all, quality: Quality::fresh() })
        }
    }

    async fn read() -> PastAlerts {
        let span = Span::try_new(at(0), at(300)).unwrap();
        PastAlerts::read(&Record, span, Duration::from_secs(15)).await.unwrap()
    }

    #[tokio::test]
    async fn an_alert_fires_from_its_first_sample_until_the_next_would_have_come() {
        let past = read().await;
        let mut seen = Vec::new();
        for seconds in [0, 29, 30, 44, 45, 59, 60, 119, 120, 149, 150] {
            let alerts = past.alerts(at(seconds)).await.unwrap().alerts;
            let names = alerts.iter().filter_map(FeedAlert::alertname).collect::<Vec<_>>();
            let mut names = names.join("+");
            if names == "Old+New" {
                names = "New+Old".to_owned();
            }
            seen.push((seconds, names));
        }
        let expected = ["Old", "Old", "New+Old", "New+Old", "New", "New", "", "", "Old", "Old", ""];
        assert!(seen.iter().map(|it| it.1.as_str()).eq(expected), "{seen:?}");
    }

    #[tokio::test]
    async fn what_fired_already_began_when_its_expression_became_true() {
        let past = read().await;
        let alerts = past.alerts(at(15)).await.unwrap().alerts;
        let [old] = &alerts[..] else { panic!("{alerts:?}") };
        assert_eq!(old.starts_at, later(Timestamp::UNIX_EPOCH, Duration::from_secs(999_400)));
        assert_eq!(
            old.labels,
            [("alertname", "Old"), ("severity", "critical")].into_iter().collect()
        );
        // The second time, the sample is all that is known.
        let again = past.alerts(at(121)).await.unwrap().alerts;
        assert_eq!((again[0].starts_at, &again[0].fingerprint), (at(120), &old.fingerprint));
    }

    #[tokio::test]
    async fn each_beginning_is_told_once() {
        let past = read().await;
        let mut starts = Vec::new();
        let mut now = at(0);
        while let Some(next) = past.next_start(now) {
            starts.push(since(next, at(0)).as_secs());
            now = next;
        }
        assert_eq!(starts, [30, 120]);
    }
}
