//! `mapek demo`: reference server, loop and metric source in one process, in compressed time.
//!
//! It runs the same cycles as `mapek run`, with a clock that is moved by hand: the [story] is the same each time, and takes as
//! long as a person wants to watch.

mod stage;
mod story;
mod tell;
mod visit;

use std::{io::IsTerminal as _, process::ExitCode};

use charter_sim::Fault;
use mapek::model::Duration;

use crate::{cli::DemoArgs, command::Done, compose::BuildError};
use stage::{Stage, TICK};
use story::{STORY, Trouble};
use tell::Teller;
use visit::Visit;

/// How long the system is watched while all is well: enough to learn what is usual.
const QUIET: Duration = Duration::from_secs(15 * 60);
/// How many times faster than the rest this passes.
const QUIET_PACE: u32 = 10;
/// How long the loop has to heal what goes wrong.
const HORIZON: Duration = Duration::from_secs(45 * 60);
/// How long it must stay healed.
const HELD: Duration = Duration::from_secs(5 * 60);
/// Who approves where nobody does.
const SCRIPT: &str = "demo-script";

/// Plays the story. Exit code 0 only if the loop healed all that broke, and it stayed healed, and did nothing where nothing was to be done.
pub(crate) async fn demo(args: &DemoArgs) -> Done {
    let stage = Stage::build(args.seed)?;
    if args.once {
        let mut play = Play { stage, teller: Teller::new(), visit: None, pause: None };
        return Ok(if play.story().await? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let visit = Visit::open(stage.handle(), args.port).await?;
    let pause = Some(TICK / args.speed.max(1));
    let mut play = Play { stage, teller: Teller::new(), visit: Some(visit), pause };
    let good = tokio::select! {
        played = play.with_visitor() => played?,
        _ = tokio::signal::ctrl_c() => true,
    };
    if let Some(visit) = play.visit {
        visit.close().await;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The story while it is played.
#[derive(Debug)]
struct Play {
    stage: Stage,
    teller: Teller,
    /// Who watches; nobody where there is nobody to wait for.
    visit: Option<Visit>,
    /// How long a tick takes for those who watch.
    pause: Option<Duration>,
}

impl Play {
    /// All of it; answers whether all went well.
    async fn story(&mut self) -> Result<bool, BuildError> {
        self.teller.opening(&self.stage, self.visit.as_ref().map(Visit::url));
        let pause = self.pause;
        self.pause = pause.map(|pause| pause / QUIET_PACE);
        self.pass(QUIET).await?;
        self.pause = pause;
        let mut good = true;
        for act in &STORY {
            self.teller.broken(act.name, act.words);
            let well = match act.trouble {
                Trouble::Fault(kind, intensity) => {
                    self.fault(Fault::new(kind).at_intensity(intensity)).await?
                }
                Trouble::Blind(time) => self.blind(time).await?,
            };
            good &= well;
        }
        self.teller.closing(&self.stage, good);
        Ok(good)
    }

    /// The story, and then whatever the visitor does, without end; it ends with the story where nobody could end it at a terminal.
    async fn with_visitor(&mut self) -> Result<bool, BuildError> {
        let good = self.story().await?;
        if !std::io::stdout().is_terminal() {
            return Ok(good);
        }
        if let Some(visit) = &self.visit {
            self.teller.staying(visit.url());
        }
        loop {
            self.tick().await?;
        }
    }

    /// Breaks something and sees whether the loop heals it.
    async fn fault(&mut self, fault: Fault) -> Result<bool, BuildError> {
        let mark = self.stage.mark();
        let name = self.stage.inject(fault)?;
        let (mut since, mut held) = (Duration::ZERO, Duration::ZERO);
        while since < HORIZON && held < HELD {
            self.tick().await?;
            // Who pauses the loop is not to see it fail for that.
            since += if self.stage.state().paused.is_some() { Duration::ZERO } else { TICK };
            held = if self.stage.has_healed_since(mark) { held + TICK } else { Duration::ZERO };
        }
        let healed = held >= HELD;
        let mended = !healed && self.stage.mend(&name);
        self.teller.healed(healed.then(|| since.saturating_sub(held)), mended);
        Ok(healed)
    }

    /// Hides the metrics for a time and sees whether the loop keeps still, knows why, and trusts what it sees again.
    async fn blind(&mut self, time: Duration) -> Result<bool, BuildError> {
        let mark = self.stage.mark();
        self.stage.blind(true);
        self.pass(time).await?;
        let doubted = self.stage.doubts();
        self.stage.blind(false);
        self.pass(HELD).await?;
        let still = doubted && self.stage.has_rested_since(mark) && !self.stage.doubts();
        self.teller.kept_still(still);
        Ok(still)
    }

    async fn pass(&mut self, time: Duration) -> Result<(), BuildError> {
        let mut passed = Duration::ZERO;
        while passed < time {
            self.tick().await?;
            passed += TICK;
        }
        Ok(())
    }

    /// Time passes, metrics are scraped, and a cycle runs if one is due; whoever is asked something answers.
    async fn tick(&mut self) -> Result<(), BuildError> {
        if let Some(report) = self.stage.tick().await {
            self.teller.cycle(&report);
        }
        if let Some((plan, what)) = self.stage.asked() {
            self.teller.asks(&what, plan, self.visit.as_ref().map(Visit::url));
            let decided = match &self.visit {
                Some(visit) => visit.decides(plan).await,
                None => false,
            };
            if !decided {
                let approved = self.stage.handle().approve(&plan, SCRIPT, Some("part of the demo"));
                approved.map_err(BuildError::of("the approval"))?;
            }
            self.teller.answered(self.stage.state().as_ref(), plan);
        }
        if let Some(pause) = self.pause {
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }
}
