//! Each alert that was acknowledged is in the inbox, known to it, or taken up by the monitor; none is there twice.

use std::collections::BTreeSet;

use mapek_model::Labels;
use mapek_monitor::{AlertBatch, AlertInbox as _, AlertStatus, FeedAlert, SqliteInbox};

use super::{Scene, Verdict};
use crate::{
    BoxError,
    driver::{name, starts_at},
    life::INBOX_CAPACITY,
};

pub(super) fn look(scene: &Scene<'_>, verdict: &mut Verdict) -> Result<(), BoxError> {
    if !scene.scenario.webhooks {
        return Ok(());
    }
    if scene.acknowledged.is_empty() {
        verdict.wrong.push("no alert was acknowledged: nothing was tried".to_owned());
    }
    let inbox = SqliteInbox::open(scene.directory.join("inbox.db"), INBOX_CAPACITY)?;
    let monitor = std::fs::read_to_string(scene.directory.join("loop.json"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let waiting = runtime.block_on(inbox.pending(usize::MAX >> 1))?;
    let names: Vec<_> = waiting.iter().filter_map(|it| it.alert.alertname()).collect();
    if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
        verdict.duplicates.push("an alert waits twice".to_owned());
    }
    for number in scene.acknowledged {
        let name = name(*number);
        let again = AlertBatch { alerts: vec![alert(*number)], truncated: 0 };
        if runtime.block_on(inbox.store(&again))?.repeated != 1 {
            verdict.lost.push(format!("alert {name} was acknowledged, and is not known"));
        }
        if !names.contains(&name.as_str()) && !monitor.contains(&name) {
            verdict.lost.push(format!("alert {name} was taken out of the inbox, and not up"));
        }
    }
    Ok(())
}

/// An alert as it was sent, as far as it is told apart.
fn alert(number: u32) -> FeedAlert {
    FeedAlert {
        fingerprint: format!("{number:016x}"),
        labels: Labels::default(),
        annotations: Labels::default(),
        starts_at: starts_at(number),
        ends_at: None,
        status: AlertStatus::Firing,
        suppressed: false,
    }
}
