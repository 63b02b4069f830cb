//! What has to be true in the end, whatever was killed: journal, ledger, knowledge and inbox agree.

mod alerts;
mod doubt;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use charter_sim::LedgerEntry;
use mapek_execute::{Body, Record, scan};
use mapek_knowledge::{Filter, KnowledgeStore as _, Limits, OUTCOMES_MAX, SqliteKnowledge};
use mapek_loop::{Checkpoint as _, FileCheckpoint};
use mapek_model::{
    ContentHash, Ending, Execution, ExecutionId, IdempotencyKey, Sequence, StepIndex, StepStatus,
    UndoClass, Way,
};
use mapek_store::{SqliteStore, Store};

use crate::{
    BoxError,
    driver::Heard,
    scenario::{PAUSED_FOR, People, START, Scenario},
};

/// What there is to look at when a story has ended.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) directory: &'a Path,
    /// All that took effect.
    pub(crate) ledger: Vec<LedgerEntry>,
    pub(crate) heard: &'a Heard,
    /// Alerts that were acknowledged.
    pub(crate) acknowledged: &'a [u32],
}

/// What was found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Effects that one intent had beyond the first.
    pub(crate) duplicates: Vec<String>,
    /// What was acknowledged and is not there, and effects that nothing tells of.
    pub(crate) lost: Vec<String>,
    /// What is there and is not true, or should not be so.
    pub(crate) wrong: Vec<String>,
    /// Steps that cannot be repeated and that a crash or a lost answer left open.
    pub(crate) in_doubt: usize,
    /// Of these, those that reading the managed system decided.
    pub(crate) decided: usize,
    /// Executions that a person has to decide.
    pub(crate) needs_operator: usize,
}

impl Verdict {
    pub(crate) fn is_good(&self) -> bool {
        self.duplicates.is_empty() && self.lost.is_empty() && self.wrong.is_empty()
    }
}

/// A step, this way or that.
type Sent = (ExecutionId, StepIndex, Way);

/// What a journal says.
#[derive(Debug, Default)]
struct Told {
    records: Vec<Record>,
    executions: BTreeMap<ExecutionId, Execution>,
    /// What was intended, by the key that it was sent under.
    intents: BTreeMap<String, Sent>,
}

/// Looks at everything.
pub(crate) fn look(scene: &Scene<'_>) -> Result<Verdict, BoxError> {
    let mut verdict = Verdict::default();
    let store = SqliteStore::open(scene.directory.join("journal.db"))?;
    verdict.lost.extend(scene.heard.complaints.iter().cloned());
    records(scene, &store, &mut verdict)?;
    let told = read(&store, &mut verdict)?;
    let effects = effects(scene, &told, &mut verdict);
    for execution in told.executions.values() {
        truth(scene, execution, &effects, &mut verdict);
    }
    doubt::look(&told.records, scene.scenario.keys, &mut verdict);
    paused(scene, &mut verdict)?;
    outcomes(scene, &told, &mut verdict)?;
    alerts::look(scene, &mut verdict)?;
    if FileCheckpoint::in_directory(scene.directory).load()?.is_none() {
        verdict.lost.push("the checkpoint is not there".to_owned());
    }
    Ok(verdict)
}

/// Each record that the journal has answered for is there as it was, or pruned.
fn records(scene: &Scene<'_>, store: &SqliteStore, verdict: &mut Verdict) -> Result<(), BoxError> {
    let pruned = store.pruned()?.through;
    let stored = store.read(Sequence::default(), usize::MAX >> 1)?;
    let stored: BTreeMap<_, _> =
        stored.into_iter().map(|it| (it.sequence.get(), ContentHash::of(&it.bytes))).collect();
    for (sequence, hash) in &scene.heard.records {
        match stored.get(sequence) {
            Some(found) if found == hash => {}
            None if *sequence <= pruned.get() => {}
            Some(_) => verdict.lost.push(format!("record {sequence} is another one")),
            None => verdict.lost.push(format!("record {sequence} is not there")),
        }
    }
    Ok(())
}

fn read(store: &SqliteStore, verdict: &mut Verdict) -> Result<Told, BoxError> {
    let mut told = Told::default();
    let mut wrong = Vec::new();
    scan(store, |item| match item {
        Ok(record) => told.take(record, &mut wrong),
        Err(bad) => wrong.push(format!("record {}: {}", bad.sequence, bad.reason)),
    })?;
    verdict.lost.extend(wrong);
    Ok(told)
}

