//! The configuration: one YAML file of eleven sections, overridden by the environment.
//!
//! Each section is plain data with defaults; nothing here starts anything. Names and meanings are the ones that users of
//! the loop already know. Unknown keys are refused with file, line, column and the nearest valid name.
mod env;
mod load;
mod render;
mod schema;
mod sections;

#[cfg(test)]
pub(crate) use load::parse;
pub use load::{ConfigError, Loaded, load};
pub(crate) use render::{COMMENTED, effective_json, effective_yaml};
pub(crate) use schema::schema;
pub use sections::Config;
pub(crate) use sections::{
    AlgorithmEntry, AlgorithmName, ClientTlsSection, Database, ExecutionMode, LogFormat, LogLevel,
    MetricEntry, OtlpSection, QueryEntry, RailsProfile, Secret, ThresholdDirection, TlsSection,
    TokenEntry, TokensFile, VerificationSection, WebhookEntry, WebhookFormat, Worse,
};
