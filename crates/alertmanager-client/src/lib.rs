//! Alertmanager: its webhook payload, a webhook receiver, its API v2, and routing by its own matchers.
//!
//! Wire types, matchers, [`Router`] and [`InMemoryAlertmanager`] need neither a network nor a runtime. Built for and tested with
//! Alertmanager 0.25, 0.28 and 0.33. API v1 is gone since 0.27 and not spoken.
//!
//! ```
//! use alertmanager_client::{Alert, Notification, Router, handler_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let notification = Notification::parse(br#"{"version": "4", "receiver": "loop", "alerts": [{
//!     "status": "firing",
//!     "labels": {"alertname": "ValidationLatencySLA", "severity": "warning"},
//!     "startsAt": "2026-11-20T10:00:00.123456789Z",
//!     "endsAt": "0001-01-01T00:00:00Z"
//! }]}"#)?;
//!
//! let router = Router::new()
//!     .route("page", r#"severity="critical""#.parse()?, handler_fn(|_| async { Err("nobody is up".into()) }))
//!     .default_handler(handler_fn(|alert: Alert| async move {
//!         println!("{} {}", alert.status, alert.dedupe_key());
//!         Ok(())
//!     }));
//! assert_eq!(router.dispatch(&notification).await.processed, 1);
//! # Ok::<_, alertmanager_client::BoxError>(()) })?;
//! # Ok::<_, alertmanager_client::BoxError>(())
//! ```
//!
//! # What to know about Alertmanager's webhook
//!
//! - Delivery is at least once, and the whole group is sent each time. Tell repetitions by [`DedupeKey`], never by the
//!   group key. An alert's start may move: [`DedupeKey::sequel`] tells a new incident from an old one seen better.
//! - A firing group may hold resolved alerts. Each alert has its own [`AlertStatus`].
//! - *Resolved* is not proof of health, and does not always come. [`Notification::is_complete`] tells whether
//!   absence means anything at all; the state itself is in [`AlertmanagerApi::alerts`].
//! - Any text may stand in names, values and links. [`Alert::generator_link`] gives only what a browser may follow.
//! - Alertmanager forgets what was answered with 2xx: an [`Intake`] says `Ok` only when a delivery is durable.
//!
//! # Feature flags
//!
//! - **`http`** (default): `HttpAlertmanager`, API v2 through a `reqwest::Client` that is handed in.
//! - **`receiver`** (default): `WebhookService`, a tower service, and `WebhookServer`, which serves it on hyper.
//! - **`mock`**: mocks of the seams, for mockall.
mod labels;
mod wire;

mod dedupe;
mod notification;
mod parse;

mod matcher;

mod handler;
mod intake;
mod panic;
mod router;

mod alert;
mod api;
mod error;
mod silence;
mod status;

mod config;
#[cfg(feature = "http")]
mod http_api;
mod memory;
#[cfg(feature = "receiver")]
mod receiver;

pub use async_trait::async_trait;

pub use alert::{AlertFilter, AlertState, AlertStateKind, GettableAlert, PostableAlert, Receiver};
pub use api::AlertmanagerApi;
pub use config::{Auth, Backend, Config};
pub use dedupe::{DedupeKey, Sequel};
pub use error::Error;
pub use handler::{AlertHandler, HandlerFn, handler_fn};
#[cfg(feature = "http")]
pub use http_api::HttpAlertmanager;
pub use intake::{BoxError, Delivery, Intake, IntakeError};
pub use labels::{ALERTNAME, Labels};
pub use matcher::{MatchOp, Matcher, MatcherError, Matchers, SilenceMatcher};
pub use memory::InMemoryAlertmanager;
pub use notification::{Alert, AlertStatus, Notification};
pub use parse::{Limits, ParseError};
#[cfg(feature = "receiver")]
pub use receiver::{
    ServerConfig, ServerError, WebhookConfig, WebhookCounts, WebhookServer, WebhookService,
};
pub use router::{HandlerFailure, Router, RouterCounts, RoutingReport};
pub use silence::{
    PostableSilence, Silence, SilenceId, SilenceIdError, SilenceState, SilenceStatus,
};
pub use status::{ClusterStatus, ConfigText, Peer, Status, VersionInfo};

#[cfg(any(test, feature = "mock"))]
pub use {api::MockAlertmanagerApi, handler::MockAlertHandler, intake::MockIntake};
