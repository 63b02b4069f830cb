//! The documents say what the code does.

use std::collections::{BTreeMap, BTreeSet};

use mapek_server::{Metrics, ROUTES};
use serde_json::Value;

use crate::sample::{Shown, execution_id, plan_id, push, state};

const METRICS: &str = include_str!("../../../../docs/metrics.md");
const API: &str = include_str!("../../../../docs/api.md");

/// Type, unit and labels of each metric in an exposition.
fn served(text: &str) -> BTreeMap<String, [String; 3]> {
    let mut served: BTreeMap<String, [String; 3]> = BTreeMap::new();
    let declared = |word: &str| -> Vec<(String, String)> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(word)?.split_once(' '));
        lines.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
    };
    for (name, kind) in declared("# TYPE ") {
        served.entry(name).or_default()[0] = kind;
    }
    for (name, unit) in declared("# UNIT ") {
        served.entry(name).or_default()[1] = unit;
    }
    for (name, [kind, _, labels]) in &mut served {
        let suffix = match kind.as_str() {
            "counter" => "_total",
            "histogram" => "_count",
            _ => "",
        };
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}{suffix}")));
        let line = line.unwrap_or_else(|| panic!("no sample of {name}"));
        let inside = line.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let pairs = inside.map_or("", |(inside, _)| inside).split(',');
        let names: Vec<_> = pairs.filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
        *labels = names.join(", ");
    }
    served
        .into_iter()
        .map(|(name, of)| (if of[0] == "counter" { format!("{name}_total") } else { name }, of))
        .collect()
}

#[test]
fn every_metric_is_in_the_document_and_every_line_of_it_is_a_metric() {
    let metrics = Metrics::new();
    let name = "charter_api_response_duration_seconds";
    let timer = metrics.client_timer(name, "Time to an answer of Charter").unwrap();
    timer.observe("scale", "200", std::time::Duration::from_millis(3));
    metrics.notifications().add("chat", "escalation", "sent", 1);
    metrics.telemetry_failed("logs").add(1);
    // Something of everything.
    let mut now = state();
    let mut recorder = metrics.recorder();
    recorder.observe(&now);
    let mut last = now.reports[1].as_ref().clone();
    last.number = last.number.next();
    last.at = crate::sample::at(60);
    last.seen.open.push(crate::sample::violation("new", "info", last.at));
    last.outcomes = now.outcomes.iter().cloned().collect();
    push(&mut now, last);
    now.statistics.refusals.insert("pause".to_owned(), 1);
    recorder.observe(&now);

    let rows = METRICS.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let documented: BTreeMap<_, _> = rows
        .map(|row| {
            let cells: Vec<_> = row.split(" | ").collect();
            let [name, kind, unit, labels, meaning] = cells[..] else {
                panic!("five cells in {row}");
            };
            assert!(!meaning.is_empty());
            let of = [kind, unit, labels].map(|cell| cell.replace(['`', '–'], ""));
            (name.trim_end_matches('`').to_owned(), of)
        })
        .collect();
    assert_eq!(documented, served(&metrics.open_metrics()));
}

/// Whether an example is what is answered; `"…"` stands for anything, and in a list for any further items.
fn fits(example: &Value, actual: &Value, path: &str) {
    match (example, actual) {
        (Value::String(dots), _) if dots == "…" => {}
        (Value::Object(example), Value::Object(actual)) => {
            let keys = |of: &serde_json::Map<String, Value>| -> BTreeSet<_> {
                of.keys().cloned().collect()
            };
            assert_eq!(keys(example), keys(actual), "keys at {path}");
            example.iter().for_each(|(key, one)| fits(one, &actual[key], &format!("{path}/{key}")));
        }
        (Value::Array(example), Value::Array(actual)) => {
            let open = example.last().is_some_and(|last| last == "…");
            let given = &example[..example.len() - usize::from(open)];
            assert!(open && actual.len() >= given.len() || actual.len() == given.len(), "{path}");
            given.iter().zip(actual).for_each(|(one, actual)| fits(one, actual, path));
        }
        _ => assert_eq!(example, actual, "{path}"),
    }
}

#[tokio::test]
async fn every_route_is_in_the_document_with_what_it_answers() {
    let shown = Shown::start(state()).await;
    let mut sections: BTreeMap<_, _> =
        API.split("\n### `GET ").skip(1).map(|section| section.split_once('`').unwrap()).collect();
    for route in ROUTES.iter().filter(|route| !route.acts() && !route.is_page()) {
        let endless = route.is_endless();
        let route = route.path;
        let section = sections.remove(route).unwrap_or_else(|| panic!("{route} has no section"));
        if endless {
            continue;
        }
        let id = if route.contains("plans") {
            plan_id(11).to_string()
        } else {
            execution_id(19).to_string()
        };
        let path = route.replace("{number}", "41").replace("{id}", &id);
        let example = section.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
        match example {
            Some(example) => {
                let example =
                    serde_json::from_str(example).unwrap_or_else(|e| panic!("{route}: {e}"));
                fits(&example, &shown.json(&path).await, route);
            }
            None => assert_eq!(route, "/metrics", "{route} has no example"),
        }
    }
    assert!(sections.is_empty(), "documented and not there: {sections:?}");
}

#[test]
fn who_may_do_what_is_in_the_document() {
    let rows = API.lines().filter_map(|line| line.strip_prefix("| `POST ")?.strip_suffix(" |"));
    let documented: BTreeSet<_> = rows
        .map(|row| {
            let mut cells = row.split(" | ");
            let path = cells.next().unwrap().trim_end_matches('`').to_owned();
            let role = cells.next().unwrap().to_owned();
            assert!(cells.next().is_some_and(|body| !body.is_empty()), "{row}");
            (path, role)
        })
        .collect();
    let acts = ROUTES.iter().filter(|route| route.acts());
    let there: BTreeSet<_> =
        acts.map(|route| (route.path.to_owned(), route.needs.to_string())).collect();
    assert_eq!(documented, there);
}
