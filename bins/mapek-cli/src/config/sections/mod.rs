//! The eleven sections.
mod access;
mod check;
mod monitor;
mod notify;
mod orchestrator;
mod secret;
mod service;
mod stages;
mod tls;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use access::{AuthSection, HashEntry, TlsSection, TokenEntry, TokensFile};
pub(crate) use monitor::{MetricEntry, MonitorSection, QueryEntry, ThresholdDirection};
pub(crate) use notify::{WebhookEntry, WebhookFormat};
pub(crate) use orchestrator::{Mode, OrchestratorSection};
pub(crate) use secret::Secret;
pub(crate) use service::{
    AlertmanagerSection, ApiSection, LogFormat, LogLevel, LoggingSection, OtlpSection,
    PerformanceSection, StagingSection,
};
pub(crate) use stages::{
    AlgorithmEntry, AlgorithmName, AnalyzeSection, Database, ExecuteSection, ExecutionMode,
    KnowledgeSection, PlanSection, RailsProfile, VerificationSection, Worse,
};
pub(crate) use tls::ClientTlsSection;

/// The whole file.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The loop itself.
    #[garde(dive)]
    pub(crate) orchestrator: OrchestratorSection,
    /// What is watched.
    #[garde(dive)]
    pub(crate) monitor: MonitorSection,
    /// How causes are found.
    #[garde(dive)]
    pub(crate) analyze: AnalyzeSection,
    /// How plans are chosen.
    #[garde(dive)]
    pub(crate) plan: PlanSection,
    /// How plans are carried out.
    #[garde(dive)]
    pub(crate) execute: ExecuteSection,
    /// What is remembered.
    #[garde(dive)]
    pub(crate) knowledge: KnowledgeSection,
    /// Where alerts come from.
    #[garde(dive)]
    pub(crate) alertmanager: AlertmanagerSection,
    /// What is served.
    #[garde(dive)]
    pub(crate) api: ApiSection,
    /// What is logged.
    #[garde(dive)]
    pub(crate) logging: LoggingSection,
    /// What bounds the work.
    #[garde(dive)]
    pub(crate) performance: PerformanceSection,
    /// What is only for trying things out.
    #[garde(skip)]
    pub(crate) staging: StagingSection,
}

impl Config {
    /// How much is logged.
    pub(crate) fn log_level(&self) -> LogLevel {
        self.orchestrator.log_level.unwrap_or(self.logging.level)
    }
}
