//! Cycles: in a line each, and one in full.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use mapek_loop::{CycleReport, WakeReason};
use mapek_model::{Confidence, CycleNumber, Level, Quality, SourceName, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use tracing::warn;

use super::{
    App, Problem,
    doc::{Param, shape},
    page::{self, AFTER, Asked, Filter, LIMIT, Period, SINCE, UNTIL},
    problem::repeated,
};

/// Causes that a summary names: the likeliest. The full report has all.
const CAUSES_MAX: usize = 3;

/// A cycle in short. A full report holds every violation, which in a list of them would be too much.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Summary {
    number: CycleNumber,
    at: Timestamp,
    woken_by: BTreeSet<WakeReason>,
    open: usize,
    closed: usize,
    /// The worst level of evidence of each source.
    quality: BTreeMap<SourceName, Level>,
    /// The likeliest causes.
    causes: Vec<Suspect>,
    /// Decisions about plans, by word.
    decisions: BTreeMap<&'static str, usize>,
    /// Why it did not plan, where it did not.
    no_planning: Option<String>,
    escalations: Vec<String>,
    paused: Option<String>,
    faults: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Suspect {
    cause: String,
    confidence: Confidence,
}

impl Summary {
    pub(super) fn of(report: &CycleReport) -> Self {
        let causes = report.diagnosis.causes.iter().take(CAUSES_MAX);
        let mut decisions = BTreeMap::new();
        for decided in &report.decisions {
            *decisions.entry(decided.as_str()).or_default() += 1;
        }
        let level = |(source, quality): (&SourceName, &Quality)| (source.clone(), quality.level());
        Self {
            number: report.number,
            at: report.at,
            woken_by: report.woken_by.clone(),
            open: report.seen.open.len(),
            closed: report.seen.closed.len(),
            quality: report.seen.quality.iter().map(level).collect(),
            causes: causes
                .map(|one| Suspect { cause: one.cause.to_string(), confidence: one.confidence })
                .collect(),
            decisions,
            no_planning: report.no_planning.as_ref().map(ToString::to_string),
            escalations: report.escalations.clone(),
            paused: report.paused.clone(),
            faults: report.faults.clone(),
        }
    }
}

/// Which cycles are wanted.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    period: Period,
    breached: Option<bool>,
}

impl Filter for Wanted {
    const PARAMS: &'static [Param] = &[
        LIMIT,
        AFTER,
        SINCE,
        UNTIL,
        Param { name: "breached", what: "whether something was open", shape: shape::<bool> },
    ];

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "breached" => self.breached = Some(page::parsed(value, "true or false")?),
            _ => self.period.set(name, value)?,
        }
        Ok(())
    }
}

impl Wanted {
    fn holds(&self, report: &CycleReport) -> bool {
        let breached = self.breached.is_none_or(|it| it != report.seen.open.is_empty());
        breached && self.period.holds(report.at)
    }
}

/// Newest first.
pub(super) async fn list(
    State(app): State<App>,
    asked: Asked<Wanted>,
) -> Result<Response, Problem> {
    let state = app.state();
    page::list(
        &state,
        state.reports.iter().rev(),
        &asked,
        |wanted, report| wanted.holds(report),
        |report| report.number.to_string(),
        |report| Summary::of(report),
    )
}

pub(super) async fn one(
    State(app): State<App>,
    Path(number): Path<String>,
) -> Result<Response, Problem> {
    let wanted = number.parse().map(CycleNumber::new).map_err(|_| {
        let detail = format!("a cycle is named by its number, got {}", repeated(&number));
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })?;
    Ok(Json(&*found(&app, wanted).await?).into_response())
}

/// A cycle: from memory, or as far as the journal has it.
///
/// # Errors
///
/// 404 if neither has it, which says how long cycles are kept where.
pub(crate) async fn found(app: &App, number: CycleNumber) -> Result<Arc<CycleReport>, Problem> {
    let state = app.state();
    if let Some(report) = state.reports.iter().find(|report| report.number == number) {
        return Ok(Arc::clone(report));
    }
    let oldest = state.reports.front().map(|it| it.number);
    if let Some(handle) = app.handle.clone().filter(|_| oldest.is_none_or(|it| number < it)) {
        // It reads files.
        let recalled = tokio::task::spawn_blocking(move || handle.recall_cycle(number)).await;
        match recalled {
            Ok(Ok(Some(report))) => return Ok(Arc::new(report)),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => {
                warn!(error = &error as &dyn std::error::Error, "no cycle can be recalled")
            }
            Err(_) => warn!("recalling a cycle has panicked"),
        }
    }
    let detail = format!(
        "no cycle {number} is kept; memory has the newest {kept} (/api/v1/cycles), and the journal those in which something was \
         open or at work, as long as execute.journal_retention says",
        kept = state.reports.len(),
    );
    Err(Problem::new(StatusCode::NOT_FOUND, detail))
}
