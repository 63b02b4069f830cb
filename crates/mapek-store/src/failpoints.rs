//! Named points inside a write, for a harness that stops the process there.
//!
//! A seam cannot be put between a transaction and its commit from outside, so these few points are in the code itself. Without the
//! feature `failpoints` nothing of them is compiled; with it nothing happens until somebody [watches](watch).

use std::{path::Path, sync::OnceLock};

/// What is told of each point: the file that is being worked on, and the point's name.
pub type Watcher = fn(file: &Path, point: &'static str);

static WATCHER: OnceLock<Watcher> = OnceLock::new();

/// Has `watcher` called at every point from now on, on the thread that reaches it. The first one stays.
///
/// ```
/// mapek_store::failpoints::watch(|file, point| println!("{}: {point}", file.display()));
/// ```
pub fn watch(watcher: Watcher) {
    WATCHER.get_or_init(|| watcher);
}

/// Tells whoever watches that a point is reached.
pub(crate) fn reach(file: &Path, point: &'static str) {
    if let Some(watcher) = WATCHER.get() {
        watcher(file, point);
    }
}

/// The points, in the order in which a file meets them.
pub const POINTS: [&str; 6] =
    ["locked", "connected", "marked", "migrated", "commit.before", "commit.after"];
