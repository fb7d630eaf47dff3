//! Enters: an event. Leaves: which exception and which frames speak for it.
//!
//! Never: normalises more frames than are asked for.

use super::machinery::{Part, part_of};
use super::names::{self, Language};
use crate::event::{Event, Exception, Frame, Image, Stacktrace};

/// How many functions make a key.
pub(super) const FUNCTIONS_MAX: usize = 5;
/// How many functions are compared.
pub(super) const COMPARED_MAX: usize = 16;
/// Frames looked at from the innermost out; a runaway recursion has no more to say beyond.
const FRAMES_MAX: usize = 512;
/// Exceptions looked at in one chain.
const CHAIN_MAX: usize = 64;

/// All in-app frames of the event, else all frames.
pub(super) fn stack_frames(event: &Event) -> impl Iterator<Item = &Frame> {
    let frames = || event.stacktraces().flat_map(|trace| &trace.frames);
    let some_in_app = frames().any(is_in_app);
    frames().filter(move |frame| !some_in_app || is_in_app(frame))
}

/// What the sender says, but for Rust's own library: sentry-rust 0.49 marks `<usize as SliceIndex>::index` and its
/// like as the program's.
pub(super) fn is_in_app(frame: &Frame) -> bool {
    let is_library = || {
        let path = frame.abs_path.as_deref();
        path.is_some_and(|path| path.starts_with("/rustc/"))
    };
    frame.in_app == Some(true) && !is_library()
}

/// The exception that was thrown: the last one that is not a framework's stand-in.
pub(super) fn thrown(event: &Event) -> Option<&Exception> {
    let mut newest_first = event.exceptions.iter().rev();
    newest_first
        .clone()
        .find(|exception| !is_stand_in(exception))
        .or_else(|| newest_first.next())
}

/// The exception at the bottom of the chain.
///
/// Where the sender describes a tree (`exception_id`, `parent_id`) it is the path of first children from the thrown
/// one, else the oldest of the list. Stand-ins are no causes, nor is what was suppressed.
pub(super) fn root_cause<'e>(event: &'e Event, thrown: &'e Exception) -> &'e Exception {
    let Some(mut id) = mechanism_number(thrown, "exception_id") else {
        let mut oldest_first = event.exceptions.iter();
        return oldest_first
            .find(|exception| !is_stand_in(exception) && !exception.is_suppressed())
            .unwrap_or(thrown);
    };
    let mut root = thrown;
    for _ in 0..CHAIN_MAX {
        let child = event
            .exceptions
            .iter()
            .filter(|e| mechanism_number(e, "parent_id") == Some(id))
            .filter(|e| !is_stand_in(e) && !e.is_suppressed())
            .filter_map(|e| Some((mechanism_number(e, "exception_id")?, e)))
            .filter(|(child, _)| *child != id)
            .min_by_key(|(child, _)| *child);
        let Some((child, exception)) = child else {
            break;
        };
        (id, root) = (child, exception);
    }
    root
}

fn mechanism_number(exception: &Exception, key: &str) -> Option<u64> {
    exception.mechanism.as_ref()?.other.get(key)?.as_u64()
}

/// React's error boundary sends its component stack as an exception named after the real one, as its cause (seen
/// from @sentry/react 11); it is marked by its name alone.
fn is_stand_in(exception: &Exception) -> bool {
    let ty = exception.ty.as_deref().unwrap_or_default();
    ty.starts_with("React ErrorBoundary ")
}

/// The functions that speak for an event.
#[derive(Debug, Default)]
pub(super) struct Functions {
    /// Their names, the innermost first.
    pub(super) names: Vec<String>,
    /// Whether all of them are a library's: a test runner or a server looks the same around everything.
    pub(super) is_foreign: bool,
}

/// The stack that speaks for the event, at most `max` names of it: the root cause's, else the thrown one's, else that of
/// the thread it happened in; of these the first with a usable frame.
pub(super) fn functions(
    event: &Event,
    thrown: Option<&Exception>,
    root: Option<&Exception>,
    max: usize,
) -> Functions {
    let reader = Reader {
        language: Language::of(&event.platform),
        thrown: root
            .or(thrown)
            .and_then(|e| e.ty.as_deref())
            .unwrap_or_default(),
        is_stall: thrown.is_some_and(is_stall),
        max,
    };
    let own = [root, thrown];
    let exceptions = own
        .into_iter()
        .flatten()
        .filter_map(|e| e.stacktrace.as_ref());
    let stacks = || exceptions.clone().chain(thread_stack(event));
    stacks()
        .map(|stack| reader.named(stack))
        .chain(stacks().map(|stack| Functions {
            names: offsets(stack, &event.images, max),
            is_foreign: false,
        }))
        .find(|functions| !functions.names.is_empty())
        .unwrap_or_default()
}

/// A kernel that notices that somebody does not come to an end does so in an interrupt.
fn is_stall(exception: &Exception) -> bool {
    let texts = [&exception.ty, &exception.value];
    texts
        .into_iter()
        .flatten()
        .any(|text| ["stall", "lockup"].iter().any(|word| text.contains(word)))
}

fn thread_stack(event: &Event) -> Option<&Stacktrace> {
    let stacks = || event.threads.iter().filter(|t| t.stacktrace.is_some());
    stacks()
        .find(|thread| thread.crashed == Some(true))
        .or_else(|| stacks().find(|thread| thread.current == Some(true)))
        .or_else(|| stacks().next())
        .and_then(|thread| thread.stacktrace.as_ref())
}

/// Reads the names of one stack.
struct Reader<'e> {
    language: Language,
    /// The type of the exception.
    thrown: &'e str,
    is_stall: bool,
    max: usize,
}

