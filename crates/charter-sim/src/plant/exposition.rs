//! The plant's metrics. Their names and labels are the contract (`docs/charter-api.md` §7); beside them stands what every process shows of itself.
//!
//! What `action_type` means: `allow` (answered in time), `timeout` (too late), `reject` (the queue was full), `drop` (lost with
//! a node), each by node; `throttle` at `admission`, `override` and `bypass` at `committee`, `retry` at `clients`, `deny` at
//! `enforcement`.

use super::counters::NodeCounts;
use super::fleet::Fleet;
use super::machine::Plant;
use super::replica::VALIDATION_TYPES;
use crate::stats::{Histogram, SlidingQuantiles};
use crate::text::{Labels, Text, Type};

const PREFIX: &str = "westworld_charter_";
const QUANTILES: [(&str, f64); 4] = [("0.5", 0.5), ("0.9", 0.9), ("0.95", 0.95), ("0.99", 0.99)];
const SEVERITIES: [&str; 3] = ["info", "warning", "critical"];

pub(super) fn render(plant: &Plant) -> String {
    let mut text = Text::new(PREFIX);
    policy_violations(plant, &mut text);
    enforcement_actions(plant, &mut text);
    attempts(plant, &mut text);
    revocations(plant, &mut text);
    investigations(plant, &mut text);
    latencies(plant, &mut text);
    gauges(plant, &mut text);
    processes(plant, &mut text);
    text.finish()
}

/// What client libraries show of each process, under the names that all of them use.
fn processes(plant: &Plant, text: &mut Text) {
    text.prefixed("process_");
    let started_at = plant.start.as_millisecond() as f64 / 1_000.0;
    let now = plant.now_s();
    text.family("resident_memory_bytes", Type::Gauge, "Memory in use.");
    for process in plant.fleet.processes() {
        let memory = plant.disturbance.memory_bytes(process.number, process.booted_at, now);
        text.sample(&[("node_or_service", &Fleet::name(process.number))], memory.round());
    }
    text.family(
        "cpu_seconds_total",
        Type::Counter,
        "Time that it has worked; a node has one worker.",
    );
    for process in plant.fleet.processes() {
        text.sample(&[("node_or_service", &Fleet::name(process.number))], process.worked);
    }
    text.family("start_time_seconds", Type::Gauge, "When it was started, in unix seconds.");
    for process in plant.fleet.processes() {
        let started_at = started_at + process.booted_at;
        text.sample(&[("node_or_service", &Fleet::name(process.number))], started_at);
    }
}

fn policy_violations(plant: &Plant, text: &mut Text) {
    text.family("policy_violations_total", Type::Counter, "Violations detected.");
    for (id, (name, counts)) in &plant.counters.violations {
        for (severity, n) in SEVERITIES.iter().zip(counts) {
            let labels =
                [("severity", *severity), ("policy_id", id.as_str()), ("policy_name", name)];
            text.sample(&labels, *n as f64);
        }
    }
}

fn enforcement_actions(plant: &Plant, text: &mut Text) {
    text.family("enforcement_actions_total", Type::Counter, "Enforcement actions taken.");
    let mut action = |action: &str, place: &str, n: u64| {
        text.sample(&[("action_type", action), ("node_or_service", place)], n as f64);
    };
    let c = &plant.counters;
    for (number, node) in c.nodes.iter().enumerate() {
        let name = Fleet::name(number as u32);
        let NodeCounts { allowed, late, rejected, lost } = *node;
        action("allow", &name, allowed);
        action("timeout", &name, late);
        action("reject", &name, rejected);
        action("drop", &name, lost);
    }
    let denied = c.violations.values().flat_map(|(_, counts)| &counts[1..]).sum();
    action("deny", "enforcement", denied);
    action("drop", "admission", c.unavailable);
    action("throttle", "admission", c.shed);
    action("override", "committee", c.overridden);
    action("bypass", "committee", c.bypassed);
    action("retry", "clients", c.retries);
}

