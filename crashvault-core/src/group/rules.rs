//! Enters: what a user wrote about grouping. Leaves: [`GroupRules`], asked in order, the first that fits wins.
//!
//! Never: reads a file (`vault/` reads the settings and builds these).

use super::frames::{stack_frames, thrown};
use super::glob::{Glob, PATTERN_BYTES_MAX};
use super::names::{self, Language};
use crate::error::{Error, ErrorKind, Result};
use crate::event::limits::cut;
use crate::event::{Event, Exception, Frame};

/// The user's rules, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupRules(Vec<GroupRule>);

impl GroupRules {
    /// Adds a rule below the others.
    pub(crate) fn push(&mut self, rule: GroupRule) {
        self.0.push(rule);
    }

    /// The number of the rule of this name.
    pub(crate) fn named(&self, id: &str) -> Option<usize> {
        self.iter()
            .find(|rule| rule.id == id)
            .map(|rule| rule.number)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &GroupRule> {
        self.0.iter()
    }

    /// The first rule that fits the event.
    pub(super) fn find(&self, event: &Event) -> Option<&GroupRule> {
        self.0.iter().find(|rule| rule.fits(event))
    }
}

/// One rule: events that fit all its patterns, and its template if it has one, get its fingerprint. Without any it fits
/// every event; without a fingerprint the template is the key, without both it keeps the default key.
#[derive(Clone, Debug)]
pub(crate) struct GroupRule {
    pub(super) id: String,
    /// Which one it is of those that were written.
    pub(super) number: usize,
    matchers: Vec<Matcher>,
    template: Option<(String, Glob)>,
    pub(super) fingerprint: Vec<String>,
}

/// One of these patterns must fit a field.
#[derive(Clone, Debug)]
struct Matcher {
    field: Field,
    name: String,
    patterns: Vec<(String, Glob)>,
}

impl Matcher {
    fn fits(&self, event: &Event) -> bool {
        let mut patterns = self.patterns.iter();
        patterns.any(|(_, pattern)| self.field.fits(event, pattern))
    }
}

impl GroupRule {
    /// A rule known by `id`, which every join it decides will name.
    pub(crate) fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            number: 0,
            matchers: Vec::new(),
            template: None,
            fingerprint: Vec::new(),
        }
    }

    /// The same as the `number`-th of those that were written, from 1.
    pub(crate) fn numbered(mut self, number: usize) -> Self {
        self.number = number;
        self
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Demands that `field` fits one of the patterns: the whole text, without case, `*` any run, `?` one character.
    ///
    /// Fields: `type`, `value` (of any exception of the chain), `message`, `path`, `module`, `function` (of any
    /// in-app frame, or of any frame where none is in-app), `release`, `environment`, `level`, `platform`,
    /// `logger`, `transaction`, `tags.NAME`. A field the event does not have fits nothing.
    ///
    /// # Errors
    /// InvalidInput for a field of another name, for no pattern, and for one longer than 1,024 bytes.
    pub(crate) fn matching(mut self, name: &str, patterns: &[&str]) -> Result<Self> {
        let Some(field) = Field::parse(name) else {
            return Err(self.invalid(name, unknown_field(name)));
        };
        if patterns.is_empty() {
            return Err(self.invalid(
                name,
                "the list of patterns is empty; write one, or leave the field out",
            ));
        }
        let glob = |pattern: &&str| {
            self.bounded(name, pattern)?;
            let glob = match field {
                Field::Path => Glob::new(&pattern.replace('\\', "/")),
                _ => Glob::new(pattern),
            };
            Ok(((*pattern).to_owned(), glob))
        };
        let patterns = patterns.iter().map(glob).collect::<Result<_>>()?;
        let name = name.to_owned();
        self.matchers.push(Matcher {
            field,
            name,
            patterns,
        });
        Ok(self)
    }

    /// Demands that the event's message (the value of what was thrown, if it has none; its first line is enough) fits this
    /// pattern, which then stands for the message wherever the key has it. Without a fingerprint it is the key.
    ///
    /// # Errors
    /// InvalidInput if it is empty, has nothing but `*` and `?`, or is longer than 1,024 bytes.
    pub(crate) fn template(mut self, template: &str) -> Result<Self> {
        const FIELD: &str = "template";
        self.bounded(FIELD, template)?;
        let template = template.trim();
        if template
            .chars()
            .all(|c| matches!(c, '*' | '?') || c.is_whitespace())
        {
            let message =
                "a template needs words, with `*` for what differs, such as 'user * not found'";
            return Err(self.invalid(FIELD, message));
        }
        self.template = Some((template.to_owned(), Glob::new(template)));
        Ok(self)
    }

    /// Sets the fingerprint: texts, and `{{ default }}`, `{{ type }}`, `{{ value }}`, `{{ message }}`,
    /// `{{ function }}`, `{{ module }}`, `{{ level }}`, `{{ transaction }}`, `{{ release }}`, `{{ tags.NAME }}`.
    ///
    /// # Errors
    /// InvalidInput for a placeholder of another name.
    pub(crate) fn fingerprint<T: Into<String>>(
        mut self,
        parts: impl IntoIterator<Item = T>,
    ) -> Result<Self> {
        self.fingerprint = parts.into_iter().map(Into::into).collect();
        let mut unknown = self
            .fingerprint
            .iter()
            .filter_map(|part| super::unknown_placeholder(part));
        if let Some(name) = unknown.next() {
            let message = unknown_name(
                "nothing",
                "to put into a fingerprint",
                name,
                &super::PLACEHOLDERS,
            );
            return Err(self.invalid("fingerprint", message));
        }
        Ok(self)
    }

    pub(super) fn fits(&self, event: &Event) -> bool {
        self.matchers.iter().all(|matcher| matcher.fits(event)) && self.fits_template(event)
    }

    fn fits_template(&self, event: &Event) -> bool {
        let Some((_, glob)) = &self.template else {
            return true;
        };
        message(event).is_some_and(|text| {
            let text = text.trim();
            let first = text.lines().next().unwrap_or_default().trim_end();
            glob.matches(text) || glob.matches(first)
        })
    }

    /// What the messages of its events have in common.
    pub(super) fn template_text(&self) -> Option<&str> {
        self.template.as_ref().map(|(text, _)| text.as_str())
    }

    /// What of it the event does not fit; nothing if it fits.
    pub(super) fn misses(&self, event: &Event) -> Vec<FieldMissed> {
        let misses = self.matchers.iter().filter(|matcher| !matcher.fits(event));
        let misses = misses.map(|matcher| FieldMissed {
            field: matcher.name.clone(),
            patterns: matcher
                .patterns
                .iter()
                .map(|(text, _)| text.clone())
                .collect(),
            values: matcher.field.values(event),
        });
        let template = self
            .template
            .as_ref()
            .filter(|_| !self.fits_template(event));
        let template = template.map(|(text, _)| FieldMissed {
            field: "template".into(),
            patterns: vec![text.clone()],
            values: shown(message(event)),
        });
        misses.chain(template).collect()
    }

    fn bounded(&self, field: &str, pattern: &str) -> Result<()> {
        if pattern.len() > PATTERN_BYTES_MAX {
            let message =
                format!("a pattern has at most {PATTERN_BYTES_MAX} bytes; shorten it with `*`");
            return Err(self.invalid(field, message));
        }
        Ok(())
    }

    fn invalid(&self, field: &str, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::InvalidInput, "read group rule", message)
            .with_context("rule", &self.id)
            .with_context("field", field)
    }
}

