//! The same samples and the same questions: a real Prometheus and the embedded source must answer alike.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use mapek_model::{Answer, Labels, Query, SourceName, Span, Timestamp};
use mapek_monitor::MetricSource;
use mapek_scrape::{
    EmbeddedSource, ExpositionLimits, Format, MetricStore, StoreConfig, conforms, parse_exposition,
};
use mapek_testkit::{History, Prometheus};
use serde_json::Value;

/// In the past, on a full minute and on no other multiple that would hide an error of alignment.
const START_S: i64 = 1_700_000_040;
const STEP_S: i64 = 15;
const STEPS: i64 = 240;
/// Relative, as the order of additions may differ.
const TOLERANCE: f64 = 1e-9;

/// In the midst of the data, between samples, near its beginning, at its end, and when it is just not and just too old.
const INSTANTS_MS: [i64; 7] =
    [1_800_000, 1_807_123, 2_400_000, 150_000, 3_585_000, 3_885_000, 3_885_001];

const QUERIES: &[&str] = &[
    // Selectors.
    "temperature",
    "temperature{node=\"a\"}",
    "temperature{node!=\"a\",rack=~\"r.*\",missing=\"\"}",
    "{__name__=~\"temper.*|up\", node!~\"a|b\"}",
    "temperature offset 5m",
    "temperature offset -1m",
    "temperature @ 1700001000",
    "temperature @ end() - temperature @ start() offset 1m",
    "requests_total[5m]",
    "temperature[2m] offset 30s",
    "gone",
    // Comparisons, scalars, arithmetic.
    "temperature > 20",
    "20 < temperature",
    "temperature > bool 20",
    "temperature >= temperature offset 1m",
    "temperature != bool on (node) capacity",
    "temperature == temperature",
    "(temperature * 9 / 5 + 32) % 7 - 2 ^ 3",
    "temperature atan2 capacity",
    "-temperature",
    "-(-temperature)",
    "1 + 2 * 3 - 4 ^ 0.5",
    "1 > bool 2",
    "vector(3) + 1",
    "time() - timestamp(temperature)",
    "scalar(capacity{node=\"a\"}) + 1",
    "scalar(capacity)",
    "pi() * capacity",
    "edge / 0",
    // Counters.
    "rate(requests_total[5m])",
    "rate(requests_total[1m]) * 60",
    "rate(requests_total[40s])",
    "increase(requests_total[10m])",
    "increase(requests_total[1h])",
    "irate(requests_total[2m])",
    "idelta(temperature[2m])",
    "delta(temperature[7m])",
    "deriv(temperature[5m])",
    "predict_linear(temperature[10m], 600)",
    "predict_linear(temperature[10m] offset 1m, 600)",
    "resets(requests_total[30m])",
    "changes(up[1h])",
    "rate(requests_total[5m] offset 3m)",
    "rate(requests_total[5m] @ 1700001777)",
    "rate(late_total[5m])",
    "increase(late_total[2m])",
    // Over time.
    "avg_over_time(temperature[5m])",
    "min_over_time(temperature[5m])",
    "max_over_time(temperature[5m])",
    "sum_over_time(temperature[5m])",
    "count_over_time(temperature[5m])",
    "last_over_time(temperature[5m])",
    "present_over_time(temperature[5m])",
    "stddev_over_time(temperature[5m])",
    "stdvar_over_time(temperature[5m])",
    "quantile_over_time(0.9, temperature[5m])",
    "quantile_over_time(2, temperature[5m])",
    "holt_winters(temperature[10m], 0.3, 0.1)",
    "absent_over_time(gone{node=\"a\"}[5m])",
    "absent_over_time(temperature[5m])",
    "avg_over_time(edge[5m])",
    "sum_over_time(edge[5m])",
    "max_over_time(edge[5m])",
    // Aggregations.
    "sum(temperature)",
    "sum by (node) (rate(requests_total[5m]))",
    "sum without (path, job) (requests_total)",
    "avg by (rack) (temperature)",
    "max by (node, nothing) (temperature)",
    "min(temperature)",
    "count by (job) (up == 1)",
    "count(nothing)",
    "group by (rack) (temperature)",
    "stddev(temperature)",
    "stdvar by (rack) (temperature)",
    "quantile(0.75, temperature)",
    "quantile by (rack) (1.5, temperature)",
    "topk(2, temperature)",
    "bottomk(1, temperature) by (rack)",
    "topk by (rack) (0, temperature)",
    "topk(2, edge)",
    "max(edge)",
    "min by (kind) (edge)",
    "count_values(\"value\", up)",
    "count_values(\"value\", edge)",
    "sum by (__name__) ({__name__=~\"up|capacity\"})",
    // Histograms.
    "histogram_quantile(0.5, sum by (le) (rate(latency_seconds_bucket[5m])))",
    "histogram_quantile(0.99, rate(latency_seconds_bucket[5m]))",
    "histogram_quantile(1, latency_seconds_bucket)",
    "histogram_quantile(0.999, sum by (le, node) (increase(latency_seconds_bucket[10m]))) > 0.2",
    "histogram_quantile(0, latency_seconds_bucket)",
    "histogram_quantile(1.5, latency_seconds_bucket)",
    "histogram_quantile(0.9, latency_seconds_bucket{le!=\"+Inf\"})",
    "histogram_quantile(0.9, temperature)",
    "rate(latency_seconds_sum[5m]) / rate(latency_seconds_count[5m])",
    // Matching.
    "temperature / on (node) capacity",
    "capacity * requests_total",
    "temperature / ignoring (rack) capacity",
    "requests_total / on (node) group_left () capacity",
    "requests_total * on (node) group_left (version) build",
    "build * on (node) group_right (version) requests_total",
    "sum by (node) (rate(requests_total[5m])) > on (node) capacity / 1000",
    "requests_total > bool on (node) group_left () capacity",
    "temperature > 20 and on (node) up == 1",
    "temperature and ignoring (rack) capacity",
    "temperature or capacity",
    "temperature unless on (node) (capacity > 15)",
    "up == 0",
    "up == 0 or on () vector(1)",
    "absent(up{job=\"web\"})",
    "absent(nothing{job=\"web\",node=~\"a\",zone=\"x\"})",
    "absent(sum(nothing))",
    "absent(nothing{job=\"web\",job=\"db\"})",
    // Time of the sample.
    "timestamp(temperature)",
    "timestamp((temperature offset 1m))",
    "timestamp(temperature + 0)",
    "time() - timestamp(up) > 10",
    // Functions of numbers and labels.
    "clamp(temperature, 10, 22)",
    "clamp(temperature, 22, 10)",
    "clamp_min(temperature, 20)",
    "clamp_max(edge, 1)",
    "abs(temperature - 20)",
    "ceil(temperature) - floor(temperature)",
    "round(temperature, 0.5)",
    "round(-temperature)",
    "sgn(temperature - 20)",
    "ln(capacity) + log2(capacity) + log10(capacity) + exp(capacity / 10) + sqrt(capacity)",
    "sin(capacity) + cos(capacity) + tan(capacity) + deg(rad(capacity))",
    "sort_desc(temperature)",
    "label_replace(temperature, \"short\", \"$1-x\", \"rack\", \"r(.*)\")",
    "label_replace(temperature, \"rack\", \"\", \"rack\", \".*\")",
    "label_join(temperature, \"both\", \"/\", \"node\", \"rack\", \"missing\")",
    // Subqueries.
    "max_over_time(rate(requests_total[1m])[10m:1m])",
    "avg_over_time((temperature > 20)[10m:30s])",
    "min_over_time(sum(temperature)[7m:13s] offset 1m)",
    "max_over_time(vector(time())[5m:])",
    "rate(sum by (node) (requests_total)[5m:15s])",
    "count_over_time(up[10m:])",
    "max_over_time(temperature[5m:1m] @ 1700001000)",
    "sum_over_time(temperature @ end()[2m:30s])",
    "quantile_over_time(0.5, deriv(temperature[2m])[5m:45s])",
    "up[2m:30s]",
];

