//! Functions that make labels.

use mapek_model::Labels;
use promql_parser::{label::MatchOp, parser::Expr};
use regex::Regex;

use super::{Element, Fault};

/// Sets the label `to` where the value of `from` matches the whole pattern.
pub(super) fn replace(
    mut elements: Vec<Element>,
    to: &str,
    with: &str,
    from: &str,
    pattern: &str,
) -> Result<Vec<Element>, Fault> {
    check_name(to)?;
    let pattern = Regex::new(&format!("^(?:{pattern})$"))
        .map_err(|_| Fault::refused(format!("no regular expression: {pattern:?}")))?;
    for element in &mut elements {
        let value = element.labels.get(from).unwrap_or_default();
        if let Some(captures) = pattern.captures(value) {
            let mut expanded = String::new();
            captures.expand(with, &mut expanded);
            set(element, to, expanded);
        }
    }
    Ok(elements)
}

/// Sets the label `to` to the values of others.
pub(super) fn join(
    mut elements: Vec<Element>,
    to: &str,
    between: &str,
    from: &[&str],
) -> Result<Vec<Element>, Fault> {
    check_name(to)?;
    for element in &mut elements {
        let values: Vec<_> =
            from.iter().map(|name| element.labels.get(name).unwrap_or_default()).collect();
        let joined = values.join(between);
        set(element, to, joined);
    }
    Ok(elements)
}

/// The labels that a selector asks for by equality, once each.
pub(super) fn asked_for(expr: &Expr) -> Labels {
    let selector = match expr {
        Expr::VectorSelector(selector) => selector,
        Expr::MatrixSelector(selector) => &selector.vs,
        _ => return Labels::default(),
    };
    let (mut labels, mut ambiguous) = (Labels::default(), Vec::new());
    for it in selector.matchers.matchers.iter().filter(|it| it.name != "__name__") {
        if it.op == MatchOp::Equal && labels.get(&it.name).is_none() {
            labels.insert(it.name.clone(), it.value.clone());
        } else {
            ambiguous.push(&it.name);
        }
    }
    for name in ambiguous {
        labels.remove(name);
    }
    labels
}

fn set(element: &mut Element, name: &str, value: String) {
    let labels = &mut element.labels;
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.insert(name, value);
    }
}

pub(super) fn check_name(name: &str) -> Result<(), Fault> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        Ok(())
    } else {
        Err(Fault::refused(format!("no name of a label: {name:?}")))
    }
}
