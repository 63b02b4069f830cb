//! A day, looked at from outside.

use http::Request;
use http_body_util::BodyExt as _;
use mapek_execute::CycleInputs;
use mapek_loop::LoopState;
use mapek_model::{ContentHash, CycleNumber, Experience, Observation, TargetId};
use mapek_server::Identities;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{
    sample::{Shown, at, push, report, violation},
    steered::Steered,
};

/// A day and more at the usual interval, with a spike of one cycle, and an hour in which no cycle ran.
pub(crate) fn day() -> LoopState {
    let mut state = LoopState::new(TargetId::default());
    for number in 1..=3000 {
        let moment = at(number * 30 + if number > 2000 { 3600 } else { 0 });
        let sick = (1500..1510).contains(&number);
        let open = sick.then(|| violation("high-latency", "critical", at(1500 * 30)));
        let mut report = report(number, moment, open.into_iter().collect());
        if number == 1510 {
            report.seen.closed = vec![violation("high-latency", "critical", at(1500 * 30))];
        }
        let latency = if number == 1505 { 9.5 } else { 0.2 };
        report.seen.values = [("latency", latency), ("load", number as f64)]
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        push(&mut state, report);
        state.reports.drain(..state.reports.len().saturating_sub(LoopState::REPORTS_MAX));
    }
    state
}

fn numbers(list: &Value) -> Vec<Option<f64>> {
    list.as_array().unwrap().iter().map(Value::as_f64).collect()
}

