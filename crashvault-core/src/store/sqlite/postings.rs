//! Sorted lists of documents, read as far as they are needed: what a search is put together from.
//!
//! Every list answers one question: which is its first document from here on? Lists are joined by asking them in turn,
//! so that what fits nowhere is passed over without being read.

use std::collections::HashSet;
use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::derive::document;
use super::meter;

const CHUNK_MIN: usize = 4;
const CHUNK_MAX: usize = 4096;
/// Lists with fewer documents are read at once.
const SHORT_MAX: usize = 256;

/// A sorted list of documents.
pub(super) enum Postings {
    /// Those of the list.
    List(Vec<i64>),
    /// Those that fit an expression of the full-text index.
    Source(Chunked),
    /// Those that have at least one of many stacks.
    Union(Union),
    /// Those whose events happened within a span.
    Time(Box<Within>),
    /// Those that stand in all of these lists; there is at least one.
    All(Vec<Postings>),
    /// Those that stand in at least one.
    Any(Vec<Postings>),
    /// Those of the first list that do not stand in the second.
    Except(Box<Postings>, Box<Postings>),
}

/// How far a list is asked.
pub(super) struct Reach {
    /// Documents behind it are of no interest: any of them may be given as the answer.
    pub(super) until: i64,
    /// When the search is to be given up.
    pub(super) deadline: Option<Instant>,
    /// Whether it was: then the answer says only that nothing lies before it.
    pub(super) is_late: bool,
    /// Whether any document of the first shelf that has one will do.
    pub(super) is_coarse: bool,
}

impl Reach {
    /// As far as the list goes, however long it takes.
    pub(super) fn all() -> Self {
        Self::until(i64::MAX)
    }

    /// No further than that.
    pub(super) fn until(until: i64) -> Self {
        Self {
            until,
            deadline: None,
            is_late: false,
            is_coarse: false,
        }
    }

    /// Where only shelves matter.
    pub(super) fn coarse(self) -> Self {
        Self {
            is_coarse: true,
            ..self
        }
    }

    /// Lets lists be asked for the very next document.
    fn exactly<T>(&mut self, ask: impl FnOnce(&mut Self) -> T) -> T {
        let is_coarse = std::mem::replace(&mut self.is_coarse, false);
        let answer = ask(self);
        self.is_coarse = is_coarse;
        answer
    }

    /// Whether there is no use in going on from `at`.
    fn ends(&mut self, at: i64) -> bool {
        let is_over = self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        self.is_late |= is_over;
        self.is_late || at > self.until
    }
}

impl Postings {
    /// The first document at or behind `from`.
    pub(super) fn seek(
        &mut self,
        conn: &Connection,
        from: i64,
        reach: &mut Reach,
    ) -> rusqlite::Result<Option<i64>> {
        match self {
            Self::List(documents) => {
                let place = documents.partition_point(|document| *document < from);
                Ok(documents.get(place).copied())
            }
            Self::Source(source) => source.seek(conn, from, reach),
            Self::Union(union) => union.seek(conn, from),
            Self::Time(within) => reach.exactly(|reach| within.seek(conn, from, reach)),
            Self::All(lists) => reach.exactly(|reach| seek_all(lists, conn, from, reach)),
            Self::Any(lists) => {
                let mut first: Option<i64> = None;
                for list in lists {
                    let found = list.seek(conn, from, reach)?;
                    let is_near = found.is_some_and(|found| found >> 32 == from >> 32);
                    if reach.is_coarse && is_near {
                        return Ok(found);
                    }
                    first = match (first, found) {
                        (Some(first), Some(found)) => Some(first.min(found)),
                        (first, found) => first.or(found),
                    };
                }
                Ok(first)
            }
            Self::Except(list, not) => {
                reach.exactly(|reach| seek_except(list, not, conn, from, reach))
            }
        }
    }

    /// Whether the document stands in the list.
    pub(super) fn holds(&mut self, conn: &Connection, document: i64) -> rusqlite::Result<bool> {
        let found = self.seek(conn, document, &mut Reach::until(document))?;
        Ok(found == Some(document))
    }

