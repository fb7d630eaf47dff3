//! Enters: names and paths as a compiler wrote them. Leaves: what a person reads, and the parts that rules ask for.
//!
//! Never: fails; what it does not understand stays as it was.

use super::binary::RawCall;
use crate::event::limits::cut;

/// A demangled name or a path, in bytes; generic code can have names of megabytes.
const NAME_BYTES_MAX: usize = 2048;

/// The function of a call as a path, demangled and without its hash.
///
/// Where the binary has line tables only, a function is but a bare name such as `new<u8>`. Then the symbol tells the path of
/// the outermost call, and the file's place in its package that of an inlined one (`core::option::unwrap`: all but its type).
///
/// `outer` is the outermost call at the same address, whose symbol may be the only one to know the crate.
pub(super) fn function(call: &RawCall, outer: &RawCall) -> Option<String> {
    let raw = call.function.as_deref()?;
    let text = path_of(call)
        .or_else(|| qualified(raw, call, outer))
        .unwrap_or_else(|| raw.to_owned());
    Some(cut(&text, NAME_BYTES_MAX).into_owned())
}

/// The function's path by its own or its covering symbol.
fn path_of(call: &RawCall) -> Option<String> {
    let raw = call.function.as_deref()?;
    demangled(raw).or_else(|| symbol_of(raw, call.symbol.as_deref()?))
}

/// Whether a name is a mangled Rust symbol.
pub(super) fn is_mangled(name: &str) -> bool {
    rustc_demangle::try_demangle(name).is_ok()
}

fn demangled(symbol: &str) -> Option<String> {
    let name = rustc_demangle::try_demangle(symbol).ok()?;
    Some(format!("{name:#}"))
}

/// The symbol's path if it is the same function: where the linker folded equal functions into one, it may be another.
fn symbol_of(bare: &str, symbol: &str) -> Option<String> {
    if bare == symbol {
        return Some(symbol.to_owned());
    }
    let path = demangled(symbol)?;
    let bare = without_generics(bare);
    let parts = Parts::of(&path);
    let last = parts.path.rsplit("::").next().unwrap_or_default();
    let both_closures = bare.starts_with('{') && last.starts_with('{');
    (bare == last || both_closures).then_some(path)
}

/// The bare name of a Rust function below its crate and the module its file is.
fn qualified(bare: &str, call: &RawCall, outer: &RawCall) -> Option<String> {
    let file = call.file.as_deref()?;
    let (root, unit) = call.unit.as_deref()?.rsplit_once("/@/")?;
    let module = own_module(file, root, call.compile_dir.as_deref(), || {
        // Incremental builds name their units by a bare hash.
        let named = unit.split_once('.').map(|(krate, _hash)| krate.to_owned());
        named.or_else(|| crate_of(outer))
    });
    let module = module.or_else(|| module_in_package(file))?;
    Some(format!("{module}::{}", without_generics(bare)))
}

/// The module of a file that lies beside or below the root file of the crate that was being compiled.
fn own_module(
    file: &str,
    root: &str,
    compile_dir: Option<&str>,
    krate: impl FnOnce() -> Option<String>,
) -> Option<String> {
    let root = match (root.starts_with('/'), compile_dir) {
        (false, Some(dir)) => format!("{}/{root}", dir.trim_end_matches('/')),
        _ => root.to_owned(),
    };
    if file == root {
        return krate();
    }
    let (root_dir, _) = root.rsplit_once('/')?;
    let inside = below(file, root_dir).filter(|inside| !inside.contains("/src/"))?;
    Some(join_module(&krate()?, inside))
}

/// The crate of a function that was compiled in its own crate, not instantiated in another's.
fn crate_of(call: &RawCall) -> Option<String> {
    const STANDARD: [&str; 3] = ["std", "core", "alloc"];
    below(call.file.as_deref()?, call.compile_dir.as_deref()?)?;
    let parts = Parts::of(&path_of(call)?);
    [&parts.path, &parts.of_trait]
        .into_iter()
        .filter_map(|path| path.split_once("::"))
        .map(|(krate, _)| krate)
        .find(|krate| !STANDARD.contains(krate))
        .map(str::to_owned)
}

