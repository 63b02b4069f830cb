//! One cycle of a simulation: a scrape of a hundred series in process, then ten queries as rules ask them.
//!
//! A loop with a cycle of 30 s that is to run ten thousand times as fast as real time has 3 ms for all of it.
#![expect(clippy::unwrap_used, reason = "a benchmark may fail")]

use std::{
    fmt::Write as _,
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;
use mapek_model::{Query, SourceName, Timestamp, later};
use mapek_monitor::MetricSource;
use mapek_scrape::{EmbeddedSource, MetricStore, Scraper, StoreConfig, Target};

const QUERIES: [&str; 10] = [
    "up == 0",
    "sum by (node) (rate(requests_total[5m])) > 1e9",
    "histogram_quantile(0.99, sum by (le) (rate(latency_seconds_bucket[5m]))) > 0.2",
    "rate(errors_total[5m]) / rate(requests_total[5m]) > 0.05",
    "max by (node) (queue_length) > 100",
    "time() - timestamp(queue_length) > 60",
    "absent(up{job=\"nothing\"})",
    "avg_over_time(queue_length[10m]) > 50",
    "increase(errors_total[1h]) > 1000",
    "max_over_time(rate(requests_total[1m])[10m:1m]) > 1e9",
];

/// A hundred series: 60 of a histogram, 40 counters and gauges.
fn exposition(tick: i64) -> String {
    let mut text = String::new();
    for node in 0..10 {
        for (i, le) in ["0.05", "0.1", "0.25", "0.5", "1", "+Inf"].iter().enumerate() {
            let count = tick * (i as i64 + 1);
            writeln!(text, "latency_seconds_bucket{{node=\"{node}\",le=\"{le}\"}} {count}")
                .unwrap();
        }
        for name in ["requests_total", "errors_total", "queue_length", "workers"] {
            writeln!(text, "{name}{{node=\"{node}\"}} {}", tick * (node + 1)).unwrap();
        }
    }
    text
}

fn cycle(c: &mut Criterion) {
    let store = Arc::new(MetricStore::new(StoreConfig::default()));
    let tick = Arc::new(AtomicI64::new(0));
    let shown = tick.clone();
    let registry = move || exposition(shown.load(Ordering::Relaxed));
    let target = Target::in_process("charter", "self", registry);
    let scraper = Scraper::builder(store.clone()).target(target).build().unwrap();
    let source = EmbeddedSource::new(SourceName::try_new("embedded").unwrap(), store);
    let queries = QUERIES.map(|text| Query::try_new(text).unwrap());
    let scrape = || {
        let passed = u64::try_from(tick.fetch_add(1, Ordering::Relaxed)).unwrap() * 30;
        let now = later(Timestamp::UNIX_EPOCH, Duration::from_secs(passed));
        assert!(scraper.scrape(now).now_or_never().unwrap().all_up());
        now
    };
    let ask = |now| {
        for query in &queries {
            black_box(source.instant(query, now).now_or_never().unwrap().unwrap());
        }
    };
    for _ in 0..240 {
        scrape(); // Two hours: all that is kept.
    }

    c.bench_function("scrape 100 series", |b| b.iter(scrape));
    let now = scrape();
    c.bench_function("10 instant queries", |b| b.iter(|| ask(now)));
    c.bench_function("cycle: scrape and 10 queries", |b| b.iter(|| ask(scrape())));
}

criterion_group!(benches, cycle);
criterion_main!(benches);
