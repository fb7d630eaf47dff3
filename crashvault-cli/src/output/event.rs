//! Enters: one event. Leaves: lines for people: what was thrown and why, what came before, and what surrounded it.
//!
//! Never: leaves out anything without saying so.

mod surroundings;

use std::ops::Range;

use crashvault::event::{Stacktrace, Thread};
use crashvault::{Attachment, Breadcrumb, Event, Exception, Frame};

use super::age::clock_time;
use super::paint;
use super::text::{bytes, counted, visible, visible_lines, width, wrap};
use super::{Paint, Style};
pub use surroundings::surroundings;

/// Calls shown of a stack of which nothing is known to be the program's own.
const FOREIGN_FRAMES_MAX: usize = 8;
/// Rounds of a recursion that are shown, and calls in the longest round that is known for one.
const ROUNDS_SHOWN: usize = 2;
const ROUND_MAX: usize = 8;
/// Own calls that are shown with their source.
const FRAMES_WITH_SOURCE: usize = 2;
/// Source lines shown on each side.
const SOURCE_LINES: usize = 2;
/// Breadcrumbs shown: the last ones.
const BREADCRUMBS_MAX: usize = 20;
/// A value longer than this is cut.
const VALUE_CHARS_MAX: usize = 300;

/// What an attachment is for that nobody said more about.
const ATTACHMENT_KIND: &str = "event.attachment";

/// Lines that grow, with the colour they are written in.
pub struct Page {
    pub paint: Paint,
    /// Whether everything is shown whole.
    pub is_whole: bool,
    /// Columns to wrap long values at; a pipe has none, and nothing is wrapped there.
    pub width: Option<usize>,
    pub lines: Vec<String>,
}

impl Page {
    pub fn new(paint: Paint, is_whole: bool) -> Self {
        Self {
            paint,
            is_whole,
            width: None,
            lines: Vec::new(),
        }
    }

    pub fn line(&mut self, text: impl Into<String>) {
        self.lines.push(text.into());
    }

    /// A blank line and a heading.
    pub fn heading(&mut self, text: &str) {
        self.line("");
        self.line(self.paint.on(Style::Bold, text));
    }

    /// Rows of a name and a value, the values below each other. A value of several lines keeps them.
    pub fn rows(&mut self, rows: &[(String, String)]) {
        let widest = rows.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        let left = self.width.map(|columns| columns.saturating_sub(widest + 4));
        for (name, value) in rows {
            let pad = " ".repeat(widest - width(name));
            let mut lines = value.lines().flat_map(|line| wrap(line, left));
            let first = lines.next().unwrap_or_default();
            let name = self.paint.on(Style::Dim, name);
            self.line(format!("  {name}{pad}  {first}").trim_end());
            let blanks = " ".repeat(widest);
            lines.for_each(|line| self.line(format!("  {blanks}  {line}").trim_end()));
        }
    }

    /// A value, harmless, and cut unless everything is wanted.
    pub fn value(&self, text: &str) -> String {
        let count = text.chars().count();
        if self.is_whole || count <= VALUE_CHARS_MAX {
            return visible_lines(text).collect::<Vec<_>>().join("\n");
        }
        let head: String = text.chars().take(VALUE_CHARS_MAX).collect();
        let head: Vec<String> = visible_lines(&head).collect();
        let left = counted((count - VALUE_CHARS_MAX) as u64, "character", "characters");
        format!("{} … {left} more; --all-frames shows them", head.join("\n"))
    }
}

/// The sender's words; what was thrown with its causes; then the stacks.
pub fn failure(page: &mut Page, event: &Event) {
    let mut fold = Fold::default();
    if let Some(message) = words(event) {
        let message = page.value(message);
        message
            .lines()
            .for_each(|line| page.line(format!("  {line}")));
    }
    for (index, exception) in event.exceptions.iter().rev().enumerate() {
        headline(page, exception, index > 0);
        if let Some(trace) = &exception.stacktrace {
            stack(page, trace, &mut fold);
        }
    }
    if !has_thrown_stack(event)
        && let Some(thread) = told_thread(event)
    {
        page.line(format!("  in thread {}", name_of(thread)));
        if let Some(trace) = &thread.stacktrace {
            stack(page, trace, &mut fold);
        }
    }
    if let Some(text) = own(event, "stack").and_then(|value| value.as_str()) {
        page.line("  stack, as it was given");
        let text = page.value(text);
        text.lines()
            .for_each(|line| page.line(format!("    {line}")));
    }
}

