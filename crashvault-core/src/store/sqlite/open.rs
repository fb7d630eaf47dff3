//! Path → connection to a vault of this format. What is no vault, or a newer one, stays byte for byte as it is.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::Failed;
use super::failure::failure;
use super::payload::Decoder;
use super::side::Side;
use crate::error::{Error, ErrorKind, Result};

/// "CVLT", in the file's header at offset 68: what tells a vault from any other SQLite file.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"CVLT");

const MIGRATIONS: [&str; 4] = [
    include_str!("../migrations/0001.sql"),
    include_str!("../migrations/0002.sql"),
    include_str!("../migrations/0003.sql"),
    include_str!("../migrations/0004.sql"),
];

/// The first format whose derived state is that of `derived.sql`; vaults of older ones get it made.
const DERIVED_SINCE: u32 = 2;

/// The first format that compares variants. Older ones know nothing yet that could be compared, so that the tables for it
/// are empty.
const LIKENESS_SINCE: u32 = 3;

/// The newest format this version knows, kept in SQLite's `user_version`.
pub(super) const SCHEMA_VERSION: u32 = MIGRATIONS.len() as u32;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// 4 KB pages lose much of their end where a row has 1 to 2 KB, as payloads have; 16 KB pages double what a random
/// insert into an index writes to the log.
pub(super) const PAGE_BYTES: u32 = 8192;

/// Per connection, in KB: inner pages and the ends that are being added to; payloads are read once.
const CACHE_KB: i32 = 32 * 1024;

/// The same for who reads everything in order, once: inner pages, and what many events share.
const CACHE_ONCE_KB: i32 = 4 * 1024;

/// Pages in the log before it is moved into the file: pages that many batches change are then moved once.
const CHECKPOINT_PAGES: i64 = 4_000;

/// What is left of the log after a checkpoint, so that a burst does not stay on the disk.
const LOG_BYTES_MAX: i64 = 8 * 1024 * 1024;

/// What may be done with a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Read, write, make it if it is missing, bring an older format up to date.
    ReadWrite,
    /// Read alone; nothing of the vault is changed.
    ReadOnly,
}

pub(super) fn open(path: &Path, access: Access) -> Result<Connection> {
    settle_file(path, access)?;
    examine(path)?;
    let mut conn = match access {
        Access::ReadWrite => connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?,
        Access::ReadOnly => connect_read_only(path)?,
    };
    let say = |source| failure("open", path, source);
    // Until the format is known to be ours, closing must not move the log into the file.
    keep_log_on_close(&conn, true).map_err(say)?;
    let found = version(&conn).map_err(say)?;
    refuse_newer(path, found)?;
    match access {
        Access::ReadWrite => make_current(&mut conn, path, found)?,
        Access::ReadOnly => refuse_older(path, found)?,
    }
    keep_log_on_close(&conn, access == Access::ReadOnly).map_err(say)?;
    configure(&conn).map_err(say)?;
    Ok(conn)
}

/// Bytes of the file and its log.
pub(super) fn disk_bytes(path: &Path) -> u64 {
    [path.to_owned(), beside(path, "-wal")]
        .iter()
        .filter_map(|file| fs::metadata(file).ok())
        .map(|metadata| metadata.len())
        .sum()
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn corrupt(path: &Path, what: &str) -> Error {
    let message = format!("{}, offset 0: {what}", path.display());
    Error::new(ErrorKind::Corrupt, "open", message)
        .with_context("path", path.display())
        .with_context("offset", 0)
}

/// Makes a missing file (private, empty) if that is allowed.
fn settle_file(path: &Path, access: Access) -> Result<()> {
    // Closing the descriptor would drop the locks another thread got on the file in the meantime.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let found = match access {
        Access::ReadWrite => private(OpenOptions::new().write(true).create_new(true))
            .open(path)
            .map(drop),
        Access::ReadOnly => fs::metadata(path).map(drop),
    };
    match found {
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Whether it is there and only the directory refuses is for SQLite to find out.
        Err(_) if path.exists() => Ok(()),
        Err(source) => Err(Error::io("open", path, source)),
        Ok(()) => Ok(()),
    }
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Refuses what is no vault, or a newer one, without writing: no lock, no log, no recovery.
///
/// A vault gets its id in the very transaction that makes it, before it has a log, so the header alone tells.
fn examine(path: &Path) -> Result<()> {
    // The log is looked at first: a vault that is just being made has a length before it has a log.
    let has_log = length(&beside(path, "-wal")) > 0;
    let metadata = fs::metadata(path).map_err(|source| Error::io("open", path, source))?;
    if !metadata.is_file() {
        return Err(corrupt(path, "not a file"));
    }
    if metadata.len() == 0 {
        // SQLite would throw the log away.
        return match has_log {
            true => Err(corrupt(path, "emptied, while its log still holds records")),
            false => Ok(()),
        };
    }
    match header(path) {
        Ok((APPLICATION_ID, found)) => refuse_newer(path, found),
        Ok(_) => Err(corrupt(path, "an SQLite file of another program")),
        Err(source) if source.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(corrupt(path, "not an SQLite file"))
        }
        // Damage, or a half-made file: the real opening recovers it or says what is wrong.
        Err(_) => Ok(()),
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Application id and format, as the file itself says. Read through SQLite, which knows not to drop its own locks.
fn header(path: &Path) -> rusqlite::Result<(i32, u32)> {
    let conn = open_immutable(path)?;
    let id = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    Ok((id, version(&conn)?))
}

pub(super) fn open_immutable(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(immutable_uri(path), flags)
}

fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags);
    let ready = conn.and_then(|conn| conn.busy_timeout(BUSY_TIMEOUT).map(|()| conn));
    ready.map_err(|source| failure("open", path, source))
}

