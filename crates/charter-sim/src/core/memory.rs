//! Idempotency keys and the answers remembered under them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use charter_client::{IdempotencyKey, ProblemKind};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::refusal::Refusal;

/// What tells one request from another: SHA-256 over method, path and the body as a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// All mutations are `POST`, so the path stands for the method, too.
    pub(crate) fn of(path: &str, body: &Value) -> Self {
        let mut text = format!("POST {path}\n");
        write_canonical(body, &mut text);
        Self(Sha256::digest(text).into())
    }
}

/// Writes a value with the members of its objects in order of name, so that their order on the wire does not count.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (name, member) in members {
                // Debug quotes and escapes, which keeps names apart from what follows.
                write!(out, "{name:?}:").expect("writing to a string does not fail");
                write_canonical(member, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        plain => write!(out, "{plain}").expect("writing to a string does not fail"),
    }
}

#[derive(Debug, Clone)]
enum Slot {
    AtWork { fingerprint: Fingerprint },
    Done { fingerprint: Fingerprint, answer: Answer, sequence: u64 },
}

/// The keys that are known.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    slots: BTreeMap<IdempotencyKey, Slot>,
    /// Keys of answers, oldest first, with the time of the answer.
    age: VecDeque<(Timestamp, IdempotencyKey)>,
    retention: SignedDuration,
    max: usize,
}

impl Memory {
    /// Most keys. A key is never forgotten early, so new ones are refused beyond.
    pub(crate) const MAX: usize = 100_000;

    pub(crate) fn new(retention: SignedDuration, max: usize) -> Self {
        Self { slots: BTreeMap::new(), age: VecDeque::new(), retention, max }
    }

    /// The remembered answer to a request and the number of its effect, if there is one; a problem if the key is taken.
    pub(crate) fn recall(
        &mut self,
        key: &IdempotencyKey,
        fingerprint: Fingerprint,
        now: Timestamp,
    ) -> Result<Option<(Answer, u64)>, Refusal> {
        self.forget(now);
        match self.slots.get(key) {
            None if self.slots.len() >= self.max => {
                let detail = "no more idempotency keys can be remembered";
                Err(Refusal::new(ProblemKind::Unavailable, detail))
            }
            None => Ok(None),
            Some(Slot::Done { fingerprint: known, .. } | Slot::AtWork { fingerprint: known })
                if *known != fingerprint =>
            {
                Err(ProblemKind::KeyReused.into())
            }
            Some(Slot::AtWork { .. }) => Err(ProblemKind::KeyInUse.into()),
            Some(Slot::Done { answer, sequence, .. }) => {
                Ok(Some((Answer { replayed: true, ..answer.clone() }, *sequence)))
            }
        }
    }

    /// Marks a key as taken by a request that is being worked on.
    pub(crate) fn reserve(&mut self, key: &IdempotencyKey, fingerprint: Fingerprint) {
        self.slots.insert(key.clone(), Slot::AtWork { fingerprint });
    }

    /// Gives a reserved key free again, unless its answer came meanwhile.
    pub(crate) fn release(&mut self, key: &IdempotencyKey) {
        if matches!(self.slots.get(key), Some(Slot::AtWork { .. })) {
            self.slots.remove(key);
        }
    }

    pub(crate) fn remember(
        &mut self,
        key: &IdempotencyKey,
        fingerprint: Fingerprint,
        (answer, sequence): (Answer, u64),
        now: Timestamp,
    ) {
        self.slots.insert(key.clone(), Slot::Done { fingerprint, answer, sequence });
        self.age.push_back((now, key.clone()));
    }

    fn forget(&mut self, now: Timestamp) {
        while self.age.front().is_some_and(|(at, _)| now.duration_since(*at) >= self.retention) {
            if let Some((_, key)) = self.age.pop_front() {
                self.slots.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use charter_client::ETag;
    use serde_json::json;

    fn answer() -> Answer {
        Answer::new(200, &json!({"a": 1}), ETag::from_generation(1))
    }

    fn key(text: &str) -> IdempotencyKey {
        IdempotencyKey::try_new(text).unwrap()
    }

    #[test]
    fn the_order_of_members_does_not_count_and_everything_else_does() {
        let of = |path: &str, body: Value| Fingerprint::of(path, &body);
        let one: Value = serde_json::from_str(r#"{"a":1,"b":[1,{"c":2,"d":3}]}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{"b":[1,{"d":3,"c":2}],"a":1}"#).unwrap();
        assert_eq!(of("/x", one.clone()), of("/x", two));
        assert_ne!(of("/x", one.clone()), of("/y", one));
        assert_ne!(of("/x", json!([1, 2])), of("/x", json!([2, 1])));
        assert_ne!(of("/x", json!({"a": "1"})), of("/x", json!({"a": 1})));
    }

    #[test]
    fn a_key_is_remembered_for_its_time_and_never_forgotten_early() {
        let mut memory = Memory::new(SignedDuration::from_secs(10), 2);
        let print = Fingerprint::of("/x", &json!(1));
        let at = |s| Timestamp::from_second(s).unwrap();
        memory.remember(&key("a"), print, (answer(), 1), at(0));
        memory.remember(&key("b"), print, (answer(), 2), at(5));
        assert!(memory.recall(&key("a"), print, at(9)).unwrap().unwrap().0.replayed);
        let full = memory.recall(&key("c"), print, at(9)).unwrap_err();
        assert_eq!(full.kind(), Some(ProblemKind::Unavailable));
        assert_eq!(memory.recall(&key("c"), print, at(10)), Ok(None));
        assert_eq!(memory.recall(&key("a"), print, at(10)), Ok(None));
        assert!(memory.recall(&key("b"), print, at(10)).unwrap().is_some());
    }

    #[test]
    fn a_key_at_work_is_in_use_until_released() {
        let mut memory = Memory::new(SignedDuration::from_secs(10), 9);
        let (print, other) = (Fingerprint::of("/x", &json!(1)), Fingerprint::of("/x", &json!(2)));
        memory.reserve(&key("a"), print);
        let kind = |result: Result<_, Refusal>| result.map(drop).unwrap_err().kind();
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(kind(memory.recall(&key("a"), print, now)), Some(ProblemKind::KeyInUse));
        assert_eq!(kind(memory.recall(&key("a"), other, now)), Some(ProblemKind::KeyReused));
        memory.release(&key("a"));
        assert_eq!(memory.recall(&key("a"), other, now), Ok(None));
    }
}
