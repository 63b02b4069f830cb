//! What of a timeline is asked for: all of it is in the address.

use mapek_model::{Duration, Timestamp, duration, since};

use crate::{api::history::span, console::cx::Cx};

/// Names of values that an address can hold.
const VALUES_MAX: usize = 50;
/// The shortest time that is looked at: below it there are no cycles to tell apart.
const LENGTH_MIN: Duration = Duration::from_secs(10);

/// From when to when, and which values.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// As they were asked for: `-6h` goes along with time.
    pub(super) from_text: String,
    pub(super) to_text: String,
    /// In the order in which they were asked for.
    pub(super) values: Vec<String>,
    /// What of it could not be understood.
    pub(super) wrong: Option<String>,
}

impl Asked {
    /// What stands behind the question mark. What is not understood is left out, and said.
    pub(super) fn read(query: &str, now: Timestamp) -> Self {
        let (mut from, mut to, mut values) = ("-6h".to_owned(), "now".to_owned(), Vec::new());
        for (name, value) in pairs(query) {
            match name.as_str() {
                "from" if !value.is_empty() => from = value,
                "to" if !value.is_empty() => to = value,
                "value" if values.len() < VALUES_MAX && !values.contains(&value) => {
                    values.push(value)
                }
                _ => {}
            }
        }
        match span(Some(&from), Some(&to), now) {
            Ok((begin, end)) => {
                let begin = begin.min(mapek_model::earlier(end, LENGTH_MIN));
                Self { from: begin, to: end, from_text: from, to_text: to, values, wrong: None }
            }
            Err(why) => {
                let usual = Self::read("", now);
                Self { values, wrong: Some(why), ..usual }
            }
        }
    }

    /// Whether it goes along with time.
    pub(super) fn follows(&self) -> bool {
        self.to_text == "now"
    }

    /// How long before now it begins, if it goes along with time.
    pub(super) fn span(&self) -> Option<&'static str> {
        let length = duration::parse(self.from_text.strip_prefix('-')?).ok()?;
        let same = |it: &&(&str, &str)| duration::parse(it.0) == Ok(length);
        self.follows().then(|| super::SPANS.iter().find(same)).flatten().map(|it| it.0)
    }

    /// The address of another time, with the same values.
    pub(super) fn href(&self, cx: &Cx, from: &str, to: &str) -> String {
        let mut href = cx.href(&format!("/timeline?from={}&to={}", escaped(from), escaped(to)));
        for value in &self.values {
            href.push_str("&value=");
            href.push_str(&escaped(value));
        }
        href
    }

    /// How long it is.
    pub(super) fn length(&self) -> Duration {
        since(self.to, self.from)
    }
}

/// Names and values, as forms write them.
fn pairs(query: &str) -> Vec<(String, String)> {
    let uri = format!("/?{query}").parse::<http::Uri>();
    let parsed = uri
        .ok()
        .and_then(|uri| axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri).ok());
    parsed.map(|it| it.0).unwrap_or_default()
}

/// A text within an address.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn an_address_says_what_is_shown() {
        let asked = Asked::read("from=-1h&to=now&value=a%20b&value=c&value=c", now());
        assert_eq!((asked.length(), asked.follows()), (Duration::from_secs(3600), true));
        assert_eq!(
            (asked.values.clone(), asked.span()),
            (vec!["a b".to_owned(), "c".to_owned()], Some("1h"))
        );
        let fixed = Asked::read("from=2026-03-01T10:00:00Z&to=2026-03-01T11:00:00Z", now());
        assert_eq!(
            (fixed.length(), fixed.follows(), fixed.span()),
            (Duration::from_secs(3600), false, None)
        );
    }

    #[test]
    fn what_is_not_understood_is_said_and_the_usual_is_shown() {
        for query in ["from=yesterday", "from=now&to=-1h", "to=%00"] {
            let asked = Asked::read(query, now());
            assert_eq!(asked.length(), Duration::from_secs(6 * 3600), "{query}");
            assert!(asked.wrong.is_some(), "{query}");
        }
        assert_eq!(Asked::read("from=&bogus=1&%%%", now()).wrong, None);
        assert_eq!(Asked::read("from=-1s", now()).length(), LENGTH_MIN);
    }

    #[test]
    fn texts_survive_an_address() {
        let text = "rate{a=\"b\",c=~\"d+\"} & 100 % ü";
        let read = pairs(&format!("value={}", escaped(text)));
        assert_eq!(read, [("value".to_owned(), text.to_owned())]);
    }
}
