//! Marks on the axis of time: what was done, and when.

use mapek_model::Timestamp;
use maud::{Markup, html};

use super::Across;

/// What a mark says by its shape, beside its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It began.
    Start,
    /// A step took effect.
    Step,
    /// A step was undone.
    Undo,
    /// A step did not work.
    Trouble,
    /// Its effect is known.
    Judged,
    /// It ended.
    End,
}

impl Kind {
    const fn class(self) -> &'static str {
        match self {
            Self::Start => "mark start",
            Self::Step => "mark step",
            Self::Undo => "mark undo",
            Self::Trouble => "mark trouble",
            Self::Judged => "mark judged",
            Self::End => "mark end",
        }
    }

    /// Around the place that it marks.
    const fn shape(self) -> &'static str {
        match self {
            Self::Start => "M-3.5 -5L5.5 0L-3.5 5Z",
            Self::Step => "M0 -5.5L5 0L0 5.5L-5 0Z",
            Self::Undo => "M3.5 -5L-5.5 0L3.5 5Z",
            Self::Trouble => "M-4 -4L4 4M4 -4L-4 4",
            Self::Judged => "M0 -4.5A4.5 4.5 0 1 1 -.1 -4.5Z",
            Self::End => "M-4 -4H4V4H-4Z",
        }
    }
}

/// Something at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) at: Timestamp,
    pub(crate) kind: Kind,
    /// In words.
    pub(crate) text: String,
}

/// The marks within a span, at this height; with a line down to `foot` if there is one.
pub(crate) fn markers(marks: &[Mark], across: Across, height: f64, foot: Option<f64>) -> Markup {
    html! {
        @for mark in marks.iter().filter(|mark| across.contains(mark.at)) {
            // A drawing of its own is put where it belongs, and not stretched.
            svg x=(across.percent(mark.at)) y=(height) overflow="visible" role="img" class=(mark.kind.class()) {
                title { (mark.text) }
                @if let Some(foot) = foot { line.stem x1="0" x2="0" y1="0" y2=(foot - height) {} }
                path d=(mark.kind.shape()) {}
            }
        }
    }
}
