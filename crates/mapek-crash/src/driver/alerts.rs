//! An Alertmanager in small: sends alerts one after the other, each until it is acknowledged, and now and then one again.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use mapek_model::{Timestamp, later};
use serde_json::json;

use super::lock;
use crate::scenario::START;

/// Sends when it is told to, on a thread of its own: who receives may be killed while it waits for the answer.
#[derive(Debug)]
pub(super) struct Sender {
    to: Arc<Mutex<Option<SocketAddr>>>,
    turns: SyncSender<()>,
    thread: JoinHandle<Vec<u32>>,
}

impl Sender {
    pub(super) fn start() -> Self {
        let to = Arc::new(Mutex::new(None));
        let (turns, taken) = sync_channel(1);
        let thread = std::thread::spawn({
            let to = Arc::clone(&to);
            move || send_all(&to, &taken)
        });
        Self { to, turns, thread }
    }

    /// Where the receiver is now.
    pub(super) fn is_at(&self, address: &str) {
        *lock(&self.to) = address.parse().ok();
    }

    /// Somebody listens: one alert may go.
    pub(super) fn send(&self) {
        // It is at it already.
        self.turns.try_send(()).ok();
    }

    /// Ends it, and answers which alerts were acknowledged.
    pub(super) fn stop(self) -> Vec<u32> {
        drop(self.turns);
        self.thread.join().unwrap_or_default()
    }
}

fn send_all(to: &Mutex<Option<SocketAddr>>, turns: &Receiver<()>) -> Vec<u32> {
    let mut acknowledged = Vec::new();
    let mut next = 1;
    while turns.recv().is_ok() {
        let Some(address) = *lock(to) else { continue };
        // What was acknowledged is sent again, as Alertmanager does, and has to be told apart.
        let group = [next, next - next % 2];
        if post(address, &group).unwrap_or(false) {
            acknowledged.push(next);
            next += 1;
        }
    }
    acknowledged
}

/// The name of an alert.
pub(crate) fn name(number: u32) -> String {
    format!("crash-{number}-of-many")
}

/// When an alert began.
pub(crate) fn starts_at(number: u32) -> Timestamp {
    later(START.parse().expect("it is a time"), Duration::from_millis(u64::from(number)))
}

/// Sends some alerts in one request; answers whether they were acknowledged.
fn post(address: SocketAddr, numbers: &[u32]) -> std::io::Result<bool> {
    let alert = |number: &u32| {
        json!({
            "status": "firing", "fingerprint": format!("{number:016x}"),
            "labels": { "alertname": name(*number), "severity": "warning" },
            "annotations": {}, "generatorURL": "",
            "startsAt": starts_at(*number).to_string(), "endsAt": "0001-01-01T00:00:00Z",
        })
    };
    let alerts: Vec<_> = numbers.iter().filter(|number| **number > 0).map(alert).collect();
    let body = json!({
        "version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": "firing",
        "receiver": "mapek", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "", "alerts": alerts,
    })
    .to_string();
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(
        stream,
        "POST /webhooks/alerts HTTP/1.1\r\nHost: mapek\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(&status == b"HTTP/1.1 204")
}
