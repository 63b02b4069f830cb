//! Metrics without Prometheus: a registry in this process is scraped, and PromQL is answered from memory.
//!
//! `cargo run -p mapek-examples --example scrape_and_query`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use mapek_model::{Duration, Query, SourceName, Span, Timestamp, later};
use mapek_monitor::MetricSource;
use mapek_scrape::{EmbeddedSource, MetricStore, Scraper, StoreConfig, Target, conforms};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // What a program counts, and how it shows it: anything that writes the text format will do.
    let served = Arc::new(AtomicU64::new(0));
    let registry = {
        let served = Arc::clone(&served);
        move || {
            format!(
                "# TYPE requests_total counter\nrequests_total {}\n",
                served.load(Ordering::SeqCst)
            )
        }
    };

    let store = Arc::new(MetricStore::new(StoreConfig::default()));
    let target = Target::in_process("shop", "self", registry).with_label("zone", "east");
    // `Target::http("charter", "http://localhost:8080/metrics")` scrapes over HTTP.
    let scraper = Scraper::builder(store.clone()).target(target).build()?;

    // Nothing runs in the background: whoever owns the clock says when to scrape. Ten minutes pass at once here.
    let step = Duration::from_secs(15);
    let start: Timestamp = "2026-01-01T00:00:00Z".parse()?;
    let mut now = start;
    for _ in 0..40 {
        served.fetch_add(30, Ordering::SeqCst);
        assert!(scraper.scrape(now).await.all_up());
        now = later(now, step);
    }

    // Through the same trait as a real server: a monitor cannot tell the difference.
    let source: &dyn MetricSource = &EmbeddedSource::new(SourceName::try_new("embedded")?, store);
    let rate = Query::try_new(r#"sum by (zone) (rate(requests_total{job="shop"}[5m]))"#)?;
    let answer = source.instant(&rate, now).await?;
    let value = answer.series[0].last().ok_or("a series has a sample")?.value;
    println!("{}: {value:.2} requests a second", answer.series[0].labels);
    assert!((value - 2.0).abs() < 0.01, "30 each 15 s");

    let span = Span::ending_at(now, Duration::from_secs(120));
    let course = source.range(&rate, span, step).await?;
    println!("{} values over two minutes", course.series[0].samples.len());
    assert_eq!(course.series[0].samples.len(), 9);

    // What is not answered as Prometheus answers it is refused, never approximated: ask when rules are loaded.
    let refused = conforms(&Query::try_new("day_of_week() > 5")?);
    println!("refused: {}", refused.as_ref().err().map_or("nothing", |why| why.feature.as_str()));
    assert!(conforms(&rate).is_ok());
    assert!(refused.is_err());
    Ok(())
}
