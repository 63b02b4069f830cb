//! Failures of the reference server in this process, for whoever wants to see the loop at work under a configuration of theirs.

use charter_sim::{Fault, FaultKind, InProcess};
use mapek::{
    charter::Seconds,
    model::{Duration, Timestamp, later},
};
use tracing::{info, warn};

/// From one failure to the next: long enough to heal one and to stay healed.
const EVERY: Duration = Duration::from_secs(15 * 60);
/// How long one lasts if nobody heals it.
const LASTS_S: u32 = 10 * 60;

/// Breaks something again and again: one kind of fault after the other, in the same order each time.
#[derive(Debug)]
pub(crate) struct Mischief {
    due: Timestamp,
    next: usize,
}

impl Mischief {
    /// Begins once the loop has seen what is usual.
    pub(crate) fn beginning(now: Timestamp) -> Self {
        Self { due: later(now, EVERY), next: 0 }
    }

    /// Does what is due.
    pub(crate) fn act(&mut self, plant: &InProcess, now: Timestamp) {
        if now < self.due {
            return;
        }
        let kind = FaultKind::ALL[self.next % FaultKind::ALL.len()];
        self.next += 1;
        self.due = later(now, EVERY);
        match plant.inject(Fault::new(kind).lasting(Seconds::whole(LASTS_S))) {
            Ok(fault) => info!(%kind, fault = fault.fault_id, "a failure is simulated"),
            Err(error) => warn!(%kind, %error, "a failure could not be simulated"),
        }
    }
}

#[cfg(test)]
mod tests {
    use charter_sim::PlantConfig;

    use super::*;

    #[test]
    fn one_kind_after_the_other_and_each_is_over_before_the_next() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let plant = InProcess::try_new(PlantConfig::default(), 0, start).unwrap();
        let mut mischief = Mischief::beginning(start);
        let mut seen = Vec::new();
        let mut now = start;
        for minute in 1..=60 {
            now = later(now, Duration::from_secs(60));
            plant.advance_to(now);
            mischief.act(&plant, now);
            let active = plant.faults().iter().filter(|it| it.active).count();
            seen.push((minute, plant.faults().len(), active));
        }
        assert_eq!(seen[13], (14, 0, 0), "what is usual is seen first");
        assert_eq!(seen[14].1, 1);
        assert_eq!(seen[27], (28, 1, 0), "over, though nobody healed it");
        assert_eq!(seen[59].1, 4);
        let causes: Vec<_> = plant.faults().iter().filter_map(|it| it.cause).collect();
        assert_eq!(causes, ["attack", "configuration-drift", "hot-spot", "idle-capacity"]);
    }
}
