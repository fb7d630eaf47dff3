//! Enters: what a tool calls the end of a native program. Leaves: one word for the same end, whoever names it.

/// Words that mean a kind of end, looked for in lower case in this order.
const KINDS: &[(&str, &str)] = &[
    ("data race", "race"),
    ("data-race", "race"),
    ("leak", "leak"),
    ("uninit", "uninitialised"),
    ("out-of-memory", "memory-exhausted"),
    ("outofmemory", "memory-exhausted"),
    ("out of memory", "memory-exhausted"),
    ("stack-overflow", "stack-overflow"),
    ("stackoverflow", "stack-overflow"),
    ("stack overflow", "stack-overflow"),
    ("timeout", "timeout"),
    ("sigfpe", "arithmetic"),
    ("fpe", "arithmetic"),
    ("divide", "arithmetic"),
    ("division", "arithmetic"),
    ("exc_arithmetic", "arithmetic"),
    ("sigill", "instruction"),
    ("badinstruction", "instruction"),
    ("exc_bad_instruction", "instruction"),
    ("sigtrap", "trap"),
    ("exc_breakpoint", "trap"),
    ("exc_bad_access", "memory"),
    ("access_violation", "memory"),
    ("access violation", "memory"),
    ("sourceav", "memory"),
    ("destav", "memory"),
    ("branchav", "memory"),
    ("accessviolation", "memory"),
    ("sigsegv", "memory"),
    ("segv", "memory"),
    ("segmentation fault", "memory"),
    ("sigbus", "memory"),
    ("buffer-overflow", "memory"),
    ("bufferoverflow", "memory"),
    ("buffer-underflow", "memory"),
    ("use-after-", "memory"),
    ("useafter", "memory"),
    ("out-of-bounds", "memory"),
    ("double-free", "memory"),
    ("doublefree", "memory"),
    ("bad-free", "memory"),
    ("invalid-free", "memory"),
    ("free()", "memory"),
    ("null-deref", "memory"),
    ("tag-mismatch", "memory"),
    ("heaperror", "memory"),
    ("stackguard", "memory"),
    ("sigabrt", "abort"),
    ("abortsignal", "abort"),
    ("abort", "abort"),
    ("exc_crash", "abort"),
];

/// The kind of end that `ty` names; `None` for the types of a language.
pub(super) fn kind(ty: &str) -> Option<&'static str> {
    // A type of C++ or Rust has a path; no tool's word has.
    if ty.contains("::") {
        return None;
    }
    let ty = ty.to_ascii_lowercase();
    let found = KINDS.iter().find(|(word, _)| ty.contains(word));
    found.map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(types: &[&str], expected: Option<&str>) {
        for ty in types {
            assert_eq!(kind(ty), expected, "{ty}");
        }
    }

    #[test]
    fn tools_call_one_end_differently() {
        let memory = [
            "SIGSEGV",
            "SEGV",
            "EXC_BAD_ACCESS",
            "SourceAvNearNull",
            "heap-buffer-overflow(read)",
        ];
        check(&memory, Some("memory"));
        check(&["SIGABRT", "AbortSignal"], Some("abort"));
        check(&["stack-overflow", "StackOverflow"], Some("stack-overflow"));
    }

    #[test]
    fn types_of_languages_stay_what_they_are() {
        check(
            &[
                "std::out_of_range",
                "shop::AbortError",
                "panic",
                "ParseError",
            ],
            None,
        );
    }
}
