//! What a chronicle keeps, and what of it is shared.

use std::sync::Arc;

use mapek_model::{
    CycleNumber, Severity, SourceName, Timestamp, Violation, ViolationSource, Witness,
};
use proptest::prelude::*;

use super::*;
use crate::fixture::{at, report, violation};

fn all(chronicle: &Chronicle) -> Vec<Arc<Moment>> {
    chronicle.moments(Timestamp::MIN, Timestamp::MAX)
}

/// Fifty watched values that differ in each cycle.
fn fifty(number: u64) -> CycleReport {
    let mut report = report(number, number * 30, &[]);
    report.seen.values =
        (0..50).map(|i| (format!("value_{i:02}"), (number * 50 + i) as f64)).collect();
    report
}

#[test]
fn a_day_is_kept_and_no_more_and_takes_little() {
    let mut chronicle = Chronicle::default();
    for number in 1..=2 * 2880 {
        chronicle.take(&fifty(number));
    }
    let moments = all(&chronicle);
    assert!((2880..=2880 + CHUNK).contains(&moments.len()), "{}", moments.len());
    assert_eq!(moments.last().unwrap().value("value_07"), Some(288_007.0));
    assert!(chronicle.bytes() < 2_500_000, "{} bytes", chronicle.bytes());
    // Names are there once, and a copy shares every chunk.
    let first = &moments[0].names;
    assert!(moments.iter().all(|it| Arc::ptr_eq(&it.names, first)));
    let copy = chronicle.clone();
    assert!(copy.chunks.len() < 50);
    assert!(copy.chunks.iter().zip(&chronicle.chunks).all(|(a, b)| Arc::ptr_eq(a, b)));
}

#[test]
fn memory_is_bounded_however_many_values_are_watched() {
    let mut chronicle = Chronicle::default();
    let mut report = report(0, 0, &[]);
    report.seen.values = (0..2000).map(|i| (format!("value_{i:04}"), i as f64)).collect();
    for number in 1..=1500 {
        (report.number, report.at) = (CycleNumber::new(number), at(number * 30));
        chronicle.take(&report);
    }
    assert!(chronicle.bytes() <= Chronicle::BYTES_MAX + 100_000, "{}", chronicle.bytes());
    let moments = all(&chronicle);
    assert!(moments.len() > 500 && moments.last().unwrap().number.get() == 1500);
}

#[test]
fn a_snapshot_stays_what_it_was() {
    let mut chronicle = Chronicle::default();
    chronicle.take(&report(1, 0, &[("latency", 0.2)]));
    let copy = chronicle.clone();
    chronicle.take(&report(2, 30, &[("latency", 0.3)]));
    assert_eq!((all(&copy).len(), all(&chronicle).len()), (1, 2));
}

#[test]
fn values_that_come_and_go_keep_their_names_and_are_not_made_up() {
    let mut chronicle = Chronicle::default();
    chronicle.take(&report(1, 0, &[("latency", 0.2), ("load", 3.0)]));
    chronicle.take(&report(2, 30, &[("load", 4.0)]));
    chronicle.take(&report(3, 60, &[("age", 9.0), ("latency", 0.4), ("load", f64::INFINITY)]));
    let moments = all(&chronicle);
    let of = |name: &str| moments.iter().map(|it| it.value(name)).collect::<Vec<_>>();
    assert_eq!(of("latency"), [Some(0.2), None, Some(0.4)]);
    assert_eq!(of("load"), [Some(3.0), Some(4.0), None]);
    assert_eq!(of("age"), [None, None, Some(9.0)]);
    assert!(Arc::ptr_eq(&moments[0].names, &moments[1].names));
    assert_eq!(moments[2].values().collect::<Vec<_>>(), [("age", 9.0), ("latency", 0.4)]);
}

#[test]
fn gaps_are_where_cycles_are_missing_or_late() {
    let mut chronicle = Chronicle::default();
    for (number, seconds) in [(1, 0), (2, 30), (4, 60), (5, 120), (6, 300)] {
        chronicle.take(&report(number, seconds, &[]));
    }
    let moments = all(&chronicle);
    let gaps = moments.windows(2).map(|pair| chronicle.is_gap(&pair[0], &pair[1]));
    assert_eq!(gaps.collect::<Vec<_>>(), [false, true, false, true]);
}

