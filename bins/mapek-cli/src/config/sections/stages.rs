//! Sections `analyze`, `plan`, `execute` and `knowledge`.

use std::{collections::BTreeMap, path::PathBuf};

use garde::Validate;
use mapek::{
    execute::{BlastRadiusConfig, CalendarConfig, OthersConfig, Retention},
    model::{ActionKind, Cost, Duration, Expectation, Verification, duration},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Secret,
    check::{
        at_least_a_second, at_least_an_hour, countable, http_url, optional_at_least_a_second,
        some_of_it,
    },
    tls::ClientTlsSection,
};

/// The four detectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AlgorithmName {
    /// Many in a short time.
    Temporal,
    /// Many in one place.
    Spatial,
    /// One follows another.
    Causal,
    /// More than usual.
    Frequency,
}

/// One detector's settings; what is absent keeps its default.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlgorithmEntry {
    /// Which detector.
    #[garde(skip)]
    pub(crate) name: AlgorithmName,
    /// Whether it is asked.
    #[serde(default = "yes")]
    #[garde(skip)]
    pub(crate) enabled: bool,
    /// The confidence that evidence starts with.
    #[serde(default)]
    #[garde(range(min = 0.0, max = 1.0))]
    pub(crate) sensitivity: Option<f64>,
    /// Of `temporal`: how close together onsets must be.
    #[serde(default, with = "mapek::model::duration::option")]
    #[schemars(with = "Option<duration::Schema>")]
    #[garde(skip)]
    pub(crate) window: Option<Duration>,
    /// Of `spatial`: how many onsets on one component.
    #[serde(default)]
    #[garde(range(min = 1))]
    pub(crate) min_components: Option<u32>,
    /// Of `causal`: how strong a correlation.
    #[serde(default)]
    #[garde(range(min = 0.0, max = 1.0))]
    pub(crate) correlation_threshold: Option<f64>,
    /// Of `frequency`: how many onsets in five minutes are usual.
    #[serde(default)]
    #[garde(range(min = 1))]
    pub(crate) anomaly_threshold: Option<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AnalyzeSection {
    /// Settings of detectors; one that is not listed has its defaults.
    #[garde(dive)]
    pub(crate) algorithms: Vec<AlgorithmEntry>,
    /// Closed episodes that are remembered.
    #[garde(range(min = 1, max = 100_000))]
    pub(crate) pattern_history_limit: u32,
}

impl Default for AnalyzeSection {
    fn default() -> Self {
        Self { algorithms: Vec::new(), pattern_history_limit: 100 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PlanSection {
    /// What actions cost, where it is not the default.
    #[garde(skip)]
    pub(crate) cost_model: BTreeMap<ActionKind, Cost>,
    /// Upper bound of a benefit.
    #[garde(range(min = 0.0, max = 1.0))]
    pub(crate) benefit_target: f64,
    /// A cause must be this likely.
    #[garde(range(min = 0.0, max = 1.0))]
    pub(crate) min_confidence: f64,
    /// Most plans that are proposed at once.
    #[garde(range(min = 1, max = 100))]
    pub(crate) max_policies_per_analysis: u32,
    /// How many warnings and infos it takes before a plan is made; one critical violation is enough.
    #[garde(range(min = 1, max = 10_000))]
    pub(crate) min_violations: u32,
    /// Factor on all waits and times to effect: above 1 for a Charter that is slower than usual, below for a faster one.
    #[garde(range(min = 0.01, max = 100.0))]
    pub(crate) pace: f64,
}

impl Default for PlanSection {
    fn default() -> Self {
        Self {
            cost_model: BTreeMap::new(),
            benefit_target: 0.95,
            min_confidence: 0.6,
            max_policies_per_analysis: 5,
            min_violations: 3,
            pace: 1.0,
        }
    }
}

/// What becomes of the steps before one that fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExecutionMode {
    /// They are undone.
    #[default]
    Transactional,
    /// They stay.
    BestEffort,
}

/// How much the loop may do by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RailsProfile {
    /// Nothing: it records what it would do.
    Observe,
    /// Scale and rebalance; everything else needs approval.
    #[default]
    Shipped,
    /// All but the emergency override and the bypass, which need two people.
    Auto,
}

/// The rails.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RailsSection {
    /// How much is done without asking.
    #[garde(skip)]
    pub(crate) profile: RailsProfile,
    /// How much one plan may touch.
    #[garde(custom(some_of_it))]
    pub(crate) blast_radius: BlastRadiusConfig,
    /// When nothing is done.
    #[garde(skip)]
    pub(crate) calendar: CalendarConfig,
    /// How somebody else who acts is given way.
    #[garde(custom(countable))]
    pub(crate) others: OthersConfig,
}