/// What a template is held against.
fn message(event: &Event) -> Option<&str> {
    let thrown = || thrown(event)?.value.as_deref();
    event.message_text().or_else(thrown)
}

/// Why an event does not fit a rule: none of its values fits one of the patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldMissed {
    /// The field, as the rule names it; `template`.
    pub field: String,
    /// Any of these would have done.
    pub patterns: Vec<String>,
    /// What the event has there, cut, at most five; none if it does not have the field.
    pub values: Vec<String>,
}

/// Values that are shown of a field, and bytes of each.
const VALUES_MAX: usize = 5;
const VALUE_BYTES_MAX: usize = 200;

/// The different ones of an event's values, as far as they are shown.
fn shown<'e>(values: impl IntoIterator<Item = &'e str>) -> Vec<String> {
    let mut shown: Vec<String> = Vec::new();
    for value in values {
        let value = cut(value, VALUE_BYTES_MAX);
        if shown.len() < VALUES_MAX && !shown.iter().any(|known| *known == value) {
            shown.push(value.into_owned());
        }
    }
    shown
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

    /// What the event has there.
    fn values(&self, event: &Event) -> Vec<String> {
        let exceptions = event.exceptions.iter().rev();
        let frames = || {
            // The innermost are those that a rule is most likely meant for.
            let frames: Vec<&Frame> = stack_frames(event).collect();
            frames.into_iter().rev()
        };
        match self {
            Self::Type => shown(exceptions.filter_map(|e| e.ty.as_deref())),
            Self::Value => shown(exceptions.filter_map(|e| e.value.as_deref())),
            Self::Message => shown(event.message_text()),
            Self::Path => {
                shown(frames().filter_map(|f| f.filename.as_deref().or(f.abs_path.as_deref())))
            }
            Self::Module => shown(frames().filter_map(|f| f.module.as_deref())),
            Self::Function => {
                let language = Language::of(&event.platform);
                let names: Vec<String> = frames()
                    .filter_map(|f| names::frame_name(f, language))
                    .collect();
                shown(names.iter().map(String::as_str))
            }
            Self::Release => shown(event.release.as_deref()),
            Self::Environment => shown(event.environment.as_deref()),
            Self::Level => shown([event.level.name()]),
            Self::Platform => shown([event.platform.as_ref()]),
            Self::Logger => shown(event.logger.as_deref()),
            Self::Transaction => shown(event.transaction.as_deref()),
            Self::Tag(key) => shown(event.tags.get(key).map(String::as_str)),
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
    let mut known: Vec<&str> = FIELDS.iter().map(|(known, _)| *known).collect();
    known.push(TAG);
    unknown_name("no field", "to group by", name, &known)
}

const TAG: &str = "tags.NAME";

/// What to say of a name that is none of those known.
pub(crate) fn unknown_name(what: &str, purpose: &str, name: &str, known: &[&str]) -> String {
    let nearest = known.iter().min_by_key(|known| distance(name, known));
    let hint = match nearest {
        _ if name.starts_with("tag") && known.contains(&TAG) => format!("did you mean '{TAG}'?"),
        Some(near) if distance(name, near) <= 2 => format!("did you mean '{near}'?"),
        _ => format!("known are {}", known.join(", ")),
    };
    let name = cut(name, VALUE_BYTES_MAX);
    format!("{what} '{name}' {purpose}; {hint}")
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
        let rule = GroupRule::new("r").matching(field, &[pattern]).unwrap();
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
        let err = GroupRule::new("r").matching(field, &["*"]).unwrap_err();
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
                .matching("type", &[&"*".repeat(2000)])
                .is_err()
        );
    }
    #[test]
    fn one_of_several_patterns_is_enough_and_every_field_must_fit() {
        let rule = |patterns: &[&str], queue: &str| {
            let rule = GroupRule::new("r").matching("type", patterns).unwrap();
            rule.matching("tags.queue", &[queue])
                .unwrap()
                .fits(&event())
        };
        assert!(rule(&["KeyError", "IOError"], "mail"));
        assert!(!rule(&["KeyError", "OSError"], "mail"));
        assert!(!rule(&["KeyError", "IOError"], "sms"));
    }

    #[track_caller]
    fn templated(template: &str, message: &str, expected: bool) {
        let mut event = Event::new();
        event.message = Some(message.into());
        let rule = GroupRule::new("r").template(template).unwrap();
        assert_eq!(rule.fits(&event), expected, "{template}: {message}");
    }

    #[test]
    fn a_template_is_a_whole_message_or_its_first_line() {
        templated("user * not found", "User 17 not found", true);
        templated(" user * not found ", " user 17 not found\n", true);
        templated("user * not found", "user 17 not found\nasked by db1", true);
        templated("user * not found", "no: user 17 not found", false);
        templated("user * db1", "user 17 not found\nasked by db1", true);
    }

    #[test]
    fn a_template_stands_for_what_was_thrown_where_nothing_was_said() {
        let fits = |said: Option<&str>| {
            let mut event = event();
            event.message = said.map(str::to_owned);
            GroupRule::new("r")
                .template("broken *")
                .unwrap()
                .fits(&event)
        };
        assert!(fits(None));
        assert!(!fits(Some("Connection reset")));
    }

    #[test]
    fn a_template_without_words_is_refused() {
        for template in ["", "*", " * ?"] {
            assert!(
                GroupRule::new("r").template(template).is_err(),
                "{template}"
            );
        }
    }

    #[test]
    fn an_unknown_placeholder_names_the_nearest() {
        let error = GroupRule::new("r")
            .fingerprint(["x {{ functoin }}"])
            .unwrap_err();
        assert!(
            error.message().contains("did you mean 'function'?"),
            "{error}"
        );
        assert!(
            GroupRule::new("r")
                .fingerprint(["{{ tags.a }} {{default}} {{"])
                .is_ok()
        );
    }

    #[test]
    fn what_does_not_fit_is_told_with_what_is_there() {
        let rule = GroupRule::new("r")
            .matching("type", &["Key*", "OS*"])
            .unwrap();
        let rule = rule.matching("release", &["shop@2*"]).unwrap();
        let rule = rule
            .matching("logger", &["db"])
            .unwrap()
            .template("user *")
            .unwrap();
        let misses = rule.misses(&event());
        let told: Vec<_> = misses
            .iter()
            .map(|miss| {
                (
                    miss.field.as_str(),
                    miss.patterns.len(),
                    miss.values.join(","),
                )
            })
            .collect();
        let expected = [
            ("type", 2, "IOError".into()),
            ("logger", 1, String::new()),
            ("template", 1, "Connection reset".to_owned()),
        ];
        assert_eq!(told, expected);
    }
}
