//! Small things that pages are made of. Colour never says anything alone: a word or an icon does, too.

use std::fmt::Display;

use mapek_model::{
    Direction, Duration, Ending, ExecutionStatus, Level, Phase, Severity, Sight, StepStatus,
    Timestamp, Verdict, since,
};
use maud::{Markup, html};

/// What a badge says by its colour, beside its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It is well.
    Good,
    /// Something is going on.
    Busy,
    /// Somebody should look.
    Warn,
    /// It is not well.
    Bad,
    /// Nothing to look at.
    Quiet,
}

impl Tone {
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Busy => "busy",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Quiet => "dim",
        }
    }

    const fn icon(self) -> Icon {
        match self {
            Self::Good => Icon::Check,
            Self::Busy => Icon::Clock,
            Self::Warn => Icon::Warn,
            Self::Bad => Icon::Cross,
            Self::Quiet => Icon::Dot,
        }
    }
}

/// Strokes in a square of 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Icon {
    Check,
    Cross,
    Warn,
    Clock,
    Dot,
    Pause,
    Play,
    Up,
    Down,
    Level,
    Theme,
    Help,
}

pub(super) fn icon(icon: Icon) -> Markup {
    let strokes = match icon {
        Icon::Check => "M3 8.5l3.4 3.4L13 4.6",
        Icon::Cross => "M4 4l8 8M12 4l-8 8",
        Icon::Warn => "M8 2.2l6.3 11.3H1.7zM8 6.4v3.2M8 11.6v.1",
        Icon::Clock => "M8 1.8a6.2 6.2 0 1 0 .01 0zM8 4.6V8l2.4 1.5",
        Icon::Dot => "M8 6.2a1.8 1.8 0 1 0 .01 0z",
        Icon::Pause => "M5.5 3v10M10.5 3v10",
        Icon::Play => "M4.5 2.8L13 8l-8.5 5.2z",
        Icon::Up => "M8 13V3.5M4 7.2l4-4 4 4",
        Icon::Down => "M8 3v9.5M4 8.8l4 4 4-4",
        Icon::Level => "M3 8h9.5M8.8 4l4 4-4 4",
        Icon::Theme => "M8 1.8a6.2 6.2 0 1 0 .01 0zM8 1.8v12.4M8 4a4 4 0 0 1 0 8",
        Icon::Help => {
            "M8 1.8a6.2 6.2 0 1 0 .01 0zM6.1 6.2a1.9 1.9 0 1 1 2.7 1.7c-.6.3-.8.6-.8 1.3M8 11.4v.1"
        }
    };
    html! { svg.icon viewBox="0 0 16 16" aria-hidden="true" { path d=(strokes) {} } }
}

/// A word with its colour and its icon.
pub(super) fn badge(tone: Tone, word: impl Display) -> Markup {
    html! { span class={ "badge " (tone.class()) } { (icon(tone.icon())) (word.to_string()) } }
}

pub(super) fn severity(severity: Severity) -> Markup {
    badge(
        match severity {
            Severity::Critical => Tone::Bad,
            Severity::Warning => Tone::Warn,
            Severity::Info => Tone::Quiet,
        },
        severity,
    )
}

pub(super) fn level(level: Level) -> Markup {
    badge(
        match level {
            Level::Fresh => Tone::Good,
            Level::Partial | Level::Stale => Tone::Warn,
            Level::Unknown => Tone::Bad,
        },
        level,
    )
}

pub(super) fn verdict(verdict: Verdict) -> Markup {
    badge(
        match verdict {
            Verdict::Success => Tone::Good,
            Verdict::Partial | Verdict::Ineffective => Tone::Warn,
            Verdict::Degradation => Tone::Bad,
            Verdict::Unknown => Tone::Quiet,
        },
        verdict,
    )
}

pub(super) fn sight(sight: Sight) -> Markup {
    badge(
        match sight {
            Sight::Healed => Tone::Good,
            Sight::Better => Tone::Busy,
            Sight::Same => Tone::Quiet,
            Sight::Worse => Tone::Bad,
        },
        sight.as_str(),
    )
}

/// What an execution is at.
pub(super) fn phase(status: &ExecutionStatus) -> Markup {
    let (tone, word) = match status.phase() {
        Phase::Running => (Tone::Busy, "running"),
        Phase::Verifying => (Tone::Busy, "verifying"),
        Phase::Judged { .. } => (Tone::Busy, "judged"),
        Phase::Holding { .. } => (Tone::Busy, "holding"),
        Phase::Undoing { .. } => (Tone::Warn, "undoing"),
        Phase::Ended { ending } => match ending {
            Ending::Completed => (Tone::Good, "completed"),
            Ending::Undone => (Tone::Warn, "undone"),
            Ending::FailedClean => (Tone::Warn, "failed, nothing took effect"),
            Ending::NeedsOperator => (Tone::Bad, "needs an operator"),
        },
        Phase::Closed => (Tone::Quiet, "closed by a person"),
    };
    badge(tone, word)
}

