//! What can go wrong in the loop.

/// An error of the loop, or of a stage that it ran.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Execute refused or failed.
    #[error("the executor refused")]
    Execute(#[source] mapek_execute::Error),
    /// The loop no longer runs.
    #[error("the loop has stopped")]
    Stopped,
    /// A part that the loop cannot do without was not given to the builder.
    #[error("the loop needs {what}: give it to the builder")]
    #[non_exhaustive]
    Missing {
        /// Which part.
        what: &'static str,
    },
}
