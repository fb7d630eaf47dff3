//! Files that belong to events: each content once, compressed, under its hash.
//!
//! The file comes first, then its record. A process that dies between the two leaves a file that nobody names, which
//! [`Vault::collect_garbage`] removes.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::door::{Added, Lease, Vault, new_event_id};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventId};
use crate::file::Draft;
use crate::ingest::Files;
use crate::store::{Attachment, attachment_line, attachment_name, hex};

/// Attachments of one event.
pub(super) const PER_EVENT_MAX: usize = 50;
/// Bytes of one attachment, where `attachments.bytes_max` says nothing else (Sentry: 100 MB).
pub(super) const BYTES_MAX: u64 = 100 * 1024 * 1024;
/// What an attachment is for, if nobody says.
pub(super) const KIND: &str = "event.attachment";
/// The name of one without a name.
pub(super) const UNNAMED: &str = "unnamed";
/// zstd's own default: dumps and logs shrink to a fifth, at hundreds of megabytes per second.
const ZSTD_LEVEL: i32 = 3;

/// A file to be attached to an event.
///
/// ```
/// let log = crashvault::NewAttachment::new("app.log", b"it began well".to_vec()).content_type("text/plain");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewAttachment {
    /// Its name. Kept as data: separators and control characters are replaced, and it is cut to 200 bytes.
    pub name: String,
    /// The kind of its content, such as `text/plain`.
    pub content_type: Option<String>,
    /// What it is for, in Sentry's words; `event.attachment` if nothing else is said.
    pub kind: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl NewAttachment {
    /// A file of that name.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            content_type: None,
            kind: KIND.into(),
            bytes: bytes.into(),
        }
    }

    /// The kind of its content.
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// What it is for.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }
}

/// Why an attachment is refused, and what to do.
pub(super) fn too_large(bytes: u64, bytes_max: u64) -> String {
    format!(
        "{bytes} bytes are more than the {bytes_max} an attachment may have; shorten it or raise attachments.bytes_max"
    )
}

impl Vault {
    /// Keeps a file with an event, which may come later than the file. The same content is kept once, however many
    /// events name it; the same file twice changes nothing.
    ///
    /// At most 50 for one event, each at most `attachments.bytes_max` (100 MB).
    ///
    /// ```
    /// use crashvault::{Event, NewAttachment, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-attach-{}", std::process::id()));
    /// let mut vault = Vault::open(&home)?;
    /// let event = vault.add(Event::new())?.event_id;
    /// vault.attach(event, &NewAttachment::new("app.log", "it began well"))?;
    /// let found = &vault.attachments(event)?[0];
    /// assert_eq!(vault.read_attachment(found)?, b"it began well");
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// LimitReached, saying what to do; InvalidInput for the nil event; Conflict for an event that was removed;
    /// ReadOnly, Busy, Io; Unsupported in a forked child.
    pub fn attach(&mut self, event: EventId, new: &NewAttachment) -> Result<Attachment> {
        self.lineage.check()?;
        self.refuse_attachment(event, new)?;
        self.refuse_full_disk("attach")?;
        let hash = *blake3::hash(&new.bytes).as_bytes();
        // Until the record is there, garbage collection must not take the file.
        let _shared = self.attachments_lock(File::lock_shared)?;
        put_file(&self.home, &hash, &new.bytes)?;
        self.store.attach(
            &Attachment {
                id: 0,
                event,
                name: attachment_name(&new.name).unwrap_or_else(|| UNNAMED.into()),
                content_type: new.content_type.as_deref().and_then(attachment_line),
                kind: attachment_name(&new.kind).unwrap_or_else(|| KIND.into()),
                hash,
                size_bytes: new.bytes.len() as u64,
                added_at: self.clock.now(),
            },
            PER_EVENT_MAX,
        )
    }

