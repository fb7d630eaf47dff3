//! Searches that people saved under a name.
//!
//! They lie in a file of their own, `searches.toml`: it is local state, which no rebuild touches and no sync carries;
//! `vault.toml` is written by hand alone, and a table in the store would cost a migration for a handful of lines.

use std::fs::OpenOptions;
use std::io::ErrorKind as IoKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use toml::{Table, Value};

use super::door::Vault;
use crate::error::{Error, ErrorKind, Result};
use crate::query::{self, Asking, Saved};

const FILE: &str = "searches.toml";
/// Whoever writes has this one locked.
const LOCK: &str = "searches.lock";
const HEAD: &str = "# Saved searches of this vault: a name and its query on each line. `crashvault searches` lists them.\n";
/// Searches that a vault keeps.
const SEARCHES_MAX: usize = 200;
/// Bytes of the file.
const FILE_BYTES_MAX: u64 = 2 << 20;

/// A search that was saved under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SavedSearch {
    /// The name; `@name` in a query stands for the search.
    pub name: String,
    /// The query.
    pub query: String,
}

impl Vault {
    /// The saved searches, by name.
    ///
    /// # Errors
    /// Corrupt for a file that was edited wrongly, naming it; Io.
    pub fn saved_searches(&self) -> Result<Vec<SavedSearch>> {
        let saved = read(&self.home)?.into_iter();
        Ok(saved
            .map(|(name, query)| SavedSearch { name, query })
            .collect())
    }

    /// Keeps a query under a name; one that was kept under it is replaced, and given back.
    ///
    /// ```
    /// use crashvault::{Event, Search, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-saved-{}", std::process::id()));
    /// let mut vault = Vault::open(&home)?;
    /// let mut event = Event::new();
    /// event.message = Some("payment timed out".into());
    /// vault.add(event)?;
    /// vault.save_search("payments", "payment OR invoice")?;
    /// assert_eq!(vault.search(&Search::new("is:open @payments"))?.issues.len(), 1);
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// InvalidInput for a name that is none (a letter, then letters, digits, `-` and `_`; at most 64), an empty query,
    /// one that cannot be read, and one that would be part of itself; LimitReached for more than 200; ReadOnly, Io;
    /// Unsupported in a forked child.
    pub fn save_search(&mut self, name: &str, query: &str) -> Result<Option<String>> {
        self.lineage.check()?;
        query::check_name(name)?;
        let query = query.trim();
        if query.is_empty() {
            let message = "there is no query to save";
            return Err(Error::new(ErrorKind::InvalidInput, "save search", message));
        }
        self.change(|vault, saved| {
            let before = saved.insert(name.to_owned(), query.to_owned());
            if saved.len() > SEARCHES_MAX {
                let message = format!("a vault keeps at most {SEARCHES_MAX} searches");
                return Err(Error::new(ErrorKind::LimitReached, "save search", message));
            }
            query::check(query, &vault.asking(saved))?;
            // Used by its name it lies one deeper.
            query::check(&format!("@{name}"), &vault.asking(saved))?;
            Ok(before)
        })
    }

    /// Forgets a saved search, and gives back its query.
    ///
    /// # Errors
    /// NotFound; ReadOnly, Io; Unsupported in a forked child.
    pub fn remove_search(&mut self, name: &str) -> Result<String> {
        self.lineage.check()?;
        self.change(|_, saved| {
            saved.remove(name).ok_or_else(|| {
                let message = format!("no search is saved as @{name}");
                Error::new(ErrorKind::NotFound, "remove search", message)
            })
        })
    }

    fn change<T>(&self, work: impl FnOnce(&Self, &mut Saved) -> Result<T>) -> Result<T> {
        if self.is_read_only {
            let message = "the vault cannot be written";
            return Err(Error::new(ErrorKind::ReadOnly, "save search", message));
        }
        let lock = self.home.join(LOCK);
        let failed = |error| Error::io("save search", &lock, error);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let held = options.open(&lock).map_err(failed)?;
        held.lock().map_err(failed)?;
        let mut saved = read(&self.home)?;
        let done = work(self, &mut saved)?;
        write(&self.home, &saved)?;
        Ok(done)
    }

    /// What a search is understood by.
    pub(super) fn asking<'a>(&'a self, saved: &'a Saved) -> Asking<'a> {
        Asking {
            store: &*self.store,
            now: self.clock.now(),
            me: Some(&self.author),
            saved,
        }
    }

    /// The saved searches, if the query may name one.
    pub(super) fn saved_for(&self, query: &str) -> Result<Saved> {
        match query.contains('@') {
            true => read(&self.home),
            false => Ok(Saved::new()),
        }
    }
}

