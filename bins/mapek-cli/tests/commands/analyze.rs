//! `mapek analyze` on files: order does not matter, and bad input is named.

use crate::support::{Ran, mapek, ran};

fn lines() -> Vec<String> {
    let node = |i: usize| format!("validator-{}", i % 2);
    let line = |i: usize| {
        format!(
            r#"{{"violation_id": "v{i}", "severity": "{}", "detected_at": "2026-01-01T00:00:{:02}Z", "metric_name": "validation_latency", "metric_value": {}.5, "threshold": 1.0, "labels": {{"node": "{}"}}}}"#,
            if i.is_multiple_of(3) { "critical" } else { "warning" },
            i * 4,
            i + 1,
            node(i),
        )
    };
    (0..12).map(line).collect()
}

async fn analyze(text: impl AsRef<[u8]>, more: &[&str]) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("violations.jsonl");
    std::fs::write(&path, text).unwrap();
    let args = [&["analyze", path.to_str().unwrap()], more].concat();
    ran(mapek(&args), "").await
}

#[tokio::test]
async fn the_order_of_lines_does_not_matter() {
    let mut lines = lines();
    let ordered = analyze(lines.join("\n"), &[]).await;
    assert_eq!(ordered.code, Some(0), "{ordered:?}");
    let diagnosis: serde_json::Value = serde_json::from_str(&ordered.out).unwrap();
    assert_eq!(diagnosis["causes"][0]["cause"]["kind"], "validation-latency", "{diagnosis}");
    assert_eq!(ordered.out.lines().count(), 1);
    for turn in [1, 5, 7] {
        lines.rotate_left(turn);
        lines.swap(0, 11);
        let shuffled = analyze(lines.join("\n\n"), &[]).await;
        assert_eq!(shuffled.out, ordered.out);
    }
    // Another input has another answer, ids included.
    let other = lines.join("\n").replace("\"threshold\": 1.0", "\"threshold\": 0.9");
    let other: serde_json::Value = serde_json::from_str(&analyze(other, &[]).await.out).unwrap();
    assert_eq!(other["at"], diagnosis["at"]);
    assert_ne!(other["id"], diagnosis["id"]);
}

#[tokio::test]
async fn a_table_is_for_people() {
    let told = analyze(lines().join("\n"), &["--format", "table"]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.contains("CONFIDENCE"), "{}", told.out);
    assert!(told.out.contains("validation-latency"), "{}", told.out);
    assert!(serde_json::from_str::<serde_json::Value>(&told.out).is_err());
}

#[tokio::test]
async fn a_dash_is_standard_input() {
    let file = analyze(lines().join("\n"), &[]).await;
    let piped = ran(mapek(&["analyze", "-"]), lines().join("\n")).await;
    assert_eq!((piped.code, piped.out), (Some(0), file.out));
}

#[tokio::test]
async fn bad_lines_are_named_and_exit_with_2() {
    let good = lines().remove(0);
    let huge = format!("{good}\n{}", "x".repeat(2 * 1024 * 1024));
    let deep = format!("{{\"violation_id\": {}", "[".repeat(100_000));
    for (text, told) in [
        (format!("{good}\nnonsense"), "line 2: line: is no JSON"),
        (format!("{good}\n{{}}"), "line 2: violation_id: is missing"),
        (good.replace("\"critical\"", "7"), "line 1: severity: expected critical"),
        (good.replace("0.5", "\"much\"").replace("1.5", "\"much\""), "line 1: metric_value"),
        (good.replace("{\"node\": \"validator-0\"}", "[]"), "line 1: labels: expected an object"),
        (good.replace("2026-01-01T", "yesterday "), "line 1: detected_at: expected a time"),
        (huge, "line 2: line: is longer than 1048576 bytes"),
        (deep, "line 1: line: is no JSON: recursion limit exceeded"),
    ] {
        let ran = analyze(&text, &[]).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{text:.100}: {ran:?}");
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    let binary = analyze([0xff, 0xfe, b'\n'], &[]).await;
    assert_eq!(binary.code, Some(2));
    assert!(binary.err.contains("line 1: line: is no UTF-8"), "{}", binary.err);
}

#[tokio::test]
async fn nothing_is_no_failure_and_a_missing_file_is() {
    let empty = analyze("\n\n", &[]).await;
    assert_eq!((empty.code, empty.out.as_str()), (Some(0), ""));
    assert!(empty.err.contains("nothing to analyze"), "{}", empty.err);
    let missing = ran(mapek(&["analyze", "/nowhere.jsonl"]), "").await;
    assert_eq!(missing.code, Some(2));
    assert!(missing.err.contains("/nowhere.jsonl"), "{}", missing.err);
}
