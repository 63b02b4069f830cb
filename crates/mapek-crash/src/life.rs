//! The process under test: the loop as it is, on files and over HTTP, with a clock that the managed system keeps.
//!
//! Time passes only between cycles, and only in the managed system: it outlives this process, as time does. So a life
//! of ten minutes takes some tens of milliseconds, and goes on after a crash where it stood.

mod metrics;
mod people;
mod plant;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use alertmanager_client::WebhookServer;
use charter_client::{CharterApi, HttpCharter, RetryConfig};
use mapek_analyze::{AnalyzeConfig, Analyzer};
use mapek_execute::{CharterEffector, Control, Effector, Executor, Rails, Recovery};
use mapek_knowledge::{Knowledge, Limits, SqliteKnowledge};
use mapek_loop::{Builder, Clock as _, FileCheckpoint, Loop, ManualClock, WakeReason, Waker};
use mapek_model::{Confidence, Duration, Level, Step, TargetId};
use mapek_monitor::{
    AlertInbox, CharterElement, CharterElementConfig, InboxIntake, Monitor, MonitorConfig,
    RuleConfig, SqliteInbox,
};
use mapek_plan::{Candidate, Catalogue, Proposals, strategy_fn};
use mapek_store::SqliteStore;
use serde::{Deserialize, Serialize};

use crate::{
    BoxError,
    points::{Stop, arm, checkpoint_step, reach, tell},
    scenario::{Scenario, WEBHOOKS_FOR},
    seams::{
        WatchedCharter, WatchedCheckpoint, WatchedEffector, WatchedInbox, WatchedIntake,
        WatchedKnowledge, WatchedStore,
    },
    trouble::{Trouble, Troubled},
};
use metrics::Metrics;
use plant::Plant;

/// Most cycles of one life. A story takes about twenty, and a crash sets it back by a few.
const CYCLES_MAX: usize = 120;

/// How many alerts may wait here: few, so that it is full now and then.
pub(crate) const INBOX_CAPACITY: usize = 40;

/// Where a life takes place, and where it ends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Life {
    pub(crate) scenario: String,
    /// Where its files are.
    pub(crate) directory: PathBuf,
    /// The managed system.
    pub(crate) charter: String,
    /// Where it dies, if it does.
    pub(crate) stop: Option<Stop>,
    /// Whether its disk is ours.
    pub(crate) disk: bool,
    /// What happens to that, if anything does.
    pub(crate) trouble: Option<Trouble>,
}

/// Lives it.
pub(crate) fn live(life: &Life) -> Result<(), BoxError> {
    arm(life.stop.clone());
    // One thread: what a point stops, stands still.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(begin(life))
}

async fn begin(life: &Life) -> Result<(), BoxError> {
    let disk = life.disk.then(|| Troubled::take(&life.directory, life.trouble.clone()));
    let disk = disk.transpose()?;
    reach("process.started");
    let scenario = Scenario::named(&life.scenario)?;
    // Certificates are no use here, and reading them takes longer than a life.
    let pool = HttpCharter::client_builder().no_proxy().tls_certs_only([]).build()?;
    let mut settings = charter_client::Config::new(&life.charter);
    // As in production: retries of mutations are the executor's.
    settings.retry = RetryConfig { mutations: false, ..RetryConfig::default() };
    let charter = settings.build(pool.clone())?;
    let charter: Arc<dyn CharterApi> = Arc::new(WatchedCharter(Arc::new(charter)));
    let plant = Plant::new(pool, &life.charter);
    let clock = ManualClock::at(plant.pass(0).await?);
    let metrics = Arc::new(Metrics::default());
    let (executor, recovery) = executor(life, &scenario, &charter)?;
    reach("process.recovered");
    complain(&recovery);
    let control = executor.control();
    let inbox = inbox(&life.directory)?;
    let waker = Waker::new();
    let monitor = Monitor::builder(monitor_config()?)
        .metrics(Arc::clone(&metrics) as _)
        .element(Arc::new(CharterElement::new(charter, CharterElementConfig::default())))
        .inbox(Arc::clone(&inbox))
        .build()?;
    let cycle = builder(life, &scenario)?
        .monitor(monitor)
        .executor(executor)
        .clock(Arc::new(clock.clone()))
        .waker(waker.clone())
        .build_cycle()?;
    let webhook = if scenario.webhooks { Some(webhook(&inbox).await?) } else { None };
    let story = Story { scenario, control, metrics, plant, clock, inbox, webhook, disk };
    story.tell(cycle).await
}

/// What does not survive a crash as it should.
fn complain(recovery: &Recovery) {
    for bad in &recovery.bad {
        tell(&format!("lost record {} cannot be trusted: {}", bad.sequence, bad.reason));
    }
    for damaged in &recovery.damaged {
        tell(&format!("lost execution {} cannot be followed", damaged.execution));
    }
}

fn executor(
    life: &Life,
    scenario: &Scenario,
    charter: &Arc<dyn CharterApi>,
) -> Result<(Executor, Recovery), BoxError> {
    let store = SqliteStore::open(life.directory.join("journal.db"))?;
    let effector = WatchedEffector(CharterEffector::new(Arc::clone(charter)));
    let effectors =
        BTreeMap::from([(TargetId::default(), Arc::new(effector) as Arc<dyn Effector>)]);
    let config = scenario.executor(&life.directory);
    let rails = Rails::new(&config.rails);
    Ok(Executor::open(config, rails, Arc::new(WatchedStore(store)), effectors)?)
}

fn inbox(directory: &Path) -> Result<Arc<dyn AlertInbox>, BoxError> {
    let inbox = SqliteInbox::open(directory.join("inbox.db"), INBOX_CAPACITY)?;
    Ok(Arc::new(WatchedInbox(inbox)))
}

