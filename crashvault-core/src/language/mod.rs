//! Enters: a frame, the platform it is of, and the user's rules. Leaves: whether it is the program's own.
//!
//! What is not is data, in `rules.toml`, by language: parts of paths, starts of names, packages. A rule fits at the start of
//! any part of a path or package, behind a `^` at the very start alone; a rule for names fits at their start. `*` stands for
//! anything within one part. A rule that ends in a letter or digit needs the end of a word there (`abort` is not
//! `abort_order`), any other is a beginning. Letters of paths fit whether large or small, and `\` is a `/`.
//!
//! Never: opens a file, judges addresses that were resolved and Rust (`symbol/rules.rs` does), or says no where nothing is
//! known of a language.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use crate::event::{Frame, limits};

/// What is looked at of one name, path or package, in bytes.
const TEXT_BYTES_MAX: usize = 2048;

/// Names that say that there is no name.
const NAMELESS: &[&str] = &[
    "",
    "?",
    "??",
    "<unknown>",
    "unknown",
    "<redacted>",
    "(null)",
];

/// The host's own rules on what belongs to the program; they stand above the built-in ones, `include` above `exclude`.
///
/// A rule with a `/` is a part of a file's or binary's path; any other is a function or module path and covers what lies below it
/// (`shop` covers `shop::cart::add` and `<shop::Cart as Drop>::drop`, not `shopping::add`; `com.shop` covers `com.shop.Cart.add`).
#[derive(Clone, Debug, Default)]
pub(crate) struct InAppRules {
    /// What is the program's own.
    pub include: Vec<String>,
    /// What is not.
    pub exclude: Vec<String>,
}

impl InAppRules {
    /// What the host says of a name that lies in one of `places`; `None` where it says nothing.
    pub(crate) fn say(&self, name: Option<&str>, places: &[Option<&str>]) -> Option<bool> {
        if covered(&self.include, name, places) {
            return Some(true);
        }
        covered(&self.exclude, name, places).then_some(false)
    }
}

fn covered(rules: &[String], name: Option<&str>, places: &[Option<&str>]) -> bool {
    rules.iter().any(|rule| match rule.contains('/') {
        _ if rule.is_empty() => false,
        true => places.iter().flatten().any(|place| place.contains(rule)),
        false => name.is_some_and(|name| below(name, rule.trim_end_matches([':', '.', '\\']))),
    })
}

/// Whether `path` is `root` or lies below it.
pub(crate) fn below(path: &str, root: &str) -> bool {
    const SEPARATORS: &[&str] = &["::", "{", ".", "/", "\\", "$", "#", "<", "("];
    path.strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || SEPARATORS.iter().any(|s| rest.starts_with(s)))
}

/// Whether a frame that came as text is the program's own. `platform` is as in the event payload; a frame may name its own.
pub(crate) fn is_in_app(platform: &str, frame: &Frame, rules: &InAppRules) -> bool {
    let own = frame.other.get("platform").and_then(|own| own.as_str());
    let language = LANGUAGES.of(own.unwrap_or(platform));
    let name = name(frame);
    let name = name.as_deref().map(|name| match language {
        Some(language) if language.has_return_types => without_return_type(name),
        _ => name,
    });
    let files = [frame.filename.as_deref(), frame.abs_path.as_deref()];
    let package = frame.package.as_deref();
    if let Some(said) = rules.say(name, &[files[0], files[1], package]) {
        return said;
    }
    let has_place = package.is_some() || files != [None, None];
    if !has_place && (name.is_none() || language.is_some_and(|language| language.names_files)) {
        return false;
    }
    language.is_none_or(|language| !language.is_foreign(name, &files, package))
}

/// The function with its module before it; `None` if it has no name.
fn name(frame: &Frame) -> Option<Cow<'_, str>> {
    let function = known(frame.function.as_deref());
    match (known(frame.module.as_deref()), function) {
        (Some(module), Some(function)) if !function.starts_with(module) => {
            Some(format!("{module}.{function}").into())
        }
        (_, Some(function)) => Some(function.into()),
        (Some(module), None) => Some(format!("{module}.").into()),
        (None, None) => None,
    }
}

