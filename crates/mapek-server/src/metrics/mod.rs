//! What the loop says about itself in numbers.
//!
//! One registry holds everything, behind one lock: a scrape sees all numbers of a cycle or none of them. Names, labels
//! and meanings are in `docs/metrics.md`.

mod buckets;
mod client;
mod family;
mod recent;
mod recorder;
mod text;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

pub use client::{ClientTimer, EventCounter, NotificationCounter};
pub use recorder::MetricsRecorder;
pub(crate) use text::Format;

use crate::Error;
use family::{Labelled, RealGauge};

/// The loop's own metrics; cheap to clone, and all clones are one.
///
/// Loops are recorded by a [`recorder`](Self::recorder) each, told apart by the label `target`. Other parts of the
/// process count by handles that they are given.
///
/// ```
/// use std::time::Duration;
///
/// use mapek_server::Metrics;
///
/// let metrics = Metrics::new();
/// metrics.alerts_received().add(3);
/// let timer = metrics.client_timer("shop_api_response_duration_seconds", "Time to an answer of the shop")?;
/// timer.observe("list_orders", "200", Duration::from_millis(12));
///
/// let text = metrics.open_metrics();
/// assert!(text.contains("mape_k_alerts_received_total 3"));
/// assert!(text.contains(r#"shop_api_response_duration_seconds_count{call="list_orders",status="200"} 1"#));
/// # Ok::<(), mapek_server::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registered>>,
    families: Families,
}

#[derive(Debug)]
struct Registered {
    registry: Registry,
    /// Names of the client timers, each once.
    timers: Vec<String>,
}

/// All of our families. Clones share their numbers.
#[derive(Debug, Clone)]
struct Families {
    cycles: Labelled<Counter, 2>,
    loop_duration: Labelled<Histogram, 1>,
    stage_duration: Labelled<Histogram, 2>,
    executions: Labelled<Counter, 2>,
    received: Counter,
    processed: Counter,
    violations: Labelled<Gauge, 2>,
    patterns: Labelled<Counter, 2>,
    plans: Labelled<Counter, 2>,
    refusals: Labelled<Counter, 2>,
    needing_operator: Labelled<Gauge, 1>,
    operator_age: Labelled<RealGauge, 1>,
    paused: Labelled<Gauge, 1>,
    quality: Labelled<Gauge, 2>,
    time_to_detect: Labelled<Histogram, 1>,
    time_to_remediate: Labelled<Histogram, 1>,
    outcomes: Labelled<Counter, 3>,
    compliance: Labelled<RealGauge, 1>,
    notifications: Labelled<Counter, 3>,
    telemetry_failed: Labelled<Counter, 1>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Client timers that a process may register: one for each system it calls, with room to spare.
    pub const TIMERS_MAX: usize = 16;

    /// Metrics that have counted nothing.
    #[must_use]
    pub fn new() -> Self {
        let families = Families::new();
        let mut registry = Registry::default();
        families.register(&mut registry);
        let registered = Registered { registry, timers: Vec::new() };
        Self { registry: Arc::new(Mutex::new(registered)), families }
    }

    /// Records one loop. A loop needs one recorder; two of them would count everything twice.
    #[must_use]
    pub fn recorder(&self) -> MetricsRecorder {
        MetricsRecorder::new(self.clone())
    }

    /// Counts alerts that came in by webhook: `mape_k_alerts_received_total`.
    #[must_use]
    pub fn alerts_received(&self) -> EventCounter {
        EventCounter::new(self.families.received.clone())
    }

    /// Counts alerts that were taken out of the inbox and seen by a cycle: `mape_k_alerts_processed_total`.
    #[must_use]
    pub fn alerts_processed(&self) -> EventCounter {
        EventCounter::new(self.families.processed.clone())
    }

    /// Counts messages to people: `mape_k_notifications_total`.
    #[must_use]
    pub fn notifications(&self) -> NotificationCounter {
        NotificationCounter::new(self.families.notifications.clone())
    }

    /// Counts batches that a collector did not take: `mape_k_telemetry_failed_total`; `signal` is `traces` or `logs`.
    #[must_use]
    pub fn telemetry_failed(&self, signal: &str) -> EventCounter {
        EventCounter::new(self.families.telemetry_failed.of([signal]))
    }

    /// Times the calls to another system, as a histogram with the labels `call` and `status`.
    ///
    /// # Errors
    ///
    /// [`Error::Metric`] if `name` is not a metric's name that ends in `_seconds`, is taken, or is one too many, or if
    /// `help` has more than one line.
    pub fn client_timer(&self, name: &str, help: &str) -> Result<ClientTimer, Error> {
        let bad = |why| Error::Metric { name: name.chars().take(80).collect(), why };
        let stem = client::stem(name).map_err(bad)?;
        if help.chars().any(char::is_control) || help.contains('\\') {
            return Err(bad("must have a help text of one line without backslashes"));
        }
        let mut registered = self.lock();
        if registered.timers.iter().any(|taken| taken == name) {
            return Err(bad("is registered already"));
        }
        if registered.timers.len() >= Self::TIMERS_MAX {
            return Err(bad("is one timer too many"));
        }
        let family = Labelled::new(["call", "status"], buckets::calls);
        let (stem, help) = (stem.to_owned(), help.trim_end_matches('.').to_owned());
        registered.registry.register_with_unit(stem, help, Unit::Seconds, family.metric());
        registered.timers.push(name.to_owned());
        Ok(ClientTimer::new(family))
    }

