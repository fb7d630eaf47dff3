//! What the Java virtual machine prints when it crashes itself, on the console or as `hs_err_pid….log`.
//!
//! ```text
//! # A fatal error has been detected by the Java Runtime Environment:
//! #
//! #  SIGSEGV (0xb) at pc=0x00007f0c2d3a1b2c, pid=4711, tid=4712
//! #
//! # Problematic frame:
//! # C  [libshop.so+0x1b2c]  Java_com_shop_Native_pay+0x1c
//! …
//! Native frames: (J=compiled Java code, j=interpreted, Vv=VM code, C=native code)
//! C  [libshop.so+0x1b2c]  Java_com_shop_Native_pay+0x1c
//! j  com.shop.Main.main([Ljava/lang/String;)V+12
//! ```

use super::native::{leading_address, leading_number, without_signature};
use super::text::{Prefix, Text};
use super::{FRAMES_MAX, Frame, Trace, exception};

const CRASH: &str = "has been detected by the Java Runtime Environment";
const MEMORY: &str = "insufficient memory for the Java Runtime Environment";
/// Lines of a report before its frames.
const HEAD_LINES_MAX: usize = 200;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut heads: Vec<_> = text.places(CRASH).chain(text.places(MEMORY)).collect();
    heads.sort_unstable();
    let mut next = 0;
    for (line, column) in heads {
        if line >= next
            && let Some(trace) = read(text, line, column)
        {
            next = trace.lines.end;
            found.push(trace);
        }
    }
}

fn read(text: &Text<'_>, head: usize, column: usize) -> Option<Trace> {
    let first = text.line(head);
    let start = first[..column].rfind('#')?;
    let prefix = Prefix::of(first, start);
    let mut said = None;
    let mut problem = None;
    let mut frames = Vec::new();
    let (mut number, mut end) = (head + 1, head + 1);
    while number < text.len().min(head + HEAD_LINES_MAX) {
        let line = prefix.strip(text.line(number)).trim_end();
        if line.contains(CRASH) || line.contains(MEMORY) {
            break;
        }
        number += 1;
        if let Some(told) = line.strip_prefix('#').map(str::trim) {
            end = number;
            match () {
                () if told.is_empty() || said.is_none() => said = said.or(failure(told)),
                () if told == "Problematic frame:" => {
                    let next = prefix.strip(text.line(number));
                    problem = next.strip_prefix('#').and_then(|call| frame(call.trim()));
                }
                () => {}
            }
        } else if line.starts_with("Native frames:") || line.starts_with("Java frames:") {
            while let Some(frame) = frame(prefix.strip(text.line(number)).trim()) {
                if frames.len() < FRAMES_MAX {
                    frames.push(frame);
                }
                number += 1;
            }
            end = number;
            break;
        }
    }
    if frames.is_empty() {
        frames.extend(problem);
    }
    let (ty, value) = match (said, first[column..].starts_with(MEMORY)) {
        (Some(said), _) => said,
        (None, true) => ("insufficient memory", None),
        (None, false) => return None,
    };
    Some(Trace {
        language: "java",
        exceptions: vec![exception(Some(ty), value, frames)],
        threads: Vec::new(),
        lines: head..end,
    })
}

/// `SIGSEGV (0xb) at pc=…`, `Internal Error (mutex.cpp:12), pid=…`, `Native memory allocation (mmap) failed …`
fn failure(said: &str) -> Option<(&str, Option<&str>)> {
    let is_memory = said.starts_with("Native memory allocation");
    let is_failure = said.contains(" at pc=") || said.contains(", pid=") || is_memory;
    let end = said.find(" (").filter(|_| is_failure)?;
    let rest = said[end..].trim_start();
    Some((&said[..end], Some(rest)))
}

/// A call of the machine, of native code, or of Java.
fn frame(line: &str) -> Option<Frame> {
    let (kind, rest) = line.split_once([' ', '\t'])?;
    let rest = rest.trim_start();
    match kind {
        "C" | "V" | "A" => native(rest),
        "v" => named(rest),
        "j" => java(rest),
        // The number of the compilation, and by which compiler.
        "J" => {
            let (_, rest) = leading_number(rest)?;
            let mut words = rest.trim_start_matches('%').trim_start();
            for level in ["c1 ", "c2 ", "jvmci "] {
                words = words.strip_prefix(level).unwrap_or(words);
            }
            java(words)
        }
        _ => None,
    }
}

/// `[libshop.so+0x1b2c]  Java_com_shop_Native_pay+0x1c`
fn native(call: &str) -> Option<Frame> {
    let mut frame = of_native();
    let name = match call.strip_prefix('[') {
        Some(inner) => {
            let (image, name) = inner.split_once(']')?;
            let image = image.split_once("+0x").map_or(image, |(image, _)| image);
            frame.package = Some(image.to_owned());
            name.trim()
        }
        None => {
            let (address, name) = leading_address(call)?;
            frame.instruction_addr = address;
            name.trim()
        }
    };
    let name = name.rsplit_once("+0x").map_or(name, |(name, _)| name);
    let name = without_signature(name);
    frame.function = Some(name)
        .filter(|name| !name.is_empty())
        .map(str::to_owned);
    Some(frame)
}

