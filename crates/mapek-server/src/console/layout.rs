//! What all pages have around them.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderName, StatusCode, header};
use maud::{DOCTYPE, Markup, html};

use super::{
    assets,
    cx::Cx,
    parts::{Icon, icon},
};
use crate::api::{ROUTES, events};

/// Views, each with the key that leads to it after `g`. Those that are not mounted are not shown.
pub(super) const VIEWS: [(&str, &str, &str); 6] = [
    ("/", "Now", "n"),
    ("/cycles", "Why", "w"),
    ("/plans", "Approve", "a"),
    ("/executions", "Executions", "e"),
    ("/knowledge", "Knowledge", "k"),
    ("/timeline", "Timeline", "t"),
];

/// Nothing but what was served from here, nothing inline, and no frame around it. Where a form was sent from must be told: it is how a
/// form of ours is known.
const HEADERS: [(HeaderName, &str); 2] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (header::REFERRER_POLICY, "same-origin"),
];

/// A page within the console: its title, the view that it belongs to, and what it says.
#[derive(Debug)]
pub(super) struct Page<'a> {
    /// What stands in the tab and on top.
    pub(super) title: &'a str,
    /// The path of its view.
    pub(super) view: &'static str,
    /// What is under the title.
    pub(super) body: Markup,
}

impl Page<'_> {
    /// The whole page.
    pub(super) fn show(self, cx: &Cx) -> Response {
        self.show_as(StatusCode::OK, cx)
    }

    pub(super) fn show_as(self, status: StatusCode, cx: &Cx) -> Response {
        let Self { title, view, body } = self;
        let page = html! {
            (DOCTYPE)
            html lang="en" data-base=(cx.base()) data-now=(cx.now) data-glance=(events::glance(&cx.state))
                data-cycle=[cx.state.last().map(|it| it.number)] {
                (head(cx.base(), title, None))
                body {
                    a.skip href="#main" { "Skip to content" }
                    (top(cx, view))
                    div #latch data-live { (paused(cx)) }
                    main #main tabindex="-1" {
                        h1 { (title) }
                        noscript {
                            p.note { "This page does not move by itself without JavaScript, and its buttons do nothing. "
                                code { "mapek plans" } ", " code { "mapek pause" } " and the API do." }
                        }
                        (body)
                    }
                    (foot(cx))
                    (keys(cx))
                    p #said .hidden aria-live="polite" {}
                }
            }
        };
        answer(status, page)
    }
}

/// A page for somebody who is not in: no views, no figures.
pub(super) fn outside(
    status: StatusCode,
    base: &str,
    title: &str,
    again: Option<&str>,
    body: &Markup,
) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" data-base=(base) {
            (head(base, title, again))
            body.outside {
                main #main tabindex="-1" {
                    p.brand { (logo()) "mapek" }
                    h1 { (title) }
                    (body)
                }
            }
        }
    };
    answer(status, page)
}

fn answer(status: StatusCode, page: Markup) -> Response {
    (status, HEADERS, Html(page.into_string())).into_response()
}

fn head(base: &str, title: &str, again: Option<&str>) -> Markup {
    let asset = |name| format!("{base}{}", assets::path(name));
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            @if let Some(url) = again {
                meta http-equiv="refresh" content={ "0;url=" (url) };
            }
            title { (title) " · mapek" }
            link rel="icon" type="image/svg+xml" href=(asset("icon.svg"));
            link rel="stylesheet" href=(asset("console.css"));
            link rel="stylesheet" href=(asset("plots.css"));
            // Before anything is painted, so that a page in the dark does not flash.
            script src=(asset("theme.js")) {}
            script type="module" src=(asset("console.js")) {}
        }
    }
}

/// All that the navigation leads to: path, name and key.
fn views(cx: &Cx) -> impl Iterator<Item = (&'static str, &'static str, String)> {
    let mounted = |path: &str| ROUTES.iter().any(|route| route.path == path);
    let own = VIEWS.iter().filter(move |(path, ..)| mounted(path));
    let own = own.map(|(path, name, key)| (*path, *name, (*key).to_owned()));
    let extras = cx.extras.iter().map(|it| &it.place);
    own.chain(extras.map(|it| (it.path(), it.name(), it.key().to_string())))
}

fn top(cx: &Cx, view: &str) -> Markup {
    html! {
        header.top {
            a.brand href=(cx.href("/")) { (logo()) "mapek" span.target { (cx.state.target) } }
            nav aria-label="Views" {
                ul {
                    @for (path, name, key) in views(cx) {
                        li {
                            a href=(cx.href(path)) data-go=(key) aria-current=[(path == view).then_some("page")] {
                                (name)
                                @if path == "/plans" { (waiting(cx)) }
                            }
                        }
                    }
                }
            }
            div.tools {
                span #link .link { "still" }
                button #theme .quiet type="button" title="Light or dark" { (icon(Icon::Theme)) span.hidden { "Change between light and dark" } }
                button #help .quiet type="button" title="Shortcuts (?)" { (icon(Icon::Help)) span.hidden { "Show shortcuts" } }
                (who(cx))
            }
        }
    }
}

/// How many plans wait for people, beside the view where they are decided about.
fn waiting(cx: &Cx) -> Markup {
    let count = crate::api::status::awaiting_approval(&cx.state);
    html! {
        span #waiting data-live {
            @if count > 0 { span.count { (count) span.hidden { " waiting" } } }
        }
    }
}

fn who(cx: &Cx) -> Markup {
    html! {
        @match &cx.who {
            Some(who) => {
                span.who { strong { (who.person) } " " span.role { (who.role) } }
                @if cx.has_session {
                    form method="post" action=(cx.href("/logout")) { button.quiet type="submit" { "Log out" } }
                }
            }
            None if cx.is_open => { span.who { "read only" } }
            None => { a href=(cx.href("/login")) { "Log in" } }
        }
    }
}

/// That nothing is done, on every page: nobody may wonder why nothing happens.
fn paused(cx: &Cx) -> Markup {
    html! {
        @if let Some(why) = &cx.state.paused {
            p.latched role="status" {
                (icon(Icon::Pause)) strong { "Paused." } " Nothing is done by itself: " (why) ". "
                a href={ (cx.href("/")) "#pause" } { "Resume" }
            }
        }
    }
}

fn foot(cx: &Cx) -> Markup {
    html! {
        footer {
            p { "mapek " (cx.version) " · " a href=(cx.href("/openapi.json")) { "API" } " · "
                span { "times are UTC" } }
        }
    }
}

/// The shortcuts, for those who ask.
fn keys(cx: &Cx) -> Markup {
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { "Shortcuts" }
            dl.keys {
                @for (path, name, key) in views(cx) {
                    div data-path=(path) { dt { kbd { "g" } " " kbd { (key) } } dd { "go to " (name) } }
                }
                div { dt { kbd { "p" } } dd { "pause or resume: to the switch" } }
                div { dt { kbd { "d" } } dd { "light or dark" } }
                div { dt { kbd { "?" } } dd { "this list" } }
            }
            label { input #single-keys type="checkbox" checked; " Shortcuts by single keys" }
            form method="dialog" { button type="submit" { "Close" } }
        }
    }
}

/// A loop, with somebody in it.
fn logo() -> Markup {
    html! {
        svg.logo viewBox="0 0 24 24" aria-hidden="true" {
            path d="M12 3a9 9 0 1 1-8.2 5.3" {}
            path d="M3.2 3.6l.6 4.9 4.8-.9" {}
            circle cx="12" cy="12" r="2.6" {}
        }
    }
}