    /// All of them as OpenMetrics 1.0 text.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it cannot")]
    pub fn open_metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.lock().registry)
            .expect("writing to a string does not fail");
        text
    }

    /// All of them in the older text format, version 0.0.4.
    #[must_use]
    pub fn prometheus_text(&self) -> String {
        text::downgrade(&self.open_metrics())
    }

    /// Held while a cycle is taken in, and while the text is made.
    fn lock(&self) -> MutexGuard<'_, Registered> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Families {
    fn new() -> Self {
        Self {
            cycles: Labelled::new(["target", "result"], Counter::default),
            loop_duration: Labelled::new(["target"], buckets::stages),
            stage_duration: Labelled::new(["target", "stage"], buckets::stages),
            executions: Labelled::new(["target", "status"], Counter::default),
            received: Counter::default(),
            processed: Counter::default(),
            violations: Labelled::new(["target", "severity"], Gauge::default),
            patterns: Labelled::new(["target", "kind"], Counter::default),
            plans: Labelled::new(["target", "decision"], Counter::default),
            refusals: Labelled::new(["target", "rail"], Counter::default),
            needing_operator: Labelled::new(["target"], Gauge::default),
            operator_age: Labelled::new(["target"], RealGauge::default),
            paused: Labelled::new(["target"], Gauge::default),
            quality: Labelled::new(["target", "source"], Gauge::default),
            time_to_detect: Labelled::new(["target"], buckets::detection),
            time_to_remediate: Labelled::new(["target"], buckets::remediation),
            outcomes: Labelled::new(["target", "action", "outcome"], Counter::default),
            compliance: Labelled::new(["target"], RealGauge::default),
            notifications: Labelled::new(["channel", "kind", "result"], Counter::default),
            telemetry_failed: Labelled::new(["signal"], Counter::default),
        }
    }

    /// The names, once and for all. The registry adds `_total`, units and full stops.
    fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("mape_k");
        macro_rules! register {
            ($($name:literal, $help:literal => $metric:expr;)+) => {
                $(registry.register($name, $help, $metric);)+
            };
        }
        macro_rules! register_seconds {
            ($($name:literal, $help:literal => $metric:expr;)+) => {
                $(registry.register_with_unit($name, $help, Unit::Seconds, $metric);)+
            };
        }
        register_seconds! {
            "loop_duration", "Time that a whole cycle took" => self.loop_duration.metric();
            "stage_duration", "Time that one stage of a cycle took" => self.stage_duration.metric();
            "needs_operator_age", "How long the oldest execution has waited that only a person can close" =>
                self.operator_age.metric();
            "time_to_detect", "Time from the onset of a violation to the cycle that saw it" =>
                self.time_to_detect.metric();
            "time_to_remediate", "Time from the onset of the first violation that a successful plan explains to its end" =>
                self.time_to_remediate.metric();
        }
        register! {
            "cycles", "Cycles, by whether something went wrong inside the loop itself" => self.cycles.metric();
            "policy_executions", "Executions of plans that ended, by how" => self.executions.metric();
            "alerts_received", "Alerts that came in by webhook" => self.received.clone();
            "alerts_processed", "Alerts of the inbox that a cycle has taken in" => self.processed.clone();
            "violations", "Violations that are open" => self.violations.metric();
            "patterns_detected", "Findings of the detectors, in each cycle" => self.patterns.metric();
            "plans", "Decisions about plans, in each cycle" => self.plans.metric();
            "rail_refusals", "Plans and next steps that a rail refused, in each cycle" => self.refusals.metric();
            "executions_needing_operator", "Executions that only a person can close" =>
                self.needing_operator.metric();
            "paused", "1 if no action is allowed, else 0" => self.paused.metric();
            "evidence_quality", "How far a source can be trusted: 3 fresh, 2 partial, 1 stale, 0 unknown" =>
                self.quality.metric();
            "outcomes", "Outcomes of executions, once for each kind of action in the plan" =>
                self.outcomes.metric();
            "objective_compliance_ratio", "Share of the time without an open warning or critical violation" =>
                self.compliance.metric();
            "notifications", "Messages to people, by what came of them" => self.notifications.metric();
            "telemetry_failed", "Batches of spans, or of records of the log, that the collector did not take" =>
                self.telemetry_failed.metric();
        }
    }
}
