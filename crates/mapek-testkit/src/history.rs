//! Samples from the past, so that a test need not wait for them.

use std::fmt::Write as _;
use std::path::Path;

use crate::Error;
use crate::service::run_tool;

/// Samples for [`PrometheusBuilder::history`](crate::PrometheusBuilder::history), as OpenMetrics text.
///
/// Times are Unix seconds and must lie in the past. All series of one metric name have to follow each other, as the
/// format wants it.
///
/// ```
/// use mapek_testkit::History;
///
/// let history = History::new().series(r#"up{job="web"}"#, 1_700_000_000, 30, [1.0, 0.0]);
/// assert_eq!(
///     history.to_string(),
///     "up{job=\"web\"} 1 1700000000\nup{job=\"web\"} 0 1700000030\n# EOF\n",
/// );
/// ```
#[derive(Clone, Debug, Default)]
pub struct History {
    lines: String,
}

impl History {
    /// No samples yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one series: a sample every `step_s` seconds from `start_s` on.
    #[must_use]
    pub fn series(
        mut self,
        name_and_labels: &str,
        start_s: i64,
        step_s: i64,
        values: impl IntoIterator<Item = f64>,
    ) -> Self {
        for (at, value) in (0..).map(|i| start_s + i * step_s).zip(values) {
            writeln!(self.lines, "{name_and_labels} {value} {at}").expect("a string takes all");
        }
        self
    }

    /// Writes blocks for a server that is about to start on `data`.
    pub(crate) async fn write(&self, dir: &Path, data: &Path) -> Result<(), Error> {
        let text = dir.join("history.om");
        std::fs::write(&text, self.to_string()).map_err(Error::io("writing the history"))?;
        let (text, data) = (text.display().to_string(), data.display().to_string());
        let args = ["tsdb", "create-blocks-from", "openmetrics", "--quiet", &text, &data];
        run_tool("promtool", &args).await
    }
}

impl std::fmt::Display for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}# EOF", self.lines)
    }
}
