//! What `mapek check` says: a line for each thing that it looked at.

use std::fmt;

use crate::command::output::{Out, OutputError, plain};

/// Columns that the subject takes, so that the texts line up.
const SUBJECT_WIDTH: usize = 13;

/// Prints what is found as it is found, and remembers whether all of it is well.
#[derive(Debug)]
pub(super) struct Report {
    out: Out,
    failures: u32,
}

impl Report {
    pub(super) fn new() -> Self {
        Self { out: Out::stdout(), failures: 0 }
    }

    /// Something else than a finding.
    pub(super) fn text(&mut self, text: &str) -> Result<(), OutputError> {
        self.out.line(text)
    }

    /// It is as it should be.
    pub(super) fn ok(&mut self, subject: &str, text: impl fmt::Display) -> Result<(), OutputError> {
        self.finding("ok  ", subject, &text)
    }

    /// It is no failure, and people should know it.
    pub(super) fn note(
        &mut self,
        subject: &str,
        text: impl fmt::Display,
    ) -> Result<(), OutputError> {
        self.finding("note", subject, &text)
    }

    /// It is not as it should be, and what to do about it.
    pub(super) fn fail(
        &mut self,
        subject: &str,
        text: impl fmt::Display,
        remedy: &str,
    ) -> Result<(), OutputError> {
        self.failures += 1;
        self.finding("FAIL", subject, &format_args!("{text}: {remedy}"))
    }

    /// How many failures there are so far.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    fn finding(
        &mut self,
        verdict: &str,
        subject: &str,
        text: &dyn fmt::Display,
    ) -> Result<(), OutputError> {
        let text = plain(&text.to_string());
        self.out.line(format_args!("{verdict}  {subject:<SUBJECT_WIDTH$} {text}"))
    }
}
