use std::sync::Arc;

use async_trait::async_trait;
use mapek_loop::Clock;
use mapek_model::{Duration, Timestamp};

use crate::world::{Inner, ProcessId, World};

/// The wall clock, which jumps, and a stopwatch, which does not.
#[derive(Debug)]
pub(crate) struct SimClock {
    pub(crate) world: Arc<World>,
    pub(crate) process: ProcessId,
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Inner::timestamp(self.world.lock().wall())
    }

    fn stopwatch(&self) -> Duration {
        Duration::from_millis(self.world.lock().now.unsigned_abs())
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.world.sleep_until(self.process, at.as_millisecond()).await;
    }
}
