//! Settings as people change them: which there are, what they are, and a change that leaves no file that is worse.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::door::Vault;
use super::settings::{self, Setting, Settings};
use crate::error::{Error, ErrorKind, Result};

/// What a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingForm {
    /// A text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// A list of texts.
    Texts,
}

use SettingForm::{Flag, Number, Text, Texts};

/// The settings there are, by the names that `vault.toml` uses, besides `[[group.rule]]` and `[[webhooks]]`.
pub const SETTINGS: [(&str, SettingForm); 29] = [
    ("attachments.bytes_max", Number),
    ("capture.black_box", Flag),
    ("capture.drain", Flag),
    ("capture.durability", Text),
    ("capture.environment", Text),
    ("capture.native", Flag),
    ("capture.project", Text),
    ("capture.release", Text),
    ("capture.sample_rate", Number),
    ("capture.throttle", Flag),
    ("in_app.exclude", Texts),
    ("in_app.include", Texts),
    ("issues.severities", Texts),
    ("report.to", Text),
    ("retention.age_days", Number),
    ("retention.bytes_max_mb", Number),
    ("retention.events_max", Number),
    ("retention.level.debug", Number),
    ("retention.level.error", Number),
    ("retention.level.fatal", Number),
    ("retention.level.info", Number),
    ("retention.level.warning", Number),
    ("retention.status.ignored", Number),
    ("retention.status.open", Number),
    ("retention.status.resolved", Number),
    ("scrub.keep", Texts),
    ("scrub.keys", Texts),
    ("scrub.patterns", Flag),
    ("space.free_min_mb", Number),
];

impl Vault {
    /// The settings of the vault in `directory`, with the source of each; without opening what it holds.
    ///
    /// # Errors
    /// NotFound if there is no vault; Corrupt if `vault.toml` is not TOML; Unsupported, Io.
    pub fn settings_of(directory: impl AsRef<Path>) -> Result<Vec<Setting>> {
        Ok(Settings::of(directory.as_ref())?.shown)
    }

    /// Whether [`Vault::change_settings`] would take a change. Makes and writes nothing, also where there is no vault.
    ///
    /// # Errors
    /// As [`Vault::change_settings`].
    pub fn check_settings(
        directory: impl AsRef<Path>,
        mut edit: impl FnMut(&str) -> Result<String>,
    ) -> Result<()> {
        let path = directory.as_ref().join(settings::FILE);
        let old = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            read => read.map_err(|error| Error::io("change settings", &path, error))?,
        };
        changed(&path, &old, &mut edit).map(drop)
    }

    /// Changes `vault.toml`, which is made where there is none: `edit` gets its text and gives the new one; where there is
    /// no vault it is tried first, and none is made for what is refused. One change at a time; readers see the old file
    /// or the new one.
    ///
    /// ```
    /// use crashvault::{Error, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-configure-{}", std::process::id()));
    /// Vault::change_settings(&home, |text| Ok(format!("{text}\n[retention]\nage_days = 90\n")))?;
    /// let refused = Vault::change_settings(&home, |text| Ok(text.replace("= 90", "= -1")));
    /// assert!(refused.unwrap_err().message().contains("retention.age_days"));
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// InvalidInput if the new text has a fault that the old one had not, naming it: then nothing is changed; what `edit`
    /// says; as [`Vault::settings_of`].
    pub fn change_settings(
        directory: impl AsRef<Path>,
        mut edit: impl FnMut(&str) -> Result<String>,
    ) -> Result<()> {
        let home = directory.as_ref();
        let path = home.join(settings::FILE);
        if !path.exists() {
            changed(&path, &Settings::fresh(), &mut edit)?;
        }
        super::door::make(home)?;
        let io = |error| Error::io("change settings", &path, error);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(home.join("settings.lock"))
            .map_err(io)?;
        lock.lock().map_err(io)?;
        let old = fs::read_to_string(&path).map_err(io)?;
        let new = changed(&path, &old, &mut edit)?;
        crate::file::replace(&path, new.as_bytes()).map_err(io)
    }
}

