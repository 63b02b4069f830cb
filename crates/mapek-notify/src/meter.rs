//! What became of messages, for whoever counts.

use std::fmt;

/// What became of a try to tell something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Told {
    /// It was taken.
    Sent,
    /// It was not, and will be tried again.
    Failed,
    /// It was not, and will not be tried again.
    Refused,
    /// There were too many, and another message stood for it.
    HeldBack,
}

impl Told {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sent, Self::Failed, Self::Refused, Self::HeldBack];

    /// The word that metrics use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::HeldBack => "held_back",
        }
    }
}

/// Counts what became of messages: `mape_k_notifications_total{channel,kind,result}`, say.
pub trait Meter: fmt::Debug + Send + Sync {
    /// So many messages of a kind (a [`Kind`](crate::Kind)'s word, or `heartbeat`) to a channel came to this.
    fn count(&self, channel: &str, kind: &str, told: Told, messages: u64);
}

const _: Option<&dyn Meter> = None; // stays usable as a trait object

/// Counts nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Uncounted;

impl Meter for Uncounted {
    fn count(&self, _: &str, _: &str, _: Told, _: u64) {}
}
