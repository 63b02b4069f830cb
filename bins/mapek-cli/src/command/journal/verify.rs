//! `mapek journal verify`.

use mapek::{
    execute::{Damage, Verified, verify as look},
    model::Sequence,
};
use serde::Serialize;

use super::{code, file, open, unreadable};
use crate::{
    cli::JournalVerifyArgs,
    command::{
        Done,
        output::{Out, OutputError, Table, plain},
    },
};

/// Most places of damage that are printed for people.
const SHOWN_MAX: usize = 10;

/// What is printed as JSON.
#[derive(Serialize)]
struct Told<'a> {
    /// Which file.
    file: String,
    /// Whether nothing is damaged.
    sound: bool,
    #[serde(flatten)]
    verified: &'a Verified,
}

/// Says whether the journal is what its writer left, and where it is not.
pub(super) fn verify(args: &JournalVerifyArgs) -> Done {
    let path = file(&args.path);
    let reader = open(&path)?;
    let broken = reader.damage().map_err(unreadable(&path))?;
    let mut verified = look(&reader).map_err(unreadable(&path))?;
    if let Some(reason) = broken {
        let reason = format!("SQLite finds the file damaged: {reason}");
        verified.damage.insert(0, Damage { record: None, reason });
    }
    let mut out = Out::stdout();
    let name = path.display().to_string();
    if args.json {
        out.json(&Told { file: name, sound: verified.is_sound(), verified: &verified })?;
    } else {
        tell(&mut out, &name, &verified)?;
    }
    Ok(code(verified.is_sound()))
}

fn tell(out: &mut Out, name: &str, verified: &Verified) -> Result<(), OutputError> {
    let row = |what: &str, value: String| [what.to_owned(), value];
    let id =
        verified.journal.map_or_else(|| "nothing is written in it".to_owned(), |it| it.to_string());
    let pruned = match verified.pruned {
        none if none == Sequence::default() => String::new(),
        through => format!("; pruned through {through}"),
    };
    let Verified { records, epoch, executions, values, head, hash, .. } = verified;
    out.table(&Table::of([
        row("file", plain(name)),
        row("journal", id),
        row("records", format!("{records}, epoch {epoch}{pruned}")),
        row("executions", executions.to_string()),
        row("values", values.to_string()),
        row("head", format!("{head} {hash}")),
        row("sound", if verified.is_sound() { "yes" } else { "NO" }.to_owned()),
    ]))?;
    for damage in verified.damage.iter().take(SHOWN_MAX) {
        let place = damage.record.map_or_else(
            || "the file".to_owned(),
            |at| format!("record {at} (row {at} of the table records)"),
        );
        out.line(format_args!("DAMAGED {place}: {}", plain(&damage.reason)))?;
    }
    let more = verified.damage.len().saturating_sub(SHOWN_MAX) as u64 + verified.more;
    if more > 0 {
        out.line(format_args!("and {more} more; --json tells them"))?;
    }
    Ok(())
}
