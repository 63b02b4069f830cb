//! A service of ours with the loop inside: its own pages, and below the same address API, event stream and metrics of the loop; journal and
//! knowledge in files, people known by tokens, an orderly end.
//!
//! It asks itself over HTTP what people would ask, and ends. `docs/embedding.md` goes through it.
//!
//! `cargo run -p mapek-examples --example service`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use axum::{Router, routing::get};
use mapek::{
    Loop, LoopConfig, SystemClock,
    analyze::{AnalyzeConfig, Analyzer, Catalogue as Causes},
    execute::{Config, EffectError, Effector, Executor, Presence, Rails, Repeat, Sending},
    knowledge::{Knowledge, SqliteKnowledge},
    model::{
        Action, ActionKind, Answer, Captured, Duration, Quality, Query, Resource, Sample, Series,
        Severity, SourceName, Span, Step, TargetId, Timestamp, Way,
    },
    monitor::{
        ElementReading, Error, ManagedElement, MetricSource, Monitor, MonitorConfig, RuleConfig,
    },
    plan::{Candidate, Catalogue, Proposals, strategy_fn},
    server::{
        Access, Credential, Identities, Metrics, Options, Proof, Role, Server, Token, router,
    },
    store::SqliteStore,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// What this service does: it works off jobs.
#[derive(Debug)]
struct Jobs {
    workers: AtomicU32,
    waiting: AtomicU32,
}

impl Jobs {
    fn count(&self) -> u32 {
        self.workers.load(Ordering::SeqCst)
    }

    /// Jobs that no worker has time for.
    fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::SeqCst).saturating_sub(10 * self.count())
    }
}

/// The only question that [`Jobs`] answers.
const QUEUE: &str = "more than 20 jobs wait";

#[async_trait]
impl MetricSource for Jobs {
    fn name(&self) -> SourceName {
        SourceName::try_new("jobs").expect("it is a short word in small letters")
    }

    async fn instant(&self, query: &Query, at: Timestamp) -> Result<Answer, Error> {
        if query.as_str() != QUEUE {
            return Err(Error::refused("jobs", query.as_str(), "it knows one question"));
        }
        let waiting = self.waiting();
        let series = (waiting > 20).then(|| Series {
            labels: [("__name__", "jobs_waiting")].into_iter().collect(),
            samples: vec![Sample { at, value: f64::from(waiting) }],
        });
        Ok(Answer { series: series.into_iter().collect(), quality: Quality::fresh() })
    }

    async fn range(&self, query: &Query, _: Span, _: Duration) -> Result<Answer, Error> {
        Err(Error::refused("jobs", query.as_str(), "it remembers nothing"))
    }
}

/// What there is of it, so that the rails know how much a plan would touch.
#[async_trait]
impl ManagedElement for Jobs {
    fn name(&self) -> SourceName {
        SourceName::try_new("pool").expect("it is a short word in small letters")
    }

    async fn read(&self, _: Timestamp) -> ElementReading {
        let pool = Resource {
            kind: "pool".to_owned(),
            id: "workers".to_owned(),
            status: "normal".to_owned(),
            generation: None,
            changed: None,
            attributes: BTreeMap::from([("replicas".to_owned(), json!(self.count()))]),
        };
        ElementReading { resources: vec![pool], ..ElementReading::default() }
    }
}

#[async_trait]
impl Effector for Jobs {
    fn repeat(&self, kind: &ActionKind, _: Way) -> Option<Repeat> {
        (*kind == ActionKind::ScaleUp).then_some(Repeat::AbsoluteSet)
    }

    async fn capture(&self, _: &Action) -> Result<Value, EffectError> {
        Ok(json!(self.count()))
    }

    async fn rehearse(&self, _: &Action, _: Way, _: &Captured) -> Result<(), EffectError> {
        Ok(())
    }

