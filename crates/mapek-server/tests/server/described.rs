//! `/openapi.json` says what the server does.

use std::collections::BTreeSet;

use axum::{Router, body::Body};
use boon::{Compiler, Schemas};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use mapek_server::{Access, Identities, ROUTES, Rate};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{
    sample::{Shown, execution_id, plan_id, state},
    steered::{Steered, everybody},
};

/// The document of a server that shows something of everything.
async fn document(shown: &Shown) -> Value {
    shown.json("/openapi.json").await
}

/// What an answer holds is what the document says that it holds.
struct Contract {
    document: Value,
    schemas: Schemas,
    compiler: Compiler,
}

impl Contract {
    fn new(document: Value) -> Self {
        let mut compiler = Compiler::new();
        compiler.add_resource("openapi.json", document.clone()).unwrap();
        Self { document, schemas: Schemas::new(), compiler }
    }

    /// Why an answer does not fit, if it does not.
    fn fits(
        &mut self,
        method: &str,
        path: &str,
        status: u16,
        kind: &str,
        body: &Value,
    ) -> Result<(), String> {
        let pointer = |text: &str| text.replace('~', "~0").replace('/', "~1");
        let place = [
            "paths",
            &pointer(path),
            method,
            "responses",
            &status.to_string(),
            "content",
            &pointer(kind),
            "schema",
        ]
        .join("/");
        if self.document.pointer(&format!("/{place}")).is_none() {
            return Err(format!("{method} {path} does not tell of {status} {kind}"));
        }
        let schema = self.compiler.compile(&format!("openapi.json#/{place}"), &mut self.schemas);
        let schema = schema.map_err(|error| format!("{place}: {error}"))?;
        self.schemas.validate(body, schema).map_err(|error| format!("{method} {path}: {error}"))
    }
}

fn sent(path: &str) -> String {
    let id =
        if path.contains("plans") { plan_id(11).to_string() } else { execution_id(19).to_string() };
    path.replace("{number}", "41").replace("{id}", &id)
}

#[tokio::test]
async fn every_route_is_in_it_with_its_parameters_bodies_answers_and_errors() {
    let shown = Shown::start(state()).await;
    let document = document(&shown).await;
    assert_eq!(
        (&document["openapi"], &document["info"]["version"]),
        (&json!("3.1.0"), &json!("1.2.3"))
    );
    let mut told = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            told.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let routes = || ROUTES.iter().filter(|it| !it.is_page());
    let there: BTreeSet<_> = routes().map(|it| format!("{} {}", it.method, it.path)).collect();
    assert_eq!(told, there);
    let mut ids = BTreeSet::new();
    for route in routes() {
        let method = route.method.as_str().to_lowercase();
        let operation = &document["paths"][route.path][&method];
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{operation}");
        assert!(!operation["summary"].as_str().unwrap().is_empty());
        let names: Vec<_> = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["in"].as_str().unwrap(), it["name"].as_str().unwrap()))
            .collect();
        for name in ["number", "id"] {
            assert_eq!(
                names.contains(&("path", name)),
                route.path.contains(&format!("{{{name}}}"))
            );
        }
        let responses = &operation["responses"];
        let success = if route.acts() && route.path.ends_with("/cycles") { "202" } else { "200" };
        assert!(responses[success]["content"].is_object(), "{} {success}", route.path);
        let takes = route.acts() && !route.path.ends_with("/cycles");
        assert_eq!(operation["requestBody"].is_object(), takes, "{}", route.path);
        if takes {
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            assert_eq!(body["additionalProperties"], false, "{body}");
        }
        for (status, response) in responses.as_object().unwrap() {
            if status.starts_with(['4', '5']) && (route.path, status.as_str()) != ("/ready", "503")
            {
                let schema = &response["content"]["application/problem+json"]["schema"];
                assert!(schema.is_object(), "{} {status}: {response}", route.path);
            }
        }
    }
}

