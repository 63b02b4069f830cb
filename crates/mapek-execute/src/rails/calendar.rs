//! When there is nothing to be done, whatever is wrong.

mod window;

use mapek_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Context, Rail, Refusal};

pub use window::{Day, DayTime, InvalidWindow, OnceWindow, WeeklyWindow, WindowEffect, Zone};

/// Windows of time in which nothing is done, or the only ones in which anything is. What is observed, diagnosed and proposed
/// does not change.
///
/// ```
/// use mapek_execute::CalendarConfig;
///
/// let calendar: CalendarConfig = serde_json::from_str(r#"{"weekly": [{
///     "name": "the weekend", "days": ["saturday", "sunday"], "from": "00:00", "to": "24:00", "zone": "Europe/Berlin"
/// }]}"#)?;
/// assert!(calendar.closed_by("2026-07-04T12:00:00Z".parse()?).is_some());
/// assert!(calendar.closed_by("2026-07-06T12:00:00Z".parse()?).is_none());
/// assert!(calendar.closed_by("2026-07-03T22:00:00Z".parse()?).is_some(), "it is Saturday in Berlin");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CalendarConfig {
    /// Those that come again each week.
    pub weekly: Vec<WeeklyWindow>,
    /// Those that come once.
    pub once: Vec<OnceWindow>,
}

/// How many beginnings and ends of windows are looked at for the moment at which something may be done again: more than
/// there are in a week of any calendar that people can read.
const EDGES_MAX: usize = 128;

impl CalendarConfig {
    /// Why nothing may be done at a moment: a window forbids it, or it lies outside of all that allow it. Nothing if it may.
    #[must_use]
    pub fn closed_by(&self, at: Timestamp) -> Option<String> {
        let mut frozen = self.windows().filter(|it| it.effect() == WindowEffect::Freeze);
        if let Some(window) = frozen.find(|it| it.contains(at)) {
            return Some(format!("{:?} forbids it", window.name()));
        }
        let allowing: Vec<_> =
            self.windows().filter(|it| it.effect() == WindowEffect::Allow).collect();
        if allowing.is_empty() || allowing.iter().any(|it| it.contains(at)) {
            return None;
        }
        let names: Vec<_> = allowing.iter().map(|it| format!("{:?}", it.name())).collect();
        Some(format!("only {} allows it", names.join(" or ")))
    }

    /// When something may be done next; `None` if that is too far away to be told.
    #[must_use]
    pub fn opens_after(&self, at: Timestamp) -> Option<Timestamp> {
        let next = |at: &Timestamp| self.windows().filter_map(|it| it.edge_after(*at)).min();
        let mut edges = std::iter::successors(next(&at), next).take(EDGES_MAX);
        edges.find(|edge| self.closed_by(*edge).is_none())
    }

    fn windows(&self) -> impl Iterator<Item = window::Window<'_>> {
        let weekly = self.weekly.iter().map(window::Window::Weekly);
        weekly.chain(self.once.iter().map(window::Window::Once))
    }
}

/// Nothing is sent while the calendar forbids it. What was under way before stands still, and is undone once its plan has
/// expired.
#[derive(Debug)]
pub(super) struct Calendar(CalendarConfig);

impl Calendar {
    pub(super) const fn new(config: CalendarConfig) -> Self {
        Self(config)
    }
}

impl Rail for Calendar {
    fn check(&self, context: &Context<'_>) -> Result<(), Refusal> {
        self.0.closed_by(context.now).map_or(Ok(()), |why| {
            let unless = match self.0.opens_after(context.now) {
                Some(at) => format!("it is {at} or later"),
                None => "execute.rails.calendar is another".to_owned(),
            };
            Err(Refusal::new("calendar", why).unless(unless))
        })
    }
}

#[cfg(test)]
mod tests;
