//! One window of a calendar, and the moments at which it begins and ends.
//!
//! Times of day that a change of clocks skips or repeats are two moments. A window that forbids begins at the first of them and ends at the
//! last, one that allows begins at the last and ends at the first: in the hour in which nobody can tell, nothing is done.

use std::{collections::BTreeSet, fmt, str::FromStr};

use jiff::{
    civil::{Date, DateTime, Weekday},
    fmt::temporal::DateTimeParser,
    tz::{TimeZone, TimeZoneDatabase},
};
use mapek_model::Timestamp;
use serde::{Deserialize, Serialize};

/// What a window means for what is to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WindowEffect {
    /// Nothing is done within it.
    #[default]
    Freeze,
    /// Nothing is done outside of it, and of all others that allow.
    Allow,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the days of the week are known")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl From<Weekday> for Day {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Monday => Self::Monday,
            Weekday::Tuesday => Self::Tuesday,
            Weekday::Wednesday => Self::Wednesday,
            Weekday::Thursday => Self::Thursday,
            Weekday::Friday => Self::Friday,
            Weekday::Saturday => Self::Saturday,
            Weekday::Sunday => Self::Sunday,
        }
    }
}

/// A window, its times, its days or its zone make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}: {reason}")]
#[non_exhaustive]
pub struct InvalidWindow {
    /// What it should have been.
    pub what: &'static str,
    /// What it was.
    pub text: String,
    /// Why it is none.
    pub reason: String,
}

impl InvalidWindow {
    fn new(what: &'static str, text: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { what, text: text.into(), reason: reason.to_string() }
    }
}

/// A time of day, to the minute, from `00:00` to `24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "String"))]
#[serde(try_from = "String", into = "String")]
pub struct DayTime {
    minutes: u16,
}

impl DayTime {
    const MIDNIGHT: u16 = 24 * 60;

    /// When that is on a day, by the clocks there.
    fn on(self, day: Date) -> Option<DateTime> {
        if self.minutes == Self::MIDNIGHT {
            return Some(day.tomorrow().ok()?.at(0, 0, 0, 0));
        }
        let part = |number: u16| i8::try_from(number).ok();
        Some(day.at(part(self.minutes / 60)?, part(self.minutes % 60)?, 0, 0))
    }
}

impl FromStr for DayTime {
    type Err = InvalidWindow;

    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        let two = |text: &str| -> Option<u16> {
            let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| digits)
        };
        let (hours, minutes) = text.split_once(':').unwrap_or_default();
        let found = two(hours).zip(two(minutes)).filter(|(_, minutes)| *minutes < 60);
        let found = found.map(|(hours, minutes)| hours * 60 + minutes);
        found.filter(|minutes| *minutes <= Self::MIDNIGHT).map_or_else(
            || Err(InvalidWindow::new("time of day", text, "write it as 09:30, up to 24:00")),
            |minutes| Ok(Self { minutes }),
        )
    }
}

impl TryFrom<String> for DayTime {
    type Error = InvalidWindow;

    fn try_from(text: String) -> Result<Self, InvalidWindow> {
        text.parse()
    }
}

impl From<DayTime> for String {
    fn from(time: DayTime) -> Self {
        format!("{:02}:{:02}", time.minutes / 60, time.minutes % 60)
    }
}

/// A time zone: a name of the IANA database (`Europe/Berlin`), or an offset (`+02:00`, `Z`). The database is the one that this program was
/// built with, so that a replay elsewhere means the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "String"))]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl FromStr for Zone {
    type Err = InvalidWindow;

    fn from_str(name: &str) -> Result<Self, InvalidWindow> {
        let known = TimeZoneDatabase::bundled();
        let zone = DateTimeParser::new()
            .parse_time_zone_with(&known, name)
            .map_err(|error| InvalidWindow::new("time zone", name, error))?;
        if zone.iana_name().is_none() && zone.to_fixed_offset().is_err() {
            // POSIX counts its offsets the other way round.
            let reason = "write a name such as Europe/Berlin, or an offset such as +02:00";
            return Err(InvalidWindow::new("time zone", name, reason));
        }
        Ok(Self { name: name.to_owned(), zone })
    }
}

impl TryFrom<String> for Zone {
    type Error = InvalidWindow;