/// `~StubRoutines::call_stub 0x00007f0c2d3a1b2c`
fn named(call: &str) -> Option<Frame> {
    let name = call.split(' ').next().filter(|name| !name.is_empty())?;
    Some(Frame {
        function: Some(name.to_owned()),
        ..of_native()
    })
}

/// Whose it is is judged as of native code.
fn of_native() -> Frame {
    let mut frame = Frame::default();
    frame.other.insert("platform".into(), "native".into());
    frame
}

/// `com.shop.Main.main([Ljava/lang/String;)V+12 java.base@17`
fn java(call: &str) -> Option<Frame> {
    let (name, _) = call.split_once('(')?;
    let (class, method) = name.rsplit_once('.')?;
    let is_name = !class.is_empty() && !method.is_empty() && !name.contains(' ');
    is_name.then(|| Frame {
        module: Some(class.to_owned()),
        function: Some(method.to_owned()),
        ..Frame::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::native::testing::shown;
    use crate::trace::shown::any_bytes;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(shown(find, text), expected, "{text}");
    }

    const CONSOLE: &str = "\
#
# A fatal error has been detected by the Java Runtime Environment:
#
#  SIGSEGV (0xb) at pc=0x00007f0c2d3a1b2c, pid=4711, tid=4712
#
# JRE version: OpenJDK Runtime Environment (17.0.9+9) (build 17.0.9+9)
# Problematic frame:
# C  [libshop.so+0x1b2c]  Java_com_shop_Native_pay+0x1c
#
";
    const FRAMES: &str = "
---------------  T H R E A D  ---------------

Stack: [0x00007f0c2d900000,0x00007f0c2da00000],  sp=0x00007f0c2d9fe810,  free space=1018k
Native frames: (J=compiled Java code, j=interpreted, Vv=VM code, C=native code)
C  [libshop.so+0x1b2c]  Java_com_shop_Native_pay+0x1c
C  0x00007f0c2d3a1b2d
j  com.shop.Native.pay(I)I+0
J 12% c2 com.shop.Main.main([Ljava/lang/String;)V (23 bytes) @ 0x00007f0c [0x00007f0c+0x1]
v  ~StubRoutines::call_stub
V  [libjvm.so+0x83a2c5]  JavaCalls::call_helper(JavaValue*, JavaThread*)+0x305

Java frames: (J=compiled Java code, j=interpreted, Vv=VM code)
";
    const SAID: &str = "SIGSEGV: (0xb) at pc=0x00007f0c2d3a1b2c, pid=4711, tid=4712 | Java_com_shop_Native_pay [libshop.so]";

    #[test]
    fn crashes_are_read() {
        check(CONSOLE, SAID);
        check(
            &format!("{CONSOLE}{FRAMES}"),
            &format!(
                "{SAID} < 0x7f0c2d3a1b2d < com.shop.Native.pay < com.shop.Main.main < ~StubRoutines::call_stub < JavaCalls::call_helper [libjvm.so]"
            ),
        );
        check(&format!("{CONSOLE}x\n{CONSOLE}"), &[SAID; 2].join("\n"));
        let logged: String = CONSOLE
            .lines()
            .map(|line| format!("app | {line}\n"))
            .collect();
        check(&logged, SAID);
    }

    #[test]
    fn other_ends_are_read() {
        check(
            "# A fatal error has been detected by the Java Runtime Environment:\n#\n#  Internal Error (mutex.cpp:12), pid=1, tid=2\n#  guarantee(x) failed: no\n#\n",
            "Internal Error: (mutex.cpp:12), pid=1, tid=2 | ",
        );
        check(
            "# An unexpected error has been detected by the Java Runtime Environment:\n#\n#  EXCEPTION_ACCESS_VIOLATION (0xc0000005) at pc=0x1, pid=1, tid=2\n",
            "EXCEPTION_ACCESS_VIOLATION: (0xc0000005) at pc=0x1, pid=1, tid=2 | ",
        );
        check(
            "# There is insufficient memory for the Java Runtime Environment to continue.\n# Native memory allocation (mmap) failed to map 65536 bytes\n",
            "Native memory allocation: (mmap) failed to map 65536 bytes | ",
        );
    }

    #[test]
    fn what_is_no_crash_is_none() {
        check(
            "a fatal error has been detected by the Java Runtime Environment\n",
            "",
        );
        check(
            "# A fatal error has been detected by the Java Runtime Environment:\n# nothing\n",
            "",
        );
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(&format!("# {CRASH}\n").repeat(10_000), "");
    }

    #[test]
    fn any_text_is_read() {
        any_bytes(find, &format!("{CONSOLE}{FRAMES}"));
    }
}
