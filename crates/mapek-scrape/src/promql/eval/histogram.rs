//! Quantiles of classic histograms: counters of buckets with an upper bound in the label `le`.

use std::{cmp::Ordering, collections::BTreeMap};

use mapek_model::Labels;

use super::{Element, stats};

#[derive(Debug, Clone, Copy)]
struct Bucket {
    bound: f64,
    count: f64,
}

/// The quantile of each histogram; elements without a readable `le` belong to none.
pub(super) fn quantiles(q: f64, elements: Vec<Element>) -> Vec<Element> {
    let mut histograms: BTreeMap<Labels, Vec<Bucket>> = BTreeMap::new();
    for element in elements {
        let bound = element.labels.get("le").and_then(|le| le.parse().ok());
        let Some(bound) = bound else { continue };
        let labels = element.labels.filtered(|name| !matches!(name, "le" | "__name__"));
        histograms.entry(labels).or_default().push(Bucket { bound, count: element.value });
    }
    histograms
        .into_iter()
        .map(|(labels, buckets)| Element { labels, value: quantile(q, buckets) })
        .collect()
}

/// By linear interpolation within a bucket. In the last one, which has no upper bound, it is the bound before it.
fn quantile(q: f64, buckets: Vec<Bucket>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let buckets = cumulative(buckets);
    let [.., before_last, last] = buckets.as_slice() else { return f64::NAN };
    if last.bound != f64::INFINITY || last.count == 0.0 {
        return f64::NAN;
    }
    let rank = q * last.count;
    let below_last = &buckets[..buckets.len() - 1];
    // A NaN among the counts is never the one that is looked for.
    let below = |bucket: &Bucket| bucket.count.partial_cmp(&rank).is_none_or(Ordering::is_lt);
    let found = below_last.partition_point(below);
    if found == below_last.len() {
        return before_last.bound;
    }
    let bucket = below_last[found];
    let below = found.checked_sub(1).map(|below| below_last[below]);
    match below {
        None if bucket.bound <= 0.0 => bucket.bound,
        None => bucket.bound * (rank / bucket.count),
        Some(below) => {
            let share = (rank - below.count) / (bucket.count - below.count);
            below.bound + (bucket.bound - below.bound) * share
        }
    }
}

/// Sorted, one for each bound, and never falling: scrapes of a busy histogram may be a little torn.
fn cumulative(mut buckets: Vec<Bucket>) -> Vec<Bucket> {
    buckets.sort_by(|a, b| stats::ascending(a.bound, b.bound));
    let mut merged: Vec<Bucket> = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        match merged.last_mut() {
            Some(last) if stats::same(last.bound, bucket.bound) => last.count += bucket.count,
            _ => merged.push(bucket),
        }
    }
    let mut most = f64::NEG_INFINITY;
    for bucket in &mut merged {
        if bucket.count > most {
            most = bucket.count;
        } else if bucket.count < most {
            bucket.count = most;
        }
    }
    merged
}
