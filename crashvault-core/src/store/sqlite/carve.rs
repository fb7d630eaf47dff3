//! Rows of a database file, read from its pages one by one: for a file that SQLite itself cannot find its way through.
//!
//! Only leaf pages of tables are looked at, and the pages their long rows go on in; nothing that leads to them is needed.
//! The format: sqlite.org/fileformat2.html. Whatever the bytes say, reading them ends and does not panic.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Vaults are made with pages of this size; what the header says instead must make sense.
const PAGE_BYTES: u32 = super::open::PAGE_BYTES;
/// The kind of a table's leaf page.
const TABLE_LEAF: u8 = 0x0d;
/// Columns of one row.
const COLUMNS_MAX: usize = 32;

/// A value of a row.
#[derive(Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Number(i64),
    Blob(Vec<u8>),
    /// Texts and floats, which nobody asks for.
    Other,
}

/// A database file with what its log says.
pub(super) struct Pages {
    /// Open for the life of the process: closing it would drop the locks that SQLite has on the file if the process has
    /// it open elsewhere (POSIX).
    file: ManuallyDrop<File>,
    log: Option<File>,
    /// Where in the log the newest version of a page lies.
    in_log: HashMap<u32, u64>,
    page_bytes: u32,
    count: u32,
}

impl Pages {
    pub(super) fn open(path: &Path, log: &Path) -> io::Result<Self> {
        let file = ManuallyDrop::new(File::open(path)?);
        let mut head = [0; 100];
        let length = file.metadata()?.len();
        // A file too short to have a header has no pages either.
        let _ = file.read_exact_at(&mut head, 0);
        let page_bytes = match u16::from_be_bytes([head[16], head[17]]) {
            1 => 65_536,
            said if said.is_power_of_two() && said >= 512 => u32::from(said),
            _ => PAGE_BYTES,
        };
        let mut pages = Self {
            file,
            log: File::open(log).ok(),
            in_log: HashMap::new(),
            page_bytes,
            count: u32::try_from(length / u64::from(page_bytes)).unwrap_or(u32::MAX),
        };
        pages.read_log();
        Ok(pages)
    }

    /// The frames up to the last commit.
    fn read_log(&mut self) {
        let Some(log) = &self.log else { return };
        let mut head = [0; 32];
        if log.read_exact_at(&mut head, 0).is_err() || be32(&head, 8) != Some(self.page_bytes) {
            return;
        }
        let (mut at, mut pending) = (32_u64, Vec::new());
        let mut frame = [0; 24];
        while log.read_exact_at(&mut frame, at).is_ok() && frame[8..16] == head[16..24] {
            let (page, committed) = (be32(&frame, 0).unwrap_or(0), be32(&frame, 4).unwrap_or(0));
            pending.push((page, at + 24));
            if committed > 0 {
                self.in_log.extend(pending.drain(..));
                self.count = committed;
            }
            at += 24 + u64::from(self.page_bytes);
        }
    }

    fn page(&self, number: u32) -> Option<Vec<u8>> {
        if number == 0 || number > self.count {
            return None;
        }
        let mut page = vec![0; self.page_bytes as usize];
        let read = match (self.in_log.get(&number), &self.log) {
            (Some(at), Some(log)) => log.read_exact_at(&mut page, *at),
            _ => {
                let at = u64::from(number - 1) * u64::from(self.page_bytes);
                self.file.read_exact_at(&mut page, at)
            }
        };
        read.ok().map(|()| page)
    }

    /// Hands out every row of every table: its row id and its values.
    pub(super) fn rows(&self, take: &mut dyn FnMut(i64, Vec<Cell>)) {
        for number in 1..=self.count {
            let Some(page) = self.page(number) else {
                continue;
            };
            let head = if number == 1 { 100 } else { 0 };
            if page.get(head) != Some(&TABLE_LEAF) {
                continue;
            }
            let cells = be16(&page, head + 3).unwrap_or(0);
            for cell in 0..usize::from(cells) {
                let Some(at) = be16(&page, head + 8 + cell * 2) else {
                    break;
                };
                if let Some((id, row)) = self.row(&page, usize::from(at)) {
                    take(id, row);
                }
            }
        }
    }

