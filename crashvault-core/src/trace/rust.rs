//! `std::backtrace::Backtrace` as it prints itself, short or full; also what a panic prints.
//!
//! ```text
//!   12: shop::cart::total
//!              at ./src/cart.rs:30:9
//!   13:     0x55d0c0a2b2f5 - shop::main::h0123456789abcdef
//! ```

use super::FRAMES_MAX;
use super::at::split_number;
use crate::event::Frame;
use crate::event::limits::CUT_MARK;

/// The frames of a text, outermost first.
pub(crate) fn frames(text: &str) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for line in whole_lines(text).lines() {
        if let Some(place) = line.trim_start().strip_prefix("at ") {
            if let Some(frame) = frames.last_mut().filter(|frame| frame.filename.is_none()) {
                set_place(frame, place.trim_end());
            }
        } else if let Some(call) = numbered(line).or_else(|| inlined(line, &frames)) {
            if frames.len() == FRAMES_MAX {
                break;
            }
            frames.push(named(call));
        }
    }
    frames.reverse();
    frames
}

/// A line that was cut says something else than it did.
fn whole_lines(text: &str) -> &str {
    match text.strip_suffix(CUT_MARK) {
        Some(cut) => cut.rsplit_once('\n').map_or("", |(whole, _)| whole),
        None => text,
    }
}

/// `  12: call`
fn numbered(line: &str) -> Option<&str> {
    let (number, call) = line.trim_start().split_once(": ")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        .then(|| call.trim())
        .filter(|call| !call.is_empty())
}

/// A call inlined into the one before stands below it without a number.
fn inlined<'l>(line: &'l str, frames: &[Frame]) -> Option<&'l str> {
    let call = line.strip_prefix("      ")?.trim();
    (!frames.is_empty() && !call.is_empty()).then_some(call)
}

/// A call with or without its address.
fn named(call: &str) -> Frame {
    let (address, name) = match call
        .strip_prefix("0x")
        .and_then(|rest| rest.split_once(" - "))
    {
        Some((digits, name)) => (u64::from_str_radix(digits, 16).ok(), name.trim()),
        None => (None, call),
    };
    let name = without_hash(name);
    Frame {
        function: (name != "<unknown>").then(|| without_crate_ids(name)),
        instruction_addr: address,
        ..Frame::default()
    }
}

/// Full names of older compilers end in `::h` and sixteen hexadecimal digits.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((rest, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            rest
        }
        _ => name,
    }
}

/// Full names of newer compilers tell crates of one name apart: `core[c1f1a4ba060b9bfa]::fmt::write`.
fn without_crate_ids(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(open) = rest.find('[') {
        let (before, behind) = rest.split_at(open);
        let digits = behind[1..]
            .bytes()
            .take_while(u8::is_ascii_hexdigit)
            .count();
        let is_id = (8..=16).contains(&digits)
            && behind[1 + digits..].starts_with("]::")
            && before.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_');
        let end = if is_id { digits + 2 } else { 1 };
        plain.push_str(before);
        if !is_id {
            plain.push('[');
        }
        rest = &behind[end..];
    }
    plain.push_str(rest);
    plain
}