/// What the data does not allow: Prometheus refuses these, and so do we.
const REFUSED_BY_BOTH: &[&str] = &[
    "capacity * on (node) requests_total",
    "requests_total * on (node) capacity",
    "temperature + on () capacity",
    "{__name__=~\"up|capacity|temperature\"} * on () group_left () build",
    "rate({__name__=~\"twin_.*\"}[5m])",
    "-{__name__=~\"twin_.*\"}",
    "abs({__name__=~\"twin_.*\"})",
    "label_replace(temperature, \"node\", \"x\", \"node\", \".*\")",
    "label_replace(temperature, \"0\", \"x\", \"node\", \".*\")",
    "holt_winters(temperature[10m], 1, 0.1)",
    "count_values(\"a b\", up)",
];

/// Prometheus evaluates some of these, and we do not; or the other way round.
const NOT_CONFORMING: &[&str] = &[
    "hour()",
    "day_of_week(temperature)",
    "days_in_month()",
    "sum(year(temperature))",
    "histogram_count(latency_seconds_bucket)",
    "double_exponential_smoothing(temperature[10m], 0.3, 0.1)",
    "limitk(1, temperature)",
    "mad_over_time(temperature[5m])",
    "temperature + fill(0) capacity",
    "temperature{node=\"a\" or rack=\"r1\"}",
    "start()",
    "temperature ==",
    "\"text\"[5m]",
];

