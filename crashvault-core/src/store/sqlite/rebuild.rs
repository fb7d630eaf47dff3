//! Derived state, made again from the ground records beside the old, while others read and write.
//!
//! The new tables are filled in short transactions and take the place of the old in one. A process that is killed before
//! leaves tables that nobody reads; the next rebuild drops them.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::derive::Deriver;
use super::ground::{self, Damaged, Owned};
use super::homes::{self, Belonging, Moved};
use super::likeness::{self, Bearer};
use super::names::Names;
use super::payload::Decoder;
use super::side::{Side, TABLES};
use super::{Failed, act, dump, react, write};
use crate::error::{Error, ErrorKind};
use crate::event::EventId;

/// Events taken in by one transaction: others wait to write for so long.
const STEP_EVENTS: usize = 4096;

/// Variants taken in by one transaction.
const STEP_VARIANTS: usize = 1024;

/// How often a rebuild begins anew because events left their places meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// What a rebuild did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RebuildReport {
    /// Events that were read.
    pub event_count: u64,
    /// Issues there are now.
    pub issue_count: u64,
}

pub(super) fn rebuild(conn: &mut Connection, decoder: &Decoder) -> Result<RebuildReport, Failed> {
    for _ in 0..ATTEMPTS_MAX {
        let mut aside = Aside::begin(conn)?;
        aside.catch_up(conn, decoder)?;
        let transaction = write::begin(conn)?;
        if aside.is_outdated(&transaction)? {
            continue;
        }
        aside.complete(&transaction, decoder)?;
        let report = report(&transaction)?;
        put_in_place(&transaction)?;
        transaction.commit()?;
        match sweep(conn) {
            // The rebuild is done; the next one sweeps up behind it.
            Err(source) if is_busy(&source) => {}
            swept => swept?,
        }
        return Ok(report);
    }
    Err(outdated())
}

/// Makes derived state again and says where the one that is read differs, in words; nothing is changed.
pub(super) fn verify(conn: &mut Connection, decoder: &Decoder) -> Result<Vec<String>, Failed> {
    for _ in 0..ATTEMPTS_MAX {
        let mut aside = Aside::begin(conn)?;
        aside.catch_up(conn, decoder)?;
        let transaction = write::begin(conn)?;
        if aside.is_outdated(&transaction)? {
            continue;
        }
        aside.complete(&transaction, decoder)?;
        // Both sides are of one moment only while nobody writes.
        let differences = dump::differences(&transaction)?;
        transaction.commit()?;
        sweep(conn)?;
        return Ok(differences);
    }
    Err(outdated())
}

/// Makes the tables of derived state in a vault that has none, within the migration that calls.
pub(super) fn make_tables(transaction: &Transaction<'_>) -> Result<(), Failed> {
    Ok(Side::Live.create(transaction, 0)?)
}

/// Fills these tables. Events that are damaged belong to no issue then: one of them must not keep a vault closed.
pub(super) fn derive_in_place(
    transaction: &Transaction<'_>,
    decoder: &Decoder,
) -> Result<(), Failed> {
    let mut aside = Aside {
        damaged: Damaged::Skipped,
        ..Aside::new(transaction, Side::Live)?
    };
    aside.complete(transaction, decoder)
}

fn is_busy(source: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(
        source.sqlite_error_code(),
        Some(DatabaseBusy | DatabaseLocked)
    )
}

fn outdated() -> Failed {
    let message = "events were moved or removed all the time; try again when that is done";
    Error::new(ErrorKind::Busy, "rebuild", message).into()
}

/// The state that is being made, and how far it is.
struct Aside {
    side: Side,
    damaged: Damaged,
    names: Names,
    removals: i64,
    reached: i64,
    /// The last sketch of a variant that was taken in.
    sketches_reached: i64,
    moves: HashMap<EventId, Moved>,
    belonging: Belonging,
    stacks: HashSet<i64>,
    /// Issues that do not show their newest event yet.
    faceless: BTreeSet<i64>,
}

impl Aside {
    fn begin(conn: &mut Connection) -> Result<Self, Failed> {
        sweep(conn)?;
        let transaction = write::begin(conn)?;
        let rebuilds: i64 =
            transaction.query_row("SELECT rebuilds FROM ledger", [], |row| row.get(0))?;
        transaction.execute("UPDATE ledger SET rebuilds = rebuilds + 1", [])?;
        Side::Rebuilt.create(&transaction, rebuilds + 1)?;
        let aside = Self::new(&transaction, Side::Rebuilt)?;
        transaction.commit()?;
        Ok(aside)
    }

