//! Monitor alone: a metric source of our own, one rule, one observation.
//!
//! `cargo run -p mapek-examples --example monitor_alone`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error as StdError, future, sync::Arc};

use async_trait::async_trait;
use mapek_model::{
    Answer, Duration, Quality, Query, Sample, Series, SourceName, Span, Timestamp, later,
};
use mapek_monitor::{Error, MetricSource, Monitor, MonitorConfig, Ours, RuleConfig};

/// Jobs that wait, and nothing else. A source may speak any language, as long as the rules are written in it: Monitor
/// hands the expression of a rule on as it is. This one understands `NAME > NUMBER`.
#[derive(Debug)]
struct Jobs {
    waiting: Vec<(&'static str, f64)>,
}

#[async_trait]
impl MetricSource for Jobs {
    fn name(&self) -> SourceName {
        SourceName::try_new("jobs").expect("it is a short word in small letters")
    }

    async fn instant(&self, query: &Query, at: Timestamp) -> Result<Answer, Error> {
        let refused = |why: &str| Error::refused("jobs", query.as_str(), why);
        let (name, bound) =
            query.as_str().split_once(" > ").ok_or_else(|| refused("expected NAME > NUMBER"))?;
        let bound: f64 = bound.parse().map_err(|_| refused("the bound is no number"))?;
        // As in PromQL, a comparison answers the series for which it holds. Sorted by labels, as the trait demands.
        let series =
            self.waiting.iter().filter(|(_, value)| *value > bound).map(|(node, value)| Series {
                labels: [("__name__", name), ("node", *node)].into_iter().collect(),
                samples: vec![Sample { at, value: *value }],
            });
        Ok(Answer { series: series.collect(), quality: Quality::fresh() })
    }

    async fn range(&self, query: &Query, _: Span, _: Duration) -> Result<Answer, Error> {
        Err(Error::refused("jobs", query.as_str(), "it remembers nothing"))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    let jobs = Jobs { waiting: vec![("east", 12.0), ("west", 340.0)] };

    // A rule without a threshold is breached by whatever its expression answers, as in an alerting rule of Prometheus.
    let rule = RuleConfig::new("long_queue", "jobs_waiting > 100")?;
    // Nobody scrapes here, so there are no series called `up`.
    let config = MonitorConfig { rules: vec![rule], up: None, ..MonitorConfig::default() };
    let mut monitor = Monitor::builder(config).metrics(Arc::new(jobs)).build()?;

    // Time is handed in. The deadline is a future, too: this one leaves it to the source how long it takes.
    let now: Timestamp = "2026-01-01T00:00:00Z".parse()?;
    let observation = monitor.observe(now, &Ours::default(), future::pending()).await;
    for violation in &observation.open {
        let component = violation.component.as_ref().map_or("the whole", |it| it.as_str());
        println!(
            "{} {} on {component}: {:?}",
            violation.severity, violation.expectation, violation.value
        );
    }
    assert_eq!(observation.open.len(), 1);
    assert_eq!(observation.open[0].expectation, "long-queue");
    assert_eq!(observation.open[0].component.as_ref().map(|it| it.as_str()), Some("west"));
    assert!(observation.overall_quality().permits_action());

    // The same breach half a minute later is the same episode: its onset stays.
    let again = monitor
        .observe(later(now, Duration::from_secs(30)), &Ours::default(), future::pending())
        .await;
    println!("open since {}, last seen {}", again.open[0].onset, again.open[0].last_seen);
    assert_eq!(again.open[0].key(), observation.open[0].key());
    Ok(())
}
