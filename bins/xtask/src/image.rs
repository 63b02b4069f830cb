//! Builds both programs as an image has them, and runs them in a root that holds what the image holds and nothing else. No container engine
//! is needed for that.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::error::Error;
use crate::setup::is_root;
use crate::shell::Cmd;
use crate::workspace::Workspace;

/// Who runs in the image, as group and as user (`deploy/Dockerfile.mape-k`).
const USER: u32 = 65_532;
/// What the compiler is told, so that a program needs no library.
pub(crate) const STATIC: &str = "-Ctarget-feature=+crt-static";
/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(200);
/// Where names are asked for in the root: an address of this host that nothing else has.
const NAMES: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);

pub(crate) fn run(workspace: &Workspace, debug: bool) -> Result<(), Error> {
    if !is_root() {
        return Err(Error::other(
            "only root can make such a root and go into it: run it with sudo",
        ));
    }
    let programs = build(workspace, debug)?;
    let root = workspace.target.join("tools/root");
    furnish(workspace, &root, &programs)?;
    live(&root)
}

/// What this machine is, as a target of the compiler. With it named, flags are for the program alone and not for what runs while it is built.
pub(crate) fn host() -> Result<String, Error> {
    let version = Cmd::new("rustc -vV").read()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Error::other("rustc does not say what host it runs on"))
}

/// The directory of the programs.
fn build(workspace: &Workspace, debug: bool) -> Result<PathBuf, Error> {
    let host = host()?;
    let (profile, directory) = if debug { ("dev", "debug") } else { ("release", "release") };
    let line = format!(
        "cargo build --locked --profile {profile} --target {host} --bin mapek --bin charter-simd"
    );
    workspace.cmd(&line).env("RUSTFLAGS", STATIC).run()?;
    Ok(workspace.target.join(host).join(directory))
}

/// Puts into `root` what `deploy/Dockerfile.mape-k` puts into its image, and the other program.
fn furnish(workspace: &Workspace, root: &Path, programs: &Path) -> Result<(), Error> {
    if root.exists() {
        // What ran in it may belong to somebody else.
        fs::remove_dir_all(root).map_err(|error| failed("remove", root, &error))?;
    }
    let copies = [
        (programs.join("mapek"), "mapek"),
        (programs.join("charter-simd"), "charter-simd"),
        (workspace.root.join("config/mape_k_config.yaml"), "etc/mape-k/mape_k_config.yaml"),
        ("/etc/ssl/certs/ca-certificates.crt".into(), "etc/ssl/certs/ca-certificates.crt"),
    ];
    for (from, to) in copies {
        let bytes = fs::read(&from).map_err(|error| failed("read", &from, &error))?;
        put(root, to, &bytes)?;
    }
    for program in ["mapek", "charter-simd"] {
        set_mode(&root.join(program), 0o755)?;
    }
    put(root, "etc/nsswitch.conf", b"hosts: files dns\n")?;
    put(root, "etc/hosts", b"127.0.0.1 localhost\n")?;
    put(root, "etc/resolv.conf", format!("nameserver {NAMES}\n").as_bytes())?;
    for directory in ["dev", "tmp", "var/lib/mape-k"] {
        let path = root.join(directory);
        fs::create_dir_all(&path).map_err(|error| failed("make", &path, &error))?;
    }
    set_mode(&root.join("tmp"), 0o1777)?;
    // Every engine gives these to whatever it runs; without the library of the system random numbers are read from there.
    for (device, minor) in [("random", 8), ("urandom", 9)] {
        let path = root.join("dev").join(device).display().to_string();
        Cmd::new("mknod -m 666").arg(path).arg("c").arg("1").arg(minor.to_string()).run()?;
    }
    let state = root.join("var/lib/mape-k").display().to_string();
    Cmd::new(&format!("chown -R {USER}:{USER}")).arg(state).run()
}

/// Both programs, each of them by itself, and the one beside the other.
fn live(root: &Path) -> Result<(), Error> {
    let (charter, api) = (free_port()?, free_port()?);
    answer_for_names()?;
    inside(root, "/mapek --version", &[]).run()?;
    let listen = format!("/charter-simd --listen 127.0.0.1:{charter}");
    let server = Started::new(root, &listen, &[])?;
    let at = format!("http://charter:{charter}");
    until("Charter is well", || {
        inside(root, &format!("/charter-simd health --url {at}"), &[]).works()
    })?;
    let environment = [
        ("MAPEK_CONFIG", "/etc/mape-k/mape_k_config.yaml".to_owned()),
        ("CHARTER_API_URL", at.clone()),
        ("MAPEK__MONITOR__TARGETS", format!("[{{url: '{at}/metrics', job: charter}}]")),
        ("MAPEK__ALERTMANAGER__ENABLED", "false".to_owned()),
        ("MAPEK__API__PORT", api.to_string()),
        ("MAPEK__EXECUTE__STATE_DIR", "/var/lib/mape-k/data".to_owned()),
        ("MAPEK__KNOWLEDGE__SQLITE_PATH", "/var/lib/mape-k/data/knowledge.db".to_owned()),
    ];
    let looped = Started::new(root, "/mapek run", &environment)?;
    until("the loop is ready", || inside(root, "/mapek health --ready", &environment).works())?;
    // What it sees came over the network, by a name, and out of the other program.
    inside(root, "/mapek status", &environment).run()?;
    looped.stop()?;
    server.stop()?;
    inside(root, "/mapek journal verify /var/lib/mape-k/data", &[]).run()?;
    for (name, program) in
        [("mapek", root.join("mapek")), ("charter-simd", root.join("charter-simd"))]
    {
        let bytes =
            fs::metadata(&program).map_err(|error| failed("look at", &program, &error))?.len();
        println!("{name}: {:.1} MB, needs no library", bytes as f64 / 1e6);
    }
    Ok(())
}

