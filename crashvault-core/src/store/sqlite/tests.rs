use std::fs;
use std::ops::{Deref, DerefMut};
use std::sync::Barrier;
use std::thread;

use super::*;
use crate::error::ErrorKind;
use crate::issue::{Deed, Status};
use crate::store::IssueSort;
use crate::store::testkit::{batch, conformance, decision, keep, new_event, shop, try_keep};

/// A store in a directory that goes with it.
struct Fresh {
    store: SqliteStore,
    directory: crate::scratch::Scratch,
}

impl Deref for Fresh {
    type Target = SqliteStore;

    fn deref(&self) -> &SqliteStore {
        &self.store
    }
}

impl DerefMut for Fresh {
    fn deref_mut(&mut self) -> &mut SqliteStore {
        &mut self.store
    }
}

impl Fresh {
    fn path(&self) -> PathBuf {
        self.directory.path().join("vault.db")
    }

    /// Closes the store; the directory remains.
    fn close(self) -> (crate::scratch::Scratch, PathBuf) {
        let path = self.path();
        (self.directory, path)
    }
}

fn fresh() -> Fresh {
    let directory = crate::scratch::scratch();
    let store = open(&directory.path().join("vault.db")).unwrap();
    Fresh { store, directory }
}

fn open(path: &Path) -> Result<SqliteStore> {
    SqliteStore::open(path, Access::ReadWrite)
}

fn open_read_only(path: &Path) -> Result<SqliteStore> {
    SqliteStore::open(path, Access::ReadOnly)
}

conformance!(fresh);

#[cfg(feature = "v1")]
#[test]
fn legacy_numbers_are_kept_where_they_are_free() {
    crate::store::testkit::legacy_numbers_are_kept_where_they_are_free(&mut *fresh());
}

#[cfg(feature = "v1")]
#[test]
fn legacy_numbers_are_foreseen_without_writing() {
    use crate::issue::IssueId;
    let (_directory, path) = closed_vault(10);
    let writer = Connection::open(&path).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let issue = |n: u8| IssueId::from_bytes([n; 16]);
    let known = open(&path)
        .unwrap()
        .issues(&IssueFilter::default())
        .unwrap()[0]
        .id;
    let wishes = [
        (issue(200), Some(2)),
        (issue(201), None),
        (issue(202), Some(40)),
        (known, Some(50)),
        (issue(203), Some(40)),
        (issue(204), Some(0)),
    ];
    let mut reader = open_read_only(&path).unwrap();
    let foreseen = reader.number_legacy("shop", &wishes, false).unwrap();
    assert!(!reader.has_legacy().unwrap());
    drop(writer);
    let given = open(&path).unwrap().number_legacy("shop", &wishes, true);
    assert_eq!(foreseen, given.unwrap());
    assert_eq!(foreseen[1], (42, true));
}

/// A closed vault of `events` events, 5 variants.
fn closed_vault(events: u32) -> (crate::scratch::Scratch, PathBuf) {
    let mut vault = fresh();
    let events = (1..=events).map(|n| new_event(n, (n % 5) as u8)).collect();
    keep(&mut *vault, events);
    vault.close()
}

