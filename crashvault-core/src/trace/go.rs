//! What Go's runtime prints when it ends a program, and stacks that a program printed when it had caught a panic.
//!
//! ```text
//! panic: open /x: denied [recovered]
//!         panic: again
//! [signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x45]
//!
//! goroutine 1 [running]:
//! main.(*Shop).run(0x1, {0x2, 0x3})
//!         /srv/app/main.go:5 +0xba
//! created by main.main in goroutine 7
//!         /srv/app/main.go:9 +0x45
//! ```
//!
//! The goroutines behind the first become threads.

use super::native::{leading_number, set_place, thread};
use super::text::{Prefix, Text};
use super::{FRAMES_MAX, Frame, Trace, exception};
use crate::event::Exception;

/// Lines between what happened and the first goroutine.
const HEAD_LINES_MAX: usize = 64;
/// Lines between what a program says of a panic that it caught, and the goroutine.
const CAUGHT_LINES_MAX: usize = 3;
/// Goroutines read beside the first.
const GOROUTINES_MAX: usize = 1024;

const MARK: &str = "goroutine ";

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut next_line = 0;
    for (line, column) in text.places(MARK) {
        if line >= next_line && Goroutine::read(&text.line(line)[column..]).is_some() {
            let prefix = Prefix::of(text.line(line), column);
            let (trace, behind) = read(text, prefix, line, next_line);
            next_line = behind;
            found.extend(trace);
        }
    }
}

/// `goroutine 7 [chan receive, 5 minutes]:`
#[derive(Clone, Copy)]
struct Goroutine<'t> {
    id: &'t str,
    state: &'t str,
}

impl<'t> Goroutine<'t> {
    fn read(line: &'t str) -> Option<Self> {
        let rest = line.trim_end().strip_prefix(MARK)?.strip_suffix("]:")?;
        let (about, state) = rest.split_once('[')?;
        let (_, behind) = leading_number(about)?;
        Some(Self {
            id: &about[..about.len() - behind.len()],
            state,
        })
    }
}

/// A failure whose first goroutine stands in line `first`, and the line behind it. `None` for a goroutine that only
/// told where it was.
fn read(text: &Text<'_>, prefix: Prefix<'_>, first: usize, free: usize) -> (Option<Trace>, usize) {
    let (goroutine, frames, mut next) = read_goroutine(text, prefix, first);
    let mut threads = Vec::new();
    while let Some(other) = next_goroutine(text, prefix, next) {
        let (goroutine, frames, behind) = read_goroutine(text, prefix, other);
        if threads.len() < GOROUTINES_MAX {
            threads.push(thread(
                goroutine.map(|it| it.id),
                goroutine.map(|it| it.state),
                frames,
            ));
        }
        next = behind;
    }
    let head = Head::above(text, prefix, first, free);
    let caught = frames.iter().position(is_panic);
    // A program that prints its own stack does it from there.
    let printed = |frame: &Frame| frame.module.as_deref() == Some("runtime/debug");
    let by_runtime = !frames.iter().take(2).any(printed);
    let (start, mut exceptions, frames) = match (head, caught) {
        (Some(head), _) if head.ended && by_runtime => {
            (head.start, head.exceptions(text, prefix, first), frames)
        }
        (Some(head), Some(caught)) => {
            let exceptions = head.exceptions(text, prefix, first);
            (head.start, exceptions, below(frames, caught))
        }
        (None, Some(caught)) => {
            let above = first.checked_sub(1).filter(|&above| above >= free);
            let said = above.map(|above| prefix.strip(text.line(above)).trim());
            let said = said.filter(|said| !said.is_empty());
            let exceptions = vec![exception(Some("panic"), said, Vec::new())];
            (
                above.filter(|_| said.is_some()).unwrap_or(first),
                exceptions,
                below(frames, caught),
            )
        }
        _ => return (None, next),
    };
    if let Some(thrown) = exceptions.last_mut() {
        thrown.stacktrace = exception(None, None, frames).stacktrace;
        thrown.thread_id = goroutine.map(|goroutine| goroutine.id.to_owned());
    }
    let trace = Trace {
        language: "go",
        exceptions,
        threads,
        lines: start..next,
    };
    (Some(trace), next)
}

