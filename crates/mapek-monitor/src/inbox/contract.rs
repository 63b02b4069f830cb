//! What every inbox must do; it is given one with room for four.

use std::time::Duration;

use mapek_model::{Labels, Timestamp, later};

use crate::{AlertBatch, AlertInbox, AlertStatus, Error, FeedAlert, InboxPosition, Stored};

pub(super) fn alert(fingerprint: &str, since_ms: u64, status: AlertStatus) -> FeedAlert {
    FeedAlert {
        fingerprint: fingerprint.to_owned(),
        labels: Labels::from_iter([("alertname", "A"), ("odd", "NUL \0 and \u{1f525}")]),
        annotations: Labels::from_iter([("summary", "s")]),
        starts_at: later(Timestamp::UNIX_EPOCH, Duration::from_millis(since_ms)),
        ends_at: None,
        status,
        suppressed: false,
    }
}

pub(super) fn batch(alerts: Vec<FeedAlert>) -> AlertBatch {
    AlertBatch { alerts, truncated: 0 }
}

pub(super) async fn holds(inbox: &dyn AlertInbox) {
    use AlertStatus::{Firing, Resolved};
    let first = batch(vec![alert("a", 1, Firing), alert("b", 1, Firing), alert("a", 1, Firing)]);
    let stored = inbox.store(&first).await.unwrap();
    assert_eq!(stored, Stored { accepted: 2, repeated: 1 });
    assert_eq!(inbox.store(&first).await.unwrap(), Stored { accepted: 0, repeated: 3 });

    // Less than a millisecond is no difference; status and start are.
    let mut finer = alert("a", 1, Firing);
    finer.starts_at = later(finer.starts_at, Duration::from_nanos(999_999));
    let second = batch(vec![finer, alert("a", 1, Resolved), alert("a", 2, Firing)]);
    let second = AlertBatch { truncated: 7, ..second };
    assert_eq!(inbox.store(&second).await.unwrap(), Stored { accepted: 2, repeated: 1 });

    // All or nothing.
    let third = batch(vec![alert("a", 1, Firing), alert("c", 1, Firing)]);
    let error = inbox.store(&third).await.unwrap_err();
    assert!(matches!(error, Error::Full { capacity: 4, .. }) && error.is_transient());

    let waiting = inbox.pending(100).await.unwrap();
    let seen: Vec<_> = waiting
        .iter()
        .map(|it| (it.alert.fingerprint.as_str(), it.alert.status, it.truncated))
        .collect();
    let expected =
        [("a", Firing, false), ("b", Firing, false), ("a", Resolved, true), ("a", Firing, true)];
    assert_eq!(seen, expected);
    assert_eq!(waiting[0].alert, first.alerts[0]);
    assert!(waiting.is_sorted_by(|a, b| a.position < b.position));
    assert_eq!(inbox.pending(1).await.unwrap(), waiting[..1]);

    inbox.acknowledge(waiting[1].position).await.unwrap();
    inbox.acknowledge(waiting[0].position).await.unwrap();
    inbox.acknowledge(InboxPosition(0)).await.unwrap();
    assert_eq!(inbox.pending(100).await.unwrap(), waiting[2..]);
    assert_eq!(inbox.store(&first).await.unwrap().accepted, 0, "what was dealt with is known");

    inbox.store(&third).await.unwrap();
    let last = inbox.pending(100).await.unwrap().pop().unwrap();
    assert!(last.position > waiting[3].position && last.alert.fingerprint == "c");
    inbox.acknowledge(last.position).await.unwrap();
    assert!(inbox.pending(100).await.unwrap().is_empty());
}
