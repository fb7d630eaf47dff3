//! Sorted lists of documents, read as far as they are needed: what a search is put together from.
//!
//! Every list answers one question: which is its first document from here on? Lists are joined by asking them in turn,
//! so that what fits nowhere is passed over without being read.

use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, params};

use super::derive::document;

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
        }
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
            Self::Source(source) => source.seek(conn, from),
            Self::Union(union) => union.seek(conn, from),
            Self::Time(within) => within.seek(conn, from, reach),
            Self::All(lists) => seek_all(lists, conn, from, reach),
            Self::Any(lists) => {
                let mut first: Option<i64> = None;
                for list in lists {
                    let found = list.seek(conn, from, reach)?;
                    first = match (first, found) {
                        (Some(first), Some(found)) => Some(first.min(found)),
                        (first, found) => first.or(found),
                    };
                }
                Ok(first)
            }
            Self::Except(list, not) => seek_except(list, not, conn, from, reach),
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
            Self::Any(lists) if lists.len() == 1 => Ok(lists.swap_remove(0)),
            // The shortest first: it says where the others are to be asked.
            Self::All(lists) => {
                lists.sort_by_key(|list| match list {
                    Self::List(documents) => documents.len(),
                    _ => usize::MAX,
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
        for list in lists.iter_mut() {
            match list.seek(conn, at, reach)? {
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
        if reach.ends(found) || not.seek(conn, found, reach)? != Some(found) {
            return Ok(Some(found));
        }
        at = found + 1;
    }
}

/// A list that is read from the database in pieces, which grow while it is read in order.
pub(super) struct Chunked {
    expression: String,
    /// `documents` are all from here up to their last, or to the end if `is_whole`.
    from: i64,
    documents: Vec<i64>,
    is_whole: bool,
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
            chunk: CHUNK_MIN,
            hits: 0,
        }
    }

    fn seek(&mut self, conn: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
        if !self.holds(from) {
            // Whoever found more than one place in what was read is likely to find the next in what follows.
            self.chunk = match self.hits {
                0 | 1 => CHUNK_MIN,
                _ => (self.chunk * 4).min(CHUNK_MAX),
            };
            self.hits = 0;
            self.read(conn, from)?;
        }
        self.hits += 1;
        let place = self.documents.partition_point(|document| *document < from);
        Ok(self.documents.get(place).copied())
    }

    /// Its first documents.
    fn beginning(&mut self, conn: &Connection, count: usize) -> rusqlite::Result<Vec<i64>> {
        self.chunk = count;
        self.read(conn, 0)?;
        Ok(self.documents.clone())
    }

    fn holds(&self, from: i64) -> bool {
        let reaches = self.is_whole || self.documents.last().is_some_and(|last| from <= *last);
        from >= self.from && reaches
    }

    fn read(&mut self, conn: &Connection, from: i64) -> rusqlite::Result<()> {
        let limit = self.chunk as i64;
        self.documents.clear();
        let mut find = conn.prepare_cached(
            "SELECT rowid FROM derived_text WHERE derived_text MATCH ?1 AND rowid >= ?2
             ORDER BY rowid LIMIT ?3",
        )?;
        for found in find.query_map(params![self.expression, from, limit], |row| row.get(0))? {
            self.documents.push(found?);
        }
        self.from = from;
        self.is_whole = self.documents.len() < self.chunk;
        Ok(())
    }
}

/// Many stacks as one list.
pub(super) struct Union {
    stacks: Vec<i64>,
    ends: Option<Ends>,
}

/// Where each stack begins and ends. Most lie on one shelf, so that few need to be asked for any place.
struct Ends {
    /// Those on one shelf, by their first documents.
    narrow: Vec<End>,
    wide: Vec<End>,
}

#[derive(Clone, Copy)]
struct End {
    stack: i64,
    first: i64,
    last: i64,
    /// The answer given last: from here on, the next document is that.
    known: (i64, i64),
}

impl End {
    fn seek(&mut self, conn: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
        if from > self.last {
            return Ok(None);
        }
        if from <= self.first {
            return Ok(Some(self.first));
        }
        if !(self.known.0 <= from && from <= self.known.1) {
            let next = next_of(conn, self.stack, from)?;
            self.known = (from, next.unwrap_or(self.last));
        }
        Ok(Some(self.known.1))
    }
}

impl Union {
    pub(super) fn new(stacks: Vec<i64>) -> Self {
        Self { stacks, ends: None }
    }

    fn seek(&mut self, conn: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
        let ends = match &mut self.ends {
            Some(ends) => ends,
            none => none.insert(Ends::of(conn, &self.stacks)?),
        };
        let mut found = ends.seek_narrow(conn, from)?;
        for end in &mut ends.wide {
            // One that begins behind what was found has nothing better.
            if found.is_none_or(|found| end.first < found) {
                let next = end.seek(conn, from)?;
                found = found.into_iter().chain(next).min();
            }
        }
        Ok(found)
    }
}

impl Ends {
    /// Asked for all stacks at once.
    fn of(conn: &Connection, stacks: &[i64]) -> rusqlite::Result<Self> {
        let stacks: Vec<String> = stacks.iter().map(i64::to_string).collect();
        let mut find = conn.prepare_cached(
            "SELECT j.value, (SELECT min(document) FROM derived_posting WHERE stack = j.value),
                 (SELECT max(document) FROM derived_posting WHERE stack = j.value)
             FROM json_each(?1) j",
        )?;
        let mut rows = find.query([format!("[{}]", stacks.join(","))])?;
        let (mut narrow, mut wide) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            if let (Some(first), Some(last)) = (row.get(1)?, row.get(2)?) {
                let end = End {
                    stack: row.get(0)?,
                    first,
                    last,
                    known: (first, first),
                };
                match first >> 32 == last >> 32 {
                    true => narrow.push(end),
                    false => wide.push(end),
                }
            }
        }
        narrow.sort_unstable_by_key(|end| end.first);
        wide.sort_unstable_by_key(|end| end.first);
        Ok(Self { narrow, wide })
    }

    fn seek_narrow(&mut self, conn: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
        let shelf = document(from >> 32, 0);
        let begin = self.narrow.partition_point(|end| end.first < shelf);
        let mut found: Option<i64> = None;
        for end in &mut self.narrow[begin..] {
            if found.is_some_and(|found| found <= end.first) {
                break;
            }
            let next = end.seek(conn, from)?;
            found = found.into_iter().chain(next).min();
        }
        Ok(found)
    }
}

fn next_of(conn: &Connection, stack: i64, from: i64) -> rusqlite::Result<Option<i64>> {
    let mut find = conn.prepare_cached(
        "SELECT document FROM derived_posting WHERE stack = ?1 AND document >= ?2
         ORDER BY document LIMIT 1",
    )?;
    find.query_row([stack, from], |row| row.get(0)).optional()
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
            let (issue, time): (i64, i64) = conn
                .prepare_cached("SELECT issue, time FROM derived_placement WHERE event = ?1")?
                .query_row([found & 0xffff_ffff], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if (self.first..=self.last).contains(&time) {
                return Ok(Some(found));
            }
            let has_any: bool = conn
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM derived_placement
                         WHERE issue = ?1 AND time BETWEEN ?2 AND ?3)",
                )?
                .query_row([issue, self.first, self.last], |row| row.get(0))?;
            at = match has_any {
                true => found + 1,
                false => document((found >> 32) + 1, 0),
            };
        }
        Ok(None)
    }
}
