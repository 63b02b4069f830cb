//! Units, from names: where a type cannot carry the unit, the name does.

/// What a value is measured in, as far as its name says it in the words of Prometheus or of everyday.
pub(crate) fn unit(name: &str) -> Option<&'static str> {
    // The first that fits counts: a rate of operations is no share, and a latency is a time however it is measured.
    const WORDS: [(&[&str], &str); 8] = [
        (&["ops_per_sec", "throughput", "arrival_rate", "arrivals_per"], "1/s"),
        (&["milliseconds", "latency_ms"], "ms"),
        (&["seconds", "latency", "duration", "_age"], "s"),
        (&["bytes", "memory"], "B"),
        (&["ratio", "share", "utilisation", "utilization", "failure_rate", "error_rate"], "share"),
        (&["percent"], "%"),
        (&["celsius"], "°C"),
        (&["_rate", "per_second"], "1/s"),
    ];
    let name = name.to_ascii_lowercase().replace('-', "_");
    let said = |words: &[&str]| words.iter().any(|word| name.contains(word));
    WORDS.iter().find(|(words, _)| said(words)).map(|(_, unit)| *unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_units() {
        for (name, expected) in [
            ("validation_latency", Some("s")),
            ("westworld_charter_validation_latency_seconds", Some("s")),
            ("throughput", Some("1/s")),
            ("failure_rate", Some("share")),
            ("violations_rate", Some("1/s")),
            ("memory", Some("B")),
            ("policy_age", Some("s")),
            ("committee_size", None),
        ] {
            assert_eq!(unit(name), expected, "{name}");
        }
    }
}
