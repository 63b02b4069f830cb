//! The statements. Each function runs within a transaction that its caller holds.

use mapek_model::{ActionKind, CauseKind, ContentHash, PlanSignature, Sequence, Verdict};
use mapek_store::rusqlite::{Connection, OptionalExtension, Result, params};

use crate::{
    Cursor, Error, Filter, Limits, Recorded,
    row::{IdleKey, Row},
    tallies::Tallies,
};

/// An id that is none is somebody's vandalism, and reads as that of no journal.
pub(super) fn cursor(connection: &Connection) -> Result<Cursor> {
    connection.query_row("SELECT journal, cursor FROM state", (), |row| {
        let journal: Option<Vec<u8>> = row.get(0)?;
        let journal =
            journal.and_then(|bytes| Some(ContentHash::from_bytes(bytes.try_into().ok()?)));
        let sequence = Sequence::new(u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0));
        Ok(Cursor { journal, sequence })
    })
}

/// Within one journal it never moves back. Answers where it is then.
pub(super) fn set_cursor(connection: &Connection, to: Cursor) -> Result<Cursor> {
    let cursor = cursor(connection)?.moved(to);
    write_cursor(connection, cursor)?;
    Ok(cursor)
}

pub(super) fn write_cursor(connection: &Connection, to: Cursor) -> Result<()> {
    // SQLite counts to 2^63; no journal gets there.
    let sequence = i64::try_from(to.sequence.get()).unwrap_or(i64::MAX);
    let journal = to.journal.as_ref().map(ContentHash::as_bytes);
    connection.execute("UPDATE state SET journal = ?1, cursor = ?2", params![journal, sequence])?;
    Ok(())
}

/// An outcome as it lies in its table.
struct Old {
    target: String,
    cause: String,
    signature: String,
    verdict: String,
    time_ms: Option<i64>,
    judged_us: i64,
    body: String,
}

impl Old {
    fn find(connection: &Connection, execution: &str) -> Result<Option<Self>> {
        connection
            .prepare_cached(
                "SELECT target, cause, signature, verdict, time_ms, judged_us, body
                 FROM outcomes WHERE execution = ?1",
            )?
            .query_row([execution], |row| {
                Ok(Self {
                    target: row.get(0)?,
                    cause: row.get(1)?,
                    signature: row.get(2)?,
                    verdict: row.get(3)?,
                    time_ms: row.get(4)?,
                    judged_us: row.get(5)?,
                    body: row.get(6)?,
                })
            })
            .optional()
    }

    fn says(&self, row: &Row) -> bool {
        self.target == row.place.target.as_str()
            && self.cause == row.place.cause.as_str()
            && self.signature == row.place.signature.to_string()
            && self.verdict == row.count.verdict.as_str()
            && self.time_ms == row.count.time_to_effect_ms
            && self.judged_us == row.judged_us
            && (self.body.is_empty() || self.body == row.body)
    }

    fn forget(&self, connection: &Connection, execution: &str) -> Result<()> {
        connection
            .prepare_cached("DELETE FROM outcomes WHERE execution = ?1")?
            .execute([execution])?;
        connection.prepare_cached("UPDATE state SET outcomes = outcomes - 1")?.execute(())?;
        let place = [self.target.as_str(), &self.cause, &self.signature];
        count(connection, place, &self.verdict, self.time_ms, -1)
    }
}

pub(super) fn upsert(connection: &Connection, row: &Row) -> Result<Recorded> {
    let execution = row.execution.to_string();
    let recorded = match Old::find(connection, &execution)? {
        None => Recorded::New,
        Some(old) if old.says(row) => return Ok(Recorded::Unchanged),
        Some(old) => {
            old.forget(connection, &execution)?;
            Recorded::Replaced
        }
    };
    let (signature, verdict) = (row.place.signature.to_string(), row.count.verdict.as_str());
    let place = [row.place.target.as_str(), row.place.cause.as_str(), &signature];
    let [target, cause, _] = place;
    connection
        .prepare_cached("INSERT INTO outcomes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            execution,
            target,
            cause,
            signature,
            verdict,
            row.count.time_to_effect_ms,
            row.judged_us,
            row.body
        ])?;
    connection.prepare_cached("UPDATE state SET outcomes = outcomes + 1")?.execute(())?;
    count(connection, place, verdict, row.count.time_to_effect_ms, 1)?;
    Ok(recorded)
}

