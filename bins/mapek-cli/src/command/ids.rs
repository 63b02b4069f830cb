//! Ids that follow from the input, so that a pipe of stages gives the same bytes each time.

use mapek::{Seed, SeededIds, model::ContentHash};
use serde::Serialize;

use crate::compose::BuildError;

/// The ids of what is made from `value`.
pub(super) fn of(value: &impl Serialize) -> Result<SeededIds, BuildError> {
    let hash = ContentHash::of_value(value).map_err(BuildError::of("the hash of the input"))?;
    let seed = hash.as_bytes().iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte));
    Ok(SeededIds::new(Seed(seed)))
}
