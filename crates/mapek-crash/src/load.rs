//! Loads a running loop: its API, its event stream and its webhook, from outside.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use reqwest::{Client, StatusCode};
use tokio::sync::Barrier;

use crate::{
    BoxError,
    intake::Load,
    measure::{memory, now, quantile},
};

/// What clients ask for, by turns: what people look at, and what a console reads.
const PATHS: [&str; 11] = [
    "/api/v1/status",
    "/api/v1/cycles?limit=50",
    "/api/v1/violations?limit=50",
    "/api/v1/plans",
    "/api/v1/executions?limit=50",
    "/api/v1/executions?limit=1000",
    "/api/v1/outcomes",
    "/metrics",
    "/",
    "/executions",
    "/timeline",
];

/// How long an answer may take before it counts as none.
const PATIENCE: Duration = Duration::from_secs(30);

/// Alerts in a request to the webhook.
const BATCH: u32 = 10;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Options {
    /// Where the API is.
    pub(crate) host: Option<String>,
    /// Where the webhook listens; left alone if absent.
    pub(crate) webhook: Option<SocketAddr>,
    pub(crate) seconds: u32,
    /// Who asks at once, each as soon as they have their answer.
    pub(crate) clients: u32,
    /// Who follows the event stream meanwhile.
    pub(crate) streams: u32,
    /// Requests a second of all clients together; as many as are answered if absent.
    pub(crate) rate: Option<u32>,
    /// Alerts a second.
    pub(crate) alerts: u32,
    /// The process whose memory is told.
    pub(crate) pid: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: None,
            webhook: None,
            seconds: 20,
            clients: 8,
            streams: 0,
            rate: None,
            alerts: 100,
            pid: None,
        }
    }
}

/// How many cycles there were, and how long all of them took, by the loop's own metrics.
#[derive(Debug, Clone, Copy)]
struct Cycles {
    count: f64,
    seconds: f64,
}

impl Cycles {
    async fn of(client: &Client, host: &str) -> Result<Self, BoxError> {
        let metrics = client.get(format!("{host}/metrics")).send().await?;
        Self::read(&metrics.error_for_status()?.text().await?)
    }

    fn read(metrics: &str) -> Result<Self, BoxError> {
        let value = |name: &str| -> Result<f64, BoxError> {
            let of = |line: &&str| line.strip_prefix(name).is_some_and(|it| it.starts_with('{'));
            let line = metrics.lines().find(of).ok_or_else(|| format!("/metrics has no {name}"))?;
            Ok(line.rsplit_once(' ').map_or("", |(_, value)| value).parse()?)
        };
        let count = value("mape_k_loop_duration_seconds_count")?;
        Ok(Self { count, seconds: value("mape_k_loop_duration_seconds_sum")? })
    }

    fn since(self, before: Self) -> Self {
        Self { count: self.count - before.count, seconds: self.seconds - before.seconds }
    }
}

impl fmt::Display for Cycles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean_ms = if self.count > 0.0 { 1e3 * self.seconds / self.count } else { 0.0 };
        write!(f, "{:.0} of {mean_ms:.2}ms", self.count)
    }
}

/// What became of requests.
#[derive(Debug, Default)]
struct Answers {
    /// In microseconds, by path.
    waits_us: [Vec<u64>; PATHS.len()],
    bytes: u64,
    /// 429 and 503.
    refused: u64,
    /// Anything else that is no answer.
    failed: u64,
    why: Option<String>,
}

/// What became of those who follow.
#[derive(Debug, Default, Clone, Copy)]
struct Followed {
    served: u64,
    refused: u64,
    failed: u64,
    bytes: u64,
}

