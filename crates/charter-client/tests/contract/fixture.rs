//! The request and answer pairs of `tests/fixtures/charter`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// One pair.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fixture {
    /// File name without extension.
    #[serde(skip)]
    pub(crate) name: String,
    pub(crate) call: Option<String>,
    pub(crate) given: String,
    pub(crate) request: Request,
    pub(crate) response: Response,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Option<Value>,
    pub(crate) body_text: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

/// All pairs, in order of name.
pub(crate) fn all() -> Vec<Fixture> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/charter");
    let mut fixtures: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| read(&path))
        .collect();
    fixtures.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(fixtures.len() > 50, "only {} fixtures in {directory:?}", fixtures.len());
    fixtures
}

fn read(path: &Path) -> Fixture {
    let text = fs::read_to_string(path).unwrap();
    let mut fixture: Fixture =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    fixture.name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    fixture
}
