//! Whoever depends on one stage alone, in a workspace of their own, gets that stage and no runtime.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a stage that computes must not bring with it.
const RUNTIMES: &[&str] = &["tokio", "hyper", "reqwest", "async-std", "smol"];

/// A program that uses the stage, so that the check sees more than an unused dependency.
const MAIN: &str = r#"
use mapek_analyze::{AnalyzeConfig, Analyzer, AnalyzerState};

fn main() {
    let analyzer = Analyzer::try_new(AnalyzeConfig::default()).expect("the defaults are valid");
    println!("{} causes, {:?}", analyzer.catalogue().causes().len(), AnalyzerState::default());
}
"#;

#[test]
fn analyze_alone_brings_no_runtime() {
    let outside = Outside::with("mapek-analyze");
    let tree = outside.cargo(&["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    for needed in ["outside", "mapek-analyze", "mapek-model", "serde"] {
        assert!(names.contains(&needed), "no {needed} in\n{tree}");
    }
    let runtime = |name: &&&str| RUNTIMES.iter().any(|runtime| name.starts_with(runtime));
    let found: Vec<_> = names.iter().filter(runtime).collect();
    assert!(found.is_empty(), "{found:?} in\n{tree}");
    outside.cargo(&["check"]);
}

#[test]
fn it_would_be_seen_if_a_stage_brought_one() {
    let tree = Outside::with("mapek-loop").cargo(&["tree", "--prefix", "none"]);
    assert!(tree.lines().any(|line| line.starts_with("tokio v")), "{tree}");
}

/// A crate in a directory of its own, which goes with the value.
struct Outside {
    directory: tempfile::TempDir,
}

impl Outside {
    /// A crate that depends on a library of ours, by path, and on nothing else.
    fn with(library: &str) -> Self {
        let directory = tempfile::tempdir().expect("there is room for a small crate");
        let path = root().join("crates").join(library);
        let manifest = format!(
            "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\n{library} = {{ path = {path:?} }}\n\n[workspace]\n"
        );
        let outside = Self { directory };
        outside.write("Cargo.toml", &manifest);
        outside.write("src/main.rs", MAIN);
        // The versions that the workspace has: those are on this machine, and the test needs no network.
        let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("it is committed");
        outside.write("Cargo.lock", &lock);
        outside
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        let parent = path.parent().expect("it is in the directory");
        std::fs::create_dir_all(parent).expect("a directory can be made in one of ours");
        std::fs::write(path, text).expect("a file can be written in a directory of ours");
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Runs cargo in it, offline, and answers what it prints.
    fn cargo(&self, arguments: &[&str]) -> String {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        // What our own build sets (coverage, wrappers, flags) is not theirs.
        for ours in
            ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"]
        {
            command.env_remove(ours);
        }
        let done = command
            .args(arguments)
            .arg("--offline")
            .env("CARGO_TARGET_DIR", self.path().join("target"))
            .current_dir(self.path())
            .output();
        let Output { status, stdout, stderr } = done.expect("cargo can be run");
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "cargo {arguments:?}: {stderr}");
        String::from_utf8_lossy(&stdout).into_owned()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in a workspace").into()
}
