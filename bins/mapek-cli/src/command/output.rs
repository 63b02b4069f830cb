//! What commands print. Who stops reading (`| head`) ends a command quietly.

use std::{
    fmt,
    io::{self, Write},
};

use serde::Serialize;

/// The output cannot be written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum OutputError {
    /// Who read it has gone. That is no failure of ours.
    #[error("nobody reads the output any more")]
    Closed,
    /// Anything else, such as a full disk.
    #[error("cannot write the output: {0}")]
    Failed(io::Error),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(error),
        }
    }
}

/// Lines on standard output.
#[derive(Debug)]
pub(crate) struct Out<W = io::Stdout>(W);

impl Out {
    pub(crate) fn stdout() -> Self {
        Self(io::stdout())
    }
}

impl<W: Write> Out<W> {
    /// One JSON value, in one line.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), OutputError> {
        let mut line = serde_json::to_vec(value).map_err(io::Error::from)?;
        line.push(b'\n');
        self.0.write_all(&line)?;
        Ok(self.0.flush()?)
    }

    /// One line of text.
    pub(crate) fn line(&mut self, text: impl fmt::Display) -> Result<(), OutputError> {
        writeln!(self.0, "{text}")?;
        Ok(self.0.flush()?)
    }

    /// A table; the last column is as wide as it must be.
    pub(crate) fn table<const N: usize>(
        &mut self,
        rows: &[[String; N]],
    ) -> Result<(), OutputError> {
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
        for row in rows {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
            self.line(cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// One line of the demo, which is over once nobody reads it.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    if let Err(OutputError::Closed) = Out::stdout().line(text) {
        std::process::exit(0);
    }
}

/// A text from outside as a terminal may show it: control characters are spelt out.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { plain.extend(c.escape_default()) } else { plain.push(c) }
    }
    plain
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let why = error.to_string();
        if !text.ends_with(&why) {
            text.push_str(": ");
            text.push_str(&why);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut out = Out(Vec::new());
        let rows = [["a", "bb", "c"], ["ddd", "e", ""]].map(|row| row.map(str::to_owned));
        out.table(&rows).unwrap();
        assert_eq!(String::from_utf8(out.0).unwrap(), "a    bb  c\nddd  e\n");
    }

    #[test]
    fn who_stops_reading_is_told_apart_from_a_failure() {
        let closed = OutputError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(closed, OutputError::Closed));
        let full = OutputError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(full, OutputError::Failed(_)));
    }

    #[test]
    fn a_text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mé\n"), "a\\u{1b}[31mé\\n");
    }
}
