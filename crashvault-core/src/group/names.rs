//! Enters: the names of functions, types and files as each language prints them. Leaves: what stays the same when
//! the program is built again: no addresses, hashes, parameters, generic arguments, closure or class numbers.
//!
//! Never: looks at line numbers; demangles (names arrive readable).

use crate::event::Frame;
use crate::event::limits::head;

/// What is read of one name, in bytes.
const NAME_BYTES_MAX: usize = 2048;
/// Nested `<T as Trait>` looked into.
const NESTING_MAX: usize = 16;

/// A family of languages that print names alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Rust, C, C++, Objective-C, Swift.
    Native,
    /// The Linux kernel.
    Kernel,
    Python,
    JavaScript,
    /// Java, Kotlin, Scala, Groovy.
    Java,
    DotNet,
    Go,
    Ruby,
    Php,
    Elixir,
    Other,
}

/// Platform names, as in the event payload, and their languages.
const PLATFORMS: &[(&str, Language)] = &[
    ("native", Language::Native),
    ("rust", Language::Native),
    ("c", Language::Native),
    ("cpp", Language::Native),
    ("cocoa", Language::Native),
    ("objc", Language::Native),
    ("swift", Language::Native),
    ("linux-kernel", Language::Kernel),
    ("python", Language::Python),
    ("javascript", Language::JavaScript),
    ("node", Language::JavaScript),
    ("java", Language::Java),
    ("kotlin", Language::Java),
    ("android", Language::Java),
    ("csharp", Language::DotNet),
    ("go", Language::Go),
    ("ruby", Language::Ruby),
    ("php", Language::Php),
    ("elixir", Language::Elixir),
];

impl Language {
    pub(super) fn of(platform: &str) -> Self {
        let known = PLATFORMS.iter().find(|(name, _)| *name == platform);
        match known {
            Some((_, language)) => *language,
            None if platform.starts_with("native") => Self::Native,
            None => Self::Other,
        }
    }

    /// Whether a function's name means little without its file, where no module is given.
    fn needs_file(self) -> bool {
        matches!(
            self,
            Self::Python | Self::JavaScript | Self::Ruby | Self::Php
        )
    }
}

/// Names that say that there is no name.
const NAMELESS: &[&str] = &[
    "",
    "?",
    "??",
    "???",
    "<unknown>",
    "<redacted>",
    "(null)",
    "null",
    "None",
    "unknown",
];

/// How a stack of this program begins; which of them are there depends on the C library and on the thread.
const ENTRIES: &[&str] = &[
    "_start",
    "clone",
    "clone3",
    "__clone3",
    "start_thread",
    "thread_start",
    "_pthread_start",
    "__libc_start_main",
    "__libc_start_call_main",
    "__libc_start_main_impl",
    "BaseThreadInitThunk",
    "RtlUserThreadStart",
    "runtime.goexit",
    "runtime.main",
];

/// Whether this raw name ends Rust's own part of a panicking stack: all that is further in reports the panic.
pub(super) fn ends_panic(function: &str) -> bool {
    function.ends_with("rust_begin_unwind")
}

/// The stable name of a frame: module (or file) and function. `None` if it has none, or is of no weight.
pub(super) fn frame_name(frame: &Frame, platform: Language) -> Option<String> {
    let language = frame
        .other
        .get("platform")
        .and_then(|own| own.as_str())
        .map_or(platform, Language::of);
    let raw = frame.function.as_deref().unwrap_or_default();
    let scope = scope(frame, language)?;
    let function = function(language, raw)?;
    if function.is_empty() {
        return language
            .needs_file()
            .then_some(scope)
            .filter(|scope| !scope.is_empty());
    }
    if ENTRIES.contains(&function.as_str()) {
        return None;
    }
    let says_scope = scope.is_empty()
        || function.starts_with(&scope)
        || (language == Language::Native && function.contains("::"));
    let separator = match language {
        Language::Native | Language::Kernel | Language::Ruby | Language::Php => "::",
        _ => ".",
    };
    Some(if says_scope {
        function
    } else {
        [&scope, separator, &function].concat()
    })
}

