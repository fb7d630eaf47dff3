//! Events that leave: deleted, given up by retention, moved to another issue. Derived state follows.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::Failed;
use super::derive::{Deriver, HOUR, Item};
use super::gist::NO_FACE;
use super::ground::Owned;
use super::names::Names;
use super::payload::{Decoder, is_damage};
use super::side::Side;
use super::{ground, homes, react};
use crate::store::facts;
use crate::time::Timestamp;

/// Events in memory at once that are moved.
const MOVED_TOGETHER_MAX: usize = 500;

/// Why an event leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// Nothing of it is to remain but that it must not come back.
    Delete,
    /// It is old: the issue goes on counting it, in the hour it happened in.
    Retire,
    /// It lies in an archive now, and may come back.
    Archive,
}

/// Takes events out and puts the issues they leave right, once each.
pub(super) struct Remover<'c> {
    conn: &'c Connection,
    names: &'c mut Names,
    decoder: &'c Decoder,
    issues: BTreeSet<i64>,
    /// Those of them that may not be shown yet, and whose hours are not known.
    recounted: BTreeSet<i64>,
    /// Issues that go on counting what left them, and keep their newest event.
    retired_from: BTreeSet<i64>,
    pub(super) removed: u64,
    pub(super) attachments: u64,
}

impl<'c> Remover<'c> {
    pub(super) fn new(conn: &'c Connection, names: &'c mut Names, decoder: &'c Decoder) -> Self {
        Self {
            conn,
            names,
            decoder,
            issues: BTreeSet::new(),
            recounted: BTreeSet::new(),
            retired_from: BTreeSet::new(),
            removed: 0,
            attachments: 0,
        }
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
        self.conn.prepare_cached(sql)?.execute(values)
    }

    /// Removes an event for good.
    pub(super) fn remove(
        &mut self,
        sequence: i64,
        how: Removal,
        at: Timestamp,
    ) -> Result<(), Failed> {
        let owned = ground::event(self.conn, self.decoder, sequence)?;
        self.remove_owned(&owned, how, at)
    }

    /// Deletes an event of an issue of which nothing is to remain, even if the event cannot be read.
    pub(super) fn delete_unread(&mut self, sequence: i64, at: Timestamp) -> Result<(), Failed> {
        let owned = match ground::event(self.conn, self.decoder, sequence) {
            Err(Failed::Own(error)) if is_damage(&error) => ground::unread(self.conn, sequence)?,
            owned => owned?,
        };
        self.remove_owned(&owned, Removal::Delete, at)
    }

    fn remove_owned(&mut self, owned: &Owned, how: Removal, at: Timestamp) -> Result<(), Failed> {
        let sequence = owned.sequence;
        let item = owned.item();
        self.take_out(&item, how != Removal::Retire)?;
        match how {
            Removal::Retire => self.retired_from.insert(item.issue),
            Removal::Delete | Removal::Archive => self.issues.insert(item.issue),
        };
        if how == Removal::Retire {
            self.run(
                "INSERT INTO residue (shelf, hour, level, count, first_seen) VALUES (?1, ?2, ?3, 1, ?4)
                 ON CONFLICT (shelf, hour) DO UPDATE SET count = count + 1,
                     level = max(level, excluded.level), first_seen = min(first_seen, excluded.first_seen)",
                params![
                    item.shelf(),
                    item.time.div_euclid(HOUR),
                    item.gist.level as u8,
                    item.time
                ],
            )?;
        }
        let id = item.event_id;
        let attachments = self.run(
            "DELETE FROM attachment WHERE event_id = ?1",
            [id.as_bytes()],
        )?;
        self.attachments += attachments as u64;
        if how == Removal::Delete {
            self.run("DELETE FROM item WHERE event_id = ?1", [id.as_bytes()])?;
        }
        self.run("DELETE FROM event_payload WHERE event = ?1", [sequence])?;
        self.run("DELETE FROM event WHERE ingest_sequence = ?1", [sequence])?;
        if how != Removal::Archive {
            self.run(
                "INSERT OR REPLACE INTO tombstone (event_id, removed_at) VALUES (?1, ?2)",
                params![id.as_bytes(), at.as_nanos()],
            )?;
        }
        self.removed += 1;
        Ok(())
    }

    /// Puts events into issues by hand, or (`None`) back where their variants belong.
    pub(super) fn move_events(&mut self, moves: &[(i64, Option<i64>)]) -> Result<(), Failed> {
        for step in moves.chunks(MOVED_TOGETHER_MAX) {
            self.move_some(step)?;
        }
        Ok(())
    }

