//! Conditions → lists of documents: which terms, words and stacks to look for, and how their lists are joined.
//!
//! What the full-text index can join by itself is asked of it as one expression.

use std::cell::RefCell;
use std::ops::Deref;

use rusqlite::{Connection, OptionalExtension, params};

use super::super::facts::TRACE;
use super::super::words::glob_fits;
use super::super::{Condition, EventTest, FrameField, Key, Pattern, Words};
use super::Failed;
use super::derive::{document, shelf};
use super::meter;
use super::names::{find_key, find_value};
use super::postings::{Chunked, Postings, Union, Within};
use super::side::Side;
use super::terms;
use crate::error::{Error, ErrorKind};

/// Values in one expression of the full-text index, and values that a wildcard may stand for.
const TERMS_TOGETHER_MAX: usize = 200;
const WILD_VALUES_MAX: usize = 20_000;
/// Values of a key that are sought one by one; of more, it is quicker to read all values there are in a row.
const SOUGHT_VALUES_MAX: i64 = 5_000;
/// Levels of one expression; the index's reader keeps a stack of a hundred, of which each takes several.
const EXPRESSION_DEPTH_MAX: usize = 8;
/// Pieces of a wildcard's words in one expression.
const EXPRESSIONS_TOGETHER_MAX: usize = 3;
/// Plain words asked for together.
const WORDS_TOGETHER_MAX: usize = 3;
/// Words that a wildcard may stand for.
const WILD_WORDS_MAX: usize = 2_000;
/// Words in one expression of the full-text index.
const EXPRESSION_WORDS_MAX: usize = 100;

/// The documents that fit a condition, which asks nothing of issues.
pub(super) fn compile(conn: &Connection, condition: &Condition) -> Result<Postings, Failed> {
    let asker = Asker {
        conn,
        stacks: RefCell::default(),
    };
    lists(&asker, condition)
}

/// A connection, and what has been asked of it for this condition: some of it is needed more than once.
struct Asker<'c> {
    conn: &'c Connection,
    stacks: RefCell<Vec<Stacks>>,
}

/// Stacks that hold words in a part of their frames.
type Stacks = (FrameField, Words, Vec<i64>);

impl Deref for Asker<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.conn
    }
}

fn lists(conn: &Asker<'_>, condition: &Condition) -> Result<Postings, Failed> {
    if let Some(expression) = expression(conn, condition)? {
        return source(conn, expression);
    }
    let list = match condition {
        Condition::Event(test) => of_test(conn, test)?,
        Condition::Any(parts) => Postings::Any(lists_of_each(conn, parts)?),
        Condition::Not(part) => {
            let not = lists(conn, part)?;
            Postings::Except(Box::new(every(conn)?), Box::new(not))
        }
        Condition::All(parts) => list_of_all(conn, parts)?,
        Condition::Issue(_) => {
            let message = "a condition of issues was asked of events";
            return Err(Error::new(ErrorKind::Internal, "search", message).into());
        }
    };
    Ok(list.settled(conn)?)
}

fn lists_of_each(conn: &Asker<'_>, parts: &[Condition]) -> Result<Vec<Postings>, Failed> {
    parts.iter().map(|part| lists(conn, part)).collect()
}

/// The condition as one expression of the full-text index, which joins lists better than we do; none if a part of it is
/// about stacks, times or ids, or if it is too deep for the index to read.
fn expression(conn: &Asker<'_>, condition: &Condition) -> Result<Option<String>, Failed> {
    if depth(condition) > EXPRESSION_DEPTH_MAX {
        return Ok(None);
    }
    match condition {
        Condition::All(parts) => all_of(conn, parts),
        Condition::Any(parts) => {
            let Some(parts) = each_expression(conn, parts)? else {
                return Ok(None);
            };
            Ok(Some(any_of(parts)))
        }
        Condition::Not(part) => {
            Ok(expression(conn, part)?.map(|not| format!("(\"{}\" NOT {not})", terms::EVERY)))
        }
        Condition::Event(EventTest::Value(key, pattern)) => of_value(conn, key, pattern),
        Condition::Event(EventTest::Message(words)) => of_column(conn, "message : ", words),
        Condition::Event(EventTest::Breadcrumb(words)) => of_column(conn, "breadcrumb : ", words),
        Condition::Event(EventTest::Anywhere(words)) => {
            match stacks(conn, FrameField::Any, words)?.is_empty() {
                true => of_column(conn, "", words),
                false => Ok(None),
            }
        }
        Condition::Event(_) | Condition::Issue(_) => Ok(None),
    }
}

fn depth(condition: &Condition) -> usize {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            1 + parts.iter().map(depth).max().unwrap_or_default()
        }
        Condition::Not(part) => 1 + depth(part),
        Condition::Issue(_) | Condition::Event(_) => 1,
    }
}

