//! Reads all targets once, at an instant that is handed in.

mod seen;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt, stream};
use mapek_model::{Labels, Timestamp, later};

use crate::{
    AppendError, ConfigError, ExpositionLimits, Format, MetricStore, ScrapeError, Target,
    fetch::Fetcher, target::Origin,
};

/// Most targets of a scraper. Each has series that are written even into a full store.
const TARGETS_MAX: usize = 1_000;
/// Targets that are asked at the same time: enough for a slow one not to matter, too few to use up sockets.
const CONCURRENT_MAX: usize = 16;
/// How far ahead of us the clock of a target may be, as in Prometheus.
const AHEAD_MAX: Duration = Duration::from_secs(10 * 60);
/// Longest scrape over HTTP unless configured; Prometheus's own default.
const TIMEOUT: Duration = Duration::from_secs(10);

use seen::Seen;

type Stopwatch = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Scrapes targets into a [`MetricStore`].
///
/// It has no timer: whoever owns the clock calls [`scrape`](Self::scrape) with the time, on a timer in production and in a
/// loop in simulation. Besides what targets show it writes, like Prometheus, `up` and `scrape_samples_scraped` for each
/// target, and `scrape_duration_seconds` if it was given a stopwatch.
///
/// A series that a target no longer shows ends, and so do all of a target that cannot be scraped: an instant query does
/// not answer them any more. Series with timestamps of their own only end by being old (five minutes), as in Prometheus.
///
/// ```
/// use std::sync::Arc;
/// use mapek_model::{Query, SourceName, Timestamp};
/// use mapek_monitor::MetricSource;
/// use mapek_scrape::{EmbeddedSource, MetricStore, Scraper, StoreConfig, Target};
///
/// # futures_util::future::FutureExt::now_or_never(async {
/// let store = Arc::new(MetricStore::new(StoreConfig::default()));
/// let registry = Target::in_process("loop", "self", || "queue_length 7\n".to_owned());
/// let scraper = Scraper::builder(store.clone()).target(registry).build()?;
///
/// let now = Timestamp::UNIX_EPOCH;
/// assert!(scraper.scrape(now).await.all_up());
///
/// let source = EmbeddedSource::new(SourceName::try_new("embedded")?, store);
/// let answer = source.instant(&Query::try_new("queue_length > 5")?, now).await?;
/// assert_eq!(answer.series[0].labels.get("job"), Some("loop"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap().unwrap();
/// ```
pub struct Scraper {
    store: Arc<MetricStore>,
    fetcher: Option<Fetcher>,
    limits: ExpositionLimits,
    stopwatch: Option<Stopwatch>,
    targets: Vec<Watched>,
}

/// A target, and what it showed last.
struct Watched {
    target: Target,
    labels: Labels,
    seen: Mutex<Seen>,
}

/// What became of one target.
#[derive(Debug)]
#[non_exhaustive]
pub struct TargetReport {
    /// Its label `job`.
    pub job: String,
    /// Its label `instance`.
    pub instance: String,
    /// Samples that it showed.
    pub exposed: usize,
    /// Of those, how many were left out: twice the same series, or out of order, too old or far ahead.
    pub dropped: usize,
    /// Why it is down, if it is.
    pub error: Option<ScrapeError>,
}

/// What became of all targets, in their order.
#[derive(Debug)]
#[non_exhaustive]
pub struct ScrapeReport {
    /// One for each.
    pub targets: Vec<TargetReport>,
}

impl ScrapeReport {
    /// Whether every target could be scraped.
    #[must_use]
    pub fn all_up(&self) -> bool {
        self.targets.iter().all(|target| target.error.is_none())
    }
}

/// What a [`Scraper`] is built from.
#[must_use = "call `build`"]
pub struct ScraperBuilder {
    store: Arc<MetricStore>,
    client: Option<reqwest::Client>,
    timeout: Duration,
    limits: ExpositionLimits,
    stopwatch: Option<Stopwatch>,
    targets: Vec<Target>,
}

impl ScraperBuilder {
    /// The client for targets over HTTP: it brings TLS, credentials and a proxy.
    pub fn client(mut self, client: reqwest::Client) -> Self {
        self.client = Some(client);
        self
    }

    /// How long one target may take over HTTP; 10 s unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How much is read from one target.
    pub fn limits(mut self, limits: ExpositionLimits) -> Self {
        self.limits = limits;
        self
    }

    /// A clock that only ever runs forward, to measure how long scrapes take. Without one there is no
    /// `scrape_duration_seconds`.
    pub fn stopwatch(mut self, elapsed: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.stopwatch = Some(Arc::new(elapsed));
        self
    }

    /// Adds a target.
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// Adds targets.
    pub fn targets(mut self, targets: impl IntoIterator<Item = Target>) -> Self {
        self.targets.extend(targets);
        self
    }

    /// Checks it all.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if there are more than 1000 targets, two with the same labels, one over HTTP without a client, or a
    /// timeout of zero.
    pub fn build(self) -> Result<Scraper, ConfigError> {
        if self.targets.len() > TARGETS_MAX {
            return Err(ConfigError::new("targets", format!("more than {TARGETS_MAX}")));
        }
        if self.timeout.is_zero() {
            return Err(ConfigError::new("timeout", "must not be zero"));
        }
        let mut known = BTreeSet::new();
        for target in &self.targets {
            if matches!(target.origin, Origin::Http(_)) && self.client.is_none() {
                let reason = format!("{} needs an HTTP client", target.instance());
                return Err(ConfigError::new("targets", reason));
            }
            if !known.insert(target.labels()) {
                let reason = format!("{} of job {} twice", target.instance(), target.job());
                return Err(ConfigError::new("targets", reason));
            }
        }
        let fetcher = self.client.map(|client| Fetcher::new(client, self.timeout));
        let watch =
            |target: Target| Watched { labels: target.labels(), target, seen: Mutex::default() };
        let targets = self.targets.into_iter().map(watch).collect();
        let Self { store, limits, stopwatch, .. } = self;
        Ok(Scraper { store, fetcher, limits, stopwatch, targets })
    }
}

