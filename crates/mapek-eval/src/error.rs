//! What can go wrong with an evaluation.

/// An evaluation cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A scenario makes no sense.
    #[error("{scenario}: {field}: {reason}")]
    Scenario {
        /// Which one.
        scenario: String,
        /// The field, dotted.
        field: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// Somebody who is to steer cannot be set up.
    #[error("{entrant} cannot be set up")]
    Entrant {
        /// Who.
        entrant: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// `field` of `scenario` makes no sense.
    pub fn scenario(
        scenario: impl Into<String>,
        field: impl Into<String>,
        reason: impl ToString,
    ) -> Self {
        Self::Scenario {
            scenario: scenario.into(),
            field: field.into(),
            reason: reason.to_string(),
        }
    }

    /// For `map_err`: `entrant` cannot be set up.
    pub fn entrant<E>(entrant: impl Into<String>) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let entrant = entrant.into();
        move |source| Self::Entrant { entrant, source: source.into() }
    }
}