fn all_of(conn: &Asker<'_>, parts: &[Condition]) -> Result<Option<String>, Failed> {
    let (mut included, mut excluded) = (Vec::new(), Vec::new());
    for part in parts {
        let (list, part) = match part {
            Condition::Not(not) => (&mut excluded, &**not),
            other => (&mut included, other),
        };
        match expression(conn, part)? {
            Some(part) => list.push(part),
            None => return Ok(None),
        }
    }
    if included.is_empty() {
        included.push(format!("\"{}\"", terms::EVERY));
    }
    let all = format!("({})", included.join(" AND "));
    Ok(Some(match excluded.is_empty() {
        true => all,
        false => format!("({all} NOT {})", any_of(excluded)),
    }))
}

fn any_of(parts: Vec<String>) -> String {
    match parts.is_empty() {
        true => format!("\"{}\"", terms::NONE),
        false => format!("({})", parts.join(" OR ")),
    }
}

fn each_expression(conn: &Asker<'_>, parts: &[Condition]) -> Result<Option<Vec<String>>, Failed> {
    parts.iter().map(|part| expression(conn, part)).collect()
}

fn of_column(conn: &Asker<'_>, column: &str, words: &Words) -> Result<Option<String>, Failed> {
    let parts = expressions(conn, Index::Texts, column, words)?;
    Ok((parts.len() <= EXPRESSIONS_TOGETHER_MAX).then(|| any_of(parts)))
}

/// Documents with one of the values that fit; none if those are too many for one expression.
fn of_value(conn: &Asker<'_>, key: &Key, pattern: &Pattern) -> Result<Option<String>, Failed> {
    let parts = value_terms(conn, key, pattern)?;
    Ok((parts.len() <= TERMS_TOGETHER_MAX).then(|| any_of(quoted_each(&parts))))
}

fn quoted_each(terms: &[String]) -> Vec<String> {
    terms.iter().map(|term| format!("\"{term}\"")).collect()
}

fn source(conn: &Asker<'_>, expression: String) -> Result<Postings, Failed> {
    Ok(Postings::Source(Chunked::new(expression)).settled(conn)?)
}

/// What the index can join is asked of it together; the rest is joined to that. What is excluded is taken from what is
/// included, rather than from everything first.
fn list_of_all(conn: &Asker<'_>, parts: &[Condition]) -> Result<Postings, Failed> {
    let (mut included, mut excluded, mut words) = (Vec::new(), Vec::new(), Vec::new());
    let mut together = Vec::new();
    for part in parts {
        if expression(conn, part)?.is_some() {
            together.push(part.clone());
            continue;
        }
        match part {
            Condition::Not(not) => excluded.push(lists(conn, not)?),
            Condition::Event(EventTest::Anywhere(of_words)) if words.len() < WORDS_TOGETHER_MAX => {
                words.push(of_words);
            }
            other => included.push(lists(conn, other)?),
        }
    }
    if let Some(expression) = all_of(conn, &together)?.filter(|_| !together.is_empty()) {
        included.push(source(conn, expression)?);
    }
    match words.as_slice() {
        [] => {}
        [one] => included.push(anywhere(conn, one)?),
        several => included.push(all_anywhere(conn, several)?),
    }
    if included.is_empty() {
        included.push(every(conn)?);
    }
    let all = Postings::All(included).settled(conn)?;
    Ok(match excluded.is_empty() {
        true => all,
        false => Postings::Except(Box::new(all), Box::new(Postings::Any(excluded))),
    })
}

/// Where a word stands: in an event's own texts, or in its stacks.
struct Found {
    expressions: Vec<String>,
    stacks: Vec<i64>,
}

impl Found {
    fn of(conn: &Asker<'_>, words: &Words) -> Result<Self, Failed> {
        Ok(Self {
            expressions: expressions(conn, Index::Texts, "", words)?,
            stacks: stacks(conn, FrameField::Any, words)?,
        })
    }
}

fn anywhere(conn: &Asker<'_>, words: &Words) -> Result<Postings, Failed> {
    let found = Found::of(conn, words)?;
    // The stacks first: they answer more quickly.
    let mut lists = vec![of_stacks(found.stacks)];
    lists.extend(of_expressions(conn, found.expressions)?);
    Ok(Postings::Any(lists).settled(conn)?)
}

