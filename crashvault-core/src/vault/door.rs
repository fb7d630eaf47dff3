//! The vault as programs see it: open it, drain first, read.

use std::fs::File;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lineage::Lineage;
use super::settings::Settings;
use super::{attach, home};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventId};
use crate::ingest::{self, DrainLimit, DrainReport, Origin, Walk};
use crate::issue::{Issue, IssueId, IssueRef, Join};
use crate::journal::Held;
use crate::store::{Access, Batch, IssueFilter, SqliteStore, Store, StoredEvent};
use crate::symbol::Symbolizer;
use crate::time::{Clock, SystemClock, Timestamp};

/// How long a reader drains before it says how many events still wait.
pub const READER_DRAIN_MAX: Duration = Duration::from_millis(200);

/// Events added in one transaction.
pub(super) const BATCH_EVENTS_MAX: usize = 4096;
/// Bytes of what is kept of them, from which on a batch is full.
pub(super) const BATCH_BYTES_MAX: usize = 32 << 20;

/// How long another process may hold the lease without taking anything in.
const LEASE_PATIENCE: Duration = Duration::from_secs(60);
/// Between two requests for the lease: short at first, for most drains are.
const LEASE_PAUSE_MIN: Duration = Duration::from_millis(2);
const LEASE_PAUSE_MAX: Duration = Duration::from_millis(50);

/// A lock on a file, given up when dropped, and by the kernel when the process ends.
#[derive(Debug)]
pub(super) struct Lease {
    file: File,
    _held: Held,
}

impl Lease {
    /// Of a file that is locked.
    pub(super) fn of(file: File) -> Self {
        Self {
            _held: Held::new(&file),
            file,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Closing alone is not enough: a child that is just being started has the file still, until it is another
        // program.
        let _ = self.file.unlock();
    }
}

/// An open vault.
///
/// Reading shows everything that was captured before, as far as [`Vault::drain`] was called first; the functions here do
/// not drain by themselves.
///
/// A vault stays in the process that opened it: a forked child can neither use it nor open one of its own. It may capture.
///
/// ```
/// use crashvault::{Event, IssueFilter, Vault};
/// # let home = std::env::temp_dir().join(format!("crashvault-doc-{}", std::process::id()));
/// let mut vault = Vault::open(&home)?;
/// let mut event = Event::new();
/// event.message = Some("disk is nearly full".into());
/// let added = vault.add(event)?;
/// assert_eq!(added.issue_number, 1);
/// assert_eq!(vault.issues(&IssueFilter::default())?[0].title, "disk is nearly full");
/// # let _ = std::fs::remove_dir_all(&home);
/// # Ok::<(), crashvault::Error>(())
/// ```
pub struct Vault {
    pub(super) home: PathBuf,
    pub(super) store: Box<dyn Store>,
    pub(super) walk: Walk,
    pub(super) settings: Settings,
    pub(super) is_read_only: bool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) author: String,
    pub(super) lineage: Lineage,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault")
            .field("home", &self.home)
            .field("is_read_only", &self.is_read_only)
            .finish_non_exhaustive()
    }
}

/// How to open a vault.
#[derive(Clone)]
#[non_exhaustive]
pub struct VaultOptions {
    clock: Arc<dyn Clock>,
    author: Option<String>,
    create: bool,
    read_only: bool,
}

impl std::fmt::Debug for VaultOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VaultOptions")
            .field("create", &self.create)
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}

impl Default for VaultOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            author: None,
            create: true,
            read_only: false,
        }
    }
}

