//! What all have who steer without the loop: eyes that see what the loop's see, and hands that do what the loop's do.

use std::{future::pending, sync::Arc};

use charter_client::CharterApi;
use mapek_execute::{CharterEffector, Effector, Sending};
use mapek_loop::{IdSource, SeededIds};
use mapek_model::{
    Action, Captured, Duration, Epoch, ExecutionId, IdempotencyKey, Observation, StepIndex,
    TargetId, Timestamp, Way, later,
};
use mapek_monitor::{
    CharterElement, CharterElementConfig, Monitor, MonitorConfig, Ours, RuleConfig, WatchConfig,
};
use serde_json::Value;

use super::{Seat, Turn};
use crate::{Error, Look};

/// How often those look who are no loop.
pub(super) const INTERVAL: Duration = Duration::from_secs(30);

/// What the loop would see.
pub(super) struct Eyes {
    monitor: Monitor,
}

impl Eyes {
    pub(super) fn new(seat: &Seat) -> Result<Self, Error> {
        let config = MonitorConfig {
            scrape_interval: seat.scrape_interval,
            rules: RuleConfig::KNOWN.iter().filter_map(|name| RuleConfig::known(name)).collect(),
            watches: WatchConfig::known(),
            ..MonitorConfig::default()
        };
        let element =
            CharterElement::new(Arc::clone(&seat.charter), CharterElementConfig::default());
        let monitor = Monitor::builder(config)
            .target(TargetId::default())
            .metrics(Arc::clone(&seat.metrics))
            .element(Arc::new(element))
            .feed(Arc::clone(&seat.feed))
            .build()
            .map_err(Error::entrant("eyes"))?;
        Ok(Self { monitor })
    }

    pub(super) async fn look(&mut self, now: Timestamp) -> Observation {
        // Time stands still meanwhile: no deadline can pass.
        self.monitor.observe(now, &Ours::default(), pending()).await
    }
}

/// A turn in which `seen` was seen.
pub(super) fn turn(seen: &Observation, acts: bool) -> Turn {
    Turn {
        look: Look {
            open: seen.open.iter().map(|it| it.expectation.clone()).collect(),
            acts,
            ..Look::default()
        },
        executions: Vec::new(),
        report: None,
        next_due: later(seen.at, INTERVAL),
    }
}

/// Does at once what the loop's effector does, with nothing written down and nobody asked.
pub(super) struct Hands {
    effector: CharterEffector,
    ids: SeededIds,
    done: Vec<Done>,
}

/// Something that was done and can be taken back.
struct Done {
    execution: ExecutionId,
    action: Action,
    captured: Captured,
    receipt: Value,
}

/// How often an action is sent at most.
const ATTEMPTS_MAX: u32 = 4;

/// There is one who does it, and nobody takes over.
const EPOCH: Epoch = Epoch::new(1);

impl Hands {
    pub(super) fn new(seat: &Seat) -> Self {
        Self {
            effector: CharterEffector::new(Arc::clone(&seat.charter) as Arc<dyn CharterApi>),
            ids: SeededIds::new(seat.seed),
            done: Vec::new(),
        }
    }

    /// Whether Charter would take `action` now.
    pub(super) async fn may(&self, action: &Action, now: Timestamp) -> bool {
        let Ok(state) = self.effector.capture(action).await else { return false };
        self.effector.rehearse(action, Way::Do, &Captured { at: now, state }).await.is_ok()
    }

    /// Does `action`; answers what it is called if it was done. What fails for a moment, or is not answered, is sent again under its key.
    pub(super) async fn act(
        &mut self,
        action: Action,
        now: Timestamp,
    ) -> Option<(ExecutionId, StepIndex)> {
        let execution = ExecutionId::from_uuid(self.ids.next_id(now));
        let state = self.effector.capture(&action).await.ok()?;
        let captured = Captured { at: now, state };
        let sending = sending(execution, Way::Do, now);
        for _ in 0..ATTEMPTS_MAX {
            match self.effector.apply(&action, &captured, &sending).await {
                Ok(receipt) => {
                    self.done.push(Done { execution, action, captured, receipt });
                    return Some((execution, StepIndex(1)));
                }
                Err(error) if error.is_transient() => {}
                Err(_) => break,
            }
        }
        None
    }

    /// Takes back what is temporary.
    pub(super) async fn release(&mut self, now: Timestamp) -> Vec<(ExecutionId, StepIndex)> {
        let (back, stays) = std::mem::take(&mut self.done)
            .into_iter()
            .partition(|it: &Done| it.action.kind().is_temporary());
        self.done = stays;
        let mut released = Vec::new();
        for Done { execution, action, captured, receipt } in back {
            let sending = sending(execution, Way::Undo, now);
            // What ended by itself cannot be taken back, and need not be.
            drop(self.effector.undo(&action, &captured, &receipt, &sending).await);
            released.push((execution, StepIndex(1)));
        }
        released
    }
}

fn sending(execution: ExecutionId, way: Way, now: Timestamp) -> Sending {
    let key = IdempotencyKey::of(execution, StepIndex(0), way);
    Sending { key, epoch: EPOCH, decided: now }
}
