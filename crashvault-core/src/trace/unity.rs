//! What Unity writes of exceptions and errors into its log: calls with the script behind them.
//!
//! ```text
//! NullReferenceException: Object reference not set to an instance of an object
//! Player.Jump (System.Single height) (at Assets/Scripts/Player.cs:42)
//! UnityEngine.Events.InvokableCall:Invoke ()
//! ```

use super::at;
use super::csharp::{is_named, split_name};
use super::text::{Prefix, Text};
use super::{FRAMES_MAX, Frame, Trace, exception};

/// Lines of a message.
const MESSAGE_LINES_MAX: usize = 16;
/// Lines above the first call whose script is known.
const ABOVE_LINES_MAX: usize = 16;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut next = 0;
    for (line, column) in text.places(" (at ") {
        let printed = text.line(line);
        if line < next || !printed.trim_end().ends_with(')') {
            continue;
        }
        let prefix = Prefix::of(printed, beginning(&printed[..column]));
        if call(prefix.strip(printed)).is_none_or(|call| call.lineno.is_none()) {
            continue;
        }
        let (trace, behind) = read(text, prefix, line, next);
        next = behind;
        found.extend(trace);
    }
}

/// Where a call begins behind what a log of Android writes before it.
fn beginning(before: &str) -> usize {
    let name = before.split('(').next().unwrap_or(before);
    match name.rfind(": ") {
        Some(colon) if name[..colon].contains("Unity") => colon + 2,
        _ => 0,
    }
}

/// A stack with a known script in line `first`, and the line behind it. `None` for what is only told.
fn read(text: &Text<'_>, prefix: Prefix<'_>, first: usize, free: usize) -> (Option<Trace>, usize) {
    let stripped = |number: usize| prefix.strip(text.line(number)).trim_end();
    let top = (free.max(first.saturating_sub(ABOVE_LINES_MAX))..first)
        .rev()
        .take_while(|&number| call(stripped(number)).is_some())
        .last();
    let top = top.unwrap_or(first);
    let mut frames = Vec::new();
    let mut end = top;
    while let Some(frame) = call(stripped(end)).filter(|_| end < text.len()) {
        if frames.len() < FRAMES_MAX {
            frames.push(frame);
        }
        end += 1;
    }
    let Some((start, ty, value)) = head(text, prefix, top, free) else {
        return (None, end);
    };
    if ty.is_none() && !is_error(&frames) {
        return (None, end);
    }
    let place =
        (end..text.len().min(end + 3)).find(|&line| stripped(line).starts_with("(Filename: "));
    let end = place.map_or(end, |place| place + 1);
    let value = Some(value).filter(|value| !value.is_empty());
    let trace = Trace {
        language: "csharp",
        exceptions: vec![exception(ty, value.as_deref(), frames)],
        threads: Vec::new(),
        lines: start..end,
    };
    (Some(trace), end)
}

/// The line where the message begins, the type if it names one, and the message.
fn head<'t>(
    text: &Text<'t>,
    prefix: Prefix<'t>,
    top: usize,
    free: usize,
) -> Option<(usize, Option<&'t str>, String)> {
    let stripped = |number: usize| prefix.strip(text.line(number)).trim_end();
    let above = (free.max(top.saturating_sub(MESSAGE_LINES_MAX))..top).rev();
    let lines = above.take_while(|&number| !stripped(number).is_empty());
    let mut first = None;
    for number in lines {
        first = Some((number, None));
        let line: &'t str = prefix.strip(text.line(number));
        let ty = line.split(':').next().unwrap_or(line).trim();
        if is_named(ty) && !ty.contains(' ') {
            first = Some((number, Some(ty)));
            break;
        }
    }
    let (start, ty) = first?;
    let said: Vec<&str> = (start..top).map(stripped).collect();
    let said = said.join("\n");
    let value = match ty {
        Some(ty) => said[ty.len()..].trim_start_matches([':', ' ']).to_owned(),
        None => said,
    };
    Some((start, ty, value))
}

