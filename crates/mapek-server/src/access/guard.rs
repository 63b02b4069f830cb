//! What every request passes before it reaches a handler.

use std::{net::IpAddr, sync::Arc};

#[cfg(feature = "console")]
use axum::extract::OriginalUri;
use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use mapek_model::{Duration, Timestamp};

#[cfg(feature = "console")]
use super::sessions::{SessionKey, Sessions};
use super::{
    Access, Identity, Needs, TokenHash,
    identities::Unproven,
    origin::{self, Here},
    rate::{Limiter, Payer},
};
use crate::{
    api::Problem,
    server::{CertificateNames, Connected},
};

/// What asks whether the process is alive: it must be answered when all else is busy, and costs nothing.
const PROBES: [&str; 2] = ["/health", "/ready"];

/// An [`Access`] that counts.
#[derive(Debug)]
pub(crate) struct Guard {
    access: Access,
    limiter: Limiter,
    /// What a request gets for which there is no room.
    too_many: StatusCode,
    #[cfg(feature = "console")]
    sessions: Sessions,
}

/// What a route asks of whoever calls it.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) guard: Arc<Guard>,
    pub(crate) needs: Needs,
    /// Whether it changes something.
    pub(crate) acts: bool,
    /// Whether it is for people: who may not see it gets a page.
    pub(crate) page: bool,
}

/// Who sends a request.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Somebody who shows nothing.
    Nobody,
    /// Somebody who has proven who they are.
    Known(Identity),
    /// Somebody who shows what proves nothing.
    Unproven(String),
}

/// What somebody shows of who they are.
#[derive(Debug, Clone)]
enum Shown {
    Nothing,
    Token(TokenHash),
    Certificate(Arc<CertificateNames>),
    /// The cookie of a browser.
    #[cfg(feature = "console")]
    Session(SessionKey),
    /// What can prove nothing, whoever there is.
    Nonsense(&'static str),
}

impl Shown {
    /// Whether whoever sends a request wants to be known by this for it. A browser adds cookies and certificates by itself, whatever page makes it
    /// ask; a program has no page, and no cookie.
    fn is_meant(&self, headers: &HeaderMap, here: &Here) -> bool {
        match self {
            Self::Nothing | Self::Token(_) | Self::Nonsense(_) => true,
            Self::Certificate(_) => {
                !headers.contains_key(header::ORIGIN) || origin::comes_from_own_page(headers, here)
            }
            #[cfg(feature = "console")]
            Self::Session(_) => origin::comes_from_own_page(headers, here),
        }
    }
}

/// What an answer that does not end rests on: who asked may go while it lasts.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    rule: Rule,
    shown: Shown,
}

impl Standing {
    /// Whether who asked might still ask.
    fn holds(&self) -> bool {
        let Rule { guard, needs, acts, .. } = &self.rule;
        guard.permit(*needs, *acts, &guard.caller(&self.shown)).is_ok()
    }

    /// Returns once who asked might ask no more: their token is gone or has expired, or their role is another.
    pub(crate) async fn ended(self) {
        let guard = &self.rule.guard;
        let Access { identities, clock, .. } = &guard.access;
        loop {
            // Before the look, so that no change in between is missed.
            let changed = identities.changes();
            #[cfg(feature = "console")]
            let ended = guard.sessions.changes();
            #[cfg(not(feature = "console"))]
            let ended = std::future::pending::<()>();
            if !self.holds() {
                return;
            }
            let expires = guard.expiry(&self.shown);
            let expired = async {
                match expires {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = changed => {}
                () = ended => {}
                () = expired => {}
            }
        }
    }
}

/// Why a request does not pass.
#[derive(Debug)]
struct Refusal {
    problem: Problem,
    then: Then,
}

/// What may be done about it.
#[derive(Debug)]
enum Then {
    Nothing,
    /// Ask again in so many seconds.
    Wait(u64),
    /// Say who you are, in this way.
    Challenge(&'static str),
}

impl Refusal {
    fn new(code: StatusCode, detail: impl Into<String>) -> Self {
        Self { problem: Problem::new(code, detail), then: Then::Nothing }
    }

    fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.problem.into_response();
        let header = match self.then {
            Then::Nothing => return response,
            Then::Wait(seconds) => (header::RETRY_AFTER, HeaderValue::from(seconds)),
            Then::Challenge(how) => (header::WWW_AUTHENTICATE, HeaderValue::from_static(how)),
        };
        response.headers_mut().insert(header.0, header.1);
        response
    }
}

impl Guard {
    pub(crate) fn new(access: Access) -> Self {
        Self::that_answers(access, StatusCode::TOO_MANY_REQUESTS)
    }

    /// Answers `too_many` where there is no room for a request.
    pub(crate) fn that_answers(access: Access, too_many: StatusCode) -> Self {
        let limiter = Limiter::new(access.rate, Arc::clone(&access.clock));
        Self {
            access,
            limiter,
            too_many,
            #[cfg(feature = "console")]
            sessions: Sessions::default(),
        }
    }

    /// Who sends it, if it may pass, and what they show.
    fn check(&self, request: &Request) -> Result<(Caller, Shown), Refusal> {
        let connected = request.extensions().get::<Connected>();
        let local = connected.map(|it| it.local);
        let authority = origin::authority(request.uri(), request.headers())
            .map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, why))?;
        if !origin::is_ours(&authority, local, &self.access.hosts) {
            let host = crate::api::repeated(authority.host());
            let detail =
                format!("{host} is no name of this host; list it in api.allowed_hosts if it is");
            return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, detail));
        }
        let here = Here { authority, tls: is_tls(connected) };
        let origins = &self.access.origins;
        if !origin::may_come_from(request.method(), request.headers(), &here, origins) {
            let detail = "pages of other origins may not ask; list theirs in api.allowed_origins if \
                          they may";
            return Err(Refusal::new(StatusCode::FORBIDDEN, detail));
        }
        let counted = !PROBES.contains(&request.uri().path());
        if counted {
            self.pay(Payer::address(address(request)))?;
        }
        let shown = self.shown(request.uri(), request.headers(), connected);
        if !request.method().is_safe() && !shown.is_meant(request.headers(), &here) {
            let detail = "what a browser adds by itself permits nothing: the page that asks must be \
                          served from here";
            return Err(Refusal::new(StatusCode::FORBIDDEN, detail));
        }
        let caller = self.caller(&shown);
        if let Caller::Known(identity) = &caller
            && counted
        {
            self.pay(Payer::Person(identity.person.clone()))?;
        }
        Ok((caller, shown))
    }

    fn pay(&self, payer: Payer) -> Result<(), Refusal> {
        self.limiter.pay(payer).map_err(|wait| {
            // Whole seconds, rounded up: zero would mean at once.
            let seconds = wait.saturating_add(Duration::from_nanos(999_999_999)).as_secs().max(1);
            let detail = format!("too many requests; ask again in {seconds} s");
            Refusal::new(self.too_many, detail).then(Then::Wait(seconds))
        })
    }

    fn caller(&self, shown: &Shown) -> Caller {
        let identities = &self.access.identities;
        let known = |identity: Result<Identity, Unproven>| match identity {
            Ok(identity) => Caller::Known(identity),
            Err(why) => Caller::Unproven(why.to_string()),
        };
        match shown {
            Shown::Nothing => identities.by_nothing().map_or(Caller::Nobody, Caller::Known),
            Shown::Token(hash) => known(identities.by_hash(hash, self.access.clock.now())),
            Shown::Certificate(names) => known(identities.by_certificate(names)),
            #[cfg(feature = "console")]
            Shown::Session(key) => match self.sessions.find(*key, self.access.clock.now()) {
                Some((token, _)) => known(identities.by_hash(&token, self.access.clock.now())),
                None => Caller::Unproven("the session has ended: log in again".to_owned()),
            },
            Shown::Nonsense(why) => Caller::Unproven((*why).to_owned()),
        }
    }

    /// A token counts before a session, and that before a certificate: whoever shows one wants to be known by it.
    fn shown(&self, uri: &Uri, headers: &HeaderMap, connected: Option<&Connected>) -> Shown {
        #[cfg(not(feature = "console"))]
        let _ = uri;
        match bearer(headers) {
            Ok(Some(token)) => return Shown::Token(TokenHash::of(token)),
            Err(why) => return Shown::Nonsense(why),
            Ok(None) => {}
        }
        let certificate = connected.and_then(|it| it.certificate.clone());
        #[cfg(feature = "console")]
        {
            let sessions = SessionKey::shown(uri, headers, is_tls(connected));
            let mut lasting = sessions.iter().filter(|key| self.lasts(**key));
            // A session that has ended, by itself or with its token, hides nobody who would be known without.
            let hides = certificate.is_some() || self.access.identities.by_nothing().is_some();
            let ended = sessions.first().filter(|_| !hides);
            if let Some(key) = lasting.next().or(ended) {
                return Shown::Session(*key);
            }
        }
        certificate.map_or(Shown::Nothing, Shown::Certificate)
    }

    /// When what somebody shows is worth nothing any more, if there is such a time.
    fn expiry(&self, shown: &Shown) -> Option<Timestamp> {
        let Access { identities, .. } = &self.access;
        match shown {
            Shown::Token(hash) => identities.expiry(hash),
            #[cfg(feature = "console")]
            Shown::Session(key) => {
                let (token, ends) = self.sessions.find(*key, self.access.clock.now())?;
                Some(identities.expiry(&token).map_or(ends, |expires| expires.min(ends)))
            }
            _ => None,
        }
    }

    /// Who may call a route that needs this; nobody in particular where it needs nobody.
    fn permit(
        &self,
        needs: Needs,
        acts: bool,
        caller: &Caller,
    ) -> Result<Option<Identity>, Refusal> {
        let Needs::Role(least) = needs else { return Ok(None) };
        if self.access.identities.is_open() {
            if !acts {
                return Ok(None);
            }
            let detail = "nobody is configured who may act: make a token with `mapek token new`, put \
                          its hash into api.auth.tokens, and start again; a file PAUSE in \
                          execute.state_dir stops all actions without";
            return Err(Refusal::new(StatusCode::FORBIDDEN, detail));
        }
        match caller {
            Caller::Known(identity) if identity.role >= least => Ok(Some(identity.clone())),
            Caller::Known(Identity { person, role }) => {
                let detail = format!("{person} is {role}; this needs {least}");
                Err(Refusal::new(StatusCode::FORBIDDEN, detail))
            }
            Caller::Nobody => Err(unauthorised(
                "say who you are: send a token as `Authorization: Bearer …`, or a client \
                 certificate",
                "Bearer realm=\"mapek\"",
            )),
            Caller::Unproven(why) => {
                Err(unauthorised(why, "Bearer realm=\"mapek\", error=\"invalid_token\""))
            }
        }
    }
}