    fn try_from(name: String) -> Result<Self, InvalidWindow> {
        name.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

/// A window that comes again each week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "RawWeekly"))]
#[serde(try_from = "RawWeekly")]
pub struct WeeklyWindow {
    name: String,
    days: BTreeSet<Day>,
    from: DayTime,
    to: DayTime,
    zone: Zone,
    effect: WindowEffect,
}

/// As it is written.
#[derive(Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(rename = "WeeklyWindow"))]
#[serde(deny_unknown_fields)]
struct RawWeekly {
    /// What it is called where it holds something back.
    name: String,
    /// The days on which it begins.
    days: BTreeSet<Day>,
    /// When it begins.
    from: DayTime,
    /// When it ends; on the next day if that is not after `from`.
    to: DayTime,
    /// Whose clocks these are.
    zone: Zone,
    /// What it means.
    #[serde(default)]
    effect: WindowEffect,
}

impl TryFrom<RawWeekly> for WeeklyWindow {
    type Error = InvalidWindow;

    fn try_from(raw: RawWeekly) -> Result<Self, InvalidWindow> {
        let RawWeekly { name, days, from, to, zone, effect } = raw;
        if days.is_empty() {
            return Err(InvalidWindow::new("weekly window", name, "it has no days"));
        }
        Ok(Self { name, days, from, to, zone, effect })
    }
}

impl WeeklyWindow {
    /// From when until when it is there, if it begins on this day. One that ends no later than it begins ends on the next day.
    fn beginning_on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days.contains(&Day::from(day.weekday())) {
            return None;
        }
        let last = if self.to <= self.from { day.tomorrow().ok()? } else { day };
        let moment = |time: DateTime| self.zone.zone.to_ambiguous_timestamp(time);
        let (from, to) = (moment(self.from.on(day)?), moment(self.to.on(last)?));
        match self.effect {
            WindowEffect::Freeze => Some((from.earlier().ok()?, to.later().ok()?)),
            WindowEffect::Allow => Some((from.later().ok()?, to.earlier().ok()?)),
        }
    }

    /// All that can be there at `at`, and those that begin within a week of it.
    fn around(&self, at: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = self.zone.zone.to_datetime(at).date();
        let first = today.yesterday().and_then(Date::yesterday).unwrap_or(today);
        let days = std::iter::successors(Some(first), |day| day.tomorrow().ok()).take(2 + 9);
        days.filter_map(|day| self.beginning_on(day))
    }
}

/// A window that comes once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "RawOnce"))]
#[serde(try_from = "RawOnce")]
pub struct OnceWindow {
    name: String,
    from: Timestamp,
    to: Timestamp,
    effect: WindowEffect,
}

/// As it is written.
#[derive(Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(rename = "OnceWindow"))]
#[serde(deny_unknown_fields)]
struct RawOnce {
    /// What it is called where it holds something back.
    name: String,
    /// When it begins.
    from: Timestamp,
    /// When it ends.
    to: Timestamp,
    /// What it means.
    #[serde(default)]
    effect: WindowEffect,
}

impl TryFrom<RawOnce> for OnceWindow {
    type Error = InvalidWindow;

    fn try_from(raw: RawOnce) -> Result<Self, InvalidWindow> {
        let RawOnce { name, from, to, effect } = raw;
        if to <= from {
            return Err(InvalidWindow::new("window", name, "it ends before it begins"));
        }
        Ok(Self { name, from, to, effect })
    }
}

/// Either.
#[derive(Clone, Copy)]
pub(super) enum Window<'a> {
    Weekly(&'a WeeklyWindow),
    Once(&'a OnceWindow),
}

impl Window<'_> {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Weekly(window) => &window.name,
            Self::Once(window) => &window.name,
        }
    }

    pub(super) const fn effect(&self) -> WindowEffect {
        match self {
            Self::Weekly(window) => window.effect,
            Self::Once(window) => window.effect,
        }
    }

    pub(super) fn contains(&self, at: Timestamp) -> bool {
        self.spans(at).iter().any(|(from, to)| (*from..*to).contains(&at))
    }

    /// When it begins or ends next.
    pub(super) fn edge_after(&self, at: Timestamp) -> Option<Timestamp> {
        let spans = self.spans(at);
        let edges = spans.into_iter().flat_map(|(from, to)| [from, to]);
        edges.filter(|edge| *edge > at).min()
    }

    fn spans(&self, at: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        match self {
            Self::Weekly(window) => window.around(at).collect(),
            Self::Once(window) => vec![(window.from, window.to)],
        }
    }
}