/// Opening `content` as a vault fails with `expected`, whose message holds `words`, and changes nothing.
fn check_refused(content: &[u8], expected: ErrorKind, words: &[&str]) {
    let directory = crate::scratch::scratch();
    let path = directory.path().join("vault.db");
    fs::write(&path, content).unwrap();
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let error = SqliteStore::open(&path, access).err().expect("refused");
        assert_eq!(error.kind(), expected, "{error}");
        for word in words.iter().chain(&["vault.db"]) {
            assert!(error.message().contains(word), "{error}");
        }
        assert_eq!(fs::read(&path).unwrap(), content);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

fn database(sql: &str) -> Vec<u8> {
    let directory = crate::scratch::scratch();
    let path = directory.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn text_is_refused_and_untouched() {
    check_refused(
        &b"not a database ".repeat(999),
        ErrorKind::Corrupt,
        &["offset 0"],
    );
}

#[test]
fn a_few_bytes_are_refused_and_untouched() {
    check_refused(b"{}", ErrorKind::Corrupt, &["offset 0"]);
}

#[test]
fn another_programs_database_is_refused_and_untouched() {
    let words = ["offset 0", "another program"];
    check_refused(&database("CREATE TABLE t (x)"), ErrorKind::Corrupt, &words);
    let with_id = database("PRAGMA application_id = 7; CREATE TABLE t (x)");
    check_refused(&with_id, ErrorKind::Corrupt, &words);
    let with_log = database("PRAGMA journal_mode = WAL; CREATE TABLE t (x)");
    check_refused(&with_log, ErrorKind::Corrupt, &words);
}

#[test]
fn a_newer_format_is_refused_and_untouched() {
    let (_directory, path) = closed_vault(10);
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let content = fs::read(&path).unwrap();
    check_refused(&content, ErrorKind::Unsupported, &["format 99", "up to 4"]);
}

#[test]
fn a_newer_format_still_in_the_log_is_refused_and_untouched() {
    let (_directory, path) = closed_vault(10);
    let writer = Connection::open(&path).unwrap();
    writer.pragma_update(None, "user_version", 99).unwrap();
    keep_log(&writer);
    drop(writer);
    let log = path.with_file_name("vault.db-wal");
    let before = (fs::read(&path).unwrap(), fs::read(&log).unwrap());
    let error = open(&path).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("format 99"));
    assert_eq!(before, (fs::read(&path).unwrap(), fs::read(&log).unwrap()));
}

fn keep_log(conn: &Connection) {
    let config = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    conn.set_db_config(config, true).unwrap();
}

#[test]
fn a_directory_is_refused() {
    let directory = crate::scratch::scratch();
    let error = open(directory.path()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn a_missing_directory_is_not_made() {
    let directory = crate::scratch::scratch();
    let error = open(&directory.path().join("no/vault.db")).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn an_empty_file_becomes_a_vault() {
    let directory = crate::scratch::scratch();
    let path = directory.path().join("vault.db");
    fs::write(&path, "").unwrap();
    keep(&mut open(&path).unwrap(), vec![new_event(1, 1)]);
    assert_eq!(open_read_only(&path).unwrap().stats().unwrap().events, 1);
}

#[test]
fn a_file_that_was_not_finished_is_empty() {
    let directory = crate::scratch::scratch();
    let path = directory.path().join("vault.db");
    let mut conn = Connection::open(&path).unwrap();
    drop(open::begin_migration(&mut conn, 0).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    let other = Connection::open(&path).unwrap();
    let _making = open::begin_migration(&mut conn, 0).unwrap();
    let busy = other.execute_batch("BEGIN IMMEDIATE").unwrap_err();
    assert_eq!(
        busy.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy)
    );
}

#[test]
fn a_file_emptied_beside_its_log_is_refused_and_the_log_kept() {
    let (_directory, path) = closed_vault(1);
    let mut store = open(&path).unwrap();
    keep(&mut store, vec![new_event(2, 2)]);
    keep_log(&store.conn);
    drop(store);
    fs::write(&path, "").unwrap();
    assert_eq!(open(&path).err().unwrap().kind(), ErrorKind::Corrupt);
    assert!(
        fs::metadata(path.with_file_name("vault.db-wal"))
            .unwrap()
            .len()
            > 0
    );
}

#[test]
fn reading_makes_no_vault() {
    let directory = crate::scratch::scratch();
    let path = directory.path().join("vault.db");
    assert_eq!(
        open_read_only(&path).err().unwrap().kind(),
        ErrorKind::NotFound
    );
    assert!(!path.exists());
    fs::write(&path, "").unwrap();
    assert_eq!(
        open_read_only(&path).err().unwrap().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
}

#[test]
fn a_reader_may_not_write() {
    let (_directory, path) = closed_vault(3);
    let mut reader = open_read_only(&path).unwrap();
    let error = try_keep(&mut reader, vec![new_event(9, 1)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    assert!(!error.is_retryable());
    assert_eq!(reader.stats().unwrap().events, 3);
}

#[test]
fn a_reader_sees_what_a_writer_adds_later() {
    let mut vault = fresh();
    let reader = open_read_only(&vault.path()).unwrap();
    keep(&mut *vault, vec![new_event(1, 1)]);
    assert_eq!(reader.stats().unwrap().events, 1);
}

#[test]
fn names_with_odd_characters_are_opened() {
    let directory = crate::scratch::scratch();
    let path = directory.path().join("a b?c#d%41é.db");
    keep(&mut open(&path).unwrap(), vec![new_event(1, 1)]);
    assert_eq!(open(&path).unwrap().stats().unwrap().events, 1);
}

#[test]
fn a_vault_is_made_as_documented() {
    let vault = fresh();
    let pragma = |name| -> String {
        vault
            .conn
            .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
            .map(|value| format!("{value:?}"))
            .unwrap()
    };
    assert_eq!(pragma("journal_mode"), r#"Text("wal")"#);
    assert_eq!(pragma("page_size"), "Integer(8192)");
    assert_eq!(pragma("auto_vacuum"), "Integer(2)");
    assert_eq!(pragma("synchronous"), "Integer(1)");
    assert_eq!(pragma("foreign_keys"), "Integer(1)");
    let header = fs::read(vault.path()).unwrap();
    assert_eq!(&header[68..72], b"CVLT");
}

#[cfg(unix)]
#[test]
fn a_vault_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let mut vault = fresh();
    keep(&mut *vault, vec![new_event(1, 1)]);
    for file in fs::read_dir(vault.directory.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[test]
fn numbers_are_not_reused_after_a_delete() {
    let mut vault = fresh();
    keep(&mut *vault, vec![new_event(1, 1), new_event(2, 2)]);
    vault
        .conn
        .execute_batch(
            "DELETE FROM derived_placement WHERE issue = 2; DELETE FROM derived_issue WHERE number = 2;
             DELETE FROM event_payload WHERE event = 2; DELETE FROM event WHERE ingest_sequence = 2;
             DELETE FROM variant_join WHERE issue = 2; DELETE FROM issue_number WHERE number = 2;",
        )
        .unwrap();
    let committed = keep(&mut *vault, vec![new_event(3, 3)]);
    assert_eq!(committed.issues_new, [3]);
    let kept = vault.event(new_event(3, 3).event.event_id).unwrap();
    assert_eq!(kept.ingest_sequence, 3);
}

/// Lists must not slow down with the number of issues: no plan may sort them.
#[test]
fn lists_follow_an_index() {
    let vault = fresh();
    let check = |project: Option<&str>, status, sort| {
        let filter = IssueFilter {
            project: project.map(str::to_owned),
            status,
            sort,
            limit: 50,
        };
        let (sql, values) = read::issues_query(&filter);
        let mut statement = vault
            .conn
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let plan: Vec<String> = statement
            .query_map(rusqlite::params_from_iter(values), |row| row.get(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts, "{filter:?}: {plan:?}");
    };
    let sorts = [
        IssueSort::LastSeen,
        IssueSort::FirstSeen,
        IssueSort::SeenCount,
        IssueSort::Number,
    ];
    for sort in sorts {
        check(None, None, sort);
    }
    check(Some("shop"), None, IssueSort::LastSeen);
    check(None, Some(Status::Open), IssueSort::LastSeen);
    check(Some("shop"), Some(Status::Open), IssueSort::LastSeen);
}

/// Opens a damaged vault and reads everything; whatever fails must say Corrupt, and nothing may panic.
fn check_damaged(path: &Path) -> bool {
    let error = match open(path) {
        Err(error) => error,
        Ok(store) => {
            let findings = store.check().unwrap();
            let failed = (1..=300).find_map(|n| store.event(new_event(n, 0).event.event_id).err());
            match failed {
                None => return !findings.is_empty(),
                Some(error) => {
                    assert!(!findings.is_empty(), "{error}");
                    error
                }
            }
        }
    };
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    true
}

#[test]
fn a_truncated_file_is_corrupt() {
    let (_directory, path) = closed_vault(300);
    let whole = fs::read(&path).unwrap();
    for pages in [1, 3, 9] {
        fs::write(&path, &whole[..pages * 8192]).unwrap();
        assert!(check_damaged(&path), "{pages} pages");
    }
    fs::write(&path, &whole[..5000]).unwrap();
    assert!(check_damaged(&path));
}

#[test]
fn garbage_in_any_page_is_found() {
    let (_directory, path) = closed_vault(300);
    let whole = fs::read(&path).unwrap();
    for page in 1..whole.len() / 8192 {
        let mut damaged = whole.clone();
        // The head of a page says what lies in it.
        damaged[page * 8192..][..64].fill(0xa5);
        fs::write(&path, &damaged).unwrap();
        assert!(check_damaged(&path), "page {page}");
    }
}

#[test]
fn a_flipped_bit_in_a_payload_is_found_and_the_rest_is_read() {
    let (_directory, path) = closed_vault(300);
    let store = open(&path).unwrap();
    let mut data: Vec<u8> = store
        .conn
        .query_row(
            "SELECT data FROM event_payload WHERE event = 7",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let middle = data.len() / 2;
    data[middle] ^= 1;
    store
        .conn
        .execute("UPDATE event_payload SET data = ?1 WHERE event = 7", [data])
        .unwrap();
    let error = store.event(new_event(7, 2).event.event_id).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(store.check().unwrap().len(), 1);
    assert!(store.event(new_event(8, 3).event.event_id).is_ok());
}

/// A vault of format 1 with events 1 to `events` of one variant, closed.
fn format_1_vault(events: u32) -> (crate::scratch::Scratch, PathBuf) {
    let directory = crate::scratch::scratch();
    let path = directory.path().join("vault.db");
    let conn = Connection::open(&path).unwrap();
    let format = include_str!("../migrations/0001.sql");
    conn.execute_batch(format).unwrap();
    let header =
        "PRAGMA application_id = 1129729108; PRAGMA user_version = 1; PRAGMA journal_mode = WAL";
    conn.execute_batch(header).unwrap();
    let join = new_event(1, 1).join;
    let (variant, issue) = (join.variant.as_bytes(), join.issue.as_bytes());
    conn.execute("INSERT INTO project VALUES (1, 'shop')", [])
        .unwrap();
    conn.execute("INSERT INTO issue_number VALUES (1, ?1, 1)", [issue])
        .unwrap();
    conn.execute(
        "INSERT INTO variant_join VALUES (1, 1, ?1, 1, 'stack', '[]', 3, 0)",
        [variant],
    )
    .unwrap();
    for n in 1..=events {
        let event = new_event(n, 1).event;
        let json = event.to_value().to_string();
        let data = zstd::bulk::compress(json.as_bytes(), 3).unwrap();
        conn.execute(
            "INSERT INTO event VALUES (?1, ?2, 1, 4, ?1, ?1, zeroblob(16), ?1)",
            rusqlite::params![n, event.event_id.as_bytes()],
        )
        .unwrap();
        conn.execute(
            "INSERT INTO event_payload VALUES (?1, 1, ?2, ?3)",
            rusqlite::params![n, json.len() as i64, data],
        )
        .unwrap();
    }
    (directory, path)
}

#[test]
fn a_damaged_payload_of_format_1_does_not_keep_the_vault_closed() {
    // More in a row than are read together, and the last one of all.
    let (_directory, path) = format_1_vault(1300);
    let old = Connection::open(&path).unwrap();
    old.execute(
        "UPDATE event_payload SET data = zeroblob(40) WHERE event BETWEEN 3 AND 1100 OR event = 1300",
        [],
    )
    .unwrap();
    drop(old);
    let mut store = open(&path).unwrap();
    assert_eq!(store.stats().unwrap().events, 201);
    let issue = store.issues(&IssueFilter::default()).unwrap().remove(0);
    assert_eq!(issue.seen_count, 201);
    assert_eq!(store.events(&issue.id, 1300).unwrap().len(), 201);
    assert!(store.event(new_event(2, 1).event.event_id).is_ok());
    let damaged = new_event(1300, 1);
    let error = store.event(damaged.event.event_id).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let findings = store.check().unwrap();
    let names = |words: &str| findings.iter().any(|finding| finding.contains(words));
    assert!(names("event 07070707070707070707070700000003: the payload"));
    let again = keep(&mut store, vec![damaged]);
    assert_eq!((again.events_known, again.events_new), (1, 0));
    assert_eq!(again.outcomes[0].issue_number, 1);
    assert_eq!(store.rebuild().unwrap_err().kind(), ErrorKind::Corrupt);
}

/// Reading the texts of all of them takes seconds where each event has an id of its own.
#[test]
fn frequent_values_are_found_among_very_many() {
    let mut vault = fresh();
    keep(&mut *vault, vec![new_event(1, 1)]);
    let sql = "INSERT INTO derived_key (id, is_tag, name) VALUES (1000, 1, 'request_id');
         WITH RECURSIVE n(i) AS (VALUES (1000000) UNION ALL SELECT i + 1 FROM n WHERE i < 1010000)
             INSERT INTO derived_value SELECT i, 1000, i, 'r' || i FROM n;
         INSERT INTO derived_issue_value SELECT 1, id, 1 FROM derived_value WHERE key = 1000;
         UPDATE derived_issue_value SET count = 3 WHERE value = 1010000;";
    vault.conn.execute_batch(sql).unwrap();
    let issue = vault.issue(&crate::issue::IssueRef::Number(1)).unwrap().id;
    let values = vault.values(&issue, 1).unwrap();
    let of_key = values.iter().find(|value| value.key == "request_id");
    assert_eq!(of_key.map(|value| value.value.as_str()), Some("r1010000"));
}

#[test]
fn counts_that_disagree_are_found() {
    let check = |sql: &str, expected: &str| {
        let mut vault = fresh();
        keep(&mut *vault, (1..9).map(|n| new_event(n, 1)).collect());
        vault
            .conn
            .pragma_update(None, "foreign_keys", false)
            .unwrap();
        vault.conn.execute_batch(sql).unwrap();
        let findings = vault.check().unwrap();
        assert!(
            findings.iter().any(|f| f.contains(expected)),
            "{findings:?}"
        );
    };
    check(
        "UPDATE derived_issue SET seen_count = 9",
        "issue #1 says 9 events and has 8",
    );
    check("UPDATE derived_issue SET last_seen = 1", "another time");
    check(
        "UPDATE derived_issue SET last_event = zeroblob(16)",
        "last event",
    );
    check(
        "UPDATE derived_total SET events = 3",
        "the sums say 3 events",
    );
    check(
        "DELETE FROM event_payload WHERE event = 2",
        "has no payload",
    );
    check(
        "DELETE FROM derived_placement WHERE event = 2",
        "belongs to no issue",
    );
    check("DELETE FROM variant_join", "missing row of variant_join");
}

#[test]
fn damage_to_what_is_compared_is_found() {
    let check = |sql: &str, expected: &str| {
        let mut vault = fresh();
        keep(
            &mut *vault,
            vec![
                shop(1, "total pay main", "no price"),
                shop(2, "open load", ""),
            ],
        );
        assert_eq!(vault.check().unwrap(), [""; 0]);
        vault.conn.execute_batch(sql).unwrap();
        let findings = vault.check().unwrap();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].contains(expected), "{findings:?}");
    };
    let flipped = "UPDATE variant_sketch SET sketch = zeroblob(17) WHERE id = 1";
    check(flipped, "what is compared of variant 1 is damaged");
    let flipped = "UPDATE variant_comparison SET comparison = '{}' WHERE variant = 2";
    check(flipped, "how variant 2 compared is damaged");
    let flipped = "UPDATE function_name SET text = 'other' WHERE text = 'pay'";
    check(flipped, "is not what its hash says");
    let miscounted = "UPDATE derived_spread SET issues = 7
        WHERE name = (SELECT name FROM function_name WHERE text = 'load')";
    check(miscounted, "in 7 issues and is in 1");
}

/// What is damaged is not compared, and keeps nothing else from being so.
#[test]
fn a_damaged_sketch_is_passed_over() {
    let mut vault = fresh();
    keep(&mut *vault, vec![shop(1, "total pay main", "no price")]);
    let damage =
        "UPDATE variant_sketch SET sketch = x'00'; UPDATE variant_comparison SET comparison = '['";
    vault.conn.execute_batch(damage).unwrap();
    let committed = keep(&mut *vault, vec![shop(2, "total quote main", "no price")]);
    assert_eq!(committed.issues_new, [2]);
    let joins = vault.joins(&shop(1, "total pay main", "no price").join.issue);
    assert_eq!(joins.unwrap()[0].comparison, None);
    vault.rebuild().unwrap();
    assert_eq!(vault.verify().unwrap(), [""; 0]);
}

#[test]
fn eight_threads_make_one_vault() {
    for _ in 0..10 {
        let directory = crate::scratch::scratch();
        let path = directory.path().join("vault.db");
        let start = Barrier::new(8);
        thread::scope(|scope| {
            for n in 1..=8 {
                let (path, start) = (&path, &start);
                scope.spawn(move || {
                    start.wait();
                    let mut store = open(path).unwrap();
                    keep(&mut store, vec![new_event(n, 1)]);
                });
            }
        });
        let store = open(&path).unwrap();
        assert_eq!(store.stats().unwrap().events, 8);
        assert_eq!(store.check().unwrap(), [""; 0]);
    }
}

#[test]
fn two_writers_lose_nothing() {
    let vault = fresh();
    let path = vault.path();
    thread::scope(|scope| {
        for writer in 0..2 {
            let path = &path;
            scope.spawn(move || {
                let mut store = open(path).unwrap();
                for n in 1..=500 {
                    // Half of the variants are shared, so that both race to create issues.
                    let new = new_event(writer * 1000 + n, (n % 100) as u8 + writer as u8 * 50);
                    let batch = Batch {
                        offsets: vec![(format!("segment {writer}"), n.into())],
                        counters: vec![("commits".into(), 1)],
                        ..batch(&mut store, vec![new])
                    };
                    store.commit(&batch).unwrap();
                }
            });
        }
    });
    let stats = vault.stats().unwrap();
    assert_eq!((stats.events, stats.issues), (1000, 150));
    assert_eq!(vault.counters().unwrap()["commits"], 1000);
    assert_eq!(
        vault.offsets().unwrap().into_values().collect::<Vec<_>>(),
        [500, 500]
    );
    assert_eq!(vault.check().unwrap(), [""; 0]);
}

#[test]
fn a_writer_that_does_not_finish_makes_others_busy() {
    let mut vault = fresh();
    let other = open(&vault.path()).unwrap();
    other.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    vault
        .conn
        .busy_timeout(std::time::Duration::from_millis(20))
        .unwrap();
    let error = try_keep(&mut *vault, vec![new_event(1, 1)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.is_retryable());
    drop(other);
    keep(&mut *vault, vec![new_event(1, 1)]);
}

/// The store gets full at each possible page of one commit; each time nothing of the batch may be left.
#[test]
fn a_full_store_keeps_nothing_of_the_batch() {
    let mut vault = fresh();
    keep(&mut *vault, vec![new_event(1, 1)]);
    let pages: u32 = vault
        .conn
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    let events = (2..400).map(|n| new_event(n, n as u8)).collect();
    let big = Batch {
        offsets: vec![("segment".into(), 7)],
        counters: vec![("commits".into(), 1)],
        ..batch(&mut *vault, events)
    };
    let mut failed = 0;
    for room in 0.. {
        let sql = format!("PRAGMA max_page_count = {}", pages + room);
        vault.conn.query_row(&sql, [], |_| Ok(())).unwrap();
        let Err(error) = vault.commit(&big) else {
            break;
        };
        failed += 1;
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.is_retryable() && error.message().contains("disk full"));
        assert_eq!(vault.stats().unwrap().events, 1);
        assert!(vault.offsets().unwrap().is_empty());
        assert!(vault.counters().unwrap().is_empty());
        assert_eq!(vault.check().unwrap(), [""; 0]);
    }
    assert!(failed > 3);
    assert_eq!(vault.stats().unwrap().events, 399);
    assert_eq!(vault.check().unwrap(), [""; 0]);
}

/// Every statement of a commit fails once; each time nothing of the batch may be left.
#[test]
fn a_commit_that_fails_halfway_keeps_nothing() {
    let mut vault = fresh();
    keep(&mut *vault, vec![new_event(1, 1)]);
    let next = Batch {
        offsets: vec![("segment".into(), 7)],
        counters: vec![("commits".into(), 1)],
        ..batch(&mut *vault, vec![new_event(2, 1), new_event(3, 2)])
    };
    let writes = [
        "INSERT ON issue_number",
        "INSERT ON variant_join",
        "INSERT ON event",
        "INSERT ON event_payload",
        "INSERT ON derived_placement",
        "INSERT ON derived_issue",
        "UPDATE ON derived_issue",
        "INSERT ON derived_issue_value",
        "INSERT ON derived_hour",
        "UPDATE ON derived_total",
        "INSERT ON segment_offset",
        "INSERT ON counter",
    ];
    for write in writes {
        let refuse = format!(
            "CREATE TEMP TRIGGER refuse BEFORE {} BEGIN SELECT raise(ABORT, 'refused'); END",
            write.replace(" ON ", " ON main.")
        );
        vault.conn.execute_batch(&refuse).unwrap();
        vault.commit(&next).unwrap_err();
        vault.conn.execute_batch("DROP TRIGGER refuse").unwrap();
        assert_eq!(vault.stats().unwrap().events, 1, "{write}");
        assert_eq!(vault.stats().unwrap().issues, 1, "{write}");
        assert!(vault.offsets().unwrap().is_empty(), "{write}");
        assert_eq!(vault.check().unwrap(), [""; 0], "{write}");
    }
    assert_eq!(vault.commit(&next).unwrap().issues_new, [2]);
}

#[test]
fn sync_waits_for_the_disk_once_and_leaves_commits_quick() {
    let mut vault = fresh();
    keep(&mut *vault, vec![new_event(1, 1)]);
    vault.sync().unwrap();
    let synchronous: i64 = vault
        .conn
        .pragma_query_value(None, "synchronous", |row| row.get(0))
        .unwrap();
    assert_eq!(synchronous, 1);
}

/// What is read where the log's index cannot be made.
#[test]
fn a_vault_without_a_log_is_readable_as_it_lies() {
    let (_directory, path) = closed_vault(12);
    let conn = open::open_immutable(&path).unwrap();
    assert_eq!(read::stats(&conn).unwrap().events, 12);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn an_issue_with_an_event_that_cannot_be_read_can_be_deleted() {
    let mut vault = fresh();
    keep(&mut *vault, (1..4).map(|n| new_event(n, 1)).collect());
    keep(&mut *vault, vec![new_event(4, 2)]);
    vault
        .conn
        .execute_batch("UPDATE event_payload SET data = zeroblob(length(data)) WHERE event = 2")
        .unwrap();
    let deleted = decision(9, 1, 50, Deed::Tombstone);
    vault.act(&[deleted]).unwrap();
    let stats = vault.stats().unwrap();
    assert_eq!((stats.events, stats.issues), (1, 1));
    assert_eq!(vault.check().unwrap(), [""; 0]);
    assert_eq!(vault.verify().unwrap(), [""; 0]);
    assert!(vault.event(new_event(2, 1).event.event_id).is_err());
}

#[test]
fn an_export_reads_with_a_small_cache_and_leaves_it_as_it_was() {
    let mut vault = fresh();
    keep(&mut *vault, vec![new_event(1, 1)]);
    let cache = || -> i64 {
        let found = vault
            .conn
            .pragma_query_value(None, "cache_size", |row| row.get(0));
        found.unwrap()
    };
    let before = cache();
    let stopped = vault.records(None, &mut |_| {
        // In KB, below zero.
        assert!(cache() > before / 4);
        Err(Error::new(ErrorKind::Io, "export", "the disk is full"))
    });
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(cache(), before);
}
