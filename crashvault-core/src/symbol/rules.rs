//! Enters: a resolved function, its file and its binary. Leaves: whether it is the program's own, and whether it is
//! only there because a failure was being captured.
//!
//! Never: looks at anything but names; the tables are the rules.

use super::name::Parts;
use crate::language::{InAppRules, below};

/// Roots of files that came with the toolchain or the system. `/usr/src` as a whole is not among them: the official
/// Rust images tell people to build their programs there.
const FOREIGN_ROOTS: &[&str] = &[
    "/rustc/",
    "/rust/deps/",
    "/usr/include/",
    "/usr/src/debug/",
    "/usr/src/linux",
];

/// Parts of paths of dependencies and toolchains, wherever the home directory lies.
const FOREIGN_PATHS: &[&str] = &[
    "/.cargo/registry/",
    "/.cargo/git/",
    "/cargo/registry/",
    "/cargo/git/",
    "/.rustup/",
    "/rustup/toolchains/",
];

/// Where the system keeps its libraries; programs below them (`/usr/lib/shop/shop`) are not the system's.
const SYSTEM_LIBRARY_ROOTS: &[&str] = &[
    "/lib/",
    "/lib32/",
    "/lib64/",
    "/usr/lib/",
    "/usr/lib32/",
    "/usr/lib64/",
];

/// Paths of functions and types that come with the language.
const STANDARD_ROOTS: &[&str] = &["std::", "core::", "alloc::", "__rustc::"];

/// Starts of symbols of the language's and the system's own start-up code.
const FOREIGN_SYMBOL_STARTS: &[&str] = &["__rust", "__libc_start"];

/// Whole symbols of the same.
const FOREIGN_SYMBOLS: &[&str] = &[
    "_start",
    "rust_begin_unwind",
    "rust_eh_personality",
    "rust_panic",
    "start_thread",
    "clone",
    "clone3",
    "__clone",
    "__clone3",
];

/// The engine's path, and the folder its files lie in wherever it was built. Both are asked, because a program may itself be
/// named crashvault.
const ENGINE_ROOTS: &[&str] = &["crashvault::", "crashvault_core::"];
const ENGINE_FOLDER: &str = "crashvault-core";

/// Paths, without types, of what runs between a failing line and the capture.
const MACHINERY: &[&str] = &[
    "backtrace::backtrace::",
    "backtrace::capture::",
    "framehop::",
    "alloc::boxed::call",
    "core::ops::function::",
    // What takes a stack where an error comes to be.
    "anyhow::",
    "eyre::",
    "std::backtrace::",
    "std::backtrace_rs::",
    "std::panicking::",
    "core::panicking::",
    "std::panic::",
    "__rustc::rust_begin_unwind",
    "__rustc::rust_panic",
    // The capture walks the stack inside a thread's own buffer.
    "std::thread::local::",
    "std::sys::backtrace::__rust_end_short_backtrace",
    "std::sys_common::backtrace::__rust_end_short_backtrace",
    "core::option::unwrap_failed",
    "core::option::expect_failed",
    "core::result::unwrap_failed",
    "core::cell::panic_already",
    "core::slice::index::slice_",
    "core::slice::copy_from_slice_impl::len_mismatch_fail",
    "core::str::slice_error_fail",
    "alloc::raw_vec::capacity_overflow",
    "std::alloc::rust_oom",
    "std::alloc::default_alloc_error_hook",
    "std::alloc::handle_alloc_error",
    "alloc::alloc::handle_alloc_error",
    "alloc::raw_vec::handle_error",
    "std::process::abort",
    "std::sys::abort_internal",
    "std::sys::pal::unix::abort_internal",
    "__rustc::__rust_alloc_error_handler",
    "__rustc::__rdl_oom",
];

/// The same as whole symbols: as starts they would take a program named `rust_panic`.
const MACHINERY_SYMBOLS: &[&str] = &["rust_begin_unwind", "rust_panic", "rust_panic_with_hook"];

/// Functions of the system's libraries, and of no others, that end the program for their callers.
const ABORTING: &[&str] = &[
    "__pthread_kill_implementation",
    "__pthread_kill_internal",
    "pthread_kill",
    "__pthread_kill",
    "gsignal",
    "raise",
    "__GI_raise",
    "abort",
    "__GI_abort",
    "__assert_fail",
    "__GI___assert_fail",
    "__assert_fail_base",
    "__assert_fail_base.cold",
    "__assert_perror_fail",
    "__libc_message",
    "__libc_message_impl",
    "__libc_fatal",
    "malloc_printerr",
    "__fortify_fail",
    "__fortify_fail_abort",
    "__chk_fail",
    "__stack_chk_fail",
];

