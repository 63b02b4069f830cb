//! A day of cycles, small: for people who look back.
//!
//! A report holds every episode and every plan, so only an hour of them is kept. What a picture of a day needs is less:
//! values, counts, words. It is kept in chunks that snapshots share, so that neither a cycle nor whoever looks copies a day.

mod episode;
mod moment;
mod note;
mod recall;
mod track;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use mapek_model::{Duration, Execution, ExecutionId, Timestamp, earlier, since};

use crate::CycleReport;
use episode::{Episodes, Told};
use note::Notes;
pub(crate) use recall::{past, report as recalled_report};
use track::Tracks;

pub use episode::Episode;
pub use moment::{Moment, Open, Suspect};
pub use note::Note;
pub use track::{Mark, Track};

/// Moments of a chunk: a snapshot shares whole chunks, and a cycle copies at most one of pointers.
const CHUNK: usize = 64;
/// Executions that are remembered.
const TRACKS_MAX: usize = 200;
/// What is remembered of an execution, and how much of that is left for how it ends.
const MARKS_MAX: usize = 96;
const LATER_MARKS: usize = 32;
/// Characters of a text that is kept.
const TEXT_MAX: usize = 160;

/// What happened, cycle by cycle, for a day at most.
///
/// # Guarantees
///
/// - Bounded: [`AGE_MAX`](Self::AGE_MAX), or [`BYTES_MAX`](Self::BYTES_MAX) where that is reached first. A day at 30 s with 50 watched
///   values takes some 2 MB.
/// - A clone copies pointers: less than a hundred for a day.
/// - A cycle adds to it in some microseconds; nothing in it asks for the time.
/// - What is not known is not there: nothing is filled in between two moments.
///
/// ```
/// use mapek_loop::Chronicle;
/// use mapek_model::Timestamp;
///
/// let chronicle = Chronicle::default();
/// assert!(chronicle.moments(Timestamp::MIN, Timestamp::MAX).is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct Chronicle {
    /// After how long without a cycle nobody knows what was between.
    gap: Duration,
    chunks: VecDeque<Arc<Chunk>>,
    bytes: usize,
    episodes: Episodes,
    tracks: Tracks,
    notes: Notes,
    /// What happened before this process began, once it was recalled; shared by all copies.
    past: Arc<Mutex<Option<Arc<Past>>>>,
}

/// Moments that follow each other.
#[derive(Debug, Clone, Default)]
struct Chunk {
    moments: Vec<Arc<Moment>>,
    bytes: usize,
}

/// What the journal has of the time before.
#[derive(Debug, Default)]
pub(crate) struct Past {
    moments: Vec<Arc<Moment>>,
    episodes: Episodes,
    tracks: Tracks,
    pauses: Vec<Pause>,
}

/// A time in which nothing was allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// From when.
    pub from: Timestamp,
    /// Until when; absent as long as it goes on.
    pub to: Option<Timestamp>,
    /// Why.
    pub why: Arc<str>,
}

impl Pause {
    /// Whether any of it lies in a span of time.
    #[must_use]
    pub fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        self.from <= to && self.to.is_none_or(|end| from <= end)
    }
}

impl Default for Chronicle {
    /// For cycles at the usual interval.
    fn default() -> Self {
        Self::new(Duration::from_secs(30))
    }
}

impl Chronicle {
    /// How far back it goes.
    pub const AGE_MAX: Duration = Duration::from_secs(24 * 3600);
    /// How much memory its moments may take: with hundreds of watched values, or looks every few seconds, it goes back less far.
    pub const BYTES_MAX: usize = 16 * 1024 * 1024;
    /// So many intervals without a cycle are a gap: one that is late is none.
    const GAP_INTERVALS: u32 = 3;

