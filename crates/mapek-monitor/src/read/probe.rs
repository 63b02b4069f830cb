//! What is asked for one rule, worked out once.

use mapek_model::Query;

use crate::{Bound, MetricSource, MonitorConfig, RuleConfig, Selector};

/// The questions of one rule.
#[derive(Debug)]
pub(crate) struct Probe {
    /// The series that breach; with a threshold the server compares, so that only those come over the wire.
    pub(super) breach: Query,
    /// How old the raw samples are.
    pub(super) ages: Vec<Age>,
    /// How many series each part has, where nobody said which raw ones they are made of.
    pub(super) count: Option<Query>,
    /// How many values are no finite number. Whatever number x is finite, x · 0 is 0.
    pub(super) odd: Option<Query>,
}

/// When the oldest raw sample of each part was taken. An instant query's own time is that of its evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Age {
    pub(crate) selector: Selector,
    pub(crate) query: Query,
}

impl Age {
    /// Asks for the parts that `own` and the labels of the configuration name.
    pub(crate) fn of(selector: Selector, own: Option<&str>, config: &MonitorConfig) -> Self {
        let text = format!("min by ({}) (timestamp({}))", parts(own, config), selector.query);
        Self { query: derived(text, &selector.query), selector }
    }
}

impl Probe {
    /// What to ask for `rule` of `source`.
    pub(crate) fn new(
        rule: &RuleConfig,
        config: &MonitorConfig,
        source: &dyn MetricSource,
    ) -> Self {
        let expr = &rule.promql;
        let own = rule.component_label.as_deref();
        let breach = rule.threshold.map(|threshold| {
            let comparison = match rule.bound {
                Bound::Above => ">",
                Bound::Below => "<",
            };
            derived(format!("({expr}) {comparison} {threshold:?}"), expr)
        });
        let compared = rule.threshold.is_some();
        let counted = compared && rule.named_selector().is_none();
        let selectors = rule.selectors(source).unwrap_or_default();
        let count = || derived(format!("count by ({}) ({expr})", parts(own, config)), expr);
        Self {
            ages: selectors.into_iter().map(|it| Age::of(it, own, config)).collect(),
            count: counted.then(count),
            odd: compared.then(|| derived(format!("count(({expr}) * 0 != 0)"), expr)),
            breach: breach.unwrap_or_else(|| expr.clone()),
        }
    }

    pub(crate) fn queries(&self) -> impl Iterator<Item = &Query> {
        let ages = self.ages.iter().map(|it| &it.query);
        ages.chain([&self.breach]).chain(&self.count).chain(&self.odd)
    }

    /// The raw series that must be there.
    pub(crate) fn required(&self) -> impl Iterator<Item = &Age> {
        self.ages.iter().filter(|it| it.selector.required)
    }
}

/// The labels that may name a part. What is no label in every PromQL is left out.
fn parts(own: Option<&str>, config: &MonitorConfig) -> String {
    let mut labels: Vec<&str> = Vec::new();
    for label in own.into_iter().chain(config.component_labels.iter().map(String::as_str)) {
        if is_label(label) && !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels.join(", ")
}

fn is_label(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(first) && text.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// A query made of another. One that is too long is asked as it is: it was short enough.
fn derived(text: String, original: &Query) -> Query {
    Query::try_new(text).unwrap_or_else(|_| original.clone())
}