impl Told {
    fn take(&mut self, record: Record, wrong: &mut Vec<String>) {
        if let Body::Execution { record: event } = &record.body {
            let id = event.execution;
            let done = match self.executions.get_mut(&id) {
                Some(execution) => execution.apply(event),
                None => Execution::begin(event).map(|begun| {
                    self.intents.extend(keys(&begun));
                    self.executions.insert(id, begun);
                }),
            };
            if let Err(illegal) = done {
                wrong.push(format!("record {}: {illegal}", record.sequence));
            }
        }
        self.records.push(record);
    }
}

/// The keys that the steps of an execution are sent under.
fn keys(execution: &Execution) -> impl Iterator<Item = (String, Sent)> + use<> {
    let id = execution.id;
    let steps = u16::try_from(execution.plan.steps.len()).unwrap_or(u16::MAX);
    (0..steps).map(StepIndex).flat_map(move |step| {
        [Way::Do, Way::Undo]
            .map(|way| (IdempotencyKey::of(id, step, way).to_string(), (id, step, way)))
    })
}

/// How often each step took effect. What took effect without a word in the journal is a record that is lost.
fn effects(scene: &Scene<'_>, told: &Told, verdict: &mut Verdict) -> BTreeMap<Sent, usize> {
    let mut effects = BTreeMap::new();
    for entry in &scene.ledger {
        let key = entry.idempotency_key.as_ref().map(ToString::to_string);
        let sent = key.as_ref().and_then(|key| told.intents.get(key));
        match sent {
            Some(sent) => *effects.entry(*sent).or_default() += 1,
            None => verdict.lost.push(format!(
                "nothing tells of effect {} ({} of {}, key {key:?})",
                entry.sequence, entry.call, entry.subject
            )),
        }
    }
    for ((execution, step, way), count) in &effects {
        for _ in 1..*count {
            verdict
                .duplicates
                .push(format!("step {step} of {execution} ({way:?}) took effect again"));
        }
    }
    effects
}

/// What the journal says of each step is what the ledger says.
fn truth(
    scene: &Scene<'_>,
    execution: &Execution,
    effects: &BTreeMap<Sent, usize>,
    verdict: &mut Verdict,
) {
    let id = execution.id;
    let needs_operator = execution.status.ending() == Some(Ending::NeedsOperator);
    if execution.status.is_live() {
        verdict.wrong.push(format!("execution {id} is left at {}", execution.status));
    }
    if needs_operator {
        verdict.needs_operator += 1;
        if !scene.scenario.may_need_operator {
            let why = execution.reason.clone().unwrap_or_default();
            verdict.wrong.push(format!("execution {id} needs an operator for no reason: {why}"));
        }
    }
    for (index, status) in (0..).zip(execution.status.steps()) {
        let step = StepIndex(index);
        let happened = |way| effects.contains_key(&(id, step, way));
        let (done, undone) = (happened(Way::Do), happened(Way::Undo));
        let stays = execution.plan.steps[usize::from(index)].undo == UndoClass::Irreversible;
        let is_true = match status {
            StepStatus::Applied => done && !undone,
            StepStatus::Waiting | StepStatus::Refused | StepStatus::Skipped => !done && !undone,
            StepStatus::Undone => done == undone || stays,
            StepStatus::UndoRefused => done && !undone && needs_operator,
            // Nobody knows, and nobody may claim to.
            StepStatus::Intended
            | StepStatus::Unclear
            | StepStatus::UndoIntended
            | StepStatus::UndoUnclear => needs_operator,
        };
        if !is_true {
            verdict.wrong.push(format!(
                "the journal has step {step} of {id} {status:?}, the ledger: done {done}, undone {undone}"
            ));
        }
    }
}

/// Nothing takes effect while the loop is paused.
fn paused(scene: &Scene<'_>, verdict: &mut Verdict) -> Result<(), BoxError> {
    if scene.scenario.people == People::Pause {
        let until = START.parse::<mapek_model::Timestamp>()?.checked_add(PAUSED_FOR)?;
        let early = scene.ledger.iter().filter(|entry| entry.at < until);
        verdict.wrong.extend(early.map(|it| format!("{} while the loop is paused", it.call)));
    }
    Ok(())
}

