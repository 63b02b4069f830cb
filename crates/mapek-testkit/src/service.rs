//! A child process that serves HTTP: start, readiness, output, stop, pause, restart.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::Error;
use crate::port::free_port;
use crate::wait::{POLL, within};

/// A start takes 0.2 s on a quiet machine; a build on all cores can make it a hundred times slower.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// Both services stop within milliseconds of SIGTERM; whoever does not is killed.
const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// One question to a service that is well; a browser starts within it, too.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Between choosing a free port and listening on it somebody else may take it.
const START_ATTEMPTS: u32 = 5;
/// How much of the output an error shows: a stack trace of Go fits, a whole night of logging does not.
const OUTPUT_TAIL_BYTES: u64 = 8 * 1024;

/// Which program to run, and how to tell that it is ready.
pub(crate) struct Spec {
    pub(crate) program: &'static str,
    /// The arguments for a port of 127.0.0.1.
    pub(crate) args: Box<dyn Fn(u16) -> Vec<String> + Send + Sync>,
    /// `GET` of this path answers 200 once the service is ready.
    pub(crate) ready_path: &'static str,
    /// What asks it over TLS; in clear text if absent.
    pub(crate) tls: Option<reqwest::Client>,
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec").field("program", &self.program).finish_non_exhaustive()
    }
}

/// A running (or stopped) service. It is killed when the value goes away.
#[derive(Debug)]
pub(crate) struct Service {
    spec: Spec,
    port: u16,
    child: Option<Child>,
    http: reqwest::Client,
    dir: TempDir,
}

impl Service {
    pub(crate) async fn start(spec: Spec, dir: TempDir) -> Result<Self, Error> {
        let http = spec.tls.clone().map_or_else(client, Ok)?;
        let mut service = Self { spec, port: free_port()?, child: None, http, dir };
        for _ in 1..START_ATTEMPTS {
            match service.launch().await {
                Err(error) if error.is_address_in_use() => service.port = free_port()?,
                done => return done.map(|()| service),
            }
        }
        service.launch().await.map(|()| service)
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.spec.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn output(&self) -> String {
        tail(&self.log(), 0).unwrap_or_else(|error| format!("(no output: {error})"))
    }

    pub(crate) async fn stop(&mut self) -> Result<(), Error> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        self.signal(&child, "TERM").await?;
        // A paused process hears of the end only once it goes on.
        self.signal(&child, "CONT").await?;
        if tokio::time::timeout(STOP_DEADLINE, child.wait()).await.is_err() {
            child.kill().await.map_err(Error::io(format!("killing `{}`", self.spec.program)))?;
        }
        Ok(())
    }

