//! The routes.
//!
//! [`ROUTES`] is the one place where a route gets its path, its method, its handler, the role that it needs and what it says of itself;
//! [`router`] mounts what is in it, so there is no route without a rule, and none that `/openapi.json` does not tell. Extra pages of the console
//! are all that is mounted beside it, and each of them under one rule for its page and one for its acts.

mod acts;
mod busy;
pub(crate) mod cycles;
mod doc;
pub(crate) mod events;
mod executions;
mod findings;
mod headers;
pub(crate) mod history;
mod openapi;
pub(crate) mod operator;
mod page;
pub(crate) mod plans;
mod probes;
mod problem;
mod said;
pub(crate) mod status;

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
};

use axum::{
    Router,
    extract::Request,
    middleware,
    routing::{MethodRouter, get, post},
};
use bytes::Bytes;
use http::{Method, StatusCode};
use mapek_loop::{CycleReport, Insight, LoopHandle, LoopState, Unready};
use mapek_model::{Execution, Outcome};
use schemars::JsonSchema;
use tokio::sync::{Semaphore, watch};
use tower::Service;

use doc::{Content, Doc};
use events::Feed;
use page::{Filter, List};
pub(crate) use problem::{Problem, repeated};
#[cfg(feature = "console")]
pub(crate) use said::Acting;
use said::{Because, Rearm, Verdict};

#[cfg(feature = "console")]
use crate::console;
use crate::{
    Access, Metrics, Needs, Role,
    access::{Guard, Rule, admit, authorise},
};

/// A route: what can be asked, and who may ask it.
#[derive(Debug, Clone)]
pub struct Route {
    /// The method; a route that can be read answers `HEAD` as well.
    pub method: Method,
    /// The path, with its variable parts in braces.
    pub path: &'static str,
    /// Who may ask it.
    pub needs: Needs,
    kind: Kind,
    handler: fn() -> MethodRouter<App>,
    doc: Doc,
}

/// How many of its answers there may be at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As many as connections: it is answered when all else is busy.
    Probe,
    /// [`Options::requests_max`].
    Answer,
    /// [`Options::streams_max`].
    Stream,
    /// [`Options::requests_max`]: what people look at.
    #[cfg(feature = "console")]
    Page,
    /// As many as connections: what pages consist of, which is here once.
    #[cfg(feature = "console")]
    Asset,
}

const METRICS: &str = "/metrics";

impl Route {
    const fn probe(path: &'static str, handler: fn() -> MethodRouter<App>, doc: Doc) -> Self {
        Self { method: Method::GET, path, needs: Needs::Nothing, kind: Kind::Probe, handler, doc }
    }

    /// What everybody may know.
    const fn open(path: &'static str, handler: fn() -> MethodRouter<App>, doc: Doc) -> Self {
        Self { method: Method::GET, path, needs: Needs::Nothing, kind: Kind::Answer, handler, doc }
    }

    const fn read(path: &'static str, handler: fn() -> MethodRouter<App>, doc: Doc) -> Self {
        let needs = Needs::Role(Role::Viewer);
        Self { method: Method::GET, path, needs, kind: Kind::Answer, handler, doc }
    }

    const fn follow(path: &'static str, handler: fn() -> MethodRouter<App>, doc: Doc) -> Self {
        let needs = Needs::Role(Role::Viewer);
        Self { method: Method::GET, path, needs, kind: Kind::Stream, handler, doc }
    }

    const fn act(
        path: &'static str,
        least: Role,
        handler: fn() -> MethodRouter<App>,
        doc: Doc,
    ) -> Self {
        let needs = Needs::Role(least);
        Self { method: Method::POST, path, needs, kind: Kind::Answer, handler, doc }
    }

    /// A page of the console.
    #[cfg(feature = "console")]
    const fn page(
        path: &'static str,
        handler: fn() -> MethodRouter<App>,
        what: &'static str,
    ) -> Self {
        let (needs, doc) = (Needs::Role(Role::Viewer), Doc::other(what, Content::Text));
        Self { method: Method::GET, path, needs, kind: Kind::Page, handler, doc }
    }

