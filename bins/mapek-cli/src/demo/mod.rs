//! `mapek demo`: reference server, loop and metric source in one process, in compressed time.
//!
//! It runs the same cycles as `mapek run`, with a clock that is moved by hand: the story is the same each time, and takes as
//! long as a person wants to watch.

mod stage;
mod tell;

use std::process::ExitCode;

use charter_sim::{Fault, FaultKind};
use mapek::model::{Duration, Verdict};

use crate::{cli::DemoArgs, command::Done};
use stage::{Stage, TICK};
use tell::Teller;

/// How long the system is watched while all is well: enough to learn what is usual.
const QUIET: Duration = Duration::from_secs(15 * 60);
/// How long the loop has to heal it.
const HORIZON: Duration = Duration::from_secs(45 * 60);
/// How long it must stay healed.
const HELD: Duration = Duration::from_secs(5 * 60);

/// Plays the story. Exit code 0 only if the loop healed the fault and it stayed healed.
pub(crate) async fn demo(args: &DemoArgs) -> Done {
    let mut stage = Stage::build(args.seed)?;
    let pause = (!args.once).then(|| TICK / args.speed.max(1));
    let mut teller = Teller::new();
    teller.opening(&stage);
    let mut passed = Duration::ZERO;
    while passed < QUIET {
        passed += play(&mut stage, &mut teller, pause).await;
    }
    let fault = Fault::new(FaultKind::Overload).at_intensity(0.6);
    stage.inject(fault)?;
    teller.injected("overload", "60 % more requests arrive than usual");
    let (mut since, mut healed) = (Duration::ZERO, Duration::ZERO);
    while since < HORIZON && healed < HELD {
        let tick = play(&mut stage, &mut teller, pause).await;
        since += tick;
        healed = if stage.is_healed() { healed + tick } else { Duration::ZERO };
    }
    let success = stage.outcomes().iter().any(|it| it.verdict == Verdict::Success);
    let good = success && healed >= HELD;
    teller.closing(&stage, good, since.saturating_sub(healed));
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One tick: time passes, metrics are scraped, and a cycle runs if one is due.
async fn play(stage: &mut Stage, teller: &mut Teller, pause: Option<Duration>) -> Duration {
    if let Some(report) = stage.tick().await {
        teller.cycle(&report);
    }
    if let Some(pause) = pause {
        tokio::time::sleep(pause).await;
    }
    TICK
}