type Webhook = WebhookServer<WatchedIntake<InboxIntake>>;

async fn webhook(inbox: &Arc<dyn AlertInbox>) -> Result<Webhook, BoxError> {
    let intake = WatchedIntake(InboxIntake::new(Arc::clone(inbox)));
    Ok(WebhookServer::bind("127.0.0.1:0".parse()?, "/webhooks/alerts", intake).await?)
}

fn monitor_config() -> Result<MonitorConfig, BoxError> {
    let rule = |name: &str, metric: &str| -> Result<RuleConfig, BoxError> {
        let severity = mapek_model::Severity::Critical;
        Ok(RuleConfig { severity, ..RuleConfig::new(name, metric)?.above(1.0) })
    };
    let rules = vec![
        rule("high_validation_latency", metrics::LATENCY)?,
        rule("request_failures", metrics::FAILURES)?,
    ];
    Ok(MonitorConfig { rules, up: None, ..MonitorConfig::default() })
}

fn builder(life: &Life, scenario: &Scenario) -> Result<Builder, BoxError> {
    let steps = scenario.steps;
    let remedy = strategy_fn("remedy", move |_, _| {
        let steps: Vec<_> = steps().into_iter().map(Step::of).collect();
        let effect = Duration::from_secs(60);
        // A story without a plan proposes none.
        Proposals::from(
            Candidate::try_new(steps, "as told", effect).into_iter().collect::<Vec<_>>(),
        )
    });
    let plan = mapek_plan::Config {
        min_confidence: Confidence::saturating(0.3),
        ..mapek_plan::Config::default()
    };
    let knowledge = SqliteKnowledge::open(life.directory.join("knowledge.db"), Limits::default())?;
    let checkpoint =
        FileCheckpoint::in_directory(&life.directory).telling(|step| reach(&checkpoint_step(step)));
    Ok(Loop::builder()
        .analyzer(Analyzer::try_new(AnalyzeConfig::default())?)
        .planner(plan.build(Catalogue::new().with("validation-latency".parse()?, remedy))?)
        .knowledge(Knowledge::over(
            Arc::new(WatchedKnowledge(knowledge)),
            mapek_knowledge::Config::default(),
        ))
        .checkpoint(Arc::new(WatchedCheckpoint(checkpoint))))
}

/// A story as it is told in this life.
struct Story {
    scenario: Scenario,
    control: Control,
    metrics: Arc<Metrics>,
    plant: Plant,
    clock: ManualClock,
    inbox: Arc<dyn AlertInbox>,
    webhook: Option<Webhook>,
    disk: Option<Troubled>,
}

impl Story {
    async fn tell(mut self, mut cycle: mapek_loop::Cycle) -> Result<(), BoxError> {
        if let Some(webhook) = self.webhook.take() {
            tell(&format!("webhook {}", webhook.local_addr()));
            tokio::spawn(webhook.serve(std::future::pending()));
        }
        self.heed(people::begin(&self))?;
        let mut quiet = 0;
        for _ in 0..CYCLES_MAX {
            self.metrics.show(
                &self.control,
                self.scenario.degrades,
                !(self.scenario.steps)().is_empty(),
            );
            self.heed(people::act(&self))?;
            reach("cycle.before");
            let woken_by = BTreeSet::from([WakeReason::Interval]);
            let report = cycle.run_once(self.clock.now(), woken_by).await;
            reach("cycle.after");
            for fault in &report.faults {
                tell(&format!("fault {fault}"));
            }
            for (source, quality) in &report.seen.quality {
                if quality.level() != Level::Fresh {
                    tell(&format!("doubt {source}"));
                }
            }
            if self.disk.as_ref().is_some_and(|disk| !disk.go_on()) {
                return Err("the disk is broken".into());
            }
            let all_well = report.faults.is_empty();
            quiet = if all_well && self.is_over().await? { quiet + 1 } else { 0 };
            // What ended is learned from in the cycle after.
            if quiet > 1 {
                self.disk.iter().for_each(Troubled::count);
                tell("done");
                return Ok(());
            }
            let due = report.next_due.duration_since(self.clock.now()).as_secs_f64();
            let now = self.plant.pass(due.max(1.0).ceil() as u32).await?;
            self.clock.advance_to(now);
            if self.scenario.webhooks {
                tell("listening");
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
        }
        let left = self.control.executions();
        let left: Vec<_> = left.iter().map(|it| it.status.to_string()).collect();
        Err(format!("it never ends: {left:?}").into())
    }

    fn is_struck(&self) -> bool {
        self.disk.as_ref().is_some_and(Troubled::is_struck)
    }

    /// Who is told that it failed asks again later, if the disk is in trouble.
    fn heed(&self, done: Result<(), BoxError>) -> Result<(), BoxError> {
        match done {
            Err(error) if self.is_struck() => tell(&format!("person {}", chain(error.as_ref()))),
            other => other?,
        }
        Ok(())
    }

    /// Whether there is nothing left to do.
    async fn is_over(&self) -> Result<bool, BoxError> {
        if self.scenario.webhooks {
            let begun = crate::scenario::START.parse()?;
            let late = self.clock.now().duration_since(begun) >= WEBHOOKS_FOR;
            let waiting = self.inbox.pending(1).await;
            // Who asks is not the loop; on a disk in trouble nothing is over.
            let is_empty = match waiting {
                Err(_) if self.is_struck() => false,
                waiting => waiting?.is_empty(),
            };
            return Ok(late && is_empty);
        }
        let executions = self.control.executions();
        Ok(!executions.is_empty()
            && executions.iter().all(|it| !it.status.is_live())
            && people::are_done(self))
    }
}

/// An error with its causes: the innermost knows which file it was.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
