//! Where the vault is: what was asked for, else `$CRASHVAULT_HOME`, else `~/.crashvault`, else a stated fallback.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The variable that names the vault's directory.
pub(crate) const HOME_VARIABLE: &str = "CRASHVAULT_HOME";

/// A place for a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    /// The directory, if there is one to try.
    pub(crate) directory: Option<PathBuf>,
    /// What is not as it should be.
    pub(crate) note: Option<String>,
}

/// The directory that would be used if everything can be written.
pub(crate) fn configured(asked: Option<&Path>) -> Option<PathBuf> {
    let from_variable = || {
        std::env::var_os(HOME_VARIABLE)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let in_user_home = || std::env::home_dir().map(|home| home.join(".crashvault"));
    asked
        .map(Path::to_owned)
        .or_else(from_variable)
        .or_else(in_user_home)
}

/// The fallback: a directory of this user's own below the temporary one.
pub(crate) fn fallback() -> Option<PathBuf> {
    let user = std::fs::metadata("/proc/self").ok()?.uid();
    Some(std::env::temp_dir().join(format!("crashvault-{user}")))
}

/// Finds a place that can be written, for capture.
///
/// A place that the program named itself is taken even if it cannot be written now: it may be put right later, and
/// writing elsewhere would hide events.
pub(crate) fn find(asked: Option<&Path>) -> Home {
    let Some(directory) = configured(asked) else {
        return use_fallback("neither $CRASHVAULT_HOME nor a home directory is set".into());
    };
    match probe(&directory) {
        Ok(()) => Home {
            directory: Some(directory),
            note: None,
        },
        Err(error) if asked.is_some() => {
            let hint = hint(&error);
            let note = format!("cannot write {}: {error}; {hint}", directory.display());
            Home {
                directory: Some(directory),
                note: Some(note),
            }
        }
        Err(error) => use_fallback(format!(
            "cannot write {}: {error}; {}",
            directory.display(),
            hint(&error)
        )),
    }
}

fn hint(error: &io::Error) -> &'static str {
    crate::journal::write_failure_hint(error.raw_os_error().unwrap_or_default() as u32)
}

fn use_fallback(reason: String) -> Home {
    let Some(directory) = fallback() else {
        return Home {
            directory: None,
            note: Some(reason),
        };
    };
    match probe(&directory).and_then(|()| check_own(&directory)) {
        Ok(()) => {
            let note = format!("{reason}. Events go to {} instead", directory.display());
            Home {
                directory: Some(directory),
                note: Some(note),
            }
        }
        Err(error) => {
            let note = format!(
                "{reason}. The fallback {} cannot be used either: {error}",
                directory.display()
            );
            Home {
                directory: None,
                note: Some(note),
            }
        }
    }
}

/// Whether files can be made there; makes the directory if it is missing.
pub(crate) fn probe(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let file = directory.join(format!(".probe-{}", std::process::id()));
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&file)?;
    std::fs::remove_file(&file)
}

/// A directory below a shared one must be this user's, closed to others, and no link.
fn check_own(directory: &Path) -> io::Result<()> {
    let metadata = std::fs::symlink_metadata(directory)?;
    let user = std::fs::metadata("/proc/self")?.uid();
    let is_own = metadata.is_dir() && metadata.uid() == user && metadata.mode() & 0o077 == 0;
    if is_own {
        Ok(())
    } else {
        Err(io::Error::other(
            "it belongs to somebody else or is open to others",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_named_is_kept_and_its_fault_told() {
        let home = crate::scratch::scratch();
        let file = home.path().join("a file");
        std::fs::write(&file, "").unwrap();
        let asked = file.join("vault");
        let home = find(Some(&asked));
        assert_eq!(home.directory.as_deref(), Some(asked.as_path()));
        assert!(home.note.unwrap().contains("no directory"));
    }

    #[test]
    fn a_place_that_can_be_written_has_no_note() {
        let temp = crate::scratch::scratch();
        let asked = temp.path().join("deep/vault");
        assert_eq!(
            find(Some(&asked)),
            Home {
                directory: Some(asked.clone()),
                note: None
            }
        );
        assert_eq!(std::fs::metadata(&asked).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_directory_open_to_others_is_not_trusted() {
        let temp = crate::scratch::scratch();
        let open = temp.path().join("open");
        DirBuilder::new().mode(0o755).create(&open).unwrap();
        assert!(check_own(&open).is_err());
        let link = temp.path().join("link");
        std::os::unix::fs::symlink(temp.path(), &link).unwrap();
        assert!(check_own(&link).is_err());
    }
}
