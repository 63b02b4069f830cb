//! `mapek rules test`: rules, tried on samples as `promtool test rules` does, by the embedded metric source.
//!
//! What the embedded source or this command does not evaluate is refused: a test that passes here passes there.

mod alert;
mod case;
mod file;
mod group;
mod notation;
mod template;

use std::{path::Path, process::ExitCode};

use serde::Serialize;

use super::{
    Done, UsageError,
    output::{Cell, Out, OutputError, Table, Tone},
};
use crate::{bounded, cli::RulesTestArgs};
use case::Verdict;
use file::{RuleFile, TestFile};

/// What is printed as JSON of each test.
#[derive(Debug, Serialize)]
struct Told<'a> {
    file: String,
    #[serde(flatten)]
    verdict: &'a Verdict,
    ok: bool,
}

/// Exit code 0 only if all tests hold.
pub(super) async fn test(args: &RulesTestArgs) -> Done {
    let mut out = Out::stdout();
    let mut well = true;
    for path in &args.files {
        let verdicts = try_file(path).await?;
        well &= verdicts.iter().all(Verdict::is_well);
        let name = path.display().to_string();
        if args.json {
            for verdict in &verdicts {
                out.json(&Told { file: name.clone(), verdict, ok: verdict.is_well() })?;
            }
        } else {
            tell(&mut out, &name, &verdicts)?;
        }
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(out: &mut Out, name: &str, verdicts: &[Verdict]) -> Result<(), OutputError> {
    let mut table = Table::facts();
    if verdicts.iter().all(Verdict::is_well) {
        let (tests, checks) = (verdicts.len(), verdicts.iter().map(|it| it.checks).sum::<usize>());
        table.row([
            Cell::new("ok").tone(Tone::Good),
            name.into(),
            format!("{checks} expectations of {tests} tests hold").into(),
        ]);
    }
    for verdict in verdicts {
        for failure in &verdict.failures {
            table.row([
                Cell::new("FAIL").tone(Tone::Bad),
                name.into(),
                format!("{}: {failure}", verdict.called()).into(),
            ]);
        }
    }
    out.table(&table)
}

async fn try_file(path: &Path) -> Result<Vec<Verdict>, UsageError> {
    let tests: TestFile = read(path)?;
    let beside = path.parent().unwrap_or_else(|| Path::new(""));
    let mut groups = Vec::new();
    for file in &tests.rule_files {
        let file = beside.join(file);
        let rules: RuleFile = read(&file)?;
        for group in rules.groups {
            groups.push(group.checked().map_err(|why| unusable(&file, &why))?);
        }
    }
    groups.sort_by_key(|group| tests.place_of(&group.name));
    let mut verdicts = Vec::new();
    for (i, test) in tests.tests.iter().enumerate() {
        let verdict = case::run(i + 1, test, &groups, tests.evaluation_interval()).await;
        verdicts.push(
            verdict.map_err(|why| unusable(path, &format!("{}: {why}", test.called(i + 1))))?,
        );
    }
    Ok(verdicts)
}

fn read<T>(path: &Path) -> Result<T, UsageError>
where
    T: serde::de::DeserializeOwned + garde::Validate<Context: Default>,
{
    let text = bounded::read(path).map_err(|why| unusable(path, &why.to_string()))?;
    crate::yaml::parse(&text, &path.display().to_string())
        .map_err(|why| UsageError::new(why, REMEDY))
}

/// Where the format is told.
const REMEDY: &str = "docs/cli.md says what of promtool's format is understood";

fn unusable(path: &Path, why: &str) -> UsageError {
    UsageError::new(format!("{}: {why}", path.display()), REMEDY)
}
