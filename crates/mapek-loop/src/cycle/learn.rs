//! From what happened to what is known: outcomes, and what heals by itself.

use mapek_model::{Experience, Level, Outcome, Sequence, Timestamp};
use tracing::{Instrument as _, info, info_span, warn};

use super::{Cycle, Draft, fault};

/// Outcomes that one cycle takes from the journal; the rest follow in the next ones.
const OUTCOMES_PER_CYCLE: usize = 100;

impl Cycle {
    /// What planning may learn from.
    pub(super) async fn experience(&self, draft: &mut Draft) -> Experience {
        let begun = self.parts.clock.stopwatch();
        let experience = self.parts.knowledge.experience(self.target()).await;
        draft.timings.knowledge += self.parts.clock.stopwatch().saturating_sub(begun);
        experience.unwrap_or_else(|error| {
            fault(&mut draft.faults, "experience cannot be read", &error);
            Experience::default()
        })
    }

    /// Takes new outcomes from the journal to Knowledge, and lets the journal forget what nobody needs any more.
    pub(super) async fn learn(&mut self, now: Timestamp, draft: &mut Draft) {
        let begun = self.parts.clock.stopwatch();
        match self.take_outcomes().instrument(info_span!("knowledge")).await {
            Ok((outcomes, learned)) => {
                draft.outcomes = outcomes;
                self.prune(learned, now, &mut draft.faults);
            }
            Err(error) => fault(&mut draft.faults, "outcomes cannot be stored", error.as_ref()),
        }
        if !draft.outcomes.is_empty() || self.state.reports.is_empty() {
            match self.parts.knowledge.insights(self.target()).await {
                Ok(insights) => self.state.insights = insights,
                Err(error) => fault(&mut draft.faults, "insights cannot be read", &error),
            }
        }
        draft.timings.knowledge += self.parts.clock.stopwatch().saturating_sub(begun);
    }

    /// The new outcomes, and up to where all are stored.
    async fn take_outcomes(
        &self,
    ) -> Result<(Vec<Outcome>, Sequence), Box<dyn std::error::Error + Send + Sync>> {
        let (control, knowledge) = (&self.parts.control, &self.parts.knowledge);
        let Some(journal) = control.journal_id() else {
            return Ok((Vec::new(), Sequence::default()));
        };
        let resumed = knowledge.resume(&journal, control.head()).await?;
        if let Some(cursor) = resumed.given_up {
            let (was, sequence) = (cursor.journal.map(|it| it.short()), cursor.sequence.get());
            warn!(
                was,
                sequence,
                journal = journal.short(),
                "another journal: outcomes are taken from its beginning"
            );
        }
        let taken = control.outcomes_after(resumed.from, OUTCOMES_PER_CYCLE)?;
        if taken.is_empty() {
            return Ok((Vec::new(), resumed.from));
        }
        let learned = knowledge.record_all(&journal, &taken).await?.cursor.within(&journal);
        Ok((taken.into_iter().map(|(_, outcome)| outcome).collect(), learned))
    }

    fn prune(&self, learned: Sequence, now: Timestamp, faults: &mut Vec<String>) {
        match self.parts.control.prune(learned, now) {
            Ok(0) => {}
            Ok(records) => info!(records, "the journal was pruned"),
            Err(error) => fault(faults, "the journal cannot be pruned", &error),
        }
    }

    /// Learns what heals by itself.
    pub(super) async fn follow_idle(&mut self, now: Timestamp, draft: &mut Draft) {
        if self.parts.control.live(self.target()).is_some() || !draft.outcomes.is_empty() {
            return self.idle.disturb();
        }
        let gone: Vec<_> = draft.observation.gone.iter().map(|it| it.fingerprint()).collect();
        self.idle.give_up(&gone);
        // What cannot be seen may be gone or not: it is judged when it can be seen again.
        if draft.observation.overall_quality().level() != Level::Fresh {
            return;
        }
        let away = self.parts.control.config().release_after;
        for idle in self.idle.follow(&draft.diagnosis, &draft.open, now, away) {
            if let Err(error) = self.parts.knowledge.record_idle(&idle).await {
                fault(&mut draft.faults, "what healed by itself cannot be stored", &error);
            }
        }
    }
}
