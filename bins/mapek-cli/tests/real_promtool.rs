//! `mapek rules test` and `promtool test rules` say the same of the same files.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[cfg(test)]
#[expect(dead_code, reason = "other tests need more of it")]
mod support;

use std::path::Path;

use support::{mapek, ran};
use tokio::process::Command;

const RULES: &str = include_str!("../../../tests/fixtures/rules/service.yml");
const TESTS: &str = include_str!("../../../tests/fixtures/rules/service.test.yml");

/// What both say: whether all tests hold.
async fn both(directory: &Path, tests: &str) -> (bool, bool) {
    std::fs::write(directory.join("service.yml"), RULES).unwrap();
    let path = directory.join("service.test.yml");
    std::fs::write(&path, tests).unwrap();
    let ours = ran(mapek(&["rules", "test", path.to_str().unwrap()]), "").await;
    let mut promtool = Command::new("promtool");
    promtool.args(["test", "rules", path.to_str().unwrap()]).kill_on_drop(true);
    promtool.stdin(std::process::Stdio::piped());
    promtool.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let theirs = ran(promtool, "").await;
    assert!(ours.code == Some(0) || ours.code == Some(1), "{ours:?}");
    (ours.code == Some(0), theirs.code == Some(0))
}

#[tokio::test]
async fn both_say_that_the_shipped_tests_hold() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(both(directory.path(), TESTS).await, (true, true));
}

/// Each time and each number of the tests, one at a time a little off: both notice, or both do not.
#[tokio::test]
async fn both_notice_the_same_mistakes() {
    let directory = tempfile::tempdir().unwrap();
    let changes = [
        ("eval_time: 17m", "eval_time: 16m"),
        ("eval_time: 17m", "eval_time: 14m"),
        ("eval_time: 17m", "eval_time: 15m30s"),
        ("eval_time: 1m30s", "eval_time: 1m59s"),
        ("eval_time: 1m30s", "eval_time: 2m"),
        ("eval_time: 8m", "eval_time: 5m30s"),
        ("eval_time: 8m", "eval_time: 6m"),
        ("eval_time: 8m", "eval_time: 12m"),
        ("eval_time: 13m", "eval_time: 9m"),
        ("value: 15}]", "value: 15.000000001}]"),
        ("values: '0+600x20'", "values: '0+600x9 stale'"),
        ("values: '0+600x20'", "values: '0+600x9 _x11'"),
        ("values: '0+600x20'", "values: '0+600x4 0+600x15'"),
        ("values: '1 0 1 0 1x20'", "values: '1 0 1 1 1x20'"),
        ("values: '1x3 stale _x2 0 0'", "values: '1x3 _x2 stale 0 0'"),
        (
            "alertname: TooManyRequests}\n      - eval_time: 6m",
            "alertname: Down}\n      - eval_time: 7m",
        ),
        ("external_labels: {region: north}", "external_labels: {region: south}"),
        ("evaluation_interval: 1m", "evaluation_interval: 30s"),
        ("[{labels: '{}', value: 2}]", "[{labels: '{job=\"web\"}', value: 2}]"),
    ];
    let mut noticed = 0;
    for (from, to) in changes {
        assert_eq!(TESTS.matches(from).count(), 1, "{from}");
        let (ours, theirs) = both(directory.path(), &TESTS.replace(from, to)).await;
        assert_eq!(ours, theirs, "{from} -> {to}");
        noticed += usize::from(!ours);
    }
    assert!(noticed >= 8, "{noticed}: about half of them are mistakes");
}
