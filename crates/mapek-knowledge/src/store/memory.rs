//! Outcomes in memory: for simulation, tests, and loops that may forget.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use mapek_model::{ContentHash, ExecutionId, Experience, Outcome, Sequence, TargetId};

use super::{Cursor, Filter, Idle, KnowledgeStore, Limits, OUTCOMES_MAX, Recorded, Taken, untaken};
use crate::{
    Error, Statistics,
    row::{Count, IdleKey, Place, Row},
    tallies::Tallies,
};

/// Keeps outcomes until it is dropped.
///
/// ```
/// use mapek_knowledge::{Cursor, KnowledgeStore, Limits, MemoryKnowledge};
/// use mapek_model::{ContentHash, Sequence, TargetId};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = MemoryKnowledge::new(Limits::default());
/// let seventh = Cursor::at(ContentHash::of(b"the journal's id"), Sequence::new(7));
/// store.set_cursor(seventh).await?;
/// assert_eq!(store.cursor().await?, seventh);
/// assert!(store.experience(&TargetId::default()).await?.plans.is_empty());
/// # Ok::<(), mapek_knowledge::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MemoryKnowledge {
    limits: Limits,
    state: Mutex<State>,
}

type Moment = (i64, ExecutionId);

#[derive(Debug, Default)]
struct State {
    outcomes: BTreeMap<ExecutionId, Row>,
    /// All outcomes, oldest first.
    by_time: BTreeSet<Moment>,
    /// Those whose details are kept, oldest first.
    detailed: BTreeSet<Moment>,
    idle: BTreeMap<IdleKey, (Count, i64)>,
    idle_by_time: BTreeSet<(i64, IdleKey)>,
    tallies: BTreeMap<TargetId, Tallies>,
    cursor: Cursor,
}

impl MemoryKnowledge {
    /// Knows nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing below panics half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, place: &Place, count: Count) {
        let tallies = self.tallies.entry(place.target.clone()).or_default();
        tallies.add(&place.cause, &place.signature, count);
    }

    fn remove(&mut self, place: &Place, count: Count) {
        if let Some(tallies) = self.tallies.get_mut(&place.target) {
            tallies.remove(&place.cause, &place.signature, count);
        }
    }

    fn upsert(&mut self, row: Row, limits: Limits) -> Recorded {
        let moment = (row.judged_us, row.execution);
        let old = self.outcomes.get(&row.execution).cloned();
        let recorded = match old {
            None => Recorded::New,
            Some(old) if old.same_as(&row) => return Recorded::Unchanged,
            Some(old) => {
                self.forget(&old);
                Recorded::Replaced
            }
        };
        self.add(&row.place, row.count);
        self.by_time.insert(moment);
        self.detailed.insert(moment);
        self.outcomes.insert(row.execution, row);
        self.prune(limits);
        recorded
    }

    fn forget(&mut self, old: &Row) {
        let moment = (old.judged_us, old.execution);
        self.remove(&old.place, old.count);
        self.by_time.remove(&moment);
        self.detailed.remove(&moment);
        self.outcomes.remove(&old.execution);
    }

    fn prune(&mut self, limits: Limits) {
        while self.detailed.len() > limits.history as usize {
            let Some((_, execution)) = self.detailed.pop_first() else { break };
            if let Some(row) = self.outcomes.get_mut(&execution) {
                row.body = String::new();
            }
        }
        while self.by_time.len() > limits.counted as usize {
            let Some((_, execution)) = self.by_time.first().copied() else { break };
            if let Some(row) = self.outcomes.get(&execution).cloned() {
                self.forget(&row);
            }
        }
    }

    fn upsert_idle(&mut self, idle: &Idle, limits: Limits) -> Recorded {
        let (key, judged_us) = (IdleKey::of(idle), idle.judged.as_microsecond());
        let count = Count { verdict: idle.verdict, time_to_effect_ms: None };
        let recorded = match self.idle.get(&key).copied() {
            None => Recorded::New,
            Some(old) if old == (count, judged_us) => return Recorded::Unchanged,
            Some(_) => {
                self.forget_idle(&key);
                Recorded::Replaced
            }
        };
        self.add(&key.place, count);
        self.idle_by_time.insert((judged_us, key.clone()));
        self.idle.insert(key, (count, judged_us));
        while self.idle.len() > limits.counted as usize {
            let Some((_, oldest)) = self.idle_by_time.first().cloned() else { break };
            self.forget_idle(&oldest);
        }
        recorded
    }

    fn forget_idle(&mut self, key: &IdleKey) {
        if let Some((count, judged_us)) = self.idle.remove(key) {
            self.remove(&key.place, count);
            self.idle_by_time.remove(&(judged_us, key.clone()));
        }
    }
}

#[async_trait]
impl KnowledgeStore for MemoryKnowledge {
    async fn record(&self, outcome: &Outcome) -> Result<Recorded, Error> {
        let row = Row::of(outcome)?;
        Ok(self.state().upsert(row, self.limits))
    }

    async fn record_all(
        &self,
        journal: &ContentHash,
        taken: &[(Sequence, Outcome)],
    ) -> Result<Taken, Error> {
        let mut state = self.state();
        let untaken = untaken(taken, state.cursor.within(journal))?;
        let rows: Vec<_> = untaken.iter().map(|(_, it)| Row::of(it)).collect::<Result<_, _>>()?;
        for row in rows {
            state.upsert(row, self.limits);
        }
        if let Some((last, _)) = untaken.last() {
            state.cursor = Cursor::at(*journal, *last);
        }
        let (stored, cursor) = (untaken.len(), state.cursor);
        Ok(Taken { stored, skipped: taken.len() - stored, cursor })
    }

    async fn record_idle(&self, idle: &Idle) -> Result<Recorded, Error> {
        Ok(self.state().upsert_idle(idle, self.limits))
    }

    async fn experience(&self, target: &TargetId) -> Result<Experience, Error> {
        Ok(self.state().tallies.get(target).map(Tallies::experience).unwrap_or_default())
    }

    async fn outcomes(&self, filter: &Filter, limit: u32) -> Result<Vec<Outcome>, Error> {
        let state = self.state();
        let newest = state.detailed.iter().rev();
        let bodies = newest.filter_map(|(_, execution)| Some(&state.outcomes.get(execution)?.body));
        bodies
            .map(|body| crate::row::read(body))
            .filter(|outcome| outcome.as_ref().map_or(true, |outcome| filter.matches(outcome)))
            .take(limit.min(OUTCOMES_MAX) as usize)
            .collect()
    }

    async fn statistics(&self, target: &TargetId) -> Result<Statistics, Error> {
        Ok(self.state().tallies.get(target).map(Tallies::statistics).unwrap_or_default())
    }

    async fn cursor(&self) -> Result<Cursor, Error> {
        Ok(self.state().cursor)
    }

    async fn set_cursor(&self, to: Cursor) -> Result<(), Error> {
        let mut state = self.state();
        state.cursor = state.cursor.moved(to);
        Ok(())
    }

    async fn reset_cursor(&self) -> Result<(), Error> {
        self.state().cursor = Cursor::default();
        Ok(())
    }
}
