//! The real process: starts, tells its address, serves, obeys its keys, stops.
#![expect(clippy::unwrap_used, reason = "a test may panic, and its helpers too")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use charter_client::Health;

struct Process {
    child: Child,
    base: String,
}

impl Process {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_charter-simd"))
            .args(["--listen", "127.0.0.1:0"])
            .args(args)
            .env_remove("CHARTER_API_KEY")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.trim().strip_prefix("listening on ").expect(&line).to_owned();
        Self { child, base }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn throughput(&self) -> f64 {
        let text = reqwest::get(self.url("/metrics")).await.unwrap().text().await.unwrap();
        let name = "westworld_charter_throughput_ops_per_sec ";
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
    }

    async fn stop(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        for _ in 0..1_000 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("still running ten seconds after SIGTERM");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has usually ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test]
async fn time_follows_the_clock_at_its_speed_and_sigterm_ends_it() {
    let process = Process::start(&["--speed", "200", "--seed", "7"]);
    let deadline = 1_000;
    for attempt in 0..=deadline {
        if process.throughput().await > 400.0 {
            break;
        }
        assert!(attempt < deadline, "no throughput in ten seconds at 200 times the speed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(process.stop().await.success());
}

#[tokio::test]
async fn manual_time_stands_still_and_the_key_from_the_file_is_asked_for() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "s3cret").unwrap();
    let path = file.path().to_str().unwrap();
    let process = Process::start(&["--manual-time", "--api-key-file", path]);
    let health: Health = serde_json::from_str(
        &reqwest::get(process.url("/health")).await.unwrap().text().await.unwrap(),
    )
    .unwrap();
    assert!(health.offers(&charter_client::Extension::ManualTime));
    let refused = reqwest::get(process.url("/api/v1/policies")).await.unwrap();
    assert_eq!(refused.status(), 401);
    let client = reqwest::Client::new();
    let advanced = client
        .post(process.url("/api/v1/sim/advance"))
        .bearer_auth("s3cret")
        .json(&serde_json::json!({"seconds": 30}))
        .send()
        .await
        .unwrap();
    assert_eq!(advanced.status(), 200);
    assert!(process.throughput().await > 400.0);
}

/// The exit code of `charter-simd health`, and what it says of it.
fn health(args: &[&str]) -> (Option<i32>, String) {
    let asked = Command::new(env!("CARGO_BIN_EXE_charter-simd")).arg("health").args(args).output();
    let asked = asked.unwrap();
    (asked.status.code(), String::from_utf8(asked.stderr).unwrap())
}

#[tokio::test]
async fn it_asks_another_one_whether_it_is_well() {
    let process = Process::start(&["--manual-time"]);
    assert_eq!(health(&["--url", &process.base]), (Some(0), String::new()));
    let elsewhere = health(&["--url", &process.url("/elsewhere")]);
    assert!(elsewhere.0 == Some(1) && elsewhere.1.contains("404"), "{elsewhere:?}");
    let base = process.base.clone();
    assert!(process.stop().await.success());
    let gone = health(&["--url", &base]);
    assert!(gone.0 == Some(1) && gone.1.contains("not well"), "{gone:?}");
}

#[test]
fn bad_arguments_and_files_are_named() {
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_charter-simd")).args(args).output().unwrap();
        assert!(!output.status.success(), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(run(&["--speed", "0"]).contains("not within"));
    assert!(run(&["--plant", "/nonexistent.json"]).contains("/nonexistent.json"));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, r#"{{"replicas": 0}}"#).unwrap();
    assert!(run(&["--plant", file.path().to_str().unwrap()]).contains("replicas is 0"));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, r#"{{"replica": 3}}"#).unwrap();
    assert!(run(&["--plant", file.path().to_str().unwrap()]).contains("unknown field"));
}

/// An authority, and a certificate with its key for this DNS name or address.
fn signed(by: &rcgen::CertifiedIssuer<'static, rcgen::KeyPair>, name: &str) -> (String, String) {
    let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    (params.signed_by(&key, by).unwrap().pem(), key.serialize_pem())
}

#[tokio::test]
async fn with_a_certificate_it_speaks_tls_to_those_whom_its_authority_has_signed_for() {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let ca = rcgen::CertifiedIssuer::self_signed(params, key).unwrap();
    let (certificate, key) = signed(&ca, "127.0.0.1");
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (ca_file, certificate, key) =
        (write("ca", &ca.pem()), write("certificate", &certificate), write("key", &key));
    let files = ["--tls-certificate", &certificate, "--tls-key", &key, "--tls-client-ca", &ca_file];
    let process = Process::start(&[&["--manual-time"], &files[..]].concat());
    let client = || {
        let root = reqwest::Certificate::from_pem(ca.pem().as_bytes()).unwrap();
        reqwest::Client::builder().tls_certs_only([root]).no_proxy()
    };
    let (ours, our_key) = signed(&ca, "mapek.example");
    let identity = reqwest::Identity::from_pem(format!("{ours}{our_key}").as_bytes()).unwrap();
    let known = client().identity(identity).build().unwrap();
    let answer = known.get(process.url("/health")).send().await.unwrap();
    assert!(process.base.starts_with("https://") && answer.status() == 200, "{answer:?}");
    assert!(client().build().unwrap().get(process.url("/health")).send().await.is_err());
    let clear = process.base.replacen("https", "http", 1);
    assert!(reqwest::get(format!("{clear}/health")).await.is_err());
    let identity = write("identity", &format!("{ours}{our_key}"));
    let asked = ["--url", &process.base, "--ca-file", &ca_file, "--identity-file", &identity];
    assert_eq!(health(&asked), (Some(0), String::new()));
    for less in [&asked[..4], &["--url", &clear], &["--url", &process.base]] {
        let refused = health(less);
        assert!(refused.0 == Some(1) && refused.1.contains("not well"), "{less:?}: {refused:?}");
    }
    assert!(process.stop().await.success());
}
