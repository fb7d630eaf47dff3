//! Which variants are like a new one: what is kept of each to be compared, and the index by which the near ones are
//! found. The same for new variants and for a rebuild.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::{RELATED_FROM_MAX, RelatedIssue};
use super::read::{self, signed, unsigned};
use super::records::{ComparisonRow, SketchRow};
use super::side::Side;
use super::{Failed, ground};
use crate::event::Event;
use crate::event::limits::{CUT_MARK, cut};
use crate::group::{
    self, BEARERS_MAX, Known, Match, Name, PART_BYTES_MAX, Placing, Sides, Sketch, Traits, WEIGHTS,
};
use crate::issue::{Comparison, IssueId, VariantKey};

/// Names and variants remembered, each; then all are forgotten and found again.
const CACHED_MAX: usize = 20_000;

/// Finds what is near, within one transaction in which nothing is placed elsewhere.
pub(super) struct Likeness<'c> {
    conn: &'c Connection,
    cache: RefCell<Cache>,
}

#[derive(Default)]
struct Cache {
    issues: HashMap<i64, u64>,
    spread: HashMap<(i64, Name), u32>,
    variants: HashMap<u64, (Rc<Sketch>, u64)>,
}

/// The variants of one project.
struct InProject<'l, 'c> {
    likeness: &'l Likeness<'c>,
    project: i64,
}

impl<'c> Likeness<'c> {
    pub(super) fn new(conn: &'c Connection) -> Self {
        Self {
            conn,
            cache: RefCell::default(),
        }
    }

    /// The issue that a new variant joins, if there is one, and how it compared.
    pub(super) fn place(
        &self,
        project: i64,
        traits: &Traits,
        sketch: &Sketch,
    ) -> Result<(Option<i64>, Comparison), Failed> {
        let known = self.of(project);
        let placing: Placing = group::place(&known, sketch, &WEIGHTS)?;
        let texts = Texts {
            conn: self.conn,
            own: sketch
                .functions
                .iter()
                .copied()
                .zip(&traits.functions)
                .collect(),
        };
        let comparison = group::comparison(sketch, &placing, &WEIGHTS, &texts)?;
        Ok((placing.joins.map(|joined| signed(joined.issue)), comparison))
    }

    /// Keeps what of a variant is compared.
    pub(super) fn keep(
        &self,
        project: i64,
        variant: i64,
        traits: &Traits,
        sketch: &Sketch,
    ) -> rusqlite::Result<()> {
        let id = put_sketch(self.conn, variant, sketch)?;
        put_functions(self.conn, traits, sketch)?;
        let issue = self
            .conn
            .prepare_cached("SELECT issue FROM variant_join WHERE id = ?1")?
            .query_row([variant], |row| row.get(0))?;
        let bearer = Bearer {
            id,
            project,
            issue,
            sketch: sketch.clone(),
        };
        derive(self.conn, Side::Live, &bearer)?;
        let mut cache = self.cache.borrow_mut();
        cache.issues.remove(&project);
        for name in group::names(sketch) {
            cache.spread.remove(&(project, name));
        }
        Ok(())
    }

    /// Keeps what of a variant is compared, of one that came from elsewhere with an event, unless that is known.
    pub(super) fn remember(&self, variant: i64, event: &Event) -> Result<(), Failed> {
        let find = "SELECT project, reason, parts FROM variant_join j WHERE id = ?1
                    AND NOT EXISTS (SELECT 1 FROM variant_sketch s WHERE s.variant = j.id)";
        let mut find = self.conn.prepare_cached(find)?;
        let found = find.query_row([variant], |row| {
            let parts = read::parts(&row.get::<_, String>(2)?)?;
            Ok((row.get(0)?, row.get::<_, String>(1)?, parts))
        });
        let Some((project, reason, parts)) = found.optional()? else {
            return Ok(());
        };
        if let Some(traits) = group::traits(event, &reason, &parts) {
            self.keep(project, variant, &traits, &Sketch::of(&traits))?;
        }
        Ok(())
    }

    fn of(&self, project: i64) -> InProject<'_, 'c> {
        InProject {
            likeness: self,
            project,
        }
    }
}

