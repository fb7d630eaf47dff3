//! `vault.toml` and the `CRASHVAULT_*` variables: what each setting is and where it came from.
//!
//! Later ones win: defaults, `vault.toml`, variables, what the program passes.

use std::fmt;
use std::io::Write;
use std::path::Path;

use toml::{Table, Value};

use super::group_rules;
use super::webhooks::{self, Webhook};
use crate::capture::Options;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{EventId, Level};
use crate::file::Draft;
use crate::group::GroupRules;
use crate::issue::{SEVERITIES, Status};
use crate::journal::Durability;
use crate::language::InAppRules;
use crate::scrub::ScrubRules;

/// The version of `vault.toml` and of the directory's layout.
pub(crate) const FORMAT: i64 = 1;
pub(super) const FILE: &str = "vault.toml";

/// Where a setting came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingSource {
    /// Nobody set it.
    Default,
    /// The vault's `vault.toml`.
    VaultToml,
    /// A `CRASHVAULT_*` variable of this process.
    Variable,
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default => "default",
            Self::VaultToml => "vault.toml",
            Self::Variable => "variable",
        })
    }
}

/// One setting, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// Its name in `vault.toml`.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// Where the value came from.
    pub source: SettingSource,
}

/// What `vault.toml` and the variables say.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) vault_id: [u8; 16],
    capture: Capture,
    pub(crate) in_app: InAppRules,
    pub(crate) scrub: ScrubRules,
    pub(crate) group: GroupRules,
    pub(crate) group_rules_count: usize,
    /// The severities that issues can be given, mildest first.
    pub(crate) severities: Vec<String>,
    /// What leaves the vault by itself.
    pub(crate) retention: Retention,
    /// Bytes of one attachment.
    pub(crate) attachment_bytes_max: u64,
    /// Bytes of the file system that the vault leaves free.
    pub(crate) free_bytes_min: u64,
    /// The DSN that events are reported to where nobody names another.
    pub(crate) report_to: Option<String>,
    /// Who is to be told of events.
    pub(super) webhooks: Vec<Webhook>,
    /// The settings and their sources.
    pub(crate) shown: Vec<Setting>,
    /// What could not be understood; the default stands in its place.
    pub(crate) faults: Vec<String>,
}

/// How long events are kept and how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retention {
    /// Days, where neither level nor status has its own.
    pub(crate) age_days: Option<u32>,
    pub(crate) events_max: Option<u64>,
    pub(crate) bytes_max: Option<u64>,
    /// Days of a level's events.
    pub(crate) level_days: Vec<(Level, u32)>,
    /// Days of the events of issues with that status.
    pub(crate) status_days: Vec<(Status, u32)>,
}

impl Retention {
    /// Whether nothing ever leaves.
    pub(crate) fn is_endless(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Default)]
struct Capture {
    project: Option<String>,
    environment: Option<String>,
    release: Option<String>,
    sample_rate: Option<f64>,
    durability: Option<Durability>,
    throttle: Option<bool>,
    drain: Option<bool>,
    native: Option<bool>,
    black_box: Option<bool>,
}

const VAULT_TOML: &str = "\
# Settings of this vault. docs/guide/settings.md lists them all; what is not here has its default.
";

