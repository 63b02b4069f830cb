//! What lasts: faults, breaches that are open, guesses that are stood by.

use std::collections::BTreeMap;

use mapek_model::Duration;
use plotters::style::RGBColor;

use super::super::palette::{FAULT, RIGHT, SEEN, SENSE, WRONG};
use crate::{Look, Scenario, Trace, score::GRACE};

/// A row of bars with one name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) bars: Vec<Bar>,
}

/// From one minute to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bar {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) color: RGBColor,
}

/// What goes wrong with the system, its API, and the sensors. What has no end lasts to the horizon.
pub(super) fn faults(scenario: &Scenario) -> Vec<Row> {
    let bar = |from: Duration, lasts: Option<Duration>, color| Bar {
        from: minutes(from),
        to: minutes(lasts.map_or(scenario.horizon, |it| (from + it).min(scenario.horizon))),
        color,
    };
    let plant = scenario.faults.iter().map(|fault| {
        let at = fault.node.as_ref().map_or_else(String::new, |node| format!(" at {node}"));
        let half = if fault.intensity < 1.0 {
            format!(", {:.0} %", fault.intensity * 100.0)
        } else {
            String::new()
        };
        Row {
            name: format!("{}{at}{half}", fault.kind),
            bars: fault.starts().map(|from| bar(from, fault.duration, FAULT)).collect(),
        }
    });
    let api = scenario.api_faults.iter().map(|it| Row {
        name: format!("{} of {}", word(&it.fault.kind), it.fault.call),
        bars: vec![bar(it.at, None, SENSE)],
    });
    let sensors = scenario.sensor_faults.iter().map(|it| Row {
        name: format!("sensors: {}", word(&it.kind)),
        bars: vec![bar(it.at, it.duration, SENSE)],
    });
    plant.chain(api).chain(sensors).collect()
}

/// Breaches while they are seen.
pub(super) fn seen(trace: &Trace, end: f64) -> Vec<Row> {
    rows(trace, end, |look| look.open.iter().map(|it| (it.to_string(), SEEN)).collect())
}

/// The cause that was held most likely, while it was; right or wrong.
pub(super) fn guesses(scenario: &Scenario, trace: &Trace, end: f64) -> Vec<Row> {
    rows(trace, end, |look| {
        let Some((cause, _)) = look.causes.first() else { return Vec::new() };
        let at = Duration::try_from_secs_f64(look.at_s).unwrap_or_default();
        let right = scenario.causes_at(at, GRACE).contains(&cause.kind);
        vec![(cause.to_string(), if right { RIGHT } else { WRONG })]
    })
}

/// Rows by name, in order of their first bar. What one look shows lasts until the next.
fn rows(trace: &Trace, end: f64, shown: impl Fn(&Look) -> Vec<(String, RGBColor)>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut places = BTreeMap::new();
    for (place, look) in trace.looks.iter().enumerate() {
        let from = look.at_s / 60.0;
        let to = trace.looks.get(place + 1).map_or(end, |next| next.at_s / 60.0).min(end);
        for (name, color) in shown(look) {
            let row = *places.entry(name.clone()).or_insert_with(|| {
                rows.push(Row { name, bars: Vec::new() });
                rows.len() - 1
            });
            match rows[row].bars.last_mut() {
                Some(last) if last.color == color && last.to >= from => last.to = to,
                _ => rows[row].bars.push(Bar { from, to, color }),
            }
        }
    }
    rows
}

fn minutes(duration: Duration) -> f64 {
    duration.as_secs_f64() / 60.0
}

/// The word that files use.
fn word<T: serde::Serialize>(kind: &T) -> String {
    serde_json::to_value(kind).ok().and_then(|it| Some(it.as_str()?.to_owned())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::drawn;

    #[test]
    fn what_two_looks_share_is_one_bar() {
        let drawn = drawn();
        let rows = seen(&drawn.steered, 45.0);
        let names: Vec<_> = rows.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names[..2], ["validation-latency", "high-failure-rate"], "in order of time");
        let bars: Vec<_> = rows[0].bars.iter().map(|it| (it.from, it.to)).collect();
        assert_eq!(bars, [(5.5, 10.5), (15.5, 21.0)]);
    }

    #[test]
    fn a_guess_has_the_colour_of_the_truth() {
        let drawn = drawn();
        let rows = guesses(&drawn.scenario, &drawn.steered, 45.0);
        let told: Vec<_> = rows.iter().map(|it| (it.name.as_str(), it.bars[0].color)).collect();
        let wanted = [
            ("overload", RIGHT),
            ("validation-latency", WRONG),
            ("policy-misconfiguration", RIGHT),
        ];
        assert_eq!(told, wanted);
    }

    #[test]
    fn what_has_no_end_lasts_to_the_horizon() {
        let rows = faults(&drawn().scenario);
        let ends: Vec<_> = rows.iter().map(|it| it.bars[0].to).collect();
        assert_eq!(ends, [25.0, 45.0, 34.0]);
        assert_eq!(rows[0].name, "overload, 60 %");
        assert_eq!(rows[1].name, "policy-misconfiguration at validator-2");
        assert_eq!(rows[2].name, "sensors: missing");
    }
}
