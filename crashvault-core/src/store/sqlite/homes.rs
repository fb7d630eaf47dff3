//! Where variants belong after merges and unmerges: kept beside the joins, which say where they came from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension, params};

use super::derive::{HOUR, shelf};
use super::names::Names;
use super::payload::{Decoder, is_damage};
use super::remove::Remover;
use super::side::Side;
use super::{Failed, act, ground, react, read};
use crate::event::EventId;
use crate::issue::{Activity, Homes, IssueId, VariantKey};
use crate::store::facts;

/// Numbers of issues and ids of projects for what the activities say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Belonging {
    /// Issues that are part of another one.
    aliases: HashMap<i64, i64>,
    /// Project and variant → the issue it belongs to, of those that were taken out.
    taken_out: HashMap<(i64, VariantKey), i64>,
}

impl Belonging {
    /// The issue that this one is part of; itself if of none.
    pub(super) fn root(&self, issue: i64) -> i64 {
        self.aliases.get(&issue).copied().unwrap_or(issue)
    }

    /// Where an event belongs that was moved.
    pub(super) fn of_moved(&self, moved: &Moved) -> i64 {
        match moved.variant {
            Some((project, variant)) => self.of_variant(project, variant, moved.issue),
            None => self.root(moved.issue),
        }
    }

    /// The issue of a variant that joined `joined`.
    pub(super) fn of_variant(&self, project: i64, variant: VariantKey, joined: i64) -> i64 {
        let taken_out = self.taken_out.get(&(project, variant)).copied();
        taken_out.unwrap_or_else(|| self.root(joined))
    }
}

/// Where the decisions about one event put it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    /// The issue; that which the variant joined, where there is one.
    pub(super) issue: i64,
    /// The project and the key of the variant that it is by a regrouping.
    pub(super) variant: Option<(i64, VariantKey)>,
}

/// What all activities come to.
pub(super) fn fold(conn: &Connection) -> Result<Homes<i64>, Failed> {
    let activities = deciding(conn)?;
    let mut projects = HashMap::new();
    let mut find = conn.prepare_cached("SELECT project FROM issue_number WHERE issue = ?1")?;
    for issue in named(&activities) {
        let project: Option<i64> = find
            .query_row([issue.as_bytes()], |row| row.get(0))
            .optional()?;
        projects.extend(project.map(|project| (issue, project)));
    }
    Ok(Homes::of(&activities, |issue| projects.get(issue).copied()))
}

/// The activities of the issues that ever merged or unmerged.
fn deciding(conn: &Connection) -> Result<Vec<Activity>, Failed> {
    let mut issues = conn.prepare_cached(
        "SELECT DISTINCT issue FROM activity
         WHERE deed LIKE '%\"kind\":\"merge\"%' OR deed LIKE '%\"kind\":\"unmerge\"%'",
    )?;
    let issues: Vec<i64> = issues
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut activities = Vec::new();
    for issue in issues {
        activities.extend(read::activities(conn, issue)?);
    }
    Ok(activities)
}

/// The issues that merges and unmerges name.
fn named(activities: &[Activity]) -> BTreeSet<IssueId> {
    let mut named = BTreeSet::new();
    for activity in activities {
        named.insert(activity.issue);
        named.extend(activity.deed.other_issue());
    }
    named
}

/// The same, in the numbers of this vault.
pub(super) fn decided(conn: &Connection) -> Result<Belonging, Failed> {
    let homes = fold(conn)?;
    let mut belonging = Belonging::default();
    let number = |issue: &IssueId| -> rusqlite::Result<i64> {
        // One that has no number is named nowhere: the fold passes it over.
        Ok(read::number(conn, issue)?.unwrap_or_default())
    };
    for (issue, root) in homes.merged() {
        belonging.aliases.insert(number(&issue)?, number(&root)?);
    }
    for (project, variant, to) in homes.taken_out() {
        let key = (*project, variant);
        belonging.taken_out.insert(key, number(&to)?);
    }
    Ok(belonging)
}

