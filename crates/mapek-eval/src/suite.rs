//! Many runs: scenarios, seeds, and all who steer, over all cores.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use mapek_model::Duration;

use crate::{Entrant, Error, Played, Scenario, Score, harm, play, score};

/// What is to be run: each scenario under each seed, steered by each entrant.
#[derive(Debug, Clone)]
pub struct Suite {
    /// The scenarios.
    pub scenarios: Vec<Arc<Scenario>>,
    /// What random numbers come from.
    pub seeds: Vec<u64>,
    /// Who steers.
    pub entrants: Vec<Arc<dyn Entrant>>,
    /// Of whom it is asked whether their actions did harm, by place in `entrants`: a run more for each action.
    pub examined: Vec<usize>,
    /// How many runs go on at once.
    pub threads: NonZeroUsize,
}

/// A run that is over.
#[derive(Debug)]
pub struct Finished {
    /// Which scenario, by place.
    pub scenario: usize,
    /// Which entrant, by place.
    pub entrant: usize,
    /// What it was worth.
    pub score: Score,
    /// What happened.
    pub played: Played,
    /// How much time passed in it: warm-up and horizon.
    pub virtual_time: Duration,
}

impl Suite {
    /// How many runs it has.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.plan().len()
    }

    /// Each run: scenario, seed and entrant, by place.
    fn plan(&self) -> Vec<(usize, usize, usize)> {
        let mut plan = Vec::new();
        for (place, scenario) in self.scenarios.iter().enumerate() {
            for seed in 0..self.seeds.len() {
                let plays = |entrant: &usize| self.entrants[*entrant].plays(scenario);
                let playing = (0..self.entrants.len()).filter(plays);
                plan.extend(playing.map(|entrant| (place, seed, entrant)));
            }
        }
        plan
    }

    /// Runs all of it. `take` is told of each run as it ends, in any order; which run gives what does not depend on it.
    ///
    /// # Errors
    ///
    /// The first [`Error`] of any run; runs that have not begun by then do not begin.
    pub fn run(&self, take: impl Fn(Finished) + Sync) -> Result<(), Error> {
        let plan = self.plan();
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let failed = Mutex::new(None);
        let work = || {
            while !stop.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(&run) = plan.get(index) else { break };
                match self.one(run) {
                    Ok(finished) => take(finished),
                    Err(error) => {
                        stop.store(true, Ordering::Relaxed);
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        failed.get_or_insert(error);
                    }
                }
            }
        };
        let threads = self.threads.get().min(plan.len());
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
        failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn one(&self, (place, seed, entrant): (usize, usize, usize)) -> Result<Finished, Error> {
        let scenario = &self.scenarios[place];
        // Nothing in a run waits; the runtime is there for those parts of a loop that expect one.
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(Error::entrant("a runtime"))?;
        runtime.block_on(async {
            let seed = self.seeds[seed];
            let played = play(scenario, seed, self.entrants[entrant].as_ref()).await?;
            let mut score = score(scenario, &played.trace);
            if self.examined.contains(&entrant) {
                score.harmful = Some(harm(scenario, &played.trace).await?);
            }
            let virtual_time = scenario.warm_up + scenario.horizon;
            Ok(Finished { scenario: place, entrant, score, played, virtual_time })
        })
    }
}