    /// What there must be of the console before anybody is known.
    #[cfg(feature = "console")]
    const fn door(
        method: Method,
        path: &'static str,
        handler: fn() -> MethodRouter<App>,
        what: &'static str,
    ) -> Self {
        let doc = Doc::other(what, Content::Text);
        Self { method, path, needs: Needs::Nothing, kind: Kind::Page, handler, doc }
    }

    #[cfg(feature = "console")]
    const fn asset(
        path: &'static str,
        handler: fn() -> MethodRouter<App>,
        what: &'static str,
    ) -> Self {
        let (needs, doc) = (Needs::Nothing, Doc::other(what, Content::Text));
        Self { method: Method::GET, path, needs, kind: Kind::Asset, handler, doc }
    }

    /// Whether it changes something of the loop, or of the system that it manages.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.method != Method::GET && !self.is_page()
    }

    /// Whether it belongs to the console, which is for people: it answers pages, and what they consist of.
    #[must_use]
    pub const fn is_page(&self) -> bool {
        #[cfg(feature = "console")]
        let page = matches!(self.kind, Kind::Page | Kind::Asset);
        #[cfg(not(feature = "console"))]
        let page = false;
        page
    }

    /// Whether its answer goes on until somebody ends it.
    #[must_use]
    pub const fn is_endless(&self) -> bool {
        matches!(self.kind, Kind::Stream)
    }
}

/// A list that can be read page by page.
const fn list<T: JsonSchema, F: Filter>(summary: &'static str) -> Doc {
    Doc::json::<List<T>>(summary).query(F::PARAMS).problems(&[410])
}

