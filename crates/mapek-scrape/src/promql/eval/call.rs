//! Calls of functions.

use mapek_model::Labels;
use promql_parser::parser::{Call, Expr};

use super::{
    Element, Fault, Moment, Value, histogram, labels, math, seconds, stats, unique,
    window::{self, Window},
};
use crate::store::StoredSeries;

/// Functions that are neither of a window alone nor of one number.
const OTHERS: [&str; 21] = [
    "absent",
    "absent_over_time",
    "clamp",
    "clamp_max",
    "clamp_min",
    "histogram_quantile",
    "holt_winters",
    "label_join",
    "label_replace",
    "pi",
    "predict_linear",
    "quantile_over_time",
    "round",
    "scalar",
    "sort",
    "sort_desc",
    "time",
    "timestamp",
    "vector",
    "start",
    "end",
];

/// Whether a function of that name is evaluated.
pub(in crate::promql) fn is_known(name: &str) -> bool {
    let simple = window::function(name).is_some() || math::function(name).is_some();
    // The grammar has `start()` and `end()` as functions of Prometheus 3, which 2.42 does not have.
    simple || (OTHERS.contains(&name) && !matches!(name, "start" | "end"))
}

impl Moment<'_, '_> {
    pub(super) fn call(self, call: &Call) -> Result<Value, Fault> {
        let name = call.func.name;
        let args = Args(&call.args.args);
        if let Some(function) = window::function(name) {
            let keep_name = name == "last_over_time";
            return self.over_window(args.get(0)?, keep_name, function);
        }
        if let Some(function) = math::function(name) {
            return self.each(args.get(0)?, function);
        }
        match name {
            "time" => Ok(Value::Scalar(seconds(self.at_ms))),
            "pi" => Ok(Value::Scalar(std::f64::consts::PI)),
            "vector" => {
                let value = self.scalar(args.get(0)?)?;
                Ok(Value::Vector(vec![Element { labels: Labels::default(), value }]))
            }
            "scalar" => Ok(Value::Scalar(match self.vector(args.get(0)?)?.as_slice() {
                [only] => only.value,
                _ => f64::NAN,
            })),
            // The answer is in order of labels in any case.
            "sort" | "sort_desc" => self.vector(args.get(0)?).map(Value::Vector),
            "timestamp" => self.timestamp(args.get(0)?),
            "absent" => {
                let present = !self.vector(args.get(0)?)?.is_empty();
                Ok(absent(args.get(0)?, present))
            }
            "absent_over_time" => {
                let present = !self.matrix(args.get(0)?)?.runs.is_empty();
                Ok(absent(args.get(0)?, present))
            }
            "clamp" | "clamp_min" | "clamp_max" => self.clamp(name, args),
            "round" => {
                let to = args.get(1).map_or(Ok(1.0), |expr| self.scalar(expr))?;
                self.each(args.get(0)?, |value| math::round(value, to))
            }
            "histogram_quantile" => {
                let q = self.scalar(args.get(0)?)?;
                let buckets = self.vector(args.get(1)?)?;
                Ok(Value::Vector(histogram::quantiles(q, buckets)))
            }
            _ => self.call_with_texts_or_factors(name, args),
        }
    }

    fn call_with_texts_or_factors(self, name: &str, args: Args<'_>) -> Result<Value, Fault> {
        match name {
            "quantile_over_time" => {
                let q = self.scalar(args.get(0)?)?;
                self.over_window(args.get(1)?, false, |it| window::quantile(it, q))
            }
            "predict_linear" => {
                let ahead_s = self.scalar(args.get(1)?)?;
                self.over_window(args.get(0)?, false, |it| window::predict_linear(it, ahead_s))
            }
            "holt_winters" => {
                let level = self.factor(args.get(1)?, "smoothing")?;
                let trend = self.factor(args.get(2)?, "trend")?;
                self.over_window(args.get(0)?, false, |it| window::holt_winters(it, level, trend))
            }
            "label_replace" => {
                let elements = self.vector(args.get(0)?)?;
                let [to, with, from, pattern] = [1, 2, 3, 4].map(|i| args.text(i));
                unique(labels::replace(elements, to?, with?, from?, pattern?)?).map(Value::Vector)
            }
            "label_join" => {
                let elements = self.vector(args.get(0)?)?;
                let from =
                    (3..args.0.len()).map(|i| args.text(i)).collect::<Result<Vec<_>, _>>()?;
                let (to, between) = (args.text(1)?, args.text(2)?);
                unique(labels::join(elements, to, between, &from)?).map(Value::Vector)
            }
            _ => Err(Fault::refused(format!("`{name}` is not evaluated"))),
        }
    }

