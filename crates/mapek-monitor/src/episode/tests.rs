use std::{cell::RefCell, collections::BTreeSet};

use mapek_model::{
    Component, Duration, Expectation, Labels, Severity, SourceName, ViolationSource, later,
};
use proptest::{collection::vec, prelude::*};

use super::*;

fn at(seconds: u64) -> Timestamp {
    later(Timestamp::UNIX_EPOCH, Duration::from_secs(1_000 + seconds))
}

fn breach(source: ViolationSource, name: &str, onset: Timestamp) -> Breach {
    Breach {
        expectation: Expectation::try_new("slow").unwrap(),
        component: None,
        severity: Severity::Warning,
        onset,
        witness: Witness {
            source,
            by: SourceName::try_new("someone").unwrap(),
            name: name.to_owned(),
            family: None,
            confirmed: true,
        },
        metric: None,
        value: None,
        threshold: None,
        labels: Labels::default(),
        description: name.to_owned(),
    }
}

fn rule(seconds: u64) -> Sighting {
    Sighting { breach: breach(ViolationSource::Rule, "rule", at(seconds)), current: true }
}

fn alert(since: u64) -> Sighting {
    Sighting { breach: breach(ViolationSource::Alert, "alert", at(since)), current: true }
}

fn webhook(since: u64) -> Sighting {
    let mut sighting = alert(since);
    sighting.breach.witness.confirmed = false;
    sighting.current = false;
    sighting
}

/// Those who can be asked, and hear of every part.
struct Readable<'a>(&'a [&'a str]);

impl Testimony for Readable<'_> {
    fn is_absent(&self, _: &Violation, witness: &Witness) -> bool {
        self.0.contains(&witness.name.as_str())
    }

    fn roll(&self, _: &Witness) -> Option<&crate::read::RollCall> {
        None
    }

    fn listed(&self, _: &Component) -> Option<&str> {
        None
    }

    fn is_removed(&self, _: &Component, _: &str) -> bool {
        false
    }
}

/// Episodes over which a test has the say.
#[derive(Default)]
struct Bench {
    episodes: RefCell<Episodes>,
}

impl Bench {
    /// A cycle in which those named can be read.
    fn cycle(&self, seconds: u64, sightings: Vec<Sighting>, readable: &[&str]) -> Changes {
        let limits = Limits { open: 3, silence: Duration::from_secs(300) };
        let mut episodes = self.episodes.borrow_mut();
        let target = TargetId::default();
        episodes.advance(&target, at(seconds), sightings, limits, &Readable(readable))
    }

    fn open(&self) -> Vec<Violation> {
        self.episodes.borrow().violations()
    }
}

const BOTH: [&str; 2] = ["rule", "alert"];

#[test]
fn the_same_breach_in_the_next_cycle_is_the_same_episode() {
    let bench = Bench::default();
    bench.cycle(0, vec![rule(0)], &BOTH);
    let first = bench.open()[0].key();
    bench.cycle(30, vec![rule(30), alert(10)], &BOTH);
    let open = bench.open();
    assert_eq!((open.len(), open[0].key()), (1, first));
    assert_eq!((open[0].last_seen, open[0].witnesses.len()), (at(30), 2));
}

#[test]
fn who_cannot_be_asked_keeps_it_open() {
    let bench = Bench::default();
    bench.cycle(0, vec![rule(0), alert(0)], &BOTH);
    for readable in [&[][..], &["rule"], &["alert"]] {
        assert!(bench.cycle(30, vec![], readable).closed.is_empty());
        assert_eq!(bench.open()[0].last_seen, at(0), "nobody saw it");
    }
    // The rule's word of an earlier cycle does not count with the alert's of this one.
    assert_eq!(bench.open()[0].witnesses.len(), 1);
    let closed = bench.cycle(60, vec![], &BOTH).closed;
    assert_eq!((closed.len(), closed[0].closed), (1, Some(at(60))));
    assert_eq!(closed[0].witnesses.len(), 2);
    assert!(bench.open().is_empty());
}

