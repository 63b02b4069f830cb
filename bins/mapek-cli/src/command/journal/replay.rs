//! `mapek journal replay`.

use std::{cell::RefCell, collections::BTreeMap, path::Path};

use mapek::{
    Deciders, Difference, Recalled, Replay,
    execute::{Body, CycleInputs, Record, scan},
    model::ContentHash,
    store::{SqliteReader, Store as _},
};
use serde::Serialize;

use super::{JournalError, code, file, open, unreadable};
use crate::{
    cli::JournalReplayArgs,
    command::{
        Done, note,
        output::{Out, OutputError, plain},
    },
    compose,
    config::{self, Config},
};

/// Most differences of one cycle that are printed for people.
const SHOWN_MAX: usize = 5;

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Summary {
    /// Cycles in the journal.
    cycles: u64,
    /// Those of which all could be compared.
    compared: u64,
    /// Those that are decided otherwise than then.
    differing: Vec<Recalled>,
    /// How many could not be compared in full, by why.
    skipped: BTreeMap<String, u64>,
    /// Records that cannot be trusted, and were left out.
    damaged: u64,
}

/// Decides each cycle of the journal once more, and says what differs.
pub(super) fn replay(args: &JournalReplayArgs) -> Done {
    let path = file(&args.path);
    let asked = match &args.config {
        Some(path) => {
            let config = config::load(Some(path), std::env::vars())?.config;
            Asked::Always(Box::new(compose::deciders(&config)?))
        }
        None => Asked::Then(BTreeMap::new()),
    };
    let reader = open(&path)?;
    let mut replaying = Replaying::new(&path, &reader, asked);
    scan(&reader, |item| replaying.expect(item.ok().as_ref())).map_err(unreadable(&path))?;
    scan(&reader, |item| replaying.take(item.ok().as_ref())).map_err(unreadable(&path))?;
    let summary = replaying.finish()?;
    let mut out = Out::stdout();
    if args.json {
        out.json(&summary)?;
    } else {
        tell(&mut out, &summary)?;
    }
    if summary.damaged > 0 {
        let count = summary.damaged;
        note(format_args!("{count} records cannot be trusted: mapek journal verify says which"));
    }
    Ok(code(summary.differing.is_empty()))
}

/// Who is asked.
enum Asked {
    /// These, whatever was in force.
    Always(Box<Deciders>),
    /// Those of the configuration that was in force.
    Then(BTreeMap<ContentHash, Deciders>),
}

impl Asked {
    fn of(&self, configuration: Option<&ContentHash>) -> Option<&Deciders> {
        match self {
            Self::Always(deciders) => Some(deciders),
            Self::Then(known) => known.get(configuration?),
        }
    }
}

struct Replaying<'a> {
    path: &'a Path,
    reader: &'a SqliteReader,
    replay: Replay,
    asked: Asked,
    /// The configuration of the cycle at hand.
    configuration: Option<ContentHash>,
    summary: Summary,
    failed: Option<miette::Report>,
}

impl<'a> Replaying<'a> {
    fn new(path: &'a Path, reader: &'a SqliteReader, asked: Asked) -> Self {
        let (replay, summary) = (Replay::default(), Summary::default());
        Self { path, reader, replay, asked, configuration: None, summary, failed: None }
    }

    fn expect(&mut self, record: Option<&Record>) {
        match record {
            Some(record) => self.replay.expect(record),
            None => self.summary.damaged += 1,
        }
    }

    fn take(&mut self, record: Option<&Record>) {
        let Some(record) = record.filter(|_| self.failed.is_none()) else { return };
        if let Body::Cycle(inputs) = &record.body {
            self.configuration = inputs.configuration;
            if let Err(report) = self.know(inputs) {
                self.failed = Some(report);
                return;
            }
        }
        let failed = RefCell::new(None);
        let values = |hash: &ContentHash| match self.reader.blob(hash) {
            Ok(found) => found,
            Err(error) => {
                failed.replace(Some(error));
                None
            }
        };
        let deciders = self.asked.of(self.configuration.as_ref());
        let ended = self.replay.take(record, &values, deciders);
        self.summary.extend(ended);
        self.failed = failed.take().map(|error| unreadable(self.path)(error).into());
    }

    /// Puts together who decided then.
    fn know(&mut self, inputs: &CycleInputs) -> miette::Result<()> {
        let Asked::Then(known) = &mut self.asked else { return Ok(()) };
        let (path, cycle) = (self.path.to_owned(), inputs.number.get());
        let missing = JournalError::NoConfiguration { path, cycle };
        let Some(hash) = &inputs.configuration else { return Err(missing.into()) };
        if known.contains_key(hash) {
            return Ok(());
        }
        let kept = self.reader.blob(hash).map_err(unreadable(self.path))?.ok_or(missing)?;
        let config: Config = serde_json::from_slice(&kept)
            .map_err(|source| JournalError::OldConfiguration { cycle, source })?;
        known.insert(*hash, compose::deciders(&config)?);
        Ok(())
    }

    fn finish(mut self) -> miette::Result<Summary> {
        if let Some(report) = self.failed {
            return Err(report);
        }
        self.summary.extend(self.replay.finish());
        let Summary { cycles, compared, skipped, .. } = &self.summary;
        if *cycles > 0 && *compared == 0 {
            let why = skipped.keys().next().cloned().unwrap_or_default();
            return Err(JournalError::NothingKept { path: self.path.to_owned(), why }.into());
        }
        Ok(self.summary)
    }
}

impl Summary {
    fn extend(&mut self, ended: Option<Recalled>) {
        let Some(cycle) = ended else { return };
        self.cycles += 1;
        self.compared += u64::from(cycle.skipped.is_empty());
        for why in &cycle.skipped {
            *self.skipped.entry(why.clone()).or_default() += 1;
        }
        if cycle.differs() {
            self.differing.push(cycle);
        }
    }
}

fn tell(out: &mut Out, summary: &Summary) -> Result<(), OutputError> {
    for cycle in &summary.differing {
        let Recalled { at, number, record, differences, .. } = cycle;
        out.line(format_args!("{at}  cycle {number} (record {record})"))?;
        for Difference { what, then, now } in differences.iter().take(SHOWN_MAX) {
            let text = |value: &Option<String>| plain(value.as_deref().unwrap_or("nothing"));
            let (then, now) = (text(then), text(now));
            out.line(format_args!("  {}: {then} then, {now} now", plain(what)))?;
        }
        if let more @ 1.. = differences.len().saturating_sub(SHOWN_MAX) {
            out.line(format_args!("  and {more} more; --json tells them"))?;
        }
    }
    let Summary { cycles, compared, differing, skipped, .. } = summary;
    let differing = differing.len();
    out.line(format_args!(
        "{cycles} cycles, of which {compared} were compared in full: {differing} decided otherwise"
    ))?;
    skipped.iter().try_for_each(|(why, count)| {
        out.line(format_args!("{count} were not compared in full: {}", plain(why)))
    })
}
