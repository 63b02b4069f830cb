//! Identifiers that we make, and counters that only grow.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::InvalidName;

macro_rules! id {
    ($(#[$meta:meta])* $name:ident, $what:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "String"))]
        pub struct $name(Uuid);

        impl $name {
            /// Takes an id that the loop's `IdSource` made.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|_| InvalidName::new($what, "must be a UUID", text))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id! {
    /// One plan as it was proposed. Two plans that would do the same have different ids and one
    /// [`PlanHash`](crate::PlanHash).
    PlanId, "a plan id"
}

id! {
    /// One run of a plan.
    ExecutionId, "an execution id"
}

id! {
    /// One diagnosis.
    DiagnosisId, "a diagnosis id"
}

macro_rules! counter {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
        pub struct $name(u64);

        impl $name {
            /// Takes a number.
            #[must_use]
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The next one. Stays at the greatest number, which no counter of ours reaches.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

counter! {
    /// Whose turn it is to act: raised whenever a new leader takes over, so that an old one can be refused.
    Epoch
}

counter! {
    /// A record's place in the journal. The first record has 1; 0 means "before the first".
    Sequence
}

counter! {
    /// A cycle of the loop, counted from the first one that this journal saw.
    CycleNumber
}

counter! {
    /// A state of something that others may change too; it grows with each change.
    Generation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_what_they_print() {
        let id = PlanId::from_uuid(Uuid::from_u128(7));
        assert_eq!(id.to_string().parse::<PlanId>().unwrap(), id);
        let error = "7".parse::<PlanId>().unwrap_err();
        assert_eq!(error.to_string(), "a plan id must be a UUID, got \"7\"");
    }
}