/// Functions of the system's libraries that end the program where their caller broke the heap.
const BLAMING_ALLOCATION: &[&str] = &[
    "free",
    "cfree",
    "__libc_free",
    "_int_free",
    "_int_free_chunk",
    "_int_free_merge_chunk",
    "tcache_double_free_verify",
    "unlink_chunk",
    "unlink_chunk.isra.0",
    "malloc",
    "__libc_malloc",
    "_int_malloc",
    "realloc",
    "__libc_realloc",
    "_int_realloc",
    "calloc",
    "__libc_calloc",
    "sysmalloc",
];

/// What the table above would take although user code runs inside it.
const NOT_MACHINERY: &[&str] = &[
    "std::panicking::try",
    "std::panicking::catch_unwind",
    "std::panic::catch_unwind",
];

/// Standard functions, without their types, that blame their caller when they panic; trimmed only behind machinery, so that the caller's line is last.
const BLAMING_CALLER: &[&str] = &[
    "core::option::unwrap",
    "core::option::expect",
    "core::option::ok_or_else",
    "core::result::map_err",
    "core::result::from_residual",
    "core::convert::into",
    "core::result::unwrap",
    "core::result::expect",
    "core::result::unwrap_err",
    "core::result::expect_err",
    "core::cell::borrow",
    "core::cell::borrow_mut",
    "core::slice::index::index",
    "core::slice::index::index_mut",
    "core::slice::copy_from_slice",
    "core::slice::copy_from_slice_impl",
    "core::slice::split_at",
    "core::slice::swap",
    "core::str::split_at",
    "core::str::traits::index",
    "core::str::traits::index_mut",
    "alloc::vec::remove",
    "alloc::vec::remove::assert_failed",
    "alloc::vec::from_elem",
    "alloc::vec::insert",
    "alloc::vec::insert::assert_failed",
    "alloc::vec::swap_remove",
    "alloc::vec::swap_remove::assert_failed",
    "alloc::vec::split_off",
    "alloc::vec::split_off::assert_failed",
    "alloc::vec::drain",
    "alloc::vec::index",
    "alloc::vec::index_mut",
    "alloc::string::index",
    "std::collections::hash::map::index",
    "alloc::collections::btree::map::index",
];

/// Traits whose methods, where a standard type has them, blame the caller too.
const BLAMING_TRAITS: &[&str] = &[
    "core::ops::index::Index",
    "core::ops::index::IndexMut",
    "core::slice::index::SliceIndex",
];

/// Traits through which closures are called, boxed ones such as the panic hook too.
const CALL_TRAITS: &[&str] = &[
    "core::ops::function::Fn",
    "core::ops::function::FnMut",
    "core::ops::function::FnOnce",
];

/// Libraries that pass on to the engine what the program logs, by the roots of their paths, and by the names of the folders
/// they lie in: their macros put closures into the program's functions.
const PASSING_ON: &[(&str, &str)] = &[
    ("tracing::", "tracing"),
    ("tracing_core::", "tracing-core"),
    ("tracing_subscriber::", "tracing-subscriber"),
    ("tracing_log::", "tracing-log"),
    ("log::", "log"),
    ("slog::", "slog"),
    ("slog_scope::", "slog-scope"),
];

/// How much of a failure's own handling a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The program's or a library's work.
    Work,
    /// A standard function that panics on behalf of its caller.
    BlamesCaller,
    /// A library through which the program reached the capture.
    PassesOn,
    /// The panic itself, and what the capture uses.
    Machinery,
    /// The capture itself.
    Engine,
}

/// What a resolved call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub in_app: bool,
    pub role: Role,
}

impl InAppRules {
    /// What the user says of one call; `None` where nothing.
    pub(super) fn said(
        &self,
        function: Option<&str>,
        path: Option<&str>,
        package: Option<&str>,
    ) -> Option<bool> {
        let parts = function.map(Parts::of);
        self.say(
            parts.as_ref().map(|parts| parts.path.as_str()),
            &[path, package],
        )
    }

