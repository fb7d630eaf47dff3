//! What SQLite says → what the vault says. The only place that knows both.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::error::{Error, ErrorKind};

/// The vault's error for one of SQLite's, naming the file.
pub(super) fn failure(operation: &'static str, path: &Path, source: rusqlite::Error) -> Error {
    let (kind, hint) = judge(&source);
    let error = Error::new(kind, operation, format!("{hint} {}", path.display()))
        .with_context("path", path.display());
    match &source {
        rusqlite::Error::SqliteFailure(failure, _) if failure.code == ErrorCode::DiskFull => {
            // As the system would have said it, so that the error answers that a retry can help.
            let full = std::io::Error::new(std::io::ErrorKind::StorageFull, source);
            error.with_source(full)
        }
        _ => error.with_source(source),
    }
}

fn judge(source: &rusqlite::Error) -> (ErrorKind, &'static str) {
    use rusqlite::Error as Sql;
    match source {
        Sql::SqliteFailure(failure, _) => judge_code(failure.code),
        Sql::FromSqlConversionFailure(..)
        | Sql::IntegralValueOutOfRange(..)
        | Sql::InvalidColumnType(..)
        | Sql::Utf8Error(..) => (ErrorKind::Corrupt, "a value of the wrong kind in"),
        _ => (ErrorKind::Internal, "cannot use"),
    }
}

fn judge_code(code: ErrorCode) -> (ErrorKind, &'static str) {
    match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            (ErrorKind::Busy, "another process is writing to")
        }
        ErrorCode::DiskFull => (ErrorKind::Io, "disk full at"),
        ErrorCode::ReadOnly => (ErrorKind::ReadOnly, "not allowed to write"),
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
            (ErrorKind::ReadOnly, "no permission to use")
        }
        ErrorCode::DatabaseCorrupt => (ErrorKind::Corrupt, "damaged file"),
        ErrorCode::NotADatabase => (ErrorKind::Corrupt, "not a vault: offset 0 of"),
        ErrorCode::SystemIoFailure => (ErrorKind::Io, "cannot read or write"),
        // The statements contradict no record of a sound vault.
        ErrorCode::ConstraintViolation => (ErrorKind::Corrupt, "contradictory records in"),
        ErrorCode::TooBig => (ErrorKind::LimitReached, "a record is too large for"),
        _ => (ErrorKind::Internal, "cannot use"),
    }
}
