//! Four patterns, and what each is taken for.

use std::collections::BTreeMap;

use mapek_model::{
    ActionKind, CauseKind, Component, Confidence, Duration, Observation, Timestamp, Violation,
    since,
};
use mapek_signal::lagged_correlation;

/// A breach in one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) at: Timestamp,
    component: Option<Component>,
}

impl Sighting {
    pub(super) fn of(violation: &Violation, at: Timestamp) -> Self {
        Self { at, component: violation.component.clone() }
    }
}

/// What a pattern is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hypothesis {
    /// Many at once: "cascade failure in progress".
    Cascade,
    /// Many in one place: "policy misconfiguration".
    BadPolicy,
    /// Late, and failing with it: "high validation latency blocks enforcement".
    Latency,
    /// Many over time: "system overload".
    Overload,
}

impl Hypothesis {
    /// The same however strong the evidence is.
    pub(super) fn confidence(self) -> Confidence {
        Confidence::saturating(match self {
            Self::Cascade => 0.85,
            Self::BadPolicy => 0.80,
            Self::Latency => 0.75,
            Self::Overload => 0.70,
        })
    }

    /// In the words of `docs/causes.md`.
    pub(super) fn cause(self) -> CauseKind {
        CauseKind::try_new(match self {
            Self::Cascade => "retry-cascade",
            Self::BadPolicy => "policy-misconfiguration",
            Self::Latency => "validation-latency",
            Self::Overload => "overload",
        })
        .expect("they are words of the catalogue")
    }

    /// The kind of its one remedy.
    pub(super) fn remedied_by(self) -> ActionKind {
        match self {
            Self::Cascade => ActionKind::ThrottleRequests,
            Self::BadPolicy => ActionKind::RollbackPolicy,
            Self::Latency => ActionKind::ScaleUp,
            Self::Overload => ActionKind::RebalanceLoad,
        }
    }
}

/// How close together many are a burst.
const BURST: Duration = Duration::from_secs(60);
/// How many are a burst, or too many in one place.
const MANY: usize = 3;
/// More than this are too many over time.
const FREQUENT: usize = 8;
/// How closely latency and failures follow each other.
const STRENGTH: f64 = 0.8;
/// In steps of the watched values, how much later.
const LAG_MAX: usize = 10;

/// What there is to be recognised, most confident first. The sightings are those of the last five minutes, oldest first.
pub(super) fn recognise(sightings: &[Sighting], seen: &Observation) -> Vec<Hypothesis> {
    let all = [
        (Hypothesis::Cascade, is_burst(sightings)),
        (Hypothesis::BadPolicy, is_in_one_place(sightings)),
        (Hypothesis::Latency, late_and_failing(seen)),
        (Hypothesis::Overload, sightings.len() > FREQUENT),
    ];
    all.into_iter().filter(|(_, is)| *is).map(|(hypothesis, _)| hypothesis).collect()
}

fn is_burst(sightings: &[Sighting]) -> bool {
    sightings.windows(MANY).any(|few| since(few[MANY - 1].at, few[0].at) <= BURST)
}

fn is_in_one_place(sightings: &[Sighting]) -> bool {
    let mut places: BTreeMap<&Component, usize> = BTreeMap::new();
    for place in sightings.iter().filter_map(|it| it.component.as_ref()) {
        *places.entry(place).or_default() += 1;
    }
    places.values().any(|count| *count >= MANY)
}

fn late_and_failing(seen: &Observation) -> bool {
    let late = seen.open.iter().any(|it| it.expectation == "high-validation-latency");
    let (latency, failures) = (course(seen, "validation_latency"), course(seen, "failure_rate"));
    let both = latency.iter().filter_map(|(at, late)| Some((*late, *failures.get(at)?)));
    let (latency, failures): (Vec<f64>, Vec<f64>) = both.unzip();
    let related = || lagged_correlation(&latency, &failures, LAG_MAX);
    late && related().is_some_and(|it| it.r.abs() >= STRENGTH)
}

/// The first series of a watched value, by time.
fn course(seen: &Observation, name: &str) -> BTreeMap<Timestamp, f64> {
    let series = seen.series.get(name).and_then(|all| all.first());
    series.into_iter().flat_map(|it| &it.samples).map(|it| (it.at, it.value)).collect()
}

#[cfg(test)]
mod tests {
    use mapek_model::{Labels, Sample, Series, TargetId, later};

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
    }

    fn sighting(seconds: u64, component: Option<&str>) -> Sighting {
        let component = component.map(|it| Component::try_new(it).unwrap());
        Sighting { at: at(seconds), component }
    }

    fn seen() -> Observation {
        Observation::empty(TargetId::default(), at(300))
    }

    fn of(sightings: &[Sighting]) -> Vec<Hypothesis> {
        recognise(sightings, &seen())
    }

    #[test]
    fn a_pattern_needs_as_many_as_it_says() {
        let sightings = |times: &[u64]| times.iter().map(|it| sighting(*it, None)).collect();
        let of = |times: &[u64]| recognise(&Vec::from_iter::<Vec<_>>(sightings(times)), &seen());
        assert_eq!(of(&[0, 30]), []);
        // One breach that is looked at every thirty seconds is a burst, as it was.
        assert_eq!(of(&[0, 30, 60]), [Hypothesis::Cascade]);
        assert_eq!(of(&[0, 31, 61]), []);
        assert_eq!(of(&[0, 35, 70, 105, 140, 175, 210, 245]), []);
        assert_eq!(of(&[0, 35, 70, 105, 140, 175, 210, 245, 280]), [Hypothesis::Overload]);
    }

    #[test]
    fn what_has_no_place_is_in_no_place() {
        let place = |name| [0, 100, 200].map(|seconds| sighting(seconds, name));
        assert_eq!(of(&place(Some("validator-1"))), [Hypothesis::BadPolicy]);
        assert_eq!(of(&place(None)), []);
    }

    #[test]
    fn latency_is_blamed_only_where_it_is_breached_and_failures_follow() {
        let series = |value: &dyn Fn(u64) -> f64| {
            let samples = (0..40).map(|i| Sample { at: at(30 * i), value: value(i) }).collect();
            vec![Series { labels: Labels::default(), samples }]
        };
        let bump = |i: u64| if (20..30).contains(&i) { 4.0 } else { 0.2 };
        let mut seen = seen();
        seen.series.insert("validation_latency".to_owned(), series(&bump));
        seen.series.insert("failure_rate".to_owned(), series(&|i| bump(i.saturating_sub(2)) / 9.0));
        assert_eq!(recognise(&[], &seen), [], "nothing is breached");
        let breach = mapek_model::Violation {
            target: TargetId::default(),
            expectation: "high-validation-latency".parse().unwrap(),
            component: None,
            severity: mapek_model::Severity::Warning,
            onset: at(290),
            last_seen: at(300),
            closed: None,
            witnesses: std::collections::BTreeSet::new(),
            metric: None,
            value: None,
            threshold: None,
            labels: Labels::default(),
            description: String::new(),
        };
        seen.open.push(breach);
        assert_eq!(recognise(&[], &seen), [Hypothesis::Latency]);
        let noise = |i: u64| f64::from(u32::try_from(i * 7_919 % 13).unwrap());
        seen.series.insert("failure_rate".to_owned(), series(&noise));
        assert_eq!(recognise(&[], &seen), []);
    }
}
