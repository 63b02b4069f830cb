//! The way in, and the way out.

use axum::{
    Form,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, Uri, header, request::Parts};
use maud::{Markup, html};
use serde::Deserialize;

use super::{cx, cx::Cx, layout::outside};
use crate::{
    access::{Entry, LASTS, PRIVATE_PREFIX},
    api::{App, Problem},
};

/// Where somebody was going.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Going {
    #[serde(default)]
    next: String,
}

/// What the login form sends.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    token: String,
    #[serde(default)]
    next: String,
}

/// Who are you?
pub(crate) async fn login(cx: Cx, going: Result<Query<Going>, QueryRejection>) -> Response {
    let next = going.map_or_else(|_| String::new(), |Query(going)| going.next);
    let body = html! {
        @match &cx.who {
            Some(who) => {
                p { "You are " strong { (who.person) } ", " (who.role) ". " a href=(cx.href("/")) { "To the console" } }
            }
            None if cx.is_open => {
                p { "Nobody is configured, so everybody who reaches this address may read, and nobody may act. "
                    a href=(cx.href("/")) { "To the console" } }
                p { "Make a token with " code { "mapek token new --name ada --role approver" }
                    ", put its hash into " code { "api.auth.tokens" } ", and start again." }
            }
            None => (form(cx.base(), next_in(&next), None))
        }
    };
    outside(StatusCode::OK, cx.base(), "Log in", None, &body)
}

/// Takes a token and begins a session.
pub(crate) async fn enter(
    State(app): State<App>,
    cx: Cx,
    sent: Result<Form<Credentials>, FormRejection>,
) -> Response {
    let again = |status, next: &str, why: &str| {
        outside(status, cx.base(), "Log in", None, &form(cx.base(), next_in(next), Some(why)))
    };
    let Form(Credentials { token, next }) = match sent {
        Ok(form) => form,
        Err(rejection) => return again(rejection.status(), "", "send the form as it is"),
    };
    if cx.is_open {
        return again(StatusCode::FORBIDDEN, &next, "nobody is configured who could log in");
    }
    match app.guard.enter(&token) {
        Entry::Session(id) => {
            let cookie = cookie(&cx, &id, LASTS.as_secs());
            to(&cx.href(next_in(&next)), cookie)
        }
        Entry::Refused { status, why } => again(status, &next, &why),
    }
}

/// Ends the session.
pub(crate) async fn leave(State(app): State<App>, cx: Cx, request: Parts) -> Response {
    app.guard.leave(&request);
    to(&cx.href("/login"), cookie(&cx, "", 0))
}

/// What somebody sees who may not see a page: how to come in, or why not; with the problem in words if it is to be told.
pub(crate) fn refused(
    asked: &Uri,
    arrived: &Uri,
    headers: &HeaderMap,
    problem: &Problem,
    told: bool,
) -> Response {
    let base = cx::base(asked, arrived);
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::FORBIDDEN);
    if status != StatusCode::UNAUTHORIZED {
        let body = html! { p.error role="alert" { (problem.detail()) } };
        return outside(status, &base, "Not for you", None, &body);
    }
    let next = arrived.path_and_query().map_or("/", |it| it.as_str());
    // A link on another site brings no cookie that is for this site alone. Our own page, asking again, does.
    let elsewhere =
        headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    let again = elsewhere.then(|| format!("{base}{next}"));
    let why = told.then(|| problem.detail());
    outside(status, &base, "Log in", again.as_deref(), &form(&base, next_in(next), why))
}

fn form(base: &str, next: &str, why: Option<&str>) -> Markup {
    html! {
        form.login method="post" action={ (base) "/login" } {
            @if let Some(why) = why { p.error #login-why role="alert" { (why) } }
            input type="hidden" name="next" value=(next);
            label for="token" { "Token" }
            input #token name="token" type="password" required autofocus autocomplete="current-password"
                spellcheck="false" aria-describedby=[why.map(|_| "login-why")];
            button.go type="submit" { "Log in" }
            p.hint { "It was made by " code { "mapek token new" } " and begins with " code { "mapek_" }
                ". The session ends after 12 hours, or with the token." }
        }
    }
}

/// One of our own paths: whatever else somebody puts there leads to the beginning.
fn next_in(next: &str) -> &str {
    let ours = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.bytes().all(|byte| byte.is_ascii_graphic())
        && !next.starts_with("/log");
    if ours { next } else { "/" }
}

/// For what is mounted here alone: another loop of the same service has sessions of its own.
fn cookie(cx: &Cx, id: &str, seconds: u64) -> String {
    // What would be another attribute of the cookie is no path of it.
    let path = if cx.base().is_empty() || cx.base().contains(';') { "/" } else { cx.base() };
    written(&cx.cookie, id, path, seconds)
}

fn written(name: &str, id: &str, path: &str, seconds: u64) -> String {
    let secure = if name.starts_with(PRIVATE_PREFIX) { "; Secure" } else { "" };
    format!("{name}={id}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

fn to(path: &str, cookie: String) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path.to_owned()), (header::SET_COOKIE, cookie)])
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_logs_in_stays_here() {
        for path in ["/", "/plans/1?x=2", "/cycles"] {
            assert_eq!(next_in(path), path);
        }
        for elsewhere in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\nb",
            "/login",
            "x",
            "/ä",
        ] {
            assert_eq!(next_in(elsewhere), "/", "{elsewhere}");
        }
    }

    #[test]
    fn a_cookie_is_for_this_site_and_for_no_script() {
        let plain = "mapek_session=id; Path=/; Max-Age=60; HttpOnly; SameSite=Strict";
        assert_eq!(written("mapek_session", "id", "/", 60), plain);
        let private = format!("{PRIVATE_PREFIX}{plain}; Secure");
        assert_eq!(written("__Secure-mapek_session", "id", "/", 60), private);
    }
}
