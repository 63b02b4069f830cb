//! Recording, experience and insights over 10 to 100 000 outcomes, so that growth can be seen.
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use mapek_knowledge::{KnowledgeStore, Limits, MemoryKnowledge, SqliteKnowledge, insights};
use mapek_model::{
    Cause, Confidence, ContentHash, Duration, ExecutionId, Measured, Outcome, PlanHash, PlanId,
    Sequence, TargetId, Timestamp, Verdict, later,
};
use uuid::Uuid;

const CAUSES: [&str; 4] = ["overload", "leak", "hot-spot", "attack"];
const PLANS: [&str; 4] =
    ["scale_up", "rebalance_load+scale_up", "throttle_requests", "restart_service"];

fn outcome(n: usize) -> Outcome {
    let judged = later(Timestamp::UNIX_EPOCH, Duration::from_secs(n as u64));
    let verdict = Verdict::ALL[n % Verdict::ALL.len()];
    Outcome {
        execution: ExecutionId::from_uuid(Uuid::from_u128(n as u128)),
        plan: PlanId::from_uuid(Uuid::from_u128(n as u128)),
        plan_hash: PlanHash::of(b"plan"),
        target: TargetId::default(),
        cause: Cause {
            kind: CAUSES[n % CAUSES.len()].parse().expect("kebab-case"),
            component: None,
            metric: None,
        },
        signature: PLANS[n / 7 % PLANS.len()].parse().expect("kinds"),
        verdict,
        reason: "measured".to_owned(),
        predicted: Confidence::saturating(0.5),
        chosen_with: Confidence::saturating(1.0),
        before: Measured::default(),
        after: Measured::default(),
        time_to_effect: Some(Duration::from_millis(1_000 + n as u64 * 17 % 90_000)),
        started: judged,
        judged,
    }
}

fn knowledge(criterion: &mut Criterion) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    let target = TargetId::default();
    for size in [10, 100, 1_000, 10_000, 100_000_usize] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("knowledge.db");
        let file = SqliteKnowledge::open(path, Limits::default()).expect("it opens");
        let memory = MemoryKnowledge::new(Limits::default());
        let records: Vec<_> =
            (0..size).map(|n| (Sequence::new(n as u64 + 1), outcome(n))).collect();
        let stores: [(&str, &dyn KnowledgeStore); 2] = [("memory", &memory), ("sqlite", &file)];
        for (name, store) in stores {
            runtime
                .block_on(store.record_all(&ContentHash::of(b"journal"), &records))
                .expect("it stores");
            let mut next = size;
            criterion.bench_function(&format!("record/{name}/{size}"), |bencher| {
                bencher.iter(|| {
                    next += 1;
                    runtime.block_on(store.record(&outcome(next))).expect("it stores")
                });
            });
            criterion.bench_function(&format!("experience/{name}/{size}"), |bencher| {
                bencher.iter(|| {
                    runtime.block_on(store.experience(black_box(&target))).expect("it answers")
                });
            });
            criterion.bench_function(&format!("insights/{name}/{size}"), |bencher| {
                bencher.iter(|| {
                    let experience =
                        runtime.block_on(store.experience(&target)).expect("it answers");
                    insights(black_box(&experience), 30)
                });
            });
        }
    }
}

criterion_group!(benches, knowledge);
criterion_main!(benches);
