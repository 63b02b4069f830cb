//! The effective configuration, as people read it.

use super::sections::Config;

/// The configuration as YAML, secrets masked.
pub(crate) fn effective_yaml(config: &Config) -> String {
    serde_saphyr::to_string(config).unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Secret, load::parse};

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
        let commented = include_str!("../../../../config/mape_k_config.yaml");
        let parsed = parse(commented, "config/mape_k_config.yaml").unwrap();
        assert_eq!(effective_yaml(&parsed), effective_yaml(&Config::default()));
        for line in effective_yaml(&Config::default()).lines() {
            let key = line.split(':').next().unwrap_or_default();
            // Items of lists are no keys.
            if key.trim_start().starts_with('-') {
                continue;
            }
            assert!(commented.contains(key), "{key} is missing");
        }
    }

    #[test]
    fn the_reference_names_every_key() {
        let reference = include_str!("../../../../docs/configuration.md");
        for line in effective_yaml(&Config::default()).lines() {
            let key = line.split(':').next().unwrap_or_default().trim();
            if key.starts_with('-') {
                continue;
            }
            assert!(reference.contains(&format!("`{key}`")), "{key} is missing");
        }
    }
}
