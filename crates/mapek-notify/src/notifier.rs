//! All channels together.

use std::{collections::BTreeSet, sync::Arc};

use mapek_loop::{Clock, LoopState};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    Channel, ChannelName, Config, InMemory, Kind, Memory, Meter, meter::Uncounted, teller::Teller,
};

/// Tells people, by as many channels as there are, each for itself: one that is slow or gone holds up no other.
#[derive(Debug)]
#[must_use = "it does nothing until it follows a loop"]
pub struct Notifier {
    config: Config,
    clock: Arc<dyn Clock>,
    memory: Arc<dyn Memory>,
    meter: Arc<dyn Meter>,
    channels: Vec<(ChannelName, BTreeSet<Kind>, Arc<dyn Channel>)>,
    #[cfg(feature = "alertmanager")]
    alerts: Option<crate::Alerts>,
    #[cfg(feature = "http")]
    heartbeat: Option<crate::Heartbeat>,
}

impl Notifier {
    /// One that tells nobody yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            config: Config::default(),
            clock,
            memory: Arc::new(InMemory::default()),
            meter: Arc::new(Uncounted),
            channels: Vec::new(),
            #[cfg(feature = "alertmanager")]
            alerts: None,
            #[cfg(feature = "http")]
            heartbeat: None,
        }
    }

    /// How often people are told.
    pub fn config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// Where it is kept what was told. Without, a start tells all that is so.
    pub fn memory(self, memory: Arc<dyn Memory>) -> Self {
        Self { memory, ..self }
    }

    /// Who counts messages.
    pub fn meter(self, meter: Arc<dyn Meter>) -> Self {
        Self { meter, ..self }
    }

    /// One more channel, for all kinds.
    pub fn channel(self, name: ChannelName, channel: Arc<dyn Channel>) -> Self {
        self.channel_for(name, Kind::ALL, channel)
    }

    /// One more channel, for these kinds. Two channels of one name would overwrite each other's book.
    pub fn channel_for(
        mut self,
        name: ChannelName,
        kinds: impl IntoIterator<Item = Kind>,
        channel: Arc<dyn Channel>,
    ) -> Self {
        self.channels.push((name, kinds.into_iter().collect(), channel));
        self
    }

    /// Alerts.
    #[cfg(feature = "alertmanager")]
    pub fn alerts(self, alerts: crate::Alerts) -> Self {
        Self { alerts: Some(alerts), ..self }
    }

    /// A sign of life.
    #[cfg(feature = "http")]
    pub fn heartbeat(self, heartbeat: crate::Heartbeat) -> Self {
        Self { heartbeat: Some(heartbeat), ..self }
    }

    /// Follows a loop until `stop` is cancelled or the loop and its handles are gone. Needs a Tokio runtime; may be dropped at any time.
    pub async fn follow(self, states: watch::Receiver<Arc<LoopState>>, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        for (name, kinds, channel) in self.channels {
            let teller = Teller {
                name,
                kinds,
                channel,
                config: self.config.clone(),
                clock: Arc::clone(&self.clock),
                memory: Arc::clone(&self.memory),
                meter: Arc::clone(&self.meter),
            };
            tasks.spawn(teller.follow(states.clone()));
        }
        #[cfg(feature = "alertmanager")]
        if let Some(alerts) = self.alerts {
            let (clock, meter) = (Arc::clone(&self.clock), Arc::clone(&self.meter));
            tasks.spawn(alerts.follow(states.clone(), self.config.clone(), clock, meter));
        }
        #[cfg(feature = "http")]
        if let Some(heartbeat) = self.heartbeat {
            let (clock, meter) = (Arc::clone(&self.clock), Arc::clone(&self.meter));
            tasks.spawn(heartbeat.follow(states.clone(), clock, meter));
        }
        drop(states);
        stop.run_until_cancelled(async { while tasks.join_next().await.is_some() {} }).await;
        tasks.shutdown().await;
    }
}
