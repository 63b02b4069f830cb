//! One process: the real loop on the seams of this world.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use mapek_analyze::{AnalyzeConfig, Analyzer};
use mapek_execute::{Config, Defects, Effector, Executor, Rails, Retention};
use mapek_knowledge::Knowledge;
use mapek_loop::{Cycle, CycleReport, Loop, Seed, SeededIds, WakeReason};
use mapek_model::{ActionKind, Confidence, Cost, Duration, Query, Severity, TargetId};
use mapek_monitor::{AlertMapping, Monitor, MonitorConfig, RuleConfig};
use mapek_plan::{Candidate, Proposals, Strategy, strategy_fn};

use crate::{
    bug::Bug,
    disk::Handle,
    plant::Menu,
    script::SCRAPE,
    seam::{Eyes, Hands, METRICS, Memory, SimClock, UP},
    world::{Inner, ProcessId, World},
};

type Running = Pin<Box<dyn Future<Output = (Box<Cycle>, Arc<CycleReport>)>>>;

/// What a process is at.
enum State {
    Waits(Box<Cycle>),
    Runs(Running),
}

/// A process that lives.
pub(crate) struct Process {
    pub(crate) id: ProcessId,
    state: Option<State>,
    /// When its next cycle is due: by the world's time, and by the wall clock.
    pub(crate) due: (i64, i64),
    flag: Arc<Flag>,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Whether somebody wants to be looked at again.
#[derive(Debug, Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Process {
    /// Opens the journal and puts a loop together, as a start of the program does.
    pub(crate) fn start(world: &Arc<World>, id: ProcessId) -> Result<Self, String> {
        let cycle = cycle(world, id)?;
        let mut inner = world.lock();
        inner.life(id).control = Some(cycle.control());
        let due = (inner.now, inner.wall());
        drop(inner);
        Ok(Self { id, state: Some(State::Waits(Box::new(cycle))), due, flag: Arc::default() })
    }

    /// Whether a cycle is under way.
    pub(crate) const fn runs(&self) -> bool {
        matches!(self.state, Some(State::Runs(_)))
    }

    /// The loop between two cycles.
    pub(crate) fn cycle(&self) -> Option<&Cycle> {
        match &self.state {
            Some(State::Waits(cycle)) => Some(cycle),
            _ => None,
        }
    }

    /// Begins a cycle.
    pub(crate) fn begin(&mut self, world: &Arc<World>) {
        let Some(State::Waits(mut cycle)) = self.state.take() else { return };
        let mut inner = world.lock();
        let now = Inner::timestamp(inner.wall());
        let last = cycle.state().last().map(|last| last.at);
        let (began, wall, cycled) = (inner.now, inner.wall(), inner.check.book.cycled);
        let life = inner.life(self.id);
        (life.breach, life.write_errors, life.began) = (false, 0, began);
        (life.began_wall, life.reads) = (wall, 0);
        life.doubts.clear();
        if last.is_some_and(|last| now < last) || wall < cycled {
            life.doubts.insert("the clock went back".to_owned());
        }
        drop(inner);
        self.flag.0.store(true, Ordering::Relaxed);
        let woken_by = BTreeSet::from([cycle.due_for()]);
        let woken_by = if last.is_none() { BTreeSet::from([WakeReason::Start]) } else { woken_by };
        self.state = Some(State::Runs(Box::pin(async move {
            let report = cycle.run_once(now, woken_by).await;
            (cycle, report)
        })));
    }

    /// Lets the cycle go on as far as it gets; answers its report once it is complete.
    pub(crate) fn go_on(&mut self) -> Option<Arc<CycleReport>> {
        let Some(State::Runs(running)) = &mut self.state else { return None };
        let waker = Waker::from(Arc::clone(&self.flag));
        let mut context = Context::from_waker(&waker);
        while self.flag.0.swap(false, Ordering::Relaxed) {
            if let Poll::Ready((cycle, report)) = running.as_mut().poll(&mut context) {
                self.state = Some(State::Waits(cycle));
                return Some(report);
            }
        }
        None
    }
}

/// How the executor is to behave; what the checker knows of it, it knows from the script.
pub(crate) fn execute_config(world: &World) -> Config {
    let inner = world.lock();
    let (script, bug) = (&inner.script, inner.bug);
    let mut config = Config { state_dir: Some(world.state_dir.clone()), ..Config::default() };
    if bug == Some(Bug::NoPauseFile) {
        config.state_dir = None;
    }
    if bug == Some(Bug::NoSettling) {
        config.settle = Duration::ZERO;
    }
    config.execution_mode = script.mode;
    config.rollback_enabled = script.rollback;
    config.verification_patience = Duration::from_secs(120);
    config.release_after = Duration::from_secs(90);
    config.lease = Duration::from_secs(300);
    config.park_max = Duration::from_secs(420);
    config.journal_retention = Retention { records: script.retention, ..Retention::default() };
    config.rails.autonomy.profile = script.profile;
    config.rails.doubt.two_sources_from = script.two_sources_from;
    config.rails.budget.plans_per_hour = script.plans_per_hour;
    config.rails.budget.actions_per_hour = script.actions_per_hour;
    config.rails.budget.cooldown = Duration::from_secs(script.cooldown_s);
    if bug == Some(Bug::LooseBudget) {
        config.rails.budget.plans_per_hour = 1_000;
        config.rails.budget.actions_per_hour = 1_000;
        config.rails.budget.cooldown = Duration::ZERO;
    }
    if bug == Some(Bug::LooseAutonomy) {
        config.rails.autonomy.profile = mapek_execute::Profile::Auto;
    }
    config.defects = bug.and_then(Bug::within).map_or_else(Defects::default, Defects::only);
    config
}

