//! Cycles, gathered in buckets of time.

use std::{collections::BTreeSet, sync::Arc};

use mapek_loop::{Chronicle, Moment, Open, Suspect};
use mapek_model::{CycleNumber, Duration, Level, Timestamp, since};

/// Lengths of buckets that people can reckon with, in seconds.
const STEPS: [u64; 17] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400];

/// Cycles of a span of time, in order, and what they saw of some values.
#[derive(Debug)]
pub(crate) struct Table {
    /// The values that rows have, sorted.
    pub(crate) names: Vec<String>,
    /// Each with when it begins; `None` is a gap, in which nobody knows what was.
    pub(crate) rows: Vec<(Timestamp, Option<Row>)>,
    /// How long a bucket is; absent where each cycle has its own.
    pub(crate) step: Option<Duration>,
    /// How many values there are besides.
    pub(crate) more: usize,
}

/// A bucket with at least one cycle in it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) first: CycleNumber,
    pub(crate) cycles: u32,
    /// Most at once.
    pub(crate) open: Open,
    /// The worst.
    pub(crate) level: Level,
    pub(crate) faulty: u32,
    /// The likeliest of all.
    pub(crate) suspect: Option<Suspect>,
    /// Least and greatest of each value.
    pub(crate) values: Vec<Option<(f64, f64)>>,
}

impl Table {
    /// What a chronicle has of a span of time, in at most `rows_max` buckets (besides gaps), each at least `step` long. Where no values are
    /// wanted by name, the first `values_max` are taken.
    pub(crate) fn of(
        chronicle: &Chronicle,
        (from, to): (Timestamp, Timestamp),
        step: Option<Duration>,
        rows_max: usize,
        wanted: &BTreeSet<String>,
        values_max: usize,
    ) -> Self {
        let moments = chronicle.moments(from, to);
        let (names, more) = names(&moments, wanted, values_max);
        let step = match step {
            None if moments.len() <= rows_max => None,
            asked => Some(bucket(since(to, from), asked.unwrap_or_default(), rows_max)),
        };
        let mut table = Self { names, rows: Vec::new(), step, more };
        let mut before: Option<&Arc<Moment>> = None;
        for moment in &moments {
            let at = table.beginning(moment.at, from);
            let newest = table.rows.last_mut().filter(|(begun, _)| *begun == at && step.is_some());
            if let Some((_, Some(row))) = newest {
                row.take(moment, &table.names);
            } else {
                if let Some(before) = before.filter(|before| chronicle.is_gap(before, moment)) {
                    table.rows.push((middle(before.at, moment.at), None));
                }
                table.rows.push((at, Some(Row::new(moment, &table.names))));
            }
            before = Some(moment);
        }
        table
    }

    fn beginning(&self, at: Timestamp, from: Timestamp) -> Timestamp {
        let Some(step) = self.step else { return at };
        let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
        let begun = at.as_millisecond().div_euclid(step) * step;
        Timestamp::from_millisecond(begun).unwrap_or(at).max(from)
    }

    /// A value, as points: when, and the least and the greatest, or nothing in a gap.
    #[cfg(feature = "console")]
    pub(crate) fn column(
        &self,
        name: &str,
    ) -> impl Iterator<Item = (Timestamp, Option<(f64, f64)>)> + '_ {
        let place = self.names.iter().position(|it| it == name);
        self.rows.iter().map(move |(at, row)| {
            let value = place.and_then(|place| *row.as_ref()?.values.get(place)?);
            (*at, value)
        })
    }
}

impl Row {
    fn new(moment: &Moment, names: &[String]) -> Self {
        let mut row = Self {
            first: moment.number,
            cycles: 0,
            open: Open::default(),
            level: Level::Fresh,
            faulty: 0,
            suspect: None,
            values: vec![None; names.len()],
        };
        row.take(moment, names);
        row
    }

    fn take(&mut self, moment: &Moment, names: &[String]) {
        self.cycles += 1;
        self.open.critical = self.open.critical.max(moment.open.critical);
        self.open.warning = self.open.warning.max(moment.open.warning);
        self.open.info = self.open.info.max(moment.open.info);
        self.level = self.level.max(moment.level());
        self.faulty += u32::from(!moment.faults.is_empty());
        let sure = |it: &Option<Suspect>| it.as_ref().map(|it| it.confidence);
        if sure(&moment.suspect) > sure(&self.suspect) {
            self.suspect.clone_from(&moment.suspect);
        }
        for (value, name) in self.values.iter_mut().zip(names) {
            if let Some(now) = moment.value(name) {
                let (least, greatest) = value.unwrap_or((now, now));
                *value = Some((least.min(now), greatest.max(now)));
            }
        }
    }
}

/// The values that are shown, and how many are not.
fn names(
    moments: &[Arc<Moment>],
    wanted: &BTreeSet<String>,
    values_max: usize,
) -> (Vec<String>, usize) {
    let mut all: BTreeSet<&str> = BTreeSet::new();
    for moment in moments {
        all.extend(moment.values().map(|(name, _)| name));
    }
    let shown = all.iter().filter(|name| wanted.is_empty() || wanted.contains(**name));
    let shown: Vec<_> = shown.take(values_max).map(|name| (*name).to_owned()).collect();
    let more = all.len() - shown.len();
    (shown, more)
}

/// How long a bucket is so that there are no more than `rows_max`, and none is shorter than `least`.
fn bucket(length: Duration, least: Duration, rows_max: usize) -> Duration {
    // One begins before the span, and so stands for no more than a part of it.
    let rows = u32::try_from(rows_max.saturating_sub(1).max(1)).unwrap_or(u32::MAX);
    let needed = (length / rows).max(least).max(Duration::from_millis(1));
    if needed == least {
        return least;
    }
    let step = STEPS.iter().map(|it| Duration::from_secs(*it)).find(|it| *it >= needed);
    step.unwrap_or(needed)
}

fn middle(a: Timestamp, b: Timestamp) -> Timestamp {
    mapek_model::later(a, since(b, a) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_as_long_as_they_must_be() {
        let seconds = Duration::from_secs;
        for (length, least, rows, expected) in [
            (6 * 3600, 0, 1000, 30),
            (24 * 3600, 0, 1000, 120),
            (24 * 3600, 600, 1000, 600),
            (24 * 3600, 45, 10_000, 45),
            (3600, 0, 10, 600),
        ] {
            let step = bucket(seconds(length), seconds(least), rows);
            assert_eq!(step, seconds(expected), "{length} {least} {rows}");
            assert!(length / step.as_secs() <= rows as u64);
        }
    }
}