/// Asks for as long as it is told to; answers whether all was answered.
pub(crate) async fn run(options: &Options, tell: impl Fn(&str)) -> Result<bool, BoxError> {
    let host = options.host.as_deref().ok_or("--host wants the URL of an API")?;
    let host = host.trim_end_matches('/').to_owned();
    let client = client()?;
    if let Some(pid) = options.pid {
        tell(&format!("memory before: {}", told(pid)?));
    }
    let quiet = Cycles::of(&client, &host).await?;
    // All who follow are there before anybody asks.
    let there = Arc::new(Barrier::new(options.streams as usize + 1));
    let follow = |_| {
        let (client, host, there) = (client.clone(), host.clone(), Arc::clone(&there));
        tokio::spawn(follow(client, host, there, options.seconds))
    };
    let following: Vec<_> = (0..options.streams).map(follow).collect();
    there.wait().await;
    let begun = now();
    let alerts = options.webhook.map(|to| {
        let load = Load {
            name: "webhook",
            batch: BATCH,
            connections: 8,
            rate: Some(options.alerts),
            seconds: options.seconds,
        };
        tokio::spawn(async move { load.run(to).await })
    });
    let ask = |i| {
        let (client, host) = (client.clone(), host.clone());
        let pace = options.rate.map(|rate| f64::from(options.clients) / f64::from(rate));
        tokio::spawn(ask(client, host, i, options.seconds, pace))
    };
    let asking: Vec<_> = (0..options.clients).map(ask).collect();
    let mut all = Answers::default();
    for one in asking {
        all.take(one.await?);
    }
    let took = begun.elapsed();
    let mut good = all.tell(took, &tell);
    if let Some(alerts) = alerts {
        let (sent, took) = alerts.await??;
        let at = |share| f64::from(quantile(&sent.waits_us, share)) / 1e3;
        tell(&format!(
            "webhook acknowledged={:.0}/s p50={:.1}ms p99={:.1}ms max={:.0}ms refused(503)={} failed={}",
            sent.acknowledged.len() as f64 / took.as_secs_f64(),
            at(0.5),
            at(0.99),
            at(1.0),
            sent.refused,
            sent.failed
        ));
        good &= sent.failed == 0;
    }
    if options.streams > 0 {
        let mut sum = Followed::default();
        for one in following {
            let one = one.await?;
            sum.served += one.served;
            sum.refused += one.refused;
            sum.failed += one.failed;
            sum.bytes += one.bytes;
        }
        let Followed { served, refused, failed, bytes } = sum;
        tell(&format!("streams served={served} refused={refused} failed={failed} bytes={bytes}"));
        good &= failed == 0;
    }
    if let Some(pid) = options.pid {
        tell(&format!("memory after: {}", told(pid)?));
    }
    let all = Cycles::of(&client, &host).await?;
    tell(&format!("cycles before: {quiet}, meanwhile: {}", all.since(quiet)));
    Ok(good)
}

fn client() -> Result<Client, BoxError> {
    let mut headers = reqwest::header::HeaderMap::new();
    if let Ok(token) = std::env::var("MAPEK_TOKEN") {
        let mut value: reqwest::header::HeaderValue = format!("Bearer {}", token.trim()).parse()?;
        value.set_sensitive(true);
        headers.insert(reqwest::header::AUTHORIZATION, value);
    }
    Ok(Client::builder().default_headers(headers).no_proxy().build()?)
}

fn told(pid: u32) -> Result<String, BoxError> {
    let (most, now) = memory(pid)?;
    Ok(format!("{} MiB, {} MiB at most", now >> 20, most >> 20))
}