/// The new text, if it is not worse than the old.
fn changed(
    path: &Path,
    old: &str,
    edit: &mut impl FnMut(&str) -> Result<String>,
) -> Result<String> {
    let new = edit(old)?;
    let known = Settings::faults_of(path, old)?;
    let faults = match Settings::faults_of(path, &new) {
        Err(error) => vec![error.message().to_owned()],
        Ok(faults) => faults,
    };
    if let Some(fault) = faults.into_iter().find(|fault| !known.contains(fault)) {
        let message = fault.strip_prefix("vault.toml: ").unwrap_or(&fault);
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "change settings",
            message,
        ));
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::scratch;

    #[test]
    fn settings_behind_a_link_are_changed_where_they_are_and_keep_their_mode() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (home, elsewhere) = (scratch(), scratch());
        Vault::open(home.path()).unwrap();
        let link = home.path().join("vault.toml");
        let real = elsewhere.path().join("shared.toml");
        fs::copy(&link, &real).unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        fs::remove_file(&link).unwrap();
        symlink(&real, &link).unwrap();
        let edit = |text: &str| Ok(format!("{text}[retention]\nage_days = 9\n"));
        Vault::change_settings(home.path(), edit).unwrap();
        assert!(link.is_symlink());
        assert!(fs::read_to_string(&real).unwrap().contains("age_days = 9"));
        assert_eq!(
            fs::metadata(&real).unwrap().permissions().mode() & 0o777,
            0o640
        );
    }

    #[test]
    fn every_setting_there_is_can_be_set() {
        for (key, form) in SETTINGS {
            let value = match form {
                Text if key == "capture.durability" => "\"data\"",
                Text if key == "report.to" => "\"https://key@host/1\"",
                Text => "\"text\"",
                Number => "1",
                Flag => "false",
                Texts => "[\"text\"]",
            };
            let home = scratch();
            Vault::change_settings(home.path(), |text| Ok(format!("{text}\n{key} = {value}\n")))
                .unwrap_or_else(|error| panic!("{key}: {error}"));
        }
    }

    #[test]
    fn a_dsn_is_shown_without_its_key_also_where_it_is_none() {
        let home = scratch();
        let set = |dsn: &str| {
            let dsn = format!("[report]\nto = \"{dsn}\"\n");
            Vault::open(home.path()).unwrap();
            fs::write(home.path().join("vault.toml"), dsn).unwrap();
            let vault = Vault::open(home.path()).unwrap();
            let settings = vault.status().unwrap().settings;
            let shown = settings
                .into_iter()
                .find(|setting| setting.key == "report.to");
            let told = format!("{:?}", vault.doctor().unwrap());
            assert!(!told.contains("secret"), "{told}");
            (shown.unwrap().value, vault.report_to().map(str::to_owned))
        };
        let dsn = "https://secret@errors.example.com/1";
        assert_eq!(
            set(dsn),
            (
                "https://…@errors.example.com/1".to_owned(),
                Some(dsn.to_owned())
            )
        );
        for wrong in ["secret", "https://secret/1", "ftp://secret@host/1"] {
            assert_eq!(set(wrong), ("none".to_owned(), None));
        }
    }

    #[test]
    fn every_setting_that_is_shown_is_listed() {
        let home = scratch();
        Vault::open(home.path()).unwrap();
        for setting in Vault::settings_of(home.path()).unwrap() {
            assert!(
                SETTINGS.iter().any(|(key, _)| *key == setting.key),
                "{}",
                setting.key
            );
        }
    }

    #[test]
    fn what_was_wrong_before_hinders_no_change() {
        let home = scratch();
        Vault::open(home.path()).unwrap();
        let path = home.path().join("vault.toml");
        let old = fs::read_to_string(&path).unwrap() + "colour = 1\n";
        fs::write(&path, &old).unwrap();
        Vault::change_settings(home.path(), |text| {
            Ok(format!("{text}\n[capture]\nproject = \"shop\"\n"))
        })
        .unwrap();
        let new = fs::read_to_string(&path).unwrap();
        assert!(new.starts_with(&old), "{new}");
        let refused = |add: &str| {
            let changed = Vault::change_settings(home.path(), |text| Ok(format!("{text}{add}")));
            let error = changed.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(fs::read_to_string(&path).unwrap(), new);
            error.message().to_owned()
        };
        assert!(refused("throttle = \"maybe\"\n").contains("expected true or false"));
        assert!(refused("no toml").contains(", line "));
        assert!(refused("[colours]\n").contains("colours: not known"));
    }
}
