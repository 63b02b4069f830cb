//! How urgent a cause is: severity and spread of the episodes that it explains.

use std::collections::BTreeSet;

use mapek_model::{Component, EpisodeKey, Fingerprint, Observation, Priority, Severity, Timestamp};

/// What the explained episodes say together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) critical: usize,
    pub(crate) warning: usize,
    /// Whether they sit on more than one component.
    pub(crate) has_spread: bool,
}

impl Extent {
    /// Critical: several critical episodes, or one on a cause that has spread. High: a critical one, or several warnings.
    /// Medium: a warning. Low: nothing worse than info.
    pub(crate) fn priority(self) -> Priority {
        match (self.critical, self.warning) {
            (2.., _) => Priority::Critical,
            (1, _) if self.has_spread => Priority::Critical,
            (1, _) | (0, 2..) => Priority::High,
            (0, 1) => Priority::Medium,
            (0, 0) => Priority::Low,
        }
    }
}

/// The open episodes of an observation, to be found by key. Made once: a key is a SHA-256, and there may be 100 000.
#[derive(Debug)]
pub(crate) struct Episodes<'a> {
    by_key: Vec<(Fingerprint, Timestamp, Severity, Option<&'a Component>)>,
}

impl<'a> Episodes<'a> {
    pub(crate) fn of(observation: &'a Observation) -> Self {
        let mut by_key: Vec<_> = observation
            .open
            .iter()
            .filter(|violation| violation.target == observation.target)
            .map(|it| (it.fingerprint(), it.onset, it.severity, it.component.as_ref()))
            .collect();
        by_key.sort_unstable();
        Self { by_key }
    }

    /// What the episodes of `keys` say together. Those that are no longer open say nothing.
    pub(crate) fn extent(&self, keys: &[EpisodeKey]) -> Extent {
        let mut extent = Extent::default();
        let mut components = BTreeSet::new();
        for key in keys {
            let Some((severity, component)) = self.find(key) else { continue };
            match severity {
                Severity::Critical => extent.critical += 1,
                Severity::Warning => extent.warning += 1,
                Severity::Info => {}
            }
            // Two are enough to know that it has spread.
            if components.len() < 2 {
                components.extend(component);
            }
        }
        extent.has_spread = components.len() > 1;
        extent
    }

    fn find(&self, key: &EpisodeKey) -> Option<(Severity, Option<&'a Component>)> {
        let wanted = (key.fingerprint, key.onset);
        let i =
            self.by_key.partition_point(|&(fingerprint, onset, ..)| (fingerprint, onset) < wanted);
        let &(fingerprint, onset, severity, component) = self.by_key.get(i)?;
        ((fingerprint, onset) == wanted).then_some((severity, component))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, 0, true, Priority::Low)]
    #[case(0, 1, true, Priority::Medium)]
    #[case(0, 2, false, Priority::High)]
    #[case(1, 0, false, Priority::High)]
    #[case(1, 0, true, Priority::Critical)]
    #[case(2, 0, false, Priority::Critical)]
    fn severity_and_spread_make_the_priority(
        #[case] critical: usize,
        #[case] warning: usize,
        #[case] has_spread: bool,
        #[case] expected: Priority,
    ) {
        assert_eq!(Extent { critical, warning, has_spread }.priority(), expected);
    }
}