    fn new(conn: &Connection, side: Side) -> Result<Self, Failed> {
        let belonging = homes::decided(conn)?;
        homes::keep(conn, side, &belonging)?;
        Ok(Self {
            side,
            damaged: Damaged::Refused,
            names: Names::default(),
            removals: removals(conn)?,
            reached: 0,
            sketches_reached: 0,
            // The last one of an event counts.
            moves: act::moves(conn)?.into_iter().collect(),
            belonging,
            stacks: HashSet::new(),
            faceless: BTreeSet::new(),
        })
    }

    fn is_outdated(&self, conn: &Connection) -> rusqlite::Result<bool> {
        Ok(removals(conn)? != self.removals)
    }

    /// Takes in events in steps until there are only few left.
    fn catch_up(&mut self, conn: &mut Connection, decoder: &Decoder) -> Result<(), Failed> {
        loop {
            // Read and unpacked before the transaction begins: others wait for the inserts alone.
            let events = self.next_events(conn, decoder)?;
            if events.is_empty() {
                break;
            }
            let transaction = write::begin(conn)?;
            self.derive(&transaction, &events)?;
            transaction.commit()?;
        }
        loop {
            let bearers = likeness::bearers(conn, self.sketches_reached, STEP_VARIANTS)?;
            if bearers.is_empty() {
                break;
            }
            let transaction = write::begin(conn)?;
            self.derive_likeness(&transaction, &bearers)?;
            transaction.commit()?;
        }
        while !self.faceless.is_empty() {
            let transaction = write::begin(conn)?;
            self.put_faces(&transaction, decoder, STEP_EVENTS)?;
            transaction.commit()?;
        }
        Ok(())
    }

    /// Takes in what is left, and what does not come from events.
    fn complete(&mut self, transaction: &Transaction<'_>, decoder: &Decoder) -> Result<(), Failed> {
        loop {
            let events = self.next_events(transaction, decoder)?;
            if events.is_empty() {
                break;
            }
            self.derive(transaction, &events)?;
        }
        loop {
            let bearers = likeness::bearers(transaction, self.sketches_reached, STEP_VARIANTS)?;
            if bearers.is_empty() {
                break;
            }
            self.derive_likeness(transaction, &bearers)?;
        }
        self.put_faces(transaction, decoder, usize::MAX)?;
        self.add_residue(transaction)?;
        let mut decided = transaction.prepare("SELECT DISTINCT issue FROM activity")?;
        let decided: Vec<i64> = decided
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for issue in decided {
            react::refresh(transaction, self.side, issue)?;
        }
        Ok(())
    }

    fn next_events(&self, conn: &Connection, decoder: &Decoder) -> Result<Vec<Owned>, Failed> {
        let mut events = ground::events(
            conn,
            decoder,
            self.reached,
            STEP_EVENTS,
            self.damaged,
            &self.stacks,
        )?;
        for owned in &mut events {
            let (project, variant) = owned.key;
            let moved = self.moves.get(&owned.event_id);
            owned.is_moved = moved.is_some();
            owned.issue = match moved {
                Some(moved) => self.belonging.of_moved(moved),
                None => self.belonging.of_variant(project, variant, owned.issue),
            };
        }
        Ok(events)
    }

    fn derive(&mut self, transaction: &Transaction<'_>, events: &[Owned]) -> Result<(), Failed> {
        let mut deriver = Deriver::new(transaction, self.side, &mut self.names);
        for owned in events {
            for (id, frames) in &owned.new_stacks {
                if self.stacks.insert(*id) {
                    deriver.add_stack(*id, frames);
                }
            }
            deriver.add(&owned.item())?;
        }
        let touched = deriver.finish()?;
        self.faceless.extend(touched.iter().map(|(issue, _)| issue));
        self.reached = events.last().map_or(self.reached, |owned| owned.sequence);
        Ok(())
    }

    fn derive_likeness(
        &mut self,
        transaction: &Transaction<'_>,
        bearers: &[Bearer],
    ) -> rusqlite::Result<()> {
        for bearer in bearers {
            likeness::derive(transaction, self.side, bearer)?;
            self.sketches_reached = bearer.id;
        }
        Ok(())
    }

