//! A router, before which all stand.

use std::collections::{BTreeMap, BTreeSet};

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use mapek_model::Duration;
use mapek_server::{Access, Identities, Metrics, Options, router};
use tower::ServiceExt as _;

use super::{
    credentials::{SESSIONS, Shown, evening, in_the_evening, in_the_morning},
    rules::{
        ALLOWED_ORIGIN, Answer, Asked, EXTRAS, HOST, KINDS, Known, ORIGINS, Origin, PAGES, RULES,
        Rank, Rule, expected,
    },
};
use crate::{
    sample::{execution_id, plan_id},
    steered::Steered,
};

/// Methods that people and scanners try.
pub(super) const METHODS: [&str; 8] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];

pub(super) struct Matrix {
    steered: Steered,
    identities: Identities,
    router: Router,
    known: Known,
    rules: Vec<Rule>,
    /// Where there is nothing, whoever asks.
    nowhere: &'static [&'static str],
    /// How often which status was seen.
    seen: BTreeMap<u16, usize>,
    /// How often something was changed.
    pub(super) acted: usize,
}

/// One request of many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) hosts: &'a [&'a str],
    pub(super) origin: &'a [(&'a str, &'a str)],
    pub(super) by: &'a Shown,
}

impl<'a> Cell<'a> {
    pub(super) fn new(method: &'a str, path: &'a str, by: &'a Shown) -> Self {
        Self { method, path, hosts: &[HOST], origin: &[], by }
    }
}

impl Matrix {
    /// The API with all that there can be, for these people.
    pub(super) fn api(identities: Identities, known: Known) -> Self {
        let rules = [RULES, PAGES, EXTRAS].concat();
        let nowhere = &["/nowhere", "/api/v1", "/metrics/x"];
        Self::with(identities, known, rules, nowhere, |steered, access| {
            let options = Options {
                handle: Some(steered.handle.clone()),
                metrics: Some(Metrics::new()),
                #[cfg(feature = "console")]
                extras: vec![crate::extra::Lamps::new(None)],
                access,
                ..Options::default()
            };
            router(steered.handle.watch(), options)
        })
    }