/// What is kept of it.
pub(super) fn kept(conn: &Connection) -> rusqlite::Result<Belonging> {
    let mut belonging = Belonging::default();
    let mut find = conn.prepare_cached("SELECT issue, target FROM derived_alias")?;
    for row in find.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))? {
        let (issue, target) = row?;
        belonging.aliases.insert(issue, target);
    }
    let mut find = conn.prepare_cached("SELECT project, variant, issue FROM derived_taken_out")?;
    let rows = find.query_map([], |row| {
        let variant = VariantKey::from_bytes(row.get(1)?);
        Ok(((row.get(0)?, variant), row.get(2)?))
    })?;
    for row in rows {
        let (key, issue) = row?;
        belonging.taken_out.insert(key, issue);
    }
    Ok(belonging)
}

/// Writes what is to be kept of it.
pub(super) fn keep(conn: &Connection, side: Side, belonging: &Belonging) -> rusqlite::Result<()> {
    for sql in ["DELETE FROM derived_alias", "DELETE FROM derived_taken_out"] {
        conn.prepare_cached(&side.sql(sql))?.execute([])?;
    }
    let sql = side.sql("INSERT INTO derived_alias (issue, target) VALUES (?1, ?2)");
    for (issue, target) in &belonging.aliases {
        conn.prepare_cached(&sql)?.execute([issue, target])?;
    }
    let sql =
        side.sql("INSERT INTO derived_taken_out (project, variant, issue) VALUES (?1, ?2, ?3)");
    for ((project, variant), issue) in &belonging.taken_out {
        conn.prepare_cached(&sql)?
            .execute(params![project, variant.as_bytes(), issue])?;
    }
    Ok(())
}

/// The issue that another one is part of now.
pub(super) fn target(conn: &Connection, issue: i64) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT target FROM derived_alias WHERE issue = ?1")?
        .query_row([issue], |row| row.get(0))
        .optional()
}

/// The issue that counts for this one: what it is part of, else itself.
pub(super) fn root(conn: &Connection, issue: i64) -> rusqlite::Result<i64> {
    Ok(target(conn, issue)?.unwrap_or(issue))
}

/// The numbers of the issues that are part of this one.
pub(super) fn merged(conn: &Connection, issue: i64) -> rusqlite::Result<Vec<i64>> {
    conn.prepare_cached("SELECT issue FROM derived_alias WHERE target = ?1 ORDER BY issue")?
        .query_map([issue], |row| row.get(0))?
        .collect()
}

/// Puts what is there where the activities say now; of single events also these, about which something was decided.
pub(super) fn settle(
    conn: &Connection,
    names: &mut Names,
    decoder: &Decoder,
    mut events: BTreeSet<EventId>,
) -> Result<(), Failed> {
    let (old, new) = (kept(conn)?, decided(conn)?);
    if old == new && events.is_empty() {
        return Ok(());
    }
    let moves: HashMap<EventId, Moved> = act::moves(conn)?.into_iter().collect();
    if old != new {
        keep(conn, Side::Live, &new)?;
        // A rebuild that has begun goes by what was decided before.
        conn.execute("UPDATE ledger SET removals = removals + 1", [])?;
        // What was put somewhere goes where that went.
        let went = moves.iter();
        let went = went.filter(|(_, moved)| old.of_moved(moved) != new.of_moved(moved));
        events.extend(went.map(|(event, _)| *event));
    }
    let mut remover = Remover::new(conn, names, decoder);
    let mut places = Vec::with_capacity(events.len());
    for event in events {
        // One that has left since it was moved: what was decided about it can still be taken back.
        if let Some((sequence, _)) = react::known_event(conn, event)? {
            places.push((sequence, moves.get(&event).map(|moved| new.of_moved(moved))));
        }
    }
    remover.move_events(&places)?;
    remover.finish()?;
    match old == new {
        true => Ok(()),
        false => settle_shelves(conn, names, decoder, [&old, &new]),
    }
}

