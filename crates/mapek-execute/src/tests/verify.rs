//! Whether damage is found, and where.

use mapek_model::{
    ContentHash, CycleNumber, Ending, ExecutionEvent, ExecutionRecord, Sequence, TargetId,
};
use mapek_store::{MemoryStore, Store};

use super::world::{Scene, custom, id, plan};
use crate::{Body, CycleInputs, Entry, Journal, Verified, verify};

async fn lived() -> Scene {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("a"), custom("b")])).unwrap();
    scene.finish().await;
    scene
}

fn found(store: &MemoryStore) -> Verified {
    verify(store).unwrap()
}

/// Where damage is, and what of it is said first.
fn first(store: &MemoryStore) -> (u64, String) {
    let verified = found(store);
    assert!(!verified.is_sound());
    let first = verified.damage.into_iter().next().unwrap();
    (first.record.map_or(0, Sequence::get), first.reason)
}

/// Appends to a journal what its own writer would not.
fn append(store: &MemoryStore, body: Body) -> Sequence {
    let mut journal = Journal::open(std::sync::Arc::new(store.clone()), |_| ()).unwrap();
    let (at, cycle) = (super::world::start_time(), CycleNumber::new(1));
    journal.append(Entry { target: Some(TargetId::default()), at, cycle, body }).unwrap().sequence
}

#[tokio::test]
async fn what_was_lived_is_sound_and_named_by_its_head() {
    let scene = lived().await;
    let verified = found(&scene.store);
    assert_eq!(verified.damage, []);
    let control = scene.executor.control();
    assert_eq!((verified.head, verified.journal), (control.head(), control.journal_id()));
    assert_eq!((verified.records, verified.executions), (control.head().get(), 1));
    // The hash is the one that the next record names.
    let next =
        append(&scene.store, Body::Latch { paused: true, by: "a".into(), reason: "b".into() });
    let mut previous = None;
    crate::scan(&scene.store, |item| {
        let record = item.unwrap();
        previous = (record.sequence == next).then_some(record.previous);
    })
    .unwrap();
    assert_eq!(previous, Some(verified.hash));
}

#[tokio::test]
async fn every_changed_record_is_found_where_it_is() {
    let scene = lived().await;
    let head = found(&scene.store).head.get();
    assert!(head > 5);
    for at in 1..=head {
        let spoilt = scene.store.fork(Sequence::new(head));
        assert!(spoilt.corrupt(Sequence::new(at), |bytes| {
            let last = bytes.len() - 2;
            bytes[last] ^= 1;
        }));
        let (record, reason) = first(&spoilt);
        assert_eq!(record, at, "{reason}");
        assert!(reason.contains(", expected "), "{reason}");
    }
}

#[tokio::test]
async fn a_record_of_another_life_of_the_same_journal_is_found_by_its_successor() {
    let scene = lived().await;
    let fork = |through| scene.store.fork(Sequence::new(through));
    let (one, other) = (fork(3), fork(3));
    let latch = |who: &str| Body::Latch { paused: true, by: who.into(), reason: "x".into() };
    for store in [&one, &other] {
        append(store, latch(if std::ptr::eq(store, &raw const one) { "ada" } else { "eve" }));
        append(store, latch("bob"));
    }
    // In itself as it should be, in number and in epoch.
    let foreign = other.read(Sequence::new(3), 1).unwrap().remove(0).bytes;
    assert!(one.corrupt(Sequence::new(4), |bytes| *bytes = foreign));
    let (record, reason) = first(&one);
    assert_eq!(record, 5);
    assert!(reason.starts_with("it does not follow the record before it: it names "), "{reason}");
}

#[tokio::test]
async fn what_cannot_follow_is_found_where_it_is_said() {
    let scene = lived().await;
    let event = ExecutionEvent::Ended { ending: Ending::Undone, reason: "x".to_owned() };
    let record = ExecutionRecord { execution: id(1), at: scene.now, event };
    let at = append(&scene.store, Body::Execution { record });
    let (record, reason) = first(&scene.store);
    assert_eq!(record, at.get());
    assert!(reason.contains("ended cannot follow completed"), "{reason}");
}

#[tokio::test]
async fn a_value_that_is_named_and_not_there_is_missed() {
    let scene = lived().await;
    let control = scene.executor.control();
    let (kept, lost) = (control.keep("seen").unwrap(), ContentHash::of(b"lost"));
    let inputs = |experience| {
        let config = ContentHash::of(b"configuration");
        Body::Cycle(CycleInputs::new(CycleNumber::new(1), config, 7, kept, experience))
    };
    append(&scene.store, inputs(kept));
    assert_eq!((found(&scene.store).values, found(&scene.store).is_sound()), (1, true));
    let at = append(&scene.store, inputs(lost));
    let (record, reason) = first(&scene.store);
    assert_eq!(record, at.get());
    assert_eq!(reason, format!("a value that it names is not there, expected {lost}"));
}

#[tokio::test]
async fn what_is_missing_at_the_end_or_in_between_is_missed() {
    let scene = lived().await;
    let verified = found(&scene.store);
    let shorter = Shortened { inner: scene.store.clone(), without: verified.head };
    let cut = verify(&shorter).unwrap();
    assert_eq!(cut.damage[0].record, None);
    assert!(cut.damage[0].reason.ends_with(&format!(", expected {}", verified.head)), "{cut:?}");
    let holed = verify(&Shortened { without: Sequence::new(3), ..shorter }).unwrap();
    assert_eq!(holed.damage[0].record, Some(Sequence::new(4)));
    assert_eq!(holed.damage[0].reason, "record 3 was expected before it");
}

/// A store that has lost a record.
#[derive(Debug)]
struct Shortened {
    inner: MemoryStore,
    without: Sequence,
}

impl Store for Shortened {
    fn head(&self) -> Result<Sequence, mapek_store::Error> {
        self.inner.head()
    }

    fn epoch(&self) -> Result<mapek_model::Epoch, mapek_store::Error> {
        self.inner.epoch()
    }

    fn raise_epoch(&self) -> Result<mapek_model::Epoch, mapek_store::Error> {
        Err(mapek_store::Error::ReadOnly)
    }

    fn append(
        &self,
        _: mapek_model::Epoch,
        _: Sequence,
        _: &[Vec<u8>],
    ) -> Result<Sequence, mapek_store::Error> {
        Err(mapek_store::Error::ReadOnly)
    }

    fn read(
        &self,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<mapek_store::Stored>, mapek_store::Error> {
        let mut page = self.inner.read(after, limit)?;
        page.retain(|it| it.sequence != self.without);
        Ok(page)
    }

    fn put_blob(&self, _: &[u8]) -> Result<ContentHash, mapek_store::Error> {
        Err(mapek_store::Error::ReadOnly)
    }

    fn blob(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, mapek_store::Error> {
        self.inner.blob(hash)
    }

    fn pruned(&self) -> Result<mapek_store::Pruned, mapek_store::Error> {
        self.inner.pruned()
    }

    fn prune(
        &self,
        _: mapek_model::Epoch,
        _: Sequence,
        _: &[u8],
        _: &mapek_store::Pruning,
    ) -> Result<Sequence, mapek_store::Error> {
        Err(mapek_store::Error::ReadOnly)
    }
}