#[test]
fn the_course_of_a_value_is_told_once_it_is_no_chance() {
    let bench = Bench::default();
    let slopes = || bench.episodes.borrow().slopes();
    let see = |n: u64, value: f64| {
        let mut sighting = rule(10 * n);
        sighting.breach.value = Some(value);
        bench.cycle(10 * n, vec![sighting], &BOTH);
    };
    (0..3).for_each(|n| see(n, 2.0 + n as f64));
    assert!(slopes().is_empty(), "three values may be chance");
    (3..8).for_each(|n| see(n, 2.0 + n as f64));
    let fingerprint = bench.open()[0].fingerprint();
    assert!((slopes()[&fingerprint] - 0.1).abs() < 1e-9, "one in ten seconds");
    // It survives being saved, and only the newest dozen counts.
    let saved = serde_json::to_string(&*bench.episodes.borrow()).unwrap();
    assert_eq!(serde_json::from_str::<Episodes>(&saved).unwrap(), *bench.episodes.borrow());
    (8..20).for_each(|n| see(n, 5.0));
    assert!(slopes().is_empty(), "it goes nowhere");
    see(20, f64::NAN);
    assert!(slopes().is_empty());
}

#[test]
fn a_breach_that_comes_again_has_an_onset_of_its_own() {
    let bench = Bench::default();
    bench.cycle(0, vec![alert(0)], &BOTH);
    bench.cycle(30, vec![], &BOTH);
    // Alertmanager may still tell the old start.
    bench.cycle(60, vec![alert(0)], &BOTH);
    assert_eq!(bench.open()[0].onset, at(60));
    // Nor does it move before the end of the first one later.
    bench.cycle(90, vec![alert(0), rule(90)], &BOTH);
    assert_eq!(bench.open()[0].onset, at(60));
}

#[test]
fn the_onset_moves_earlier_when_a_witness_knows_better() {
    let bench = Bench::default();
    bench.cycle(60, vec![rule(60)], &BOTH);
    bench.cycle(90, vec![rule(90), alert(45)], &BOTH);
    assert_eq!(bench.open()[0].onset, at(45));
    bench.cycle(120, vec![rule(120), alert(20)], &BOTH);
    assert_eq!(bench.open()[0].onset, at(20));
}

#[test]
fn a_later_start_of_an_alert_is_a_flap_unless_a_rule_saw_it_all_the_time() {
    let bench = Bench::default();
    bench.cycle(30, vec![alert(0)], &BOTH);
    let closed = bench.cycle(60, vec![alert(50)], &BOTH).closed;
    assert_eq!((closed.len(), closed[0].closed), (1, Some(at(50))));
    assert_eq!(bench.open()[0].onset, at(50));
    // A start before we last saw it is only another of its series.
    assert!(bench.cycle(90, vec![alert(55)], &BOTH).closed.is_empty());

    let watched = Bench::default();
    watched.cycle(30, vec![alert(0), rule(30)], &BOTH);
    assert!(watched.cycle(60, vec![alert(50), rule(60)], &BOTH).closed.is_empty());
    assert_eq!(watched.open()[0].onset, at(0));
}

#[test]
fn a_webhook_alone_is_unconfirmed_until_the_feed_shows_it() {
    let bench = Bench::default();
    bench.cycle(0, vec![webhook(0)], &[]);
    assert!(!bench.open()[0].is_confirmed());
    bench.cycle(30, vec![alert(0)], &["alert"]);
    assert!(bench.open()[0].is_confirmed());
    // And stays so, although the next word is a webhook's.
    bench.cycle(60, vec![webhook(0)], &[]);
    assert!(bench.open()[0].is_confirmed());
}

#[test]
fn a_webhook_that_the_feed_does_not_confirm_is_over_at_once() {
    let bench = Bench::default();
    let closed = bench.cycle(30, vec![webhook(10)], &["alert"]).closed;
    assert_eq!((closed[0].onset, closed[0].closed), (at(10), Some(at(30))));
    assert!(bench.open().is_empty());
}

#[test]
fn what_passed_between_two_cycles_is_told_once() {
    let mut episodes = Episodes::default();
    let breach = alert(10).breach;
    let target = TargetId::default();
    let passed = episodes.passed(&target, &breach, at(20)).unwrap();
    assert_eq!((passed.onset, passed.closed), (at(10), Some(at(20))));
    assert!(episodes.passed(&target, &breach, at(20)).is_none());
    assert!(episodes.passed(&target, &alert(30).breach, at(25)).is_none(), "ends before it began");
}

