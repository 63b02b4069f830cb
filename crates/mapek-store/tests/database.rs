//! The file with one writer: lock, schema, shared commits.
#![expect(clippy::unwrap_used, reason = "what fails in the helpers fails the test")]

use std::{
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
};

use mapek_store::{Database, Error, Schema, SqliteStore, Store, copy, rusqlite};

const NOTES: Schema = Schema::new("notes", &["CREATE TABLE notes (text TEXT NOT NULL) STRICT;"]);

fn open(path: &Path) -> Database {
    Database::open(path, NOTES).unwrap()
}

fn count(database: &Database) -> i64 {
    database
        .call(|connection| connection.query_row("SELECT count(*) FROM notes", (), |row| row.get(0)))
        .unwrap()
}

fn insert(connection: &rusqlite::Connection) -> rusqlite::Result<usize> {
    connection.execute("INSERT INTO notes VALUES ('x')", ())
}

#[test]
fn a_second_opener_is_told_which_file_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let first = SqliteStore::open(&path).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    assert!(error.to_string().contains("journal.db"), "{error}");
    drop(first);
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    const NEWER: Schema = Schema::new(
        "notes",
        &["CREATE TABLE notes (text TEXT NOT NULL) STRICT;", "CREATE TABLE more (n INTEGER);"],
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.db");
    drop(open(&path));
    drop(Database::open(&path, NEWER).unwrap());
    let error = Database::open(&path, NOTES).unwrap_err();
    assert!(matches!(error, Error::NewerSchema { found: 2, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("notes.db has schema version 2"), "{error}");
}

#[test]
fn a_file_of_somebody_else_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.db");
    drop(open(&path));
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(error.to_string().contains("not a file of the mapek journal"), "{error}");

    let text = directory.path().join("text.db");
    std::fs::write(&text, "this is no database, and long enough to be read as one".repeat(40))
        .unwrap();
    let error = SqliteStore::open(&text).unwrap_err();
    assert!(matches!(error, Error::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("text.db"), "{error}");
}

#[test]
fn a_log_that_lost_its_tail_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let store = SqliteStore::open(&path).unwrap();
    let epoch = store.raise_epoch().unwrap();
    store.append(epoch, store.head().unwrap(), &[vec![1], vec![2]]).unwrap();
    store
        .database()
        .call(|connection| connection.execute("DELETE FROM records WHERE sequence = 2", ()))
        .unwrap();
    drop(store);
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(error.to_string().contains("counted 2 records, the newest is Some(1)"), "{error}");
}

#[test]
fn a_log_that_lost_all_of_its_records_is_refused_and_an_empty_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    drop(SqliteStore::open(&path).unwrap());
    let store = SqliteStore::open(&path).unwrap();
    let epoch = store.raise_epoch().unwrap();
    store.append(epoch, store.head().unwrap(), &[vec![1]]).unwrap();
    let database = store.database();
    assert_eq!(database.path(), path);
    database.call(|connection| connection.execute("DELETE FROM records", ())).unwrap();
    drop(store);
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(error.to_string().contains("counted 1 records, the newest is None"), "{error}");
}

/// What a released program has marked files with is what every later one looks for.
#[test]
fn files_are_marked_as_they_always_were() {
    let directory = tempfile::tempdir().unwrap();
    let mark = |database: &Database| -> i64 {
        let mark = |connection: &rusqlite::Connection| {
            connection.pragma_query_value(None, "application_id", |row| row.get(0))
        };
        database.call(mark).unwrap()
    };
    assert_eq!(mark(&open(&directory.path().join("notes.db"))), 727_361_904);
    let store = SqliteStore::open(directory.path().join("journal.db")).unwrap();
    assert_eq!(mark(store.database()), 1_670_830_352);
}

/// Holds the writer until the returned sender is dropped.
fn hold(database: &Arc<Database>) -> (SyncSender<()>, thread::JoinHandle<Result<(), Error>>) {
    let (release, held) = sync_channel::<()>(0);
    let (reached, wait) = sync_channel(0);
    let database = Arc::clone(database);
    let thread = thread::spawn(move || {
        database.call(move |_| {
            reached.send(()).unwrap();
            held.recv().unwrap_err();
            Ok::<(), rusqlite::Error>(())
        })
    });
    wait.recv().unwrap();
    (release, thread)
}