fn unauthorised(detail: &str, challenge: &'static str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, detail).then(Then::Challenge(challenge))
}

/// How somebody came in.
#[cfg(feature = "console")]
#[derive(Debug)]
pub(crate) enum Entry {
    /// With this session.
    Session(String),
    /// Not at all.
    Refused {
        /// In a number.
        status: StatusCode,
        /// In words.
        why: String,
    },
}

#[cfg(feature = "console")]
impl Guard {
    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.access.clock.now()
    }

    /// Whether everybody may read, and nobody may act.
    pub(crate) fn is_open(&self) -> bool {
        self.access.identities.is_open()
    }

    /// Begins a session for whoever has this token.
    pub(crate) fn enter(&self, token: &str) -> Entry {
        let refused = |status, why: String| Entry::Refused { status, why };
        let (hash, now) = (TokenHash::of(token.trim()), self.now());
        let identity = match self.access.identities.by_hash(&hash, now) {
            Ok(identity) => identity,
            Err(why) => {
                tracing::warn!(%why, "somebody could not log in");
                return refused(StatusCode::UNAUTHORIZED, why.to_string());
            }
        };
        if let Err(refusal) = self.pay(Payer::Person(identity.person.clone())) {
            return refused(self.too_many, refusal.problem.detail().to_owned());
        }
        match self.sessions.begin(hash, now) {
            Ok(id) => {
                tracing::info!(person = %identity.person, role = %identity.role, "a person logged in");
                Entry::Session(id)
            }
            Err(error) => {
                tracing::error!(%error, "the system has no random numbers");
                let why = "no session can be made at the moment; the log has the details";
                refused(StatusCode::SERVICE_UNAVAILABLE, why.to_owned())
            }
        }
    }

    /// Ends the sessions that a request shows, so that none comes to light behind another.
    pub(crate) fn leave(&self, request: &http::request::Parts) {
        for key in sessions_shown(request) {
            self.sessions.end(key);
        }
    }

    /// Whether a request shows a session that lasts.
    pub(crate) fn has_session(&self, request: &http::request::Parts) -> bool {
        sessions_shown(request).into_iter().any(|key| self.lasts(key))
    }

    /// Whether a session lasts, as its token does.
    fn lasts(&self, key: SessionKey) -> bool {
        matches!(self.caller(&Shown::Session(key)), Caller::Known(_))
    }
}

