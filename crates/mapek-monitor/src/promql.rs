//! What a PromQL expression is made of.
//!
//! An expression says nothing about how old the samples behind it are, and one that compares says nothing about the series that
//! hold. So its selectors are taken out of it, and asked by themselves.

use std::{collections::BTreeMap, sync::Once};

use mapek_model::Query;
use promql_parser::parser::{
    Expr, Function, VectorSelector, register_extra_functions, token, value::ValueType,
};

use crate::Selector;

/// Most operators, brackets and matchers: bounds the tree before it is built, as freeing a deep one takes stack. Rules that
/// people write have a tenth of it.
const JOINTS_MAX: usize = 500;

/// The raw series that an expression is made of, in order; `None` if it is no PromQL that is known here, or far too long.
///
/// Offsets and instants are left out: what counts is how old the newest samples are. Whatever may be missing without harm is not
/// required: either side of an `or`, what follows `unless`, and what `absent` looks for.
///
/// ```
/// use mapek_model::Query;
/// use mapek_monitor::selectors;
///
/// let query = Query::try_new(r#"rate(errors_total{job="a"}[5m]) / rate(all_total[5m] offset 1h) > 0.1"#)?;
/// let found = selectors(&query).expect("it is PromQL");
/// let texts: Vec<_> = found.iter().map(|it| it.query.as_str()).collect();
/// assert_eq!(texts, ["all_total", r#"errors_total{job="a"}"#]);
/// assert!(found.iter().all(|it| it.required));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn selectors(expression: &Query) -> Option<Vec<Selector>> {
    let joint = |c: char| "([{+-*/%^<>=!~,".contains(c);
    if expression.as_str().chars().filter(|c| joint(*c)).count() > JOINTS_MAX {
        return None;
    }
    know_holt_winters();
    let expr = promql_parser::parser::parse(expression.as_str()).ok()?;
    let mut found = BTreeMap::new();
    collect(&expr, true, &mut found)?;
    Some(found.into_iter().map(|(query, required)| Selector { query, required }).collect())
}

/// Prometheus 3, which the grammar follows, renamed it to `double_exponential_smoothing`.
fn know_holt_winters() {
    static KNOWN: Once = Once::new();
    KNOWN.call_once(|| {
        let arguments = vec![ValueType::Matrix, ValueType::Scalar, ValueType::Scalar];
        let function = Function::new("holt_winters", arguments, 0, ValueType::Vector, false);
        // Fails only if the grammar knows it already.
        drop(register_extra_functions(vec![function]));
    });
}

/// Takes in the selectors below `expr`. What is required once is required.
fn collect(expr: &Expr, required: bool, found: &mut BTreeMap<Query, bool>) -> Option<()> {
    match expr {
        Expr::VectorSelector(it) => take(it, required, found),
        Expr::MatrixSelector(it) => take(&it.vs, required, found),
        Expr::Aggregate(it) => {
            let param = it.param.iter().map(AsRef::as_ref);
            param.chain([it.expr.as_ref()]).try_for_each(|it| collect(it, required, found))
        }
        Expr::Unary(it) => collect(&it.expr, required, found),
        Expr::Paren(it) => collect(&it.expr, required, found),
        Expr::Subquery(it) => collect(&it.expr, required, found),
        Expr::Call(it) => {
            let required = required && !it.func.name.starts_with("absent");
            it.args.args.iter().try_for_each(|it| collect(it, required, found))
        }
        Expr::Binary(it) => {
            let (left, right) = match it.op.id() {
                token::T_LOR => (false, false),
                token::T_LUNLESS => (true, false),
                _ => (true, true),
            };
            collect(&it.lhs, required && left, found)?;
            collect(&it.rhs, required && right, found)
        }
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Some(()),
        Expr::Extension(_) => None,
    }
}

fn take(
    selector: &VectorSelector,
    required: bool,
    found: &mut BTreeMap<Query, bool>,
) -> Option<()> {
    let newest = VectorSelector { offset: None, at: None, ..selector.clone() };
    let query = Query::try_new(newest.to_string()).ok()?;
    *found.entry(query).or_default() |= required;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(expression: &str) -> Option<String> {
        let found = selectors(&Query::try_new(expression).unwrap())?;
        let word = |it: &Selector| format!("{}{}", it.query, if it.required { "" } else { "?" });
        Some(found.iter().map(word).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn what_an_expression_reads_is_found_wherever_it_stands() {
        for (expression, selectors) in [
            ("jobs_waiting > 100", "jobs_waiting"),
            ("up{job=\"a\"} == 0", "up{job=\"a\"}"),
            ("max_over_time(rate(a_total[1m])[10m:30s]) - -b @ 5 offset 1h", "a_total b"),
            ("quantile(scalar(q), topk(3, {__name__=~\"x|y\"}))", "q {__name__=~\"x|y\"}"),
            ("a and on (node) b", "a b"),
            ("a unless b", "a b?"),
            ("sum(rate(errors_total[5m])) or vector(0)", "errors_total?"),
            ("(a or b) and b", "a? b"),
            ("absent(a) or absent_over_time(b[1h])", "a? b?"),
            ("holt_winters(a[1h], 0.5, 0.5)", "a"),
            ("vector(time()) > 5", ""),
        ] {
            assert_eq!(of(expression).as_deref(), Some(selectors), "{expression}");
        }
    }

    #[test]
    fn quotes_stay_what_they_are() {
        let text = r#"a{b="x\"y\\z\n", c!~"d.*"}"#;
        let found = of(text).unwrap();
        assert_eq!(of(&found).unwrap(), found, "it selects the same again");
        assert!(found.contains(r#""x\"y\\z\n""#), "{found}");
    }

    #[test]
    fn what_cannot_be_read_is_not_guessed_at() {
        for text in ["more than 20 customers wait", "a +", "unheard_of(a)"] {
            assert_eq!(of(text), None, "{text}");
        }
        let deep = format!("{}a{}", "(".repeat(5_000), ")".repeat(5_000));
        assert_eq!(of(&deep), None);
    }
}
