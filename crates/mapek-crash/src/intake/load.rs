//! Sends alerts over many connections, at a given rate or as fast as they are answered.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{BoxError, measure::now};

/// How long to wait for an answer: as long as Alertmanager does.
const PATIENCE: Duration = Duration::from_secs(10);

/// A load.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// What it is for.
    pub(crate) name: &'static str,
    /// Alerts in a request.
    pub(crate) batch: u32,
    pub(crate) connections: u32,
    /// Alerts a second; without it as fast as they are answered.
    pub(crate) rate: Option<u32>,
    pub(crate) seconds: u32,
}

/// What was answered.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// The alerts that were acknowledged.
    pub(crate) acknowledged: Vec<u64>,
    /// How long requests waited that were, in microseconds, sorted: from the moment at which they were due.
    pub(crate) waits_us: Vec<u32>,
    /// Requests that were answered 503.
    pub(crate) refused: u64,
    /// Requests that were answered otherwise, or not at all.
    pub(crate) failed: u64,
}

impl Load {
    /// Sends for as long as the load lasts; answers how long that was, too.
    pub(crate) async fn run(&self, to: SocketAddr) -> Result<(Sent, Duration), BoxError> {
        let (begun, turns) = (now(), Arc::new(AtomicU64::new(0)));
        let work = |_| {
            let (load, turns) = (self.clone(), Arc::clone(&turns));
            tokio::spawn(async move { load.connection(to, begun, &turns).await })
        };
        let workers: Vec<_> = (0..self.connections).map(work).collect();
        let mut all = Sent::default();
        for worker in workers {
            let one = worker.await??;
            all.acknowledged.extend(one.acknowledged);
            all.waits_us.extend(one.waits_us);
            all.refused += one.refused;
            all.failed += one.failed;
        }
        let took = begun.elapsed();
        all.waits_us.sort_unstable();
        Ok((all, took))
    }

    async fn connection(
        &self,
        to: SocketAddr,
        begun: Instant,
        turns: &AtomicU64,
    ) -> Result<Sent, BoxError> {
        let end = begun + Duration::from_secs(self.seconds.into());
        let mut stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let (mut sent, mut request) = (Sent::default(), String::new());
        loop {
            let turn = turns.fetch_add(1, Relaxed);
            let due = self.due(begun, turn);
            if due.max(now()) >= end {
                return Ok(sent);
            }
            let first = turn * u64::from(self.batch) + 1;
            let numbers = first..first + u64::from(self.batch);
            write_request(&mut request, to, numbers.clone());
            tokio::time::sleep_until(due.into()).await;
            let due = if self.rate.is_some() { due } else { now() };
            let answer = tokio::time::timeout(PATIENCE, exchange(&mut stream, &request)).await;
            let wait = u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX);
            match answer {
                Ok(Ok(204)) => {
                    sent.acknowledged.extend(numbers);
                    sent.waits_us.push(wait);
                }
                Ok(Ok(503)) => sent.refused += 1,
                Ok(Ok(_)) => sent.failed += 1,
                Ok(Err(_)) | Err(_) => {
                    sent.failed += 1;
                    stream = TcpStream::connect(to).await?;
                }
            }
        }
    }

    /// When a request is to be sent: they are evenly spread, whatever came of those before.
    fn due(&self, begun: Instant, turn: u64) -> Instant {
        let Some(rate) = self.rate else { return begun };
        let seconds = turn as f64 * f64::from(self.batch) / f64::from(rate);
        begun + Duration::from_secs_f64(seconds)
    }
}

/// A request with alerts as Alertmanager sends them: about 800 bytes each.
fn write_request(request: &mut String, to: SocketAddr, numbers: std::ops::Range<u64>) {
    let mut body = String::from(
        r#"{"version":"4","groupKey":"{}:{alertname=\"ValidationLatencySLA\"}","truncatedAlerts":0,"status":"firing",
"receiver":"mapek","groupLabels":{"alertname":"ValidationLatencySLA"},"commonLabels":{"alertname":"ValidationLatencySLA",
"severity":"warning","team":"sre"},"commonAnnotations":{},"externalURL":"http://alertmanager:9093","alerts":["#,
    );
    for (place, number) in numbers.enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let (second, ms) = (number / 1000 % 60, number % 1000);
        let (hour, minute) = (number / 3_600_000 % 24, number / 60_000 % 60);
        write!(
            body,
            r#"{comma}{{"status":"firing","labels":{{"alertname":"ValidationLatencySLA","severity":"warning","team":"sre",
"component":"validator-{number}","instance":"10.0.{}.{}:9100","job":"charter","cluster":"eu-central-1","environment":"production"}},
"annotations":{{"summary":"Validation takes longer than its objective","description":"The 99th percentile of validation latency on validator-{number}
 has been above one second for five minutes; see the runbook.","runbook_url":"https://runbooks.example/charter/validation-latency"}},
"startsAt":"2026-01-01T{hour:02}:{minute:02}:{second:02}.{ms:03}Z","endsAt":"0001-01-01T00:00:00Z",
"generatorURL":"http://prometheus:9090/graph?g0.expr=histogram_quantile","fingerprint":"{number:016x}"}}"#,
            number / 256 % 256,
            number % 256,
        )
        .expect("writing to a string does not fail");
    }
    body.push_str("]}");
    // Line feeds are only here, for those who read this.
    let body = body.replace('\n', "");
    request.clear();
    write!(
        request,
        "POST /webhooks/alerts HTTP/1.1\r\nHost: {to}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("writing to a string does not fail");
}

/// Sends a request and reads its answer to the end; answers the status.
async fn exchange(stream: &mut TcpStream, request: &str) -> std::io::Result<u16> {
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(512);
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            return status.ok_or_else(|| std::io::ErrorKind::InvalidData.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_the_receiver_reads() {
        let mut request = String::new();
        write_request(&mut request, "127.0.0.1:5000".parse().unwrap(), 61_001..61_004);
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        // A webhook answers to its own names alone.
        assert!(head.contains("\r\nHost: 127.0.0.1:5000\r\n"), "{head}");
        let parsed = alertmanager_client::Notification::parse(body.as_bytes()).unwrap();
        assert_eq!(parsed.alerts.len(), 3);
        assert_eq!(parsed.alerts[0].starts_at.to_string(), "2026-01-01T00:01:01.001Z");
        assert!((600..1200).contains(&(body.len() / 3)), "{}", body.len() / 3);
    }
}
