//! Sorted lists of documents, read as far as they are needed: what a search is put together from.
//!
//! Every list answers one question: which is its first document from here on? Lists are joined by asking them in turn,
//! so that what fits nowhere is passed over without being read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rusqlite::{Connection, params};

use super::derive::document;

const CHUNK_MIN: usize = 8;
const CHUNK_MAX: usize = 1024;

/// A sorted list of documents.
pub(super) enum Postings {
    /// Those of the list.
    List(Vec<i64>),
    /// Those that have a term.
    Source(Chunked),
    /// Those that have at least one of many terms.
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

impl Postings {
    /// The first document at or behind `from`.
    pub(super) fn seek(&mut self, conn: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
        match self {
            Self::List(documents) => {
                let place = documents.partition_point(|document| *document < from);
                Ok(documents.get(place).copied())
            }
            Self::Source(source) => source.seek(conn, from),
            Self::Union(union) => union.seek(conn, from),
            Self::Time(within) => within.seek(conn, from),
            Self::All(lists) => seek_all(lists, conn, from),
            Self::Any(lists) => {
                let mut first = None;
                for list in lists {
                    let found = list.seek(conn, from)?;
                    first = match (first, found) {
                        (Some(first), Some(found)) => Some(std::cmp::min::<i64>(first, found)),
                        (first, found) => first.or(found),
                    };
                }
                Ok(first)
            }
            Self::Except(list, not) => seek_except(list, not, conn, from),
        }
    }
}

fn seek_all(lists: &mut [Postings], conn: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
    let mut at = from;
    'next: loop {
        for list in lists.iter_mut() {
            match list.seek(conn, at)? {
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
) -> rusqlite::Result<Option<i64>> {
    let mut at = from;
    loop {
        let Some(found) = list.seek(conn, at)? else {
            return Ok(None);
        };
        if not.seek(conn, found)? != Some(found) {
            return Ok(Some(found));
        }
        at = found + 1;
    }
}

/// A list that is read from the database in pieces, which grow while it is read in order.
pub(super) struct Chunked {
    source: Source,
    /// `documents` are all from here up to their last, or to the end if `is_whole`.
    from: i64,
    documents: Vec<i64>,
    is_whole: bool,
    chunk: usize,
}

pub(super) enum Source {
    /// A value (its id) or a stack (minus its id).
    Term(i64),
    /// An expression of the full-text index.
    Words(String),
}

impl Chunked {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            from: i64::MAX,
            documents: Vec::new(),
            is_whole: false,
            chunk: CHUNK_MIN,
        }
    }

    fn seek(&mut self, conn: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
        if !self.holds(from) {
            self.read(conn, from)?;
        }
        let place = self.documents.partition_point(|document| *document < from);
        Ok(self.documents.get(place).copied())
    }

    fn holds(&self, from: i64) -> bool {
        let reaches = self.is_whole || self.documents.last().is_some_and(|last| from <= *last);
        from >= self.from && reaches
    }

    fn read(&mut self, conn: &Connection, from: i64) -> rusqlite::Result<()> {
        // Whoever asks for what comes next reads on; whoever jumps may never read what lies here.
        let is_next = self.documents.last().is_some_and(|last| from == last + 1);
        self.chunk = match is_next {
            true => (self.chunk * 4).min(CHUNK_MAX),
            false => CHUNK_MIN,
        };
        let limit = self.chunk as i64;
        self.documents.clear();
        let document = |row: &rusqlite::Row<'_>| row.get(0);
        match &self.source {
            Source::Term(term) => {
                let mut find = conn.prepare_cached(
                    "SELECT document FROM derived_posting WHERE term = ?1 AND document >= ?2
                     ORDER BY document LIMIT ?3",
                )?;
                for found in find.query_map([*term, from, limit], document)? {
                    self.documents.push(found?);
                }
            }
            Source::Words(expression) => {
                let mut find = conn.prepare_cached(
                    "SELECT rowid FROM derived_text WHERE derived_text MATCH ?1 AND rowid >= ?2
                     ORDER BY rowid LIMIT ?3",
                )?;
                for found in find.query_map(params![expression, from, limit], document)? {
                    self.documents.push(found?);
                }
            }
        }
        self.from = from;
        self.is_whole = self.documents.len() < self.chunk;
        Ok(())
    }
}

/// Many terms as one list. Made for reading in order; whoever goes back gets all of it read once.
pub(super) struct Union {
    terms: Vec<i64>,
    /// The next document of each term that is not at its end.
    next: BinaryHeap<Reverse<(i64, i64)>>,
    reached: i64,
    has_begun: bool,
    all: Option<Vec<i64>>,
}

impl Union {
    pub(super) fn new(terms: Vec<i64>) -> Self {
        Self {
            terms,
            next: BinaryHeap::new(),
            reached: i64::MIN,
            has_begun: false,
            all: None,
        }
    }

    fn seek(&mut self, conn: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
        if from < self.reached && self.all.is_none() {
            self.read_all(conn)?;
        }
        if let Some(all) = &self.all {
            let place = all.partition_point(|document| *document < from);
            return Ok(all.get(place).copied());
        }
        self.reached = from;
        if !self.has_begun {
            self.has_begun = true;
            for term in std::mem::take(&mut self.terms) {
                self.advance(conn, term, from)?;
                self.terms.push(term);
            }
        }
        while let Some(Reverse((document, term))) = self.next.peek().copied() {
            if document >= from {
                return Ok(Some(document));
            }
            self.next.pop();
            self.advance(conn, term, from)?;
        }
        Ok(None)
    }

    fn advance(&mut self, conn: &Connection, term: i64, from: i64) -> rusqlite::Result<()> {
        let mut find = conn.prepare_cached(
            "SELECT document FROM derived_posting WHERE term = ?1 AND document >= ?2
             ORDER BY document LIMIT 1",
        )?;
        let mut rows = find.query([term, from])?;
        if let Some(row) = rows.next()? {
            self.next.push(Reverse((row.get(0)?, term)));
        }
        Ok(())
    }

    fn read_all(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let mut find =
            conn.prepare_cached("SELECT document FROM derived_posting WHERE term = ?1")?;
        let mut all = Vec::new();
        for term in &self.terms {
            for document in find.query_map([term], |row| row.get(0))? {
                all.push(document?);
            }
        }
        all.sort_unstable();
        all.dedup();
        self.all = Some(all);
        Ok(())
    }
}

/// Documents of a span of time: those of another list whose events happened in it.
pub(super) struct Within {
    pub(super) every: Postings,
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Within {
    fn seek(&mut self, conn: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
        let mut at = from;
        while let Some(found) = self.every.seek(conn, at)? {
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
