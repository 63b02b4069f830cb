//! The API as OpenAPI 3.1, from the table of routes and the types that they take and answer.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{App, METRICS, Problem, ROUTES, Route, doc::Content, probes::Ready};
use crate::Needs;

/// What anything under `/api` may be answered with: a bad question, an origin that may not ask, a host that is not ours, too many
/// requests, too much work.
const ANYWHERE: [u16; 5] = [400, 403, 421, 429, 503];
/// What a body may be answered with besides.
const OF_BODIES: [u16; 3] = [413, 415, 422];

/// The document; it is made once.
pub(super) async fn serve(State(app): State<App>) -> Response {
    let text = app.openapi.get_or_init(|| document(&app.version).to_string().into());
    ([(header::CONTENT_TYPE, "application/json")], text.clone()).into_response()
}

fn document(version: &str) -> Value {
    let settings = || {
        SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
    };
    let mut shapes = Shapes {
        answers: settings().for_serialize().into_generator(),
        // The same types are read otherwise than they are written, so what bodies hold stands where it is.
        bodies: settings()
            .for_deserialize()
            .with(|it| it.inline_subschemas = true)
            .into_generator(),
    };
    let problem = shapes.answers.subschema_for::<Problem>().to_value();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in ROUTES.iter().filter(|route| !route.is_page()) {
        let operation = operation(route, &mut shapes, &problem);
        let method = route.method.as_str().to_ascii_lowercase();
        paths.entry(route.path).or_default().insert(method, operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "mapek",
            "version": version,
            "description": "What a control loop sees, thinks, does and learned, and what people may do about it.",
        },
        "paths": paths,
        "components": {
            "schemas": shapes.answers.take_definitions(true),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "certificate": {"type": "mutualTLS"},
            },
        },
    })
}

struct Shapes {
    answers: SchemaGenerator,
    bodies: SchemaGenerator,
}

fn operation(route: &Route, shapes: &mut Shapes, problem: &Value) -> Value {
    let doc = &route.doc;
    let mut responses = Map::new();
    responses.insert(doc.status.to_string(), success(doc.answer, shapes));
    for status in problems(route) {
        let content = json!({"application/problem+json": {"schema": problem}});
        responses
            .insert(status.to_string(), json!({"description": reason(status), "content": content}));
    }
    if route.path == "/ready" {
        let ready = shapes.answers.subschema_for::<Ready>().to_value();
        let unready = json!({
            "description": "the loop does not do its work",
            "content": {"application/json": {"schema": ready}},
        });
        responses.insert("503".to_owned(), unready);
    }
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": doc.summary,
        "parameters": parameters(route, shapes),
        "responses": responses,
        "security": security(route),
    });
    if let Some(body) = doc.body {
        let schema = body(&mut shapes.bodies).to_value();
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": schema}}});
    }
    if let Needs::Role(role) = route.needs {
        operation["x-role"] = json!(role);
    }
    operation
}

fn success(answer: Content, shapes: &mut Shapes) -> Value {
    let json = |schema: Value| json!({"application/json": {"schema": schema}});
    let content = match answer {
        Content::Json(shape) => json(shape(&mut shapes.answers).to_value()),
        Content::Document => json(json!({"type": "object"})),
        Content::Events => json!({"text/event-stream": {"schema": {"type": "string"}}}),
        Content::Text => json!({
            "application/openmetrics-text": {"schema": {"type": "string"}},
            "text/plain": {"schema": {"type": "string"}},
        }),
    };
    json!({"description": "as asked for", "content": content})
}

fn problems(route: &Route) -> BTreeSet<u16> {
    let mut problems: BTreeSet<u16> = route.doc.problems.iter().copied().collect();
    problems.extend(
        ANYWHERE.iter().filter(|status| route.path.starts_with("/api/") || **status != 429),
    );
    problems.extend((route.needs != Needs::Nothing).then_some(401));
    let may_be_missing = route.path.contains('{') || route.acts() || route.path == METRICS;
    problems.extend(may_be_missing.then_some(404));
    if route.doc.body.is_some() {
        problems.extend(OF_BODIES);
    }
    problems
}

fn reason(status: u16) -> &'static str {
    let known = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    known.unwrap_or("Error")
}

fn parameters(route: &Route, shapes: &mut Shapes) -> Vec<Value> {
    let named = route.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let in_path = named.map(|name| {
        let schema = match name {
            "number" => json!({"type": "integer", "minimum": 0}),
            _ => json!({"type": "string", "format": "uuid"}),
        };
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    });
    let in_query = route.doc.query.iter().map(|param| {
        let schema = (param.shape)(&mut shapes.bodies).to_value();
        json!({"name": param.name, "in": "query", "description": param.what, "schema": schema})
    });
    let mut parameters: Vec<_> = in_path.chain(in_query).collect();
    if route.is_endless() {
        parameters.push(json!({
            "name": "Last-Event-ID", "in": "header",
            "description": "the newest cycle that was told; those after it are told first",
            "schema": {"type": "string"},
        }));
    }
    if route.doc.problems.contains(&428) {
        parameters.push(json!({
            "name": "If-Match", "in": "header",
            "description": "the plan's hash, quoted; or `hash` in the body",
            "schema": {"type": "string"},
        }));
    }
    parameters
}

/// Where nobody is configured, nobody has to say who they are to read.
fn security(route: &Route) -> Value {
    match (route.needs, route.acts()) {
        (Needs::Nothing, _) => json!([{}]),
        (Needs::Role(_), false) => json!([{"token": []}, {"certificate": []}, {}]),
        (Needs::Role(_), true) => json!([{"token": []}, {"certificate": []}]),
    }
}

/// `get_cycles_number`.
fn operation_id(route: &Route) -> String {
    let words = route.path.trim_start_matches("/api/v1").split(['/', '{', '}', '-', '.']);
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    format!("{}_{}", route.method.as_str().to_ascii_lowercase(), words.join("_"))
}
