//! What every page knows: who looks, at which moment, at what.

use std::{convert::Infallible, sync::Arc};

use axum::extract::{FromRequestParts, OriginalUri};
use http::{HeaderValue, Uri, header, request::Parts};
use mapek_loop::{LoopHandle, LoopState, Unready};
use mapek_model::Timestamp;

use super::extra::Mounted;
use crate::{
    Identity, Role,
    access::{Caller, cookie_name},
    api::App,
    server::Connected,
};

/// What a page is made from.
#[derive(Debug)]
pub(crate) struct Cx {
    /// Where the router is mounted: empty, or a path without a slash at its end.
    base: String,
    /// Who looks, as far as they have proven it.
    pub(super) who: Option<Identity>,
    /// Whether they came by the login page.
    pub(super) has_session: bool,
    /// Whether everybody may read, and nobody may act.
    pub(super) is_open: bool,
    /// Whether there is a loop behind it that can be told something.
    is_steered: bool,
    pub(super) version: Arc<str>,
    pub(super) now: Timestamp,
    pub(super) state: Arc<LoopState>,
    pub(super) unready: Option<Unready>,
    /// Pages of others.
    pub(super) extras: Arc<[Mounted]>,
    /// What the cookie of a session is called here.
    pub(super) cookie: String,
}

impl Cx {
    /// The address of one of our paths.
    pub(super) fn href(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Whether who looks may do what needs this role.
    ///
    /// # Errors
    ///
    /// Why not, and what would change that.
    pub(super) fn may(&self, least: Role) -> Result<(), String> {
        if !self.is_steered && !self.is_open {
            return Err("This console shows the loop and cannot steer it.".to_owned());
        }
        self.is(least)
    }

    /// Whether who looks is somebody of this role.
    ///
    /// # Errors
    ///
    /// As for [`may`](Self::may).
    pub(super) fn is(&self, least: Role) -> Result<(), String> {
        if self.is_open {
            return Err(
                "Nobody is configured who may act. Make a token with mapek token new, put its \
                        hash into api.auth.tokens, and start again."
                    .to_owned(),
            );
        }
        match &self.who {
            Some(Identity { role, .. }) if *role >= least => Ok(()),
            Some(Identity { person, role }) => {
                Err(format!("You are {person}, {role}; this needs {least}."))
            }
            None => Err(format!("Log in; this needs {least}.")),
        }
    }
}

/// Whether nobody can read along: we speak TLS, or whoever speaks it for us says so.
fn is_private(parts: &Parts) -> bool {
    let origin = parts.headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    parts.extensions.get::<Connected>().is_some_and(|it| it.tls)
        || origin.is_some_and(|it| it.starts_with(b"https://"))
}

/// Where the router is mounted, by what was asked and what of it arrived here.
pub(super) fn base(asked: &Uri, arrived: &Uri) -> String {
    let base = asked.path().strip_suffix(arrived.path()).unwrap_or(asked.path());
    base.trim_end_matches('/').to_owned()
}

impl FromRequestParts<App> for Cx {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let asked = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |it| &it.0);
        let is_open = app.guard.is_open();
        let who = match parts.extensions.get::<Caller>() {
            Some(Caller::Known(identity)) if !is_open => Some(identity.clone()),
            _ => None,
        };
        Ok(Self {
            base: base(asked, &parts.uri),
            has_session: who.is_some() && app.guard.has_session(parts),
            who,
            is_open,
            is_steered: app.handle.is_some(),
            version: Arc::clone(&app.version),
            // What the loop's moments are told against; it may live in another time than this process.
            now: app.handle.as_ref().map_or_else(|| app.guard.now(), LoopHandle::now),
            state: app.state(),
            unready: app.unready(),
            extras: Arc::clone(&app.extras),
            cookie: cookie_name(&parts.uri, &parts.headers, is_private(parts)),
        })
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn links_begin_where_the_router_is_mounted() {
        let base = |asked: &str, arrived: &str| {
            super::base(&asked.parse().unwrap(), &arrived.parse().unwrap())
        };
        assert_eq!(base("/plans?x=1", "/plans?x=1"), "");
        assert_eq!(base("/", "/"), "");
        assert_eq!(base("/loop/plans", "/plans"), "/loop");
        assert_eq!(base("/loop/", "/"), "/loop");
        assert_eq!(base("/loop", "/"), "/loop");
    }
}
