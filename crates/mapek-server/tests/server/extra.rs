//! Pages that an embedding service adds to the console.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body};
use http::Request;
use http_body_util::BodyExt as _;
use mapek_server::{
    Access, Identities, Options, Role,
    extra::{Asked, Button, Choice, Extra, Item, Look, Place, Section, Sheet, Tone},
    router,
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::steered::{Steered, everybody};

const EVIL: &str = "<script>alert(1)</script>\"'>";

/// Lamps that can be switched off.
#[derive(Debug)]
pub(crate) struct Lamps {
    lit: Mutex<BTreeSet<String>>,
    closed: Option<String>,
    said: Mutex<Vec<String>>,
}

impl Lamps {
    pub(crate) fn new(closed: Option<&str>) -> Arc<Self> {
        let lit = Mutex::new(BTreeSet::from(["hall".to_owned(), EVIL.to_owned()]));
        Arc::new(Self { lit, closed: closed.map(str::to_owned), said: Mutex::default() })
    }

    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }
}

impl Extra for Lamps {
    fn place(&self) -> Place {
        Place::try_new("/lamps", "Lamps", 'l', Role::Operator).unwrap()
    }

    fn sheet(&self) -> Sheet {
        let item = |name: &String| Item {
            title: name.clone(),
            badge: Some((Tone::Good, EVIL.to_owned())),
            since: None,
            text: vec![EVIL.to_owned()],
            button: Some(Button { label: "Off".to_owned(), value: name.clone(), look: Look::Stop }),
        };
        let slowly = Choice {
            name: "slowly",
            label: "How".to_owned(),
            options: vec![("no", "at once"), ("yes", "slowly")],
        };
        let lit = Section {
            id: "lit",
            title: "Lit".to_owned(),
            act: Some("off"),
            choices: vec![slowly],
            items: self.lit.lock().unwrap().iter().map(item).collect(),
            nothing: "It is dark.".to_owned(),
            closed: self.closed.clone(),
            ..Section::default()
        };
        Sheet { intro: vec![EVIL.to_owned()], sections: vec![lit] }
    }

    fn act(&self, asked: &Asked<'_>) -> Result<String, String> {
        let Asked { person, act, item, chosen } = asked;
        self.said.lock().unwrap().push(format!("{person} {act} {item} {}", chosen["slowly"]));
        match self.lit.lock().unwrap().remove(*item) {
            true if *item == "hall" => Ok("The hall is dark.".to_owned()),
            _ => Err("It does not go off.".to_owned()),
        }
    }
}

fn api(steered: &Steered, lamps: &Arc<Lamps>, identities: Identities) -> Router {
    let access = Access { identities, ..steered.access() };
    let extras: Vec<Arc<dyn Extra>> = vec![lamps.clone(), Lamps::new(Some("a second one"))];
    router(steered.handle.watch(), Options { access, extras, ..Options::default() })
}

async fn send(router: &Router, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let method = if body.is_empty() { "GET" } else { "POST" };
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap());
    let answer = answer.await.unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

const JSON: (&str, &str) = ("content-type", "application/json");
const VIEWER: (&str, &str) = ("authorization", "Bearer viewer");
const OPERATOR: (&str, &str) = ("authorization", "Bearer operator");

#[tokio::test]
async fn it_is_a_page_like_all_others() {
    let steered = Steered::new();
    let router = api(&steered, &Lamps::new(None), everybody());
    let (status, page) = send(&router, "/lamps", &[], "").await;
    assert!(status == 401 && page.contains("name=\"token\"") && !page.contains("hall"), "{page}");
    let (status, page) = send(&router, "/lamps", &[VIEWER], "").await;
    assert_eq!(status, 200);
    assert!(
        page.contains("<a href=\"/lamps\" data-go=\"l\" aria-current=\"page\">Lamps"),
        "{page}"
    );
    assert!(!page.contains("<script>") && page.contains("&lt;script&gt;alert(1)"), "{page}");
    // Who may not act is told why, and cannot.
    assert!(page.contains("You are viewer, viewer; this needs operator."), "{page}");
    assert_eq!(page.matches("value=\"hall\" disabled").count(), 1, "{page}");
    let (_, page) = send(&router, "/lamps", &[OPERATOR], "").await;
    assert!(page.contains("action=\"/lamps/off\"") && !page.contains("value=\"hall\" disabled"));
    assert!(page.contains("Off<span class=\"hidden\">: hall</span>"), "{page}");
    let (_, now) = send(&router, "/", &[VIEWER], "").await;
    assert!(now.contains("<a href=\"/lamps\" data-go=\"l\">Lamps"), "{now}");
    let nested = Router::new().nest("/loop", router);
    let (_, page) = send(&nested, "/loop/lamps", &[OPERATOR], "").await;
    assert!(page.contains("action=\"/loop/lamps/off\""), "{page}");
}

