//! Knowledge: a store, and what is made of it.

use std::sync::Arc;

use mapek_model::{
    ActionKind, CauseKind, ContentHash, Experience, Outcome, Ratio, Sequence, Tally, TargetId,
};

use crate::{
    BestPlan, Config, Cursor, Error, Filter, Idle, Insight, KnowledgeStore, Recorded, Statistics,
    Taken, best_plan, insights,
};

/// How much `n` outcomes weigh: `min(n / saturation, 1)`. Linear, so that it is 1 at the saturation point as the
/// configuration promises, and not just close to it. It says how much is known, not how good it is. Unknown outcomes weigh
/// nothing.
///
/// ```
/// use mapek_knowledge::evidence_weight;
/// use mapek_model::Tally;
///
/// let weight = |success| evidence_weight(&Tally { success, ..Tally::default() }, 30).get();
/// assert_eq!((weight(0), weight(15), weight(30), weight(900)), (0.0, 0.5, 1.0, 1.0));
/// ```
#[must_use]
pub fn evidence_weight(tally: &Tally, saturation: u32) -> Ratio {
    Ratio::saturating(f64::from(tally.judged()) / f64::from(saturation.max(1)))
}

/// What the loop remembers. Cheap to clone; clones share the store.
///
/// ```
/// use mapek_knowledge::{Config, Database};
/// use mapek_model::TargetId;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let knowledge = Config { database: Database::Memory, ..Config::default() }.build()?;
/// assert!(knowledge.insights(&TargetId::default()).await?.is_empty());
/// # Ok::<(), mapek_knowledge::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Knowledge {
    store: Arc<dyn KnowledgeStore>,
    config: Config,
}

/// Where to go on in a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// Outcomes after this record were not taken yet.
    pub from: Sequence,
    /// The cursor that was given up, if one was: whoever reads logs wants to know.
    pub given_up: Option<Cursor>,
}

impl Knowledge {
    /// Over any store; `config` says what is made of it, and no longer where it is.
    #[must_use]
    pub fn over(store: Arc<dyn KnowledgeStore>, config: Config) -> Self {
        Self { store, config }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn KnowledgeStore> {
        &self.store
    }

    /// Stores an outcome: see [`KnowledgeStore::record`].
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn record(&self, outcome: &Outcome) -> Result<Recorded, Error> {
        self.store.record(outcome).await
    }

    /// Stores outcomes from the journal, with the cursor: see [`KnowledgeStore::record_all`].
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn record_all(
        &self,
        journal: &ContentHash,
        taken: &[(Sequence, Outcome)],
    ) -> Result<Taken, Error> {
        self.store.record_all(journal, taken).await
    }

    /// Where to go on taking outcomes from a journal that ends at `head`. A cursor that cannot be in it (it is in another
    /// journal, or behind the end, as when an older copy of the journal was put back) is given up, and outcomes are taken
    /// from the beginning: those that are known already change nothing, as each execution counts once.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn resume(&self, journal: &ContentHash, head: Sequence) -> Result<Resumed, Error> {
        let cursor = self.store.cursor().await?;
        if cursor.journal == Some(*journal) && cursor.sequence <= head {
            return Ok(Resumed { from: cursor.sequence, given_up: None });
        }
        let given_up = (cursor != Cursor::default()).then_some(cursor);
        if given_up.is_some() {
            self.store.reset_cursor().await?;
        }
        Ok(Resumed { from: Sequence::default(), given_up })
    }

    /// Stores what became of a cause where nothing was done: see [`KnowledgeStore::record_idle`].
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn record_idle(&self, idle: &Idle) -> Result<Recorded, Error> {
        self.store.record_idle(idle).await
    }

    /// What planning may learn from: nothing, if learning is switched off.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn experience(&self, target: &TargetId) -> Result<Experience, Error> {
        if self.config.pattern_learning_enabled {
            self.store.experience(target).await
        } else {
            Ok(Experience::default())
        }
    }

    /// Outcomes with details, judged last first: see [`KnowledgeStore::outcomes`].
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn outcomes(&self, filter: &Filter, limit: u32) -> Result<Vec<Outcome>, Error> {
        self.store.outcomes(filter, limit).await
    }

    /// Counts for people.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn statistics(&self, target: &TargetId) -> Result<Statistics, Error> {
        self.store.statistics(target).await
    }

    /// What was learned, in words; nothing, if insights are switched off.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn insights(&self, target: &TargetId) -> Result<Vec<Insight>, Error> {
        if !self.config.insight_generation_enabled {
            return Ok(Vec::new());
        }
        let experience = self.store.experience(target).await?;
        Ok(insights(&experience, self.config.confidence_saturation_point))
    }

    /// The plan that did best against a cause: see [`best_plan`].
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn best_plan(
        &self,
        target: &TargetId,
        cause: &CauseKind,
    ) -> Result<Option<BestPlan>, Error> {
        Ok(best_plan(&self.store.experience(target).await?, cause))
    }

    /// How much is known of an action against a cause, from 0 to 1: see [`evidence_weight`].
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn confidence(
        &self,
        target: &TargetId,
        cause: &CauseKind,
        action: &ActionKind,
    ) -> Result<Ratio, Error> {
        let experience = self.store.experience(target).await?;
        let nothing = Tally::default();
        let tally = experience.kind(cause, action).unwrap_or(&nothing);
        Ok(evidence_weight(tally, self.config.confidence_saturation_point))
    }
}
