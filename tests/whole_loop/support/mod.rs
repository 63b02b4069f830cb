//! A world for whole-loop tests: Charter on a socket, a real Prometheus, a real Alertmanager, and the loop as `mapek run`
//! runs it.
//!
//! Everything lives in real time. The plant is quick instead: replicas are warm within a second, policies are in effect within
//! one, and quantiles look back for three. `plan.pace` tells the planner so.
#![expect(clippy::unwrap_used, reason = "what fails in the world fails the test")]

mod setup;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use charter_sim::{Driver, Fault, FaultKind, InProcess, Server, serve};
use jiff::SignedDuration;
use mapek::{
    Clock, CycleReport, LoopHandle, LoopState, SystemClock, WakeReason,
    knowledge::{self, Filter},
    model::{Action, Execution, Level, Outcome},
    plan::Planner,
};
use mapek_testkit::{Alertmanager, FaultProxy, Prometheus, wait_for};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use setup::Setup;

/// How long anything may take that a test waits for. On a quiet machine nothing takes longer than a quarter of it.
const DEADLINE: Duration = Duration::from_secs(90);
/// How long the plant has run when a world begins: what was applied at its start is no longer news.
const PAST: SignedDuration = SignedDuration::from_mins(40);

/// Everything that a test needs. It ends with the value.
pub(crate) struct World {
    /// Charter itself, past its API.
    pub(crate) charter: InProcess,
    /// What the loop and Prometheus reach Charter through.
    pub(crate) to_charter: FaultProxy,
    /// The metrics.
    pub(crate) prometheus: Prometheus,
    /// The alerts, where there are any.
    pub(crate) alertmanager: Option<Alertmanager>,
    /// The loop.
    pub(crate) handle: LoopHandle,
    directory: TempDir,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
    _charter_ends: DropGuard,
}

impl World {
    /// Starts everything; the loop has run its first cycle and trusts what it sees.
    pub(crate) async fn start(setup: Setup) -> Self {
        Self::begin(setup, None).await
    }

    /// The same, with other strategies than those for Charter.
    pub(crate) async fn start_with(setup: Setup, planner: Planner) -> Self {
        Self::begin(setup, Some(planner)).await
    }

    async fn begin(setup: Setup, planner: Option<Planner>) -> Self {
        let logs = tracing_subscriber::fmt().with_env_filter("warn,mapek=info").with_test_writer();
        // Another test of this process may have set it.
        let _already = logs.try_init();
        let clock = SystemClock::new();
        let directory = tempfile::tempdir().unwrap();
        let (api, webhook) = (reserve(), reserve());
        let charter = InProcess::try_new(setup.plant.clone(), 7, clock.now() - PAST).unwrap();
        charter.advance_to(clock.now());
        let charter_ends = CancellationToken::new();
        let address = open(&charter, charter_ends.clone()).await;
        let to_charter = FaultProxy::start(address).await.unwrap();
        let alertmanager = match setup.alertmanager(webhook) {
            Some(alertmanager) => Some(alertmanager.start().await.unwrap()),
            None => None,
        };
        let prometheus = setup.prometheus(to_charter.address(), api, alertmanager.as_ref()).start();
        let prometheus = prometheus.await.unwrap();
        prometheus.wait_for("up{job=\"charter\"} == 1", DEADLINE).await.unwrap();

        let text = setup.config(setup::Places {
            charter: to_charter.url(""),
            prometheus: prometheus.url(),
            alertmanager: alertmanager.as_ref().map(Alertmanager::url),
            api,
            webhook,
            directory: directory.path(),
        });
        let file = directory.path().join("mapek.yaml");
        std::fs::write(&file, text).unwrap();
        let config = mapek_cli::load(Some(&file), []).unwrap().config;
        let shutdown = CancellationToken::new();
        let (handle, running) = match planner {
            None => {
                let app = mapek_cli::App::build(&config).await.unwrap();
                (app.handle(), tokio::spawn(app.run(shutdown.clone())))
            }
            Some(planner) => {
                let looped = setup::embedded(&config, &prometheus.url(), directory.path(), planner);
                let (handle, stop) = (looped.handle(), shutdown.clone());
                let run = async move { drop(looped.run(stop.cancelled_owned()).await) };
                (handle, tokio::spawn(run))
            }
        };
        let _charter_ends = charter_ends.drop_guard();
        let world = Self {
            charter,
            to_charter,
            prometheus,
            alertmanager,
            handle,
            directory,
            shutdown,
            running,
            _charter_ends,
        };
        world
            .until("the first trustworthy cycle", |state| {
                // The loop itself is scraped, too, but not yet.
                world.handle.wake(WakeReason::Request);
                state.last().is_some_and(|it| trusts(it))
            })
            .await;
        world
    }

    /// Breaks something.
    pub(crate) fn inject(&self, fault: Fault) {
        self.charter.inject(fault).unwrap();
    }

    /// What the loop is at.
    pub(crate) fn state(&self) -> Arc<LoopState> {
        self.handle.state()
    }

    /// Waits until the loop is at something, and answers what was found.
    pub(crate) async fn find<T>(&self, what: &str, look: impl Fn(&LoopState) -> Option<T>) -> T {
        let found = wait_for(DEADLINE, what, async || look(&self.state())).await;
        match found {
            Ok(found) => found,
            Err(error) => panic!("{error}\n{}", self.story()),
        }
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, so: impl Fn(&LoopState) -> bool) {
        self.find(what, |state| so(state).then_some(())).await;
    }

