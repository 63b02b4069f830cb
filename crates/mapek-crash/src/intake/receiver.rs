//! The process that is measured: webhook receiver, durable inbox, and somebody who takes alerts out of it as the loop does.

use std::{
    io::{BufWriter, Write as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use alertmanager_client::WebhookServer;
use mapek_monitor::{AlertInbox, InboxIntake, MonitorConfig, SqliteInbox};

use crate::BoxError;

/// The shortest time between two cycles, unless it is configured otherwise.
const CYCLE: Duration = Duration::from_secs(1);

/// Receives until it is killed.
pub(crate) fn receive(directory: &Path) -> Result<(), BoxError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let inbox = SqliteInbox::open(directory.join("inbox.db"), SqliteInbox::CAPACITY)?;
        let inbox: Arc<dyn AlertInbox> = Arc::new(inbox);
        let intake = InboxIntake::new(Arc::clone(&inbox));
        let server =
            WebhookServer::bind("127.0.0.1:0".parse()?, "/webhooks/alerts", intake).await?;
        crate::points::tell(&format!("listening {}", server.local_addr()));
        let taking = take(inbox.as_ref(), directory);
        tokio::select! {
            served = server.serve(std::future::pending()) => served?,
            failed = taking => failed?,
        }
        Ok(())
    })
}

/// What a cycle does with the inbox: reads what one cycle may read, keeps it, and lets the inbox forget it.
async fn take(inbox: &dyn AlertInbox, directory: &Path) -> Result<(), BoxError> {
    let mut kept = BufWriter::new(std::fs::File::create(directory.join("taken"))?);
    loop {
        tokio::time::sleep(CYCLE).await;
        let pending = inbox.pending(MonitorConfig::INBOX_MAX).await?;
        let Some(last) = pending.last().map(|it| it.position) else { continue };
        for it in &pending {
            let number = u64::from_str_radix(&it.alert.fingerprint, 16)?;
            kept.write_all(&number.to_le_bytes())?;
        }
        kept.flush()?;
        inbox.acknowledge(last).await?;
    }
}
