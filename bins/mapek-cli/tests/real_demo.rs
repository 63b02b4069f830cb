//! The demo in a real browser: a visitor breaks something by a button, and sees the loop heal it.
//!
//! With `MAPEK_PICTURES=DIR` the page is photographed, as the console's own are.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{
    io::{BufRead as _, BufReader, Lines},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use mapek_testkit::{Browser, wait_until};
use serde_json::{Value, json};

/// How long a loop may take to heal beside a build.
const DEADLINE: Duration = Duration::from_secs(60);

/// Width, height, dark, and what that is called.
const SIZES: [(u32, u32, bool, &str); 4] = [
    (1440, 900, false, "wide-light"),
    (1440, 900, true, "wide-dark"),
    (360, 740, false, "phone-light"),
    (360, 740, true, "phone-dark"),
];

/// A demo that ends with the value. What it says is read by somebody to its end: it would wait, or go, otherwise.
struct Demo {
    child: Child,
    url: String,
}

impl Demo {
    fn start(speed: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mapek"));
        command.args(["demo", "--port", "0", "--speed", speed]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains("http://")));
        let line = line.unwrap();
        let url = line.split(' ').find(|word| word.starts_with("http://")).unwrap().to_owned();
        std::thread::spawn(move || read(lines));
        Self { child, url }
    }
}

fn read(lines: Lines<impl std::io::BufRead>) {
    lines.for_each(drop);
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

async fn reads(browser: &Browser, selector: &str, text: &str) {
    let script = format!(
        "return (document.querySelector({selector:?})?.textContent ?? '').includes({text:?})"
    );
    browser.wait_until(&format!("{text:?} in {selector}"), &script).await.unwrap();
}

/// Answers every plan that waits: time stands still until somebody does.
async fn approve_the_rest(url: &str) {
    let client = reqwest::Client::new();
    let plans: Value =
        client.get(format!("{url}/api/v1/plans")).send().await.unwrap().json().await.unwrap();
    for one in plans["items"].as_array().unwrap() {
        if one["approval"]["status"] == "pending" {
            let path =
                format!("{url}/api/v1/plans/{}/approve", one["plan"]["id"].as_str().unwrap());
            // Somebody else may have decided meanwhile, or the plan is wanted no more.
            drop(client.post(path).json(&json!({"hash": one["hash"]})).send().await.unwrap());
        }
    }
}

#[tokio::test]
async fn a_visitor_breaks_something_and_sees_it_heal() {
    let browser = Browser::start().await.unwrap();
    let demo = Demo::start("100");
    let page = format!("{}/demo", demo.url);
    browser.goto(&page).await.unwrap();
    reads(&browser, "#turn", "The stage is the story's").await;
    let live = "return document.getElementById('link').dataset.state === 'live'";
    browser.wait_until("a live page", live).await.unwrap();
    browser.click("form[data-act=take] button").await.unwrap();
    reads(&browser, "#turn", "Yours. The story is over.").await;

    // What is chosen stays chosen though the page lives on, and is sent.
    browser.run("document.getElementById('break-strength').value = '0.6'", &[]).await.unwrap();
    browser.click("form[data-act=break] button[value='bad policy']").await.unwrap();
    reads(&browser, "form[data-act=break] output", "Broken: bad policy. Nobody has told the loop.")
        .await;
    reads(&browser, "#broken", "60 % of its strength").await;
    reads(&browser, "#believed", "policy-misconfiguration").await;
    let pictures = std::env::var_os("MAPEK_PICTURES");
    let mut wrong = Vec::new();
    for (width, height, dark, size) in SIZES {
        browser.look(width, height, dark).await.unwrap();
        let found = browser.flaws().await.unwrap();
        wrong.extend(found.iter().map(|what| format!("{size}: {what}")));
        if let Some(directory) = &pictures {
            browser.run("scrollTo(0, 0)", &[]).await.unwrap();
            let picture = browser.picture(true).await.unwrap();
            std::fs::write(Path::new(directory).join(format!("demo-{size}.png.b64")), picture)
                .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    browser.look(1440, 900, false).await.unwrap();

    // It is bound to ask about policies. The visitor says yes, and sees on *Now* that it helps.
    reads(&browser, "#waiting", "waiting").await;
    browser.goto(&format!("{}/plans", demo.url)).await.unwrap();
    browser.click("a.button[href^='/plans/']").await.unwrap();
    browser.click("form[data-act=rehearse] button").await.unwrap();
    reads(&browser, "form[data-act=rehearse] output", "could be undone").await;
    browser.click("form[data-act=approve] button").await.unwrap();
    // Approved, and begun a moment later: then the page leads to what it became.
    let taken = "return document.querySelector('#decision a[href*=\"/executions/\"]') !== null";
    browser.wait_until("the visitor's word to be taken", taken).await.unwrap();
    browser.goto(&demo.url).await.unwrap();
    let healed = "return document.getElementById('health').textContent.includes('All is well') \
                  && document.getElementById('open').textContent.includes('Nothing is breached')";
    wait_until(DEADLINE, "all is well", async || {
        approve_the_rest(&demo.url).await;
        browser.run(healed, &[]).await.is_ok_and(|so| so == true)
    })
    .await
    .unwrap();
    browser.goto(&format!("{}/knowledge", demo.url)).await.unwrap();
    wait_until(DEADLINE, "that it was learned", async || {
        approve_the_rest(&demo.url).await;
        let outcomes = browser.text("#outcomes").await.unwrap_or_default();
        outcomes.contains("policy-misconfiguration") && outcomes.contains("success")
    })
    .await
    .unwrap();

    // On the page it is held by the remedy, and mended by a button like anything else.
    browser.goto(&page).await.unwrap();
    reads(&browser, "#broken", "a remedy holds it").await;
    // Each once: what is mended is listed until the page is asked for anew.
    let mend = "const pressed = (globalThis.pressed ??= new Set()); \
                const buttons = [...document.querySelectorAll('#broken button')]; \
                const next = buttons.find((it) => !pressed.has(it.value)); \
                if (next) { pressed.add(next.value); next.click(); } return buttons.length === 0";
    browser.wait_until("that all is mended", mend).await.unwrap();
    reads(&browser, "#broken", "Nothing is broken.").await;
    assert_eq!(browser.complaints().await.unwrap(), Vec::<String>::new());
}
