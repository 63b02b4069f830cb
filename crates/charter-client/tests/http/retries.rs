//! What is asked again, how often, and what is said when it did not help.

use std::time::Duration;

use charter_client::{CallOptions, CharterApi, Error, Outcome, ProblemKind, Seconds};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{
    SCALE, asked, build, committee, config, keyed, mount_health, problem, seconds, throttle,
};

const STATE_PATH: &str = "/api/v1/committee/state";
const SCALE_PATH: &str = "/api/v1/committee/scale";

/// A server that answers `first` the first `times` times, and then the committee.
async fn fails_first(route: &str, first: ResponseTemplate, times: u64) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path(route)).respond_with(first).up_to_n_times(times).mount(&server).await;
    Mock::given(path(route)).respond_with(committee()).mount(&server).await;
    server
}

#[tokio::test]
async fn reads_are_asked_again_until_they_are_answered() {
    for kind in [ProblemKind::Internal, ProblemKind::Unavailable, ProblemKind::RateLimited] {
        let server = fails_first(STATE_PATH, problem(kind), 2).await;
        let state = build(config(server.uri())).committee().await.unwrap();
        assert_eq!(state.value.replicas, 3);
        assert_eq!(asked(&server, STATE_PATH).await, 3, "{kind:?}");
    }
}

#[tokio::test]
async fn a_gateway_page_is_transient_for_a_read() {
    let page = ResponseTemplate::new(502).set_body_raw("<html>Bad Gateway</html>", "text/html");
    let server = fails_first(STATE_PATH, page, 1).await;
    assert!(build(config(server.uri())).committee().await.is_ok());
}

#[tokio::test]
async fn validate_counts_as_a_read() {
    let server = MockServer::start().await;
    Mock::given(path("/api/v1/policies/validate"))
        .respond_with(problem(ProblemKind::Internal))
        .mount(&server)
        .await;
    let request = charter_client::ValidateRequest::Policy { policy: throttle().policy };
    assert!(build(config(server.uri())).validate(&request).await.is_err());
    assert_eq!(asked(&server, "/api/v1/policies/validate").await, 3);
}

#[tokio::test]
async fn attempts_are_limited_and_refusals_final() {
    let server = fails_first(STATE_PATH, problem(ProblemKind::Internal), 100).await;
    let error = build(config(server.uri())).committee().await.unwrap_err();
    assert_eq!((error.status(), asked(&server, STATE_PATH).await), (Some(500), 3));

    let server = fails_first(STATE_PATH, problem(ProblemKind::Forbidden), 100).await;
    assert!(build(config(server.uri())).committee().await.is_err());
    assert_eq!(asked(&server, STATE_PATH).await, 1, "403 is not asked again");
}

#[tokio::test]
async fn a_keyed_mutation_is_repeated_with_the_same_key_and_body_where_keys_are_honoured() {
    let server = fails_first(SCALE_PATH, problem(ProblemKind::Internal), 1).await;
    mount_health(&server, true).await;
    assert!(build(config(server.uri())).scale(&SCALE, &keyed()).await.is_ok());

    let requests = server.received_requests().await.unwrap();
    let scales: Vec<_> = requests.iter().filter(|r| r.url.path() == SCALE_PATH).collect();
    assert_eq!(scales.len(), 2);
    assert_eq!(scales[0].body, scales[1].body);
    assert_eq!(scales[0].headers["idempotency-key"], "exec-7/1/do");
    assert_eq!(scales[1].headers["idempotency-key"], "exec-7/1/do");
}

#[tokio::test]
async fn no_other_mutation_is_ever_repeated() {
    for (honours_keys, options) in
        [(true, CallOptions::new()), (false, CallOptions::new()), (false, keyed())]
    {
        let server = fails_first(SCALE_PATH, problem(ProblemKind::Internal), 1).await;
        mount_health(&server, honours_keys).await;
        let error = build(config(server.uri())).scale(&SCALE, &options).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert_eq!(asked(&server, SCALE_PATH).await, 1, "{honours_keys} {options:?}");
    }
}

#[tokio::test]
async fn not_knowing_whether_keys_are_honoured_means_no() {
    let server = fails_first(SCALE_PATH, problem(ProblemKind::Internal), 1).await; // no /health
    assert!(build(config(server.uri())).scale(&SCALE, &keyed()).await.is_err());
    assert_eq!(asked(&server, SCALE_PATH).await, 1);
}

