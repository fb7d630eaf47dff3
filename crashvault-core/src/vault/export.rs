//! What leaves the vault as a file, and comes back from one.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::attach;
use super::door::Vault;
use crate::error::{Error, ErrorKind, Result};
use crate::export::{
    self, ExportFormat, ExportKind, ExportReport, ExportRule, ImportReport, Item, Job, Source,
    Which,
};
use crate::file::Draft;
use crate::query::Search;
use crate::store::{Attachment, IssueSort, Record};

/// Issues found at a time.
const PAGE_ISSUES: usize = 1000;
/// Records brought in with one transaction.
const STEP_RECORDS: usize = 500;
/// Level of gzip and zstd: what most tools use if nobody says.
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

impl Vault {
    /// Writes issues with all that belongs to them, of one moment, in one of the forms of docs/export.md. Takes little
    /// memory however much it writes. `progress` is told the number of events from time to time.
    ///
    /// ```
    /// use crashvault::{Event, ExportFormat, ExportRule, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-export-{}", std::process::id()));
    /// # let other = home.with_extension("other");
    /// let mut vault = Vault::open(&home)?;
    /// let mut event = Event::new();
    /// event.message = Some("disk full".into());
    /// vault.add(event)?;
    /// let file = home.join("all.ndjson.gz");
    /// let report = vault.export_file(&ExportRule::all(), ExportFormat::Ndjson, &file, false, &mut |_| {})?;
    /// assert_eq!((report.issues, report.events), (1, 1));
    ///
    /// let mut copy = Vault::open(&other)?;
    /// assert_eq!(copy.import_export(&file)?.events, 1);
    /// assert_eq!(copy.import_export(&file)?.events_known, 1);
    /// # let _ = (std::fs::remove_dir_all(&home), std::fs::remove_dir_all(&other));
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// Io, whose source is what the writer said; InvalidInput for a query that cannot be read; NotFound and Conflict as
    /// [`Vault::issue`]; LimitReached for an event of more than 64 MB.
    pub fn export(
        &self,
        rule: &ExportRule,
        format: ExportFormat,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(u64),
    ) -> Result<ExportReport> {
        let numbers = self.chosen(rule)?;
        let job = Job {
            store: &*self.store,
            issues: numbers.as_deref(),
            vault: self.settings.vault_id,
            at: self.clock.now(),
            content: &|attachment| self.content(attachment),
        };
        export::write(&job, format, out, progress)
    }

    /// As [`Vault::export`], into a file for its owner alone, which is there when it is whole. A name that ends in `.gz`
    /// or `.zst` says that it is compressed. What is there already stays unless `replace` says otherwise.
    ///
    /// # Errors
    /// Also Conflict for a file that is there.
    pub fn export_file(
        &self,
        rule: &ExportRule,
        format: ExportFormat,
        path: impl AsRef<Path>,
        replace: bool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<ExportReport> {
        let mut report = ExportReport::default();
        Self::write_file(path, replace, &mut |out| {
            report = self.export(rule, format, out, progress)?;
            Ok(())
        })?;
        Ok(report)
    }

    /// Writes a file for its owner alone, which is there when it is whole. A name that ends in `.gz` or `.zst` says that
    /// it is compressed. What is there already stays unless `replace` says otherwise.
    ///
    /// # Errors
    /// Conflict for a file that is there; Io; what `write` says.
    pub fn write_file(
        path: impl AsRef<Path>,
        replace: bool,
        write: &mut dyn FnMut(&mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        let path = path.as_ref();
        let failed = |error| Error::io("export", path, error);
        refuse_existing(path, replace)?;
        let draft = Draft::new(path).map_err(|error| unmade(path, error))?;
        let mut file = BufWriter::new(draft.file());
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("gz") => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                let mut out = flate2::write::GzEncoder::new(&mut file, level);
                write(&mut out)?;
                out.finish().map_err(failed)?;
            }
            Some("zst") => {
                let out = zstd::stream::write::Encoder::new(&mut file, ZSTD_LEVEL);
                let mut out = out.map_err(failed)?;
                out.include_checksum(true).map_err(failed)?;
                write(&mut out)?;
                out.finish().map_err(failed)?;
            }
            _ => write(&mut file)?,
        }
        file.flush().map_err(failed)?;
        drop(file);
        put(draft, path, replace)
    }

