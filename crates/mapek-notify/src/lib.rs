//! Tells people what the loop needs them for.
//!
//! A [`Notifier`] follows the states that a loop publishes, and tells what is so by [`Channel`]s: webhooks, chats, alerts. It is
//! *level-triggered* as the loop is: there is no queue of messages. Each channel has a [`Book`] of what it was told, and before each message it
//! is compared with what is so now. Who was away for a night hears in the morning what still is, and not what was; memory is
//! bounded however long a receiver is gone; and nothing that happens here can hold up a cycle.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mapek_loop::{LoopState, SystemClock};
//! use mapek_model::TargetId;
//! use mapek_notify::{Channel, Failed, Notice, Notifier, async_trait};
//! use tokio::sync::watch;
//! use tokio_util::sync::CancellationToken;
//!
//! #[derive(Debug)]
//! struct Pager;
//!
//! #[async_trait]
//! impl Channel for Pager {
//!     async fn tell(&self, notice: &Notice) -> Result<(), Failed> {
//!         println!("{}: {}", notice.title, notice.text);
//!         Ok(())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! // `LoopHandle::watch` gives this.
//! let (_loop, states) = watch::channel(Arc::new(LoopState::new(TargetId::default())));
//! let notifier = Notifier::new(Arc::new(SystemClock::new())).channel("pager".parse()?, Arc::new(Pager));
//! let stop = CancellationToken::new();
//! # stop.cancel();
//! notifier.follow(states, stop).await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! - What needs an operator is told first, and again after each start; nothing else that was told is told again but at
//!   [`Config::repeat_interval`], while it lasts.
//! - What is told was so when the message was made.
//! - At most so many messages a minute of one kind; the next one says how many others it stands for.
//! - What stands in labels, reasons and errors stays a text: [`defused`] for chats, encoded for JSON.
//!
//! # Feature flags
//!
//! - **`http`**: `Webhook` and `Chat`, through a `reqwest::Client`, and heartbeats.
//! - **`alertmanager`**: alerts, posted to Alertmanager and kept firing.
//! - **`schemars`**: the JSON Schema of a [`Notice`].
mod condition;
mod kind;

mod book;
mod notice;

mod template;
mod text;

mod channel;
mod memory;
mod meter;

mod pace;
mod teller;

#[cfg(feature = "alertmanager")]
mod alerts;
#[cfg(feature = "http")]
mod heartbeat;
#[cfg(feature = "http")]
mod http;

mod config;
mod notifier;

#[cfg(test)]
mod fixture;

pub use async_trait::async_trait;

#[cfg(feature = "alertmanager")]
pub use alerts::Alerts;
pub use book::{Book, Due};
pub use channel::{Channel, ChannelName, Failed, InvalidChannelName};
pub use condition::{Condition, conditions};
pub use config::Config;
#[cfg(feature = "http")]
pub use heartbeat::Heartbeat;
#[cfg(feature = "http")]
pub use http::{Address, Chat, InvalidAddress, Webhook};
pub use kind::Kind;
pub use memory::{FileMemory, InMemory, Memory, MemoryError};
pub use meter::{Meter, Told};
pub use notice::{Notice, Phase};
pub use notifier::Notifier;
pub use template::{InvalidTemplate, Template};
pub use text::defused;