    /// Another router, for which other rules hold.
    pub(super) fn with(
        identities: Identities,
        known: Known,
        rules: Vec<Rule>,
        nowhere: &'static [&'static str],
        router: impl FnOnce(&Steered, Access) -> Router,
    ) -> Self {
        let steered = Steered::new();
        let access = Access {
            identities: identities.clone(),
            origins: [ALLOWED_ORIGIN.to_owned()].into(),
            hosts: ["mapek.example".to_owned()].into(),
            ..steered.access()
        };
        let router = router(&steered, access);
        let (seen, acted) = (BTreeMap::new(), 0);
        Self { steered, identities, router, known, rules, nowhere, seen, acted }
    }

    /// Lets a day pass, at the end of which some of the people are others.
    pub(super) fn pass_the_day(&self) {
        self.steered.clock.advance_to(evening());
        if self.known == Known::People {
            self.identities.replace(&Identities::try_new(in_the_evening()).unwrap());
        }
    }

    /// The API in the evening, and sessions of all kinds.
    pub(super) async fn in_the_evening() -> (Self, Vec<Shown>) {
        let identities = Identities::try_new(in_the_morning()).unwrap();
        let matrix = Self::api(identities, Known::People);
        let morning = matrix.log_in("admin").await;
        let minute = Duration::from_secs(60);
        matrix.steered.clock.advance_to(evening().checked_sub(minute).unwrap());
        let mut sessions = Vec::new();
        for (name, token, proves) in SESSIONS {
            let cookie = matrix.log_in(token).await;
            sessions.push(match proves {
                Some(_) => Shown::session(name, &cookie, proves, token),
                None => Shown::cookie(name, &cookie, proves),
            });
        }
        let (left, lasting) = (matrix.log_in("admin").await, matrix.log_in("admin").await);
        let leaver = Shown::cookie("who leaves", &left, Some(Rank::Admin));
        let own = [("origin", "https://localhost:8001")];
        let leaving = Cell { origin: &own, ..Cell::new("POST", "/logout", &leaver) };
        matrix.ask(leaving).await;
        let (name, id) = lasting.split_once('=').unwrap();
        for (what, cookie) in [
            ("a session since the morning", morning),
            ("a session that was left", left),
            ("an unknown session", format!("{name}={}", "0".repeat(64))),
            ("an empty session", format!("{name}=")),
            ("a token for a session", format!("{name}=admin")),
            ("an unknown session before one that lasts", format!("{name}=0; {name}={id}")),
        ] {
            sessions.push(Shown::cookie(what, &cookie, None));
        }
        for (what, cookie) in [
            ("a session of another port", format!("mapek_session_8002={id}")),
            ("a session of no port", format!("mapek_session={id}")),
            ("a session in capitals", format!("{}={id}", name.to_uppercase())),
        ] {
            sessions.push(Shown { cookie: None, ..Shown::cookie(what, &cookie, None) });
        }
        for (what, before, after) in [
            ("a session among others", "theme=dark; ", "; x=y"),
            // A proxy speaks TLS for us.
            ("a session by TLS", "__Secure-", ""),
            ("a session by TLS behind a planted one", "mapek_session_8001=0; __Secure-", ""),
        ] {
            let cookie = format!("{before}{}{after}", matrix.log_in("admin").await);
            sessions.push(Shown::session(what, &cookie, Some(Rank::Admin), "admin"));
        }
        // TLS was switched off since.
        let behind = format!("__Secure-{name}=0; {}", matrix.log_in("admin").await);
        let what = "a session behind an unknown one by TLS";
        sessions.push(Shown::session(what, &behind, Some(Rank::Admin), "admin"));
        matrix.pass_the_day();
        (matrix, sessions)
    }

    /// The cookie of a session that this token has begun.
    pub(super) async fn log_in(&self, token: &str) -> String {
        if cfg!(not(feature = "console")) {
            return "mapek_session_8001=none".to_owned();
        }
        let request = Request::post("/login").header("host", HOST);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(Body::from(format!("token={token}"))).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 303, "{token}");
        let set = answer.headers()["set-cookie"].to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }

    pub(super) async fn ask(&self, cell: Cell<'_>) -> StatusCode {
        let (uri, body) = sent(cell.path);
        let mut request = Request::builder().method(cell.method).uri(uri);
        request = request.header("content-type", "application/json");
        for host in cell.hosts {
            request = request.header("host", *host);
        }
        let shown = cell.by.headers.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in cell.origin.iter().copied().chain(shown) {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().extend(cell.by.connection.clone().unwrap_or_default());
        self.router.clone().oneshot(request).await.unwrap().status()
    }

    /// Asks for everything by all of these, from one origin of each kind; by those who may most also from all others,
    /// and for what nobody may.
    pub(super) async fn check(&mut self, shown: &mut [Shown]) {
        let paths = self.rules.iter().map(|rule| rule.1).chain(self.nowhere.iter().copied());
        for path in paths.collect::<BTreeSet<_>>() {
            for method in METHODS {
                let ruled = self.rules.iter().any(|rule| (rule.0, rule.1) == (method, path));
                for by in shown.iter_mut().filter(|by| ruled || by.is_most()) {
                    let all = ruled && by.is_most();
                    let origins = if all { &ORIGINS[..] } else { &ORIGINS[..KINDS] };
                    for (headers, origin) in origins {
                        let cell = Cell { origin: headers, ..Cell::new(method, path, by) };
                        let answer = self.cell(cell, *origin).await;
                        self.leave(method, path, by, answer).await;
                    }
                }
            }
        }
    }

    /// Holds what comes of a request to the rules.
    pub(super) async fn cell(&mut self, cell: Cell<'_>, origin: Origin) -> Answer {
        let Cell { method, path, by, .. } = cell;
        let before = self.steered.control.head();
        let got = self.ask(cell).await.as_u16();
        let answer = expected(&self.rules, self.known, Asked { method, path, origin, shown: by });
        let (Answer::Refused(status) | Answer::Handled(status)) = answer;
        let cell = || {
            let headers = cell.origin;
            format!("{method} {path} {headers:?} {:?} by {by:?}, {:?}", cell.hosts, self.known)
        };
        assert_eq!(got, status, "{}", cell());
        let acts = answer == Answer::Handled(200) && method == "POST";
        assert_eq!(self.steered.control.head() != before, acts, "what changes in {}", cell());
        self.acted += usize::from(acts);
        *self.seen.entry(got).or_default() += 1;
        answer
    }

    /// Whoever may leave has left, and comes in again; whoever may not is still there.
    async fn leave(&mut self, method: &str, path: &str, by: &mut Shown, answer: Answer) {
        let Some(token) = by.again.filter(|_| (method, path) == ("POST", "/logout")) else {
            return;
        };
        let left = answer == Answer::Handled(303);
        let alone = by.cookie_alone();
        let after = self.ask(Cell::new("GET", "/api/v1/whoami", &alone)).await;
        assert_eq!(after.as_u16(), if left { 401 } else { 200 }, "{by:?}: {answer:?}");
        if left {
            by.begin_anew(&self.log_in(token).await);
        }
    }

    /// Whether there was enough to be seen.
    pub(super) fn has_seen(&self, cells: usize, statuses: &[u16]) {
        let all: usize = self.seen.values().sum();
        assert!(all >= cells, "{all} cells");
        let seen: Vec<_> = self.seen.keys().copied().collect();
        assert_eq!(seen, statuses, "{:?}", self.seen);
    }
}

/// Where a request for a route goes, and what it says.
fn sent(path: &str) -> (String, &'static str) {
    let id =
        if path.contains("plans") { plan_id(11).to_string() } else { execution_id(19).to_string() };
    let body = match path {
        "/api/v1/rearm" => r#"{"kind": "scale_up", "reason": "mended"}"#,
        path if ["approve", "reject", "rehearse"].iter().any(|it| path.ends_with(it)) => {
            r#"{"hash": "865de779f07a8baddc5500f48b228110f2dec147e72e5f6008241d2701b968f8"}"#
        }
        _ => r#"{"reason": "because"}"#,
    };
    let path = path.replace("{number}", "41").replace("{id}", &id).replace("{act}", "off");
    (path.replace("{version}", "0").replace("{name}", "console.css"), body)
}