    /// Judges one call; an unknown function is judged by its file and binary alone.
    pub(super) fn judge(
        &self,
        function: Option<&str>,
        path: Option<&str>,
        package: Option<&str>,
    ) -> Verdict {
        let parts = function.map(Parts::of);
        let parts = parts.as_ref();
        let said = self.say(parts.map(|parts| parts.path.as_str()), &[path, package]);
        if said == Some(true) {
            return Verdict {
                in_app: true,
                role: Role::Work,
            };
        }
        let role = match parts {
            None => Role::Work,
            Some(parts) if package.is_some_and(is_system_library) => system_role(parts, path),
            Some(parts) => role(parts, path),
        };
        let foreign = role != Role::Work
            || path.is_some_and(is_foreign_path)
            || package.is_some_and(is_system_library)
            || parts.is_some_and(is_foreign_function);
        Verdict {
            in_app: !foreign && said.is_none(),
            role,
        }
    }
}

/// How many frames at the innermost end (the last ones) are handling of the failure; 0 if all are, for then nothing would be left.
pub(super) fn machinery_len(roles: &[Role]) -> usize {
    let mut behind_machinery = false;
    let mut was_passed_on = false;
    let mut inner = Role::Work;
    let len = roles
        .iter()
        .rev()
        .take_while(|role| {
            behind_machinery |= matches!(role, Role::Machinery | Role::Engine);
            // Where such a library itself panicked, the panic stands between it and the engine.
            was_passed_on |= **role == Role::PassesOn && inner == Role::Engine;
            inner = **role;
            match role {
                Role::Work => false,
                Role::PassesOn => was_passed_on,
                _ => behind_machinery,
            }
        })
        .count();
    if len == roles.len() { 0 } else { len }
}

/// Whether a binary is one of the system's libraries, of whose lines nobody expects anything.
pub(super) fn is_system_library(package: &str) -> bool {
    let file = package.rsplit('/').next().unwrap_or_default();
    is_virtual(package)
        || starts_with_any(package, SYSTEM_LIBRARY_ROOTS)
            && (file.ends_with(".so") || file.contains(".so."))
}

/// Whether a binary is given by the kernel and is no file.
pub(super) fn is_virtual(package: &str) -> bool {
    package.starts_with("linux-vdso")
        || package.starts_with("linux-gate")
        || package.starts_with('[')
}

fn role(parts: &Parts, path: Option<&str>) -> Role {
    let name = without_types(&parts.path);
    let of_standard_type = is_standard(&name) || is_primitive(&parts.path);
    let by_trait = |traits: &[&str]| of_standard_type && traits.contains(&parts.of_trait.as_str());
    if is_engine(parts, path) {
        Role::Engine
    } else if passes_on(parts, path) {
        Role::PassesOn
    } else if is_machinery(&name) || by_trait(CALL_TRAITS) {
        Role::Machinery
    } else if BLAMING_CALLER.contains(&name.as_str()) || by_trait(BLAMING_TRAITS) {
        Role::BlamesCaller
    } else {
        Role::Work
    }
}

fn system_role(parts: &Parts, path: Option<&str>) -> Role {
    let name = parts.path.as_str();
    if ABORTING.contains(&name) {
        Role::Machinery
    } else if BLAMING_ALLOCATION.contains(&name) {
        Role::BlamesCaller
    } else {
        role(parts, path)
    }
}

fn passes_on(parts: &Parts, path: Option<&str>) -> bool {
    match path.filter(|path| !path.starts_with("/rustc/")) {
        Some(path) => {
            is_foreign_path(path) && PASSING_ON.iter().any(|(_, name)| lies_in(path, name))
        }
        // A generic of such a library may be a standard type's method, or be named by it.
        None => PASSING_ON.iter().any(|(root, _)| {
            parts.path.starts_with(root)
                || parts.of_trait.starts_with(root) && is_standard(&parts.path)
        }),
    }
}

/// Whether a path leads through the folder of any version of a package: `…/log-0.4.35/…`.
fn lies_in(path: &str, package: &str) -> bool {
    path.split('/').any(|folder| {
        let version = folder.strip_prefix(package);
        version.is_some_and(|rest| {
            let mut rest = rest.bytes();
            rest.next() == Some(b'-') && rest.next().is_some_and(|byte| byte.is_ascii_digit())
        })
    })
}

fn is_engine(parts: &Parts, path: Option<&str>) -> bool {
    let by_path = starts_with_any(&parts.path, ENGINE_ROOTS);
    let by_trait = starts_with_any(&parts.of_trait, ENGINE_ROOTS);
    match path {
        Some(path) => path.contains(ENGINE_FOLDER) && (by_path || by_trait),
        // Without a file, a type of the program that implements a trait of the engine must not be taken for the engine.
        None => by_path || by_trait && is_standard(&parts.path),
    }
}

