//! What a cycle says of itself: told as part of the story, and held to what it has to say.

use mapek_loop::CycleReport;

use crate::world::{Inner, ProcessId, World};

impl Inner {
    /// One line of the story.
    pub(super) fn tell_report(&mut self, id: ProcessId, report: &CycleReport, world: &World) {
        let decided: Vec<_> =
            report.decisions.iter().map(|it| (it.as_str(), &it.summary)).collect();
        let progress: Vec<_> = report
            .progress
            .iter()
            .map(|it| (it.advance.execution, it.advance.status.to_string(), &it.advance.waits))
            .collect();
        let text = format!(
            "p{id} cycle {} at {}: open {} quality {:?} no planning {:?} decided {decided:?} progress {progress:?} outcomes {} faults {:?} paused {:?} next {}",
            report.number,
            report.at,
            report.seen.open.len(),
            report.seen.quality.values().map(mapek_model::Quality::level).max(),
            report.no_planning,
            report.outcomes.len(),
            report.faults,
            report.paused,
            report.next_due,
        );
        // Where the pause file lies is no part of the story.
        let text = text.replace(&world.state_dir.display().to_string(), "STATE");
        self.tell(format_args!("{text}"));
    }

    /// Who could not write says so, and who needs a person calls one.
    pub(super) fn look_at_report(&mut self, id: ProcessId, report: &CycleReport) {
        let now = self.now;
        let errors = self.life(id).write_errors;
        if errors > 0 && report.faults.is_empty() {
            let number = report.number;
            let message = format!(
                "{errors} writes failed in cycle {number} of p{id}, which says nothing of it"
            );
            self.check.violated(now, "says-that-it-cannot-write", message);
        }
        if errors > 0 || id != self.newest {
            return;
        }
        for stuck in self.check.stuck() {
            let text = stuck.to_string();
            if !report.escalations.iter().any(|it| it.contains(&text)) {
                let message = format!("{stuck} needs an operator, and nobody was told");
                self.check.violated(now, "calls-a-person", message);
            }
        }
    }
}