/// What people have to say before a plan runs that is not automatic.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ApprovalsSection {
    /// How many different people approve it. What suspends checks needs two, whatever is said here.
    #[garde(range(min = 1, max = 10))]
    pub(crate) people: u8,
    /// How long what one person said counts while others are waited for.
    #[garde(custom(at_least_a_second))]
    #[serde(with = "mapek::model::duration")]
    #[schemars(with = "duration::Schema")]
    pub(crate) valid_for: Duration,
    /// How long after enough have approved it it must have begun.
    #[garde(custom(at_least_a_second))]
    #[serde(with = "mapek::model::duration")]
    #[schemars(with = "duration::Schema")]
    pub(crate) begin_within: Duration,
}

impl Default for ApprovalsSection {
    fn default() -> Self {
        let mapek::execute::Config { rails, approval_ttl, begin_within, .. } = Default::default();
        Self { people: rails.autonomy.approvers, valid_for: approval_ttl, begin_within }
    }
}

/// How the effect of a plan is looked for that does not say so itself.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct VerificationSection {
    /// How long between two looks; that between two scrapes unless set.
    #[garde(custom(optional_at_least_a_second))]
    #[serde(with = "mapek::model::duration::option")]
    #[schemars(with = "Option<duration::Schema>")]
    pub(crate) interval: Option<Duration>,
    /// How many looks in a row have to show that it is healed.
    #[garde(range(min = 1, max = 100))]
    pub(crate) successes: u16,
    /// How many looks in a row have to show that it is worse before it is undone.
    #[garde(range(min = 1, max = 100))]
    pub(crate) failures: u16,
    /// How long fresh metrics, and looks that agree, are waited for.
    #[garde(custom(at_least_a_second))]
    #[serde(with = "mapek::model::duration")]
    #[schemars(with = "duration::Schema")]
    pub(crate) patience: Duration,
    /// Values that a plan must not make worse, though it treats something else.
    #[garde(dive)]
    pub(crate) guards: Vec<GuardSection>,
}

impl Default for VerificationSection {
    fn default() -> Self {
        let Verification { successes, failures, .. } = Verification::default();
        let patience = mapek::execute::Config::default().verification_patience;
        Self { interval: None, successes, failures, patience, guards: GuardSection::known() }
    }
}

/// Which way a guarded value gets worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Worse {
    /// By growing.
    Rising,
    /// By shrinking.
    Falling,
}

/// A value that plans must not make worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GuardSection {
    /// The watched value.
    #[garde(length(min = 1))]
    pub(crate) value: String,
    /// Which way it gets worse.
    #[garde(skip)]
    pub(crate) worse: Worse,
    /// By which share of what it would be by its trend.
    #[garde(range(min = 0.0, max = 1_000.0))]
    pub(crate) share: f64,
    /// By how much at least, in its own unit.
    #[garde(range(min = 0.0))]
    #[serde(default)]
    pub(crate) floor: f64,
    /// What is breached when it is bad: where a plan treats that, the guard is not asked.
    #[garde(skip)]
    #[serde(default)]
    pub(crate) expectations: Vec<Expectation>,
}

impl GuardSection {
    /// The three values by which users of Charter judge it.
    fn known() -> Vec<Self> {
        let guard = |value: &str, worse, share, floor, breached: &str| Self {
            value: value.to_owned(),
            worse,
            share,
            floor,
            expectations: vec![Expectation::normalise(breached)],
        };
        vec![
            // Half as slow again, and a person would notice.
            guard("validation_latency", Worse::Rising, 0.5, 0.5, "high-validation-latency"),
            // One more of a hundred requests fails.
            guard("failure_rate", Worse::Rising, 0.5, 0.05, "high-failure-rate"),
            guard("throughput", Worse::Falling, 0.5, 10.0, "low-throughput"),
        ]
    }
}

