//! The console without a browser: who sees which page, what a session is worth, and that nothing from outside becomes markup.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, body::Body};
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use mapek_execute::{Decision, LOOP};
use mapek_loop::LoopState;
use mapek_model::{Duration, Plan, TargetId, Verdict, later};
use mapek_server::{Access, Identities, Options, ROUTES, ServerConfig, router};
use serde_json::json;
use tokio::sync::watch;
use tower::ServiceExt as _;
use tracing::{Event, Level, Metadata, Subscriber, span};

use crate::{
    sample::{
        Shown, at, client, decided, execution, execution_id, plan, plan_id, progress, push, report,
        state, violation,
    },
    steered::{Steered, everybody},
};

const ORIGIN: (&str, &str) = ("origin", "http://localhost");

async fn send(
    router: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    router.clone().oneshot(request).await.unwrap()
}

async fn get(router: &Router, path: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
    let answer = send(router, "GET", path, headers, "").await;
    let status = answer.status();
    (status, text(answer).await)
}

async fn text(answer: Response<Body>) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Logs in, and answers the cookie as a browser sends it.
async fn log_in(router: &Router, token: &str) -> String {
    let form = [ORIGIN, ("content-type", "application/x-www-form-urlencoded")];
    let answer = send(router, "POST", "/login", &form, &format!("token={token}")).await;
    assert_eq!(answer.status(), 303);
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// The paths of all pages that show something, with names of what there is.
fn pages() -> Vec<String> {
    let pages = ROUTES
        .iter()
        .filter(|it| it.is_page() && it.method == "GET" && !it.path.starts_with("/assets"));
    let id = |path: &str| {
        if path.contains("plans") { plan_id(11).to_string() } else { execution_id(20).to_string() }
    };
    pages.map(|it| it.path.replace("{number}", "41").replace("{id}", &id(it.path))).collect()
}

fn shown(state: mapek_loop::LoopState) -> Router {
    let (states, watched) = watch::channel(std::sync::Arc::new(state));
    // The loop goes on.
    std::mem::forget(states);
    router(watched, Options::default())
}

#[tokio::test]
async fn the_page_of_an_approved_plan_leads_to_what_it_became() {
    let decision = async |state: LoopState, id| {
        let (_, page) = get(&shown(state), &format!("/plans/{id}"), &[]).await;
        let (_, rest) = page.split_once("id=\"decision\"").unwrap();
        rest.split_once("</section>").unwrap().0.to_owned()
    };
    let mut now = state();
    // People were asked in cycle 41, and what they approved is before them no more.
    let approved = now.proposals.remove(0).plan;
    let earlier = Plan { created: "2026-03-01T11:00:00Z".parse().unwrap(), ..approved.clone() };
    let ran = execution(execution_id(18), &earlier, Vec::new());
    now.executions.insert(ran.id, ran);
    let unanswered = decision(now.clone(), approved.id).await;
    assert!(unanswered.contains("Nobody is asked about it."), "{unanswered}");

    let begun = execution(execution_id(21), &approved, Vec::new());
    now.executions.insert(begun.id, begun);
    let begun = decision(now, approved.id).await;
    let link = format!("/executions/{}", execution_id(21));
    assert!(begun.contains("started") && begun.contains(&link), "{begun}");
    assert!(!begun.contains("Nobody") && !begun.contains("approval"), "{begun}");
}

#[tokio::test]
async fn every_page_is_whole_and_lets_nothing_in_from_elsewhere() {
    let router = shown(state());
    assert_eq!(pages().len(), 10);
    for path in pages() {
        let answer = send(&router, "GET", &path, &[], "").await;
        assert_eq!(answer.status(), 200, "{path}");
        let headers = answer.headers().clone();
        assert_eq!(headers["content-type"], "text/html; charset=utf-8");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        assert_eq!(headers["x-frame-options"], "DENY");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'self'") && policy.contains("frame-ancestors 'none'")
        );
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        let page = text(answer).await;
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"), "{path}");
        for foreign in ["style=", " onclick", "javascript:", "src=\"http", "href=\"http", "<style"]
        {
            assert!(!page.contains(foreign), "{foreign} in {path}");
        }
        assert_eq!(page.matches("<h1>").count(), 1, "{path}");
        // Who has no JavaScript is told before they press a button in vain. The way in needs none.
        let told = page.find("<noscript>");
        assert_eq!(told.is_some(), path != "/login", "{path}");
        let told = told.map_or("", |at| page[at..].split("</noscript>").next().unwrap());
        assert!(path == "/login" || told.contains("its buttons do nothing"), "{path}: {told}");
    }
}

