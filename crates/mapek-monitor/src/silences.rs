//! The seam to silences, and what of the open episodes they cover.

use std::{collections::BTreeSet, fmt, sync::Arc};

use async_trait::async_trait;
use mapek_model::{Labels, Silences, TargetId, Timestamp, Violation};

use crate::Error;

/// What labels must be like for a silence to cover what has them.
#[derive(Clone)]
pub struct Covers(Arc<dyn Fn(&Labels) -> bool + Send + Sync>);

impl Covers {
    /// Covers the labels for which `covers` is true.
    #[must_use]
    pub fn new(covers: impl Fn(&Labels) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(covers))
    }

    /// Whether it covers what has these labels.
    #[must_use]
    pub fn labels(&self, labels: &Labels) -> bool {
        (self.0)(labels)
    }
}

impl fmt::Debug for Covers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Covers")
    }
}

/// A silence that is in force, as its source has it.
#[derive(Debug, Clone)]
pub struct HeardSilence {
    /// What its source calls it.
    pub id: String,
    /// Who made it.
    pub by: String,
    /// Why.
    pub comment: String,
    /// When it ends.
    pub until: Timestamp,
    /// What it covers. Where that cannot be read it covers everything.
    pub covers: Covers,
}

/// Where silences can be read.
///
/// # Contract
///
/// *Repeating*: calling twice is safe; it only reads. *Cancelling*: a dropped future has no effect. *Ordering*: none.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SilenceFeed: fmt::Debug + Send + Sync {
    /// The silences that are in force. `at` is the moment of the cycle.
    ///
    /// # Errors
    ///
    /// [`Error`] if it cannot be reached or answers outside its protocol.
    async fn silences(&self, at: Timestamp) -> Result<Vec<HeardSilence>, Error>;
}

const _: Option<&dyn SilenceFeed> = None; // stays usable as a trait object

#[async_trait]
impl<T: SilenceFeed + ?Sized> SilenceFeed for Arc<T> {
    async fn silences(&self, at: Timestamp) -> Result<Vec<HeardSilence>, Error> {
        (**self).silences(at).await
    }
}

/// Most silences that an observation tells of.
const SILENCES_MAX: usize = 1000;

/// What is known of silences from one cycle to the next. It is not saved: who starts anew knows of none, and asks.
#[derive(Debug)]
pub(crate) struct Known {
    heard: Vec<HeardSilence>,
    /// For how many cycles they could not be read.
    unknown_for: u32,
}

impl Default for Known {
    fn default() -> Self {
        Self { heard: Vec::new(), unknown_for: u32::MAX }
    }
}

impl Known {
    /// Takes in what a cycle could read; nothing if it could not.
    pub(crate) fn take(&mut self, read: Option<Vec<HeardSilence>>) {
        match read {
            Some(mut heard) => {
                heard.sort_by(|a, b| a.id.cmp(&b.id));
                *self = Self { heard, unknown_for: 0 };
            }
            None => self.unknown_for = self.unknown_for.saturating_add(1),
        }
    }

    /// What they cover at `at`. `labels` are all that the sources say an episode has, each set by itself.
    pub(crate) fn covering(
        &self,
        at: Timestamp,
        target: &TargetId,
        open: &[Violation],
        labels: impl Fn(&Violation) -> Vec<Labels>,
    ) -> Silences {
        // Mostly there are none, and there may be 100 000 episodes.
        let open = if self.heard.is_empty() { &[] } else { open };
        let told: Vec<_> = open.iter().map(|it| (it.fingerprint(), labels(it))).collect();
        let of_loop = loop_labels(target);
        let active = self.heard.iter().filter(|silence| silence.until > at).map(|silence| {
            let covered = told
                .iter()
                .filter(|(_, sets)| sets.iter().any(|labels| silence.covers.labels(labels)));
            mapek_model::Silence {
                id: silence.id.clone(),
                by: silence.by.clone(),
                comment: silence.comment.clone(),
                until: silence.until,
                covers: covered.map(|(fingerprint, _)| *fingerprint).collect::<BTreeSet<_>>(),
                stops_all: silence.covers.labels(&of_loop),
            }
        });
        let active = active.filter(|silence| silence.stops_all || !silence.covers.is_empty());
        Silences { active: active.take(SILENCES_MAX).collect(), unknown_for: self.unknown_for }
    }
}

