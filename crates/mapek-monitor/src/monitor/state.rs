use std::collections::BTreeMap;

use mapek_model::{Fingerprint, TargetId, Timestamp};
use serde::{Deserialize, Serialize};

use super::Monitor;
use crate::{Error, InboxPosition, episode::Episodes, learned::Baselines};

/// What a monitor knows from one cycle to the next: open episodes, baselines, what has not lasted long enough. Opaque; save it
/// with serde. Its size is bounded by `episodes_max` and `baselines_max`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorState {
    version: u32,
    target: TargetId,
    pub(super) episodes: Episodes,
    /// Since when breaches last that have not lasted long enough, or just have, by rule.
    pub(super) holds: BTreeMap<String, BTreeMap<Fingerprint, Timestamp>>,
    pub(super) baselines: Baselines,
    /// Not saved: another inbox, or a new file, counts anew, and its alerts must not be taken for old ones.
    #[serde(skip)]
    pub(super) inbox_position: InboxPosition,
    pub(super) sensors_total: u32,
}

impl MonitorState {
    /// The format that this program writes.
    const VERSION: u32 = 1;

    pub(super) fn new(target: TargetId) -> Self {
        Self {
            version: Self::VERSION,
            target,
            episodes: Episodes::default(),
            holds: BTreeMap::new(),
            baselines: Baselines::default(),
            inbox_position: InboxPosition::default(),
            sensors_total: 0,
        }
    }
}

impl Monitor {
    /// What to save, so that a restart goes on where this monitor stands.
    #[must_use]
    pub fn state(&self) -> MonitorState {
        self.state.clone()
    }

    /// Goes on where another monitor of the same target stood.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the state is of another format or target, or contradicts itself. Nothing has changed then.
    pub fn restore(&mut self, state: MonitorState) -> Result<(), Error> {
        let bad = |reason: &str| Err(Error::config("saved state of the monitor", reason));
        if state.version != MonitorState::VERSION {
            return bad("it was written by another version");
        }
        if state.target != self.target {
            return bad("it is about another target");
        }
        if let Err(reason) = state.episodes.check(&self.target, self.config.episodes_max) {
            return bad(reason);
        }
        self.state = MonitorState { inbox_position: InboxPosition::default(), ..state };
        self.state.baselines.trim(self.config.baselines_max);
        Ok(())
    }
}
