//! What people do in the console, and what they are told.

use std::sync::Arc;

use mapek_execute::LOOP;
use mapek_model::{CycleNumber, Duration, Plan, later};
use mapek_server::{Access, Options, router};
use serde_json::json;
use tokio::sync::watch;

use super::{Visit, shows, story};
use crate::{
    sample::{at, plan, plan_id, push, violation},
    steered::{Steered, everybody},
};

/// A plan that waits for one person.
fn proposed(steered: &Steered, number: u128, rate: f64) -> Plan {
    let action = json!({"kind": "throttle_requests", "rate_limit": rate});
    let mut plan = plan(plan_id(number), action, &violation("slow", "critical", at(0)));
    plan.expires = later(at(0), Duration::from_secs(900));
    steered.control.propose(&plan, 1, LOOP, at(0)).unwrap();
    steered.refresh();
    plan
}

#[tokio::test]
async fn people_come_in_and_go_out() {
    let steered = Steered::new();
    let visit = Visit::to(steered.api(everybody())).await;
    // A link that somebody has sent leads where it says, by way of the door.
    visit.open("/knowledge").await;
    visit.browser.fill("#token", "guess").await.unwrap();
    visit.browser.click("form.login button").await.unwrap();
    visit.reads("#login-why", "the token is not known").await;
    visit.browser.fill("#token", "viewer").await.unwrap();
    visit.browser.click("form.login button").await.unwrap();
    visit.reads("h1", "Knowledge").await;
    assert_eq!(visit.browser.text(".who").await.unwrap(), "viewer viewer");
    let cookies = visit.browser.run("return document.cookie", &[]).await.unwrap();
    assert_eq!(cookies, "", "no script sees the session");
    visit.browser.click(".tools form button").await.unwrap();
    visit.reads("h1", "Log in").await;
    visit.open("/knowledge").await;
    visit.reads("h1", "Log in").await;
}

#[tokio::test]
async fn one_plan_is_approved_and_another_rejected() {
    let steered = Steered::new();
    let (good, bad) = (proposed(&steered, 11, 50.0), proposed(&steered, 12, 20.0));
    let visit = Visit::to(steered.api(everybody())).await;
    visit.log_in("approver").await;
    visit.open("/plans").await;
    visit.browser.click(&format!("a.button[href='/plans/{}']", good.id)).await.unwrap();
    visit.reads("#decision", "0 of 1 approved").await;
    visit.is_live().await;
    visit.browser.fill("#approve-reason", "it is quiet").await.unwrap();
    visit.browser.click("form[data-act=approve] button").await.unwrap();
    visit.reads("#decision", "approved by approver").await;
    let approval = |plan: &Plan| {
        let state = steered.handle.state();
        state.proposals.iter().find(|it| it.hash == plan.hash()).unwrap().approval.clone()
    };
    assert!(approval(&good).is_approved());

    visit.open(&format!("/plans/{}", bad.id)).await;
    visit.is_live().await;
    // Without a reason the browser itself sends nothing.
    visit.browser.click("form[data-act=reject] button").await.unwrap();
    assert_eq!(approval(&bad).as_str(), "pending");
    visit.browser.fill("#reject-reason", "too little").await.unwrap();
    visit.browser.click("form[data-act=reject] button").await.unwrap();
    visit.reads("#decision", "rejected by approver: too little").await;
    assert_eq!(approval(&bad).as_str(), "rejected");
    visit.went_well().await;
}

#[tokio::test]
async fn the_switch_stops_everything_and_says_so_everywhere() {
    let steered = Steered::new();
    let visit = Visit::to(steered.api(everybody())).await;
    visit.log_in("operator").await;
    visit.is_live().await;
    visit.browser.press("p").await.unwrap();
    visit.until("the focus", "return document.activeElement.id === 'pause-reason'").await;
    visit.browser.fill("#pause-reason", "3 a.m.").await.unwrap();
    visit.browser.click("form[data-act=pause] button").await.unwrap();
    visit.reads("#latch", "paused by operator").await;
    visit.reads("#pause h2", "Actions are paused").await;
    assert!(steered.control.paused().is_some());
    visit.open("/knowledge").await;
    visit.reads("#latch", "3 a.m.").await;
    visit.open("/#pause").await;
    visit.is_live().await;
    visit.browser.fill("#resume-reason", "morning").await.unwrap();
    visit.browser.click("form[data-act=resume] button").await.unwrap();
    visit.reads("#pause h2", "Actions are allowed").await;
    assert!(steered.control.paused().is_none());
    visit.went_well().await;
}