    pub(crate) async fn kill(&mut self) -> Result<(), Error> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill().await.map_err(Error::io(format!("killing `{}`", self.spec.program)))
    }

    pub(crate) async fn restart(&mut self) -> Result<(), Error> {
        self.stop().await?;
        let what = format!("port {} becoming free for `{}`", self.port, self.spec.program);
        let launching = async {
            loop {
                match self.launch().await {
                    Err(error) if error.is_address_in_use() => tokio::time::sleep(POLL).await,
                    done => return done,
                }
            }
        };
        within(START_DEADLINE, || what, launching).await?
    }

    pub(crate) async fn pause(&self) -> Result<(), Error> {
        let child = self.running()?;
        self.signal(child, "STOP").await?;
        let Some(pid) = child.id() else { return Ok(()) };
        let what = format!("`{}` to stand still", self.spec.program);
        // It has been told, but each of its threads takes its time, and may answer meanwhile.
        crate::wait_until(START_DEADLINE, &what, async || stands_still(pid)).await
    }

    pub(crate) async fn resume(&self) -> Result<(), Error> {
        self.signal(self.running()?, "CONT").await
    }

    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Error> {
        self.ask(self.http.get(self.url(path)).query(query), path).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.ask(self.http.post(self.url(path)).json(body), path).await
    }

    /// Sends, insists on success, and answers the JSON in the body (null for an empty body).
    async fn ask(&self, request: reqwest::RequestBuilder, path: &str) -> Result<Value, Error> {
        let what = format!("asking `{}` for {path}", self.spec.program);
        let wrap = |error: reqwest::Error| Error::http(what.clone(), error);
        let reply = request.timeout(REQUEST_TIMEOUT).send().await.map_err(wrap)?;
        let status = reply.status();
        let body = reply.text().await.map_err(wrap)?;
        if !status.is_success() {
            return Err(Error::http(what, format!("{status}: {}", body.trim())));
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&body).map_err(|error| Error::http(what, error))
    }

    /// Starts the process on the port and waits until it is ready or has ended.
    async fn launch(&mut self) -> Result<(), Error> {
        let log = self.log();
        let output = File::options().create(true).append(true).open(&log);
        let output = output.map_err(Error::io("opening the output file"))?;
        let from = output.metadata().map_or(0, |meta| meta.len());
        let mut child = self.spawn(output)?;
        let what = || format!("`{}` becoming ready", self.spec.program);
        let ready = within(START_DEADLINE, what, self.readiness(&mut child, &log, from)).await;
        ready.map_err(|error| error.with_output(|| tail(&log, from).unwrap_or_default()))??;
        self.child = Some(child);
        Ok(())
    }

    /// Asks the child until it is ready, or has ended.
    async fn readiness(&self, child: &mut Child, log: &Path, from: u64) -> Result<(), Error> {
        loop {
            if let Some(status) = child.try_wait().map_err(Error::io("watching a child"))? {
                return Err(self.exited(status, log, from));
            }
            if self.is_ready().await {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn spawn(&self, output: File) -> Result<Child, Error> {
        let errors = output.try_clone().map_err(Error::io("sharing the output file"))?;
        Command::new(self.spec.program)
            .args((self.spec.args)(self.port))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| cannot_run(self.spec.program, error))
    }

    async fn is_ready(&self) -> bool {
        let request = self.http.get(self.url(self.spec.ready_path)).timeout(100 * POLL);
        request.send().await.is_ok_and(|reply| reply.status().is_success())
    }

    fn exited(&self, status: ExitStatus, log: &Path, from: u64) -> Error {
        let output = tail(log, from).unwrap_or_default();
        Error::Exited { program: self.spec.program.to_owned(), status, output }
    }

    fn running(&self) -> Result<&Child, Error> {
        let stopped = || Error::Stopped { program: self.spec.program.to_owned() };
        self.child.as_ref().ok_or_else(stopped)
    }

    /// Sends a signal with the shell's own `kill`: the workspace has no unsafe code, and every system has a shell.
    async fn signal(&self, child: &Child, name: &str) -> Result<(), Error> {
        let Some(pid) = child.id() else { return Ok(()) }; // It has ended, so there is nobody to tell.
        let what = format!("sending SIG{name} to `{}`", self.spec.program);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("kill -{name} {pid}")]).stderr(Stdio::null());
        shell.status().await.map_err(Error::io(what)).map(drop)
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("output.log")
    }
}

/// Whether all threads of a process are stopped, as far as the system tells (proc(5)).
fn stands_still(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    // The state follows the name, which is in parentheses. A thread that has gone does nothing either.
    threads.flatten().all(|thread| match std::fs::read_to_string(thread.path().join("stat")) {
        Ok(stat) => {
            stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
        }
        Err(_) => true,
    })
}

impl Drop for Service {
    #[expect(clippy::print_stderr, reason = "a failing test shows what its services said")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- output of `{}` ends with:\n{}", self.spec.program, self.output());
        }
    }
}

/// Runs a tool to its end.
pub(crate) async fn run_tool(program: &str, args: &[&str]) -> Result<(), Error> {
    let done = Command::new(program).args(args).stdin(Stdio::null()).kill_on_drop(true).output();
    let done = done.await.map_err(|error| cannot_run(program, error))?;
    if done.status.success() {
        return Ok(());
    }
    let said = [done.stdout, done.stderr].concat();
    let output = String::from_utf8_lossy(&said).trim().to_owned();
    Err(Error::Refused { program: program.to_owned(), output })
}

fn cannot_run(program: &str, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        return Error::Missing { program: program.to_owned() };
    }
    Error::io(format!("starting `{program}`"))(error)
}

/// No proxy, no certificates, no connection that outlives a restart of the server.
fn client() -> Result<reqwest::Client, Error> {
    let builder =
        reqwest::Client::builder().no_proxy().tls_certs_only([]).pool_max_idle_per_host(0);
    builder.build().map_err(|error| Error::http("making an HTTP client", error))
}

