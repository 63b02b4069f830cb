//! Binary operators.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::Labels;
use promql_parser::parser::{BinaryExpr, LabelModifier, VectorMatchCardinality, token};

use super::{Element, Fault, Moment, Value, drop_name, stats, unique};

impl Moment<'_, '_> {
    pub(super) fn binary(self, it: &BinaryExpr) -> Result<Value, Fault> {
        let (left, right) = (self.eval(&it.lhs)?, self.eval(&it.rhs)?);
        let operator = Operator { id: it.op.id(), bool: it.return_bool() };
        match (left, right) {
            (Value::Scalar(left), Value::Scalar(right)) => {
                let (value, kept) = operator.apply(left, right);
                let compared = operator.compares();
                Ok(Value::Scalar(if compared { f64::from(u8::from(kept)) } else { value }))
            }
            (Value::Vector(left), Value::Scalar(right)) => {
                operator.each(left, |value| (value, right)).map(Value::Vector)
            }
            (Value::Scalar(left), Value::Vector(right)) => {
                operator.each(right, |value| (left, value)).map(Value::Vector)
            }
            (Value::Vector(left), Value::Vector(right)) => {
                let matching = Matching::of(it);
                let result = match it.op.id() {
                    token::T_LAND => Ok(matching.and(left, &right)),
                    token::T_LUNLESS => Ok(matching.unless(left, &right)),
                    token::T_LOR => Ok(matching.or(left, right)),
                    _ => matching.join(operator, left, right),
                };
                result.and_then(unique).map(Value::Vector)
            }
            _ => Err(Fault::unexpected("an operator")),
        }
    }
}

/// An arithmetic operator or a comparison.
#[derive(Clone, Copy)]
struct Operator {
    id: token::TokenId,
    bool: bool,
}

impl Operator {
    fn compares(self) -> bool {
        use token::{T_EQLC, T_GTE, T_GTR, T_LSS, T_LTE, T_NEQ};
        matches!(self.id, T_EQLC | T_NEQ | T_GTR | T_LSS | T_GTE | T_LTE)
    }

    /// The value, and for a comparison whether it holds.
    fn apply(self, left: f64, right: f64) -> (f64, bool) {
        let kept = match self.id {
            token::T_EQLC => stats::same(left, right),
            token::T_NEQ => !stats::same(left, right),
            token::T_GTR => left > right,
            token::T_LSS => left < right,
            token::T_GTE => left >= right,
            token::T_LTE => left <= right,
            _ => true,
        };
        let value = match self.id {
            token::T_ADD => left + right,
            token::T_SUB => left - right,
            token::T_MUL => left * right,
            token::T_DIV => left / right,
            token::T_MOD => left % right,
            token::T_POW => left.powf(right),
            token::T_ATAN2 => left.atan2(right),
            _ => left,
        };
        (value, kept)
    }

    /// Whether the result is something else than a series that was there.
    fn renames(self) -> bool {
        self.bool || !self.compares()
    }

    /// Of a vector and a scalar. A comparison keeps the element's value, whichever side it is on.
    fn each(
        self,
        elements: Vec<Element>,
        sides: impl Fn(f64) -> (f64, f64),
    ) -> Result<Vec<Element>, Fault> {
        let mut result = Vec::with_capacity(elements.len());
        for mut element in elements {
            let (left, right) = sides(element.value);
            let (value, kept) = self.apply(left, right);
            if self.bool {
                element.value = f64::from(u8::from(kept));
            } else if !self.compares() {
                element.value = value;
            } else if !kept {
                continue;
            }
            if self.renames() {
                drop_name(&mut element.labels);
            }
            result.push(element);
        }
        unique(result)
    }
}

/// Which elements of two vectors belong together.
struct Matching<'a> {
    /// By these labels alone; else by all but them.
    on: bool,
    labels: &'a [String],
    cardinality: &'a VectorMatchCardinality,
}

