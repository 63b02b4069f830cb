//! What can be seen, prepared once, and to what degree a condition is so.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{
    Component, Direction, Finding, FindingKind, Level, Observation, Resource, Series, Severity,
    Timestamp, Trend, since,
};
use mapek_signal::leap;
use serde_json::Value;

use crate::{Condition, Expected, Pattern, ResourceTest, Shape, WatchTest, Window};

/// All that one diagnosis rests on.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    observation: &'a Observation,
    window: &'a Window<'a>,
    findings: &'a [Finding],
    expected: &'a [Expected],
    /// Whether the watched values are still those from before it happened.
    premature: bool,
    /// By watched value: several where it has several series.
    trends: BTreeMap<&'a str, Vec<&'a Trend>>,
    /// What is breached now, by name: many episodes, few expectations.
    expectations: Vec<Breached<'a>>,
    /// Open episodes by breach: (expectation, component, how many).
    open: Vec<(usize, Option<usize>, usize)>,
    /// How often each breach has ended within the history, with its expectation.
    ended: Vec<(usize, usize)>,
}

/// An expectation that is breached now.
#[derive(Debug)]
pub(crate) struct Breached<'a> {
    pub(crate) name: &'a str,
    pub(crate) severity: Severity,
    /// When the oldest open episode of it began.
    pub(crate) began: Timestamp,
    /// Whether anybody bears out that it is so.
    pub(crate) confirmed: bool,
}

/// Which expectations a cause can explain, in the order of [`Evidence::expectations`].
pub(crate) type Scope = Vec<bool>;

/// To what degree something is so, and where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sight {
    pub(crate) degree: f64,
    pub(crate) place: Option<Component>,
}

impl Sight {
    fn of(degree: f64) -> Self {
        Self { degree, place: None }
    }

    fn whether(so: bool) -> Self {
        Self::of(f64::from(u8::from(so)))
    }
}

impl<'a> Evidence<'a> {
    pub(crate) fn new(
        observation: &'a Observation,
        window: &'a Window<'a>,
        findings: &'a [Finding],
        expected: &'a [Expected],
        premature: bool,
    ) -> Self {
        let confirmed = observation.open.iter().filter(|it| it.is_confirmed());
        let confirmed: BTreeSet<_> = confirmed.map(|it| it.expectation.as_str()).collect();
        let mut index = BTreeMap::<&str, usize>::new();
        let mut expectations: Vec<Breached<'_>> = Vec::new();
        let mut open: Vec<(usize, Option<usize>, usize)> = Vec::new();
        for same in window.open().chunk_by(|a, b| a.breach == b.breach) {
            let breach = window.breach(&same[0]);
            let name = breach.expectation.as_str();
            let severity = same.iter().map(|it| it.severity).max().unwrap_or(Severity::Info);
            let i = *index.entry(name).or_insert_with(|| {
                let (began, confirmed) = (same[0].at, confirmed.contains(name));
                expectations.push(Breached { name, severity, began, confirmed });
                expectations.len() - 1
            });
            expectations[i].severity = expectations[i].severity.max(severity);
            // Open episodes are in the order of their keys: the first of a breach is the oldest.
            expectations[i].began = expectations[i].began.min(same[0].at);
            open.push((i, breach.component, same.len()));
        }
        let mut counts = vec![0; window.breaches().len()];
        window.onsets().iter().filter(|it| !it.open).for_each(|it| counts[it.breach as usize] += 1);
        let ended = counts
            .into_iter()
            .zip(window.breaches())
            .filter(|(count, _)| *count > 0)
            .filter_map(|(count, it)| Some((*index.get(it.expectation.as_str())?, count)))
            .collect();
        let mut trends: BTreeMap<&str, Vec<&Trend>> = BTreeMap::new();
        for trend in &observation.trends {
            // Of several series, the labels follow the name.
            let name = trend.name.split('{').next().unwrap_or(&trend.name);
            if !expected.iter().any(|it| it.has_watch(name)) {
                trends.entry(name).or_default().push(trend);
            }
        }
        Self {
            observation,
            window,
            findings,
            expected,
            premature,
            trends,
            expectations,
            open,
            ended,
        }
    }