fn settle_shelves(
    conn: &Connection,
    names: &mut Names,
    decoder: &Decoder,
    [old, new]: [&Belonging; 2],
) -> Result<(), Failed> {
    let mut touched = BTreeSet::new();
    for ((from, to), shelves) in changed(conn, old, new)? {
        let mut mover = Mover {
            conn,
            names: &mut *names,
            decoder,
            from,
            to,
        };
        mover.take_along(&shelves)?;
        touched.extend([from, to]);
    }
    let mut remover = Remover::new(conn, names, decoder);
    for issue in touched {
        remover.touch(issue);
    }
    remover.finish()
}

/// The shelves that are to be elsewhere: from which issue to which.
fn changed(
    conn: &Connection,
    old: &Belonging,
    new: &Belonging,
) -> rusqlite::Result<BTreeMap<(i64, i64), Vec<i64>>> {
    let mut found: BTreeMap<(i64, i64), BTreeSet<i64>> = BTreeMap::new();
    let mut note = |place: i64, from: i64, to: i64| {
        if from != to {
            found.entry((from, to)).or_default().insert(place);
        }
    };
    let homes = |project, variant, joined| {
        [old, new].map(|belonging| belonging.of_variant(project, variant, joined))
    };
    let issues: BTreeSet<i64> = [old, new]
        .iter()
        .flat_map(|belonging| belonging.aliases.keys().copied())
        .collect();
    let mut find =
        conn.prepare_cached("SELECT id, project, variant FROM variant_join WHERE issue = ?1")?;
    for issue in issues {
        note(shelf(0, issue, true), old.root(issue), new.root(issue));
        let mut rows = find.query([issue])?;
        while let Some(row) = rows.next()? {
            let variant = VariantKey::from_bytes(row.get(2)?);
            let [from, to] = homes(row.get(1)?, variant, issue);
            note(row.get(0)?, from, to);
        }
    }
    let taken_out: BTreeSet<(i64, VariantKey)> = [old, new]
        .iter()
        .flat_map(|belonging| belonging.taken_out.keys().copied())
        .collect();
    let mut find = conn
        .prepare_cached("SELECT id, issue FROM variant_join WHERE project = ?1 AND variant = ?2")?;
    for (project, variant) in taken_out {
        let mut rows = find.query(params![project, variant.as_bytes()])?;
        while let Some(row) = rows.next()? {
            let [from, to] = homes(project, variant, row.get(1)?);
            note(row.get(0)?, from, to);
        }
    }
    let found = found.into_iter();
    Ok(found
        .map(|(way, shelves)| (way, shelves.into_iter().collect()))
        .collect())
}

/// Takes shelves from one issue to another. The documents keep their numbers, so that no word is written again.
struct Mover<'c> {
    conn: &'c Connection,
    names: &'c mut Names,
    decoder: &'c Decoder,
    from: i64,
    to: i64,
}

