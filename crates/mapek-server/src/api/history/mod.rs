//! What happened over hours: watched values, counts, and what lasted from when to when.
//!
//! A day has more cycles than a picture has points, so cycles are gathered in buckets of one length. Of each value a bucket keeps the least
//! and the greatest: a spike of one cycle shows, however long the bucket.

mod lanes;
mod moment;
mod table;
mod unit;

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use mapek_loop::Chronicle;
use mapek_model::{
    CycleNumber, Duration, Level, TargetId, Timestamp, duration, earlier, later, since,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    App, Problem,
    doc::{Param, shape},
    page::{Asked, Filter},
};
use lanes::Lanes;
#[cfg(feature = "console")]
pub(crate) use lanes::worst_first;
use moment::moment;
#[cfg(feature = "console")]
pub(crate) use table::Row;
pub(crate) use table::Table;
pub(crate) use unit::unit;

/// Buckets of an answer: more than a screen has pixels to tell apart, but for the widest.
const ROWS_MAX: usize = 1000;
/// Values of an answer that names none.
const VALUES_MAX: usize = 50;
/// How far an answer goes back that is not told.
const SPAN: Duration = Duration::from_secs(6 * 3600);

/// What is wanted: from when to when, in which steps, of which values.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    from: Option<String>,
    to: Option<String>,
    step: Option<Duration>,
    values: BTreeSet<String>,
}

impl Filter for Wanted {
    const PARAMS: &'static [Param] = &[
        Param {
            name: "from",
            what: "from when: a time, or how long before now (`-6h`, the default)",
            shape: shape::<String>,
        },
        Param { name: "to", what: "until when, likewise; now by default", shape: shape::<String> },
        Param {
            name: "step",
            what: "how long a bucket is at least (`1m`); by default as short as the answer may be long",
            shape: shape::<String>,
        },
        Param {
            name: "value",
            what: "a watched value, by its name; as often as there are values. All by default",
            shape: shape::<String>,
        },
    ];
    const REPEATED: &'static [&'static str] = &["value"];

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "from" => self.from = Some(value.to_owned()),
            "to" => self.to = Some(value.to_owned()),
            "step" => self.step = Some(duration::parse(value)?),
            _ => {
                self.values.insert(value.to_owned());
            }
        }
        Ok(())
    }
}

/// A day at most, as watched values and lanes.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct History {
    target: TargetId,
    from: Timestamp,
    to: Timestamp,
    /// How many seconds a bucket is long; null where each cycle has its own.
    step: Option<f64>,
    /// When each bucket begins, in order. One without cycles is a gap: nobody knows what was then.
    at: Vec<Timestamp>,
    cycles: Cycles,
    /// The watched values, by name.
    values: BTreeMap<String, Values>,
    /// How many values there are besides.
    values_more: usize,
    lanes: Lanes,
}

/// What cycles saw, bucket by bucket.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Cycles {
    /// The first of each bucket; null in a gap.
    first: Vec<Option<CycleNumber>>,
    /// How many there are.
    count: Vec<u32>,
    /// Most open episodes at once, by severity.
    critical: Vec<u32>,
    warning: Vec<u32>,
    info: Vec<u32>,
    /// The worst level of evidence; null in a gap.
    evidence: Vec<Option<Level>>,
    /// How many cycles were faulty.
    faulty: Vec<u32>,
    /// The likeliest cause of all; null if there was none.
    suspect: Vec<Option<Suspected>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Suspected {
    cause: String,
    confidence: f64,
}

/// A watched value, bucket by bucket; null where it had none.
#[derive(Debug, Serialize, JsonSchema)]
struct Values {
    /// What it is measured in, as far as its name says it.
    unit: Option<&'static str>,
    min: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
}

impl History {
    fn of(
        chronicle: &Chronicle,
        target: TargetId,
        span: (Timestamp, Timestamp),
        table: Table,
    ) -> Self {
        let (from, to) = span;
        let Table { names, rows, step, more } = table;
        let mut cycles = Cycles::default();
        let column = |place: usize, pick: fn((f64, f64)) -> f64| {
            rows.iter().map(|(_, row)| Some(pick((*row.as_ref()?.values.get(place)?)?))).collect()
        };
        let values = names.iter().enumerate().map(|(place, name)| {
            let values = Values {
                unit: unit(name),
                min: column(place, |it| it.0),
                max: column(place, |it| it.1),
            };
            (name.clone(), values)
        });
        let values = values.collect();
        for (_, row) in &rows {
            let row = row.as_ref();
            cycles.first.push(row.map(|it| it.first));
            cycles.count.push(row.map_or(0, |it| it.cycles));
            let open = row.map(|it| it.open).unwrap_or_default();
            cycles.critical.push(open.critical);
            cycles.warning.push(open.warning);
            cycles.info.push(open.info);
            cycles.evidence.push(row.map(|it| it.level));
            cycles.faulty.push(row.map_or(0, |it| it.faulty));
            let suspect = row.and_then(|it| it.suspect.as_ref());
            cycles.suspect.push(suspect.map(|it| Suspected {
                cause: it.cause.to_string(),
                confidence: it.confidence.get(),
            }));
        }
        Self {
            target,
            from,
            to,
            step: step.map(|it| it.as_secs_f64()),
            at: rows.iter().map(|(at, _)| *at).collect(),
            cycles,
            values,
            values_more: more,
            lanes: Lanes::of(chronicle, from, to),
        }
    }
}

impl App {
    /// What time it is for the loop: its clock is not always the one on the wall.
    pub(crate) fn now(&self) -> Timestamp {
        let newest = || self.state().last().map_or(Timestamp::UNIX_EPOCH, |last| last.at);
        self.handle.as_ref().map_or_else(newest, mapek_loop::LoopHandle::now)
    }
}

/// The span of time that two texts say; each may be absent.
///
/// # Errors
///
/// What is wrong with them.
pub(crate) fn span(
    from: Option<&str>,
    to: Option<&str>,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), String> {
    let to = to.map_or(Ok(now), |it| moment(it, now).map_err(|why| format!("to {why}")))?;
    let from = match from {
        Some(from) => moment(from, now).map_err(|why| format!("from {why}"))?,
        None => earlier(to, SPAN),
    };
    if from >= to {
        return Err(format!("from ({from}) must be before to ({to})"));
    }
    // What is older is not kept, and buckets of years would tell nothing.
    let from = if since(to, from) > 2 * Chronicle::AGE_MAX {
        earlier(to, 2 * Chronicle::AGE_MAX)
    } else {
        from
    };
    Ok((from, to.min(later(now, Chronicle::AGE_MAX))))
}

pub(super) async fn history(
    State(app): State<App>,
    asked: Asked<Wanted>,
) -> Result<Response, Problem> {
    let Wanted { from, to, step, values } = asked.filter;
    let bad = |why: String| Problem::new(StatusCode::BAD_REQUEST, why);
    let span = span(from.as_deref(), to.as_deref(), app.now()).map_err(bad)?;
    let state = app.state();
    let table = Table::of(&state.chronicle, span, step, ROWS_MAX, &values, VALUES_MAX);
    Ok(Json(History::of(&state.chronicle, state.target.clone(), span, table)).into_response())
}
