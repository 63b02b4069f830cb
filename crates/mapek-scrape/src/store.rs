//! Samples in memory, for as long as they are needed.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use mapek_model::{Labels, Timestamp};

use crate::AppendError;

/// Changes that are remembered: more than are made between two cycles, each of some targets' scrapes.
const CHANGES_MAX: usize = 256;

/// How much a [`MetricStore`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreConfig {
    /// How long a sample is kept. Default 2 h: the longest window of our rules is an hour, and a trend wants another.
    pub retention: Duration,
    /// Series. Default 10 000: beyond that a Prometheus server is the right tool.
    pub series_max: usize,
    /// Samples in all, 16 bytes each. Default 4 000 000: all series for the whole retention, every 18 s.
    pub samples_max: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(2 * 60 * 60),
            series_max: 10_000,
            samples_max: 4_000_000,
        }
    }
}

/// A sample as it is stored: milliseconds since 1970, and the bits of the value, which a float register could change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) at_ms: i64,
    bits: u64,
}

/// The NaN that Prometheus, too, writes where a series ends.
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

impl Point {
    /// The value, or none where the series ends.
    pub(crate) fn value(self) -> Option<f64> {
        (self.bits != STALE_BITS).then(|| f64::from_bits(self.bits))
    }
}

/// A time-series store in memory, shared between whoever writes (a [`Scraper`](crate::Scraper)) and whoever reads (an
/// [`EmbeddedSource`](crate::EmbeddedSource)).
///
/// It never asks for the time: what is old is old compared with the newest sample, so that it works in virtual time.
///
/// ```
/// use mapek_model::{Labels, Timestamp};
/// use mapek_scrape::{MetricStore, StoreConfig};
///
/// let store = MetricStore::new(StoreConfig::default());
/// let up = Labels::from_iter([("__name__", "up"), ("job", "web")]);
/// store.append(&up, Timestamp::UNIX_EPOCH, 1.0)?;
/// assert_eq!(store.series_count(), 1);
/// # Ok::<(), mapek_scrape::AppendError>(())
/// ```
#[derive(Debug)]
pub struct MetricStore {
    config: StoreConfig,
    inner: RwLock<Stored>,
}

/// What is stored.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// Where each series of a metric is.
    metrics: BTreeMap<String, BTreeMap<Labels, usize>>,
    places: Vec<Place>,
    free: Vec<usize>,
    samples: usize,
    newest_ms: Option<i64>,
    /// How often it was written to.
    writes: u64,
    /// From when on the last writes changed what is stored, oldest first.
    changes: VecDeque<i64>,
}

/// Room for the samples of a series, and which of those that have been there it is.
#[derive(Debug, Default)]
struct Place {
    nameless: Labels,
    points: VecDeque<Point>,
    generation: u64,
}

/// A series as it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredSeries<'a> {
    pub(crate) labels: &'a Labels,
    /// The labels without the name of the metric.
    pub(crate) nameless: &'a Labels,
    pub(crate) points: &'a VecDeque<Point>,
}

/// Which series it was: for whoever writes to the same ones again and again. Once the series is forgotten it means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SeriesId {
    place: usize,
    generation: u64,
}

impl MetricStore {
    /// An empty store.
    #[must_use]
    pub fn new(config: StoreConfig) -> Self {
        Self { config, inner: RwLock::default() }
    }

    /// Adds a sample to the series with these labels, `__name__` included; `at` is cut to milliseconds. The same sample
    /// twice is fine.
    ///
    /// # Errors
    ///
    /// [`AppendError`] if the series has a newer sample or another one of the same instant, if it is older than the
    /// retention, or if the store is full.
    pub fn append(&self, labels: &Labels, at: Timestamp, value: f64) -> Result<(), AppendError> {
        self.write(labels, at, value.to_bits(), false)
    }

    /// Ends a series: from `at` on an instant query no longer answers its last value, nor one of that very instant. A later
    /// sample begins it anew.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn mark_stale(&self, labels: &Labels, at: Timestamp) -> Result<(), AppendError> {
        self.write(labels, at, STALE_BITS, true)
    }

    /// Like [`append`](Self::append), whether there is room or not: for the few series that tell that there is none.
    pub(crate) fn append_always(
        &self,
        labels: &Labels,
        at: Timestamp,
        value: f64,
    ) -> Result<(), AppendError> {
        self.write(labels, at, value.to_bits(), true)
    }

    fn write(
        &self,
        labels: &Labels,
        at: Timestamp,
        bits: u64,
        always: bool,
    ) -> Result<(), AppendError> {
        let point = Point { at_ms: floor_ms(at), bits };
        self.writer().write(None, labels, point, always).map(drop)
    }

    /// To write many samples, of which readers see all or none.
    pub(crate) fn writer(&self) -> Writer<'_> {
        let stored = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        Writer { config: &self.config, stored, oldest_ms: i64::MAX }
    }

    /// Forgets what is older than the retention at `now`.
    pub fn expire(&self, now: Timestamp) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.expire(floor_ms(now).saturating_sub(as_ms(self.config.retention)));
    }

    /// How many series it holds, ended ones included while they are kept.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.read().series_count()
    }

    /// How many samples it holds, ends of series included.
    #[must_use]
    pub fn sample_count(&self) -> usize {
        self.read().samples
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Stored> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes while nobody reads.
pub(crate) struct Writer<'a> {
    config: &'a StoreConfig,
    stored: RwLockWriteGuard<'a, Stored>,
    /// The oldest instant that was written.
    oldest_ms: i64,
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if self.oldest_ms == i64::MAX {
            return;
        }
        self.stored.writes += 1;
        self.stored.changes.push_back(self.oldest_ms);
        if self.stored.changes.len() > CHANGES_MAX {
            self.stored.changes.pop_front();
        }
    }
}

