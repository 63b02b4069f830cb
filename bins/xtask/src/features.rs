//! Features only add, so each library that is published has to compile without any, and with each alone.

use crate::error::Error;
use crate::workspace::{Package, Workspace};

/// Each library without any.
pub(crate) fn none(workspace: &Workspace) -> Result<(), Error> {
    with_features(workspace).map(bare).try_for_each(|line| workspace.cmd(&line).run())
}

/// Each library with each alone.
pub(crate) fn alone(workspace: &Workspace) -> Result<(), Error> {
    with_features(workspace).flat_map(alone_of).try_for_each(|line| workspace.cmd(&line).run())
}

/// Where there are none, all was checked before.
fn with_features(workspace: &Workspace) -> impl Iterator<Item = &Package> {
    let published = workspace.packages.iter().filter(|it| it.is_library && it.is_published);
    published.filter(|package| !package.features.is_empty())
}

fn bare(package: &Package) -> String {
    format!("cargo check --quiet --package {} --no-default-features", package.name)
}

fn alone_of(package: &Package) -> Vec<String> {
    // Mocks are for tests, which build with all features.
    let features: Vec<_> = package.features.iter().filter(|it| *it != "mock").collect();
    // Where there is just one, with it means with all, which was checked before.
    let several = features.len() > 1;
    let line = |feature| format!("{} --features {feature}", bare(package));
    features.into_iter().filter(|_| several).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(features: &[&str]) -> Package {
        let features = features.iter().map(ToString::to_string).collect();
        let (is_published, is_library) = (true, true);
        Package { name: "p".into(), features, is_library, is_published, ..Package::default() }
    }

    #[test]
    fn each_feature_is_checked_alone_unless_that_is_with_all() {
        let alone = alone_of(&package(&["http", "mock", "sqlite"]));
        let bare = "cargo check --quiet --package p --no-default-features";
        assert_eq!(alone, ["http", "sqlite"].map(|it| format!("{bare} --features {it}")));
        assert!(alone_of(&package(&["http", "mock"])).is_empty());
    }

    #[test]
    fn what_is_not_published_or_has_no_features_is_left_alone() {
        let workspace = Workspace::find().unwrap();
        let names: Vec<_> = with_features(&workspace).map(|it| it.name.as_str()).collect();
        assert!(names.contains(&"mapek") && names.contains(&"mapek-eval"), "{names:?}");
        assert!(!names.contains(&"xtask") && !names.contains(&"mapek-testkit"), "{names:?}");
    }
}
