//! `mapek analyze`.

use std::{path::Path, process::ExitCode};

use mapek::{
    IdSource as _,
    analyze::{AnalyzeConfig, Analyzer, AnalyzerState, observe, read_violations},
    model::{Diagnosis, DiagnosisId, Observation},
};
use serde::Serialize;

use super::{
    Done, configuration, ids,
    input::{InputError, Lines, open},
    note,
    output::{Out, OutputError, Table, plain},
};
use crate::{
    cli::{AnalyzeArgs, Format},
    compose::{self, BuildError},
};

/// Diagnoses what is in a file of violations, or each observation on standard input.
///
/// The same input gives the same output, ids included.
pub(super) fn analyze(args: &AnalyzeArgs) -> Done {
    let config = configuration(&args.config)?.config;
    let settings = compose::analyze_config(&config);
    let target = &config.orchestrator.target;
    match &args.file {
        Some(path) => {
            let violations =
                read_violations(open(Some(path))?, target).map_err(InputError::from)?;
            let Some((observation, history)) = observe(violations, target) else {
                note(format_args!("nothing to analyze: {} has no violations", name(path)));
                return Ok(ExitCode::SUCCESS);
            };
            let mut each = Each::new(AnalyzeConfig { history, ..settings }, args)?;
            each.answer(observation)?;
        }
        None => {
            let mut each = Each::new(settings, args)?;
            let mut lines = Lines::new(open(None)?);
            while let Some(observation) = lines.next()? {
                each.answer(observation)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// What `mapek plan` reads.
#[derive(Debug, Serialize)]
struct Passed {
    observation: Observation,
    diagnosis: Diagnosis,
}

/// Diagnoses one observation after the other; what was learned from one is known to the next.
#[derive(Debug)]
struct Each<'a> {
    analyzer: Analyzer,
    state: AnalyzerState,
    args: &'a AnalyzeArgs,
    out: Out,
}

impl<'a> Each<'a> {
    fn new(settings: AnalyzeConfig, args: &'a AnalyzeArgs) -> Result<Self, BuildError> {
        let analyzer = Analyzer::try_new(settings).map_err(BuildError::of("the analyzer"))?;
        Ok(Self { analyzer, state: AnalyzerState::default(), args, out: Out::stdout() })
    }

    fn answer(&mut self, observation: Observation) -> miette::Result<()> {
        let ids = ids::of(&observation)?;
        let id = DiagnosisId::from_uuid(ids.next_id(observation.at));
        let diagnosis = self.analyzer.diagnose(&mut self.state, &observation, id);
        match (self.args.pass, self.args.format) {
            (true, _) => self.out.json(&Passed { observation, diagnosis })?,
            (false, Format::Json) => self.out.json(&diagnosis)?,
            (false, Format::Table) => table(&mut self.out, &observation, &diagnosis)?,
        }
        Ok(())
    }
}

fn table(out: &mut Out, seen: &Observation, diagnosis: &Diagnosis) -> Result<(), OutputError> {
    let risk = diagnosis.risk.map_or_else(|| "none".to_owned(), |risk| risk.to_string());
    out.line(format_args!("{}  {} open, risk {risk}", diagnosis.at, seen.open.len()))?;
    if diagnosis.is_healthy() {
        return out.line("nothing is wrong");
    }
    let mut rows = vec![["CONFIDENCE", "CAUSE", "WHY"].map(str::to_owned)];
    for cause in &diagnosis.causes {
        let confidence = format!("{:>8.0} %", cause.confidence.get() * 100.0);
        let mut reasons = cause.reasons.iter().map(|reason| plain(reason));
        rows.push([
            confidence,
            plain(&cause.cause.to_string()),
            reasons.next().unwrap_or_default(),
        ]);
        rows.extend(reasons.map(|reason| [String::new(), String::new(), reason]));
    }
    if diagnosis.causes.is_empty() {
        rows.push([String::new(), "unknown".to_owned(), String::new()]);
    }
    out.table(&Table::of(rows))?;
    for key in &diagnosis.unexplained {
        let violation = seen.open.iter().find(|it| it.key() == *key);
        let what = violation.map_or_else(
            || key.fingerprint.to_string(),
            |it| {
                let at = it.component.as_ref().map_or_else(String::new, |at| format!(" at {at}"));
                format!("{}{at}", it.expectation)
            },
        );
        out.line(format_args!("unexplained: {}", plain(&what)))?;
    }
    diagnosis
        .recommendations
        .iter()
        .try_for_each(|it| out.line(format_args!("recommended: {}", plain(it))))
}
