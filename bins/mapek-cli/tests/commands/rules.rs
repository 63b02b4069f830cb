//! `mapek rules test`, on files that promtool takes, too (`real_promtool.rs`).

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Ran, mapek, ran};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/rules")
}

async fn tried(path: &Path, more: &[&str]) -> Ran {
    ran(mapek(&[&["rules", "test", path.to_str().unwrap()], more].concat()), "").await
}

/// The shipped tests with one thing changed.
fn changed(from: &str, to: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(fixtures().join("service.yml"), directory.path().join("service.yml")).unwrap();
    let text = std::fs::read_to_string(fixtures().join("service.test.yml")).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from}");
    let path = directory.path().join("service.test.yml");
    std::fs::write(&path, text.replace(from, to)).unwrap();
    (directory, path)
}

#[tokio::test]
async fn tests_that_hold_are_counted() {
    let told = tried(&fixtures().join("service.test.yml"), &[]).await;
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{}", told.out);
    assert!(told.out.starts_with("ok  ") && told.out.contains("15 expectations of 3 tests hold"));
    let json = tried(&fixtures().join("service.test.yml"), &["--json"]).await;
    let lines: Vec<Value> =
        json.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines.iter().all(|line| line["ok"] == true && line["failures"] == Value::Array(vec![]))
    );
}

#[tokio::test]
async fn what_does_not_hold_says_what_was_expected_and_what_came() {
    for (from, to, told) in [
        (
            "unit=\"per_second\"}', value: 15}]",
            "unit=\"per_second\"}', value: 16}]",
            "at 10m, job:requests:rate5m: expected job:requests:rate5m{job=\"web\", unit=\"per_second\"} 16, got \
             job:requests:rate5m{job=\"web\", unit=\"per_second\"} 15",
        ),
        (
            "{eval_time: 17m, alertname: Flapping}",
            "{eval_time: 12m, alertname: Flapping}",
            "at 12m, alert Flapping: expected none, got {alertname=\"Flapping\", job=\"web\", node=\"a\"}",
        ),
        (
            "web gets 15 requests a second in north",
            "web gets 14 requests a second in north",
            "with {summary=\"web gets 15 requests a second in north\"}",
        ),
    ] {
        let (_directory, path) = changed(from, to);
        let ran = tried(&path, &[]).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let fail = ran.out.lines().find(|line| line.starts_with("FAIL")).unwrap();
        assert!(fail.contains(told), "{fail}");
    }
}

#[tokio::test]
async fn what_is_not_evaluated_here_is_refused_and_named() {
    for (from, to, told) in [
        ("rule_files: [service.yml]", "rule_files: [absent.yml]", "absent.yml"),
        ("group_eval_order:", "group_eval_ordr:", "the nearest valid key is group_eval_order"),
        ("'0+600x20'", "'{{schema:1}}'", "{{schema:1}}"),
        ("expr: count(up) * 2", "expr: day_of_week()", "day_of_week"),
        ("eval_time: 17m", "eval_time: soon", "soon"),
    ] {
        let (_directory, path) = changed(from, to);
        let ran = tried(&path, &[]).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.err.contains(told), "{}", ran.err);
    }
    let (directory, path) = changed("eval_time: 17m", "eval_time: 18m");
    let rules = std::fs::read_to_string(fixtures().join("service.yml")).unwrap();
    let humanized = rules.replace("{{ $value }}", "{{ $value | humanize }}");
    std::fs::write(directory.path().join("service.yml"), humanized).unwrap();
    let ran = tried(&path, &[]).await;
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("rule TooManyRequests: summary: "), "{}", ran.err);
    assert!(ran.err.contains("is not evaluated here"), "{}", ran.err);
}
