//! JSON lines that other programs, and people, hand to a command.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::Path,
};

use serde::de::DeserializeOwned;

/// Longest line, in bytes: an observation with 20 000 open episodes is half of it.
pub(crate) const LINE_LEN_MAX: u64 = 16 * 1024 * 1024;

/// Longest message of a parser that is passed on, in characters: it may quote its input.
const WHY_LEN_MAX: usize = 300;

/// The input cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum InputError {
    /// It cannot be opened.
    #[error("cannot read {path}: {source}")]
    #[diagnostic(help("check the path, or give - to read standard input"))]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Reading broke off.
    #[error("line {line} cannot be read: {source}")]
    Broken {
        /// Which line, from 1.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// A line is longer than anything that is written here.
    #[error("line {line} is longer than {LINE_LEN_MAX} bytes")]
    #[diagnostic(help("give one JSON object a line"))]
    TooLong {
        /// Which line, from 1.
        line: u64,
    },
    /// A line is not what the command reads.
    #[error("line {line}, {place}: {why}")]
    Invalid {
        /// Which line, from 1.
        line: u64,
        /// The field or the column.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// A line is no violation.
    #[error(transparent)]
    #[diagnostic(help(
        "each line is an object with violation_id, severity, detected_at and metric_name"
    ))]
    Violation(#[from] mapek::analyze::Error),
}

/// What to read from: the file, or standard input for `-` and where no file is given.
///
/// Reading blocks: nothing else is to be done until there is a line.
pub(super) fn open(path: Option<&Path>) -> Result<Box<dyn BufRead>, InputError> {
    match path.filter(|path| *path != Path::new("-")) {
        None => Ok(Box::new(io::stdin().lock())),
        Some(path) => {
            let file = File::open(path).map_err(|source| InputError::Unreadable {
                path: path.display().to_string(),
                source,
            })?;
            Ok(Box::new(BufReader::new(file)))
        }
    }
}

/// The lines of a reader, one at a time; blank ones are skipped. No more than one is in memory.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
    bytes: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, number: 0, bytes: Vec::new() }
    }

    /// The next line as a `T`; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`InputError`] names the line, and the field where it is known.
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, InputError> {
        if self.advance()? { self.parse().map(Some) } else { Ok(None) }
    }

    /// Moves on to the next line; `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool, InputError> {
        loop {
            self.bytes.clear();
            self.number += 1;
            let line = self.number;
            let read = (&mut self.reader)
                .take(LINE_LEN_MAX + 1)
                .read_until(b'\n', &mut self.bytes)
                .map_err(|source| InputError::Broken { line, source })?;
            if read == 0 {
                return Ok(false);
            }
            if read as u64 > LINE_LEN_MAX {
                return Err(InputError::TooLong { line });
            }
            if !self.bytes.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// The line that [`advance`](Self::advance) moved to, as a `T`.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, InputError> {
        let mut json = serde_json::Deserializer::from_slice(&self.bytes);
        let value = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| self.invalid(&error.path().to_string(), error.inner()))?;
        json.end().map_err(|error| self.invalid(".", &error))?;
        Ok(value)
    }

    /// The line is well formed, and not what is wanted.
    pub(super) fn refuse(&self, place: &str, why: &str) -> InputError {
        InputError::Invalid { line: self.number, place: place.to_owned(), why: why.to_owned() }
    }

    fn invalid(&self, path: &str, error: &serde_json::Error) -> InputError {
        let place = match path {
            // Where the text ends too early, the field is not known either.
            "." | "?" => format!("column {}", error.column()),
            path => format!("field {path}"),
        };
        let text = error.to_string();
        // The parser counts lines of its own: it has seen only one.
        let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why);
        let why = why.chars().take(WHY_LEN_MAX).collect();
        InputError::Invalid { line: self.number, place, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        inner: Vec<Inner>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        count: u8,
    }

    fn error(text: &str) -> String {
        let mut lines = Lines::new(text.as_bytes());
        loop {
            match lines.next::<Outer>() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{text} passed"),
                Err(error) => return error.to_string(),
            }
        }
    }

    #[test]
    fn lines_come_one_by_one_and_blank_ones_do_not_count_as_input() {
        let mut lines =
            Lines::new("\n{\"inner\": []}\n  \n{\"inner\": [{\"count\": 3}]}".as_bytes());
        assert_eq!(lines.next::<Outer>().unwrap().unwrap().inner.len(), 0);
        assert_eq!(lines.next::<Outer>().unwrap().unwrap().inner[0].count, 3);
        assert_eq!(lines.next::<Outer>().unwrap(), None);
    }

    #[test]
    fn what_is_wrong_is_named_by_line_and_field() {
        let good = "{\"inner\": []}\n";
        let wrong = error(&format!("{good}\n{{\"inner\": [{{\"count\": 256}}]}}"));
        assert_eq!(
            wrong,
            "line 3, field inner[0].count: invalid value: integer `256`, expected u8"
        );
        assert_eq!(error("{}"), "line 1, column 2: missing field `inner`");
        assert!(error("{\"inner\": []} x").starts_with("line 1, column 15: trailing"));
        assert!(error("\u{0}").starts_with("line 1, column 1: expected value"));
        let deep = "[".repeat(100_000);
        let error = Lines::new(deep.as_bytes()).next::<serde_json::Value>().unwrap_err();
        assert!(error.to_string().contains("recursion limit exceeded"), "{error}");
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let endless = io::BufReader::new(io::repeat(b'x'));
        let error = Lines::new(endless).next::<Outer>().unwrap_err();
        assert_eq!(error.to_string(), "line 1 is longer than 16777216 bytes");
    }
}