/// How much of the journal is kept.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct JournalRetention {
    /// How old records, and what cycles were worked out from, become.
    #[garde(custom(at_least_an_hour))]
    #[serde(with = "mapek::model::duration")]
    #[schemars(with = "duration::Schema")]
    pub(crate) age: Duration,
    /// How many records there are.
    #[garde(range(min = 1_000, max = 1_000_000))]
    pub(crate) records: u64,
}

impl Default for JournalRetention {
    fn default() -> Self {
        let Retention { age, records } = Retention::default();
        Self { age, records }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExecuteSection {
    /// Where Charter is.
    #[garde(custom(http_url))]
    pub(crate) charter_url: String,
    /// How Charter is known, and what it is shown.
    #[garde(dive)]
    pub(crate) tls: ClientTlsSection,
    /// The key itself. Better is a file, or the environment.
    #[garde(skip)]
    pub(crate) charter_api_key: Option<Secret>,
    /// The file that holds the key.
    #[garde(skip)]
    pub(crate) charter_api_key_file: Option<PathBuf>,
    /// How long one call may take.
    #[garde(range(min = 1, max = 600))]
    pub(crate) timeout_seconds: u32,
    /// How often what is safe to repeat is repeated.
    #[garde(range(max = 20))]
    pub(crate) max_retries: u32,
    /// Whether what failed or did harm is undone.
    #[garde(skip)]
    pub(crate) rollback_enabled: bool,
    /// What becomes of the steps before one that fails.
    #[garde(skip)]
    pub(crate) execution_mode: ExecutionMode,
    /// What nothing gets past.
    #[garde(dive)]
    pub(crate) rails: RailsSection,
    /// What people have to say.
    #[garde(dive)]
    pub(crate) approvals: ApprovalsSection,
    /// How it is seen whether a plan helped.
    #[garde(dive)]
    pub(crate) verification: VerificationSection,
    /// Where the journal and the inbox are.
    #[garde(skip)]
    pub(crate) state_dir: PathBuf,
    /// How much of the journal is kept.
    #[garde(dive)]
    pub(crate) journal_retention: JournalRetention,
}

impl Default for ExecuteSection {
    fn default() -> Self {
        Self {
            charter_url: "http://localhost:8000".to_owned(),
            tls: ClientTlsSection::default(),
            charter_api_key: None,
            charter_api_key_file: None,
            timeout_seconds: 30,
            max_retries: 3,
            rollback_enabled: true,
            execution_mode: ExecutionMode::Transactional,
            rails: RailsSection::default(),
            approvals: ApprovalsSection::default(),
            verification: VerificationSection::default(),
            state_dir: PathBuf::from("data"),
            journal_retention: JournalRetention::default(),
        }
    }
}

/// Where knowledge is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Database {
    Memory,
    #[default]
    Sqlite,
    Postgres,
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KnowledgeSection {
    /// Where it is kept.
    #[garde(skip)]
    pub(crate) database: Database,
    /// The file, for `sqlite`.
    #[garde(skip)]
    pub(crate) sqlite_path: PathBuf,
    /// Whether planning uses what was learned; outcomes are stored all the same.
    #[garde(skip)]
    pub(crate) pattern_learning_enabled: bool,
    /// After so many outcomes more of them make nobody surer.
    #[garde(range(min = 1, max = 100_000))]
    pub(crate) confidence_saturation_point: u32,
    /// Outcomes whose details are kept; all are counted.
    #[garde(range(min = 1, max = 10_000_000))]
    pub(crate) outcome_history_limit: u32,
    /// Whether what was learned is told in words.
    #[garde(skip)]
    pub(crate) insight_generation_enabled: bool,
}

impl Default for KnowledgeSection {
    fn default() -> Self {
        Self {
            database: Database::Sqlite,
            sqlite_path: PathBuf::from("data/knowledge.db"),
            pattern_learning_enabled: true,
            confidence_saturation_point: 30,
            outcome_history_limit: 1000,
            insight_generation_enabled: true,
        }
    }
}

const fn yes() -> bool {
    true
}
