//! A log that is read beside whoever writes it, or while nobody does.
#![expect(clippy::unwrap_used, reason = "what fails in the helpers fails the test")]

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use mapek_model::{ContentHash, Sequence};
use mapek_store::{Database, Error, Pruned, Pruning, Schema, SqliteReader, SqliteStore, Store};
use tempfile::TempDir;

/// The tables of a journal before it could be pruned.
const FIRST: &str = "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 0), epoch INTEGER NOT NULL, head INTEGER NOT NULL) STRICT;
    INSERT INTO state VALUES (0, 0, 0);
    CREATE TABLE records (sequence INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
    CREATE TABLE blobs (hash BLOB NOT NULL PRIMARY KEY, bytes BLOB NOT NULL) STRICT;";

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    (directory, path)
}

/// Four records under two epochs, of which the first two are pruned, and the checkpoint.
fn write(path: &Path) -> (SqliteStore, ContentHash) {
    let store = SqliteStore::open(path).unwrap();
    let epoch = store.raise_epoch().unwrap();
    let two = [b"a".to_vec(), b"b".to_vec()];
    store.append(epoch, Sequence::new(0), &two).unwrap();
    let epoch = store.raise_epoch().unwrap();
    let two = [b"c".to_vec(), b"d".to_vec()];
    let head = store.append(epoch, Sequence::new(2), &two).unwrap();
    let blob = store.put_blob(b"observation").unwrap();
    let pruning = Pruning { through: Sequence::new(2), ..Pruning::default() };
    store.prune(epoch, head, b"checkpoint", &pruning).unwrap();
    (store, blob)
}

fn around(directory: &TempDir) -> BTreeSet<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn same(reader: &dyn Store, store: &dyn Store) {
    assert_eq!(reader.head().unwrap(), store.head().unwrap());
    assert_eq!(reader.epoch().unwrap(), store.epoch().unwrap());
    assert_eq!(reader.pruned().unwrap(), store.pruned().unwrap());
    for (after, limit) in [(0, 10), (0, 1), (3, 1), (4, 10), (9, 10)] {
        let after = Sequence::new(after);
        assert_eq!(reader.read(after, limit).unwrap(), store.read(after, limit).unwrap());
    }
}

#[test]
fn beside_a_writer_one_moment_is_read_and_nothing_that_is_written_later() {
    let (_directory, path) = place();
    let (store, blob) = write(&path);
    let reader = SqliteReader::open(&path).unwrap();
    same(&reader, &store);
    let texts: Vec<_> = reader.read(Sequence::new(0), 10).unwrap();
    let texts: Vec<_> = texts.iter().map(|it| (it.sequence.get(), it.bytes.as_slice())).collect();
    assert_eq!(texts, [(3, &b"c"[..]), (4, b"d"), (5, b"checkpoint")]);
    assert_eq!(reader.blob(&blob).unwrap().as_deref(), Some(&b"observation"[..]));
    assert_eq!(reader.blob(&ContentHash::of(b"other")).unwrap(), None);
    assert_eq!(reader.damage().unwrap(), None);

    let epoch = store.raise_epoch().unwrap();
    store.append(epoch, Sequence::new(5), &[b"later".to_vec()]).unwrap();
    assert_eq!(reader.head().unwrap(), Sequence::new(5));
    assert_eq!(reader.read(Sequence::new(5), 10).unwrap(), []);
    same(&SqliteReader::open(&path).unwrap(), &store);
}

#[test]
fn whoever_reads_changes_nothing() {
    let (_directory, path) = place();
    let (store, blob) = write(&path);
    let (epoch, head) = (store.epoch().unwrap(), store.head().unwrap());
    let reader = SqliteReader::open(&path).unwrap();
    let refused = |it: Result<(), Error>| assert!(matches!(it, Err(Error::ReadOnly)), "{it:?}");
    refused(reader.raise_epoch().map(|_| ()));
    refused(reader.append(epoch, head, &[b"more".to_vec()]).map(|_| ()));
    refused(reader.put_blob(b"more").map(|_| ()));
    let all = Pruning { through: head, keep: [].into(), blobs: [blob].into() };
    refused(reader.prune(epoch, head, b"checkpoint", &all).map(|_| ()));
    drop(reader);
    assert_eq!((store.epoch().unwrap(), store.head().unwrap()), (epoch, head));
    assert!(store.blob(&blob).unwrap().is_some());
}