/// What the sender said, unless what was thrown says the same.
fn words(event: &Event) -> Option<&str> {
    let message = event.message_text();
    if event.exceptions.is_empty() {
        return message.or(Some("<no message>"));
    }
    let is_thrown = |text: &&str| {
        let mut values = event.exceptions.iter().filter_map(|e| e.value.as_deref());
        values.any(|value| value == *text)
    };
    message.filter(|text| !is_thrown(text))
}

/// What the other threads were doing: the innermost own call of each, or all of them.
pub fn threads(page: &mut Page, event: &Event) {
    let told = told_thread(event).map(std::ptr::from_ref);
    let others = event
        .threads
        .iter()
        .filter(|thread| thread.stacktrace.is_some() && Some(std::ptr::from_ref(*thread)) != told);
    let others: Vec<&Thread> = others.collect();
    if others.is_empty() {
        return;
    }
    page.heading("Other threads");
    if page.is_whole {
        let mut fold = Fold::default();
        for thread in others {
            page.line(format!("  {}", name_of(thread)));
            if let Some(trace) = &thread.stacktrace {
                stack(page, trace, &mut fold);
            }
        }
        return;
    }
    let rows: Vec<_> = others
        .iter()
        .map(|thread| (name_of(thread), doing(thread)))
        .collect();
    page.rows(&rows);
    page.line(
        page.paint
            .on(Style::Dim, "  --all-frames shows their stacks"),
    );
}

fn name_of(thread: &Thread) -> String {
    let name = thread.name.as_deref().or(thread.id.as_deref());
    visible(name.unwrap_or("?")).into_owned()
}

/// The innermost call that is the program's own, else the innermost of all.
fn doing(thread: &Thread) -> String {
    let frames = thread
        .stacktrace
        .iter()
        .flat_map(|trace| trace.frames.iter().rev());
    let own = frames.clone().find(|frame| frame.in_app == Some(true));
    let Some(frame) = own.or_else(|| frames.clone().next()) else {
        return String::new();
    };
    let place = place(frame);
    match &frame.function {
        Some(function) => {
            let function = qualified(function, frame.module.as_deref());
            format!("{function}  {place}").trim_end().to_owned()
        }
        None => place,
    }
}

/// One entry of Crashvault's own context.
fn own<'e>(event: &'e Event, key: &str) -> Option<&'e serde_json::Value> {
    event.contexts.get("crashvault")?.get(key)
}

fn has_thrown_stack(event: &Event) -> bool {
    event.exceptions.iter().any(|e| e.stacktrace.is_some())
}

/// The thread whose stack is that of the failure; any, where nothing else has one.
fn told_thread(event: &Event) -> Option<&Thread> {
    let with_stack = || {
        let threads = event.threads.iter();
        threads.filter(|thread| thread.stacktrace.is_some())
    };
    with_stack()
        .find(|thread| thread.crashed == Some(true))
        .or_else(|| with_stack().find(|thread| thread.current == Some(true)))
        .or_else(|| with_stack().next().filter(|_| !has_thrown_stack(event)))
}

fn headline(page: &mut Page, exception: &Exception, is_cause: bool) {
    let value = page.value(exception.value.as_deref().unwrap_or_default());
    let mut lines = value.lines();
    let first = lines.next().unwrap_or_default();
    let ty = visible(exception.ty.as_deref().unwrap_or_default());
    let ty = match &exception.module {
        Some(module) if !ty.is_empty() => format!("{}::{ty}", visible(module)),
        _ => ty.into_owned(),
    };
    let prefix = match is_cause {
        false => "",
        true if exception.is_suppressed() => "suppressed ",
        true => "caused by ",
    };
    let separator = if ty.is_empty() || first.is_empty() {
        ""
    } else {
        ": "
    };
    let ty = page.paint.on(Style::Bad, ty);
    let first = page.paint.on(Style::Bold, first);
    let handled = exception.mechanism.as_ref().and_then(|m| m.handled);
    let note = match handled {
        Some(false) if !is_cause => page.paint.on(Style::Dim, "  (not handled)"),
        _ => String::new(),
    };
    page.line(format!("  {prefix}{ty}{separator}{first}{note}"));
    lines.for_each(|line| page.line(format!("    {line}")));
}

/// What has been shown of an event's stacks so far.
#[derive(Default)]
struct Fold {
    sources: usize,
    is_explained: bool,
}