#[tokio::test]
async fn mutations_can_be_left_to_the_caller() {
    let server = fails_first(SCALE_PATH, problem(ProblemKind::Internal), 1).await;
    mount_health(&server, true).await;
    let mut config = config(server.uri());
    config.retry.mutations = false;
    assert!(build(config).scale(&SCALE, &keyed()).await.is_err());
    assert_eq!(asked(&server, SCALE_PATH).await, 1);
    assert_eq!(asked(&server, "/health").await, 0, "and health need not be asked");
}

#[tokio::test]
async fn health_is_asked_once_not_before_every_mutation() {
    let server = MockServer::start().await;
    Mock::given(path(SCALE_PATH)).respond_with(committee()).mount(&server).await;
    mount_health(&server, true).await;
    let api = build(config(server.uri()));
    for _ in 0..5 {
        api.scale(&SCALE, &keyed()).await.unwrap();
    }
    assert_eq!(asked(&server, "/health").await, 1);
}

#[tokio::test]
async fn what_went_unanswered_is_not_settled_by_a_later_refusal() {
    let server = MockServer::start().await;
    mount_health(&server, true).await;
    let first = problem(ProblemKind::Internal);
    Mock::given(path(SCALE_PATH)).respond_with(first).up_to_n_times(1).mount(&server).await;
    let second = problem(ProblemKind::EpochStale);
    Mock::given(path(SCALE_PATH)).respond_with(second).mount(&server).await;

    let error = build(config(server.uri())).scale(&SCALE, &keyed()).await.unwrap_err();
    assert!(matches!(error, Error::Unsettled { attempts: 2, .. }), "{error:?}");
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.problem_kind(), Some(ProblemKind::EpochStale));
}

#[tokio::test]
async fn a_refusal_after_refusals_is_settled() {
    let server = MockServer::start().await;
    mount_health(&server, true).await;
    let first = problem(ProblemKind::RateLimited);
    Mock::given(path(SCALE_PATH)).respond_with(first).up_to_n_times(1).mount(&server).await;
    let second = problem(ProblemKind::EpochStale);
    Mock::given(path(SCALE_PATH)).respond_with(second).mount(&server).await;
    let error = build(config(server.uri())).scale(&SCALE, &keyed()).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotApplied, "{error:?}");
}

#[tokio::test]
async fn the_budget_bounds_retries_over_all_calls() {
    let server = fails_first(STATE_PATH, problem(ProblemKind::Internal), 1_000).await;
    let mut config = config(server.uri());
    // Nothing comes in by time, so that the machine's speed does not matter.
    (config.retry.budget_ratio, config.retry.budget_per_second) = (0.1, 0.0);
    let api = build(config);
    for _ in 0..50 {
        assert!(api.committee().await.is_err());
    }
    // 10 saved up at the start, and a tenth of 50 calls.
    let retries = asked(&server, STATE_PATH).await - 50;
    assert!((10..=15).contains(&retries), "{retries} retries");
}

#[tokio::test]
async fn retry_after_is_waited_for_within_limits() {
    let wait = problem(ProblemKind::Unavailable).insert_header("retry-after", "1");
    let server = fails_first(STATE_PATH, wait, 1).await;
    let begin = tokio::time::Instant::now();
    build(config(server.uri())).committee().await.unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());

    let long = problem(ProblemKind::Unavailable).insert_header("retry-after", "3600");
    let server = fails_first(STATE_PATH, long, 1).await;
    let error = build(config(server.uri())).committee().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3_600)));
    assert_eq!(asked(&server, STATE_PATH).await, 1);
}

#[tokio::test]
async fn the_whole_call_has_a_deadline() {
    let server = fails_first(STATE_PATH, problem(ProblemKind::Internal), 1_000).await;
    let mut config = config(server.uri());
    config.retry.attempts_max = 10;
    config.retry.pause_min_seconds = seconds(0.2);
    config.retry.pause_max_seconds = Seconds::whole(10);
    config.call_timeout_seconds = seconds(0.5);
    let begin = tokio::time::Instant::now();
    assert!(build(config).committee().await.is_err());
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(asked(&server, STATE_PATH).await <= 3);
}