fn is_machinery(name: &str) -> bool {
    MACHINERY_SYMBOLS.contains(&name)
        || starts_with_any(name, MACHINERY) && !NOT_MACHINERY.iter().any(|root| below(name, root))
}

/// `core::option::Option::unwrap` as `core::option::unwrap`: binaries with line tables only do not tell the type.
fn without_types(path: &str) -> String {
    let is_type = |part: &&str| part.starts_with(|c: char| c.is_ascii_uppercase());
    let parts: Vec<&str> = path.split("::").filter(|part| !is_type(part)).collect();
    parts.join("::")
}

fn is_foreign_function(parts: &Parts) -> bool {
    is_standard(&parts.path)
        || is_primitive(&parts.path) && is_standard(&parts.of_trait)
        || starts_with_any(&parts.path, FOREIGN_SYMBOL_STARTS)
        || FOREIGN_SYMBOLS.contains(&parts.path.as_str())
}

fn is_foreign_path(path: &str) -> bool {
    starts_with_any(path, FOREIGN_ROOTS) || FOREIGN_PATHS.iter().any(|part| path.contains(part))
}

fn is_standard(path: &str) -> bool {
    starts_with_any(path, STANDARD_ROOTS)
}

/// Whether the type before the method has no module: `u8::fmt`, `[i32]::index`, `str::len`.
fn is_primitive(path: &str) -> bool {
    path.matches("::").count() == 1
}

