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
    use super::*;
    use crate::config::{Secret, load::parse};

    /// All keys, those of items in lists, too.
    fn keys() -> Vec<String> {
        let all = effective_yaml(&Config::default());
        let named = all.lines().filter_map(|line| line.split_once(':'));
        named.map(|(key, _)| key.trim_start_matches([' ', '-']).to_owned()).collect()
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
            assert!(commented.contains(&format!("{key}:")), "{key} is missing");
        }
    }

    #[test]
    fn the_reference_names_every_key() {
        let reference = include_str!("../../../../docs/configuration.md");
        for key in keys() {
            assert!(reference.contains(&format!("`{key}`")), "{key} is missing");
        }
    }
}
