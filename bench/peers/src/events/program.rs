//! A program that does not exist: its words, modules, functions, source lines and the call stacks of its failures.
//!
//! Enters: a seed. Leaves: names that are the same whenever they are asked for.
//!
//! Never: keeps more than the vocabulary: a stack is made anew each time, so that a benchmark's memory is the vault's.

use std::collections::HashSet;
use std::fmt::Write;

use super::random::{Random, Zipf};

/// Words of the vocabulary; the first ones are the common ones.
pub const WORDS: usize = 3000;
/// Modules of the program itself and of the libraries it uses, and functions in each.
const OWN_MODULES: u64 = 600;
const LIBRARY_MODULES: u64 = 240;
const FUNCTIONS: u64 = 12;
/// Chains of library calls by which everything begins.
const ENTRIES: u64 = 12;
const FRAMES_MIN: u64 = 25;
const FRAMES_MAX: u64 = 40;
/// Innermost own frames that carry their source.
const FRAMES_WITH_SOURCE: usize = 3;
const SOURCE_LINES: u64 = 2;
/// How many of a hundred releases move the lines of a module.
const MOVED_OWN_PERCENT: u64 = 3;
const MOVED_LIBRARY_PERCENT: u64 = 1;

const VERBS: [&str; 40] = [
    "parse", "load", "fetch", "store", "render", "validate", "encode", "decode", "resolve",
    "apply", "build", "check", "close", "commit", "compute", "connect", "convert", "create",
    "delete", "dispatch", "execute", "expand", "filter", "find", "flush", "format", "handle",
    "import", "index", "init", "join", "lock", "merge", "notify", "open", "pack", "query", "read",
    "retry", "update",
];

/// What a name is made for; the first part of each row of random numbers.
#[derive(Clone, Copy)]
enum Row {
    Word,
    Module,
    Function,
    Moved,
    Source,
    Stack,
    Entry,
    Call,
}

/// Which notation the names have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Python,
    JavaScript,
}

impl Language {
    /// Three of five programs are Python.
    pub fn of_variant(variant: u64) -> Language {
        match variant % 5 {
            0..3 => Language::Python,
            _ => Language::JavaScript,
        }
    }

    /// As an event's `platform` says it.
    pub fn platform(self) -> &'static str {
        match self {
            Language::Python => "python",
            Language::JavaScript => "node",
        }
    }

    fn function(self, verb: &str, nouns: &[&str]) -> String {
        match self {
            Language::Python => format!("{verb}_{}", nouns.join("_")),
            Language::JavaScript => format!("{verb}{}", camel(nouns)),
        }
    }

    fn module(self, path: &str) -> String {
        match self {
            Language::Python => path.replace('/', "."),
            Language::JavaScript => path.to_owned(),
        }
    }

    fn file(self, path: &str) -> String {
        match self {
            Language::Python => format!("{path}.py"),
            Language::JavaScript => format!("{path}.ts"),
        }
    }

    fn root(self, is_own: bool) -> &'static str {
        match (self, is_own) {
            (Language::Python, true) => "/srv/app/current/",
            (Language::Python, false) => "/srv/app/venv/lib/python3.13/site-packages/",
            (Language::JavaScript, true) => "/usr/src/app/src/",
            (Language::JavaScript, false) => "/usr/src/app/node_modules/",
        }
    }
}

