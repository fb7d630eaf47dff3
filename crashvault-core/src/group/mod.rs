//! Enters: an event and the user's rules. Leaves: [`Grouping`], the key of the variant it is, with what it was made
//! of; and the id of the issue that a variant founds.
//!
//! Also, of a variant that nobody knew: what of it is compared ([`traits`]), the issue whose variants it is so alike to
//! that it joins it (`place`), and why ([`comparison`]).
//!
//! Two events have one key if a rule or the sender says so (stage 0), else if their outermost type, the type of
//! their root cause and the first five in-app functions of its stack are the same (stage 1). Without a stack the
//! template of the message stands in. Where issues of Crashvault 1 were imported, its key of the message goes before
//! that ([`legacy_fingerprint`]). A note or a report is a variant of its own.
//!
//! Never: opens the store, reads a clock, looks at line numbers or addresses, or at the message where there is a
//! stack.

mod explain;
mod frames;
mod glob;
mod join;
mod kinds;
mod legacy;
mod lines;
mod machinery;
mod memory;
mod message;
mod names;
mod rules;
mod similar;
mod traits;

pub(crate) use explain::{Sides, comparison};
pub(crate) use join::{BEARERS_MAX, Known, Match, Placing, names, place, related};
#[cfg(feature = "v1")]
pub(crate) use legacy::LegacyFingerprint;
pub(crate) use legacy::REASON as LEGACY;
pub(crate) use legacy::legacy_fingerprint;
pub use lines::TraceLine;
pub use memory::Grouper;
#[cfg(feature = "store")]
pub(crate) use memory::Variants;
pub use rules::FieldMissed;
pub(crate) use rules::{GroupRule, GroupRules, unknown_name};
pub(crate) use similar::WEIGHTS;
pub(crate) use traits::{Name, Sketch, Traits};

use crate::event::limits::{FINGERPRINT_PARTS_MAX, cut};
use crate::event::wire::RUST_BACKTRACE;
use crate::event::{Event, EventKind, Exception, Frame, LogEntry};
use crate::issue::{IssueId, VariantKey};
use machinery::{Part, part_of};
use message::parameterise;
use names::Language;

/// The version of the rules in this room; it changes when an event's key may.
pub(crate) const ALGORITHM: u32 = 2;

/// Longest part, and name of a function, that is shown, in bytes; keys and hashes are made of the whole.
pub(crate) const PART_BYTES_MAX: usize = 512;
/// What decided about a key that was made of a stack.
const STACK: &str = "stack";
/// What decided where a rule did.
pub(crate) const RULE: &str = "rule";
/// What decided about a variant that joined those that it is like.
pub(crate) const SIMILAR: &str = "similar";
/// What a part begins with that is an exception's words.
const VALUE: &str = "value ";
/// What a part begins with that is a message.
const MESSAGE: &str = "message ";
/// Stands for a value that a fingerprint asks for and the event does not have.
const ABSENT: &str = "<none>";

/// Which variant an event is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grouping {
    /// The key.
    pub variant: VariantKey,
    /// What decided: `rule`, `fingerprint`, `stack`, `type` or `message`; `note` or `report` of what a person wrote.
    pub reason: &'static str,
    /// What the key was made of, for people: `type ParseError`, `fn app::load` …
    pub parts: Vec<String>,
    /// [`ALGORITHM`].
    pub algorithm: u32,
    /// What the event is to be called, where a rule says what its message is.
    pub title: Option<String>,
}

/// The variant this event is.
pub(crate) fn group(event: &Event, rules: &GroupRules) -> Grouping {
    if let Some(kind) = event.kind().filter(|kind| kind.is_written()) {
        return written(event, kind).grouping(None);
    }
    let default = default_key(event);
    if let Some(rule) = rules.find(event) {
        return ruled(event, rule, default);
    }
    if event.fingerprint.iter().any(|part| !is_default(part)) {
        return fingerprint_key(event, &event.fingerprint, &default, None).grouping(None);
    }
    default.grouping(None)
}

fn ruled(event: &Event, rule: &GroupRule, default: Key) -> Grouping {
    let template = rule.template_text();
    let key = match (rule.fingerprint.as_slice(), template) {
        ([], None) => default,
        ([], Some(template)) => Key {
            reason: RULE,
            parts: vec![format!("{MESSAGE}{template}")],
        },
        (parts, None) => fingerprint_key(event, parts, &default, None),
        (parts, template) => {
            fingerprint_key(event, parts, &with_template(default, template), template)
        }
    };
    // The rule's name is shown and not hashed: renaming a rule moves no event.
    let grouping = Key {
        reason: RULE,
        ..key
    }
    .grouping(Some(format!("rule {}", rule.id)));
    Grouping {
        title: template.map(|template| titled(event, template)),
        ..grouping
    }
}

