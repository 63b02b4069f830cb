//! A list of steps, each timed, with a table at the end.

use std::time::{Duration, Instant};

use crate::error::Error;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Passed,
    Failed,
}

/// Runs steps in order and remembers how long each took.
#[derive(Debug)]
pub(crate) struct Steps {
    chore: &'static str,
    keep_going: bool,
    done: Vec<(String, Duration, End)>,
}

impl Steps {
    pub(crate) fn new(chore: &'static str, keep_going: bool) -> Self {
        Self { chore, keep_going, done: vec![] }
    }

    /// Runs one step. Its failure is an error now, or at the end if we are to keep going.
    pub(crate) fn step(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        println!("\n==> {name}");
        let (result, took) = timed(work);
        let end = if result.is_ok() { End::Passed } else { End::Failed };
        self.done.push((name.to_owned(), took, end));
        match result {
            Err(error) if self.keep_going => {
                eprintln!("\nxtask: step `{name}`: {error}");
                Ok(())
            }
            Err(error) => {
                println!("\n{}", self.table());
                Err(Error::other(format!("step `{name}`: {error}\n(all of it: {})", self.chore)))
            }
            Ok(()) => Ok(()),
        }
    }

    /// Prints the table; an error if a step failed on the way.
    pub(crate) fn finish(self) -> Result<(), Error> {
        println!("\n{}", self.table());
        let failed = self.done.iter().filter(|(_, _, end)| *end == End::Failed);
        let failed: Vec<_> = failed.map(|(name, ..)| format!("`{name}`")).collect();
        if failed.is_empty() {
            return Ok(());
        }
        Err(Error::other(format!("{} failed; see above how to run each again", failed.join(", "))))
    }

    fn table(&self) -> String {
        let total = self.done.iter().map(|(_, took, _)| *took).sum();
        let width = self.done.iter().map(|(name, ..)| name.len()).max().unwrap_or(0).max(5);
        let mut lines = vec![];
        for (name, took, end) in &self.done {
            let mark = if *end == End::Failed { "  FAILED" } else { "" };
            lines.push(format!("{name:width$}  {:>8}{mark}", minutes(*took)));
        }
        lines.push(format!("{:width$}  {:>8}", "total", minutes(total)));
        lines.join("\n")
    }
}

/// How long the work takes, by the wall clock.
#[expect(clippy::disallowed_methods, reason = "a chore is as long as a person waits for it")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    (work(), began.elapsed())
}

fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}.{}", seconds / 60, seconds % 60, time.subsec_millis() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail() -> Result<(), Error> {
        Err(Error::other("broken"))
    }

    #[test]
    fn the_first_failure_is_the_end() {
        let mut steps = Steps::new("cargo xtask ci", false);
        assert!(steps.step("one", || Ok(())).is_ok());
        let error = steps.step("two", fail).unwrap_err().to_string();
        assert_eq!(error, "step `two`: broken\n(all of it: cargo xtask ci)");
    }

    #[test]
    fn going_on_tells_all_failures_at_the_end() {
        let mut steps = Steps::new("cargo xtask ci", true);
        for (name, ok) in [("one", false), ("two", true), ("three", false)] {
            steps.step(name, || if ok { Ok(()) } else { fail() }).unwrap();
        }
        let error = steps.finish().unwrap_err().to_string();
        assert!(error.starts_with("`one`, `three` failed"), "{error}");
    }

    #[test]
    fn the_table_has_each_time_and_the_total() {
        let mut steps = Steps::new("ci", true);
        let seconds = Duration::from_secs_f64;
        steps.done.push(("format".into(), seconds(1.25), End::Passed));
        steps.done.push(("lint".into(), seconds(119.0), End::Failed));
        assert_eq!(steps.table(), "format    0:01.2\nlint      1:59.0  FAILED\ntotal     2:00.2");
    }
}