/// What can be asked, in the order in which a newcomer would, and what can be done.
pub static ROUTES: &[Route] = &[
    Route::probe("/health", || get(probes::health), Doc::json::<probes::Health>("alive")),
    Route::probe(
        "/ready",
        || get(probes::ready),
        Doc::json::<probes::Ready>("the loop does its work"),
    ),
    Route::probe(
        METRICS,
        || get(probes::metrics),
        Doc::other("the loop in numbers", Content::Text),
    ),
    Route::open(
        "/openapi.json",
        || get(openapi::serve),
        Doc::other("this document", Content::Document),
    ),
    Route::read(
        "/api/v1/status",
        || get(status::status),
        Doc::json::<status::Status>("the loop at a glance"),
    ),
    Route::follow(
        "/api/v1/events",
        || get(events::events),
        Doc::other(
            "what happens, as it happens: server-sent events `state` and `cycle`",
            Content::Events,
        ),
    ),
    Route::read(
        "/api/v1/cycles",
        || get(cycles::list),
        list::<cycles::Summary, cycles::Wanted>("cycles in short, newest first"),
    ),
    Route::read(
        "/api/v1/cycles/{number}",
        || get(cycles::one),
        Doc::json::<CycleReport>("one cycle in full"),
    ),
    Route::read(
        "/api/v1/history",
        || get(history::history),
        Doc::json::<history::History>("what happened over hours")
            .query(<history::Wanted as Filter>::PARAMS),
    ),
    Route::read(
        "/api/v1/violations",
        || get(findings::violations),
        list::<findings::Episode, findings::Wanted>("what is open: worst first, then oldest"),
    ),
    Route::read(
        "/api/v1/diagnoses",
        || get(findings::diagnoses),
        list::<findings::Diagnosed, page::All>("diagnoses, newest first"),
    ),
    Route::read(
        "/api/v1/plans",
        || get(plans::list),
        list::<plans::Proposed<'static>, page::All>("plans: those before people, then the newest"),
    ),
    Route::read(
        "/api/v1/plans/rejected",
        || get(plans::rejected),
        list::<plans::Rejected<'static>, page::All>("what was not proposed, and why"),
    ),
    Route::read(
        "/api/v1/plans/{id}",
        || get(plans::one),
        Doc::json::<plans::Proposed<'static>>("one plan"),
    ),
    Route::read(
        "/api/v1/executions",
        || get(executions::list),
        list::<Execution, executions::Wanted>("executions, newest first"),
    ),
    Route::read(
        "/api/v1/executions/{id}",
        || get(executions::one),
        Doc::json::<Execution>("one execution"),
    ),
    Route::read(
        "/api/v1/needs-operator",
        || get(operator::list),
        list::<operator::Stuck, page::All>("what only a person can close, oldest first"),
    ),
    Route::read(
        "/api/v1/outcomes",
        || get(executions::outcomes),
        list::<Outcome, executions::Judged>("what came of executions, newest first"),
    ),
    Route::read(
        "/api/v1/insights",
        || get(executions::insights),
        list::<Insight, page::All>("what was learned"),
    ),
    Route::read("/api/v1/whoami", || get(acts::whoami), Doc::json::<acts::Who>("who asks")),
    Route::act(
        "/api/v1/pause",
        Role::Operator,
        || post(acts::pause),
        Doc::json::<acts::Latch>("stops all that is done by itself")
            .taking::<Because>()
            .problems(ACT),
    ),
    Route::act(
        "/api/v1/resume",
        Role::Operator,
        || post(acts::resume),
        Doc::json::<acts::Latch>("allows actions again").taking::<Because>().problems(ACT),
    ),
    Route::act(
        "/api/v1/cycles",
        Role::Operator,
        || post(acts::cycle),
        Doc::json::<acts::Newest>("asks for a cycle now").status(202),
    ),
    Route::act(
        "/api/v1/plans/{id}/approve",
        Role::Approver,
        || post(acts::approve),
        Doc::json::<acts::Decided>("approves a plan").taking::<Verdict>().problems(DECIDE),
    ),
    Route::act(
        "/api/v1/plans/{id}/reject",
        Role::Approver,
        || post(acts::reject),
        Doc::json::<acts::Decided>("rejects a plan").taking::<Verdict>().problems(DECIDE),
    ),
    Route::act(
        "/api/v1/plans/{id}/rehearse",
        Role::Approver,
        || post(acts::rehearse),
        Doc::json::<acts::DryRun>("asks what the managed system would say to a plan")
            .taking::<Verdict>()
            .problems(DECIDE),
    ),
    Route::act(
        "/api/v1/executions/{id}/rollback",
        Role::Operator,
        || post(acts::rollback),
        Doc::json::<acts::Stands>("undoes an execution").taking::<Because>().problems(ACT),
    ),
    Route::act(
        "/api/v1/executions/{id}/resolve",
        Role::Operator,
        || post(acts::resolve),
        Doc::json::<acts::Stands>("closes what needs an operator")
            .taking::<Because>()
            .problems(ACT),
    ),
    Route::act(
        "/api/v1/rearm",
        Role::Admin,
        || post(acts::rearm),
        Doc::json::<acts::Rearmed>("trusts a kind of action again").taking::<Rearm>().problems(ACT),
    ),
    #[cfg(feature = "console")]
    Route::page("/", || get(console::now), "what is wrong, and what is done about it"),
    #[cfg(feature = "console")]
    Route::page("/cycles", || get(console::cycles), "cycles, newest first"),
    #[cfg(feature = "console")]
    Route::page("/cycles/{number}", || get(console::cycle), "why the loop did what it did"),
    #[cfg(feature = "console")]
    Route::page("/plans", || get(console::plans), "plans, those before people first"),
    #[cfg(feature = "console")]
    Route::page("/plans/{id}", || get(console::plan), "a plan, to be decided about"),
    #[cfg(feature = "console")]
    Route::page("/executions", || get(console::executions), "what was done"),
    #[cfg(feature = "console")]
    Route::page("/executions/{id}", || get(console::execution), "one execution, step by step"),
    #[cfg(feature = "console")]
    Route::page("/knowledge", || get(console::knowledge), "what was learned"),
    #[cfg(feature = "console")]
    Route::page("/timeline", || get(console::timeline), "what happened over hours"),
    #[cfg(feature = "console")]
    Route::door(Method::GET, "/login", || get(console::login), "who are you?"),
    #[cfg(feature = "console")]
    Route::door(Method::POST, "/login", || post(console::enter), "begins a session"),
    #[cfg(feature = "console")]
    Route::door(Method::POST, "/logout", || post(console::leave), "ends a session"),
    #[cfg(feature = "console")]
    Route::asset("/assets/{version}/{name}", || get(console::asset), "styles, scripts, icons"),
];

