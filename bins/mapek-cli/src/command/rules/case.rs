//! One test: samples in, rules over them, and what is expected held against what is.

use std::{collections::BTreeMap, sync::Arc};

use mapek::{
    model::{Duration, Labels, SourceName, Timestamp, later},
    scrape::{EmbeddedSource, MetricStore, StoreConfig},
};
use serde::Serialize;

use super::{
    file::{AlertTest, Group, QueryTest, Test, query},
    group::{NAME, Running, World},
    notation::{self, Value},
};

/// Evaluations of all rules in one test: a week, once a second.
const EVALUATIONS_MAX: u128 = 700_000;

/// How long samples are kept: as long as any test.
const FOR_EVER: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// What came of a test.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    /// Which one, from 1.
    test: usize,
    #[serde(skip)]
    called: String,
    /// How many expectations it has.
    pub(super) checks: usize,
    /// Those that do not hold.
    pub(super) failures: Vec<String>,
}

impl Verdict {
    pub(super) const fn is_well(&self) -> bool {
        self.failures.is_empty()
    }

    pub(super) fn called(&self) -> &str {
        &self.called
    }
}

/// Runs it.
///
/// # Errors
///
/// Why it cannot be run.
pub(super) async fn run(
    number: usize,
    test: &Test,
    groups: &[Group],
    every: Duration,
) -> Result<Verdict, String> {
    let world = world(test)?;
    let alerts = test.alert_rule_test.iter().map(|it| it.eval_time.0);
    let last = alerts.chain(test.promql_expr_test.iter().map(|it| it.eval_time.0)).max();
    let last = last.unwrap_or_default();
    if last.as_nanos() / every.as_nanos().max(1) > EVALUATIONS_MAX {
        return Err(format!("it would take more than {EVALUATIONS_MAX} evaluations"));
    }
    let mut running: Vec<_> = groups.iter().map(Running::new).collect();
    let mut failures = Vec::new();
    let mut after = Duration::ZERO;
    while after <= last {
        let at = later(Timestamp::UNIX_EPOCH, after);
        for group in &mut running {
            group.evaluate(&world, at).await?;
        }
        let until = after + every;
        for expected in &test.alert_rule_test {
            if (after..until).contains(&expected.eval_time.0) {
                failures.extend(alerts_differ(expected, &running));
            }
        }
        after = until;
    }
    for expected in &test.promql_expr_test {
        failures.extend(answer_differs(expected, &world).await?);
    }
    let checks = test.alert_rule_test.len() + test.promql_expr_test.len();
    Ok(Verdict { test: number, called: test.called(number), checks, failures })
}

fn world(test: &Test) -> Result<World, String> {
    let limits = StoreConfig { retention: FOR_EVER, series_max: 100_000, samples_max: 20_000_000 };
    let store = Arc::new(MetricStore::new(limits));
    let name = SourceName::try_new("tests").map_err(|why| why.to_string())?;
    let source = EmbeddedSource::new(name, Arc::clone(&store));
    let world = World { store, source, external: test.external_labels.clone() };
    for input in &test.input_series {
        let labels = notation::labels(&input.series)?;
        let mut after = Duration::ZERO;
        for value in notation::values(&input.values)? {
            let at = later(Timestamp::UNIX_EPOCH, after);
            match value {
                Value::Number(value) => world.write(&labels, at, value)?,
                Value::Stale => {
                    let ended = world.store.mark_stale(&labels, at);
                    ended.map_err(|why| format!("{}: {why}", input.series))?;
                }
                Value::Missing => {}
            }
            after += test.interval();
        }
    }
    Ok(world)
}

type Alert = (BTreeMap<String, String>, BTreeMap<String, String>);

fn alerts_differ(expected: &AlertTest, running: &[Running<'_>]) -> Option<String> {
    let name = &expected.alertname;
    let firing = running.iter().flat_map(|group| group.firing(name));
    let mut got: Vec<Alert> =
        firing.map(|(labels, annotations)| (owned(&labels), annotations)).collect();
    let wanted = expected.exp_alerts.iter().map(|alert| {
        let mut labels = alert.exp_labels.clone();
        labels.insert("alertname".to_owned(), name.clone());
        labels.retain(|_, value| !value.is_empty());
        (labels, alert.exp_annotations.clone())
    });
    let mut wanted: Vec<Alert> = wanted.collect();
    got.sort();
    wanted.sort();
    let at = mapek::model::duration::format(expected.eval_time.0);
    (got != wanted).then(|| {
        format!("at {at}, alert {name}: expected {}, got {}", alerts(&wanted), alerts(&got))
    })
}

fn owned(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn alerts(alerts: &[Alert]) -> String {
    let pairs = |map: &BTreeMap<String, String>| {
        let pairs: Vec<_> = map.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        format!("{{{}}}", pairs.join(", "))
    };
    let told: Vec<_> = alerts
        .iter()
        .map(|(labels, annotations)| match annotations.is_empty() {
            true => pairs(labels),
            false => format!("{} with {}", pairs(labels), pairs(annotations)),
        })
        .collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

async fn answer_differs(expected: &QueryTest, world: &World) -> Result<Option<String>, String> {
    let asked = query(&expected.expr).map_err(|why| format!("{}: {why}", expected.expr))?;
    let found = world.ask(&asked, later(Timestamp::UNIX_EPOCH, expected.eval_time.0)).await?;
    let mut got: Vec<_> = found.into_iter().map(|it| (it.labels, it.value)).collect();
    let mut wanted = Vec::new();
    for sample in &expected.exp_samples {
        wanted.push((notation::labels(&sample.labels)?, sample.value));
    }
    let by_labels = |a: &(Labels, f64), b: &(Labels, f64)| a.0.cmp(&b.0);
    got.sort_by(by_labels);
    wanted.sort_by(by_labels);
    let at = mapek::model::duration::format(expected.eval_time.0);
    let (expr, same) = (&expected.expr, same(&got, &wanted));
    Ok((!same)
        .then(|| format!("at {at}, {expr}: expected {}, got {}", samples(&wanted), samples(&got))))
}

/// To the bit, as promtool; what is no number is like what is none.
fn same(got: &[(Labels, f64)], wanted: &[(Labels, f64)]) -> bool {
    let number = |a: f64, b: f64| {
        a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) || (a == 0.0 && b == 0.0)
    };
    got.len() == wanted.len()
        && got.iter().zip(wanted).all(|(got, wanted)| got.0 == wanted.0 && number(got.1, wanted.1))
}

fn samples(samples: &[(Labels, f64)]) -> String {
    let told: Vec<_> = samples
        .iter()
        .map(|(labels, value)| {
            let name = labels.get(NAME).unwrap_or_default();
            let rest = labels.filtered(|label| label != NAME);
            format!("{name}{rest} {value}")
        })
        .collect();
    if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
}
