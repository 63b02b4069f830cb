//! What the API answers, in words for people.

use mapek::model::{Timestamp, duration, since};
use serde_json::Value;

use super::output::{Cell, Tone, plain};

/// A value as a word; `-` for nothing.
pub(super) fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}

/// The items of an array.
pub(super) fn each(values: &Value) -> impl Iterator<Item = &Value> {
    values.as_array().into_iter().flatten()
}

/// The same in words.
pub(super) fn words(values: &Value) -> impl Iterator<Item = String> + '_ {
    each(values).map(word)
}

/// The same in a line; `-` for none.
pub(super) fn list(values: &Value) -> String {
    or_dash(words(values).collect::<Vec<_>>().join(", "))
}

/// Names with their values, in a line; `-` for none.
pub(super) fn pairs(values: &Value) -> String {
    let pairs = values.as_object().into_iter().flatten();
    let pairs: Vec<_> =
        pairs.map(|(name, value)| format!("{} {}", plain(name), word(value))).collect();
    or_dash(pairs.join(", "))
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

/// A number with two digits after the point.
pub(super) fn number(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |number| format!("{number:.2}"))
}

/// A measured value: four digits that count.
pub(super) fn measure(value: &Value) -> String {
    let Some(number) = value.as_f64() else { return word(value) };
    let size = number.abs();
    if size >= 1000.0 {
        format!("{number:.0}")
    } else if size == 0.0 || size >= 0.001 {
        let text = format!("{number:.3}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        text.to_owned()
    } else {
        format!("{number:.1e}")
    }
}

/// A share of one.
pub(super) fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", 100.0 * share))
}

/// A cause, and where it is.
pub(super) fn cause(cause: &Value) -> String {
    let place = cause["component"].as_str().map(|it| format!(" at {}", plain(it)));
    format!("{}{}", word(&cause["kind"]), place.unwrap_or_default())
}

/// An action in the words of its kind and its parameters.
pub(super) fn action(action: &Value) -> String {
    let parameters = action.as_object().into_iter().flatten().filter(|(name, _)| *name != "kind");
    let parameters = parameters.filter(|(_, value)| !value.is_null());
    let parameters: Vec<_> =
        parameters.map(|(name, value)| format!("{}={}", plain(name), word(value))).collect();
    let kind = word(&action["kind"]);
    if parameters.is_empty() { kind } else { format!("{kind} {}", parameters.join(" ")) }
}

/// What the steps of a plan do.
pub(super) fn steps(plan: &Value) -> String {
    each(&plan["steps"]).map(|step| action(&step["action"])).collect::<Vec<_>>().join(", then ")
}

/// The first digits of a hash: enough to name one of a thousand.
pub(super) fn short(hash: &Value) -> String {
    let hash = hash.as_str().unwrap_or("-");
    plain(hash.get(..12).unwrap_or(hash))
}

/// How bad it is, in colour.
pub(super) fn severity(value: &Value) -> Cell {
    let tone = match value.as_str() {
        Some("critical") => Tone::Bad,
        Some("warning") => Tone::Warn,
        _ => Tone::Plain,
    };
    Cell::new(word(value)).tone(tone)
}

/// How long something takes, as [`Ages`] tell it; `-` for nothing.
pub(super) fn length(value: &Value) -> String {
    let time = value.as_str().and_then(|text| duration::parse(text).ok());
    time.map_or_else(|| word(value), |time| rough(time.as_secs()))
}

/// Times, as seen from now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ages {
    now: Timestamp,
}

impl Ages {
    pub(super) const fn at(now: Timestamp) -> Self {
        Self { now }
    }

    /// How long ago a moment was, in the two units that say most; `-` for none. What is to come says so.
    pub(super) fn ago(self, moment: &Value) -> String {
        let Some(at) = time(moment) else { return "-".to_owned() };
        if at > self.now {
            return format!("in {}", rough(since(at, self.now).as_secs()));
        }
        rough(since(self.now, at).as_secs())
    }

    /// A moment, and how long ago it was.
    pub(super) fn moment(self, moment: &Value) -> String {
        let Some(at) = time(moment) else { return "-".to_owned() };
        let ago = self.ago(moment);
        let ago = if ago.starts_with("in ") { ago } else { format!("{ago} ago") };
        // Nobody reads fractions of a second; `--json` has them.
        let at = at.round(jiff::Unit::Second).unwrap_or(at);
        format!("{at} ({ago})")
    }
}

fn time(moment: &Value) -> Option<Timestamp> {
    moment.as_str()?.parse().ok()
}

/// A time in the unit that says most, and below ten of it in the one below, too.
fn rough(seconds: u64) -> String {
    let (minute, hour, day) = (60, 3600, 86_400);
    let two = |large: u64, unit: char, small: u64, below: char| {
        let (count, rest) = (seconds / large, seconds % large / small);
        if count < 10 && rest > 0 {
            format!("{count}{unit}{rest}{below}")
        } else {
            format!("{count}{unit}")
        }
    };
    match seconds {
        _ if seconds < minute => format!("{seconds}s"),
        _ if seconds < hour => two(minute, 'm', 1, 's'),
        _ if seconds < day => two(hour, 'h', minute, 'm'),
        _ => two(day, 'd', hour, 'h'),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ages_are_short_and_what_is_to_come_says_so() {
        let ages = Ages::at("2026-03-01T12:00:00Z".parse().unwrap());
        for (at, told) in [
            ("2026-03-01T12:00:00Z", "0s"),
            ("2026-03-01T11:59:01.5Z", "58s"),
            ("2026-03-01T11:58:30Z", "1m30s"),
            ("2026-03-01T11:30:30Z", "29m"),
            ("2026-03-01T10:00:00Z", "2h"),
            ("2026-02-27T09:00:00Z", "2d3h"),
            ("2026-01-01T00:00:00Z", "59d"),
            ("2026-03-01T12:00:45Z", "in 45s"),
        ] {
            assert_eq!(ages.ago(&json!(at)), told, "{at}");
        }
        assert_eq!(ages.ago(&json!(null)), "-");
        assert_eq!(length(&json!("5s 209ms 312µs")), "5s");
        assert_eq!(length(&json!(null)), "-");
        assert_eq!(
            ages.moment(&json!("2026-03-01T11:59:00.123456Z")),
            "2026-03-01T11:59:00Z (59s ago)"
        );
    }

    #[test]
    fn measures_say_what_counts() {
        for (value, told) in [
            (0.0, "0"),
            (1.4, "1.4"),
            (12345.6, "12346"),
            (0.000_012, "1.2e-5"),
            (0.12349, "0.123"),
        ] {
            assert_eq!(measure(&json!(value)), told);
        }
        assert_eq!(measure(&json!("NaN")), "NaN");
    }

    #[test]
    fn nothing_is_a_dash_and_hostile_words_are_spelt_out() {
        assert_eq!(list(&json!([])), "-");
        assert_eq!(pairs(&json!({"a\u{1b}": "b\u{7}"})), "a\\u{1b} b\\u{7}");
        assert_eq!(short(&json!("é\u{1b}")), "é\\u{1b}");
    }
}