    /// When all this is.
    pub(crate) fn at(&self) -> Timestamp {
        self.observation.at
    }

    /// What is breached now.
    pub(crate) fn expectations(&self) -> &[Breached<'a>] {
        &self.expectations
    }

    /// Which expectation each breach with open episodes is of, by number of breach.
    pub(crate) fn expectation_of_breach(&self) -> Vec<Option<usize>> {
        let mut of = vec![None; self.window.breaches().len()];
        let breaches = self.window.open().chunk_by(|a, b| a.breach == b.breach);
        for (same, (expectation, ..)) in breaches.zip(&self.open) {
            of[same[0].breach as usize] = Some(*expectation);
        }
        of
    }

    /// How much there is to doubt.
    pub(crate) fn quality(&self) -> Level {
        let level = self.observation.overall_quality().level();
        if self.premature { Level::Unknown } else { level }
    }

    pub(crate) fn scope(&self, patterns: &[Pattern]) -> Scope {
        self.expectations.iter().map(|it| patterns.iter().any(|p| p.matches(it.name))).collect()
    }

    /// To what degree `condition` is so for a cause of `scope`; `None` if it cannot be seen.
    pub(crate) fn see(&self, condition: &Condition, scope: &Scope) -> Option<Sight> {
        match condition {
            Condition::Episode(patterns) => {
                Some(Sight::whether(self.scope(patterns).contains(&true)))
            }
            Condition::Severity(least) => {
                let mut inside = self.expectations.iter().zip(scope);
                Some(Sight::whether(inside.any(|(it, inside)| *inside && it.severity >= *least)))
            }
            Condition::Watch(test) => self.watch(test),
            // What relates watched values to each other knows no more than they do.
            Condition::Finding(FindingKind::Causal) if self.premature => None,
            Condition::Finding(kind) => {
                let best = self.findings.iter().filter(|it| it.kind == *kind);
                let best = best.max_by_key(|it| (it.confidence, std::cmp::Reverse(&it.component)));
                Some(best.map_or(Sight::of(0.0), |it| Sight {
                    degree: it.confidence.get(),
                    place: it.component.clone(),
                }))
            }
            Condition::Resource(test) => self.resource(test),
            Condition::Concentrated(share) => self.concentrated(*share, scope),
            Condition::Recurring(times) => {
                let again = |&(i, count): &(usize, usize)| scope[i] && count >= *times;
                Some(Sight::whether(self.ended.iter().any(again)))
            }
            Condition::Lasting(least) => {
                let long = |began| since(self.observation.at, began) >= *least;
                let mut inside = self.expectations.iter().zip(scope);
                Some(Sight::whether(inside.any(|(it, inside)| *inside && long(it.began))))
            }
            Condition::All(parts) => self.see_all(parts, scope),
            Condition::Any(parts) => parts
                .iter()
                .filter_map(|part| self.see(part, scope))
                .max_by(|a, b| a.degree.total_cmp(&b.degree)),
            Condition::Not(part) => self.see(part, scope).map(|it| Sight::of(1.0 - it.degree)),
        }
    }

    /// As much as the least of them, at the first place that any names.
    fn see_all(&self, parts: &[Condition], scope: &Scope) -> Option<Sight> {
        let mut all = Sight::of(1.0);
        for part in parts {
            let sight = self.see(part, scope)?;
            all.degree = all.degree.min(sight.degree);
            all.place = all.place.or(sight.place);
        }
        Some(all)
    }