    /// Writes the vault's database, as it is at this moment, into a new file that any SQLite opens. Contents of
    /// attachments are not in it. How many bytes it has.
    ///
    /// # Errors
    /// Conflict for a file that is there; Io.
    pub fn copy_database(&self, path: impl AsRef<Path>, replace: bool) -> Result<u64> {
        let path = path.as_ref();
        let failed = |error| Error::io("export", path, error);
        refuse_existing(path, replace)?;
        // An empty file that is there already: SQLite fills it, and nobody else reads it meanwhile.
        let draft = Draft::new(path).map_err(|error| unmade(path, error))?;
        self.store.copy(draft.temporary())?;
        let bytes = fs::metadata(draft.temporary()).map_err(failed)?.len();
        put(draft, path, replace)?;
        Ok(bytes)
    }

    /// The numbers of the issues that are meant; `None`: all there is.
    fn chosen(&self, rule: &ExportRule) -> Result<Option<Vec<u64>>> {
        let text = match &rule.which {
            Which::All => return Ok(None),
            Which::Issue(issue) => return Ok(Some(vec![self.issue(issue)?.number])),
            Which::Query(text) => text,
        };
        let mut search = Search::new(text).sort(IssueSort::Number).limit(PAGE_ISSUES);
        let mut numbers = Vec::new();
        loop {
            let page = self.search(&search)?;
            numbers.extend(page.issues.iter().map(|issue| issue.number));
            match page.next {
                Some(cursor) => search = search.after(&cursor),
                None => break,
            }
        }
        numbers.reverse();
        Ok(Some(numbers))
    }

    fn content(&self, attachment: &Attachment) -> Result<Box<dyn Read>> {
        let path = attach::file_of(&self.home, &attachment.hash);
        let failed = |error| Error::io("export", &path, error);
        if !attach::holds(&path, &attachment.hash, attachment.size_bytes) {
            let message = format!("{} does not hold what its name says", path.display());
            return Err(Error::new(ErrorKind::Corrupt, "export", message));
        }
        let file = File::open(&path).map_err(failed)?;
        let decoder = zstd::stream::read::Decoder::new(file).map_err(failed)?;
        Ok(Box::new(decoder))
    }

    /// What a file or directory is, told by its content; `None` for none of what [`Vault::import_export`] knows.
    ///
    /// # Errors
    /// NotFound, Io.
    pub fn detect_export(path: impl AsRef<Path>) -> Result<Option<ExportKind>> {
        export::detect(path.as_ref())
    }

    /// Whether [`Vault::import_export`] could read this, to its end. Makes no vault.
    ///
    /// # Errors
    /// As there.
    pub fn check_export(path: impl AsRef<Path>) -> Result<()> {
        source(path.as_ref())?.read(&mut |_| Ok(()))
    }

    /// Takes in what [`Vault::export`] wrote as NDJSON or JSON (also compressed), a copy of a vault's database, or
    /// another vault's directory. What is here already stays as it is: doing it twice changes nothing. An issue keeps
    /// its number if nobody has it here, else it gets the next one; what people decided comes along.
    ///
    /// # Errors
    /// Corrupt for a file that is not whole, naming the place: then nothing comes in. Unsupported for what cannot be
    /// read back, and for a newer form; NotFound; ReadOnly, Busy, Io.
    pub fn import_export(&mut self, path: impl AsRef<Path>) -> Result<ImportReport> {
        self.lineage.check()?;
        let source = source(path.as_ref())?;
        let _chore = self.begin_chore("import")?;
        self.refuse_full_disk("import")?;
        source.read(&mut |_| Ok(()))?;
        // Until their records are there, garbage collection must not take the files.
        let _shared = self.attachments_lock(File::lock_shared)?;
        let mut taker = Taker::new(self, &source);
        if source.is_unordered() {
            taker.take_some(&source, &|record| is_frame(record))?;
            taker.take_some(&source, &|record| !is_frame(record))?;
        } else {
            taker.take_some(&source, &|_| true)?;
        }
        let report = taker.report;
        self.store.tend(self.clock.now())?;
        Ok(report)
    }
}

fn source(path: &Path) -> Result<Source> {
    let kind = export::detect(path)?.ok_or_else(|| {
        let message = format!("{} is no export of Crashvault", path.display());
        Error::new(ErrorKind::InvalidInput, "import", message)
    })?;
    Ok(Source {
        path: path.to_owned(),
        kind,
    })
}

/// Whether others name it.
fn is_frame(record: &Record) -> bool {
    matches!(record, Record::Issue { .. } | Record::Join { .. })
}

/// Brings records in, step by step.
struct Taker<'v> {
    vault: &'v mut Vault,
    /// Where contents lie that are not in the file.
    home: Option<PathBuf>,
    step: Vec<Record>,
    report: ImportReport,
    /// The content that is coming in.
    content: Vec<u8>,
}

