//! What can be read of a vault that is damaged.

use std::io::Write;
use std::path::Path;

use super::door::Vault;
use super::lineage::Lineage;
use crate::error::{Error, ErrorKind, Result};
use crate::store;

/// What was read of a damaged vault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RescueReport {
    /// Events that were written.
    pub events: u64,
    /// Those of them that lack stacks, which could not be read.
    pub incomplete: u64,
    /// Events that are known to be there and cannot be read.
    pub unreadable: u64,
}

impl Vault {
    /// Writes every event that can still be read of a damaged vault, one JSON text on each line. Changes nothing.
    ///
    /// Where SQLite cannot find its way, pages are read one by one. If it can no longer be told which events belong to the
    /// vault, some that were deleted may be among them.
    ///
    /// # Errors
    /// NotFound if there is no `vault.db`; Io if it cannot be read, or `out` not written; Unsupported in a forked child.
    pub fn rescue(directory: impl AsRef<Path>, out: &mut dyn Write) -> Result<RescueReport> {
        let path = directory.as_ref().join("vault.db");
        if !path.is_file() {
            let message = format!("there is no vault in {}", directory.as_ref().display());
            return Err(Error::new(ErrorKind::NotFound, "rescue", message));
        }
        Lineage::enter()?;
        let rescued = store::rescue(&path, &mut |event| {
            let mut line = event.to_json();
            line.push(b'\n');
            out.write_all(&line).map_err(|source| {
                Error::new(ErrorKind::Io, "rescue", "cannot write the events").with_source(source)
            })
        })?;
        Ok(RescueReport {
            events: rescued.events,
            incomplete: rescued.incomplete,
            unreadable: rescued.unreadable,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::PathBuf;

    use rusqlite::Connection;

    use super::*;
    use crate::event::{Event, EventId};
    use crate::issue::Resolution;
    use crate::scratch::{Scratch, scratch};
    use crate::vault::Severity;
    use crate::vault::samples::thrown;

    const EVENTS: usize = 400;

    fn event(n: usize) -> Event {
        let mut event = thrown(&format!("shop::step{}", n % 7), &format!("failure {n}"));
        event.tags.insert("number".into(), n.to_string());
        let noise = |part: usize| {
            blake3::hash(format!("{n} {part}").as_bytes())
                .to_hex()
                .to_string()
        };
        // Every fiftieth is longer than a page.
        let parts = if n.is_multiple_of(50) { 400 } else { 8 };
        event.extra.insert(
            "noise".into(),
            (0..parts).map(noise).collect::<String>().into(),
        );
        event
    }

    /// A vault in one file that has all kinds of pages.
    fn vault() -> Scratch {
        let home = scratch();
        let mut vault = Vault::open(home.path()).unwrap();
        vault.add_all((0..EVENTS).map(event)).unwrap();
        vault
            .resolve(&"#1".parse().unwrap(), Resolution::Now)
            .unwrap();
        drop(vault);
        let conn = Connection::open(home.path().join("vault.db")).unwrap();
        conn.execute_batch(
            "CREATE TABLE gone (x); INSERT INTO gone SELECT zeroblob(30000); DROP TABLE gone;
             PRAGMA wal_checkpoint(TRUNCATE);",
        )
        .unwrap();
        home
    }

    fn rescue(home: &Path) -> (RescueReport, BTreeSet<EventId>) {
        let mut out = Vec::new();
        let report = Vault::rescue(home, &mut out).unwrap();
        let lines = out
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        let ids: BTreeSet<EventId> = lines
            .map(|line| Event::from_json(line).unwrap().event_id)
            .collect();
        assert_eq!(ids.len() as u64, report.events);
        (report, ids)
    }

    /// A page: its number, what it belongs to, its kind, its cells.
    #[derive(Debug)]
    struct Page {
        number: u64,
        owner: String,
        kind: String,
        cells: u64,
    }

    /// One or two pages of each kind and owner of interest.
    fn pages(home: &Path) -> Vec<Page> {
        let conn = Connection::open(home.join("vault.db")).unwrap();
        let mut all = conn
            .prepare(
                "SELECT d.pageno, coalesce(m.type, 'table') || ' ' || d.name, d.pagetype, d.ncell FROM dbstat d
                 LEFT JOIN sqlite_schema m ON m.name = d.name ORDER BY d.pageno",
            )
            .unwrap();
        let page = |row: &rusqlite::Row<'_>| {
            Ok(Page {
                number: row.get::<_, u32>(0)?.into(),
                owner: row.get(1)?,
                kind: row.get(2)?,
                cells: row.get::<_, u32>(3)?.into(),
            })
        };
        let all: Vec<Page> = all
            .query_map([], page)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let count: u32 = conn
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .unwrap();
        let known: BTreeSet<u64> = all.iter().map(|page| page.number).collect();
        let mut picked: Vec<Page> = Vec::new();
        for page in all {
            let same = |other: &&Page| (&other.owner, &other.kind) == (&page.owner, &page.kind);
            let is_known_owner = [
                "event",
                "event_payload",
                "stack",
                "derived_issue",
                "derived_posting",
                "sqlite_schema",
            ]
            .iter()
            .any(|name| page.owner.ends_with(&format!(" {name}")))
                || page.owner.contains("sqlite_autoindex_event");
            let count_max = if page.owner.ends_with(" event_payload") {
                2
            } else {
                1
            };
            if is_known_owner && picked.iter().filter(same).count() < count_max {
                picked.push(page);
            }
        }
        // What dbstat does not know: the pointer map, and free pages, of which the first lists the others.
        let others = (2..=u64::from(count)).filter(|number| !known.contains(number));
        picked.extend(others.take(3).map(|number| Page {
            number,
            owner: if number == 2 { "pointer map" } else { "free" }.into(),
            kind: String::new(),
            cells: 0,
        }));
        picked
    }

    fn copy(home: &Path, flipped: Option<(u64, u64)>) -> Scratch {
        let copy = scratch();
        for name in ["vault.toml", "vault.db"] {
            fs::copy(home.join(name), copy.path().join(name)).unwrap();
        }
        if let Some((at, bit)) = flipped {
            let path: PathBuf = copy.path().join("vault.db");
            let mut bytes = fs::read(&path).unwrap();
            bytes[at as usize] ^= 1 << bit;
            fs::write(path, bytes).unwrap();
        }
        copy
    }

    /// Whether opening, the doctor or a comparison with a rebuild says that something is wrong.
    fn is_found(home: &Path) -> bool {
        let Ok(mut vault) = Vault::open(home) else {
            return true;
        };
        match vault.doctor() {
            Err(_) => return true,
            Ok(findings)
                if findings
                    .iter()
                    .any(|finding| finding.severity == Severity::Problem) =>
            {
                return true;
            }
            Ok(_) => {}
        }
        vault
            .verify()
            .map_or(true, |differences| !differences.is_empty())
    }

    /// Everything the vault says, each event found by its id.
    fn dump(home: &Path, events: &BTreeSet<EventId>) -> Vec<u8> {
        let mut text = Vec::new();
        let vault = Vault::open(home).unwrap();
        vault.store.dump(&mut text).unwrap();
        for id in events {
            text.extend(vault.event(*id).unwrap().event.to_json());
        }
        text
    }

    #[test]
    fn a_whole_vault_is_read_whole() {
        let home = vault();
        let (report, ids) = rescue(home.path());
        assert_eq!(
            (ids.len(), report.incomplete, report.unreadable),
            (EVENTS, 0, 0)
        );
        let events = Vault::open(home.path())
            .unwrap()
            .search_events(&crate::Search::new("").limit(1))
            .unwrap();
        let mut out = Vec::new();
        Vault::rescue(home.path(), &mut out).unwrap();
        let newest = events.events[0].event.to_json();
        assert!(out.split(|byte| *byte == b'\n').any(|line| line == newest));
        assert_eq!(
            Vault::rescue(home.path().join("none"), &mut out)
                .unwrap_err()
                .kind(),
            ErrorKind::NotFound
        );
    }

    #[test]
    fn without_its_first_page_a_vault_gives_up_all_events() {
        let home = vault();
        let path = home.path().join("vault.db");
        let mut bytes = fs::read(&path).unwrap();
        bytes[..8192].fill(0xff);
        fs::write(&path, bytes).unwrap();
        let (report, ids) = rescue(home.path());
        assert_eq!((ids.len(), report.incomplete), (EVENTS, 0));
    }

    #[test]
    fn a_flipped_bit_in_any_kind_of_page_is_found_and_costs_only_what_lies_there() {
        let home = vault();
        let (_, all) = rescue(home.path());
        let whole = dump(home.path(), &all);
        let pages = pages(home.path());
        for kind in ["internal", "leaf", "overflow"] {
            let has = |start: &str| {
                pages
                    .iter()
                    .any(|page| page.kind == kind && page.owner.starts_with(start))
            };
            assert!(
                has("table") && (has("index") || kind == "overflow"),
                "{pages:?}"
            );
        }
        assert!(pages.iter().any(|page| page.owner == "free"));
        let mut found = 0;
        for page in &pages {
            let places = [(0, 1), (4, 2), (12, 0), (4000, 2), (8191, 0)];
            for (place, bit) in places {
                let at = (page.number - 1) * 8192 + place;
                let damaged = copy(home.path(), Some((at, bit)));
                let (report, ids) = rescue(damaged.path());
                let lost = all.difference(&ids).count() as u64;
                let lost_max = match (page.owner.as_str(), page.kind.as_str()) {
                    ("table event_payload", "leaf") => page.cells,
                    ("table event_payload", "overflow") => 1,
                    _ => 0,
                };
                assert!(
                    lost <= lost_max,
                    "{page:?} {place} {bit}: {lost} lost, {report:?}"
                );
                assert!(ids.is_subset(&all), "{page:?} {place} {bit}");
                if is_found(damaged.path()) {
                    found += 1;
                    continue;
                }
                // Not found, because it means nothing (room between cells, free pages, the file's change counter):
                // everything reads as before.
                let again = copy(home.path(), Some((at, bit)));
                assert!(
                    dump(again.path(), &all) == whole,
                    "{page:?} {place} {bit} is not found"
                );
                assert_eq!(lost, 0);
            }
        }
        assert!(found > pages.len() * 3, "{found} of {}", pages.len() * 5);
    }
}
