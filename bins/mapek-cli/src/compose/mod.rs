//! From a configuration to running parts. This is the only place that knows which implementation stands behind a seam.

mod access;
mod charter;
mod notify;
mod past;
mod seat;
mod settings;
mod tls;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use mapek::{
    Builder, Checkpoint, Clock, Deciders, FileCheckpoint, IdSource, Loop, RandomIds, Seed,
    SystemClock, Waker,
    alertmanager::AlertmanagerApi,
    analyze::Analyzer,
    charter::CharterApi,
    execute::{CharterEffector, Effector, Executor, Rails, Recovery},
    knowledge::Knowledge,
    model::{ContentHash, SourceName, canonical_json},
    monitor::{
        AlertFeed, AlertInbox, AlertmanagerFeed, CharterElement, CharterElementConfig,
        ManagedElement, MetricSource, Monitor, PrometheusConfig, PrometheusSource, SilenceFeed,
        SqliteInbox,
    },
    plan::{Planner, charter::CharterStrategies},
    scrape::{EmbeddedSource, MetricStore, Scraper, StoreConfig, Target},
    store::{SqliteStore, Store},
};

pub(crate) use access::{access, api_tls, identities, webhook_access, webhook_tls};
pub(crate) use charter::charter_over;
pub use charter::{Charter, charter};
pub(crate) use notify::notifier;
pub(crate) use past::{present, recorded, replaying};
pub(crate) use seat::seated;
#[cfg(test)]
pub(crate) use seat::seated_over;
pub(crate) use settings::{CHECK_ALERT, analyze_config, monitor_config};
pub(crate) use tls::{Tls, http_client};

use crate::config::Config;

/// How long the API may take with the answer to a command: it answers from memory.
const COMMAND: std::time::Duration = std::time::Duration::from_secs(5);

/// A part cannot be put together.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{what} cannot be set up")]
pub struct BuildError {
    what: String,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
    #[help]
    help: Option<String>,
}

impl BuildError {
    /// What failed, and why.
    pub(crate) fn new(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { what: what.into(), source: source.into(), help: None }
    }

    /// The same, with what to do about it.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// For `map_err`.
    pub(crate) fn of<E>(what: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Self::new(what, source)
    }
}

/// Everything that a loop needs from outside itself. A demo or a test brings its own.
#[derive(Debug)]
pub struct Outside {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub ids: Arc<dyn IdSource>,
    /// What random numbers come from, if that is to be known.
    pub seed: Option<Seed>,
    /// The managed system.
    pub system: System,
    /// Its metrics.
    pub metrics: Arc<dyn MetricSource>,
    /// Alerts that fire.
    pub feed: Option<Arc<dyn AlertFeed>>,
    /// What people asked to be left alone.
    pub silences: Option<Arc<dyn SilenceFeed>>,
    /// Alerts that webhooks brought.
    pub inbox: Option<Arc<dyn AlertInbox>>,
    /// Where the journal is.
    pub store: Arc<dyn Store>,
    /// What is remembered.
    pub knowledge: Knowledge,
    /// What survives a restart besides.
    pub checkpoint: Arc<dyn Checkpoint>,
    /// Whether journal and pause file are on a disk.
    pub on_disk: bool,
}

/// The managed system, as the loop reads it and acts on it.
#[derive(Debug, Clone)]
pub struct System {
    /// What it says of itself.
    pub element: Arc<dyn ManagedElement>,
    /// What is done to it.
    pub effector: Arc<dyn Effector>,
}

impl System {
    /// The Charter behind `api`.
    #[must_use]
    pub fn charter(api: Arc<dyn CharterApi>) -> Self {
        let element = CharterElement::new(Arc::clone(&api), CharterElementConfig::default());
        Self { element: Arc::new(element), effector: Arc::new(CharterEffector::new(api)) }
    }
}

/// What asks Prometheus, or scrapes the targets.
pub(crate) fn prometheus(config: &Config, tls: &Tls) -> Result<reqwest::Client, BuildError> {
    let section = &config.monitor;
    tls.http_client("monitor.tls", &section.tls, section.read_deadline)
}