/// A number between 0 and 1 that looks random and is always the same.
fn noise(seed: i64, step: i64) -> f64 {
    let x = (seed * 7_919 + step * 104_729) % 1_000;
    ((x * x * 31 + x * 17 + 11) % 1_009) as f64 / 1_009.0
}

fn counter(seed: i64, per_step: f64, reset_every: i64) -> impl Iterator<Item = f64> {
    let mut total = 0.0;
    (0..STEPS).map(move |step| {
        total = if step % reset_every == reset_every - 1 { 0.0 } else { total };
        total += (noise(seed, step) * per_step).floor();
        total
    })
}

fn history() -> History {
    let mut history = History::new();
    let mut add = |series: &str, start: i64, values: &mut dyn Iterator<Item = f64>| {
        let past = std::mem::take(&mut history);
        history = past.series(series, START_S + start, STEP_S, values);
    };
    for (seed, (node, path)) in (1..).zip([("a", "/"), ("a", "/x"), ("b", "/"), ("c", "/x")]) {
        let series = format!("requests_total{{job=\"web\",node=\"{node}\",path=\"{path}\"}}");
        add(&series, 0, &mut counter(seed, 40.0, 57 * seed));
    }
    for (seed, node, rack) in [(1, "a", "r1"), (2, "b", "r1"), (3, "c", "r2"), (4, "d", "")] {
        let series = format!("temperature{{node=\"{node}\",rack=\"{rack}\"}}");
        let value = |step: i64| 18.0 + 3.0 * (step as f64 / 20.0).sin() + noise(seed, step) * 4.0;
        add(&series, seed, &mut (0..STEPS - seed).map(value));
    }
    for (node, capacity) in [("a", 10.0), ("b", 20.0), ("c", 12.5)] {
        add(&format!("capacity{{node=\"{node}\"}}"), 0, &mut (0..STEPS).map(|_| capacity));
        add_build(&mut add, node);
    }
    for (seed, node, job) in [(5, "a", "web"), (6, "b", "web"), (7, "c", "db")] {
        let value = |step: i64| f64::from(u8::from(noise(seed, step / 9) > 0.3));
        let series = format!("up{{job=\"{job}\",node=\"{node}\"}}");
        add(&series, 0, &mut (0..STEPS).map(value));
    }
    for node in ["a", "b"] {
        let seed = if node == "a" { 8 } else { 9 };
        for (le, share) in [("0.05", 0.3), ("0.1", 0.55), ("0.25", 0.9), ("1", 0.98), ("+Inf", 1.0)]
        {
            let series = format!("latency_seconds_bucket{{le=\"{le}\",node=\"{node}\"}}");
            add(&series, 0, &mut counter(seed, 100.0, 111).map(|n| (n * share).floor()));
        }
    }
    for node in ["a", "b"] {
        let seed = if node == "a" { 8 } else { 9 };
        let series = format!("latency_seconds_count{{node=\"{node}\"}}");
        add(&series, 0, &mut counter(seed, 100.0, 111));
        let series = format!("latency_seconds_sum{{node=\"{node}\"}}");
        add(&series, 0, &mut counter(seed, 100.0, 111).map(|n| n * 0.11));
    }
    add("gone{node=\"a\"}", 0, &mut (0..100).map(f64::from));
    add("late_total", 1_700, &mut (0..60).map(|step| 1_000.0 + f64::from(step)));
    add("twin_a", 0, &mut (0..STEPS).map(|step| step as f64));
    add("twin_b", 0, &mut (0..STEPS).map(|step| step as f64));
    for (kind, value) in
        [("inf", f64::INFINITY), ("nan", f64::NAN), ("negative", -2.5), ("tiny", 1e-9)]
    {
        add(&format!("edge{{kind=\"{kind}\"}}"), 0, &mut (0..STEPS).map(|_| value));
    }
    history
}

