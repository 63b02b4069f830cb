//! What a process does when its disk is in trouble: it says so, and acts no more.

use std::collections::{BTreeMap, BTreeSet};

use crate::trouble::{Place, Trouble};

/// Calls that change something.
const ACTS: [&str; 4] = [
    "charter.apply.before",
    "charter.rollback.before",
    "charter.scale.before",
    "charter.restart.before",
];

/// Cycles behind a trouble that may have a fault still: what was not learned or settled then is in the next one, or
/// the one after.
const GRACE: u32 = 2;

/// What was heard of one life in which there was to be trouble.
#[derive(Debug, Default)]
pub(super) struct Followed {
    trouble: Option<Trouble>,
    /// What was done where, and how often, in a life that ended by itself.
    pub(super) places: BTreeMap<Place, u32>,
    /// Whether it came to the trouble.
    pub(super) struck: bool,
    /// Cycles that have begun since.
    cycles: u32,
    /// Whether a cycle has begun at all.
    is_up: bool,
    /// What was refused, and nobody has been told of yet.
    unsaid: BTreeSet<String>,
    /// What the journal has refused since the trouble began.
    refused: Option<String>,
    /// Writes that were refused and told.
    pub(super) told: usize,
    /// Refusals that nobody was told of.
    pub(super) silent: Vec<String>,
    /// What was done although the journal could not be written any more.
    pub(super) acted: Vec<String>,
}

impl Followed {
    pub(super) fn of(trouble: Option<Trouble>) -> Self {
        Self { trouble, ..Self::default() }
    }

    /// A line of the process.
    pub(super) fn line(&mut self, word: &str, rest: &str) {
        match word {
            "disk" => {
                let place = rest.rsplit_once(' ');
                let place = place.and_then(|(it, n)| Some((it.parse().ok()?, n.parse().ok()?)));
                self.places.extend(place);
            }
            "struck" => self.struck = true,
            "refused" if file(rest).is_some() => {
                self.unsaid.insert(rest.to_owned());
                if rest.starts_with("journal.") {
                    self.refused = Some(rest.to_owned());
                }
            }
            // Each is told by the file that it is about, or by its name.
            "fault" | "person" => self.is_said(|it| file(it).is_some_and(|it| rest.contains(it))),
            // What cannot be read makes the evidence doubtful, and the rails ask for that.
            "doubt" if rest == "inbox" => self.is_said(|it| it == "inbox.pending"),
            // The report of a cycle comes behind it.
            "point" if rest == "cycle.before" => {
                self.is_up = true;
                self.cycles += u32::from(self.struck);
                self.is_silent("and the next cycle began");
            }
            "point" if ACTS.contains(&rest) => self.acts(rest),
            _ => {}
        }
    }

    /// The process has ended: with a message, or as if nothing were.
    pub(super) fn end(&mut self, with_a_message: bool) {
        if with_a_message { self.is_said(|_| true) } else { self.is_silent("and it ended") }
    }

    /// Whether a cycle may have faults: the disk is in trouble, or was just now.
    pub(super) fn excuses_faults(&self) -> bool {
        let lasts = self.trouble.as_ref().map_or(0, |it| it.kind.cycles());
        self.struck && self.cycles <= lasts.saturating_add(GRACE)
    }

    /// Whether the process may end by itself: at its start, or because the disk does not get better.
    pub(super) fn may_give_up(&self) -> bool {
        !self.is_up || self.trouble.as_ref().is_some_and(|it| it.kind.stays())
    }

    fn is_said(&mut self, which: impl Fn(&str) -> bool) {
        let before = self.unsaid.len();
        self.unsaid.retain(|it| !which(it));
        self.told += before - self.unsaid.len();
    }

    fn is_silent(&mut self, then: &str) {
        let silent = |what| format!("nobody was told that {what} failed, {then}");
        self.silent.extend(std::mem::take(&mut self.unsaid).into_iter().map(silent));
    }

    fn acts(&mut self, call: &str) {
        let stays = self.trouble.as_ref().is_some_and(|it| it.kind.stays());
        if let (true, Some(refused)) = (stays, &self.refused) {
            self.acted.push(format!("{call} behind {refused}, which failed for good"));
        }
    }
}

/// The file that a call of the loop is about. What only a webhook is told of is answered there.
fn file(what: &str) -> Option<&'static str> {
    let of = |file: &&str| what.strip_prefix(file).is_some_and(|rest| rest.starts_with('.'));
    let file = ["journal", "knowledge", "inbox"].into_iter().find(of)?;
    (what != "inbox.store").then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(lines: &[&str]) -> Followed {
        let mut followed = Followed::of(Some("journal.write:1:broken".parse().unwrap()));
        for line in lines {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            followed.line(word, rest);
        }
        followed
    }

    #[test]
    fn what_fails_has_to_be_told_before_the_next_cycle() {
        let fault = "fault no space left for committing to journal.db";
        let told = followed(&["refused journal.cycle", fault, "point cycle.before"]);
        assert_eq!((told.silent.len(), told.told), (0, 1));
        let silent = followed(&["refused journal.cycle", "point cycle.before", fault]);
        assert_eq!(silent.silent.len(), 1);
        let two =
            ["refused journal.cycle", "refused knowledge.record", fault, "point cycle.before"];
        let one = followed(&two);
        assert_eq!((one.silent.len(), one.told), (1, 1));
        let mut ended = followed(&["refused knowledge.record"]);
        ended.end(false);
        assert_eq!(ended.silent.len(), 1);
        let read = followed(&["refused inbox.pending", "doubt inbox", "point cycle.before"]);
        assert_eq!((read.silent.len(), read.told), (0, 1));
        let other = followed(&["refused journal.cycle", "doubt inbox", "point cycle.before"]);
        assert_eq!(other.silent.len(), 1);
        let webhook = followed(&["refused inbox.store", "point cycle.before"]);
        assert!(webhook.silent.is_empty());
    }

    #[test]
    fn who_cannot_write_does_not_act() {
        let before = followed(&["point charter.scale.before", "refused journal.applied-do"]);
        assert!(before.acted.is_empty());
        let behind = followed(&["refused journal.applied-do", "point charter.scale.before"]);
        assert_eq!(behind.acted.len(), 1);
    }

    #[test]
    fn places_are_counted() {
        let followed = followed(&["disk journal.write 7", "disk nonsense"]);
        assert_eq!(followed.places, BTreeMap::from([("journal.write".parse().unwrap(), 7)]));
    }
}