/// Module, else the file where the language needs one. `None` for generated classes.
fn scope(frame: &Frame, language: Language) -> Option<String> {
    let module = head(
        frame.module.as_deref().unwrap_or_default().trim(),
        NAME_BYTES_MAX,
    );
    if !module.is_empty() {
        return match language {
            Language::Java => java_class(module),
            Language::DotNet => Some(dotnet_class(module)),
            Language::Native | Language::Go => Some(native(module, 0)),
            _ => Some(module.to_owned()),
        };
    }
    let file = frame.filename.as_deref().or(frame.abs_path.as_deref());
    Some(match file {
        Some(file) if language.needs_file() => file_name(file),
        _ => String::new(),
    })
}

/// The stable form of a function's name: empty if it has no name of its own, `None` if the frame itself comes and
/// goes with the language's version.
pub(super) fn function(language: Language, name: &str) -> Option<String> {
    let name = head(name.trim(), NAME_BYTES_MAX);
    let is_made_up = matches!(language, Language::Native | Language::Other) && is_label(name);
    if NAMELESS.contains(&name) || is_address(name) || is_made_up {
        return Some(String::new());
    }
    match language {
        Language::Native => Some(native(name, 0)),
        Language::Kernel => Some(kernel(name).to_owned()),
        Language::Python => python(name),
        Language::JavaScript => Some(javascript(name)),
        Language::Java => java(name),
        Language::DotNet => Some(dotnet(name)),
        Language::Go => Some(go(name)),
        Language::Ruby => Some(ruby(name)),
        Language::Php => Some(php(name)),
        Language::Elixir => Some(elixir(name)),
        Language::Other => Some(without_suffixes(name).to_owned()),
    }
}

/// The stable form of a type's name: without addresses, generic arguments, hashes and numbers of nameless classes.
pub(super) fn type_name(language: Language, name: &str) -> String {
    let name = head(name.trim(), NAME_BYTES_MAX);
    let made = match language {
        Language::Java => java_class(name).unwrap_or_default(),
        Language::DotNet => dotnet_class(name),
        _ => without_generics(name),
    };
    let words: Vec<&str> = made
        .split_whitespace()
        .filter(|word| !is_address(word))
        .collect();
    if words.is_empty() {
        return name.to_owned();
    }
    words.join(" ")
}

fn without_generics(name: &str) -> String {
    let mut made = String::with_capacity(name.len());
    let mut depth = 0usize;
    for c in name.chars() {
        match c {
            '<' if !made.is_empty() => depth += 1,
            '>' if depth > 0 => depth -= 1,
            _ if depth == 0 => made.push(c),
            _ => {}
        }
    }
    made
}

/// `0x7f…`
fn is_address(name: &str) -> bool {
    is_prefixed_hex(name, &["0x", "0X"])
}

/// What disassemblers make of an address.
fn is_label(name: &str) -> bool {
    is_prefixed_hex(name, &["sub_", "FUN_", "fun_", "fn_0", "loc_", "func_0"])
}

fn is_prefixed_hex(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| {
        name.strip_prefix(prefix).is_some_and(|digits| {
            digits.len() >= 3 && digits.bytes().all(|b| b.is_ascii_hexdigit())
        })
    })
}

/// Stems that every part of a program has a file of.
const COMMON_STEMS: &[&str] = &[
    "__init__",
    "__main__",
    "admin",
    "api",
    "app",
    "apps",
    "base",
    "client",
    "common",
    "config",
    "constants",
    "controller",
    "controllers",
    "core",
    "errors",
    "exceptions",
    "forms",
    "handler",
    "handlers",
    "helper",
    "helpers",
    "index",
    "lib",
    "main",
    "middleware",
    "mod",
    "model",
    "models",
    "module",
    "page",
    "route",
    "router",
    "routes",
    "schema",
    "schemas",
    "serializers",
    "server",
    "service",
    "services",
    "settings",
    "signals",
    "store",
    "tasks",
    "test",
    "tests",
    "types",
    "urls",
    "util",
    "utils",
    "view",
    "views",
];

/// The last part of a path, without query and without the hash a bundler put in; with the directory where the file's own
/// name is everybody's.
fn file_name(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut parts = path.rsplit(['/', '\\']);
    let name = parts.next().unwrap_or_default();
    if name.starts_with('<') {
        return String::new();
    }
    let name = without_hash(name);
    let stem = name.split('.').next().unwrap_or_default();
    let directory = parts.next().filter(|part| is_plain_word(part));
    match directory {
        Some(directory) if COMMON_STEMS.contains(&stem) => format!("{directory}/{name}"),
        _ => name,
    }
}

