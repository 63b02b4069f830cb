//! Where two values differ.

use serde::Serialize;
use serde_json::Value;

/// Most differences of one cycle that are told apart: who reads more compares other things.
const DIFFERENCES_MAX: usize = 200;
/// Longest value that is told whole, in characters.
const TEXT_MAX: usize = 160;

/// Something that was decided otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What, as a path into what was decided: `planning.plans[0].score`.
    pub what: String,
    /// What it was then, as JSON, cut where it is long; absent where there was nothing.
    pub then: Option<String>,
    /// What it is now, likewise.
    pub now: Option<String>,
}

/// Where `now` differs from `then`, in the order of what they say.
pub(super) fn differences<T: Serialize>(what: &str, then: &T, now: &T) -> Vec<Difference> {
    let value = |it: &T| serde_json::to_value(it).unwrap_or_default();
    let mut found = Vec::new();
    compare(what, Some(&value(then)), Some(&value(now)), &mut found);
    found
}

fn compare(path: &str, then: Option<&Value>, now: Option<&Value>, found: &mut Vec<Difference>) {
    if found.len() >= DIFFERENCES_MAX || then == now {
        return;
    }
    match (then, now) {
        (Some(Value::Object(then)), Some(Value::Object(now))) => {
            let more = now.keys().filter(|key| !then.contains_key(*key));
            for key in then.keys().chain(more) {
                compare(&format!("{path}.{key}"), then.get(key), now.get(key), found);
            }
        }
        (Some(Value::Array(then)), Some(Value::Array(now))) => {
            for at in 0..then.len().max(now.len()) {
                compare(&format!("{path}[{at}]"), then.get(at), now.get(at), found);
            }
        }
        (then, now) => found.push(Difference {
            what: path.to_owned(),
            then: then.map(text),
            now: now.map(text),
        }),
    }
}

fn text(value: &Value) -> String {
    let whole = value.to_string();
    match whole.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(then: Value, now: Value) -> Vec<(String, Option<String>, Option<String>)> {
        let found = differences("it", &then, &now);
        found.into_iter().map(|it| (it.what, it.then, it.now)).collect()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn what_is_the_same_is_not_told() {
        let value = json!({"a": [1, {"b": null}], "c": 0.1});
        assert_eq!(of(value.clone(), value), []);
    }

    #[test]
    fn each_difference_is_told_where_it_is() {
        let then = json!({"a": [1, 2], "b": {"c": 0.5}, "gone": true});
        let now = json!({"a": [1, 3, 4], "b": {"c": 0.25}, "new": "x"});
        assert_eq!(
            of(then, now),
            [
                ("it.a[1]".to_owned(), some("2"), some("3")),
                ("it.a[2]".to_owned(), None, some("4")),
                ("it.b.c".to_owned(), some("0.5"), some("0.25")),
                ("it.gone".to_owned(), some("true"), None),
                ("it.new".to_owned(), None, some("\"x\"")),
            ]
        );
    }

    #[test]
    fn what_is_long_is_cut_and_what_is_much_ends() {
        let long = of(json!("é".repeat(1000)), json!(null));
        assert_eq!(long[0].1.as_ref().unwrap().chars().count(), TEXT_MAX + 1);
        let many = |n: u32| (0..1000).map(|it| json!(it * n)).collect();
        assert_eq!(of(Value::Array(many(2)), Value::Array(many(3))).len(), DIFFERENCES_MAX);
    }
}
