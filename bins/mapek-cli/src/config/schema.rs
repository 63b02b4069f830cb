//! What a configuration file may hold, for editors.

use schemars::generate::SchemaSettings;

use super::Config;

/// The JSON Schema (draft 2020-12) of the file, from the types that read it. What depends on more than one value is not in it: `mapek check`
/// knows that.
pub(crate) fn schema() -> String {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>();
    let mut schema = schema.to_value();
    schema["title"] = "Configuration of mapek".into();
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    format!("{text}\n")
}

#[cfg(test)]
mod tests {
    use boon::{Compiler, Schemas};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        config::{COMMENTED, effective_json},
        yaml,
    };

    fn accepts(document: &Value) -> Result<(), String> {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let schema = serde_json::from_str(&schema()).unwrap();
        compiler.add_resource("https://mapek/config", schema).unwrap();
        let index = compiler.compile("https://mapek/config", &mut schemas).unwrap();
        schemas.validate(document, index).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_shipped_and_what_is_in_force_fits() {
        let commented: Config = yaml::parse(COMMENTED, "x").unwrap();
        accepts(&effective_json(&commented)).unwrap();
        accepts(&json!({})).unwrap();
        accepts(&json!({
            "orchestrator": {"loop_interval": 5},
            "monitor": {"queries": [{"name": "slow", "promql": "a > 1", "severity": "critical"}]},
            "plan": {"cost_model": {"SCALE_UP": 0.2}},
            "execute": {"rails": {"calendar": {"weekly": [
                {"name": "n", "days": ["monday"], "from": "22:00", "to": "06:00", "zone": "UTC"}
            ]}}},
        }))
        .unwrap();
    }

    #[test]
    fn what_is_refused_does_not_fit() {
        for bad in [
            json!({"plan": {"min_confidence": 1.5}}),
            json!({"plan": {"min_violations": 0}}),
            json!({"orchestrator": {"loop_intervall": 30}}),
            json!({"orchestrator": {"mode": "prod"}}),
            json!({"api": {"port": 70_000}}),
            json!({"execute": {"rails": {"calendar": {"once": [{"name": "x"}]}}}}),
            json!({"nothing": {}}),
        ] {
            accepts(&bad).unwrap_err();
        }
    }

    #[test]
    fn every_key_says_what_it_is_for() {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        let mut silent = Vec::new();
        let objects = schema["$defs"].as_object().unwrap().iter();
        for (name, object) in objects.map(|(name, it)| (name.as_str(), it)).chain([("", &schema)]) {
            for (key, property) in object["properties"].as_object().into_iter().flatten() {
                if property["description"].as_str().is_none_or(str::is_empty) {
                    silent.push(format!("{name}.{key}"));
                }
            }
        }
        assert!(silent.is_empty(), "{silent:?}");
    }
}
