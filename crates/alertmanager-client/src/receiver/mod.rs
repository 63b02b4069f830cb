//! The webhook: a tower service for those who have a server, and a server for those who have none.

mod answer;
mod body;
mod config;
mod connection;
mod server;
mod service;

pub use config::{WebhookConfig, WebhookCounts};
pub use server::{ServerConfig, ServerError, WebhookServer};
pub use service::WebhookService;