fn cycle(world: &Arc<World>, id: ProcessId) -> Result<Cycle, String> {
    let (seed, menu, dwell, expiry) = {
        let inner = world.lock();
        let script = &inner.script;
        let expiry = Duration::from_secs(script.expiry_s);
        (script.seed, script.menu.clone(), script.dwell, expiry)
    };
    let (has_feed, has_inbox, learns) = {
        let inner = world.lock();
        (inner.script.has_feed, inner.script.has_inbox, inner.script.learns)
    };
    let eyes = || Arc::new(Eyes { world: Arc::clone(world), process: id });
    let memory = || Arc::new(Memory { world: Arc::clone(world), process: id });
    let hands: Arc<dyn Effector> = Arc::new(Hands { world: Arc::clone(world), process: id });
    let config = execute_config(world);
    let rails = Rails::new(&config.rails);
    let store = Arc::new(Handle { world: Arc::clone(world), process: id });
    let effectors = [(TargetId::default(), hands)].into();
    let opened = Executor::open(config, rails, store, effectors);
    let (executor, recovery) = opened.map_err(|error| error.to_string())?;
    {
        let mut inner = world.lock();
        let (bad, torn) = (recovery.bad.len() as u64, inner.check.torn);
        if bad > torn {
            let (at, message) = (inner.now, format!("{bad} bad records, {torn} were torn"));
            inner.check.violated(at, "journal-readable", message);
        }
    }
    let mut monitor = Monitor::builder(monitor_config()).metrics(eyes()).element(eyes());
    if has_feed {
        monitor = monitor.feed(eyes());
    }
    if has_inbox {
        monitor = monitor.inbox(eyes());
    }
    let plan = mapek_plan::Config {
        min_confidence: Confidence::saturating(0.05),
        min_violations: 0,
        dwell_cycles: dwell,
        unsure_cycles: dwell,
        expiry,
        cost_model: ActionKind::KNOWN.map(|kind| (kind, Cost::saturating(0.001))).into(),
        ..mapek_plan::Config::default()
    };
    let knows = mapek_knowledge::Config {
        pattern_learning_enabled: learns,
        ..mapek_knowledge::Config::default()
    };
    let text = |error: &dyn std::fmt::Display| error.to_string();
    Loop::builder()
        .monitor(monitor.build().map_err(|error| text(&error))?)
        .analyzer(Analyzer::try_new(AnalyzeConfig::default()).map_err(|error| text(&error))?)
        .planner(plan.build(strategy(menu)).map_err(|error| text(&error))?)
        .executor(executor)
        .knowledge(Knowledge::over(memory(), knows))
        .clock(Arc::new(SimClock { world: Arc::clone(world), process: id }))
        .ids(Arc::new(SeededIds::new(Seed(seed ^ (u64::from(id) << 40)))))
        .seed(Seed(seed))
        .checkpoint(memory())
        .build_cycle()
        .map_err(|error| text(&error))
}

fn monitor_config() -> MonitorConfig {
    let rules = METRICS.map(|(name, metric, bound, above)| {
        let rule = RuleConfig::new(name, metric).expect("it is short and not empty");
        let rule = if above { rule.above(bound) } else { rule.below(bound) };
        RuleConfig {
            severity: Severity::Critical,
            metric: Some(crate::seam::metric(metric)),
            ..rule
        }
    });
    let alerts = METRICS.map(|(name, metric, ..)| {
        let mapping = AlertMapping {
            expectation: Some(mapek_model::Expectation::normalise(name)),
            metric: Some(crate::seam::metric(metric)),
            ..AlertMapping::default()
        };
        (name.to_owned(), mapping)
    });
    MonitorConfig {
        scrape_interval: Duration::from_millis(SCRAPE.unsigned_abs()),
        rules: rules.into(),
        alerts: alerts.into(),
        up: Query::try_new(UP).ok(),
        ..MonitorConfig::default()
    }
}

/// Proposes what is on the menu against whatever is told.
fn strategy(menu: Menu) -> impl Strategy {
    strategy_fn("menu", move |_, context| {
        let pool = context.observation.resources_of("pool").next();
        let Some(replicas) = pool.and_then(|pool| pool.count("replicas")) else {
            return Proposals::default();
        };
        let effect = menu.time_to_effect;
        let candidates = menu.plans(replicas);
        let made = candidates.filter_map(|steps| Candidate::try_new(steps, "a try", effect).ok());
        Proposals::from(made.collect::<Vec<_>>())
    })
}