#[tokio::test]
async fn a_spike_of_one_cycle_shows_however_long_the_buckets_are() {
    let shown = Shown::start(day()).await;
    for (asked, step) in [("from=-24h", 120.0), ("from=-24h&step=30m", 1800.0)] {
        let history = shown.json(&format!("/api/v1/history?{asked}")).await;
        assert_eq!(history["step"], step, "{asked}");
        let rows = history["at"].as_array().unwrap().len();
        assert!(rows <= 1001, "{rows}");
        let latency = &history["values"]["latency"];
        let greatest = numbers(&latency["max"]).into_iter().flatten().fold(0.0, f64::max);
        let least = numbers(&latency["min"]).into_iter().flatten().fold(9.0, f64::min);
        assert_eq!((greatest, least, latency["unit"].as_str()), (9.5, 0.2, Some("s")));
        let critical = numbers(&history["cycles"]["critical"]);
        assert!(critical.contains(&Some(1.0)) && critical.contains(&Some(0.0)));
        // All of a day are counted, but those of the hour in which none ran.
        let count: f64 = numbers(&history["cycles"]["count"]).into_iter().flatten().sum();
        assert!((2759.0..=2762.0).contains(&count), "{count}");
        let times: Vec<_> =
            history["at"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        assert!(times.is_sorted());
        // The hour is one gap, and nothing was made up for it.
        let first = history["cycles"]["first"].as_array().unwrap();
        let gaps: Vec<_> = (0..first.len()).filter(|i| first[*i].is_null()).collect();
        assert_eq!(gaps.len(), 1);
        assert!(
            latency["min"][gaps[0]].is_null() && history["cycles"]["evidence"][gaps[0]].is_null()
        );
    }
}

#[tokio::test]
async fn every_cycle_of_a_short_time_is_there_by_itself() {
    let shown = Shown::start(day()).await;
    let asked = "from=2026-03-02T00:30:00Z&to=2026-03-02T00:40:00Z&value=load";
    let history = shown.json(&format!("/api/v1/history?{asked}")).await;
    assert_eq!((&history["step"], history["at"].as_array().unwrap().len()), (&Value::Null, 21));
    let load: Vec<_> = (1500..=1520).map(|it| Some(f64::from(it))).collect();
    assert_eq!(numbers(&history["values"]["load"]["min"]), load);
    assert_eq!(history["values"]["load"]["min"], history["values"]["load"]["max"]);
    assert_eq!((&history["values"]["latency"], &history["values_more"]), (&Value::Null, &json!(1)));
    let [episode] = &history["lanes"]["violations"].as_array().unwrap()[..] else { panic!("one") };
    assert_eq!(episode["from"], "2026-03-02T00:30:00Z");
    assert_eq!(episode["to"], "2026-03-02T00:35:00Z");
    let both = shown.json("/api/v1/history?from=-5m&value=load&value=latency").await;
    assert_eq!(both["values"].as_object().unwrap().len(), 2);
    let none = shown.json("/api/v1/history?from=-5m&value=nothing").await;
    assert_eq!((&none["values"], &none["values_more"]), (&json!({}), &json!(2)));
}

#[tokio::test]
async fn an_answer_is_bounded_however_much_is_watched() {
    let mut state = LoopState::new(TargetId::default());
    for number in 1..=5 {
        let mut report = report(number, at(number * 30), Vec::new());
        report.seen.values = (0..300).map(|i| (format!("value-{i:03}"), 1.0)).collect();
        report.seen.open =
            (0..2000).map(|i| violation(&format!("breach-{i}"), "info", at(30))).collect();
        push(&mut state, report);
    }
    let shown = Shown::start(state).await;
    let history = shown.json("/api/v1/history").await;
    assert_eq!(history["values"].as_object().unwrap().len(), 50);
    assert_eq!(history["values_more"], 250);
    assert_eq!(history["lanes"]["violations"].as_array().unwrap().len(), 500);
    assert_eq!(history["cycles"]["info"][0], 2000);
}

#[tokio::test]
async fn who_asks_wrongly_is_told_what_to_ask() {
    let shown = Shown::start(day()).await;
    for (asked, why) in [
        (
            "from=yesterday",
            "from must be a time such as 2026-03-01T12:00:00Z, -6h or now, got yesterday",
        ),
        ("to=6h", "to must be a time such as 2026-03-01T12:00:00Z, -6h or now, got 6h"),
        (
            "from=2026-03-01T12:00:00Z&to=2026-03-01T12:00:00Z",
            "from (2026-03-01T12:00:00Z) must be before to (2026-03-01T12:00:00Z)",
        ),
        ("from=-1h&from=-2h", "from is there twice; the parameters are from, to, step, value"),
        ("until=now", "there is no parameter until; the parameters are from, to, step, value"),
    ] {
        let answer = shown.get(&format!("/api/v1/history?{asked}")).await;
        assert_eq!(answer.status(), 400, "{asked}");
        assert_eq!(answer.json::<Value>().await.unwrap()["detail"], why, "{asked}");
    }
    assert_eq!(shown.get("/api/v1/history?step=fast").await.status(), 400);
}

#[tokio::test]
async fn a_cycle_that_left_memory_comes_from_the_journal_and_says_what_is_missing() {
    let steered = Steered::new();
    let observation = Observation {
        open: vec![violation("high-latency", "critical", at(0))],
        ..Observation::empty(TargetId::default(), at(0))
    };
    let control = &steered.control;
    let seen = control.keep(&observation).unwrap();
    let known = control.keep(&Experience::default()).unwrap();
    let config = ContentHash::of(b"");
    let inputs = CycleInputs::new(CycleNumber::new(7), config, 1, seen, known);
    control.begin_cycle(inputs, at(0)).unwrap();
    let router = steered.api(Identities::default());
    let get = |path: &str| {
        let request =
            Request::get(path).header("host", "localhost").body(axum::body::Body::empty());
        let answer = router.clone().oneshot(request.unwrap());
        async {
            let answer = answer.await.unwrap();
            let status = answer.status().as_u16();
            let bytes = answer.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice::<Value>(&bytes).unwrap())
        }
    };
    let (status, cycle) = get("/api/v1/cycles/7").await;
    assert_eq!(status, 200, "{cycle}");
    assert_eq!(cycle["seen"]["open"][0]["expectation"], "high-latency");
    let unknown = cycle["unknown"].as_array().unwrap();
    assert!(unknown.contains(&json!("woken_by")) && unknown.contains(&json!("diagnosis")));
    let (status, problem) = get("/api/v1/cycles/6").await;
    assert_eq!(status, 404);
    assert!(problem["detail"].as_str().unwrap().contains("execute.journal_retention"), "{problem}");
}

