//! `mapek restore`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use mapek::store::SqliteStore;

use super::{BackupError, Kept, MANIFEST, Manifest, part::Part, settle};
use crate::{
    cli::RestoreArgs,
    command::{Done, act, configuration, output::Out},
    config::Config,
};

/// Epochs that are left out: more than there can have been starts since the backup. A managed system refuses calls of an epoch that is older than the
/// newest it has seen, and the backup does not know which that is.
const EPOCHS_SKIPPED: u32 = 1_000_000;

/// Puts a backup where the configuration wants a loop's files, and pauses that loop: what was under way then is long over, and a person has
/// to look before it goes on.
pub(in crate::command) fn restore(args: &RestoreArgs) -> Done {
    let config = configuration(&args.config)?.config;
    let manifest = whole(&args.directory)?;
    let places = places(&config, &manifest)?;
    let state = &config.execute.state_dir;
    let why = format!("put back from a backup of {}", manifest.made_at);
    let pause = act::latch(state, &why)?;
    for (part, place) in &places {
        put(&args.directory.join(part.name()), place)?;
    }
    let journal = state.join(Part::Journal.name());
    let store = SqliteStore::open(&journal).map_err(BackupError::store(&journal))?;
    store.skip_epochs(EPOCHS_SKIPPED).map_err(BackupError::store(&journal))?;
    let (made_at, head, pause) = (manifest.made_at, manifest.head, pause.display());
    Out::stdout().line(format_args!(
        "put back as of {made_at}, up to record {head}; the loop is paused by {pause}: start it, see what it takes for \
         under way (`mapek executions list`), remove the file, and resume"
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// What the backup holds, once every file of it was found as it was.
fn whole(directory: &Path) -> Result<Manifest, BackupError> {
    let not_whole = |why: String| BackupError::NotWhole { directory: directory.to_owned(), why };
    let text = fs::read(directory.join(MANIFEST))
        .map_err(|error| not_whole(format!("{MANIFEST} cannot be read: {error}")))?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| not_whole(format!("{MANIFEST} makes no sense: {error}")))?;
    for (name, kept) in &manifest.parts {
        let part = Part::ALL.into_iter().find(|part| part.name() == name);
        let part = part.ok_or_else(|| not_whole(format!("this version knows no {name}")))?;
        let path = directory.join(part.name());
        if !path.is_file() {
            return Err(not_whole(format!("{name} is missing")));
        }
        if Kept::of(&path)? != *kept {
            return Err(not_whole(format!("{name} is not what it was when it was made")));
        }
    }
    if manifest.parts.contains_key(Part::Journal.name()) {
        Ok(manifest)
    } else {
        Err(not_whole(format!("it has no {}", Part::Journal.name())))
    }
}

/// Where each part goes, in the order in which they are put back: the journal last, so that what was interrupted is no loop that could run.
fn places(config: &Config, manifest: &Manifest) -> Result<Vec<(Part, PathBuf)>, BackupError> {
    let mut places = Vec::new();
    for part in [Part::Inbox, Part::Checkpoint, Part::Knowledge, Part::Journal] {
        let place = part.place(config);
        // A log that was left behind would be taken for that of the file that is put back.
        let log = place.as_deref().filter(|_| part.is_database()).map(log_of);
        if let Some(path) = place.iter().chain(&log).find(|path| path.exists()) {
            return Err(BackupError::InTheWay { path: path.clone() });
        }
        if manifest.parts.contains_key(part.name()) {
            places.push((part, place.ok_or(BackupError::NoPlace)?));
        }
    }
    Ok(places)
}

/// The write-ahead log that SQLite has beside a database.
fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn put(from: &Path, to: &Path) -> Result<(), BackupError> {
    let directory = to.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(BackupError::io("make", directory))?;
    let beside = to.with_added_extension("new");
    fs::copy(from, &beside).map_err(BackupError::io("copy", from))?;
    let flushed = fs::File::open(&beside).and_then(|it| it.sync_all());
    flushed.map_err(BackupError::io("flush", &beside))?;
    fs::rename(&beside, to).map_err(BackupError::io("rename", &beside))?;
    settle(directory)
}
