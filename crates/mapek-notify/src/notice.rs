//! What is sent.

use std::collections::BTreeMap;

use mapek_model::{ContentHash, Severity, TargetId, Timestamp};
use serde::Serialize;

use crate::{Condition, Kind};

/// Where what a notice is about stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Phase {
    /// It is so now.
    Began,
    /// It still is so.
    Lasts,
    /// It is so no more.
    Ended,
    /// It happened, and that is all.
    Happened,
}

impl Phase {
    /// The word that JSON uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Lasts => "lasts",
            Self::Ended => "ended",
            Self::Happened => "happened",
        }
    }
}

/// One message, as a webhook gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Notice {
    /// The version of this form: 1. Fields may be added to it.
    pub version: u8,
    /// The same in each try to send this message: 32 hexadecimal digits.
    pub id: String,
    /// The managed system.
    pub target: TargetId,
    /// What it is about.
    pub kind: Kind,
    /// Where that stands.
    pub phase: Phase,
    /// How bad it is.
    pub severity: Severity,
    /// What tells it from others of its kind; with `target` and `kind` the key of an incident.
    pub subject: String,
    /// In half a line.
    pub title: String,
    /// In a paragraph: what is so, and what to do about it.
    pub text: String,
    /// Names and values: `execution`, `plan`, `hash`, `cause`, `why` and others, as they apply.
    pub facts: BTreeMap<String, String>,
    /// Since when it is so, or when it happened; null if nobody can tell.
    pub since: Option<Timestamp>,
    /// When this message was made.
    pub at: Timestamp,
    /// How many others of this kind and phase were held back, and are told with this message.
    pub held_back: u64,
    /// The titles of the first of them.
    pub others: Vec<String>,
    /// Where more can be seen; null unless one is configured.
    pub link: Option<String>,
}

/// Titles of others that one message names; their number is told in any case.
pub(crate) const OTHERS_MAX: usize = 10;

impl Notice {
    /// That a condition is so, or was.
    pub(crate) fn of(
        condition: &Condition,
        phase: Phase,
        target: &TargetId,
        at: Timestamp,
    ) -> Self {
        let facts = condition.facts.iter();
        let mut notice = Self {
            version: 1,
            id: String::new(),
            target: target.clone(),
            kind: condition.kind,
            phase,
            severity: condition.severity,
            subject: condition.subject.clone(),
            title: condition.title.clone(),
            text: condition.text.clone(),
            facts: facts.map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            since: condition.since,
            at,
            held_back: 0,
            others: Vec::new(),
            link: None,
        };
        notice.id = notice.identity();
        notice
    }

    /// What makes this message this one.
    fn identity(&self) -> String {
        let parts = [
            self.target.as_str(),
            self.kind.as_str(),
            self.phase.as_str(),
            &self.subject,
            &self.at.to_string(),
        ];
        ContentHash::of(parts.join("\n").as_bytes()).to_string().chars().take(32).collect()
    }
}