#[cfg(feature = "console")]
mod page {
    use super::*;
    use crate::sample::client;

    async fn html(shown: &Shown, path: &str) -> String {
        let answer =
            client().get(shown.url(path)).header("accept", "text/html").send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    #[tokio::test]
    async fn a_day_is_a_page_without_a_style_and_not_heavy() {
        let shown = Shown::start(day()).await;
        let page = html(&shown, "/timeline?from=-24h").await;
        assert!(page.len() < 400_000, "{} bytes", page.len());
        assert!(!page.contains("style=") && !page.contains("NaN"));
        for there in [
            "aria-label=\"Cycles\"",
            "aria-label=\"Violations\"",
            "high-latency at validator, critical, Mar 2 00:30:00 to Mar 2 00:35:00 UTC",
            "data-value=\"latency\"",
        ] {
            assert!(page.contains(there), "{there}");
        }
        let quiet = page.matches("class=\"run quiet\"").count();
        assert_eq!(quiet, 3, "the violation and the hour in which no cycle ran part the day");
        assert!(page.contains("threshold 0.5 s"));
    }

    #[tokio::test]
    async fn an_address_shows_the_same_whenever_it_is_opened() {
        let shown = Shown::start(day()).await;
        let path = "/timeline?from=2026-03-02T00:00:00Z&to=2026-03-02T01:00:00Z&value=load";
        let page = html(&shown, path).await;
        assert!(page.contains("data-value=\"load\"") && !page.contains("data-value=\"latency\""));
        shown.states.send_modify(|state| {
            let mut next = LoopState::clone(state);
            push(&mut next, report(3001, at(3001 * 30 + 3600), Vec::new()));
            *state = std::sync::Arc::new(next);
        });
        let picture = |page: &str| {
            let begin = page.find("<section id=\"timeline\"").unwrap();
            page[begin..page.find("</section>").unwrap()].to_owned()
        };
        assert_eq!(picture(&html(&shown, path).await), picture(&page));
    }

    #[tokio::test]
    async fn what_is_asked_wrongly_is_said_and_hostile_names_are_text() {
        let mut state = LoopState::new(TargetId::default());
        let mut first = report(1, at(0), vec![violation("high-latency", "warning", at(0))]);
        first.seen.values = [("<script>alert(1)</script>".to_owned(), 1.0)].into();
        first.paused = Some("paused by \"><img src=x onerror=alert(1)>".to_owned());
        first.escalations = vec!["<b>look</b>".to_owned()];
        push(&mut state, first);
        let shown = Shown::start(state).await;
        let page = html(&shown, "/timeline?from=%3Cscript%3E").await;
        assert!(page.contains("from must be a time such as"), "{page}");
        for evil in ["<script>alert", "<img", "<b>look", "from=<script>"] {
            assert!(!page.contains(evil), "{evil}");
        }
        assert!(page.contains("&lt;b&gt;look"));
        assert!(
            html(&shown, "/timeline?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z")
                .await
                .contains("No cycle is remembered")
        );
    }

    #[tokio::test]
    async fn a_cycle_shows_what_its_plan_is_about() {
        let shown = Shown::start(crate::sample::state()).await;
        let page = html(&shown, "/cycles/41").await;
        for there in [
            "before, during and after",
            "data-value=\"latency\"",
            "class=\"part before\"",
            "class=\"part during\"",
            "class=\"mark start\"",
            "This time on the timeline",
        ] {
            assert!(page.contains(there), "{there}");
        }
    }
}
