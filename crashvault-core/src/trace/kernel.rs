//! What the Linux kernel writes when it finds itself broken: oopses, BUG and WARNING, KASAN and its kin, tasks that
//! hang, locks in the wrong order, stalls.
//!
//! ```text
//! [   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000008
//! [   12.345679] RIP: 0010:shop_total+0x12/0x34 [shop]
//! [   12.345680] Call Trace:
//! [   12.345681]  <TASK>
//! [   12.345682]  ? show_regs+0x1/0x2
//! [   12.345683]  shop_ioctl+0x56/0x78 fs/shop.c:12 [shop]
//! ```
//!
//! Frames with a question mark are what merely lay on the stack, and are left out. Where the registers tell the
//! instruction that failed, it is the innermost frame; what printed the report is above it and left out.

use super::native::{address, set_place};
use super::text::Text;
use super::{FRAMES_MAX, Frame, Trace, exception, rust};

/// Lines from the head of a report to its stack; those on locks are long.
const HEAD_LINES_MAX: usize = 160;
/// Lines of a head that tell the same again in other words.
const SAME_LINES_MAX: usize = 8;
/// Lines of a stack.
const STACK_LINES_MAX: usize = 4096;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut stacks: Vec<(usize, usize)> = Vec::new();
    for mark in ["Call Trace:", "Call trace:", "Kernel Library Stack Trace:"] {
        stacks.extend(text.places(mark));
    }
    stacks.sort_unstable();
    stacks.dedup_by_key(|&mut (line, _)| line);
    let mut next_line = 0;
    for (line, _) in stacks {
        if line < next_line {
            continue;
        }
        let Some(head) = Head::above(text, line, next_line) else {
            // No stack below has its head above this line.
            next_line = line;
            continue;
        };
        let (trace, behind) = read(text, &head, line);
        next_line = behind;
        found.push(trace);
    }
}

/// What a log wrote before a line of the kernel: `<4>[   12.345678][ T1234] `, `Jan 02 host kernel: [ 12.3] `.
fn said(line: &str) -> &str {
    let line = line.split_once(" kernel: ").map_or(line, |(_, said)| said);
    let mut rest = line.trim_start();
    while let Some((stamp, behind)) = bracketed(rest) {
        let is_stamp = stamp.bytes().any(|byte| byte.is_ascii_digit())
            && stamp
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b" .TC".contains(&byte));
        if !is_stamp {
            break;
        }
        rest = behind;
    }
    rest
}

fn bracketed(text: &str) -> Option<(&str, &str)> {
    match text.as_bytes().first()? {
        b'[' => text[1..].split_once(']'),
        b'<' => text[1..].split_once('>'),
        _ => None,
    }
}

/// The line that tells what is broken.
struct Head<'t> {
    line: usize,
    ty: &'t str,
    value: Option<&'t str>,
}

impl<'t> Head<'t> {
    /// The head of the stack in a line: the nearest one above, or the one that is right above that.
    fn above(text: &Text<'t>, line: usize, free: usize) -> Option<Self> {
        let mut head: Option<Self> = None;
        for number in (free.max(line.saturating_sub(HEAD_LINES_MAX))..line).rev() {
            if head
                .as_ref()
                .is_some_and(|head| head.line - number > SAME_LINES_MAX)
            {
                break;
            }
            let Some((ty, value)) = told(said(text.line(number)).trim()) else {
                continue;
            };
            let is_second = head.as_ref().is_none_or(|head| is_second(head.ty));
            if is_second {
                head = Some(Self {
                    line: number,
                    ty,
                    value,
                });
            }
        }
        head
    }
}

/// Whether another line says better what is broken.
fn is_second(ty: &str) -> bool {
    matches!(
        ty,
        "Oops"
            | "Internal error"
            | "invalid opcode"
            | "Kernel panic"
            | "general protection fault"
            | "divide error"
    )
}

