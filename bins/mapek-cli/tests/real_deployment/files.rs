//! Reading what is deployed, and running what reads it.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tokio::process::Command;

use crate::support::{Ran, ran};

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub(crate) fn deploy() -> PathBuf {
    root().join("deploy")
}

/// A file of `deploy`.
pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(deploy().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A file of `deploy`, as YAML or JSON.
pub(crate) fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Another program, in `deploy`.
pub(crate) async fn tool(program: impl AsRef<Path>, args: &[&str]) -> Ran {
    let mut command = Command::new(program.as_ref());
    command.args(args).current_dir(deploy()).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    ran(command, "").await
}

/// The same, and it has to be content.
pub(crate) async fn content(program: impl AsRef<Path>, args: &[&str]) -> Ran {
    let told = tool(program.as_ref(), args).await;
    assert_eq!(told.code, Some(0), "{} {args:?}: {told:?}", program.as_ref().display());
    told
}

/// What `cargo xtask setup` has installed for the files of `deploy`.
pub(crate) fn installed(name: &str) -> PathBuf {
    mapek_testkit::tool(&format!("python/bin/{name}")).unwrap_or_else(|error| panic!("{error}"))
}

/// The strings of a list.
pub(crate) fn strings(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|it| it.as_str().unwrap()).collect()
}

/// A table's entries.
pub(crate) fn entries(table: &Value) -> impl Iterator<Item = (&str, &Value)> {
    table.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// Whether a program's help knows a flag, as it is written in a command line.
pub(crate) fn knows(help: &Ran, flag: &str) -> bool {
    let name = flag.split('=').next().unwrap();
    let said = format!("{}{}", help.out, help.err);
    // Some flags can be turned round, and are told as one.
    let turned = name.replacen("--", "--[no-]", 1);
    said.split_whitespace().any(|word| word.split('=').next() == Some(name) || word == turned)
}