    /// Adds an event together with a file. The file goes first: where it is refused, no event is added.
    ///
    /// # Errors
    /// As [`Vault::attach`] and [`Vault::add`].
    pub fn add_attached(
        &mut self,
        mut event: Event,
        file: &NewAttachment,
    ) -> Result<(Added, Attachment)> {
        if event.event_id.is_nil() {
            event.event_id = new_event_id(self.clock.now());
        }
        let kept = self.attach(event.event_id, file)?;
        Ok((self.add(event)?, kept))
    }

    fn refuse_attachment(&self, event: EventId, new: &NewAttachment) -> Result<()> {
        let refused = |kind, message: String| Err(Error::new(kind, "attach", message));
        if self.is_read_only {
            let message = format!("{} is open for reading only", self.home.display());
            return refused(ErrorKind::ReadOnly, message);
        }
        if event.is_nil() {
            let message = "the event was not captured; there is nothing to attach to";
            return refused(ErrorKind::InvalidInput, message.into());
        }
        let (bytes, bytes_max) = (new.bytes.len() as u64, self.settings.attachment_bytes_max);
        if bytes > bytes_max {
            return refused(ErrorKind::LimitReached, too_large(bytes, bytes_max));
        }
        Ok(())
    }

    /// The files of an event, in the order they came.
    pub fn attachments(&self, event: EventId) -> Result<Vec<Attachment>> {
        self.store.attachments(event)
    }

    /// The content of an attachment, its hash compared.
    ///
    /// # Errors
    /// NotFound if its file is missing; Corrupt if it holds something else, naming it; Io.
    pub fn read_attachment(&self, attachment: &Attachment) -> Result<Vec<u8>> {
        let path = file_of(&self.home, &attachment.hash);
        let file = File::open(&path).map_err(|error| Error::io("read attachment", &path, error))?;
        read_file(file, attachment).map_err(|source| {
            let message = format!("{} does not hold what its name says", path.display());
            Error::new(ErrorKind::Corrupt, "read attachment", message)
                .with_context("path", path.display())
                .with_source(source)
        })
    }

    /// What keeps files and their records together: shared by those who attach, alone for who removes files.
    pub(super) fn attachments_lock(&self, take: fn(&File) -> io::Result<()>) -> Result<Lease> {
        attachments_lock(&self.home, take)
    }
}

fn attachments_lock(home: &Path, take: fn(&File) -> io::Result<()>) -> Result<Lease> {
    let path = home.join("attachments.lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let locked = options
        .open(&path)
        .and_then(|file| take(&file).map(|()| file));
    let file = locked.map_err(|error| Error::io("attach", &path, error))?;
    Ok(Lease::of(file))
}

/// Puts files of the journal in their places. Until it is dropped, after their records are there, none is taken for
/// garbage.
pub(super) struct Kept<'h> {
    home: &'h Path,
    shared: Option<Lease>,
}

impl<'h> Kept<'h> {
    pub(super) fn new(home: &'h Path) -> Self {
        Self { home, shared: None }
    }
}

impl Files for Kept<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<[u8; 32]> {
        if self.shared.is_none() {
            self.shared = Some(attachments_lock(self.home, File::lock_shared)?);
        }
        let hash = *blake3::hash(bytes).as_bytes();
        put_file(self.home, &hash, bytes)?;
        Ok(hash)
    }
}

pub(super) fn directory(home: &Path) -> PathBuf {
    home.join("attachments")
}

/// Where the content of that hash lies.
pub(super) fn file_of(home: &Path, hash: &[u8; 32]) -> PathBuf {
    let name = hex(hash);
    directory(home).join(&name[..2]).join(name)
}

