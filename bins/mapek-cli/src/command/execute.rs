//! `mapek execute --dry-run`.

use std::{io::BufRead, process::ExitCode};

use mapek::{
    Clock,
    execute::{CharterEffector, DryRun, EffectError, Effector, Repeat, Sending},
    model::{
        Action, Captured, Epoch, ExecutionId, IdempotencyKey, Plan, PlanHash, PlanId, Step,
        StepIndex, Timestamp, UndoClass, Way,
    },
    plan::Planning,
};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::Value;

use super::{
    Done, configuration,
    input::{InputError, Lines, open},
    note,
    output::{Out, chain},
};
use crate::{cli::ExecuteArgs, compose};

/// Says what plans would do, and does nothing.
pub(super) async fn execute(args: &ExecuteArgs) -> Done {
    let config = configuration(&args.stage.config)?.config;
    let clock = compose::system_clock();
    let api = compose::charter(&config, clock.as_ref())?.api();
    let reachable = api.health().await.map_err(|error| chain(&error));
    if let Err(why) = &reachable {
        note(format_args!("Charter cannot be asked, so no step is checked: {why}"));
    }
    let effector = DryRun::over(CharterEffector::new(api));
    let rehearsal = Rehearsal { effector, clock: clock.as_ref(), reachable };
    let (mut out, mut good) = (Out::stdout(), true);
    let mut lines = Lines::new(open(args.stage.file.as_deref())?);
    while lines.advance()? {
        for (plan, waits) in plans(&lines)? {
            let report = rehearsal.of(&plan, waits).await;
            good &= report.steps.iter().all(|step| step.accepted == Some(true));
            out.json(&report)?;
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What tells a plan from what the planner answers.
#[derive(Debug, Deserialize)]
struct Peek {
    #[serde(default)]
    steps: Option<IgnoredAny>,
    #[serde(default)]
    plans: Option<IgnoredAny>,
}

/// The plans of one line, best first, each with what it waits for.
fn plans<R: BufRead>(lines: &Lines<R>) -> Result<Vec<(Plan, Option<String>)>, InputError> {
    match lines.parse::<Peek>()? {
        Peek { steps: Some(_), .. } => Ok(vec![(lines.parse()?, None)]),
        Peek { plans: Some(_), .. } => {
            let planning: Planning = lines.parse()?;
            let waiting =
                planning.waiting.into_iter().map(|it| (it.plan, Some(it.reason.to_string())));
            Ok(planning.plans.into_iter().map(|plan| (plan, None)).chain(waiting).collect())
        }
        _ => Err(lines.refuse(
            "the line as a whole",
            "neither a plan, which has steps, nor an answer of the planner, which has plans",
        )),
    }
}

/// What one plan would do.
#[derive(Debug, Serialize)]
struct Report {
    plan: PlanId,
    hash: PlanHash,
    summary: String,
    dry_run: bool,
    /// Why the planner would not have it acted on yet.
    waits: Option<String>,
    steps: Vec<StepReport>,
}

/// What one step would do. Each step is checked against the state of now, not against what the steps before it would make.
#[derive(Debug, Serialize)]
struct StepReport {
    step: StepIndex,
    says: String,
    action: Action,
    undo: UndoClass,
    /// What happens if it is sent twice; absent if the effector does not know the action.
    repeat: Option<Repeat>,
    /// Whether Charter would take it; absent if it cannot be asked.
    accepted: Option<bool>,
    /// Why not.
    problem: Option<String>,
    /// The state that undoing it would need.
    captured: Option<Value>,
    /// What would have been answered.
    answer: Option<Value>,
}

struct Rehearsal<'a> {
    effector: DryRun<CharterEffector>,
    clock: &'a dyn Clock,
    reachable: Result<mapek::charter::Health, String>,
}

impl Rehearsal<'_> {
    async fn of(&self, plan: &Plan, waits: Option<String>) -> Report {
        let mut steps = Vec::new();
        for (index, step) in (0..).map(StepIndex).zip(&plan.steps) {
            steps.push(self.step(index, step, plan).await);
        }
        let summary: Vec<_> = plan.steps.iter().map(|step| step.action.to_string()).collect();
        Report {
            plan: plan.id,
            hash: plan.hash(),
            summary: summary.join(", then "),
            dry_run: true,
            waits,
            steps,
        }
    }

    async fn step(&self, index: StepIndex, step: &Step, plan: &Plan) -> StepReport {
        let action = &step.action;
        let mut report = StepReport {
            step: index,
            says: action.to_string(),
            action: action.clone(),
            undo: step.undo,
            repeat: self.effector.repeat(&action.kind(), Way::Do),
            accepted: None,
            problem: None,
            captured: None,
            answer: None,
        };
        if let Err(why) = &self.reachable {
            report.problem = Some(why.clone());
            return report;
        }
        match self.rehearse(index, action, plan).await {
            Ok((captured, answer)) => {
                report.accepted = Some(true);
                (report.captured, report.answer) = (Some(captured), Some(answer));
            }
            Err(error) => {
                report.accepted = Some(false);
                report.problem = Some(error.to_string());
            }
        }
        report
    }

    async fn rehearse(
        &self,
        index: StepIndex,
        action: &Action,
        plan: &Plan,
    ) -> Result<(Value, Value), EffectError> {
        let now = self.clock.now();
        let captured = Captured { at: now, state: self.effector.capture(action).await? };
        self.effector.rehearse(action, Way::Do, &captured).await?;
        if plan.steps[usize::from(index.0)].undo != UndoClass::Irreversible {
            self.effector.rehearse(action, Way::Undo, &captured).await?;
        }
        let sending = sending(index, plan, now);
        let answer = self.effector.apply(action, &captured, &sending).await?;
        Ok((captured.state, answer))
    }
}

/// What would go with the step. Nothing is sent, so nobody sees it.
fn sending(index: StepIndex, plan: &Plan, now: Timestamp) -> Sending {
    let execution = ExecutionId::from_uuid(*plan.id.as_uuid());
    Sending {
        key: IdempotencyKey::of(execution, index, Way::Do),
        epoch: Epoch::default(),
        decided: now,
    }
}
