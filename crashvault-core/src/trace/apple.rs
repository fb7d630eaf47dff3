//! Crash reports of macOS and iOS (text and JSON), exceptions of Objective-C that nobody caught, and Swift's fatal errors.
//!
//! ```text
//! Exception Type:  EXC_BAD_ACCESS (SIGSEGV)
//! Exception Codes: KERN_INVALID_ADDRESS at 0x88
//!
//! Thread 0 Crashed:: Dispatch queue: com.apple.main-thread
//! 0   My Shop                 0x00000001090a0132 -[Cart total:] + 12 (Cart.m:3)
//!
//! Thread 1:
//! ```

use super::native::{leading_address, leading_number, set_place, thread, without_signature};
use super::text::{Prefix, Text};
use super::{FRAMES_MAX, Frame, Trace, exception, rust};
use crate::event::{Exception, Thread};
use serde_json::Value;

/// Lines between the head of a report and its first thread.
const HEAD_LINES_MAX: usize = 256;
/// Lines without anything known that end the threads of a report.
const GAP_LINES_MAX: usize = 8;
/// Lines of a reason, and those from it to its stack.
const REASON_LINES_MAX: usize = 32;
/// Threads read beside the one that failed.
const THREADS_MAX: usize = 1024;
/// Reports in JSON that may turn out to be broken.
const BROKEN_MAX: usize = 8;

/// Reads a failure whose mark stands at a byte of a line.
type Read = fn(&Text<'_>, usize, usize) -> Option<Trace>;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let kinds: [(&str, Read); 4] = [
        ("Exception Type:", report),
        ("Terminating app due to uncaught exception '", uncaught),
        (".swift:", fatal),
        ("Fatal error: ", fatal_before),
    ];
    let mut places: Vec<(usize, usize, usize)> = Vec::new();
    for (kind, (mark, _)) in kinds.iter().enumerate() {
        places.extend(text.places(mark).map(|(line, column)| (line, column, kind)));
    }
    places.sort_unstable();
    let mut next_line = 0;
    for (line, column, kind) in places {
        let trace = (line >= next_line).then(|| kinds[kind].1(text, line, column));
        if let Some(trace) = trace.flatten() {
            next_line = trace.lines.end;
            found.push(trace);
        }
    }
    let mut reports = Vec::new();
    let mut broken = 0;
    let mut next_line = 0;
    for (line, _) in text.places("\"faultingThread\"") {
        if line >= next_line && broken < BROKEN_MAX {
            match json(text, line, next_line) {
                Some(trace) => {
                    next_line = trace.lines.end;
                    reports.push(trace);
                }
                None => broken += 1,
            }
        }
    }
    super::keep_free(found, reports);
}

pub(super) fn trace(
    exceptions: Vec<Exception>,
    threads: Vec<Thread>,
    lines: std::ops::Range<usize>,
) -> Trace {
    Trace {
        language: "cocoa",
        exceptions,
        threads,
        lines,
    }
}

/// A report as text, from its `Exception Type:` on.
fn report(text: &Text<'_>, line: usize, column: usize) -> Option<Trace> {
    let prefix = Prefix::of(text.line(line), column);
    let stripped = |number: usize| prefix.strip(text.line(number)).trim();
    let ty = stripped(line).strip_prefix("Exception Type:")?.trim();
    let (ty, signal) = match ty.split_once(" (") {
        Some((ty, signal)) => (ty, signal.strip_suffix(')')),
        None => (ty, None),
    };
    let mut said: Vec<&str> = signal.into_iter().collect();
    let mut cause = None;
    let mut last_exception = Vec::new();
    let mut number = line + 1;
    let end = text.len().min(line + HEAD_LINES_MAX);
    while number < end && ThreadLine::read(stripped(number)).is_none() {
        let line = stripped(number);
        if line.starts_with("Exception Type:") || line.starts_with("Binary Images:") {
            break;
        }
        let codes = ["Exception Subtype:", "Exception Codes:"];
        if let Some(code) = codes.iter().find_map(|code| line.strip_prefix(code))
            && said.len() < 2
        {
            said.push(code.trim());
        }
        cause = cause.or_else(|| reason(text, prefix, number).map(|(cause, _)| cause));
        number += 1;
        if line.starts_with("Last Exception Backtrace:") {
            (last_exception, number) = read_stack(text, prefix, number);
        }
    }
    let (stacks, behind) = read_threads(text, prefix, number);
    let mut failed = None;
    let mut threads = Vec::new();
    for (about, frames) in stacks {
        if about.crashed && failed.is_none() {
            failed = Some((about.id, frames));
        } else if threads.len() < THREADS_MAX {
            threads.push(thread(Some(about.id), about.name, frames));
        }
    }
    let (id, frames) = failed.unwrap_or_default();
    let value = said.join(", ");
    let mut failure = exception(
        Some(ty),
        Some(value.as_str()).filter(|value| !value.is_empty()),
        frames,
    );
    failure.thread_id = Some(id.to_owned()).filter(|id| !id.is_empty());
    let cause = match cause {
        None if last_exception.is_empty() => None,
        cause => {
            let cause = cause.unwrap_or_default();
            let stack = exception(None, None, last_exception).stacktrace;
            Some(Exception {
                stacktrace: stack,
                ..cause
            })
        }
    };
    let exceptions = cause.into_iter().chain([failure]).collect();
    Some(trace(exceptions, threads, line..behind))
}

