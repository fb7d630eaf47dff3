//! Texts that many events share ↔ their ids, remembered between batches.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::side::Side;

/// Values remembered; then all are forgotten and found again.
const VALUES_MAX: usize = 50_000;

/// The id of a key, if some event has or had it.
pub(super) fn find_key(
    conn: &Connection,
    side: Side,
    is_tag: bool,
    name: &str,
) -> rusqlite::Result<Option<i64>> {
    let find = "SELECT id FROM derived_key WHERE is_tag = ?1 AND name = ?2";
    conn.prepare_cached(&side.sql(find))?
        .query_row(params![is_tag, name], |row| row.get(0))
        .optional()
}

/// The id of a value, if some event has or had it.
pub(super) fn find_value(
    conn: &Connection,
    side: Side,
    key: i64,
    text: &str,
) -> rusqlite::Result<Option<i64>> {
    let find = "SELECT id FROM derived_value WHERE key = ?1 AND hash = ?2 AND text = ?3";
    conn.prepare_cached(&side.sql(find))?
        .query_row(params![key, hash(text), text], |row| row.get(0))
        .optional()
}

fn hash(text: &str) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..8]);
    i64::from_le_bytes(first)
}

/// Ids found in this connection. Worthless once another connection has deleted rows, or a transaction was rolled back.
#[derive(Default)]
pub(super) struct Names {
    /// SQLite's `data_version`: it changes when another connection commits.
    version: i64,
    keys: [HashMap<Box<str>, i64>; 2],
    values: HashMap<i64, HashMap<Box<str>, i64>>,
    value_count: usize,
    stacks: HashMap<[u8; 16], i64>,
}

impl Names {
    /// To be called within each transaction before anything else.
    pub(super) fn refresh(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let version = conn.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if version != self.version {
            *self = Self {
                version,
                ..Self::default()
            };
        }
        if self.value_count > VALUES_MAX {
            self.values.clear();
            self.value_count = 0;
        }
        if self.stacks.len() > VALUES_MAX {
            self.stacks.clear();
        }
        Ok(())
    }

    pub(super) fn key(
        &mut self,
        conn: &Connection,
        side: Side,
        is_tag: bool,
        name: &str,
    ) -> rusqlite::Result<i64> {
        let known = &mut self.keys[usize::from(is_tag)];
        if let Some(id) = known.get(name) {
            return Ok(*id);
        }
        let id = match find_key(conn, side, is_tag, name)? {
            Some(id) => id,
            None => {
                let add = "INSERT INTO derived_key (is_tag, name) VALUES (?1, ?2)";
                conn.prepare_cached(&side.sql(add))?
                    .insert(params![is_tag, name])?
            }
        };
        // Keys come from outside too.
        if known.len() < VALUES_MAX {
            known.insert(name.into(), id);
        }
        Ok(id)
    }

    pub(super) fn value(
        &mut self,
        conn: &Connection,
        side: Side,
        key: i64,
        text: &str,
    ) -> rusqlite::Result<i64> {
        let known = self.values.entry(key).or_default();
        if let Some(&id) = known.get(text) {
            return Ok(id);
        }
        let id = match find_value(conn, side, key, text)? {
            Some(id) => id,
            None => {
                let add = "INSERT INTO derived_value (key, hash, text) VALUES (?1, ?2, ?3)";
                conn.prepare_cached(&side.sql(add))?
                    .insert(params![key, hash(text), text])?
            }
        };
        known.insert(text.into(), id);
        self.value_count += 1;
        Ok(id)
    }

    pub(super) fn stack(&self, hash: &[u8; 16]) -> Option<i64> {
        self.stacks.get(hash).copied()
    }

    pub(super) fn remember_stack(&mut self, hash: [u8; 16], id: i64) {
        self.stacks.insert(hash, id);
    }
}