    fn move_some(&mut self, moves: &[(i64, Option<i64>)]) -> Result<(), Failed> {
        let mut moved = Vec::with_capacity(moves.len());
        for (sequence, to) in moves {
            let mut owned = ground::event(self.conn, self.decoder, *sequence)?;
            let issue = match to {
                Some(issue) => *issue,
                None => ground::home(self.conn, owned.variant)?,
            };
            if (owned.issue, owned.is_moved) == (issue, to.is_some()) {
                continue;
            }
            self.take_out(&owned.item(), true)?;
            self.issues.insert(owned.issue);
            owned.is_moved = to.is_some();
            owned.issue = issue;
            moved.push(owned);
        }
        let mut deriver = Deriver::new(self.conn, Side::Live, self.names);
        for owned in &moved {
            deriver.add(&owned.item())?;
        }
        for (issue, is_new) in deriver.finish()? {
            if is_new {
                react::refresh(self.conn, Side::Live, issue)?;
            }
            self.issues.insert(issue);
        }
        Ok(())
    }

    /// Lets [`Remover::finish`] put an issue right whose events changed otherwise; it may come to be shown, or cease to.
    pub(super) fn touch(&mut self, issue: i64) {
        self.issues.insert(issue);
        self.recounted.insert(issue);
    }

    /// Forgets the values and users of an issue whose events were all deleted, also of those that could not be read.
    pub(super) fn forget_values(&self, issue: i64) -> Result<(), Failed> {
        self.run("DELETE FROM derived_issue_value WHERE issue = ?1", [issue])?;
        self.run("DELETE FROM derived_issue_user WHERE issue = ?1", [issue])?;
        Ok(())
    }

    /// Forgets how often the issue had been seen by events that retention removed.
    pub(super) fn forget_residue(&self, issue: i64) -> Result<(), Failed> {
        self.run(
            "DELETE FROM residue WHERE shelf IN (SELECT id FROM derived_shelf WHERE issue = ?1)",
            [issue],
        )?;
        Ok(())
    }

    /// Puts right what the issues say of themselves.
    pub(super) fn finish(self) -> Result<(), Failed> {
        for issue in &self.recounted {
            self.show(*issue)?;
        }
        for issue in &self.issues {
            self.settle(*issue)?;
        }
        for issue in &self.retired_from {
            self.run(
                "UPDATE derived_issue SET
                     user_count = (SELECT count(*) FROM derived_issue_user WHERE issue = ?1)
                 WHERE number = ?1",
                [issue],
            )?;
        }
        if !self.issues.is_empty() || !self.retired_from.is_empty() {
            self.run("UPDATE ledger SET removals = removals + 1", [])?;
        }
        Ok(())
    }

    fn take_out(&mut self, item: &Item<'_>, from_hour: bool) -> Result<(), Failed> {
        let document = item.document();
        let values = item.gist.values();
        for (fact, text) in values.filter(|(fact, _)| facts::is_counted(*fact)) {
            let key = self
                .names
                .key(self.conn, Side::Live, fact.is_tag, fact.name)?;
            let value = self.names.value(self.conn, Side::Live, key, text)?;
            self.run(
                "UPDATE derived_issue_value SET count = count - 1 WHERE issue = ?1 AND value = ?2",
                [item.issue, value],
            )?;
            self.run(
                "DELETE FROM derived_issue_value WHERE issue = ?1 AND value = ?2 AND count <= 0",
                [item.issue, value],
            )?;
        }
        if let Some((fact, text)) = item.gist.user() {
            let key = self
                .names
                .key(self.conn, Side::Live, fact.is_tag, fact.name)?;
            let user = self.names.value(self.conn, Side::Live, key, text)?;
            self.run(
                "UPDATE derived_issue_user SET count = count - 1 WHERE issue = ?1 AND value = ?2",
                [item.issue, user],
            )?;
            self.run(
                "DELETE FROM derived_issue_user WHERE issue = ?1 AND value = ?2 AND count <= 0",
                [item.issue, user],
            )?;
        }
        for stack in item.stacks.iter().filter(|stack| **stack != 0) {
            self.run(
                "DELETE FROM derived_posting WHERE stack = ?1 AND document = ?2",
                [*stack, document],
            )?;
            self.take_out_first(*stack, document)?;
        }
        self.run("DELETE FROM derived_text WHERE rowid = ?1", [document])?;
        if from_hour {
            let hour = item.time.div_euclid(HOUR);
            self.run(
                "UPDATE derived_hour SET count = count - 1 WHERE issue = ?1 AND hour = ?2",
                [item.issue, hour],
            )?;
            self.run(
                "DELETE FROM derived_hour WHERE issue = ?1 AND hour = ?2 AND count <= 0",
                [item.issue, hour],
            )?;
        }
        self.run(
            "DELETE FROM derived_placement WHERE event = ?1",
            [item.sequence],
        )?;
        self.run(
            "UPDATE derived_total SET events = events - 1, payload_bytes = payload_bytes - ?1,
                 json_bytes = json_bytes - ?2",
            [item.payload_bytes, item.json_bytes],
        )?;
        Ok(())
    }