#[tokio::test(flavor = "multi_thread")]
async fn closures_that_wait_together_share_one_commit() {
    let directory = tempfile::tempdir().unwrap();
    let database = Arc::new(open(&directory.path().join("notes.db")));
    let (release, holder) = hold(&database);
    let before = database.commits();
    let waiting = wait_in_line(&database, 100, "INSERT INTO notes VALUES ('x')").await;
    drop(release);
    for submitted in waiting {
        assert_eq!(submitted.await.unwrap(), 1);
    }
    holder.join().unwrap().unwrap();
    assert_eq!(count(&database), 100);
    // One for the held group with all that waited, one for the count.
    assert!(database.commits() - before <= 3, "{} commits", database.commits() - before);
}

/// So many statements that wait for the writer, in this order.
async fn wait_in_line(
    database: &Arc<Database>,
    count: usize,
    statement: &'static str,
) -> Vec<Pin<Box<dyn Future<Output = Result<usize, Error>> + Send>>> {
    let mut waiting = Vec::new();
    for _ in 0..count {
        let database = Arc::clone(database);
        let mut submitted: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(async move { database.submit(move |it| it.execute(statement, ())).await });
        // The first poll puts it into the queue.
        assert!(futures_poll_once(&mut submitted).await.is_none());
        waiting.push(submitted);
    }
    waiting
}

/// A commit bounds how long the first of those that share it waits.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_256_share_a_commit() {
    let directory = tempfile::tempdir().unwrap();
    let database = Arc::new(open(&directory.path().join("notes.db")));
    let (release, holder) = hold(&database);
    let waiting = wait_in_line(&database, 512, "INSERT INTO notes VALUES ('x')").await;
    drop(release);
    for submitted in waiting {
        submitted.await.unwrap();
    }
    holder.join().unwrap().unwrap();
    // While the writer is held, all commits before are counted and this one is not.
    let (release, holder) = hold(&database);
    assert_eq!(database.commits(), 3, "of 513");
    drop(release);
    holder.join().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_is_told_to_everybody_who_shared_it() {
    const PAIRS: Schema = Schema::new(
        "pairs",
        &["CREATE TABLE notes (n INTEGER PRIMARY KEY) STRICT;
           CREATE TABLE answers (
               n INTEGER NOT NULL REFERENCES notes DEFERRABLE INITIALLY DEFERRED
           ) STRICT;"],
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pairs.db");
    let database = Arc::new(Database::open(&path, PAIRS).unwrap());
    let (release, holder) = hold(&database);
    let mut waiting = wait_in_line(&database, 1, "INSERT INTO notes VALUES (1)").await;
    waiting.extend(wait_in_line(&database, 1, "INSERT INTO answers VALUES (2)").await);
    drop(release);
    let mut told = vec![holder.join().unwrap().unwrap_err()];
    for submitted in waiting {
        told.push(submitted.await.unwrap_err());
    }
    for error in told {
        assert!(error.is_transient(), "{error:?}");
        assert!(error.to_string().starts_with("committing to "), "{error}");
        let why = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(why, "FOREIGN KEY constraint failed");
    }
    let count = |it: &rusqlite::Connection| -> rusqlite::Result<i64> {
        it.query_row("SELECT count(*) FROM notes", (), |row| row.get(0))
    };
    assert_eq!(database.call(count).unwrap(), 0, "nothing of it has happened");
}

async fn futures_poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_instead_of_growing() {
    let directory = tempfile::tempdir().unwrap();
    let database = Arc::new(open(&directory.path().join("notes.db")));
    let (release, holder) = hold(&database);
    let mut waiting = Vec::new();
    let refused = loop {
        let mut submitted = Box::pin(database.submit(insert));
        match futures_poll_once(&mut submitted).await {
            None => waiting.push(submitted),
            Some(result) => break result.unwrap_err(),
        }
        assert!(waiting.len() <= 1024, "the queue has no limit");
    };
    assert!(matches!(refused, Error::Busy { .. }), "{refused}");
    assert!(refused.is_transient());
    drop(release);
    let accepted = waiting.len();
    for submitted in waiting {
        submitted.await.unwrap();
    }
    holder.join().unwrap().unwrap();
    assert_eq!(count(&database), i64::try_from(accepted).unwrap());
}

#[test]
fn a_closure_that_fails_is_rolled_back_alone() {
    let directory = tempfile::tempdir().unwrap();
    let database = Arc::new(open(&directory.path().join("notes.db")));
    let (release, holder) = hold(&database);
    let threads: Vec<_> = (0..8)
        .map(|i| {
            let database = Arc::clone(&database);
            thread::spawn(move || {
                let result = database.call(move |connection| {
                    insert(connection)?;
                    if i % 2 == 0 {
                        Ok(())
                    } else {
                        connection.execute_batch("INSERT INTO nowhere VALUES (1)")
                    }
                });
                assert_eq!(result.is_ok(), i % 2 == 0);
            })
        })
        .collect();
    drop(release);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    holder.join().unwrap().unwrap();
    assert_eq!(count(&database), 4);
}

#[test]
fn a_panic_on_the_writer_stops_it_and_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory.path().join("notes.db"));
    let result: Result<(), Error> =
        database.call(|_| -> rusqlite::Result<()> { panic!("a defect in a closure") });
    assert!(matches!(result, Err(Error::Stopped { .. })));
    assert!(matches!(database.call(insert), Err(Error::Stopped { .. })));
    drop(database);
    assert_eq!(count(&open(&directory.path().join("notes.db"))), 0);
}

