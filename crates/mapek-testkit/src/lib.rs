//! What the tests of the workspace run against: real services, and servers that misbehave on purpose.
//!
//! - [`Prometheus`] and [`Alertmanager`] are the real programs, each a child process on a free port with a directory
//!   of its own. They start in about 0.2 s, can be stopped, paused and restarted, and end with the value.
//! - [`Browser`] is Chromium without a screen, steered by chromedriver; axe-core tells whether a page can be read and used by everybody.
//! - [`tool`] finds what is installed below the target directory.
//! - [`FakeTarget`] is something to scrape, [`ScriptedHttp`] answers what a test tells it to, truncated and garbled
//!   bodies included, and [`FaultProxy`] breaks the network between two others.
//! - [`wait_until`] and [`wait_for`] wait for a condition with a deadline, so that no test sleeps and hopes.
//!
//! ```
//! use mapek_testkit::{Reply, ScriptedHttp};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = ScriptedHttp::start().await?;
//! server.push(Reply::json(&serde_json::json!({"status": "success"})).cut_body_after(5));
//!
//! let reply = reqwest::get(server.url("/api/v1/query")).await?;
//! assert_eq!(reply.status(), 200);
//! assert!(reply.text().await.is_err(), "the body ends early");
//! assert_eq!(server.requests()[0].path, "/api/v1/query");
//! # Ok(())
//! # }
//! ```
//!
//! # Caveats
//!
//! Real services live in real time. A test that starts one must not run on a paused tokio clock, where every deadline
//! is over at once.
mod alertmanager;
mod browser;
mod error;
mod fake_target;
mod fault_proxy;
mod history;
mod http_wire;
mod port;
mod prometheus;
mod scripted_http;
mod service;
mod tool;
mod wait;

pub use alertmanager::{Alertmanager, AlertmanagerBuilder};
pub use browser::Browser;
pub use error::{BoxError, Error};
pub use fake_target::FakeTarget;
pub use fault_proxy::{Fault, FaultProxy};
pub use history::History;
pub use http_wire::{Reply, Request};
pub use port::free_port;
pub use prometheus::{Prometheus, PrometheusBuilder};
pub use scripted_http::ScriptedHttp;
pub use tool::tool;
pub use wait::{wait_for, wait_until};
