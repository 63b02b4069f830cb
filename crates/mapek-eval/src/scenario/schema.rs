//! What a scenario file may hold, for editors and other programs.

use super::Scenario;

/// The JSON Schema (draft 2020-12) of a scenario file. What numbers may be together is not in it: [`Scenario::flaws`] says.
#[must_use]
pub fn scenario_schema() -> schemars::Schema {
    schemars::generate::SchemaSettings::draft2020_12()
        .with_transform(schemars::transform::RecursiveTransform(leave_out_examples))
        .into_generator()
        .into_root_schema_for::<Scenario>()
}

/// Examples in descriptions are Rust, which is of no use to who writes YAML.
fn leave_out_examples(schema: &mut schemars::Schema) {
    let Some(serde_json::Value::String(text)) = schema.get("description") else { return };
    if let Some((before, _)) = text.split_once("\n\n```") {
        let before = before.to_owned();
        schema.insert("description".to_owned(), before.into());
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use serde_json::Value;

    use super::*;

    fn docs(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
    }

    #[test]
    fn the_schema_in_the_docs_is_current() {
        let path = docs("scenario.schema.json");
        let wanted = serde_json::to_string_pretty(&scenario_schema()).unwrap() + "\n";
        if std::env::var_os("MAPEK_WRITE_SCHEMA").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        let remedy = "run this test with MAPEK_WRITE_SCHEMA=1 to write it";
        assert!(written == wanted, "{} is not current: {remedy}", path.display());
    }

    /// All names of properties, and all words that a value may be.
    fn words(schema: &Value, into: &mut BTreeSet<String>) {
        let object = match schema {
            Value::Array(all) => return all.iter().for_each(|it| words(it, into)),
            Value::Object(object) => object,
            _ => return,
        };
        if let Some(Value::Object(properties)) = object.get("properties") {
            into.extend(properties.keys().cloned());
        }
        let fixed = object.get("const").into_iter();
        let listed = object.get("enum").and_then(Value::as_array).into_iter().flatten();
        into.extend(fixed.chain(listed).filter_map(Value::as_str).map(str::to_owned));
        for (name, inner) in object {
            match inner {
                Value::Object(named) if ["properties", "$defs"].contains(&name.as_str()) => {
                    named.values().for_each(|it| words(it, into));
                }
                _ if name == "default" => {}
                inner => words(inner, into),
            }
        }
    }

    #[test]
    fn the_docs_explain_every_key_and_every_word() {
        let mut all = BTreeSet::new();
        words(&serde_json::to_value(scenario_schema()).unwrap(), &mut all);
        assert!(all.contains("warm_up") && all.contains("flapping-alert"), "{all:?}");
        let text = std::fs::read_to_string(docs("evaluation.md")).unwrap();
        let told: BTreeSet<&str> = text.split('`').collect();
        let untold: Vec<_> = all.iter().filter(|word| !told.contains(word.as_str())).collect();
        assert!(untold.is_empty(), "docs/evaluation.md does not explain {untold:?}");
    }
}