fn known(text: Option<&str>) -> Option<&str> {
    let text = text?.trim();
    (!NAMELESS.contains(&text)).then(|| limits::head(text, TEXT_BYTES_MAX))
}

/// `void ns::f<int>(int)` as `ns::f<int>(int)`: templates are printed with what they return.
fn without_return_type(name: &str) -> &str {
    let (mut depth, mut start) = (0usize, 0);
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'<' | b'[' | b'{' => depth += 1,
            b'>' | b']' | b'}' => depth = depth.saturating_sub(1),
            // Parameters come last, but for the nameless namespace and functions within functions.
            b'(' if depth == 0 && !name[at..].starts_with("(anonymous") => break,
            b' ' if depth == 0 && !has_blanks(&name[start..at]) => start = at + 1,
            _ => {}
        }
    }
    match name.as_bytes().first() {
        // `-[Shop pay]`, and closures of Swift.
        Some(b'-' | b'+') => name,
        _ => &name[start..],
    }
}

/// Of what comes before a blank: `ns::(anonymous namespace)::f`, `operator new`.
fn has_blanks(name: &str) -> bool {
    name.ends_with("(anonymous") || name.ends_with("operator")
}

/// All languages, by the names of their platforms.
struct Languages {
    by_platform: HashMap<String, usize>,
    languages: Vec<Language>,
}

struct Language {
    has_return_types: bool,
    /// Whether a frame without a file is the runtime's own: `JSON.parse (<anonymous>)`.
    names_files: bool,
    paths: Rules,
    names: Rules,
    packages: Rules,
}

static LANGUAGES: LazyLock<Languages> =
    LazyLock::new(|| Languages::read(include_str!("rules.toml")));

impl Languages {
    /// A table that cannot be read has no languages; a test holds the committed one to more.
    fn read(text: &str) -> Self {
        let table: toml::Table = text.parse().unwrap_or_default();
        let rows = table.get("language").and_then(toml::Value::as_array);
        let mut all = Self {
            by_platform: HashMap::new(),
            languages: Vec::new(),
        };
        for row in rows.into_iter().flatten() {
            let texts = |key: &str| {
                let list = row.get(key).and_then(toml::Value::as_array);
                let texts = list.into_iter().flatten().filter_map(toml::Value::as_str);
                texts.collect::<Vec<&str>>()
            };
            let platforms = texts("platforms");
            for platform in &platforms {
                let index = all.languages.len();
                all.by_platform.insert((*platform).to_owned(), index);
            }
            all.languages.push(Language {
                has_return_types: platforms.contains(&"native"),
                names_files: platforms.contains(&"javascript"),
                paths: Rules::new(true, &texts("paths")),
                names: Rules::new(false, &texts("names")),
                packages: Rules::new(true, &texts("packages")),
            });
        }
        all
    }

    fn of(&self, platform: &str) -> Option<&Language> {
        let name = match platform.starts_with("native") {
            true => "native",
            false => platform,
        };
        self.languages.get(*self.by_platform.get(name)?)
    }
}

impl Language {
    fn is_foreign(
        &self,
        name: Option<&str>,
        files: &[Option<&str>],
        package: Option<&str>,
    ) -> bool {
        files.iter().flatten().any(|file| self.paths.fit_path(file))
            || package.is_some_and(|package| self.packages.fit_path(package))
            || name.is_some_and(|name| self.names.fit_name(name))
    }
}

/// Rules, found by the byte they begin with.
struct Rules {
    are_of_paths: bool,
    rules: Vec<Rule>,
    by_first: [Range<u16>; 256],
}

/// One rule: what stands between its `*`.
struct Rule {
    is_at_start: bool,
    parts: Vec<Box<[u8]>>,
}