impl Reader<'_> {
    /// The first distinct in-app names from the innermost out. Without in-app frames those that are not known to be a
    /// library's, without these all.
    fn named(&self, stack: &Stacktrace) -> Functions {
        let frames = own_frames(stack, self.language);
        let names = |wanted: fn(&Frame) -> bool| {
            self.distinct(frames.iter().rev().take(FRAMES_MAX).filter(|f| wanted(f)))
        };
        // All of a kernel is the program; the table says what of it counts.
        if self.language != Language::Kernel {
            for wanted in [is_in_app, |frame: &Frame| frame.in_app.is_none()] {
                let names = names(wanted);
                if !names.is_empty() {
                    return Functions {
                        names,
                        is_foreign: false,
                    };
                }
            }
        }
        Functions {
            names: names(|_| true),
            is_foreign: self.language != Language::Kernel,
        }
    }

    /// Each name counts once, so that the depth of a recursion, mutual ones too, makes no difference. What says nothing
    /// counts where nothing else is there.
    fn distinct<'f>(&self, frames: impl Iterator<Item = &'f Frame>) -> Vec<String> {
        let mut work: Vec<String> = Vec::with_capacity(self.max);
        let (mut helpers, mut reports) = (Vec::new(), Vec::new());
        for frame in frames {
            let Some(name) = names::frame_name(frame, self.language) else {
                continue;
            };
            let part = self.part(&name, frame);
            if self.is_end(part, &work, &helpers) || work.len() == self.max {
                break;
            }
            // Behind the first that did some work, helpers do too, but for a kernel's, of which half a stack is made.
            let counts = !work.is_empty() && self.language != Language::Kernel;
            let names = match part {
                _ if counts => &mut work,
                Part::Work => &mut work,
                Part::Helper => &mut helpers,
                Part::Report | Part::Interrupt | Part::Entry => &mut reports,
            };
            if names.len() < self.max && !names.contains(&name) {
                names.push(name);
            }
        }
        // One function alone says where the program began, and not what it did there.
        if work.len() == 1 && self.language != Language::Kernel && !helpers.is_empty() {
            work.splice(..0, helpers.iter().take(self.max - 1).cloned());
        }
        [work, helpers, reports]
            .into_iter()
            .find(|names| !names.is_empty())
            .unwrap_or_default()
    }

    fn part(&self, name: &str, frame: &Frame) -> Part {
        match part_of(name, self.language) {
            // How an exception is made says nothing of why.
            Part::Work if self.language == Language::Java && self.is_of_exception(frame) => {
                Part::Helper
            }
            part => part,
        }
    }

    fn is_of_exception(&self, frame: &Frame) -> bool {
        !self.thrown.is_empty() && frame.module.as_deref() == Some(self.thrown)
    }

    /// Whether what follows has nothing to do with the failure.
    fn is_end(&self, part: Part, work: &[String], helpers: &[String]) -> bool {
        match part {
            Part::Entry => !work.is_empty(),
            Part::Interrupt => !(self.is_stall || work.is_empty() && helpers.is_empty()),
            _ => false,
        }
    }
}

/// The frames without what a panicking Rust program adds further in to report the panic.
fn own_frames(stack: &Stacktrace, language: Language) -> &[Frame] {
    let frames = &stack.frames[..];
    if language != Language::Native {
        return frames;
    }
    let end = frames.iter().rposition(|frame| {
        let function = frame.function.as_deref();
        function.is_some_and(names::ends_panic)
    });
    match end {
        Some(end) if end > 0 => &frames[..end],
        _ => frames,
    }
}

/// Without any name: binary and offset in it. Absolute addresses differ from run to run, offsets only from build
/// to build.
fn offsets(stack: &Stacktrace, images: &[Image], max: usize) -> Vec<String> {
    let places = stack
        .frames
        .iter()
        .rev()
        .take(FRAMES_MAX)
        .filter_map(|frame| {
            let address = frame.instruction_addr?;
            let image = images.iter().find(|image| covers(image, address))?;
            let file = image.code_file.as_deref()?;
            let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
            Some(format!("{name}+{:#x}", address - image.image_addr?))
        });
    let mut names: Vec<String> = Vec::with_capacity(max);
    for place in places {
        if names.len() == max {
            break;
        }
        if !names.contains(&place) {
            names.push(place);
        }
    }
    names
}

fn covers(image: &Image, address: u64) -> bool {
    let (Some(start), Some(size)) = (image.image_addr, image.image_size) else {
        return false;
    };
    address >= start && address - start < size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_root(exceptions: serde_json::Value, expected: &str) {
        let payload = serde_json::json!({ "exception": exceptions }).to_string();
        let event = Event::from_json(payload.as_bytes()).expect("an event");
        let root = root_cause(&event, thrown(&event).expect("an exception"));
        assert_eq!(root.ty.as_deref(), Some(expected));
    }

    #[test]
    fn what_was_suppressed_is_no_root() {
        check_root(
            serde_json::json!([
                {"type": "Cause", "mechanism": {"type": "chained", "exception_id": 2, "parent_id": 0}},
                {"type": "Close", "mechanism": {"type": "suppressed", "exception_id": 1, "parent_id": 0}},
                {"type": "Thrown", "mechanism": {"type": "generic", "exception_id": 0}},
            ]),
            "Cause",
        );
        check_root(
            serde_json::json!([
                {"type": "Close", "mechanism": {"type": "suppressed", "exception_id": 1, "parent_id": 0}},
                {"type": "Thrown", "mechanism": {"type": "generic", "exception_id": 0}},
            ]),
            "Thrown",
        );
        check_root(
            serde_json::json!([
                {"type": "Close", "mechanism": {"type": "suppressed"}},
                {"type": "Cause"},
                {"type": "Thrown"},
            ]),
            "Cause",
        );
    }
}
