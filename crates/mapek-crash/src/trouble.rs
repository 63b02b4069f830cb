//! Trouble with the disk: where it begins, what it is, and how long it lasts.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mapek_disk::{Disk, Fate, Operation, What};
use serde::{Deserialize, Serialize};

use crate::{
    BoxError,
    points::{die, tell},
};

/// Cycles that a process is given on a disk that does not get better, before it is started anew on one that has.
const PATIENCE: u32 = 8;

/// What happens to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// This operation fails, and nothing else does.
    Fails,
    /// A write fails in its middle.
    Torn,
    /// From here on nothing can be written or flushed any more.
    Broken,
    /// There is no room, for three cycles.
    Full,
    /// There is no room any more.
    FullForGood,
    /// The machine goes down before this operation.
    PowerCut,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Fails, Self::Torn, Self::Broken, Self::Full, Self::FullForGood, Self::PowerCut];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Fails => "fails",
            Self::Torn => "torn",
            Self::Broken => "broken",
            Self::Full => "full",
            Self::FullForGood => "full-for-good",
            Self::PowerCut => "power-cut",
        }
    }

    /// Whether it can begin with such an operation.
    pub(crate) const fn begins_with(self, what: What) -> bool {
        match self {
            Self::Fails => true,
            Self::Torn => matches!(what, What::Write),
            Self::Broken | Self::PowerCut => !matches!(what, What::Read),
            Self::Full | Self::FullForGood => what.wants_room(),
        }
    }

    /// Whether it is there until the process ends.
    pub(crate) const fn stays(self) -> bool {
        matches!(self, Self::Broken | Self::FullForGood)
    }

    /// In how many cycles it is over; none if it is over at once.
    pub(crate) const fn cycles(self) -> u32 {
        match self {
            Self::Fails | Self::Torn | Self::PowerCut => 0,
            Self::Full => 3,
            Self::Broken | Self::FullForGood => u32::MAX,
        }
    }

    /// What becomes of an operation while it lasts.
    fn fate(self, what: What) -> Fate {
        let fails = match self {
            Self::Full | Self::FullForGood => what.wants_room(),
            _ => !matches!(what, What::Read),
        };
        match self {
            _ if !fails => Fate::Done,
            Self::Full | Self::FullForGood => Fate::Full,
            _ => Fate::Fails,
        }
    }
}

/// A place on the disk: a file of the process, and what is done to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Place(String);

impl Place {
    fn of(operation: Operation<'_>) -> Self {
        // The log of a file belongs to it.
        let file = operation.file.file_stem().unwrap_or_default().to_string_lossy();
        Self(format!("{file}.{}", operation.what))
    }

    pub(crate) fn what(&self) -> Option<What> {
        let (_, word) = self.0.rsplit_once('.')?;
        What::ALL.into_iter().find(|what| what.as_str() == word)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = Self(text.to_owned());
        let known = || What::ALL.map(What::as_str).join(", ");
        place
            .what()
            .ok_or_else(|| format!("`{text}` is not FILE.WHAT, with one of {}", known()))?;
        Ok(place)
    }
}

/// What happens where, the n-th time that something is done there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Trouble {
    pub(crate) place: Place,
    /// From 1.
    pub(crate) nth: u32,
    pub(crate) kind: Kind,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.place, self.nth, self.kind.as_str())
    }
}

impl FromStr for Trouble {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let kinds = Kind::ALL.map(Kind::as_str).join(", ");
            format!("`{text}` is not FILE.WHAT:COUNT:KIND, with one of {kinds}")
        };
        let mut parts = text.split(':');
        let (Some(place), Some(nth), Some(kind), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let kind = Kind::ALL.into_iter().find(|it| it.as_str() == kind).ok_or_else(wrong)?;
        Ok(Self { place: place.parse()?, nth: nth.parse().map_err(|_| wrong())?, kind })
    }
}

/// Where a process keeps what has been flushed, beside its files.
pub(crate) fn flushed(directory: &Path) -> PathBuf {
    directory.join("flushed")
}