/// `["locked", "invoice"]` → `LockedInvoice`.
pub fn camel(words: &[&str]) -> String {
    let mut name = String::new();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

/// The program.
pub struct Program {
    seed: u64,
    words: Vec<String>,
    ranks: Zipf,
}

/// A place in it.
#[derive(Clone, Copy)]
struct Place {
    is_own: bool,
    module: u64,
    function: u64,
}

impl Program {
    pub fn new(seed: u64) -> Program {
        Program {
            seed,
            words: vocabulary(seed),
            ranks: Zipf::new(WORDS, 1.0),
        }
    }

    /// A word as often as people use it.
    pub fn word(&self, random: &mut Random) -> &str {
        &self.words[self.ranks.rank(random)]
    }

    /// Any word, the rare ones as often as the others.
    pub fn any_word(&self, random: &mut Random) -> &str {
        random.pick::<String>(&self.words)
    }

    pub fn verb(&self, random: &mut Random) -> &'static str {
        random.pick::<&str>(&VERBS)
    }

    /// The module that a variant's exception is defined in.
    pub fn exception_module(&self, variant: u64) -> String {
        let module = self.random(Row::Stack, &[variant, 1]).below(OWN_MODULES);
        let path = self.module_path(true, module);
        Language::of_variant(variant).module(&path)
    }

    /// The frames of a variant as JSON, outermost first, with the lines of a release.
    pub fn frames(&self, variant: u64, release: u64, out: &mut String) {
        let language = Language::of_variant(variant);
        let places = self.stack(variant);
        let mut own_after = places.iter().filter(|place| place.is_own).count();
        out.push('[');
        for (depth, place) in places.into_iter().enumerate() {
            own_after -= usize::from(place.is_own);
            let has_source = place.is_own && own_after < FRAMES_WITH_SOURCE;
            if depth > 0 {
                out.push(',');
            }
            self.frame(language, place, variant, release, has_source, out);
        }
        out.push(']');
    }

    fn random(&self, row: Row, parts: &[u64]) -> Random {
        let seed = Random::of(self.seed, &[row as u64]).number();
        Random::of(seed, parts)
    }

    /// Library calls that a request begins with, then runs of the program's own and of libraries in turn.
    fn stack(&self, variant: u64) -> Vec<Place> {
        let mut random = self.random(Row::Stack, &[variant]);
        let frames = random.between(FRAMES_MIN, FRAMES_MAX) as usize;
        let mut places = self.entry(random.below(ENTRIES));
        let mut is_own = true;
        while places.len() < frames {
            let run = random.between(3, 7) as usize;
            self.run(
                is_own,
                run.min(frames - places.len()),
                &mut random,
                &mut places,
            );
            is_own = !is_own;
        }
        places
    }

    fn entry(&self, entry: u64) -> Vec<Place> {
        let mut random = self.random(Row::Entry, &[entry]);
        let mut places = Vec::new();
        self.run(
            false,
            random.between(7, 12) as usize,
            &mut random,
            &mut places,
        );
        places
    }

    /// Calls one after the other; a third of them stay in their module.
    fn run(&self, is_own: bool, length: usize, random: &mut Random, places: &mut Vec<Place>) {
        let mut module = None;
        for _ in 0..length {
            let mut place = self.call(is_own, random);
            if let Some(module) = module
                && random.chance(33)
            {
                place.module = module;
            }
            module = Some(place.module);
            places.push(place);
        }
    }

    /// Every function may be called; a tenth of them is called in a third of all cases.
    fn call(&self, is_own: bool, random: &mut Random) -> Place {
        let modules = if is_own { OWN_MODULES } else { LIBRARY_MODULES };
        let modules = if random.chance(33) {
            modules / 10
        } else {
            modules
        };
        Place {
            is_own,
            module: random.below(modules),
            function: random.below(FUNCTIONS),
        }
    }

    fn module_path(&self, is_own: bool, module: u64) -> String {
        let mut random = self.random(Row::Module, &[u64::from(is_own), module]);
        // Modules lie together in some dozens of packages.
        let package = module % if is_own { 24 } else { 40 };
        let mut packages = self.random(Row::Module, &[2 + u64::from(is_own), package]);
        let package = self.any_word(&mut packages);
        format!("{package}/{}", self.any_word(&mut random))
    }

    fn frame(
        &self,
        language: Language,
        place: Place,
        variant: u64,
        release: u64,
        has_source: bool,
        out: &mut String,
    ) {
        let Place {
            is_own,
            module,
            function,
        } = place;
        let path = self.module_path(is_own, module);
        let file = language.file(&path);
        let mut random = self.random(Row::Function, &[u64::from(is_own), module, function]);
        let verb = self.verb(&mut random);
        let mut nouns = vec![self.any_word(&mut random)];
        if random.chance(40) {
            nouns.push(self.any_word(&mut random));
        }
        let begin = random.between(1, 40) + function * 60;
        let line = begin
            + self
                .random(Row::Call, &[variant, module, function])
                .below(30);
        let shown = line + 7 * self.moves(place, release);
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            r#"{{"function":"{}","module":"{}","filename":"{file}","abs_path":"{}{file}","lineno":{shown},"in_app":{is_own}"#,
            language.function(verb, &nouns),
            language.module(&path),
            language.root(is_own),
        );
        if has_source {
            self.source(place, line, out);
        }
        out.push('}');
    }

    /// How many releases up to this one have moved the lines of a module.
    fn moves(&self, place: Place, release: u64) -> u64 {
        let percent = if place.is_own {
            MOVED_OWN_PERCENT
        } else {
            MOVED_LIBRARY_PERCENT
        };
        let parts = |release| [u64::from(place.is_own), place.module, release];
        let has_moved = |release: &u64| self.random(Row::Moved, &parts(*release)).chance(percent);
        (1..=release).filter(has_moved).count() as u64
    }

    fn source(&self, place: Place, line: u64, out: &mut String) {
        let list = |from: u64, out: &mut String| {
            for number in from..from + SOURCE_LINES {
                out.push_str(if number > from { "," } else { "" });
                self.source_line(place, number, out);
            }
        };
        out.push_str(r#","pre_context":["#);
        list(line.saturating_sub(SOURCE_LINES), out);
        out.push_str(r#"],"context_line":"#);
        self.source_line(place, line, out);
        out.push_str(r#","post_context":["#);
        list(line + 1, out);
        out.push(']');
    }

    fn source_line(&self, place: Place, line: u64, out: &mut String) {
        let mut random = self.random(Row::Source, &[place.module, line]);
        let indent = " ".repeat(4 * random.between(1, 3) as usize);
        let name = self.any_word(&mut random);
        let verb = self.verb(&mut random);
        let argument = self.word(&mut random);
        let _ = match random.below(4) {
            0 => write!(out, r#""{indent}if not {name}.{verb}({argument}):""#),
            1 => write!(
                out,
                r#""{indent}return self.{verb}_{name}({argument}.{})""#,
                self.word(&mut random)
            ),
            2 => write!(
                out,
                r#""{indent}{name}[{}] = {argument} + 1""#,
                random.below(64)
            ),
            _ => write!(
                out,
                r#""{indent}{name} = {verb}({argument}, {}={})""#,
                self.word(&mut random),
                random.below(1000)
            ),
        };
    }
}

/// Words of two syllables, a quarter of them of three, each once.
fn vocabulary(seed: u64) -> Vec<String> {
    const BEGINS: [&str; 24] = [
        "b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "v", "br", "cl", "dr",
        "gr", "pl", "pr", "sh", "st", "th", "tr",
    ];
    const VOWELS: [&str; 9] = ["a", "e", "i", "o", "u", "ai", "ea", "ou", "io"];
    const ENDS: [&str; 16] = [
        "", "", "", "", "", "", "", "n", "r", "t", "l", "s", "nd", "rk", "m", "ck",
    ];
    let mut random = Random::of(seed, &[Row::Word as u64]);
    let mut seen = HashSet::new();
    let mut words = Vec::with_capacity(WORDS);
    while words.len() < WORDS {
        let mut word = String::new();
        let syllables = if random.chance(25) { 3 } else { 2 };
        for _ in 0..syllables {
            for part in [
                random.pick(&BEGINS),
                random.pick(&VOWELS),
                random.pick(&ENDS),
            ] {
                word.push_str(part);
            }
        }
        if seen.insert(word.clone()) {
            words.push(word);
        }
    }
    words
}