#[test]
fn no_room_is_told_apart_and_leaves_the_log_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("journal.db")).unwrap();
    let epoch = store.raise_epoch().unwrap();
    let head = store.append(epoch, store.head().unwrap(), &[vec![1]]).unwrap();
    store
        .database()
        .call(|connection| {
            let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        })
        .unwrap();
    let error = store.append(epoch, head, &[vec![0; 1024 * 1024]]).unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert!(error.is_transient());
    assert_eq!(store.head().unwrap(), head);
    assert_eq!(store.append(epoch, head, &[vec![2]]).unwrap(), head.next());
}

/// A panic leaves of a file what a crash leaves of it, as far as this process can do that to itself.
#[cfg(feature = "failpoints")]
#[test]
fn a_file_that_was_cut_off_while_it_was_made_is_made_to_its_end() {
    mapek_store::failpoints::watch(|file, point| {
        let dies = file.file_stem().is_some_and(|stem| stem == point);
        assert!(!dies || file.with_extension("survived").exists(), "{point}");
    });
    for point in ["locked", "connected", "marked", "migrated"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(point).with_extension("db");
        assert!(std::panic::catch_unwind(|| open(&path)).is_err(), "{point} was not reached");
        std::fs::write(path.with_extension("survived"), "").unwrap();
        let database = open(&path);
        database.call(insert).unwrap();
        assert_eq!(count(&database), 1, "{point}");
    }
}

#[test]
fn a_copy_beside_a_writer_has_whole_commits_and_is_a_file_of_ours() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.db");
    let database = Arc::new(open(&path));
    let (ready, told) = sync_channel(0);
    let writing = thread::spawn({
        let database = Arc::clone(&database);
        move || {
            for pair in 0..400 {
                // Two at a time: one alone is never to be seen.
                let two = |it: &rusqlite::Connection| insert(it).and_then(|_| insert(it));
                database.call(two).unwrap();
                if pair == 20 {
                    ready.send(()).unwrap();
                }
            }
        }
    });
    told.recv().unwrap();
    let counts: Vec<_> = (0..5)
        .map(|number| {
            // A name that a URI would take for something else.
            let to = directory.path().join(format!("a copy?mode=ro&x%20{number}.db"));
            copy(&path, &to).unwrap();
            assert!(to.exists(), "under this very name");
            count(&open(&to))
        })
        .collect();
    writing.join().unwrap();
    assert!(counts.iter().all(|it| it % 2 == 0 && *it >= 42), "{counts:?}");
    assert!(counts.is_sorted(), "{counts:?}");
    assert_eq!(count(&database), 800, "the original is as it was");
}

#[test]
fn a_copy_overwrites_nothing_and_of_nothing_there_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let [from, to] = ["notes.db", "copy.db"].map(|name| directory.path().join(name));
    drop(open(&from));
    std::fs::write(&to, "precious").unwrap();
    let error = copy(&from, &to).unwrap_err();
    assert!(error.to_string().contains("copy.db is not usable: it is there already"), "{error}");
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "precious");
    let nowhere = directory.path().join("nowhere.db");
    copy(directory.path().join("nothing.db"), &nowhere).unwrap_err();
    assert!(!nowhere.exists());
}

#[test]
fn epochs_that_were_left_out_are_never_begun() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("journal.db")).unwrap();
    let before = store.raise_epoch().unwrap();
    let skipped = store.skip_epochs(1000).unwrap();
    assert_eq!(skipped.get(), before.get() + 1000);
    assert_eq!(store.raise_epoch().unwrap().get(), before.get() + 1001);
}
