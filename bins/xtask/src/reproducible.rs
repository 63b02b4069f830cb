//! The program that is shipped, built twice: each time from nothing and in a directory of its own. The bytes have to be the same.
//!
//! Neither where it is built nor when may show in it: paths are replaced, and [the time is told](https://reproducible-builds.org/specs/source-date-epoch/).
//! Both builds have the same user, environment and compilers: what of these shows is not found.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Error;
use crate::image;
use crate::shell::Cmd;
use crate::workspace::Workspace;

/// The program that is shipped.
const PROGRAM: &str = "mapek";

/// What is amended in the sources of a dependency, as what they make differs from build to build otherwise.
struct Amendment {
    package: &'static str,
    file: &'static str,
    /// The line after which it goes in; there is one.
    after: &'static str,
    lines: &'static str,
}

/// The generator of the PromQL parser writes down which conflicts of the grammar it has settled, in the order of a hash map with a random seed.
/// Nothing reads them when it parses.
const CONFLICTS_IN_ORDER: Amendment = Amendment {
    package: "lrtable",
    file: "src/lib/statetable.rs",
    after: "        assert!(final_state.is_some());\n",
    lines: "        reduce_reduce.sort_unstable();\n        shift_reduce.sort_unstable();\n",
};

/// Below the root, where cargo takes it for a part of the workspace: so its name does not depend on where that lies.
const AMENDED: &str = "target/amended";

pub(crate) fn run(workspace: &Workspace) -> Result<(), Error> {
    let all = workspace.target.join("reproducible");
    if all.exists() {
        fs::remove_dir_all(&all).map_err(|error| failed("remove", &all, &error))?;
    }
    let shipped = workspace.report(PROGRAM)?;
    // One of earlier sources must not be taken for this one.
    if shipped.exists() {
        fs::remove_file(&shipped).map_err(|error| failed("remove", &shipped, &error))?;
    }
    let [first, second] = [all.join("first"), all.join("second/elsewhere")];
    // Both before either is built: who works on meanwhile changes neither.
    let time = time_of_sources(workspace)?;
    copy_sources(workspace, &first)?;
    copy_sources(workspace, &second)?;
    let [one, other] = [built(&first, &time)?, built(&second, &time)?];
    let same = bytes(&one)? == bytes(&other)?;
    workspace.cmd("sha256sum").arg(text(&one)).arg(text(&other)).run()?;
    if !same {
        return Err(Error::other("two builds of the same sources differ; `cmp -l` shows where"));
    }
    copy(&one, &shipped)?;
    println!("it is in {}", shipped.display());
    Ok(())
}

/// Copies the sources to `root`, with what is amended of a dependency.
fn copy_sources(workspace: &Workspace, root: &Path) -> Result<(), Error> {
    for name in sources(workspace)? {
        copy(&workspace.root.join(&name), &root.join(&name))?;
    }
    amended(workspace, root, &CONFLICTS_IN_ORDER)
}

/// Builds the program from the sources in `root`, without a library that it would need: so an image has it, too.
fn built(root: &Path, time: &str) -> Result<PathBuf, Error> {
    let home =
        std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|it| it + "/.cargo"));
    let home = home.map_err(|_| Error::other("neither CARGO_HOME nor HOME is set"))?;
    let elsewhere = [(text(root), "/mapek"), (home, "/cargo")];
    let remapped = elsewhere.map(|(from, to)| format!("--remap-path-prefix={from}={to}"));
    let flags = [image::STATIC, &remapped[0], &remapped[1]];
    let (host, target) = (image::host()?, root.join("target"));
    let line = format!("cargo build --locked --quiet --release --target {host} --bin {PROGRAM}");
    Cmd::new(&line)
        .dir(root)
        .arg("--config")
        .arg(format!("paths=[\"{AMENDED}\"]"))
        .env("CARGO_TARGET_DIR", text(&target))
        .env("CARGO_INCREMENTAL", "0")
        .env("SOURCE_DATE_EPOCH", time)
        // The separator is a byte that no path has.
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .run()?;
    Ok(target.join(host).join("release").join(PROGRAM))
}