/// Adds `n` (which may be negative) to what is counted at a place.
fn count(
    connection: &Connection,
    [target, cause, signature]: [&str; 3],
    verdict: &str,
    time_ms: Option<i64>,
    n: i64,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO counts VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET n = n + excluded.n",
        )?
        .execute(params![target, cause, signature, verdict, n])?;
    if let Some(time_ms) = time_ms {
        connection
            .prepare_cached(
                "INSERT INTO times VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET n = n + excluded.n",
            )?
            .execute(params![target, cause, signature, time_ms, n])?;
    }
    Ok(())
}

pub(super) fn upsert_idle(
    connection: &Connection,
    key: &IdleKey,
    verdict: Verdict,
    judged_us: i64,
) -> Result<Recorded> {
    let (target, cause) = (key.place.target.as_str(), key.place.cause.as_str());
    let id = params![target, cause, key.component, key.began_us];
    let old = connection
        .prepare_cached(
            "SELECT verdict, judged_us FROM idle
             WHERE target = ?1 AND cause = ?2 AND component = ?3 AND began_us = ?4",
        )?
        .query_row(id, |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))
        .optional()?;
    let recorded = match old {
        None => Recorded::New,
        Some((was, at)) if was == verdict.as_str() && at == judged_us => {
            return Ok(Recorded::Unchanged);
        }
        Some((was, _)) => {
            forget_idle(connection, target, cause, &key.component, key.began_us, &was)?;
            Recorded::Replaced
        }
    };
    let row = params![target, cause, key.component, key.began_us, verdict.as_str(), judged_us];
    connection.prepare_cached("INSERT INTO idle VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(row)?;
    connection.prepare_cached("UPDATE state SET idle = idle + 1")?.execute(())?;
    count(connection, [target, cause, ""], verdict.as_str(), None, 1)?;
    Ok(recorded)
}

fn forget_idle(
    connection: &Connection,
    target: &str,
    cause: &str,
    component: &str,
    began_us: i64,
    verdict: &str,
) -> Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM idle
             WHERE target = ?1 AND cause = ?2 AND component = ?3 AND began_us = ?4",
        )?
        .execute(params![target, cause, component, began_us])?;
    connection.prepare_cached("UPDATE state SET idle = idle - 1")?.execute(())?;
    count(connection, [target, cause, ""], verdict, None, -1)
}