#[tokio::test]
async fn what_a_page_consists_of_is_kept_for_ever_under_its_own_name() {
    let router = shown(state());
    let (_, page) = get(&router, "/", &[]).await;
    let links: Vec<_> = page.split('"').filter(|it| it.starts_with("/assets/")).collect();
    assert_eq!(links.len(), 5, "{links:?}");
    for link in links {
        let answer = send(&router, "GET", link, &[("accept-encoding", "gzip")], "").await;
        assert_eq!(answer.status(), 200, "{link}");
        assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable");
        let packed = answer.headers().get("content-encoding").cloned();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(packed.is_some_and(|it| it == "gzip") || bytes.len() < 1000, "{link}");
        let (version, name) = link["/assets/".len()..].split_once('/').unwrap();
        assert_eq!(version.len(), 8);
        assert_eq!(get(&router, &format!("/assets/00000000/{name}"), &[]).await.0, 404);
    }
    assert_eq!(get(&router, "/assets/00000000/..%2f..%2fCargo.toml", &[]).await.0, 404);
}

#[tokio::test]
async fn labels_reasons_and_names_are_text() {
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let mut now = state();
    let mut bad = violation("high-latency", "critical", at(0));
    bad.description = evil.to_owned();
    bad.labels = serde_json::from_value(json!({"job": evil, "node": "\u{202e}evil"})).unwrap();
    let mut report = now.reports.pop_back().unwrap().as_ref().clone();
    report.seen.open.push(bad);
    report.diagnosis.causes[0].reasons = vec![evil.to_owned()];
    report.diagnosis.findings[0].hypothesis = evil.to_owned();
    report.faults = vec![evil.to_owned()];
    report.escalations = vec![evil.to_owned()];
    report.seen.values.insert(evil.to_owned(), 1.0);
    now.reports.push_back(std::sync::Arc::new(report));
    now.paused = Some(evil.to_owned());
    now.proposals[0].plan.rationale = evil.to_owned();
    now.insights[0].text = evil.to_owned();
    now.outcomes[0].reason = evil.to_owned();
    for execution in now.executions.values_mut() {
        execution.reason = Some(evil.to_owned());
    }
    let router = shown(now);
    for path in pages().into_iter().chain(["/cycles/42".to_owned()]) {
        let (status, page) = get(&router, &path, &[]).await;
        assert_eq!(status, 200, "{path}");
        assert!(!page.contains("<script>") && !page.contains("<img"), "{path}");
        assert!(
            path == "/login" || page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_is_asked_for_in_an_address_is_text_too() {
    let router = shown(state());
    for path in [
        "/cycles/%3Cscript%3E",
        "/plans/%3Cscript%3E",
        "/executions/%22%3E%3Cscript%3E",
        "/cycles/99",
    ] {
        let (status, page) = get(&router, path, &[]).await;
        assert_eq!(status, 404, "{path}");
        assert!(page.contains("kept") && !page.contains("<script>"), "{path}: {page}");
    }
    let (status, page) = get(&router, "/cycles?show=%3Cscript%3E&after=x&what=y", &[]).await;
    assert!(status == 200 && !page.contains("<script>"), "{status}");
}

#[tokio::test]
async fn who_is_not_known_gets_a_way_in_and_nothing_else() {
    let steered = Steered::new();
    let router = steered.api(everybody());
    for path in pages().iter().filter(|path| *path != "/login") {
        let (status, page) = get(&router, path, &[]).await;
        assert_eq!(status, 401, "{path}");
        assert!(
            page.contains("name=\"token\"")
                && page.contains(&format!("name=\"next\" value=\"{path}\"")),
            "{page}"
        );
        assert!(!page.contains("<nav") && !page.contains("cycle "), "{page}");
    }
    let (_, page) =
        get(&router, "/plans", &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")])
            .await;
    assert!(
        page.contains("http-equiv=\"refresh\" content=\"0;url=/plans\""),
        "the cookie comes with our own page"
    );
    let (_, page) = get(&router, "/plans", &[("sec-fetch-site", "same-origin")]).await;
    assert!(!page.contains("refresh"), "and once is enough");
}

#[tokio::test]
async fn a_session_reads_and_acts_from_our_own_pages_only() {
    let steered = Steered::new();
    let router = steered.api(everybody());
    let cookie = log_in(&router, "operator").await;
    let session = ("cookie", cookie.as_str());
    assert_eq!(get(&router, "/api/v1/status", &[session]).await.0, 200);
    let (status, page) = get(&router, "/", &[session]).await;
    assert!(status == 200 && page.contains("operator") && page.contains("Log out"), "{page}");
    let (_, whoami) = get(&router, "/api/v1/whoami", &[session]).await;
    assert_eq!(whoami, r#"{"person":"operator","role":"operator"}"#);

    let json = ("content-type", "application/json");
    let body = r#"{"reason": "because"}"#;
    let act = async |headers: &[(&str, &str)]| {
        send(&router, "POST", "/api/v1/pause", headers, body).await.status()
    };
    assert_eq!(act(&[session, json]).await, 403, "nobody says which page this is from");
    assert_eq!(act(&[session, json, ("sec-fetch-site", "same-origin")]).await, 403);
    assert_eq!(act(&[session, json, ("origin", "http://localhost:81")]).await, 403);
    assert!(steered.control.paused().is_none());
    assert_eq!(act(&[session, json, ORIGIN]).await, 200);
    assert!(steered.control.paused().is_some());
    let rearm = r#"{"kind": "scale_up", "reason": "mended"}"#;
    let answer = send(&router, "POST", "/api/v1/rearm", &[session, json, ORIGIN], rearm).await;
    assert_eq!(answer.status(), 403);
    assert!(text(answer).await.contains("operator is operator; this needs admin"));

    // An origin that may ask with a token has no part in sessions.
    let origins = ["https://console.example".to_owned()].into();
    let router = steered.api_with(Access { identities: everybody(), origins, ..steered.access() });
    let cookie = log_in(&router, "operator").await;
    let foreign = [("cookie", cookie.as_str()), json, ("origin", "https://console.example")];
    assert_eq!(send(&router, "POST", "/api/v1/resume", &foreign, body).await.status(), 403);
    let token = [("authorization", "Bearer operator"), json, ("origin", "https://console.example")];
    assert_eq!(send(&router, "POST", "/api/v1/resume", &token, body).await.status(), 200);
}

#[tokio::test]
async fn who_has_a_session_can_leave_it_and_who_shows_a_token_has_none() {
    let steered = Steered::new();
    let router = steered.api(everybody());
    let cookie = log_in(&router, "late").await;
    let (session, token) = (("cookie", cookie.as_str()), ("authorization", "Bearer viewer"));
    for (shown, may_leave) in [(&[session][..], true), (&[token], false), (&[session, token], true)]
    {
        let (status, page) = get(&router, "/", shown).await;
        assert_eq!((status.as_u16(), page.contains("Log out")), (200, may_leave), "{shown:?}");
    }
    steered.clock.advance_to(at(12 * 3600));
    let (status, page) = get(&router, "/", &[session, token]).await;
    assert_eq!((status.as_u16(), page.contains("Log out")), (200, false), "it has ended");
}

#[tokio::test]
async fn a_cookie_is_for_no_script_and_no_other_site() {
    let steered = Steered::new();
    let router = steered.api(everybody());
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let answer = send(&router, "POST", "/login", &[ORIGIN, kind], "token=viewer&next=/plans").await;
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(set.starts_with("mapek_session=") && !set.contains("viewer"), "{set}");
    assert!(set.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"), "{set}");
    assert_eq!(answer.headers()["location"], "/plans");
    let secure = [("origin", "https://localhost"), kind];
    let answer = send(&router, "POST", "/login", &secure, "token=viewer&next=//evil.example").await;
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(set.starts_with("__Secure-mapek_session=") && set.ends_with("; Secure"), "{set}");
    assert_eq!(answer.headers()["location"], "/");
    for (body, status, words) in [
        ("token=guess", 401, "the token is not known"),
        ("token=expired", 401, "the token has expired"),
        ("tok=x", 422, "send the form as it is"),
    ] {
        let answer = send(&router, "POST", "/login", &[ORIGIN, kind], body).await;
        assert_eq!(answer.status(), status, "{body}");
        assert!(!answer.headers().contains_key("set-cookie"));
        let page = text(answer).await;
        assert!(page.contains(words) && !page.contains("guess"), "{page}");
    }
    let elsewhere = [("origin", "https://evil.example"), kind];
    assert_eq!(send(&router, "POST", "/login", &elsewhere, "token=viewer").await.status(), 403);
}

#[tokio::test]
async fn a_session_ends_with_the_day_the_token_or_the_click() {
    let steered = Steered::new();
    let router = steered.api(everybody());
    let status = async |cookie: &str| get(&router, "/api/v1/status", &[("cookie", cookie)]).await.0;
    let (late, day, out) = (
        log_in(&router, "late").await,
        log_in(&router, "viewer").await,
        log_in(&router, "admin").await,
    );
    steered.clock.advance_to(at(59));
    assert_eq!((status(&late).await, status(&out).await), (StatusCode::OK, StatusCode::OK));
    steered.clock.advance_to(at(60));
    assert_eq!(status(&late).await, 401, "the token has expired");

    let answer = send(&router, "POST", "/logout", &[("cookie", &out), ORIGIN], "").await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()),
        (303, "/login")
    );
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(set.starts_with("mapek_session=;") && set.contains("Max-Age=0"), "{set}");
    assert_eq!(status(&out).await, 401, "the id is worth nothing any more, whoever has kept it");

    steered.clock.advance_to(at(12 * 3600 - 1));
    assert_eq!(status(&day).await, 200);
    steered.clock.advance_to(at(12 * 3600));
    let (gone, page) = get(&router, "/", &[("cookie", &day)]).await;
    assert!(gone == 401 && page.contains("the session has ended: log in again"), "{page}");
    assert_eq!(status("mapek_session=0000").await, 401);
}

#[tokio::test]
async fn a_stream_ends_with_the_session_that_it_was_asked_for_by() {
    let steered = Steered::new();
    let router = steered.api(everybody());
    let cookie = log_in(&router, "viewer").await;
    let session = ("cookie", cookie.as_str());
    let mut stream = send(&router, "GET", "/api/v1/events", &[session], "").await.into_body();
    assert!(stream.frame().await.is_some());
    send(&router, "POST", "/logout", &[session, ORIGIN], "").await;
    let end = tokio::time::timeout(std::time::Duration::from_secs(30), async {
        while stream.frame().await.is_some() {}
    });
    end.await.expect("the stream ends");
}

#[tokio::test]
async fn a_stream_ends_with_the_last_moment_of_its_session_or_of_the_token_behind_it() {
    for (token, until) in [("late", 60), ("viewer", 12 * 3600)] {
        let steered = Steered::new();
        let router = steered.api(everybody());
        let cookie = log_in(&router, token).await;
        let session = ("cookie", cookie.as_str());
        let mut stream = send(&router, "GET", "/api/v1/events", &[session], "").await.into_body();
        assert!(stream.frame().await.is_some());
        steered.clock.advance_to(at(until));
        let end = tokio::time::timeout(std::time::Duration::from_secs(30), async {
            while stream.frame().await.is_some() {}
        });
        end.await.unwrap_or_else(|_| panic!("the stream of {token} goes on"));
    }
}

/// How many warnings were written.
#[derive(Debug, Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() == Level::WARN
    }

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn whoever_is_refused_is_written_about_but_not_everybody_who_has_still_to_log_in() {
    let warnings = Warnings::default();
    let _here = tracing::subscriber::set_default(warnings.clone());
    // While only one listens, what another thread comes to first is judged by who listens there: nobody.
    let _second = tracing::Dispatch::new(warnings.clone());
    let steered = Steered::new();
    let router = steered.api(everybody());
    let token = |token: &str| ("authorization", format!("Bearer {token}"));
    for (path, token, warned) in [
        ("/plans", None, 0),
        ("/plans", Some(token("guess")), 1),
        ("/api/v1/plans", None, 1),
        ("/api/v1/plans", Some(token("expired")), 1),
        ("/api/v1/plans", Some(token("viewer")), 0),
    ] {
        let before = warnings.0.load(Ordering::Relaxed);
        let headers: Vec<_> = token.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (status, _) = get(&router, path, &headers).await;
        let after = warnings.0.load(Ordering::Relaxed);
        assert_eq!(after - before, warned, "{path} {token:?} {status}");
    }
}

#[tokio::test]
async fn where_nobody_is_configured_everybody_reads_and_is_told_why_nobody_acts() {
    let steered = Steered::new();
    let router = steered.api(Identities::default());
    let (status, page) = get(&router, "/", &[]).await;
    assert_eq!(status, 200);
    assert!(page.contains("read only") && page.contains("mapek token new"), "{page}");
    let button = page.split("<button class=\"stop\"").nth(1).unwrap();
    assert!(button.starts_with(" type=\"submit\" disabled"), "{button}");
    let (_, login) = get(&router, "/login", &[]).await;
    assert!(login.contains("Nobody is configured") && !login.contains("name=\"token\""));
}

/// A plan that waits for one person.
fn proposed(steered: &Steered) -> Plan {
    let action = json!({"kind": "throttle_requests", "rate_limit": 50.0});
    let mut plan = plan(plan_id(11), action, &violation("slow", "critical", at(0)));
    plan.expires = later(at(0), Duration::from_secs(900));
    steered.control.propose(&plan, 1, LOOP, at(0)).unwrap();
    steered.refresh();
    plan
}

#[tokio::test]
async fn a_control_is_there_for_whom_it_is_and_says_to_others_why_not() {
    let steered = Steered::new();
    let router = steered.api(everybody());
    let path = format!("/plans/{}", proposed(&steered).id);
    for (role, may) in [("viewer", false), ("operator", false), ("approver", true), ("admin", true)]
    {
        let bearer = format!("Bearer {role}");
        let (_, page) = get(&router, &path, &[("authorization", &bearer)]).await;
        let refused = format!("You are {role}, {role}; this needs approver.");
        assert_eq!(page.contains(&refused), !may, "{role}");
        assert_eq!(page.contains("<button class=\"go\" type=\"submit\">Approve"), may, "{role}");
        assert!(page.contains("the undo of each step is rehearsed"), "{page}");
        let button = page.split("<button class=\"plain\" type=\"submit\"").nth(1).unwrap();
        assert_eq!(button.starts_with(" disabled"), !may, "{role}: a dry run asks the system");
    }
}

#[tokio::test]
async fn a_console_works_wherever_it_is_mounted() {
    let steered = Steered::new();
    let router = Router::new().nest("/loop", steered.api(everybody()));
    let (_, page) = get(&router, "/loop/plans", &[("authorization", "Bearer viewer")]).await;
    assert!(
        page.contains("data-base=\"/loop\"") && page.contains("href=\"/loop/cycles\""),
        "{page}"
    );
    let theme = page.split('"').find(|it| it.ends_with("theme.js")).unwrap();
    assert_eq!(get(&router, theme, &[]).await.0, 200, "{theme}");
    let (_, login) = get(&router, "/loop/plans", &[]).await;
    assert!(
        login.contains("action=\"/loop/login\"") && login.contains("value=\"/plans\""),
        "{login}"
    );
    let form = [ORIGIN, ("content-type", "application/x-www-form-urlencoded")];
    let answer = send(&router, "POST", "/loop/login", &form, "token=viewer&next=/plans").await;
    assert_eq!(answer.headers()["location"], "/loop/plans");
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(
        set.contains("; Path=/loop;"),
        "a loop mounted beside it has sessions of its own: {set}"
    );
}

/// Behind a proxy that speaks TLS, with what a page in clear text may have set beside it.
#[tokio::test]
async fn who_leaves_is_not_known_by_another_session_that_was_behind() {
    let steered = Steered::new();
    let router = steered.api(everybody());
    let (planted, own) = (log_in(&router, "admin").await, log_in(&router, "viewer").await);
    let both = format!("{planted}; __Secure-{own}");
    let person = async |cookie: &str| get(&router, "/", &[("cookie", cookie)]).await;
    let (_, page) = person(&both).await;
    assert!(page.contains("<strong>viewer</strong>"), "{page}");
    let leaving = [("cookie", both.as_str()), ("origin", "https://localhost")];
    let answer = send(&router, "POST", "/logout", &leaving, "").await;
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(set.starts_with("__Secure-mapek_session=;") && set.contains("Max-Age=0"), "{set}");
    assert!(set.ends_with("; Secure"), "{set}");
    for cookie in [both.clone(), planted, format!("__Secure-{own}")] {
        assert_eq!(person(&cookie).await.0, 401, "{cookie}");
    }
}

#[tokio::test]
async fn a_session_is_that_of_its_port() {
    let steered = Steered::new();
    let router = steered.api(everybody());
    let form = ("content-type", "application/x-www-form-urlencoded");
    let request = Request::builder().method("POST").uri("/login").header(form.0, form.1);
    let request =
        request.header("host", "localhost:8001").header("origin", "http://localhost:8001");
    let answer = router.clone().oneshot(request.body(Body::from("token=viewer")).unwrap());
    let answer = answer.await.unwrap();
    let set = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    let cookie = set.split(';').next().unwrap();
    assert!(cookie.starts_with("mapek_session_8001="), "{set}");
    for (host, status) in [("localhost:8001", 200), ("localhost:8002", 401), ("localhost", 401)] {
        let request = Request::builder().uri("/").header("host", host).header("cookie", cookie);
        let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status, "{host}");
    }
}

#[tokio::test]
async fn a_page_is_light() {
    let server = Shown::serve(shown(state()), ServerConfig::default()).await;
    let (_, page) = get(&shown(state()), "/", &[]).await;
    let weigh = async |path: &str| {
        let answer =
            client().get(server.url(path)).header("accept-encoding", "gzip").send().await.unwrap();
        answer.bytes().await.unwrap().len()
    };
    let modules = ["live.js", "time.js", "act.js", "keys.js", "timeline.js"];
    let version = page.split("/assets/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let named = page.split('"').filter(|it| it.starts_with("/assets/")).map(str::to_owned);
    let mut assets = 0;
    for path in named.chain(modules.map(|name| format!("/assets/{version}/{name}"))) {
        assets += weigh(&path).await;
    }
    for path in pages() {
        let weight = assets + weigh(&path).await;
        println!("{path}: {weight} bytes, {assets} of them kept");
        assert!(weight < 150_000, "{path} {weight}");
    }
}

#[tokio::test]
async fn beside_a_cycle_is_plotted_what_was_guarded_and_not_what_was_not() {
    let late = violation("high-latency", "critical", at(0));
    let scale = plan(plan_id(10), json!({"kind": "scale_up", "replicas": 5}), &late);
    let page = async |guarded: &[&str], judged: Option<&[&str]>| {
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let mut run = execution(execution_id(20), &scale, Vec::new());
        if judged.is_some() {
            run =
                execution(execution_id(20), &scale, vec![crate::sample::judged(Verdict::Success)]);
        }
        run.before.guarded = set(guarded);
        if let (Some(judgement), Some(names)) = (&mut run.judgement, judged) {
            judgement.after.guarded = set(names);
        }
        let mut now = LoopState::new(TargetId::default());
        let mut began = report(41, at(0), vec![late.clone()]);
        began.decisions = vec![decided(&scale, Decision::Run, Some(run.id))];
        began.progress = vec![progress(&run)];
        for name in ["memory", "requests"] {
            began.seen.values.insert(name.to_owned(), 7.0);
        }
        push(&mut now, began);
        get(&shown(now), "/cycles/41", &[]).await.1
    };
    let plotted = |page: &str, name: &str| page.contains(&format!("data-value=\"{name}\""));
    let plain = page(&[], None).await;
    assert!(plotted(&plain, "latency"), "{plain}");
    // What nobody knows yet is not shown as if it were breached.
    assert!(plain.contains("data-to=\"2026-03-01T12:00:00Z\""), "{plain}");
    assert!(!plotted(&plain, "memory") && !plotted(&plain, "requests"));
    let guarded = page(&["memory"], None).await;
    assert!(plotted(&guarded, "memory") && !plotted(&guarded, "requests"));
    // What turned out to be expected of the plan itself was not guarded in the end.
    let judged = page(&["memory", "requests"], Some(&["requests"])).await;
    assert!(!plotted(&judged, "memory") && plotted(&judged, "requests"));
}