/// Not the name of a release, a build or a mount.
fn is_plain_word(part: &str) -> bool {
    !part.is_empty() && !part.bytes().any(|b| b.is_ascii_digit() || b == b':')
}

/// `main.3f2a9c1b.js` as `main.js`, `chunk-1A2b3C4D.js` as `chunk.js`.
fn without_hash(name: &str) -> String {
    if !name.split(['.', '-']).any(is_hash) {
        return name.to_owned();
    }
    let kept: Vec<&str> = name.split('.').filter(|part| !is_hash(part)).collect();
    let name = kept.join(".");
    match name.rsplit_once('-') {
        Some((stem, rest)) if rest.split('.').next().is_some_and(is_hash) => {
            let extension = rest.find('.').map_or("", |dot| &rest[dot..]);
            format!("{stem}{extension}")
        }
        _ => name,
    }
}

/// Eight letters and digits or more, as hexadecimal or in mixed case.
fn is_hash(part: &str) -> bool {
    let has = |is: fn(&u8) -> bool| part.bytes().any(|byte| is(&byte));
    part.len() >= 8
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && has(u8::is_ascii_digit)
        && (part.bytes().all(|byte| byte.is_ascii_hexdigit())
            || (has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)))
}

// Native -------------------------------------------------------------------------------------------------------

const NATIVE_PREFIXES: &[&str] = &[
    "__GI_",
    "___interceptor_",
    "__interceptor_",
    "__interceptor_trampoline_",
    "non-virtual thunk to ",
    "virtual thunk to ",
    "specialized ",
    "partial apply for ",
    "@objc ",
    "static ",
];

/// What compilers append to the parts they cut a function into.
const NATIVE_SUFFIXES: &[&str] = &[
    " [clone",
    "@plt",
    "@@",
    "@GLIBC",
    "+0x",
    ".isra.",
    ".part.",
    ".constprop.",
    ".cold",
    ".lto_priv",
    ".llvm.",
    ".localalias",
    ".resume",
    ".destroy",
    ".cleanup",
];

fn without_suffixes(name: &str) -> &str {
    if !name
        .bytes()
        .any(|byte| matches!(byte, b' ' | b'.' | b'@' | b'+'))
    {
        return name;
    }
    let end = NATIVE_SUFFIXES
        .iter()
        .filter_map(|suffix| name.find(suffix))
        .filter(|at| *at > 0)
        .min();
    end.map_or(name, |end| &name[..end])
}

fn native(name: &str, nesting: usize) -> String {
    if name.starts_with("-[") || name.starts_with("+[") {
        return name.to_owned();
    }
    if is_place(name) {
        return String::new();
    }
    let mut name = without_suffixes(without_rust_hash(without_offset(name)));
    while let Some(shorter) = NATIVE_PREFIXES
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .or_else(|| without_swift_closure(name))
    {
        name = shorter;
    }
    let mut path = NativePath {
        rest: name,
        made: String::with_capacity(name.len()),
        nesting,
    };
    while path.step() {}
    without_return_type(&path.made)
        .trim_matches(|c: char| c == ':' || c == '&' || c == '*' || c.is_whitespace())
        .to_owned()
}

/// `at /src/x.rs:5:1` and `/src/x.rs:5:1`: places that stand where a function should (seen from sentry-rust with
/// the backtraces of anyhow).
fn is_place(name: &str) -> bool {
    let path = name.strip_prefix("at ").unwrap_or(name);
    path.starts_with(['/', '.']) && path.contains(':')
}

/// `main + 52`, as Apple prints it.
fn without_offset(name: &str) -> &str {
    match name.rsplit_once(" + ") {
        Some((function, offset)) if offset.bytes().all(|byte| byte.is_ascii_digit()) => function,
        _ => name,
    }
}

/// `::h` and 16 hex digits: Rust's legacy mangling names each compilation.
fn without_rust_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            path
        }
        _ => name,
    }
}

/// `closure #1 in f()`: the closure belongs to `f`.
fn without_swift_closure(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("closure #")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    rest[digits..].strip_prefix(" in ")
}

/// A name being read; what is kept is in `made`.
struct NativePath<'n> {
    rest: &'n str,
    made: String,
    nesting: usize,
}

