//! Enters: what a user wrote about grouping. Leaves: [`GroupRules`], asked in order, the first that fits wins.
//!
//! Never: reads a file (`vault/` reads the settings and builds these).

use super::frames::stack_frames;
use super::glob::{Glob, PATTERN_BYTES_MAX};
use super::names::{self, Language};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Exception, Frame};

/// The user's rules, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupRules(Vec<GroupRule>);

impl GroupRules {
    /// Adds a rule below the others.
    pub(crate) fn push(&mut self, rule: GroupRule) {
        self.0.push(rule);
    }

    /// The first rule that fits the event.
    pub(super) fn find(&self, event: &Event) -> Option<&GroupRule> {
        self.0.iter().find(|rule| rule.fits(event))
    }
}

/// One rule: events that fit all its patterns get its fingerprint. Without a pattern it fits every event; without a
/// fingerprint it keeps the default key.
#[derive(Clone, Debug)]
pub(crate) struct GroupRule {
    pub(super) id: String,
    matchers: Vec<(Field, Glob)>,
    pub(super) fingerprint: Vec<String>,
}

impl GroupRule {
    /// A rule known by `id`, which every join it decides will name.
    pub(crate) fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            matchers: Vec::new(),
            fingerprint: Vec::new(),
        }
    }

    /// Demands that `field` fits `pattern`: the whole text, without case, `*` any run, `?` one character.
    ///
    /// Fields: `type`, `value` (of any exception of the chain), `message`, `path`, `module`, `function` (of any
    /// in-app frame, or of any frame where none is in-app), `release`, `environment`, `level`, `platform`,
    /// `logger`, `transaction`, `tags.NAME`. A field the event does not have fits nothing.
    ///
    /// # Errors
    /// InvalidInput for a field of another name, and for a pattern longer than 1,024 bytes.
    pub(crate) fn matching(mut self, field: &str, pattern: &str) -> Result<Self> {
        if pattern.len() > PATTERN_BYTES_MAX {
            let message = format!("a pattern has at most {PATTERN_BYTES_MAX} bytes");
            return Err(self.invalid(field, message));
        }
        let Some(parsed) = Field::parse(field) else {
            return Err(self.invalid(field, unknown_field(field)));
        };
        let pattern = match parsed {
            Field::Path => Glob::new(&pattern.replace('\\', "/")),
            _ => Glob::new(pattern),
        };
        self.matchers.push((parsed, pattern));
        Ok(self)
    }

    /// Sets the fingerprint: texts, and `{{ default }}`, `{{ type }}`, `{{ value }}`, `{{ message }}`,
    /// `{{ function }}`, `{{ module }}`, `{{ level }}`, `{{ transaction }}`, `{{ release }}`, `{{ tags.NAME }}`.
    #[must_use]
    pub(crate) fn fingerprint<T: Into<String>>(
        mut self,
        parts: impl IntoIterator<Item = T>,
    ) -> Self {
        self.fingerprint = parts.into_iter().map(Into::into).collect();
        self
    }

    fn fits(&self, event: &Event) -> bool {
        self.matchers
            .iter()
            .all(|(field, pattern)| field.fits(event, pattern))
    }

    fn invalid(&self, field: &str, message: String) -> Error {
        Error::new(ErrorKind::InvalidInput, "read group rule", message)
            .with_context("rule", &self.id)
            .with_context("field", field)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    Type,
    Value,
    Message,
    Path,
    Module,
    Function,
    Release,
    Environment,
    Level,
    Platform,
    Logger,
    Transaction,
    Tag(String),
}

const FIELDS: &[(&str, Field)] = &[
    ("type", Field::Type),
    ("value", Field::Value),
    ("message", Field::Message),
    ("path", Field::Path),
    ("module", Field::Module),
    ("function", Field::Function),
    ("release", Field::Release),
    ("environment", Field::Environment),
    ("level", Field::Level),
    ("platform", Field::Platform),
    ("logger", Field::Logger),
    ("transaction", Field::Transaction),
];

impl Field {
    fn parse(name: &str) -> Option<Self> {
        if let Some(key) = name.strip_prefix("tags.").filter(|key| !key.is_empty()) {
            return Some(Self::Tag(key.to_owned()));
        }
        let known = FIELDS.iter().find(|(known, _)| *known == name)?;
        Some(known.1.clone())
    }

