//! The whole loop inside a program of ours: our metric source, our effector, our causes, steered through `LoopHandle`.
//!
//! There is no Charter, Prometheus or Alertmanager here, and none in what this pulls in:
//! `cargo tree -p mapek-examples --no-default-features --features embed -e normal`
//!
//! `cargo run -p mapek-examples --example embed_loop`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use mapek::{
    Loop, LoopConfig, LoopHandle, LoopState, ManualClock,
    analyze::{AnalyzeConfig, Analyzer, Catalogue as Causes},
    execute::{
        Autonomy, Config, EffectError, Effector, Executor, Presence, Rails, Repeat, Sending,
    },
    knowledge::{Knowledge, MemoryKnowledge},
    model::{
        Action, ActionKind, Answer, Captured, Duration, Quality, Query, Resource, Sample, Series,
        Severity, SourceName, Span, Step, TargetId, Timestamp, Verdict, Way,
    },
    monitor::{
        ElementReading, Error, ManagedElement, MetricSource, Monitor, MonitorConfig, RuleConfig,
    },
    plan::{Candidate, Catalogue, Proposals, strategy_fn},
    store::MemoryStore,
};
use serde_json::{Value, json};

/// What this program is about: jobs wait unless there are enough workers.
#[derive(Debug)]
struct Shop {
    workers: AtomicU32,
    customers: AtomicU32,
}

impl Shop {
    fn waiting(&self) -> u32 {
        let served = self.workers.load(Ordering::SeqCst) * 10;
        self.customers.load(Ordering::SeqCst).saturating_sub(served)
    }
}

/// How the loop sees it. There is one rule, and this source answers it: no PromQL needed.
#[async_trait]
impl MetricSource for Shop {
    fn name(&self) -> SourceName {
        SourceName::try_new("shop").expect("it is a short word in small letters")
    }

    async fn instant(&self, query: &Query, at: Timestamp) -> Result<Answer, Error> {
        if query.as_str() != TOO_LONG {
            return Err(Error::refused("shop", query.as_str(), "it knows one question"));
        }
        let waiting = self.waiting();
        let series = (waiting > 20).then(|| Series {
            labels: [("__name__", "customers_waiting")].into_iter().collect(),
            samples: vec![Sample { at, value: f64::from(waiting) }],
        });
        Ok(Answer { series: series.into_iter().collect(), quality: Quality::fresh() })
    }

    async fn range(&self, query: &Query, _: Span, _: Duration) -> Result<Answer, Error> {
        Err(Error::refused("shop", query.as_str(), "it remembers nothing"))
    }
}

/// The only question: a rule is breached by every series that its expression answers.
const TOO_LONG: &str = "more than 20 customers wait";

/// What it consists of: the rails ask how much of it a plan would touch, and let nothing pass where nobody knows.
#[async_trait]
impl ManagedElement for Shop {
    fn name(&self) -> SourceName {
        SourceName::try_new("staff").expect("it is a short word in small letters")
    }

    async fn read(&self, _: Timestamp) -> ElementReading {
        let workers = self.workers.load(Ordering::SeqCst);
        let staff = Resource {
            kind: "pool".to_owned(),
            id: "workers".to_owned(),
            status: "normal".to_owned(),
            generation: None,
            changed: None,
            attributes: BTreeMap::from([("replicas".to_owned(), json!(workers))]),
        };
        ElementReading { resources: vec![staff], ..ElementReading::default() }
    }
}

/// How the loop changes it.
#[async_trait]
impl Effector for Shop {
    fn repeat(&self, kind: &ActionKind, _: Way) -> Option<Repeat> {
        (*kind == ActionKind::ScaleUp).then_some(Repeat::AbsoluteSet)
    }

    async fn capture(&self, _: &Action) -> Result<Value, EffectError> {
        Ok(json!(self.workers.load(Ordering::SeqCst)))
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
        let as_before = captured.state == json!(self.workers.load(Ordering::SeqCst));
        Ok(match as_before == (way == Way::Undo) {
            true => Presence::Applied { receipt: Value::Null },
            false => Presence::NotApplied,
        })
    }
}

/// What can be wrong, and what speaks for it: data, so that it can come from a file.
const CAUSES: &str = r#"{"causes": [{
    "kind": "understaffed",
    "title": "More customers come than the workers can serve.",
    "prior": -1.0,
    "explains": ["long-queue"],
    "clues": [{"if": {"episode": ["long-queue"]}, "then": 3.5, "else": -3.0, "words": "the queue is long"}],
    "remedies": [{"action": "scale_up", "words": "call more workers", "undo": "send them home"}]
}]}"#;

