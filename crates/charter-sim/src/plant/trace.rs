//! Rates that were recorded somewhere and are played back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::arrivals::RATE_MAX;

/// Most rows: a day of seconds, with room.
const ROWS_MAX: usize = 100_000;
/// The first line of a file, if it does not begin with numbers.
const HEADER: &str = "seconds,rate";
/// A row that comes so many times later than rows usually do was lost: recorders are late by parts of their interval, not by half of it.
const GAP: f64 = 1.5;

/// A recorded rate: rows of a time in seconds and of the requests per second from then until the next row.
///
/// Rows rise in time and come evenly, as recorders write them: where one is missing, nobody knows what the rate was, and the trace is
/// refused. Before the first row the first rate holds, after the last the last.
///
/// ```
/// use charter_sim::Trace;
///
/// let trace = Trace::parse("seconds,rate\n0,400\n60,450\n120,500\n", "morning.csv")?;
/// assert!((trace.rate(90.0) - 450.0).abs() < 1e-9);
/// let lost = Trace::parse("0,400\n60,450\n180,500\n240,510\n", "morning.csv").unwrap_err();
/// assert!(lost.to_string().starts_with("morning.csv:3:1: "));
/// # Ok::<(), charter_sim::InvalidTrace>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(f64, f64)>", into = "Vec<(f64, f64)>")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "Vec<(f64, f64)>"))]
pub struct Trace {
    rows: Arc<[(f64, f64)]>,
}

/// A text is no trace. The message names place, line and remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{line}:{column}: {reason}\n  | {text}\n  = help: {remedy}")]
#[non_exhaustive]
pub struct InvalidTrace {
    /// What the text is called: its file.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
    /// The line itself.
    pub text: String,
    /// What to do.
    pub remedy: String,
}

/// Rows are no trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {}: {reason}; {remedy}", row + 1)]
#[non_exhaustive]
pub struct InvalidRows {
    /// Which row, from 0.
    pub row: usize,
    /// Whether it is its rate, and not its time.
    pub is_rate: bool,
    /// What is wrong with it.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl Trace {
    /// A trace of rows of seconds and rate.
    ///
    /// # Errors
    ///
    /// [`InvalidRows`] with the first row that is wrong: a time that is none or does not rise, a rate that is not a number from 0 to
    /// 100 000, a gap; or too few rows, or too many.
    pub fn try_new(rows: impl Into<Arc<[(f64, f64)]>>) -> Result<Self, InvalidRows> {
        let rows = rows.into();
        check(&rows)?;
        Ok(Self { rows })
    }

    /// Reads CSV: a line `seconds,rate` that may be left out, and a line for each row. Errors call the text `name`.
    ///
    /// # Errors
    ///
    /// [`InvalidTrace`] with the first line that is no row, or a wrong one.
    pub fn parse(text: &str, name: &str) -> Result<Self, InvalidTrace> {
        let mut rows = Vec::new();
        let mut lines = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end();
        for (index, line) in text.lines().enumerate() {
            if index == 0 && line.replace(' ', "").eq_ignore_ascii_case(HEADER) {
                continue;
            }
            let row = Row { name, line: index + 1, text: line };
            rows.push(row.read()?);
            lines.push(row);
        }
        Self::try_new(rows).map_err(|found| {
            let nothing = Row { name, line: 1, text: "" };
            let row = lines.get(found.row).unwrap_or(&nothing);
            let column = if found.is_rate { row.second_column() } else { 1 };
            row.wrong(column, found.reason, found.remedy)
        })
    }

    /// The rate at a time of the trace, in requests per second.
    #[must_use]
    pub fn rate(&self, seconds: f64) -> f64 {
        let after = self.rows.partition_point(|(at, _)| *at <= seconds);
        self.rows[after.saturating_sub(1)].1
    }

    /// The rows, in order of time: seconds, and requests per second.
    #[must_use]
    pub fn rows(&self) -> &[(f64, f64)] {
        &self.rows
    }

