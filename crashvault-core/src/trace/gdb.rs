//! Stacks that gdb and lldb print.
//!
//! ```text
//! Program received signal SIGSEGV, Segmentation fault.
//! #0  0x00007fff in std::string::size() const () from /lib/libstdc++.so.6
//! #1  app::Doc::len (this=0x55) at null.cc:3
//! #2  <signal handler called>
//! ```
//!
//! `thread apply all bt` puts `Thread 2 (Thread 0x7f (LWP 7) "name"):` above each stack; lldb writes
//! `frame #0: 0x0001 shop`shop::sum(int*) at sum.cc:3:7`.

use super::native::{leading_address, leading_number, set_place, thread, trace, without_signature};
use super::text::{Prefix, Text};
use super::{FRAMES_MAX, Frame, Trace, abort, exception};
use crate::event::{Exception, Thread};

/// Lines from a signal to the stack.
const GAP_LINES_MAX: usize = 64;
/// Lines of one frame: arguments are wrapped, and `bt full` lists variables.
const FRAME_LINES_MAX: usize = 256;
/// Threads read beside the one that failed.
const THREADS_MAX: usize = 1024;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let gdb = text.places("#0  ").filter(|&(line, column)| {
        numbered(&text.line(line)[column..]).is_some_and(|(_, call)| is_call(call))
    });
    let lldb = text.places("frame #0: ");
    let mut tops: Vec<(usize, usize)> = gdb.chain(lldb).collect();
    tops.sort_unstable();
    tops.dedup_by_key(|&mut (line, _)| line);
    let mut next_line = 0;
    // No signal is above this line that a stack below could be of.
    let mut unsignalled = 0;
    let mut tops = tops.into_iter().peekable();
    while let Some((line, column)) = tops.next() {
        if line < next_line {
            continue;
        }
        let mut report = Report::new(text, line, column, next_line.max(unsignalled));
        if report.signal.is_none() {
            unsignalled = line;
        }
        while report.joins(text, tops.peek().copied()) {
            if let Some((line, column)) = tops.next() {
                report.add(text, line, column);
            }
        }
        next_line = report.end;
        found.push(report.finish());
    }
}

/// Whether what stands behind a number is a call as gdb prints it; other tools number their frames too, and put
/// the place in the brackets.
fn is_call(call: &str) -> bool {
    let behind = leading_address(call).map_or(call, |(_, behind)| behind.trim_start());
    call.starts_with('<')
        || behind.starts_with("in ")
        || behind.ends_with("()")
        || behind
            .match_indices(" (")
            .take(16)
            .any(|(at, mark)| is_arguments(&behind[at + mark.len()..]))
}

/// Nothing, or `name=`; what is long may be broken behind the bracket.
fn is_arguments(text: &str) -> bool {
    let name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '#' | '.' | '@');
    let rest = text.trim_start_matches(name);
    rest.is_empty() || text.starts_with(')') || (rest.starts_with('=') && rest.len() < text.len())
}

struct Stack<'t> {
    thread: Option<ThreadLine<'t>>,
    frames: Vec<Frame>,
}

/// The stacks of one program.
struct Report<'t> {
    start: usize,
    end: usize,
    signal: Option<Signal<'t>>,
    /// What the runtime said before it aborted.
    cause: Option<Exception>,
    stacks: Vec<Stack<'t>>,
}

impl<'t> Report<'t> {
    fn new(text: &Text<'t>, line: usize, column: usize, free: usize) -> Self {
        let prefix = Prefix::of(text.line(line), outer_column(text.line(line), column));
        let above = (free.max(line.saturating_sub(GAP_LINES_MAX))..line).rev();
        let signal = above
            .into_iter()
            .find_map(|number| Some((number, signal(prefix.strip(text.line(number)))?)));
        let start = signal.as_ref().map_or(line, |&(number, _)| number);
        let aborted = signal
            .as_ref()
            .and_then(|_| abort::above(text, start, free));
        let mut report = Self {
            start: aborted.as_ref().map_or(start, |&(_, start)| start),
            end: line,
            cause: aborted.map(|(cause, _)| cause),
            signal: signal.map(|(_, signal)| signal),
            stacks: Vec::new(),
        };
        report.add(text, line, column);
        report
    }