    /// The same list, read at once if it is short.
    pub(super) fn settled(mut self, conn: &Connection) -> rusqlite::Result<Self> {
        match &mut self {
            Self::Source(source) => {
                let found = source.beginning(conn, SHORT_MAX)?;
                Ok(match found.len() < SHORT_MAX {
                    true => Self::List(found),
                    false => self,
                })
            }
            Self::Any(lists) if lists.iter().all(Self::is_list) => {
                let mut all: Vec<i64> = lists.iter().flat_map(Self::list).copied().collect();
                all.sort_unstable();
                all.dedup();
                Ok(Self::List(all))
            }
            Self::Any(lists) | Self::All(lists) if lists.len() == 1 => Ok(lists.swap_remove(0)),
            // The shortest first: it says where the others are to be asked. Times last: they are looked up one by one.
            Self::All(lists) => {
                lists.sort_by_key(|list| match list {
                    Self::List(documents) => documents.len(),
                    Self::Time(_) => usize::MAX,
                    _ => usize::MAX - 1,
                });
                match lists.first() {
                    Some(Self::List(documents)) if documents.len() < SHORT_MAX => {
                        self.read_short(conn)
                    }
                    _ => Ok(self),
                }
            }
            _ => Ok(self),
        }
    }

    fn read_short(mut self, conn: &Connection) -> rusqlite::Result<Self> {
        let (mut found, mut at) = (Vec::new(), 0);
        while let Some(document) = self.seek(conn, at, &mut Reach::all())? {
            found.push(document);
            at = document + 1;
        }
        Ok(Self::List(found))
    }

    /// What it is put together from, each with how deep it lies within others.
    pub(super) fn tell(&self, depth: usize, out: &mut Vec<(usize, String)>) {
        let (text, parts): (_, Vec<&Self>) = match self {
            Self::List(documents) => (format!("{} events, read at once", documents.len()), vec![]),
            Self::Source(_) => ("index of texts, read as far as needed".to_owned(), vec![]),
            Self::Union(union) => (
                format!("events with one of {} stacks", union.stacks.len()),
                vec![],
            ),
            Self::Time(within) => (
                "those of a span of time, of".to_owned(),
                vec![&within.every],
            ),
            Self::All(lists) => (
                "in all of, the shortest first".to_owned(),
                lists.iter().collect(),
            ),
            Self::Any(lists) => ("in any of".to_owned(), lists.iter().collect()),
            Self::Except(list, not) => (
                "in the first, not in the second".to_owned(),
                vec![list, not],
            ),
        };
        out.push((depth, text));
        parts.iter().for_each(|part| part.tell(depth + 1, out));
    }

    fn is_list(&self) -> bool {
        matches!(self, Self::List(_))
    }

    fn list(&self) -> &[i64] {
        match self {
            Self::List(documents) => documents,
            _ => &[],
        }
    }
}

fn seek_all(
    lists: &mut [Postings],
    conn: &Connection,
    from: i64,
    reach: &mut Reach,
) -> rusqlite::Result<Option<i64>> {
    let mut at = from;
    'next: loop {
        if reach.ends(at) {
            return Ok(Some(at));
        }
        for (place, list) in lists.iter_mut().enumerate() {
            let found = match list {
                // An answer that came too late, or too far, need be no document.
                Postings::Time(_) if place > 0 && reach.ends(at) => return Ok(Some(at)),
                // The lists before it have this one.
                Postings::Time(within) if place > 0 => Some(within.step(conn, at)?),
                list => list.seek(conn, at, reach)?,
            };
            match found {
                None => return Ok(None),
                Some(found) if found > at => {
                    at = found;
                    continue 'next;
                }
                Some(_) => {}
            }
        }
        return Ok(Some(at));
    }
}

fn seek_except(
    list: &mut Postings,
    not: &mut Postings,
    conn: &Connection,
    from: i64,
    reach: &mut Reach,
) -> rusqlite::Result<Option<i64>> {
    let mut at = from;
    loop {
        let Some(found) = list.seek(conn, at, reach)? else {
            return Ok(None);
        };
        if reach.ends(found) || not.seek(conn, found, reach)? != Some(found) || reach.is_late {
            return Ok(Some(found));
        }
        at = found + 1;
    }
}

/// A list that is read from the database in pieces, which grow while it is read in order.
pub(super) struct Chunked {
    expression: String,
    /// `documents` are all from here up to their last, or to `until` if `is_whole`.
    from: i64,
    documents: Vec<i64>,
    is_whole: bool,
    until: i64,
    chunk: usize,
    /// How often the documents at hand held the answer.
    hits: usize,
}