fn starts_with_any(text: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "/home/a/shop/src/cart.rs";
    const STD: &str = "/rustc/59807616e/library/core/src/ops/function.rs";
    const ENGINE: &str = "/home/a/.cargo/registry/src/x/crashvault-core-0.1.0/src/lib.rs";
    const PROGRAM: &str = "/home/a/shop/target/release/shop";

    /// Empty texts stand for what is not known.
    fn judge(rules: &InAppRules, function: &str, path: &str, package: &str) -> Verdict {
        let known = |text| Some(text).filter(|text: &&str| !text.is_empty());
        rules.judge(known(function), known(path), known(package))
    }

    fn check_in_app(function: &str, path: &str, package: &str, expected: bool) {
        let verdict = judge(&InAppRules::default(), function, path, package);
        assert_eq!(verdict.in_app, expected, "{function} {path} {package}");
    }

    #[test]
    fn the_programs_own_functions_are_in_app() {
        check_in_app("shop::cart::total", USER, PROGRAM, true);
        check_in_app("<shop::Cart as core::fmt::Display>::fmt", "", PROGRAM, true);
        check_in_app("main", "", PROGRAM, true);
        check_in_app("", "", PROGRAM, true);
        check_in_app("stdio::run", USER, PROGRAM, true);
        check_in_app("_start_worker", "", PROGRAM, true);
    }

    #[test]
    fn the_standard_library_is_not() {
        check_in_app("std::rt::lang_start", "", PROGRAM, false);
        check_in_app("<alloc::vec::Vec<shop::Item>>::push", "", PROGRAM, false);
        check_in_app(
            "<&mut alloc::vec::Vec<u8> as core::fmt::Debug>::fmt",
            "",
            "",
            false,
        );
        check_in_app("<[u8] as core::fmt::Debug>::fmt", "", PROGRAM, false);
        check_in_app(
            "<shop::add as core::ops::FnOnce<()>>::call_once",
            STD,
            "",
            false,
        );
        check_in_app("__rust_begin_short_backtrace", "", PROGRAM, false);
        check_in_app("__rustc::rust_begin_unwind", "", PROGRAM, false);
    }

    #[test]
    fn start_up_and_system_libraries_are_not() {
        check_in_app("_start", "", PROGRAM, false);
        check_in_app("__libc_start_main_impl", "", PROGRAM, false);
        check_in_app("qsort", "", "/usr/lib/x86_64-linux-gnu/libc.so.6", false);
        check_in_app("", "", "/lib64/ld-linux-x86-64.so.2", false);
        check_in_app("clock_gettime", "", "linux-vdso.so.1", false);
    }

    #[test]
    fn dependencies_are_not() {
        check_in_app(
            "serde::de",
            "/home/a/.cargo/registry/src/x/serde-1/src/de.rs",
            "",
            false,
        );
        check_in_app(
            "serde::de",
            "/usr/local/cargo/registry/src/x/serde-1/src/de.rs",
            "",
            false,
        );
        check_in_app(
            "shelf::x",
            "/home/a/.cargo/git/checkouts/shelf-1/2/src/x.rs",
            "",
            false,
        );
    }

    #[test]
    fn programs_below_system_folders_are_in_app() {
        check_in_app("shop::cart::total", "", "/usr/lib/shop/shop", true);
        check_in_app("shop::cart::total", "/usr/src/shop/src/main.rs", "", true);
    }

    #[test]
    fn the_engine_is_not_in_app_and_its_namesake_is() {
        check_in_app(
            "crashvault::capture_error::<shop::Failure>",
            ENGINE,
            PROGRAM,
            false,
        );
        check_in_app("crashvault::install", "", PROGRAM, false);
        check_in_app(
            "crashvault::demo::fail",
            "/home/a/cli/src/demo.rs",
            PROGRAM,
            true,
        );
    }

    fn check_rules(include: &str, exclude: &str, function: &str, expected: bool) {
        let rules = InAppRules {
            include: vec![include.into()],
            exclude: vec![exclude.into()],
        };
        let verdict = judge(&rules, function, USER, PROGRAM);
        assert_eq!(verdict.in_app, expected, "+{include} -{exclude} {function}");
    }

    #[test]
    fn the_hosts_rules_stand_above_the_built_in_ones() {
        check_rules("core::option", "", "core::option::Option<T>::map", true);
        check_rules("", "shop::cart", "shop::cart::total", false);
        check_rules("", "shop::cart::", "<shop::cart::Cart>::total", false);
        check_rules("", "shop::car", "shop::cart::total", true);
        check_rules("", "/shop/src/", "shop::cart::total", false);
        check_rules("/shop/src/", "shop", "shop::cart::total", true);
        check_rules("", "target/release/shop", "shop::cart::total", false);
        check_rules("", "", "shop::cart::total", true);
    }

    /// Frames outermost first; `kept` is the innermost one that stays. A path stands behind an `@`.
    fn check_trim(frames: &[&str], kept: &str) {
        let rules = InAppRules::default();
        let roles: Vec<Role> = frames
            .iter()
            .map(|frame| {
                let (function, path) = frame.split_once('@').unwrap_or((frame, ""));
                judge(&rules, function, path, PROGRAM).role
            })
            .collect();
        let kept_len = frames.len() - machinery_len(&roles);
        assert_eq!(frames[kept_len - 1], kept);
    }

    #[test]
    fn a_panic_ends_at_the_line_that_panicked() {
        let handling = [
            "__rustc::rust_begin_unwind",
            "std::sys::backtrace::__rust_end_short_backtrace::<std::panicking::begin_panic_handler::{closure#0}, !>",
            "std::panicking::begin_panic_handler::{closure#0}",
            "std::panicking::rust_panic_with_hook",
            "<alloc::boxed::Box<dyn core::ops::function::Fn<(&std::panic::PanicHookInfo,)> + Sync> as core::ops::function::Fn<(&std::panic::PanicHookInfo,)>>::call",
            "crashvault::capture::hook::install::{closure#0}",
            "crashvault::capture::stack::addresses",
            "backtrace::backtrace::trace::<crashvault::capture::stack::addresses::{closure#0}>",
            "backtrace::backtrace::libunwind::trace",
            "std::thread::local::LocalKey<T>::try_with",
        ];
        let check = |panic: &[&str], kept: &str| {
            let frames = [panic, &handling].concat();
            check_trim(&frames, kept);
        };
        check(
            &["main", "shop::pay", "core::panicking::panic_fmt"],
            "shop::pay",
        );
        check(
            &["main", "rust_panic::pay", "core::panicking::panic_fmt"],
            "rust_panic::pay",
        );
        check(
            &[
                "main",
                "shop::pay",
                "<core::option::Option<u8>>::unwrap",
                "core::option::unwrap_failed",
                "core::panicking::panic",
            ],
            "shop::pay",
        );
        check(
            &[
                "shop::pay",
                "core::result::Result<T,E>::expect",
                "core::result::unwrap_failed",
                "core::panicking::panic_fmt",
            ],
            "shop::pay",
        );
        check(
            &[
                "shop::pay",
                "<alloc::vec::Vec<u8> as core::ops::index::Index<usize>>::index",
                "<usize as core::slice::index::SliceIndex<[u8]>>::index",
                "core::panicking::panic_bounds_check",
                "core::panicking::panic_fmt",
            ],
            "shop::pay",
        );
        check(
            &[
                "shop::pay",
                "core::str::traits::<impl core::ops::index::Index<I> for str>::index",
                "core::str::slice_error_fail",
                "core::str::slice_error_fail_rt",
                "core::panicking::panic_fmt",
            ],
            "shop::pay",
        );
        check(
            &[
                "shop::pay",
                "<core::slice::iter::Iter<u8> as core::iter::Iterator>::for_each",
                "shop::pay::{closure#0}",
                "core::panicking::panic_fmt",
            ],
            "shop::pay::{closure#0}",
        );
        check(
            &[
                "shop::pay",
                "<std::collections::hash::map::HashMap<K, V, S> as core::ops::index::Index<&Q>>::index",
                "core::option::expect_failed",
                "core::panicking::panic_fmt",
            ],
            "shop::pay",
        );
    }

    #[test]
    fn a_captured_error_ends_at_the_line_that_captured() {
        check_trim(
            &[
                "shop::pay",
                "<core::result::Result<u8, shop::Failure> as crashvault::ResultExt>::capture",
                "crashvault::capture_error::<shop::Failure>",
                "backtrace::backtrace::trace",
            ],
            "shop::pay",
        );
        let engine = format!(
            "<core::result::Result<u8, shop::Failure> as crashvault::ResultExt>::capture@{ENGINE}"
        );
        check_trim(&["shop::pay", &engine], "shop::pay");
    }

    #[test]
    fn the_programs_code_inside_the_engine_stays() {
        let own = format!("<shop::Store as crashvault::Store>::append@{USER}");
        check_trim(
            &["crashvault::drain", &own, "crashvault::capture_message"],
            &own,
        );
        check_trim(
            &["shop::pay", "<shop::Store as crashvault::Store>::append"],
            "<shop::Store as crashvault::Store>::append",
        );
    }

    #[test]
    fn a_logged_error_ends_at_the_line_that_logged() {
        let registry = "/home/a/.cargo/registry/src/x/tracing-0.1.44/src/macros.rs";
        let closure = format!("shop::pay::{{closure#0}}@{registry}");
        let layer = format!(
            "<crashvault::integrations::tracing::Layer as tracing_subscriber::layer::Layer<S>>::on_event@{ENGINE}"
        );
        let way = [
            "shop::pay",
            &closure,
            "tracing_core::event::Event::dispatch",
            "tracing_core::dispatcher::get_default::<(), F>",
            "std::thread::local::LocalKey<T>::with",
            "<tracing_subscriber::layer::layered::Layered<L, S> as tracing_core::subscriber::Subscriber>::event",
            "<alloc::boxed::Box<dyn Layer<S>> as tracing_subscriber::layer::Layer<S>>::on_event",
            &layer,
            "crashvault::capture::report::capture",
        ];
        check_trim(&way, "shop::pay");
        check_trim(
            &[
                "shop::pay",
                "log::__private_api::log",
                &format!("<crashvault::log::Logger as log::Log>::log@{ENGINE}"),
            ],
            "shop::pay",
        );
    }

    #[test]
    fn a_panic_of_a_logging_library_ends_in_it() {
        check_trim(
            &[
                "shop::pay",
                "tracing_subscriber::registry::sharded::DataInner::clear",
                "core::panicking::panic_fmt",
                "std::panicking::begin_panic_handler",
                "crashvault::capture::hook::capture",
            ],
            "tracing_subscriber::registry::sharded::DataInner::clear",
        );
        check_trim(
            &["shop::pay", "logic::run", "crashvault::capture_message"],
            "logic::run",
        );
    }

    #[test]
    fn caught_panics_do_not_eat_the_stack() {
        check_trim(
            &[
                "main",
                "std::panic::catch_unwind::<F, R>",
                "std::panicking::try",
                "crashvault::capture_message",
            ],
            "std::panicking::try",
        );
    }

    #[test]
    fn what_is_no_failure_is_not_trimmed() {
        check_trim(
            &["shop::pay", "core::option::Option<T>::unwrap"],
            "core::option::Option<T>::unwrap",
        );
        check_trim(&["core::panicking::panic", "shop::pay"], "shop::pay");
    }

    #[test]
    fn all_frames_are_never_trimmed() {
        check_trim(&["crashvault::a", "crashvault::b"], "crashvault::b");
        assert_eq!(machinery_len(&[]), 0);
    }
}
