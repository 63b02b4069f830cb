//! `mapek backtest --journal`.

use std::{cell::RefCell, path::Path, process::ExitCode};

use mapek::{
    execute::scan,
    model::{ContentHash, Duration, Span},
    store::{Error, SqliteReader, Store as _},
};
use mapek_eval::backtest::JournalBacktest;
use miette::miette;

use super::{
    super::{Done, journal as file, note},
    Telling, Written, span, write,
};
use crate::{cli::BacktestArgs, compose, config::Config};

/// Hands what a journal kept of its cycles to analysis, planning and rails of the configuration, and prints what they would have made of it.
pub(super) fn run(args: &BacktestArgs, config: &Config, path: &Path) -> Done {
    let span = span(args, compose::system_clock().now())?;
    let deciders = compose::deciders(config)?;
    let path = file::file(path);
    let reader = file::open(&path)?;
    let mut backtest = JournalBacktest::new(&deciders, span.from(), span.to());
    let mut damaged = 0_u64;
    scan(&reader, |item| match item {
        Ok(record) => backtest.expect(&record),
        Err(_) => damaged += 1,
    })
    .map_err(file::unreadable(&path))?;
    // How far it is nobody has to be told: it is read in seconds.
    let moment = Span::ending_at(span.to(), Duration::ZERO);
    let mut telling = Telling::new(moment, args.cycles.as_deref())?;
    let lost = RefCell::new(None);
    let mut goes_on = true;
    scan(&reader, |item| {
        let Some(record) = item.ok().filter(|_| goes_on && lost.borrow().is_none()) else { return };
        if let Some(replayed) = backtest.take(&record, &|hash| value(&reader, hash, &lost)) {
            goes_on = telling.take(&replayed).is_continue();
        }
    })
    .map_err(file::unreadable(&path))?;
    if let Some(error) = lost.into_inner() {
        return Err(file::unreadable(&path)(error).into());
    }
    let Some((last, summary)) = backtest.finish() else {
        telling.close()?;
        return Err(miette!(
            help = "a journal keeps the cycles in which something was open, for execute.journal_retention",
            "{} has no cycle from {} to {}",
            path.display(),
            span.from(),
            span.to()
        ));
    };
    telling.close()?;
    if let Some(last) = last {
        telling.tell(&last)?;
        telling.close()?;
    }
    telling.conclude(&summary)?;
    if let Some(json) = &args.json {
        write(json, &Written::new(config, compose::hash(config)?.to_string(), None, &summary))?;
    }
    if damaged > 0 {
        note(format_args!("{damaged} records cannot be trusted: mapek journal verify says which"));
    }
    Ok(ExitCode::SUCCESS)
}

/// A value that was kept beside the journal; the first that cannot be read is remembered.
fn value(
    reader: &SqliteReader,
    hash: &ContentHash,
    lost: &RefCell<Option<Error>>,
) -> Option<Vec<u8>> {
    reader.blob(hash).unwrap_or_else(|error| {
        lost.borrow_mut().get_or_insert(error);
        None
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use mapek::{
        model::{Timestamp, later},
        store::{MemoryStore, Store},
    };
    use mapek_eval::{Error, Looped, Scenario, play};

    use super::*;
    use crate::config::RailsProfile;

    const OVERLOAD: &str = include_str!("../../../../../tests/scenarios/overload.yaml");

    /// The journal of a loop that was allowed to act, and its configuration.
    async fn lived() -> (Arc<MemoryStore>, Config) {
        let scenario: Scenario = serde_saphyr::from_str(OVERLOAD).unwrap();
        let mut config = Config::default();
        config.execute.rails.profile = RailsProfile::Auto;
        let store = Arc::new(MemoryStore::new());
        let (theirs, journal) = (config.clone(), Arc::clone(&store) as Arc<dyn Store>);
        let looped = Looped::new("mapek", move |seat| {
            compose::seated_over(&theirs, seat, Arc::clone(&journal))
                .map_err(Error::entrant("the loop"))
        });
        play(&Arc::new(scenario), 1, &looped).await.unwrap();
        (store, config)
    }

    /// What the plans that `config` proposes have brought about, as far as the journal tells, and in how many cycles.
    fn effects(store: &MemoryStore, config: &Config) -> BTreeMap<String, u64> {
        let deciders = compose::deciders(config).unwrap();
        let (from, to) =
            (Timestamp::UNIX_EPOCH, later(Timestamp::UNIX_EPOCH, Duration::from_secs(1 << 33)));
        let mut backtest = JournalBacktest::new(&deciders, from, to);
        scan(store, |record| backtest.expect(&record.unwrap())).unwrap();
        scan(store, |record| {
            backtest.take(&record.unwrap(), &|hash| store.blob(hash).unwrap());
        })
        .unwrap();
        let (_, summary) = backtest.finish().unwrap();
        let mut effects = BTreeMap::new();
        for (word, cycles) in summary.plans.into_values().flat_map(|plan| plan.effects) {
            *effects.entry(word).or_default() += cycles;
        }
        effects
    }

    #[tokio::test]
    async fn what_came_of_a_plan_is_told_of_whoever_proposes_the_same() {
        let (store, config) = lived().await;
        let same = effects(&store, &config);
        assert_eq!(same.get("then: success"), Some(&1), "{same:?}");
        assert!(same.get("unknown").is_some_and(|cycles| *cycles > 0), "{same:?}");
        // Who has something else in mind is told nothing of what it would have brought about.
        let mut other = config;
        other.plan.min_confidence = 1.0;
        let other = effects(&store, &other);
        assert!(other.keys().all(|word| word == "unknown"), "{other:?}");
    }
}
