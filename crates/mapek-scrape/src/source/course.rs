//! What ranges have answered, so that a watch that moves on by one instant is evaluated at that instant alone.
//!
//! The value of an expression at an instant depends on what was stored up to then and on nothing later, unless it looks ahead or at the ends
//! of the range. So what was answered stays the answer until something older is written.

use std::{collections::BTreeMap, sync::Arc};

use mapek_model::Query;
use promql_parser::parser::{AtModifier, Expr, Offset};

use crate::{
    promql::{Element, Fault},
    store::Stored,
};

/// Queries whose courses are kept; a loop watches some dozens of values.
const COURSES_MAX: usize = 256;

/// What was answered, by query.
#[derive(Debug, Default)]
pub(super) struct Courses(BTreeMap<String, Course>);

/// What one expression was worth, by instant.
#[derive(Debug)]
pub(super) struct Course {
    /// Whether it is worth the same whatever comes later.
    settled: bool,
    /// How often the store had been written to.
    writes: u64,
    values: BTreeMap<i64, Arc<[Element]>>,
}

impl Courses {
    /// The course of `query`, as far as it still holds, from `from_ms` on.
    pub(super) fn of(
        &mut self,
        query: &Query,
        expr: &Expr,
        stored: &Stored,
        from_ms: i64,
    ) -> &mut Course {
        if self.0.len() >= COURSES_MAX && !self.0.contains_key(query.as_str()) {
            self.0.clear();
        }
        let course = self.0.entry(query.to_string()).or_insert_with(|| Course {
            settled: is_settled(expr),
            writes: 0,
            values: BTreeMap::new(),
        });
        if let Some(changed) = stored.changed_since(course.writes) {
            course.values.split_off(&changed);
        }
        course.writes = stored.writes();
        course.values = course.values.split_off(&from_ms);
        course
    }
}

impl Course {
    /// What it is worth at `at_ms`, if need be found out by `evaluate`.
    pub(super) fn at(
        &mut self,
        at_ms: i64,
        evaluate: impl FnOnce() -> Result<Vec<Element>, Fault>,
    ) -> Result<Arc<[Element]>, Fault> {
        if let Some(known) = self.values.get(&at_ms) {
            return Ok(Arc::clone(known));
        }
        let elements: Arc<[Element]> = evaluate()?.into();
        if self.settled {
            self.values.insert(at_ms, Arc::clone(&elements));
        }
        Ok(elements)
    }
}

/// Whether no part of it looks at what is later than the instant of evaluation, or at the ends of the range.
fn is_settled(expr: &Expr) -> bool {
    let looks_back = |at: &Option<AtModifier>, offset: &Option<Offset>| {
        at.is_none() && !matches!(offset, Some(Offset::Neg(_)))
    };
    match expr {
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => true,
        Expr::Paren(it) => is_settled(&it.expr),
        Expr::Unary(it) => is_settled(&it.expr),
        Expr::VectorSelector(it) => looks_back(&it.at, &it.offset),
        Expr::MatrixSelector(it) => looks_back(&it.vs.at, &it.vs.offset),
        Expr::Subquery(it) => looks_back(&it.at, &it.offset) && is_settled(&it.expr),
        Expr::Call(it) => it.args.args.iter().all(|arg| is_settled(arg)),
        Expr::Aggregate(it) => {
            is_settled(&it.expr) && it.param.as_ref().is_none_or(|param| is_settled(param))
        }
        Expr::Binary(it) => is_settled(&it.lhs) && is_settled(&it.rhs),
        Expr::Extension(_) => false,
    }
}