    async fn apply(
        &self,
        action: &Action,
        _: &Captured,
        _: &Sending,
    ) -> Result<Value, EffectError> {
        let Action::ScaleUp { replicas } = action else {
            return Err(EffectError::refused("it can only be scaled up"));
        };
        self.workers.store(*replicas, Ordering::SeqCst);
        Ok(Value::Null)
    }

    async fn undo(
        &self,
        _: &Action,
        captured: &Captured,
        _: &Value,
        _: &Sending,
    ) -> Result<Value, EffectError> {
        let before = captured.state.as_u64().and_then(|it| u32::try_from(it).ok());
        let before = before.ok_or_else(|| EffectError::refused("nothing was captured"))?;
        self.workers.store(before, Ordering::SeqCst);
        Ok(Value::Null)
    }

    async fn read_back(
        &self,
        _: &Action,
        way: Way,
        captured: &Captured,
        _: &Value,
    ) -> Result<Presence, EffectError> {
        let as_before = captured.state == json!(self.count());
        Ok(match as_before == (way == Way::Undo) {
            true => Presence::Applied { receipt: Value::Null },
            false => Presence::NotApplied,
        })
    }
}

/// What can be wrong with it.
const CAUSES: &str = r#"{"causes": [{
    "kind": "overload",
    "title": "More jobs come than the workers can do.",
    "prior": -1.0,
    "explains": ["long-queue"],
    "clues": [{"if": {"episode": ["long-queue"]}, "then": 3.5, "else": -3.0, "words": "the queue is long"}],
    "remedies": [{"action": "scale_up", "words": "add workers", "undo": "take them away"}]
}]}"#;