pub(super) fn step(status: StepStatus) -> Markup {
    let (tone, word) = match status {
        StepStatus::Waiting => (Tone::Quiet, "waits"),
        StepStatus::Intended => (Tone::Busy, "sent"),
        StepStatus::Unclear => (Tone::Bad, "unclear"),
        StepStatus::Refused => (Tone::Bad, "refused"),
        StepStatus::Skipped => (Tone::Warn, "skipped"),
        StepStatus::Applied => (Tone::Good, "in effect"),
        StepStatus::UndoIntended => (Tone::Busy, "undo sent"),
        StepStatus::UndoUnclear => (Tone::Bad, "undo unclear"),
        StepStatus::UndoRefused => (Tone::Bad, "undo refused"),
        StepStatus::Undone => (Tone::Warn, "undone"),
    };
    badge(tone, word)
}

pub(super) fn direction(direction: Direction) -> Markup {
    let (which, word) = match direction {
        Direction::Rising => (Icon::Up, "rising"),
        Direction::Steady => (Icon::Level, "steady"),
        Direction::Falling => (Icon::Down, "falling"),
    };
    html! { span.trend { (icon(which)) (word) } }
}

/// A share from 0 to 1 as a bar with its number.
pub(super) fn bar(share: f64) -> Markup {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    html! {
        span.share {
            svg.bar viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" {
                rect.trough width="100" height="6" rx="2" {}
                rect.fill width=(number(100.0 * share)) height="6" rx="2" {}
            }
            span.number { (percent(share)) }
        }
    }
}

/// `80 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// At most four digits that say something.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let size = value.abs();
    let digits = match size {
        _ if size == 0.0 => 0,
        _ if size >= 1000.0 => 0,
        _ if size >= 100.0 => 1,
        _ if size >= 1.0 => 2,
        _ if size >= 0.001 => 4,
        _ => return format!("{value:.2e}"),
    };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// How long, in one or two units.
pub(super) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let two = |big: u64, unit: &str, small: u64, sub: &str| match small {
        0 => format!("{big} {unit}"),
        small => format!("{big} {unit} {small} {sub}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", if seconds < 600 { seconds % 60 } else { 0 }, "s"),
        3600..172_800 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A moment, by its distance from now; the moment itself is in the tooltip, and for machines.
pub(super) fn when(at: Timestamp, now: Timestamp) -> Markup {
    let text = if at > now {
        format!("in {}", span(since(at, now)))
    } else {
        format!("{} ago", span(since(now, at)))
    };
    html! { time datetime=(at) title=(moment(at)) data-relative { (text) } }
}

/// A moment, as it is.
pub(super) fn exactly(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (moment(at)) } }
}

/// The time of day alone, where the day goes without saying.
pub(super) fn clock(at: Timestamp) -> Markup {
    html! { time datetime=(at) title=(moment(at)) { (at.strftime("%H:%M:%S").to_string()) } }
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The beginning of an id or a hash, which is enough to recognise it; all of it is in the tooltip.
pub(super) fn short(id: impl Display) -> Markup {
    let whole = id.to_string();
    // What is random in an id of ours is at its end.
    let brief: String = match whole.rsplit_once('-') {
        Some((_, end)) => end.chars().take(12).collect(),
        None => whole.chars().take(12).collect(),
    };
    html! { code title=(whole) { (brief) } }
}

/// What there is nothing of.
pub(super) fn nothing(text: &str) -> Markup {
    html! { p.nothing { (text) } }
}

/// A table that may be wider than its place: then it scrolls in a box of its own, with the keys, too.
pub(super) fn scroll(name: &str, table: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="group" aria-label=(name) { (table) } }
}

/// `1 plan`, `2 plans`.
pub(super) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1.437, "1.44"),
            (123.46, "123.5"),
            (12_345.6, "12346"),
            (-0.25, "-0.25"),
            (0.000_012, "1.20e-5"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn spans_are_in_units_that_people_use() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (754, "12 min"),
            (3600, "1 h"),
            (7260, "2 h 1 min"),
            (200_000, "2 d"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_moment_is_before_or_after_now() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let text = |it: Markup| it.into_string();
        assert!(text(when(at(0), at(90))).contains(">1 min 30 s ago<"));
        assert!(text(when(at(90), at(0))).contains(">in 1 min 30 s<"));
        assert!(text(when(at(0), at(90))).contains("title=\"1970-01-01 00:00:00 UTC\""));
    }

    #[test]
    fn a_bar_stays_within_its_trough() {
        for share in [-1.0, 2.0, f64::NAN, f64::INFINITY] {
            let text = bar(share).into_string();
            assert!(
                !text.contains("NaN") && !text.contains("inf") && !text.contains("\"-"),
                "{text}"
            );
        }
    }
}