#[test]
fn episodes_are_followed_from_their_onset_to_their_end() {
    let mut chronicle = Chronicle::default();
    let slow = || violation("slow", Severity::Warning, 20);
    let seen = |number, open: Vec<Violation>, closed: Vec<Violation>| {
        let mut report = report(number, number * 30, &[]);
        (report.seen.open, report.seen.closed) = (open, closed);
        report
    };
    chronicle.take(&seen(1, vec![slow()], vec![]));
    let copy = chronicle.clone();
    // It gets worse, an alert tells of it, and it turns out to have begun earlier.
    let mut worse = Violation { severity: Severity::Critical, onset: at(10), ..slow() };
    worse.witnesses.insert(Witness {
        source: ViolationSource::Alert,
        by: SourceName::try_new("alertmanager").unwrap(),
        name: "Slow".to_owned(),
        family: None,
        confirmed: true,
    });
    chronicle.take(&seen(2, vec![worse.clone()], vec![]));
    let [going_on] = &chronicle.episodes(at(0), at(60))[..] else { panic!("one") };
    assert_eq!((going_on.from, going_on.to), (at(10), None));
    assert_eq!((going_on.severity, going_on.alerted), (Severity::Critical, true));
    chronicle.take(&seen(3, vec![], vec![Violation { closed: Some(at(85)), ..worse }]));
    let [over] = &chronicle.episodes(at(0), at(90))[..] else { panic!("one") };
    assert_eq!((over.to, over.gone), (Some(at(85)), false));
    assert!(chronicle.episodes(at(86), at(900)).is_empty());
    assert_eq!(copy.episodes(at(0), at(90))[0].from, at(20), "a snapshot stays what it was");
    // The next one of the same breach is another episode; one that nobody speaks of any more is gone.
    chronicle.take(&seen(4, vec![violation("slow", Severity::Info, 120)], vec![]));
    chronicle.take(&seen(5, vec![], vec![]));
    let both = chronicle.episodes(at(0), at(900));
    assert_eq!(both.len(), 2);
    assert_eq!((both[1].to, both[1].gone), (Some(at(150)), true));
}

#[test]
fn episodes_are_bounded_and_the_worst_are_among_them() {
    let mut chronicle = Chronicle::default();
    let mut first = report(1, 0, &[]);
    first.seen.open = (0..3000)
        .map(|i| {
            let severity = if i % 100 == 99 { Severity::Critical } else { Severity::Info };
            violation(&format!("breach-{i:04}"), severity, 0)
        })
        .collect();
    chronicle.take(&first);
    let episodes = chronicle.episodes(at(0), at(1));
    assert_eq!(episodes.len(), 500);
    assert_eq!(episodes.iter().filter(|it| it.severity == Severity::Critical).count(), 30);
    assert_eq!(all(&chronicle)[0].open.total(), 3000, "counts have all");
}

#[test]
fn pauses_and_notes_last_as_long_as_they_are_said() {
    let mut chronicle = Chronicle::default();
    for number in 1..=6 {
        let mut report = report(number, number * 30, &[]);
        report.paused = (2..=4).contains(&number).then(|| "paused by ada".to_owned());
        report.escalations = if number == 3 || number == 5 || number == 6 {
            vec!["nobody knows".to_owned(), "nobody knows".to_owned()]
        } else {
            Vec::new()
        };
        chronicle.take(&report);
    }
    let [pause] = &chronicle.pauses(at(0), at(900))[..] else { panic!("one") };
    assert_eq!((pause.from, pause.to), (at(60), Some(at(150))));
    assert!(chronicle.pauses(at(151), at(900)).is_empty());
    let notes = chronicle.notes(at(0), at(900));
    let spans: Vec<_> = notes.iter().map(|it| (it.from, it.to)).collect();
    assert_eq!(spans, [(at(90), at(90)), (at(150), at(180))]);
}

#[test]
fn texts_are_cut_between_characters() {
    assert_eq!(cut("short"), "short");
    assert_eq!(cut(&"ä".repeat(500)).chars().count(), TEXT_MAX);
}

proptest! {
    /// Whatever the clock does, a picture knows one direction of time, and every cycle of the span is in it once.
    #[test]
    fn moments_are_in_the_order_of_time(
        steps in proptest::collection::vec(-200_i64..400, 0..200),
        from in 0_u64..20_000,
        length in 0_u64..20_000,
    ) {
        let mut chronicle = Chronicle::default();
        let (mut now, mut times) = (10_000_i64, Vec::new());
        for (number, step) in steps.iter().enumerate() {
            now = (now + step).max(0);
            times.push(now as u64);
            chronicle.take(&report(number as u64 + 1, now as u64, &[]));
        }
        let found = chronicle.moments(at(from), at(from + length));
        prop_assert!(found.is_sorted_by_key(|it| it.at));
        let within = times.iter().filter(|it| (from..=from + length).contains(*it)).count();
        prop_assert_eq!(found.len(), within);
    }
}