/// The kind of a head and what it says of this case.
fn told(line: &str) -> Option<(&str, Option<&str>)> {
    let line = line.strip_prefix("watchdog: ").unwrap_or(line);
    let line = line.strip_prefix("rcu: ").unwrap_or(line);
    for tool in [
        "BUG: KASAN",
        "BUG: KMSAN",
        "BUG: KCSAN",
        "BUG: KFENCE",
        "UBSAN",
    ] {
        if let Some(rest) = line
            .strip_prefix(tool)
            .and_then(|rest| rest.strip_prefix(": "))
        {
            let kind = rest.split(" in ").next().unwrap_or(rest);
            let end = tool.len() + 2 + kind.len();
            return Some((&line[..end], value(&line[end..])));
        }
    }
    if let Some((_, place)) = line.split_once("kernel BUG at ") {
        return Some(("kernel BUG", value(place)));
    }
    for start in ["BUG: ", "WARNING: ", "INFO: "] {
        if let Some(rest) = line.strip_prefix(start) {
            let is_place =
                rest.starts_with("CPU: ") || rest.contains(" at ") && start == "WARNING: ";
            let ty = match is_place {
                true => &line[..start.len() - 2],
                false => &line[..start.len() + kind(rest).len()],
            };
            return Some((ty, value(line[ty.len()..].trim_start_matches([':', ',']))));
        }
    }
    let others = [
        "general protection fault",
        "Unable to handle kernel",
        "Internal error",
        "Kernel panic - not syncing",
        "Oops",
        "divide error",
        "invalid opcode",
        "stack segment",
        "double fault",
        "refcount_t",
        "list_add corruption",
        "list_del corruption",
        "unreferenced object",
    ];
    let start = others.into_iter().find(|start| line.starts_with(start))?;
    let ty = match start {
        "Unable to handle kernel" => line.split(" at ").next().unwrap_or(line),
        "Kernel panic - not syncing" => "Kernel panic",
        start => start,
    };
    Some((
        ty,
        value(line[start.len().max(ty.len())..].trim_start_matches([':', ',', '.'])),
    ))
}