/// `path:line` or `path:line:column`; the path itself may hold colons.
fn set_place(frame: &mut Frame, place: &str) {
    let (path, line, column) = match split_number(place) {
        Some((rest, last)) => match split_number(rest) {
            Some((path, line)) => (path, Some(line), Some(last)),
            None => (rest, Some(last), None),
        },
        None => (place, None, None),
    };
    if path.is_empty() {
        return;
    }
    frame.filename = Some(path.strip_prefix("./").unwrap_or(path).to_owned());
    frame.abs_path = path.starts_with('/').then(|| path.to_owned());
    (frame.lineno, frame.colno) = (line, column);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames as `function file:line:column`, innermost first.
    fn check(text: &str, expected: &[&str]) {
        let frames = frames(text);
        let shown = frames.iter().rev().map(|frame| {
            let mut parts = vec![frame.function.clone().unwrap_or_else(|| "?".into())];
            parts.extend(frame.filename.clone());
            let numbers = [frame.lineno, frame.colno].into_iter().flatten();
            parts.extend(numbers.map(|number| number.to_string()));
            parts.join(" ")
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn the_short_form_is_read() {
        check(
            "   0: shop::cart::total\n             at ./src/cart.rs:30:9\n   1: main\n  12: _start\n",
            &["shop::cart::total src/cart.rs 30 9", "main", "_start"],
        );
    }

    #[test]
    fn the_full_form_is_read() {
        let text = "   0:     0x55d0c0a2b2f5 - shop::main::h0123456789abcdef\n                               at /src/main.rs:3:5\n   1:     0x55d0 - <unknown>\n";
        check(text, &["shop::main /src/main.rs 3 5", "?"]);
        assert_eq!(frames(text)[0].instruction_addr, Some(0x55d0));
        assert_eq!(frames(text)[1].abs_path.as_deref(), Some("/src/main.rs"));
    }

    #[test]
    fn inlined_calls_are_frames() {
        check(
            "   0: a::inner\n             at a.rs:1:2\n      a::outer\n             at a.rs:3:4\n   1: b\n",
            &["a::inner a.rs 1 2", "a::outer a.rs 3 4", "b"],
        );
    }

    #[test]
    fn what_a_panic_prints_around_it_is_passed_over() {
        check(
            "thread 'main' panicked at src/main.rs:3:5:\nboom\nstack backtrace:\n   0: a\n             at a.rs:1\nnote: Some details are omitted, run with `RUST_BACKTRACE=full`.\n",
            &["a a.rs 1"],
        );
    }

    #[test]
    fn paths_may_hold_anything() {
        check(
            "0: a\n at C:\\my shop\\a.rs:7:1\n",
            &["a C:\\my shop\\a.rs 7 1"],
        );
        check("0: a\n at odd:name.rs\n", &["a odd:name.rs"]);
        check(
            "0: a\n at a.rs:99999999999999999999:1\n",
            &["a a.rs:99999999999999999999 1"],
        );
        check("0: a\n at :3:4\n", &["a"]);
    }

    #[test]
    fn names_may_hold_colons_and_blanks() {
        check(
            "   3: <alloc::boxed::Box<F,A> as core::ops::function::FnOnce<Args>>::call_once\n",
            &["<alloc::boxed::Box<F,A> as core::ops::function::FnOnce<Args>>::call_once"],
        );
    }

    #[test]
    fn names_lose_the_ids_of_crates() {
        check(
            "   0: <<std[e28293b1aa0f68bd]::a::B> as core[c1f1a4ba060b9bfa]::Display>::fmt::<[u8; 4]>\n",
            &["<<std::a::B> as core::Display>::fmt::<[u8; 4]>"],
        );
    }

    #[test]
    fn a_line_that_was_cut_is_left_out() {
        check("   0: a\n   1: shop::ca…[cut]", &["a"]);
        check("   0: shop::ca…[cut]", &[]);
    }

    #[test]
    fn what_is_no_stack_has_no_frames() {
        for text in [
            "",
            "disabled backtrace",
            "\n\n",
            ": a\n",
            "x: y",
            "      lonely\n",
            " at a.rs:1",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn a_long_text_is_bounded() {
        let text: String = (0..5000)
            .map(|number| format!("{number}: f{number}\n"))
            .collect();
        let frames = frames(&text);
        assert_eq!(frames.len(), FRAMES_MAX);
        assert_eq!(frames[FRAMES_MAX - 1].function.as_deref(), Some("f0"));
    }

    #[test]
    fn a_stack_of_this_very_test_is_read_whole() {
        let text = std::backtrace::Backtrace::force_capture();
        for text in [format!("{text}"), format!("{text:#}")] {
            let frames = frames(&text);
            let own = frames.iter().find(|frame| {
                let name = frame.function.as_deref().unwrap_or_default();
                name.contains("a_stack_of_this_very_test_is_read_whole")
            });
            let own = own.expect("the test is on its own stack");
            assert!(
                own.filename
                    .as_deref()
                    .unwrap_or_default()
                    .ends_with("trace/rust.rs")
            );
            assert!(own.lineno.is_some());
        }
    }

    /// Every piece of a real text, cut anywhere and with any one byte changed, is read without a panic.
    #[test]
    fn any_bytes_are_read() {
        let text =
            "   0: a::b\n             at ./c.rs:1:2\n      d\n   1: 0x1f - <unknown>…[cut]\n";
        for end in 0..=text.len() {
            frames(&String::from_utf8_lossy(&text.as_bytes()[..end]));
            for byte in [0, b':', b' ', b'\n', b'9', b'x', 0x7f, 0xff] {
                let mut bytes = text.as_bytes().to_vec();
                if let Some(changed) = bytes.get_mut(end) {
                    *changed = byte;
                }
                frames(&String::from_utf8_lossy(&bytes));
            }
        }
    }
}