    /// Of several series of a watched value, the one that shows it most.
    fn watch(&self, test: &WatchTest) -> Option<Sight> {
        if self.premature || self.expected.iter().any(|it| it.has_watch(&test.name)) {
            return None;
        }
        let trends = self.trends.get(test.name.as_str()).map_or(&[][..], Vec::as_slice);
        if trends.is_empty() {
            // A value without a course can still be large or small.
            let value = self.observation.value(&test.name)?;
            let courseless = test.is.is_none() && test.times.is_none() && test.leaps.is_none();
            let plain = courseless && !value.is_nan();
            return plain.then(|| Sight::whether(test.allows(value)));
        }
        let series = self.observation.series.get(&test.name).map_or(&[][..], Vec::as_slice);
        let sight = |trend: &&Trend| {
            let mut degree = test.is.map_or(Some(1.0), |shape| shape_of(trend, shape))?;
            if trend.value.is_nan() {
                return None;
            }
            let own =
                |one: &&Series| trends.len() == 1 || trend.name.ends_with(&one.labels.to_string());
            if let Some(times) = test.times {
                degree = if growth(series.iter().find(own)?)? >= times { degree } else { 0.0 };
            }
            if let Some(times) = test.leaps {
                degree = degree.min(leapt(series.iter().find(own)?, times)?);
            }
            degree = if test.allows(trend.value) { degree } else { 0.0 };
            Some(Sight { degree, place: trend.component.clone().filter(|_| trends.len() > 1) })
        };
        let sights: Vec<Sight> = trends.iter().filter_map(sight).collect();
        let many = sights.iter().filter(|it| it.degree >= 0.5).count() > 1;
        let most = sights.into_iter().max_by(|a, b| a.degree.total_cmp(&b.degree))?;
        // What several show is nowhere in particular.
        Some(if many { Sight::of(most.degree) } else { most })
    }

    /// Whether any resource of the kind is so; the newest of those that are.
    fn resource(&self, test: &ResourceTest) -> Option<Sight> {
        let known = |it: &&Resource| !self.expected.iter().any(|ours| ours.has_resource(it));
        self.observation.resources_of(&test.kind).next()?;
        let found = self
            .observation
            .resources_of(&test.kind)
            .filter(known)
            .filter(|it| self.resource_is(it, test))
            .max_by(|a, b| a.changed.cmp(&b.changed).then_with(|| b.id.cmp(&a.id)));
        Some(found.map_or(Sight::of(0.0), |it| Sight {
            degree: 1.0,
            place: Component::try_new(&it.id).ok(),
        }))
    }

    fn resource_is(&self, it: &Resource, test: &ResourceTest) -> bool {
        let number = |name: &str| it.attributes.get(name).and_then(Value::as_f64);
        let lately = |limit| {
            // A change after the moment of observation is of another clock, and recent.
            it.changed.is_some_and(|changed| since(self.observation.at, changed) <= limit)
        };
        (test.status.is_empty() || test.status.contains(&it.status))
            && test.changed_within.is_none_or(lately)
            && test.less.as_ref().is_none_or(|[few, many]| {
                number(few).zip(number(many)).is_some_and(|(few, many)| few < many)
            })
            && test.above.iter().all(|(name, limit)| number(name).is_some_and(|it| it > *limit))
            && test.text.iter().all(|(name, texts)| {
                it.text(name).is_none_or(|text| texts.iter().any(|it| it == text))
            })
    }

    /// The share of the fullest component, allowing for how little few episodes say: one alone is half of it.
    fn concentrated(&self, least: f64, scope: &Scope) -> Option<Sight> {
        let mut counts = vec![0_usize; self.window.components().len()];
        for (expectation, component, count) in &self.open {
            if let Some(component) = component
                && scope[*expectation]
            {
                counts[*component] += count;
            }
        }
        let all: usize = counts.iter().sum();
        let (component, most) =
            counts.into_iter().enumerate().max_by_key(|(i, n)| (*n, std::cmp::Reverse(*i)))?;
        if all == 0 {
            return None;
        }
        if (most as f64) < least * all as f64 {
            return Some(Sight::of(0.0));
        }
        let place = Some(self.window.components()[component].clone());
        Some(Sight { degree: most as f64 / (most as f64 + 1.0), place })
    }
}

/// Fewest samples that a growth is told from.
const GROWTH_SAMPLES_MIN: usize = 8;