async fn ask(client: Client, host: String, first: u32, seconds: u32, pace: Option<f64>) -> Answers {
    let begun = now();
    let end = Duration::from_secs(seconds.into());
    let mut answers = Answers::default();
    let mut turn = first as usize;
    let mut asked = 0_u32;
    while begun.elapsed() < end {
        if let Some(pace) = pace {
            let due = begun + Duration::from_secs_f64(f64::from(asked) * pace);
            tokio::time::sleep_until(due.into()).await;
        }
        asked += 1;
        let place = turn % PATHS.len();
        turn += 1;
        let asked = now();
        match one(&client, &format!("{host}{}", PATHS[place])).await {
            Ok((status, bytes)) if status.is_success() => {
                let wait = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
                answers.waits_us[place].push(wait);
                answers.bytes += bytes;
            }
            Ok((StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, _)) => {
                answers.refused += 1;
                // Who is told to wait waits: what is measured is answers, not refusals.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok((status, _)) => answers.fail(format!("{}: {status}", PATHS[place])),
            Err(error) => answers.fail(format!("{}: {error}", PATHS[place])),
        }
    }
    answers
}

async fn one(client: &Client, url: &str) -> Result<(StatusCode, u64), reqwest::Error> {
    let response = client.get(url).timeout(PATIENCE).send().await?;
    let status = response.status();
    Ok((status, response.bytes().await?.len() as u64))
}

async fn follow(client: Client, host: String, there: Arc<Barrier>, seconds: u32) -> Followed {
    let asked = client.get(format!("{host}/api/v1/events")).send().await;
    there.wait().await;
    let mut followed = Followed::default();
    match asked {
        Ok(mut response) if response.status().is_success() => {
            followed.served = 1;
            let end = tokio::time::sleep(Duration::from_secs(seconds.into()));
            tokio::pin!(end);
            loop {
                tokio::select! {
                    () = &mut end => return followed,
                    chunk = response.chunk() => match chunk {
                        Ok(Some(chunk)) => followed.bytes += chunk.len() as u64,
                        _ => {
                            followed.failed = 1;
                            return followed;
                        }
                    }
                }
            }
        }
        Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
            followed.refused = 1
        }
        _ => followed.failed = 1,
    }
    followed
}

impl Answers {
    fn fail(&mut self, why: String) {
        self.failed += 1;
        self.why.get_or_insert(why);
    }

    fn take(&mut self, other: Self) {
        for (all, some) in self.waits_us.iter_mut().zip(other.waits_us) {
            all.extend(some);
        }
        self.bytes += other.bytes;
        self.refused += other.refused;
        self.failed += other.failed;
        self.why = self.why.take().or(other.why);
    }

    /// A line for each path and one for all; whether nothing failed.
    fn tell(&mut self, took: Duration, tell: impl Fn(&str)) -> bool {
        let mut all = Vec::new();
        for (path, waits) in PATHS.iter().zip(&mut self.waits_us) {
            waits.sort_unstable();
            tell(&line(path, waits, took));
            all.extend_from_slice(waits);
        }
        all.sort_unstable();
        tell(&line("all", &all, took));
        let rate = self.bytes as f64 / took.as_secs_f64() / f64::from(1 << 20);
        let why = self.why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        tell(&format!("{rate:.1} MiB/s refused={} failed={}{why}", self.refused, self.failed));
        self.failed == 0 && !all.is_empty()
    }
}

fn line(path: &str, sorted_us: &[u64], took: Duration) -> String {
    let at = |share| quantile(sorted_us, share) as f64 / 1e3;
    let rate = sorted_us.len() as f64 / took.as_secs_f64();
    format!(
        "{path:<30} answers={:<7} {rate:>8.1}/s p50={:.2}ms p99={:.2}ms max={:.1}ms",
        sorted_us.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_are_read_from_the_metrics_and_told_by_their_mean() {
        let metrics = |count: u32, sum: f64| {
            format!(
                "# TYPE mape_k_loop_duration_seconds histogram\n\
                 mape_k_loop_duration_seconds_sum{{target=\"a b\"}} {sum}\n\
                 mape_k_loop_duration_seconds_count{{target=\"a b\"}} {count}\n"
            )
        };
        let before = Cycles::read(&metrics(10, 0.05)).unwrap();
        let after = Cycles::read(&metrics(30, 0.09)).unwrap();
        assert_eq!(before.to_string(), "10 of 5.00ms");
        assert_eq!(after.since(before).to_string(), "20 of 2.00ms");
        assert_eq!(after.since(after).to_string(), "0 of 0.00ms");
        assert!(Cycles::read("").unwrap_err().to_string().contains("/metrics has no"));
    }
}
