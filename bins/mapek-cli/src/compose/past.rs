//! The loop over the past: as configured, but that it may only watch.

use std::sync::Arc;

use mapek::{
    Cycle, MemoryCheckpoint, Seed, SeededIds,
    execute::Rails,
    knowledge::{Knowledge, MemoryKnowledge},
    model::Query,
    monitor::{MetricSource, PrometheusConfig, PrometheusSource, selectors},
    store::MemoryStore,
};
use mapek_eval::backtest::Past;

use super::{BuildError, Outside, System, Tls, builder, monitor_config, settings};
use crate::config::{Config, RailsProfile};

/// How long an answer about a whole span may take, at least: more than one about a moment.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// What random numbers come from. Nothing in a cycle is random yet but ids; another run of the same past is to have the same.
const SEED: Seed = Seed(0);

/// The Prometheus that is asked for its past.
pub(crate) fn recorded(config: &Config) -> Result<Arc<dyn MetricSource>, BuildError> {
    let tls = Tls::new(super::system_clock().now());
    let patience = config.monitor.read_deadline.max(PATIENCE);
    let client = tls.http_client("monitor.tls", &config.monitor.tls, patience)?;
    let source = PrometheusConfig::at(config.monitor.prometheus_url.clone());
    let source = PrometheusSource::try_new(client, source)
        .map_err(BuildError::of("the Prometheus client"))?;
    Ok(Arc::new(source))
}

/// What answers wherever there is a record of what the configuration looks at: the series behind its rules. What an expression puts in
/// the place of those that are missing is no record.
pub(crate) fn present(config: &Config) -> Result<Vec<Query>, BuildError> {
    let monitor = monitor_config(config)?;
    let rules = monitor.rules.into_iter().flat_map(|rule| match selectors(&rule.promql) {
        Some(series) => series.into_iter().map(|it| it.query).collect(),
        None => vec![rule.promql],
    });
    Ok(monitor.up.into_iter().chain(rules).collect())
}

/// Puts the loop of `config` over `past`, every kind of action at autonomy *observe*, with all that it remembers in memory; and beside it
/// the rails that the configuration asks for.
pub(crate) fn replaying(config: &Config, past: &Past) -> Result<(Cycle, Rails), BuildError> {
    let rails = Rails::new(&settings::execute_config(config, false).rails);
    let mut watching = config.clone();
    watching.execute.rails.profile = RailsProfile::Observe;
    let memory = Arc::new(MemoryKnowledge::new(Default::default()));
    let outside = Outside {
        clock: Arc::new(past.clock()),
        ids: Arc::new(SeededIds::new(SEED)),
        seed: Some(SEED),
        system: System { element: past.element(), effector: past.effector() },
        metrics: past.metrics(),
        feed: past.feed(),
        silences: None,
        inbox: None,
        store: Arc::new(MemoryStore::new()),
        knowledge: Knowledge::over(memory, settings::knowledge_config(config)),
        checkpoint: Arc::new(MemoryCheckpoint::default()),
        on_disk: false,
    };
    let (builder, _) = builder(&watching, outside)?;
    Ok((builder.build_cycle().map_err(BuildError::of("the loop"))?, rails))
}