impl Chunked {
    pub(super) fn new(expression: String) -> Self {
        Self {
            expression,
            from: i64::MAX,
            documents: Vec::new(),
            is_whole: false,
            until: i64::MAX,
            chunk: CHUNK_MIN,
            hits: 0,
        }
    }

    fn seek(
        &mut self,
        conn: &Connection,
        from: i64,
        reach: &Reach,
    ) -> rusqlite::Result<Option<i64>> {
        if !self.holds(from, reach) {
            let is_one_shelf = reach.is_coarse && reach.until != i64::MAX;
            self.chunk = match self.hits {
                // The next question is about another shelf.
                _ if is_one_shelf => 1,
                0 | 1 => CHUNK_MIN,
                // Whoever found more than one place in what was read is likely to find the next in what follows.
                _ => (self.chunk * 4).min(CHUNK_MAX),
            };
            self.hits = 0;
            self.read(conn, from, reach.until)?;
        }
        self.hits += 1;
        let place = self.documents.partition_point(|document| *document < from);
        Ok(self.documents.get(place).copied())
    }

    /// Its first documents.
    fn beginning(&mut self, conn: &Connection, count: usize) -> rusqlite::Result<Vec<i64>> {
        self.chunk = count;
        self.read(conn, 0, i64::MAX)?;
        Ok(self.documents.clone())
    }

    fn holds(&self, from: i64, reach: &Reach) -> bool {
        let is_read = self.documents.last().is_some_and(|last| from <= *last);
        let is_all = self.is_whole && reach.until <= self.until;
        from >= self.from && (is_read || is_all)
    }

    fn read(&mut self, conn: &Connection, from: i64, until: i64) -> rusqlite::Result<()> {
        let limit = self.chunk as i64;
        self.documents.clear();
        let mut find = conn.prepare_cached(
            "SELECT rowid FROM derived_text WHERE derived_text MATCH ?1 AND rowid BETWEEN ?2 AND ?3
             ORDER BY rowid LIMIT ?4",
        )?;
        let place = params![self.expression, from, until, limit];
        for found in find.query_map(place, |row| row.get(0))? {
            self.documents.push(found?);
        }
        meter::count(self.documents.len());
        self.from = from;
        self.until = until;
        self.is_whole = self.documents.len() < self.chunk;
        Ok(())
    }
}

/// Stacks whose shelves are asked for at once; those of more are looked up where they are needed.
const FEW_STACKS: usize = 500;

/// Many stacks as one list. It knows which shelf has which of them, and most have few.
pub(super) struct Union {
    stacks: HashSet<i64>,
    /// What shelves have of the stacks, by shelf.
    ends: Vec<End>,
    /// The first and the last shelf of which `ends` tells all.
    known: Option<(i64, i64)>,
}

/// What a shelf has of one stack.
#[derive(Clone, Copy)]
struct End {
    shelf: i64,
    stack: i64,
    first: i64,
    /// The answer given last: from here on, the next document is that.
    known: (i64, i64),
}

/// Behind all documents.
const NEVER: i64 = i64::MAX;

impl End {
    /// The first document of the shelf from here on; [`NEVER`] if there is none.
    fn seek(&mut self, conn: &Connection, from: i64) -> rusqlite::Result<i64> {
        if from <= self.first {
            return Ok(self.first);
        }
        if !(self.known.0 <= from && from <= self.known.1) {
            let next = next_of(conn, self.stack, from, document(self.shelf + 1, 0))?;
            self.known = (from, next.unwrap_or(NEVER));
        }
        Ok(self.known.1)
    }
}

impl Union {
    pub(super) fn new(stacks: Vec<i64>) -> Self {
        Self {
            stacks: stacks.into_iter().collect(),
            ends: Vec::new(),
            known: None,
        }
    }

    fn seek(&mut self, conn: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
        let mut at = from;
        loop {
            let ends = self.shelf(conn, at >> 32)?;
            let Some(shelf) = ends.first().map(|end| end.shelf) else {
                return Ok(None);
            };
            let mut found = NEVER;
            for end in ends {
                found = found.min(end.seek(conn, at)?);
            }
            if found != NEVER {
                return Ok(Some(found));
            }
            at = document(shelf + 1, 0);
        }
    }