/// The module of a file by the folder of its package: `serde-1.0.200/src/de/mod.rs` is `serde::de`.
fn module_in_package(file: &str) -> Option<String> {
    let (package_dir, inside) = file.rsplit_once("/src/")?;
    let folder = package_dir.rsplit('/').next()?;
    let version = folder
        .match_indices('-')
        .find(|(at, _)| folder[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    let package = version.map_or(folder, |(at, _)| &folder[..at]);
    Some(join_module(&package.replace('-', "_"), inside))
}

fn join_module(krate: &str, inside: &str) -> String {
    let inside = inside.strip_suffix(".rs").unwrap_or(inside);
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    match inside {
        "lib" | "main" | "mod" => krate.to_owned(),
        _ => format!("{krate}::{}", inside.replace('/', "::")),
    }
}

/// The parts of a function's name, without generic arguments.
///
/// `<alloc::vec::Vec<T> as core::ops::index::Index<I>>::index` has path `alloc::vec::Vec::index` and trait
/// `core::ops::index::Index`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// The function's path; for a method of a type, that of the type and the method's name.
    pub path: String,
    /// The trait whose method it is; empty if of none.
    pub of_trait: String,
}

impl Parts {
    pub fn of(function: &str) -> Self {
        let Some((inner, rest)) = function.strip_prefix('<').and_then(split_bracket) else {
            return Self {
                path: without_generics(function),
                of_trait: String::new(),
            };
        };
        let (ty, of_trait) = split_as(inner);
        let mut path = without_generics(bare_type(ty));
        path.push_str(&without_generics(rest));
        Self {
            path,
            of_trait: without_generics(of_trait),
        }
    }
}

/// Splits after the bracket that closes the one before `text`: its inside, and what follows it.
fn split_bracket(text: &str) -> Option<(&str, &str)> {
    let mut depth = 1_usize;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' => depth += 1,
            // The arrow of `fn() -> T` closes nothing.
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
    }
    None
}

/// Splits `T as Trait` at the ` as ` that is in no bracket; the trait is empty if there is none.
fn split_as(text: &str) -> (&str, &str) {
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' | b'(' | b'[' => depth += 1,
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' | b')' | b']' => depth = depth.saturating_sub(1),
            b' ' if depth == 0 && bytes[at..].starts_with(b" as ") => {
                return (&text[..at], &text[at + 4..]);
            }
            _ => {}
        }
    }
    (text, "")
}

/// The type behind references, pointers, brackets of slices and tuples, and `dyn`.
fn bare_type(mut ty: &str) -> &str {
    const BEFORE: [&str; 8] = ["&", "*const ", "*mut ", "mut ", "dyn ", "<", "[", "("];
    while let Some(rest) = BEFORE.iter().find_map(|before| ty.strip_prefix(before)) {
        ty = rest;
    }
    // The part behind a leading bracket keeps its closing one, which no rule looks at.
    ty
}

/// The path without what stands in angle brackets.
fn without_generics(text: &str) -> String {
    let mut path = String::with_capacity(text.len());
    let mut depth = 0_usize;
    let mut before = '\0';
    for c in text.chars() {
        match c {
            '<' => depth += 1,
            '>' if before == '-' => {}
            '>' => depth = depth.saturating_sub(1),
            // `Vec::<T>::push` leaves `Vec::::push`.
            ':' if depth == 0 && path.ends_with("::") => {}
            c if depth == 0 => path.push(c),
            _ => {}
        }
        before = c;
    }
    let end = path.trim_end_matches("::").len();
    path.truncate(end);
    path
}

