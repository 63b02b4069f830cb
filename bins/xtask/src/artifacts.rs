//! What is shipped: crates that build from their packages, a list of what the binary is made of, and the same bytes from two builds.

use std::path::Path;

use serde_json::Value;

use crate::error::Error;
use crate::reproducible;
use crate::setup;
use crate::steps::Steps;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, keep_going: bool) -> Result<(), Error> {
    let mut steps = Steps::new("cargo xtask artifacts", keep_going);
    steps.step("packages", || packages(workspace))?;
    steps.step("public API", || public_api(workspace))?;
    steps.step("bill of materials", || bill_of_materials(workspace))?;
    steps.step("reproducible build", || reproducible::run(workspace))?;
    steps.finish()
}

/// Packs each crate that is published, as a registry would get it, and builds it from that.
fn packages(workspace: &Workspace) -> Result<(), Error> {
    let cmd = workspace.cmd("cargo package --locked --quiet");
    let published = workspace.packages.iter().filter(|package| package.is_published);
    published.fold(cmd, |cmd, package| cmd.arg("--package").arg(&package.name)).run()
}

/// Holds the public API against that of the newest release, if there was one.
fn public_api(workspace: &Workspace) -> Result<(), Error> {
    let tags = workspace.cmd("git tag --list v* --sort=-version:refname --merged HEAD").read()?;
    let Some(tag) = tags.lines().next() else {
        println!("left out: there is no release yet (no tag v…) that it could be held against");
        return Ok(());
    };
    setup::for_public_api(workspace)?;
    workspace.cmd("cargo semver-checks --workspace --baseline-rev").arg(tag.trim()).run()
}

/// Lists what each program is made of, with licences and hashes, as CycloneDX.
fn bill_of_materials(workspace: &Workspace) -> Result<(), Error> {
    setup::for_bill_of_materials(workspace)?;
    for (package, program) in [("mapek-cli", "mapek"), ("charter-simd", "charter-simd")] {
        bill_of(workspace, package, program)?;
    }
    Ok(())
}

fn bill_of(workspace: &Workspace, package: &str, program: &str) -> Result<(), Error> {
    let manifest = workspace.root.join("bins").join(package).join("Cargo.toml");
    let line = "cargo cyclonedx --quiet --format json --spec-version 1.5 --override-filename bom";
    workspace.cmd(line).arg("--manifest-path").arg(manifest.display().to_string()).run()?;
    // It lies beside the manifest of every member; one is wanted, and not in the tree.
    let report = workspace.report(&format!("{program}.cdx.json"))?;
    for member in &workspace.packages {
        let made = member.directory.join("bom.json");
        if member.name == package {
            // Our own crates are named by where they are: below the root, wherever that is.
            let bill = read(&made)?.replace(&text(&workspace.root), "");
            let written = std::fs::write(&report, bill);
            written.map_err(|error| Error::other(format!("{}: {error}", report.display())))?;
        }
        drop(std::fs::remove_file(&made));
    }
    let count = components(&read(&report)?)?;
    println!("{count} components are in {}", report.display());
    Ok(())
}

/// How many parts a bill lists; each of them has a version and a licence.
fn components(bill: &str) -> Result<usize, Error> {
    let bill: Value =
        serde_json::from_str(bill).map_err(|error| Error::other(format!("no bill: {error}")))?;
    let components = bill["components"].as_array().filter(|them| !them.is_empty());
    let components = components.ok_or_else(|| Error::other("the bill lists nothing"))?;
    for component in components {
        let name = component["name"].as_str().unwrap_or("a component without a name");
        for field in ["version", "licenses"] {
            if component[field].is_null() {
                return Err(Error::other(format!("{name} has no {field} in the bill")));
            }
        }
    }
    Ok(components.len())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn read(path: &Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(path);
    text.map_err(|error| Error::other(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_lists_parts_with_version_and_licence() {
        let whole = r#"{"components": [{"name": "a", "version": "1", "licenses": [{}]}]}"#;
        assert_eq!(components(whole).unwrap(), 1);
        let poor = r#"{"components": [{"name": "a", "version": "1"}]}"#;
        assert!(components(poor).unwrap_err().to_string().contains("a has no licenses"));
        for none in ["", "{}", r#"{"components": []}"#] {
            components(none).unwrap_err();
        }
    }
}
