//! Knowledge alone: outcomes in; experience, insights and the best plan out.
//!
//! `cargo run -p mapek-examples --example knowledge_alone`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, sync::Arc};

use mapek_knowledge::{Config, Knowledge, Limits, MemoryKnowledge, success_rate};
use mapek_model::{
    ActionKind, Cause, CauseKind, Confidence, Duration, Measured, Outcome, PlanHash, PlanSignature,
    TargetId, Timestamp, Verdict, later,
};

/// What Execute would have measured after the `n`-th execution.
fn outcome(n: u64, signature: &str, verdict: Verdict) -> Result<Outcome, Box<dyn Error>> {
    let started = later(Timestamp::UNIX_EPOCH, Duration::from_secs(n * 600));
    let id = format!("00000000-0000-0000-0000-{n:012}");
    Ok(Outcome {
        execution: id.parse()?,
        plan: id.parse()?,
        plan_hash: PlanHash::of(signature.as_bytes()),
        target: TargetId::default(),
        cause: Cause { kind: "overload".parse()?, component: None, metric: None },
        signature: signature.parse()?,
        verdict,
        reason: "as measured".to_owned(),
        predicted: Confidence::try_new(0.5)?,
        chosen_with: Confidence::MAX,
        before: Measured { explained_open: 2, ..Measured::default() },
        after: Measured::default(),
        time_to_effect: (verdict == Verdict::Success).then(|| Duration::from_secs(40 + n)),
        started,
        judged: later(started, Duration::from_secs(120)),
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // `SqliteKnowledge` (feature `sqlite`) is the same over a file.
    let store = Arc::new(MemoryKnowledge::new(Limits::default()));
    let knowledge = Knowledge::over(store, Config::default());
    let target = TargetId::default();
    let overload: CauseKind = "overload".parse()?;

    for n in 1..=8 {
        knowledge.record(&outcome(n, "scale_up", Verdict::Success)?).await?;
    }
    for n in 9..=12 {
        knowledge.record(&outcome(n, "restart_service", Verdict::Ineffective)?).await?;
    }
    // Recording is by execution: the same again is not one more.
    knowledge.record(&outcome(12, "restart_service", Verdict::Ineffective)?).await?;

    for insight in knowledge.insights(&target).await? {
        println!("{:.2}  {}", insight.weight.get(), insight.text);
    }
    let statistics = knowledge.statistics(&target).await?;
    let rate = success_rate(&statistics.overall).ok_or("nothing was judged")?;
    println!("{} outcomes, {:.0} % of them successes", statistics.outcomes(), rate.get() * 100.0);
    assert_eq!(statistics.outcomes(), 12);

    let best = knowledge.best_plan(&target, &overload).await?.ok_or("nothing was tried")?;
    println!("best against {overload}: {}, {:?}", best.signature, best.tally.time_to_effect);
    assert_eq!(best.signature, PlanSignature::new([ActionKind::ScaleUp]));

    // How much eight trials say, of the thirty from which nothing more is learned.
    let weight = knowledge.confidence(&target, &overload, &ActionKind::ScaleUp).await?;
    assert!((weight.get() - 8.0 / 30.0).abs() < 1e-9, "{weight}");

    // What Plan gets.
    let experience = knowledge.experience(&target).await?;
    let tally = experience.plan(&overload, &best.signature).ok_or("it was recorded")?;
    assert_eq!((tally.success, tally.judged()), (8, 8));
    Ok(())
}