/// Puts the content in its place, unless it is there and whole.
pub(super) fn put_file(home: &Path, hash: &[u8; 32], bytes: &[u8]) -> Result<()> {
    let path = file_of(home, hash);
    if holds(&path, hash, bytes.len() as u64) {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(home);
    let written = write_file(parent, &path, bytes);
    written.map_err(|error| Error::io("attach", &path, error))
}

fn write_file(parent: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(parent)?;
    let draft = Draft::new(path)?;
    let mut encoder = zstd::stream::write::Encoder::new(draft.file(), ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.write_all(bytes)?;
    encoder.finish()?;
    draft.put()
}

/// Whether the file is there and holds what its name says.
pub(super) fn holds(path: &Path, hash: &[u8; 32], size_bytes: u64) -> bool {
    let read = || -> io::Result<bool> {
        let mut hasher = blake3::Hasher::new();
        let decoder = zstd::stream::read::Decoder::new(File::open(path)?)?;
        let read = io::copy(&mut decoder.take(size_bytes.saturating_add(1)), &mut hasher)?;
        Ok(read == size_bytes && hasher.finalize() == blake3::Hash::from_bytes(*hash))
    };
    read().unwrap_or(false)
}

fn read_file(file: File, attachment: &Attachment) -> io::Result<Vec<u8>> {
    let decoder = zstd::stream::read::Decoder::new(file)?;
    let mut bytes = Vec::new();
    // One byte more than it may have: a longer one is not read to its end.
    decoder
        .take(attachment.size_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    match *blake3::hash(&bytes).as_bytes() == attachment.hash {
        true => Ok(bytes),
        false => Err(io::Error::other("its content has another hash")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::scratch::{Scratch, scratch};
    use std::os::unix::fs::PermissionsExt;

    fn vault_with_event() -> (Scratch, Vault, EventId) {
        let home = scratch();
        let mut vault = Vault::open(home.path()).unwrap();
        let event = vault.add(Event::new()).unwrap().event_id;
        (home, vault, event)
    }

    #[test]
    fn an_event_is_not_added_without_its_file() {
        let home = scratch();
        let settings = "[attachments]\nbytes_max = 3\n";
        fs::write(home.path().join("vault.toml"), settings).unwrap();
        let mut vault = Vault::open(home.path()).unwrap();
        let (large, fitting) = (
            NewAttachment::new("a", "abcd"),
            NewAttachment::new("a", "abc"),
        );
        let refused = vault.add_attached(Event::new(), &large).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::LimitReached);
        assert_eq!(vault.status().unwrap().event_count, 0);
        let (added, kept) = vault.add_attached(Event::new(), &fitting).unwrap();
        assert_eq!(vault.attachments(added.event_id).unwrap(), [kept]);
    }

    fn files(home: &Path) -> Vec<PathBuf> {
        let directories = fs::read_dir(directory(home))
            .into_iter()
            .flatten()
            .flatten();
        let files = directories.flat_map(|entry| fs::read_dir(entry.path()).unwrap().flatten());
        files.map(|entry| entry.path()).collect()
    }

    #[test]
    fn what_is_attached_is_read_back_and_lies_compressed() {
        let (home, mut vault, event) = vault_with_event();
        let content = "line after line\n".repeat(10_000);
        let new = NewAttachment::new("app.log", content.clone())
            .content_type("text/plain")
            .kind("event.log");
        let kept = vault.attach(event, &new).unwrap();
        assert_eq!(
            vault.attachments(event).unwrap(),
            std::slice::from_ref(&kept)
        );
        assert_eq!(
            (kept.name.as_str(), kept.kind.as_str()),
            ("app.log", "event.log")
        );
        assert_eq!(vault.read_attachment(&kept).unwrap(), content.as_bytes());
        let files = files(home.path());
        assert_eq!(files, [file_of(home.path(), &kept.hash)]);
        let metadata = fs::metadata(&files[0]).unwrap();
        assert!(metadata.len() < 1_000);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        let parent = fs::metadata(files[0].parent().unwrap()).unwrap();
        assert_eq!(parent.permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn the_same_content_lies_there_once() {
        let (home, mut vault, event) = vault_with_event();
        let other = EventId::from_bytes([9; 16]);
        let first = vault
            .attach(event, &NewAttachment::new("a", "same"))
            .unwrap();
        let again = vault
            .attach(event, &NewAttachment::new("a", "same"))
            .unwrap();
        vault
            .attach(event, &NewAttachment::new("b", "same"))
            .unwrap();
        vault
            .attach(other, &NewAttachment::new("a", "same"))
            .unwrap();
        assert_eq!(first, again);
        assert_eq!(vault.attachments(event).unwrap().len(), 2);
        assert_eq!(vault.attachments(other).unwrap().len(), 1);
        assert_eq!(files(home.path()).len(), 1);
    }

    #[test]
    fn limits_say_what_to_do() {
        let home = scratch();
        fs::write(
            home.path().join("vault.toml"),
            "[attachments]\nbytes_max = 3\n",
        )
        .unwrap();
        let mut vault = Vault::open(home.path()).unwrap();
        let event = EventId::from_bytes([1; 16]);
        let mut check = |name: &str, bytes: &str, expected: Option<&str>| {
            let attached = vault.attach(event, &NewAttachment::new(name, bytes));
            let error = attached
                .err()
                .map(|error| (error.kind(), error.to_string()));
            match (error, expected) {
                (None, None) => {}
                (Some((ErrorKind::LimitReached, text)), Some(word)) => {
                    assert!(text.contains(word), "{text}")
                }
                (found, _) => panic!("{found:?}"),
            }
        };
        check("large", "1234", Some("attachments.bytes_max"));
        for n in 0..PER_EVENT_MAX {
            check(&n.to_string(), "123", None);
        }
        check("one more", "123", Some("50 attachments"));
    }

    #[test]
    fn names_are_data() {
        let check = |name: &str, expected: &str| {
            let (_home, mut vault, event) = vault_with_event();
            let kept = vault.attach(event, &NewAttachment::new(name, "x")).unwrap();
            assert_eq!(kept.name, expected);
        };
        check("../../etc/passwd", ".._.._etc_passwd");
        check("a\\b\n\u{1b}[31m", "a_b__[31m");
        check(" \n ", "unnamed");
        check(&"å".repeat(300), &"å".repeat(100));
    }

    #[test]
    fn a_missing_file_is_not_found_and_a_changed_one_is_corrupt() {
        let (home, mut vault, event) = vault_with_event();
        let kept = vault
            .attach(event, &NewAttachment::new("a", "content"))
            .unwrap();
        let path = file_of(home.path(), &kept.hash);
        fs::write(&path, zstd::encode_all(&b"contents"[..], 1).unwrap()).unwrap();
        let error = vault.read_attachment(&kept).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().contains(&kept.hash_hex()));
        fs::write(&path, "no frame").unwrap();
        assert_eq!(
            vault.read_attachment(&kept).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
        // Attaching it again heals it.
        vault
            .attach(event, &NewAttachment::new("b", "content"))
            .unwrap();
        assert_eq!(vault.read_attachment(&kept).unwrap(), b"content");
        fs::remove_file(&path).unwrap();
        assert_eq!(
            vault.read_attachment(&kept).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }

    #[test]
    fn many_can_attach_the_same_at_once() {
        let (home, vault, event) = vault_with_event();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let home = home.path();
                scope.spawn(move || {
                    let mut vault = Vault::open(home).unwrap();
                    for n in 0..5 {
                        let new =
                            NewAttachment::new(format!("{thread}.{n}"), format!("content {n}"));
                        vault.attach(event, &new).unwrap();
                    }
                });
            }
        });
        let attachments = vault.attachments(event).unwrap();
        assert_eq!(attachments.len(), 20);
        assert_eq!(files(home.path()).len(), 5);
        for attachment in attachments {
            vault.read_attachment(&attachment).unwrap();
        }
    }

    #[test]
    fn nothing_is_attached_to_what_was_deleted() {
        let (_home, mut vault, event) = vault_with_event();
        vault
            .decide(&"#1".parse().unwrap(), crate::issue::Deed::Tombstone)
            .unwrap();
        let error = vault
            .attach(event, &NewAttachment::new("a", "x"))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
}
