//! The timeline moves, and its address says where to.

use std::sync::Arc;

use mapek_server::{Options, router};
use serde_json::Value;
use tokio::sync::watch;

use super::Visit;
use crate::history::day;

/// Six hours around the only violation of a day.
const SIX_HOURS: &str = "/timeline?from=2026-03-01T22:00:00Z&to=2026-03-02T04:00:00Z&value=latency";

async fn visit() -> Visit {
    let (states, watched) = watch::channel(Arc::new(day()));
    // The moment lasts as long as anybody looks.
    std::mem::forget(states);
    let visit = Visit::to(router(watched, Options::default())).await;
    visit.open(SIX_HOURS).await;
    visit.is_live().await;
    visit
}

impl Visit {
    async fn value(&self, script: &str) -> Value {
        self.browser.run(&format!("return {script}"), &[]).await.unwrap()
    }

    async fn text_of(&self, script: &str) -> String {
        self.value(script).await.as_str().unwrap_or_default().to_owned()
    }

    /// From when to when the page shows, in hours after the beginning of the first picture.
    async fn hours(&self) -> (f64, f64) {
        let origin = "Date.parse('2026-03-01T22:00:00Z')";
        let of = |end: &str| {
            format!(
                "(Date.parse(document.querySelector('[data-timeline]').dataset.{end}) - {origin}) / 3600000"
            )
        };
        let (from, to) = (self.value(&of("from")).await, self.value(&of("to")).await);
        (from.as_f64().unwrap(), to.as_f64().unwrap())
    }

    /// Does something in the page, and waits until it shows another time, in the address too.
    async fn moved_by(&self, script: &str) -> (f64, f64) {
        let before = self.text_of("location.search").await;
        let line = self.text_of("document.querySelector('svg.stretched').innerHTML").await;
        self.browser.run(script, &[]).await.unwrap();
        self.until(
            "another address",
            &format!("return location.search !== {before:?} && new URLSearchParams(location.search).get('from') === document.querySelector('[data-timeline]').dataset.from"),
        )
        .await;
        let after = self.text_of("document.querySelector('svg.stretched').innerHTML").await;
        assert_ne!(line, after, "the picture is another one: {script}");
        self.hours().await
    }
}

const PRESS: &str = "const press = (key) => document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));";

/// Something that a pointer does over the lane of cycles, a share of its width from the left.
fn pointer(doing: &str) -> String {
    format!(
        "const svg = document.querySelector('svg.strip'); const box = svg.getBoundingClientRect(); \
         const at = (share) => ({{clientX: box.left + share * box.width, clientY: box.top + 3, bubbles: true, cancelable: true, button: 0, isPrimary: true}}); {doing}"
    )
}

#[tokio::test]
async fn keys_wheel_drag_and_links_move_the_picture_and_its_address() {
    let visit = visit().await;
    assert_eq!(visit.hours().await, (0.0, 6.0));
    visit.value("(window.sameDocument = true)").await;
    assert_eq!(visit.moved_by(&format!("{PRESS} press('+')")).await, (1.5, 4.5));
    assert_eq!(visit.moved_by(&format!("{PRESS} press('ArrowLeft')")).await, (0.75, 3.75));
    assert_eq!(visit.moved_by(&format!("{PRESS} press('-')")).await, (-0.75, 5.25));
    // The wheel zooms around the pointer: what is under it stays.
    let wheel = pointer("svg.dispatchEvent(new WheelEvent('wheel', {...at(0.25), deltaY: -100}))");
    let (from, to) = visit.moved_by(&wheel).await;
    assert!((to - from - 4.8).abs() < 0.01 && (from - -0.45).abs() < 0.01, "{from} to {to}");
    let drag = pointer(
        "svg.dispatchEvent(new PointerEvent('pointerdown', at(0.5))); \
         for (const share of [0.4, 0.25]) dispatchEvent(new PointerEvent('pointermove', at(share))); \
         dispatchEvent(new PointerEvent('pointerup', at(0.25)))",
    );
    let dragged = visit.moved_by(&drag).await;
    assert!((dragged.0 - (from + 1.2)).abs() < 0.01, "{dragged:?}");
    let back = visit.moved_by("document.querySelector('nav.zoom a[rel=prev]').click()").await;
    assert!((back.0 - (dragged.0 - 2.4)).abs() < 0.01, "{back:?}");
    assert_eq!(visit.value("window.sameDocument").await, true, "the page itself was never left");
    visit.went_well().await;
}

#[tokio::test]
async fn a_link_that_was_handed_on_shows_the_same() {
    let visit = visit().await;
    visit.moved_by(&format!("{PRESS} press('+')")).await;
    // What the pointer has left behind is not the server's.
    let shown = "document.getElementById('timeline').innerHTML";
    let (address, here) = (visit.text_of("location.href").await, visit.text_of(shown).await);
    visit.open("/").await;
    visit.browser.goto(&address).await.unwrap();
    assert_eq!(visit.text_of(shown).await, here);
    let permalink = visit.text_of("document.getElementById('permalink').href").await;
    visit.browser.goto(&permalink).await.unwrap();
    let frame = "document.querySelector('[data-timeline] .lanes').innerHTML";
    assert!(here.contains(&visit.text_of(frame).await));
    visit.went_well().await;
}

#[tokio::test]
async fn the_pointer_reads_values_and_moments() {
    let visit = visit().await;
    // The violation's spike, to the cycle.
    visit.open("/timeline?from=2026-03-02T00:30:00Z&to=2026-03-02T00:35:00Z&value=latency").await;
    visit.is_live().await;
    let over = "const svg = document.querySelector('svg.area'); const box = svg.getBoundingClientRect(); \
        svg.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + box.width / 2, clientY: box.top + 40, bubbles: true}))";
    visit.browser.run(over, &[]).await.unwrap();
    visit.reads(".plot .reading", "00:32:30  9.5 s").await;
    assert_eq!(visit.value("document.querySelectorAll('.cross').length").await, 4);
    // Off the pictures nothing is read.
    let away = "document.querySelector('h1').dispatchEvent(new PointerEvent('pointermove', {bubbles: true}))";
    visit.browser.run(away, &[]).await.unwrap();
    visit.until("nothing read", "return document.querySelector('.plot .reading').textContent === '' && !document.querySelector('.cross')").await;
    visit.went_well().await;
}