/// Lets go of details beyond the history, and of outcomes beyond the last that are counted.
pub(super) fn prune(connection: &Connection, limits: Limits) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE outcomes SET body = '' WHERE execution IN (
                 SELECT execution FROM outcomes WHERE body <> ''
                 ORDER BY judged_us DESC, execution DESC LIMIT -1 OFFSET ?1)",
        )?
        .execute([limits.history])?;
    let (outcomes, idle): (i64, i64) = connection
        .prepare_cached("SELECT outcomes, idle FROM state")?
        .query_row((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let counted = i64::from(limits.counted);
    forget_oldest(connection, (outcomes - counted).max(0))?;
    forget_oldest_idle(connection, (idle - counted).max(0))
}

fn forget_oldest(connection: &Connection, n: i64) -> Result<()> {
    let oldest: Vec<String> = connection
        .prepare_cached("SELECT execution FROM outcomes ORDER BY judged_us, execution LIMIT ?1")?
        .query_map([n], |row| row.get(0))?
        .collect::<Result<_>>()?;
    for execution in oldest {
        if let Some(old) = Old::find(connection, &execution)? {
            old.forget(connection, &execution)?;
        }
    }
    Ok(())
}

fn forget_oldest_idle(connection: &Connection, n: i64) -> Result<()> {
    type Found = (String, String, String, i64, String);
    let oldest: Vec<Found> = connection
        .prepare_cached(
            "SELECT target, cause, component, began_us, verdict FROM idle
             ORDER BY judged_us, target, cause, component, began_us LIMIT ?1",
        )?
        .query_map([n], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?
        .collect::<Result<_>>()?;
    for (target, cause, component, began_us, verdict) in oldest {
        forget_idle(connection, &target, &cause, &component, began_us, &verdict)?;
    }
    Ok(())
}

/// Details of outcomes, judged last first.
pub(super) fn bodies(connection: &Connection, filter: &Filter, limit: u32) -> Result<Vec<String>> {
    connection
        .prepare_cached(
            "SELECT body FROM outcomes
             WHERE body <> '' AND (?1 IS NULL OR target = ?1) AND (?2 IS NULL OR cause = ?2)
                 AND (?3 IS NULL OR signature = ?3) AND (?4 IS NULL OR verdict = ?4)
                 AND (?5 IS NULL OR judged_us >= ?5)
             ORDER BY judged_us DESC, execution DESC LIMIT ?6",
        )?
        .query_map(
            params![
                filter.target.as_ref().map(|it| it.as_str()),
                filter.cause.as_ref().map(|it| it.as_str()),
                filter.signature.as_ref().map(ToString::to_string),
                filter.verdict.map(Verdict::as_str),
                filter.since.map(|it| it.as_microsecond()),
                limit
            ],
            |row| row.get(0),
        )?
        .collect()
}

/// A cause, a signature, and what was counted there.
pub(super) struct Found {
    cause: String,
    signature: String,
    what: What,
    n: i64,
}

enum What {
    Verdict(String),
    TimeMs(i64),
}

/// All that is counted on a target.
pub(super) fn counts(connection: &Connection, target: &str) -> Result<Vec<Found>> {
    let mut verdicts = connection.prepare_cached(
        "SELECT cause, signature, verdict, n FROM counts WHERE target = ?1 AND n > 0",
    )?;
    let mut times = connection.prepare_cached(
        "SELECT cause, signature, time_ms, n FROM times WHERE target = ?1 AND n > 0",
    )?;
    let verdicts = verdicts.query_map([target], |row| {
        let what = What::Verdict(row.get(2)?);
        Ok(Found { cause: row.get(0)?, signature: row.get(1)?, what, n: row.get(3)? })
    })?;
    let times = times.query_map([target], |row| {
        let what = What::TimeMs(row.get(2)?);
        Ok(Found { cause: row.get(0)?, signature: row.get(1)?, what, n: row.get(3)? })
    })?;
    verdicts.chain(times).collect()
}

/// Reads what was found as what was stored.
pub(super) fn tallies(found: Vec<Found>) -> std::result::Result<Tallies, Error> {
    let mut tallies = Tallies::default();
    for Found { cause, signature, what, n } in found {
        let cause = CauseKind::try_new(&cause).map_err(|error| Error::corrupt("cause", error))?;
        let signature: PlanSignature = signature
            .split('+')
            .filter(|word| !word.is_empty())
            .map(str::parse::<ActionKind>)
            .collect::<std::result::Result<Vec<_>, _>>()
            .map(PlanSignature::new)
            .map_err(|error| Error::corrupt("plan signature", error))?;
        let counts = tallies.place(cause, signature);
        let n = u64::try_from(n).unwrap_or(0);
        match what {
            What::Verdict(word) => counts.add(verdict(&word)?, n),
            What::TimeMs(ms) => counts.add_time(ms, n),
        }
    }
    Ok(tallies)
}

fn verdict(word: &str) -> std::result::Result<Verdict, Error> {
    let found = Verdict::ALL.iter().find(|verdict| verdict.as_str() == word).copied();
    found.ok_or_else(|| Error::corrupt("verdict", format!("{word:?} is none")))
}