/// What happened meanwhile may stand against it.
const ACT: &[u16] = &[409, 500];
/// And what was seen may not be what there is.
const DECIDE: &[u16] = &[409, 412, 428, 500];

/// How [`router`] answers.
#[derive(Debug, Clone)]
pub struct Options {
    /// The version that `/health` and `/api/v1/status` tell. Default: that of this crate.
    pub version: String,
    /// What `/metrics` shows; without it there is no `/metrics` here. Default none.
    pub metrics: Option<Metrics>,
    /// What the routes that change something change; without it there are none. Default none.
    pub handle: Option<LoopHandle>,
    /// Who may do what. Default: everybody may read who calls this machine by a name of its own.
    pub access: Access,
    /// Requests to `/api/v1` whose answers are in the making or on their way, at once; further ones get 503. An answer
    /// can be a whole cycle with thousands of violations, so their number bounds memory. Default 32. Probes and
    /// metrics are not limited: they must answer when all else is busy.
    pub requests_max: usize,
    /// Pages that the console has besides its own. Default none.
    #[cfg(feature = "console")]
    pub extras: Vec<Arc<dyn console::extra::Extra>>,
    /// Answers of `/api/v1/events` at once; further ones get 503. Default 128: a team with some pages open each. Who never reads takes
    /// no more than 128 KiB, so all of them together take 16 MiB at most.
    pub streams_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            metrics: None,
            handle: None,
            access: Access::default(),
            requests_max: 32,
            #[cfg(feature = "console")]
            extras: Vec::new(),
            streams_max: 128,
        }
    }
}

/// What all handlers share.
#[derive(Debug, Clone)]
pub(crate) struct App {
    state: watch::Receiver<Arc<LoopState>>,
    feed: Arc<Feed>,
    pub(crate) version: Arc<str>,
    metrics: Option<Metrics>,
    pub(crate) handle: Option<LoopHandle>,
    #[cfg(feature = "console")]
    pub(crate) guard: Arc<Guard>,
    #[cfg(feature = "console")]
    pub(crate) extras: Arc<[console::Mounted]>,
    /// The API's own description, once somebody has asked for it.
    openapi: Arc<OnceLock<Bytes>>,
}

impl App {
    pub(crate) fn state(&self) -> Arc<LoopState> {
        Arc::clone(&self.state.borrow())
    }

    /// Why the loop is not ready to do its work; absent if it is.
    pub(crate) fn unready(&self) -> Option<Unready> {
        // The loop holds the sender as long as it lives.
        if self.state.has_changed().is_err() {
            return Some(Unready::Stopped);
        }
        self.state().unready()
    }
}