    /// The first document of a shelf that has the stack is another one now, or there is none.
    fn take_out_first(&self, stack: i64, document: i64) -> Result<(), Failed> {
        let shelf = document >> 32;
        let next: Option<i64> = self
            .conn
            .prepare_cached(
                "SELECT min(document) FROM derived_posting
                 WHERE stack = ?1 AND document BETWEEN ?2 << 32 AND (?2 << 32) + 4294967295",
            )?
            .query_row([stack, shelf], |row| row.get(0))?;
        match next {
            Some(next) => self.run(
                "UPDATE derived_shelf_stack SET first = ?3 WHERE shelf = ?1 AND stack = ?2",
                [shelf, stack, next],
            )?,
            None => self.run(
                "DELETE FROM derived_shelf_stack WHERE shelf = ?1 AND stack = ?2",
                [shelf, stack],
            )?,
        };
        Ok(())
    }

    /// Makes the row of an issue that had none, and counts its hours.
    fn show(&self, issue: i64) -> Result<(), Failed> {
        // What it says otherwise is put right when it is settled.
        let is_new = self.run(
            "INSERT OR IGNORE INTO derived_issue (number, project, level, first_seen, last_seen, seen_count,
                 user_count, last_event, platform, title)
             SELECT number, project, 0, 0, 0, 0, 0, x'', '', '' FROM issue_number WHERE number = ?1",
            [issue],
        )?;
        if is_new > 0 {
            react::refresh(self.conn, Side::Live, issue)?;
        }
        Ok(homes::count_hours(self.conn, issue)?)
    }

    /// An issue without events disappears from the lists; its number stays taken.
    fn settle(&self, issue: i64) -> Result<(), Failed> {
        let Some(newest) = newest(self.conn, issue)? else {
            for sql in [
                "DELETE FROM derived_issue WHERE number = ?1",
                "DELETE FROM derived_label WHERE issue = ?1",
                "DELETE FROM derived_hour WHERE issue = ?1",
            ] {
                self.run(sql, [issue])?;
            }
            return Ok(());
        };
        let owned = ground::event(self.conn, self.decoder, newest)?;
        let face = owned.face.as_ref().unwrap_or(&NO_FACE);
        self.run(
            "UPDATE derived_issue SET last_seen = ?2, last_event = ?3, platform = ?4, title = ?5,
                 culprit = ?6,
                 user_count = (SELECT count(*) FROM derived_issue_user WHERE issue = ?1),
                 seen_count = (SELECT count(*) FROM derived_placement WHERE issue = ?1)
                     + coalesce((SELECT sum(r.count) FROM residue r JOIN derived_shelf s ON s.id = r.shelf
                         WHERE s.issue = ?1), 0),
                 first_seen = min((SELECT min(time) FROM derived_placement WHERE issue = ?1),
                     coalesce((SELECT min(r.first_seen) FROM residue r JOIN derived_shelf s
                         ON s.id = r.shelf WHERE s.issue = ?1), 9223372036854775807)),
                 level = max((SELECT max(e.level) FROM derived_placement p
                         JOIN event e ON e.ingest_sequence = p.event WHERE p.issue = ?1),
                     coalesce((SELECT max(r.level) FROM residue r JOIN derived_shelf s
                         ON s.id = r.shelf WHERE s.issue = ?1), 0))
             WHERE number = ?1",
            params![
                issue,
                owned.time,
                owned.event_id.as_bytes(),
                face.platform,
                face.title,
                face.culprit
            ],
        )?;
        Ok(())
    }
}

/// The ingest sequence of an issue's newest event.
fn newest(conn: &Connection, issue: i64) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached(
        "SELECT p.event FROM derived_placement p JOIN event e ON e.ingest_sequence = p.event
         WHERE p.issue = ?1 AND p.time = (SELECT max(time) FROM derived_placement WHERE issue = ?1)
         ORDER BY e.process DESC, e.sequence DESC, e.event_id DESC LIMIT 1",
    )?
    .query_row([issue], |row| row.get(0))
    .optional()
}
