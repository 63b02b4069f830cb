//! Families of patterns.

use std::collections::BTreeMap;

pub use mapek_model::Pattern;

/// Puts the members of families in the places of their names: a pattern `@family` stands for all of them.
pub(super) fn expand(
    patterns: &mut Vec<Pattern>,
    families: &BTreeMap<String, Vec<Pattern>>,
) -> Result<(), String> {
    let mut expanded = Vec::with_capacity(patterns.len());
    for pattern in patterns.drain(..) {
        match pattern.as_str().strip_prefix('@') {
            Some(name) => expanded.extend_from_slice(
                families.get(name).ok_or_else(|| format!("there is no family {name:?}"))?,
            ),
            None => expanded.push(pattern),
        }
    }
    *patterns = expanded;
    Ok(())
}
