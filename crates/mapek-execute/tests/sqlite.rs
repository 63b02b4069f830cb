//! The executor on a journal in a file.
#![expect(clippy::unwrap_used, reason = "what fails in the helpers fails the test")]

use std::{collections::BTreeMap, sync::Arc};

use mapek_execute::{Config, CycleInputs, Error, Executor, Rails, Record, scan};
use mapek_model::{ContentHash, CycleNumber, Timestamp};
use mapek_store::{SqliteStore, Store};

fn open(path: &std::path::Path) -> Result<Executor, Error> {
    let config = Config { state_dir: None, ..Config::default() };
    let rails = Rails::new(&config.rails);
    let store = Arc::new(SqliteStore::open(path).unwrap());
    Executor::open(config, rails, store, BTreeMap::new()).map(|(executor, _)| executor)
}

#[test]
fn what_was_journaled_is_there_after_a_restart_in_a_newer_epoch() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let executor = open(&path).unwrap();
    let control = executor.control();
    let observation = control.keep(&vec!["observed"]).unwrap();
    let [config, known] = [&b"configuration"[..], b"experience"].map(ContentHash::of);
    let inputs = CycleInputs::new(CycleNumber::new(41), config, 7, observation, known);
    control.begin_cycle(inputs, now).unwrap();
    control.pause("ada", "3 a.m.", now).unwrap();
    let epoch = control.epoch();
    drop((executor, control));

    let executor = open(&path).unwrap();
    let control = executor.control();
    assert!(control.epoch() > epoch);
    assert_eq!(control.cycle(), CycleNumber::new(41));
    assert!(control.paused().unwrap().to_string().contains("3 a.m."));
    assert_eq!(control.kept::<Vec<String>>(&observation).unwrap().unwrap(), ["observed"]);
    drop((executor, control));

    // A tool that only looks begins no epoch.
    let store = SqliteStore::open(&path).unwrap();
    let before = store.epoch().unwrap();
    let mut records: Vec<Record> = Vec::new();
    scan(&store, |record| records.push(record.unwrap())).unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(records[1].cycle, CycleNumber::new(41));
    assert_eq!(store.epoch().unwrap(), before);
}