fn read(home: &Path) -> Result<Saved> {
    let path = home.join(FILE);
    let failed = |error| Error::io("read saved searches", &path, error);
    let bytes = match path.metadata() {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == IoKind::NotFound => return Ok(Saved::new()),
        Err(error) => return Err(failed(error)),
    };
    if bytes > FILE_BYTES_MAX {
        return Err(corrupt(&path, "it is too large to be one"));
    }
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| corrupt(&path, error.message()))?;
    let mut saved = Saved::new();
    for (name, query) in table {
        if query::check_name(&name).is_err() {
            return Err(corrupt(&path, &format!("{name:?} is no name for a search")));
        }
        let Value::String(query) = query else {
            return Err(corrupt(&path, &format!("{name}: expected a text")));
        };
        saved.insert(name, query);
    }
    Ok(saved)
}

fn corrupt(path: &Path, why: &str) -> Error {
    let message = format!("{}: {why}; correct it or move it away", path.display());
    Error::new(ErrorKind::Corrupt, "read saved searches", message)
        .with_context("path", path.display())
}

/// A text as TOML has it, on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Puts a new file in the place of the old one.
fn write(home: &Path, saved: &Saved) -> Result<()> {
    let path = home.join(FILE);
    let mut text = HEAD.to_owned();
    for (name, query) in saved {
        text.push_str(&format!("{name} = {}\n", quoted(query)));
    }
    let written = crate::file::replace(&path, text.as_bytes());
    written.map_err(|error| Error::io("save search", &path, error))
}

#[cfg(test)]
mod tests {
    use super::super::status::Finding;
    use super::*;
    use crate::query::Search;
    use crate::scratch::scratch;

    fn check_refused(vault: &mut Vault, name: &str, query: &str, kind: ErrorKind, says: &str) {
        let error = vault.save_search(name, query).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(says), "{error}");
    }

    fn names(vault: &Vault) -> Vec<String> {
        let saved = vault.saved_searches().unwrap();
        saved.into_iter().map(|saved| saved.name).collect()
    }

    #[test]
    fn what_was_saved_is_read_back_whatever_is_in_it() {
        let home = scratch();
        let mut vault = Vault::open(home.path()).unwrap();
        let query = "message:\"a \\\"b\\\" \u{7f}\t# ü\" level:error";
        assert_eq!(vault.save_search("odd", query).unwrap(), None);
        assert_eq!(vault.saved_searches().unwrap()[0].query, query);
        assert_eq!(
            vault.save_search("odd", "x").unwrap().as_deref(),
            Some(query)
        );
        vault.rebuild().unwrap();
        assert_eq!(names(&vault), ["odd"]);
        assert_eq!(vault.remove_search("odd").unwrap(), "x");
        assert_eq!(
            vault.remove_search("odd").unwrap_err().kind(),
            ErrorKind::NotFound
        );
        assert_eq!(names(&vault), [""; 0]);
    }

    #[test]
    fn what_cannot_be_used_is_not_saved() {
        let home = scratch();
        let mut vault = Vault::open(home.path()).unwrap();
        for name in ["", "1a", "a b", "@a", "ü", &"a".repeat(65)] {
            check_refused(&mut vault, name, "x", ErrorKind::InvalidInput, "is no name");
        }
        check_refused(&mut vault, "a", " ", ErrorKind::InvalidInput, "no query");
        check_refused(&mut vault, "a", "(x", ErrorKind::InvalidInput, "not closed");
        check_refused(
            &mut vault,
            "a",
            "level:eror",
            ErrorKind::InvalidInput,
            "did you mean error?",
        );
        check_refused(
            &mut vault,
            "a",
            "@b",
            ErrorKind::InvalidInput,
            "no search is saved as @b",
        );
        assert_eq!(names(&vault), [""; 0]);
    }

    #[test]
    fn a_search_is_never_part_of_itself() {
        let home = scratch();
        let mut vault = Vault::open(home.path()).unwrap();
        check_refused(
            &mut vault,
            "a",
            "x @a",
            ErrorKind::InvalidInput,
            "@a is part of itself: @a → @a",
        );
        vault.save_search("a", "x").unwrap();
        vault.save_search("b", "@a y").unwrap();
        check_refused(
            &mut vault,
            "a",
            "z OR !@b",
            ErrorKind::InvalidInput,
            "part of itself",
        );
        assert_eq!(vault.saved_searches().unwrap()[0].query, "x");
    }

    #[test]
    fn a_file_that_was_edited_wrongly_is_named() {
        let home = scratch();
        let mut vault = Vault::open(home.path()).unwrap();
        for text in ["a = 1", "\"a b\" = \"x\"", "a = \"", "[a]\nb = \"x\""] {
            std::fs::write(home.path().join(FILE), text).unwrap();
            let error = vault.search(&Search::new("@a")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!(vault.search(&Search::new("a")).is_ok());
            assert!(vault.save_search("b", "x").is_err());
            let findings = vault.doctor().unwrap();
            let is_named = |finding: &Finding| finding.what.contains(FILE);
            assert!(findings.iter().any(is_named), "{findings:?}");
        }
    }
}