#[tokio::test]
async fn who_may_not_act_is_told_and_so_is_whose_role_has_changed() {
    let steered = Steered::new();
    let plan = proposed(&steered, 11, 50.0);
    let people = everybody();
    let visit = Visit::to(steered.api(people.clone())).await;
    visit.log_in("viewer").await;
    visit.reads("#pause-why", "You are viewer, viewer; this needs operator.").await;
    let enabled = "return document.querySelectorAll('form.act :enabled:not([type=hidden])').length";
    assert_eq!(visit.browser.run(enabled, &[]).await.unwrap(), 0);
    visit.open(&format!("/plans/{}", plan.id)).await;
    assert_eq!(visit.browser.run(enabled, &[]).await.unwrap(), 0);

    // A page that was made before a plan was decided about asks the API, which knows better.
    visit.browser.forget().await.unwrap();
    visit.log_in("approver").await;
    visit.open(&format!("/plans/{}", plan.id)).await;
    visit.is_live().await;
    visit.browser.fill("#approve-reason", "too late").await.unwrap();
    steered.control.reject(&plan.hash(), "grace", Some("no"), at(1)).unwrap();
    visit.browser.click("form[data-act=approve] button").await.unwrap();
    visit.reads("form[data-act=approve] output", "cannot follow").await;
}

#[tokio::test]
async fn what_happens_is_seen_without_loading_the_page_anew() {
    let steered = Steered::new();
    let visit = Visit::to(steered.api(everybody())).await;
    visit.log_in("operator").await;
    visit.is_live().await;
    visit.browser.run("globalThis.kept = 'yes'", &[]).await.unwrap();
    visit.browser.fill("#pause-reason", "half a sentence").await.unwrap();
    let plan = proposed(&steered, 11, 50.0);
    visit.reads("#waiting-plans", "Throttle to 50 requests/s").await;
    visit.reads("#waiting", "1").await;
    visit.reads("#said", "1 plans to decide").await;
    let written = "return document.getElementById('pause-reason').value";
    assert_eq!(
        visit.browser.run(written, &[]).await.unwrap(),
        "half a sentence",
        "nobody is interrupted"
    );
    steered.control.reject(&plan.hash(), "grace", Some("no"), at(1)).unwrap();
    steered.refresh();
    visit.reads("#waiting-plans", "Nothing waits for a decision").await;
    assert_eq!(visit.browser.run("return globalThis.kept", &[]).await.unwrap(), "yes");
    visit.went_well().await;
}

#[tokio::test]
async fn who_looks_into_a_wide_table_stays_there_while_it_changes() {
    let steered = Steered::new();
    let mut now = story::state();
    let (states, watched) = watch::channel(Arc::new(now.clone()));
    let access = Access { identities: everybody(), ..steered.access() };
    let visit = Visit::to(router(watched, Options { access, ..Options::default() })).await;
    visit.log_in("viewer").await;
    visit.is_live().await;
    let wide = "document.styleSheets[0].insertRule('.scroll table { min-width: 3000px }');
        const box = document.querySelector('.scroll[aria-label=Values]');
        box.focus();
        box.scrollLeft = 40";
    visit.browser.run(wide, &[]).await.unwrap();

    let mut report = (**now.last().unwrap()).clone();
    report.number = CycleNumber::new(report.number.get() + 1);
    report.seen.values.insert("a_new_value".to_owned(), 7.0);
    push(&mut now, report);
    states.send_replace(Arc::new(now));
    visit.reads(".scroll[aria-label=Values]", "a_new_value").await;
    let there = "const box = document.querySelector('.scroll[aria-label=Values]');
        return [box.scrollLeft, document.activeElement === box]";
    let there = visit.browser.run(there, &[]).await.unwrap();
    assert_eq!(there, json!([40, true]));
    visit.went_well().await;
}

#[tokio::test]
async fn keys_lead_everywhere_and_the_theme_is_remembered() {
    let steered = Steered::new();
    let visit = Visit::to(shows(&steered, story::state(), everybody())).await;
    visit.log_in("viewer").await;
    for (keys, title) in
        [("gw", "Why"), ("ga", "Approve"), ("ge", "Executions"), ("gk", "Knowledge"), ("gn", "Now")]
    {
        visit.browser.press(keys).await.unwrap();
        visit.reads("h1", title).await;
        visit.until("its scripts", "return document.readyState === 'complete'").await;
    }
    visit.browser.press("?").await.unwrap();
    visit.until("the list", "return document.getElementById('keys').open").await;
    visit.browser.click("#keys button").await.unwrap();
    visit.browser.look(1440, 900, false).await.unwrap();
    // Who steers by voice switches single keys off, and that is remembered. Here they would change the theme.
    let theme = async || {
        visit.browser.press("d").await.unwrap();
        let theme = "return document.documentElement.dataset.theme ?? 'none'";
        visit.browser.run(theme, &[]).await.unwrap()
    };
    let switch_keys = async || {
        visit.browser.click("#help").await.unwrap();
        visit.browser.click("#single-keys").await.unwrap();
        visit.browser.click("#keys button").await.unwrap();
    };
    switch_keys().await;
    assert_eq!(theme().await, "none");
    visit.open("/").await;
    assert_eq!(theme().await, "none");
    switch_keys().await;
    assert_eq!(theme().await, "dark");
    assert_eq!(theme().await, "light");
    visit.browser.click("#theme").await.unwrap();
    let dark = "return document.documentElement.dataset.theme === 'dark' && getComputedStyle(document.body).backgroundColor === 'rgb(17, 21, 27)'";
    visit.until("a dark page", dark).await;
    visit.open("/cycles").await;
    visit.until("a page that is dark still", dark).await;
    visit.went_well().await;
}
