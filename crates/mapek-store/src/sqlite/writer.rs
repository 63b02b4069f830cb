//! The thread that owns the connection, and commits for many at once.
//!
//! A commit costs an `fsync`, however much is in it. So the thread takes what is waiting, runs each closure in a savepoint
//! of one transaction, commits once, and only then answers. A closure that fails is rolled back alone.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc::Receiver,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tracing::warn;

use super::{failed, point};
use crate::Error;

/// Most closures in one commit: bounds how long the first of them waits.
const GROUP_MAX: usize = 256;

/// Tells one closure's caller how it ended, once the commit is known.
pub(super) type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;
/// Runs one closure in a savepoint.
pub(super) type Job = Box<dyn FnOnce(&mut Transaction<'_>) -> Answer + Send>;

pub(super) fn run(
    mut connection: Connection,
    jobs: &Receiver<Job>,
    name: &str,
    commits: &Arc<AtomicU64>,
) {
    while let Ok(first) = jobs.recv() {
        group(&mut connection, first, jobs, name, commits);
    }
    if let Err((_, error)) = connection.close() {
        warn!(%error, file = name, "closing the file failed");
    }
}

fn group(
    connection: &mut Connection,
    first: Job,
    jobs: &Receiver<Job>,
    name: &str,
    commits: &AtomicU64,
) {
    // Each answer is called exactly once: a job that is dropped instead tells its caller that the writer has stopped.
    let mut answers = Vec::new();
    let done = (|| {
        let mut transaction =
            connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        answers.push(first(&mut transaction));
        while answers.len() < GROUP_MAX
            && let Ok(next) = jobs.try_recv()
        {
            answers.push(next(&mut transaction));
        }
        point!(name, "commit.before");
        transaction.commit()?;
        // Whoever is answered finds it counted.
        commits.fetch_add(1, Ordering::Relaxed);
        point!(name, "commit.after");
        Ok(())
    })()
    .map_err(|error| failed(format!("committing to {name}"), error));
    for answer in answers {
        answer(match &done {
            Ok(()) => Ok(()),
            Err(error) => Err(error.shared()),
        });
    }
}
