//! What a target showed last. Most of what it shows next is of the same series, in the same words: they are read once.

use std::collections::{BTreeSet, HashMap};

use mapek_model::{Labels, Timestamp};

use crate::{
    AppendError, ExpositionError, ExpositionLimits, Format, Target,
    exposition::{read_lines, sample, series_len, value},
    store::{SeriesId, Writer},
};

/// The series of one target.
#[derive(Default)]
pub(super) struct Seen {
    /// Whether it could not be scraped.
    pub(super) down: bool,
    series: Vec<Shown>,
    /// Their places by how a line begins.
    by_text: HashMap<Box<str>, usize>,
    scrapes: u64,
}

/// A series, and when it was shown last.
struct Shown {
    labels: Labels,
    id: Option<SeriesId>,
    /// The number of the last scrape that showed it.
    scrape: u64,
    /// Whether it ends when it is no longer shown: not if its samples tell their own time.
    ends: bool,
}

/// One sample that is shown.
pub(super) struct Reading {
    series: usize,
    value: f64,
    pub(super) at: Option<Timestamp>,
}

impl Seen {
    /// Reads a text, of which nothing is written yet.
    pub(super) fn read(
        &mut self,
        own: &Labels,
        text: &str,
        format: Format,
        limits: &ExpositionLimits,
    ) -> Result<Vec<Reading>, ExpositionError> {
        self.scrapes += 1;
        let mut readings = Vec::with_capacity(self.series.len());
        read_lines(text, format, limits, |line| {
            let len = series_len(line);
            let reading = if let Some(&series) = self.by_text.get(&line[..len]) {
                let (value, at) = value(line, len, format)?;
                Reading { series, value, at }
            } else {
                let sample = sample(line, format, limits.labels_max)?;
                let series = self.series.len();
                let labels = Target::label(own, sample.labels);
                self.series.push(Shown { labels, id: None, scrape: 0, ends: false });
                self.by_text.insert(line[..len].into(), series);
                Reading { series, value: sample.value, at: sample.at }
            };
            readings.push(reading);
            Ok(())
        })?;
        Ok(readings)
    }

    /// Writes one of them.
    pub(super) fn write(
        &mut self,
        writer: &mut Writer<'_>,
        reading: &Reading,
        at: Timestamp,
    ) -> Result<(), AppendError> {
        let shown = &mut self.series[reading.series];
        (shown.scrape, shown.ends) = (self.scrapes, reading.at.is_none());
        shown.id = Some(writer.append(shown.id, &shown.labels, at, reading.value)?);
        Ok(())
    }

    /// Ends the series that this scrape did not show, and forgets them.
    pub(super) fn end_others(&mut self, writer: &mut Writer<'_>, at: Timestamp) {
        if self.series.iter().all(|it| it.scrape == self.scrapes) {
            return;
        }
        let scrapes = self.scrapes;
        let shown = |it: &&Shown| it.scrape == scrapes;
        // The same series in other words goes on.
        let still: BTreeSet<_> = self.series.iter().filter(shown).map(|it| &it.labels).collect();
        for it in self.series.iter().filter(|it| it.ends && !still.contains(&it.labels)) {
            // Fails only if the caller's time did not advance, which the contract excludes.
            writer.mark_stale(&it.labels, at).ok();
        }
        let mut places = Vec::with_capacity(self.series.len());
        let mut next = 0;
        for it in &self.series {
            places.push(shown(&it).then_some(next));
            next += usize::from(shown(&it));
        }
        self.series.retain(|it| it.scrape == scrapes);
        self.by_text.retain(|_, place| {
            let now = places[*place];
            *place = now.unwrap_or_default();
            now.is_some()
        });
    }

    /// Ends and forgets them all.
    pub(super) fn end_all(&mut self, writer: &mut Writer<'_>, at: Timestamp) {
        for it in self.series.drain(..).filter(|it| it.ends) {
            writer.mark_stale(&it.labels, at).ok();
        }
        self.by_text.clear();
    }
}
