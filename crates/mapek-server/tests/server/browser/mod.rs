//! The console in a real browser.
//!
//! With `MAPEK_PICTURES=DIR` the views are photographed, as PNG in base64: that is where the pictures in `docs/console` come from.

mod acting;
mod elsewhere;
mod mending;
mod story;
mod time;
mod views;

use std::sync::Arc;

use axum::Router;
use mapek_loop::LoopState;
use mapek_server::{Access, Identities, Options, ServerConfig, router};
use mapek_testkit::Browser;
use tokio::sync::watch;

use crate::{sample::Shown, steered::Steered};

/// A browser before a console.
struct Visit {
    browser: Browser,
    shown: Shown,
}

impl Visit {
    async fn to(router: Router) -> Self {
        let shown = Shown::serve(router, ServerConfig::default()).await;
        Self { browser: Browser::start().await.unwrap(), shown }
    }

    async fn open(&self, path: &str) {
        self.browser.goto(&self.shown.url(path)).await.unwrap();
    }

    /// Comes in by the door.
    async fn log_in(&self, token: &str) {
        self.open("/login").await;
        self.browser.fill("#token", token).await.unwrap();
        self.browser.click("form.login button").await.unwrap();
        self.until("the console", "return !!document.querySelector('.who strong')").await;
    }

    async fn until(&self, what: &str, script: &str) {
        self.browser.wait_until(what, script).await.unwrap();
    }

    /// Waits for a text within an element.
    async fn reads(&self, selector: &str, text: &str) {
        let script = format!(
            "return (document.querySelector({selector:?})?.textContent ?? '').includes({text:?})"
        );
        self.until(&format!("{text:?} in {selector}"), &script).await;
    }

    /// Waits until the page hears from the loop.
    async fn is_live(&self) {
        self.until(
            "a live page",
            "return document.getElementById('link').dataset.state === 'live'",
        )
        .await;
    }

    /// Nothing was wrong in the browser's eyes.
    async fn went_well(&self) {
        assert_eq!(self.browser.complaints().await.unwrap(), Vec::<String>::new());
    }
}

/// A console that shows one moment, and the loop that it would steer.
fn shows(steered: &Steered, state: LoopState, identities: Identities) -> Router {
    let (states, watched) = watch::channel(Arc::new(state));
    // The moment lasts as long as anybody looks.
    std::mem::forget(states);
    steered.clock.advance_to(crate::sample::at(582));
    let access = Access { identities, ..steered.access() };
    let options = Options { handle: Some(steered.handle.clone()), access, ..Options::default() };
    router(watched, options)
}