#[tokio::test]
async fn what_a_running_server_answers_is_what_it_says() {
    let shown = Shown::start(state()).await;
    let mut contract = Contract::new(document(&shown).await);
    for route in ROUTES.iter().filter(|it| !it.acts() && !it.is_endless() && !it.is_page()) {
        let answer = shown.get(&sent(route.path)).await;
        let (status, kind) = (answer.status().as_u16(), answer.headers()["content-type"].clone());
        assert_eq!(status, 200, "{}", route.path);
        let kind = kind.to_str().unwrap().split(';').next().unwrap().to_owned();
        let text = answer.text().await.unwrap();
        let body = if kind == "application/json" {
            serde_json::from_str(&text).unwrap()
        } else {
            json!(text)
        };
        contract.fits("get", route.path, status, &kind, &body).unwrap();
    }
    let cycles = shown.json("/api/v1/cycles").await;
    let mut wrong = cycles.clone();
    wrong["items"][0]["number"] = json!("42");
    contract.fits("get", "/api/v1/cycles", 200, "application/json", &wrong).unwrap_err();
    let mut wrong = cycles;
    wrong.as_object_mut().unwrap().remove("next");
    contract.fits("get", "/api/v1/cycles", 200, "application/json", &wrong).unwrap_err();
}

/// Whom to ask, what for, with which headers and which body.
type Try<'a> = (&'a Router, &'a str, &'a [(&'a str, &'a str)], &'a str);

async fn asked(
    router: &Router,
    method: &Method,
    uri: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String, Value) {
    let mut request = Request::builder().method(method).uri(uri).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer =
        router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, kind, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn what_goes_wrong_and_what_is_done_is_as_it_says_too() {
    let shown = Shown::start(state()).await;
    let mut contract = Contract::new(document(&shown).await);
    let steered = Steered::new();
    let open = Access { identities: everybody(), ..steered.access() };
    let router = steered.api_with(open.clone());
    let busy = steered.api_with(Access {
        rate: Rate::new(1, 1),
        identities: Identities::default(),
        ..open
    });
    let (json_body, admin) =
        (("content-type", "application/json"), ("authorization", "Bearer admin"));
    let reason = r#"{"reason": "because"}"#;
    let mut statuses = BTreeSet::new();
    for route in ROUTES.iter().filter(|it| it.path.starts_with("/api/") && !it.is_endless()) {
        let (uri, method) = (sent(route.path), &route.method);
        let body = if route.path.ends_with("rearm") {
            r#"{"kind": "scale_up", "reason": "mended"}"#
        } else {
            reason
        };
        asked(&busy, &Method::GET, "/api/v1/status", &[], "").await;
        let hash = format!(r#"{{"hash": "{}"}}"#, "0".repeat(64));
        let tries: [Try<'_>; 9] = [
            (&router, &uri, &[json_body], body),
            (&router, &uri, &[json_body, ("authorization", "Bearer viewer")], body),
            (&router, &uri, &[json_body, admin, ("origin", "https://evil.example")], body),
            (&router, &format!("{uri}?bogus=1"), &[json_body, admin], body),
            (&router, &uri, &[json_body, admin], body),
            (&router, &uri, &[json_body, admin], &hash),
            (&router, &uri, &[admin], "{"),
            (&router, &uri, &[json_body, admin], "{"),
            (&busy, &uri, &[json_body], body),
        ];
        for (router, uri, headers, body) in tries {
            let (status, kind, answer) = asked(router, method, uri, headers, body).await;
            let name = method.as_str().to_lowercase();
            contract
                .fits(&name, route.path, status, &kind, &answer)
                .unwrap_or_else(|why| panic!("{status}: {why}"));
            statuses.insert(status);
        }
    }
    for status in [200, 202, 400, 401, 403, 404, 415, 422, 428, 429] {
        assert!(statuses.contains(&status), "{status} is not in {statuses:?}");
    }
}