impl NativePath<'_> {
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else {
            return false;
        };
        match first {
            'o' if self.operator() => {}
            '<' => self.angle(),
            '(' => return self.parentheses(),
            '{' => self.braces(),
            '[' => self.square(),
            '\'' => self.quoted_lambda(),
            '$' if self.at_segment() => self.numbered_lambda(),
            _ => {
                self.made.push(first);
                self.rest = &self.rest[first.len_utf8()..];
            }
        }
        true
    }

    /// Whether the next character begins a segment of the path.
    fn at_segment(&self) -> bool {
        self.made.is_empty() || self.made.ends_with("::") || self.made.ends_with(' ')
    }

    /// Cuts the bracket that stands first off the rest and gives what it held.
    fn bracket(&mut self, open: char, close: char) -> &str {
        let end = balanced(self.rest, open, close);
        let inside = self.rest.get(1..end - 1).unwrap_or_default();
        self.rest = &self.rest[end..];
        inside
    }

    /// Drops the `::` that led to what was left out.
    fn close_segment(&mut self) {
        if self.made.ends_with("::") {
            self.made.truncate(self.made.len() - 2);
        }
    }

    /// `operator<<`: its signs are no brackets.
    fn operator(&mut self) -> bool {
        let Some(rest) = self.rest.strip_prefix("operator") else {
            return false;
        };
        if !self.at_segment() {
            return false;
        }
        let signs = match rest.get(..2) {
            Some("()" | "[]") => 2,
            _ => rest
                .find(|c| !"<>=!+-*/%&|^~,".contains(c))
                .unwrap_or(rest.len()),
        };
        let length = self.rest.len() - rest.len() + signs;
        self.made.push_str(&self.rest[..length]);
        self.rest = &self.rest[length..];
        true
    }

    /// Generic arguments are dropped; `<T as Trait>` is T, `<impl Trait for T>` is T.
    fn angle(&mut self) {
        let first = self.made.is_empty();
        let nesting = self.nesting;
        let inside = self.bracket('<', '>');
        let implemented = inside
            .strip_prefix("impl ")
            .and_then(|inside| Some(split_outside(inside, " for ")?.1));
        if let Some(implementor) = implemented {
            let made = inner(implementor, nesting);
            self.made = made;
        } else if first && !inside.starts_with("lambda") {
            let implementor = split_outside(inside, " as ").map_or(inside, |(left, _)| left);
            let made = inner(implementor, nesting);
            self.made.push_str(&made);
        } else {
            self.close_segment();
        }
    }

    /// Parameters are dropped; the name ends behind them unless a path goes on. `(anonymous namespace)` too.
    fn parentheses(&mut self) -> bool {
        self.bracket('(', ')');
        let mut rest = self.rest;
        while let Some(shorter) = [
            " const",
            " volatile",
            " noexcept",
            " &&",
            " &",
            "[abi:cxx11]",
        ]
        .iter()
        .find_map(|word| rest.strip_prefix(word))
        {
            rest = shorter;
        }
        self.rest = rest;
        if self.at_segment() {
            self.rest = rest.strip_prefix("::").unwrap_or(rest);
            return true;
        }
        rest.starts_with("::")
    }

    /// Closures, implementations, shims and lambdas belong to what they are in.
    fn braces(&mut self) {
        let is_lambda = self.bracket('{', '}').starts_with("lambda");
        self.close_segment();
        if is_lambda {
            self.skip_call();
        }
    }

    /// Rust's crate hash `[1a2b…]` and `[abi:cxx11]` are dropped; a slice type stays as `[]`.
    fn square(&mut self) {
        let at_segment = self.at_segment();
        self.bracket('[', ']');
        if at_segment {
            self.made.push_str("[]");
        }
    }

    /// `f()::'lambda0'(int)::operator()(int)`, as LLVM prints it.
    fn quoted_lambda(&mut self) {
        let Some(end) = self
            .rest
            .strip_prefix("'lambda")
            .and_then(|rest| rest.find('\''))
        else {
            self.made.push('\'');
            self.rest = &self.rest[1..];
            return;
        };
        self.rest = &self.rest["'lambda".len() + end + 1..];
        if self.rest.starts_with('(') {
            self.bracket('(', ')');
        }
        self.close_segment();
        self.skip_call();
    }

    /// `f()::$_0::operator()()`, as Clang prints it.
    fn numbered_lambda(&mut self) {
        let number = self.rest.strip_prefix("$_").unwrap_or(&self.rest[1..]);
        let digits = number
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(number.len());
        self.rest = &number[digits..];
        self.close_segment();
        self.skip_call();
    }

    fn skip_call(&mut self) {
        self.rest = self.rest.strip_prefix("::operator()").unwrap_or(self.rest);
    }
}

