//! The visitor: a listener of this machine alone, on which they look, decide and pause.

use std::{net::Ipv4Addr, sync::Arc};

use mapek::{
    LoopHandle,
    execute::Proposal,
    model::{Approval, Duration, PlanHash},
    server::{Access, Identities, Identity, Metrics, Options, Role, Server, router},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{hands::Hands, page::Page};
use crate::compose::BuildError;

/// Who the visitor is taken for.
const VISITOR: &str = "visitor";
/// How long a visitor may think about a plan, of their time. Time stands still meanwhile.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The listener, while it lasts.
#[derive(Debug)]
pub(super) struct Visit {
    url: String,
    handle: LoopHandle,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Visit {
    /// Listens on `port` of the loopback address, or on any that is free if that is taken. Whoever comes is an admin: nothing
    /// but the demo can be reached here, and no page of another origin may ask for anything.
    pub(super) async fn open(
        handle: LoopHandle,
        hands: Arc<Hands>,
        port: u16,
    ) -> Result<Self, BuildError> {
        let listen = |port| Server::bind((Ipv4Addr::LOCALHOST, port).into());
        let server = match listen(port).await {
            Ok(server) => server,
            Err(_) => listen(0).await.map_err(BuildError::of("the console"))?,
        };
        let person = VISITOR.parse().map_err(BuildError::of("the visitor"))?;
        let identities = Identities::anyone(Identity { person, role: Role::Admin });
        let page = Page::new(hands, handle.clone()).map_err(BuildError::of("the page"))?;
        let metrics = Metrics::new();
        let options = Options {
            metrics: Some(metrics.clone()),
            handle: Some(handle.clone()),
            extras: vec![Arc::new(page)],
            access: Access { identities, ..Access::default() },
            ..Options::default()
        };
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let recorder = metrics.recorder().follow(handle.watch());
        tasks.spawn(stop.clone().run_until_cancelled_owned(recorder));
        let url = format!("http://{}", server.local_addr());
        let serving = server.serve(router(handle.watch(), options), stop.clone().cancelled_owned());
        tasks.spawn(serving);
        Ok(Self { url, handle, stop, tasks })
    }

    /// Where to look.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Waits until a plan waits no more; not longer than people are waited for. Answers whether somebody has decided.
    pub(super) async fn decides(&self, plan: PlanHash) -> bool {
        let mut states = self.handle.watch();
        let waits =
            |it: &Proposal| it.hash == plan && matches!(it.approval, Approval::Pending { .. });
        let decided = states.wait_for(|state| !state.proposals.iter().any(waits));
        tokio::time::timeout(PATIENCE, decided).await.is_ok()
    }

    /// Ends what is listening.
    pub(super) async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
