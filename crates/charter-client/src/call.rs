//! The calls of the contract by name, for errors, logs and metrics.

use std::fmt;

/// One call of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Call {
    /// `GET /health`.
    Health,
    /// `GET /api/v1/policies`.
    Policies,
    /// `GET /api/v1/policies/{id}`.
    Policy,
    /// `GET /api/v1/policies/{id}/versions`.
    Versions,
    /// `POST /api/v1/policies/apply`.
    Apply,
    /// `POST /api/v1/policies/validate`.
    Validate,
    /// `POST /api/v1/policies/{id}/rollback`.
    Rollback,
    /// `GET /api/v1/committee/state`.
    Committee,
    /// `POST /api/v1/committee/scale`.
    Scale,
    /// `POST /api/v1/committee/restart`.
    Restart,
    /// `GET /api/v1/violations`.
    Violations,
}

impl Call {
    /// All calls, in the order of the document.
    pub const ALL: [Self; 11] = [
        Self::Health,
        Self::Policies,
        Self::Policy,
        Self::Versions,
        Self::Apply,
        Self::Validate,
        Self::Rollback,
        Self::Committee,
        Self::Scale,
        Self::Restart,
        Self::Violations,
    ];

    /// The name, as the label `call` of metrics has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Policies => "policies",
            Self::Policy => "policy",
            Self::Versions => "versions",
            Self::Apply => "apply",
            Self::Validate => "validate",
            Self::Rollback => "rollback",
            Self::Committee => "committee",
            Self::Scale => "scale",
            Self::Restart => "restart",
            Self::Violations => "violations",
        }
    }

    /// The method and the path template, below the base URL.
    #[must_use]
    pub fn route(self) -> (&'static str, &'static str) {
        match self {
            Self::Health => ("GET", "/health"),
            Self::Policies => ("GET", "/api/v1/policies"),
            Self::Policy => ("GET", "/api/v1/policies/{id}"),
            Self::Versions => ("GET", "/api/v1/policies/{id}/versions"),
            Self::Apply => ("POST", "/api/v1/policies/apply"),
            Self::Validate => ("POST", "/api/v1/policies/validate"),
            Self::Rollback => ("POST", "/api/v1/policies/{id}/rollback"),
            Self::Committee => ("GET", "/api/v1/committee/state"),
            Self::Scale => ("POST", "/api/v1/committee/scale"),
            Self::Restart => ("POST", "/api/v1/committee/restart"),
            Self::Violations => ("GET", "/api/v1/violations"),
        }
    }

    /// Whether the call changes Charter. All others may be repeated at will; `validate` is one of them.
    #[must_use]
    pub fn is_mutation(self) -> bool {
        matches!(self, Self::Apply | Self::Rollback | Self::Scale | Self::Restart)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