fn value(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// The words of a head before the names and numbers of this one case.
fn kind(text: &str) -> &str {
    let ends = [
        " in ",
        " at ",
        ", ",
        ": ",
        " - ",
        " on CPU",
        " 0x",
        " detected stalls",
        " for more than",
    ];
    let end = ends.iter().filter_map(|end| text.find(end)).min();
    let text = &text[..end.unwrap_or(text.len())];
    // INFO: task name:12 blocked
    match text.strip_prefix("task ") {
        Some(_) => "task",
        None => text.trim_end_matches(['!', '.']),
    }
}

/// A report with the stack in a line, and the line behind it.
fn read(text: &Text<'_>, head: &Head<'_>, stack: usize) -> (Trace, usize) {
    let failed = instruction(text, head.line, stack);
    let (mut frames, mut end) = read_stack(text, stack + 1);
    // Some kernels print the registers behind the stack.
    let failed = failed.or_else(|| {
        let behind = instruction(text, end, text.len().min(end + 3));
        behind.inspect(|_| end = text.len().min(end + 3))
    });
    if let Some(failed) = failed {
        let same = frames
            .iter()
            .position(|frame| frame.function == failed.function);
        match same {
            Some(at) => frames.drain(..at),
            None => frames.drain(..0),
        };
        if same.is_none() {
            frames.insert(0, failed);
        }
    }
    let trace = Trace {
        language: "linux-kernel",
        exceptions: vec![exception(Some(head.ty), head.value, frames)],
        threads: Vec::new(),
        lines: head.line..end,
    };
    (trace, end)
}

/// The instruction that failed, as the registers tell: `RIP: 0010:f+0x1/0x2`, `pc : f+0x1/0x2`, `PC is at f+0x1/0x2`.
fn instruction(text: &Text<'_>, from: usize, to: usize) -> Option<Frame> {
    (from..to).find_map(|number| {
        let line = said(text.line(number)).trim();
        let place = if let Some(rest) = line.strip_prefix("RIP: ") {
            rest.split_once(':')?.1
        } else if let Some(rest) = line.strip_prefix("pc : ") {
            rest
        } else if let Some(rest) = line.strip_prefix("PC is at ") {
            rest
        } else {
            line.strip_prefix("EIP: ")?
        };
        frame(place.rsplit_once(">] ").map_or(place, |(_, place)| place))
    })
}

/// Frames, innermost first, and the line behind them.
fn read_stack(text: &Text<'_>, from: usize) -> (Vec<Frame>, usize) {
    let mut frames = Vec::new();
    let mut number = from;
    while number < text.len().min(from + STACK_LINES_MAX) {
        let line = said(text.line(number)).trim();
        let is_bracket = line.len() < 24 && line.starts_with('<') && line.ends_with('>');
        if is_bracket || line == "=======================" || line.is_empty() && number == from {
            number += 1;
            continue;
        }
        let line = line.strip_prefix('#').map_or(line, |rest| {
            rest.trim_start_matches(|c: char| c.is_ascii_digit())
                .trim_start()
        });
        let (address, call) = match line
            .strip_prefix("[<")
            .and_then(|rest| rest.split_once(">] "))
        {
            Some((digits, call)) => (address(digits), call),
            None => (None, line),
        };
        let (unreliable, call) = match call
            .strip_prefix("? ")
            .or_else(|| call.strip_prefix("(inlined) "))
        {
            Some(call) => (true, call),
            None => (false, call),
        };
        let Some(mut frame) = frame(call) else {
            break;
        };
        frame.instruction_addr = address;
        if !unreliable && frames.len() < FRAMES_MAX {
            frames.push(frame);
        }
        number += 1;
    }
    (frames, number)
}

/// `f+0x12/0x34 [module]`, with `file:line` and `[inline]` where a script has looked them up.
fn frame(call: &str) -> Option<Frame> {
    let mut words = call.split_whitespace();
    let name = words.next()?;
    let mut frame = Frame::default();
    let mut is_frame = false;
    let function = match name.split_once('+') {
        Some((function, offsets)) => {
            let (offset, size) = offsets.split_once('/').unwrap_or((offsets, "0"));
            is_frame = address(offset).is_some() && address(size).is_some();
            function
        }
        None => name,
    };
    for word in words {
        match word
            .strip_prefix('[')
            .and_then(|word| word.strip_suffix(']'))
        {
            Some("inline") => is_frame = true,
            Some(module) => {
                frame.package = Some(module.split(' ').next().unwrap_or(module).to_owned())
            }
            None if rust::split_number(word).1.is_some() => set_place(&mut frame, word),
            None => {}
        }
    }
    let is_name = function.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    frame.function = Some(function.to_owned());
    (is_frame && is_name).then_some(frame)
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

    const OOPS: &str = "\
[   12.345670] nothing of note
[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000008
[   12.345679] #PF: supervisor read access in kernel mode
[   12.345679] Oops: 0000 [#1] PREEMPT SMP PTI
[   12.345679] CPU: 0 PID: 12 Comm: shop Not tainted 6.1.0 #1
[   12.345679] RIP: 0010:shop_total+0x12/0x34 [shop]
[   12.345679] Code: 00 00
[   12.345680] Call Trace:
[   12.345681]  <TASK>
[   12.345682]  ? show_regs+0x1/0x2
[   12.345683]  shop_ioctl+0x56/0x78 fs/shop.c:12 [shop]
[   12.345683]  vfs_ioctl fs/ioctl.c:51 [inline]
[   12.345683]  __x64_sys_ioctl+0x56/0x78
[   12.345684]  </TASK>
[   12.345685] Modules linked in: shop
";
    const READ: &str = "BUG: kernel NULL pointer dereference: address: 0000000000000008 | shop_total [shop] < shop_ioctl fs/shop.c:12 [shop] < vfs_ioctl fs/ioctl.c:51 [inline] < __x64_sys_ioctl";

    #[test]
    fn an_oops_is_read() {
        check(OOPS, &READ.replace(" [inline]", ""));
        let mut found = Vec::new();
        find(&Text::new(OOPS), &mut found);
        assert_eq!(found[0].lines, 1..14);
        assert_eq!(found[0].language, "linux-kernel");
    }

    #[test]
    fn what_a_log_writes_before_is_passed_over() {
        let read = READ.replace(" [inline]", "");
        check(
            &OOPS.replace("[   12.", "Jan 02 03:04:05 host kernel: [   12."),
            &read,
        );
        check(
            &OOPS.replace("] ", "][ T1234] "),
            &read.replace("][ T1234]", "]"),
        );
        check(&OOPS.replace("[   12.", "<4>[   12."), &read);
    }

    #[test]
    fn what_printed_the_report_is_left_out() {
        check(
            "WARNING: CPU: 0 PID: 5 at net/core/dev.c:12 dev_x+0x1/0x2\nRIP: 0010:dev_x+0x1/0x2\nCall Trace:\n __warn+0x1/0x2\n dev_x+0x1/0x2\n do_it+0x3/0x4\n",
            "WARNING: CPU: 0 PID: 5 at net/core/dev.c:12 dev_x+0x1/0x2 | dev_x < do_it",
        );
    }

    #[test]
    fn sanitizers_of_the_kernel_are_read() {
        check(
            "BUG: KASAN: slab-out-of-bounds in ip6_fragment+0x11c8/0x3730\nWrite of size 4 at addr ffff by task a/11\n\nCall Trace:\n dump_stack+0x1/0x2 lib/dump_stack.c:15 [inline]\n ip6_fragment+0x11c8/0x3730 net/ip6.c:7\n\nAllocated by task 5:\n",
            "BUG: KASAN: slab-out-of-bounds: in ip6_fragment+0x11c8/0x3730 | dump_stack lib/dump_stack.c:15 < ip6_fragment net/ip6.c:7",
        );
        check(
            "BUG: KASAN: use-after-free in f+0x1/0x2\n Linux Kernel Library Stack Trace:\n#0 [<0x000000000062a66a>] print_report+0x6a/0x5c0\n#1 [<0x000000000062ae14>] f+0x1/0x2\n",
            "BUG: KASAN: use-after-free: in f+0x1/0x2 | print_report < f",
        );
    }

    #[test]
    fn kinds_leave_names_and_numbers_out() {
        let check =
            |line: &str, expected: &str| assert_eq!(told(line).map(|(ty, _)| ty), Some(expected));
        check(
            "INFO: task kworker/0:1:12 blocked for more than 143 seconds.",
            "INFO: task",
        );
        check(
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "INFO: rcu_preempt",
        );
        check(
            "rcu: INFO: rcu_sched self-detected stall on CPU",
            "INFO: rcu_sched self-detected stall",
        );
        check(
            "WARNING: possible circular locking dependency detected",
            "WARNING: possible circular locking dependency detected",
        );
        check(
            "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [a:1]",
            "BUG: soft lockup",
        );
        check(
            "BUG: sleeping function called from invalid context at mm/slab.h:1",
            "BUG: sleeping function called from invalid context",
        );
        check("kernel BUG at mm/slub.c:12!", "kernel BUG");
        check(
            "general protection fault, probably for non-canonical address 0xdff: 0000 [#1] SMP",
            "general protection fault",
        );
        check(
            "Unable to handle kernel NULL pointer dereference at virtual address 08",
            "Unable to handle kernel NULL pointer dereference",
        );
        check(
            "Kernel panic - not syncing: Fatal exception",
            "Kernel panic",
        );
        check(
            "UBSAN: shift-out-of-bounds in lib/a.c:1:2",
            "UBSAN: shift-out-of-bounds",
        );
    }

    #[test]
    fn arm_is_read() {
        check(
            "Unable to handle kernel paging request at virtual address dfff\nInternal error: Oops: 96000004 [#1] SMP\npc : shop_total+0x12/0x34 [shop]\nlr : other+0x1/0x2\nCall trace:\n shop_total+0x12/0x34 [shop]\n el0_svc+0x1/0x2\nCode: 1\n",
            "Unable to handle kernel paging request: at virtual address dfff | shop_total [shop] < el0_svc",
        );
    }

    #[test]
    fn a_stack_without_a_head_is_none() {
        check("Call Trace:\n f+0x1/0x2\n", "");
        check("BUG: open the ticket\n", "");
    }

    #[test]
    fn any_text_is_read() {
        any_bytes(find, OOPS);
        any_bytes(
            find,
            "kernel BUG at a:1!\nRIP: 0010:[<ff>] [<ff>] f+0x1/0x2\nCall Trace:\n[<ff>] ? f+0x1/0x2\n",
        );
    }
}
