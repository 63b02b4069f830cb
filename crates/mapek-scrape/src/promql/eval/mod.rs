//! Evaluation of an expression at one instant, as Prometheus 2.42 does it.
//!
//! Windows are closed on both sides, as in Prometheus 2: a sample exactly five minutes old belongs to `[5m]`. (Prometheus 3
//! leaves the older end open.) Native histograms are the only values that are not known here.

mod aggregate;
mod binary;
mod call;
mod histogram;
mod labels;
mod math;
mod select;
mod stats;
mod window;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    rc::Rc,
};

use mapek_model::Labels;
use promql_parser::parser::{Expr, VectorSelector};

use crate::store::{Stored, StoredSeries};

pub(super) use call::is_known;

/// Samples and steps that one query may touch: about a second of work. A rule touches some thousands.
const WORK_MAX: u64 = 10_000_000;

/// What a server is configured with, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) lookback_ms: i64,
    pub(crate) subquery_step_ms: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self { lookback_ms: 300_000, subquery_step_ms: 60_000 }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The data does not allow it: two series match where one must.
    Refused(String),
    /// It touches more samples than allowed.
    TooMuch { limit: u64 },
}

impl Fault {
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }

    /// The grammar has checked types and counts of arguments, so this is a mistake of ours; it must not end the process.
    fn unexpected(what: &str) -> Self {
        Self::Refused(format!("{what} where it cannot be"))
    }
}

/// What an expression is worth at an instant.
#[derive(Debug)]
pub(crate) enum Value {
    Scalar(f64),
    Vector(Vec<Element>),
    Matrix(Matrix),
    Text(String),
}

/// One element of an instant vector.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

impl Element {
    fn rename(mut self, value: f64) -> Self {
        self.value = value;
        drop_name(&mut self.labels);
        self
    }
}

/// Windows of series, from one instant to another, both included.
#[derive(Debug)]
pub(crate) struct Matrix {
    pub(crate) runs: Vec<Run>,
    from_ms: i64,
    to_ms: i64,
}

/// The samples of one series in a window: milliseconds since 1970, and values. Never empty.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) labels: Labels,
    /// The same without a name, where that is known.
    nameless: Option<Labels>,
    pub(crate) points: Vec<(i64, f64)>,
}

impl Run {
    fn nameless(&self) -> Labels {
        self.nameless.clone().unwrap_or_else(|| self.labels.filtered(|name| name != "__name__"))
    }
}

/// The evaluation of one query, at all its instants.
#[derive(Debug)]
pub(crate) struct Evaluation<'a> {
    stored: &'a Stored,
    options: Options,
    /// First and last instant of the query, for `@ start()` and `@ end()`.
    span: (i64, i64),
    work_left: Cell<u64>,
    /// What selectors match, by where they are in the expression.
    matched: RefCell<Vec<Matched<'a>>>,
}

type Matched<'a> = (*const VectorSelector, Rc<[StoredSeries<'a>]>);

impl<'a> Evaluation<'a> {
    pub(crate) fn new(stored: &'a Stored, options: Options, span: (i64, i64)) -> Self {
        let matched = RefCell::default();
        Self { stored, options, span, work_left: Cell::new(WORK_MAX), matched }
    }

    pub(crate) fn at(&self, at_ms: i64) -> Moment<'_, 'a> {
        Moment { evaluation: self, at_ms }
    }

    fn spend(&self, work: u64) -> Result<(), Fault> {
        let left = self.work_left.get().checked_sub(work);
        self.work_left.set(left.ok_or(Fault::TooMuch { limit: WORK_MAX })?);
        Ok(())
    }
}

/// The evaluation at one instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'e, 'a> {
    evaluation: &'e Evaluation<'a>,
    at_ms: i64,
}

impl Moment<'_, '_> {
    pub(crate) fn eval(self, expr: &Expr) -> Result<Value, Fault> {
        match expr {
            Expr::NumberLiteral(it) => Ok(Value::Scalar(it.val)),
            Expr::StringLiteral(it) => Ok(Value::Text(it.val.clone())),
            Expr::Paren(it) => self.eval(&it.expr),
            Expr::Unary(it) => self.negate(&it.expr),
            Expr::VectorSelector(it) => self.latest(it).map(Value::Vector),
            Expr::MatrixSelector(it) => self.window(it).map(Value::Matrix),
            Expr::Subquery(it) => self.subquery(it).map(Value::Matrix),
            Expr::Call(it) => self.call(it),
            Expr::Aggregate(it) => self.aggregate(it).map(Value::Vector),
            Expr::Binary(it) => self.binary(it),
            Expr::Extension(_) => Err(Fault::unexpected("an extension")),
        }
    }

    fn vector(self, expr: &Expr) -> Result<Vec<Element>, Fault> {
        match self.eval(expr)? {
            Value::Vector(elements) => Ok(elements),
            _ => Err(Fault::unexpected("no instant vector")),
        }
    }

    fn scalar(self, expr: &Expr) -> Result<f64, Fault> {
        match self.eval(expr)? {
            Value::Scalar(value) => Ok(value),
            _ => Err(Fault::unexpected("no scalar")),
        }
    }

    fn matrix(self, expr: &Expr) -> Result<Matrix, Fault> {
        match self.eval(expr)? {
            Value::Matrix(matrix) => Ok(matrix),
            _ => Err(Fault::unexpected("no range vector")),
        }
    }

    fn negate(self, expr: &Expr) -> Result<Value, Fault> {
        match self.eval(expr)? {
            Value::Scalar(value) => Ok(Value::Scalar(-value)),
            Value::Vector(elements) => {
                let negate = |it: Element| {
                    let value = -it.value;
                    it.rename(value)
                };
                unique(elements.into_iter().map(negate).collect()).map(Value::Vector)
            }
            _ => Err(Fault::unexpected("a minus")),
        }
    }
}

fn drop_name(labels: &mut Labels) {
    if labels.get("__name__").is_some() {
        *labels = labels.filtered(|name| name != "__name__");
    }
}

/// Two elements with the same labels cannot be told apart: Prometheus refuses them.
fn unique(elements: Vec<Element>) -> Result<Vec<Element>, Fault> {
    // Most come in the order of their labels.
    if elements.windows(2).all(|pair| pair[0].labels < pair[1].labels) {
        return Ok(elements);
    }
    let mut seen = BTreeSet::new();
    if !elements.iter().all(|it| seen.insert(&it.labels)) {
        return Err(Fault::refused("two series of the result have the same labels"));
    }
    Ok(elements)
}

/// Milliseconds as seconds.
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
