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

    /// What the episodes of `keys` say together, as far as it takes to know the priority. Those that are no longer open say
    /// nothing.
    pub(crate) fn extent(&self, keys: &[EpisodeKey]) -> Extent {
        let mut extent = Extent::default();
        let mut components = BTreeSet::new();
        let mut from = 0;
        for key in keys {
            let Some((severity, component)) = self.find(key, &mut from) else { continue };
            match severity {
                Severity::Critical => extent.critical += 1,
                Severity::Warning => extent.warning += 1,
                Severity::Info => {}
            }
            // Two are enough to know that it has spread.
            if components.len() < 2 {
                components.extend(component);
            }
            // No priority is higher.
            if extent.critical > 1 {
                break;
            }
        }
        extent.has_spread = components.len() > 1;
        extent
    }

    /// Finds `key`, looking from `from` on if it can be there: keys are sorted as a rule, and then all of them are found in
    /// one pass.
    fn find(
        &self,
        key: &EpisodeKey,
        from: &mut usize,
    ) -> Option<(Severity, Option<&'a Component>)> {
        let wanted = (key.fingerprint, key.onset);
        let before = |&(fingerprint, onset, ..): &(Fingerprint, Timestamp, _, _)| {
            (fingerprint, onset) < wanted
        };
        if from
            .checked_sub(1)
            .and_then(|last| self.by_key.get(last))
            .is_some_and(|last| !before(last))
        {
            *from = 0;
        }
        let ahead = &self.by_key[*from..];
        let mut reach = 1;
        while ahead.get(reach - 1).is_some_and(before) {
            reach *= 2;
        }
        *from += ahead[..reach.min(ahead.len())].partition_point(before);
        let &(fingerprint, onset, severity, component) = self.by_key.get(*from)?;
        ((fingerprint, onset) == wanted).then_some((severity, component))
    }
}

#[cfg(test)]
mod tests {
    use mapek_model::proptest1;
    use proptest::prelude::*;
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

    proptest! {
        #[test]
        fn episodes_are_found_in_any_order(
            open in proptest1::violations(40),
            picks in proptest::collection::vec(0..60_usize, 0..40),
        ) {
            let mut observation = Observation::empty(Default::default(), Timestamp::UNIX_EPOCH);
            observation.open = open;
            let mut gone = observation.clone();
            gone.open.iter_mut().for_each(|it| it.onset = Timestamp::UNIX_EPOCH);
            let all: Vec<_> = observation.open.iter().chain(&gone.open).collect();
            let picked: Vec<_> = picks.iter().filter_map(|i| all.get(*i)).collect();
            let keys: Vec<_> = picked.iter().map(|it| it.key()).collect();
            let extent = Episodes::of(&observation).extent(&keys);

            let found: Vec<_> = picked.iter().filter(|it| it.onset > Timestamp::UNIX_EPOCH).collect();
            let criticals = found.iter().filter(|it| it.severity == Severity::Critical).count();
            prop_assert_eq!(extent.critical, criticals.min(2));
            if criticals < 2 {
                let warnings = found.iter().filter(|it| it.severity == Severity::Warning).count();
                prop_assert_eq!(extent.warning, warnings);
                let places: BTreeSet<_> = found.iter().filter_map(|it| it.component.as_ref()).collect();
                prop_assert_eq!(extent.has_spread, places.len() > 1);
            }
        }
    }
}