    /// Lets issues show their newest events, which only now are known to be so.
    fn put_faces(
        &mut self,
        transaction: &Transaction<'_>,
        decoder: &Decoder,
        count_max: usize,
    ) -> Result<(), Failed> {
        for _ in 0..count_max {
            let Some(issue) = self.faceless.pop_first() else {
                break;
            };
            let newest: Option<[u8; 16]> = transaction
                .prepare_cached(
                    &self
                        .side
                        .sql("SELECT last_event FROM derived_issue WHERE number = ?1"),
                )?
                .query_row([issue], |row| row.get(0))
                .optional()?;
            let newest = newest.map(EventId::from_bytes);
            let face = newest.map(|newest| ground::face(transaction, decoder, newest));
            // One that left meanwhile makes this rebuild outdated, which is found in the end.
            let Some(face) = face.transpose()?.flatten() else {
                continue;
            };
            let sql = self.side.sql(
                "UPDATE derived_issue SET platform = ?2, title = ?3, culprit = ?4 WHERE number = ?1",
            );
            transaction.prepare_cached(&sql)?.execute(params![
                issue,
                face.platform,
                face.title,
                face.culprit
            ])?;
        }
        Ok(())
    }

    fn add_residue(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        for sql in [
            "INSERT OR IGNORE INTO derived_shelf (id, issue)
             SELECT DISTINCT r.shelf, coalesce(t.issue, a.target, j.issue, r.shelf - 1073741824)
             FROM residue r LEFT JOIN variant_join j ON j.id = r.shelf
             LEFT JOIN derived_taken_out t ON t.project = j.project AND t.variant = j.variant
             LEFT JOIN derived_alias a ON a.issue = coalesce(j.issue, r.shelf - 1073741824)",
            "INSERT INTO derived_hour (issue, hour, count)
             SELECT s.issue, r.hour, sum(r.count) FROM residue r
             JOIN derived_shelf s ON s.id = r.shelf
             JOIN derived_issue i ON i.number = s.issue
             GROUP BY s.issue, r.hour
             ON CONFLICT (issue, hour) DO UPDATE SET count = count + excluded.count",
            "UPDATE derived_issue SET seen_count = seen_count + t.count,
                 level = max(level, t.worst), first_seen = min(first_seen, t.earliest)
             FROM (SELECT s.issue AS issue, sum(r.count) AS count, max(r.level) AS worst,
                     min(r.first_seen) AS earliest
                 FROM residue r JOIN derived_shelf s ON s.id = r.shelf GROUP BY s.issue) t
             WHERE t.issue = number",
        ] {
            transaction.execute(&self.side.sql(sql), [])?;
        }
        Ok(())
    }
}

fn removals(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("SELECT removals FROM ledger", [], |row| row.get(0))
}

fn report(conn: &Connection) -> rusqlite::Result<RebuildReport> {
    conn.query_row(
        "SELECT events, (SELECT count(*) FROM rebuilt_issue) FROM rebuilt_total",
        [],
        |row| {
            Ok(RebuildReport {
                event_count: super::read::unsigned(row.get(0)?)?,
                issue_count: super::read::unsigned(row.get(1)?)?,
            })
        },
    )
}

/// The old tables are only renamed here; dropping them takes long and can be done later.
fn put_in_place(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    for table in TABLES {
        transaction.execute_batch(&format!(
            "ALTER TABLE derived_{table} RENAME TO dropped_{table};
             ALTER TABLE rebuilt_{table} RENAME TO derived_{table};"
        ))?;
    }
    Ok(())
}

/// Drops tables of rebuilds that are over, one at a time, and gives their room back.
pub(super) fn sweep(conn: &Connection) -> rusqlite::Result<()> {
    let mut swept = false;
    for table in TABLES {
        for prefix in ["rebuilt", "dropped"] {
            let name = format!("{prefix}_{table}");
            let is_there: bool = conn.query_row(
                "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1)",
                [&name],
                |row| row.get(0),
            )?;
            if is_there {
                conn.execute_batch(&format!("DROP TABLE {name}"))?;
                swept = true;
            }
        }
    }
    match swept {
        true => super::space::shrink(conn),
        false => Ok(()),
    }
}
