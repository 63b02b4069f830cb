//! What the files of `deploy` ask Prometheus: the queries of the boards, and the series that boards and alert rules rest on.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use promql_parser::parser::{Expr, LabelModifier, VectorSelector, parse};
use serde_json::Value;

/// A query, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) place: String,
    pub(crate) expression: String,
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

/// Each query of the boards, with their variables filled in.
pub(crate) fn boards() -> Vec<Asked> {
    let mut asked = Vec::new();
    for file in std::fs::read_dir(deploy().join("grafana/dashboards")).unwrap() {
        let path = file.unwrap().path();
        let board: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        for panel in board["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let text = target["expr"].as_str().unwrap();
                let text = text.replace("$__rate_interval", "10s").replace("$target", ".*");
                assert!(!text.contains('$'), "{name}: a variable that nobody fills in: {text}");
                let place = format!("{name}: {}", panel["title"].as_str().unwrap());
                asked.push(Asked { place, expression: text });
            }
        }
    }
    asked.sort_by(|a, b| a.place.cmp(&b.place));
    asked
}

/// Each expression of the alert rules.
pub(crate) fn rules() -> Vec<Asked> {
    let mut asked = Vec::new();
    for name in ["charter", "mape-k"] {
        let path = deploy().join(format!("prometheus/rules/{name}.rules.yml"));
        let file: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for rule in file["groups"][0]["rules"].as_array().unwrap() {
            let expression = rule["expr"].as_str().unwrap().to_owned();
            asked.push(Asked { place: rule["alert"].as_str().unwrap().to_owned(), expression });
        }
    }
    asked
}

/// The series that an expression rests on: each with its name and all labels that the expression goes by, whatever their values.
pub(crate) fn series(expression: &str) -> BTreeSet<String> {
    let parsed = parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let mut found = BTreeSet::new();
    collect(&parsed, &BTreeSet::new(), &mut found);
    found
}

fn collect(expression: &Expr, by: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    match expression {
        Expr::Aggregate(it) => {
            let mut by = by.clone();
            if let Some(LabelModifier::Include(labels)) = &it.modifier {
                by.extend(labels.labels.iter().cloned());
            }
            collect(&it.expr, &by, found);
        }
        Expr::Unary(it) => collect(&it.expr, by, found),
        Expr::Binary(it) => {
            collect(&it.lhs, by, found);
            collect(&it.rhs, by, found);
        }
        Expr::Paren(it) => collect(&it.expr, by, found),
        Expr::Subquery(it) => collect(&it.expr, by, found),
        Expr::VectorSelector(it) => found.extend([selected(it, by)]),
        Expr::MatrixSelector(it) => found.extend([selected(&it.vs, by)]),
        Expr::Call(it) => it.args.args.iter().for_each(|it| collect(it, by, found)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn selected(selector: &VectorSelector, by: &BTreeSet<String>) -> String {
    let mut labels = by.clone();
    labels.extend(selector.matchers.matchers.iter().map(|it| it.name.clone()));
    let labels: Vec<_> = labels.iter().map(|label| format!("{label}!=\"\"")).collect();
    format!("{}{{{}}}", selector.name.as_deref().unwrap_or_default(), labels.join(","))
}