fn inner(name: &str, nesting: usize) -> String {
    if nesting == NESTING_MAX {
        return String::new();
    }
    let name = name.trim_start_matches(['&', '*']);
    let first_bound = split_outside(name, " + ").map_or(name, |(first, _)| first);
    native(first_bound, nesting + 1)
}

/// The length of the bracket that `text` begins with, its contents included; an open one reaches to the end.
fn balanced(text: &str, open: char, close: char) -> usize {
    let mut depth = 0usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close && before != '-' {
            depth -= 1;
            if depth == 0 {
                return at + c.len_utf8();
            }
        }
        before = c;
    }
    text.len()
}

/// Splits at the first `word` that stands outside of all brackets.
fn split_outside<'t>(text: &'t str, word: &str) -> Option<(&'t str, &'t str)> {
    let mut depth = 0i32;
    let mut before = b' ';
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'<' | b'(' | b'[' | b'{' => depth += 1,
            b'>' if before == b'-' => {}
            b'>' | b')' | b']' | b'}' => depth -= 1,
            b' ' if depth == 0 && text[at..].starts_with(word) => {
                return Some((&text[..at], &text[at + word.len()..]));
            }
            _ => {}
        }
        before = byte;
    }
    None
}

/// Functions of C: what compilers append, and numbers of local copies (`nstr.37854`).
fn kernel(name: &str) -> &str {
    let name = without_suffixes(name);
    let name = name.split_once([' ', '/']).map_or(name, |(name, _)| name);
    match name.rsplit_once('.') {
        Some((own, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => own,
        _ => name,
    }
}

/// C++ prints the result's type before the names of templates.
fn without_return_type(name: &str) -> &str {
    let name = name.trim();
    let operator = name
        .find("operator ")
        .filter(|at| *at == 0 || name[..*at].ends_with([':', ' ']));
    let before = operator.map_or(name, |at| &name[..at]);
    match before.rfind(' ') {
        Some(blank) => &name[blank + 1..],
        None => name,
    }
}

// Languages with a runtime -------------------------------------------------------------------------------------

/// Comprehensions are frames up to Python 3.11 and none since (PEP 709).
fn python(name: &str) -> Option<String> {
    const INLINED: &[&str] = &["<listcomp>", "<dictcomp>", "<setcomp>"];
    if !name.contains('<') {
        return Some(name.to_owned());
    }
    let mut path: Vec<String> = name
        .split('.')
        .filter(|part| *part != "<locals>")
        .map(without_angle_number)
        .collect();
    let last = path.last()?;
    if INLINED.contains(&last.as_str()) {
        path.pop();
        if path.is_empty() {
            return None;
        }
    }
    Some(path.join("."))
}

/// `<lambda_3>` and `<lambda 3>` are `<lambda>`.
fn without_angle_number(part: &str) -> String {
    match part
        .strip_prefix('<')
        .and_then(|part| part.strip_suffix('>'))
    {
        Some(inside) => {
            let word =
                inside.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_' || c == ' ');
            format!("<{word}>")
        }
        None => part.to_owned(),
    }
}

fn javascript(name: &str) -> String {
    const PREFIXES: &[&str] = &[
        "async ",
        "async* ",
        "new ",
        "bound ",
        "Object.",
        "Function.",
        "Module.",
        "exports.",
        "module.exports.",
        "window.",
        "globalThis.",
    ];
    const NAMELESS: &[&str] = &[
        "<anonymous>",
        "(anonymous)",
        "(anonymous function)",
        "anonymous",
        "{anonymous}()",
        "global code",
        "module code",
        "eval code",
        "eval",
        "?",
        "",
    ];
    let mut name = name;
    if let Some((before, _)) = name.split_once(" [as ") {
        name = before;
    }
    if let Some((before, _)) = name.split_once(" (") {
        name = before;
    }
    while let Some(shorter) = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        name = shorter;
    }
    let name = name.split("/<").next().unwrap_or_default();
    if NAMELESS.contains(&name) {
        return String::new();
    }
    name.replace(".<anonymous>", "").replace("<computed>", "")
}

/// Bridges vanish with newer compilers; lambdas belong to the method they stand in.
fn java(name: &str) -> Option<String> {
    let name = name.split('(').next().unwrap_or_default();
    if name.starts_with("access$") {
        return None;
    }
    let name = name.strip_prefix("$anonfun$").unwrap_or(name);
    let name = match name.strip_prefix("lambda$") {
        Some(rest) => rest.split('$').next().unwrap_or_default(),
        None => name.split("$lambda").next().unwrap_or_default(),
    };
    let name = if name.is_empty() { "lambda" } else { name };
    Some(without_dollar_numbers(name))
}

/// `None` for the classes the runtime makes of lambdas: they are hidden in newer ones.
fn java_class(name: &str) -> Option<String> {
    const NUMBERED: &[&str] = &[
        "GeneratedMethodAccessor",
        "GeneratedConstructorAccessor",
        "GeneratedSerializationConstructorAccessor",
        "$Proxy",
    ];
    if name.contains("$$Lambda") {
        return None;
    }
    let name = name.rsplit('/').next().unwrap_or_default();
    let name = name.split(['<', '@']).next().unwrap_or_default();
    let name = name.split("$$").next().unwrap_or_default();
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if NUMBERED.iter().any(|known| bare.ends_with(known)) {
        return Some(bare.to_owned());
    }
    Some(without_dollar_numbers(name))
}

/// `Outer$1$Inner` is `Outer$Inner`.
fn without_dollar_numbers(name: &str) -> String {
    if !name.contains('$') {
        return name.to_owned();
    }
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let mut parts = name.split('$');
    let first = parts.next().unwrap_or_default();
    let mut made = first.to_owned();
    for part in parts.filter(|part| !is_number(part)) {
        made.push('$');
        made.push_str(part);
    }
    made
}

/// `<Load>d__12.MoveNext` is `Load`: the compiler's state machines and lambdas belong to the written method.
fn dotnet(name: &str) -> String {
    let name = name.split(['(', '[']).next().unwrap_or_default();
    let name = dotnet_class(name);
    let name = name.strip_suffix(".MoveNext").unwrap_or(&name);
    name.to_owned()
}

fn dotnet_class(name: &str) -> String {
    let name = name.split('[').next().unwrap_or_default();
    let mut made = String::with_capacity(name.len());
    for part in name.split_inclusive(['.', '+']) {
        let bare = part.trim_end_matches(['.', '+']);
        let separator = &part[bare.len()..];
        if bare.starts_with("<>c") {
            continue;
        }
        let written = match bare.strip_prefix('<').and_then(|bare| bare.split_once('>')) {
            Some((method, _)) => method,
            None => bare.split('`').next().unwrap_or_default(),
        };
        made.push_str(written);
        made.push_str(separator);
    }
    made.trim_end_matches(['.', '+']).to_owned()
}

fn go(name: &str) -> String {
    const NUMBERED: &[&str] = &["func", "gowrap", "deferwrap", ""];
    let name = name.strip_suffix("-fm").unwrap_or(name);
    let mut made = String::with_capacity(name.len());
    let mut depth = 0usize;
    for c in name.chars() {
        match c {
            '[' => depth += 1,
            ']' if depth > 0 => depth -= 1,
            _ if depth == 0 => made.push(c),
            _ => {}
        }
    }
    let is_numbered = |part: &str| {
        let word = part.trim_end_matches(|c: char| c.is_ascii_digit());
        word.len() < part.len() && NUMBERED.contains(&word)
    };
    while let Some((before, last)) = made.rsplit_once('.') {
        if !is_numbered(last) {
            break;
        }
        made.truncate(before.len());
    }
    made
}

fn ruby(name: &str) -> String {
    const PREFIXES: &[&str] = &["block in ", "rescue in ", "ensure in ", "else in "];
    let mut name = name;
    loop {
        let levels = name
            .strip_prefix("block (")
            .and_then(|rest| Some(rest.split_once(") in ")?.1));
        let shorter = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix));
        match levels.or(shorter) {
            Some(shorter) => name = shorter,
            None => return name.to_owned(),
        }
    }
}

