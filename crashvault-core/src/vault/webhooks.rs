//! `[[webhooks]]` in `vault.toml`: who is to be told of events, as data. Nobody is told from here.

use std::fs::{self, DirBuilder};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::door::Vault;
use super::settings::Settings;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Level;
use crate::file::Draft;

/// Where their secrets lie, one file each that only the owner can read.
const SECRETS: &str = "secrets";
const URL_BYTES_MAX: usize = 2048;
const NAME_BYTES_MAX: usize = 200;

/// What kind of place a webhook tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookKind {
    /// A Slack channel.
    Slack,
    /// A Discord channel.
    Discord,
    /// A Microsoft Teams channel.
    Teams,
    /// Anything that takes JSON.
    Http,
    /// The issues of a GitHub repository.
    Github,
}

impl WebhookKind {
    /// All there are.
    pub const ALL: [Self; 5] = [
        Self::Slack,
        Self::Discord,
        Self::Teams,
        Self::Http,
        Self::Github,
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Teams => "teams",
            Self::Http => "http",
            Self::Github => "github",
        }
    }

    /// The kind of that name, in any case; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// Whether this kind can be reached there: an address of the web, for GitHub also `owner/repository`.
    ///
    /// # Errors
    /// InvalidInput, saying what was expected.
    pub fn check_url(self, url: &str) -> Result<()> {
        let is_fit = match self {
            Self::Github => is_repository(url) || is_address(url),
            _ => is_address(url),
        };
        let expected = match self {
            Self::Github => "owner/repository or its address, https://github.com/owner/repository",
            _ => "an address that begins with https:// or http://",
        };
        match is_fit && url.len() <= URL_BYTES_MAX {
            true => Ok(()),
            false => {
                let message = format!("this is no url for {}: expected {expected}", self.name());
                Err(Error::new(ErrorKind::InvalidInput, "webhook", message))
            }
        }
    }
}

fn is_address(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let is_plain = url.chars().all(|c| c.is_ascii_graphic());
    is_plain && host.is_some_and(|host| host.chars().any(|c| c.is_ascii_alphanumeric()))
}

fn is_repository(text: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    text.split_once('/')
        .is_some_and(|(owner, name)| is_name(owner) && is_name(name))
}

/// Somebody who is to be told of events. The secret is not part of it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Webhook {
    /// Eight hex digits.
    pub id: String,
    /// What kind of place it is.
    pub kind: WebhookKind,
    /// Where it is. Whoever knows it can often write there: see [`Webhook::shown_url`].
    pub url: String,
    /// What people call it.
    pub name: String,
    /// The levels of events that it is told of; none: all, GitHub error and fatal.
    pub levels: Vec<Level>,
    /// Whether it is told at all.
    pub is_enabled: bool,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("url", &self.shown_url())
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// An id that no other has.
    pub fn fresh_id() -> String {
        let [a, b, c, d, ..] = crate::capture::random_bytes();
        format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
    }

    /// The address without what is secret in it: scheme and host.
    pub fn shown_url(&self) -> String {
        let Some((scheme, rest)) = self.url.split_once("://") else {
            return self.url.clone();
        };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        match rest.len() > host.len() {
            true => format!("{scheme}://{host}/…"),
            false => self.url.clone(),
        }
    }
}

/// One table of `[[webhooks]]`.
pub(super) fn read(value: Value) -> std::result::Result<Webhook, String> {
    let Value::Table(mut table) = value else {
        return Err("expected a section".into());
    };
    let id = text(&mut table, "id")?.ok_or("id: missing")?;
    if id.len() != 8 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("id: expected 8 hex digits".into());
    }
    let kind = text(&mut table, "type")?.ok_or("type: missing")?;
    let names = WebhookKind::ALL.map(WebhookKind::name).join(", ");
    let kind =
        WebhookKind::from_name(&kind).ok_or_else(|| format!("type: expected one of {names}"))?;
    let url = text(&mut table, "url")?.ok_or("url: missing")?;
    kind.check_url(&url)
        .map_err(|error| format!("url: {}", error.message()))?;
    let name = text(&mut table, "name")?.unwrap_or_else(|| format!("{}-webhook", kind.name()));
    if name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(format!(
            "name: expected one line of at most {NAME_BYTES_MAX} bytes"
        ));
    }
    let webhook = Webhook {
        id,
        kind,
        url,
        name,
        levels: levels(&mut table)?,
        is_enabled: match table.remove("enabled") {
            None => true,
            Some(Value::Boolean(on)) => on,
            Some(_) => return Err("enabled: expected true or false".into()),
        },
    };
    match table.keys().next() {
        Some(key) => Err(format!("{key}: not known to this version")),
        None => Ok(webhook),
    }
}

fn text(table: &mut Table, key: &str) -> std::result::Result<Option<String>, String> {
    match table.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(format!("{key}: expected a text")),
    }
}

fn levels(table: &mut Table) -> std::result::Result<Vec<Level>, String> {
    let wrong = || {
        let names = Level::ALL.map(Level::name).join(", ");
        format!("events: expected a list of {names}")
    };
    let Some(listed) = table.remove("events") else {
        return Ok(Vec::new());
    };
    let listed = listed.as_array().ok_or_else(wrong)?;
    let levels = listed
        .iter()
        .map(|level| level.as_str().and_then(Level::from_name));
    levels.collect::<Option<_>>().ok_or_else(wrong)
}

