//! Links from other sites, and other loops on this machine.

use axum::{Router, response::Html, routing::get};
use mapek_server::ServerConfig;

use super::Visit;
use crate::{
    sample::Shown,
    steered::{Steered, everybody},
};

/// A page of another site that links to one of ours, and sends a form there.
async fn wiki(ours: &str) -> Shown {
    let page = format!(
        "<!DOCTYPE html><title>Wiki</title><a href='{ours}/knowledge'>What the loop knows</a>\
         <form method='post' enctype='text/plain' action='{ours}/api/v1/pause'>\
         <input name='{{\"reason\": \"x\", \"a\": \"' value='\"}}'><button>Pause</button></form>"
    );
    let router = Router::new().route("/", get(move || async move { Html(page) }));
    Shown::serve(router, ServerConfig::default()).await
}

#[tokio::test]
async fn a_link_on_another_site_leads_in_and_a_form_there_does_nothing() {
    let steered = Steered::new();
    let visit = Visit::to(steered.api(everybody())).await;
    let wiki = wiki(&visit.shown.url("")).await;
    // Another name is another site, though it is the same machine.
    let elsewhere = wiki.url("/").replace("127.0.0.1", "localhost");
    visit.browser.goto(&elsewhere).await.unwrap();
    visit.browser.click("a").await.unwrap();
    visit.reads("h1", "Log in").await;
    visit.browser.fill("#token", "operator").await.unwrap();
    visit.browser.click("form.login button").await.unwrap();
    visit.reads("h1", "Knowledge").await;

    // A session is not sent along from there. Our own page asks again by itself, and then it is.
    visit.browser.goto(&elsewhere).await.unwrap();
    visit.browser.click("a").await.unwrap();
    visit.reads("h1", "Knowledge").await;
    visit.reads(".who", "operator").await;
    visit.browser.goto(&elsewhere).await.unwrap();
    visit.browser.click("button").await.unwrap();
    visit.reads("body", "pages of other origins may not ask").await;
    assert!(steered.control.paused().is_none());
}

#[tokio::test]
async fn two_loops_on_one_machine_do_not_log_each_others_people_out() {
    let (one, other) = (Steered::new(), Steered::new());
    let visit = Visit::to(one.api(everybody())).await;
    let beside = Shown::serve(other.api(everybody()), ServerConfig::default()).await;
    visit.log_in("operator").await;
    visit.browser.goto(&beside.url("/knowledge")).await.unwrap();
    visit.reads("h1", "Log in").await;
    visit.browser.fill("#token", "viewer").await.unwrap();
    visit.browser.click("form.login button").await.unwrap();
    visit.reads(".who", "viewer").await;
    visit.open("/knowledge").await;
    visit.reads(".who", "operator").await;
    visit.browser.goto(&beside.url("/")).await.unwrap();
    visit.browser.click(".tools form button").await.unwrap();
    visit.reads("h1", "Log in").await;
    visit.open("/").await;
    visit.reads(".who", "operator").await;
}
