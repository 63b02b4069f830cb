//! Running commands: shown before they run, and shown again if they fail.

use std::fmt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::error::Error;

/// How often a command with a time limit is looked at.
const POLL: Duration = Duration::from_millis(50);

/// A command, as a person would type it.
pub(crate) struct Cmd {
    words: Vec<String>,
    env: Vec<(&'static str, String)>,
    command: Command,
}

impl Cmd {
    /// A command line without quoting; words with spaces come with [`arg`](Self::arg).
    pub(crate) fn new(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let program = Self::program(Path::new(words.next().unwrap_or_default()));
        words.fold(program, Self::arg)
    }

    /// A program without arguments, at a path that may hold spaces.
    pub(crate) fn program(path: &Path) -> Self {
        let words = vec![path.display().to_string()];
        Self { words, env: vec![], command: Command::new(path) }
    }

    pub(crate) fn arg(mut self, word: impl Into<String>) -> Self {
        let word = word.into();
        self.command.arg(&word);
        self.words.push(word);
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.command.env(name, &value);
        self.env.push((name, value));
        self
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Runs it with our terminal.
    pub(crate) fn run(mut self) -> Result<(), Error> {
        println!("$ {self}");
        let status = self.command.status().map_err(|error| self.failed(error))?;
        self.check(status)
    }

    /// Runs it with our terminal, and kills it when it takes too long.
    pub(crate) fn run_within(mut self, limit: Duration) -> Result<(), Error> {
        println!("$ {self}");
        let mut child = self.command.spawn().map_err(|error| self.failed(error))?;
        match wait(&mut child, limit) {
            Some(status) => self.check(status),
            None => Err(self.failed(format!("took longer than {} s", limit.as_secs()))),
        }
    }

    /// Runs it and answers what it prints; errors still go to our terminal.
    pub(crate) fn read(mut self) -> Result<String, Error> {
        let done = self.command.stderr(Stdio::inherit()).output();
        let done = done.map_err(|error| self.failed(error))?;
        self.check(done.status)?;
        String::from_utf8(done.stdout).map_err(|error| self.failed(error))
    }

    /// For who looks after it while it runs.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    /// Whether it can be run and succeeds; it prints nothing.
    pub(crate) fn works(mut self) -> bool {
        let quiet = self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }

    fn check(&self, status: ExitStatus) -> Result<(), Error> {
        if status.success() { Ok(()) } else { Err(self.failed(format!("ended with {status}"))) }
    }

    fn failed(&self, how: impl fmt::Display) -> Error {
        Error::Command { line: self.to_string(), how: how.to_string() }
    }
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            write!(f, "{name}={} ", quoted(value))?;
        }
        let words: Vec<_> = self.words.iter().map(|word| quoted(word)).collect();
        f.write_str(&words.join(" "))
    }
}

/// Waits up to `limit`, then kills. The status, unless it was killed.
fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let mut waited = Duration::ZERO;
    while waited < limit {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(POLL);
        waited += POLL;
    }
    // It may have ended just now, and then there is nobody to kill.
    drop(child.kill());
    drop(child.wait());
    None
}

/// A word as a shell wants it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_can_be_pasted() {
        let cmd = Cmd::new("cargo doc --lib").env("RUSTDOCFLAGS", "-D warnings").arg("it's");
        assert_eq!(cmd.to_string(), r"RUSTDOCFLAGS='-D warnings' cargo doc --lib 'it'\''s'");
    }

    #[test]
    fn a_failure_says_which_command_and_how() {
        let error = Cmd::new("sh -c").arg("exit 3").run().unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("sh -c 'exit 3'"), "{error}");
        assert!(Cmd::new("no-such-program").run().is_err());
        assert!(!Cmd::new("no-such-program").works());
        assert!(!Cmd::new("sh -c").arg("exit 3").works());
        assert!(Cmd::new("sh -c").arg("echo unseen").works());
    }

    #[test]
    fn what_it_prints_is_read() {
        assert_eq!(Cmd::new("echo a b").read().unwrap(), "a b\n");
    }

    #[test]
    fn a_command_without_end_is_killed() {
        let error = Cmd::new("sleep 60").run_within(2 * POLL).unwrap_err().to_string();
        assert!(error.contains("took longer than"), "{error}");
        assert!(Cmd::new("true").run_within(Duration::from_secs(60)).is_ok());
    }
}
