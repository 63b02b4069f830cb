//! `mapek backtest`, as far as it gets without a Prometheus.

use crate::support::{free_port, mapek, ran};

/// What is said of these moments; nothing is asked of anybody.
async fn told(from: &str, to: &str, more: &[&str]) -> (Option<i32>, String) {
    let url = format!("http://127.0.0.1:{}", free_port());
    let args = ["backtest", "--prometheus", &url, "--from", from, "--to", to];
    let told = ran(mapek(&[&args[..], more].concat()), "").await;
    assert_eq!(told.out, "", "{told:?}");
    (told.code, told.err)
}

#[tokio::test]
async fn a_span_that_is_none_is_exit_code_2() {
    let (early, late) = ("2025-06-01T00:00:00Z", "2025-06-01T01:00:00Z");
    for (from, to, more, says) in [
        (late, early, &[][..], "is not before --to (2025-06-01T00:00:00Z)"),
        (early, early, &[], "is not before"),
        ("1h ago", "2h ago", &[], "is not before"),
        (early, "2999-01-01T00:00:00Z", &[], "lies in the future"),
        ("yesterday", "now", &[], "such as 2026-01-31T03:00:00Z, 1769828400, 2h ago"),
        ("2h", "now", &[], "is 2h ago meant?"),
        ("1 month ago", "now", &[], "no fixed length"),
        (early, late, &["--step", "0"], "at least a second"),
        (early, late, &["--step", "soon"], "expected a duration"),
        ("1748736000", "2025-08-01T00:00:00Z", &["--step", "1s"], "100000 are the most"),
    ] {
        let (code, err) = told(from, to, more).await;
        assert_eq!(code, Some(2), "{from} to {to}: {err}");
        assert!(err.contains(says), "{says}: {err}");
    }
}

#[tokio::test]
async fn a_prometheus_that_is_not_there_is_named_with_what_to_check() {
    let (code, err) = told("2h ago", "now", &[]).await;
    assert_eq!(code, Some(1), "{err}");
    for says in ["the record cannot be read", "prometheus cannot be reached", "--prometheus"] {
        assert!(err.contains(says), "{says}: {err}");
    }
}