impl Settings {
    /// Reads the vault's settings; a vault without `vault.toml` has the defaults.
    ///
    /// # Errors
    /// Corrupt if `vault.toml` is not TOML, Unsupported if a newer version wrote it, Io if it cannot be read.
    pub(crate) fn read(home: &Path) -> Result<Self> {
        let path = home.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::io("read settings", &path, error)),
        };
        Self::from_table(&path, parse(OPEN, &path, &text)?, Some(text))
    }

    /// Makes `vault.toml` where there is none. Two processes may do so at once; both then read the same file.
    pub(crate) fn create(home: &Path) -> Result<()> {
        let path = home.join(FILE);
        if path.exists() {
            return Ok(());
        }
        let written = Draft::new(&path).and_then(|draft| {
            draft.file().write_all(Self::fresh().as_bytes())?;
            match draft.put_new() {
                // The file of a faster process stays.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
                put => put,
            }
        });
        written.map_err(|error| Error::io("create vault", &path, error))
    }

    /// The text of a new vault's `vault.toml`.
    pub(super) fn fresh() -> String {
        let [first, second] = [uuid_half(), uuid_half()];
        format!("{VAULT_TOML}format = {FORMAT}\nid = \"{first:016x}{second:016x}\"\n")
    }

    fn from_table(path: &Path, table: Table, text: Option<String>) -> Result<Self> {
        let mut settings = Self::default();
        match table.get("format").map(Value::as_integer) {
            None | Some(Some(..=FORMAT)) => {}
            Some(Some(newer)) => {
                let message = format!(
                    "{} has format {newer}, this version reads up to {FORMAT}; use a newer crashvault",
                    path.display()
                );
                return Err(Error::new(ErrorKind::Unsupported, "open vault", message));
            }
            Some(None) => settings
                .faults
                .push("vault.toml: format: expected a number".into()),
        }
        let mut reader = Reader {
            table,
            text,
            settings,
            reads_variables: true,
        };
        reader.read();
        Ok(reader.settings)
    }

    /// The settings of a vault that is there.
    pub(super) fn of(home: &Path) -> Result<Self> {
        if !home.join(FILE).exists() {
            let message = format!("there is no vault in {}", home.display());
            return Err(Error::new(ErrorKind::NotFound, "open vault", message));
        }
        Self::read(home)
    }

    /// What is wrong with the text of a `vault.toml`, whatever the variables say.
    ///
    /// # Errors
    /// Corrupt if it is not TOML, Unsupported if a newer version wrote it.
    pub(super) fn faults_of(path: &Path, text: &str) -> Result<Vec<String>> {
        let table = parse(OPEN, path, text)?;
        let settings = Self::from_table(
            path,
            Table::from_iter(
                table
                    .get("format")
                    .map(|format| ("format".to_owned(), format.clone())),
            ),
            None,
        )?;
        let mut reader = Reader {
            table,
            // A change moves lines, and no old fault is to look like a new one.
            text: None,
            settings: Self {
                faults: settings.faults,
                ..Self::default()
            },
            reads_variables: false,
        };
        reader.read();
        Ok(reader.settings.faults)
    }

    /// Puts these settings under what the program has set itself.
    pub(crate) fn fill(&self, mut options: Options) -> Options {
        let capture = &self.capture;
        options.project = options.project.or_else(|| capture.project.clone());
        options.environment = options.environment.or_else(|| capture.environment.clone());
        options.release = options.release.or_else(|| capture.release.clone());
        options.sample_rate = options.sample_rate.or(capture.sample_rate);
        options.durability = options.durability.or(capture.durability);
        options.throttle = options.throttle.or(capture.throttle);
        options.drain = options.drain.or(capture.drain);
        options.native = options.native.or(capture.native);
        options.black_box = options.black_box.or(capture.black_box);
        options
    }
}

/// A DSN as it can be shown; `None` for what is none.
fn without_key(dsn: &str) -> Option<String> {
    let (scheme, rest) = dsn.split_once("://")?;
    let (key, place) = rest.rsplit_once('@')?;
    let is_one = matches!(scheme, "http" | "https") && !key.is_empty() && place.contains('/');
    is_one.then(|| format!("{scheme}://…@{place}"))
}

fn uuid_half() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_i64(crate::time::Timestamp::now().as_nanos());
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// What is being done where settings are read.
const OPEN: &str = "open vault";

pub(super) fn parse(operation: &'static str, path: &Path, text: &str) -> Result<Table> {
    text.parse::<Table>().map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let before = text.as_bytes().get(..offset).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let message = format!(
            "{}, line {line}: {}; correct it or move it away",
            path.display(),
            error.message()
        );
        Error::new(ErrorKind::Corrupt, operation, message).with_context("path", path.display())
    })
}

