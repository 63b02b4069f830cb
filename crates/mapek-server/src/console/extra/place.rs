//! Where an extra page is.

use crate::{Role, api::ROUTES, console::layout::VIEWS};

/// Longest path and longest name of a place: it stands in the navigation.
const CHARS_MAX: usize = 24;

/// Where an extra page is, what it is called, and who may act on it. Whoever may read may look at it.
///
/// ```
/// use mapek_server::{Role, extra::Place};
///
/// assert!(Place::try_new("/lamps", "Lamps", 'l', Role::Operator).is_ok());
/// assert!(Place::try_new("/plans", "Plans", 'x', Role::Operator).is_err(), "that is the console's own");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    path: &'static str,
    name: &'static str,
    key: char,
    least: Role,
}

/// Why a place is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPlace {
    /// The path cannot be one.
    #[error("the path is a slash and up to {CHARS_MAX} of a-z and -")]
    Path,
    /// The path is taken by a route of the router itself.
    #[error("{path} is taken")]
    Taken {
        /// That path.
        path: &'static str,
    },
    /// The name cannot be one.
    #[error("the name has 1 to {CHARS_MAX} characters")]
    Name,
    /// The key cannot be one, or leads to a view already.
    #[error("the key is one of a-z, and leads nowhere else")]
    Key,
}

impl Place {
    /// A page at `path` of the router, called `name` in the navigation, to which `g` and then `key` leads, on which people of the role `least` act.
    ///
    /// # Errors
    ///
    /// [`InvalidPlace`] with the first that is wrong.
    pub fn try_new(
        path: &'static str,
        name: &'static str,
        key: char,
        least: Role,
    ) -> Result<Self, InvalidPlace> {
        let word = path.strip_prefix('/').unwrap_or_default();
        let is_word = word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        if !is_word || word.is_empty() || word.len() > CHARS_MAX {
            return Err(InvalidPlace::Path);
        }
        if ROUTES.iter().any(|route| route.path.split('/').nth(1) == Some(word)) {
            return Err(InvalidPlace::Taken { path });
        }
        if name.trim().is_empty() || name.chars().count() > CHARS_MAX {
            return Err(InvalidPlace::Name);
        }
        let led = |(_, _, other): &(&str, &str, &str)| other.contains(key);
        if !key.is_ascii_lowercase() || VIEWS.iter().any(led) {
            return Err(InvalidPlace::Key);
        }
        Ok(Self { path, name, key, least })
    }

    /// The path within the router.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// What it is called.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The key that leads to it after `g`.
    #[must_use]
    pub const fn key(&self) -> char {
        self.key
    }

    /// Who may act on it.
    #[must_use]
    pub const fn least(&self) -> Role {
        self.least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_nobody_elses() {
        let place = |path, name, key| Place::try_new(path, name, key, Role::Viewer);
        for path in ["", "/", "demo", "/De", "/a/b", "/a b", "/{x}", "/ä"] {
            assert_eq!(place(path, "Demo", 'd'), Err(InvalidPlace::Path), "{path}");
        }
        for path in ["/plans", "/login", "/assets", "/api", "/metrics", "/health"] {
            assert_eq!(place(path, "Demo", 'd'), Err(InvalidPlace::Taken { path }));
        }
        assert_eq!(place("/demo", " ", 'd'), Err(InvalidPlace::Name));
        for key in ['n', 'D', '1'] {
            assert_eq!(place("/demo", "Demo", key), Err(InvalidPlace::Key), "{key}");
        }
        let good = place("/demo", "Demo", 'd').unwrap();
        assert_eq!((good.path(), good.name(), good.key()), ("/demo", "Demo", 'd'));
    }
}
