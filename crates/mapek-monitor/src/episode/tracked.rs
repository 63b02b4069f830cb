//! One open episode, and what each of its witnesses said.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use mapek_model::{
    Component, Duration, Labels, Query, Severity, SourceName, TargetId, Timestamp, Violation,
    ViolationSource, Witness, later, since,
};
use serde::{Deserialize, Serialize};

use super::Testimony;
use crate::{Breach, read::RollCall};

/// An open episode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tracked {
    pub(crate) violation: Violation,
    /// Everybody who ever saw it, by identity.
    seen: Vec<Seen>,
    /// As what the managed system lists the component, if it ever did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Its newest values, by when they were seen, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    course: Vec<(Timestamp, f64)>,
    /// Who sees it in this cycle, by own looking.
    #[serde(skip)]
    pub(super) current: BTreeSet<Identity>,
}

/// A witness, whether or not it is confirmed.
pub(super) type Identity = (ViolationSource, SourceName, String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Seen {
    witness: Witness,
    severity: Severity,
    /// Since when, as the witness said last.
    since: Timestamp,
    /// The questions whose answers spoke of the component while the witness saw the breach.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    heard_by: BTreeSet<Query>,
    /// Since when one of them speaks of it no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    silent: Option<Timestamp>,
}

/// Where an episode stands at the end of a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Somebody sees it, or may.
    Open,
    /// Open, and a witness hears nothing of the component.
    Silent,
    /// Nobody sees it.
    Over,
    /// Nobody sees it, and somebody has heard nothing of the component for too long to go on waiting.
    Gone,
}

/// What one witness says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    /// It does not see it.
    Absent,
    /// It has heard nothing of the component for too long.
    Gone,
    /// It hears nothing of the component.
    Silent,
    /// It sees it, or cannot be asked.
    Present,
}

pub(super) fn identity(witness: &Witness) -> Identity {
    (witness.source, witness.by.clone(), witness.name.clone())
}

/// Rules and anomalies are looked at by us, cycle by cycle. Others know by themselves since when.
const fn knows_since(source: ViolationSource) -> bool {
    matches!(source, ViolationSource::Alert | ViolationSource::ManagedSystem)
}

/// The earliest onset that is told, but after `floor`, when the last episode of this breach ended.
pub(super) fn onset(breaches: &[&Breach], floor: Option<Timestamp>, at: Timestamp) -> Timestamp {
    let after = |onset: &Timestamp| floor.is_none_or(|floor| *onset > floor);
    let told = breaches.iter().map(|it| it.onset.min(at)).filter(after).min();
    told.unwrap_or_else(|| match floor {
        // Two episodes must not have one key, even if everything happens within one instant.
        Some(floor) if at <= floor => later(floor, Duration::from_nanos(1)),
        _ => at,
    })
}

/// How many values of an episode say where it is going: enough to tell a trend from chance, few enough to be of now.
const COURSE_KEPT: usize = 12;

impl Tracked {
    pub(super) fn open(
        target: &TargetId,
        at: Timestamp,
        onset: Timestamp,
        breaches: &[&Breach],
    ) -> Self {
        let main = main(breaches);
        let violation = Violation {
            target: target.clone(),
            expectation: main.expectation.clone(),
            component: main.component.clone(),
            severity: main.severity,
            onset,
            last_seen: at.max(onset),
            closed: None,
            witnesses: BTreeSet::new(),
            metric: None,
            value: None,
            threshold: None,
            labels: Labels::default(),
            description: String::new(),
        };
        let mut tracked = Self {
            violation,
            seen: Vec::new(),
            kind: None,
            course: Vec::new(),
            current: BTreeSet::new(),
        };
        tracked.take_in(breaches);
        tracked.note_value(at);
        tracked
    }

    fn note_value(&mut self, at: Timestamp) {
        let Some(value) = self.violation.value.filter(|value| value.is_finite()) else { return };
        if self.course.last().is_none_or(|(before, _)| *before < at) {
            self.course.push((at, value));
        }
        let surplus = self.course.len().saturating_sub(COURSE_KEPT);
        self.course.drain(..surplus);
    }

    /// How fast its value changes, in units a second; `None` where it goes nowhere, or it is too early to tell.
    pub(super) fn slope(&self) -> Option<f64> {
        let (origin, _) = *self.course.first()?;
        let points: Vec<_> = self
            .course
            .iter()
            .map(|(at, value)| (since(*at, origin).as_secs_f64(), *value))
            .collect();
        let line = mapek_signal::theil_sen(&points)?;
        (line.z.abs() >= mapek_signal::Z_TREND).then_some(line.slope)
    }

    /// Takes in what was seen of it at `at`. The onset moves to what a witness knows better, but not before `floor`.
    pub(super) fn see(&mut self, at: Timestamp, floor: Option<Timestamp>, breaches: &[&Breach]) {
        let told = onset(breaches, floor, at);
        self.violation.onset = self.violation.onset.min(told);
        self.violation.last_seen = self.violation.last_seen.max(at);
        self.take_in(breaches);
        self.note_value(at);
    }

    /// Whether it ended and began anew since it was last seen. Alertmanager shows a flap within `group_interval` only as a
    /// later start. If a rule of ours saw it all the time, it went on all the time.
    pub(super) fn was_interrupted(&self, breaches: &[&Breach]) -> bool {
        let all_know = self.seen.iter().all(|it| knows_since(it.witness.source))
            && breaches.iter().all(|it| knows_since(it.witness.source));
        all_know
            && breaches.iter().all(|breach| {
                let identity = identity(&breach.witness);
                let before = self.seen.iter().find(|it| self::identity(&it.witness) == identity);
                breach.onset > self.violation.last_seen
                    && before.is_some_and(|before| breach.onset > before.since)
            })
    }

