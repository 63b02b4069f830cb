//! Tries one input after the other, and keeps those that show something new.

use std::{
    collections::BTreeSet,
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

use mapek_model::ContentHash;
use rand::{SeedableRng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

use crate::{Bench, Target, corpus::home, inputs, mutate::mutated};

/// Most inputs that are mutated further.
const KEPT_MAX: usize = 4000;

/// Something that failed.
#[derive(Debug)]
pub struct Found {
    /// Where its input is now.
    pub path: PathBuf,
    /// What happened.
    pub what: String,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many inputs were tried.
    pub tried: u64,
    /// How many different shapes of answers and refusals there were.
    pub shapes: usize,
    /// What failed; each shape once.
    pub found: Vec<Found>,
}

/// Tries the corpus, then mutated inputs for as long as `goes_on` says so, told how many were tried.
///
/// # Errors
///
/// If the corpus cannot be read, or something that was found cannot be written.
pub fn run(
    bench: &Bench,
    target: Target,
    seed: u64,
    mut goes_on: impl FnMut(u64) -> bool,
) -> io::Result<Tally> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut kept: Vec<Vec<u8>> = inputs(target)?.into_iter().map(|input| input.bytes).collect();
    let (mut tally, mut shapes) = (Tally::default(), BTreeSet::new());
    let corpus = kept.clone();
    let mut corpus = corpus.into_iter();
    while goes_on(tally.tried) {
        let input = corpus.next().unwrap_or_else(|| {
            let pick = |rng: &mut _| kept.choose(rng).map_or(&[][..], Vec::as_slice);
            let (one, other) = (pick(&mut rng), pick(&mut rng));
            mutated(one, other, &mut rng)
        });
        tally.tried += 1;
        let (shape, failed) = match tried(bench, target, &input) {
            Ok(shape) => (shape, None),
            Err(what) => (crate::shape::words(&what), Some(what)),
        };
        if !shapes.insert(shape) {
            continue;
        }
        if let Some(what) = failed {
            tally.found.push(Found { path: keep(target, &input)?, what });
        } else if kept.len() < KEPT_MAX {
            kept.push(input);
        }
    }
    tally.shapes = shapes.len();
    Ok(tally)
}

/// The shape of what came of an input, or how it failed.
pub(crate) fn tried(bench: &Bench, target: Target, input: &[u8]) -> Result<String, String> {
    catch_unwind(AssertUnwindSafe(|| bench.try_one(target, input))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or("without a word")))
    })
}

fn keep(target: Target, input: &[u8]) -> io::Result<PathBuf> {
    let folder = home().join("found").join(target.as_str());
    fs::create_dir_all(&folder)?;
    let path = folder.join(ContentHash::of(input).short());
    fs::write(&path, input)?;
    Ok(path)
}
