//! Metrics and alerts in, an observation out.
//!
//! A [`Monitor`] reads all sources for one instant and says what is going on: which expectations are breached, since when, who
//! sees it, and how far the evidence can be trusted. The seams are a [`MetricSource`], which answers PromQL, an [`AlertFeed`],
//! which lists the alerts that fire, an [`AlertInbox`], which keeps what webhooks brought, and a [`ManagedElement`], which says
//! what the managed system holds against itself.
//!
//! ```
//! use mapek_monitor::{Monitor, MonitorConfig};
//!
//! // Nobody to ask, nothing to see.
//! let monitor = Monitor::builder(MonitorConfig::default()).build()?;
//! assert_eq!(monitor.target().as_str(), "default");
//! # Ok::<(), mapek_monitor::Error>(())
//! ```
//!
//! # Feature flags
//!
//! - **`prometheus`** (default): `PrometheusSource`, metrics from a Prometheus server.
//! - **`promql`** (with `prometheus`): `selectors`, the raw series that a PromQL expression is made of.
//! - **`alertmanager`** (default): `AlertmanagerFeed`, and the inboxes as receivers of its webhooks.
//! - **`charter`**: `CharterElement`, violations and inventory from Charter, and the known rules on its metrics.
//! - **`mock`**: mocks of the seams, for mockall.
mod config;
mod error;

mod breach;
mod element;
mod feed;
mod inbox;
mod silences;
mod source;

mod alerts;
mod episode;
mod learned;
mod monitor;
mod read;

#[cfg(feature = "alertmanager")]
mod alertmanager;
#[cfg(feature = "charter")]
mod charter;
#[cfg(feature = "prometheus")]
mod prometheus;
#[cfg(feature = "promql")]
mod promql;

#[cfg(feature = "alertmanager")]
pub use alertmanager::{AlertmanagerFeed, InboxIntake};
pub use breach::Breach;
#[cfg(feature = "charter")]
pub use charter::{CharterElement, CharterElementConfig};
pub use config::{AlertMapping, AnomalyConfig, Bound, MonitorConfig, RuleConfig, WatchConfig};
pub use element::{ElementReading, ManagedElement};
pub use error::{BoxError, Error};
pub use feed::{AlertFeed, AlertStatus, FeedAlert, FeedAnswer};
#[cfg(feature = "alertmanager")]
pub use inbox::SqliteInbox;
pub use inbox::{AlertBatch, AlertInbox, InboxPosition, MemoryInbox, PendingAlert, Stored};
pub use monitor::{Monitor, MonitorBuilder, MonitorState};
pub use read::{ExpectedReset, Ours};
pub use silences::{Covers, HeardSilence, SilenceFeed};
pub use source::{AlertRule, MetricSource, Selector};

#[cfg(feature = "prometheus")]
pub use prometheus::{PrometheusConfig, PrometheusSource};

#[cfg(feature = "promql")]
pub use promql::selectors;

#[cfg(any(test, feature = "mock"))]
pub use {
    element::MockManagedElement, feed::MockAlertFeed, inbox::MockAlertInbox,
    silences::MockSilenceFeed, source::MockMetricSource,
};
