//! Laws of the whole diagnosis.

use std::collections::BTreeSet;

use mapek_model::{Diagnosis, Duration, Observation, Violation, earlier, later, proptest1};
use proptest::prelude::*;

use super::*;
use crate::fixture::observation;

fn diagnose_with(analyzer: &Analyzer, seen: &Observation) -> Diagnosis {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    analyzer.diagnose(&mut AnalyzerState::default(), seen, id)
}

fn diagnose(seen: &Observation) -> Diagnosis {
    diagnose_with(&Analyzer::try_new(AnalyzeConfig::default()).unwrap(), seen)
}

fn observed() -> impl Strategy<Value = Observation> {
    proptest1::violations(40).prop_map(|open| observation(3_600, open))
}

proptest! {
    #[test]
    fn confidences_are_sorted_and_every_open_episode_is_accounted_for(seen in observed()) {
        let diagnosis = diagnose(&seen);
        prop_assert!(diagnosis.causes.is_sorted_by(|a, b| a.confidence >= b.confidence));
        prop_assert!(diagnosis.findings.is_sorted_by(|a, b| a.confidence >= b.confidence));
        let open: BTreeSet<_> = seen.open.iter().map(Violation::key).collect();
        let mut told: BTreeSet<_> = diagnosis.unexplained.iter().cloned().collect();
        prop_assert!(diagnosis.unexplained.is_sorted());
        for cause in &diagnosis.causes {
            prop_assert!(!cause.explains.is_empty() && cause.explains.is_sorted());
            prop_assert!(cause.explains.iter().all(|key| !diagnosis.unexplained.contains(key)));
            told.extend(cause.explains.iter().cloned());
        }
        prop_assert_eq!(told, open);
        prop_assert_eq!(diagnosis.risk.is_none(), seen.open.is_empty());
    }

    #[test]
    fn the_causes_of_one_episode_share_one_probability(violation in proptest1::violation()) {
        let diagnosis = diagnose(&observation(3_600, vec![violation]));
        let sum: f64 = diagnosis.causes.iter().map(|it| it.confidence.get()).sum();
        prop_assert!(sum < 1.0, "{}", sum);
    }

    #[test]
    fn order_of_input_does_not_change_the_diagnosis(
        (open, shuffled) in proptest1::violations(40)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let (a, b) = (observation(3_600, open), observation(3_600, shuffled));
        prop_assert_eq!(diagnose(&a), diagnose(&b));
    }

    #[test]
    fn an_episode_told_twice_counts_once(seen in observed()) {
        let mut twice = seen.clone();
        twice.open.extend(seen.open.clone());
        prop_assert_eq!(diagnose(&seen), diagnose(&twice));
    }

    #[test]
    fn one_finding_twice_does_not_double(seen in observed()) {
        let once = Analyzer::try_new(AnalyzeConfig::default()).unwrap();
        let twice = once.clone().with_detector(Temporal::default()).with_detector(Spatial::default());
        prop_assert_eq!(diagnose_with(&once, &seen), diagnose_with(&twice, &seen));
    }

    #[test]
    fn shifting_all_times_shifts_nothing_else(seen in observed(), seconds in 0..100_000_000_u64) {
        let by = Duration::from_secs(seconds);
        let mut moved = seen.clone();
        moved.at = later(seen.at, by);
        for violation in &mut moved.open {
            violation.onset = later(violation.onset, by);
            violation.last_seen = later(violation.last_seen, by);
        }
        let mut there = diagnose(&moved);
        there.at = seen.at;
        let findings = there.findings.iter_mut().flat_map(|it| &mut it.episodes);
        let causes = there.causes.iter_mut().flat_map(|it| &mut it.explains);
        for key in findings.chain(causes).chain(&mut there.unexplained) {
            key.onset = earlier(key.onset, by);
        }
        for cause in &mut there.causes {
            cause.since = earlier(cause.since, by);
        }
        prop_assert_eq!(diagnose(&seen), there);
    }

    #[test]
    fn a_state_that_was_saved_goes_on_as_if_it_had_not_been(
        first in observed(),
        second in observed(),
    ) {
        let analyzer = Analyzer::try_new(AnalyzeConfig::default()).unwrap();
        let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let mut first = first;
        let half = first.open.len() / 2;
        for mut over in first.open.split_off(half) {
            over.closed = Some(first.at);
            first.closed.push(over);
        }
        let mut state = AnalyzerState::default();
        prop_assert_eq!(analyzer.diagnose(&mut state, &first, id).at, first.at);
        let text = serde_json::to_string(&state).unwrap();
        let mut loaded: AnalyzerState = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&loaded, &state);
        let second = Observation { at: later(first.at, Duration::from_secs(30)), ..second };
        prop_assert_eq!(
            analyzer.diagnose(&mut loaded, &second, id),
            analyzer.diagnose(&mut state, &second, id)
        );
    }
}
