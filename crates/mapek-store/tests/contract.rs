//! What every store promises, held against both of ours.
#![expect(clippy::unwrap_used, reason = "what fails in the helpers fails the test")]

use std::sync::Arc;

use mapek_model::{ContentHash, Epoch, Sequence};
use mapek_store::{Error, MemoryStore, Pruned, Pruning, SqliteStore, Store};
use proptest::prelude::*;

fn records(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn each(check: impl Fn(&dyn Store)) {
    check(&MemoryStore::new());
    // What several hold is the same store.
    check(&Arc::new(MemoryStore::new()));
    let directory = tempfile::tempdir().unwrap();
    check(&SqliteStore::open(directory.path().join("deep/er/journal.db")).unwrap());
}

#[test]
fn an_empty_log_begins_at_zero() {
    each(|store| {
        assert_eq!(store.head().unwrap(), Sequence::new(0));
        assert_eq!(store.epoch().unwrap(), Epoch::new(0));
        assert!(store.read(Sequence::new(0), 10).unwrap().is_empty());
    });
}

#[test]
fn records_are_numbered_from_one_and_read_in_pages() {
    each(|store| {
        let epoch = store.raise_epoch().unwrap();
        let head = store.append(epoch, Sequence::new(0), &records(&["a", "b"])).unwrap();
        let head = store.append(epoch, head, &records(&["c"])).unwrap();
        assert_eq!(head, Sequence::new(3));
        assert_eq!(store.head().unwrap(), head);
        let page = store.read(Sequence::new(1), 1).unwrap();
        assert_eq!(page.len(), 1);
        assert_eq!((page[0].sequence, page[0].epoch), (Sequence::new(2), epoch));
        assert_eq!(page[0].bytes, b"b");
        assert!(store.read(head, 10).unwrap().is_empty());
    });
}

#[test]
fn a_stale_epoch_and_a_wrong_sequence_write_nothing() {
    each(|store| {
        let old = store.raise_epoch().unwrap();
        let head = store.append(old, Sequence::new(0), &records(&["a"])).unwrap();
        let new = store.raise_epoch().unwrap();
        assert!(new > old);
        assert_eq!(store.epoch().unwrap(), new);
        let stale = store.append(old, head, &records(&["b"])).unwrap_err();
        assert!(matches!(stale, Error::StaleEpoch { .. }), "{stale}");
        for wrong in [0, 2] {
            let error = store.append(new, Sequence::new(wrong), &records(&["b"])).unwrap_err();
            assert!(matches!(error, Error::WrongSequence { .. }), "{error}");
            assert!(!error.is_transient());
        }
        // Not even an epoch from the future may write: nobody has begun it.
        assert!(store.append(new.next(), head, &records(&["b"])).is_err());
        assert_eq!(store.head().unwrap(), head);
    });
}

#[test]
fn too_much_at_once_is_refused() {
    each(|store| {
        let epoch = store.raise_epoch().unwrap();
        let many = vec![vec![0]; 1025];
        let long = vec![vec![0; 16 * 1024 * 1024 + 1]];
        for bad in [many, long] {
            let error = store.append(epoch, Sequence::new(0), &bad).unwrap_err();
            assert!(matches!(error, Error::TooLarge { .. }), "{error}");
        }
        assert_eq!(store.head().unwrap(), Sequence::new(0));
    });
}

#[test]
fn blobs_are_found_by_their_content() {
    each(|store| {
        let hash = store.put_blob(b"observation").unwrap();
        assert_eq!(hash, ContentHash::of(b"observation"));
        assert_eq!(store.put_blob(b"observation").unwrap(), hash);
        assert_eq!(store.blob(&hash).unwrap().as_deref(), Some(b"observation".as_slice()));
        assert_eq!(store.blob(&ContentHash::of(b"other")).unwrap(), None);
    });
}

fn sequences(store: &dyn Store) -> Vec<u64> {
    let all = store.read(Sequence::new(0), 100).unwrap();
    all.iter().map(|stored| stored.sequence.get()).collect()
}

#[test]
fn what_is_pruned_is_gone_and_what_is_kept_stays_where_it_was() {
    each(|store| {
        let epoch = store.raise_epoch().unwrap();
        let head = store.append(epoch, Sequence::new(0), &records(&["a", "b", "c", "d"])).unwrap();
        let (old, new) = (store.put_blob(b"old").unwrap(), store.put_blob(b"new").unwrap());
        assert_eq!(store.pruned().unwrap(), Pruned::default());
        let pruning = Pruning {
            through: Sequence::new(3),
            keep: [2, 9].map(Sequence::new).into(),
            blobs: [old, ContentHash::of(b"never there")].into(),
        };
        let head = store.prune(epoch, head, b"checkpoint", &pruning).unwrap();
        assert_eq!(head, Sequence::new(5));
        let pruned = Pruned { through: Sequence::new(3), checkpoint: head };
        assert_eq!(store.pruned().unwrap(), pruned);
        assert_eq!(sequences(store), [2, 4, 5]);
        assert_eq!(store.read(Sequence::new(4), 1).unwrap()[0].bytes, b"checkpoint");
        assert_eq!(
            (store.blob(&old).unwrap(), store.blob(&new).unwrap()),
            (None, Some(b"new".to_vec()))
        );
        // Numbers go on, even where all before is gone; and what is not named again goes.
        let all = Pruning { through: head, ..Pruning::default() };
        let head = store.prune(epoch, head, b"checkpoint", &all).unwrap();
        assert_eq!(store.append(epoch, head, &records(&["e"])).unwrap(), Sequence::new(7));
        assert_eq!(sequences(store), [6, 7]);
    });
}

#[test]
fn a_pruning_that_is_refused_writes_nothing() {
    each(|store| {
        let old = store.raise_epoch().unwrap();
        let head = store.append(old, Sequence::new(0), &records(&["a", "b"])).unwrap();
        let new = store.raise_epoch().unwrap();
        let one = Pruning { through: Sequence::new(1), ..Pruning::default() };
        let ahead = Pruning { through: Sequence::new(3), ..Pruning::default() };
        assert!(matches!(store.prune(old, head, b"c", &one), Err(Error::StaleEpoch { .. })));
        let early = store.prune(new, Sequence::new(1), b"c", &one);
        assert!(matches!(early, Err(Error::WrongSequence { .. })));
        assert!(matches!(store.prune(new, head, b"c", &ahead), Err(Error::WrongSequence { .. })));
        assert_eq!((sequences(store), store.pruned().unwrap()), (vec![1, 2], Pruned::default()));
    });
}

#[test]
fn a_pruned_file_opens_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let store = SqliteStore::open(&path).unwrap();
    let epoch = store.raise_epoch().unwrap();
    let head = store.append(epoch, Sequence::new(0), &records(&["a", "b"])).unwrap();
    let all = Pruning { through: head, ..Pruning::default() };
    store.prune(epoch, head, b"checkpoint", &all).unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.head().unwrap(), Sequence::new(3));
    assert_eq!(store.pruned().unwrap().through, Sequence::new(2));
    assert_eq!(sequences(&store), [3]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_hold_the_same_after_the_same_appends(
        batches in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..4), 0..6),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        let memory = MemoryStore::new();
        let sqlite = SqliteStore::open(&path).unwrap();
        for store in [&memory as &dyn Store, &sqlite] {
            let epoch = store.raise_epoch().unwrap();
            let mut head = Sequence::new(0);
            for batch in &batches {
                head = store.append(epoch, head, batch).unwrap();
            }
        }
        drop(sqlite);
        let sqlite = SqliteStore::open(&path).unwrap();
        prop_assert_eq!(sqlite.read(Sequence::new(0), 100).unwrap(), memory.read(Sequence::new(0), 100).unwrap());
        prop_assert_eq!(sqlite.head().unwrap(), memory.head().unwrap());
    }
}