/// The runtime's own function through which every panic goes.
fn is_panic(frame: &Frame) -> bool {
    let function = frame.function.as_deref();
    function == Some("panic") && frame.module.is_none()
        || function == Some("gopanic") && frame.module.as_deref() == Some("runtime")
}

/// The frames without those that caught the panic and printed it.
fn below(mut frames: Vec<Frame>, caught: usize) -> Vec<Frame> {
    frames.drain(..caught);
    frames
}

/// What stands above the first goroutine.
#[derive(Clone, Copy)]
struct Head {
    start: usize,
    /// Where the words begin in the first line.
    column: usize,
    /// Whether the runtime said it and ended the program; else the program caught a panic and said so.
    ended: bool,
}

impl Head {
    /// The head that belongs to the goroutine in line `first`, not above line `free`.
    fn above(text: &Text<'_>, prefix: Prefix<'_>, first: usize, free: usize) -> Option<Self> {
        let mut head = None;
        for number in (free.max(first.saturating_sub(HEAD_LINES_MAX))..first).rev() {
            let line = text.line(number);
            let Some((column, ended)) = head_column(line) else {
                continue;
            };
            // A file and functions of the runtime are named after panics too.
            let is_of_stack = || {
                let line = prefix.strip(line).trim();
                file_and_line(line).is_some() || called(line).is_some_and(|it| it.module.is_some())
            };
            if !ended && (first - number > CAUGHT_LINES_MAX || is_of_stack()) {
                continue;
            }
            head = Some(Self {
                start: number,
                column,
                ended,
            });
            let before = prefix.strip(&line[..column]);
            if before.is_empty() || !before.chars().all(char::is_whitespace) {
                break;
            }
        }
        head
    }

    /// The exceptions that the head tells of, the oldest first, without frames.
    fn exceptions(self, text: &Text<'_>, prefix: Prefix<'_>, first: usize) -> Vec<Exception> {
        let mut said: Vec<String> = Vec::new();
        for number in self.start..first {
            let line = text.line(number);
            if number == self.start {
                said.push(line[self.column..].trim_end().to_owned());
                continue;
            }
            let line = prefix.strip(line).trim_end();
            let is_next = line.trim_start().starts_with("panic: ") && line.starts_with(['\t', ' ']);
            match said.last_mut() {
                _ if line.is_empty()
                    || line == "runtime stack:"
                    || line.starts_with("[signal ") =>
                {
                    break;
                }
                _ if is_next => said.push(line.trim_start().to_owned()),
                Some(last) => {
                    last.push('\n');
                    last.push_str(line);
                }
                None => {}
            }
        }
        said.iter().map(|said| said_exception(said)).collect()
    }
}

/// Where a line begins to tell what happened, and whether the runtime does.
fn head_column(line: &str) -> Option<(usize, bool)> {
    for mark in ["panic: ", "fatal error: "] {
        if let Some(column) = line.find(mark)
            && !line[..column].ends_with(|before: char| before.is_ascii_alphanumeric())
        {
            return Some((column, true));
        }
    }
    let signal = [
        "SIGQUIT: ",
        "SIGABRT: ",
        "SIGSEGV: ",
        "SIGBUS: ",
        "SIGFPE: ",
        "SIGTRAP: ",
        "SIGILL: ",
    ];
    let started = signal.into_iter().find(|signal| line.starts_with(signal));
    if started.is_some() {
        return Some((0, true));
    }
    ["panic serving ", "Panic", "panic"]
        .into_iter()
        .find_map(|mark| line.find(mark))
        .map(|column| (column, false))
}