    /// For cycles at this interval.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self {
            gap: interval.saturating_mul(Self::GAP_INTERVALS),
            chunks: VecDeque::new(),
            bytes: 0,
            episodes: Episodes::default(),
            tracks: Tracks::default(),
            notes: Notes::default(),
            past: Arc::default(),
        }
    }

    /// Takes in a finished cycle.
    pub fn take(&mut self, report: &CycleReport) {
        let before = self.last().cloned();
        self.push(Moment::of(report, before.as_deref()), before.as_deref());
        self.episodes.take(Told {
            at: report.at,
            open: &report.seen.open,
            closed: &report.seen.closed,
            gone: &report.seen.gone,
        });
        self.tracks.take(report);
        self.notes.take(report, before.map(|it| it.at));
        self.forget(report.at);
    }

    /// What people did to executions since.
    pub(crate) fn follow<'a>(&mut self, executions: impl Iterator<Item = &'a Execution>) {
        if let Some(number) = self.last().map(|it| it.number) {
            self.tracks.follow(executions, number);
        }
    }

    fn push(&mut self, moment: Moment, before: Option<&Moment>) {
        let bytes = moment.bytes(before);
        if self.chunks.back().is_none_or(|chunk| chunk.moments.len() >= CHUNK) {
            self.chunks.push_back(Arc::default());
        }
        if let Some(newest) = self.chunks.back_mut() {
            let newest = Arc::make_mut(newest);
            newest.moments.push(Arc::new(moment));
            newest.bytes += bytes;
            self.bytes += bytes;
        }
    }

    /// Lets go of what is too old, or too much.
    fn forget(&mut self, now: Timestamp) {
        let since = earlier(now, Self::AGE_MAX);
        let old = |chunk: &Chunk| chunk.moments.iter().all(|moment| moment.at < since);
        while self.chunks.len() > 1
            && let Some(oldest) = self.chunks.front()
            && (self.bytes > Self::BYTES_MAX || old(oldest))
        {
            self.bytes -= oldest.bytes;
            self.chunks.pop_front();
        }
        self.episodes.forget(since);
        self.tracks.forget(since);
        self.notes.forget(since);
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if past.as_ref().is_some_and(|it| it.is_before(since)) {
            *past = None;
        }
    }

    /// The newest cycle of this process.
    #[must_use]
    pub fn last(&self) -> Option<&Arc<Moment>> {
        self.chunks.back()?.moments.last()
    }

    /// The oldest cycle of this process.
    fn first(&self) -> Option<&Arc<Moment>> {
        self.chunks.front()?.moments.first()
    }

    fn before(&self) -> Option<Arc<Past>> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds what the journal has of the time before this process began.
    pub(crate) fn recall(&self, past: Past) {
        *self.past.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(past));
    }

    /// The cycles of a span of time, both ends included, in the order of time.
    #[must_use]
    pub fn moments(&self, from: Timestamp, to: Timestamp) -> Vec<Arc<Moment>> {
        let own = self.first().map(|it| it.number);
        let past = self.before();
        let before = past.iter().flat_map(|it| &it.moments);
        let before = before.filter(|it| own.is_none_or(|own| it.number < own));
        let all = before.chain(self.chunks.iter().flat_map(|chunk| &chunk.moments));
        let mut found: Vec<_> = all.filter(|it| from <= it.at && it.at <= to).cloned().collect();
        // A clock may be set back; a picture knows one direction of time.
        found.sort_by_key(|it| it.at);
        found
    }

    /// Whether nobody knows what was between two moments: cycles between them are not known, or none ran for long.
    #[must_use]
    pub fn is_gap(&self, before: &Moment, after: &Moment) -> bool {
        before.number.next() < after.number || since(after.at, before.at) > self.gap
    }

    /// The episodes of a span of time, by their beginning.
    #[must_use]
    pub fn episodes(&self, from: Timestamp, to: Timestamp) -> Vec<Arc<Episode>> {
        let past = self.before();
        let before = past.iter().flat_map(|it| it.episodes.all());
        let before = before.filter(|it| !self.episodes.knows(it));
        let all = before.chain(self.episodes.all()).filter(|it| it.touches(from, to));
        let mut found: Vec<_> = all.cloned().collect();
        found.sort_by(|a, b| {
            let key = |it: &Episode| (it.from, it.expectation.clone(), it.component.clone());
            key(a).cmp(&key(b))
        });
        found
    }

    /// The executions of a span of time, by their ids, which are by time.
    #[must_use]
    pub fn tracks(&self, from: Timestamp, to: Timestamp) -> Vec<Arc<Track>> {
        let past = self.before();
        let before = past.iter().flat_map(|it| it.tracks.all());
        let before = before.filter(|it| self.tracks.get(it.id).is_none());
        let own = self.tracks.all().map(|track| self.whole(track, past.as_deref()));
        let mut found: Vec<_> =
            before.cloned().chain(own).filter(|it| it.touches(from, to)).collect();
        found.sort_by_key(|it| it.id);
        found
    }

    /// One execution.
    #[must_use]
    pub fn track(&self, id: ExecutionId) -> Option<Arc<Track>> {
        let past = self.before();
        match self.tracks.get(id) {
            Some(track) => Some(self.whole(track, past.as_deref())),
            None => past?.tracks.get(id).cloned(),
        }
    }

    /// A track with what an earlier process saw of it.
    fn whole(&self, track: &Arc<Track>, past: Option<&Past>) -> Arc<Track> {
        let Some(before) = past.and_then(|it| it.tracks.get(track.id)) else {
            return Arc::clone(track);
        };
        let own = self.first().map(|it| it.number);
        let mut whole = Track::clone(before);
        whole.marks.retain(|mark| own.is_none_or(|own| mark.cycle < own));
        let known: Vec<_> = whole.marks.iter().map(|it| (it.at, it.event)).collect();
        // That it began is said by both.
        let more = track.marks.iter().filter(|it| !known.contains(&(it.at, it.event)));
        whole.marks.extend(more.cloned());
        Arc::new(whole)
    }

    /// What a person was to be told in a span of time, by its beginning.
    #[must_use]
    pub fn notes(&self, from: Timestamp, to: Timestamp) -> Vec<Arc<Note>> {
        self.notes.all().filter(|it| it.from <= to && from <= it.to).cloned().collect()
    }

    /// When nothing was allowed within a span of time, as far as cycles saw it.
    #[must_use]
    pub fn pauses(&self, from: Timestamp, to: Timestamp) -> Vec<Pause> {
        let mut pauses: Vec<_> = self.before().map_or_else(Vec::new, |it| it.pauses.clone());
        if let Some(own) = self.first().map(|it| it.at) {
            pauses.retain(|it| it.from < own);
            pauses.last_mut().into_iter().for_each(|it| it.to = Some(it.to.unwrap_or(own)));
        }
        let mut going_on: Option<Pause> = None;
        for moment in self.chunks.iter().flat_map(|chunk| &chunk.moments) {
            going_on = match (going_on.take(), &moment.paused) {
                (Some(pause), Some(why)) if pause.why == *why => Some(pause),
                (ended, now) => {
                    pauses.extend(ended.map(|it| Pause { to: Some(moment.at), ..it }));
                    let why = now.as_ref().map(Arc::clone);
                    why.map(|why| Pause { from: moment.at, to: None, why })
                }
            };
        }
        pauses.extend(going_on);
        // One that outlasts a restart is one.
        pauses.dedup_by(|next, before| {
            let same = next.why == before.why && before.to == Some(next.from);
            if same {
                before.to = next.to;
            }
            same
        });
        pauses.retain(|it| it.touches(from, to));
        pauses
    }

    /// About how much memory it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let past = self.before().map_or(0, |it| it.bytes());
        self.bytes + self.episodes.bytes() + self.tracks.bytes() + self.notes.bytes() + past
    }
}

impl Past {
    fn is_before(&self, since: Timestamp) -> bool {
        self.moments.iter().all(|it| it.at < since)
            && self.episodes.all().all(|it| it.to.is_some_and(|to| to < since))
            && self.tracks.all().all(|it| it.to().is_some_and(|to| to < since))
    }

    fn bytes(&self) -> usize {
        let mut before: Option<&Moment> = None;
        let moments = self.moments.iter().map(|it| it.bytes(before.replace(it)));
        moments.sum::<usize>() + self.episodes.bytes() + self.tracks.bytes()
    }
}

/// A text as it is kept.
fn cut(text: &str) -> &str {
    text.char_indices().nth(TEXT_MAX).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests;
