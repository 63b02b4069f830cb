//! Whether the harness can be believed: it repeats itself, something happens in it, and it finds what is wrong.

use std::{collections::BTreeSet, iter};

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

/// Each defect is found by an invariant that was made for it, within so many seeds. The one that found it first, when
/// this was written, is looked at first.
#[rstest]
#[case(Bug::AckBeforeDurable, 0, &["durable-intent", "no-false-acknowledgement"])]
#[case(Bug::SplitBrain, 9, &["no-old-epoch", "durable-intent"])]
#[case(Bug::NoPauseFile, 23, &["no-effect-under-pause"])]
#[case(Bug::ForgetsPause, 0, &["no-effect-under-pause"])]
#[case(Bug::StaleAsFresh, 37, &["no-effect-on-bad-evidence"])]
#[case(Bug::FreshKeys, 0, &["durable-intent"])]
#[case(Bug::LiesAboutRepeat, 34, &["no-effect-twice"])]
#[case(Bug::TimeoutAsRefusal, 48, &["effects-accounted-for", "ends-as-it-says", "no-effect-twice"])]
#[case(Bug::WrongUndo, 1, &["ends-as-it-says", "others-are-others"])]
#[case(Bug::LooseBudget, 0, &["budgets"])]
#[case(Bug::LooseAutonomy, 1, &["autonomy"])]
#[case(Bug::NoSettling, 1, &["effects-accounted-for", "ends-as-it-says"])]
#[case(Bug::SwallowsWriteErrors, 0, &["durable-intent", "no-false-acknowledgement"])]
#[case(Bug::BlindToOthers, 21, &["others-left-alone"])]
#[case(Bug::EarlyWait, 56, &["effects-accounted-for", "ends-as-it-says"])]
#[case(Bug::BlamesTheFuture, 3, &["others-are-others"])]
#[case(Bug::BlamesTheUnread, 36, &["others-are-others"])]
#[case(Bug::BlamesTheMoment, 52, &["others-are-others"])]
#[case(Bug::BlamesTheFound, 17, &["others-are-others"])]
#[case(Bug::BlamesTheLater, 88, &["others-are-others"])]
#[case(Bug::HidesOthers, 55, &["others-are-seen"])]
#[case(Bug::ImmortalPlan, 258, &["no-expired-plan"])]
#[case(Bug::UnseenPause, 6, &["no-effect-under-pause"])]
#[case(Bug::EndlessRehearsal, 71, &["no-expired-plan"])]
#[case(Bug::UnnoticedClock, 83, &["no-effect-on-bad-evidence"])]
#[case(Bug::UnwrittenClock, 19, &["everything-ends"])]
fn what_is_put_in_is_found(#[case] bug: Bug, #[case] likely: u64, #[case] by: &[&str]) {
    const SEEDS: u64 = 400;
    let scratch = tempfile::tempdir().unwrap();
    assert!(likely < SEEDS);
    let found = iter::once(likely).chain(0..SEEDS).find(|seed| {
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
