//! What `cargo xtask setup` has installed below the target directory.

use std::path::PathBuf;

use crate::Error;

/// The path of a tool, `python/bin/helm` say.
///
/// # Errors
///
/// [`Error::Missing`] if it is not there.
pub fn tool(path: &str) -> Result<PathBuf, Error> {
    let missing = || Error::Missing { program: path.to_owned() };
    let test = std::env::current_exe().map_err(|_| missing())?;
    let mut places = test.ancestors().map(|above| above.join("tools").join(path));
    places.find(|place| place.is_file()).ok_or_else(missing)
}