/// The ordinary way, which sees what other processes write; where the directory refuses the log's index, as it is.
///
/// Whoever has the vault open keeps an index beside it, which a reader may use; so where there is none and none can be
/// made, nobody has it open. What somebody does who opens it later is not seen, and can make a read fail.
fn connect_read_only(path: &Path) -> Result<Connection> {
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let Err(source) = version(&conn) else {
        return Ok(conn);
    };
    let is_refused = matches!(
        source.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
    );
    if !is_refused {
        return Err(failure("open", path, source));
    }
    let opened = match length(&beside(path, "-wal")) {
        0 => open_immutable(path),
        _ => open_apart(path),
    };
    opened.map_err(|source| {
        let message = format!(
            "{} or its log cannot be read in this directory; copy both to a writable one",
            path.display()
        );
        Error::new(ErrorKind::ReadOnly, "open", message).with_source(source)
    })
}

/// With the log's index in memory instead of beside the file, and so without any lock.
fn open_apart(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags_and_vfs(path, flags, c"unix-none")?;
    conn.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
    version(&conn)?;
    Ok(conn)
}

fn keep_log_on_close(conn: &Connection, keep: bool) -> rusqlite::Result<bool> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep)
}

fn version(conn: &Connection) -> rusqlite::Result<u32> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn refuse_newer(path: &Path, found: u32) -> Result<()> {
    if found <= SCHEMA_VERSION {
        return Ok(());
    }
    let message = format!(
        "{} has format {found}, this version reads up to {SCHEMA_VERSION}; use a newer crashvault",
        path.display()
    );
    Err(Error::new(ErrorKind::Unsupported, "open", message).with_context("path", path.display()))
}

fn refuse_older(path: &Path, found: u32) -> Result<()> {
    let (kind, what) = match found {
        0 => (ErrorKind::NotFound, "holds nothing yet".to_owned()),
        SCHEMA_VERSION => return Ok(()),
        older => (
            ErrorKind::ReadOnly,
            format!(
                "has format {older} and must be opened for writing once to get {SCHEMA_VERSION}; \
                 copy it to a writable directory"
            ),
        ),
    };
    let message = format!("{} {what}", path.display());
    Err(Error::new(kind, "open", message).with_context("path", path.display()))
}

fn make_current(conn: &mut Connection, path: &Path, found: u32) -> Result<()> {
    let say = |source| failure("open", path, source);
    if conn.is_readonly("main").map_err(say)? {
        let message = format!("not allowed to write {}", path.display());
        return Err(Error::new(ErrorKind::ReadOnly, "open", message));
    }
    if found < SCHEMA_VERSION {
        // A large vault needs the cache for it. A new one does not, and others may be making it.
        if found > 0 {
            configure(conn).map_err(say)?;
        }
        migrate_in_turn(conn, path, found)?;
    }
    enter_log_mode(conn).map_err(say)
}

