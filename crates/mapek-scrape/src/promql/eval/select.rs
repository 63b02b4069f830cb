//! Selectors: the latest sample, the samples of a window, and the steps of a subquery.

use std::{collections::BTreeMap, rc::Rc, time::UNIX_EPOCH};

use mapek_model::Labels;
use promql_parser::parser::{AtModifier, MatrixSelector, Offset, SubqueryExpr, VectorSelector};

use super::{Element, Fault, Matrix, Moment, Run, Value};
use crate::store::{StoredSeries, as_ms};

impl<'a> Moment<'_, 'a> {
    /// The latest sample of each series that is not too old and has not ended, under the time of evaluation.
    pub(super) fn latest(self, selector: &VectorSelector) -> Result<Vec<Element>, Fault> {
        let found = self.latest_points(selector)?;
        let element = |(series, _, value): (StoredSeries<'_>, _, _)| Element {
            labels: series.labels.clone(),
            value,
        };
        Ok(found.into_iter().map(element).collect())
    }

    /// The same with the samples' own times.
    pub(super) fn latest_points(
        self,
        selector: &VectorSelector,
    ) -> Result<Vec<(StoredSeries<'a>, i64, f64)>, Fault> {
        let to_ms = self.reference(selector.at.as_ref(), selector.offset.as_ref());
        let from_ms = to_ms.saturating_sub(self.evaluation.options.lookback_ms);
        let mut found = Vec::new();
        for &series in &*self.matching(selector) {
            let points = series.points;
            let after = points.partition_point(|point| point.at_ms <= to_ms);
            let Some(point) = after.checked_sub(1).map(|last| points[last]) else { continue };
            if let Some(value) = point.value().filter(|_| point.at_ms >= from_ms) {
                found.push((series, point.at_ms, value));
            }
        }
        self.evaluation.spend(found.len() as u64 + 1)?;
        Ok(found)
    }

    pub(super) fn window(self, selector: &MatrixSelector) -> Result<Matrix, Fault> {
        let to_ms = self.reference(selector.vs.at.as_ref(), selector.vs.offset.as_ref());
        let from_ms = to_ms.saturating_sub(as_ms(selector.range));
        let mut runs = Vec::new();
        for series in &*self.matching(&selector.vs) {
            let points = series.points;
            let begin = points.partition_point(|point| point.at_ms < from_ms);
            let end = points.partition_point(|point| point.at_ms <= to_ms);
            self.evaluation.spend(end.saturating_sub(begin) as u64 + 1)?;
            let points: Vec<_> = points
                .range(begin..end.max(begin))
                .filter_map(|point| point.value().map(|value| (point.at_ms, value)))
                .collect();
            if !points.is_empty() {
                let nameless = Some(series.nameless.clone());
                runs.push(Run { labels: series.labels.clone(), nameless, points });
            }
        }
        Ok(Matrix { runs, from_ms, to_ms })
    }

    /// Evaluates at all multiples of the step within the window.
    pub(super) fn subquery(self, subquery: &SubqueryExpr) -> Result<Matrix, Fault> {
        let to_ms = self.reference(subquery.at.as_ref(), subquery.offset.as_ref());
        let from_ms = to_ms.saturating_sub(as_ms(subquery.range));
        let step_ms = match subquery.step.map(as_ms) {
            None | Some(0) => self.evaluation.options.subquery_step_ms,
            Some(step_ms) => step_ms,
        };
        let first = step_ms.saturating_mul(from_ms.div_euclid(step_ms));
        let first = if first < from_ms { first.saturating_add(step_ms) } else { first };
        let steps = to_ms.saturating_sub(first) / step_ms;
        self.evaluation.spend(steps.unsigned_abs())?;
        let mut found: BTreeMap<Labels, Vec<(i64, f64)>> = BTreeMap::new();
        let mut at_ms = first;
        while at_ms <= to_ms {
            match self.evaluation.at(at_ms).eval(&subquery.expr)? {
                Value::Vector(elements) => {
                    for it in elements {
                        found.entry(it.labels).or_default().push((at_ms, it.value));
                    }
                }
                _ => return Err(Fault::unexpected("a subquery")),
            }
            at_ms = at_ms.saturating_add(step_ms);
        }
        let run = |(labels, points)| Run { labels, nameless: None, points };
        Ok(Matrix { runs: found.into_iter().map(run).collect(), from_ms, to_ms })
    }

    /// The instant that a selector looks at.
    fn reference(self, at: Option<&AtModifier>, offset: Option<&Offset>) -> i64 {
        let at_ms = match at {
            None => self.at_ms,
            Some(AtModifier::Start) => self.evaluation.span.0,
            Some(AtModifier::End) => self.evaluation.span.1,
            Some(AtModifier::At(time)) => match time.duration_since(UNIX_EPOCH) {
                Ok(after) => as_ms(after),
                Err(before) => as_ms(before.duration()).saturating_neg(),
            },
        };
        match offset {
            None => at_ms,
            Some(Offset::Pos(by)) => at_ms.saturating_sub(as_ms(*by)),
            Some(Offset::Neg(by)) => at_ms.saturating_add(as_ms(*by)),
        }
    }

    /// What a selector matches does not change within an evaluation, however many instants it has.
    fn matching(self, selector: &VectorSelector) -> Rc<[StoredSeries<'a>]> {
        let mut matched = self.evaluation.matched.borrow_mut();
        let this = std::ptr::from_ref(selector);
        if let Some((_, series)) = matched.iter().find(|(known, _)| std::ptr::eq(*known, this)) {
            return Rc::clone(series);
        }
        let matchers = &selector.matchers.matchers;
        let matches = |it: &StoredSeries<'_>| {
            matchers.iter().all(|m| m.is_match(it.labels.get(&m.name).unwrap_or_default()))
        };
        let all = self.evaluation.stored.series(selector.name.as_deref());
        let series: Rc<[_]> = all.filter(matches).collect();
        matched.push((this, Rc::clone(&series)));
        series
    }
}
