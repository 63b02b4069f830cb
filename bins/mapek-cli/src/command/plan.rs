//! `mapek plan`.

use std::process::ExitCode;

use mapek::{
    IdSource as _,
    model::{Diagnosis, Experience, Observation, PlanId},
};
use serde::{Deserialize, Serialize};

use super::{
    Done, configuration, ids,
    input::{Lines, open},
    output::Out,
};
use crate::{cli::StageArgs, compose};

/// What `mapek analyze --pass` writes. Without experience, nothing was ever tried.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    observation: Observation,
    diagnosis: Diagnosis,
    #[serde(default)]
    experience: Experience,
}

/// Plans against each diagnosis, at the moment of its observation. The same input gives the same output, ids included.
pub(super) fn plan(args: &StageArgs) -> Done {
    let config = configuration(&args.config)?.config;
    let planner = compose::planner(&config)?;
    let mut out = Out::stdout();
    let mut lines = Lines::new(open(args.file.as_deref())?);
    while let Some(input) = lines.next::<Input>()? {
        let source = ids::of(&input)?;
        let Input { observation, diagnosis, experience } = input;
        let now = observation.at;
        let mut ids = || PlanId::from_uuid(source.next_id(now));
        out.json(&planner.plan(&diagnosis, &observation, &experience, now, &mut ids))?;
    }
    Ok(ExitCode::SUCCESS)
}