/// How many times the median of the oldest quarter of its samples the newest one is; `None` of too few, or where it began at nothing.
fn growth(series: &Series) -> Option<f64> {
    let finite = series.samples.iter().map(|it| it.value).filter(|it| it.is_finite());
    let mut values: Vec<f64> = finite.collect();
    if values.len() < GROWTH_SAMPLES_MIN {
        return None;
    }
    let newest = *values.last()?;
    values.truncate(values.len() / 4);
    values.sort_unstable_by(f64::total_cmp);
    let before = values[values.len() / 2];
    (before > 0.0).then(|| newest / before)
}

/// To what degree the newest sample has left where it just was, for at least `times` as much; `None` of too few.
fn leapt(series: &Series, times: f64) -> Option<f64> {
    let values: Vec<f64> = series.samples.iter().map(|it| it.value).collect();
    let leap = leap(&values)?;
    let newest = values.iter().rfind(|it| it.is_finite())?;
    Some(if *newest >= times * leap.from { far(leap.z) } else { 0.0 })
}

/// Robust deviations below which a value is as usual, and above which it is not at all.
const USUAL: (f64, f64) = (2.0, 4.0);

/// To what degree so many robust deviations are more than usual.
fn far(deviation: f64) -> f64 {
    ((deviation - USUAL.0) / (USUAL.1 - USUAL.0)).clamp(0.0, 1.0)
}

/// To what degree a trend has a shape; `None` where no baseline tells what is usual and nothing moves.
fn shape_of(trend: &Trend, shape: Shape) -> Option<f64> {
    let moving = |way| f64::from(u8::from(trend.direction == way));
    let steady = trend.direction == Direction::Steady;
    let off = |deviation: f64, way| far(deviation).max(0.5 * moving(way));
    // A deviation of exactly 0 is that of a value without a baseline.
    let unknown = !trend.deviation.is_finite() || (trend.deviation == 0.0 && steady);
    let high = || off(trend.deviation, Direction::Rising);
    let low = || off(-trend.deviation, Direction::Falling);
    match shape {
        Shape::Rising => Some(moving(Direction::Rising)),
        Shape::Falling => Some(moving(Direction::Falling)),
        Shape::Steady => Some(f64::from(u8::from(steady))),
        _ if unknown => None,
        Shape::High => Some(high()),
        Shape::Low => Some(low()),
        Shape::Normal => Some(1.0 - high().max(low())),
    }
}

#[cfg(test)]
mod tests {
    use mapek_model::Sample;

    use super::*;
    use crate::fixture::{observation, trend, violation};

    #[test]
    fn shapes_are_told_against_what_is_usual() {
        let of = |direction, deviation, shape| shape_of(&trend("x", direction, deviation), shape);
        assert_eq!(of(Direction::Steady, 5.0, Shape::High), Some(1.0));
        assert_eq!(of(Direction::Steady, 3.0, Shape::High), Some(0.5));
        assert_eq!(of(Direction::Steady, 3.0, Shape::Normal), Some(0.5));
        assert_eq!(of(Direction::Rising, 1.0, Shape::High), Some(0.5));
        assert_eq!(of(Direction::Steady, -9.0, Shape::Low), Some(1.0));
        assert_eq!(of(Direction::Steady, -9.0, Shape::High), Some(0.0));
        assert_eq!(of(Direction::Steady, 0.0, Shape::High), None);
        assert_eq!(of(Direction::Steady, f64::NAN, Shape::High), None);
        assert_eq!(of(Direction::Steady, 0.0, Shape::Rising), Some(0.0));
    }