/// `panic: value [recovered]` and its like.
fn said_exception(said: &str) -> Exception {
    let (ty, value) = match said.split_once(": ") {
        Some((ty @ ("panic" | "fatal error"), value)) => (ty, value),
        Some((ty, value)) if ty.starts_with("SIG") => (ty, value),
        Some((_, value)) => ("panic", value),
        None => ("panic", said),
    };
    let value = value.trim_end();
    let value = value.strip_suffix(" [recovered]").unwrap_or(value);
    let value = value
        .strip_suffix(" [recovered, repanicked]")
        .unwrap_or(value);
    exception(
        Some(ty),
        Some(value).filter(|value| !value.is_empty()),
        Vec::new(),
    )
}

/// The next goroutine, if nothing but blank lines stands before it.
fn next_goroutine(text: &Text<'_>, prefix: Prefix<'_>, from: usize) -> Option<usize> {
    (from..text.len().min(from + 3))
        .find(|&number| !prefix.strip(text.line(number)).trim().is_empty())
        .filter(|&number| Goroutine::read(prefix.strip(text.line(number))).is_some())
}

/// A goroutine, its frames, innermost first, and the line behind them.
fn read_goroutine<'t>(
    text: &Text<'t>,
    prefix: Prefix<'_>,
    first: usize,
) -> (Option<Goroutine<'t>>, Vec<Frame>, usize) {
    let line = text.line(first);
    let goroutine = line
        .find(MARK)
        .and_then(|column| Goroutine::read(&line[column..]));
    let mut frames: Vec<Frame> = Vec::new();
    let mut number = first + 1;
    while number < text.len() {
        let line = prefix.strip(text.line(number)).trim_end();
        let place = prefix.strip(text.line(number + 1)).trim();
        if let Some(mut frame) = called(line) {
            if let Some(place) = file_and_line(place) {
                set_place(&mut frame, place);
                number += 1;
            } else if frame.module.is_none() {
                break;
            }
            if frames.len() < FRAMES_MAX {
                frames.push(frame);
            }
        } else if !is_aside(line) {
            break;
        }
        number += 1;
    }
    (goroutine, frames, number)
}

/// What the runtime prints between frames.
fn is_aside(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("...") && line.contains("elided")
        || line.starts_with("goroutine running on other thread")
        || line == "non-Go function"
        || line.starts_with("pc=0x")
}

/// `main.(*Shop).run(0x1, {0x2})`, `created by main.main in goroutine 7`
fn called(line: &str) -> Option<Frame> {
    let name = match line.strip_prefix("created by ") {
        Some(creator) => creator.split(" in goroutine ").next().unwrap_or(creator),
        None => without_arguments(line)?,
    };
    let blanks = name.contains([' ', '\t']);
    let (module, function) = split_package(name);
    (!name.is_empty() && !blanks).then(|| Frame {
        module: module.map(str::to_owned),
        function: Some(function.to_owned()),
        ..Frame::default()
    })
}

/// A call without the brackets that end it.
fn without_arguments(call: &str) -> Option<&str> {
    if !call.ends_with(')') || call.starts_with([' ', '\t']) {
        return None;
    }
    let mut depth = 0_usize;
    for (at, byte) in call.bytes().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some(&call[..at]);
        }
    }
    None
}

/// `github.com/a/b.(*T).Run` is `(*T).Run` of the package `github.com/a/b`.
fn split_package(name: &str) -> (Option<&str>, &str) {
    // Arguments of types may name packages too.
    let plain = name.find('[').unwrap_or(name.len());
    let folder = name[..plain].rfind('/').map_or(0, |slash| slash + 1);
    match name[folder..].find('.') {
        Some(dot) if dot > 0 && folder + dot + 1 < name.len() => {
            (Some(&name[..folder + dot]), &name[folder + dot + 1..])
        }
        _ => (None, name),
    }
}

