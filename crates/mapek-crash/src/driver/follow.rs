//! What a process does when its disk is in trouble: it says so, and acts no more.

use std::collections::BTreeMap;

use crate::trouble::{Place, Trouble};

/// Calls that change something.
const ACTS: [&str; 4] = [
    "charter.apply.before",
    "charter.rollback.before",
    "charter.scale.before",
    "charter.restart.before",
];

/// Reading the inbox.
const PENDING: &str = "inbox.pending";

/// What was heard of one life in which there was to be trouble.
#[derive(Debug, Default)]
pub(super) struct Followed {
    trouble: Option<Trouble>,
    /// What was done where, and how often, in a life that ended by itself.
    pub(super) places: BTreeMap<Place, u32>,
    /// Whether it came to the trouble.
    pub(super) struck: bool,
    /// What was refused, and nobody has been told of yet.
    unsaid: Option<String>,
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
            "refused" if concerns_the_loop(rest) => {
                self.unsaid = Some(rest.to_owned());
                if rest.starts_with("journal.") {
                    self.refused = Some(rest.to_owned());
                }
            }
            "fault" | "person" => self.is_said(),
            // What cannot be read makes the evidence doubtful, and the rails ask for that.
            "doubt" if self.unsaid.as_deref() == Some(PENDING) => self.is_said(),
            // The report of a cycle comes behind it.
            "point" if rest == "cycle.before" => self.is_silent("and the next cycle began"),
            "point" if ACTS.contains(&rest) => self.acts(rest),
            _ => {}
        }
    }

    /// The process has ended: with a message, or as if nothing were.
    pub(super) fn end(&mut self, with_a_message: bool) {
        if with_a_message { self.is_said() } else { self.is_silent("and it ended") }
    }

    fn is_said(&mut self) {
        self.told += usize::from(self.unsaid.take().is_some());
    }

    fn is_silent(&mut self, then: &str) {
        let unsaid = self.unsaid.take();
        self.silent
            .extend(unsaid.map(|what| format!("nobody was told that {what} failed, {then}")));
    }

    fn acts(&mut self, call: &str) {
        let stays = self.trouble.as_ref().is_some_and(|it| it.kind.stays());
        if let (true, Some(refused)) = (stays, &self.refused) {
            self.acted.push(format!("{call} behind {refused}, which failed for good"));
        }
    }
}

/// What only a webhook is told of is answered there.
fn concerns_the_loop(what: &str) -> bool {
    let of = |whole: &str| what.starts_with(whole);
    of("journal.") || of("knowledge.") || what == PENDING || what == "inbox.acknowledge"
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
        let told = followed(&["refused journal.cycle", "fault no", "point cycle.before"]);
        assert_eq!((told.silent.len(), told.told), (0, 1));
        let silent = followed(&["refused journal.cycle", "point cycle.before", "fault late"]);
        assert_eq!(silent.silent.len(), 1);
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
