//! What mutation begins with.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::Target;

/// An input of the corpus.
#[derive(Debug, Clone)]
pub struct Input {
    /// Where it is from.
    pub path: PathBuf,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// This crate's own directory.
pub(crate) fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All inputs of a target in order of their paths: those of this crate, those that were found, and recorded ones.
///
/// # Errors
///
/// If they cannot be read.
pub fn inputs(target: Target) -> io::Result<Vec<Input>> {
    let root = home().join("../..");
    let mut all = Vec::new();
    for folder in ["corpus", "found"] {
        read(&home().join(folder).join(target.as_str()), &mut all)?;
    }
    match target {
        Target::Webhook => read(&root.join("tests/fixtures/alertmanager"), &mut all)?,
        Target::Config => read(&root.join("config"), &mut all)?,
        Target::Charter => {
            let from = all.len();
            read(&root.join("tests/fixtures/charter"), &mut all)?;
            // A fixture tells the whole exchange; the client reads the answer.
            for input in &mut all[from..] {
                if let Ok(told) = serde_json::from_slice::<serde_json::Value>(&input.bytes) {
                    input.bytes = told["response"]["body"].to_string().into_bytes();
                }
            }
        }
        Target::Matcher | Target::Prometheus => {}
    }
    Ok(all)
}

fn read(folder: &Path, all: &mut Vec<Input>) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read(&path, all)?;
        } else {
            all.push(Input { bytes: fs::read(&path)?, path });
        }
    }
    Ok(())
}
