//! A file with one writer.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::{Connection, Transaction};
use tokio::sync::oneshot;

use super::{
    Schema, failed,
    lock::Lock,
    point,
    schema::pragma,
    writer::{self, Answer, Job},
};
use crate::Error;

/// Most closures that wait for the writer. Behind them `call` waits and `submit` answers [`Error::Busy`], so that
/// memory stays bounded when the disk is slow.
const WAITING_MAX: usize = 1024;

/// How long to wait for a tool that holds the file for a moment (a backup, a person with the SQLite shell).
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// `synchronous=FULL`, as SQLite numbers it: a commit is flushed before it is answered.
const FULL: i64 = 2;

/// An SQLite file that this process alone writes, in WAL mode, by closures on a thread of its own.
///
/// *Order.* Closures run one at a time in the order in which they were handed in. Those that wait together share one
/// commit; each is atomic by itself.
///
/// *Durability.* An answer means that the commit has happened, and survives a crash of the process and of the machine.
///
/// *Cancellation.* Dropping the future of [`submit`](Self::submit) does not take the closure back.
///
/// Dropping the database runs what is waiting, then closes the file.
///
/// ```
/// use mapek_store::{Database, Schema};
///
/// const SCHEMA: Schema = Schema::new("notes", &["CREATE TABLE notes (text TEXT NOT NULL) STRICT;"]);
///
/// let directory = tempfile::tempdir()?;
/// let database = Database::open(directory.path().join("notes.db"), SCHEMA)?;
/// database.call(|connection| connection.execute("INSERT INTO notes VALUES ('hello')", ()))?;
/// let text: String =
///     database.call(|connection| connection.query_row("SELECT text FROM notes", (), |row| row.get(0)))?;
/// assert_eq!(text, "hello");
///
/// let second = Database::open(directory.path().join("notes.db"), SCHEMA);
/// assert!(second.unwrap_err().to_string().ends_with("notes.db is in use by another process"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    name: String,
    /// Absent only while it is dropped: closing the channel ends the thread.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
    // After the thread: the lock is let go when nobody writes any more.
    _lock: Lock,
}

impl Database {
    /// Opens the file, or makes it, directories included; locks it, migrates it, and reads back what it promises.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if somebody has it open, [`Error::NewerSchema`] if a newer program wrote it,
    /// [`Error::Unusable`] if it is no such file or cannot keep what it promises, else [`Error::Backend`].
    pub fn open(path: impl AsRef<Path>, schema: Schema) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let name = path.display().to_string();
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(|error| {
                Error::backend(format!("making the directory of {name}"), error)
            })?;
        }
        let lock = Lock::take(&path)?;
        point!(path, "locked");
        let connection = connect(&path, schema)?;
        let (jobs, waiting) = sync_channel::<Job>(WAITING_MAX);
        let commits = Arc::new(AtomicU64::new(0));
        let thread = std::thread::Builder::new()
            .name("mapek-store".to_owned())
            .spawn({
                let (name, commits) = (name.clone(), Arc::clone(&commits));
                move || writer::run(connection, &waiting, &name, &commits)
            })
            .map_err(|error| Error::backend(format!("starting the writer of {name}"), error))?;
        Ok(Self { path, name, jobs: Some(jobs), thread: Some(thread), commits, _lock: lock })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many commits there were; fewer than closures when they were shared.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Runs `work` on the writer and waits for its commit, blocking this thread for some milliseconds.
    ///
    /// What `work` does is undone if it answers an error. It must not begin or end transactions itself.
    ///
    /// # Errors
    ///
    /// What `work` answers, or that its commit failed, or [`Error::Stopped`].
    pub fn call<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        E: Into<WorkError>,
    {
        let (reply, answer) = sync_channel(1);
        let job = job(self.name.clone(), work, move |result| {
            // Nobody waits any more: then nobody wants to know.
            reply.send(result).ok();
        });
        self.jobs().send(job).map_err(|_| self.stopped())?;
        answer.recv().unwrap_or_else(|_| Err(self.stopped()))
    }

    /// The same without blocking the thread, and refusing instead of waiting when too much is waiting already.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and [`Error::Busy`] if 1 024 closures are waiting; then nothing was done.
    pub async fn submit<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        E: Into<WorkError>,
    {
        let (reply, answer) = oneshot::channel();
        let job = job(self.name.clone(), work, move |result| {
            // As above.
            reply.send(result).ok();
        });
        self.jobs().try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Error::Busy { subject: self.name.clone() },
            TrySendError::Disconnected(_) => self.stopped(),
        })?;
        answer.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    fn jobs(&self) -> &SyncSender<Job> {
        self.jobs.as_ref().expect("taken only by drop")
    }

    fn stopped(&self) -> Error {
        Error::Stopped { subject: self.name.clone() }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic on the writer has already been told to whoever waited for it.
            thread.join().ok();
        }
    }
}

