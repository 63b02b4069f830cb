//! Every view, in light and dark, on a telephone and on a wide screen.

use std::path::Path;

use super::{Visit, shows, story};
use crate::steered::{Steered, everybody};

/// Name and path of each view.
fn views() -> Vec<(&'static str, String)> {
    let (plan, run) = (story::waiting_plan(), story::ended_execution());
    vec![
        ("now", "/".to_owned()),
        ("cycles", "/cycles".to_owned()),
        ("why", format!("/cycles/{}", story::DECIDED)),
        ("plans", "/plans".to_owned()),
        ("approve", format!("/plans/{plan}")),
        ("executions", "/executions".to_owned()),
        ("execution", format!("/executions/{run}")),
        ("knowledge", "/knowledge".to_owned()),
        ("timeline", story::TIMELINE.to_owned()),
        ("missing", "/plans/none".to_owned()),
    ]
}

/// Width, height, dark, and what that is called.
const SIZES: [(u32, u32, bool, &str); 4] = [
    (1440, 900, false, "wide-light"),
    (1440, 900, true, "wide-dark"),
    (360, 740, false, "phone-light"),
    (360, 740, true, "phone-dark"),
];

async fn photograph(visit: &Visit, directory: &Path, name: &str) {
    let picture = visit.browser.picture(true).await.unwrap();
    std::fs::write(directory.join(format!("{name}.png.b64")), picture).unwrap();
}

#[tokio::test]
async fn every_view_is_legible_in_light_and_dark_small_and_large() {
    let steered = Steered::new();
    let router = shows(&steered, story::state(), story::people());
    let visit = Visit::to(router).await;
    let pictures = std::env::var_os("MAPEK_PICTURES");
    let mut wrong = Vec::new();
    // The door is seen from outside.
    let door = [("door", "/login".to_owned())];
    for (name, path) in door.into_iter().chain(views()) {
        if name == "now" {
            visit.log_in(story::ADA).await;
        }
        visit.open(&path).await;
        let paint =
            "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0";
        let paint = visit.browser.run(paint, &[]).await.unwrap();
        println!("{name}: first contentful paint after {paint} ms");
        for (width, height, dark, size) in SIZES {
            visit.browser.look(width, height, dark).await.unwrap();
            let found = visit.browser.flaws().await.unwrap();
            wrong.extend(found.iter().map(|what| format!("{name} {size}: {what}")));
            if let Some(directory) = &pictures {
                photograph(&visit, Path::new(directory), &format!("{name}-{size}")).await;
            }
        }
        if name != "door" {
            visit.is_live().await;
        }
        if name == "missing" {
            // The browser says that it is not there, and so does the page.
            assert_eq!(visit.browser.complaints().await.unwrap().len(), 1);
        }
        visit.went_well().await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_is_checked_is_found() {
    let steered = Steered::new();
    let visit = Visit::to(shows(&steered, story::state(), everybody())).await;
    visit.log_in("viewer").await;
    for (harm, expected) in [
        ("document.querySelector('h2').style.color = 'rgb(200, 200, 200)'", "color-contrast: "),
        (
            "const it = document.querySelector('#theme'); it.replaceChildren(); it.title = ''",
            "button-name: ",
        ),
        (
            "document.querySelector('main').append(document.createElement('h4'), 'x'); document.querySelector('h4').textContent = 'y'; document.querySelectorAll('main h3').forEach((it) => it.remove())",
            "heading-order: ",
        ),
        ("document.querySelector('main p').style.minWidth = '3000px'", "wide in a window"),
        (
            "document.querySelector('main').append(Object.assign(document.createElement('p'), {id: 'main'}))",
            "an id is there twice",
        ),
        (
            "document.querySelector('section[aria-labelledby]').removeAttribute('aria-labelledby')",
            "a section has no name",
        ),
        (
            "document.querySelector('main').setAttribute('aria-describedby', 'nobody')",
            "aria-valid-attr-value: ",
        ),
        (
            "document.querySelector('main').append(document.createElement('h1'))",
            "there is not one h1",
        ),
        ("document.querySelector('main th').removeAttribute('scope')", "a header heads nothing"),
        ("document.querySelector('main p').style.width = '200%'", "it sticks out of its box"),
        (
            "document.querySelector('#theme').style.cssText = 'min-height: 0; padding: 0; height: 8px'",
            "too small to hit",
        ),
        (
            "document.querySelector('main').append(document.createElementNS('http://www.w3.org/2000/svg', 'svg'))",
            "a picture has no words",
        ),
    ] {
        visit.open("/").await;
        assert_eq!(visit.browser.flaws().await.unwrap(), Vec::<String>::new(), "before: {harm}");
        visit.browser.run(harm, &[]).await.unwrap();
        let found = visit.browser.flaws().await.unwrap().join("\n");
        assert!(found.contains(expected), "{harm}: {found}");
    }
}

#[tokio::test]
async fn hostile_labels_are_read_and_not_run() {
    let steered = Steered::new();
    let evil =
        "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>";
    let visit = Visit::to(shows(&steered, story::hostile(evil), everybody())).await;
    visit.log_in("admin").await;
    for (_, path) in views() {
        visit.open(&path).await;
        visit.browser.look(360, 740, false).await.unwrap();
        let count = "return document.querySelectorAll('img, main script').length";
        assert_eq!(visit.browser.run(count, &[]).await.unwrap(), 0, "{path}");
        let title = visit.browser.run("return document.title", &[]).await.unwrap();
        assert_ne!(title, "taken", "{path}");
        assert_eq!(visit.browser.flaws().await.unwrap(), Vec::<String>::new(), "{path}");
        if !path.ends_with("/none") {
            visit.went_well().await;
        }
    }
    visit.open("/").await;
    visit
        .browser
        .run("document.querySelectorAll('details').forEach((it) => it.open = true)", &[])
        .await
        .unwrap();
    assert!(visit.browser.text("#open").await.unwrap().contains(evil));
}
