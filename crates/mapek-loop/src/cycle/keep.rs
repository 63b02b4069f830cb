//! What of a cycle is written down, so that it can be worked out once more.

use mapek_execute::{CycleInputs, Decision};
use mapek_model::{ContentHash, Experience, Plan, Timestamp};
use mapek_plan::Planning;

use super::{Cycle, Draft, fault};

/// After how many cycles in the journal what the analyzer remembers is kept again: whoever begins to read where the journal was pruned
/// waits no longer for it. It is larger than all the rest of a cycle.
const STATE_EVERY: u32 = 16;

/// What of the newest cycle is in the journal.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// How many cycles in a row, the newest last, since what the analyzer remembered was kept.
    in_a_row: u32,
    /// Whether the newest cycle is.
    newest: bool,
}

impl Kept {
    /// Whether what the analyzer remembers has to be kept with the next cycle: nobody could work it out from the cycles before.
    pub(super) const fn wants_state(&self) -> bool {
        self.in_a_row.is_multiple_of(STATE_EVERY)
    }
}

impl Cycle {
    /// Writes down what this cycle decides from, unless there is nothing to decide.
    pub(super) fn write_down(
        &mut self,
        experience: &Experience,
        now: Timestamp,
        (draft, backwards): (&mut Draft, bool),
    ) {
        let observation = &draft.observation;
        // That the clock went back has to be in the journal, or it would be behind it for ever.
        let quiet = !backwards
            && observation.open.is_empty()
            && observation.closed.is_empty()
            && observation.gone.is_empty()
            && self.parts.control.live(&observation.target).is_none();
        let written = if quiet { Ok(false) } else { self.inputs(experience, draft, now) };
        let kept = matches!(written, Ok(true));
        self.kept = Kept { in_a_row: if kept { self.kept.in_a_row + 1 } else { 0 }, newest: kept };
        if let Err(error) = written {
            fault(&mut draft.faults, "the journal cannot be written", &error);
        }
    }

    fn inputs(
        &self,
        experience: &Experience,
        draft: &Draft,
        now: Timestamp,
    ) -> Result<bool, mapek_execute::Error> {
        let control = &self.parts.control;
        let (config, seed) = (self.parts.config_hash, self.parts.seed.0);
        let observation = control.keep(&draft.observation)?;
        let experience = control.keep(experience)?;
        let ours = Some(&draft.ours).filter(|it| !it.is_nothing());
        // Where nothing was open nobody can tell what fades.
        let before =
            self.observation.as_ref().filter(|it| !self.kept.newest && !it.open.is_empty());
        let inputs = CycleInputs {
            configuration: self.configuration()?,
            diagnosis: Some(control.keep(&draft.diagnosis)?),
            ours: ours.map(|it| control.keep(it)).transpose()?,
            analyzer: draft.remembered.as_ref().map(|it| control.keep(it)).transpose()?,
            before: before.map(|it| control.keep(it)).transpose()?,
            ..CycleInputs::new(self.number, config, seed, observation, experience)
        };
        control.begin_cycle(inputs, now)?;
        Ok(true)
    }

    fn configuration(&self) -> Result<Option<ContentHash>, mapek_execute::Error> {
        let bytes = self.parts.configuration.as_deref();
        bytes.map(|bytes| self.parts.control.keep_bytes(bytes)).transpose()
    }

    /// What the rails say to plans in their order. It is written down if what it is decided from is; `None` if it cannot be, and then
    /// nothing of it may be done.
    pub(super) fn decide_in_turn(
        &self,
        planning: &Planning,
        plans: &[Plan],
        now: Timestamp,
        draft: &mut Draft,
    ) -> Option<Vec<Decision>> {
        let control = &self.parts.control;
        let kept = self.kept.newest.then(|| control.keep(planning)).transpose();
        let said = kept.and_then(|kept| {
            let noted = kept.map(|planning| (self.number, planning));
            control.decide_in_turn(plans, &draft.observation, now, noted)
        });
        said.map_err(|error| fault(&mut draft.faults, "the journal cannot be written", &error)).ok()
    }
}