/// Takes keys out of the table; what is left at the end is not known.
struct Reader {
    table: Table,
    /// What the table was read from, where lines are to be told.
    text: Option<String>,
    settings: Settings,
    reads_variables: bool,
}

impl Reader {
    fn read(&mut self) {
        self.table.remove("format");
        if let Some(id) = self.table.remove("id") {
            match id.as_str().and_then(|text| text.parse::<EventId>().ok()) {
                Some(id) => self.settings.vault_id = *id.as_bytes(),
                None => self.fault("id", "expected 32 hex digits"),
            }
        }
        let mut capture = self.section("capture");
        self.settings.capture = Capture {
            project: self.text(&mut capture, "capture.project", "the program's name"),
            environment: self.text(
                &mut capture,
                "capture.environment",
                "production, or development in debug builds",
            ),
            release: self.text(&mut capture, "capture.release", "none"),
            sample_rate: self.parsed(
                &mut capture,
                "capture.sample_rate",
                "1.0",
                "a number from 0.0 to 1.0",
                |text| text.parse().ok().filter(|rate| (0.0..=1.0).contains(rate)),
            ),
            durability: self.parsed(
                &mut capture,
                "capture.durability",
                "process",
                "process, data or async",
                Durability::from_name,
            ),
            throttle: self.parsed(
                &mut capture,
                "capture.throttle",
                "true",
                "true or false",
                as_bool,
            ),
            drain: self.parsed(
                &mut capture,
                "capture.drain",
                "true",
                "true or false",
                as_bool,
            ),
            native: self.parsed(
                &mut capture,
                "capture.native",
                "true",
                "true or false",
                as_bool,
            ),
            black_box: self.parsed(
                &mut capture,
                "capture.black_box",
                "true",
                "true or false",
                as_bool,
            ),
        };
        self.left_over("capture", capture);
        self.read_in_app();
        self.read_scrub();
        self.read_group();
        self.read_issues();
        self.read_retention();
        self.read_room();
        self.read_report();
        self.read_webhooks();
        let rest = std::mem::take(&mut self.table);
        self.left_over("", rest);
    }

    fn read_in_app(&mut self) {
        let mut section = self.section("in_app");
        self.settings.in_app.include = self.texts(&mut section, "in_app.include");
        self.settings.in_app.exclude = self.texts(&mut section, "in_app.exclude");
        self.left_over("in_app", section);
    }

    fn read_scrub(&mut self) {
        let mut section = self.section("scrub");
        self.settings.scrub.extra_keys = self.texts(&mut section, "scrub.keys");
        self.settings.scrub.keep_keys = self.texts(&mut section, "scrub.keep");
        if let Some(on) = self.parsed(
            &mut section,
            "scrub.patterns",
            "true",
            "true or false",
            as_bool,
        ) {
            self.settings.scrub.patterns_enabled = on;
        }
        self.left_over("scrub", section);
    }

    fn read_group(&mut self) {
        let mut section = self.section("group");
        let rules = match section.remove("rule") {
            None => Vec::new(),
            Some(Value::Array(rules)) => rules,
            Some(_) => {
                self.fault("group.rule", "write each rule as [[group.rule]]");
                Vec::new()
            }
        };
        self.left_over("group", section);
        let read = group_rules::read(rules, FILE, self.text.as_deref());
        self.settings.group_rules_count = read.count;
        self.settings.group = read.rules;
        self.settings.faults.extend(read.faults);
    }

    fn read_issues(&mut self) {
        let mut section = self.section("issues");
        self.settings.severities = match self.texts(&mut section, "issues.severities") {
            none if none.is_empty() => SEVERITIES.map(str::to_owned).to_vec(),
            severities => severities,
        };
        self.left_over("issues", section);
    }

