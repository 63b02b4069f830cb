//! The text formats in which targets show their metrics.
//!
//! Prometheus text format 0.0.4 and OpenMetrics 1.0, as Prometheus itself reads them. Comments, types, units and exemplars
//! are skipped: nothing here needs them. Written by hand: a line has six parts, and the two crates for it are either under
//! a licence that does not fit or no longer kept up.

mod line;

use mapek_model::{Labels, Timestamp};

use crate::ExpositionError;
pub(crate) use line::{Misread, sample, series_len, value};

/// Which of the two formats a text is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format 0.0.4: timestamps are whole milliseconds.
    #[default]
    Text,
    /// OpenMetrics 1.0: timestamps are seconds, exemplars may follow, and the last line is `# EOF`.
    OpenMetrics,
}

impl Format {
    /// The format that a `Content-Type` names. Without one, or with a general one, it is [`Format::Text`].
    ///
    /// # Errors
    ///
    /// The type, if it is that of something else: a page or JSON.
    pub(crate) fn of_content_type(header: Option<&str>) -> Result<Self, String> {
        let kind = header.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            "application/openmetrics-text" => Ok(Self::OpenMetrics),
            "" | "text/plain" | "application/octet-stream" => Ok(Self::Text),
            other => Err(other.chars().take(100).collect()),
        }
    }
}

/// How much is read from one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpositionLimits {
    /// Bytes in all. Default 16 MiB: a hundred thousand samples with long labels.
    pub bytes_max: usize,
    /// Bytes in a line. Default 64 KiB: more than all labels of any sensible sample.
    pub line_bytes_max: usize,
    /// Samples. Default 50 000: one target should not fill a store that is meant for a demo or a small system.
    pub samples_max: usize,
    /// Labels of a sample. Default 64, twice what anybody can read.
    pub labels_max: usize,
}

impl Default for ExpositionLimits {
    fn default() -> Self {
        Self {
            bytes_max: 16 * 1024 * 1024,
            line_bytes_max: 64 * 1024,
            samples_max: 50_000,
            labels_max: 64,
        }
    }
}

/// One line of an exposition.
#[derive(Debug, Clone, PartialEq)]
pub struct ExposedSample {
    /// The labels, `__name__` included. Labels without a value are left out, as they mean nothing.
    pub labels: Labels,
    /// The value, which may be NaN or infinite.
    pub value: f64,
    /// When it was measured, if the target says so; cut to milliseconds.
    pub at: Option<Timestamp>,
}

/// Reads all samples of a text, in its order.
///
/// ```
/// use mapek_scrape::{ExpositionLimits, Format, parse_exposition};
///
/// let text = "# TYPE hits counter\nhits{path=\"/\"} 12\n";
/// let samples = parse_exposition(text, Format::Text, &ExpositionLimits::default())?;
/// assert_eq!(samples[0].labels.get("path"), Some("/"));
/// assert_eq!(samples[0].value, 12.0);
///
/// let error = parse_exposition("hits twelve\n", Format::Text, &ExpositionLimits::default());
/// assert!(error.unwrap_err().to_string().starts_with("line 1, column 6: "));
/// # Ok::<(), mapek_scrape::ExpositionError>(())
/// ```
///
/// # Errors
///
/// [`ExpositionError`] with the first line that cannot be read, or at which a limit is exceeded. Nothing is taken from a
/// text with an error: half a scrape would look like series that ended.
pub fn parse_exposition(
    text: &str,
    format: Format,
    limits: &ExpositionLimits,
) -> Result<Vec<ExposedSample>, ExpositionError> {
    let mut samples = Vec::new();
    read_lines(text, format, limits, |line| {
        samples.push(line::sample(line, format, limits.labels_max)?);
        Ok(())
    })?;
    Ok(samples)
}

/// Hands each line with a sample to `take`, which reads it.
pub(crate) fn read_lines<'t>(
    text: &'t str,
    format: Format,
    limits: &ExpositionLimits,
    mut take: impl FnMut(&'t str) -> Result<(), Misread>,
) -> Result<(), ExpositionError> {
    if text.len() > limits.bytes_max {
        return Err(error(1, 1, format!("longer than {} bytes", limits.bytes_max)));
    }
    let mut samples = 0;
    let mut ended = false;
    let mut last = 0;
    for (number, line) in (1..).zip(text.lines()) {
        last = number;
        if ended {
            return Err(error(number, 1, "text after `# EOF`"));
        }
        if line.len() > limits.line_bytes_max {
            let reason = format!("the line is longer than {} bytes", limits.line_bytes_max);
            return Err(error(number, limits.line_bytes_max + 1, reason));
        }
        ended = format == Format::OpenMetrics && line == "# EOF";
        let trimmed = line.trim_start_matches([' ', '\t']);
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if samples == limits.samples_max {
            return Err(error(number, 1, format!("more than {} samples", limits.samples_max)));
        }
        samples += 1;
        take(line).map_err(|(column, reason)| error(number, column, reason))?;
    }
    if format == Format::OpenMetrics && !ended {
        return Err(error(last + 1, 1, "the text ends without `# EOF`: it may be cut off"));
    }
    Ok(())
}

fn error(line: usize, column: usize, reason: impl Into<String>) -> ExpositionError {
    ExpositionError { line, column, reason: reason.into() }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is read is what was written")]
mod tests;