    #[test]
    fn what_is_not_watched_cannot_be_seen_and_not_of_it_neither() {
        let seen = observation(9, vec![violation("slow", None, Severity::Info, 1)]);
        let window = Window::from_observation(&seen);
        let evidence = Evidence::new(&seen, &window, &[], &[], false);
        let watch: Condition =
            serde_json::from_str(r#"{"watch": {"name": "x", "is": "high"}}"#).unwrap();
        let scope = vec![true];
        assert_eq!(evidence.see(&watch, &scope), None);
        assert_eq!(evidence.see(&Condition::Not(Box::new(watch.clone())), &scope), None);
        let episode = Condition::Episode(vec![Pattern::new("slow")]);
        assert_eq!(
            evidence.see(&Condition::All(vec![episode.clone(), watch.clone()]), &scope),
            None
        );
        let any = evidence.see(&Condition::Any(vec![episode, watch]), &scope).unwrap();
        assert_eq!(any, Sight::of(1.0));
    }

    #[test]
    fn what_has_leapt_is_told_against_what_was_just_before() {
        let see = |last: f64, test: &str| {
            let mut seen = observation(900, vec![violation("slow", None, Severity::Info, 1)]);
            // It falls through the day, and is now as high as it was at the beginning.
            let value = |i: u32| 500.0 - 4.0 * f64::from(i) + f64::from(i * 7919 % 5);
            let values = (0..29).map(value).chain([last]);
            let at = |i: usize| crate::fixture::at(30 + 30 * i as u64);
            let samples = values.enumerate().map(|(i, value)| Sample { at: at(i), value });
            let series = Series { samples: samples.collect(), ..Series::default() };
            seen.series.insert("x".to_owned(), vec![series]);
            seen.trends = vec![Trend { value: last, ..trend("x", Direction::Steady, 0.4) }];
            let window = Window::from_observation(&seen);
            let evidence = Evidence::new(&seen, &window, &[], &[], false);
            let test = format!(r#"{{"watch": {{"name": "x", {test}}}}}"#);
            evidence.see(&serde_json::from_str(&test).unwrap(), &vec![true]).unwrap()
        };
        assert_eq!(see(500.0, r#""is": "high""#), Sight::of(0.0));
        assert_eq!(see(500.0, r#""leaps": 1.0"#), Sight::of(1.0));
        assert_eq!(see(500.0, r#""leaps": 1.2"#), Sight::of(1.0));
        assert_eq!(see(440.0, r#""leaps": 1.2"#), Sight::of(0.0), "not for so much more");
        assert_eq!(see(385.0, r#""leaps": 0.0"#), Sight::of(0.0), "as it goes all the time");
    }

    #[test]
    fn resources_are_told_by_state_count_and_change() {
        let mut seen = observation(3_600, Vec::new());
        let policy = |id: &str, status: &str, changed| Resource {
            kind: "policy".to_owned(),
            id: id.to_owned(),
            status: status.to_owned(),
            generation: None,
            changed: Some(crate::fixture::at(changed)),
            attributes: BTreeMap::from([
                ("replicas".to_owned(), 3.into()),
                ("up".to_owned(), 2.into()),
            ]),
        };
        seen.resources = vec![policy("old", "active", 0), policy("new", "active", 3_000)];
        let window = Window::from_observation(&seen);
        let see = |json: &str, expected: &[Expected]| {
            let evidence = Evidence::new(&seen, &window, &[], expected, false);
            evidence.see(&serde_json::from_str(json).unwrap(), &Vec::new())
        };
        let recent = r#"{"resource": {"kind": "policy", "changed_within": "30m"}}"#;
        let sight = see(recent, &[]).unwrap();
        assert_eq!((sight.degree, sight.place.unwrap().as_str()), (1.0, "new"));
        let ours = [Expected::because("we applied it").resource("new")];
        assert_eq!(see(recent, &ours), Some(Sight::of(0.0)));
        // It changed before we did anything to it: that was somebody else.
        let since = |at| [ours[0].clone().since(crate::fixture::at(at))];
        assert_eq!(see(recent, &since(3_000)), Some(Sight::of(0.0)));
        assert!(see(recent, &since(3_001)).unwrap().degree > 0.0);
        let less = r#"{"resource": {"kind": "policy", "less": ["up", "replicas"]}}"#;
        assert!(see(less, &[]).unwrap().degree > 0.0);
        let above = r#"{"resource": {"kind": "policy", "above": {"up": 2}}}"#;
        assert_eq!(see(above, &[]), Some(Sight::of(0.0)));
        assert_eq!(see(r#"{"resource": {"kind": "node"}}"#, &[]), None);
    }
}
