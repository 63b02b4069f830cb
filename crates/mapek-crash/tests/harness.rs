//! The harness as a program: what it prints, and what it ends with.
#![expect(clippy::unwrap_used, reason = "what fails in the helpers fails the test")]

use std::process::{Command, Output};

fn harness(arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mapek-crash"));
    command.args(arguments.split_whitespace()).output().unwrap()
}

fn crash(arguments: &str) -> Output {
    harness(&format!("crash {arguments}"))
}

fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next_back().unwrap_or_default().to_owned()
}

#[test]
fn a_process_that_is_killed_twice_loses_and_repeats_nothing() {
    let output =
        crash("--scenario success --stop charter.scale.after --stop journal.applied-do.before");
    assert!(output.status.success(), "{output:?}");
    let line = last_line(&output);
    let points = line.split(' ').next().unwrap().strip_prefix("points=").unwrap();
    assert!(points.parse::<usize>().unwrap() >= 60, "{line}");
    assert!(line.ends_with("reached=2 kills=2 duplicates=0 lost=0 needs_operator=0"), "{line}");
}

#[test]
fn a_restart_of_which_nobody_can_know_is_left_to_a_person() {
    let output = crash("--scenario restart-after-a-while --stop charter.restart.after");
    assert!(output.status.success(), "{output:?}");
    assert!(last_line(&output).ends_with("kills=1 duplicates=0 lost=0 needs_operator=1"));
}

#[test]
fn what_was_acknowledged_to_a_webhook_is_there_afterwards() {
    let output =
        crash("--scenario webhooks --stop webhook.accept.after --stop inbox.acknowledge.before");
    assert!(output.status.success(), "{output:?}");
    assert!(last_line(&output).ends_with("kills=2 duplicates=0 lost=0 needs_operator=0"));
}

#[test]
fn a_point_that_there_is_not_is_named() {
    let output = crash("--stop nowhere:1");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no point `nowhere`"));
}

/// How fast it is depends on who else is at work here; that nothing is lost does not.
#[test]
fn a_receiver_that_is_killed_under_load_has_lost_nothing_that_it_acknowledged() {
    let output = harness("intake --seconds 1 --batch 10");
    let text = String::from_utf8_lossy(&output.stdout);
    let loads: Vec<_> = text.lines().filter(|line| line.contains("alerts/request=10 ")).collect();
    assert_eq!(loads.len(), 2, "{output:?}");
    for line in loads {
        assert!(line.contains(" failed=0 ") && line.contains(" lost=0 twice=0"), "{line}");
        assert!(!line.contains("acknowledged=0/s"), "{line}");
    }
}

#[test]
fn a_journal_whose_writer_was_killed_is_read_whole() {
    let output = harness("recovery --records 2000");
    assert!(output.status.success(), "{output:?}");
    assert!(last_line(&output).starts_with("records=2000 "), "{output:?}");
}

#[test]
fn a_disk_that_breaks_loses_nothing_and_lets_nothing_be_done() {
    let output = harness("disk --scenario success --trouble journal.sync:20:broken");
    assert!(output.status.success(), "{output:?}");
    let line = last_line(&output);
    assert!(line.contains("troubles=1 power_cuts=0"), "{line}");
    assert!(line.ends_with("duplicates=0 lost=0 silent=0 acted=0"), "{line}");
}

#[test]
fn a_machine_that_goes_down_before_a_flush_loses_nothing_that_was_answered_for() {
    let output = harness("disk --scenario success --trouble journal.sync:30:power-cut");
    assert!(output.status.success(), "{output:?}");
    assert!(last_line(&output).contains("power_cuts=1 duplicates=0 lost=0"), "{output:?}");
}

#[test]
fn trouble_that_there_is_not_is_named() {
    let output = harness("disk --trouble journal.sync:1:rain");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("full-for-good, power-cut"));
}
