//! Many cases, some at a time.

use std::{collections::VecDeque, path::Path, sync::Mutex};

use super::{Case, Outcome, lock, run};
use crate::BoxError;

/// What the managed systems of all cases run on.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// Runs cases on so many threads. `take` hears of each that is over, and says whether to go on with the rest.
pub(crate) fn run_all(
    cases: VecDeque<Case>,
    workers: usize,
    state: &Path,
    runtime: &tokio::runtime::Runtime,
    take: impl FnMut(&Case, Outcome) -> bool + Send,
) -> Result<(), BoxError> {
    let shared = Mutex::new((cases, take));
    let work = || -> Result<(), String> {
        loop {
            let next = lock(&shared).0.pop_front();
            let Some(case) = next else { return Ok(()) };
            let outcome =
                run(&case, state, runtime.handle()).map_err(|error| format!("{case}: {error}"))?;
            let (cases, take) = &mut *lock(&shared);
            if !take(&case, outcome) {
                cases.clear();
            }
        }
    };
    let failed = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join());
        ended
            .map(|it| it.unwrap_or_else(|_| Err("a worker panicked".to_owned())))
            .find_map(Result::err)
    });
    failed.map_or(Ok(()), |failed| Err(failed.into()))
}
