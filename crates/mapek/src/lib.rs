//! A MAPE-K control loop for systems that are watched by Prometheus and Alertmanager.
//!
//! It sees violations (Monitor), finds their cause (Analyze), chooses the remedy that is most likely to pay (Plan), applies it
//! as a transaction that can be undone and checks on fresh metrics whether it helped (Execute), and learns from the answer
//! (Knowledge). This crate re-exports the stages and names features; it has no logic. Each stage is a crate of its own.
//!
//! ```
//! use mapek::{
//!     analyze::{AnalyzeConfig, Analyzer},
//!     execute::{Config, Executor, Rails, RailsConfig},
//!     knowledge::{Knowledge, MemoryKnowledge},
//!     monitor::{Monitor, MonitorConfig},
//!     plan::Catalogue,
//!     store::MemoryStore,
//!     Loop,
//! };
//! use std::{collections::BTreeMap, sync::Arc};
//!
//! let rails = Rails::new(&RailsConfig::default());
//! let config = Config { state_dir: None, ..Config::default() };
//! let (executor, _) = Executor::open(config, rails, Arc::new(MemoryStore::new()), BTreeMap::new())?;
//! let knowledge = Arc::new(MemoryKnowledge::new(Default::default()));
//! let looped = Loop::builder()
//!     .monitor(Monitor::builder(MonitorConfig { up: None, ..MonitorConfig::default() }).build()?)
//!     .analyzer(Analyzer::try_new(AnalyzeConfig::default())?)
//!     .planner(mapek::plan::Config::default().build(Catalogue::new())?)
//!     .executor(executor)
//!     .knowledge(Knowledge::over(knowledge, Default::default()))
//!     .build()?;
//! assert_eq!(looped.handle().state().target.as_str(), "default");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Feature flags
//!
//! - **`prometheus`** (default): metrics from a Prometheus server.
//! - **`alertmanager`** (default): alerts from Alertmanager, its client and its webhook.
//! - **`sqlite`** (default): journal and knowledge in SQLite files.
//! - **`charter`**: Charter as the managed system.
//! - **`scrape`**: the embedded metric source, for where there is no Prometheus.
//! - **`server`**: the REST API as a router to mount.
//! - **`notify`**: messages to people, by webhooks, chats and alerts.
//! - **`tls`**: TLS from files that change while they are used, for servers and clients.
//! - **`schemars`**: what is written in files and sent can tell its JSON Schema.
pub use mapek_analyze as analyze;
pub use mapek_execute as execute;
pub use mapek_knowledge as knowledge;
pub use mapek_model as model;
pub use mapek_monitor as monitor;
pub use mapek_plan as plan;
pub use mapek_signal as signal;
pub use mapek_store as store;

#[doc(no_inline)]
pub use mapek_loop::{
    Builder, Checkpoint, CheckpointError, Chronicle, Clock, Cycle, CycleReport, Decided, Deciders,
    Difference, Error, FileCheckpoint, IdSource, Loop, LoopConfig, LoopHandle, LoopState,
    ManualClock, MemoryCheckpoint, NoPlanning, Obstacle, Progress, RandomIds, Recalled, Replay,
    Retold, Seed, SeededIds, Seen, Statistics, SystemClock, Thought, Timings, Unready, WakeReason,
    Waker,
};

#[cfg(feature = "alertmanager")]
pub use alertmanager_client as alertmanager;
#[cfg(feature = "charter")]
pub use charter_client as charter;
#[cfg(feature = "notify")]
pub use mapek_notify as notify;
#[cfg(feature = "scrape")]
pub use mapek_scrape as scrape;
#[cfg(feature = "server")]
pub use mapek_server as server;
#[cfg(feature = "tls")]
pub use mapek_tls as tls;