    /// Waits until something outside of the loop is so.
    pub(crate) async fn until_outside(&self, what: &str, mut so: impl AsyncFnMut() -> bool) {
        let found = wait_for(DEADLINE, what, async || so().await.then_some(())).await;
        if let Err(error) = found {
            panic!("{error}\n{}", self.story());
        }
    }

    /// Waits for so many more cycles of which something is so.
    pub(crate) async fn cycles(&self, count: usize, what: &str, so: impl Fn(&CycleReport) -> bool) {
        let seen = self.state().last().map(|it| it.number);
        let new = |state: &LoopState| {
            state.reports.iter().filter(|it| Some(it.number) > seen && so(it)).count()
        };
        self.until(what, |state| new(state) >= count).await;
    }

    /// The only execution, once it is at something.
    pub(crate) async fn execution(&self, what: &str, so: impl Fn(&Execution) -> bool) -> Execution {
        let found =
            self.find(what, |state| state.executions.values().find(|it| so(it)).cloned()).await;
        assert_eq!(self.state().executions.len(), 1, "one is enough: {}", self.story());
        found
    }

    /// The first outcome.
    pub(crate) async fn outcome(&self) -> Outcome {
        self.find("an outcome", |state| state.outcomes.front().cloned()).await
    }

    /// Waits until nothing is wrong with the plant any more, and the loop sees nothing either.
    pub(crate) async fn healed(&self) {
        self.until("quiet", |state| {
            self.charter.state().breaches.is_empty()
                && state.last().is_some_and(|it| trusts(it) && it.seen.open.is_empty())
        })
        .await;
    }

    /// How often a call had an effect at Charter.
    pub(crate) fn effects(&self, call: &str) -> usize {
        self.charter.ledger().iter().filter(|it| it.call == call).count()
    }

    /// Ends the loop as an operator would, and answers what the file of knowledge holds.
    pub(crate) async fn remembered(self) -> Vec<Outcome> {
        self.shutdown.cancel();
        self.running.await.unwrap();
        let sqlite_path = knowledge_file(self.directory.path());
        let knowledge = knowledge::Config { sqlite_path, ..knowledge::Config::default() };
        knowledge.build().unwrap().outcomes(&Filter::default(), 100).await.unwrap()
    }

    /// What is known when a test fails.
    fn story(&self) -> String {
        let state = self.state();
        let mut story = format!(
            "plant: {:#?}\nledger: {:#?}\nexecutions: {:#?}\noutcomes: {:#?}\n",
            self.charter.state(),
            self.charter.ledger(),
            state.executions,
            state.outcomes
        );
        for report in state.reports.iter().rev().take(3) {
            story += &format!("{}\n", serde_json::to_string(report.as_ref()).unwrap());
        }
        story += &format!("Prometheus: {}\n", self.prometheus.output());
        if let Some(alertmanager) = &self.alertmanager {
            story += &format!("Alertmanager: {}\n", alertmanager.output());
        }
        story
    }
}

/// Whether a cycle may act on what it sees.
pub(crate) fn trusts(report: &CycleReport) -> bool {
    !report.seen.quality.is_empty()
        && report.seen.quality.values().all(|it| it.level() == Level::Fresh)
}

/// What a cycle thinks of one of its sources.
pub(crate) fn level(report: &CycleReport, source: &str) -> Option<Level> {
    report.seen.quality.iter().find(|(name, _)| name.as_str() == source).map(|(_, it)| it.level())
}

/// Whether a cycle sees that an expectation is breached.
pub(crate) fn sees(report: &CycleReport, expectation: &str) -> bool {
    report.seen.open.iter().any(|it| it.expectation.as_str() == expectation)
}

/// What an execution does, in words.
pub(crate) fn actions(execution: &Execution) -> Vec<&Action> {
    execution.plan.steps.iter().map(|step| &step.action).collect()
}

fn knowledge_file(directory: &std::path::Path) -> PathBuf {
    directory.join("knowledge.db")
}

/// Serves a Charter whose plant lives in real time; answers where.
async fn open(charter: &InProcess, end: CancellationToken) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Server::new(charter.clone()).router();
    spawn(serve(listener, router, end.clone().cancelled_owned()));
    let driver = Driver::new(charter.clone(), 1.0);
    spawn(async move {
        let clock = SystemClock::new();
        driver.run(|| clock.now(), end.cancelled_owned()).await;
    });
    address
}

fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) {
    drop(tokio::spawn(future));
}

/// A port that is free now. Two must know it before its owner can bind it.
fn reserve() -> SocketAddr {
    (std::net::Ipv4Addr::LOCALHOST, mapek_testkit::free_port().unwrap()).into()
}

/// Whether a plan began in a cycle.
pub(crate) fn begins(report: &CycleReport) -> bool {
    report.decisions.iter().any(|it| it.execution.is_some())
}

/// Slow enough for requests to fail, and little enough for one scale up to heal it.
pub(crate) fn slow_validation() -> Fault {
    Fault::new(FaultKind::ValidationLatency).at_intensity(0.6)
}
