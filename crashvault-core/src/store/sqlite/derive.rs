//! Events → derived state: placement, issues, counters, values, words. The same for new events and for a rebuild.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::super::facts::{self, Fact};
use super::gist::{Face, Gist, NO_FACE, stack_text};
use super::names::Names;
use super::side::Side;
use super::terms;
use crate::event::{EventId, Frame, Level};

/// Nanoseconds of an hour.
pub(super) const HOUR: i64 = 3_600_000_000_000;

/// Shelves below are variants, those from here on hold what was moved to an issue.
const SHELF_OF_MOVED: i64 = 1 << 30;

/// Events whose documents can be numbered.
pub(super) const SEQUENCE_MAX: i64 = u32::MAX as i64;

/// The shelf of an event.
pub(super) fn shelf(variant: i64, issue: i64, is_moved: bool) -> i64 {
    match is_moved {
        true => SHELF_OF_MOVED + issue,
        false => variant,
    }
}

/// The number of an event's document.
pub(super) fn document(shelf: i64, sequence: i64) -> i64 {
    shelf << 32 | sequence
}

/// An event on its way into derived state.
pub(super) struct Item<'e> {
    pub(super) sequence: i64,
    pub(super) event_id: EventId,
    pub(super) gist: &'e Gist,
    /// None where the issues get their faces in the end.
    pub(super) face: Option<&'e Face>,
    pub(super) time: i64,
    pub(super) process: [u8; 16],
    pub(super) process_sequence: i64,
    pub(super) variant: i64,
    pub(super) issue: i64,
    pub(super) is_moved: bool,
    /// The ids of its stacks, in the order of its stack traces; 0 for one without frames.
    pub(super) stacks: Vec<i64>,
    pub(super) payload_bytes: i64,
    pub(super) json_bytes: i64,
}

impl Item<'_> {
    pub(super) fn shelf(&self) -> i64 {
        shelf(self.variant, self.issue, self.is_moved)
    }

    pub(super) fn document(&self) -> i64 {
        document(self.shelf(), self.sequence)
    }

    fn place(&self) -> Place {
        (
            self.time,
            self.process,
            self.process_sequence,
            *self.event_id.as_bytes(),
        )
    }
}

/// An event's place in the order of an issue's events: time, process, sequence, id.
type Place = (i64, [u8; 16], i64, [u8; 16]);

/// What the events of a batch add to one issue.
struct Change<'e> {
    level: Level,
    first_seen: i64,
    seen_count: i64,
    user_count: i64,
    newest: Place,
    face: Option<&'e Face>,
}

struct Text<'e> {
    document: i64,
    gist: &'e Gist,
    term: String,
}

/// Gathers what a batch of events changes, to write each row once and the words in the order of their documents.
pub(super) struct Deriver<'c, 'e> {
    conn: &'c Connection,
    side: Side,
    names: &'c mut Names,
    changes: BTreeMap<i64, Change<'e>>,
    postings: Vec<(i64, i64)>,
    texts: Vec<Text<'e>>,
    stack_texts: BTreeMap<i64, [String; 3]>,
    values: BTreeMap<(i64, i64), i64>,
    users: BTreeMap<(i64, i64), i64>,
    hours: BTreeMap<(i64, i64), i64>,
    shelves: HashSet<i64>,
    totals: [i64; 3],
}

impl<'c, 'e> Deriver<'c, 'e> {
    pub(super) fn new(conn: &'c Connection, side: Side, names: &'c mut Names) -> Self {
        Self {
            conn,
            side,
            names,
            changes: BTreeMap::new(),
            postings: Vec::new(),
            texts: Vec::new(),
            stack_texts: BTreeMap::new(),
            values: BTreeMap::new(),
            users: BTreeMap::new(),
            hours: BTreeMap::new(),
            shelves: HashSet::new(),
            totals: [0; 3],
        }
    }