#[test]
fn what_nobody_writes_is_read_and_nothing_is_left_beside_it() {
    let (directory, path) = place();
    let (store, _) = write(&path);
    let epoch = store.epoch().unwrap();
    drop(store);
    let before = around(&directory);
    assert!(!before.contains("journal.db-wal"), "{before:?}");
    let reader = SqliteReader::open(&path).unwrap();
    assert_eq!((reader.head().unwrap(), reader.epoch().unwrap()), (Sequence::new(5), epoch));
    assert_eq!(around(&directory), before, "nor while it is open");
}

#[test]
fn who_begins_to_write_what_is_read_as_still_is_noticed() {
    let (_directory, path) = place();
    drop(write(&path));
    let reader = SqliteReader::open(&path).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    store.raise_epoch().unwrap();
    let error = reader.head().unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(why, "somebody began to write it; read it once more");
    same(&SqliteReader::open(&path).unwrap(), &store);
}

#[test]
fn a_journal_from_before_there_was_pruning_is_read() {
    let (_directory, path) = place();
    let steps: &'static [&'static str] = &[FIRST];
    let old = Schema::new("mapek journal", steps);
    let database = Database::open(&path, old).unwrap();
    let insert = "INSERT INTO records VALUES (1, 1, x'61'); UPDATE state SET epoch = 1, head = 1;";
    database.call(|connection| connection.execute_batch(insert)).unwrap();
    drop(database);
    let reader = SqliteReader::open(&path).unwrap();
    assert_eq!(reader.pruned().unwrap(), Pruned::default());
    assert_eq!(reader.read(Sequence::new(0), 10).unwrap()[0].bytes, b"a");
    drop(reader);
    let store = SqliteStore::open(&path).unwrap();
    same(&SqliteReader::open(&path).unwrap(), &store);
}

#[test]
fn what_is_no_journal_of_ours_is_not_read() {
    let (directory, path) = place();
    let refused = |path: &Path| SqliteReader::open(path).unwrap_err();
    assert!(matches!(refused(&path), Error::Backend { .. }), "it is not there");
    assert!(!path.exists(), "nor is it made");

    fs::write(&path, "").unwrap();
    let empty = refused(&path);
    assert!(empty.to_string().ends_with("journal.db is not usable: it is empty"), "{empty}");

    let foreign = directory.path().join("foreign.db");
    let connection = mapek_store::rusqlite::Connection::open(&foreign).unwrap();
    connection.execute_batch("CREATE TABLE theirs (n INTEGER); PRAGMA user_version = 1;").unwrap();
    drop(connection);
    let theirs = refused(&foreign).to_string();
    assert!(theirs.contains("not a file of the mapek journal (application id 0)"), "{theirs}");
    let writing = SqliteStore::open(&foreign).unwrap_err().to_string();
    assert!(writing.contains("not a file of the mapek journal (application id 0)"), "{writing}");

    let newer = directory.path().join("newer.db");
    let steps: &'static [&'static str] = &[FIRST, "SELECT 1;", "SELECT 1;"];
    drop(Database::open(&newer, Schema::new("mapek journal", steps)).unwrap());
    let error = refused(&newer);
    assert!(matches!(error, Error::NewerSchema { found: 3, known: 2, .. }), "{error}");
}

#[test]
fn what_is_broken_below_the_records_is_found() {
    let (_directory, path) = place();
    let (store, _) = write(&path);
    let (epoch, head) = (store.epoch().unwrap(), store.head().unwrap());
    store.append(epoch, head, &vec![vec![7; 100]; 1000]).unwrap();
    drop(store);
    let length = fs::metadata(&path).unwrap().len();
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    // The last page is one of the table: what sort of page it is stands in its first byte.
    file.seek(SeekFrom::Start(length - 4096)).unwrap();
    file.write_all(&[0xff]).unwrap();
    drop(file);
    let damage = SqliteReader::open(&path).unwrap().damage().unwrap();
    assert!(damage.as_ref().is_some_and(|it| it.contains("age")), "{damage:?}");
}
