//! Samples, series and queries, as in Prometheus.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{InvalidName, Labels, Timestamp};

/// One measured value at one instant. The value may be NaN or infinite: that is what the source said.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Sample {
    /// When it was measured.
    pub at: Timestamp,
    /// What was measured, in the unit of the metric.
    #[serde(with = "crate::number")]
    #[cfg_attr(feature = "schemars", schemars(with = "f64"))]
    pub value: f64,
}

/// Samples of one metric with one set of labels, in order of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Series {
    /// The labels, `__name__` included where the source gave it.
    pub labels: Labels,
    /// The samples, oldest first.
    pub samples: Vec<Sample>,
}

impl Series {
    /// The newest sample.
    #[must_use]
    pub fn last(&self) -> Option<Sample> {
        self.samples.last().copied()
    }

    /// The metric's name, if the source gave it.
    #[must_use]
    pub fn metric(&self) -> Option<&str> {
        self.labels.get("__name__")
    }
}

/// A PromQL expression. Its syntax is checked where it is configured, not here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "String"))]
pub struct Query(String);

impl Query {
    /// Longest expression, in bytes. Generated ones stay far below; a longer one is a mistake.
    pub const LEN_MAX: usize = 16 * 1024;

    /// Takes an expression.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] if it is empty or longer than [`LEN_MAX`](Self::LEN_MAX) bytes.
    pub fn try_new(text: impl Into<String>) -> Result<Self, InvalidName> {
        let text = text.into();
        if text.trim().is_empty() {
            Err(InvalidName::new("a query", "must not be empty", &text))
        } else if text.len() > Self::LEN_MAX {
            Err(InvalidName::new("a query", "must have at most 16384 bytes", &text))
        } else {
            Ok(Self(text))
        }
    }

    /// The expression.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Query {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::try_new(text)
    }
}

impl From<Query> for String {
    fn from(query: Query) -> String {
        query.0
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