    pub(super) fn names(&mut self) -> &mut Names {
        self.names
    }

    fn run(&self, sql: &'static str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
        self.conn
            .prepare_cached(&self.side.sql(sql))?
            .execute(values)
    }

    /// Takes in one event, whose stacks are there or are taken in by [`Deriver::add_stack`].
    pub(super) fn add(&mut self, item: &Item<'e>) -> rusqlite::Result<()> {
        let document = item.document();
        self.place(item)?;
        let term = self.add_values(item)?;
        self.add_postings(item, document);
        self.texts.push(Text {
            document,
            gist: item.gist,
            term,
        });
        *self
            .hours
            .entry((item.issue, item.time.div_euclid(HOUR)))
            .or_default() += 1;
        let sums = [1, item.payload_bytes, item.json_bytes];
        self.totals
            .iter_mut()
            .zip(sums)
            .for_each(|(total, sum)| *total += sum);
        self.note(item);
        Ok(())
    }

    /// Takes in a stack that no event had.
    pub(super) fn add_stack(&mut self, id: i64, frames: &[Frame]) {
        self.stack_texts
            .entry(id)
            .or_insert_with(|| stack_text(frames));
    }

    fn place(&mut self, item: &Item<'e>) -> rusqlite::Result<()> {
        self.run(
            "INSERT INTO derived_placement (event, issue, time, is_moved) VALUES (?1, ?2, ?3, ?4)",
            params![item.sequence, item.issue, item.time, item.is_moved],
        )?;
        let shelf = item.shelf();
        if self.shelves.insert(shelf) {
            self.run(
                "INSERT OR IGNORE INTO derived_shelf (id, issue) VALUES (?1, ?2)",
                [shelf, item.issue],
            )?;
        }
        Ok(())
    }

    /// Counts the values and gives the terms that stand for them.
    fn add_values(&mut self, item: &Item<'e>) -> rusqlite::Result<String> {
        let mut found = String::from(terms::EVERY);
        let mut put = |term: &str| {
            found.push(' ');
            found.push_str(term);
        };
        for (fact, text) in item.gist.values() {
            if !facts::is_named(fact) {
                put(&terms::hashed(fact.name, text));
                continue;
            }
            let (key, value) = self.value(fact, text)?;
            put(&terms::key(key));
            put(&terms::value(value));
            if facts::is_counted(fact) {
                *self.values.entry((item.issue, value)).or_default() += 1;
            }
        }
        if let Some((fact, text)) = item.gist.user() {
            let (_, user) = self.value(fact, text)?;
            *self.users.entry((item.issue, user)).or_default() += 1;
        }
        Ok(found)
    }

    /// The ids of key and value.
    fn value(&mut self, fact: Fact<'_>, text: &str) -> rusqlite::Result<(i64, i64)> {
        let key = self
            .names
            .key(self.conn, self.side, fact.is_tag, fact.name)?;
        Ok((key, self.names.value(self.conn, self.side, key, text)?))
    }

    fn add_postings(&mut self, item: &Item<'e>, document: i64) {
        let first = self.postings.len();
        for &id in &item.stacks {
            if id != 0 && !self.postings[first..].contains(&(id, document)) {
                self.postings.push((id, document));
            }
        }
    }

    fn note(&mut self, item: &Item<'e>) {
        let (level, place) = (item.gist.level, item.place());
        let change = self.changes.entry(item.issue).or_insert_with(|| Change {
            level,
            first_seen: item.time,
            seen_count: 0,
            user_count: 0,
            newest: place,
            face: item.face,
        });
        change.level = change.level.max(level);
        change.first_seen = change.first_seen.min(item.time);
        change.seen_count += 1;
        if place > change.newest {
            change.newest = place;
            change.face = item.face;
        }
    }