impl Mover<'_> {
    fn run(&self, sql: &str) -> rusqlite::Result<usize> {
        self.conn.prepare_cached(sql)?.execute([self.from, self.to])
    }

    fn take_along(&mut self, shelves: &[i64]) -> Result<(), Failed> {
        let events = self.events(shelves)?;
        let all: i64 = self
            .conn
            .prepare_cached("SELECT count(*) FROM derived_placement WHERE issue = ?1")?
            .query_row([self.from], |row| row.get(0))?;
        match events.len() as i64 == all {
            true => self.take_all_counts()?,
            false => self.take_counts(&events)?,
        }
        let mut place = self
            .conn
            .prepare_cached("UPDATE derived_placement SET issue = ?2 WHERE event = ?1")?;
        for event in &events {
            place.execute([*event, self.to])?;
        }
        let mut put = self
            .conn
            .prepare_cached("UPDATE derived_shelf SET issue = ?2 WHERE id = ?1")?;
        for shelf in shelves {
            put.execute([*shelf, self.to])?;
        }
        Ok(())
    }

    /// The events that stand on these shelves.
    fn events(&self, shelves: &[i64]) -> rusqlite::Result<Vec<i64>> {
        let shelves: BTreeSet<i64> = shelves.iter().copied().collect();
        let mut find = self.conn.prepare_cached(
            "SELECT p.event, e.variant FROM derived_placement p
             CROSS JOIN event e ON e.ingest_sequence = p.event
             WHERE p.issue = ?1 AND NOT p.is_moved ORDER BY p.event",
        )?;
        let all = find.query_map([self.from], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut found = Vec::new();
        for event in all {
            let (event, variant) = event?;
            if shelves.contains(&variant) {
                found.push(event);
            }
        }
        Ok(found)
    }

    fn take_all_counts(&self) -> rusqlite::Result<()> {
        for sql in [
            "INSERT INTO derived_issue_value (issue, value, count)
             SELECT ?2, value, count FROM derived_issue_value WHERE issue = ?1
             ON CONFLICT (issue, value) DO UPDATE SET count = count + excluded.count",
            "DELETE FROM derived_issue_value WHERE issue = ?1 AND ?2",
            "INSERT INTO derived_issue_user (issue, value, count)
             SELECT ?2, value, count FROM derived_issue_user WHERE issue = ?1
             ON CONFLICT (issue, value) DO UPDATE SET count = count + excluded.count",
            "DELETE FROM derived_issue_user WHERE issue = ?1 AND ?2",
        ] {
            self.run(sql)?;
        }
        Ok(())
    }

    fn take_counts(&mut self, events: &[i64]) -> Result<(), Failed> {
        let mut values: BTreeMap<i64, i64> = BTreeMap::new();
        let mut users: BTreeMap<i64, i64> = BTreeMap::new();
        for event in events {
            let owned = match ground::event(self.conn, self.decoder, *event) {
                // It was counted nowhere.
                Err(Failed::Own(error)) if is_damage(&error) => continue,
                owned => owned?,
            };
            let item = owned.item();
            let counted = item.gist.values();
            for (fact, text) in counted.filter(|(fact, _)| facts::is_counted(*fact)) {
                *values.entry(self.value(fact, text)?).or_default() += 1;
            }
            if let Some((fact, text)) = item.gist.user() {
                *users.entry(self.value(fact, text)?).or_default() += 1;
            }
        }
        self.move_counts("derived_issue_value", &values)?;
        Ok(self.move_counts("derived_issue_user", &users)?)
    }

    fn value(&mut self, fact: facts::Fact<'_>, text: &str) -> rusqlite::Result<i64> {
        let names = &mut *self.names;
        let key = names.key(self.conn, Side::Live, fact.is_tag, fact.name)?;
        names.value(self.conn, Side::Live, key, text)
    }

    fn move_counts(&self, table: &str, counts: &BTreeMap<i64, i64>) -> rusqlite::Result<()> {
        let mut add = self.conn.prepare_cached(&format!(
            "INSERT INTO {table} (issue, value, count) VALUES (?1, ?2, ?3)
             ON CONFLICT (issue, value) DO UPDATE SET count = count + excluded.count"
        ))?;
        for (value, count) in counts {
            add.execute([self.from, *value, -count])?;
            add.execute([self.to, *value, *count])?;
        }
        self.conn
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE issue = ?1 AND count <= 0"
            ))?
            .execute([self.from])?;
        Ok(())
    }
}

/// Counts the hours of an issue again, those of events that retention gave up among them.
pub(super) fn count_hours(conn: &Connection, issue: i64) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM derived_hour WHERE issue = ?1")?
        .execute([issue])?;
    // Division rounds towards zero, and hours begin before.
    conn.prepare_cached(
        "INSERT INTO derived_hour (issue, hour, count)
         SELECT ?1, hour, sum(count) FROM (
             SELECT (p.time - (p.time % ?2 + ?2) % ?2) / ?2 AS hour, 1 AS count
             FROM derived_placement p WHERE p.issue = ?1
             UNION ALL
             SELECT r.hour, r.count FROM derived_shelf s JOIN residue r ON r.shelf = s.id
             WHERE s.issue = ?1)
         GROUP BY hour",
    )?
    .execute([issue, HOUR])?;
    Ok(())
}