/// The end of what was written to `path` since `from`.
fn tail(path: &Path, from: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.max(len.saturating_sub(OUTPUT_TAIL_BYTES))))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// The methods that every service has, on a type with a field `service`.
macro_rules! service_methods {
    ($service:ty) => {
        impl $service {
            /// The base URL, without a slash at its end.
            #[must_use]
            pub fn url(&self) -> String {
                self.service.url("")
            }

            /// Host and port, as a scrape target or a proxy wants them.
            #[must_use]
            pub fn address(&self) -> std::net::SocketAddr {
                (std::net::Ipv4Addr::LOCALHOST, self.service.port()).into()
            }

            /// The end of what the process wrote, over all its restarts.
            #[must_use]
            pub fn output(&self) -> String {
                self.service.output()
            }

            /// The JSON that `GET path?query` answers.
            ///
            /// # Errors
            ///
            /// [`Error::Http`](crate::Error::Http) without an answer, with another status than success, or no JSON.
            pub async fn get(
                &self,
                path: &str,
                query: &[(&str, &str)],
            ) -> Result<serde_json::Value, crate::Error> {
                self.service.get(path, query).await
            }

            /// The JSON that `POST path` with a JSON body answers; null if it answers nothing.
            ///
            /// # Errors
            ///
            /// As for [`get`](Self::get).
            pub async fn post(
                &self,
                path: &str,
                body: &serde_json::Value,
            ) -> Result<serde_json::Value, crate::Error> {
                self.service.post(path, body).await
            }

            /// Makes it read its files again.
            ///
            /// # Errors
            ///
            /// [`Error::Http`](crate::Error::Http) with its reason, if it does not accept them.
            pub async fn reload(&self) -> Result<(), crate::Error> {
                self.service.post("/-/reload", &serde_json::Value::Null).await.map(drop)
            }

            /// Ends it as an operator would (SIGTERM). Stopping twice is fine.
            ///
            /// # Errors
            ///
            /// [`Error::Io`](crate::Error::Io) if the system does not let us.
            pub async fn stop(&mut self) -> Result<(), crate::Error> {
                self.service.stop().await
            }

            /// Ends it as a crash would (SIGKILL).
            ///
            /// # Errors
            ///
            /// As for [`stop`](Self::stop).
            pub async fn kill(&mut self) -> Result<(), crate::Error> {
                self.service.kill().await
            }

            /// Starts it again on the same port and data, after a [`stop`](Self::stop) if it runs; ready on return.
            ///
            /// # Errors
            ///
            /// As for the first start.
            pub async fn restart(&mut self) -> Result<(), crate::Error> {
                self.service.restart().await
            }

            /// Freezes it (SIGSTOP): connections are accepted by the system, nobody answers.
            ///
            /// # Errors
            ///
            /// [`Error::Stopped`](crate::Error::Stopped) if it does not run.
            pub async fn pause(&self) -> Result<(), crate::Error> {
                self.service.pause().await
            }

            /// Lets it go on after [`pause`](Self::pause).
            ///
            /// # Errors
            ///
            /// As for [`pause`](Self::pause).
            pub async fn resume(&self) -> Result<(), crate::Error> {
                self.service.resume().await
            }
        }
    };
}
pub(crate) use service_methods;

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell script in place of a service; `PORT` is its first argument.
    fn script(text: &str) -> Spec {
        let text = text.to_owned();
        let args = move |port: u16| vec!["-c".into(), text.clone(), "sh".into(), port.to_string()];
        Spec { program: "sh", args: Box::new(args), ready_path: "/", tls: None }
    }

    async fn start(spec: Spec) -> Result<Service, Error> {
        Service::start(spec, tempfile::tempdir().unwrap()).await
    }

    #[tokio::test]
    async fn a_child_that_ends_fails_at_once_and_shows_its_output() {
        let began = tokio::time::Instant::now();
        let error = start(script("echo no such flag >&2; exit 3")).await.unwrap_err();
        assert!(began.elapsed() < START_DEADLINE / 2, "waited for somebody who had gone");
        let text = error.to_string();
        assert!(text.contains("exit status: 3") && text.contains("no such flag"), "{text}");
    }

    #[tokio::test]
    async fn a_taken_port_is_tried_again_on_another_one() {
        let tries = tempfile::NamedTempFile::new().unwrap();
        let note = tries.path().display();
        let spec = script(&format!("echo $1 >> {note}; echo bind: address already in use; exit 1"));
        let error = start(spec).await.unwrap_err();
        assert!(matches!(error, Error::Exited { .. }));
        let tries = std::fs::read_to_string(tries.path()).unwrap();
        assert_eq!(tries.lines().count(), START_ATTEMPTS as usize);
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let args = Box::new(|_| vec![]);
        let spec = Spec { program: "no-such-program", args, ready_path: "/", tls: None };
        let error = start(spec).await.unwrap_err();
        assert_eq!(error.to_string(), "`no-such-program` not found: run `cargo xtask setup`");
    }

    #[tokio::test]
    async fn a_tool_that_refuses_tells_why() {
        let error = run_tool("sh", &["-c", "echo bad line 7; exit 1"]).await.unwrap_err();
        assert!(error.to_string().contains("bad line 7"));
        assert!(matches!(run_tool("no-such-tool", &[]).await, Err(Error::Missing { .. })));
    }

    #[test]
    fn the_tail_is_bounded_and_starts_where_it_should() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("old{}end", "x".repeat(20_000))).unwrap();
        let text = tail(file.path(), 0).unwrap();
        assert_eq!(text.len() as u64, OUTPUT_TAIL_BYTES);
        assert!(text.ends_with("end"));
        assert_eq!(tail(file.path(), 20_003).unwrap(), "end");
    }
}
