use std::sync::Arc;

use futures_util::FutureExt as _;
use mapek_model::{Duration, Labels, Query, SourceName, Span, Timestamp};
use mapek_monitor::MetricSource as _;
use proptest::prelude::*;

use super::EmbeddedSource;
use crate::{MetricStore, StoreConfig};

const QUERIES: [&str; 9] = [
    "sum(a)",
    "rate(a[1m])",
    "a - b offset 30s",
    "b offset -45s",
    "max_over_time(sum(a)[2m:20s])",
    "a @ end()",
    "sum_over_time(a[1m] @ start())",
    "count(a) or vector(0)",
    "time() - timestamp(b)",
];

#[derive(Debug, Clone)]
enum Event {
    /// A sample of one of four series, so long after or before the newest one.
    Sample(usize, i64, f64),
    /// A series ends.
    End(usize, i64),
    Ask(usize, i64, i64),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..4_usize, -120..60_i64, 0.0..9.0_f64).prop_map(|(i, at, v)| Event::Sample(i, at, v)),
        1 => (0..4_usize, 0..30_i64).prop_map(|(i, at)| Event::End(i, at)),
        3 => (0..QUERIES.len(), 0..300_i64, 0..60_i64).prop_map(|(q, back, ahead)| Event::Ask(q, back, ahead)),
    ]
}

fn series(i: usize) -> Labels {
    Labels::from_iter([("__name__", ["a", "b"][i / 2]), ("node", ["x", "y"][i % 2])])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

proptest! {
    #[test]
    fn what_is_remembered_is_what_would_be_answered(events in proptest::collection::vec(any_event(), 1..60)) {
        let store = Arc::new(MetricStore::new(StoreConfig::default()));
        let name = SourceName::try_new("embedded").unwrap();
        let source = EmbeddedSource::new(name.clone(), Arc::clone(&store));
        let mut newest = 0;
        for event in events {
            match event {
                Event::Sample(i, by, value) => {
                    // Most samples move time on; some are late, as those that carry their own time.
                    newest = newest.max(newest + by);
                    store.append(&series(i), at(newest + by.min(0)), value).ok();
                }
                Event::End(i, by) => {
                    newest += by;
                    store.mark_stale(&series(i), at(newest)).ok();
                }
                Event::Ask(query, back, ahead) => {
                    let query = Query::try_new(QUERIES[query]).unwrap();
                    // On a grid, as the cycles of a loop are.
                    let to = (newest + ahead) / 15 * 15;
                    let span = Span::try_new(at(to - back / 15 * 15), at(to)).unwrap();
                    let ask = |source: &EmbeddedSource| {
                        source.range(&query, span, Duration::from_secs(15)).now_or_never().unwrap()
                    };
                    let fresh = EmbeddedSource::new(name.clone(), Arc::clone(&store));
                    match (ask(&source), ask(&fresh)) {
                        (Ok(remembered), Ok(fresh)) => prop_assert_eq!(remembered, fresh),
                        (remembered, fresh) => prop_assert_eq!(remembered.is_err(), fresh.is_err()),
                    }
                }
            }
        }
    }
}