    fn read_retention(&mut self) {
        let mut section = self.section("retention");
        let (levels, statuses) = (part(&mut section, "level"), part(&mut section, "status"));
        let days = "a number of days";
        let retention = Retention {
            age_days: self.parsed(
                &mut section,
                "retention.age_days",
                "none",
                days,
                at_least_one,
            ),
            events_max: self.parsed(
                &mut section,
                "retention.events_max",
                "none",
                "a number",
                at_least_one,
            ),
            bytes_max: self
                .parsed(
                    &mut section,
                    "retention.bytes_max_mb",
                    "none",
                    "a number",
                    at_least_one,
                )
                .map(megabytes),
            level_days: self.days("retention.level", levels, &LEVEL_DAYS, Level::from_name),
            status_days: self.days(
                "retention.status",
                statuses,
                &STATUS_DAYS,
                Status::from_name,
            ),
        };
        self.settings.retention = retention;
        self.left_over("retention", section);
    }

    fn days<K>(
        &mut self,
        name: &str,
        mut section: Table,
        keys: &'static [&'static str],
        from_name: impl Fn(&str) -> Option<K>,
    ) -> Vec<(K, u32)> {
        let mut found = Vec::new();
        for key in keys {
            // Those that are not set are too many to be shown.
            if section.contains_key(last(key)) {
                let days = self.parsed(&mut section, key, "none", "a number of days", at_least_one);
                found.extend(from_name(last(key)).zip(days));
            }
        }
        self.left_over(name, section);
        found
    }

    fn read_report(&mut self) {
        const KEY: &str = "report.to";
        const VARIABLE: &str = "CRASHVAULT_REPORT_TO";
        let mut section = self.section("report");
        let in_file = section.remove("to").map(|value| match value {
            Value::String(text) => text,
            other => scalar_text(&other),
        });
        let in_variable = std::env::var(VARIABLE)
            .ok()
            .filter(|_| self.reads_variables);
        let is_set = |text: &String| !text.is_empty();
        let found = match (in_variable.filter(is_set), in_file.filter(is_set)) {
            (Some(text), _) => Some((text, VARIABLE, SettingSource::Variable)),
            (None, Some(text)) => Some((text, KEY, SettingSource::VaultToml)),
            (None, None) => None,
        };
        let (shown, source) = match found {
            None => ("none".to_owned(), SettingSource::Default),
            Some((text, name, source)) => match without_key(&text) {
                Some(shown) => {
                    self.settings.report_to = Some(text);
                    (shown, source)
                }
                // What it is instead may be a key.
                None => {
                    self.fault(name, "expected a DSN as https://KEY@host/1");
                    ("none".to_owned(), SettingSource::Default)
                }
            },
        };
        self.settings.shown.push(Setting {
            key: KEY,
            value: shown,
            source,
        });
        self.left_over("report", section);
    }

    fn read_room(&mut self) {
        let mut section = self.section("attachments");
        let bytes_max = self.parsed(
            &mut section,
            "attachments.bytes_max",
            "104857600",
            "a number",
            |text| text.parse().ok(),
        );
        self.settings.attachment_bytes_max = bytes_max.unwrap_or(super::attach::BYTES_MAX);
        self.left_over("attachments", section);
        let mut section = self.section("space");
        let free_min = self.parsed(
            &mut section,
            "space.free_min_mb",
            "100",
            "a number",
            |text| text.parse().ok(),
        );
        self.settings.free_bytes_min = megabytes(free_min.unwrap_or(FREE_MIN_MB));
        self.left_over("space", section);
    }

    fn read_webhooks(&mut self) {
        let listed = match self.table.remove("webhooks") {
            None => Vec::new(),
            Some(Value::Array(listed)) => listed,
            Some(_) => {
                self.fault("webhooks", "write each as [[webhooks]]");
                Vec::new()
            }
        };
        for (index, value) in listed.into_iter().enumerate() {
            match webhooks::read(value) {
                Ok(webhook) => self.settings.webhooks.push(webhook),
                Err(reason) => self.fault(&format!("webhooks {}", index + 1), &reason),
            }
        }
    }

    fn fault(&mut self, key: &str, reason: &str) {
        // A variable says itself where it is.
        let place = if key.starts_with("CRASHVAULT_") {
            ""
        } else {
            "vault.toml: "
        };
        self.settings.faults.push(format!("{place}{key}: {reason}"));
    }

    fn section(&mut self, name: &str) -> Table {
        match self.table.remove(name) {
            None => Table::new(),
            Some(Value::Table(section)) => section,
            Some(_) => {
                self.fault(name, "expected a section");
                Table::new()
            }
        }
    }

    fn left_over(&mut self, section: &str, table: Table) {
        for key in table.keys() {
            let dot = if section.is_empty() { "" } else { "." };
            self.settings.faults.push(format!(
                "vault.toml: {section}{dot}{key}: not known to this version"
            ));
        }
    }

    fn text(&mut self, section: &mut Table, key: &'static str, default: &str) -> Option<String> {
        self.parsed(section, key, default, "a text", |text| {
            Some(text.to_owned())
        })
    }

    /// One value from `vault.toml`, replaced by that of its variable, with the place it came from.
    fn parsed<T>(
        &mut self,
        section: &mut Table,
        key: &'static str,
        default: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let name = key.rsplit('.').next().unwrap_or(key);
        let in_file = section.remove(name).map(|value| match value {
            Value::String(text) => text,
            other => scalar_text(&other),
        });
        let variable = format!("CRASHVAULT_{}", name.to_ascii_uppercase());
        let in_variable = match key.split_once('.') {
            Some(("capture", _)) if self.reads_variables => std::env::var(&variable).ok(),
            _ => None,
        };
        let candidates = [
            (in_variable, SettingSource::Variable),
            (in_file, SettingSource::VaultToml),
        ];
        for (text, source) in candidates {
            let Some(text) = text.filter(|text| !text.is_empty()) else {
                continue;
            };
            match parse(&text) {
                Some(value) => {
                    self.settings.shown.push(Setting {
                        key,
                        value: text,
                        source,
                    });
                    return Some(value);
                }
                None => self.fault(
                    match source {
                        SettingSource::Variable => &variable,
                        _ => key,
                    },
                    &format!("expected {expected}, found '{text}' ({source})"),
                ),
            }
        }
        self.settings.shown.push(Setting {
            key,
            value: default.into(),
            source: SettingSource::Default,
        });
        None
    }

    fn texts(&mut self, section: &mut Table, key: &'static str) -> Vec<String> {
        let name = key.rsplit('.').next().unwrap_or(key);
        match section.remove(name) {
            None => Vec::new(),
            Some(Value::Array(items)) if items.iter().all(Value::is_str) => items
                .into_iter()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect(),
            Some(_) => {
                self.fault(key, "expected a list of texts");
                Vec::new()
            }
        }
    }
}