/// What asks the API of a loop with this configuration.
pub(crate) fn commands(config: &Config, tls: &Tls) -> Result<reqwest::Client, BuildError> {
    tls.http_client("api.client_tls", &config.api.client_tls, COMMAND)
}

/// The metric source that the configuration asks for, and what has to be scraped for it.
pub(crate) fn metrics(
    config: &Config,
    tls: &Tls,
) -> Result<(Arc<dyn MetricSource>, Option<Scraper>), BuildError> {
    let client = prometheus(config, tls)?;
    if config.monitor.targets.is_empty() {
        let source = PrometheusConfig::at(config.monitor.prometheus_url.clone());
        let source = PrometheusSource::try_new(client, source)
            .map_err(BuildError::of("the Prometheus client"))?;
        return Ok((Arc::new(source), None));
    }
    let store = Arc::new(MetricStore::new(StoreConfig::default()));
    let mut scraper = Scraper::builder(Arc::clone(&store)).client(client);
    for target in &config.monitor.targets {
        let job = target.job.as_deref().unwrap_or("charter");
        let target = Target::http(job, &target.url).map_err(BuildError::of("a scrape target"))?;
        scraper = scraper.target(target);
    }
    let scraper = scraper.build().map_err(BuildError::of("the scraper"))?;
    let name = SourceName::try_new("scrape").map_err(BuildError::of("the metric source"))?;
    Ok((Arc::new(EmbeddedSource::new(name, store)), Some(scraper)))
}

/// The client of Alertmanager.
pub(crate) fn alertmanager(
    config: &Config,
    tls: &Tls,
    clock: &dyn Clock,
) -> Result<Arc<dyn AlertmanagerApi>, BuildError> {
    let section = &config.alertmanager.tls;
    let client = tls.http_client("alertmanager.tls", section, config.monitor.read_deadline)?;
    let settings = mapek::alertmanager::Config {
        url: config.alertmanager.url.clone(),
        ..mapek::alertmanager::Config::default()
    };
    settings.build(client, clock.now()).map_err(BuildError::of("the Alertmanager client"))
}

/// The alerts of an Alertmanager, silenced and inhibited ones included.
pub(crate) fn alert_feed(config: &Config, api: Arc<dyn AlertmanagerApi>) -> AlertmanagerFeed {
    AlertmanagerFeed::new(api, mapek::alertmanager::AlertFilter::default())
        .with_grace(config.alertmanager.startup_grace)
}

/// What the configuration asks for, on disk and over the network.
///
/// # Errors
///
/// [`BuildError`] names the part that cannot be set up.
pub(crate) fn outside(
    config: &Config,
    tls: &Tls,
    clock: Arc<dyn Clock>,
    charter: Arc<dyn CharterApi>,
    metrics: Arc<dyn MetricSource>,
) -> Result<(Outside, Option<Arc<SqliteInbox>>), BuildError> {
    let directory = config.execute.state_dir.as_path();
    std::fs::create_dir_all(directory).map_err(|error| {
        BuildError::new(format!("the state directory {}", directory.display()), error)
            .with_help("set execute.state_dir to a directory that can be written")
    })?;
    let open = |name: &str| directory.join(name);
    let store = SqliteStore::open(open("journal.db")).map_err(|error| locked("journal", error))?;
    let (alerts, inbox) = if config.alertmanager.enabled {
        let api = alertmanager(config, tls, clock.as_ref())?;
        let alerts = Arc::new(alert_feed(config, api));
        let inbox = SqliteInbox::open(open("inbox.db"), SqliteInbox::CAPACITY)
            .map_err(|error| locked("inbox", error))?;
        (Some(alerts), Some(Arc::new(inbox)))
    } else {
        (None, None)
    };
    let outside = Outside {
        clock,
        ids: Arc::new(RandomIds),
        seed: None,
        system: System::charter(charter),
        metrics,
        feed: alerts.clone().map(|alerts| alerts as Arc<dyn AlertFeed>),
        silences: alerts.map(|alerts| alerts as Arc<dyn SilenceFeed>),
        inbox: inbox.clone().map(|inbox| inbox as Arc<dyn AlertInbox>),
        store: Arc::new(store),
        knowledge: knowledge(config)?,
        checkpoint: Arc::new(FileCheckpoint::in_directory(directory)),
        on_disk: true,
    };
    Ok((outside, inbox))
}

