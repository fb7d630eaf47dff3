//! Enters: a path, and its content to be. Leaves: the file, whole, or what was there before; on the disk when it is said
//! to be.
//!
//! Never: writes into a file that others read; knows what is in it. The journal has ways of its own: what a segment's
//! name says depends on a lock, and a dying process waits for no disk.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Links that lead to each other.
const LINKS_MAX: usize = 40;

/// A file on its way, for its owner alone; removed unless it arrives.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
}

impl Draft {
    /// A new file, to be put at `path`.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let name = format!(".{}.{}.tmp", name.to_string_lossy(), unique());
        let temporary = path.with_file_name(name);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600);
        Ok(Self {
            file: file.open(&temporary)?,
            path: path.to_owned(),
            temporary,
        })
    }

    /// What a file is to become: behind a link, the one it leads to; with the owner and the mode that the file has.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let path = followed(path)?;
        let draft = Self::new(&path)?;
        if let Ok(present) = fs::metadata(&path) {
            // Root alone can give a file away, and would else keep it from its owner.
            let _ =
                std::os::unix::fs::fchown(&draft.file, Some(present.uid()), Some(present.gid()));
            let mode = Permissions::from_mode(present.mode() & 0o7777);
            draft.file.set_permissions(mode)?;
        }
        Ok(draft)
    }

    /// Where it is written.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Its name until it arrives.
    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Puts it in its place, whatever is there.
    ///
    /// # Errors
    /// What the system says; what was there is there still.
    pub(crate) fn put(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        self.sync_directory()
    }

    /// Puts it where nothing is.
    ///
    /// # Errors
    /// AlreadyExists; what the system says.
    pub(crate) fn put_new(self) -> io::Result<()> {
        self.file.sync_all()?;
        // A link refuses what came to be there meanwhile, which a rename would replace.
        match fs::hard_link(&self.temporary, &self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            // Not every file system has links.
            Err(_) if self.path.symlink_metadata().is_err() => {
                fs::rename(&self.temporary, &self.path)?;
            }
            linked => linked?,
        }
        self.sync_directory()
    }

    /// The name is on the disk when its directory is.
    fn sync_directory(&self) -> io::Result<()> {
        let parent = self.path.parent().filter(|parent| *parent != Path::new(""));
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

/// A name that no other draft has: of this process, or of an earlier one of its number that left one.
fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = time.unwrap_or_default().as_nanos();
    format!("{}-{number}-{nanos:x}", std::process::id())
}

/// Gives a file this content. See [`Draft::of`].
///
/// # Errors
/// What the system says; the file is then as it was.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = Draft::of(path)?;
    draft.file().write_all(content)?;
    draft.put()
}

/// Where links lead, also to what is not there yet.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("links lead to each other"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::scratch::scratch;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_is_its_owners_alone() {
        let home = scratch();
        let path = home.path().join("a");
        replace(&path, b"x").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(names(home.path()), ["a"]);
    }

    #[test]
    fn a_file_keeps_its_mode_and_a_link_leads_where_it_led() {
        let home = scratch();
        let path = home.path().join("real");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        fs::create_dir(home.path().join("links")).unwrap();
        let link = home.path().join("links/one");
        symlink("../two", &link).unwrap();
        symlink("real", home.path().join("two")).unwrap();
        replace(&link, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert!(link.is_symlink() && home.path().join("two").is_symlink());
        assert_eq!(names(home.path()), ["links", "real", "two"]);
    }

    #[test]
    fn links_that_lead_to_each_other_are_refused() {
        let home = scratch();
        symlink("b", home.path().join("a")).unwrap();
        symlink("a", home.path().join("b")).unwrap();
        assert!(replace(&home.path().join("a"), b"x").is_err());
    }

    #[test]
    fn what_does_not_arrive_leaves_nothing() {
        let home = scratch();
        let path = home.path().join("a");
        fs::write(&path, "old").unwrap();
        drop(Draft::of(&path).unwrap());
        let refused = Draft::new(&path).unwrap().put_new().unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(home.path()), ["a"]);
    }
}