impl VaultOptions {
    /// Where the time of receipt comes from. For tests.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.clock_shared(Arc::new(clock))
    }

    pub(super) fn clock_shared(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Who decides about issues through this vault. Default: `$CRASHVAULT_AUTHOR`, else the user's login name.
    #[must_use]
    pub fn author(mut self, name: impl Into<String>) -> Self {
        self.author = Some(name.into());
        self
    }

    /// Whether a vault is made where there is none. Default: true.
    #[must_use]
    pub fn create(mut self, on: bool) -> Self {
        self.create = on;
        self
    }

    /// Whether the vault is opened for reading alone, although it could be written: nothing of it is changed, made or
    /// drained. Default: false.
    #[must_use]
    pub fn read_only(mut self, on: bool) -> Self {
        self.read_only = on;
        self
    }

    /// Opens the vault in `directory`.
    ///
    /// A vault that cannot be written, or lies in a directory that cannot, is opened as it is, for reading; nothing is
    /// drained then.
    ///
    /// # Errors
    /// NotFound if there is none and none may be made; Corrupt for a file that is no vault or is damaged, naming it;
    /// Unsupported for a newer format, naming both versions, and in a forked child whose parent had a vault open before;
    /// ReadOnly if it would have to be made and cannot; Busy; Io.
    pub fn open(self, directory: impl AsRef<Path>) -> Result<Vault> {
        let home = directory.as_ref().to_owned();
        let database = home.join("vault.db");
        if home.exists() && !home.is_dir() {
            let message = format!("{} is a file; a vault is a directory", home.display());
            return Err(Error::new(ErrorKind::InvalidInput, "open vault", message));
        }
        let must_be_there = self.read_only || !self.create;
        if must_be_there && !is_there(&home)? {
            let message = format!("there is no vault in {}", home.display());
            return Err(Error::new(ErrorKind::NotFound, "open vault", message));
        }
        let is_read_only = match self.read_only {
            true => true,
            false => match make(&home) {
                Ok(()) => is_closed(&home),
                Err(_) if database.exists() => true,
                Err(error) => return Err(error),
            },
        };
        let settings = Settings::read(&home)?;
        let lineage = Lineage::enter()?;
        let (store, is_read_only) = open_store(&database, is_read_only)?;
        let walk = Walk {
            symbolizer: Symbolizer::new(Some(home.join("symbols")), settings.in_app.clone()),
            group_rules: settings.group.clone(),
            scrub_rules: settings.scrub.clone(),
            has_legacy: false,
        };
        Ok(Vault {
            home,
            store: Box::new(store),
            walk,
            settings,
            is_read_only,
            clock: self.clock,
            author: self.author.unwrap_or_else(author_by_environment),
            lineage,
        })
    }
}

/// Whether nothing can be made in the directory. What lies there already may be writable none the less, and with it a
/// log that could be written and not be removed.
fn is_closed(home: &Path) -> bool {
    let found = std::fs::metadata(home);
    found.is_ok_and(|found| found.permissions().readonly()) && home::probe(home).is_err()
}

