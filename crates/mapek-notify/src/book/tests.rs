//! What is told when, and what survives a restart.

use mapek_model::TargetId;

use super::*;
use crate::fixture::{at, condition};

const REPEAT: Duration = Duration::from_secs(60);

fn due(book: &Book, so: &[Condition], seconds: u64) -> Vec<(Phase, String)> {
    let due = book.due(so, at(seconds), REPEAT);
    due.into_iter().map(|it| (it.phase, it.condition.subject)).collect()
}

fn tell(book: &mut Book, so: &[Condition], seconds: u64) {
    for one in book.due(so, at(seconds), REPEAT) {
        book.note(&one, at(seconds));
    }
}

fn escalation() -> Condition {
    Condition::new(Kind::Escalation, "no-plan", "there is no plan", "")
}

fn happened(seconds: u64) -> Condition {
    Condition::new(Kind::VerificationFailed, "x", "it was undone", "").happened(at(seconds))
}

#[test]
fn what_lasts_is_told_once_then_at_the_interval_and_once_more_when_it_is_over() {
    let (mut book, so) = (Book::default(), [condition("a")]);
    assert_eq!(due(&book, &so, 0), [(Phase::Began, "a".to_owned())]);
    tell(&mut book, &so, 0);
    assert_eq!(due(&book, &so, 59), []);
    assert_eq!(book.repeats_at(REPEAT), Some(at(60)));
    assert_eq!(due(&book, &so, 60), [(Phase::Lasts, "a".to_owned())]);
    tell(&mut book, &so, 60);
    assert_eq!(due(&book, &so, 61), []);
    assert_eq!(due(&book, &[], 62), [(Phase::Ended, "a".to_owned())]);
    assert_eq!(
        book.due(&[], at(62), REPEAT)[0].condition.title,
        "resolved: an execution needs an operator"
    );
    tell(&mut book, &[], 62);
    assert_eq!(due(&book, &[], 3600), []);
    assert_eq!(book.repeats_at(REPEAT), None);
    assert_eq!(due(&book, &so, 3600), [(Phase::Began, "a".to_owned())]);
}

#[test]
fn what_happened_is_told_once_and_never_over() {
    let mut book = Book::default();
    assert_eq!(due(&book, &[happened(0)], 1), [(Phase::Happened, "x".to_owned())]);
    tell(&mut book, &[happened(0)], 1);
    assert_eq!(due(&book, &[happened(0)], 3600), []);
    assert_eq!(due(&book, &[], 3600), []);
    assert_eq!(due(&book, &[happened(9)], 10), [(Phase::Happened, "x".to_owned())], "once more");
    book.forget(at(48 * 3600 - 1));
    assert_eq!(due(&book, &[happened(0)], 3600), []);
    book.forget(at(48 * 3600));
    assert_eq!(due(&book, &[happened(0)], 3600), [(Phase::Happened, "x".to_owned())]);
}

#[test]
fn after_a_restart_only_what_needs_an_operator_is_told_again() {
    let (mut book, so) = (Book::default(), [condition("a"), escalation(), happened(0)]);
    tell(&mut book, &so, 0);
    let text = serde_json::to_string(&book).unwrap();
    let book = serde_json::from_str::<Book>(&text).unwrap().reopened();
    assert_eq!(due(&book, &so, 1), [(Phase::Lasts, "a".to_owned())]);
    // What has ended meanwhile is over.
    let ended = [(Phase::Ended, "a".to_owned()), (Phase::Ended, "no-plan".to_owned())];
    assert_eq!(due(&book, &[], 1), ended);
}

#[test]
fn the_urgent_comes_first_and_what_is_over_last_of_its_kind() {
    let mut book = Book::default();
    tell(&mut book, &[condition("old"), escalation()], 0);
    let so = [condition("b"), condition("a"), escalation(), happened(1)];
    let due = due(&book, &so, 70);
    let subjects: Vec<_> = due.iter().map(|(_, subject)| subject.as_str()).collect();
    assert_eq!(subjects, ["a", "b", "old", "x", "no-plan"]);
}

#[test]
fn a_clock_that_was_set_back_silences_nobody() {
    let (mut book, so) = (Book::default(), [condition("a")]);
    tell(&mut book, &so, 36_000);
    assert_eq!(due(&book, &so, 0), [(Phase::Lasts, "a".to_owned())]);
    tell(&mut book, &so, 0);
    assert_eq!(due(&book, &so, 1), []);
}

#[test]
fn a_message_is_told_by_its_id_and_each_is_another() {
    let of = |subject, phase, seconds| {
        crate::Notice::of(&condition(subject), phase, &TargetId::default(), at(seconds)).id
    };
    assert_eq!(of("a", Phase::Began, 0), of("a", Phase::Began, 0));
    let ids = [
        of("a", Phase::Began, 0),
        of("b", Phase::Began, 0),
        of("a", Phase::Lasts, 0),
        of("a", Phase::Began, 1),
    ];
    assert!(ids.iter().enumerate().all(|(i, id)| !ids[..i].contains(id) && id.len() == 32));
}