/// A stack, innermost call first; runs of library calls are folded.
fn stack(page: &mut Page, trace: &Stacktrace, fold: &mut Fold) {
    let frames: Vec<&Frame> = trace.frames.iter().rev().collect();
    let has_own = frames.iter().any(|frame| frame.in_app == Some(true));
    let mut index = 0;
    let mut recursion: Option<Range<usize>> = None;
    while index < frames.len() {
        if recursion.as_ref().is_none_or(|left| left.end <= index) && !page.is_whole {
            recursion = rest_of_recursion(&frames, index);
        }
        if let Some(left) = recursion.as_ref().filter(|left| left.contains(&index)) {
            let more = counted(left.len() as u64, "call", "calls");
            page.line(
                page.paint
                    .on(Style::Dim, format!("    … {more} more of the same")),
            );
            index = left.end;
            continue;
        }
        let is_shown = page.is_whole
            || if has_own {
                frames[index].in_app != Some(false)
            } else {
                index < FOREIGN_FRAMES_MAX
            };
        if is_shown {
            frame_lines(page, frames[index], fold);
            index += 1;
            continue;
        }
        let run = match has_own {
            true => frames[index..]
                .iter()
                .take_while(|frame| frame.in_app == Some(false))
                .count(),
            false => frames.len() - index,
        };
        // A recursion is not told as one more run.
        let run = recursion
            .as_ref()
            .map_or(run, |left| run.min(left.start - index));
        folded(page, run, fold);
        index += run;
    }
}

/// Of calls that repeat from `start` on, alone or some in turn, those that are not shown.
fn rest_of_recursion(frames: &[&Frame], start: usize) -> Option<Range<usize>> {
    let place = |index: usize| {
        let frame = frames[index];
        (
            &frame.function,
            &frame.module,
            &frame.filename,
            frame.lineno,
        )
    };
    (1..=ROUND_MAX).find_map(|round| {
        let repeats = (start + round..frames.len())
            .take_while(|&index| place(index) == place(index - round))
            .count();
        let (shown, end) = (start + ROUNDS_SHOWN * round, start + round + repeats);
        (end > shown + ROUND_MAX).then_some(shown..end)
    })
}

fn folded(page: &mut Page, count: usize, fold: &mut Fold) {
    let frames = counted(count as u64, "frame", "frames");
    // Said once; every later mark looks the same.
    let how = match std::mem::replace(&mut fold.is_explained, true) {
        true => "",
        false => "; --all-frames shows them",
    };
    page.line(
        page.paint
            .on(Style::Dim, format!("    … {frames} of libraries{how}")),
    );
}

fn frame_lines(page: &mut Page, frame: &Frame, fold: &mut Fold) {
    let is_own = frame.in_app == Some(true);
    let function = match (&frame.function, frame.instruction_addr) {
        (Some(function), _) => qualified(function, frame.module.as_deref()),
        (None, Some(address)) => format!("{address:#x}"),
        (None, None) => "<unknown>".into(),
    };
    let style = if is_own { Style::Name } else { Style::Dim };
    let function = page.paint.on(style, function);
    let place = match place(frame) {
        place if place.is_empty() => place,
        place if is_own => format!("  {place}"),
        place => format!("  {}", page.paint.on(Style::Dim, place)),
    };
    page.line(format!("    at {function}{place}"));
    if page.is_whole || is_own && fold.sources < FRAMES_WITH_SOURCE {
        fold.sources += usize::from(source(page, frame));
    }
}

/// Native functions carry their module in their name, those of other platforms beside it.
fn qualified(function: &str, module: Option<&str>) -> String {
    let function = visible(function);
    match module {
        Some(module) if !function.contains("::") && !function.contains(module) => {
            format!("{}.{function}", visible(module))
        }
        _ => function.into_owned(),
    }
}

fn place(frame: &Frame) -> String {
    let file = frame.filename.as_deref().or(frame.abs_path.as_deref());
    match (file, frame.lineno, frame.package.as_deref()) {
        (Some(file), Some(line), _) => match frame.colno {
            Some(column) => format!("{}:{line}:{column}", visible(file)),
            None => format!("{}:{line}", visible(file)),
        },
        (Some(file), None, _) => visible(file).into_owned(),
        (None, _, Some(package)) => format!("in {}{}", visible(package), offset(frame)),
        (None, _, None) => String::new(),
    }
}

