//! `mapek backup`.

use std::{
    collections::BTreeMap, fs, io::Write as _, os::unix::fs::DirBuilderExt as _, path::Path,
    process::ExitCode,
};

use mapek::{
    Clock as _, SystemClock,
    execute::verify,
    store::{SqliteReader, copy},
};

use super::{BackupError, Kept, MANIFEST, Manifest, part::Part, settle};
use crate::{
    cli::BackupArgs,
    command::{
        Done, configuration,
        output::{Out, Table, plain},
    },
    config::Config,
};

/// Copies all that a loop cannot do without, beside a running one too. Exit code 1 if the journal was found damaged: the copy is made all
/// the same, as there may be no better one.
pub(in crate::command) fn backup(args: &BackupArgs) -> Done {
    let config = configuration(&args.config)?.config;
    let manifest = save(&config, &args.directory)?;
    let mut out = Out::stdout();
    if args.json {
        out.json(&manifest)?;
    } else {
        let row = |what: &str, value: String| [what.to_owned(), value];
        let files = manifest
            .parts
            .iter()
            .map(|(name, kept)| row(name, format!("{} bytes, sha256 {}", kept.bytes, kept.sha256)));
        let sound = if manifest.sound { "yes" } else { "NO: `mapek journal verify` tells where" };
        let about = [
            row("backup", plain(&args.directory.display().to_string())),
            row("newest record", manifest.head.to_string()),
            row("journal is sound", sound.to_owned()),
        ];
        out.table(&Table::of(about.into_iter().chain(files)))?;
    }
    Ok(if manifest.sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn save(config: &Config, to: &Path) -> Result<Manifest, BackupError> {
    let journal = config.execute.state_dir.join(Part::Journal.name());
    if !journal.is_file() {
        let directory = config.execute.state_dir.clone();
        return Err(BackupError::NoJournal { directory });
    }
    empty(to)?;
    let mut parts = BTreeMap::new();
    for part in Part::ALL {
        let Some(from) = part.place(config).filter(|it| it.is_file()) else { continue };
        let path = to.join(part.name());
        if part.is_database() {
            copy(&from, &path).map_err(BackupError::store(&from))?;
        } else {
            // It is replaced whole, never written in place.
            fs::copy(&from, &path).map_err(BackupError::io("copy", &from))?;
            let flushed = fs::File::open(&path).and_then(|it| it.sync_all());
            flushed.map_err(BackupError::io("flush", &path))?;
        }
        parts.insert(part.name().to_owned(), Kept::of(&path)?);
    }
    let copied = to.join(Part::Journal.name());
    let reader = SqliteReader::open(&copied).map_err(BackupError::store(&copied))?;
    let verified = verify(&reader).map_err(BackupError::store(&copied))?;
    let manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: SystemClock::new().now(),
        target: config.orchestrator.target.clone(),
        journal: verified.journal,
        head: verified.head,
        sound: verified.is_sound(),
        parts,
    };
    write(&to.join(MANIFEST), &manifest)?;
    settle(to)?;
    Ok(manifest)
}

/// Makes the directory, for nobody else's eyes, unless it is there and empty.
fn empty(directory: &Path) -> Result<(), BackupError> {
    let failed = BackupError::io("make", directory);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    let mut there = fs::read_dir(directory).map_err(BackupError::io("read", directory))?;
    match there.next() {
        None => Ok(()),
        Some(_) => Err(BackupError::InTheWay { path: directory.to_owned() }),
    }
}

fn write(path: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let failed = |error| BackupError::io("write", path)(error);
    let mut file = fs::File::create_new(path).map_err(failed)?;
    let text = serde_json::to_vec_pretty(manifest).map_err(|error| failed(error.into()))?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)
}