fn add_build(add: &mut impl FnMut(&str, i64, &mut dyn Iterator<Item = f64>), node: &str) {
    let series = format!("build{{node=\"{node}\",version=\"1.{node}\"}}");
    add(&series, 0, &mut (0..STEPS).map(|_| 1.0));
}

fn embedded(history: &History) -> EmbeddedSource {
    let store = Arc::new(MetricStore::new(StoreConfig::default()));
    let limits = ExpositionLimits::default();
    for sample in parse_exposition(&history.to_string(), Format::OpenMetrics, &limits).unwrap() {
        store.append(&sample.labels, sample.at.unwrap(), sample.value).unwrap();
    }
    EmbeddedSource::new(SourceName::try_new("embedded").unwrap(), store)
}

type Points = BTreeMap<Labels, Vec<(f64, f64)>>;

fn ours(answer: Answer) -> Points {
    let points = |series: &mapek_model::Series| {
        let point = |it: &mapek_model::Sample| (it.at.as_millisecond() as f64 / 1000.0, it.value);
        series.samples.iter().map(point).collect()
    };
    answer.series.iter().map(|series| (series.labels.clone(), points(series))).collect()
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn theirs(data: &Value) -> Points {
    let point = |it: &Value| (it[0].as_f64().unwrap(), number(&it[1]));
    if data["resultType"] == "scalar" {
        return Points::from([(Labels::default(), vec![point(&data["result"])])]);
    }
    let series = |it: &Value| {
        let labels: Labels = serde_json::from_value(it["metric"].clone()).unwrap();
        let points = match it["values"].as_array() {
            Some(values) => values.iter().map(point).collect(),
            None => vec![point(&it["value"])],
        };
        (labels, points)
    };
    data["result"].as_array().unwrap().iter().map(series).collect()
}

fn alike(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits()
        || (a.is_nan() && b.is_nan())
        || (a.is_finite() && b.is_finite() && (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()))
}

fn difference(ours: &Points, theirs: &Points) -> Option<String> {
    if ours.keys().ne(theirs.keys()) {
        return Some(format!(
            "series differ\n  ours {:?}\ntheirs {:?}",
            ours.keys(),
            theirs.keys()
        ));
    }
    for (labels, ours) in ours {
        let theirs = &theirs[labels];
        let same = ours.len() == theirs.len()
            && ours.iter().zip(theirs).all(|(a, b)| alike(a.0, b.0) && alike(a.1, b.1));
        if !same {
            return Some(format!("{labels}\n  ours {ours:?}\ntheirs {theirs:?}"));
        }
    }
    None
}

fn count(points: &Points) -> usize {
    points.values().map(Vec::len).sum()
}

async fn ask(prometheus: &Prometheus, query: &str, at_ms: i64) -> Points {
    let time = format!("{}.{:03}", at_ms / 1000, at_ms % 1000);
    let reply = prometheus.get("/api/v1/query", &[("query", query), ("time", &time)]).await;
    theirs(&reply.unwrap_or_else(|error| panic!("{query}: {error}"))["data"])
}

async fn ask_range(prometheus: &Prometheus, query: &str, from_s: i64, to_s: i64) -> Points {
    let (from, to) = (from_s.to_string(), to_s.to_string());
    let asked = [("query", query), ("start", &from), ("end", &to), ("step", "77")];
    let reply = prometheus.get("/api/v1/query_range", &asked).await;
    theirs(&reply.unwrap_or_else(|error| panic!("{query}: {error}"))["data"])
}

#[tokio::test]
async fn a_real_prometheus_answers_the_same() {
    let history = history();
    let source = embedded(&history);
    let prometheus = Prometheus::builder()
        // It is the step of subqueries that name none.
        .evaluation_interval(Duration::from_secs(60))
        .history(history)
        .start()
        .await
        .unwrap();
    let (mut wrong, mut values) = (Vec::new(), 0);
    for &text in QUERIES {
        let query = Query::try_new(text).unwrap();
        if let Err(error) = conforms(&query) {
            wrong.push(format!("{text}: refused: {error}"));
            continue;
        }
        for at_ms in INSTANTS_MS.map(|ms| START_S * 1000 + ms) {
            let at = Timestamp::from_millisecond(at_ms).unwrap();
            let theirs = ask(&prometheus, text, at_ms).await;
            values += count(&theirs);
            match source.instant(&query, at).await {
                Ok(answer) => {
                    let differs = difference(&ours(answer), &theirs);
                    wrong.extend(differs.map(|how| format!("{text} @ {at}: {how}")));
                }
                Err(error) => wrong.push(format!("{text} @ {at}: {}", error.chain())),
            }
        }
        if text.ends_with(']') || text.ends_with("offset 30s") {
            continue; // A range of range vectors is none.
        }
        let (from, to) = (START_S - 100, START_S + 4_000);
        let span = Span::try_new(
            Timestamp::from_second(from).unwrap(),
            Timestamp::from_second(to).unwrap(),
        );
        let answer = source.range(&query, span.unwrap(), Duration::from_secs(77)).await;
        let theirs = ask_range(&prometheus, text, from, to).await;
        values += count(&theirs);
        let differs = difference(&ours(answer.unwrap()), &theirs);
        wrong.extend(differs.map(|how| format!("{text} as a range: {how}")));
    }
    for text in REFUSED_BY_BOTH {
        let at = Timestamp::from_second(START_S + 1_800).unwrap();
        let time = (START_S + 1_800).to_string();
        let reply = prometheus.get("/api/v1/query", &[("query", text), ("time", &time)]).await;
        let ours = source.instant(&Query::try_new(*text).unwrap(), at).await;
        if reply.is_ok() || ours.is_ok() {
            wrong.push(format!("{text}: accepted by {reply:?} or {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    // Empty answers are alike, too: most must not be empty.
    assert!(values > 10_000, "only {values} values were compared");
}

#[tokio::test]
async fn what_does_not_conform_is_refused_when_rules_are_loaded_and_when_asked() {
    let source = embedded(&History::new());
    for text in NOT_CONFORMING {
        let query = Query::try_new(*text).unwrap();
        assert!(conforms(&query).is_err(), "{text} passed");
        let error = source.instant(&query, Timestamp::UNIX_EPOCH).await.unwrap_err();
        assert!(!error.is_transient(), "{text}: {error}");
    }
}
