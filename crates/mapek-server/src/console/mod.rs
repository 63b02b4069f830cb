//! The web console: pages for people.
//!
//! Pages are made here and are whole without a script: they say what the snapshot says at the moment that they are asked for. What has to
//! move (live figures, countdowns, buttons that act) is a handful of small modules on top, and acting goes by the API alone, so that the
//! console can do nothing that the API would refuse. Why it is so: `docs/adr/0011-console.md`.

mod act;
mod assets;
mod cx;
mod cycle;
mod cycles;
mod door;
mod execution;
mod executions;
pub mod extra;
mod knowledge;
mod layout;
mod lookback;
mod now;
mod parts;
mod plan;
mod plans;
mod plot;
mod steps;
mod timeline;

use axum::routing::MethodRouter;
use tower_http::compression::CompressionLayer;

use crate::api::App;

pub(crate) use assets::asset;
pub(crate) use cycle::cycle;
pub(crate) use cycles::cycles;
pub(crate) use door::{enter, leave, login, refused};
pub(crate) use execution::execution;
pub(crate) use executions::executions;
pub(crate) use extra::Mounted;
pub(crate) use knowledge::knowledge;
pub(crate) use now::now;
pub(crate) use plan::plan;
pub(crate) use plans::plans;
pub(crate) use timeline::timeline;

/// Pages shrink to a fifth. They hold no secret that a stranger could guess by their length: what proves who asks is in no page.
pub(crate) fn packed(handler: MethodRouter<App>) -> MethodRouter<App> {
    handler.layer(CompressionLayer::new())
}