/// The path as the program's author would name it.
///
/// Below the compile directory: relative to it. The standard library: `library/…`. A dependency: `<crate>-<version>/…`.
pub(super) fn readable_path(path: &str, compile_dir: Option<&str>) -> String {
    let short = of_toolchain(path)
        .or_else(|| of_registry(path))
        .or_else(|| of_checkout(path))
        .or_else(|| below(path, compile_dir?))
        .unwrap_or(path);
    cut(short, NAME_BYTES_MAX).into_owned()
}

fn of_toolchain(path: &str) -> Option<&str> {
    if let Some(rest) = path.strip_prefix("/rustc/") {
        return rest.split_once('/').map(|(_hash, rest)| rest);
    }
    path.strip_prefix("/rust/deps/")
        .or_else(|| after(path, "/lib/rustlib/src/rust/"))
}

fn of_registry(path: &str) -> Option<&str> {
    let (_index, rest) = after(path, "cargo/registry/src/")?.split_once('/')?;
    Some(rest)
}

/// `…/.cargo/git/checkouts/<repository>-<hash>/<revision>/src/x.rs` becomes `<revision>/src/x.rs`; the revision says which.
fn of_checkout(path: &str) -> Option<&str> {
    let (_repository, rest) = after(path, "cargo/git/checkouts/")?.split_once('/')?;
    Some(rest)
}

fn below<'a>(path: &'a str, dir: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(dir.trim_end_matches('/'))?;
    let rest = rest.strip_prefix('/')?;
    (!dir.trim_matches('/').is_empty() && !rest.is_empty()).then_some(rest)
}

