//! The Prometheus text exposition format, version 0.0.4, as far as the plant writes it
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use std::fmt::{self, Write as _};

/// The media type of the metrics.
pub const METRICS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Counter,
    Gauge,
    Summary,
    Histogram,
}

impl Type {
    const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Summary => "summary",
            Self::Histogram => "histogram",
        }
    }
}

/// Labels of a sample, in the order in which they are written.
pub(crate) type Labels<'a> = &'a [(&'a str, &'a str)];

/// Writes families, one after the other, under a common prefix.
#[derive(Debug)]
pub(crate) struct Text {
    prefix: &'static str,
    family: &'static str,
    out: String,
}

impl Text {
    pub(crate) fn new(prefix: &'static str) -> Self {
        Self { prefix, family: "", out: String::with_capacity(16 * 1024) }
    }

    /// Begins a family. The samples that follow belong to it.
    pub(crate) fn family(&mut self, name: &'static str, kind: Type, help: &str) {
        self.family = name;
        let (prefix, word) = (self.prefix, kind.word());
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.write(format_args!("# HELP {prefix}{name} {help}\n# TYPE {prefix}{name} {word}\n"));
    }

    /// The same, but the families from here on are called something else than ours.
    pub(crate) fn prefixed(&mut self, prefix: &'static str) {
        self.prefix = prefix;
    }

    /// A sample of the present family. A value that is not finite is written as zero: the plant has no use for one, and
    /// one NaN would spoil every sum over the series.
    pub(crate) fn sample(&mut self, labels: Labels<'_>, value: f64) {
        self.suffixed("", labels, value);
    }

    /// A sample of the present family with a suffix such as `_sum`.
    pub(crate) fn suffixed(&mut self, suffix: &str, labels: Labels<'_>, value: f64) {
        debug_assert!(value.is_finite(), "{}{suffix} is {value}", self.family);
        let value = if value.is_finite() { value } else { 0.0 };
        let (prefix, family) = (self.prefix, self.family);
        self.write(format_args!("{prefix}{family}{suffix}"));
        for (index, (name, text)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            self.write(format_args!("{before}{name}=\"{}\"", Escaped(text)));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        self.write(format_args!("{after} {value}\n"));
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }

    fn write(&mut self, args: fmt::Arguments<'_>) {
        self.out.write_fmt(args).expect("writing to a string does not fail");
    }
}

/// A label's value: backslash, quote and line feed are escaped.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_help_are_escaped() {
        let mut text = Text::new("p_");
        text.family("x", Type::Gauge, "one\nline \\ only");
        text.sample(&[("a", "quote \" slash \\ feed \n")], 1.5);
        text.sample(&[], 2.0);
        assert_eq!(
            text.finish(),
            "# HELP p_x one\\nline \\\\ only\n# TYPE p_x gauge\np_x{a=\"quote \\\" slash \\\\ feed \\n\"} 1.5\np_x 2\n"
        );
    }
}
