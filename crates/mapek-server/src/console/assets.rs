//! What pages consist of besides themselves.
//!
//! They are named by what is in all of them together, so that a browser may keep them for ever and modules find each other by relative
//! names: `/assets/5f2c9a1b/live.js`.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use sha2::{Digest, Sha256};

use crate::api::Problem;

/// Name, media type and content.
type Asset = (&'static str, &'static str, &'static str);

const JS: &str = "text/javascript; charset=utf-8";

const ASSETS: &[Asset] = &[
    ("console.css", "text/css; charset=utf-8", include_str!("assets/console.css")),
    ("plots.css", "text/css; charset=utf-8", include_str!("assets/plots.css")),
    ("timeline.js", JS, include_str!("assets/timeline.js")),
    ("theme.js", JS, include_str!("assets/theme.js")),
    ("console.js", JS, include_str!("assets/console.js")),
    ("live.js", JS, include_str!("assets/live.js")),
    ("time.js", JS, include_str!("assets/time.js")),
    ("act.js", JS, include_str!("assets/act.js")),
    ("keys.js", JS, include_str!("assets/keys.js")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
];

/// Eight hexadecimal digits of the SHA-256 of all of them.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    for (name, _, content) in ASSETS {
        for text in [name, content] {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
    }
    hasher.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
});

/// The path of an asset.
pub(super) fn path(name: &str) -> String {
    debug_assert!(ASSETS.iter().any(|(other, ..)| *other == name), "no asset {name}");
    format!("/assets/{}/{name}", *VERSION)
}

/// An asset; another version of it is none, so that nobody keeps the new one under the old name.
pub(crate) async fn asset(Path((version, name)): Path<(String, String)>) -> Response {
    let found = ASSETS.iter().find(|(other, ..)| *other == name && version == *VERSION);
    let Some((_, kind, content)) = found else {
        let detail = "no such asset; load the page anew";
        return Problem::new(StatusCode::NOT_FOUND, detail).into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, *kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, *content).into_response()
}