/// All files that are, or would be, in the repository.
fn sources(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let listed = workspace.cmd("git ls-files -z --cached --others --exclude-standard").read()?;
    let names = listed.split_terminator('\0').map(str::to_owned);
    Ok(names.filter(|name| workspace.root.join(name).exists()).collect())
}

/// When the newest commit was made, in seconds; or what whoever repeats a build says.
fn time_of_sources(workspace: &Workspace) -> Result<String, Error> {
    if let Ok(told) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(told);
    }
    Ok(workspace.cmd("git log -1 --format=%ct").read()?.trim().to_owned())
}

/// Copies the sources of a dependency to where the build in `root` takes them from, amended.
fn amended(workspace: &Workspace, root: &Path, what: &Amendment) -> Result<(), Error> {
    let from = directory_of(workspace, what.package)?;
    let to = root.join(AMENDED);
    copy_all(&from, &to)?;
    let file = to.join(what.file);
    let before = fs::read_to_string(&file).map_err(|error| failed("read", &file, &error))?;
    let after = what.amend(&before)?;
    fs::write(&file, after).map_err(|error| failed("write", &file, &error))
}

impl Amendment {
    fn amend(&self, source: &str) -> Result<String, Error> {
        let Self { package, file, after, lines } = self;
        if source.matches(after).count() == 1 && !source.contains(lines) {
            return Ok(source.replacen(after, &format!("{after}{lines}"), 1));
        }
        Err(Error::other(format!(
            "{file} of {package} is not what it was: look whether two builds differ without the amendment, and take it away or mend it"
        )))
    }
}

/// Where cargo keeps the sources of the one version of a package that is used.
fn directory_of(workspace: &Workspace, package: &str) -> Result<PathBuf, Error> {
    // What other systems need is not looked for.
    let line = "cargo metadata --format-version 1 --locked --filter-platform";
    let metadata = workspace.cmd(line).arg(image::host()?).read()?;
    let metadata: Value = serde_json::from_str(&metadata)
        .map_err(|error| Error::other(format!("cargo metadata answered no JSON: {error}")))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let manifests = packages.filter(|it| it["name"] == package);
    let manifests: Vec<_> = manifests.filter_map(|it| it["manifest_path"].as_str()).collect();
    match manifests[..] {
        [manifest] => Ok(Path::new(manifest).parent().map(Path::to_owned).unwrap_or_default()),
        _ => Err(Error::other(format!("{} versions of {package} are used", manifests.len()))),
    }
}

fn copy_all(from: &Path, to: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(from).map_err(|error| failed("list", from, &error))? {
        let entry = entry.map_err(|error| failed("list", from, &error))?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() { copy_all(&from, &to)? } else { copy(&from, &to)? }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let parent = to.parent().unwrap_or(to);
    fs::create_dir_all(parent).map_err(|error| failed("make", parent, &error))?;
    fs::copy(from, to).map_err(|error| failed("copy", from, &error))?;
    Ok(())
}

fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| failed("read", path, &error))
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::other(format!("cannot {what} {}: {error}", path.display()))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_that_are_amended_are_those_that_are_used() {
        let workspace = Workspace::find().unwrap();
        let file = directory_of(&workspace, CONFLICTS_IN_ORDER.package).unwrap();
        let source = fs::read_to_string(file.join(CONFLICTS_IN_ORDER.file)).unwrap();
        let amended = CONFLICTS_IN_ORDER.amend(&source).unwrap();
        assert_eq!(amended.replace(CONFLICTS_IN_ORDER.lines, ""), source);
        for other in [&amended, &source.replace("final_state", "last"), &source.repeat(2)] {
            let error = CONFLICTS_IN_ORDER.amend(other).unwrap_err().to_string();
            assert!(error.contains("statetable.rs of lrtable is not what it was"), "{error}");
        }
        let error = directory_of(&workspace, "no-such-package").unwrap_err().to_string();
        assert!(error.contains("0 versions"), "{error}");
    }
}