/// The disk of a life.
#[derive(Debug)]
pub(crate) struct Troubled {
    _disk: Disk,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    trouble: Option<Trouble>,
    /// What was done where, and how often.
    counts: BTreeMap<Place, u32>,
    /// The cycles since it began, if it did.
    since: Option<u32>,
}

impl State {
    fn judge(&mut self, operation: Operation<'_>) -> Fate {
        let place = Place::of(operation);
        let count = self.counts.entry(place.clone()).or_default();
        *count += 1;
        let Some(trouble) = &self.trouble else { return Fate::Done };
        let kind = trouble.kind;
        if trouble.place == place && trouble.nth == *count {
            self.since = Some(0);
            if kind == Kind::PowerCut {
                die();
            }
            tell(&format!("struck {trouble}"));
            return match kind {
                Kind::Torn => Fate::Torn,
                Kind::Full | Kind::FullForGood => Fate::Full,
                _ => Fate::Fails,
            };
        }
        match self.since {
            Some(cycles) if cycles < kind.cycles() => kind.fate(operation.what),
            _ => Fate::Done,
        }
    }
}

impl Troubled {
    /// Takes over what lies in `directory`.
    pub(crate) fn take(directory: &Path, trouble: Option<Trouble>) -> Result<Self, BoxError> {
        let disk = Disk::of(directory)?.remembering(flushed(directory))?;
        let state = Arc::new(Mutex::new(State { trouble, ..State::default() }));
        let judge = Arc::clone(&state);
        disk.judge(move |operation| lock(&judge).judge(operation));
        Ok(Self { _disk: disk, state })
    }

    /// Whether it is in trouble, or was.
    pub(crate) fn is_struck(&self) -> bool {
        lock(&self.state).since.is_some()
    }

    /// A cycle has ended. Answers whether there is any sense in another one.
    pub(crate) fn go_on(&self) -> bool {
        let mut state = lock(&self.state);
        let Some(since) = state.since.as_mut() else { return true };
        *since = since.saturating_add(1);
        let since = *since;
        !state.trouble.as_ref().is_some_and(|it| it.kind.stays() && since >= PATIENCE)
    }

    /// Tells the parent what was done where.
    pub(crate) fn count(&self) {
        for (place, count) in &lock(&self.state).counts {
            tell(&format!("disk {place} {count}"));
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_written_as_it_is_read() {
        let trouble: Trouble = "journal.sync:3:full-for-good".parse().unwrap();
        assert_eq!((trouble.nth, trouble.kind), (3, Kind::FullForGood));
        assert_eq!(trouble.to_string().parse::<Trouble>(), Ok(trouble));
        for wrong in ["journal.sync:3", "journal.sink:3:torn", "journal.sync:x:torn", "a:1:2:3"] {
            assert!(wrong.parse::<Trouble>().is_err(), "{wrong}");
        }
    }

    /// What becomes of so many writes, with a cycle behind each.
    fn fates(kind: Kind, writes: u32) -> Vec<Fate> {
        let directory = tempfile::tempdir().unwrap();
        let disk = Troubled::take(directory.path(), Some(trouble(kind))).unwrap();
        let file = directory.path().join("journal.db-wal");
        let fate = |_| {
            let fate = lock(&disk.state).judge(mapek_disk::Operation::new(&file, What::Write));
            disk.go_on();
            fate
        };
        (0..writes).map(fate).collect()
    }

    fn trouble(kind: Kind) -> Trouble {
        Trouble { place: "journal.write".parse().unwrap(), nth: 2, kind }
    }

    #[test]
    fn it_begins_where_it_is_told_to_and_ends_when_it_is_over() {
        use Fate::{Done, Fails, Full, Torn};
        assert_eq!(fates(Kind::Fails, 4), [Done, Fails, Done, Done]);
        assert_eq!(fates(Kind::Torn, 3), [Done, Torn, Done]);
        assert_eq!(fates(Kind::Full, 6), [Done, Full, Full, Full, Done, Done]);
        assert_eq!(fates(Kind::Broken, 4), [Done, Fails, Fails, Fails]);
    }
}