/// Several words, each anywhere. Those that stand in the texts are asked for together, because the index can pass over
/// what has only one of them; what a word has of stacks is joined to that case by case.
fn all_anywhere(conn: &Asker<'_>, words: &[&Words]) -> Result<Postings, Failed> {
    let found = words
        .iter()
        .map(|words| Found::of(conn, words))
        .collect::<Result<Vec<_>, _>>()?;
    let mut cases = Vec::new();
    for in_texts in 0..1_u32 << found.len() {
        let is_in_text = |index: usize| in_texts & (1 << index) != 0;
        let mut lists = Vec::new();
        let mut texts = Vec::new();
        for (index, found) in found.iter().enumerate() {
            match is_in_text(index) {
                true => texts.push(format!("({})", found.expressions.join(" OR "))),
                false => lists.push(of_stacks(found.stacks.clone())),
            }
        }
        let has_nowhere = found
            .iter()
            .enumerate()
            .any(|(index, found)| match is_in_text(index) {
                true => found.expressions.is_empty(),
                false => found.stacks.is_empty(),
            });
        if has_nowhere {
            continue;
        }
        if !texts.is_empty() {
            lists.extend(of_expressions(conn, vec![texts.join(" AND ")])?);
        }
        cases.push(Postings::All(lists).settled(conn)?);
    }
    Ok(Postings::Any(cases).settled(conn)?)
}

fn every(conn: &Asker<'_>) -> Result<Postings, Failed> {
    source(conn, format!("\"{}\"", terms::EVERY))
}

fn of_test(conn: &Asker<'_>, test: &EventTest) -> Result<Postings, Failed> {
    match test {
        EventTest::Value(key, pattern) => {
            let parts = value_terms(conn, key, pattern)?;
            let lists = parts
                .chunks(TERMS_TOGETHER_MAX)
                .map(|terms| source(conn, any_of(quoted_each(terms))));
            Ok(Postings::Any(lists.collect::<Result<_, _>>()?))
        }
        EventTest::Message(words) => of_texts(conn, "message : ", words),
        EventTest::Breadcrumb(words) => of_texts(conn, "breadcrumb : ", words),
        EventTest::Frame(field, words) => Ok(of_stacks(stacks(conn, *field, words)?)),
        EventTest::Anywhere(words) => anywhere(conn, words),
        EventTest::Time(span) => Ok(Postings::Time(Box::new(Within {
            every: every(conn)?,
            first: *span.start(),
            last: *span.end(),
        }))),
        EventTest::Id(id) => {
            let found: Option<(i64, i64, bool, i64)> = conn
                .prepare_cached(
                    "SELECT e.variant, p.issue, p.is_moved, p.event FROM event e
                     JOIN derived_placement p ON p.event = e.ingest_sequence WHERE e.event_id = ?1",
                )?
                .query_row([id.as_bytes()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })
                .optional()?;
            let found = found.map(|(variant, issue, is_moved, event)| {
                document(shelf(variant, issue, is_moved), event)
            });
            Ok(Postings::List(found.into_iter().collect()))
        }
    }
}

fn of_stacks(stacks: Vec<i64>) -> Postings {
    Postings::Union(Union::new(stacks))
}

/// The terms of the values of a key that fit.
fn value_terms(conn: &Asker<'_>, key: &Key, pattern: &Pattern) -> Result<Vec<String>, Failed> {
    let (is_tag, name) = match key {
        Key::Tag(name) => (true, name),
        Key::Attribute(name) => (false, name),
    };
    if !is_tag && name == TRACE {
        return match pattern {
            Pattern::Exact(text) => Ok(vec![terms::hashed(name, text)]),
            _ => {
                let message = "a trace is found by its whole id alone; write it without '*'";
                Err(Error::new(ErrorKind::InvalidInput, "search", message).into())
            }
        };
    }
    let Some(key) = find_key(conn, Side::Live, is_tag, name)? else {
        return Ok(Vec::new());
    };
    match pattern {
        Pattern::Any => Ok(vec![terms::key(key)]),
        Pattern::Exact(text) => {
            let found = find_value(conn, Side::Live, key, text)?;
            Ok(found.map(terms::value).into_iter().collect())
        }
        Pattern::Glob(_) | Pattern::Release(..) => values_like(conn, key, pattern),
    }
}

fn values_like(conn: &Asker<'_>, key: i64, pattern: &Pattern) -> Result<Vec<String>, Failed> {
    let count: i64 = conn
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM derived_value WHERE key = ?1 LIMIT ?2)",
        )?
        .query_row(params![key, SOUGHT_VALUES_MAX + 1], |row| row.get(0))?;
    let mut all = conn.prepare_cached(match count > SOUGHT_VALUES_MAX {
        true => "SELECT id, text FROM derived_value NOT INDEXED WHERE key = ?1",
        false => "SELECT id, text FROM derived_value WHERE key = ?1",
    })?;
    let mut rows = all.query([key])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        meter::count(1);
        let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        if pattern.fits(text) {
            found.push(terms::value(row.get(0)?));
        }
        if found.len() > WILD_VALUES_MAX {
            let asked = match pattern {
                Pattern::Glob(glob) => glob,
                _ => "what is asked for",
            };
            let message = format!(
                "more than {WILD_VALUES_MAX} values fit '{asked}'; write more of the value"
            );
            return Err(Error::new(ErrorKind::LimitReached, "search", message).into());
        }
    }
    Ok(found)
}

