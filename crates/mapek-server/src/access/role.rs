//! Roles, each of which may do what the one before it may.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a person may do. Each role may do what those before it may.
///
/// ```
/// use mapek_server::Role;
///
/// assert!(Role::Approver > Role::Operator);
/// assert_eq!("admin".parse::<Role>()?, Role::Admin);
/// # Ok::<(), mapek_server::InvalidRole>(())
/// ```
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Keeps it safe: pauses, resumes, asks for cycles, rolls back, resolves.
    Operator,
    /// Decides about plans.
    Approver,
    /// Trusts again what did harm: re-arms the breaker.
    Admin,
}

/// A word that is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of viewer, operator, approver, admin")]
#[non_exhaustive]
pub struct InvalidRole;

impl Role {
    /// All of them, least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Approver, Self::Admin];

    /// The word that configuration and logs use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(InvalidRole)
    }
}

/// What a route asks of whoever calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// Nothing: what machines ask, that cannot always say who they are.
    Nothing,
    /// At least this role.
    Role(Role),
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nobody in particular"),
            Self::Role(role) => role.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_its_word_and_no_other_word_is_one() {
        for (role, word) in Role::ALL.into_iter().zip(["viewer", "operator", "approver", "admin"]) {
            assert_eq!((role.as_str(), role.to_string().as_str()), (word, word));
            assert_eq!((word.parse(), Needs::Role(role).to_string()), (Ok(role), word.to_owned()));
        }
        for word in ["", "Admin", "root", "viewer "] {
            assert_eq!(word.parse::<Role>(), Err(InvalidRole), "{word:?}");
        }
        assert_eq!(Needs::Nothing.to_string(), "nobody in particular");
        assert!(Role::ALL.is_sorted() && Needs::Nothing < Needs::Role(Role::Viewer));
    }
}