    fn add(&mut self, text: &Text<'t>, line: usize, column: usize) {
        if line < self.end {
            return;
        }
        let first = text.line(line);
        let column = outer_column(first, column);
        let prefix = Prefix::of(first, column);
        let above = line.checked_sub(1).map(|above| text.line(above));
        let thread = above.and_then(|above| ThreadLine::read(prefix.strip(above)));
        if self.stacks.is_empty() && thread.is_some() {
            self.start = self.start.min(line - 1);
        }
        let (frames, end) = match first[column..].starts_with('#') {
            true => read_gdb(text, prefix, line),
            false => read_lldb(text, prefix, line),
        };
        self.end = end;
        if self.stacks.len() < THREADS_MAX {
            self.stacks.push(Stack { thread, frames });
        }
    }

    /// Whether a stack that begins there is one of the same program.
    fn joins(&self, text: &Text<'_>, top: Option<(usize, usize)>) -> bool {
        let Some((line, column)) = top else {
            return false;
        };
        if line < self.end {
            return true;
        }
        let prefix = Prefix::of(text.line(line), outer_column(text.line(line), column));
        let above = line.checked_sub(1).map(|above| text.line(above));
        line <= self.end + 3
            && above.is_some_and(|above| ThreadLine::read(prefix.strip(above)).is_some())
    }

    /// The thread that failed is the one said to be current, or stopped by a signal; else the one that is printed
    /// last as the first, else the first.
    fn finish(mut self) -> Trace {
        let is_first =
            |stack: &Stack<'_>| stack.thread.is_some_and(|thread| thread.number == Some(1));
        let stopped =
            |stack: &Stack<'_>| stack.thread.is_some_and(|thread| thread.stopped.is_some());
        let aborted = |stack: &Stack<'_>| stack.frames.iter().any(is_signal_handler);
        let current = self.stacks.iter().position(stopped);
        let current = current.or_else(|| self.stacks.iter().position(aborted));
        let current = current
            .or_else(|| self.stacks.iter().position(is_first))
            .unwrap_or(0);
        let failed = self.stacks.remove(current);
        let said = failed.thread.and_then(|thread| thread.stopped);
        let signal = self.signal.take().or(said.map(|said| Signal {
            ty: Some(said),
            value: None,
        }));
        let (ty, value) = signal.map_or((None, None), |signal| (signal.ty, signal.value));
        let mut failure = exception(ty, value, failed.frames);
        failure.thread_id = failed.thread.map(|thread| thread.id.to_owned());
        let threads: Vec<Thread> = self
            .stacks
            .into_iter()
            .map(|stack| {
                let id = stack.thread.map(|thread| thread.id);
                thread(
                    id,
                    stack.thread.and_then(|thread| thread.name),
                    stack.frames,
                )
            })
            .collect();
        let mut trace = trace(failure, threads, self.start..self.end);
        trace.exceptions.splice(0..0, self.cause);
        trace
    }
}

fn is_signal_handler(frame: &Frame) -> bool {
    frame.function.as_deref() == Some("<signal handler called>")
}

/// lldb marks the current frame with a star and indents the others.
fn outer_column(line: &str, column: usize) -> usize {
    line[..column].trim_end_matches([' ', '*']).len()
}

struct Signal<'t> {
    ty: Option<&'t str>,
    value: Option<&'t str>,
}

/// `Program received signal SIGSEGV, Segmentation fault.`, also of one thread, or of a core file.
fn signal(line: &str) -> Option<Signal<'_>> {
    let marks = ["received signal ", "terminated with signal "];
    let said = marks
        .iter()
        .find_map(|mark| Some(line.split_once(mark)?.1))?;
    let (ty, value) = match said.split_once(", ") {
        Some((ty, value)) => (ty, Some(value.trim_end())),
        None => (said.trim_end_matches(['.', ' ']), None),
    };
    let is_number = ty.bytes().all(|byte| byte.is_ascii_digit());
    (ty.starts_with("SIG") || ty == "?" || is_number).then_some(Signal {
        ty: Some(ty),
        value,
    })
}

#[derive(Clone, Copy)]
struct ThreadLine<'t> {
    number: Option<u64>,
    id: &'t str,
    name: Option<&'t str>,
    /// Why it stopped, as lldb says.
    stopped: Option<&'t str>,
}