impl Known for InProject<'_, '_> {
    type Error = rusqlite::Error;

    fn issues(&self) -> rusqlite::Result<u64> {
        if let Some(issues) = self.likeness.cache.borrow().issues.get(&self.project) {
            return Ok(*issues);
        }
        let find = "SELECT issues FROM derived_compared WHERE project = ?1";
        let mut find = self.likeness.conn.prepare_cached(find)?;
        let found = find.query_row([self.project], |row| unsigned(row.get(0)?));
        let issues = found.optional()?.unwrap_or_default();
        let cache = &mut *self.likeness.cache.borrow_mut();
        cache.issues.insert(self.project, issues);
        Ok(issues)
    }

    fn spread(&self, name: Name) -> rusqlite::Result<u32> {
        let key = (self.project, name);
        if let Some(issues) = self.likeness.cache.borrow().spread.get(&key) {
            return Ok(*issues);
        }
        let find = "SELECT issues FROM derived_spread WHERE project = ?1 AND name = ?2";
        let mut find = self.likeness.conn.prepare_cached(find)?;
        let found = find.query_row([self.project, number(name)], |row| row.get(0));
        let issues = found.optional()?.unwrap_or_default();
        let cache = &mut *self.likeness.cache.borrow_mut();
        if cache.spread.len() >= CACHED_MAX {
            cache.spread.clear();
        }
        cache.spread.insert(key, issues);
        Ok(issues)
    }

    fn bearers(&self, name: Name) -> rusqlite::Result<Vec<u64>> {
        let find = "SELECT sketch FROM derived_bearer WHERE project = ?1 AND name = ?2
                    ORDER BY sketch DESC LIMIT ?3";
        self.likeness
            .conn
            .prepare_cached(find)?
            .query_map(
                params![self.project, number(name), BEARERS_MAX as i64],
                |row| unsigned(row.get(0)?),
            )?
            .collect()
    }

    fn variant(&self, variant: u64) -> rusqlite::Result<Option<(Rc<Sketch>, u64)>> {
        if let Some((sketch, issue)) = self.likeness.cache.borrow().variants.get(&variant) {
            return Ok(Some((Rc::clone(sketch), *issue)));
        }
        let conn = self.likeness.conn;
        let Some((join, sketch)) = sketch(conn, variant)? else {
            return Ok(None);
        };
        let found = (Rc::new(sketch), unsigned(ground::home(conn, join)?)?);
        let cache = &mut *self.likeness.cache.borrow_mut();
        if cache.variants.len() >= CACHED_MAX {
            cache.variants.clear();
        }
        cache.variants.insert(variant, found.clone());
        Ok(Some(found))
    }
}

/// What an explanation tells by name.
struct Texts<'t> {
    conn: &'t Connection,
    /// The new variant's functions, which may not be kept yet.
    own: HashMap<Name, &'t String>,
}

impl Sides for Texts<'_> {
    type Error = rusqlite::Error;

    fn side(&self, found: &Match) -> rusqlite::Result<(VariantKey, IssueId, Sketch)> {
        let variant = self
            .conn
            .prepare_cached(
                "SELECT j.variant, s.sketch FROM variant_sketch s JOIN variant_join j ON j.id = s.variant
                 WHERE s.id = ?1",
            )?
            .query_row([signed(found.variant)], |row| {
                let sketch = Sketch::from_bytes(row.get_ref(1)?.as_blob()?);
                Ok((VariantKey::from_bytes(row.get(0)?), sketch.unwrap_or_default()))
            })?;
        let issue = self
            .conn
            .prepare_cached("SELECT issue FROM issue_number WHERE number = ?1")?
            .query_row([signed(found.issue)], |row| {
                Ok(IssueId::from_bytes(row.get(0)?))
            })?;
        Ok((variant.0, issue, variant.1))
    }

    fn function(&self, name: Name) -> rusqlite::Result<String> {
        if let Some(text) = self.own.get(&name) {
            return Ok((*text).clone());
        }
        let text = self
            .conn
            .prepare_cached("SELECT text FROM function_name WHERE name = ?1")?
            .query_row([number(name)], |row| row.get(0));
        Ok(text.optional()?.unwrap_or_default())
    }
}