/// What a closure may fail with: SQLite's error, or one of ours.
#[derive(Debug)]
pub struct WorkError(Kind);

#[derive(Debug)]
enum Kind {
    Sqlite(rusqlite::Error),
    Ours(Error),
}

impl From<rusqlite::Error> for WorkError {
    fn from(error: rusqlite::Error) -> Self {
        Self(Kind::Sqlite(error))
    }
}

impl From<Error> for WorkError {
    fn from(error: Error) -> Self {
        Self(Kind::Ours(error))
    }
}

impl WorkError {
    fn into_error(self, name: &str) -> Error {
        match self.0 {
            Kind::Sqlite(error) => failed(format!("working on {name}"), error),
            Kind::Ours(error) => error,
        }
    }
}

fn job<T, E>(
    name: String,
    work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    reply: impl FnOnce(Result<T, Error>) + Send + 'static,
) -> Job
where
    T: Send + 'static,
    E: Into<WorkError>,
{
    Box::new(move |transaction| {
        let result = in_savepoint(transaction, work).map_err(|error| error.into_error(&name));
        let answer: Answer =
            Box::new(move |committed| reply(result.and_then(|value| committed.map(|()| value))));
        answer
    })
}

fn in_savepoint<T, E: Into<WorkError>>(
    transaction: &mut Transaction<'_>,
    work: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, WorkError> {
    // Rolls back when it is dropped without a commit.
    let savepoint = transaction.savepoint()?;
    let value = work(&savepoint).map_err(Into::into)?;
    savepoint.commit()?;
    Ok(value)
}

/// Puts the file into WAL mode; answers which one it is in.
///
/// The statement says "wal" before the change is on the disk, and tells with its next step whether it has come there.
/// Whoever does not take that step may work on in a mode in which a crash of the machine takes back the newest commit.
fn into_wal(connection: &Connection) -> rusqlite::Result<String> {
    let mut statement = connection.prepare("PRAGMA journal_mode = WAL")?;
    let mut rows = statement.query(())?;
    let mode = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?.get(0)?;
    rows.next()?;
    Ok(mode)
}

fn connect(path: &Path, schema: Schema) -> Result<Connection, Error> {
    let name = path.display();
    let doing = |error| failed(format!("opening {name}"), error);
    let mut connection = Connection::open(path).map_err(doing)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(doing)?;
    // The first statement that reads the file tells whether it is one.
    pragma(path, &connection, "schema_version")?;
    let mode = into_wal(&connection).map_err(doing)?;
    if mode != "wal" {
        let reason = format!("it cannot be put into WAL mode, only into {mode}");
        return Err(Error::Unusable { path: path.to_owned(), reason });
    }
    connection.pragma_update(None, "synchronous", FULL).map_err(doing)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(doing)?;
    // Else what a large commit puts aside lies in the system's directory for temporary files: another disk, which may
    // be full or not there.
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(doing)?;
    let kept = pragma(path, &connection, "synchronous")?;
    if kept != FULL {
        let reason = format!("synchronous is {kept} although {FULL} was asked for");
        return Err(Error::Unusable { path: path.to_owned(), reason });
    }
    point!(path, "connected");
    schema.migrate(path, &mut connection)?;
    Ok(connection)
}