    /// Writes what was gathered. The numbers of the issues it touched, and which of them are new rows.
    pub(super) fn finish(mut self) -> rusqlite::Result<Vec<(i64, bool)>> {
        self.write_texts()?;
        self.write_postings()?;
        self.write_counts()?;
        let changes = std::mem::take(&mut self.changes);
        let mut touched = Vec::with_capacity(changes.len());
        for (issue, change) in &changes {
            touched.push((*issue, self.apply(*issue, change)?));
        }
        self.run(
            "UPDATE derived_total SET events = events + ?1, payload_bytes = payload_bytes + ?2,
                 json_bytes = json_bytes + ?3",
            self.totals,
        )?;
        Ok(touched)
    }

    fn prepared(&self, sql: &'static str) -> rusqlite::Result<CachedStatement<'c>> {
        self.conn.prepare_cached(&self.side.sql(sql))
    }

    /// In the order of the documents: the index begins a new segment where the order breaks.
    fn write_texts(&mut self) -> rusqlite::Result<()> {
        let mut texts = std::mem::take(&mut self.texts);
        texts.sort_unstable_by_key(|text| text.document);
        let mut put = self.prepared(
            "INSERT INTO derived_text (rowid, message, breadcrumb, value, term)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for text in texts {
            put.execute(params![
                text.document,
                text.gist.message,
                text.gist.breadcrumb,
                text.gist.value,
                text.term
            ])?;
        }
        let mut put = self.prepared(
            "INSERT INTO derived_stack_text (rowid, function, module, filename) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (id, [function, module, filename]) in std::mem::take(&mut self.stack_texts) {
            put.execute(params![id, function, module, filename])?;
        }
        Ok(())
    }

    fn write_postings(&mut self) -> rusqlite::Result<()> {
        let mut postings = std::mem::take(&mut self.postings);
        postings.sort_unstable();
        let mut put =
            self.prepared("INSERT INTO derived_posting (stack, document) VALUES (?1, ?2)")?;
        let mut put_first = self.prepared(
            "INSERT INTO derived_shelf_stack (shelf, stack, first) VALUES (?1, ?2, ?3)
             ON CONFLICT (shelf, stack) DO UPDATE SET first = excluded.first
                 WHERE excluded.first < first",
        )?;
        let mut last = None;
        for (stack, document) in postings {
            put.execute([stack, document])?;
            let place = (stack, document >> 32);
            if last.replace(place) != Some(place) {
                put_first.execute([document >> 32, stack, document])?;
            }
        }
        Ok(())
    }

    fn write_counts(&mut self) -> rusqlite::Result<()> {
        let mut put = self.prepared(
            "INSERT INTO derived_issue_value (issue, value, count) VALUES (?1, ?2, ?3)
             ON CONFLICT (issue, value) DO UPDATE SET count = count + excluded.count",
        )?;
        for ((issue, value), count) in std::mem::take(&mut self.values) {
            put.execute([issue, value, count])?;
        }
        let mut update = self.prepared(
            "UPDATE derived_issue_user SET count = count + ?3 WHERE issue = ?1 AND value = ?2",
        )?;
        let mut insert = self
            .prepared("INSERT INTO derived_issue_user (issue, value, count) VALUES (?1, ?2, ?3)")?;
        for ((issue, user), count) in std::mem::take(&mut self.users) {
            if update.execute([issue, user, count])? > 0 {
                continue;
            }
            insert.execute([issue, user, count])?;
            if let Some(change) = self.changes.get_mut(&issue) {
                change.user_count += 1;
            }
        }
        let mut put = self.prepared(
            "INSERT INTO derived_hour (issue, hour, count) VALUES (?1, ?2, ?3)
             ON CONFLICT (issue, hour) DO UPDATE SET count = count + excluded.count",
        )?;
        for ((issue, hour), count) in std::mem::take(&mut self.hours) {
            put.execute([issue, hour, count])?;
        }
        Ok(())
    }

    /// Whether the issue is a new row.
    fn apply(&self, issue: i64, change: &Change<'e>) -> rusqlite::Result<bool> {
        match self.newest_kept(issue)? {
            None => self.add_issue(issue, change).map(|()| true),
            Some(newest) => {
                self.add_to_issue(issue, change)?;
                if change.newest.cmp(&newest) == Ordering::Greater {
                    self.renew_face(issue, change)?;
                }
                Ok(false)
            }
        }
    }

    fn newest_kept(&self, issue: i64) -> rusqlite::Result<Option<Place>> {
        let sql = self.side.sql(
            "SELECT i.last_seen, e.process, e.sequence, i.last_event
             FROM derived_issue i JOIN event e ON e.event_id = i.last_event WHERE i.number = ?1",
        );
        self.conn
            .prepare_cached(&sql)?
            .query_row([issue], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()
    }

    fn add_issue(&self, issue: i64, change: &Change<'e>) -> rusqlite::Result<()> {
        let face = change.face.unwrap_or(&NO_FACE);
        let (last_seen, .., last_event) = change.newest;
        self.run(
            "INSERT INTO derived_issue (number, project, level, first_seen, last_seen, seen_count,
                 user_count, last_event, platform, title, culprit)
             VALUES (?1, (SELECT project FROM issue_number WHERE number = ?1), ?2, ?3, ?4, ?5, ?6, ?7,
                 ?8, ?9, ?10)",
            params![
                issue,
                change.level as u8,
                change.first_seen,
                last_seen,
                change.seen_count,
                change.user_count,
                last_event,
                face.platform,
                face.title,
                face.culprit,
            ],
        )?;
        match self.side {
            Side::Live => self.add_residue(issue),
            // A rebuild adds it when all events are there.
            Side::Rebuilt => Ok(()),
        }
    }

    /// Counts again what retention had left of an issue that was without events for a while.
    fn add_residue(&self, issue: i64) -> rusqlite::Result<()> {
        let counted = self.run(
            "INSERT INTO derived_hour (issue, hour, count)
             SELECT s.issue, r.hour, sum(r.count) FROM derived_shelf s JOIN residue r ON r.shelf = s.id
             WHERE s.issue = ?1 GROUP BY r.hour
             ON CONFLICT (issue, hour) DO UPDATE SET count = count + excluded.count",
            [issue],
        )?;
        if counted > 0 {
            self.run(
                "UPDATE derived_issue SET seen_count = seen_count + t.count,
                     level = max(level, t.worst), first_seen = min(first_seen, t.earliest)
                 FROM (SELECT sum(r.count) AS count, max(r.level) AS worst, min(r.first_seen) AS earliest
                     FROM derived_shelf s JOIN residue r ON r.shelf = s.id WHERE s.issue = ?1) t
                 WHERE number = ?1",
                [issue],
            )?;
        }
        Ok(())
    }

    fn add_to_issue(&self, issue: i64, change: &Change<'e>) -> rusqlite::Result<()> {
        self.run(
            "UPDATE derived_issue SET level = max(level, ?2), first_seen = min(first_seen, ?3),
                 seen_count = seen_count + ?4, user_count = user_count + ?5
             WHERE number = ?1",
            params![
                issue,
                change.level as u8,
                change.first_seen,
                change.seen_count,
                change.user_count
            ],
        )?;
        Ok(())
    }

    fn renew_face(&self, issue: i64, change: &Change<'e>) -> rusqlite::Result<()> {
        let face = change.face.unwrap_or(&NO_FACE);
        let (last_seen, .., last_event) = change.newest;
        self.run(
            "UPDATE derived_issue SET last_seen = ?2, last_event = ?3, platform = ?4, title = ?5,
                 culprit = ?6
             WHERE number = ?1",
            params![
                issue,
                last_seen,
                last_event,
                face.platform,
                face.title,
                face.culprit,
            ],
        )?;
        Ok(())
    }
}