    /// Keeps as witnesses those who may still see it, and says where it stands. A component that is not heard of is given up
    /// after `patience`.
    pub(super) fn settle(
        &mut self,
        at: Timestamp,
        patience: Duration,
        testimony: &impl Testimony,
    ) -> Standing {
        let current = std::mem::take(&mut self.current);
        let Self { violation, seen, kind, .. } = self;
        let part = violation.component.as_ref();
        let removed = part.is_some_and(|part| {
            if let Some(listed) = testimony.listed(part) {
                *kind = Some(listed.to_owned());
            }
            kind.as_deref().is_some_and(|kind| testimony.is_removed(part, kind))
        });
        let mut words = Vec::with_capacity(seen.len());
        for one in seen.iter_mut() {
            let roll = testimony.roll(&one.witness);
            words.push(if current.contains(&identity(&one.witness)) {
                one.note(part, roll);
                Word::Present
            } else if !testimony.is_absent(violation, &one.witness) {
                Word::Present
            } else if removed {
                Word::Absent
            } else {
                one.absent(part, roll, at, patience)
            });
        }
        let remaining = || {
            let both = seen.iter().zip(&words);
            both.filter(|(_, word)| **word >= Word::Silent).map(|(one, _)| one)
        };
        let Some(worst) = remaining().map(|it| it.severity).max() else {
            return if words.contains(&Word::Gone) { Standing::Gone } else { Standing::Over };
        };
        violation.severity = worst;
        violation.witnesses = remaining().map(|it| it.witness.clone()).collect();
        if words.contains(&Word::Silent) { Standing::Silent } else { Standing::Open }
    }

    /// The episode, over at `at`, with everybody who saw it.
    pub(super) fn ended(mut self, at: Timestamp) -> Violation {
        self.violation.witnesses = self.seen.into_iter().map(|it| it.witness).collect();
        self.violation.closed = Some(at.max(self.violation.onset));
        self.violation
    }

    pub(crate) fn witnesses(&self) -> impl Iterator<Item = &Witness> {
        self.seen.iter().map(|it| &it.witness)
    }

    fn take_in(&mut self, breaches: &[&Breach]) {
        for (id, report) in reports(breaches) {
            match self.seen.binary_search_by(|it| identity(&it.witness).cmp(&id)) {
                Ok(place) => self.seen[place].update(report),
                Err(place) => self.seen.insert(place, report),
            }
        }
        self.violation.witnesses = self.witnesses().cloned().collect();
        let severities = self.seen.iter().map(|it| it.severity);
        self.violation.severity = severities.fold(Severity::Info, Severity::max);
        let main = main(breaches);
        let known = &mut self.violation;
        known.metric = main.metric.clone().or(known.metric.take());
        known.value = main.value.or(known.value);
        known.threshold = main.threshold.or(known.threshold);
        known.description.clone_from(&main.description);
        let mut others: Vec<&Labels> = breaches.iter().map(|it| &it.labels).collect();
        others.sort();
        known.labels = others.into_iter().chain([&main.labels]).flat_map(Labels::iter).collect();
    }
}

impl Seen {
    /// It sees the breach: what answers now speaks of the component.
    fn note(&mut self, part: Option<&Component>, roll: Option<&RollCall>) {
        self.silent = None;
        if let (Some(part), Some(roll)) = (part, roll) {
            self.heard_by = roll.speaking_of(part);
        }
    }

    /// It sees no breach: whether that is because it hears of the component, or because it does not.
    fn absent(
        &mut self,
        part: Option<&Component>,
        roll: Option<&RollCall>,
        at: Timestamp,
        patience: Duration,
    ) -> Word {
        let Some(part) = part.filter(|_| !self.heard_by.is_empty()) else { return Word::Absent };
        let Some(roll) = roll else { return Word::Present };
        if !roll.misses(part, &self.heard_by) {
            self.silent = None;
            return Word::Absent;
        }
        let since = *self.silent.get_or_insert(at);
        if later(since, patience) <= at { Word::Gone } else { Word::Silent }
    }

    fn update(&mut self, report: Self) {
        // What was confirmed once stays so for the rest of the episode.
        self.witness.confirmed |= report.witness.confirmed;
        self.witness.family = report.witness.family.or(self.witness.family.take());
        self.severity = report.severity;
        self.since = report.since;
    }
}

/// What each witness says: of several breaches the worst, since the earliest.
fn reports(breaches: &[&Breach]) -> BTreeMap<Identity, Seen> {
    let mut reports: BTreeMap<Identity, Seen> = BTreeMap::new();
    for breach in breaches {
        let Breach { witness, severity, onset, .. } = breach;
        match reports.entry(identity(witness)) {
            Entry::Vacant(entry) => {
                entry.insert(Seen {
                    witness: witness.clone(),
                    severity: *severity,
                    since: *onset,
                    heard_by: BTreeSet::new(),
                    silent: None,
                });
            }
            Entry::Occupied(mut entry) => {
                let seen = entry.get_mut();
                seen.witness.confirmed |= witness.confirmed;
                seen.severity = seen.severity.max(*severity);
                seen.since = seen.since.min(*onset);
            }
        }
    }
    reports
}

/// The report that says most: one with a value before one without, a rule before others, and the worst; the order of labels
/// decides between equals.
fn main<'a>(breaches: &[&'a Breach]) -> &'a Breach {
    let rank = |breach: &&&'a Breach| {
        let breach: &'a Breach = breach;
        let worst = std::cmp::Reverse(breach.severity);
        let Breach { value, witness, labels, description, .. } = breach;
        (value.is_none(), witness.source, worst, witness, labels, description)
    };
    breaches.iter().min_by_key(rank).expect("an episode is seen by somebody")
}