/// Answers from now on to whoever asks where a name is, as the servers of engines and clusters do: `charter` is a name like those of their
/// services.
fn answer_for_names() -> Result<(), Error> {
    let socket = UdpSocket::bind((NAMES, 53));
    let socket =
        socket.map_err(|error| Error::other(format!("cannot answer at {NAMES}:53: {error}")))?;
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            // Who hears nothing asks again.
            drop(answer(&question[..length]).map(|answer| socket.send_to(&answer, from)));
        }
    });
    Ok(())
}

/// That a name is here, if its IPv4 address is asked for; else that there is none of that sort. Messages are those of RFC 1035, section 4.
fn answer(message: &[u8]) -> Option<Vec<u8>> {
    let (header, rest) = message.split_at_checked(12)?;
    let name = rest.iter().position(|byte| *byte == 0)?;
    let question = rest.get(..name + 5)?;
    let is_address = question.ends_with(&[0, 1, 0, 1]);
    let mut answer = vec![header[0], header[1], 0x81, 0x80, 0, 1, 0, is_address.into(), 0, 0, 0, 0];
    answer.extend(question);
    if is_address {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

/// A command line that runs in `root`, as whoever runs in the image.
fn inside(root: &Path, line: &str, environment: &[(&'static str, String)]) -> Cmd {
    let cmd = Cmd::new(&format!("chroot --userspec={USER}:{USER}")).arg(root.display().to_string());
    let cmd = line.split_whitespace().fold(cmd, Cmd::arg);
    environment.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value))
}

/// A program that runs in the root until it is told to stop, or we end.
struct Started(Child);

impl Started {
    fn new(root: &Path, line: &str, environment: &[(&'static str, String)]) -> Result<Self, Error> {
        let cmd = inside(root, line, environment);
        println!("$ {cmd} &");
        let mut command: Command = cmd.into_command();
        let child = command.stdin(Stdio::null()).spawn();
        child.map(Self).map_err(|error| Error::other(format!("cannot start {line}: {error}")))
    }

    /// As an engine stops it. It has to end by itself, and well.
    fn stop(mut self) -> Result<(), Error> {
        Cmd::new(&format!("kill -TERM {}", self.0.id())).run()?;
        until("it has ended", || matches!(self.0.try_wait(), Ok(Some(_))))?;
        let status = self.0.wait().map_err(|error| Error::other(error.to_string()))?;
        if status.success() {
            return Ok(());
        }
        Err(Error::other(format!("told to stop, it ended with {status}")))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It has usually ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn until(what: &str, mut so: impl FnMut() -> bool) -> Result<(), Error> {
    let mut waited = Duration::ZERO;
    while !so() {
        if waited >= PATIENCE {
            return Err(Error::other(format!("{what}: not within {} s", PATIENCE.as_secs())));
        }
        std::thread::sleep(POLL);
        waited += POLL;
    }
    Ok(())
}

fn put(root: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let path = root.join(name);
    let parent = path.parent().unwrap_or(root);
    fs::create_dir_all(parent).map_err(|error| failed("make", parent, &error))?;
    fs::write(&path, bytes).map_err(|error| failed("write", &path, &error))
}

fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    let set = fs::set_permissions(path, fs::Permissions::from_mode(mode));
    set.map_err(|error| failed("set the mode of", path, &error))
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::other(format!("cannot {what} {}: {error}", path.display()))
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|it| it.port()).map_err(|error| Error::other(format!("no port is free: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(kind: u8) -> Vec<u8> {
        let header = [7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        [&header[..], b"\x07charter\0", &[0, kind, 0, 1]].concat()
    }

    #[test]
    fn a_name_is_here_and_has_no_address_of_another_sort() {
        let here = answer(&asked(1)).unwrap();
        assert_eq!((&here[..4], here[7]), (&[7, 9, 0x81, 0x80][..], 1));
        assert!(here.ends_with(&[0, 4, 127, 0, 0, 1]));
        let none = answer(&asked(28)).unwrap();
        assert_eq!((none[7], none.len()), (0, asked(28).len()));
        for cut in [&[][..], &[0; 11], &asked(1)[..20], &asked(1)[..23]] {
            assert_eq!(answer(cut), None);
        }
    }
}