/// What the loop itself would be told of by: who silences this wants it to stand still.
fn loop_labels(target: &TargetId) -> Labels {
    [("alertname", "MAPEK"), ("job", "mapek"), ("target", target.as_str())].into_iter().collect()
}

/// The labels that a silence may know an episode by, without those of alerts that fire: as its sources gave them, and with the name
/// of each witness, and of each of these alerts that mean it.
pub(crate) fn own_labels<'a>(
    violation: &'a Violation,
    alerts: impl Iterator<Item = &'a str>,
) -> Vec<Labels> {
    let witnesses = violation.witnesses.iter().map(|witness| witness.name.as_str());
    let named = witnesses.chain(alerts).map(|name| {
        let mut labels = violation.labels.clone();
        labels.insert("alertname", name);
        labels
    });
    std::iter::once(violation.labels.clone()).chain(named).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mapek_model::{Expectation, Severity, ViolationSource, Witness, later};

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
    }

    fn heard(id: &str, until: u64, name: &'static str, value: &'static str) -> HeardSilence {
        HeardSilence {
            id: id.to_owned(),
            by: "ada".to_owned(),
            comment: "maintenance".to_owned(),
            until: at(until),
            covers: Covers::new(move |labels| labels.get(name) == Some(value)),
        }
    }

    fn violation(expectation: &str, instance: &str) -> Violation {
        Violation {
            target: TargetId::default(),
            expectation: Expectation::try_new(expectation).unwrap(),
            component: None,
            severity: Severity::Critical,
            onset: at(0),
            last_seen: at(0),
            closed: None,
            witnesses: BTreeSet::from([Witness {
                source: ViolationSource::Rule,
                by: crate::source::source_name("prometheus"),
                name: expectation.to_uppercase(),
                family: None,
                confirmed: true,
            }]),
            metric: None,
            value: None,
            threshold: None,
            labels: [("instance", instance)].into_iter().collect(),
            description: String::new(),
        }
    }

    fn covered(known: &Known, now: u64, open: &[Violation]) -> Vec<(String, usize, bool)> {
        let target = TargetId::default();
        let labels = |it: &Violation| own_labels(it, ["SlowAlert"].into_iter());
        let silences = known.covering(at(now), &target, open, labels);
        silences.active.into_iter().map(|it| (it.id, it.covers.len(), it.stops_all)).collect()
    }

    #[test]
    fn a_silence_covers_what_has_its_labels_until_it_ends() {
        let mut known = Known::default();
        let list = [
            heard("d", 100, "target", "default"),
            heard("a", 100, "instance", "x"),
            heard("b", 100, "alertname", "SLOW"),
            heard("c", 100, "instance", "elsewhere"),
            heard("e", 100, "alertname", "SlowAlert"),
        ];
        known.take(Some(list.to_vec()));
        let open = [violation("slow", "x"), violation("failing", "x")];
        let of = |id: &str, covers, all| (id.to_owned(), covers, all);
        let expected = [of("a", 2, false), of("b", 1, false), of("d", 0, true), of("e", 2, false)];
        assert_eq!(covered(&known, 99, &open), expected);
        assert!(covered(&known, 100, &open).is_empty(), "they have ended");
    }

    #[test]
    fn what_was_known_holds_while_nothing_can_be_read() {
        let target = TargetId::default();
        let unknown_for =
            |known: &Known| known.covering(at(1), &target, &[], |_| Vec::new()).unknown_for;
        let mut known = Known::default();
        known.take(None);
        assert_eq!(unknown_for(&known), u32::MAX, "nobody has ever told");
        known.take(Some(vec![heard("a", 100, "instance", "x")]));
        known.take(None);
        known.take(None);
        assert_eq!(unknown_for(&known), 2);
        assert_eq!(covered(&known, 1, &[violation("slow", "x")]).len(), 1);
        known.take(Some(Vec::new()));
        assert_eq!(unknown_for(&known), 0);
        assert!(covered(&known, 1, &[violation("slow", "x")]).is_empty());
    }
}
