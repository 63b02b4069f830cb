//! Handles for parts of the process that count for themselves.

use std::time::Duration;

use prometheus_client::metrics::{counter::Counter, histogram::Histogram};

use super::family::Labelled;

/// Counts events of one kind; cheap to clone and to call.
#[derive(Debug, Clone)]
pub struct EventCounter {
    counter: Counter,
}

impl EventCounter {
    pub(super) fn new(counter: Counter) -> Self {
        Self { counter }
    }

    /// Counts `events` more.
    pub fn add(&self, events: u64) {
        self.counter.inc_by(events);
    }

    /// How many were counted.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.counter.get()
    }
}

/// Counts messages to people; cheap to clone and to call.
#[derive(Debug, Clone)]
pub struct NotificationCounter {
    family: Labelled<Counter, 3>,
}

impl NotificationCounter {
    pub(super) const fn new(family: Labelled<Counter, 3>) -> Self {
        Self { family }
    }

    /// Counts `messages` more: by which channel, of what kind, and what came of them (`sent`, `failed`, `refused`, `held_back`).
    pub fn add(&self, channel: &str, kind: &str, result: &str, messages: u64) {
        self.family.of([channel, kind, result]).inc_by(messages);
    }
}

/// Times the calls to one other system; cheap to clone and to call. Made by
/// [`Metrics::client_timer`](super::Metrics::client_timer).
#[derive(Debug, Clone)]
pub struct ClientTimer {
    family: Labelled<Histogram, 2>,
}

impl ClientTimer {
    pub(super) fn new(family: Labelled<Histogram, 2>) -> Self {
        Self { family }
    }

    /// Takes in one call: its name (`scale`, not a path with ids in it), its status (`200`, or a word such as `timeout`
    /// where there was no answer), and how long it took.
    pub fn observe(&self, call: &str, status: &str, took: Duration) {
        self.family.of([call, status]).observe(took.as_secs_f64());
    }
}

/// A metric's name without its unit, which the registry adds.
pub(super) fn stem(name: &str) -> Result<&str, &'static str> {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let stem = name.strip_suffix("_seconds").ok_or("must end in _seconds")?;
    if stem.is_empty() || stem.starts_with(|c: char| c.is_ascii_digit()) || !stem.chars().all(inner)
    {
        return Err("may only have a-z, A-Z, 0-9 and '_', and no digit first");
    }
    if stem.starts_with("mape_k_") {
        return Err("has the prefix of the loop's own metrics");
    }
    Ok(stem)
}

#[cfg(test)]
mod tests {
    use crate::Metrics;

    #[test]
    fn a_bad_name_is_refused_with_its_reason() {
        let metrics = Metrics::new();
        for (name, why) in [
            ("shop_duration", "must end in _seconds"),
            ("_seconds", "may only have"),
            ("1_seconds", "may only have"),
            ("shop api_seconds", "may only have"),
            ("mape_k_loop_duration_seconds", "has the prefix of the loop's own metrics"),
        ] {
            let error = metrics.client_timer(name, "Time").unwrap_err().to_string();
            assert!(error.contains(why) && error.contains(name), "{error}");
        }
        assert!(metrics.client_timer("shop_seconds", "two\nlines").is_err());
    }

    #[test]
    fn a_name_is_registered_once_and_not_without_end() {
        let metrics = Metrics::new();
        metrics.client_timer("shop_0_seconds", "Time").unwrap();
        let error = metrics.client_timer("shop_0_seconds", "Time").unwrap_err();
        assert_eq!(error.to_string(), r#"metric "shop_0_seconds" is registered already"#);
        for i in 1..Metrics::TIMERS_MAX {
            metrics.client_timer(&format!("shop_{i}_seconds"), "Time").unwrap();
        }
        let error = metrics.client_timer("one_more_seconds", "Time").unwrap_err();
        assert!(error.to_string().ends_with("is one timer too many"), "{error}");
    }
}
