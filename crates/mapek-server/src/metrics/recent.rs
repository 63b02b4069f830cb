//! What was counted lately.

use std::collections::BTreeMap;

use mapek_model::ExecutionId;

/// Executions that are remembered: more than can be live or end within any reasonable number of cycles.
const RECENT_MAX: usize = 1024;

/// Says whether something about an execution is new, so that reports that repeat it are counted once.
///
/// Ids sort by time, so the ones that are forgotten are the oldest.
#[derive(Debug)]
pub(super) struct Recent<T> {
    seen: BTreeMap<ExecutionId, T>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { seen: BTreeMap::new() }
    }
}

impl<T: PartialEq> Recent<T> {
    /// True if `what` was not the last that was said of this execution.
    pub(super) fn is_new(&mut self, execution: ExecutionId, what: T) -> bool {
        if self.seen.get(&execution) == Some(&what) {
            return false;
        }
        self.seen.insert(execution, what);
        if self.seen.len() > RECENT_MAX {
            self.seen.pop_first();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use mapek_model::Ending;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_second_ending_is_news_and_the_same_one_is_not() {
        let id = ExecutionId::from_uuid(Uuid::from_u128(1));
        let mut recent = Recent::default();
        assert!(recent.is_new(id, Ending::Completed));
        assert!(!recent.is_new(id, Ending::Completed));
        assert!(recent.is_new(id, Ending::Undone), "a person undid what was completed");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut recent = Recent::default();
        for i in 0..3 * RECENT_MAX as u128 {
            assert!(recent.is_new(ExecutionId::from_uuid(Uuid::from_u128(i)), ()));
        }
        assert_eq!(recent.seen.len(), RECENT_MAX);
        assert!(recent.is_new(ExecutionId::from_uuid(Uuid::from_u128(0)), ()));
    }
}
