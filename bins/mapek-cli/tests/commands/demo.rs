//! `mapek demo --once`.

use crate::support::{mapek, ran};

#[tokio::test]
async fn it_heals_says_what_it_learned_and_is_the_same_each_time() {
    let first = ran(mapek(&["demo", "--once"]), "").await;
    assert_eq!(first.code, Some(0), "{first:?}");
    let (_, learned) = first.out.split_once("What was learned\n").unwrap();
    let insight = learned.lines().next().unwrap();
    assert!(insight.starts_with("  ") && insight.trim().len() > 10, "{learned}");
    assert!(first.out.contains("Healed after"), "{}", first.out);
    let second = ran(mapek(&["demo", "--once"]), "").await;
    assert_eq!(second.out, first.out);
}

#[tokio::test]
async fn who_stops_watching_ends_it_quietly() {
    let mut command = mapek(&["demo"]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let ended = tokio::time::timeout(crate::support::DEADLINE, child.wait_with_output()).await;
    let output = ended.expect("it does not go on for nobody").unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
