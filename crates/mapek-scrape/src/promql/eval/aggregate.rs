//! Aggregations over the elements of a vector.

use std::collections::BTreeMap;

use mapek_model::Labels;
use promql_parser::parser::{AggregateExpr, LabelModifier, token};

use super::{Element, Fault, Moment, Value, labels::check_name, stats};

type Groups = BTreeMap<Labels, Vec<Element>>;

impl Moment<'_, '_> {
    pub(super) fn aggregate(self, it: &AggregateExpr) -> Result<Vec<Element>, Fault> {
        let param = it.param.as_ref().map(|param| self.eval(param)).transpose()?;
        let elements = self.vector(&it.expr)?;
        let mut groups = Groups::new();
        for element in elements {
            let key = group(&element.labels, it.modifier.as_ref());
            groups.entry(key).or_default().push(element);
        }
        match (it.op.id(), param) {
            (token::T_TOPK, Some(Value::Scalar(k))) => Ok(most(groups, k, false)),
            (token::T_BOTTOMK, Some(Value::Scalar(k))) => Ok(most(groups, k, true)),
            (token::T_QUANTILE, Some(Value::Scalar(q))) => {
                Ok(fold(groups, |values| stats::quantile(q, values.to_vec())))
            }
            (token::T_COUNT_VALUES, Some(Value::Text(label))) => count_values(groups, &label),
            (op, _) => function(op)
                .map(|function| fold(groups, function))
                .ok_or_else(|| Fault::refused(format!("`{}` is not evaluated", it.op))),
        }
    }
}

/// The labels by which an element is put together with others.
fn group(labels: &Labels, modifier: Option<&LabelModifier>) -> Labels {
    match modifier {
        None => Labels::default(),
        Some(LabelModifier::Include(by)) => {
            labels.filtered(|name| by.labels.iter().any(|it| it == name))
        }
        Some(LabelModifier::Exclude(without)) => labels
            .filtered(|name| name != "__name__" && !without.labels.iter().any(|it| it == name)),
    }
}

fn fold(groups: Groups, function: impl Fn(&[f64]) -> f64) -> Vec<Element> {
    groups
        .into_iter()
        .map(|(labels, elements)| {
            let values: Vec<f64> = elements.iter().map(|it| it.value).collect();
            Element { labels, value: function(&values) }
        })
        .collect()
}

fn function(op: token::TokenId) -> Option<fn(&[f64]) -> f64> {
    Some(match op {
        token::T_SUM => |values| values.iter().sum(),
        token::T_AVG => |values| stats::mean(values.iter().copied()),
        token::T_COUNT => |values| values.len() as f64,
        token::T_GROUP => |_| 1.0,
        token::T_MIN => |values| extreme(values, |best, value| value < best),
        token::T_MAX => |values| extreme(values, |best, value| value > best),
        token::T_STDVAR => |values| stats::variance(values.iter().copied()),
        token::T_STDDEV => |values| stats::variance(values.iter().copied()).sqrt(),
        _ => return None,
    })
}

fn extreme(values: &[f64], better: impl Fn(f64, f64) -> bool) -> f64 {
    let best = values
        .iter()
        .copied()
        .reduce(|best, value| if better(best, value) || best.is_nan() { value } else { best });
    best.unwrap_or(f64::NAN)
}

/// The `k` largest or smallest of each group, as they are; the first by labels where values are equal. NaN comes last.
fn most(groups: Groups, k: f64, smallest: bool) -> Vec<Element> {
    let k = if k >= 1.0 { k as usize } else { 0 };
    let mut kept = Vec::new();
    for mut elements in groups.into_values() {
        elements.sort_by(|a, b| {
            let order = if smallest {
                a.value.partial_cmp(&b.value)
            } else {
                b.value.partial_cmp(&a.value)
            };
            a.value.is_nan().cmp(&b.value.is_nan()).then(order.unwrap_or(std::cmp::Ordering::Equal))
        });
        elements.truncate(k);
        kept.append(&mut elements);
    }
    kept
}

fn count_values(groups: Groups, label: &str) -> Result<Vec<Element>, Fault> {
    check_name(label)?;
    let mut counts: BTreeMap<Labels, f64> = BTreeMap::new();
    for (labels, elements) in groups {
        for element in elements {
            let mut labels = labels.clone();
            labels.insert(label, shown(element.value));
            *counts.entry(labels).or_default() += 1.0;
        }
    }
    let element = |(labels, value)| Element { labels, value };
    Ok(counts.into_iter().map(element).collect())
}

/// A number as Go writes it.
fn shown(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => value.to_string(),
    }
}