/// What may not be looked at is not what is not there.
fn is_there(home: &Path) -> Result<bool> {
    for part in ["vault.db", "journal", "vault.toml"] {
        let found = home.join(part).try_exists();
        if found.map_err(|error| Error::io("open vault", home, error))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The first name that is set, else that of the account.
fn author_by_environment() -> String {
    let names = ["CRASHVAULT_AUTHOR", "USER", "LOGNAME"].into_iter();
    let set = names.filter_map(|name| std::env::var(name).ok());
    set.chain(std::iter::once_with(account).flatten())
        .map(|name| name.trim().to_owned())
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".into())
}

/// Whose process this is, by the machine's own list of accounts: what a directory service alone knows has no name here.
fn account() -> Option<String> {
    let uid = std::fs::metadata("/proc/self").ok()?.uid();
    account_of(uid, &std::fs::read_to_string("/etc/passwd").ok()?)
}

fn account_of(uid: u32, accounts: &str) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

pub(super) fn make(home: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(home)
        .map_err(|error| Error::io("create vault", home, error))?;
    Settings::create(home)
}

fn open_store(database: &Path, is_read_only: bool) -> Result<(SqliteStore, bool)> {
    if is_read_only {
        return Ok((SqliteStore::open(database, Access::ReadOnly)?, true));
    }
    match SqliteStore::open(database, Access::ReadWrite) {
        Err(error) if error.kind() == ErrorKind::ReadOnly && database.exists() => {
            Ok((SqliteStore::open(database, Access::ReadOnly)?, true))
        }
        opened => Ok((opened?, false)),
    }
}

/// What became of an event that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Added {
    /// The event's id.
    pub event_id: EventId,
    /// The issue it belongs to.
    pub issue_number: u64,
    /// Whether it is the issue's first.
    pub is_new_issue: bool,
    /// Whether the vault had this id already; then nothing changed.
    pub is_known: bool,
    /// Whether it opened an issue again that was resolved.
    pub is_regression: bool,
}

impl Vault {
    /// Options to be changed before opening.
    pub fn options() -> VaultOptions {
        VaultOptions::default()
    }

    /// Opens the vault in `directory`, or makes one there. See [`VaultOptions::open`].
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        Self::options().open(directory)
    }

    /// The default vault's directory: `$CRASHVAULT_HOME`, else `~/.crashvault`.
    pub fn default_directory() -> Option<PathBuf> {
        home::configured(None)
    }

    /// The vault's directory.
    pub fn directory(&self) -> &Path {
        &self.home
    }

    /// Who decides about issues through this vault, and whom `assigned:me` means.
    pub fn author(&self) -> &str {
        &self.author
    }

    /// Whether the vault was opened for reading only, because it cannot be written.
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Moves what waits in the journal into the vault, for at most `time_max`.
    ///
    /// Where another process is draining all that time, or the vault is read-only, nothing is done and the report says
    /// how many wait.
    ///
    /// # Errors
    /// What the store says: Busy, Io (disk full), Corrupt; Unsupported in a forked child. What was moved before stays;
    /// the rest stays in the journal.
    pub fn drain(&mut self, time_max: Duration) -> Result<DrainReport> {
        match Instant::now().checked_add(time_max) {
            Some(deadline) => self.drain_until(deadline),
            None => self.drain_all(),
        }
    }

    /// Moves everything that waits in the journal into the vault, however long it takes. See [`Vault::drain`].
    ///
    /// Waits for another process that is draining.
    ///
    /// # Errors
    /// Also Busy if the other process has got nowhere for a minute.
    pub fn drain_all(&mut self) -> Result<DrainReport> {
        self.drain_patiently(LEASE_PATIENCE)
    }

    fn drain_until(&mut self, deadline: Instant) -> Result<DrainReport> {
        self.lineage.check()?;
        let lease = self.await_lease(|| Ok(Instant::now() < deadline))?;
        self.drain_with(lease, Some(deadline))
    }

    fn drain_patiently(&mut self, patience: Duration) -> Result<DrainReport> {
        self.lineage.check()?;
        let mut progress = (self.store.offsets()?, Instant::now());
        let lease = self.await_lease(|| {
            if progress.1.elapsed() < patience {
                return Ok(true);
            }
            let offsets = self.store.offsets()?;
            let has_moved = offsets != progress.0;
            progress = (offsets, Instant::now());
            Ok(has_moved)
        })?;
        if lease.is_none() && !self.is_read_only {
            let message = format!(
                "another process holds drain.lock and has taken nothing in for {patience:?}"
            );
            return Err(Error::new(ErrorKind::Busy, "drain", message)
                .with_context("vault", self.home.display()));
        }
        self.drain_with(lease, None)
    }

    fn drain_with(
        &mut self,
        lease: Option<Lease>,
        deadline: Option<Instant>,
    ) -> Result<DrainReport> {
        let journal = self.home.join("journal");
        let Some(lease) = lease else {
            let waited = ingest::count_waiting(&journal, &*self.store)?;
            let report = DrainReport {
                waiting_count: waited.events,
                is_elsewhere: !self.is_read_only,
                ..DrainReport::default()
            };
            return Ok(report);
        };
        if let Err(full) = self.refuse_full_disk("drain")
            && ingest::count_waiting(&journal, &*self.store)?.events > 0
        {
            return Err(full);
        }
        let mut report = ingest::drain(
            &journal,
            &mut *self.store,
            &mut self.walk,
            &mut attach::Kept::new(&self.home),
            DrainLimit { deadline },
            self.clock.now(),
        )?;
        if report.events_new > 0 {
            self.store.tend(self.clock.now())?;
        }
        self.keep_dumps(&journal, &mut report);
        drop(lease);
        self.retain_if_due(deadline);
        Ok(report)
    }

    /// The right to work on the whole vault, given up when dropped: one process at a time.
    ///
    /// # Errors
    /// Busy if another process has it; ReadOnly.
    pub(super) fn begin_chore(&self, operation: &'static str) -> Result<Lease> {
        if self.is_read_only {
            let message = format!("{} is open for reading only", self.home.display());
            return Err(Error::new(ErrorKind::ReadOnly, operation, message));
        }
        self.lock("chore.lock", operation)?.ok_or_else(|| {
            let message = "another process rebuilds, prunes or archives this vault; try again when it is done";
            Error::new(ErrorKind::Busy, operation, message)
        })
    }

    /// Asks for the lease until it is given or `go_on` says no. The system would wait only without an end.
    fn await_lease(&self, mut go_on: impl FnMut() -> Result<bool>) -> Result<Option<Lease>> {
        let mut pause = LEASE_PAUSE_MIN;
        loop {
            let lease = self.lease()?;
            if lease.is_some() || self.is_read_only || !go_on()? {
                return Ok(lease);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LEASE_PAUSE_MAX);
        }
    }

    /// The right to drain, given up when dropped. None if the vault is read-only or somebody else has it.
    fn lease(&self) -> Result<Option<Lease>> {
        if self.is_read_only {
            return Ok(None);
        }
        self.lock("drain.lock", "drain")
    }

    pub(super) fn lock(&self, name: &str, operation: &'static str) -> Result<Option<Lease>> {
        let path = self.home.join(name);
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let file = file.map_err(|error| Error::io(operation, &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lease::of(file))),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(Error::io(operation, &path, error)),
        }
    }

    /// Takes an event into the vault at once, past the journal. An event without an id gets one, without a time the
    /// present.
    ///
    /// # Errors
    /// ReadOnly, Busy, Io, Corrupt, Unsupported in a forked child; the event is then not in the vault.
    pub fn add(&mut self, event: Event) -> Result<Added> {
        let batch = self.batch(std::iter::once(event))?;
        let added = self.add_batch(batch)?;
        added.first().copied().ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                "add",
                "the store said nothing about the event",
            )
        })
    }

    /// Takes events into the vault at once, as [`Vault::add`] does, many in one transaction.
    ///
    /// # Errors
    /// As [`Vault::add`]. Events before the one that failed may be in the vault; adding all again changes nothing about
    /// those that had an id.
    pub fn add_all(&mut self, events: impl IntoIterator<Item = Event>) -> Result<Vec<Added>> {
        let mut events = events.into_iter();
        let mut added = Vec::new();
        loop {
            let batch = self.batch(events.by_ref().take(BATCH_EVENTS_MAX))?;
            if batch.events.is_empty() {
                self.store.tend(self.clock.now())?;
                return Ok(added);
            }
            added.extend(self.add_batch(batch)?);
        }
    }

    /// Each event is packed as soon as it comes: then it lies in the processor's cache, and its memory serves the next.
    fn batch(&mut self, events: impl Iterator<Item = Event>) -> Result<Batch> {
        self.lineage.check()?;
        self.walk.has_legacy = self.store.has_legacy()?;
        let now = self.clock.now();
        let origin = Origin::handed_in(now);
        let mut batch = Batch::default();
        let mut bytes = 0;
        for mut event in events {
            if event.event_id.is_nil() {
                event.event_id = new_event_id(now);
            }
            event.timestamp.get_or_insert(now);
            let packed = self.store.pack(self.walk.digest(event, &[], origin))?;
            bytes += packed.bytes();
            batch.events.push(packed);
            if bytes >= BATCH_BYTES_MAX {
                break;
            }
        }
        Ok(batch)
    }

    pub(super) fn add_batch(&mut self, batch: Batch) -> Result<Vec<Added>> {
        self.refuse_full_disk("add")?;
        let committed = self.store.commit(&batch)?;
        let added = committed.outcomes.iter().map(|outcome| Added {
            event_id: outcome.event,
            issue_number: outcome.issue_number,
            is_new_issue: outcome.is_new_issue,
            is_known: outcome.is_known,
            is_regression: outcome.is_regression,
        });
        Ok(added.collect())
    }

    /// How many issues pass the filter, whatever its limit.
    ///
    /// # Errors
    /// Corrupt, Io.
    pub fn issue_count(&self, filter: &IssueFilter) -> Result<u64> {
        self.store.issue_count(filter)
    }

    /// The issues that pass the filter, in its order.
    pub fn issues(&self, filter: &IssueFilter) -> Result<Vec<Issue>> {
        self.store.issues(filter)
    }

    /// One issue.
    ///
    /// # Errors
    /// NotFound; Conflict for the start of an id that fits several, naming them.
    pub fn issue(&self, reference: &IssueRef) -> Result<Issue> {
        self.store.issue(reference)
    }

    /// The newest events of an issue, newest first, at most `limit`.
    pub fn events(&self, issue: &IssueId, limit: usize) -> Result<Vec<StoredEvent>> {
        self.store.events(issue, limit)
    }

    /// One event.
    ///
    /// # Errors
    /// NotFound; Corrupt if its payload cannot be read.
    pub fn event(&self, id: EventId) -> Result<StoredEvent> {
        self.store.event(id)
    }

    /// Why events are in an issue: its variants in the order they joined.
    pub fn joins(&self, issue: &IssueId) -> Result<Vec<Join>> {
        self.store.joins(issue)
    }
}