/// Each outcome is known once.
fn outcomes(scene: &Scene<'_>, told: &Told, verdict: &mut Verdict) -> Result<(), BoxError> {
    let store = SqliteKnowledge::open(scene.directory.join("knowledge.db"), Limits::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let known = runtime.block_on(Arc::new(store).outcomes(&Filter::default(), OUTCOMES_MAX))?;
    let ids: BTreeSet<_> = known.iter().map(|outcome| outcome.execution).collect();
    if ids.len() < known.len() {
        verdict.duplicates.push("an outcome is known twice".to_owned());
    }
    for execution in told.executions.values() {
        if execution.outcome().is_some() != ids.contains(&execution.id) {
            verdict.lost.push(format!("the outcome of {} is not known", execution.id));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mapek_model::{Action, ExecutionEvent, ExecutionRecord, Step, Timestamp};
    use serde_json::Value;

    use super::*;
    use crate::recovery::started;

    const STEP: StepIndex = StepIndex(0);

    fn id() -> ExecutionId {
        ExecutionId::from_uuid(uuid::Uuid::from_u128(1))
    }

    fn key(way: Way) -> IdempotencyKey {
        IdempotencyKey::of(id(), STEP, way)
    }

    /// An execution of one step, after these events.
    fn told(events: Vec<ExecutionEvent>) -> Told {
        let record = |event| ExecutionRecord { execution: id(), at: Timestamp::UNIX_EPOCH, event };
        let step = Step::of(Action::ScaleUp { replicas: 9 });
        let mut execution = Execution::begin(&record(started(vec![step]))).unwrap();
        for event in events {
            execution.apply(&record(event)).unwrap();
        }
        let intents = keys(&execution).collect();
        Told { records: Vec::new(), executions: BTreeMap::from([(id(), execution)]), intents }
    }

    fn intended() -> ExecutionEvent {
        let key = key(Way::Do);
        ExecutionEvent::Intended { step: STEP, way: Way::Do, attempt: 1, key, captured: None }
    }

    fn applied() -> ExecutionEvent {
        ExecutionEvent::Applied { step: STEP, way: Way::Do, receipt: Value::Null }
    }

    fn ended(ending: Ending) -> ExecutionEvent {
        ExecutionEvent::Ended { ending, reason: "it ends".to_owned() }
    }

    fn effect(key: Option<IdempotencyKey>) -> LedgerEntry {
        let key = key.map(|key| key.to_string());
        serde_json::from_value(serde_json::json!({
            "sequence": 1, "at": START, "call": "scale", "subject": "committee", "replays": 0,
            "idempotency_key": key,
        }))
        .unwrap()
    }

    fn found(told: &Told, ledger: Vec<LedgerEntry>) -> Verdict {
        let scenario = Scenario::named("success").unwrap();
        let (directory, heard) = (Path::new(""), &Heard::default());
        let scene = Scene { scenario: &scenario, directory, ledger, heard, acknowledged: &[] };
        let mut verdict = Verdict::default();
        let effects = effects(&scene, told, &mut verdict);
        truth(&scene, &told.executions[&id()], &effects, &mut verdict);
        verdict
    }

    /// The step is applied, and all that follows from it is left out.
    fn done() -> Told {
        let mut told = told(vec![intended(), applied(), ExecutionEvent::VerificationBegan]);
        let judged = ExecutionEvent::Judged {
            verdict: mapek_model::Verdict::Success,
            reason: "it helped".to_owned(),
            after: told.executions[&id()].before.clone(),
            time_to_effect: None,
        };
        for event in [judged, ended(Ending::Completed)] {
            let record = ExecutionRecord { execution: id(), at: Timestamp::UNIX_EPOCH, event };
            told.executions.get_mut(&id()).unwrap().apply(&record).unwrap();
        }
        told
    }

    #[test]
    fn one_effect_for_one_step_is_as_it_should_be() {
        assert_eq!(found(&done(), vec![effect(Some(key(Way::Do)))]), Verdict::default());
    }

    #[test]
    fn a_second_effect_is_a_duplicate() {
        let twice = vec![effect(Some(key(Way::Do))), effect(Some(key(Way::Do)))];
        assert_eq!(found(&done(), twice).duplicates.len(), 1);
    }

    #[test]
    fn an_effect_that_nothing_tells_of_is_a_lost_record() {
        let stranger = IdempotencyKey::of(id(), StepIndex(7), Way::Do);
        for other in [None, Some(stranger)] {
            let ledger = vec![effect(Some(key(Way::Do))), effect(other)];
            assert_eq!(found(&done(), ledger).lost.len(), 1);
        }
    }

    #[test]
    fn what_the_journal_claims_has_to_be_in_the_ledger() {
        assert!(found(&done(), vec![]).wrong[0].contains("Applied, the ledger: done false"));
        let clean = told(vec![ended(Ending::FailedClean)]);
        assert_eq!(found(&clean, vec![]), Verdict::default());
        assert!(!found(&clean, vec![effect(Some(key(Way::Do)))]).is_good());
    }

    #[test]
    fn what_is_left_open_is_for_a_person_only_where_nobody_can_know() {
        let open = told(vec![intended()]);
        assert!(found(&open, vec![]).wrong[0].contains("is left at"));
        let called = told(vec![intended(), ended(Ending::NeedsOperator)]);
        let verdict = found(&called, vec![]);
        assert!(verdict.wrong[0].contains("for no reason"), "{verdict:?}");
        assert_eq!(verdict.needs_operator, 1);
    }
}