    /// When the last row's rate ends to be known: as long after it as rows usually come after each other.
    #[must_use]
    pub fn end_s(&self) -> f64 {
        let last = self.rows.last().map_or(0.0, |(at, _)| *at);
        last + usual_step(&self.rows)
    }
}

impl TryFrom<Vec<(f64, f64)>> for Trace {
    type Error = InvalidRows;

    fn try_from(rows: Vec<(f64, f64)>) -> Result<Self, InvalidRows> {
        Self::try_new(rows)
    }
}

impl From<Trace> for Vec<(f64, f64)> {
    fn from(trace: Trace) -> Self {
        trace.rows.to_vec()
    }
}

/// A line of a file.
#[derive(Debug, Clone, Copy)]
struct Row<'a> {
    name: &'a str,
    line: usize,
    text: &'a str,
}

impl Row<'_> {
    fn read(&self) -> Result<(f64, f64), InvalidTrace> {
        if self.text.trim().is_empty() {
            let remedy = "take the line out, or write its seconds and its rate";
            return Err(self.wrong(1, "the line is empty".to_owned(), remedy.to_owned()));
        }
        let cells: Vec<&str> = self.text.split(',').collect();
        let &[seconds, rate] = &cells[..] else {
            let reason = format!("a row has two cells, this one has {}", cells.len());
            return Err(self.wrong(1, reason, format!("write `{HEADER}`: 60,450.5")));
        };
        let seconds = self.number(1, seconds, "time")?;
        Ok((seconds, self.number(self.second_column(), rate, "rate")?))
    }

    fn number(&self, column: usize, cell: &str, what: &str) -> Result<f64, InvalidTrace> {
        let cell = cell.trim();
        if cell.is_empty() {
            let remedy = format!("write the {what}, or the one before if it is not known");
            return Err(self.wrong(column, format!("the {what} is missing"), remedy));
        }
        cell.parse().map_err(|_| {
            let reason = format!("the {what} is `{cell}`, which is no number");
            self.wrong(column, reason, format!("write numbers, under a first line `{HEADER}`"))
        })
    }

    fn second_column(&self) -> usize {
        self.text.chars().position(|c| c == ',').map_or(1, |comma| comma + 2)
    }

    fn wrong(&self, column: usize, reason: String, remedy: String) -> InvalidTrace {
        let (name, text) = (self.name.to_owned(), self.text.trim_end().to_owned());
        InvalidTrace { name, line: self.line, column, reason, text, remedy }
    }
}

fn check(rows: &[(f64, f64)]) -> Result<(), InvalidRows> {
    let wrong = |row: usize, is_rate, reason: String, remedy: &str| {
        Err(InvalidRows { row, is_rate, reason, remedy: remedy.to_owned() })
    };
    if rows.len() < 2 {
        let remedy = "write at least two, or use the shape constant";
        return wrong(0, false, format!("a trace of {} rows is none", rows.len()), remedy);
    }
    if rows.len() > ROWS_MAX {
        let remedy = format!("write {ROWS_MAX} at most: take the mean over longer intervals");
        return wrong(ROWS_MAX, false, format!("there are {} rows", rows.len()), &remedy);
    }
    let mut before = f64::NEG_INFINITY;
    for (index, &(at, rate)) in rows.iter().enumerate() {
        if !at.is_finite() {
            return wrong(index, false, format!("the time is {at}"), "write a finite number");
        }
        if at <= before {
            let reason = format!("the time is {at}, after {before} in the row before");
            return wrong(index, false, reason, "write rows in order of time, each time once");
        }
        if !(0.0..=RATE_MAX).contains(&rate) {
            let reason = format!("the rate is {rate}");
            let remedy = format!("write requests per second: a number from 0 to {RATE_MAX}");
            return wrong(index, true, reason, &remedy);
        }
        before = at;
    }
    let usual = usual_step(rows);
    let gap = rows.windows(2).position(|pair| pair[1].0 - pair[0].0 > GAP * usual);
    gap.map_or(Ok(()), |index| {
        let step = rows[index + 1].0 - rows[index].0;
        let reason =
            format!("there is a gap: {step} s after the row before, where rows come every {usual} s");
        let remedy = format!(
            "write the rows that are missing, one every {usual} s; where the rate is not known, the one before"
        );
        wrong(index + 1, false, reason, &remedy)
    })
}