impl<'t> ThreadLine<'t> {
    /// `Thread 2 (Thread 0x7f (LWP 7) "name"):`, `* thread #1, name = 'main', stop reason = signal SIGSEGV`
    fn read(line: &'t str) -> Option<Self> {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("Thread ") {
            let (number, about) = leading_number(rest)?;
            let about = about.trim_start().strip_prefix('(')?;
            let id = about.split_once("LWP ").and_then(|(_, id)| {
                leading_number(id).map(|(_, rest)| &id[..id.len() - rest.len()])
            });
            let name = about
                .split_once('"')
                .and_then(|(_, name)| Some(name.split_once('"')?.0));
            return Some(Self {
                number: Some(number),
                id: id.unwrap_or_else(|| {
                    &rest
                        [..rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len()]
                }),
                name,
                stopped: None,
            });
        }
        let rest = line
            .trim_start_matches(['*', ' '])
            .strip_prefix("thread #")?;
        let (number, behind) = leading_number(rest)?;
        let name = behind
            .split_once("name = '")
            .and_then(|(_, name)| Some(name.split_once('\'')?.0));
        let stopped = behind
            .split_once("stop reason = ")
            .map(|(_, reason)| reason);
        let stopped = stopped.map(|reason| reason.strip_prefix("signal ").unwrap_or(reason));
        Some(Self {
            number: Some(number),
            id: &rest[..rest.len() - behind.len()],
            name,
            stopped,
        })
    }
}

/// `#12 call`
fn numbered(line: &str) -> Option<(u64, &str)> {
    let (number, rest) = leading_number(line.strip_prefix('#')?)?;
    let call = rest.strip_prefix(' ')?.trim();
    (!call.is_empty()).then_some((number, call))
}

/// Frames of gdb, innermost first, and the line behind them.
fn read_gdb(text: &Text<'_>, prefix: Prefix<'_>, first: usize) -> (Vec<Frame>, usize) {
    let mut frames = Vec::new();
    let (mut number, mut end) = (first, first);
    while number < text.len() {
        let line = prefix.strip(text.line(number));
        match numbered(line) {
            Some((count, call)) if count > 0 || number == first => {
                let (call, behind) = whole_call(text, prefix, number, call);
                if frames.len() < FRAMES_MAX {
                    frames.push(gdb_frame(&call));
                }
                (number, end) = (behind, behind);
            }
            // Variables of `bt full`.
            None if line.starts_with([' ', '\t']) && number < end + FRAME_LINES_MAX => number += 1,
            _ => break,
        }
    }
    (frames, end)
}

/// A call with the lines that it is wrapped into, and the line behind it.
fn whole_call(text: &Text<'_>, prefix: Prefix<'_>, number: usize, call: &str) -> (String, usize) {
    let mut whole = call.to_owned();
    let mut behind = number + 1;
    while behind < text.len().min(number + FRAME_LINES_MAX) {
        let line = prefix.strip(text.line(behind));
        let next = line.trim();
        let open = is_open(&whole)
            || next.starts_with("at ")
            || next.starts_with("from ")
            || next.starts_with('(');
        if !line.starts_with(' ') || next.is_empty() || !open || whole.len() > 16_384 {
            break;
        }
        whole.push(' ');
        whole.push_str(next);
        behind += 1;
    }
    (whole, behind)
}

/// Whether the arguments are still open.
fn is_open(call: &str) -> bool {
    let open = call.bytes().filter(|&byte| byte == b'(').count();
    let closed = call.bytes().filter(|&byte| byte == b')').count();
    open > closed || open == 0 && !call.starts_with('<')
}

/// `0x55 in ns::f (a=1) at file.cc:3` or `f () from /lib/x.so`
fn gdb_frame(call: &str) -> Frame {
    let mut frame = Frame::default();
    let mut rest = call;
    if let Some((at, behind)) = leading_address(call) {
        frame.instruction_addr = at;
        rest = behind.trim_start();
        rest = rest.strip_prefix("in ").unwrap_or(rest);
    }
    if let Some((before, place)) = split_behind_arguments(rest, ") at ") {
        set_place(&mut frame, place);
        rest = before;
    } else if let Some((before, package)) = split_behind_arguments(rest, ") from ") {
        frame.package = Some(package.to_owned());
        rest = before;
    }
    let function = without_signature(without_arguments(rest.trim_end()));
    frame.function = (!matches!(function, "" | "??")).then(|| function.to_owned());
    frame
}