fn locked(what: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BuildError {
    BuildError::new(format!("the {what}"), error)
        .with_help("is another mapek running on this state directory?")
}

fn knowledge(config: &Config) -> Result<Knowledge, BuildError> {
    let settings = settings::knowledge_config(config);
    if let Some(directory) = settings.sqlite_path.parent().filter(|it| *it != Path::new("")) {
        std::fs::create_dir_all(directory).map_err(BuildError::of("the knowledge directory"))?;
    }
    settings.build().map_err(BuildError::of("knowledge"))
}

/// Puts the loop together.
///
/// # Errors
///
/// [`BuildError`] names the stage whose configuration makes no sense.
pub fn builder(config: &Config, outside: Outside) -> Result<(Builder, Recovery), BuildError> {
    let target = config.orchestrator.target.clone();
    let mut monitor = Monitor::builder(monitor_config(config)?)
        .target(target.clone())
        .metrics(Arc::clone(&outside.metrics))
        .element(outside.system.element);
    if let Some(feed) = outside.feed {
        monitor = monitor.feed(feed);
    }
    if let Some(silences) = outside.silences {
        monitor = monitor.silences(silences);
    }
    if let Some(inbox) = outside.inbox {
        monitor = monitor.inbox(inbox);
    }
    let execute = settings::execute_config(config, outside.on_disk);
    let rails = Rails::new(&execute.rails);
    let effectors = BTreeMap::from([(target, outside.system.effector)]);
    let (executor, recovery) = Executor::open(execute, rails, outside.store, effectors)
        .map_err(BuildError::of("the executor"))?;
    let analyzer = Analyzer::try_new(settings::analyze_config(config))
        .map_err(BuildError::of("the analyzer"))?;
    let planner = planner(config)?;
    let mut builder = Loop::builder()
        .monitor(monitor.build().map_err(BuildError::of("the monitor"))?)
        .analyzer(analyzer)
        .planner(planner)
        .executor(executor)
        .knowledge(outside.knowledge)
        .config(settings::loop_config(config))
        .configuration(document(config)?)
        .clock(outside.clock)
        .ids(outside.ids)
        .checkpoint(outside.checkpoint)
        .waker(Waker::new());
    if let Some(seed) = outside.seed {
        builder = builder.seed(seed);
    }
    Ok((builder, recovery))
}

/// What chooses plans against causes in Charter.
pub(crate) fn planner(config: &Config) -> Result<Planner, BuildError> {
    let strategies = CharterStrategies { pace: config.plan.pace, ..CharterStrategies::default() };
    settings::plan_config(config)
        .build(strategies.catalogue())
        .map_err(BuildError::of("the planner"))
}

/// Who decides by this configuration.
pub(crate) fn deciders(config: &Config) -> Result<Deciders, BuildError> {
    let execute = settings::execute_config(config, false);
    let analyzer = Analyzer::try_new(settings::analyze_config(config))
        .map_err(BuildError::of("the analyzer"))?;
    Ok(Deciders { analyzer, planner: planner(config)?, rails: Rails::new(&execute.rails), execute })
}

/// This configuration as the journal keeps it. Secrets are masked.
fn document(config: &Config) -> Result<Vec<u8>, BuildError> {
    canonical_json(config).map_err(BuildError::of("the configuration as JSON"))
}

/// What the journal calls this configuration.
pub(crate) fn hash(config: &Config) -> Result<ContentHash, BuildError> {
    Ok(ContentHash::of(&document(config)?))
}

/// The system's clock.
pub(crate) fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}