/// The variant of a sketch, and the sketch, if it can be read.
fn sketch(conn: &Connection, id: u64) -> rusqlite::Result<Option<(i64, Sketch)>> {
    let found = conn
        .prepare_cached("SELECT variant, sketch FROM variant_sketch WHERE id = ?1")?
        .query_row([signed(id)], |row| {
            let sketch = Sketch::from_bytes(row.get_ref(1)?.as_blob()?);
            Ok((row.get(0)?, sketch))
        })
        .optional()?;
    Ok(found.and_then(|(variant, sketch)| Some((variant, sketch?))))
}

fn put_sketch(conn: &Connection, variant: i64, sketch: &Sketch) -> rusqlite::Result<i64> {
    let bytes = sketch.to_bytes();
    let row = SketchRow {
        variant,
        sketch: &bytes,
    };
    conn.prepare_cached("INSERT INTO variant_sketch (variant, sketch, crc) VALUES (?1, ?2, ?3)")?
        .insert(params![row.variant, row.sketch, row.crc()])
}

fn put_functions(conn: &Connection, traits: &Traits, sketch: &Sketch) -> rusqlite::Result<()> {
    let mut put =
        conn.prepare_cached("INSERT OR IGNORE INTO function_name (name, text) VALUES (?1, ?2)")?;
    for (name, text) in sketch.functions.iter().zip(&traits.functions) {
        put.execute(params![number(*name), cut(text, PART_BYTES_MAX)])?;
    }
    Ok(())
}

/// Keeps how a variant compared, with its join.
pub(super) fn put_comparison(
    conn: &Connection,
    variant: i64,
    comparison: &Comparison,
) -> rusqlite::Result<()> {
    let text = comparison.to_value().to_string();
    let row = ComparisonRow {
        variant,
        comparison: &text,
    };
    conn.prepare_cached(
        "INSERT INTO variant_comparison (variant, comparison, crc) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![row.variant, row.comparison, row.crc()])?;
    Ok(())
}

/// A name as SQLite keeps it.
fn number(name: Name) -> i64 {
    name.0.cast_signed()
}

/// Whether a text is that of its name. Of one that was cut nobody can tell.
pub(super) fn is_named(name: i64, text: &str) -> bool {
    number(Name::of(text)) == name || text.ends_with(CUT_MARK)
}

/// A variant on its way into the index.
pub(super) struct Bearer {
    pub(super) id: i64,
    project: i64,
    /// The issue it joined.
    issue: i64,
    sketch: Sketch,
}

/// Variants behind `after` in the order of their sketches, at most `limit`. Of one that cannot be read nothing is known.
pub(super) fn bearers(
    conn: &Connection,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Vec<Bearer>> {
    let find = "SELECT s.id, j.project, j.issue, s.sketch FROM variant_sketch s
                CROSS JOIN variant_join j ON j.id = s.variant WHERE s.id > ?1 ORDER BY s.id LIMIT ?2";
    let bearer = |row: &Row<'_>| {
        let sketch = Sketch::from_bytes(row.get_ref(3)?.as_blob()?);
        Ok(Bearer {
            id: row.get(0)?,
            project: row.get(1)?,
            issue: row.get(2)?,
            sketch: sketch.unwrap_or_default(),
        })
    };
    conn.prepare_cached(find)?
        .query_map(params![after, limit as i64], bearer)?
        .collect()
}

/// Takes a variant into the index.
pub(super) fn derive(conn: &Connection, side: Side, bearer: &Bearer) -> rusqlite::Result<()> {
    let names = group::names(&bearer.sketch);
    if names.is_empty() {
        return Ok(());
    }
    let run = |sql: &'static str, values: &[i64]| {
        conn.prepare_cached(&side.sql(sql))?
            .execute(rusqlite::params_from_iter(values))
    };
    let find = side.sql("SELECT EXISTS (SELECT 1 FROM derived_issue_name WHERE issue = ?1)");
    let is_known: bool = conn
        .prepare_cached(&find)?
        .query_row([bearer.issue], |row| row.get(0))?;
    if !is_known {
        run(
            "INSERT INTO derived_compared (project, issues) VALUES (?1, 1)
             ON CONFLICT (project) DO UPDATE SET issues = issues + 1",
            &[bearer.project],
        )?;
    }
    for name in names.into_iter().map(number) {
        run(
            "INSERT OR IGNORE INTO derived_bearer (project, name, sketch) VALUES (?1, ?2, ?3)",
            &[bearer.project, name, bearer.id],
        )?;
        let is_new = run(
            "INSERT OR IGNORE INTO derived_issue_name (issue, name) VALUES (?1, ?2)",
            &[bearer.issue, name],
        )?;
        if is_new > 0 {
            run(
                "INSERT INTO derived_spread (project, name, issues) VALUES (?1, ?2, 1)
                 ON CONFLICT (project, name) DO UPDATE SET issues = issues + 1",
                &[bearer.project, name],
            )?;
        }
    }
    Ok(())
}