    fn fits(&self, event: &Event, pattern: &Glob) -> bool {
        let text = |text: Option<&str>| text.is_some_and(|text| pattern.matches(text));
        let exception =
            |part: fn(&Exception) -> Option<&str>| event.exceptions.iter().any(|e| text(part(e)));
        let frame = |fits: &dyn Fn(&Frame) -> bool| stack_frames(event).any(fits);
        match self {
            Self::Type => exception(|e| e.ty.as_deref()),
            Self::Value => exception(|e| e.value.as_deref()),
            Self::Message => text(event.message_text()),
            Self::Path => frame(&|frame| path_fits(frame, pattern)),
            Self::Module => frame(&|frame| text(frame.module.as_deref())),
            Self::Function => {
                let language = Language::of(&event.platform);
                frame(&|frame| {
                    text(frame.function.as_deref())
                        || text(names::frame_name(frame, language).as_deref())
                })
            }
            Self::Release => text(event.release.as_deref()),
            Self::Environment => text(event.environment.as_deref()),
            Self::Level => pattern.matches(event.level.name()),
            Self::Platform => pattern.matches(&event.platform),
            Self::Logger => text(event.logger.as_deref()),
            Self::Transaction => text(event.transaction.as_deref()),
            Self::Tag(key) => text(event.tags.get(key).map(String::as_str)),
        }
    }
}

fn path_fits(frame: &Frame, pattern: &Glob) -> bool {
    [&frame.filename, &frame.abs_path]
        .into_iter()
        .flatten()
        .any(|path| {
            if path.contains('\\') {
                pattern.matches(&path.replace('\\', "/"))
            } else {
                pattern.matches(path)
            }
        })
}

fn unknown_field(name: &str) -> String {
    const TAG: &str = "tags.NAME";
    let nearest = FIELDS
        .iter()
        .map(|(known, _)| *known)
        .min_by_key(|known| distance(name, known));
    let hint = match nearest {
        _ if name.starts_with("tag") => format!("did you mean '{TAG}'?"),
        Some(near) if distance(name, near) <= 2 => format!("did you mean '{near}'?"),
        _ => {
            let known: Vec<&str> = FIELDS.iter().map(|(known, _)| *known).collect();
            format!("known are {}, {TAG}", known.join(", "))
        }
    };
    format!("no field '{name}' to group by; {hint}")
}

/// How many letters must be put in, taken out or changed to make one word of the other.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, byte) in left.bytes().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, other) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(byte.to_ascii_lowercase() != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event() -> Event {
        let event = json!({
            "platform": "python", "release": "shop@2.0", "level": "fatal", "tags": {"queue": "mail"},
            "message": "Connection reset",
            "exception": [{"type": "IOError", "value": "broken pipe", "stacktrace": {"frames": [
                {"function": "run", "module": "lib", "filename": "/usr/lib/x.py", "in_app": false},
                {"function": "send", "module": "app.mail", "abs_path": "C:\\app\\mail.py", "in_app": true},
            ]}}],
        });
        Event::from_json(event.to_string().as_bytes()).unwrap()
    }

    #[track_caller]
    fn check(field: &str, pattern: &str, expected: bool) {
        let rule = GroupRule::new("r").matching(field, pattern).unwrap();
        assert_eq!(rule.fits(&event()), expected, "{field}: {pattern}");
    }

    #[test]
    fn each_field_is_looked_at() {
        check("type", "ioerror", true);
        check("value", "*pipe", true);
        check("message", "connection*", true);
        check("path", "*/mail.py", true);
        check("path", r"*\mail.py", true);
        check("module", "app.*", true);
        check("function", "send", true);
        check("function", "app.mail.send", true);
        check("release", "shop@2.*", true);
        check("level", "fatal", true);
        check("platform", "python", true);
        check("tags.queue", "ma?l", true);
    }

    #[test]
    fn frames_of_libraries_do_not_count_beside_in_app_ones() {
        check("function", "run", false);
        check("path", "/usr/*", false);
    }

    #[test]
    fn a_missing_field_fits_nothing() {
        check("logger", "*", false);
        check("tags.other", "*", false);
    }

    #[track_caller]
    fn refused(field: &str, expected: &str) {
        let err = GroupRule::new("r").matching(field, "*").unwrap_err();
        assert_eq!(err.kind(), ErrorKind::InvalidInput);
        assert!(err.message().contains(expected), "{err}");
    }

    #[test]
    fn an_unknown_field_names_the_nearest() {
        refused("functoin", "did you mean 'function'?");
        refused("Type", "did you mean 'type'?");
        refused("tag.x", "did you mean 'tags.NAME'?");
        refused("tags.", "did you mean 'tags.NAME'?");
        refused("colour", "known are type, value");
    }

    #[test]
    fn a_pattern_is_bounded() {
        assert!(
            GroupRule::new("r")
                .matching("type", &"*".repeat(2000))
                .is_err()
        );
    }
}