fn after<'a>(path: &'a str, part: &str) -> Option<&'a str> {
    path.split_once(part).map(|(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_parts(function: &str, path: &str, of_trait: &str) {
        let expected = Parts {
            path: path.into(),
            of_trait: of_trait.into(),
        };
        assert_eq!(Parts::of(function), expected, "{function}");
    }

    #[test]
    fn a_plain_path_stays() {
        check_parts("shop::cart::total", "shop::cart::total", "");
    }

    #[test]
    fn generic_arguments_go() {
        check_parts("shop::map::<u8, fn(i32) -> u8>", "shop::map", "");
        check_parts("<shop::Cart<T>>::add::<U>", "shop::Cart::add", "");
        check_parts(
            "core::option::Option<T>::unwrap",
            "core::option::Option::unwrap",
            "",
        );
    }

    #[test]
    fn a_trait_is_told_apart_from_the_type() {
        check_parts(
            "<alloc::vec::Vec<<A as b::C>::D> as core::ops::index::Index<usize>>::index",
            "alloc::vec::Vec::index",
            "core::ops::index::Index",
        );
        check_parts(
            "<&dyn shop::Shelf as core::fmt::Debug>::fmt",
            "shop::Shelf::fmt",
            "core::fmt::Debug",
        );
    }

    #[test]
    fn unbalanced_brackets_end() {
        check_parts("<<<", "", "");
        check_parts(">>a<b", "a", "");
        check_parts("", "", "");
    }

    fn check_demangled(name: &str, expected: &str) {
        check_call(name, "", "", "", expected);
    }

    #[test]
    fn legacy_symbols_lose_their_hash() {
        check_demangled(
            "_ZN4shop4cart5total17h0123456789abcdefE",
            "shop::cart::total",
        );
    }

    #[test]
    fn v0_symbols_lose_their_hash() {
        check_demangled("_RNvNtCs1234_4shop4cart5total", "shop::cart::total");
    }

    #[test]
    fn other_symbols_stay() {
        check_demangled("_ZN3fooEv", "_ZN3fooEv");
        check_demangled("main", "main");
    }

    /// Compiled in `/home/a/shop`; empty texts stand for what is not known.
    fn check_call(bare: &str, symbol: &str, file: &str, unit: &str, expected: &str) {
        let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let call = RawCall {
            function: known(bare),
            symbol: known(symbol),
            file: known(file),
            unit: known(unit),
            compile_dir: known("/home/a/shop"),
            ..RawCall::default()
        };
        assert_eq!(
            function(&call, &RawCall::default()).as_deref(),
            Some(expected)
        );
    }

    const UNIT: &str = "src/main.rs/@/shop.867b5c192e01640d-cgu.0";

    #[test]
    fn a_bare_name_takes_the_path_of_its_symbol() {
        let symbol =
            "_ZN55_$LT$shop..cart..Cart$u20$as$u20$core..fmt..Display$GT$3fmt17h21460f1015b742d4E";
        let file = "/home/a/shop/src/cart.rs";
        check_call(
            "fmt",
            symbol,
            file,
            UNIT,
            "<shop::cart::Cart as core::fmt::Display>::fmt",
        );
        check_call("other<u8>", symbol, file, UNIT, "shop::cart::other");
        check_call("shop_total", "shop_total", file, UNIT, "shop_total");
        check_call(
            "{closure#0}<()>",
            "_ZN4shop4cart5total28_$u7b$$u7b$closure$u7d$$u7d$17h21460f1015b742d4E",
            file,
            UNIT,
            "shop::cart::total::{{closure}}",
        );
    }

    #[test]
    fn a_bare_inlined_name_takes_the_path_of_its_file() {
        let check = |file: &str, expected: &str| check_call("new<u8>", "", file, UNIT, expected);
        check("/home/a/shop/src/main.rs", "shop::new");
        check("/home/a/shop/src/cart.rs", "shop::cart::new");
        check("/home/a/shop/src/cart/mod.rs", "shop::cart::new");
        check("/home/a/shelf-rack/src/lib.rs", "shelf_rack::new");
        check("/home/a/shop/shelf/src/row.rs", "shelf::row::new");
        check(
            "/rustc/5980/library/core/src/option.rs",
            "core::option::new",
        );
        check(
            "/home/a/.cargo/registry/src/x/serde-core-1.0.2/src/de/mod.rs",
            "serde_core::de::new",
        );
        check("/home/a/x.rs", "new<u8>");
    }

    #[test]
    fn names_of_other_languages_stay() {
        check_call(
            "total",
            "",
            "/home/a/shop/src/total.c",
            "src/total.c",
            "total",
        );
    }

    fn check_path(path: &str, compile_dir: &str, expected: &str) {
        assert_eq!(readable_path(path, Some(compile_dir)), expected);
    }

    #[test]
    fn own_files_are_relative_to_the_compile_directory() {
        check_path("/home/a/shop/src/main.rs", "/home/a/shop", "src/main.rs");
        check_path("/home/a/shop/src/main.rs", "/home/a/shop/", "src/main.rs");
    }

    #[test]
    fn only_whole_directories_are_stripped() {
        check_path("/home/a/shop2/x.rs", "/home/a/shop", "/home/a/shop2/x.rs");
        check_path("/x.rs", "/", "/x.rs");
        check_path("/x.rs", "", "/x.rs");
    }

    #[test]
    fn the_standard_library_starts_at_library() {
        check_path(
            "/rustc/59807616e/library/std/src/panicking.rs",
            "/rustc/59807616e",
            "library/std/src/panicking.rs",
        );
        check_path(
            "/home/a/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/ptr/mod.rs",
            "/home/a/shop",
            "library/core/src/ptr/mod.rs",
        );
        check_path(
            "/rust/deps/hashbrown-0.15.2/src/map.rs",
            "/",
            "hashbrown-0.15.2/src/map.rs",
        );
    }

    #[test]
    fn a_dependency_starts_with_its_name_and_version() {
        let dir = "/home/a/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/serde-1.0.200";
        check_path(
            &format!("{dir}/src/lib.rs"),
            dir,
            "serde-1.0.200/src/lib.rs",
        );
        check_path(
            "/home/a/.cargo/git/checkouts/shelf-0a1b2c3d/89abcde/src/lib.rs",
            "/home/a/shop",
            "89abcde/src/lib.rs",
        );
    }
}
