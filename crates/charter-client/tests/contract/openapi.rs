//! The OpenAPI document, held against the client's routes and against every fixture.
//!
//! The check of schemas is light on purpose: types, required members, enumerations, ranges, through
//! references and combinators. It is there to find drift, not to replace a validator.

use std::collections::BTreeSet;
use std::fs;

use charter_client::{Call, ProblemKind};
use serde_json::Value;

use crate::fixture;

/// Routes of the document that the client does not call.
const BESIDE: [(&str, &str); 7] = [
    ("GET", "/metrics"),
    ("POST", "/api/v1/policies"),
    ("GET", "/api/v1/sim/faults"),
    ("POST", "/api/v1/sim/faults"),
    ("DELETE", "/api/v1/sim/faults/{id}"),
    ("GET", "/api/v1/sim/ledger"),
    ("POST", "/api/v1/sim/advance"),
];

fn read(name: &str) -> String {
    let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

struct Document(Value);

impl Document {
    fn load() -> Self {
        Self(serde_saphyr::from_str(&read("charter-openapi.yaml")).unwrap())
    }

    /// Follows a reference, if it is one.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return value };
        let pointer = reference.strip_prefix('#').expect("references stay in the document");
        self.0.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    /// The operation for a concrete path; literal segments win over parameters.
    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let paths = self.0["paths"].as_object().unwrap();
        let template = paths.keys().find(|t| *t == path);
        let template = template.or_else(|| paths.keys().find(|t| matches(t, path)))?;
        paths[template].get(method.to_lowercase())
    }

    /// What is wrong with a value, or nothing.
    fn faults(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let schema = self.resolve(schema);
        if let Some(any) = schema.get("anyOf").and_then(Value::as_array) {
            let fits = any.iter().any(|schema| self.faults(schema, value, at).is_empty());
            return if fits { vec![] } else { vec![format!("{at}: fits none of the forms")] };
        }
        let mut faults = vec![];
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            faults.extend(self.faults(part, value, at));
        }
        faults.extend(scalar_faults(schema, value, at));
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if value.get(name.as_str().unwrap()).is_none() {
                faults.push(format!("{at}: {name} is missing"));
            }
        }
        for (name, schema) in
            schema.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            if let Some(member) = value.get(name) {
                faults.extend(self.faults(schema, member, &format!("{at}.{name}")));
            }
        }
        if let (Some(schema), Some(items)) = (schema.get("items"), value.as_array()) {
            for (index, item) in items.iter().enumerate() {
                faults.extend(self.faults(schema, item, &format!("{at}[{index}]")));
            }
        }
        faults
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(path).all(|(t, p)| t.starts_with('{') || *t == p)
}

fn scalar_faults(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut faults = vec![];
    let fits = match schema.get("type").and_then(Value::as_str) {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        None => true,
        Some(other) => panic!("{at}: no check for type {other}"),
    };
    if !fits {
        faults.push(format!("{at}: {value} is no {}", schema["type"]));
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        faults.push(format!("{at}: {value} is none of {allowed:?}"));
    }
    let (minimum, maximum) = (schema.get("minimum"), schema.get("maximum"));
    if let (Some(value), Some(minimum)) = (value.as_f64(), minimum.and_then(Value::as_f64))
        && value < minimum
    {
        faults.push(format!("{at}: {value} is below {minimum}"));
    }
    if let (Some(value), Some(maximum)) = (value.as_f64(), maximum.and_then(Value::as_f64))
        && value > maximum
    {
        faults.push(format!("{at}: {value} is above {maximum}"));
    }
    faults
}

#[test]
fn the_routes_are_those_of_the_client() {
    let document = Document::load();
    let documented: BTreeSet<_> = document.0["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |key| (key, path)))
        .filter(|(key, _)| *key != "parameters")
        .map(|(method, path)| (method.to_uppercase(), path.clone()))
        .collect();
    let expected: BTreeSet<_> = Call::ALL
        .into_iter()
        .map(Call::route)
        .chain(BESIDE)
        .map(|(method, path)| (method.to_owned(), path.to_owned()))
        .collect();
    assert_eq!(documented, expected);
}

#[test]
fn operations_bear_the_names_of_the_calls_and_mutations_take_the_three_headers() {
    let document = Document::load();
    for call in Call::ALL {
        let (method, path) = call.route();
        let operation = &document.0["paths"][path][method.to_lowercase()];
        assert_eq!(operation["operationId"], call.name());
        let headers =
            operation.get("parameters").and_then(Value::as_array).map_or(0, |parameters| {
                parameters.iter().filter(|p| document.resolve(p)["in"] == "header").count()
            });
        assert_eq!(headers, if call.is_mutation() { 3 } else { 0 }, "{call}");
    }
}

#[test]
fn every_fixture_fits_the_document() {
    let document = Document::load();
    for fixture in fixture::all().iter().filter(|fixture| fixture.call.is_some()) {
        let (name, request, response) = (&fixture.name, &fixture.request, &fixture.response);
        let operation = document
            .operation(&request.method, &request.path)
            .unwrap_or_else(|| panic!("{name}: {} {}", request.method, request.path));
        assert_eq!(operation["operationId"], fixture.call.clone().unwrap(), "{name}");

        let answers = operation["responses"].as_object().unwrap();
        let answer = answers.get(&response.status.to_string());
        let answer = answer.or_else(|| answers.get("default").filter(|_| response.status >= 400));
        let answer = document.resolve(answer.unwrap_or_else(|| panic!("{name}: no such status")));
        let media_type = &response.headers["content-type"];
        let schema = &answer["content"][media_type]["schema"];
        assert!(schema.is_object(), "{name}: no schema for {media_type}");
        let faults = document.faults(schema, &response.body, "answer");
        assert!(faults.is_empty(), "{name}: {faults:#?}");

        if let Some(body) = &request.body
            && response.status != 422
        {
            let declared = document.resolve(&operation["requestBody"]);
            let schema = &declared["content"]["application/json"]["schema"];
            let faults = document.faults(schema, body, "request");
            assert!(faults.is_empty(), "{name}: {faults:#?}");
        }
    }
}

#[test]
fn what_is_not_in_the_document_has_a_fixture_that_says_so() {
    let document = Document::load();
    for fixture in fixture::all().iter().filter(|fixture| fixture.call.is_none()) {
        let found = document.operation(&fixture.request.method, &fixture.request.path);
        assert!(found.is_none(), "{}", fixture.name);
    }
}

#[test]
fn the_check_itself_finds_faults() {
    let document = Document::load();
    let schema = serde_json::json!({"$ref": "#/components/schemas/CommitteeState"});
    let bad = serde_json::json!(
        {"status": "fine", "replicas": -1, "healthy_nodes": "3", "nodes": [{"node": "a"}]}
    );
    let faults = document.faults(&schema, &bad, "answer").join("\n");
    for expected in ["status", "replicas", "healthy_nodes", "timestamp", "nodes[0]"] {
        assert!(faults.contains(expected), "{expected} not in {faults}");
    }
}

#[test]
fn the_prose_names_every_call_and_every_problem() {
    let prose = read("charter-api.md");
    for (method, path) in Call::ALL.into_iter().map(Call::route).chain(BESIDE) {
        assert!(prose.contains(&format!("`{method} {path}`")), "{method} {path}");
    }
    for kind in ProblemKind::ALL {
        let row = format!("| `{}` | {} |", kind.name(), kind.status());
        assert!(prose.contains(&row), "{row}");
    }
}
