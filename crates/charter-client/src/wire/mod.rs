//! What goes over the wire, as `docs/charter-api.md` writes it. Unknown fields are accepted and dropped
//! on read, so that a newer server does not break an older client; a policy's `config` is kept whole.

mod committee;
mod config;
mod health;
mod policy;
mod problem;
mod seconds;
mod validation;
mod violation;

pub use committee::{
    CommitteeState, CommitteeStatus, Configuration, NodeState, RestartAccepted, RestartRequest,
    ScaleRequest, Settings,
};
pub use config::{
    EnforcementRule, InvalidConfig, PolicyConfig, PolicyKind, RebalanceStrategy, RuleEffect,
};
pub use health::{Extension, Health};
pub use policy::{
    Applied, ApplyRequest, Policy, PolicySpec, PolicyStatus, PolicyVersion, RolledBack,
};
pub use problem::{Problem, ProblemKind, Reason};
pub use seconds::{InvalidSeconds, Seconds};
pub use validation::{ActionRequest, ValidateRequest, Validation};
pub use violation::{ViolationRecord, ViolationSeverity, ViolationStatus};
