//! What of PromQL is evaluated, and what is refused because it would not be what Prometheus answers.

use mapek_model::Query;
use promql_parser::{
    label::Matchers,
    parser::{Expr, LabelModifier, VectorSelector, token},
};

use super::{children, eval, parsed};
use crate::NotConforming;

/// Whether the embedded source evaluates `query`, and exactly as Prometheus does.
///
/// ```
/// use mapek_model::Query;
/// use mapek_scrape::conforms;
///
/// assert!(conforms(&Query::try_new("rate(hits_total[5m]) > 1")?).is_ok());
/// let refused = conforms(&Query::try_new("sum(hour(up))")?).unwrap_err();
/// assert_eq!(refused.feature, "hour");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`NotConforming`] with the first function or feature that is refused; `syntax` if it is no PromQL at all.
pub fn conforms(query: &Query) -> Result<(), NotConforming> {
    let expr =
        parsed(query.as_str()).map_err(|error| NotConforming::new("syntax", error.to_string()))?;
    check(&expr)
}

pub(super) fn check(expr: &Expr) -> Result<(), NotConforming> {
    match expr {
        Expr::VectorSelector(selector) => check_selector(selector)?,
        Expr::MatrixSelector(selector) => check_selector(&selector.vs)?,
        Expr::Call(call) => check_function(call.func.name)?,
        Expr::Aggregate(it) if matches!(it.op.id(), token::T_LIMITK | token::T_LIMIT_RATIO) => {
            return Err(NotConforming::new(
                it.op.to_string(),
                "which series it picks depends on the server",
            ));
        }
        Expr::Binary(it) => {
            let modifier = it.modifier.as_ref();
            let fill = modifier.map(|modifier| &modifier.fill_values);
            if fill.is_some_and(|fill| fill.lhs.is_some() || fill.rhs.is_some()) {
                return Err(NotConforming::new("fill", "Prometheus 2 and 3.5 do not have it"));
            }
            let matching = modifier.and_then(|modifier| modifier.matching.as_ref());
            if matches!(matching, Some(LabelModifier::Exclude(labels)) if labels.labels.iter().any(|it| it == "__name__"))
            {
                return Err(NotConforming::new("ignoring (__name__)", "it is always ignored"));
            }
        }
        Expr::Extension(_) => {
            return Err(NotConforming::new("extension", "it is no part of PromQL"));
        }
        _ => {}
    }
    children(expr).into_iter().try_for_each(check)
}

fn check_selector(selector: &VectorSelector) -> Result<(), NotConforming> {
    let Matchers { or_matchers, .. } = &selector.matchers;
    if or_matchers.is_empty() {
        Ok(())
    } else {
        Err(NotConforming::new("or between matchers", "Prometheus does not have it"))
    }
}

fn check_function(name: &str) -> Result<(), NotConforming> {
    if eval::is_known(name) {
        return Ok(());
    }
    let why = match name {
        "minute" | "hour" | "day_of_week" | "day_of_month" | "day_of_year" | "days_in_month"
        | "month" | "year" => "calendars are not evaluated; maintenance windows belong in silences",
        "double_exponential_smoothing" => "Prometheus 2 calls it `holt_winters`; use that name",
        "histogram_avg"
        | "histogram_count"
        | "histogram_sum"
        | "histogram_fraction"
        | "histogram_stddev"
        | "histogram_stdvar"
        | "histogram_quantiles" => "native histograms are not read",
        _ => "it is not evaluated here",
    };
    Err(NotConforming::new(name, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> String {
        conforms(&Query::try_new(query).unwrap()).unwrap_err().feature
    }

    #[test]
    fn what_is_refused_is_named_however_deep_it_sits() {
        assert_eq!(refused("sum(1 + max_over_time(hour(a)[5m:1m]))"), "hour");
        assert_eq!(refused("limitk(2, a)"), "limitk");
        assert_eq!(refused("quantile(scalar(year()), a)"), "year");
        assert_eq!(refused("a + fill(0) b"), "fill");
        assert_eq!(refused("a{b=\"c\" or d=\"e\"}"), "or between matchers");
        assert_eq!(refused("rate(a{b=\"c\" or d=\"e\"}[5m])"), "or between matchers");
        assert_eq!(refused("histogram_sum(a)"), "histogram_sum");
        assert_eq!(refused("a +"), "syntax");
    }
}
