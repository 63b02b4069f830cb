//! What a world is made of.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use charter_sim::PlantConfig;
use mapek::{
    FileCheckpoint, Loop, RandomIds, SystemClock, knowledge,
    monitor::{PrometheusConfig, PrometheusSource},
    plan::Planner,
    store::SqliteStore,
};
use mapek_cli::{Config, Outside, System};
use mapek_testkit::{Alertmanager, AlertmanagerBuilder, Prometheus, PrometheusBuilder};
use serde_json::json;

/// The alert rules.
const RULES: &str = include_str!("../../fixtures/rules/charter.yml");

/// What a test chooses about its world.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The managed system.
    pub(crate) plant: PlantConfig,
    /// How often the loop looks by itself.
    pub(crate) interval: Duration,
    /// Whether there is an Alertmanager.
    pub(crate) alerts: bool,
    /// After how long Alertmanager says again what has not changed.
    pub(crate) repeat: Duration,
    /// How much quicker than usual remedies show.
    pub(crate) pace: f64,
    /// Where Prometheus reads from, besides its own storage.
    pub(crate) remote_read: Option<String>,
}

impl Default for Setup {
    /// A quick plant, looked at every second, without alerts.
    fn default() -> Self {
        let plant = PlantConfig {
            warm_up_s: 1.0,
            boot_s: 0.5,
            detection_s: 0.5,
            approval_s: 0.2,
            propagation_s: 0.5,
            latency_window_s: 3.0,
            rate_window_s: 2.0,
            // Short enough for nobody to wait until the client has gone: what is too much fails, and the rest is served.
            queue_limit: 100,
            ..PlantConfig::default()
        };
        Self {
            plant,
            interval: Duration::from_secs(1),
            alerts: false,
            repeat: Duration::from_secs(4 * 3600),
            pace: 0.2,
            remote_read: None,
        }
    }
}

/// Where everything is.
pub(super) struct Places<'a> {
    pub(super) charter: String,
    pub(super) prometheus: String,
    pub(super) alertmanager: Option<String>,
    pub(super) api: SocketAddr,
    pub(super) webhook: SocketAddr,
    pub(super) directory: &'a Path,
}

impl Setup {
    pub(super) fn alertmanager(&self, webhook: SocketAddr) -> Option<AlertmanagerBuilder> {
        let url = format!("http://{webhook}/webhooks/alerts");
        self.alerts.then(|| {
            Alertmanager::builder().webhook(url).group_by(["team"]).repeat_interval(self.repeat)
        })
    }

    pub(super) fn prometheus(
        &self,
        charter: SocketAddr,
        api: SocketAddr,
        alertmanager: Option<&Alertmanager>,
    ) -> PrometheusBuilder {
        let mut builder = Prometheus::builder().scrape("charter", [charter]);
        if let Some(alertmanager) = alertmanager {
            builder = builder.rules("charter", RULES).alertmanager(alertmanager.url());
            builder = builder.scrape("mapek", [api]);
        }
        if let Some(url) = &self.remote_read {
            builder = builder.remote_read(url);
        }
        builder
    }

    /// The file that the loop reads. JSON is YAML.
    pub(super) fn config(&self, places: Places<'_>) -> String {
        let seconds = |duration: Duration| format!("{}s", duration.as_secs());
        let alertmanager = places.alertmanager.map_or_else(
            || json!({"enabled": false}),
            // It starts with the world, and is told of alerts within a second.
            |url| json!({"url": url, "webhook_port": places.webhook.port(), "startup_grace": "3s"}),
        );
        json!({
            "orchestrator": {"loop_interval": seconds(self.interval)},
            "monitor": {
                "prometheus_url": places.prometheus,
                // Twice the truth, for machines that are busy.
                "scrape_interval": "2s",
                "read_deadline": "2s",
                "alerts": {"EnforcementFailing": "high-failure-rate"},
            },
            "plan": {"min_violations": 1, "pace": self.pace},
            "execute": {
                "charter_url": places.charter,
                "state_dir": places.directory.join("state"),
                "rails": {"profile": "auto"},
            },
            "knowledge": {"sqlite_path": super::knowledge_file(places.directory)},
            "alertmanager": alertmanager,
            "api": {"port": places.api.port()},
        })
        .to_string()
    }
}

/// The loop as another program embeds it: with strategies of its own.
pub(super) fn embedded(
    config: &Config,
    prometheus: &str,
    directory: &Path,
    planner: Planner,
) -> Loop {
    let clock = Arc::new(SystemClock::new());
    let source = PrometheusConfig::at(prometheus);
    let source = PrometheusSource::try_new(reqwest::Client::new(), source).unwrap();
    let state = directory.join("state");
    std::fs::create_dir_all(&state).unwrap();
    let sqlite_path = super::knowledge_file(directory);
    let knowledge = knowledge::Config { sqlite_path, ..knowledge::Config::default() };
    let outside = Outside {
        system: System::charter(mapek_cli::charter(config, clock.as_ref()).unwrap().api()),
        clock,
        ids: Arc::new(RandomIds),
        seed: None,
        metrics: Arc::new(source),
        feed: None,
        silences: None,
        inbox: None,
        store: Arc::new(SqliteStore::open(state.join("journal.db")).unwrap()),
        knowledge: knowledge.build().unwrap(),
        checkpoint: Arc::new(FileCheckpoint::in_directory(&state)),
        on_disk: true,
    };
    let (builder, _) = mapek_cli::builder(config, outside).unwrap();
    builder.planner(planner).build().unwrap()
}