impl<'a> Matching<'a> {
    fn of(it: &'a BinaryExpr) -> Self {
        let modifier = it.modifier.as_ref();
        let (on, labels) = match modifier.and_then(|it| it.matching.as_ref()) {
            None => (false, [].as_slice()),
            Some(LabelModifier::Include(labels)) => (true, labels.labels.as_slice()),
            Some(LabelModifier::Exclude(labels)) => (false, labels.labels.as_slice()),
        };
        let cardinality = modifier.map_or(&VectorMatchCardinality::OneToOne, |it| &it.card);
        Self { on, labels, cardinality }
    }

    fn key(&self, labels: &Labels) -> Labels {
        let wanted = |name: &str| {
            let listed = self.labels.iter().any(|it| it == name);
            if self.on { listed } else { !listed && name != "__name__" }
        };
        labels.filtered(wanted)
    }

    fn keys(&self, elements: &[Element]) -> BTreeSet<Labels> {
        elements.iter().map(|it| self.key(&it.labels)).collect()
    }

    fn and(&self, mut left: Vec<Element>, right: &[Element]) -> Vec<Element> {
        let keys = self.keys(right);
        left.retain(|it| keys.contains(&self.key(&it.labels)));
        left
    }

    fn unless(&self, mut left: Vec<Element>, right: &[Element]) -> Vec<Element> {
        let keys = self.keys(right);
        left.retain(|it| !keys.contains(&self.key(&it.labels)));
        left
    }

    fn or(&self, mut left: Vec<Element>, mut right: Vec<Element>) -> Vec<Element> {
        let keys = self.keys(&left);
        right.retain(|it| !keys.contains(&self.key(&it.labels)));
        left.append(&mut right);
        left
    }

    /// Arithmetic and comparisons, one to one or many to one.
    fn join(
        &self,
        operator: Operator,
        left: Vec<Element>,
        right: Vec<Element>,
    ) -> Result<Vec<Element>, Fault> {
        if left.is_empty() || right.is_empty() {
            return Ok(Vec::new());
        }
        let swapped = matches!(self.cardinality, VectorMatchCardinality::OneToMany(_));
        let (many, ones) = if swapped { (right, left) } else { (left, right) };
        let ones = self.ones(ones, if swapped { "left" } else { "right" })?;
        let mut taken = BTreeSet::new();
        let mut result = Vec::new();
        for element in many {
            let key = self.key(&element.labels);
            let Some(one) = ones.get(&key) else { continue };
            let (left, right) =
                if swapped { (one.value, element.value) } else { (element.value, one.value) };
            let (value, kept) = operator.apply(left, right);
            if !kept && !operator.bool {
                continue;
            }
            let value = if operator.bool { f64::from(u8::from(kept)) } else { value };
            if *self.cardinality == VectorMatchCardinality::OneToOne && !taken.insert(key) {
                return Err(Fault::refused(
                    "several series of the left side match one of the right side: \
                     many to one needs group_left or group_right",
                ));
            }
            let labels = self.result_labels(operator, element.labels, &one.labels);
            result.push(Element { labels, value });
        }
        Ok(result)
    }

    /// The elements of the side that must have one for each key.
    fn ones(&self, elements: Vec<Element>, side: &str) -> Result<BTreeMap<Labels, Element>, Fault> {
        let mut ones = BTreeMap::new();
        for element in elements {
            let key = self.key(&element.labels);
            if let Some(other) = ones.insert(key, element) {
                return Err(Fault::refused(format!(
                    "two series of the {side} side match the same series, one of them {}",
                    other.labels
                )));
            }
        }
        Ok(ones)
    }

    fn result_labels(&self, operator: Operator, mut labels: Labels, one: &Labels) -> Labels {
        if operator.renames() {
            drop_name(&mut labels);
        }
        let include = match self.cardinality {
            VectorMatchCardinality::OneToOne => {
                return labels.filtered(|name| self.on == self.labels.iter().any(|it| it == name));
            }
            VectorMatchCardinality::ManyToOne(include)
            | VectorMatchCardinality::OneToMany(include) => &include.labels,
            VectorMatchCardinality::ManyToMany => return labels,
        };
        for name in include {
            match one.get(name) {
                Some(value) => labels.insert(name.clone(), value),
                None => labels.remove(name),
            };
        }
        labels
    }
}
