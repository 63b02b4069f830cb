//! One channel, and what it is told.

mod desk;

use std::{collections::BTreeSet, sync::Arc};

use mapek_loop::{Clock, LoopState};
use mapek_model::later;
use tokio::sync::watch;
use tracing::{error, info, warn};

use self::desk::{Desk, Message, Next};
use crate::{Book, Channel, ChannelName, Config, Failed, Kind, Memory, Meter, Told};

/// Tells one channel what is so, and writes down what it was told.
#[derive(Debug)]
pub(crate) struct Teller {
    pub(crate) name: ChannelName,
    /// What it is told about.
    pub(crate) kinds: BTreeSet<Kind>,
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) memory: Arc<dyn Memory>,
    pub(crate) meter: Arc<dyn Meter>,
}

impl Teller {
    /// Until the loop is gone. May be dropped at any time: what was on its way is told again.
    pub(crate) async fn follow(self, mut states: watch::Receiver<Arc<LoopState>>) {
        let book = self.load().await.reopened();
        let (config, clock) = (self.config.clone(), Arc::clone(&self.clock));
        let mut desk = Desk::new(book, self.kinds.clone(), config, clock);
        loop {
            let state = Arc::clone(&states.borrow_and_update());
            let now = self.clock.now();
            let next = desk.next(&state, now);
            self.count_held_back(&mut desk);
            match next {
                Next::Tell(message) => self.tell(&mut desk, *message).await,
                Next::Wait { until: None } => {
                    if states.changed().await.is_err() {
                        return;
                    }
                }
                Next::Wait { until: Some(wait) } => tokio::select! {
                    changed = states.changed() => {
                        if changed.is_err() {
                            return;
                        }
                    }
                    () = self.clock.sleep_until(later(now, wait)) => {}
                },
            }
        }
    }

    async fn tell(&self, desk: &mut Desk, message: Message) {
        let (channel, kind) = (self.name.as_str(), message.notice.kind.as_str());
        let told = self.channel.tell(&message.notice).await;
        let count = |told| self.meter.count(channel, kind, told, 1);
        match told {
            Ok(()) => {
                info!(channel, kind, subject = message.notice.subject, "told");
                count(Told::Sent);
                desk.told(&message, self.clock.now());
            }
            Err(Failed::Transient { reason, wait }) => {
                count(Told::Failed);
                let again = desk.failed(&message, wait);
                warn!(channel, kind, reason, ?again, "nobody was told; it is tried again");
                return;
            }
            Err(Failed::Refused { reason }) => {
                count(Told::Refused);
                error!(channel, kind, reason, "a message was refused, and is not sent again");
                desk.told(&message, self.clock.now());
            }
        }
        self.save(desk.book()).await;
    }

    fn count_held_back(&self, desk: &mut Desk) {
        for kind in desk.take_held_back() {
            self.meter.count(self.name.as_str(), kind.as_str(), Told::HeldBack, 1);
        }
    }

    /// What it was told before; nothing, if that cannot be read.
    async fn load(&self) -> Book {
        let (memory, name) = (Arc::clone(&self.memory), self.name.clone());
        let loaded = tokio::task::spawn_blocking(move || memory.load(&name)).await;
        match loaded {
            Ok(Ok(book)) => book.unwrap_or_default(),
            Ok(Err(error)) => {
                warn!(%error, channel = %self.name, "what was told is not known; it is told again");
                Book::default()
            }
            Err(_) => Book::default(),
        }
    }

    async fn save(&self, book: &Book) {
        let (memory, name, book) = (Arc::clone(&self.memory), self.name.clone(), book.clone());
        let saved = tokio::task::spawn_blocking(move || memory.save(&name, &book)).await;
        if let Ok(Err(error)) = saved {
            warn!(%error, channel = %self.name, "what was told cannot be written down");
        }
    }
}
