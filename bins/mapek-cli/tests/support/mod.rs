//! Starts the binary, and what it talks to.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use charter_sim::{Driver, InProcess, PlantConfig, Server, serve};
use mapek::{Clock as _, SystemClock};
use tokio::{io::AsyncWriteExt as _, process::Command, task::JoinHandle};

/// How long a command may take on a machine that does other things, too.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The binary with these arguments, in an environment of its own.
pub(crate) fn mapek(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mapek"));
    command.args(args).env_clear().kill_on_drop(true);
    // Where coverage is measured, that of the child counts, too, and is not left in its directory.
    command.envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `command` to its end with `input` on its standard input.
pub(crate) async fn ran(mut command: Command, input: impl Into<Vec<u8>>) -> Ran {
    let mut child = command.spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.into());
    // A command that refuses its input does not read all of it.
    let feeding = tokio::spawn(async move { stdin.write_all(&input).await.is_ok() });
    let output = tokio::time::timeout(DEADLINE, child.wait_with_output()).await;
    let output = output.expect("it ends within the deadline").unwrap();
    feeding.abort();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    mapek_testkit::free_port().unwrap()
}

/// A Charter on a port of its own, whose time passes by itself.
#[derive(Debug)]
pub(crate) struct Plant {
    pub(crate) charter: InProcess,
    pub(crate) address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl Plant {
    /// Healthy for ten minutes, and from now on `speed` times as fast as the clock.
    pub(crate) async fn start(speed: f64) -> Self {
        let clock = SystemClock::new();
        let charter = InProcess::try_new(PlantConfig::default(), 7, clock.now()).unwrap();
        charter.advance_by("PT10M".parse().unwrap());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Server::new(charter.clone()).router();
        let driver = Driver::new(charter.clone(), speed);
        let tasks = vec![
            tokio::spawn(async move {
                serve(listener, router, std::future::pending()).await.unwrap();
            }),
            tokio::spawn(driver.run(move || clock.now(), std::future::pending())),
        ];
        Self { charter, address, tasks }
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
