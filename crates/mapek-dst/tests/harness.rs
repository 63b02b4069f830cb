//! Whether the harness can be believed: it repeats itself, something happens in it, and it finds what is wrong.

use std::collections::BTreeSet;

use mapek_dst::{Bug, Counts, run};
use rstest::rstest;

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let scratch = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut stories = BTreeSet::new();
    for seed in 0..4 {
        let [one, other] = [0, 1].map(|at: usize| run(seed, None, scratch[at].path()));
        assert!(one == other, "seed {seed} told two stories");
        stories.insert(one.trace);
    }
    assert_eq!(stories.len(), 4);
}

#[test]
fn nothing_is_violated_and_much_happens() {
    let scratch = tempfile::tempdir().unwrap();
    let mut counts = Counts::default();
    for seed in 0..20 {
        let outcome = run(seed, None, scratch.path());
        assert_eq!(outcome.violations, [], "seed {seed}");
        counts = counts.and(outcome.counts);
    }
    let Counts { cycles, calls, effects, plans, records, deaths } = counts;
    for (what, count, least) in [
        ("cycles", cycles, 1_500),
        ("calls", calls, 40),
        ("effects", effects, 25),
        ("plans", plans, 20),
        ("records", records, 1_000),
        ("deaths", deaths, 25),
    ] {
        assert!(count >= least, "{count} {what}: too little happens to prove anything");
    }
}

/// Each defect is found by an invariant that was made for it, within so many seeds.
#[rstest]
#[case(Bug::AckBeforeDurable, &["durable-intent", "no-false-acknowledgement"])]
#[case(Bug::SplitBrain, &["no-old-epoch", "durable-intent"])]
#[case(Bug::NoPauseFile, &["no-effect-under-pause"])]
#[case(Bug::ForgetsPause, &["no-effect-under-pause"])]
#[case(Bug::StaleAsFresh, &["no-effect-on-bad-evidence"])]
#[case(Bug::FreshKeys, &["durable-intent"])]
#[case(Bug::LiesAboutRepeat, &["no-effect-twice"])]
#[case(Bug::TimeoutAsRefusal, &["effects-accounted-for", "ends-as-it-says", "no-effect-twice"])]
#[case(Bug::WrongUndo, &["ends-as-it-says", "others-are-others"])]
#[case(Bug::LooseBudget, &["budgets"])]
#[case(Bug::LooseAutonomy, &["autonomy"])]
#[case(Bug::NoSettling, &["effects-accounted-for", "ends-as-it-says"])]
#[case(Bug::SwallowsWriteErrors, &["durable-intent", "no-false-acknowledgement"])]
#[case(Bug::BlindToOthers, &["others-left-alone"])]
fn what_is_put_in_is_found(#[case] bug: Bug, #[case] by: &[&str]) {
    const SEEDS: u64 = 400;
    let scratch = tempfile::tempdir().unwrap();
    let found = (0..SEEDS).find(|seed| {
        let outcome = run(*seed, Some(bug), scratch.path());
        outcome.violations.iter().any(|it| by.contains(&it.invariant))
    });
    assert!(found.is_some(), "{bug} was not found within {SEEDS} seeds");
}

#[test]
fn every_bug_has_a_name() {
    for bug in Bug::ALL {
        assert_eq!(bug.as_str().parse::<Bug>(), Ok(bug));
    }
    assert!("no-such-bug".parse::<Bug>().unwrap_err().contains("split-brain"));
}