/// The ids of the stacks that hold the words.
fn stacks(conn: &Asker<'_>, field: FrameField, words: &Words) -> Result<Vec<i64>, Failed> {
    let is_asked = |(of, looked_for, _): &&Stacks| *of == field && looked_for == words;
    if let Some((.., found)) = conn.stacks.borrow().iter().find(is_asked) {
        return Ok(found.clone());
    }
    let column = match field {
        FrameField::Any => "",
        FrameField::Function => "function : ",
        FrameField::Module => "module : ",
        FrameField::Filename => "filename : ",
    };
    let sql = "SELECT rowid FROM derived_stack_text WHERE derived_stack_text MATCH ?1";
    let found = rows_with(conn, sql, Index::Stacks, column, words)?;
    conn.stacks
        .borrow_mut()
        .push((field, words.clone(), found.clone()));
    Ok(found)
}

fn rows_with(
    conn: &Asker<'_>,
    sql: &str,
    index: Index,
    column: &str,
    words: &Words,
) -> Result<Vec<i64>, Failed> {
    let mut found = Vec::new();
    for expression in expressions(conn, index, column, words)? {
        let mut find = conn.prepare_cached(sql)?;
        for row in find.query_map([expression], |row| row.get(0))? {
            found.push(row?);
        }
    }
    meter::count(found.len());
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn of_texts(conn: &Asker<'_>, column: &str, words: &Words) -> Result<Postings, Failed> {
    let expressions = expressions(conn, Index::Texts, column, words)?;
    Ok(Postings::Any(of_expressions(conn, expressions)?))
}

fn of_expressions(conn: &Asker<'_>, expressions: Vec<String>) -> Result<Vec<Postings>, Failed> {
    let lists = expressions.into_iter();
    lists.map(|expression| source(conn, expression)).collect()
}

/// A full-text index.
#[derive(Clone, Copy)]
enum Index {
    Texts,
    Stacks,
}

/// What is asked of the index, in pieces that it takes.
fn expressions(
    conn: &Asker<'_>,
    index: Index,
    column: &str,
    words: &Words,
) -> Result<Vec<String>, Failed> {
    let quoted = |words: &[String]| format!("\"{}\"", words.join(" ").replace('"', "\"\""));
    Ok(match words {
        Words::Phrase(words) => vec![format!("{column}{}", quoted(words))],
        Words::Prefix(words) => vec![format!("{column}{} *", quoted(words))],
        // Any word: whatever has a text.
        Words::Glob(glob) if glob.bytes().all(|byte| byte == b'*') => {
            vec![format!("{column}\"{}\"", terms::BARRIER)]
        }
        Words::Glob(glob) => wild_words(conn, index, glob)?
            .chunks(EXPRESSION_WORDS_MAX)
            .map(|words| {
                let words: Vec<String> = words
                    .iter()
                    .map(|word| quoted(std::slice::from_ref(word)))
                    .collect();
                format!("{column}({})", words.join(" OR "))
            })
            .collect(),
    })
}

/// The words of an index that fit a pattern.
fn wild_words(conn: &Asker<'_>, index: Index, glob: &str) -> Result<Vec<String>, Failed> {
    let sql = match index {
        Index::Texts => "SELECT term FROM derived_text_word WHERE term >= ?1 AND term < ?2",
        Index::Stacks => "SELECT term FROM derived_stack_text_word WHERE term >= ?1 AND term < ?2",
    };
    let start = glob.split('*').next().unwrap_or_default();
    let end = format!("{start}\u{10FFFF}");
    // Terms are no words; there is one for each value.
    let (first, behind) = (terms::FIRST.to_string(), terms::BEHIND.to_string());
    let mut find = conn.prepare_cached(sql)?;
    let mut found = Vec::new();
    for (from, to) in [
        (start, end.as_str().min(&first)),
        (start.max(&behind), end.as_str()),
    ] {
        let mut rows = find.query([from, to])?;
        while let Some(row) = rows.next()? {
            meter::count(1);
            let word = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            if glob_fits(glob, word) {
                found.push(word.to_owned());
            }
            if found.len() > WILD_WORDS_MAX {
                let message = format!(
                    "more than {WILD_WORDS_MAX} words fit '{glob}'; write more of the word"
                );
                return Err(Error::new(ErrorKind::LimitReached, "search", message).into());
            }
        }
    }
    Ok(found)
}