/// Where several make a vault at once, SQLite refuses some without waiting: they have begun to read and could wait for
/// each other for ever.
fn migrate_in_turn(conn: &mut Connection, path: &Path, mut found: u32) -> Result<()> {
    let begun = Instant::now();
    while found < SCHEMA_VERSION {
        match migrate(conn, path, found) {
            Err(busy) if busy.kind() == ErrorKind::Busy && begun.elapsed() < BUSY_TIMEOUT => {
                std::thread::sleep(BUSY_PAUSE);
            }
            done => return done,
        }
        // Busy, too, where another is just entering log mode.
        found = version(conn).unwrap_or(found);
    }
    refuse_newer(path, found)
}

fn migrate(conn: &mut Connection, path: &Path, found: u32) -> Result<()> {
    let say = |source| failure("migrate", path, source);
    let transaction = begin_migration(conn, found).map_err(say)?;
    // Another process may have been faster.
    let found = version(&transaction).map_err(say)?;
    refuse_newer(path, found)?;
    if found == 0 && has_tables(&transaction).map_err(say)? {
        return Err(corrupt(path, "an SQLite file of another program"));
    }
    for step in &MIGRATIONS[found as usize..] {
        transaction.execute_batch(step).map_err(say)?;
    }
    if found < DERIVED_SINCE {
        let decoder = Decoder::new(path)?;
        super::rebuild::make_tables(&transaction)
            .and_then(|()| super::repack::repack(&transaction, &decoder))
            .and_then(|()| super::rebuild::derive_in_place(&transaction, &decoder))
            .map_err(|failed| match failed {
                Failed::Sql(source) => say(source),
                Failed::Own(error) => error,
            })?;
    } else if found < LIKENESS_SINCE {
        Side::Live.create_likeness(&transaction).map_err(say)?;
    }
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .and_then(|()| transaction.pragma_update(None, "user_version", SCHEMA_VERSION))
        .and_then(|()| transaction.commit())
        .map_err(say)
}

/// Takes the write lock. A new file stays empty until the commit: with a header but without our id it would be taken
/// for another program's, by whoever opens it now or after a crash.
pub(super) fn begin_migration(
    conn: &mut Connection,
    found: u32,
) -> rusqlite::Result<Transaction<'_>> {
    if found > 0 {
        return conn.transaction_with_behavior(TransactionBehavior::Exclusive);
    }
    // Both hold for the life of the file and must come before its first page. The second writes, so it takes the lock;
    // it lets later formats give pages back step by step.
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Deferred)?;
    transaction.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    Ok(transaction)
}

fn has_tables(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| {
        row.get(0)
    })
}

/// Sets WAL where the file does not have it yet. SQLite does not wait by itself here when two do it at once.
fn enter_log_mode(conn: &Connection) -> rusqlite::Result<()> {
    let mode = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, String>(0));
    if mode("PRAGMA journal_mode")? == "wal" {
        return Ok(());
    }
    let pauses_max = BUSY_TIMEOUT.as_millis() / BUSY_PAUSE.as_millis();
    for _ in 0..pauses_max {
        match mode("PRAGMA journal_mode = WAL") {
            Err(busy) if busy.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                std::thread::sleep(BUSY_PAUSE);
            }
            // A file system without shared memory stays with the rollback journal: slower, not wrong.
            other => return other.map(drop),
        }
    }
    mode("PRAGMA journal_mode = WAL").map(drop)
}

/// Reads everything, once: with a cache that stays small, however much there is.
pub(super) fn read_once<T>(
    conn: &Connection,
    read: impl FnOnce() -> Result<T, Failed>,
) -> Result<T, Failed> {
    keep_pages(conn, CACHE_ONCE_KB)?;
    let done = read();
    keep_pages(conn, CACHE_KB)?;
    done
}

fn keep_pages(conn: &Connection, kb: i32) -> rusqlite::Result<()> {
    conn.pragma_update(None, "cache_size", -kb)
}

fn configure(conn: &Connection) -> rusqlite::Result<()> {
    // SQLite is built with STAT4 here and prepares a cached statement anew whenever a value that may matter to its
    // plan is bound: two fifths of what the database did in a commit. No plan of ours depends on values.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    keep_pages(conn, CACHE_KB)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.query_row(
        &format!("PRAGMA journal_size_limit = {LOG_BYTES_MAX}"),
        [],
        |_| Ok(()),
    )?;
    conn.query_row(
        &format!("PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}"),
        [],
        |_| Ok(()),
    )?;
    conn.set_prepared_statement_cache_capacity(128);
    Ok(())
}