fn build(shop: &Arc<Shop>, clock: ManualClock) -> Result<Loop, Box<dyn StdError>> {
    let rule = RuleConfig::new("long_queue", TOO_LONG)?;
    let rules = vec![RuleConfig { severity: Severity::Critical, ..rule }];
    let monitor = MonitorConfig { rules, up: None, ..MonitorConfig::default() };

    let catalogue = Some(Causes::parse(CAUSES)?);
    let analyze = AnalyzeConfig { catalogue, ..AnalyzeConfig::default() };

    let call_in = strategy_fn("call in", |_cause, _context| {
        let steps = vec![Step::of(Action::ScaleUp { replicas: 8 })];
        let candidate = Candidate::try_new(steps, "eight serve eighty", Duration::from_secs(60));
        Proposals::from(candidate.into_iter().collect::<Vec<_>>())
    });
    let remedies = Catalogue::new().with("understaffed".parse()?, call_in);

    // Scaling is automatic unless told otherwise. Here a person is asked.
    let mut execute = Config { state_dir: None, ..Config::default() };
    execute.rails.autonomy.kinds.insert(ActionKind::ScaleUp, Autonomy::Suggest);
    let effector: Arc<dyn Effector> = shop.clone();
    let (executor, _recovery) = Executor::open(
        execute.clone(),
        Rails::new(&execute.rails),
        Arc::new(MemoryStore::new()),
        BTreeMap::from([(TargetId::default(), effector)]),
    )?;

    let knowledge = Arc::new(MemoryKnowledge::new(Default::default()));
    Ok(Loop::builder()
        .monitor(Monitor::builder(monitor).metrics(shop.clone()).element(shop.clone()).build()?)
        .analyzer(Analyzer::try_new(analyze)?)
        .planner(mapek::plan::Config::default().build(remedies)?)
        .executor(executor)
        .knowledge(Knowledge::over(knowledge, Default::default()))
        // Wake-ups are usually gathered for a moment. On a clock that stands still that moment would never end.
        .config(LoopConfig { debounce: Duration::ZERO, ..LoopConfig::default() })
        .clock(Arc::new(clock))
        .build()?)
}

/// Lets time pass, half a minute a cycle, until the loop is in a state.
async fn until(
    handle: &LoopHandle,
    clock: &ManualClock,
    what: impl Fn(&LoopState) -> bool,
) -> Result<Arc<LoopState>, Box<dyn StdError>> {
    for _ in 0..50 {
        let state = handle.state();
        if what(&state) {
            return Ok(state);
        }
        clock.advance(Duration::from_secs(30));
        handle.run_cycle().await?;
    }
    Err(format!("it never came to that: {:#?}", handle.state().last()).into())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    let shop = Arc::new(Shop { workers: AtomicU32::new(4), customers: AtomicU32::new(25) });
    // `SystemClock`, the default, for a loop in real time; on this one half an hour passes at once.
    let clock = ManualClock::at("2026-01-01T00:00:00Z".parse()?);
    let looped = build(&shop, clock.clone())?;
    let handle = looped.handle();

    let stop = Arc::new(tokio::sync::Notify::new());
    let stopped = Arc::clone(&stop);
    let running =
        tokio::spawn(async move { looped.run(async move { stopped.notified().await }).await });
    let state = until(&handle, &clock, |state| state.last().is_some()).await?;
    println!("open violations: {}", state.last().map_or(0, |report| report.seen.open.len()));
    assert_eq!(state.unready(), None);

    // Paused: it watches, and does nothing.
    handle.pause("ada", "stocktaking")?;
    shop.customers.store(75, Ordering::SeqCst);
    let open = |state: &LoopState| state.last().is_some_and(|last| !last.seen.open.is_empty());
    let state = until(&handle, &clock, open).await?;
    println!("paused: {}", state.paused.as_deref().unwrap_or("no"));
    assert_eq!(shop.workers.load(Ordering::SeqCst), 4);

    // On again. It finds the cause and proposes a remedy; what it would do has a hash, and approvals bind to that.
    handle.resume("ada", "done")?;
    let state = until(&handle, &clock, |state| !state.proposals.is_empty()).await?;
    let proposal = &state.proposals[0];
    println!("against {}: {}", proposal.plan.cause, proposal.plan.rationale);
    assert_eq!(proposal.plan.cause.kind, "understaffed");
    assert_eq!(shop.workers.load(Ordering::SeqCst), 4, "nobody has said yes");

    handle.approve(&proposal.hash, "grace", Some("it is Saturday"))?;
    let state = until(&handle, &clock, |state| !state.outcomes.is_empty()).await?;
    let outcome = &state.outcomes[0];
    println!("{}: {}", outcome.verdict, outcome.reason);
    assert_eq!(outcome.verdict, Verdict::Success);
    assert_eq!(shop.workers.load(Ordering::SeqCst), 8);

    // It has learned from that, and says so.
    let state = until(&handle, &clock, |state| !state.insights.is_empty()).await?;
    for insight in &state.insights {
        println!("learned: {}", insight.text);
    }

    stop.notify_one();
    let last = running.await?.ok_or("cycles have run")?;
    println!("stopped after cycle {}", last.number);
    Ok(())
}