    fn over_window(
        self,
        expr: &Expr,
        keep_name: bool,
        function: impl Fn(Window<'_>) -> Option<f64>,
    ) -> Result<Value, Fault> {
        let matrix = self.matrix(expr)?;
        let mut elements = Vec::with_capacity(matrix.runs.len());
        for run in &matrix.runs {
            let window = Window::new(&matrix, &run.points, self.at_ms);
            let Some(value) = function(window) else { continue };
            let labels = if keep_name { run.labels.clone() } else { run.nameless() };
            elements.push(Element { labels, value });
        }
        unique(elements).map(Value::Vector)
    }

    fn each(self, expr: &Expr, function: impl Fn(f64) -> f64) -> Result<Value, Fault> {
        let elements = self.vector(expr)?.into_iter().map(|it| {
            let value = function(it.value);
            it.rename(value)
        });
        unique(elements.collect()).map(Value::Vector)
    }

    fn clamp(self, name: &str, args: Args<'_>) -> Result<Value, Fault> {
        let first = self.scalar(args.get(1)?)?;
        let (low, high) = match name {
            "clamp_min" => (first, f64::INFINITY),
            "clamp_max" => (f64::NEG_INFINITY, first),
            _ => (first, self.scalar(args.get(2)?)?),
        };
        if high < low {
            return Ok(Value::Vector(Vec::new()));
        }
        self.each(args.get(0)?, |value| stats::larger(low, stats::smaller(high, value)))
    }

    /// The samples' own times of a plain selector; of anything else, the time of evaluation.
    fn timestamp(self, expr: &Expr) -> Result<Value, Fault> {
        let mut inner = expr;
        while let Expr::Paren(paren) = inner {
            inner = &paren.expr;
        }
        let Expr::VectorSelector(selector) = inner else {
            return self.each(expr, |_| seconds(self.at_ms));
        };
        let stamp = |(series, at_ms, _): (StoredSeries<'_>, _, _)| Element {
            labels: series.nameless.clone(),
            value: seconds(at_ms),
        };
        unique(self.latest_points(selector)?.into_iter().map(stamp).collect()).map(Value::Vector)
    }

    fn factor(self, expr: &Expr, what: &str) -> Result<f64, Fault> {
        let value = self.scalar(expr)?;
        if value > 0.0 && value < 1.0 {
            Ok(value)
        } else {
            Err(Fault::refused(format!("the {what} factor must lie between 0 and 1, got {value}")))
        }
    }
}

/// The arguments of a call; the grammar has checked how many there are, and their types.
#[derive(Clone, Copy)]
struct Args<'a>(&'a [Box<Expr>]);

impl<'a> Args<'a> {
    fn get(self, i: usize) -> Result<&'a Expr, Fault> {
        self.0.get(i).map(AsRef::as_ref).ok_or_else(|| Fault::unexpected("no argument"))
    }

    fn text(self, i: usize) -> Result<&'a str, Fault> {
        let mut expr = self.get(i)?;
        while let Expr::Paren(paren) = expr {
            expr = &paren.expr;
        }
        match expr {
            Expr::StringLiteral(text) => Ok(&text.val),
            _ => Err(Fault::unexpected("no text")),
        }
    }
}

/// One element if nothing is there, with the labels that the selector asks for.
fn absent(expr: &Expr, present: bool) -> Value {
    if present {
        return Value::Vector(Vec::new());
    }
    let labels = labels::asked_for(expr);
    Value::Vector(vec![Element { labels, value: 1.0 }])
}