    fn row(&self, page: &[u8], mut at: usize) -> Option<(i64, Vec<Cell>)> {
        let bytes = usize::try_from(varint(page, &mut at)?).ok()?;
        let id = varint(page, &mut at)?;
        let usable = self.page_bytes as usize;
        let (max, min) = (usable - 35, (usable - 12) * 32 / 255 - 23);
        let local = match bytes {
            fits if fits <= max => fits,
            _ => {
                let with_rest = min + (bytes - min) % (usable - 4);
                if with_rest <= max { with_rest } else { min }
            }
        };
        let mut record = page.get(at..at + local)?.to_vec();
        if local < bytes {
            self.follow(be32(page, at + local)?, bytes, &mut record)?;
        }
        Some((id, columns(&record)?))
    }

    /// Takes up the rest of a long row.
    fn follow(&self, mut next: u32, bytes: usize, record: &mut Vec<u8>) -> Option<()> {
        let mut left = self.count;
        while record.len() < bytes {
            left = left.checked_sub(1)?;
            let page = self.page(next)?;
            let take = (bytes - record.len()).min(page.len() - 4);
            record.extend_from_slice(&page[4..4 + take]);
            next = be32(&page, 0)?;
        }
        Some(())
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A number of one to nine bytes.
fn varint(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let mut value: u64 = 0;
    for place in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if place == 8 {
            value = value << 8 | u64::from(byte);
            break;
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(value as i64)
}

fn columns(record: &[u8]) -> Option<Vec<Cell>> {
    let mut at = 0;
    let head_bytes = usize::try_from(varint(record, &mut at)?).ok()?;
    let mut kinds = Vec::new();
    while at < head_bytes {
        kinds.push(varint(record, &mut at)?);
        if kinds.len() > COLUMNS_MAX {
            return None;
        }
    }
    kinds
        .into_iter()
        .map(|kind| column(record, &mut at, kind))
        .collect()
}

fn column(record: &[u8], at: &mut usize, kind: i64) -> Option<Cell> {
    let bytes = match kind {
        0 | 8 | 9 => 0,
        1..=4 => kind as usize,
        5 => 6,
        6 | 7 => 8,
        12.. => usize::try_from((kind - 12) / 2).ok()?,
        _ => return None,
    };
    let value = record.get(*at..at.checked_add(bytes)?)?;
    *at += bytes;
    Some(match kind {
        0 => Cell::Null,
        8 | 9 => Cell::Number(kind - 8),
        1..=6 => {
            let first = if value[0] & 0x80 == 0 { 0 } else { -1 };
            Cell::Number(
                value
                    .iter()
                    .fold(first, |sum: i64, byte| sum << 8 | i64::from(*byte)),
            )
        }
        kind if kind >= 12 && kind % 2 == 0 => Cell::Blob(value.to_vec()),
        _ => Cell::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn rows_are_read_without_their_tree() {
        let directory = crate::scratch::scratch();
        let path = directory.path().join("a.db");
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(
            "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, b BLOB, s TEXT);",
        )
        .unwrap();
        let mut expected = HashMap::new();
        for (id, n) in [
            (1, 0),
            (2, 1),
            (3, -1),
            (-4, i64::MIN),
            (5, 1 << 40),
            (i64::MAX, 300),
        ] {
            let blob = vec![7_u8; (id.unsigned_abs() % 5) as usize * 9000];
            conn.execute("INSERT INTO t VALUES (?1, ?2, ?3, 'text')", (id, n, &blob))
                .unwrap();
            let row = vec![Cell::Null, Cell::Number(n), Cell::Blob(blob), Cell::Other];
            expected.insert(id, row);
        }
        let check = || {
            let mut found = HashMap::new();
            let pages = Pages::open(&path, &path.with_extension("db-wal")).unwrap();
            pages.rows(&mut |id, row| {
                if row.len() == 4 {
                    found.insert(id, row);
                }
            });
            assert_eq!(found, expected);
        };
        check();
        conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
            .unwrap();
        check();
    }

    #[test]
    fn whatever_the_bytes_are_reading_them_ends() {
        let directory = crate::scratch::scratch();
        let path = directory.path().join("a.db");
        let mut noise = blake3::Hasher::new().finalize_xof();
        for _ in 0..50 {
            let mut bytes = vec![0; 8192 * 4];
            noise.fill(&mut bytes);
            for page in 0..4 {
                bytes[page * 8192] = TABLE_LEAF;
            }
            std::fs::write(&path, &bytes).unwrap();
            Pages::open(&path, &path).unwrap().rows(&mut |_, _| {});
        }
    }
}
