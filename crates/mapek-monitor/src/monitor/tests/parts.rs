//! Parts of a system that are not heard of any more.

use mapek_model::Resource;

use super::*;

const BOTH: [(&str, u64); 2] = [("a", 10), ("b", 10)];

fn part(name: &str) -> Option<Component> {
    Component::try_new(name).ok()
}

/// A breach on part `a`, while series of `a` and `b` are there; in the next cycle those of `a` are gone.
async fn forgotten(mut bench: Bench) -> Bench {
    bench.script.say(OLDEST, Say::Ages(BOTH.to_vec()));
    bench.script.say(BREACH, Say::Values(vec![("a", 2.0)]));
    assert_eq!(bench.cycle(0).await.open[0].component, part("a"));
    bench.script.say(OLDEST, Say::Ages(vec![("b", 10)]));
    bench.script.say(BREACH, Say::Values(vec![]));
    bench
}

#[tokio::test]
async fn a_part_that_is_forgotten_is_not_healed() {
    let mut bench = forgotten(Bench::new(config())).await;
    let seen = bench.cycle(30).await;
    assert_eq!((seen.open.len(), seen.closed.len()), (1, 0));
    assert_eq!(seen.open[0].last_seen, at(0));
    assert_eq!(seen.overall_quality().level(), Level::Unknown);
    let doubt = seen.overall_quality().doubts().next().unwrap().clone();
    assert_eq!((doubt.kind, doubt.subject.as_str()), (DoubtKind::MissingSeries, "a"));

    // It is back, and well.
    bench.script.say(OLDEST, Say::Ages(BOTH.to_vec()));
    let seen = bench.cycle(60).await;
    assert_eq!((seen.open.len(), seen.closed.len()), (0, 1));
    assert_eq!(seen.overall_quality().level(), Level::Fresh);
}

#[tokio::test]
async fn a_part_that_stays_away_is_given_up_and_not_healed() {
    let mut bench = forgotten(Bench::new(config())).await;
    for seconds in (30..330).step_by(30) {
        let seen = bench.cycle(seconds).await;
        assert_eq!((seen.open.len(), seen.gone.len()), (1, 0), "at {seconds}");
    }
    // What was known of it survives a restart.
    let text = serde_json::to_string(&bench.monitor.state()).unwrap();
    bench.monitor.restore(serde_json::from_str(&text).unwrap()).unwrap();
    let seen = bench.cycle(330).await;
    assert_eq!((seen.open.len(), seen.closed.len(), seen.gone.len()), (0, 0, 1));
    assert_eq!((seen.gone[0].component.clone(), seen.gone[0].closed), (part("a"), Some(at(330))));
    assert_eq!(seen.overall_quality().level(), Level::Fresh, "it is looked for no more");
    assert!(bench.cycle(360).await.gone.is_empty(), "it is told once");

    bench.script.say(OLDEST, Say::Ages(BOTH.to_vec()));
    bench.script.say(BREACH, Say::Values(vec![("a", 2.0)]));
    assert_eq!(bench.cycle(390).await.open[0].onset, at(390), "what comes back is another");
}

#[tokio::test]
async fn what_others_breach_ends_while_one_is_silent() {
    let mut bench = Bench::new(config());
    bench.script.say(OLDEST, Say::Ages(BOTH.to_vec()));
    bench.script.say(BREACH, Say::Values(vec![("a", 2.0), ("b", 2.0)]));
    bench.cycle(0).await;
    bench.script.say(OLDEST, Say::Ages(vec![("b", 10)]));
    bench.script.say(BREACH, Say::Values(vec![]));
    let seen = bench.cycle(30).await;
    assert_eq!((&seen.open[0].component, &seen.closed[0].component), (&part("a"), &part("b")));
}

#[tokio::test]
async fn a_part_that_went_by_our_own_doing_breaches_nothing() {
    let node = |id: &str| Resource {
        kind: "node".to_owned(),
        id: id.to_owned(),
        status: "healthy".to_owned(),
        generation: None,
        changed: None,
        attributes: BTreeMap::new(),
    };
    let list = |bench: &Bench, ids: &[&str]| {
        let resources = ids.iter().map(|id| node(id)).collect();
        *bench.element.0.lock().unwrap() =
            ElementReading { resources, ..ElementReading::default() };
    };
    let bench = Bench::new(config());
    list(&bench, &["a", "b"]);
    let mut bench = forgotten(bench).await;
    bench.ours.scaled = true;
    assert_eq!(bench.cycle(30).await.open.len(), 1, "it is listed still");
    list(&bench, &[]);
    assert_eq!(bench.cycle(60).await.open.len(), 1, "no list at all says nothing");
    list(&bench, &["b"]);
    bench.ours.scaled = false;
    assert_eq!(bench.cycle(90).await.open.len(), 1, "we did not do it");
    bench.ours.scaled = true;
    assert_eq!(bench.cycle(120).await.closed.len(), 1);
}

#[tokio::test]
async fn an_alert_on_a_part_that_is_forgotten_is_not_resolved() {
    let ages = "min by (component, node) (timestamp(y))";
    let mut bench = Bench::new(config());
    bench.script.rules.lock().unwrap().insert("A".to_owned(), "y > 1".to_owned());
    bench.script.say(ages, Say::Ages(BOTH.to_vec()));
    let mut fires = alert("A", AlertStatus::Firing, 0);
    fires.labels.insert("node", "a");
    bench.feed(vec![fires]);
    assert_eq!(bench.cycle(0).await.open[0].component, part("a"));
    bench.feed(vec![]);
    bench.script.say(ages, Say::Ages(vec![("b", 10)]));
    assert_eq!(bench.cycle(30).await.open.len(), 1);
    bench.script.say(ages, Say::Fail);
    assert_eq!(bench.cycle(60).await.open.len(), 1, "nobody can be asked");
    bench.script.say(ages, Say::Ages(BOTH.to_vec()));
    assert_eq!(bench.cycle(90).await.closed.len(), 1);
}

#[tokio::test]
async fn a_name_that_no_series_has_is_judged_with_its_rule() {
    let mut bench = Bench::new(config());
    bench.script.say(BREACH, Say::Values(vec![("a", 2.0)]));
    bench.cycle(0).await;
    bench.script.say(BREACH, Say::Values(vec![]));
    assert_eq!(bench.cycle(30).await.closed.len(), 1, "the raw series name no part");
}

#[tokio::test]
async fn a_rule_that_compares_by_itself_is_asked_how_old_its_data_is() {
    let ages = "min by (component, node) (timestamp(y))";
    let rule = RuleConfig::new("long_queue", "y > 100").unwrap();
    let mut bench = Bench::new(MonitorConfig { rules: vec![rule], up: None, ..config() });
    let level = |seen: &Observation| seen.overall_quality().level();
    assert_eq!(level(&bench.cycle(0).await), Level::Unknown, "there is nothing to compare");
    bench.script.say(ages, Say::Ages(vec![("a", 61)]));
    assert_eq!(level(&bench.cycle(30).await), Level::Stale);
    bench.script.say(ages, Say::Ages(BOTH.to_vec()));
    let seen = bench.cycle(60).await;
    assert_eq!((level(&seen), seen.sensors.total), (Level::Fresh, 1));

    bench.script.say("y > 100", Say::Values(vec![("a", 200.0)]));
    bench.cycle(90).await;
    bench.script.say("y > 100", Say::Values(vec![]));
    bench.script.say(ages, Say::Ages(vec![("b", 10)]));
    assert_eq!(bench.cycle(120).await.open.len(), 1, "its part is forgotten");
}