impl<'v> Taker<'v> {
    fn new(vault: &'v mut Vault, source: &Source) -> Self {
        Self {
            vault,
            home: source.home().map(Path::to_owned),
            step: Vec::new(),
            report: ImportReport::default(),
            content: Vec::new(),
        }
    }

    fn take_some(&mut self, source: &Source, is_wanted: &dyn Fn(&Record) -> bool) -> Result<()> {
        source.read(&mut |item| match item {
            Item::Record(record) if is_wanted(&record) => self.record(record),
            Item::Record(_) => Ok(()),
            Item::Content {
                hash,
                size_bytes,
                offset,
                bytes,
            } => self.piece(&hash, size_bytes, offset, &bytes),
        })?;
        self.finish_step()
    }

    fn record(&mut self, record: Record) -> Result<()> {
        match &record {
            Record::Issue { .. } => self.report.issues += 1,
            Record::Event { .. } => self.report.events_known += 1,
            Record::Attachment(attachment) if !self.has_content(attachment)? => {
                self.report.attachments_missing += 1;
                return Ok(());
            }
            Record::Attachment(_) => self.report.attachments += 1,
            _ => {}
        }
        // An attachment follows its event in the same transaction.
        if self.step.len() >= STEP_RECORDS && !matches!(record, Record::Attachment(_)) {
            self.finish_step()?;
        }
        self.step.push(record);
        Ok(())
    }

    fn finish_step(&mut self) -> Result<()> {
        let restored = self.vault.store.restore(&std::mem::take(&mut self.step))?;
        self.report.events += restored;
        self.report.events_known -= restored;
        Ok(())
    }

    /// Whether the content lies here, after it was fetched from where the records come from.
    fn has_content(&self, attachment: &Attachment) -> Result<bool> {
        let is_there = |home: &Path| {
            let path = attach::file_of(home, &attachment.hash);
            attach::holds(&path, &attachment.hash, attachment.size_bytes)
        };
        if is_there(&self.vault.home) {
            return Ok(true);
        }
        let Some(home) = self.home.as_deref().filter(|home| is_there(home)) else {
            return Ok(false);
        };
        if attachment.size_bytes > self.vault.settings.attachment_bytes_max {
            return Ok(false);
        }
        let path = attach::file_of(home, &attachment.hash);
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            zstd::stream::read::Decoder::new(File::open(&path)?)?.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|error| Error::io("import", &path, error))?;
        attach::put_file(&self.vault.home, &attachment.hash, &bytes)?;
        Ok(true)
    }

    /// Pieces come one after another; a content that is too large, or is not what it says, is let go: its record will
    /// find none.
    fn piece(&mut self, hash: &[u8; 32], size_bytes: u64, offset: u64, bytes: &[u8]) -> Result<()> {
        if offset == 0 {
            self.content.clear();
        }
        let is_fitting = size_bytes <= self.vault.settings.attachment_bytes_max
            && offset == self.content.len() as u64
            && offset.saturating_add(bytes.len() as u64) <= size_bytes;
        if !is_fitting {
            return Ok(());
        }
        self.content.extend_from_slice(bytes);
        if self.content.len() as u64 == size_bytes {
            let content = std::mem::take(&mut self.content);
            if blake3::hash(&content).as_bytes() == hash {
                attach::put_file(&self.vault.home, hash, &content)?;
            }
        }
        Ok(())
    }
}

/// Only a file is ever replaced: a name may also be that of a device.
fn refuse_existing(path: &Path, replace: bool) -> Result<()> {
    if path.symlink_metadata().is_err() || replace && path.is_file() {
        return Ok(());
    }
    let (kind, what) = match path.is_file() {
        true => (ErrorKind::Conflict, "is there already"),
        false => (ErrorKind::InvalidInput, "is no file that could be replaced"),
    };
    Err(Error::new(
        kind,
        "export",
        format!("{} {what}", path.display()),
    ))
}

/// Where the directory is missing, nothing that was looked for is.
fn unmade(path: &Path, error: io::Error) -> Error {
    if error.kind() != io::ErrorKind::NotFound {
        return Error::io("export", path, error);
    }
    let message = format!("{} lies in a directory that is not there", path.display());
    Error::new(ErrorKind::Io, "export", message).with_source(error)
}

fn put(draft: Draft, path: &Path, replace: bool) -> Result<()> {
    let done = match replace {
        true => draft.put(),
        false => draft.put_new(),
    };
    match done {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => refuse_existing(path, false),
        done => done.map_err(|error| Error::io("export", path, error)),
    }
}

#[cfg(test)]
mod tests;