    /// What the first shelf from here on has that has any of the stacks.
    fn shelf(&mut self, conn: &Connection, from: i64) -> rusqlite::Result<&mut [End]> {
        let is_known = |(first, last)| first <= from && from <= last;
        if !self.known.is_some_and(is_known) {
            self.look_up(conn, from)?;
        }
        let begin = self.ends.partition_point(|end| end.shelf < from);
        let shelf = self.ends.get(begin).map(|end| end.shelf);
        let length = self.ends[begin..].partition_point(|end| Some(end.shelf) == shelf);
        Ok(&mut self.ends[begin..begin + length])
    }

    fn look_up(&mut self, conn: &Connection, from: i64) -> rusqlite::Result<()> {
        if self.stacks.len() <= FEW_STACKS {
            self.ends = self.of_few(conn)?;
            self.known = Some((i64::MIN, i64::MAX));
        } else {
            self.ends = self.of_shelf(conn, from)?;
            let last = self.ends.first().map_or(i64::MAX, |end| end.shelf);
            self.known = Some((from, last));
        }
        Ok(())
    }

    fn of_few(&self, conn: &Connection) -> rusqlite::Result<Vec<End>> {
        let stacks: Vec<String> = self.stacks.iter().map(i64::to_string).collect();
        let mut find = conn.prepare_cached(
            "SELECT s.shelf, s.stack, s.first FROM json_each(?1) j
             CROSS JOIN derived_shelf_stack s ON s.stack = j.value",
        )?;
        let ends = find.query_map([format!("[{}]", stacks.join(","))], end)?;
        let mut ends: Vec<End> = ends.collect::<rusqlite::Result<_>>()?;
        meter::count(ends.len());
        ends.sort_unstable_by_key(|end| end.shelf);
        Ok(ends)
    }

    fn of_shelf(&self, conn: &Connection, from: i64) -> rusqlite::Result<Vec<End>> {
        let mut find = conn.prepare_cached(
            "SELECT shelf, stack, first FROM derived_shelf_stack WHERE shelf >= ?1
             ORDER BY shelf, stack",
        )?;
        let mut rows = find.query([from])?;
        let mut ends: Vec<End> = Vec::new();
        while let Some(row) = rows.next()? {
            let end = end(row)?;
            meter::count(1);
            if ends.first().is_some_and(|first| first.shelf < end.shelf) {
                break;
            }
            if self.stacks.contains(&end.stack) {
                ends.push(end);
            }
        }
        Ok(ends)
    }
}

fn end(row: &Row<'_>) -> rusqlite::Result<End> {
    let first = row.get(2)?;
    Ok(End {
        shelf: row.get(0)?,
        stack: row.get(1)?,
        first,
        known: (first, first),
    })
}

fn next_of(conn: &Connection, stack: i64, from: i64, end: i64) -> rusqlite::Result<Option<i64>> {
    let mut find = conn.prepare_cached(
        "SELECT document FROM derived_posting WHERE stack = ?1 AND document >= ?2 AND document < ?3
         ORDER BY document LIMIT 1",
    )?;
    meter::count(1);
    find.query_row([stack, from, end], |row| row.get(0))
        .optional()
}

/// Documents of a span of time: those of another list whose events happened in it.
pub(super) struct Within {
    pub(super) every: Postings,
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Within {
    fn seek(
        &mut self,
        conn: &Connection,
        from: i64,
        reach: &mut Reach,
    ) -> rusqlite::Result<Option<i64>> {
        let mut at = from;
        while let Some(found) = self.every.seek(conn, at, reach)? {
            if reach.ends(found) {
                return Ok(Some(found));
            }
            at = self.step(conn, found)?;
            if at == found {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The document, if its event happened in the span; else where the next one can be that did.
    fn step(&self, conn: &Connection, found: i64) -> rusqlite::Result<i64> {
        meter::count(1);
        let (issue, time): (i64, i64) = conn
            .prepare_cached("SELECT issue, time FROM derived_placement WHERE event = ?1")?
            .query_row([found & 0xffff_ffff], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if (self.first..=self.last).contains(&time) {
            return Ok(found);
        }
        let has_any: bool = conn
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM derived_placement
                     WHERE issue = ?1 AND time BETWEEN ?2 AND ?3)",
            )?
            .query_row([issue, self.first, self.last], |row| row.get(0))?;
        Ok(match has_any {
            true => found + 1,
            false => document((found >> 32) + 1, 0),
        })
    }
}
