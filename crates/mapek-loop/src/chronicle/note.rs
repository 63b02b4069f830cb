//! Notes: what a person was to be told, and for how long.

use std::{collections::VecDeque, sync::Arc};

use mapek_model::{CycleNumber, Timestamp};

use super::cut;
use crate::CycleReport;

/// Notes that are remembered.
const NOTES_MAX: usize = 300;
/// Notes that a cycle can add: one that has more to say repeats itself.
const NEW_MAX: usize = 8;

/// Something that a person was to be told, cycle after cycle, in the same words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Since when.
    pub from: Timestamp,
    /// By the newest cycle that said so.
    pub to: Timestamp,
    /// In which cycle first.
    pub cycle: CycleNumber,
    /// What.
    pub text: Arc<str>,
}

/// The notes of a chronicle, oldest first. A copy shares all of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes(Arc<VecDeque<Arc<Note>>>);

impl Notes {
    /// What a cycle says, where the one before it was at `before`.
    pub(super) fn take(&mut self, report: &CycleReport, before: Option<Timestamp>) {
        if report.escalations.is_empty() {
            return;
        }
        let notes = Arc::make_mut(&mut self.0);
        for text in report.escalations.iter().take(NEW_MAX).map(|text| cut(text)) {
            // One cycle can say the same twice.
            if notes.iter().any(|it| it.to == report.at && *it.text == *text) {
                continue;
            }
            let said = notes.iter().rposition(|it| Some(it.to) == before && *it.text == *text);
            match said.and_then(|place| notes.get_mut(place)) {
                Some(note) => Arc::make_mut(note).to = report.at,
                None => {
                    if notes.len() >= NOTES_MAX {
                        notes.pop_front();
                    }
                    let (from, to, cycle) = (report.at, report.at, report.number);
                    notes.push_back(Arc::new(Note { from, to, cycle, text: text.into() }));
                }
            }
        }
    }

    pub(super) fn forget(&mut self, before: Timestamp) {
        if self.0.front().is_some_and(|it| it.to < before) {
            Arc::make_mut(&mut self.0).retain(|it| it.to >= before);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Note>> {
        self.0.iter()
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|it| size_of::<Note>() + it.text.len()).sum()
    }
}
