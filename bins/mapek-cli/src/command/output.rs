//! What commands print. Who stops reading (`| head`) ends a command quietly.

mod look;
mod table;

use std::{
    fmt,
    io::{self, Write},
};

use serde::Serialize;

pub(crate) use look::{Look, Tone};
pub(crate) use table::{Cell, Table};

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
pub(crate) struct Out<W = io::Stdout> {
    to: W,
    look: Look,
}

impl Out {
    pub(crate) fn stdout() -> Self {
        Self { to: io::stdout(), look: Look::of_stdout() }
    }
}

impl<W: Write> Out<W> {
    /// One JSON value, in one line.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), OutputError> {
        let line = serde_json::to_string(value).map_err(io::Error::from)?;
        self.line(without_controls(&line))
    }

    /// JSON values, each in a line.
    pub(crate) fn json_lines<'a, T>(
        &mut self,
        values: impl IntoIterator<Item = &'a T>,
    ) -> Result<(), OutputError>
    where
        T: Serialize + 'a,
    {
        values.into_iter().try_for_each(|value| self.json(value))
    }

    /// One line of text.
    pub(crate) fn line(&mut self, text: impl fmt::Display) -> Result<(), OutputError> {
        writeln!(self.to, "{text}")?;
        Ok(self.to.flush()?)
    }

    /// Text as it is.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), OutputError> {
        self.to.write_all(text.as_bytes())?;
        Ok(self.to.flush()?)
    }

    /// Columns that line up: all but the last as wide as their widest cell. On a terminal a line ends where the terminal does.
    pub(crate) fn table(&mut self, table: &Table) -> Result<(), OutputError> {
        table.lines(self.look).iter().try_for_each(|line| self.line(line))
    }

    /// The screen is empty, and the next line its first: on a terminal; elsewhere what was written stays.
    pub(crate) fn afresh(&mut self) -> Result<(), OutputError> {
        if self.look.is_terminal() {
            self.text("\u{1b}[H\u{1b}[2J")?;
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

/// A text from outside as a terminal may show it: what would steer it, or turn the text around, is spelt out.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns(c) { plain.extend(c.escape_default()) } else { plain.push(c) }
    }
    plain
}

/// Marks that change the direction of a text, or where its lines end: a name could look like another one.
const fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// JSON, in which only strings can hold what steers a terminal: that is spelt out as JSON spells it.
fn without_controls(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() || turns(c) {
            plain.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            plain.push(c);
        }
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
    fn who_stops_reading_is_told_apart_from_a_failure() {
        let closed = OutputError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(closed, OutputError::Closed));
        let full = OutputError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(full, OutputError::Failed(_)));
    }

    #[test]
    fn a_text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mé\n"), "a\\u{1b}[31mé\\n");
        assert_eq!(plain("\u{9b}2J\u{202e}txt"), "\\u{9b}2J\\u{202e}txt");
    }

    #[test]
    fn json_cannot_either_and_still_says_the_same() {
        let value = serde_json::json!({"a": "\u{1b}[31m\u{9b}2J\u{7f}\u{202e}é"});
        let mut out = Out { to: Vec::new(), look: Look::plain() };
        out.json(&value).unwrap();
        let line = String::from_utf8(out.to).unwrap();
        assert!(!line.trim_end().chars().any(|c| c.is_control() || turns(c)), "{line}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), value);
    }
}