/// The default key with the template where it has words.
fn with_template(mut key: Key, template: Option<&str>) -> Key {
    let is_words = |part: &&mut String| part.starts_with(MESSAGE) || part.starts_with(VALUE);
    for part in key.parts.iter_mut().filter(is_words) {
        *part = format!("{MESSAGE}{}", template.unwrap_or_default());
    }
    key
}

fn titled(event: &Event, template: &str) -> String {
    let ty = event.primary_exception().and_then(|e| e.ty.as_deref());
    match ty.filter(|ty| !ty.is_empty()) {
        Some(ty) => format!("{ty}: {template}"),
        None => template.to_owned(),
    }
}

/// One rule held against an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleTried {
    /// Which one it is of those that were written, from 1.
    pub number: usize,
    /// Its name.
    pub id: String,
    /// Whether it decides: it is the first that fits.
    pub is_deciding: bool,
    /// What does not fit. Nothing: it fits, and decides if none before it does.
    pub misses: Vec<FieldMissed>,
}

/// Holds every rule against the event.
pub(crate) fn try_rules(event: &Event, rules: &GroupRules) -> Vec<RuleTried> {
    // What a person wrote is no matter of rules.
    let mut is_decided = event.kind().is_some_and(EventKind::is_written);
    let tried = rules.iter().map(|rule| {
        let misses = rule.misses(event);
        let is_deciding = misses.is_empty() && !is_decided;
        is_decided |= is_deciding;
        RuleTried {
            number: rule.number,
            id: rule.id.clone(),
            is_deciding,
            misses,
        }
    });
    tried.collect()
}

/// What of an event is compared with other variants: of one whose key is that of its stack (`reason` and `parts`), and
/// where no words are part of it. What a rule or the sender told apart, or its words did, likeness does not put together
/// again.
pub(crate) fn traits(event: &Event, reason: &str, parts: &[String]) -> Option<Traits> {
    let has_words = || parts.iter().any(|part| part.starts_with(VALUE));
    match (reason == STACK || reason == SIMILAR) && !has_words() {
        true => Traits::of(event),
        false => None,
    }
}

/// What a person wrote is like nothing else, whatever its words are.
fn written(event: &Event, kind: EventKind) -> Key {
    Key {
        reason: kind.name(),
        parts: vec![format!("{kind} {}", event.event_id)],
    }
}

/// The id of the issue that `variant` founds in `project`. The algorithm's version is no part of it.
pub(crate) fn issue_id(project: &str, variant: &VariantKey) -> IssueId {
    let mut hasher = blake3::Hasher::new_derive_key("crashvault issue id");
    hash_text(&mut hasher, project);
    hasher.update(variant.as_bytes());
    IssueId::from_bytes(first_half(&hasher))
}

/// The id of an issue that a variant gets for itself when it is taken out of one where it cannot have that it founded.
pub(crate) fn issue_id_apart(from: &IssueId, variant: &VariantKey) -> IssueId {
    let mut hasher = blake3::Hasher::new_derive_key("crashvault issue id apart");
    hasher.update(from.as_bytes());
    hasher.update(variant.as_bytes());
    IssueId::from_bytes(first_half(&hasher))
}

/// What is hashed, as people read it.
struct Key {
    reason: &'static str,
    parts: Vec<String>,
}

impl Key {
    fn grouping(self, first: Option<String>) -> Grouping {
        let mut hasher = blake3::Hasher::new_derive_key("crashvault variant key");
        for part in &self.parts {
            hash_text(&mut hasher, part);
        }
        let shown = first
            .iter()
            .chain(&self.parts)
            .take(2 * FINGERPRINT_PARTS_MAX);
        Grouping {
            variant: VariantKey::from_bytes(first_half(&hasher)),
            reason: self.reason,
            parts: shown
                .map(|part| cut(part, PART_BYTES_MAX).into_owned())
                .collect(),
            algorithm: ALGORITHM,
            title: None,
        }
    }
}

/// The length goes first, so that no two lists of texts are the same bytes.
fn hash_text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

fn first_half(hasher: &blake3::Hasher) -> [u8; 16] {
    let mut half = [0; 16];
    hasher.finalize_xof().fill(&mut half);
    half
}

// Stage 1 ------------------------------------------------------------------------------------------------------

fn default_key(event: &Event) -> Key {
    let mut key = match frames::thrown(event) {
        Some(thrown) => exception_key(event, thrown),
        None => message_key(event),
    };
    // Programs in different languages are different programs, even where their words agree.
    key.parts.push(format!("platform {}", event.platform));
    key
}