impl Scraper {
    /// Begins to build one that writes into `store`.
    pub fn builder(store: Arc<MetricStore>) -> ScraperBuilder {
        ScraperBuilder {
            store,
            client: None,
            timeout: TIMEOUT,
            limits: ExpositionLimits::default(),
            stopwatch: None,
            targets: Vec::new(),
        }
    }

    /// Scrapes all targets once, several at a time, writes what they show as of `at`, and forgets what is too old. A target
    /// that cannot be scraped is down (`up` is 0), and no error.
    ///
    /// Call it again only with a later time, and not while it runs: samples that come out of order are dropped. If the
    /// future is dropped, targets that have answered are written and the others are not.
    pub async fn scrape(&self, at: Timestamp) -> ScrapeReport {
        self.store.expire(at);
        // Boxed before they are streamed: a closure over references, held across the wait, would not be `Send`.
        let scrapes: Vec<_> =
            self.targets.iter().map(|watched| self.scrape_one(watched, at).boxed()).collect();
        let targets = stream::iter(scrapes).buffered(CONCURRENT_MAX).collect().await;
        ScrapeReport { targets }
    }

    async fn scrape_one(&self, watched: &Watched, at: Timestamp) -> TargetReport {
        let began = self.stopwatch.as_ref().map(|elapsed| elapsed());
        let text = self.text(&watched.target).await;
        let mut seen = watched.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let target = &watched.target;
        let mut report = TargetReport {
            job: target.job().to_owned(),
            instance: target.instance().to_owned(),
            exposed: 0,
            dropped: 0,
            error: None,
        };
        let was_down = seen.down;
        let taken = text.and_then(|(text, format)| {
            self.take(&mut seen, &watched.labels, (&text, format), at, &mut report)
        });
        if let Err(error) = taken {
            seen.end_all(&mut self.store.writer(), at);
            report.error = Some(error);
        }
        let took = began
            .zip(self.stopwatch.as_ref())
            .map(|(began, elapsed)| elapsed().saturating_sub(began));
        self.write_health(watched, at, took, &report);
        seen.down = report.error.is_some();
        log_change(was_down, &report);
        report
    }

    async fn text(&self, target: &Target) -> Result<(String, Format), ScrapeError> {
        match (&target.origin, &self.fetcher) {
            (Origin::Process(registry), _) => {
                let text = registry.expose();
                let open = text.trim_end().ends_with("# EOF");
                Ok((text, if open { Format::OpenMetrics } else { Format::Text }))
            }
            (Origin::Http(url), Some(fetcher)) => {
                fetcher.fetch(url.clone(), self.limits.bytes_max).await
            }
            (Origin::Http(_), None) => unreachable!("`build` refuses such targets"),
        }
    }

    /// Writes the samples of a text, and ends the series that it no longer shows.
    fn take(
        &self,
        seen: &mut Seen,
        own: &Labels,
        (text, format): (&str, Format),
        at: Timestamp,
        report: &mut TargetReport,
    ) -> Result<(), ScrapeError> {
        let readings = seen
            .read(own, text, format, &self.limits)
            .map_err(|source| ScrapeError::Exposition { source })?;
        report.exposed = readings.len();
        let mut writer = self.store.writer();
        for reading in readings {
            let time = reading.at.unwrap_or(at);
            if time > later(at, AHEAD_MAX) {
                report.dropped += 1;
                continue;
            }
            match seen.write(&mut writer, &reading, time) {
                Ok(()) => {}
                Err(AppendError::OutOfOrder | AppendError::TooOld) => report.dropped += 1,
                Err(source @ AppendError::Full { .. }) => {
                    return Err(ScrapeError::Store { source });
                }
            }
        }
        seen.end_others(&mut writer, at);
        Ok(())
    }

    fn write_health(
        &self,
        watched: &Watched,
        at: Timestamp,
        took: Option<Duration>,
        report: &TargetReport,
    ) {
        let up = if report.error.is_none() { 1.0 } else { 0.0 };
        let took = took.map(|took| ("scrape_duration_seconds", took.as_secs_f64()));
        let exposed = ("scrape_samples_scraped", report.exposed as f64);
        for (name, value) in [("up", up), exposed].into_iter().chain(took) {
            let mut labels = watched.labels.clone();
            labels.insert("__name__", name);
            // Fails only if the caller's time did not advance, which the contract excludes.
            self.store.append_always(&labels, at, value).ok();
        }
    }
}

/// Says once that a target went down, and once that it is back.
fn log_change(was_down: bool, report: &TargetReport) {
    let (job, instance) = (&report.job, &report.instance);
    match &report.error {
        Some(error) if !was_down => {
            tracing::warn!(%job, %instance, error = error.chain(), "target is down");
        }
        None if was_down => tracing::info!(%job, %instance, "target is up again"),
        _ => {}
    }
}

impl fmt::Debug for Scraper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets: Vec<_> = self.targets.iter().map(|watched| &watched.target).collect();
        f.debug_struct("Scraper").field("targets", &targets).finish_non_exhaustive()
    }
}

impl fmt::Debug for ScraperBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScraperBuilder").field("targets", &self.targets).finish_non_exhaustive()
    }
}