fn attempts(plant: &Plant, text: &mut Text) {
    let help = "Attempts to read a forbidden metric.";
    text.family("forbidden_metric_attempts_total", Type::Counter, help);
    for (status, n) in &plant.committee.attempts {
        let labels =
            [("metric_name", "keystroke_rate"), ("node_or_service", "ingest"), ("status", *status)];
        text.sample(&labels, *n as f64);
    }
}

fn revocations(plant: &Plant, text: &mut Text) {
    text.family("data_revocation_events_total", Type::Counter, "Data revoked.");
    for (reason, n) in &plant.committee.revoked {
        text.sample(&[("reason", *reason), ("node_or_service", "data-store")], *n as f64);
    }
}

fn investigations(plant: &Plant, text: &mut Text) {
    text.family("investigation_initiated_total", Type::Counter, "Investigations begun.");
    for (severity, n) in SEVERITIES.iter().zip(plant.committee.initiated).skip(1) {
        let kind = format!("{severity}_policy_violation");
        text.sample(&[("violation_type", &kind), ("initiated_by", "detector")], n as f64);
    }
    let help = "Violations under investigation now.";
    text.family("violations_under_investigation", Type::Gauge, help);
    for (severity, n) in SEVERITIES.iter().zip(plant.committee.open) {
        text.sample(&[("severity", severity)], n as f64);
    }
}

fn latencies(plant: &Plant, text: &mut Text) {
    text.family("committee_decision_duration_seconds", Type::Summary, "Time to a decision.");
    summary(text, ("committee_id", "main"), &plant.committee.decisions);
    let help = "Time to validate a request, queueing included.";
    text.family("validation_latency_seconds", Type::Summary, help);
    for ((name, _), sketch) in VALIDATION_TYPES.iter().zip(&plant.counters.validation) {
        summary(text, ("validation_type", name), sketch);
    }
    for (name, help, values) in [
        ("enforcement_latency_seconds", "Time to enforce.", &plant.counters.enforcement),
        ("policy_load_duration_seconds", "Time to load a policy.", &plant.loads),
        (
            "committee_notification_latency_seconds",
            "Time to notify the committee.",
            &plant.committee.notifications,
        ),
        ("data_revocation_latency_seconds", "Time to revoke data.", &plant.committee.revocations),
    ] {
        text.family(name, Type::Histogram, help);
        histogram(text, values);
    }
}

fn gauges(plant: &Plant, text: &mut Text) {
    let loaded_at = plant.start.as_millisecond() as f64 / 1_000.0 + plant.loaded_at;
    for (name, help, value) in [
        (
            "emergency_override_active_count",
            "Overrides in effect now.",
            plant.effects.overrides.into(),
        ),
        (
            "policy_last_load_timestamp",
            "When a policy was last loaded, in unix seconds.",
            loaded_at,
        ),
        ("committee_size", "Replicas now.", plant.fleet.members().into()),
        ("failure_rate", "Share of requests that fail, 0 to 1.", plant.counters.failure_rate()),
        ("throughput_ops_per_sec", "Requests served per second.", plant.counters.throughput()),
    ] {
        text.family(name, Type::Gauge, help);
        text.sample(&[], value);
    }
}

fn summary(text: &mut Text, label: (&str, &str), sketch: &SlidingQuantiles) {
    for (name, q) in QUANTILES {
        let labels: Labels<'_> = &[label, ("quantile", name)];
        text.sample(labels, sketch.quantile(q));
    }
    text.suffixed("_sum", &[label], sketch.sum());
    text.suffixed("_count", &[label], sketch.count() as f64);
}

fn histogram(text: &mut Text, values: &Histogram) {
    for (bound, n) in values.cumulative() {
        text.suffixed("_bucket", &[("le", &bound.to_string())], n as f64);
    }
    let count = values.count() as f64;
    text.suffixed("_bucket", &[("le", "+Inf")], count);
    text.suffixed("_sum", &[], values.sum());
    text.suffixed("_count", &[], count);
}