fn exception_key(event: &Event, thrown: &Exception) -> Key {
    let language = Language::of(&event.platform);
    let root = frames::root_cause(event, thrown);
    let mut parts = Vec::with_capacity(3 + frames::FUNCTIONS_MAX);
    parts.push(format!("type {}", type_of(thrown, language)));
    if !std::ptr::eq(root, thrown) {
        parts.push(format!("cause {}", type_of(root, language)));
    }
    let functions = frames::functions(event, Some(thrown), Some(root), frames::FUNCTIONS_MAX);
    if functions.names.is_empty() {
        parts.push(value_part(event, thrown));
        return Key {
            reason: "type",
            parts,
        };
    }
    if functions.is_foreign {
        parts.push(value_part(event, thrown));
    }
    push_words(&mut parts, thrown, root);
    push_functions(&mut parts, &functions.names);
    Key {
        reason: STACK,
        parts,
    }
}

fn value_part(event: &Event, thrown: &Exception) -> String {
    let value = thrown.value.as_deref().or(event.message_text());
    format!("{VALUE}{}", parameterise(value.unwrap_or_default()))
}

/// Types that hold any failure at all.
const HOLDERS: [(&str, &str); 2] = [("anyhow", "Error"), ("eyre", "Report")];

/// An error that is nothing but words says nothing by its type, and nothing by its stack where that is of the capture: a
/// program that captures in `main` would have one issue. So its words count.
fn push_words(parts: &mut Vec<String>, thrown: &Exception, root: &Exception) {
    let name = (thrown.module.as_deref(), thrown.ty.as_deref());
    let is_words = HOLDERS
        .iter()
        .any(|(module, ty)| name == (Some(module), Some(ty)));
    let stack = thrown.stacktrace.as_ref();
    let is_stack_its_own = stack.is_some_and(|stack| stack.other.contains_key(RUST_BACKTRACE));
    if !is_words || is_stack_its_own {
        return;
    }
    let mut push = |exception: &Exception| {
        let value = exception.value.as_deref().unwrap_or_default();
        parts.push(format!("{VALUE}{}", parameterise(value)));
    };
    push(thrown);
    if !std::ptr::eq(root, thrown) && root.ty.as_deref() == Some("Error") {
        push(root);
    }
}

fn type_of(exception: &Exception, language: Language) -> String {
    names::type_name(language, exception.ty.as_deref().unwrap_or_default())
}

fn push_functions(parts: &mut Vec<String>, functions: &[String]) {
    parts.extend(functions.iter().map(|name| ["fn ", name].concat()));
}

fn message_key(event: &Event) -> Key {
    let functions = match template(event) {
        Some(template) => {
            return Key {
                reason: "message",
                parts: vec![format!("{MESSAGE}{}", parameterise(template))],
            };
        }
        None => frames::functions(event, None, None, frames::FUNCTIONS_MAX).names,
    };
    let mut parts = Vec::with_capacity(1 + frames::FUNCTIONS_MAX);
    if functions.is_empty() {
        let place = event.transaction.as_deref().unwrap_or(ABSENT);
        parts.push(format!("transaction {}", parameterise(place)));
        return Key {
            reason: "message",
            parts,
        };
    }
    push_functions(&mut parts, &functions);
    Key {
        reason: STACK,
        parts,
    }
}

/// The sender's own template is better than any we could make of the finished text.
fn template(event: &Event) -> Option<&str> {
    let entry = |part: fn(&LogEntry) -> Option<&str>| event.logentry.as_ref().and_then(part);
    entry(|entry| entry.message.as_deref())
        .or(event.message.as_deref())
        .or_else(|| entry(|entry| entry.formatted.as_deref()))
        .filter(|text| !text.trim().is_empty())
}

/// The functions of the stack that speaks for an event, the innermost first; none where all are a library's.
pub(crate) fn functions(event: &Event, max: usize) -> Vec<String> {
    let thrown = frames::thrown(event);
    let root = thrown.map(|thrown| frames::root_cause(event, thrown));
    let functions = frames::functions(event, thrown, root, max);
    match functions.is_foreign {
        true => Vec::new(),
        false => functions.names,
    }
}