/// PHP 8.4 names closures after their place, with the line in it.
fn php(name: &str) -> String {
    if let Some(place) = name
        .strip_prefix("{closure:")
        .and_then(|rest| rest.strip_suffix('}'))
    {
        let place = place.trim_end_matches(|c: char| c.is_ascii_digit() || c == ':');
        return php(place);
    }
    let name = name.split('(').next().unwrap_or_default();
    let Some((before, after)) = name.split_once("class@anonymous") else {
        return name.to_owned();
    };
    let method = after.rsplit_once("::").map_or("", |(_, method)| method);
    format!("{before}class@anonymous::{method}")
}

fn elixir(name: &str) -> String {
    let mut name = name;
    if let Some((_, place)) = name
        .strip_prefix("anonymous fn")
        .and_then(|rest| rest.split_once(" in "))
    {
        name = place;
    }
    match name
        .strip_prefix('-')
        .and_then(|name| name.split_once("-fun-"))
    {
        Some((place, _)) => place.to_owned(),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(language: Language, name: &str, expected: &str) {
        let made = function(language, name);
        assert_eq!(made.as_deref(), Some(expected), "{name}");
    }

    #[test]
    fn rust() {
        let check = |name, expected| check(Language::Native, name, expected);
        check("app::load::h0123456789abcdef", "app::load");
        check("app::load::{{closure}}::{{closure}}", "app::load");
        check("app::load::{closure#0}", "app::load");
        check("app::load::<alloc::string::String>", "app::load");
        check("app::Stack<T>::push", "app::Stack::push");
        check("<app::Foo as core::fmt::Display>::fmt", "app::Foo::fmt");
        check("<T as core::convert::Into<U>>::into", "T::into");
        check(
            "<alloc::boxed::Box<dyn FnOnce() -> i32> as core::ops::FnOnce<()>>::call_once",
            "alloc::boxed::Box::call_once",
        );
        check("<app::Foo>::bar", "app::Foo::bar");
        check(
            "<&dyn app::Run<u8> + core::marker::Sync as app::Go>::go",
            "app::Run::go",
        );
        check("at /rustc/1a2b/library/std/src/panicking.rs:581:40", "");
        check("<[T] as app::Ext>::first", "[]::first");
        check(
            "app::fmt::<impl core::fmt::Display for app::Foo<T>>::fmt",
            "app::Foo::fmt",
        );
        check("app[1a2b3c4d5e6f7a8b]::load", "app::load");
        check(
            "core::ops::function::FnOnce::call_once{{vtable.shim}}",
            "core::ops::function::FnOnce::call_once",
        );
        check("app::f::{shim:vtable#0}", "app::f");
        check("app::{impl#3}::run", "app::run");
    }

    #[test]
    fn cpp() {
        let check = |name, expected| check(Language::Native, name, expected);
        check("ns::foo<int>(int, char const*) const", "ns::foo");
        check("void ns::foo<int>(int)", "ns::foo");
        check("foo(int) [clone .cold]", "foo");
        check("foo.isra.0", "foo");
        check("foo.constprop.0.part.1", "foo");
        check("(anonymous namespace)::foo(int)", "foo");
        check("ns::(anonymous namespace)::foo()", "ns::foo");
        check("std::operator<< <char>(std::ostream&)", "std::operator<<");
        check("Foo::operator()(int) const", "Foo::operator()");
        check("Foo::operator bool() const", "Foo::operator bool");
        check("foo(int)::{lambda(int)#2}::operator()(int) const", "foo");
        check("foo()::$_3::operator()() const", "foo");
        check("foo()::'lambda0'(int)::operator()(int) const", "foo");
        check(
            "std::vector<int, std::allocator<int> >::at(unsigned long)",
            "std::vector::at",
        );
        check("__GI_memcpy", "memcpy");
        check("memcpy@plt", "memcpy");
        check("do_sys_open+0x1f/0x40", "do_sys_open");
        check("main + 52", "main");
        check("0x7f001234", "");
        check("sub_140001a30", "");
        check("<unknown>", "");
        check("closure #1 in closure #2 in App.run(x: Int)", "App.run");
        check("-[Foo bar:]", "-[Foo bar:]");
    }

    #[test]
    fn python_names() {
        check(Language::Python, "f.<locals>.g", "f.g");
        check(Language::Python, "<lambda_3>", "<lambda>");
        check(Language::Python, "sub_feed", "sub_feed");
        check(Language::Python, "f.<locals>.<listcomp>", "f");
        assert_eq!(function(Language::Python, "<listcomp>"), None);
    }

    #[test]
    fn javascript_names() {
        let check = |name, expected| check(Language::JavaScript, name, expected);
        check("Object.load", "load");
        check("async load", "load");
        check("Object.<anonymous>", "");
        check("Foo.bar [as baz]", "Foo.bar");
        check("async Promise.all (index 0)", "Promise.all");
        check("new Foo", "Foo");
        check("load/<", "load");
        check("Foo.<anonymous>", "Foo");
    }

    #[test]
    fn java_names() {
        check(Language::Java, "lambda$load$12", "load");
        check(Language::Java, "load$lambda$3", "load");
        check(Language::Java, "load$lambda-3", "load");
        check(Language::Java, "<init>", "<init>");
        assert_eq!(function(Language::Java, "access$000"), None);
        assert_eq!(java_class("a.B$1$C$2").as_deref(), Some("a.B$C"));
        assert_eq!(java_class("a.B$$Lambda$14/0x000000084006"), None);
        assert_eq!(
            java_class("a.B$$EnhancerBySpringCGLIB$$1a2b").as_deref(),
            Some("a.B")
        );
        assert_eq!(
            java_class("java.base/jdk.internal.reflect.GeneratedMethodAccessor17").as_deref(),
            Some("jdk.internal.reflect.GeneratedMethodAccessor")
        );
    }

    #[test]
    fn names_of_other_languages() {
        check(Language::Go, "(*Server).Handle.func1.2", "(*Server).Handle");
        check(Language::Go, "Map[...].Get", "Map.Get");
        check(Language::Ruby, "block (2 levels) in load", "load");
        check(Language::Ruby, "rescue in block in load", "load");
        check(
            Language::Php,
            "{closure:App\\Foo::bar():12}",
            "App\\Foo::bar",
        );
        check(
            Language::Php,
            "class@anonymous\0/srv/a.php:3$0::run",
            "class@anonymous::run",
        );
        check(Language::Elixir, "anonymous fn/1 in A.b/2", "A.b/2");
        check(Language::Elixir, "-b/2-fun-0-", "b/2");
        assert_eq!(dotnet_class("App.Foo+<Load>d__12"), "App.Foo+Load");
        assert_eq!(dotnet_class("App.Foo+<>c__DisplayClass5_0"), "App.Foo");
        check(Language::DotNet, "<Load>b__0", "Load");
    }

    #[test]
    fn types() {
        let check = |name, expected: &str| assert_eq!(type_name(Language::Native, name), expected);
        check("app::Error<alloc::string::String>", "app::Error");
        check("panic", "panic");
        check("SIGSEGV at 0x7fff1234", "SIGSEGV at");
        check("<unknown>", "<unknown>");
        assert_eq!(type_name(Language::Java, "a.B$1"), "a.B");
    }

    #[test]
    fn files_of_bundlers() {
        assert_eq!(
            file_name("https://a.example/js/main.3f2a9c1b.js?v=2"),
            "js/main.js"
        );
        assert_eq!(file_name("chunk-1A2B3C4D.js"), "chunk.js");
        assert_eq!(file_name("C:\\app\\x.js"), "x.js");
        assert_eq!(file_name("/srv/shop/models.py"), "shop/models.py");
        assert_eq!(file_name("/srv/2026-11/models.py"), "models.py");
        assert_eq!(file_name("payments1.py"), "payments1.py");
        assert_eq!(file_name("order-payments1.js"), "order-payments1.js");
        assert_eq!(file_name("index-BfG3kd9a.js"), "index.js");
        assert_eq!(file_name("<anonymous>"), "");
    }

    #[test]
    fn hostile_names_end() {
        for piece in [
            "<", "<T as ", "(", "{", "operator", "::<", "[", "'lambda", "$_", "é", ">",
        ] {
            for language in [
                Language::Native,
                Language::Go,
                Language::Php,
                Language::Java,
            ] {
                function(language, &piece.repeat(3000));
                type_name(language, &piece.repeat(3000));
            }
        }
    }
}
