//! What people asked to be left alone.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Fingerprint, Timestamp};

/// A silence that is in force, and what of the open episodes it covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Silence {
    /// What its source calls it.
    pub id: String,
    /// Who made it.
    pub by: String,
    /// Why.
    pub comment: String,
    /// When it ends.
    pub until: Timestamp,
    /// The open episodes that it covers.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub covers: BTreeSet<Fingerprint>,
    /// Whether it covers the loop itself, and so all that it would do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stops_all: bool,
}

/// What is known of silences in one cycle. They suppress what is done, never what is seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Silences {
    /// Those in force that cover anything, by id.
    pub active: Vec<Silence>,
    /// For how many cycles, this one included, they could not be read; 0 if they were just read. Those above are then
    /// the ones that were known before. The greatest number if they never could.
    #[serde(default)]
    pub unknown_for: u32,
}
