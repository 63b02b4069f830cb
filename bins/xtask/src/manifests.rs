//! Writes what is made from something else in `deploy`: the chart's copies of rules and routes, what its schema takes from that of the
//! configuration, and the plain manifests, which are what the chart renders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Error;
use crate::setup;
use crate::shell::Cmd;
use crate::workspace::Workspace;

/// The chart.
const CHART: &str = "deploy/helm/mape-k";
/// What a chart must have in its own directory, and whose copy it is.
const COPIES: [(&str, &str); 3] = [
    ("charter.rules.yml", "deploy/prometheus/rules/charter.rules.yml"),
    ("mape-k.rules.yml", "deploy/prometheus/rules/mape-k.rules.yml"),
    ("alertmanager.yml", "deploy/alertmanager/alertmanager.yml"),
];
/// The plain manifests, and with which values of the chart they are rendered.
const RENDERED: [(&str, &[&str]); 2] = [
    ("deploy/kubernetes/base", &[]),
    ("deploy/kubernetes/production", &["--values", "deploy/helm/mape-k/values-production.yaml"]),
];
/// Where plain manifests live, as the chart's release does by default.
const NAMESPACE: &str = "mape-k";
const HEAD: &str = "# Made from deploy/helm/mape-k by `cargo xtask manifests`.\n";

/// Files by their path from the root.
type Files = BTreeMap<PathBuf, String>;

pub(crate) fn run(workspace: &Workspace) -> Result<(), Error> {
    setup::for_tests(workspace)?;
    // The chart first: the manifests are rendered from what is on the disk.
    write(workspace, &sources(&workspace.root)?)?;
    for (directory, values) in RENDERED {
        let path = workspace.root.join(directory);
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(|error| failed("remove", &path, &error))?;
        }
        write(workspace, &rendered(workspace, directory, values)?)?;
    }
    Ok(())
}

fn write(workspace: &Workspace, files: &Files) -> Result<(), Error> {
    for (path, text) in files {
        let path = workspace.root.join(path);
        let parent = path.parent().unwrap_or(&workspace.root);
        std::fs::create_dir_all(parent).map_err(|error| failed("make", parent, &error))?;
        std::fs::write(&path, text).map_err(|error| failed("write", &path, &error))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// What the chart takes from elsewhere in the repository.
fn sources(root: &Path) -> Result<Files, Error> {
    let chart = Path::new(CHART);
    let mut files = Files::new();
    for (name, from) in COPIES {
        files.insert(chart.join("files").join(name), read(&root.join(from))?);
    }
    let schema = json(&root.join(CHART).join("values.schema.json"))?;
    let configuration = json(&root.join("docs/configuration.schema.json"))?;
    let schema = serde_json::to_string_pretty(&with_configuration(schema, &configuration))
        .map_err(|error| Error::other(format!("the chart's schema: {error}")))?;
    files.insert(chart.join("values.schema.json"), schema + "\n");
    Ok(files)
}

/// The chart's schema, that knows every key of the loop's configuration.
fn with_configuration(mut schema: Value, configuration: &Value) -> Value {
    schema["$defs"] = configuration["$defs"].clone();
    schema["properties"]["config"]["properties"] = configuration["properties"].clone();
    schema
}

/// What the chart renders: a file for each template, and what kustomize reads.
fn rendered(workspace: &Workspace, directory: &str, values: &[&str]) -> Result<Files, Error> {
    let helm = Cmd::program(&setup::python_tool(workspace, "helm")).dir(&workspace.root);
    let words = ["template", NAMESPACE, CHART, "--namespace", NAMESPACE];
    let text = words.iter().chain(values).copied().fold(helm, Cmd::arg).read()?;
    let mut manifests = by_template(&text);
    manifests.insert("namespace.yaml".to_owned(), namespace());
    let names: String = manifests.keys().map(|name| format!("  - {name}\n")).collect();
    let kustomization = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: {NAMESPACE}\nresources:\n{names}"
    );
    manifests.insert("kustomization.yaml".to_owned(), kustomization);
    let files = manifests.into_iter();
    Ok(files
        .map(|(name, text)| (Path::new(directory).join(name), format!("{HEAD}{text}")))
        .collect())
}

/// The documents that helm printed, by the file name of their template.
fn by_template(text: &str) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for document in text.split("---\n# Source: ").skip(1) {
        let (source, body) = document.split_once('\n').unwrap_or((document, ""));
        let name = source.rsplit('/').next().unwrap_or(source).to_owned();
        let file = files.entry(name).or_default();
        if !file.is_empty() {
            file.push_str("---\n");
        }
        file.push_str(body.trim_end());
        file.push('\n');
    }
    files
}

/// A chart does not make the namespace that it is installed into.
fn namespace() -> String {
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {NAMESPACE}\n  labels:\n    pod-security.kubernetes.io/enforce: restricted\n"
    )
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| failed("read", path, &error))
}

fn json(path: &Path) -> Result<Value, Error> {
    let read = serde_json::from_str(&read(path)?);
    read.map_err(|error| Error::other(format!("{}: {error}", path.display())))
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::other(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_on_disk(root: &Path, files: &Files) {
        for (path, text) in files {
            let kept = read(&root.join(path)).unwrap_or_default();
            assert!(kept == *text, "{} is out of date: cargo xtask manifests", path.display());
        }
    }

    #[test]
    fn the_chart_has_the_rules_the_routes_and_the_schema_of_the_repository() {
        let root = Workspace::find().unwrap().root;
        let files = sources(&root).unwrap();
        assert_eq!(files.len(), 4);
        is_on_disk(&root, &files);
    }

    #[test]
    fn the_plain_manifests_are_what_the_chart_renders() {
        let workspace = Workspace::find().unwrap();
        for (directory, values) in RENDERED {
            let files = rendered(&workspace, directory, values).unwrap();
            is_on_disk(&workspace.root, &files);
            let listed = std::fs::read_dir(workspace.root.join(directory)).unwrap();
            assert_eq!(listed.count(), files.len(), "{directory} has files that nothing renders");
        }
    }

    #[test]
    fn documents_of_one_template_go_into_one_file() {
        let text = "---\n# Source: c/templates/a.yaml\nkind: A\n---\n# Source: c/templates/b.yaml\nkind: B\n\n\
                    ---\n# Source: c/templates/a.yaml\nkind: C\n";
        let files = by_template(text);
        assert_eq!(files["a.yaml"], "kind: A\n---\nkind: C\n");
        assert_eq!(files["b.yaml"], "kind: B\n");
    }

    #[test]
    fn the_schema_takes_what_the_configuration_has() {
        let schema =
            serde_json::json!({"$defs": {"Old": {}}, "properties": {"config": {"a": 1}, "b": {}}});
        let configuration =
            serde_json::json!({"$defs": {"New": {}}, "properties": {"api": {}}, "title": "x"});
        let expected = serde_json::json!({
            "$defs": {"New": {}}, "properties": {"config": {"a": 1, "properties": {"api": {}}}, "b": {}}
        });
        assert_eq!(with_configuration(schema, &configuration), expected);
    }
}