#[test]
fn the_mildest_find_no_room() {
    let bench = Bench::default();
    let sightings = (0..5)
        .map(|i| {
            let mut sighting = rule(0);
            sighting.breach.component = Some(Component::try_new(format!("n{i}")).unwrap());
            sighting.breach.severity = if i == 4 { Severity::Critical } else { Severity::Info };
            sighting
        })
        .collect();
    let changes = bench.cycle(0, sightings, &BOTH);
    assert_eq!((changes.left_out, bench.open().len()), (2, 3));
    assert!(bench.open().iter().any(|it| it.severity == Severity::Critical));
}

#[test]
fn severity_and_witnesses_follow_those_who_still_see_it() {
    let bench = Bench::default();
    let mut critical = alert(0);
    critical.breach.severity = Severity::Critical;
    bench.cycle(0, vec![rule(0), critical], &BOTH);
    assert_eq!(bench.open()[0].severity, Severity::Critical);
    bench.cycle(30, vec![rule(30)], &BOTH);
    assert_eq!(bench.open()[0].severity, Severity::Warning);
    assert_eq!(bench.open()[0].witnesses.len(), 1);
}

#[test]
fn ends_are_forgotten_oldest_first() {
    let mut episodes = Episodes::default();
    for (i, name) in ["a", "b", "c"].into_iter().enumerate() {
        let mut breach = alert(10).breach;
        breach.component = Some(Component::try_new(name).unwrap());
        episodes.passed(&TargetId::default(), &breach, at(20 + i as u64));
    }
    episodes.trim(2);
    let left: Vec<_> = episodes.ended.values().copied().collect();
    assert_eq!(BTreeSet::from_iter(left), BTreeSet::from([at(21), at(22)]));
}

fn any_sighting() -> impl Strategy<Value = Sighting> {
    (0..4_u8, 0..3_u8, 0..200_u64).prop_map(|(who, component, since)| {
        let mut sighting = match who {
            0 => rule(since),
            1 => webhook(since),
            _ => alert(since),
        };
        sighting.breach.component =
            (component > 0).then(|| Component::try_new(format!("n{component}")).unwrap());
        sighting.breach.onset = sighting.breach.onset.min(at(since));
        sighting
    })
}

proptest! {
    #[test]
    fn whatever_is_seen_the_laws_hold(
        cycles in vec((vec(any_sighting(), 0..5), 0..4_u8), 1..20),
    ) {
        let bench = Bench::default();
        let mut keys = BTreeSet::new();
        for (i, (mut sightings, readable)) in cycles.into_iter().enumerate() {
            let now = i as u64 * 30;
            for sighting in &mut sightings {
                sighting.breach.onset = sighting.breach.onset.min(at(now));
            }
            let readable = &BOTH[..usize::from(readable).min(2)];
            let before: BTreeSet<_> = bench.open().iter().map(Violation::fingerprint).collect();
            let closed = bench.cycle(now, sightings, readable).closed;
            for episode in &closed {
                prop_assert!(keys.insert(episode.key()), "a key was used twice");
                prop_assert!(episode.closed.unwrap() >= episode.onset);
            }
            let open = bench.open();
            for episode in &open {
                prop_assert!(!keys.contains(&episode.key()), "a closed episode is open");
                prop_assert!(!episode.witnesses.is_empty());
                prop_assert!(episode.onset <= episode.last_seen);
            }
            // None vanishes: what was open is open or closed.
            let after: BTreeSet<_> = open.iter().chain(&closed).map(Violation::fingerprint).collect();
            prop_assert!(before.is_subset(&after));
            prop_assert!(bench.episodes.borrow().check(&TargetId::default(), 3).is_ok());
        }
    }

    #[test]
    fn order_of_sightings_does_not_matter(sightings in vec(any_sighting(), 0..6)) {
        let (one, other) = (Bench::default(), Bench::default());
        let mut reversed = sightings.clone();
        reversed.reverse();
        one.cycle(200, sightings, &BOTH);
        other.cycle(200, reversed, &BOTH);
        let keys = |bench: &Bench| bench.open().into_iter().map(|it| (it.key(), it.witnesses)).collect::<Vec<_>>();
        prop_assert_eq!(keys(&one), keys(&other));
    }
}
