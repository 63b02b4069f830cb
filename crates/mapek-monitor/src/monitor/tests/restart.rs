//! What a restart keeps.

use super::*;

#[tokio::test]
async fn a_restart_goes_on_where_it_stood() {
    let mut bench = Bench::new(config());
    bench.script.say(BREACH, Say::Values(vec![("a", 2.0)]));
    bench.webhook(vec![alert("A", AlertStatus::Firing, 0)], 0).await;
    bench.cycle(0).await;
    let text = serde_json::to_string(&bench.monitor.state()).unwrap();

    let mut other = Bench::new(config());
    other.script.say(BREACH, Say::Values(vec![("a", 2.0)]));
    other.monitor.restore(serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(serde_json::to_string(&other.monitor.state()).unwrap(), text);
    assert_eq!(other.cycle(30).await, bench.cycle(30).await);

    let stranger = TargetId::try_new("stranger").unwrap();
    let mut stranger = Monitor::builder(MonitorConfig::default()).target(stranger).build().unwrap();
    let error = stranger.restore(bench.monitor.state()).unwrap_err();
    assert!(error.to_string().contains("another target"));
    let newer = text.replace(r#""version":1"#, r#""version":2"#);
    assert!(other.monitor.restore(serde_json::from_str(&newer).unwrap()).is_err());
}

#[tokio::test]
async fn a_new_inbox_is_heard_and_an_old_one_is_not_told_twice() {
    let mut before = Bench::new(config());
    before.webhook(vec![alert("A", AlertStatus::Firing, 0)], 0).await;
    assert_eq!(before.cycle(10).await.closed.len(), 1, "the feed denies it");
    let state = before.monitor.state();

    // The crash came before the inbox was told: it has the same again.
    let mut same = Bench::new(config());
    same.monitor.restore(state.clone()).unwrap();
    same.webhook(vec![alert("A", AlertStatus::Firing, 0)], 0).await;
    assert!(same.cycle(20).await.closed.is_empty());

    // An inbox that counts anew.
    let mut new = Bench::new(config());
    new.monitor.restore(state).unwrap();
    new.cut_feed();
    new.monitor.settle().await.unwrap();
    new.webhook(vec![alert("B", AlertStatus::Firing, 15)], 0).await;
    assert_eq!(new.cycle(20).await.open.len(), 1);
}

#[tokio::test]
async fn an_inbox_that_cannot_be_read_is_doubted() {
    let mut broken = crate::MockAlertInbox::new();
    broken.expect_pending().returning(|_| Err(Error::storage("reading the inbox", "disk")));
    let builder = Monitor::builder(MonitorConfig { up: None, ..MonitorConfig::default() });
    let mut monitor = builder.inbox(Arc::new(broken)).build().unwrap();
    let seen = monitor.observe(at(0), &Ours::default(), pending()).await;
    assert_eq!(kinds(&seen, "inbox"), [DoubtKind::Unreachable]);
}