/// Everything that is logged has a stack; what was logged as an error is one.
fn is_error(frames: &[Frame]) -> bool {
    frames.iter().any(|frame| {
        let logs = frame.module.as_deref() == Some("UnityEngine.Debug");
        let how = frame.function.as_deref().unwrap_or_default();
        logs && ["LogError", "LogException", "LogAssertion", "Assert"]
            .iter()
            .any(|error| how.starts_with(error))
    })
}

/// `Player.Jump (System.Single height) (at Assets/Player.cs:42)`, `UnityEngine.Debug:LogError (object)`
fn call(line: &str) -> Option<Frame> {
    let line = line.trim();
    let (call, place) = match line
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once(" (at "))
    {
        Some((call, place)) => (call, Some(place)),
        None => (line, None),
    };
    let (name, parameters) = call.split_once('(')?;
    let name = name.strip_suffix(' ').unwrap_or(name);
    let (module, function) = split_name(name);
    let is_of_name = |c: char| c.is_alphanumeric() || "_.:+<>`/[],|$=-".contains(c);
    let is_call = parameters.ends_with(')')
        && parameters.matches('(').count() < 2
        && module.is_some()
        && name.chars().all(is_of_name);
    if !is_call {
        return None;
    }
    let mut frame = Frame {
        module: module.map(str::to_owned),
        function: Some(function.to_owned()),
        ..Frame::default()
    };
    if let Some((file, line)) = place.and_then(at::split_number) {
        at::set_file(&mut frame, file);
        frame.lineno = Some(line);
    }
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::super::at::tests::shown;
    use super::super::shown::any_bytes;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(shown(find, text), expected, "{text}");
    }

    const THROWN: &str = "\
NullReferenceException: Object reference not set
Player.Jump (System.Single height) (at Assets/My Scripts/Player.cs:42)
Player+<Run>d__5.MoveNext () (at Assets/My Scripts/Player.cs:17)
UnityEngine.Events.InvokableCall.Invoke () (at /Users/bokken/build/UnityEvent.cs:166)
";
    const THROWN_SHOWN: &str = "NullReferenceException: Object reference not set | Player::Jump Assets/My Scripts/Player.cs:42 | Player+<Run>d__5::MoveNext Assets/My Scripts/Player.cs:17 | UnityEngine.Events.InvokableCall::Invoke /Users/bokken/build/UnityEvent.cs:166";
    const LOGGED: &str = "\
Could not load the level
UnityEngine.Debug:LogError (object)
LevelLoader:Load (string) (at Assets/LevelLoader.cs:12)

(Filename: Assets/LevelLoader.cs Line: 12)
";
    const LOGGED_SHOWN: &str = "?: Could not load the level | UnityEngine.Debug::LogError | LevelLoader::Load Assets/LevelLoader.cs:12";

    #[test]
    fn what_was_thrown_is_read() {
        check(THROWN, &[THROWN_SHOWN]);
        check(&format!("x\n\n{THROWN}\n{THROWN}"), &[THROWN_SHOWN; 2]);
        let logcat: String = THROWN
            .lines()
            .map(|line| format!("01-02 03:04:05.678  1  2 E Unity   : {line}\n"))
            .collect();
        check(&logcat, &[THROWN_SHOWN]);
        check(
            "ArgumentException: no\nParameter name: x\nShop.Cart:Add(Int32) (at Assets/Cart.cs:3)\n",
            &["ArgumentException: no\nParameter name: x | Shop.Cart::Add Assets/Cart.cs:3"],
        );
    }

    #[test]
    fn errors_that_were_logged_are_read() {
        check(LOGGED, &[LOGGED_SHOWN]);
        check(&LOGGED.replace("LogError", "Log"), &[]);
        check(&LOGGED.replace("LogError", "LogWarning"), &[]);
    }

    #[test]
    fn what_is_no_stack_is_none() {
        for text in [
            "",
            "We met (at noon)\n",
            "See Cart.total (at 12:30)\nError: x (at Cart.cs:3)\n",
            "Player.Jump () (at Assets/Player.cs:42)\n",
            "    in Cart (at Shop.js:12)\n",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(&"a.b () (at c:1)\n\n".repeat(20_000), &[]);
    }

    #[test]
    fn any_bytes_are_read() {
        any_bytes(find, THROWN);
        any_bytes(find, LOGGED);
    }
}
