//! The Charter API without a server: a deterministic Charter in this process, behind the same trait as the HTTP client.
//!
//! `cargo run -p mapek-examples --example charter_in_process`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use charter_client::{
    ApplyRequest, CallOptions, CharterApi, IdempotencyKey, PolicyConfig, PolicyId, PolicyKind,
    PolicySpec, PolicyStatus, ScaleRequest,
};
use charter_sim::{Fault, FaultKind, InProcess, PlantConfig};
use jiff::SignedDuration;

/// Whoever writes against the trait cannot tell: `HttpCharter` would do as well.
async fn scale(charter: &dyn CharterApi, replicas: u32, key: &str) -> Result<bool, Box<dyn Error>> {
    let options = CallOptions::new().with_idempotency_key(IdempotencyKey::try_new(key)?);
    let answer = charter.scale(&ScaleRequest { replicas }, &options).await?;
    println!("scale to {replicas}: {:?}", answer.value.status);
    Ok(answer.replayed)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Same seed, same calls at the same moments: the same run. Time passes only when it is told to.
    let charter = InProcess::try_new(PlantConfig::default(), 42, "2026-01-01T00:00:00Z".parse()?)?;
    charter.advance_by(SignedDuration::from_mins(1));
    let replicas = charter.committee().await?.value.replicas;
    println!("{replicas} replicas, {:.0} requests a second", charter.state().throughput);
    assert!(charter.state().breaches.is_empty());

    // More requests than planned for: queues grow, and requests fail.
    charter.inject(Fault::new(FaultKind::Overload))?;
    charter.advance_by(SignedDuration::from_secs(45));
    println!("{:.0} % of requests fail", charter.state().failure_rate * 100.0);
    for breach in &charter.state().breaches {
        println!("breached: {breach:?}");
    }
    assert!(!charter.state().breaches.is_empty());

    // A request whose answer was lost is repeated under its key, and has one effect.
    assert!(!scale(&charter, 20, "example/1").await?);
    assert!(scale(&charter, 20, "example/1").await?, "the first answer, once more");
    charter.advance_by(SignedDuration::from_mins(2));
    assert!(charter.state().breaches.is_empty(), "twenty replicas are enough");
    assert_eq!(charter.ledger().len(), 1, "one effect");

    // Policies have versions; a rollback takes the newest back.
    let id = PolicyId::try_new("example-throttle")?;
    let throttle = PolicyConfig::from(PolicyKind::Throttle { rate_limit: 450.0, node: None });
    let spec = PolicySpec::new(id.clone(), "less load", throttle);
    let request = ApplyRequest::new(spec, charter.now());
    let applied = charter.apply(&request, &CallOptions::new()).await?.value;
    assert_eq!((applied.version, applied.status), (1, PolicyStatus::Pending));
    charter.advance_by(SignedDuration::from_secs(30));
    assert_eq!(charter.policy(&id).await?.value.status, PolicyStatus::Active);
    let back = charter.rollback(&id, &CallOptions::new()).await?.value;
    println!("{}: version {} is {:?}", back.policy_id, back.rolled_back_version, back.status);
    assert_eq!(back.rolled_back_version, 1);

    // What is wrong with a request is said in one problem, as the HTTP API would.
    let refused = charter.scale(&ScaleRequest { replicas: 100_000 }, &CallOptions::new()).await;
    let error = refused.err().ok_or("no committee is that large")?;
    println!("refused: {error}");
    assert!(!error.is_transient());
    Ok(())
}
