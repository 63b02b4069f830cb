//! REST API, web console and metrics endpoint of the loop, as a mountable router.
//!
//! [`router`] answers what a loop is at, from the snapshots that it publishes: no request ever waits for a cycle. With a
//! [`LoopHandle`](mapek_loop::LoopHandle) it also does what people ask for, in their name, as far as their [`Role`] goes; [`Access`] says who
//! they are. It is an axum `Router`, so any service can nest it; [`Server`] serves it, or any other router,
//! with limits on everything that a stranger can send. [`Metrics`] is what the loop says about itself in numbers, fed
//! cycle by cycle by a [`MetricsRecorder`].
//!
//! ```
//! use std::sync::Arc;
//!
//! use mapek_loop::LoopState;
//! use mapek_model::TargetId;
//! use mapek_server::{Metrics, Options, Server, router};
//! use tokio::sync::watch;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), mapek_server::Error> {
//! // `LoopHandle::watch` gives this; a loop that has not begun looks so.
//! let (_loop, state) = watch::channel(Arc::new(LoopState::new(TargetId::default())));
//!
//! let metrics = Metrics::new();
//! tokio::spawn(metrics.recorder().follow(state.clone()));
//!
//! let server = Server::bind("127.0.0.1:0".parse().expect("an address")).await?;
//! println!("http://{}/api/v1/status", server.local_addr());
//! let api = router(state, Options { metrics: Some(metrics), ..Options::default() });
//! server.serve(api, async { /* until a signal comes, say */ }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! With feature `console` the same router serves pages for people at `/`, from the same snapshots and by the same rules.
//!
//! The routes are in `docs/api.md`, the metrics in `docs/metrics.md`; tests hold both documents to the code.
//!
//! # Guarantees
//!
//! - What labels, descriptions and reasons say is only ever encoded, as JSON or as a label value: it cannot become
//!   markup, a header or another metric.
//! - Nothing is changed but by `POST`, by somebody who is known and has the role that [`ROUTES`] asks for.
//! - A request is bounded in size, time and number before a handler sees it.
//!
//! # Feature flags
//!
//! - **`console`**: the web console. Without it there are no pages, no cookies and no sessions.
mod error;

mod access;
mod api;
#[cfg(feature = "console")]
mod console;
mod metrics;
mod server;

pub use access::{
    Access, Credential, Identities, Identity, InvalidIdentities, InvalidPerson, InvalidRole,
    InvalidToken, Needs, Person, Proof, Rate, Role, Token, TokenHash,
};
pub use api::{Options, ROUTES, Route, metrics_router, router, webhook_router};
#[cfg(feature = "console")]
pub use console::extra;
pub use error::Error;
#[doc(no_inline)]
pub use mapek_tls::ServerTls as Tls;
pub use metrics::{ClientTimer, EventCounter, Metrics, MetricsRecorder, NotificationCounter};
pub use server::{Server, ServerConfig};
