//! The effective configuration, as people read it.

use super::sections::Config;

/// A file with every key at its default, and what each is for.
pub(crate) const COMMENTED: &str = include_str!("../../../../config/mape_k_config.yaml");

/// The configuration as JSON, secrets masked.
pub(crate) fn effective_json(config: &Config) -> serde_json::Value {
    serde_json::to_value(config).unwrap_or_default()
}

/// The configuration as YAML, secrets masked.
pub(crate) fn effective_yaml(config: &Config) -> String {
    serde_saphyr::to_string(config).unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::{Secret, load::parse, schema};

    /// All keys, those of items in lists, too.
    fn keys() -> BTreeSet<String> {
        let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
        let objects = schema["$defs"].as_object().unwrap().values().chain([&schema]);
        let mut keys = BTreeSet::new();
        for object in objects.flat_map(alternatives) {
            keys.extend(object["properties"].as_object().into_iter().flat_map(|it| it.keys()));
        }
        keys.into_iter().cloned().collect()
    }

    /// An object of a schema, and those that may stand in its place.
    fn alternatives(object: &serde_json::Value) -> Vec<&serde_json::Value> {
        let others = object["oneOf"].as_array().into_iter().flatten();
        std::iter::once(object).chain(others).collect()
    }

    /// Whether a text has a word, and not as a part of another.
    fn has(text: &str, word: &str) -> bool {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|it| it == word)
    }

    #[test]
    fn keys_are_those_of_lists_too() {
        let keys = keys();
        assert!(keys.len() > 140, "{}", keys.len());
        for key in ["mode", "promql", "min_components", "url_file", "zone", "expires", "uri"] {
            assert!(keys.contains(key), "{key}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read_back_and_hides_secrets() {
        let mut config = Config::default();
        config.execute.charter_api_key = Some(Secret::new("hunter2"));
        let text = effective_yaml(&config);
        assert!(!text.contains("hunter2"), "{text}");
        let back = parse(&text, "effective").unwrap();
        assert_eq!(effective_yaml(&back), text);
    }

    #[test]
    fn the_commented_file_holds_every_key_at_its_default() {
        let commented = COMMENTED;
        let parsed = parse(commented, "config/mape_k_config.yaml").unwrap();
        assert_eq!(effective_yaml(&parsed), effective_yaml(&Config::default()));
        for key in keys() {
            assert!(has(commented, &key), "{key} is missing");
        }
    }

    #[test]
    fn the_reference_names_every_key() {
        let reference = include_str!("../../../../docs/configuration.md");
        for key in keys() {
            let said = [format!("`{key}`"), format!("`{key}: ")];
            assert!(said.iter().any(|it| reference.contains(it)), "{key} is missing");
        }
    }
}