/// The median time from one row to the next, the lower one of two. Rows are two at least.
fn usual_step(rows: &[(f64, f64)]) -> f64 {
    let mut steps: Vec<f64> = rows.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    steps.sort_by(f64::total_cmp);
    steps.get(steps.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_holds_until_the_next_row() {
        let trace = Trace::parse("seconds, rate\r\n0,10\r\n30, 20\r\n60,5\r\n", "t").unwrap();
        let at = |seconds: f64| trace.rate(seconds) as u32;
        assert_eq!(
            [at(-5.0), at(0.0), at(29.9), at(30.0), at(60.0), at(1e6)],
            [10, 10, 10, 20, 5, 5]
        );
        assert!((trace.end_s() - 90.0).abs() < 1e-9);
    }

    #[test]
    fn the_times_of_a_recorder_may_be_a_little_late() {
        assert!(Trace::parse("0.01,1\n15.2,2\n29.9,3\n50,4\n", "t").is_ok());
    }

    #[test]
    fn what_is_wrong_is_told_with_line_column_and_remedy() {
        for (text, place, reason, remedy) in [
            ("0,1\n60,2\n\n180,3\n", "t:3:1: ", "the line is empty", "take the line out"),
            ("0,1\n60,2\n180,3\n240,3\n", "t:3:1: ", "there is a gap: 120 s", "one every 60 s"),
            ("seconds,rate\n0,1\n60,\n", "t:3:4: ", "the rate is missing", "the one before"),
            ("0,1\n,2\n", "t:2:1: ", "the time is missing", "write the time"),
            ("0,1\n60,NaN\n", "t:2:4: ", "the rate is NaN", "a number from 0 to 100000"),
            ("0,1\n60,-2\n", "t:2:4: ", "the rate is -2", "a number from 0 to 100000"),
            ("0,1\n60,1e9\n", "t:2:4: ", "the rate is 1000000000", "a number from 0 to 100000"),
            ("0,1\n60,2\n60,3\n", "t:3:1: ", "the time is 60, after 60", "in order of time"),
            ("0,1\nNaN,2\n", "t:2:1: ", "the time is NaN", "a finite number"),
            ("time;rate\n0;1\n", "t:1:1: ", "this one has 1", "seconds,rate"),
            ("t,r\n0,1\n", "t:1:1: ", "the time is `t`", "seconds,rate"),
            ("0,1,2\n", "t:1:1: ", "this one has 3", "seconds,rate"),
            ("", "t:1:1: ", "a trace of 0 rows", "at least two"),
        ] {
            let told = Trace::parse(text, "t").unwrap_err().to_string();
            assert!(told.starts_with(place), "{text:?}: {told}");
            assert!(told.contains(reason) && told.contains(remedy), "{text:?}: {told}");
        }
    }

    #[test]
    fn rows_that_are_no_trace_cannot_be_read_from_json_either() {
        let error = serde_json::from_str::<Trace>("[[0, 1], [1, -1]]").unwrap_err().to_string();
        assert!(error.starts_with("row 2: the rate is -1; write"), "{error}");
        let trace: Trace = serde_json::from_str("[[0, 1], [1, 2]]").unwrap();
        assert_eq!(serde_json::to_string(&trace).unwrap(), "[[0.0,1.0],[1.0,2.0]]");
    }

    #[test]
    fn there_are_only_so_many_rows() {
        let rows: Vec<_> = (0..=ROWS_MAX).map(|n| (n as f64, 1.0)).collect();
        assert!(Trace::try_new(&rows[..ROWS_MAX]).is_ok());
        assert!(Trace::try_new(rows).unwrap_err().to_string().contains("there are 100001 rows"));
    }
}