impl Writer<'_> {
    /// As [`MetricStore::append`], to the series that `known` was when it was last written to, or else to that of `labels`.
    pub(crate) fn append(
        &mut self,
        known: Option<SeriesId>,
        labels: &Labels,
        at: Timestamp,
        value: f64,
    ) -> Result<SeriesId, AppendError> {
        self.write(known, labels, Point { at_ms: floor_ms(at), bits: value.to_bits() }, false)
    }

    /// As [`MetricStore::mark_stale`].
    pub(crate) fn mark_stale(&mut self, labels: &Labels, at: Timestamp) -> Result<(), AppendError> {
        let point = Point { at_ms: floor_ms(at), bits: STALE_BITS };
        self.write(None, labels, point, true).map(drop)
    }

    fn write(
        &mut self,
        known: Option<SeriesId>,
        labels: &Labels,
        point: Point,
        always: bool,
    ) -> Result<SeriesId, AppendError> {
        let Self { config, stored, oldest_ms } = self;
        let newest_ms = stored.newest_ms.map_or(point.at_ms, |newest| newest.max(point.at_ms));
        if point.at_ms < newest_ms.saturating_sub(as_ms(config.retention)) {
            return Err(AppendError::TooOld);
        }
        if stored.samples >= config.samples_max && !always {
            return Err(AppendError::Full { limit: config.samples_max, unit: "samples" });
        }
        let id = match known.filter(|id| stored.has(*id)).or_else(|| stored.find(labels)) {
            Some(id) => id,
            None if stored.series_count() >= config.series_max && !always => {
                return Err(AppendError::Full { limit: config.series_max, unit: "series" });
            }
            None => stored.begin(labels),
        };
        *oldest_ms = point.at_ms.min(*oldest_ms);
        let points = &mut stored.places[id.place].points;
        match points.back_mut() {
            Some(last) if *last == point => return Ok(id),
            // What was written at this instant is taken back: half a scrape is none.
            Some(last) if last.at_ms == point.at_ms && point.value().is_none() => {
                *last = point;
                return Ok(id);
            }
            Some(last) if last.at_ms >= point.at_ms => return Err(AppendError::OutOfOrder),
            _ => points.push_back(point),
        }
        stored.samples += 1;
        stored.newest_ms = Some(newest_ms);
        Ok(id)
    }
}

impl Stored {
    fn series_count(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// How often it was written to.
    pub(crate) fn writes(&self) -> u64 {
        self.writes
    }

    /// The first instant of which it may hold something else than after `writes`; none if it holds the same.
    pub(crate) fn changed_since(&self, writes: u64) -> Option<i64> {
        let newer = usize::try_from(self.writes.saturating_sub(writes)).unwrap_or(usize::MAX);
        match self.changes.len().checked_sub(newer) {
            Some(known) => self.changes.range(known..).copied().min(),
            None => Some(i64::MIN),
        }
    }

    fn id(&self, place: usize) -> SeriesId {
        SeriesId { place, generation: self.places[place].generation }
    }

    fn has(&self, id: SeriesId) -> bool {
        self.places.get(id.place).is_some_and(|it| it.generation == id.generation)
    }

    fn find(&self, labels: &Labels) -> Option<SeriesId> {
        let metric = self.metrics.get(labels.get("__name__").unwrap_or_default())?;
        metric.get(labels).map(|place| self.id(*place))
    }

    fn begin(&mut self, labels: &Labels) -> SeriesId {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            self.places.len() - 1
        });
        self.places[place].nameless = labels.filtered(|name| name != "__name__");
        let name = labels.get("__name__").unwrap_or_default().to_owned();
        self.metrics.entry(name).or_default().insert(labels.clone(), place);
        self.id(place)
    }

    fn expire(&mut self, oldest_ms: i64) {
        let Self { metrics, places, free, samples, .. } = self;
        metrics.retain(|_, metric| {
            metric.retain(|_, &mut place| {
                let Place { points, generation, .. } = &mut places[place];
                let old = points.partition_point(|point| point.at_ms < oldest_ms);
                points.drain(..old);
                *samples -= old;
                let gone = points.is_empty();
                if gone {
                    *generation += 1;
                    free.push(place);
                }
                !gone
            });
            !metric.is_empty()
        });
    }

    /// The series of a metric, or of all, by metric and labels.
    pub(crate) fn series<'a>(
        &'a self,
        metric: Option<&str>,
    ) -> impl Iterator<Item = StoredSeries<'a>> + use<'a> {
        let named = metric.and_then(|name| self.metrics.get(name));
        let all = metric.is_none().then(|| self.metrics.values()).into_iter().flatten();
        let series = named.into_iter().chain(all).flatten();
        series.map(|(labels, place)| {
            let Place { nameless, points, .. } = &self.places[*place];
            StoredSeries { labels, nameless, points }
        })
    }
}