/// The API of one loop, from the states that it publishes ([`LoopHandle::watch`]) and with the handle in `options`.
///
/// It can be mounted anywhere: answers of the API hold no links, and those of pages begin where the router is mounted. A service that mounts it in a server of its own tells it addresses of
/// callers by axum's `ConnectInfo<SocketAddr>`; without, all are counted as one.
///
/// [`LoopHandle::watch`]: mapek_loop::LoopHandle::watch
pub fn router(state: watch::Receiver<Arc<LoopState>>, options: Options) -> Router {
    let Options { version, metrics, handle, access, requests_max, streams_max, .. } = options;
    #[cfg(feature = "console")]
    let extras = console::Mounted::all(options.extras);
    let guard = Arc::new(Guard::new(access));
    let (answers, streams) = (busy::slots(requests_max), busy::slots(streams_max));
    let openapi = Arc::default();
    let app = App {
        feed: Arc::new(Feed::new(state.clone())),
        state,
        version: version.into(),
        metrics,
        handle,
        #[cfg(feature = "console")]
        guard: Arc::clone(&guard),
        #[cfg(feature = "console")]
        extras: Arc::clone(&extras),
        openapi,
    };
    let mounted = ROUTES.iter().filter(|route| {
        (route.path != METRICS || app.metrics.is_some()) && (!route.acts() || app.handle.is_some())
    });
    let mut router = Router::new();
    for route in mounted {
        let handler = (route.handler)();
        let slots = match route.kind {
            Kind::Probe => None,
            Kind::Answer => Some(Arc::clone(&answers)),
            Kind::Stream => Some(Arc::clone(&streams)),
            #[cfg(feature = "console")]
            Kind::Page => Some(Arc::clone(&answers)),
            #[cfg(feature = "console")]
            Kind::Asset => None,
        };
        #[cfg(feature = "console")]
        let handler = if route.is_page() { console::packed(handler) } else { handler };
        let rule = Rule {
            guard: Arc::clone(&guard),
            needs: route.needs,
            acts: route.acts(),
            page: route.is_page(),
        };
        router = router.route(route.path, ruled(handler, slots, rule));
    }
    #[cfg(feature = "console")]
    for extra in &*extras {
        let rule = |least, acts| {
            let (guard, needs) = (Arc::clone(&guard), Needs::Role(least));
            Rule { guard, needs, acts, page: !acts }
        };
        let page = console::packed(extra.page());
        let page = ruled(page, Some(Arc::clone(&answers)), rule(Role::Viewer, false));
        let acts = ruled(extra.acts(), Some(Arc::clone(&answers)), rule(extra.place.least(), true));
        router = router.route(extra.place.path(), page).route(&extra.acts_path(), acts);
    }
    finish(router.with_state(app), guard)
}

/// A handler behind its rule, with as many answers at once as there are slots.
fn ruled(
    handler: MethodRouter<App>,
    slots: Option<Arc<Semaphore>>,
    rule: Rule,
) -> MethodRouter<App> {
    let handler = match slots {
        None => handler,
        Some(slots) => handler.route_layer(middleware::from_fn_with_state(slots, busy::limit)),
    };
    // Outermost, so that who may not ask takes nobody's place.
    handler.route_layer(middleware::from_fn_with_state(rule, authorise))
}

/// `/metrics` alone, for a listener of its own.
pub fn metrics_router(metrics: Metrics, access: Access) -> Router {
    finish(probes::metrics_route(metrics), Arc::new(Guard::new(access)))
}

/// Alertmanager's webhook for a listener of its own: `service` is asked whatever the path and the method are, and answers for itself. Where there
/// is no room for a request the answer is 503, which Alertmanager tries again, and not 429, which it gives up.
///
/// With identities in `access`, a viewer's token or certificate is needed; without, everybody who reaches it may tell of alerts.
pub fn webhook_router<S>(service: S, access: Access) -> Router
where
    S: Service<Request, Error = Infallible, Response: axum::response::IntoResponse>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let guard = Arc::new(Guard::that_answers(access, StatusCode::SERVICE_UNAVAILABLE));
    let needs = Needs::Role(Role::Viewer);
    let rule = Rule { guard: Arc::clone(&guard), needs, acts: false, page: false };
    Router::new()
        .fallback_service(service)
        .layer(middleware::from_fn_with_state(rule, authorise))
        .layer(middleware::from_fn_with_state(guard, admit))
        .layer(middleware::map_response(headers::add))
}

/// Adds what every route has: who may pass, errors that say what to do, and headers that keep browsers in check.
fn finish(router: Router, guard: Arc<Guard>) -> Router {
    router
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn_with_state(guard, admit))
        .layer(middleware::map_response(headers::add))
}