/// Megabytes of the file system that are left free, if nothing else is said.
const FREE_MIN_MB: u64 = 100;

const LEVEL_DAYS: [&str; 5] = [
    "retention.level.debug",
    "retention.level.info",
    "retention.level.warning",
    "retention.level.error",
    "retention.level.fatal",
];
const STATUS_DAYS: [&str; 3] = [
    "retention.status.open",
    "retention.status.resolved",
    "retention.status.ignored",
];

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn part(section: &mut Table, name: &str) -> Table {
    match section.get(name) {
        Some(Value::Table(part)) => {
            let part = part.clone();
            section.remove(name);
            part
        }
        // What is no section is told with whatever else is left over.
        _ => Table::new(),
    }
}

/// Nothing is kept for no time at all: a slip of the pen must not empty a vault.
fn at_least_one<N: std::str::FromStr + PartialOrd + From<u8>>(text: &str) -> Option<N> {
    text.parse().ok().filter(|number| *number >= N::from(1))
}

fn megabytes(count: u64) -> u64 {
    count.saturating_mul(1024 * 1024)
}

/// What stands for a value that is not a text, as a person would write it.
fn scalar_text(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        other => format!("<{}>", other.type_str()),
    }
}

fn as_bool(text: &str) -> Option<bool> {
    match text {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Settings {
        let path = Path::new("vault.toml");
        Settings::from_table(path, parse(OPEN, path, text).unwrap(), Some(text.into())).unwrap()
    }

    #[test]
    fn what_is_not_set_has_its_default_and_says_so() {
        let settings = read("");
        let throttle = settings
            .shown
            .iter()
            .find(|s| s.key == "capture.throttle")
            .unwrap();
        assert_eq!(
            (throttle.value.as_str(), throttle.source),
            ("true", SettingSource::Default)
        );
        assert!(settings.faults.is_empty());
    }

    #[test]
    fn values_are_read_with_their_place() {
        let settings = read("format = 1\n[capture]\nsample_rate = 0.5\nthrottle = false\n");
        assert_eq!(settings.capture.sample_rate, Some(0.5));
        assert_eq!(settings.capture.throttle, Some(false));
    }

    #[test]
    fn unknown_and_wrong_ones_are_told_and_passed_over() {
        let settings = read("colour = 1\n[capture]\nsample_rate = 7\nthrotle = true\n");
        assert_eq!(settings.capture.sample_rate, None);
        assert_eq!(settings.faults.len(), 3, "{:?}", settings.faults);
    }

    #[test]
    fn rules_are_read_and_a_broken_one_is_told() {
        let settings = read(
            "[[group.rule]]\nid = \"db\"\nmatch = { type = \"Db*\" }\nfingerprint = [\"db\"]\n[[group.rule]]\nmatch = { colour = \"x\" }\nfingerprint = [\"y\"]\n",
        );
        assert_eq!(settings.group_rules_count, 1);
        assert!(
            settings.faults[0].starts_with("vault.toml: group.rule 2 (line 6): match.colour: "),
            "{:?}",
            settings.faults
        );
    }

    #[test]
    fn retention_is_read_and_nothing_is_kept_for_no_time() {
        let text = "[retention]\nage_days = 90\nevents_max = 0\nbytes_max_mb = 2\ncolour = 1\n\
                    [retention.level]\ndebug = 7\nloud = 1\n[retention.status]\nresolved = 30\n[space]\nfree_min_mb = 5\n";
        let settings = read(text);
        let expected = Retention {
            age_days: Some(90),
            events_max: None,
            bytes_max: Some(2 * 1024 * 1024),
            level_days: vec![(Level::Debug, 7)],
            status_days: vec![(Status::Resolved, 30)],
        };
        assert_eq!(settings.retention, expected);
        assert_eq!(settings.free_bytes_min, 5 * 1024 * 1024);
        assert_eq!(settings.faults.len(), 3, "{:?}", settings.faults);
        assert!(read("").retention.is_endless());
    }

    #[test]
    fn a_newer_format_names_both_versions() {
        let path = Path::new("vault.toml");
        let error =
            Settings::from_table(path, parse(OPEN, path, "format = 9").unwrap(), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("format 9") && error.message().contains("up to 1"));
    }

    #[test]
    fn what_is_no_toml_is_corrupt_with_its_line() {
        let error = parse(OPEN, Path::new("vault.toml"), "a = 1\n\u{0}").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().contains("line 2"), "{error}");
    }

    #[test]
    fn the_file_is_made_once_and_keeps_its_id() {
        let home = crate::scratch::scratch();
        Settings::create(home.path()).unwrap();
        let first = Settings::read(home.path()).unwrap().vault_id;
        Settings::create(home.path()).unwrap();
        assert_eq!(Settings::read(home.path()).unwrap().vault_id, first);
        assert_ne!(first, [0; 16]);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
