//! What every store must do, run against each of them.

use std::sync::Arc;

use mapek_model::{
    Cause, CauseKind, Component, Confidence, ContentHash, Duration, ExecutionId, Measured,
    MetricName, Outcome, PlanHash, PlanId, Sequence, Tally, TargetId, Timestamp, Verdict, later,
    proptest1,
};
use proptest::{prelude::*, strategy::Strategy};
use uuid::Uuid;

use crate::{
    Config, Cursor, Error, Filter, Idle, Knowledge, KnowledgeStore, Limits, MemoryKnowledge,
    MockKnowledgeStore, Recorded, Resumed, Taken,
};

/// A store, with whatever must live as long.
struct Fixture {
    name: &'static str,
    store: Box<dyn KnowledgeStore>,
    #[cfg(feature = "sqlite")]
    _directory: Option<tempfile::TempDir>,
}

fn memory(limits: Limits) -> Fixture {
    Fixture {
        name: "memory",
        store: Box::new(MemoryKnowledge::new(limits)),
        #[cfg(feature = "sqlite")]
        _directory: None,
    }
}

#[cfg(feature = "sqlite")]
fn sqlite(limits: Limits) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("knowledge.db");
    let store = crate::SqliteKnowledge::open(path, limits).unwrap();
    Fixture { name: "sqlite", store: Box::new(store), _directory: Some(directory) }
}