/// How far into its binary a call without a name lies: what other tools ask for. Nothing where that is not known.
fn offset(frame: &Frame) -> String {
    let start = frame.other.get("image_addr").and_then(|start| {
        let digits = start.as_str()?.strip_prefix("0x")?;
        u64::from_str_radix(digits, 16).ok()
    });
    let offset = start.and_then(|start| frame.instruction_addr?.checked_sub(start));
    match (&frame.function, offset) {
        (None, Some(offset)) => format!(" + {offset:#x}"),
        _ => String::new(),
    }
}

/// The stored source lines around a call, the line itself marked. False if there are none.
fn source(page: &mut Page, frame: &Frame) -> bool {
    let (Some(line), Some(number)) = (&frame.context_line, frame.lineno) else {
        return false;
    };
    let shown = if page.is_whole {
        usize::MAX
    } else {
        SOURCE_LINES
    };
    let before = &frame.pre_context[frame.pre_context.len().saturating_sub(shown)..];
    let after = &frame.post_context[..frame.post_context.len().min(shown)];
    let digits = number.saturating_add(after.len() as u64).to_string().len();
    let first = number.saturating_sub(before.len() as u64);
    for (index, text) in before.iter().chain([line]).chain(after).enumerate() {
        let at = first.saturating_add(index as u64);
        let text = visible_lines(text).next().unwrap_or_default();
        let (mark, style) = match index == before.len() {
            true => (">", Style::Bold),
            false => (" ", Style::Dim),
        };
        let text = format!("{mark} {at:>digits$} | {text}");
        let text = page.paint.on(style, text.trim_end());
        page.line(format!("       {text}"));
    }
    true
}

/// What happened before, oldest first.
pub fn breadcrumbs(page: &mut Page, crumbs: &[Breadcrumb]) {
    if crumbs.is_empty() {
        return;
    }
    let shown = if page.is_whole {
        crumbs.len()
    } else {
        BREADCRUMBS_MAX
    };
    let hidden = crumbs.len().saturating_sub(shown);
    page.heading("Breadcrumbs, oldest first");
    if hidden > 0 {
        let text = format!("  … {hidden} earlier; --all-frames shows them");
        page.line(page.paint.on(Style::Dim, text));
    }
    let crumbs = &crumbs[hidden..];
    let category = |crumb: &Breadcrumb| {
        let name = crumb.category.as_deref().or(crumb.ty.as_deref());
        visible(name.unwrap_or_default()).into_owned()
    };
    let widest = crumbs.iter().map(|crumb| width(&category(crumb))).max();
    let has_levels = crumbs.iter().any(|crumb| crumb.level.is_some());
    for crumb in crumbs {
        let category = category(crumb);
        let pad = " ".repeat(widest.unwrap_or(0).saturating_sub(width(&category)));
        let category = page.paint.on(Style::Name, category) + &pad;
        let line = crumb_line(page, crumb, &category, has_levels);
        page.line(line);
    }
}

/// The files that belong to it: name, kind of content, size, and what it is for where that is something of its own.
pub fn attachments(page: &mut Page, attachments: &[Attachment]) {
    if attachments.is_empty() {
        return;
    }
    page.heading("Attachments");
    let rows: Vec<(String, String)> = attachments
        .iter()
        .map(|attachment| {
            let content_type = attachment.content_type.as_deref();
            let kind = Some(attachment.kind.as_str()).filter(|kind| *kind != ATTACHMENT_KIND);
            let parts = content_type.into_iter().chain(kind);
            let parts = parts.map(|part| visible(part).into_owned());
            let parts = parts.chain([bytes(attachment.size_bytes)]);
            (
                visible(&attachment.name).into_owned(),
                parts.collect::<Vec<_>>().join(", "),
            )
        })
        .collect();
    page.rows(&rows);
}

fn crumb_line(page: &Page, crumb: &Breadcrumb, category: &str, has_levels: bool) -> String {
    let time = crumb.timestamp.map(clock_time).unwrap_or_default();
    let time = page.paint.on(Style::Dim, format!("{time:12}"));
    let level = match crumb.level {
        Some(level) => page.paint.on(paint::level(level), format!("{level:7}")) + "  ",
        None if has_levels => " ".repeat(9),
        None => String::new(),
    };
    let message = page.value(crumb.message.as_deref().unwrap_or_default());
    let message = message.replace('\n', "\\n");
    let data = match crumb.data.is_empty() {
        true => String::new(),
        false => {
            let data = surroundings::compact_object(&crumb.data);
            page.paint
                .on(Style::Dim, format!("  {}", page.value(&data)))
        }
    };
    format!("  {time}  {category}  {level}{message}{data}")
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests;