/// `/srv/app/main.go:5 +0xba fp=0x1 sp=0x2` without what is behind the line.
fn file_and_line(place: &str) -> Option<&str> {
    let place = place.split(" +0x").next().unwrap_or(place);
    let place = place.split(" fp=0x").next().unwrap_or(place);
    super::rust::split_number(place).1.map(|_| place)
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

    const PANIC: &str = "\
panic: job 2 exploded

goroutine 8 [running]:
main.(*Job).Do({0x0?}, 0x1)
\t/srv/my app/main.go:5 +0x8a
main.put(...)
\t/srv/my app/main.go:3
created by main.main in goroutine 1
\t/srv/my app/main.go:9 +0x45

goroutine 1 [sleep, 5 minutes]:
time.Sleep(0x3b9aca00)
\t/usr/lib/go/src/runtime/time.go:195 +0x135
exit status 2
";

    const READ: &str = "panic: job 2 exploded | main.(*Job).Do /srv/my app/main.go:5 < main.put /srv/my app/main.go:3 < main.main /srv/my app/main.go:9\n\
         thread 1 sleep, 5 minutes | time.Sleep /usr/lib/go/src/runtime/time.go:195";

    #[test]
    fn a_panic_is_read_with_its_goroutines() {
        check(PANIC, READ);
        let mut found = Vec::new();
        find(&Text::new(PANIC), &mut found);
        assert_eq!(found[0].lines, 0..13);
        assert_eq!(found[0].exceptions[0].thread_id.as_deref(), Some("8"));
    }

    #[test]
    fn a_panic_behind_the_prefixes_of_a_log_is_read() {
        let logged: String = PANIC
            .lines()
            .map(|line| format!("Jan 02 03:04:05 host app[77]: {line}\n"))
            .collect();
        check(&logged, READ);
        check(
            &PANIC.replacen("panic: ", "2026/01/02 03:04:05 panic: ", 1),
            READ,
        );
        check(&PANIC.replace('\n', "\r\n"), READ);
    }

    #[test]
    fn a_panic_while_panicking_keeps_both() {
        check(
            "--- FAIL: TestX (0.00s)\npanic: first [recovered]\n\tpanic: second\n\ngoroutine 1 [running]:\nmain.f()\n\t/a.go:1 +0x1\n",
            "panic: first | \npanic: second | main.f /a.go:1",
        );
        check(
            "panic: first [recovered, repanicked]\n\ngoroutine 1 [running]:\nmain.f()\n\t/a.go:1 +0x1\n",
            "panic: first | main.f /a.go:1",
        );
    }

    #[test]
    fn a_signal_is_no_part_of_the_message() {
        check(
            "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x45]\n\ngoroutine 1 [running]:\nmain.f(...)\n\t/a.go:1\n",
            "panic: runtime error: invalid memory address or nil pointer dereference | main.f /a.go:1",
        );
    }

    #[test]
    fn messages_may_have_lines() {
        check(
            "panic: one\n\ttwo: three\n\ngoroutine 1 [running]:\nmain.f()\n\tC:/a b/a.go:1 +0x1\n",
            "panic: one\n\ttwo: three | main.f C:/a b/a.go:1",
        );
    }

    #[test]
    fn fatal_errors_are_read() {
        check(
            "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n\t/a.go:4 +0x2\n",
            "fatal error: all goroutines are asleep - deadlock! | main.main /a.go:4",
        );
        check(
            "runtime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow\n\nruntime stack:\nruntime.throw({0x1, 0x2})\n\t/usr/go/panic.go:1 +0x1 fp=0x1 sp=0x2 pc=0x3\n\ngoroutine 1 gp=0xc0 m=0 mp=0x5 [running]:\nmain.r(0x1)\n\t/a.go:4 +0x2 fp=0x1 sp=0x2 pc=0x3\n...additional frames elided...\nmain.main()\n\t/a.go:9 +0x2\n",
            "fatal error: stack overflow | main.r /a.go:4 < main.main /a.go:9",
        );
        check(
            "SIGQUIT: quit\nPC=0x46 m=0 sigcode=0\n\ngoroutine 1 [sleep]:\nmain.main()\n\t/a.go:4 +0x2\n",
            "SIGQUIT: quit\nPC=0x46 m=0 sigcode=0 | main.main /a.go:4",
        );
    }

    #[test]
    fn a_panic_that_was_caught_begins_where_it_was_thrown() {
        check(
            "2026/01/02 03:04:05 http: panic serving [::1]:5050: boom: 1\ngoroutine 7 [running]:\nnet/http.(*conn).serve.func1()\n\t/usr/go/server.go:1 +0x1\npanic({0x1, 0x2})\n\t/usr/go/panic.go:2 +0x1\nmain.handle({0x1}, 0x2)\n\t/a.go:3 +0x1\n",
            "panic: boom: 1 | panic /usr/go/panic.go:2 < main.handle /a.go:3",
        );
        check(
            "recovered boom\ngoroutine 7 [running]:\nruntime/debug.Stack()\n\t/usr/go/stack.go:1 +0x1\npanic({0x1, 0x2})\n\t/usr/go/panic.go:2 +0x1\nmain.f()\n\t/a.go:3 +0x1\n",
            "panic: recovered boom | panic /usr/go/panic.go:2 < main.f /a.go:3",
        );
    }

    #[test]
    fn a_program_may_say_panic_as_the_runtime_does() {
        check(
            "recovered panic: boom\ngoroutine 1 [running]:\nruntime/debug.Stack()\n\t/usr/go/stack.go:1 +0x1\nmain.main.func1()\n\t/a.go:1 +0x1\npanic({0x1, 0x2})\n\t/usr/go/panic.go:2 +0x1\nmain.f()\n\t/a.go:3 +0x1\n",
            "panic: boom | panic /usr/go/panic.go:2 < main.f /a.go:3",
        );
    }

    #[test]
    fn a_stack_without_a_failure_is_none() {
        check(
            "goroutine 7 [running]:\nruntime/debug.Stack()\n\t/usr/go/stack.go:1 +0x1\nmain.f()\n\t/a.go:3 +0x1\n",
            "",
        );
        check("panic: no stack\n", "");
        check("the goroutine 7 is [running]: so\n", "");
    }

    #[test]
    fn packages_are_modules() {
        let check = |name: &str, module: Option<&str>, function: &str| {
            assert_eq!(split_package(name), (module, function));
        };
        check(
            "github.com/a/b.(*T).Run",
            Some("github.com/a/b"),
            "(*T).Run",
        );
        check("main.main.func1.2", Some("main"), "main.func1.2");
        check("main.F[go.shape.int]", Some("main"), "F[go.shape.int]");
        check("main.F[a/b.T]", Some("main"), "F[a/b.T]");
        check(
            "gopkg.in/yaml%2ev3.Unmarshal",
            Some("gopkg.in/yaml%2ev3"),
            "Unmarshal",
        );
        check("panic", None, "panic");
    }

    #[test]
    fn faults_within_c_are_read() {
        check(
            "fatal error: unexpected signal during runtime execution\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x7f]\n\nruntime stack:\nruntime.throw({0x4?, 0x0?})\n\t/usr/local/go/src/runtime/panic.go:1077 +0x5c fp=0x7f sp=0x7f pc=0x43\nruntime.sigpanic()\n\t/usr/local/go/src/runtime/signal_unix.go:845 +0x285 fp=0x7f sp=0x7f pc=0x44\n\ngoroutine 1 [syscall]:\nmain._Cfunc_boom(0x0)\n\t_cgo_gotypes.go:45 +0x3f fp=0xc0 sp=0xc0 pc=0x46\nmain.main()\n\t/srv/main.go:12 +0x1d fp=0xc0 sp=0xc0 pc=0x46\n",
            "fatal error: unexpected signal during runtime execution | main._Cfunc_boom _cgo_gotypes.go:45 < main.main /srv/main.go:12",
        );
    }

    #[test]
    fn any_text_is_read() {
        any_bytes(find, PANIC);
        any_bytes(
            find,
            "x panic serving a: b\ngoroutine 1 [r]:\npanic({0x})\n\t/a.go:1 +0x\n",
        );
    }
}
