//! How bad, how urgent, how risky: ordered words.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
        pub enum $name {
            $($(#[$vmeta])* $variant),+
        }

        impl $name {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word that JSON, labels and metrics use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// How bad a violation is, mildest first.
    Severity {
        /// Worth knowing.
        Info = "info",
        /// Worth acting on if it stays.
        Warning = "warning",
        /// Worth acting on now; a single episode can be enough.
        Critical = "critical",
    }
}

words! {
    /// How urgent a plan is, least first: severity and spread of what its cause explains.
    Priority {
        /// Only info.
        Low = "low",
        /// A warning.
        Medium = "medium",
        /// Several warnings, or one critical violation.
        High = "high",
        /// Several critical violations, or one that has spread.
        Critical = "critical",
    }
}

words! {
    /// How much harm is done if it goes wrong, least first.
    Risk {
        /// Harm is small and quickly undone.
        Low = "low",
        /// Harm is felt, or takes a while to undo.
        Medium = "medium",
        /// Harm is great, or cannot be undone.
        High = "high",
    }
}

words! {
    /// What a plan achieved, measured.
    Verdict {
        /// All that it was for is gone.
        Success = "success",
        /// At least half of it is gone.
        Partial = "partial",
        /// Less than half of it is gone.
        Ineffective = "ineffective",
        /// There is more wrong than before.
        Degradation = "degradation",
        /// It cannot be known: the evidence was not fresh, or it was fading before the action could work.
        Unknown = "unknown",
    }
}

impl Verdict {
    /// What it is worth: success 1, partial ½, ineffective 0, degradation −1; unknown is worth nothing, not even 0.
    #[must_use]
    pub const fn utility(self) -> Option<f64> {
        match self {
            Self::Success => Some(1.0),
            Self::Partial => Some(0.5),
            Self::Ineffective => Some(0.0),
            Self::Degradation => Some(-1.0),
            Self::Unknown => None,
        }
    }
}
