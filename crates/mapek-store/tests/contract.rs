//! What every store promises, held against both of ours.
#![expect(clippy::unwrap_used, reason = "what fails in the helpers fails the test")]

use mapek_model::{ContentHash, Epoch, Sequence};
use mapek_store::{Error, MemoryStore, SqliteStore, Store};
use proptest::prelude::*;

fn records(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn each(check: impl Fn(&dyn Store)) {
    check(&MemoryStore::new());
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
