//! What `cargo metadata` says about the workspace.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Error;
use crate::shell::Cmd;

/// The workspace, as far as the chores need to know it.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A member.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
    pub(crate) is_published: bool,
    /// Without `default`.
    pub(crate) features: Vec<String>,
    pub(crate) is_library: bool,
    pub(crate) examples: Vec<String>,
    pub(crate) benches: Vec<String>,
}

impl Workspace {
    /// Asks cargo about the workspace that this program belongs to.
    pub(crate) fn find() -> Result<Self, Error> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let metadata = Cmd::new("cargo metadata --format-version 1 --no-deps").dir(here).read()?;
        Self::from_metadata(&metadata)
    }

    fn from_metadata(text: &str) -> Result<Self, Error> {
        let not_metadata = |what: &str| Error::other(format!("cargo metadata answered no {what}"));
        let metadata: Value = serde_json::from_str(text).map_err(|_| not_metadata("JSON"))?;
        let path = |key: &str| metadata[key].as_str().map(PathBuf::from);
        let packages = metadata["packages"].as_array().ok_or_else(|| not_metadata("packages"))?;
        let mut packages: Vec<_> = packages.iter().map(Package::from_metadata).collect();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            root: path("workspace_root").ok_or_else(|| not_metadata("workspace_root"))?,
            target: path("target_directory").ok_or_else(|| not_metadata("target_directory"))?,
            packages,
        })
    }

    /// A command that runs at the root.
    pub(crate) fn cmd(&self, line: &str) -> Cmd {
        Cmd::new(line).dir(&self.root)
    }

    /// A file for people and machines to read afterwards, in a directory that exists.
    pub(crate) fn report(&self, name: &str) -> Result<PathBuf, Error> {
        let dir = self.target.join("reports");
        let made = std::fs::create_dir_all(&dir);
        made.map_err(|error| Error::other(format!("cannot make {}: {error}", dir.display())))?;
        Ok(dir.join(name))
    }
}

impl Package {
    fn from_metadata(package: &Value) -> Self {
        let is_kind = |target: &Value, kind: &str| {
            target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|known| known == kind))
        };
        let targets = package["targets"].as_array().map_or(&[][..], Vec::as_slice);
        let named = |kind: &str| {
            let found = targets.iter().filter(|target| is_kind(target, kind));
            let mut names: Vec<_> = found.filter_map(|target| text(&target["name"])).collect();
            names.sort();
            names
        };
        let manifest = PathBuf::from(text(&package["manifest_path"]).unwrap_or_default());
        let features = package["features"].as_object().into_iter().flatten();
        let features = features.map(|(name, _)| name.clone()).filter(|name| name != "default");
        Self {
            name: text(&package["name"]).unwrap_or_default(),
            directory: manifest.parent().map(Path::to_owned).unwrap_or_default(),
            // Absent means any registry, an empty list none.
            is_published: !package["publish"].as_array().is_some_and(Vec::is_empty),
            features: features.collect(),
            is_library: !named("lib").is_empty(),
            examples: named("example"),
            benches: named("bench"),
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_in_order_of_name() {
        let metadata = r#"{
            "workspace_root": "/w", "target_directory": "/w/target",
            "packages": [
                {"name": "b", "manifest_path": "/w/b/Cargo.toml", "publish": [], "features": {}, "targets": [{"name": "x", "kind": ["example"]}]},
                {"name": "a", "features": {"default": ["f"], "f": [], "mock": []},
                 "targets": [{"name": "a", "kind": ["lib"]}, {"name": "speed", "kind": ["bench"]}]}
            ]
        }"#;
        let workspace = Workspace::from_metadata(metadata).unwrap();
        assert_eq!(workspace.target, Path::new("/w/target"));
        let [a, b] = &workspace.packages[..] else { panic!("{:?}", workspace.packages) };
        assert_eq!((a.name.as_str(), a.is_library, b.is_library), ("a", true, false));
        assert_eq!(
            (&a.features[..], &a.benches[..]),
            (&["f".into(), "mock".into()][..], &["speed".into()][..])
        );
        assert_eq!((b.directory.as_path(), b.is_published), (Path::new("/w/b"), false));
        assert!(a.is_published);
        assert_eq!(b.examples, ["x"]);
    }

    #[test]
    fn an_answer_that_is_no_metadata_is_an_error() {
        assert!(Workspace::from_metadata("warning: lock").is_err());
        let error = Workspace::from_metadata(r#"{"packages": []}"#).unwrap_err();
        assert!(error.to_string().contains("workspace_root"));
    }

    #[test]
    fn this_workspace_has_this_package() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.packages.iter().any(|package| package.name == env!("CARGO_PKG_NAME")));
    }
}