impl Vault {
    /// The webhooks of the vault in `directory`; one that cannot be read is passed over, and `doctor` names it.
    ///
    /// # Errors
    /// As [`Vault::settings_of`].
    pub fn webhooks(directory: impl AsRef<Path>) -> Result<Vec<Webhook>> {
        Ok(Settings::of(directory.as_ref())?.webhooks)
    }

    /// Keeps the secret of a webhook, or (`None`) forgets it. It lies in a file that only the owner can read.
    ///
    /// # Errors
    /// InvalidInput for an id that is none; Io.
    pub fn keep_webhook_secret(
        directory: impl AsRef<Path>,
        id: &str,
        secret: Option<&str>,
    ) -> Result<()> {
        let path = secret_file(directory.as_ref(), id)?;
        let done = match secret {
            Some(secret) => write(&path, secret),
            None => match fs::remove_file(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            },
        };
        done.map_err(|error| Error::io("keep secret", &path, error))
    }

    /// Whether a webhook has a secret.
    pub fn has_webhook_secret(directory: impl AsRef<Path>, id: &str) -> bool {
        secret_file(directory.as_ref(), id).is_ok_and(|path| path.is_file())
    }
}

/// An id is no path.
fn secret_file(home: &Path, id: &str) -> Result<PathBuf> {
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        let message = "the id of a webhook has 8 hex digits";
        return Err(Error::new(ErrorKind::InvalidInput, "webhook", message));
    }
    Ok(home.join(SECRETS).join(format!("webhook-{id}")))
}

fn write(path: &Path, secret: &str) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
    }
    // A new file: one that others could read must not lend its mode.
    let draft = Draft::new(path)?;
    draft.file().write_all(secret.as_bytes())?;
    draft.put()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: WebhookKind, url: &str, is_fit: bool) {
        assert_eq!(kind.check_url(url).is_ok(), is_fit, "{url}");
    }

    #[test]
    fn addresses_are_of_the_web() {
        check(
            WebhookKind::Slack,
            "https://hooks.slack.com/services/T/B/x",
            true,
        );
        check(WebhookKind::Http, "http://127.0.0.1:9000/hook?x=1", true);
        for wrong in [
            "",
            "hooks.slack.com",
            "ftp://a/b",
            "https://",
            "https:///x",
            "https://a b",
            "https://a\n",
        ] {
            check(WebhookKind::Teams, wrong, false);
        }
        check(
            WebhookKind::Http,
            &format!("https://a/{}", "x".repeat(3000)),
            false,
        );
    }

    #[test]
    fn a_repository_is_enough_for_github_alone() {
        check(WebhookKind::Github, "acme/shop.js", true);
        check(WebhookKind::Github, "https://github.com/acme/shop", true);
        check(WebhookKind::Github, "acme", false);
        check(WebhookKind::Github, "acme/shop/issues", false);
        check(WebhookKind::Discord, "acme/shop", false);
    }

    fn read_text(text: &str) -> std::result::Result<Webhook, String> {
        read(Value::Table(text.parse::<Table>().unwrap()))
    }

    #[test]
    fn a_webhook_is_read_with_its_defaults() {
        let webhook =
            read_text("id = \"0a1b2c3d\"\ntype = \"Slack\"\nurl = \"https://u:p@h/x\"").unwrap();
        assert_eq!(webhook.name, "slack-webhook");
        assert!(webhook.is_enabled && webhook.levels.is_empty());
        assert_eq!(webhook.shown_url(), "https://h/…");
        assert!(!format!("{webhook:?}").contains("u:p"), "{webhook:?}");
    }

    #[test]
    fn a_wrong_one_says_what_is_wrong() {
        let check = |text: &str, says: &str| {
            let why = read_text(text).unwrap_err();
            assert!(why.contains(says), "{why}");
        };
        let good = "id = \"0a1b2c3d\"\ntype = \"http\"\nurl = \"https://h\"\n";
        check("id = \"../../x\"", "8 hex digits");
        check("id = \"0a1b2c3d\"\ntype = \"fax\"", "expected one of slack");
        check(
            "id = \"0a1b2c3d\"\ntype = \"http\"\nurl = 1",
            "url: expected a text",
        );
        check(
            &format!("{good}events = [\"loud\"]"),
            "events: expected a list",
        );
        check(&format!("{good}enabled = 1"), "true or false");
        check(&format!("{good}colour = 1"), "colour: not known");
    }

    #[test]
    fn a_secret_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let home = crate::scratch::scratch();
        Vault::keep_webhook_secret(home.path(), "0a1b2c3d", Some("s3cret")).unwrap();
        let path = home.path().join("secrets/webhook-0a1b2c3d");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert!(Vault::has_webhook_secret(home.path(), "0a1b2c3d"));
        Vault::keep_webhook_secret(home.path(), "0a1b2c3d", None).unwrap();
        assert!(!path.exists());
        let refused = Vault::keep_webhook_secret(home.path(), "../x", Some("s")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    }
}