/// The loop over [`Jobs`], with its files in `directory`.
fn build(jobs: &Arc<Jobs>, directory: &Path) -> Result<Loop, Box<dyn StdError>> {
    let rule = RuleConfig { severity: Severity::Critical, ..RuleConfig::new("long_queue", QUEUE)? };
    let monitor = MonitorConfig { rules: vec![rule], up: None, ..MonitorConfig::default() };

    let catalogue = Some(Causes::parse(CAUSES)?);
    let analyze = AnalyzeConfig { catalogue, ..AnalyzeConfig::default() };

    let scale = strategy_fn("scale", |_cause, _context| {
        let steps = vec![Step::of(Action::ScaleUp { replicas: 8 })];
        let candidate = Candidate::try_new(steps, "eight do eighty", Duration::from_secs(1));
        Proposals::from(candidate.into_iter().collect::<Vec<_>>())
    });
    let remedies = Catalogue::new().with("overload".parse()?, scale);

    let execute = Config { state_dir: Some(directory.into()), ..Config::default() };
    let effector: Arc<dyn Effector> = jobs.clone();
    let (executor, recovery) = Executor::open(
        execute.clone(),
        Rails::new(&execute.rails),
        Arc::new(SqliteStore::open(directory.join("journal.db"))?),
        BTreeMap::from([(TargetId::default(), effector)]),
    )?;
    // After a crash this is where it goes on, and whom it calls.
    println!(
        "resumed: {}, need an operator: {}",
        recovery.resumed.len(),
        recovery.needs_operator.len()
    );

    let knowledge = SqliteKnowledge::open(directory.join("knowledge.db"), Default::default())?;
    let every_second = LoopConfig { interval: Duration::from_secs(1), ..LoopConfig::default() };
    Ok(Loop::builder()
        .monitor(Monitor::builder(monitor).metrics(jobs.clone()).element(jobs.clone()).build()?)
        .analyzer(Analyzer::try_new(analyze)?)
        .planner(mapek::plan::Config::default().build(remedies)?)
        .executor(executor)
        .knowledge(Knowledge::over(Arc::new(knowledge), Default::default()))
        .config(every_second)
        .clock(Arc::new(SystemClock::new()))
        .build()?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    let directory = tempfile::tempdir()?;
    let jobs = Arc::new(Jobs { workers: AtomicU32::new(4), waiting: AtomicU32::new(25) });
    let looped = build(&jobs, directory.path())?;
    let (handle, states) = (looped.handle(), looped.handle().watch());

    // Who may do what. A real one takes random bytes from the system, and keeps nothing but the hash.
    let token = Token::from_random([7; 32]);
    let ada = Credential {
        person: "ada".parse()?,
        role: Role::Operator,
        proof: Proof::Token { hash: token.hash(), expires: None },
    };
    let access = Access { identities: Identities::try_new(vec![ada])?, ..Access::default() };

    // The loop's routes beside ours. They are an axum router like any other.
    let metrics = Metrics::new();
    let options = Options {
        metrics: Some(metrics.clone()),
        handle: Some(handle.clone()),
        access,
        ..Options::default()
    };
    let own = Arc::clone(&jobs);
    let page = get(async move || format!("{} jobs wait\n", own.waiting()));
    let routes = Router::new().route("/jobs", page).merge(router(states.clone(), options));

    // Everything ends by one word: first the loop, which parks what is under way, and then the server.
    let (stop, serving) = (CancellationToken::new(), CancellationToken::new());
    let server = Server::bind("127.0.0.1:0".parse()?).await?;
    let url = format!("http://{}", server.local_addr());
    let recording =
        tokio::spawn(serving.clone().run_until_cancelled_owned(metrics.recorder().follow(states)));
    let served = tokio::spawn(server.serve(routes, serving.clone().cancelled_owned()));
    let running = tokio::spawn(looped.run(stop.clone().cancelled_owned()));

    visit(&url, &token, &jobs).await?;

    stop.cancel();
    let last = running.await?.ok_or("cycles have run")?;
    serving.cancel();
    served.await??;
    recording.await?;
    println!("stopped after cycle {}; its files go on from there", last.number);
    Ok(())
}

/// What people would do: look, stop it, let it go on, and see what it does.
async fn visit(url: &str, token: &Token, jobs: &Jobs) -> Result<(), Box<dyn StdError>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let ask = async |path: &str| {
        let answer = client.get(format!("{url}{path}")).bearer_auth(token.expose()).send().await?;
        Ok::<_, reqwest::Error>(answer)
    };
    let act = async |path: &str, body: Value| {
        let request = client.post(format!("{url}{path}")).bearer_auth(token.expose()).json(&body);
        request.send().await?.error_for_status()
    };
    print!("{}", ask("/jobs").await?.text().await?);
    let stranger = client.get(format!("{url}/api/v1/status")).send().await?;
    assert_eq!(stranger.status(), 401, "who is not known may not even look");

    act("/api/v1/pause", json!({"reason": "stocktaking"})).await?;
    jobs.waiting.store(75, Ordering::SeqCst);
    until("it sees that jobs wait", async || {
        let status: Value = ask("/api/v1/status").await?.json().await?;
        Ok(status["violations"]["critical"] == 1)
    })
    .await?;
    assert_eq!(jobs.count(), 4, "it is paused");

    act("/api/v1/resume", json!({"reason": "done"})).await?;
    until("it has added workers", async || Ok(jobs.count() == 8)).await?;
    let executions: Value = ask("/api/v1/executions").await?.json().await?;
    println!("against {}", executions["items"][0]["plan"]["cause"]["kind"]);
    until("its metrics say so", async || {
        let text = ask("/metrics").await?.text().await?;
        Ok(text.contains(r#"mape_k_plans_total{target="default",decision="started"} 1"#))
    })
    .await?;
    print!("{}", ask("/jobs").await?.text().await?);
    Ok(())
}

/// Looks again and again, for half a minute at most.
async fn until(
    what: &str,
    so: impl AsyncFn() -> Result<bool, reqwest::Error>,
) -> Result<(), Box<dyn StdError>> {
    for _ in 0..300 {
        if so().await? {
            println!("{what}");
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!("it never came to that: {what}").into())
}
