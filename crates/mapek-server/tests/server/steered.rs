//! A loop that does nothing by itself, with people around it.

use std::{collections::BTreeMap, sync::Arc};

use mapek_analyze::{AnalyzeConfig, Analyzer};
use mapek_execute::{Body, Config, Control, Entry, Executor, Journal, Rails, RailsConfig};
use mapek_knowledge::{Knowledge, MemoryKnowledge};
use mapek_loop::{Loop, LoopHandle, ManualClock};
use mapek_model::{CycleNumber, ExecutionRecord, TargetId, Timestamp, later};
use mapek_monitor::{Monitor, MonitorConfig};
use mapek_plan::Catalogue;
use mapek_server::{Access, Credential, Identities, Options, Proof, Rate, Role, TokenHash, router};

use crate::sample::at;

/// A loop, and all by which it can be moved and looked into.
#[derive(Debug)]
pub(crate) struct Steered {
    /// It stops when it is dropped.
    _looped: Loop,
    pub(crate) handle: LoopHandle,
    pub(crate) control: Control,
    pub(crate) clock: ManualClock,
}

impl Steered {
    pub(crate) fn new() -> Self {
        Self::after(Vec::new())
    }

    /// One in whose journal this has happened.
    pub(crate) fn after(past: Vec<ExecutionRecord>) -> Self {
        let clock = ManualClock::at(at(0));
        let store = Arc::new(mapek_store::MemoryStore::new());
        let mut journal = Journal::open(store.clone(), |_| ()).unwrap();
        for record in past {
            let (target, cycle) = (Some(TargetId::default()), CycleNumber::new(1));
            let body = Body::Execution { record: record.clone() };
            journal.append(Entry { target, at: record.at, cycle, body }).unwrap();
        }
        drop(journal);
        let execute = Config { state_dir: None, ..Config::default() };
        let rails = Rails::new(&RailsConfig::default());
        let (executor, _) = Executor::open(execute, rails, store, BTreeMap::new()).unwrap();
        let control = executor.control().clone();
        let monitor = MonitorConfig { up: None, ..MonitorConfig::default() };
        let knowledge = Arc::new(MemoryKnowledge::new(Default::default()));
        let looped = Loop::builder()
            .monitor(Monitor::builder(monitor).build().unwrap())
            .analyzer(Analyzer::try_new(AnalyzeConfig::default()).unwrap())
            .planner(mapek_plan::Config::default().build(Catalogue::new()).unwrap())
            .executor(executor)
            .knowledge(Knowledge::over(knowledge, Default::default()))
            .clock(Arc::new(clock.clone()))
            .build()
            .unwrap();
        Self { handle: looped.handle(), _looped: looped, control, clock }
    }

    /// Its API, for these people.
    pub(crate) fn api(&self, identities: Identities) -> axum::Router {
        self.api_with(Access { identities, ..self.access() })
    }

    pub(crate) fn access(&self) -> Access {
        Access {
            // As often as they like: what is counted has tests of its own.
            rate: Rate::new(1_000_000, 1_000_000),
            clock: Arc::new(self.clock.clone()),
            ..Access::default()
        }
    }

    pub(crate) fn api_with(&self, access: Access) -> axum::Router {
        let options = Options { handle: Some(self.handle.clone()), access, ..Options::default() };
        router(self.handle.watch(), options)
    }

    /// Lets the loop show what was done beside it.
    pub(crate) fn refresh(&self) {
        self.handle.pause("somebody", "to look").unwrap();
        self.handle.resume("somebody", "looked").unwrap();
    }
}

fn token(person: &str, role: Role, text: &str, expires: Option<Timestamp>) -> Credential {
    let proof = Proof::Token { hash: TokenHash::of(text), expires };
    Credential { person: person.parse().unwrap(), role, proof }
}

/// One person of each role, named and with a token like the role; the viewer has a second token, and one that has expired is somebody's.
pub(crate) fn everybody() -> Identities {
    let mut credentials: Vec<_> =
        Role::ALL.map(|role| token(role.as_str(), role, role.as_str(), None)).into();
    credentials.push(token("viewer", Role::Viewer, "viewer-next", None));
    credentials.push(token("gone", Role::Admin, "expired", Some(at(0))));
    credentials.push(token(
        "late",
        Role::Admin,
        "late",
        Some(later(at(0), mapek_model::Duration::from_secs(60))),
    ));
    credentials.push(token("grace", Role::Approver, "grace", None));
    Identities::try_new(credentials).unwrap()
}
