//! Documents lead where they say: links, anchors, and paths of files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

/// Directories of the repository in which files are that documents name.
const PLACES: [&str; 7] =
    ["bins/", "config/", "crates/", "deploy/", "docs/", "examples/", "tests/"];

/// Paths that are named and not there, with the reason.
const MADE: [(&str, &str); 2] = [
    ("deploy/.env", "whoever starts compose may write it"),
    ("crates/mapek-fuzz/found", "fuzzing writes it when it finds something"),
];

/// Directories that hold no document of ours.
const LEFT_OUT: [&str; 2] = ["target", "data"];

#[test]
fn every_link_leads_somewhere() {
    let documents = documents();
    assert!(documents.len() >= 40, "{}", documents.len());
    let mut dead = Vec::new();
    let mut followed = 0;
    for (path, text) in &documents {
        let prose = prose(text);
        for link in links(&prose).filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => normal(&path.parent().unwrap_or(Path::new("")).join(file)),
            };
            followed += 1;
            let there = root().join(&target).exists();
            let in_it = anchor.is_empty()
                || documents.get(&target).is_none_or(|text| anchors(text).contains(anchor));
            if !there || !in_it {
                dead.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(followed > 200, "{followed}");
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn every_file_that_is_named_is_there() {
    let mut missing = Vec::new();
    let mut named = 0;
    for (path, text) in &documents() {
        for place in paths(text) {
            named += 1;
            if !root().join(place).exists() && !MADE.iter().any(|(made, _)| *made == place) {
                missing.push(format!("{}: {place}", path.display()));
            }
        }
    }
    assert!(named > 150, "{named}");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_helpers_can_tell() {
    let text = "# A `b` (c), d!\n[x](y.md#z) `crates/a/b.rs`: see https://h/docs/x\n```sh\n# no\n[n](o)\n```\n<a id=\"e_f\"></a>\n";
    assert_eq!(anchors(text), BTreeSet::from(["a-b-c-d".to_owned(), "e_f".to_owned()]));
    assert_eq!(links(&prose(text)).collect::<Vec<_>>(), ["y.md#z"]);
    assert_eq!(paths(text).collect::<Vec<_>>(), ["crates/a/b.rs"]);
    assert_eq!(normal(Path::new("docs/adr/../x.md")), Path::new("docs/x.md"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All documents with their texts, by their paths from the root.
fn documents() -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    collect(Path::new(""), &mut all);
    all
}

fn collect(directory: &Path, all: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(root().join(directory)).expect("a directory of the workspace") {
        let name = entry.expect("an entry that can be read").file_name();
        let (path, name) = (directory.join(&name), name.to_string_lossy().into_owned());
        if name.starts_with('.') || LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        if root().join(&path).is_dir() {
            collect(&path, all);
        } else if path.extension().is_some_and(|it| it == "md") {
            let text = fs::read_to_string(root().join(&path)).expect("a document is text");
            all.insert(path, text);
        }
    }
}

/// A document without what is in fences.
fn prose(text: &str) -> String {
    let mut inside = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn links(prose: &str) -> impl Iterator<Item = &str> {
    prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// What links can lead to within a document: its headings as forges name them, and what has an id.
fn anchors(text: &str) -> BTreeSet<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let named = headings.map(|line| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    });
    let ids = prose.split("<a id=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0));
    named.chain(ids.map(str::to_owned)).collect()
}

/// What looks like the path of a file or directory of the repository.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let part_of_path = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let words = text.split(move |c| !part_of_path(c));
    let words = words.map(|word| word.trim_end_matches(['.', '/', '-']));
    words.filter(|word| PLACES.iter().any(|place| word.starts_with(place)))
}

/// A path without steps up.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
    }
    normal
}