impl Rules {
    fn new(are_of_paths: bool, texts: &[&str]) -> Self {
        let rules = texts.iter().map(|text| Rule::new(text, are_of_paths));
        let mut rules: Vec<Rule> = rules.collect();
        rules.sort_by_key(Rule::first);
        let mut by_first = std::array::from_fn(|_| 0..0);
        for (at, rule) in rules.iter().enumerate() {
            let bucket: &mut Range<u16> = &mut by_first[usize::from(rule.first())];
            let at = u16::try_from(at).unwrap_or(u16::MAX);
            *bucket = match bucket.end {
                0 => at..at.saturating_add(1),
                _ => bucket.start..at.saturating_add(1),
            };
        }
        Self {
            are_of_paths,
            rules,
            by_first,
        }
    }

    fn fit_path(&self, path: &str) -> bool {
        let path = limits::head(path, TEXT_BYTES_MAX).as_bytes();
        let inner = path
            .iter()
            .enumerate()
            .filter(|(_, byte)| is_separator(**byte));
        // A part that begins with the separator itself stands at the start alone.
        self.fit(path, true)
            || inner
                .into_iter()
                .any(|(at, _)| self.fit(&path[at + 1..], false))
    }

    fn fit_name(&self, name: &str) -> bool {
        if self.fit(name.as_bytes(), true) {
            return true;
        }
        // `java.base/java.lang.Thread.run`, `app//shop.Cart.add`
        match name.split_once('/') {
            Some((before, rest)) if !before.contains(['$', '(', '<']) => {
                self.fit(rest.trim_start_matches('/').as_bytes(), true)
            }
            _ => false,
        }
    }

    fn fit(&self, text: &[u8], is_start: bool) -> bool {
        let Some(first) = text.first() else {
            return false;
        };
        let first = match self.are_of_paths {
            true => folded(*first),
            false => *first,
        };
        let bucket = self.by_first[usize::from(first)].clone();
        let bucket = usize::from(bucket.start)..usize::from(bucket.end);
        self.rules[bucket]
            .iter()
            .any(|rule| (is_start || !rule.is_at_start) && rule.fits(text, self.are_of_paths))
    }
}

impl Rule {
    fn new(text: &str, is_of_paths: bool) -> Self {
        let pattern = text.strip_prefix('^');
        let is_root = text.starts_with('/');
        let parts = pattern.unwrap_or(text).split('*');
        Self {
            is_at_start: pattern.is_some() || is_root,
            parts: match is_of_paths {
                true => parts.map(|p| p.bytes().map(folded).collect()).collect(),
                false => parts.map(|p| p.as_bytes().into()).collect(),
            },
        }
    }

    fn first(&self) -> u8 {
        let first = self.parts.first().and_then(|part| part.first());
        first.copied().unwrap_or_default()
    }

    fn fits(&self, text: &[u8], is_path: bool) -> bool {
        let mut rest = text;
        for (index, part) in self.parts.iter().enumerate() {
            let found = match index {
                0 => starts_with(rest, part, is_path).then_some(0),
                _ => find_in_part(rest, part, is_path),
            };
            match found {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        let last = self.parts.last().and_then(|part| part.last());
        let ends_in_word = last.is_some_and(|byte| is_of_word(*byte));
        !ends_in_word || rest.first().is_none_or(|byte| !is_of_word(*byte))
    }
}

/// Where `wanted` stands first in `text`, before or at the end of its first part.
fn find_in_part(text: &[u8], wanted: &[u8], is_path: bool) -> Option<usize> {
    for at in 0..=text.len() {
        if starts_with(&text[at..], wanted, is_path) {
            return Some(at);
        }
        if text.get(at).is_none_or(|byte| is_separator(*byte)) {
            return None;
        }
    }
    None
}

fn starts_with(text: &[u8], start: &[u8], is_path: bool) -> bool {
    if !is_path {
        return text.starts_with(start);
    }
    let head = text.get(..start.len());
    head.is_some_and(|head| {
        head.iter()
            .map(|byte| folded(*byte))
            .eq(start.iter().copied())
    })
}

/// Bytes of paths that are taken for the same.
fn folded(byte: u8) -> u8 {
    match byte {
        b'\\' => b'/',
        byte => byte.to_ascii_lowercase(),
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests;
