//! PromQL: syntax, what of it is evaluated, and the evaluation.
//!
//! The grammar is that of `promql-parser`, a port of Prometheus's own. The evaluation is ours: see
//! `docs/adr/0003-embedded-metric-source.md` for why.

mod conform;
mod eval;
mod locate;

use std::sync::Once;

use promql_parser::parser::{Expr, Function, register_extra_functions, value::ValueType};

use crate::PromqlError;

pub use conform::conforms;
pub(crate) use eval::{Element, Evaluation, Fault, Options, Run, Value};

/// Deepest nesting that is evaluated: by hand nobody gets to a fifth of it, and the stack holds it in any thread.
const DEPTH_MAX: usize = 64;

/// Checks the syntax and the types of an expression; see [`conforms`] for what of it is evaluated.
///
/// ```
/// use mapek_scrape::parse_promql;
///
/// assert!(parse_promql("sum by (job) (rate(hits[5m])) > 1").is_ok());
/// let error = parse_promql("sum(hits) hits").unwrap_err();
/// assert_eq!(error.position.map(|at| at.column), Some(11));
/// ```
///
/// # Errors
///
/// [`PromqlError`], with the place where it is known.
pub fn parse(query: &str) -> Result<(), PromqlError> {
    parsed(query).map(drop)
}

/// The tree of an expression.
fn parsed(query: &str) -> Result<Expr, PromqlError> {
    know_holt_winters();
    locate::check(query)?;
    let expr = promql_parser::parser::parse(query).map_err(|said| locate::explain(query, said))?;
    if depth_exceeds(&expr, DEPTH_MAX) {
        let reason = format!("nested more than {DEPTH_MAX} levels deep");
        return Err(PromqlError { position: None, reason });
    }
    Ok(expr)
}

/// The tree of an expression that can be evaluated; otherwise why not.
pub(crate) fn prepare(query: &str) -> Result<Expr, String> {
    let expr = parsed(query).map_err(|error| error.to_string())?;
    conform::check(&expr).map_err(|why| why.to_string())?;
    Ok(expr)
}

/// Prometheus 3, which the grammar follows, renamed it to `double_exponential_smoothing`.
fn know_holt_winters() {
    static KNOWN: Once = Once::new();
    KNOWN.call_once(|| {
        let arguments = vec![ValueType::Matrix, ValueType::Scalar, ValueType::Scalar];
        let function = Function::new("holt_winters", arguments, 0, ValueType::Vector, false);
        // Fails only if the grammar knows it after all.
        drop(register_extra_functions(vec![function]));
    });
}

/// The expressions directly below one.
fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Aggregate(it) => it.param.iter().chain([&it.expr]).map(AsRef::as_ref).collect(),
        Expr::Unary(it) => vec![&it.expr],
        Expr::Binary(it) => vec![&it.lhs, &it.rhs],
        Expr::Paren(it) => vec![&it.expr],
        Expr::Subquery(it) => vec![&it.expr],
        Expr::Call(it) => it.args.args.iter().map(AsRef::as_ref).collect(),
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => Vec::new(),
    }
}

fn depth_exceeds(expr: &Expr, most: usize) -> bool {
    most == 0 || children(expr).into_iter().any(|child| depth_exceeds(child, most - 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nesting_is_bounded() {
        let chain = vec!["a"; 60].join(" + ");
        assert!(parse(&chain).is_ok());
        for deep in [vec!["a"; 100].join(" + "), format!("{}a", "-".repeat(8_000))] {
            let error = parse(&deep).unwrap_err();
            assert!(error.reason.contains("deep") || error.reason.contains("many"), "{error}");
        }
        let parens = format!("{}a{}", "(".repeat(8_000), ")".repeat(8_000));
        assert!(parse(&parens).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_text_can_hurt(
            words in proptest::collection::vec(
                prop_oneof![
                    Just("a"), Just("("), Just(")"), Just("["), Just("]"), Just("{"), Just("}"),
                    Just("5m"), Just("1e"), Just("0x"), Just("rate"), Just("sum"), Just("by"),
                    Just("offset"), Just("@"), Just("-"), Just("and"), Just("\""), Just("'\\x"),
                    Just("é"), Just("99999999999999999999y"), Just("on"), Just(","), Just("="),
                    Just("=~"), Just(":"), Just("#"), Just("\n"), Just(" "), Just("inf"),
                ],
                0..10,
            ),
        ) {
            drop(parse(&words.concat()));
        }
    }
}
