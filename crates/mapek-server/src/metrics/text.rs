//! Which text format a scraper gets.
//!
//! OpenMetrics unless the client names the older format only: every Prometheus since 2.5 asks for OpenMetrics first.
//! The older one is for older tools, and for browsers, which show it instead of saving it.

use std::{collections::BTreeSet, fmt::Write};

/// A text format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus's own, 0.0.4.
    Prometheus,
}

impl Format {
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// What an `Accept` header asks for (RFC 9110, section 12.5.1).
    pub(crate) fn asked(accept: &str) -> Self {
        let (mut open, mut old) = (0.0_f64, 0.0_f64);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts
                .find_map(|part| part.strip_prefix("q="))
                .map_or(1.0, |q| q.parse::<f64>().unwrap_or(0.0));
            match media.as_str() {
                "application/openmetrics-text" => open = open.max(weight),
                "text/plain" | "text/html" | "text/*" => old = old.max(weight),
                _ => {}
            }
        }
        if old > open { Self::Prometheus } else { Self::OpenMetrics }
    }
}

/// OpenMetrics text as text of version 0.0.4: counters are declared by the name of their samples, and there are no
/// units and no end mark.
pub(super) fn downgrade(open_metrics: &str) -> String {
    let counters: BTreeSet<_> = open_metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines() {
        let declared = ["# HELP ", "# TYPE "]
            .iter()
            .find_map(|word| line.strip_prefix(word)?.split_once(' ').map(|rest| (*word, rest)));
        let written = match declared {
            Some((word, (name, rest))) if counters.contains(name) => {
                writeln!(text, "{word}{name}_total {rest}")
            }
            None if line.starts_with('#') => Ok(()),
            _ => writeln!(text, "{line}"),
        };
        written.expect("writing to a string does not fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrapers_get_what_they_ask_for() {
        let prometheus_2_42 = "application/openmetrics-text;version=1.0.0,\
                               application/openmetrics-text;version=0.0.1;q=0.75,\
                               text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, format) in [
            (prometheus_2_42, Format::OpenMetrics),
            ("", Format::OpenMetrics),
            ("*/*", Format::OpenMetrics),
            ("text/plain", Format::Prometheus),
            ("TEXT/PLAIN; q=0.4, application/openmetrics-text;q=0.3", Format::Prometheus),
            ("application/openmetrics-text;q=0, text/plain;q=0.1", Format::Prometheus),
            ("text/plain;q=nonsense", Format::OpenMetrics),
            (browser, Format::Prometheus),
        ] {
            assert_eq!(Format::asked(accept), format, "{accept}");
        }
    }

    #[test]
    fn a_label_that_looks_like_a_declaration_stays_a_label() {
        let open = "# HELP a Things.\n# TYPE a counter\n# UNIT b_seconds seconds\n\
                    a_total{x=\"# TYPE a counter\"} 1\n# EOF\n";
        let old = "# HELP a_total Things.\n# TYPE a_total counter\n\
                   a_total{x=\"# TYPE a counter\"} 1\n";
        assert_eq!(downgrade(open), old);
    }
}
