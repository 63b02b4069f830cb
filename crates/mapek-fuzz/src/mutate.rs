//! Changes to an input: as bytes, as lines, as JSON.

use rand::{Rng, seq::IndexedRandom as _};
use serde_json::{Map, Value, json};

/// Longest input: what is longer only repeats itself.
const BYTES_MAX: usize = 64 * 1024;

/// What readers are known to trip over.
const TOKENS: [&str; 44] = [
    "0",
    "-1",
    "-0",
    "1e999",
    "-1e999",
    "1e-999",
    "NaN",
    "+Inf",
    "-Inf",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "0.1",
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "\\",
    "\"",
    "'",
    "\u{0}",
    "\u{feff}",
    "é",
    "\u{1f600}",
    "\u{202e}",
    "\\u0000",
    "\\ud800",
    "=~",
    "!~",
    "!=",
    "{",
    "}",
    "(",
    "*",
    ",",
    ": ",
    "- ",
    "&a ",
    "*a",
    "<<: ",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "-999999h",
];

/// Another input: one to four changes to `bytes`, some of which take something from `other`.
pub(crate) fn mutated(bytes: &[u8], other: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(1..=4) {
        bytes = match rng.random_range(0..10) {
            0..=4 => as_json(&bytes, other, rng).unwrap_or_else(|| as_bytes(bytes, other, rng)),
            5 | 6 => as_lines(&bytes, other, rng),
            _ => as_bytes(bytes, other, rng),
        };
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

fn as_bytes(mut bytes: Vec<u8>, other: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let at = rng.random_range(0..=bytes.len());
    let end = rng.random_range(at..=bytes.len().min(at + 64));
    match rng.random_range(0..7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
        1 if at < bytes.len() => bytes[at] = rng.random(),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        4 if !other.is_empty() => {
            let from = rng.random_range(0..other.len());
            let to = rng.random_range(from..=other.len().min(from + 256));
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        5 => bytes.truncate(at),
        _ => {
            let token = TOKENS.choose(rng).copied().unwrap_or_default();
            bytes.splice(at..end, token.bytes());
        }
    }
    bytes
}

fn as_lines(bytes: &[u8], other: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let others: Vec<&[u8]> = other.split_inclusive(|byte| *byte == b'\n').collect();
    let at = rng.random_range(0..=lines.len());
    match rng.random_range(0..4) {
        0 if at < lines.len() => drop(lines.remove(at)),
        1 if at < lines.len() => lines.insert(at, lines[at]),
        2 if at < lines.len() => {
            let to = rng.random_range(0..lines.len());
            lines.swap(at, to);
        }
        _ => lines.extend(others.choose(rng).copied()),
    }
    lines.concat()
}

fn as_json(bytes: &[u8], other: &[u8], rng: &mut impl Rng) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(bytes).ok()?;
    let donor = serde_json::from_slice(other).unwrap_or(Value::Null);
    let with = match rng.random_range(0..3) {
        0 => nth(&donor, rng.random_range(0..count(&donor))).cloned().unwrap_or_default(),
        _ => odd(rng),
    };
    let at = rng.random_range(0..count(&value));
    let node = nth_mut(&mut value, &mut { at })?;
    match (rng.random_range(0..4), node) {
        (0, Value::Object(map)) if !map.is_empty() => {
            let key = map.keys().nth(rng.random_range(0..map.len()))?.clone();
            map.remove(&key);
        }
        (1, Value::Object(map)) => drop(map.insert(word(rng), with)),
        (0, Value::Array(items)) if !items.is_empty() => {
            items.remove(rng.random_range(0..items.len()));
        }
        (1, Value::Array(items)) => items.push(with),
        (2, Value::String(text)) => text.push_str(TOKENS.choose(rng)?),
        (_, node) => *node = with,
    }
    serde_json::to_vec(&value).ok()
}

/// A value that is seldom where it is expected.
fn odd(rng: &mut impl Rng) -> Value {
    match rng.random_range(0..9) {
        0 => Value::Null,
        1 => json!(rng.random::<bool>()),
        2 => json!(rng.random::<i64>()),
        3 => json!(u64::MAX),
        4 => json!(f64::from_bits(rng.random())),
        5 => json!([]),
        6 => Value::Object(Map::new()),
        7 => (0..rng.random_range(1..60)).fold(Value::Null, |inner, _| json!([inner])),
        _ => Value::String(word(rng)),
    }
}

fn word(rng: &mut impl Rng) -> String {
    let words = (0..rng.random_range(1..4)).filter_map(|_| TOKENS.choose(rng).copied());
    words.collect()
}

/// How many nodes it has, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

fn nth(value: &Value, at: usize) -> Option<&Value> {
    fn find<'a>(value: &'a Value, left: &mut usize) -> Option<&'a Value> {
        if *left == 0 {
            return Some(value);
        }
        *left -= 1;
        match value {
            Value::Array(items) => items.iter().find_map(|it| find(it, left)),
            Value::Object(map) => map.values().find_map(|it| find(it, left)),
            _ => None,
        }
    }
    find(value, &mut { at })
}

fn nth_mut<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|it| nth_mut(it, left)),
        Value::Object(map) => map.values_mut().find_map(|it| nth_mut(it, left)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn the_same_seed_mutates_the_same_and_something_changes() {
        let of = |seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let many = (0..200).map(|_| mutated(b"{\"a\": [1, \"b\"]}\n", b"[true]", &mut rng));
            many.collect::<Vec<_>>()
        };
        assert_eq!(of(1), of(1));
        let distinct: std::collections::BTreeSet<_> = of(1).into_iter().collect();
        assert!(distinct.len() > 100, "{}", distinct.len());
        assert!(distinct.iter().any(|it| serde_json::from_slice::<Value>(it).is_ok()));
    }

    #[test]
    fn every_node_can_be_found() {
        let value = json!({"a": [1, {"b": 2}], "c": null});
        assert_eq!(count(&value), 6);
        let all: Vec<_> = (0..6).map(|at| nth(&value, at).unwrap().to_string()).collect();
        assert_eq!(all[1..4], ["[1,{\"b\":2}]", "1", "{\"b\":2}"]);
        assert!(nth(&value, 6).is_none());
    }
}