#[cfg(feature = "console")]
fn sessions_shown(request: &http::request::Parts) -> Vec<SessionKey> {
    let tls = is_tls(request.extensions.get::<Connected>());
    SessionKey::shown(&request.uri, &request.headers, tls)
}

fn is_tls(connected: Option<&Connected>) -> bool {
    connected.is_some_and(|it| it.tls)
}

/// The token that a request shows, if any.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = shown.next() else { return Ok(None) };
    if shown.next().is_some() {
        return Err("there are several Authorization headers");
    }
    let value = value.to_str().map_err(|_| "the token is not known")?;
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err("only bearer tokens are known"),
    }
}

fn address(request: &Request) -> Option<IpAddr> {
    let ours = request.extensions().get::<Connected>().map(|it| it.peer.ip());
    // A service that mounts the router and serves it itself may say so in axum's way.
    ours.or_else(|| {
        let theirs = request.extensions().get::<ConnectInfo<std::net::SocketAddr>>();
        theirs.map(|ConnectInfo(address)| address.ip())
    })
}

/// Turns away what may not pass, and notes who sends the rest.
pub(crate) async fn admit(
    State(guard): State<Arc<Guard>>,
    mut request: Request,
    next: Next,
) -> Response {
    match guard.check(&request) {
        Ok((caller, shown)) => {
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(shown);
            next.run(request).await
        }
        Err(refusal) => {
            let (status, peer) = (refusal.problem.status(), address(&request));
            tracing::debug!(status, peer = ?peer, "a request was turned away");
            refusal.into_response()
        }
    }
}

/// Turns away who may not call a route, and tells its handler who calls.
pub(crate) async fn authorise(
    State(rule): State<Rule>,
    mut request: Request,
    next: Next,
) -> Response {
    // Without what `admit` notes nobody is known, and nothing is permitted that needs somebody.
    let caller = request.extensions().get::<Caller>().cloned().unwrap_or(Caller::Nobody);
    let shown = request.extensions().get::<Shown>().cloned().unwrap_or(Shown::Nothing);
    match rule.guard.permit(rule.needs, rule.acts, &caller) {
        Ok(identity) => {
            request.extensions_mut().insert(Standing { rule, shown });
            if let Some(identity) = identity {
                request.extensions_mut().insert(identity);
            }
            next.run(request).await
        }
        Err(refusal) => {
            let (status, peer) = (refusal.problem.status(), address(&request));
            let path = crate::api::repeated(request.uri().path());
            // Everybody begins without a session: that is nothing to write about.
            if rule.page && matches!(caller, Caller::Nobody) {
                tracing::debug!(status, peer = ?peer, ?path, "a page was not shown");
            } else {
                tracing::warn!(status, peer = ?peer, ?caller, ?path, "a request was refused");
            }
            #[cfg(feature = "console")]
            if rule.page {
                let asked =
                    request.extensions().get::<OriginalUri>().map_or(request.uri(), |it| &it.0);
                // Who shows nothing knows as much; who shows what proves nothing has to be told.
                let told = matches!(caller, Caller::Unproven(_));
                return crate::console::refused(
                    asked,
                    request.uri(),
                    request.headers(),
                    &refusal.problem,
                    told,
                );
            }
            refusal.into_response()
        }
    }
}