pub(super) fn new_event_id(now: Timestamp) -> EventId {
    let bytes = crate::capture::random_bytes();
    let mut random = [0; 10];
    random.copy_from_slice(&bytes[..10]);
    EventId::v7((now.as_nanos() / 1_000_000).max(0) as u64, &random)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vault whose lease is in another hand.
    fn contended() -> (crate::scratch::Scratch, Vault, File) {
        let home = crate::scratch::scratch();
        let vault = Vault::open(home.path()).unwrap();
        let other = File::create(home.path().join("drain.lock")).unwrap();
        other.lock().unwrap();
        (home, vault, other)
    }

    #[test]
    fn a_vault_opened_for_reading_alone_changes_nothing() {
        let home = crate::scratch::scratch();
        let open = || Vault::options().read_only(true).open(home.path());
        assert_eq!(open().unwrap_err().kind(), ErrorKind::NotFound);
        let mut writer = Vault::open(home.path()).unwrap();
        writer.add(Event::new()).unwrap();
        let mut reader = open().unwrap();
        assert!(reader.is_read_only());
        assert_eq!(reader.issues(&IssueFilter::default()).unwrap().len(), 1);
        assert_eq!(
            reader.add(Event::new()).unwrap_err().kind(),
            ErrorKind::ReadOnly
        );
        assert_eq!(reader.drain_all().unwrap().events_new, 0);
        assert!(!home.path().join("drain.lock").exists());
    }

    #[test]
    fn an_account_has_the_name_that_its_number_has() {
        let accounts = "root:x:0:0::/root:/bin/sh\nbroken\nada:x:1000:1000::/home/ada:/bin/sh\n";
        assert_eq!(account_of(1000, accounts).as_deref(), Some("ada"));
        assert_eq!(account_of(0, accounts).as_deref(), Some("root"));
        assert_eq!(account_of(7, accounts), None);
    }

    #[test]
    fn draining_all_waits_for_another_process() {
        let (_home, mut vault, other) = contended();
        let holder = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(60));
            drop(other);
        });
        let begun = Instant::now();
        assert!(!vault.drain_all().unwrap().is_elsewhere);
        assert!(begun.elapsed() >= Duration::from_millis(50));
        holder.join().unwrap();
    }

    #[test]
    fn a_drain_in_time_asks_again_until_time_is_up() {
        let (_home, mut vault, other) = contended();
        let report = vault.drain(Duration::from_millis(20)).unwrap();
        assert!(report.is_elsewhere);
        let holder = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(60));
            drop(other);
        });
        assert!(!vault.drain(Duration::from_secs(20)).unwrap().is_elsewhere);
        holder.join().unwrap();
    }

    #[test]
    fn a_lease_ends_with_its_work_although_a_child_has_its_file() {
        let home = crate::scratch::scratch();
        let vault = Vault::open(home.path()).unwrap();
        let lease = vault.begin_chore("test").unwrap();
        let inherited = lease.file.try_clone().unwrap();
        assert!(vault.begin_chore("test").is_err());
        drop(lease);
        assert!(vault.begin_chore("test").is_ok());
        drop(inherited);
    }

    #[test]
    fn a_lease_held_without_progress_is_given_up() {
        let (_home, mut vault, _other) = contended();
        let error = vault
            .drain_patiently(Duration::from_millis(30))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
    }

    #[test]
    fn the_lease_is_nobody_elses_business() {
        use std::os::unix::fs::MetadataExt;
        let home = crate::scratch::scratch();
        Vault::open(home.path()).unwrap().drain_all().unwrap();
        let lock = std::fs::metadata(home.path().join("drain.lock")).unwrap();
        assert_eq!(lock.mode() & 0o077, 0);
    }
}
