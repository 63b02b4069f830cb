//! What alerts prove, heard and read.

use super::*;

#[tokio::test]
async fn an_alert_ends_with_the_feed_only_while_metrics_are_there() {
    let mut bench = Bench::new(config());
    bench.feed(vec![alert("A", AlertStatus::Firing, 0)]);
    bench.cycle(0).await;
    bench.feed(vec![]);
    bench.script.say(OLDEST, Say::Values(vec![]));
    assert_eq!(bench.cycle(30).await.open.len(), 1, "its metric may be what is gone");
    bench.cut_feed();
    bench.script.say(OLDEST, Say::Age(1));
    assert_eq!(bench.cycle(60).await.open.len(), 1, "the feed cannot be read");
    bench.feed(vec![]);
    assert_eq!(bench.cycle(90).await.closed.len(), 1);
}

#[tokio::test]
async fn a_webhook_is_unconfirmed_until_feed_or_expression_confirm_it() {
    let mut bench = Bench::new(config());
    bench.cut_feed();
    bench.webhook(vec![alert("A", AlertStatus::Firing, 0)], 0).await;
    let seen = bench.cycle(10).await;
    assert!(!seen.open[0].is_confirmed());
    assert_eq!(bench.cycle(20).await.open[0].last_seen, at(10), "nothing new was heard");

    bench.script.rules.lock().unwrap().insert("A".to_owned(), "a > 1".to_owned());
    bench.script.say("a > 1", Say::Values(vec![("other", 2.0)]));
    let seen = bench.cycle(30).await;
    assert!(seen.closed.len() == 1, "true for another series, false for this");

    bench.webhook(vec![alert("B", AlertStatus::Firing, 35)], 0).await;
    bench.script.rules.lock().unwrap().insert("B".to_owned(), "b > 1".to_owned());
    bench.script.say("b > 1", Say::Values(vec![("", 2.0)]));
    let seen = bench.cycle(40).await;
    assert!(seen.open[0].is_confirmed());
    bench.script.say("b > 1", Say::Fail);
    assert_eq!(bench.cycle(50).await.open.len(), 1);
    bench.script.say("b > 1", Say::Values(vec![]));
    assert_eq!(bench.cycle(60).await.closed.len(), 1);
}

#[tokio::test]
async fn an_alert_whose_own_expression_is_false_is_not_confirmed_by_the_feed() {
    let mut bench = Bench::new(config());
    bench.feed(vec![alert("A", AlertStatus::Firing, 0)]);
    bench.script.rules.lock().unwrap().insert("A".to_owned(), "a > 1".to_owned());
    bench.script.say("a > 1", Say::Values(vec![]));
    for second in [0, 30] {
        let seen = bench.cycle(second).await;
        assert!(seen.open.len() == 1 && !seen.open[0].is_confirmed(), "{:?}", seen.open);
    }
    bench.script.say("a > 1", Say::Values(vec![("", 2.0)]));
    assert!(bench.cycle(60).await.open[0].is_confirmed());
    // Nobody knows the rule of another, or it cannot be asked: that denies nothing.
    bench.script.say("c > 1", Say::Fail);
    bench.script.rules.lock().unwrap().insert("C".to_owned(), "c > 1".to_owned());
    bench.feed(vec![alert("B", AlertStatus::Firing, 70), alert("C", AlertStatus::Firing, 70)]);
    let seen = bench.cycle(90).await;
    assert!(seen.open.len() == 2 && seen.open.iter().all(Violation::is_confirmed), "{seen:?}");
}

#[tokio::test]
async fn a_breach_began_before_its_alert_had_lasted() {
    let mut bench = Bench::new(config());
    bench.script.rules.lock().unwrap().insert("A".to_owned(), "a > 1".to_owned());
    bench.script.say("a > 1", Say::Values(vec![("", 2.0)]));
    bench.script.hold.store(300, Ordering::SeqCst);
    bench.cut_feed();
    bench.webhook(vec![alert("A", AlertStatus::Firing, 400)], 0).await;
    assert_eq!(bench.cycle(410).await.open[0].onset, at(100));
    bench.feed(vec![alert("A", AlertStatus::Firing, 400)]);
    assert_eq!(bench.cycle(440).await.open[0].onset, at(100));
}

#[tokio::test]
async fn an_alert_reads_the_metric_family_that_its_expression_reads() {
    let mut bench = Bench::new(config());
    for (name, expression) in [("A", "latency_bucket{le=\"1\"} > 1"), ("B", "{job=\"x\"} > 1")] {
        bench.script.rules.lock().unwrap().insert(name.to_owned(), expression.to_owned());
        bench.script.say(expression, Say::Values(vec![("", 2.0)]));
    }
    bench.feed(["A", "B", "C"].map(|name| alert(name, AlertStatus::Firing, 0)).to_vec());
    let seen = bench.cycle(10).await;
    let witnesses = seen.open.iter().flat_map(|it| &it.witnesses);
    let families: BTreeMap<_, _> = witnesses
        .map(|it| (it.name.as_str(), it.family.as_ref().map(MetricName::as_str)))
        .collect();
    let expected = [("A", Some("latency_bucket")), ("B", None), ("C", None)];
    assert_eq!(families, BTreeMap::from(expected));
}

#[tokio::test]
async fn resolved_alone_proves_nothing_while_there_is_somebody_to_ask() {
    let mut bench = Bench::new(config());
    bench.feed(vec![alert("A", AlertStatus::Firing, 0)]);
    bench.cycle(0).await;
    bench.cut_feed();
    bench.webhook(vec![alert("A", AlertStatus::Resolved, 0)], 0).await;
    assert_eq!(bench.cycle(30).await.open.len(), 1);

    let mut deaf = Bench::with(config(), false);
    deaf.webhook(vec![alert("A", AlertStatus::Firing, 0)], 0).await;
    assert_eq!(deaf.cycle(0).await.open.len(), 1);
    deaf.webhook(vec![alert("A", AlertStatus::Resolved, 0)], 0).await;
    assert_eq!(deaf.cycle(30).await.closed.len(), 1, "there is nobody else to ask");
}

#[tokio::test]
async fn what_began_and_ended_between_cycles_is_told_once() {
    let mut bench = Bench::new(config());
    bench.cycle(0).await;
    let both = vec![alert("A", AlertStatus::Firing, 5), alert("A", AlertStatus::Resolved, 5)];
    bench.webhook(both, 0).await;
    let seen = bench.cycle(30).await;
    assert!(seen.open.is_empty());
    assert_eq!((seen.closed[0].onset, seen.closed[0].closed), (at(5), Some(at(10))));
    assert!(bench.cycle(60).await.closed.is_empty());
    bench.monitor.settle().await.unwrap();
    assert!(bench.inbox.pending(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_cut_webhook_is_doubted_unless_the_feed_is_whole() {
    let mut bench = Bench::new(config());
    bench.webhook(vec![alert("A", AlertStatus::Firing, 0)], 3).await;
    assert!(kinds(&bench.cycle(0).await, "alertmanager").is_empty());
    bench.cut_feed();
    bench.webhook(vec![alert("B", AlertStatus::Firing, 0)], 3).await;
    let doubts = kinds(&bench.cycle(30).await, "alertmanager");
    assert_eq!(doubts, [DoubtKind::Unreachable, DoubtKind::Truncated]);
}