/// The issues that are shown and have variants like those of this one, the most alike first.
pub(super) fn related(conn: &Connection, issue: &IssueId) -> Result<Vec<RelatedIssue>, Failed> {
    let Some(number) = read::number(conn, issue)? else {
        return Ok(Vec::new());
    };
    let project = conn
        .prepare_cached("SELECT project FROM issue_number WHERE number = ?1")?
        .query_row([number], |row| row.get(0))?;
    let likeness = Likeness::new(conn);
    let known = likeness.of(project);
    let mut own = Vec::new();
    for id in sketches_of(conn, &ground::at_home(conn, number)?)? {
        own.extend(known.variant(id)?.map(|(sketch, _)| (id, sketch)));
    }
    let mut found = Vec::new();
    for related in group::related(&known, unsigned(number)?, &own, &WEIGHTS)? {
        let Some(issue) = read::issue_by_number(conn, related.issue)? else {
            continue;
        };
        found.push(RelatedIssue {
            issue,
            score: related.score,
            variant: variant_of(conn, related.variant)?,
            is_like: variant_of(conn, related.own)?,
        });
    }
    Ok(found)
}

/// The sketches of the first of these variants that have one.
fn sketches_of(conn: &Connection, variants: &[i64]) -> rusqlite::Result<Vec<u64>> {
    let mut find = conn.prepare_cached("SELECT id FROM variant_sketch WHERE variant = ?1")?;
    let mut found = Vec::new();
    for variant in variants {
        if found.len() == RELATED_FROM_MAX {
            break;
        }
        let id = find.query_row([variant], |row| unsigned(row.get(0)?));
        found.extend(id.optional()?);
    }
    Ok(found)
}

