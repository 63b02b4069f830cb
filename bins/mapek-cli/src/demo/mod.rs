//! `mapek demo`: reference server, loop and metric source in one process, in compressed time.
//!
//! It runs the same cycles as `mapek run`, with a clock that is moved by hand: the [story] is the same each time, and takes as
//! long as a person wants to watch. Then, or as soon as they take the stage, visitors break things themselves ([page]).

mod blindfold;
mod damage;
mod hands;
mod page;
mod stage;
mod story;
mod tell;
mod visit;

use std::{io::IsTerminal as _, process::ExitCode};

use charter_sim::Fault;
use mapek::model::Duration;

use crate::{cli::DemoArgs, command::Done, compose::BuildError};
use hands::Deed;
use stage::{Mark, Stage, TICK};
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
        let good = play.story().await?.unwrap_or_default();
        return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let visit = Visit::open(stage.handle(), stage.hands(), args.port).await?;
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
    /// All of it; answers whether all went well, and nothing if a visitor took the stage before its end.
    async fn story(&mut self) -> Result<Option<bool>, BuildError> {
        let hands = self.stage.hands();
        self.teller.opening(&self.stage, self.visit.as_ref().map(Visit::url));
        let pause = self.pause;
        self.pause = pause.map(|pause| pause / QUIET_PACE);
        self.pass(QUIET).await?;
        self.pause = pause;
        let mut good = true;
        for act in &STORY {
            if !hands.begin(act.name) {
                return Ok(None);
            }
            self.teller.broken(act.name, act.words);
            let well = match act.trouble {
                Trouble::Fault(kind, intensity) => {
                    self.fault(Fault::new(kind).at_intensity(intensity)).await?
                }
                Trouble::Blind(time) => self.blind(time).await?,
            };
            let Some(well) = well else { return Ok(None) };
            good &= well;
        }
        hands.leave();
        self.teller.closing(&self.stage, good);
        Ok(Some(good))
    }

    /// The story, and then whatever the visitor does, without end. It ends with the story where nobody could end it at a terminal and nobody
    /// has taken the stage.
    async fn with_visitor(&mut self) -> Result<bool, BuildError> {
        let played = self.story().await?;
        if let Some(good) = played
            && !std::io::stdout().is_terminal()
        {
            return Ok(good);
        }
        if let Some(visit) = &self.visit {
            self.teller.staying(visit.url(), played.is_some());
        }
        self.visitors().await
    }

    /// What the visitor breaks, and whether the loop heals it.
    async fn visitors(&mut self) -> Result<bool, BuildError> {
        let hands = self.stage.hands();
        let mut watched: Option<Healing> = None;
        loop {
            for deed in hands.deeds() {
                self.teller.deed(&deed);
                watched = match deed {
                    Deed::Broke(_) => Some(Healing::from(self.stage.mark())),
                    Deed::Mended(_) => None,
                    Deed::Took => watched,
                };
            }
            self.tick().await?;
            if let Some(healing) = &mut watched
                && healing.goes_on(&self.stage)
            {
                self.teller.healed(Some(healing.took()), false);
                watched = None;
            }
        }
    }

    /// Breaks something and sees whether the loop heals it.
    async fn fault(&mut self, fault: Fault) -> Result<Option<bool>, BuildError> {
        let hands = self.stage.hands();
        let mut healing = Healing::from(self.stage.mark());
        let name = self.stage.inject(fault)?;
        let mut healed = false;
        while healing.since < HORIZON && !healed {
            self.tick().await?;
            if hands.is_over() {
                return Ok(None);
            }
            healed = healing.goes_on(&self.stage);
        }
        let mended = !healed && self.stage.mend(&name);
        self.teller.healed(healed.then(|| healing.took()), mended);
        Ok(Some(healed))
    }

    /// Hides the metrics for a time and sees whether the loop keeps still, knows why, and trusts what it sees again.
    async fn blind(&mut self, time: Duration) -> Result<Option<bool>, BuildError> {
        let hands = self.stage.hands();
        let mark = self.stage.mark();
        self.stage.blind(true);
        self.pass(time).await?;
        if hands.is_over() {
            return Ok(None);
        }
        let doubted = self.stage.doubts();
        self.stage.blind(false);
        self.pass(HELD).await?;
        if hands.is_over() {
            return Ok(None);
        }
        let still = doubted && self.stage.has_rested_since(mark) && !self.stage.doubts();
        self.teller.kept_still(still);
        Ok(Some(still))
    }

    /// Lets so much time pass, or less if a visitor takes the stage.
    async fn pass(&mut self, time: Duration) -> Result<(), BuildError> {
        let hands = self.stage.hands();
        let mut passed = Duration::ZERO;
        while passed < time && !hands.is_over() {
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
                Some(visit) => {
                    self.stage.hands().wait(true);
                    let decided = visit.decides(plan).await;
                    self.stage.hands().wait(false);
                    decided
                }
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

/// How far something is healed.
#[derive(Debug)]
struct Healing {
    /// How things stood when it broke.
    mark: Mark,
    since: Duration,
    /// How long nothing is open any more.
    held: Duration,
}

impl From<Mark> for Healing {
    fn from(mark: Mark) -> Self {
        Self { mark, since: Duration::ZERO, held: Duration::ZERO }
    }
}

impl Healing {
    /// Counts a tick that has passed; answers whether it is healed, and stayed so.
    fn goes_on(&mut self, stage: &Stage) -> bool {
        // Who pauses the loop is not to see it fail for that.
        self.since += if stage.state().paused.is_some() { Duration::ZERO } else { TICK };
        self.held =
            if stage.has_healed_since(self.mark) { self.held + TICK } else { Duration::ZERO };
        self.held >= HELD
    }

    /// How long it took.
    fn took(&self) -> Duration {
        self.since.saturating_sub(self.held)
    }
}