fn stores(limits: Limits) -> Vec<Fixture> {
    vec![
        memory(limits),
        #[cfg(feature = "sqlite")]
        sqlite(limits),
    ]
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn at(seconds: u64) -> Timestamp {
    later("2026-03-01T12:00:00Z".parse().unwrap(), Duration::from_secs(seconds))
}

/// The journal that outcomes are taken from.
fn journal() -> ContentHash {
    ContentHash::of(b"journal")
}

fn cursor(n: u64) -> Cursor {
    Cursor::at(journal(), Sequence::new(n))
}

fn here() -> TargetId {
    TargetId::default()
}

fn outcome(execution: u128, plan: &str, verdict: Verdict) -> Outcome {
    let seconds = u64::try_from(execution).unwrap_or(0) % 1_000_000;
    Outcome {
        execution: ExecutionId::from_uuid(Uuid::from_u128(execution)),
        plan: PlanId::from_uuid(Uuid::from_u128(execution)),
        plan_hash: PlanHash::of(plan.as_bytes()),
        target: here(),
        cause: Cause {
            kind: CauseKind::try_new("overload").unwrap(),
            component: None,
            metric: None,
        },
        signature: plan.parse().unwrap(),
        verdict,
        reason: "measured".to_owned(),
        predicted: Confidence::saturating(0.5),
        chosen_with: Confidence::saturating(1.0),
        before: Measured::default(),
        after: Measured::default(),
        time_to_effect: (verdict == Verdict::Success).then(|| Duration::from_secs(10 + seconds)),
        started: at(seconds),
        judged: at(seconds + 60),
    }
}

fn idle(began: u64, verdict: Verdict) -> Idle {
    let cause = outcome(1, "scale_up", verdict).cause;
    Idle { target: here(), cause, began: at(began), judged: at(began + 300), verdict }
}

#[test]
fn an_execution_counts_once_by_what_was_said_last() {
    for fixture in stores(Limits::default()) {
        let (store, name) = (&fixture.store, fixture.name);
        wait(async {
            let first = outcome(1, "scale_up", Verdict::Partial);
            assert_eq!(store.record(&first).await.unwrap(), Recorded::New, "{name}");
            assert_eq!(store.record(&first).await.unwrap(), Recorded::Unchanged, "{name}");
            let corrected = outcome(1, "scale_up", Verdict::Success);
            assert_eq!(store.record(&corrected).await.unwrap(), Recorded::Replaced, "{name}");
            let experience = store.experience(&here()).await.unwrap();
            let tally = experience.plan(&first.cause.kind, &first.signature).unwrap().clone();
            let time_to_effect = Some(Duration::from_secs(11));
            assert_eq!(tally, Tally { success: 1, time_to_effect, ..Tally::default() }, "{name}");
            assert_eq!(store.outcomes(&Filter::default(), 9).await.unwrap(), [corrected], "{name}");
        });
    }
}

#[test]
fn the_cursor_moves_with_what_was_taken_and_never_back() {
    for fixture in stores(Limits::default()) {
        let (store, name) = (&fixture.store, fixture.name);
        wait(async {
            let taken = |records: &[u64]| -> Vec<_> {
                let of = |n: &u64| outcome(u128::from(*n), "scale_up", Verdict::Success);
                records.iter().map(|n| (Sequence::new(*n), of(n))).collect()
            };
            let first = store.record_all(&journal(), &taken(&[3, 5])).await.unwrap();
            assert_eq!(first, Taken { stored: 2, skipped: 0, cursor: cursor(5) }, "{name}");
            let again = store.record_all(&journal(), &taken(&[3, 5, 8])).await.unwrap();
            assert_eq!(again, Taken { stored: 1, skipped: 2, cursor: cursor(8) }, "{name}");
            store.set_cursor(cursor(6)).await.unwrap();
            assert_eq!(store.cursor().await.unwrap(), cursor(8), "{name}");
            let none = store.record_all(&journal(), &[]).await.unwrap();
            assert_eq!(none, Taken { stored: 0, skipped: 0, cursor: cursor(8) }, "{name}");
            assert_eq!(store.statistics(&here()).await.unwrap().outcomes(), 3, "{name}");
        });
    }
}

#[test]
fn the_outcomes_of_another_journal_are_taken_from_its_beginning() {
    for fixture in stores(Limits::default()) {
        let name = fixture.name;
        let knowledge = Knowledge::over(Arc::from(fixture.store), Config::default());
        let store = knowledge.store();
        wait(async {
            let success =
                |n: u64| (Sequence::new(n), outcome(n.into(), "scale_up", Verdict::Success));
            let (old, new) = (journal(), ContentHash::of(b"another journal"));
            let resume = |journal: ContentHash, head: u64| {
                let knowledge = &knowledge;
                async move { knowledge.resume(&journal, Sequence::new(head)).await.unwrap() }
            };
            let at = |n: u64| Resumed { from: Sequence::new(n), given_up: None };
            assert_eq!(resume(old, 0).await, at(0), "{name}");
            store.record_all(&old, &[success(50)]).await.unwrap();
            assert_eq!(resume(old, 50).await, at(50), "{name}");
            // The file was lost, and a new one was begun: its numbers are lower.
            let given_up = Some(cursor(50));
            let over = Resumed { from: Sequence::new(0), given_up };
            assert_eq!(resume(new, 7).await, over, "{name}");
            assert_eq!(resume(new, 7).await, at(0), "{name}: it is said once");
            let taken = store.record_all(&new, &[success(3)]).await.unwrap();
            assert_eq!((taken.stored, taken.cursor.within(&new)), (1, Sequence::new(3)), "{name}");
            // An older copy of the same journal was put back: its end lies before the cursor.
            assert_eq!(resume(new, 2).await.from, Sequence::new(0), "{name}");
            store.record_all(&new, &[success(3), success(4)]).await.unwrap();
            assert_eq!(store.statistics(&here()).await.unwrap().outcomes(), 3, "{name}");
            // Even if nobody asks before, numbers of another journal are no reason to leave one out.
            let taken = store.record_all(&old, &[success(1)]).await.unwrap();
            assert_eq!((taken.stored, taken.cursor), (1, cursor(1)), "{name}");
        });
    }
}

#[test]
fn what_is_taken_is_stored_as_a_whole_or_not_at_all() {
    for fixture in stores(Limits::default()) {
        let (store, name) = (&fixture.store, fixture.name);
        wait(async {
            let good = outcome(1, "scale_up", Verdict::Success);
            let bad = outcome(2, "", Verdict::Success);
            let records = [(Sequence::new(1), good.clone()), (Sequence::new(2), bad)];
            let error = store.record_all(&journal(), &records).await.unwrap_err();
            assert_eq!(error.to_string(), "an outcome that has no action is not stored", "{name}");
            let backwards = [(Sequence::new(2), good.clone()), (Sequence::new(2), good)];
            let error = store.record_all(&journal(), &backwards).await.unwrap_err();
            assert!(matches!(error, Error::OutOfOrder { .. }), "{name}");
            assert!(!error.is_transient());
            assert_eq!(store.cursor().await.unwrap(), Cursor::default(), "{name}");
            assert_eq!(store.statistics(&here()).await.unwrap().outcomes(), 0, "{name}");
        });
    }
}

#[test]
fn details_are_forgotten_and_counts_are_not() {
    for fixture in stores(Limits { history: 3, counted: 100 }) {
        let (store, name) = (&fixture.store, fixture.name);
        wait(async {
            for n in [5, 1, 4, 2, 3] {
                store.record(&outcome(n, "scale_up", Verdict::Success)).await.unwrap();
            }
            let kept = store.outcomes(&Filter::default(), 100).await.unwrap();
            let kept: Vec<_> = kept.iter().map(|it| it.execution.as_uuid().as_u128()).collect();
            assert_eq!(kept, [5, 4, 3], "{name}");
            // One whose details are gone is still known.
            let old = store.record(&outcome(1, "scale_up", Verdict::Success)).await.unwrap();
            assert_eq!(old, Recorded::Unchanged, "{name}");
            assert_eq!(store.statistics(&here()).await.unwrap().overall.success, 5, "{name}");
        });
    }
}

#[test]
fn beyond_the_last_that_are_counted_the_oldest_are_forgotten() {
    for fixture in stores(Limits { history: 2, counted: 3 }) {
        let (store, name) = (&fixture.store, fixture.name);
        wait(async {
            for n in 1..=5 {
                store.record(&outcome(n, "scale_up", Verdict::Success)).await.unwrap();
                store.record_idle(&idle(n as u64, Verdict::Ineffective)).await.unwrap();
            }
            let statistics = store.statistics(&here()).await.unwrap();
            assert_eq!(statistics.overall.success, 3, "{name}");
            assert_eq!(statistics.overall.time_to_effect, Some(Duration::from_secs(14)), "{name}");
            assert_eq!(statistics.nothing.ineffective, 3, "{name}");
        });
    }
}

#[test]
fn unknown_teaches_nothing_but_is_counted() {
    for fixture in stores(Limits::default()) {
        let (store, name) = (&fixture.store, fixture.name);
        wait(async {
            let unknown = outcome(1, "scale_up", Verdict::Unknown);
            store.record(&unknown).await.unwrap();
            let experience = store.experience(&here()).await.unwrap();
            let tally = experience.plan(&unknown.cause.kind, &unknown.signature).unwrap();
            assert_eq!((tally.judged(), tally.unknown), (0, 1), "{name}");
            assert_eq!(tally.optimistic_utility(), Tally::default().optimistic_utility());
            let statistics = store.statistics(&here()).await.unwrap();
            assert_eq!(statistics.by_verdict()[&Verdict::Unknown], 1, "{name}");
            assert_eq!(crate::success_rate(&statistics.overall), None, "{name}");
        });
    }
}

#[test]
fn what_was_left_alone_is_learned_by_period() {
    for fixture in stores(Limits::default()) {
        let (store, name) = (&fixture.store, fixture.name);
        wait(async {
            let first = idle(0, Verdict::Ineffective);
            assert_eq!(store.record_idle(&first).await.unwrap(), Recorded::New, "{name}");
            assert_eq!(store.record_idle(&first).await.unwrap(), Recorded::Unchanged, "{name}");
            let healed = Idle { verdict: Verdict::Success, ..first.clone() };
            assert_eq!(store.record_idle(&healed).await.unwrap(), Recorded::Replaced, "{name}");
            let mut elsewhere = first.clone();
            elsewhere.cause.component = Some(Component::try_new("node-1").unwrap());
            assert_eq!(store.record_idle(&elsewhere).await.unwrap(), Recorded::New, "{name}");
            let experience = store.experience(&here()).await.unwrap();
            let tally = &experience.nothing[&first.cause.kind];
            assert_eq!((tally.success, tally.ineffective), (1, 1), "{name}");
            assert!(experience.plans.is_empty() && experience.kinds.is_empty(), "{name}");
        });
    }
}

#[test]
fn targets_learn_for_themselves() {
    for fixture in stores(Limits::default()) {
        let (store, name) = (&fixture.store, fixture.name);
        wait(async {
            let elsewhere = TargetId::try_new("elsewhere").unwrap();
            let mut there = outcome(1, "scale_up", Verdict::Success);
            there.target = elsewhere.clone();
            store.record(&there).await.unwrap();
            assert_eq!(store.experience(&here()).await.unwrap(), Default::default(), "{name}");
            assert_eq!(store.experience(&elsewhere).await.unwrap().plans.len(), 1, "{name}");
            // Judged anew for another target, it leaves the first one.
            there.target = here();
            store.record(&there).await.unwrap();
            assert_eq!(store.experience(&elsewhere).await.unwrap(), Default::default(), "{name}");
        });
    }
}

#[test]
fn a_filter_finds_what_it_asks_for() {
    for fixture in stores(Limits::default()) {
        let (store, name) = (&fixture.store, fixture.name);
        wait(async {
            for (n, plan, verdict) in [
                (1, "scale_up", Verdict::Success),
                (2, "rebalance_load", Verdict::Success),
                (3, "scale_up", Verdict::Degradation),
                (4, "scale_up", Verdict::Success),
            ] {
                store.record(&outcome(n, plan, verdict)).await.unwrap();
            }
            let find = async |filter: Filter, limit| -> Vec<u128> {
                let found = store.outcomes(&filter, limit).await.unwrap();
                found.iter().map(|it| it.execution.as_uuid().as_u128()).collect()
            };
            let all = Filter::default();
            assert_eq!(find(all.clone(), 2).await, [4, 3], "{name}");
            assert_eq!(find(all.clone(), 0).await, [0_u128; 0], "{name}");
            let signature = "rebalance_load".parse().ok();
            assert_eq!(find(Filter { signature, ..all.clone() }, 9).await, [2], "{name}");
            let verdict = Some(Verdict::Success);
            assert_eq!(find(Filter { verdict, ..all.clone() }, 2).await, [4, 2], "{name}");
            let since = Some(at(62));
            assert_eq!(find(Filter { since, ..all.clone() }, 9).await, [4, 3, 2], "{name}");
            let cause = "leak".parse().ok();
            assert_eq!(find(Filter { cause, ..all.clone() }, 9).await, [0_u128; 0], "{name}");
            let target = TargetId::try_new("elsewhere").ok();
            assert_eq!(find(Filter { target, ..all }, 9).await, [0_u128; 0], "{name}");
        });
    }
}

#[test]
fn hostile_outcomes_are_stored_as_they_are_or_refused() {
    for fixture in stores(Limits::default()) {
        let (store, name) = (&fixture.store, fixture.name);
        wait(async {
            let mut odd = outcome(1, "scale_up+drop_tables", Verdict::Success);
            odd.reason = "'); DROP TABLE outcomes; --\0\u{202e}\u{1f600}".to_owned();
            odd.judged = Timestamp::MAX;
            odd.started = Timestamp::MIN;
            let metric = MetricName::try_new("latency").unwrap();
            odd.before.values.insert(metric.clone(), 1e308);
            odd.after.values.insert(metric.clone(), f64::NAN);
            store.record(&odd).await.unwrap();
            odd.after.values.remove(&metric); // nothing was measured
            let found = store.outcomes(&Filter::default(), 9).await.unwrap();
            assert_eq!(found, [odd.clone()], "{name}");

            let mut endless = odd.clone();
            endless.time_to_effect = Some(Duration::MAX); // nobody could read it back
            let error = store.record(&endless).await.unwrap_err();
            assert!(matches!(error, Error::Invalid { .. }), "{name}: {error}");
            odd.reason = "x".repeat(300_000);
            let error = store.record(&odd).await.unwrap_err();
            assert!(matches!(error, Error::Invalid { .. }), "{name}: {error}");
        });
    }
}

#[test]
fn knowledge_can_be_told_to_learn_nothing_and_to_say_nothing() {
    let build = |config: Config| {
        let store = std::sync::Arc::new(MemoryKnowledge::new(config.limits()));
        Knowledge::over(store, config)
    };
    wait(async {
        let success = outcome(1, "scale_up", Verdict::Success);
        let keen = build(Config::default());
        keen.record(&success).await.unwrap();
        assert_eq!(keen.experience(&here()).await.unwrap().plans.len(), 1);
        assert_eq!(keen.insights(&here()).await.unwrap().len(), 1);
        let (cause, action) = (&success.cause.kind, "scale_up".parse().unwrap());
        let weight = keen.confidence(&here(), cause, &action).await.unwrap().get();
        assert!((weight - 1.0 / 30.0).abs() < 1e-12);
        let best = keen.best_plan(&here(), cause).await.unwrap().unwrap();
        assert_eq!(best.signature, success.signature);

        let off = Config {
            pattern_learning_enabled: false,
            insight_generation_enabled: false,
            ..Config::default()
        };
        let dull = build(off);
        dull.record(&success).await.unwrap();
        assert_eq!(dull.experience(&here()).await.unwrap(), Default::default());
        assert_eq!(dull.insights(&here()).await.unwrap(), []);
        assert_eq!(dull.outcomes(&Filter::default(), 9).await.unwrap(), [success]);
    });
}

#[test]
fn what_a_store_cannot_do_is_passed_on() {
    let mut store = MockKnowledgeStore::new();
    store
        .expect_experience()
        .returning(|_| Err(Error::backend("reading experience", true, "the disk is gone")));
    let knowledge = Knowledge::over(std::sync::Arc::new(store), Config::default());
    let error = wait(knowledge.insights(&here())).unwrap_err();
    assert_eq!(error.to_string(), "reading experience failed");
    assert!(error.is_transient());
}

#[cfg(feature = "sqlite")]
mod file {
    use super::*;
    use crate::SqliteKnowledge;

    #[test]
    fn what_was_learned_survives_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/er/knowledge.db");
        let open = || SqliteKnowledge::open(&path, Limits { history: 1, counted: 100 }).unwrap();
        let before = wait(async {
            let store = open();
            let records: Vec<_> = (1..=4_u64)
                .map(|n| {
                    let verdict = Verdict::ALL[usize::try_from(n).unwrap()];
                    (Sequence::new(n), outcome(u128::from(n), "scale_up", verdict))
                })
                .collect();
            store.record_all(&journal(), &records).await.unwrap();
            store.record_idle(&idle(0, Verdict::Success)).await.unwrap();
            (
                store.experience(&here()).await.unwrap(),
                store.statistics(&here()).await.unwrap(),
                store.outcomes(&Filter::default(), 9).await.unwrap(),
                store.cursor().await.unwrap(),
            )
        });
        let after = wait(async {
            let store = open();
            (
                store.experience(&here()).await.unwrap(),
                store.statistics(&here()).await.unwrap(),
                store.outcomes(&Filter::default(), 9).await.unwrap(),
                store.cursor().await.unwrap(),
            )
        });
        assert_eq!(before, after);
        assert_eq!(after.3, cursor(4));
    }

    #[test]
    fn a_file_that_is_in_use_or_no_such_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("knowledge.db");
        let _open = SqliteKnowledge::open(&path, Limits::default()).unwrap();
        let error = SqliteKnowledge::open(&path, Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "opening the knowledge file failed");
        let text = directory.path().join("notes.txt");
        std::fs::write(&text, "not a database, but long enough to be mistaken for one".repeat(40))
            .unwrap();
        assert!(SqliteKnowledge::open(&text, Limits::default()).is_err());
    }

    #[test]
    fn a_call_that_nobody_waits_for_leaves_counts_and_outcomes_in_step() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("knowledge.db");
        let store = SqliteKnowledge::open(&path, Limits::default()).unwrap();
        wait(async {
            let success = outcome(1, "scale_up", Verdict::Success);
            // Polled once, which hands the work in, and dropped.
            let mut recording = std::pin::pin!(store.record(&success));
            let waker = std::task::Waker::noop();
            let mut context = std::task::Context::from_waker(waker);
            let _ = recording.as_mut().poll(&mut context).is_pending();
            let statistics = store.statistics(&here()).await.unwrap();
            let found = store.outcomes(&Filter::default(), 9).await.unwrap();
            assert_eq!((statistics.outcomes(), found.len()), (1, 1));
        });
    }
}