fn variant_of(conn: &Connection, sketch: u64) -> rusqlite::Result<VariantKey> {
    conn.prepare_cached(
        "SELECT j.variant FROM variant_sketch s JOIN variant_join j ON j.id = s.variant
         WHERE s.id = ?1",
    )?
    .query_row([signed(sketch)], |row| {
        Ok(VariantKey::from_bytes(row.get(0)?))
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::open::{self, Access};
    use super::super::write;
    use super::*;
    use crate::group::Variants;
    use crate::issue::Join;
    use crate::time::Timestamp;

    const VARIANTS: u64 = 100_000;
    const BATCH: u64 = 500;

    /// Numbers that look like chance and are the same each time.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, end: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (self.0 >> 33) % end
        }

        /// One of 30,000 bugs, in one of the ways that lead there: five functions of its own neighbourhood below three
        /// that half of the program is called by.
        fn crash(&mut self) -> Traits {
            let bug = self.below(30_000);
            let mut functions: Vec<String> = (0..5)
                .map(|place| match self.below(8) {
                    0 => format!("app::way{}", self.below(20_000)),
                    _ => format!("app::step{}", (bug * 7919 + place * 104_729) % 20_000),
                })
                .collect();
            functions.extend((0..3).map(|_| format!("app::run{}", self.below(40))));
            functions.dedup();
            let words = format!("cannot do step {} of it", bug % 5_000);
            Traits {
                family: "python".into(),
                ty: format!("Error{}", bug % 60),
                functions,
                words: words.split(' ').map(str::to_owned).collect(),
            }
        }
    }

    fn tell(what: &str, mut times: Vec<Duration>) {
        times.sort_unstable();
        let at = |share: usize| times[(times.len() - 1) * share / 1000];
        let (half, most, longest) = (at(500), at(990), at(1000));
        println!("{what}: p50 {half:?}, p99 {most:?}, longest {longest:?}");
    }

    /// Of the last tenth of them.
    fn is_measured(number: u64) -> bool {
        number >= VARIANTS - VARIANTS / 10
    }

    #[test]
    #[ignore = "measures: cargo test --release -p crashvault-core --lib placing -- --ignored --nocapture"]
    fn placing_among_a_hundred_thousand_in_memory() {
        let (mut variants, mut chance) = (Variants::default(), Chance(3));
        let (mut issues, mut times) = (0, Vec::new());
        for number in 0..VARIANTS {
            let traits = chance.crash();
            let begun = Instant::now();
            let sketch = Sketch::of(&traits);
            let Ok(placing) = group::place(&variants, &sketch, &WEIGHTS);
            let joined = placing.joins.map(|joined| joined.issue);
            issues += u64::from(joined.is_none());
            variants.add(Rc::new(sketch), joined.unwrap_or(issues));
            if is_measured(number) {
                times.push(begun.elapsed());
            }
        }
        tell(&format!("in memory, {issues} issues"), times);
    }

    #[test]
    #[ignore = "measures: cargo test --release -p crashvault-core --lib placing -- --ignored --nocapture"]
    fn placing_among_a_hundred_thousand_in_a_vault() {
        let directory = crate::scratch::scratch();
        let path = directory.path().join("vault.db");
        let mut conn = open::open(&path, Access::ReadWrite).unwrap();
        let mut chance = Chance(3);
        let (mut places, mut keeps, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        for batch in 0..VARIANTS / BATCH {
            let transaction = write::begin(&mut conn).unwrap();
            let project = write::project(&transaction, "shop").unwrap();
            let likeness = Likeness::new(&transaction);
            for number in batch * BATCH..(batch + 1) * BATCH {
                let traits = chance.crash();
                let begun = Instant::now();
                let sketch = Sketch::of(&traits);
                let (issue, comparison) = likeness.place(project, &traits, &sketch).unwrap();
                let placed = Instant::now();
                let mut id = [0; 16];
                id[..8].copy_from_slice(&number.to_le_bytes());
                let id = (VariantKey::from_bytes(id), IssueId::from_bytes(id));
                let mut join = Join::new(id.0, id.1, "shop", Timestamp::default());
                join.comparison = Some(comparison.into());
                let issue =
                    issue.unwrap_or_else(|| write::number(&transaction, project, &id.1).unwrap().0);
                let variant = write::put_join(&transaction, project, issue, &join).unwrap();
                likeness.keep(project, variant, &traits, &sketch).unwrap();
                if is_measured(number) {
                    places.push(placed - begun);
                    keeps.push(placed.elapsed());
                }
            }
            if is_measured(batch * BATCH) {
                // As in a batch of its own: nothing is remembered.
                let traits = chance.crash();
                let begun = Instant::now();
                let fresh = Likeness::new(&transaction);
                fresh.place(project, &traits, &Sketch::of(&traits)).unwrap();
                alone.push(begun.elapsed());
            }
            drop(likeness);
            transaction.commit().unwrap();
        }
        let count = |sql: &str| -> i64 { conn.query_row(sql, [], |row| row.get(0)).unwrap() };
        let issues = count("SELECT count(*) FROM issue_number");
        println!(
            "in a vault, {issues} issues, {} bytes",
            open::disk_bytes(&path)
        );
        tell("to place in a batch", places);
        tell("to place alone", alone);
        tell("to keep", keeps);
        for table in ["derived_bearer", "derived_issue_name", "derived_spread"] {
            let rows = count(&format!("SELECT count(*) FROM {table}"));
            println!("{table}: {rows} rows");
        }
    }
}