struct ThreadLine<'t> {
    id: &'t str,
    name: Option<&'t str>,
    crashed: bool,
    /// `Thread 0 name:` stands above `Thread 0:`.
    is_name: bool,
}

impl<'t> ThreadLine<'t> {
    /// `Thread 0 Crashed:: Dispatch queue: com.apple.main-thread`
    fn read(line: &'t str) -> Option<Self> {
        let rest = line.strip_prefix("Thread ")?;
        let (_, behind) = leading_number(rest)?;
        let id = &rest[..rest.len() - behind.len()];
        let (crashed, behind) = match behind.strip_prefix(" Crashed") {
            Some(behind) => (true, behind),
            None => (false, behind),
        };
        let (is_name, behind) = match behind.strip_prefix(" name") {
            Some(behind) => (true, behind),
            None => (false, behind),
        };
        let name = behind.strip_prefix(':')?.trim_start_matches(':').trim();
        let name = name.strip_prefix("Dispatch queue: ").unwrap_or(name);
        Some(Self {
            id,
            name: Some(name).filter(|name| !name.is_empty()),
            crashed,
            is_name,
        })
    }
}

/// The threads of a report with their frames, innermost first, and the line behind them.
fn read_threads<'t>(
    text: &Text<'t>,
    prefix: Prefix<'_>,
    from: usize,
) -> (Vec<(ThreadLine<'t>, Vec<Frame>)>, usize) {
    let mut stacks: Vec<(ThreadLine<'t>, Vec<Frame>)> = Vec::new();
    let mut name = None;
    let (mut number, mut behind) = (from, from);
    while number < text.len() && number < behind + GAP_LINES_MAX {
        let Some(mut about) = ThreadLine::read(prefix.strip(text.line(number)).trim()) else {
            number += 1;
            continue;
        };
        number += 1;
        behind = number;
        if about.is_name {
            name = about.name;
            continue;
        }
        about.name = about.name.or(name.take());
        let (frames, end) = read_stack(text, prefix, number);
        (number, behind) = (end, end);
        stacks.push((about, frames));
    }
    (stacks, behind)
}

/// Frames, innermost first, and the line behind them.
fn read_stack(text: &Text<'_>, prefix: Prefix<'_>, from: usize) -> (Vec<Frame>, usize) {
    let mut frames = Vec::new();
    let mut number = from;
    while number < text.len() {
        let line = prefix.strip(text.line(number)).trim();
        if let Some(addresses) = line.strip_prefix("(0x") {
            let addresses = addresses.trim_end_matches(')').split(' ').take(FRAMES_MAX);
            frames.extend(addresses.map(|address| Frame {
                instruction_addr: super::native::address(address),
                ..Frame::default()
            }));
            return (frames, number + 1);
        }
        match frame(line) {
            Some(frame) if frames.len() < FRAMES_MAX => frames.push(frame),
            Some(_) => {}
            // A stack in brackets begins on the line behind its bracket.
            None if line == "(" && frames.is_empty() => {}
            None => break,
        }
        number += 1;
    }
    let closing = prefix.strip(text.line(number)).trim() == ")" && !frames.is_empty();
    (frames, number + usize::from(closing))
}

/// `3   My Shop    0x0001 -[Cart total:] + 12 (Cart.m:3)`
pub(super) fn frame(line: &str) -> Option<Frame> {
    let (_, rest) = leading_number(line)?;
    let at = [" 0x", "\t0x"]
        .iter()
        .filter_map(|mark| rest.find(mark))
        .min()?;
    let (address, symbol) = leading_address(&rest[at + 1..])?;
    let package = rest[..at].trim();
    if package.is_empty() || !rest.starts_with([' ', '\t']) {
        return None;
    }
    let mut frame = Frame {
        package: Some(package.to_owned()),
        instruction_addr: address,
        ..Frame::default()
    };
    let mut symbol = symbol.trim();
    if let Some((before, place)) = symbol
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once(" ("))
        && rust::split_number(place).1.is_some()
    {
        set_place(&mut frame, place);
        symbol = before;
    }
    symbol = symbol.split(" (in ").next().unwrap_or(symbol);
    if let Some((name, offset)) = symbol.rsplit_once(" + ")
        && leading_number(offset).is_some()
    {
        symbol = name;
    }
    frame.function = name(symbol);
    Some(frame)
}

/// A symbol, unless it is the address where its image begins.
fn name(symbol: &str) -> Option<String> {
    let is_address = leading_address(symbol).is_some();
    let name = match symbol.contains("::") {
        true => without_signature(symbol),
        false => symbol,
    };
    (!is_address && !matches!(name, "" | "<redacted>" | "<unavailable>" | "???"))
        .then(|| name.to_owned())
}

/// The exception in `Terminating app due to uncaught exception 'X', reason: 'Y'` and the line behind it.
fn reason(text: &Text<'_>, prefix: Prefix<'_>, line: usize) -> Option<(Exception, usize)> {
    let first = text.line(line);
    let (_, said) = first.split_once("erminating app due to uncaught exception '")?;
    let (ty, rest) = said.split_once('\'')?;
    let Some((_, rest)) = rest.split_once("reason: ") else {
        return Some((exception(Some(ty), None, Vec::new()), line + 1));
    };
    let mut reason = rest.trim_end().to_owned();
    let mut number = line + 1;
    while number < text.len().min(line + REASON_LINES_MAX) {
        let next = prefix.strip(text.line(number));
        let is_behind = next.contains("First throw call stack") || next.starts_with("terminat");
        let is_quoted = reason.starts_with('\'');
        let is_whole = !is_quoted || reason.len() > 1 && reason.ends_with('\'');
        if is_behind || is_whole {
            break;
        }
        reason.push('\n');
        reason.push_str(next.trim_end());
        number += 1;
    }
    let reason = reason.trim_end();
    let reason = reason.strip_prefix('\'').unwrap_or(reason);
    let reason = reason.strip_suffix('\'').unwrap_or(reason);
    Some((exception(Some(ty), Some(reason), Vec::new()), number))
}

/// An exception as the console shows it.
fn uncaught(text: &Text<'_>, line: usize, column: usize) -> Option<Trace> {
    let first = text.line(line);
    let start = first[..column]
        .strip_suffix("*** ")
        .map_or(column, str::len);
    let prefix = Prefix::of(first, start);
    let (mut thrown, mut end) = reason(text, prefix, line)?;
    let mut titles = end..text.len().min(end + GAP_LINES_MAX);
    let title = titles.find(|&number| text.line(number).contains("First throw call stack:"));
    if let Some(title) = title {
        let (frames, behind) = read_stack(text, prefix, title + 1);
        thrown.stacktrace = exception(None, None, frames).stacktrace;
        end = behind;
    }
    let again = prefix.strip(text.line(end));
    if again.contains("terminating") && again.contains("NSException") {
        end += 1;
    }
    Some(trace(vec![thrown], Vec::new(), line..end))
}

/// What Swift says of a program that it ends, in a line.
pub(super) fn fatal_in(text: &Text<'_>, line: usize) -> Option<Trace> {
    let said = text.line(line);
    let after = said.find(".swift:");
    let before = said.find("Fatal error: ");
    after
        .and_then(|column| fatal(text, line, column))
        .or_else(|| fatal_before(text, line, before?))
}

/// `Shop/Cart.swift:12: Fatal error: message`
fn fatal(text: &Text<'_>, line: usize, column: usize) -> Option<Trace> {
    let first = text.line(line).trim_end();
    let (number, said) = leading_number(first.get(column + ".swift:".len()..)?)?;
    let said = said.strip_prefix(": ")?;
    let kinds = ["Fatal error", "Precondition failed", "Assertion failed"];
    let ty = kinds.into_iter().find(|kind| said.starts_with(kind))?;
    let start = match first.starts_with('/') {
        true => 0,
        false => first[..column]
            .rfind([' ', '\t'])
            .map_or(0, |blank| blank + 1),
    };
    let path = &first[start..column + ".swift".len()];
    Some(failed_at(
        ty,
        said[ty.len()..].strip_prefix(": "),
        path,
        number,
        line,
    ))
}

/// `Fatal error: message: file Shop/Cart.swift, line 12`
fn fatal_before(text: &Text<'_>, line: usize, column: usize) -> Option<Trace> {
    let said = text.line(line)[column + "Fatal error: ".len()..].trim_end();
    let (said, number) = said.rsplit_once(", line ")?;
    let (said, path) = said.rsplit_once("file ")?;
    let (number, _) = leading_number(number)?;
    let value = said.trim_end_matches([':', ' ']);
    let value = Some(value).filter(|value| !value.is_empty());
    path.ends_with(".swift")
        .then(|| failed_at("Fatal error", value, path, number, line))
}

fn failed_at(ty: &str, value: Option<&str>, path: &str, number: u64, line: usize) -> Trace {
    let mut frame = Frame::default();
    set_place(&mut frame, path);
    frame.lineno = Some(number);
    trace(
        vec![exception(Some(ty), value, vec![frame])],
        Vec::new(),
        line..line + 1,
    )
}

/// A report as JSON that names the thread that failed in a line.
fn json(text: &Text<'_>, line: usize, free: usize) -> Option<Trace> {
    let mut above = (free.max(line.saturating_sub(HEAD_LINES_MAX))..=line).rev();
    let start = above.find(|&number| text.line(number).starts_with('{'))?;
    let rest = text.rest(start);
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    let report = values.next()?.ok()?;
    let length = rest[..values.byte_offset()].matches('\n').count();
    let images = report["usedImages"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let frames = |of: &Value| -> Vec<Frame> {
        let frames = of.as_array().map_or(&[][..], Vec::as_slice);
        frames
            .iter()
            .take(FRAMES_MAX)
            .map(|frame| json_frame(frame, images))
            .collect()
    };
    let faulting = report["faultingThread"].as_u64()? as usize;
    let mut threads = Vec::new();
    let mut failed = Vec::new();
    for (number, about) in report["threads"].as_array()?.iter().enumerate() {
        if number == faulting {
            failed = frames(&about["frames"]);
        } else if threads.len() < THREADS_MAX {
            let name = about["name"].as_str().or(about["queue"].as_str());
            threads.push(thread(
                Some(&number.to_string()),
                name,
                frames(&about["frames"]),
            ));
        }
    }
    let about = &report["exception"];
    let said: Vec<&str> = ["signal", "subtype"]
        .iter()
        .filter_map(|key| about[*key].as_str())
        .collect();
    let value = Some(said.join(", ")).filter(|value| !value.is_empty());
    let mut failure = exception(about["type"].as_str(), value.as_deref(), failed);
    failure.thread_id = Some(faulting.to_string());
    let mut exceptions = Vec::new();
    let last = frames(&report["lastExceptionBacktrace"]);
    if !last.is_empty() {
        let reason = &report["exceptionReason"];
        exceptions.push(exception(
            reason["name"].as_str(),
            reason["composed_message"].as_str(),
            last,
        ));
    }
    exceptions.push(failure);
    Some(trace(
        exceptions,
        threads,
        start..(start + length + 1).min(text.len()),
    ))
}

fn json_frame(frame: &Value, images: &[Value]) -> Frame {
    let image = frame["imageIndex"]
        .as_u64()
        .and_then(|index| images.get(index as usize));
    let base = image.and_then(|image| image["base"].as_u64());
    let offset = frame["imageOffset"].as_u64();
    let mut read = Frame {
        function: frame["symbol"].as_str().and_then(name),
        package: image
            .and_then(|image| image["name"].as_str())
            .map(str::to_owned),
        instruction_addr: base
            .zip(offset)
            .and_then(|(base, offset)| base.checked_add(offset)),
        ..Frame::default()
    };
    set_place(&mut read, frame["sourceFile"].as_str().unwrap_or_default());
    read.lineno = frame["sourceLine"].as_u64();
    read
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

    const REPORT: &str = "\
Process:         My Shop [49028]

Exception Type:  EXC_BAD_ACCESS (SIGSEGV)
Exception Subtype: KERN_INVALID_ADDRESS at 0x88
Exception Codes: 0x1, 0x88
Termination Reason:    Namespace SIGNAL, Code 11
Triggered by Thread:  0

Thread 0 name:  Dispatch queue: com.apple.main-thread
Thread 0 Crashed:
0   My Shop                \t0x00000001090a0132 -[Cart total:] + 12 (Cart.m:3)
1   My Shop                \t0x00000001090a0133 closure #1 in Cart.body.getter + 5
2   libshop.dylib          \t0x00000001090a0134 shop::total(int) + 16 (my cart.cc:7)
3   ???                    \t0x0000000054485244 0x0 + 0

Thread 1:: worker
0   libsystem_kernel.dylib \t0x00007fff61bc85be 0x7fff61bc6000 + 9662

Thread 0 crashed with X86 Thread State (64-bit):
  rax: 0x0

Binary Images:
";

    #[test]
    fn a_report_is_read() {
        check(
            REPORT,
            "EXC_BAD_ACCESS: SIGSEGV, KERN_INVALID_ADDRESS at 0x88 | -[Cart total:] Cart.m:3 [My Shop] < closure #1 in Cart.body.getter [My Shop] < shop::total my cart.cc:7 [libshop.dylib] < 0x54485244 [???]\n\
             thread 1 worker | 0x7fff61bc85be [libsystem_kernel.dylib]",
        );
    }

    #[test]
    fn the_exception_behind_a_report_is_its_cause() {
        check(
            "Exception Type:  EXC_CRASH (SIGABRT)\n\nApplication Specific Information:\n*** Terminating app due to uncaught exception 'NSRangeException', reason: 'index 3'\n\nLast Exception Backtrace:\n0   CoreFoundation  0x1 __exceptionPreprocess + 220\n\nThread 0 Crashed:\n0   libsystem.dylib  0x2 __pthread_kill + 8\n",
            "NSRangeException: index 3 | __exceptionPreprocess [CoreFoundation]\nEXC_CRASH: SIGABRT | __pthread_kill [libsystem.dylib]",
        );
    }

    #[test]
    fn an_exception_on_the_console_is_read() {
        check(
            "2023-01-06 18:20:03.898+0800 Shop[20:47] *** Terminating app due to uncaught exception 'NSRangeException', reason: '*** -[__NSArray0 objectAtIndex:]: index 3'\n*** First throw call stack:\n(\n\t0   CoreFoundation    0x00007fff __exceptionPreprocess + 242\n\t1   Shop              0x00000001 __26-[Home create]_block_invoke_2 + 58\n)\nlibc++abi: terminating with uncaught exception of type NSException\n",
            "NSRangeException: *** -[__NSArray0 objectAtIndex:]: index 3 | __exceptionPreprocess [CoreFoundation] < __26-[Home create]_block_invoke_2 [Shop]",
        );
        check(
            "*** Terminating app due to uncaught exception 'X', reason: 'one\ntwo'\n*** First throw call stack:\n(0x1a 0x2b)\n",
            "X: one\ntwo | 0x1a < 0x2b",
        );
    }

    #[test]
    fn fatal_errors_of_swift_are_read() {
        check(
            "Shop/Cart.swift:12: Fatal error: Index out of range\n",
            "Fatal error: Index out of range | ? Shop/Cart.swift:12",
        );
        check(
            "Fatal error: Index out of range: file Shop/Cart.swift, line 12\n",
            "Fatal error: Index out of range | ? Shop/Cart.swift:12",
        );
        check(
            "app | Shop/Cart.swift:12: Precondition failed\n",
            "Precondition failed:  | ? Shop/Cart.swift:12",
        );
        check("PHP Fatal error: Uncaught x in a.php, line 3\n", "");
        check("Shop/Cart.swift:12: warning: unused\n", "");
    }

    const JSON: &str = "{\"app_name\":\"Shop\"}\n{\n  \"faultingThread\" : 1,\n  \"exception\" : {\"type\":\"EXC_BAD_ACCESS\",\"signal\":\"SIGSEGV\",\"subtype\":\"KERN_INVALID_ADDRESS at 0x0\"},\n  \"threads\" : [{\"id\":7,\"name\":\"worker\",\"frames\":[{\"imageOffset\":1,\"imageIndex\":0}]},\n    {\"triggered\":true,\"frames\":[{\"imageOffset\":2,\"symbol\":\"main\",\"symbolLocation\":12,\"imageIndex\":0,\"sourceFile\":\"main.swift\",\"sourceLine\":3}]}],\n  \"usedImages\" : [{\"base\":16,\"name\":\"Shop\"}]\n}\n";

    #[test]
    fn a_report_in_json_is_read() {
        check(
            JSON,
            "EXC_BAD_ACCESS: SIGSEGV, KERN_INVALID_ADDRESS at 0x0 | main main.swift:3 [Shop]\nthread 0 worker | 0x11 [Shop]",
        );
        let mut found = Vec::new();
        find(&Text::new(JSON), &mut found);
        assert_eq!(found[0].lines, 1..8);
    }

    #[test]
    fn any_text_is_read() {
        any_bytes(find, REPORT);
        any_bytes(find, JSON);
        any_bytes(
            find,
            "*** Terminating app due to uncaught exception 'X', reason: 'a'\n*** First throw call stack:\n(\n0 A 0x1 b + 1\n)\na.swift:1: Fatal error: x\nFatal error: a: file b.swift, line 1\n",
        );
    }
}