fn history() -> impl Strategy<Value = Vec<Outcome>> {
    let plan = proptest1::plan().prop_map(|plan| plan.signature());
    let one = (0..12_u128, plan, proptest1::verdict(), proptest1::cause(), 0..3_000_u64);
    proptest::collection::vec(one, 0..24).prop_map(|all| {
        all.into_iter()
            .map(|(execution, signature, verdict, cause, seconds)| Outcome {
                signature,
                cause,
                judged: at(seconds),
                time_to_effect: Some(Duration::from_millis(seconds * 7)),
                ..outcome(execution, "scale_up", verdict)
            })
            .collect()
    })
}

/// One outcome for each execution: only then can order not matter, since the last word counts.
fn distinct(history: Vec<Outcome>) -> Vec<Outcome> {
    let by_execution: std::collections::BTreeMap<_, _> =
        history.into_iter().map(|outcome| (outcome.execution, outcome)).collect();
    by_execution.into_values().collect()
}

async fn all_of(
    store: &dyn KnowledgeStore,
) -> (mapek_model::Experience, crate::Statistics, Vec<Outcome>) {
    (
        store.experience(&here()).await.unwrap(),
        store.statistics(&here()).await.unwrap(),
        store.outcomes(&Filter::default(), 100).await.unwrap(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_outcomes_does_not_show(history in history().prop_map(distinct), by in 0..24_usize) {
        let limits = Limits { history: 4, counted: 8 };
        let mut turned = history.clone();
        turned.rotate_left(by.min(history.len()));
        for (straight, other) in stores(limits).into_iter().zip(stores(limits)) {
            let (a, b) = wait(async {
                for outcome in &history {
                    straight.store.record(outcome).await.unwrap();
                }
                for outcome in &turned {
                    other.store.record(outcome).await.unwrap();
                }
                (all_of(&*straight.store).await, all_of(&*other.store).await)
            });
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn all_stores_say_the_same(history in history()) {
        let answers: Vec<_> = stores(Limits { history: 4, counted: 8 })
            .into_iter()
            .map(|fixture| wait(async {
                let mut did = Vec::new();
                for outcome in &history {
                    did.push(fixture.store.record(outcome).await.unwrap());
                }
                (did, all_of(&*fixture.store).await)
            }))
            .collect();
        prop_assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", answers);
    }

    #[test]
    fn a_crash_between_loses_nothing_and_doubles_nothing(history in history(), cut in 0..24_usize, back in 0..24_usize) {
        let records: Vec<_> = (1..).map(Sequence::new).zip(history).collect();
        let cut = cut.min(records.len());
        for (whole, broken) in stores(Limits::default()).into_iter().zip(stores(Limits::default())) {
            let (a, b) = wait(async {
                whole.store.record_all(&journal(), &records).await.unwrap();
                broken.store.record_all(&journal(), &records[..cut]).await.unwrap();
                // Whoever starts again reads from an earlier record on, not knowing how far it got.
                broken.store.record_all(&journal(), &records[cut.saturating_sub(back)..]).await.unwrap();
                let cursors = (whole.store.cursor().await.unwrap(), broken.store.cursor().await.unwrap());
                assert_eq!(cursors.0, cursors.1);
                (all_of(&*whole.store).await, all_of(&*broken.store).await)
            });
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn counts_are_those_of_the_outcomes(history in history().prop_map(distinct)) {
        let store = MemoryKnowledge::new(Limits::default());
        let statistics = wait(async {
            for outcome in &history {
                store.record(outcome).await.unwrap();
            }
            store.statistics(&here()).await.unwrap()
        });
        for verdict in Verdict::ALL {
            let n = history.iter().filter(|outcome| outcome.verdict == *verdict).count();
            prop_assert_eq!(statistics.by_verdict()[verdict] as usize, n);
        }
    }
}