/// Whole milliseconds since 1970, in which Prometheus counts.
pub(crate) fn floor_ms(at: Timestamp) -> i64 {
    let ms = at.as_nanosecond().div_euclid(1_000_000);
    i64::try_from(ms).expect("a timestamp's milliseconds fit: its range ends in the year 9999")
}

/// The same of a duration, cut at the largest.
pub(crate) fn as_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(name: &str) -> Labels {
        Labels::from_iter([("__name__", name)])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_series_only_grows_at_its_end() {
        let store = MetricStore::new(StoreConfig::default());
        let up = labels("up");
        assert_eq!(store.append(&up, at(10), 1.0), Ok(()));
        assert_eq!(store.append(&up, at(10), 1.0), Ok(()), "the same again");
        assert_eq!(store.append(&up, at(10), 0.0), Err(AppendError::OutOfOrder));
        assert_eq!(store.append(&up, at(9), 1.0), Err(AppendError::OutOfOrder));
        assert_eq!((store.series_count(), store.sample_count()), (1, 1));
    }

    #[test]
    fn limits_hold_and_the_store_can_still_say_so() {
        let config = StoreConfig { series_max: 2, samples_max: 3, ..StoreConfig::default() };
        let store = MetricStore::new(config);
        store.append(&labels("a"), at(0), 1.0).unwrap();
        store.append(&labels("b"), at(0), 1.0).unwrap();
        let full = store.append(&labels("c"), at(0), 1.0).unwrap_err();
        assert_eq!(full, AppendError::Full { limit: 2, unit: "series" });
        store.append(&labels("a"), at(1), 1.0).unwrap();
        let full = store.append(&labels("a"), at(2), 1.0).unwrap_err();
        assert_eq!(full, AppendError::Full { limit: 3, unit: "samples" });
        assert_eq!(store.append_always(&labels("up"), at(2), 0.0), Ok(()));
    }

    #[test]
    fn what_is_old_goes_and_makes_room() {
        let retention = Duration::from_secs(60);
        let store = MetricStore::new(StoreConfig { retention, ..StoreConfig::default() });
        for second in 0..=90 {
            store.append(&labels("a"), at(second), 1.0).unwrap();
        }
        store.append(&labels("b"), at(30), 1.0).unwrap();
        assert_eq!(store.append(&labels("c"), at(29), 1.0), Err(AppendError::TooOld));
        store.expire(at(91));
        assert_eq!((store.series_count(), store.sample_count()), (1, 60));
    }

    #[test]
    fn who_knows_a_series_that_is_forgotten_writes_to_the_one_of_its_labels() {
        let retention = Duration::from_secs(60);
        let store = MetricStore::new(StoreConfig { retention, ..StoreConfig::default() });
        let a = store.writer().append(None, &labels("a"), at(0), 1.0).unwrap();
        assert_eq!(store.writer().append(Some(a), &labels("a"), at(1), 2.0), Ok(a));
        store.expire(at(90));
        let b = store.writer().append(None, &labels("b"), at(90), 3.0).unwrap();
        assert_eq!((a.place, store.series_count()), (b.place, 1), "its place is taken");
        let again = store.writer().append(Some(a), &labels("a"), at(90), 4.0).unwrap();
        assert_ne!(again, b);
        assert_eq!((store.series_count(), store.sample_count()), (2, 2));
    }

    #[test]
    fn a_mark_is_no_value() {
        let store = MetricStore::new(StoreConfig::default());
        store.append(&labels("a"), at(0), f64::NAN).unwrap();
        store.mark_stale(&labels("a"), at(1)).unwrap();
        let read = store.read();
        let points = read.series(Some("a")).next().unwrap().points;
        assert!(points[0].value().unwrap().is_nan());
        assert_eq!(points[1].value(), None);
    }

    #[test]
    fn a_mark_takes_back_what_was_written_at_its_instant() {
        let store = MetricStore::new(StoreConfig::default());
        store.append(&labels("a"), at(0), 1.0).unwrap();
        store.mark_stale(&labels("a"), at(0)).unwrap();
        assert_eq!(store.mark_stale(&labels("a"), at(-1)), Err(AppendError::OutOfOrder));
        let read = store.read();
        let points = read.series(Some("a")).next().unwrap().points;
        assert_eq!((points.len(), points[0].value()), (1, None));
    }

    #[test]
    fn milliseconds_are_cut_downwards() {
        assert_eq!(floor_ms(Timestamp::from_nanosecond(1_999_999).unwrap()), 1);
        assert_eq!(floor_ms(Timestamp::from_nanosecond(-1).unwrap()), -1);
        assert!(floor_ms(Timestamp::MIN) < 0 && floor_ms(Timestamp::MAX) > 0);
    }
}