/// The modules, else files, of an event's stacks that are the program's own, each once, the innermost first.
pub(crate) fn modules(event: &Event, max: usize) -> Vec<String> {
    let mut modules: Vec<String> = Vec::new();
    let frames = event
        .stacktraces()
        .take(1)
        .flat_map(|trace| trace.frames.iter().rev());
    let language = Language::of(&event.platform);
    let works = |frame: &&Frame| {
        let name = names::frame_name(frame, language);
        frames::is_in_app(frame) && name.is_none_or(|name| part_of(&name, language) == Part::Work)
    };
    for frame in frames.filter(works) {
        let module = frame.module.as_deref().or(frame.filename.as_deref());
        if let Some(module) = module
            && modules.len() < max
            && !modules.iter().any(|known| known == module)
        {
            modules.push(module.to_owned());
        }
    }
    modules
}

// Stage 0 ------------------------------------------------------------------------------------------------------

fn is_default(part: &str) -> bool {
    placeholder(part.trim()).is_some_and(|(name, rest)| name == "default" && rest.is_empty())
}

/// `{{ name }}` at the start of `text`: the name, and what follows.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix("{{")?.split_once("}}")?;
    Some((name.trim(), rest))
}

/// What a fingerprint can ask for.
pub(super) const PLACEHOLDERS: [&str; 10] = [
    "default",
    "function",
    "level",
    "message",
    "module",
    "release",
    "tags.NAME",
    "transaction",
    "type",
    "value",
];

/// The first `{{ name }}` that nothing is known by, or that does not end.
pub(super) fn unknown_placeholder(part: &str) -> Option<&str> {
    let found = part.match_indices("{{").map(|(at, _)| &part[at..]);
    let names = found.filter_map(|found| match placeholder(found) {
        Some((name, _)) => Some(name),
        None => Some(found).filter(|found| !found[2..].trim().is_empty()),
    });
    names.into_iter().find(|name| {
        let is_tag = name
            .strip_prefix("tags.")
            .is_some_and(|key| !key.is_empty());
        !is_tag && (*name == "tags.NAME" || !PLACEHOLDERS.contains(name))
    })
}

fn fingerprint_key(event: &Event, wished: &[String], default: &Key, template: Option<&str>) -> Key {
    let asked = Asked {
        event,
        default,
        template,
    };
    let mut parts = Vec::with_capacity(wished.len());
    for part in wished {
        if is_default(part) {
            parts.extend(default.parts.iter().cloned());
        } else {
            parts.push(format!("fingerprint {}", asked.expand(part)));
        }
    }
    Key {
        reason: "fingerprint",
        parts,
    }
}

/// Whom a fingerprint asks for values.
struct Asked<'a> {
    event: &'a Event,
    default: &'a Key,
    /// What stands for the message.
    template: Option<&'a str>,
}

impl Asked<'_> {
    /// Puts values in the place of `{{ name }}`; names that are not known stay as they are.
    fn expand(&self, part: &str) -> String {
        let mut made = String::with_capacity(part.len());
        let mut rest = part;
        while let Some(at) = rest.find("{{") {
            made.push_str(&rest[..at]);
            rest = &rest[at..];
            let value =
                placeholder(rest).and_then(|(name, after)| Some((self.value_of(name)?, after)));
            match value {
                Some((value, after)) => {
                    made.push_str(&value);
                    rest = after;
                }
                None => {
                    made.push_str("{{");
                    rest = &rest[2..];
                }
            }
        }
        made.push_str(rest);
        made
    }

    fn value_of(&self, name: &str) -> Option<String> {
        let event = self.event;
        let thrown = || frames::thrown(event);
        let template = || self.template.map(str::to_owned);
        let value = match name {
            "default" => Some(self.default.parts.join("; ")),
            "type" => thrown().and_then(|e| e.ty.clone()),
            "value" => template().or_else(|| thrown()?.value.clone()),
            "message" => template().or_else(|| {
                let said = event.message_text();
                said.or_else(|| thrown()?.value.as_deref())
                    .map(str::to_owned)
            }),
            "function" => {
                let parts = self.default.parts.iter();
                let mut functions = parts.filter_map(|part| part.strip_prefix("fn "));
                functions.next().map(str::to_owned)
            }
            "module" => innermost_module(event),
            "level" => Some(event.level.name().to_owned()),
            "transaction" => event.transaction.clone(),
            "release" => event.release.clone(),
            _ => event.tags.get(name.strip_prefix("tags.")?).cloned(),
        };
        Some(value.unwrap_or_else(|| ABSENT.to_owned()))
    }
}

fn innermost_module(event: &Event) -> Option<String> {
    let trace = event.stacktraces().next()?;
    let some_in_app = trace.frames.iter().any(frames::is_in_app);
    let mut frames = trace.frames.iter().rev();
    frames
        .find(|frame| frame.module.is_some() && (!some_in_app || frames::is_in_app(frame)))?
        .module
        .clone()
}

#[cfg(test)]
mod tests;