fn split_behind_arguments<'c>(call: &'c str, mark: &str) -> Option<(&'c str, &'c str)> {
    let at = call.rfind(mark)?;
    Some((&call[..=at], call[at + mark.len()..].trim()))
}

/// What stands before the arguments: gdb sets a blank between.
fn without_arguments(call: &str) -> &str {
    if !call.ends_with(')') {
        return call;
    }
    // Values may hold brackets of every kind, so that they are counted from the name on.
    let mut depth = 0_usize;
    let mut open = None;
    let bytes = call.as_bytes();
    for (at, byte) in call.bytes().enumerate() {
        match byte {
            b'(' if depth == 0 && at > 0 && bytes[at - 1] == b' ' => {
                let named = call[at..].starts_with("(anonymous namespace)");
                open = open.or((!named).then_some(at));
                depth += 1;
            }
            b'(' | b'<' if open.is_none() => depth += 1,
            b'>' if open.is_none() && at > 0 && bytes[at - 1] == b'-' => {}
            b')' | b'>' if open.is_none() => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    match open {
        // The arguments are the last group, where the name has a signature of its own: `f(int) const (this=0x1)`.
        Some(open) if open > 0 => call[..open].trim_end(),
        _ => call,
    }
}

/// Frames of lldb, innermost first, and the line behind them.
fn read_lldb(text: &Text<'_>, prefix: Prefix<'_>, first: usize) -> (Vec<Frame>, usize) {
    let mut frames = Vec::new();
    let mut number = first;
    while number < text.len() {
        let line = prefix.strip(text.line(number));
        let Some(rest) = line.trim_start_matches([' ', '*']).strip_prefix("frame #") else {
            break;
        };
        let Some((count, call)) = leading_number(rest) else {
            break;
        };
        if count == 0 && number > first {
            break;
        }
        if frames.len() < FRAMES_MAX {
            frames.push(lldb_frame(call.trim_start_matches([':', ' '])));
        }
        number += 1;
    }
    (frames, number.max(first + 1))
}

/// `0x01 module`function(int) + 12 at file.cc:3:7`
fn lldb_frame(call: &str) -> Frame {
    let mut frame = Frame::default();
    let mut rest = call.trim_end();
    if let Some((at, behind)) = leading_address(rest) {
        frame.instruction_addr = at;
        rest = behind.trim_start();
    }
    if let Some((module, behind)) = rest.split_once('`') {
        frame.package = Some(module.to_owned());
        rest = behind;
    }
    let rest = rest.strip_suffix(" [opt]").unwrap_or(rest);
    let rest = rest.split(" [inlined]").next().unwrap_or(rest);
    let (rest, place) = rest.rsplit_once(" at ").unwrap_or((rest, ""));
    set_place(&mut frame, place);
    let name = match rest.rsplit_once(" + ") {
        Some((name, offset)) if leading_number(offset).is_some() => name,
        _ => rest,
    };
    let function = without_signature(name);
    frame.function = (!function.is_empty()).then(|| function.to_owned());
    frame
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

    const SIGNAL: &str = "\
Program received signal SIGSEGV, Segmentation fault.
0x00007fff in std::basic_string<char, std::allocator<char> >::size() const () from /lib/libstdc++.so.6
#0  0x00007fff in std::basic_string<char, std::allocator<char> >::size() const () from /lib/libstdc++.so.6
#1  0x00005555 in app::Doc::len (this=0x5) at my dir/null.cc:3
#2  app::total<app::Doc> (v=std::vector of length 2, capacity 2 = {...},
    s=0x5 \"x) at y\") at null.cc:4
        local = 5
        other = {a = 1,
          b = 2}
#3  <signal handler called>
#4  (anonymous namespace)::run (argc=1) at null.cc:5
#5  operator() (__closure=0x0) at null.cc:6
#6  0x0000 in ?? ()
#10 main ()
    at null.cc:7
(gdb) quit
";

    #[test]
    fn a_stack_of_gdb_is_read() {
        check(
            SIGNAL,
            "SIGSEGV: Segmentation fault. | std::basic_string<char, std::allocator<char> >::size [/lib/libstdc++.so.6] < app::Doc::len my dir/null.cc:3 < app::total<app::Doc> null.cc:4 < <signal handler called> < (anonymous namespace)::run null.cc:5 < operator() null.cc:6 < 0x0 < main null.cc:7",
        );
        let mut found = Vec::new();
        find(&Text::new(SIGNAL), &mut found);
        assert_eq!(found[0].lines, 0..15);
    }

    #[test]
    fn names_of_gdb_lose_their_arguments() {
        let check = |call: &str, expected: &str| {
            assert_eq!(gdb_frame(call).function.as_deref(), Some(expected))
        };
        check("f (a=0x1 \"(\", b=2) at x.c:3", "f");
        check(
            "std::function<void (int)>::operator()(int) const (this=0x1) at x.c:3",
            "std::function<void (int)>::operator()",
        );
        check(
            "a::operator<< <int> (s=...) at x.c:3",
            "a::operator<< <int>",
        );
        check(
            "core::ops::function::FnOnce::call_once<fn(), ()> () at /rustc/f.rs:250",
            "core::ops::function::FnOnce::call_once<fn(), ()>",
        );
        check("__GI_raise (sig=sig@entry=6) at ../x.c:51", "__GI_raise");
        check(
            "<lambda(int)>::operator()(int) const (__closure=0x7, i=1) at x.cc:1",
            "<lambda(int)>::operator()",
        );
    }

    #[test]
    fn a_core_file_is_read() {
        check(
            "Core was generated by `./a'.\nProgram terminated with signal SIGABRT, Aborted.\n#0  __pthread_kill (tid=1) at ./kill.c:44\n44\t./kill.c: No such file or directory.\n[Current thread is 1 (Thread 0x7f (LWP 9))]\n",
            "SIGABRT: Aborted. | __pthread_kill ./kill.c:44",
        );
    }

    #[test]
    fn what_the_runtime_said_before_is_the_cause() {
        check(
            "terminate called after throwing an instance of 'std::out_of_range'\n  what():  key 7\n\nProgram received signal SIGABRT, Aborted.\n#0  raise () at a.c:1\n",
            "std::out_of_range: key 7 | \nSIGABRT: Aborted. | raise a.c:1",
        );
    }

    #[test]
    fn all_threads_are_read() {
        check(
            "Thread 3 \"worker\" received signal SIGSEGV, Segmentation fault.\n\nThread 2 (Thread 0x7f (LWP 8) \"other one\"):\n#0  0x01 in poll () from /lib/libc.so.6\n#1  0x02 in clone ()\n\nThread 1 (Thread 0x7e (LWP 7)):\n#0  0x03 in crash () at a.c:1\n",
            "SIGSEGV: Segmentation fault. | crash a.c:1\nthread 8 other one | poll [/lib/libc.so.6] < clone",
        );
    }

    #[test]
    fn a_stack_of_lldb_is_read() {
        check(
            "* thread #1, name = 'shop', queue = 'main', stop reason = EXC_BAD_ACCESS (code=1, address=0x0)\n  * frame #0: 0x0000000100003f8c shop`shop::sum(int*) + 12 at sum file.cc:3:7\n    frame #1: 0x00000001 shop`main(argc=1) at main.cc:9:3 [opt]\n    frame #2: 0x00000002 dyld`start + 462\n  thread #2\n    frame #0: 0x3 libsystem_kernel.dylib`__psynch_cvwait + 8\n",
            "EXC_BAD_ACCESS (code=1, address=0x0):  | shop::sum sum file.cc:3:7 [shop] < main main.cc:9:3 [shop] < start [dyld]\nthread 2 - | __psynch_cvwait [libsystem_kernel.dylib]",
        );
    }

    #[test]
    fn stacks_of_others_are_none() {
        check("    #0  0x7e9aa0a3fc  frame1\n", "");
        check("#0  heading\n", "");
        check("#0 main at a.c:1\n", "");
        check("#0      Cart.total (package:shop/cart.dart:30:9)\n", "");
    }

    #[test]
    fn any_text_is_read() {
        any_bytes(find, SIGNAL);
        any_bytes(
            find,
            "* thread #1, stop reason = signal SIGSEGV\n  * frame #0: 0x1 a`f(int) + 1 at b.c:1\n",
        );
    }
}
