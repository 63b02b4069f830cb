//! Looks at files, and makes anew what is made of them.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::{
    Error, Validity,
    files::{Content, Fingerprint, fingerprint},
};

/// What a look at files came to.
#[derive(Debug)]
pub enum Look {
    /// They are as they were, or not yet still: what is written in several pieces is taken when two looks see the same.
    Same,
    /// What is in them is in force from now on.
    Renewed,
    /// They have changed and cannot be used; what was in force stays. Told once for each change.
    Refused(Error),
}

/// Something that is made of files, and can be made anew.
pub trait Watched: fmt::Debug + Send + Sync {
    /// Takes what is in the files if it has changed, and was the same at the look before.
    fn look(&self, now: Timestamp) -> Look;

    /// The same at once: somebody says that the files are as they should be. What was refused is told again.
    fn look_now(&self, now: Timestamp) -> Look;

    /// From when to when our own certificate is valid, if there is one.
    fn validity(&self) -> Option<Validity>;
}

/// From files to what is made of them.
pub(crate) trait Source {
    type Made;

    fn paths(&self) -> Vec<&Path>;

    /// What becomes of their contents, in the order of the paths.
    fn make(&self, contents: Vec<Content>, now: Timestamp) -> Result<Self::Made, Error>;
}

/// What is made of files, and what is known of them.
pub(crate) struct Kept<S: Source> {
    source: S,
    made: ArcSwap<S::Made>,
    seen: Mutex<Seen>,
}

/// Fingerprints: of what is in force, of the last look, and of what was refused last.
struct Seen {
    taken: Fingerprint,
    last: Fingerprint,
    refused: Option<Fingerprint>,
}

impl<S: Source> Kept<S> {
    pub(crate) fn open(source: S, now: Timestamp) -> Result<Self, Error> {
        let (taken, contents) = read(&source);
        let made = source.make(contents?, now)?;
        let seen = Seen { taken, last: taken, refused: None };
        Ok(Self { source, made: ArcSwap::from_pointee(made), seen: Mutex::new(seen) })
    }

    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    pub(crate) fn made(&self) -> Arc<S::Made> {
        self.made.load_full()
    }

    pub(crate) fn look(&self, now: Timestamp, asked: bool) -> Look {
        let (found, contents) = read(&self.source);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let still = std::mem::replace(&mut seen.last, found) == found;
        if found == seen.taken {
            seen.refused = None;
            return Look::Same;
        }
        if !asked && (!still || seen.refused == Some(found)) {
            return Look::Same;
        }
        match contents.and_then(|contents| self.source.make(contents, now)) {
            Ok(made) => {
                self.made.store(Arc::new(made));
                *seen = Seen { taken: found, last: found, refused: None };
                Look::Renewed
            }
            Err(error) => {
                seen.refused = Some(found);
                Look::Refused(error)
            }
        }
    }
}

fn read(source: &impl Source) -> (Fingerprint, Result<Vec<Content>, Error>) {
    let contents: Vec<_> = source.paths().into_iter().map(Content::read).collect();
    (fingerprint(&contents), contents.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// Two files that must say the same.
    struct Pair([PathBuf; 2]);

    impl Source for Pair {
        type Made = Vec<u8>;

        fn paths(&self) -> Vec<&Path> {
            self.0.iter().map(PathBuf::as_path).collect()
        }

        fn make(&self, contents: Vec<Content>, _: Timestamp) -> Result<Vec<u8>, Error> {
            if contents[0].bytes == contents[1].bytes {
                return Ok(contents[0].bytes.clone());
            }
            let [certificate, key] = [0, 1].map(|it| contents[it].name.clone());
            Err(Error::Mismatch { certificate, key })
        }
    }

    #[test]
    fn what_is_written_in_pieces_is_taken_when_it_is_whole_and_refused_once_if_it_stays_broken() {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["a", "b"].map(|name| directory.path().join(name));
        let write = |which: usize, text: &str| std::fs::write(&paths[which], text).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        write(0, "1");
        assert!(Kept::open(Pair(paths.clone()), now).is_err(), "one is missing");
        write(1, "1");
        let kept = Kept::open(Pair(paths.clone()), now).unwrap();
        let look = || kept.look(now, false);
        assert!(matches!(look(), Look::Same));

        // Between two pieces nothing is said.
        write(0, "2");
        assert!(matches!(look(), Look::Same));
        write(1, "2");
        assert!(matches!(look(), Look::Same), "it may change once more");
        assert_eq!(*kept.made(), b"1");
        assert!(matches!(look(), Look::Renewed));
        assert_eq!(*kept.made(), b"2");
        assert!(matches!(look(), Look::Same));

        write(1, "3");
        assert!(matches!(look(), Look::Same));
        let Look::Refused(error) = look() else { panic!("it stays broken") };
        assert!(error.to_string().contains(&paths[1].display().to_string()), "{error}");
        assert!(matches!(look(), Look::Same), "it was told");
        assert!(matches!(kept.look(now, true), Look::Refused(_)), "somebody asks");
        assert_eq!(*kept.made(), b"2");

        std::fs::remove_file(&paths[1]).unwrap();
        look();
        assert!(matches!(look(), Look::Refused(Error::Unreadable { .. })));
        // Back to what is in force, and broken as before: that is news again.
        write(1, "2");
        look();
        assert!(matches!(look(), Look::Same));
        write(1, "3");
        look();
        assert!(matches!(look(), Look::Refused(_)));
        write(0, "3");
        assert!(matches!(kept.look(now, true), Look::Renewed), "asked for, it is taken at once");
    }
}