#[tokio::test]
async fn what_it_offers_is_done_in_the_name_of_who_asks_and_nothing_else() {
    let steered = Steered::new();
    let lamps = Lamps::new(None);
    let router = api(&steered, &lamps, everybody());
    let good = r#"{"item": "hall", "slowly": "yes"}"#;
    let foreign = ("origin", "https://evil.example");
    for (headers, path, body, expected, words) in [
        (&[JSON][..], "/lamps/off", good, 401, "say who you are"),
        (&[JSON, VIEWER], "/lamps/off", good, 403, "viewer is viewer; this needs operator"),
        (&[JSON, OPERATOR, foreign], "/lamps/off", good, 403, "other origins"),
        (&[OPERATOR], "/lamps/off", good, 415, "application/json"),
        (&[JSON, OPERATOR], "/lamps/on", good, 404, "nobody offers on"),
        (
            &[JSON, OPERATOR],
            "/lamps/off",
            r#"{"item": "cellar", "slowly": "no"}"#,
            409,
            "look again",
        ),
        (&[JSON, OPERATOR], "/lamps/off", r#"{"item": "hall"}"#, 400, "slowly is one of no, yes"),
        (&[JSON, OPERATOR], "/lamps/off", r#"{"item": "hall", "slowly": "now"}"#, 400, "is one of"),
        (
            &[JSON, OPERATOR],
            "/lamps/off",
            r#"{"item": "hall", "slowly": "no", "by": "admin"}"#,
            400,
            "by is nothing",
        ),
        (&[JSON, OPERATOR], "/lamps/off", r#"["hall"]"#, 422, "invalid type"),
    ] {
        let (status, answer) = send(&router, path, headers, body).await;
        assert_eq!(status, expected, "{path} {body} {answer}");
        assert!(answer.contains(words), "{answer}");
    }
    assert_eq!(lamps.said(), Vec::<String>::new());
    let (status, answer) = send(&router, "/lamps/off", &[JSON, OPERATOR], good).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, answer), (200, json!({"said": "The hall is dark."})));
    assert_eq!(lamps.said(), ["operator off hall yes"]);
    let (status, answer) = send(&router, "/lamps/off", &[JSON, OPERATOR], good).await;
    assert!(status == 409 && answer.contains("hall is not there any more"), "{answer}");
    // What refuses says why in its own words.
    let evil = json!({"item": EVIL, "slowly": "no"}).to_string();
    let (status, answer) = send(&router, "/lamps/off", &[JSON, OPERATOR], &evil).await;
    assert!(status == 409 && answer.contains("It does not go off."), "{answer}");
    let (_, page) = send(&router, "/lamps", &[VIEWER], "").await;
    assert!(page.contains("It is dark."), "{page}");
}

#[tokio::test]
async fn a_cookie_alone_does_nothing_and_neither_does_anybody_where_nobody_is_configured() {
    let steered = Steered::new();
    let lamps = Lamps::new(None);
    let router = api(&steered, &lamps, everybody());
    let form =
        [("origin", "http://localhost"), ("content-type", "application/x-www-form-urlencoded")];
    let request = Request::builder().method("POST").uri("/login").header("host", "localhost");
    let request = form.iter().fold(request, |it, (name, value)| it.header(*name, *value));
    let answer = router.clone().oneshot(request.body(Body::from("token=operator")).unwrap());
    let answer = answer.await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    let session = ("cookie", cookie);
    let good = r#"{"item": "hall", "slowly": "no"}"#;
    assert_eq!(send(&router, "/lamps/off", &[JSON, session], good).await.0, 403);
    let open = api(&steered, &lamps, Identities::default());
    let (status, page) = send(&open, "/lamps", &[], "").await;
    assert!(status == 200 && page.contains("Nobody is configured who may act"), "{page}");
    assert_eq!(send(&open, "/lamps/off", &[JSON], good).await.0, 403);
    assert!(lamps.said().is_empty());
    assert_eq!(send(&router, "/lamps/off", &[JSON, session, form[0]], good).await.0, 200);
}

#[tokio::test]
async fn what_is_closed_says_why_and_is_not_done() {
    let steered = Steered::new();
    let lamps = Lamps::new(Some("The lamps are being changed."));
    let router = api(&steered, &lamps, everybody());
    let (_, page) = send(&router, "/lamps", &[OPERATOR], "").await;
    assert!(
        page.contains("<p class=\"why\" id=\"lit-why\">The lamps are being changed.</p>"),
        "{page}"
    );
    assert!(page.contains("value=\"hall\" disabled aria-describedby=\"lit-why\""), "{page}");
    let good = r#"{"item": "hall", "slowly": "no"}"#;
    let (status, answer) = send(&router, "/lamps/off", &[JSON, OPERATOR], good).await;
    assert!(status == 409 && answer.contains("being changed"), "{answer}");
    assert!(lamps.said().is_empty());
}
