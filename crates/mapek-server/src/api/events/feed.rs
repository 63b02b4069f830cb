//! What is told, written once for all who follow.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Display,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use bytes::Bytes;
use mapek_loop::{CycleReport, LoopState};
use mapek_model::CycleNumber;
use serde::Serialize;
use tokio::sync::watch;

use super::super::{cycles::Summary, status};

/// What people look at first.
#[derive(Debug, Serialize)]
struct Glance {
    ready: bool,
    unready: Option<String>,
    paused: Option<String>,
    plans_awaiting_approval: usize,
    executions_live: usize,
    executions_needing_operator: usize,
    violations: BTreeMap<&'static str, usize>,
}

impl Glance {
    fn of(state: &LoopState) -> Self {
        let unready = state.unready().map(|why| why.to_string());
        Self {
            ready: unready.is_none(),
            unready,
            paused: state.paused.clone(),
            plans_awaiting_approval: status::awaiting_approval(state),
            executions_live: state.executions.values().filter(|it| it.status.is_live()).count(),
            executions_needing_operator: state.needing_operator(),
            violations: status::violations(state),
        }
    }
}

/// What the event `state` says of a state, as JSON: a page that says so itself need not hear it.
pub(crate) fn glance(state: &LoopState) -> String {
    json(&Glance::of(state))
}

/// The events of a loop. Those who follow share the texts: however many they are, and however far behind, none of
/// them holds more than where they are.
#[derive(Debug)]
pub(crate) struct Feed {
    states: watch::Receiver<Arc<LoopState>>,
    told: Mutex<Arc<Told>>,
}

impl Feed {
    pub(crate) fn new(states: watch::Receiver<Arc<LoopState>>) -> Self {
        Self { states, told: Mutex::default() }
    }

    /// The states themselves: when they change, there may be something new.
    pub(super) fn states(&self) -> watch::Receiver<Arc<LoopState>> {
        self.states.clone()
    }

    /// What there is to tell of the newest state.
    pub(super) fn now(&self) -> Arc<Told> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked for with the lock held, so that what is told never goes back.
        let state = Arc::clone(&self.states.borrow());
        // Of a loop that hangs the state stays, and is not ready any more.
        let ready = state.unready().is_none();
        if !is_same(&told.of, &state) || told.ready != ready {
            *told = Arc::new(told.next(&state, ready));
        }
        Arc::clone(&told)
    }
}

/// What there is to tell of one state.
#[derive(Debug, Default)]
pub(super) struct Told {
    of: Weak<LoopState>,
    ready: bool,
    /// The event `state`.
    pub(super) glance: Bytes,
    /// An event for each cycle that is kept, oldest first.
    cycles: VecDeque<Cycle>,
    /// Whether nothing will follow.
    pub(super) ended: bool,
}

impl Told {
    /// The oldest cycle after `last` that is kept.
    pub(super) fn after(&self, last: Option<CycleNumber>) -> Option<&Cycle> {
        self.cycles.get(self.cycles.partition_point(|cycle| Some(cycle.number) <= last))
    }

    /// The newest cycle, and the one before it.
    pub(super) fn newest(&self) -> (Option<CycleNumber>, Option<CycleNumber>) {
        let mut numbers = self.cycles.iter().rev().map(|cycle| cycle.number);
        (numbers.next(), numbers.next())
    }

    fn next(&self, state: &Arc<LoopState>, ready: bool) -> Self {
        let cycles = state.reports.iter().map(|report| {
            let kept = self.cycles.binary_search_by_key(&report.number, |cycle| cycle.number);
            let kept = kept.ok().map(|at| &self.cycles[at]);
            kept.filter(|cycle| is_same(&cycle.of, report)).cloned().unwrap_or_else(|| Cycle {
                of: Arc::downgrade(report),
                number: report.number,
                event: event("cycle", Some(&report.number), &json(&Summary::of(report))),
            })
        });
        Self {
            of: Arc::downgrade(state),
            ready,
            glance: event("state", None, &glance(state)),
            cycles: cycles.collect(),
            ended: state.stopped,
        }
    }
}

/// A cycle, as it is told.
#[derive(Debug, Clone)]
pub(super) struct Cycle {
    of: Weak<CycleReport>,
    pub(super) number: CycleNumber,
    /// The event `cycle`.
    pub(super) event: Bytes,
}

/// A `Weak` keeps an address from being given to something else, and lets what stands there go.
fn is_same<T>(kept: &Weak<T>, now: &Arc<T>) -> bool {
    kept.as_ptr() == Arc::as_ptr(now)
}

fn json(data: &impl Serialize) -> String {
    serde_json::to_string(data).expect("all keys are strings, and all numbers are finite or null")
}

/// An event as the wire has it (HTML standard, section 9.2.6); JSON has no line ends of its own. That of axum would be
/// written anew for each who follows.
fn event(name: &str, id: Option<&dyn Display>, json: &str) -> Bytes {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("event: {name}\ndata: {json}\n{id}\n").into()
}
