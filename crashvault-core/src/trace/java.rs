//! The JVM and Android: Java, Kotlin, Scala and what else runs there, also behind what logs write before each line.
//!
//! ```text
//! Exception in thread "main" java.lang.IllegalStateException: no cart
//!     at shop.Cart.total(Cart.java:30)
//!     Suppressed: java.io.IOException: close
//!         at shop.Cart.close(Cart.java:41)
//! Caused by: java.lang.NullPointerException
//!     at shop.Cart.price(Cart.java:12)
//!     ... 1 more
//! ```
//!
//! Exceptions leave as a chain; with suppressed ones they leave as a tree.

use super::at::{self, HEAD_WITHIN, MESSAGE_LINES_MAX};
use super::record::begins_a_record;
use super::text::{Prefix, Text};
use super::{EXCEPTIONS_MAX, FRAMES_MAX, Trace, exception};
use crate::event::{Exception, Frame, Mechanism, SUPPRESSED, Stacktrace, Thread};

/// Lines of others that may stand between the frames of one stack.
const STRANGE_LINES_MAX: usize = 3;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut read_until = 0;
    let mut frames = at::places(text).peekable();
    let mut heads = text.places("Exception in thread \"").peekable();
    loop {
        // Both in the order of the text; a head without frames is a trace too.
        let is_head = match (frames.peek(), heads.peek()) {
            (None, None) => return,
            (Some(frame), Some(head)) => head < frame,
            (None, Some(_)) => true,
            (Some(_), None) => false,
        };
        let next = if is_head { heads.next() } else { frames.next() };
        let Some((number, column)) = next.filter(|next| next.0 >= read_until) else {
            continue;
        };
        let read = match is_head {
            true => headed(text, number, column),
            false => framed(text, number, column, read_until),
        };
        if let Some(trace) = read {
            read_until = trace.lines.end;
            found.push(trace);
        }
    }
}

/// A failure that begins with its head.
fn headed(text: &Text<'_>, number: usize, column: usize) -> Option<Trace> {
    let head = Head::read(text.line(number).get(column..)?, Trust::Full)?;
    let prefix = Prefix::of(text.line(number), column);
    Walk::new(text, prefix, number).read(Some(head), number + 1)
}

/// A failure whose first frame is in line `number`.
fn framed(text: &Text<'_>, number: usize, column: usize, read_until: usize) -> Option<Trace> {
    let line = text.line(number);
    let (before, call) = (line.get(..column)?, line.get(column..)?);
    let is_strong = frame(call)?.is_strong();
    let prefix = Prefix::of(line, before.trim_end().len());
    if prefix
        .of_line(line)
        .is_none_or(|line| line.trim_start() != call)
    {
        return None;
    }
    if let Some(name) = thread_name(text, number, read_until, &prefix) {
        return Walk::new(text, prefix, number - 1).read_thread(name, number);
    }
    let head = (read_until..number)
        .rev()
        .take(MESSAGE_LINES_MAX)
        .map_while(|above| above_frames(text, above, number, &prefix))
        .find_map(|(above, head)| head.map(|head| (above, head)));
    match head {
        Some((above, head)) => Walk::new(text, prefix, above).read(Some(head), above + 1),
        // A single line without a head may be anything.
        None if is_strong => Walk::new(text, prefix, number)
            .read(None, number)
            .filter(|trace| frames_of(trace) > 1),
        None => None,
    }
}

fn frames_of(trace: &Trace) -> usize {
    let stacks = trace
        .exceptions
        .iter()
        .filter_map(|e| e.stacktrace.as_ref());
    stacks.map(|stack| stack.frames.len()).sum()
}

/// The head that a line above frames is, if it is one; `None` at the end of all lines that can belong to them.
fn above_frames<'t>(
    text: &Text<'t>,
    above: usize,
    first_frame: usize,
    prefix: &Prefix<'_>,
) -> Option<(usize, Option<Head<'t>>)> {
    let line = prefix.strip(text.line(above));
    if frame(line.trim_start()).is_some_and(|frame| frame.is_strong()) {
        return None;
    }
    let trust = match above + 1 == first_frame {
        true => Trust::Full,
        false => Trust::Names,
    };
    // What a log broke to fit its width is no head, though it may end like one.
    let head = match prefix.of_line(text.line(above)) {
        Some(_) => Head::anywhere(line, trust),
        None => Head::read(line, trust),
    };
    Some((above, head))
}

/// `"main" #1 prio=5 …` in dumps of all threads; Android writes lines with bars between.
fn thread_name<'t>(
    text: &Text<'t>,
    frames: usize,
    read_until: usize,
    prefix: &Prefix<'_>,
) -> Option<&'t str> {
    let is_about =
        |line: &str| line.starts_with("java.lang.Thread.State:") || line.starts_with("| ");
    let head = (read_until..frames)
        .rev()
        .take(16)
        .map(|above| prefix.strip(text.line(above)).trim_start())
        .find(|line| !is_about(line) && !line.starts_with("native: ") && !line.starts_with("- "))?;
    let (name, rest) = head.strip_prefix('"')?.rsplit_once("\" ").or_else(|| {
        head.strip_prefix('"')?
            .strip_suffix('"')
            .map(|name| (name, "prio="))
    })?;
    let is_thread = ["prio=", "nid=", "tid=", "Id=", "#"]
        .iter()
        .any(|mark| rest.contains(mark));
    is_thread.then_some(name)
}

/// How sure the place of a line makes it that a head is in it.
#[derive(Clone, Copy, PartialEq)]
enum Trust {
    /// Right above frames, or behind words that announce it.
    Full,
    /// Somewhere above.
    Names,
}

/// `java.io.IOException: message`
struct Head<'t> {
    ty: &'t str,
    value: Option<&'t str>,
}

impl<'t> Head<'t> {
    /// At the beginning of a line, behind what may announce it.
    fn read(line: &'t str, trust: Trust) -> Option<Self> {
        let line = line.trim_start();
        if let Some(rest) = line.strip_prefix("Exception in thread \"") {
            // The name of a thread may hold quotes; none is followed by a class.
            return rest
                .match_indices("\" ")
                .take(16)
                .find_map(|(at, mark)| Self::of_type(&rest[at + mark.len()..], Trust::Full));
        }
        if let Some(rest) = line.strip_prefix("Exception: ")
            && let Some((ty, _)) = rest.split_once(" thrown from the UncaughtExceptionHandler")
        {
            return Self::of_type(ty, Trust::Full);
        }
        let announced = ["Exception ", "Caused by: ", "Suppressed: ", "Wrapped by: "];
        match announced.iter().find_map(|words| line.strip_prefix(words)) {
            Some(rest) => Self::of_type(rest, Trust::Full),
            None => Self::of_type(line, trust),
        }
    }

    /// At the beginning of a line, or behind what a log says first.
    fn anywhere(line: &'t str, trust: Trust) -> Option<Self> {
        Self::read(line, trust).or_else(|| {
            let starts = line
                .match_indices(' ')
                .map(|(at, _)| at + 1)
                .take(64)
                .take_while(|&at| at < HEAD_WITHIN);
            starts
                .map(|at| &line[at..])
                .find_map(|rest| Self::of_type(rest, Trust::Names).filter(|head| is_named(head.ty)))
        })
    }

    fn of_type(text: &'t str, trust: Trust) -> Option<Self> {
        let end = text.find(|c: char| !is_of_name(c)).unwrap_or(text.len());
        let (ty, rest) = text.split_at(end);
        let value = match rest.trim_end() {
            "" => None,
            rest => Some(rest.strip_prefix(':')?),
        };
        let value = match value {
            Some("") | None => None,
            Some(value) => Some(value.strip_prefix(' ')?.trim_end()),
        };
        let is_type = match trust {
            Trust::Full => is_class(ty),
            Trust::Names => {
                is_class(ty) && (is_named(ty) || (ty.contains('.') && starts_upper(ty)))
            }
        };
        is_type.then(|| Self {
            ty,
            value: value.filter(|value| !value.is_empty()),
        })
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '-')
}

/// `a.b.C`, `C`, and with a package also what a shrinker left: `a.b.c`.
fn is_class(name: &str) -> bool {
    let first_is_letter =
        |part: &str| part.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '$'));
    let has_package = name.contains('.');
    name != "java.lang.Thread.State"
        && name.split('.').all(first_is_letter)
        && (has_package || starts_upper(name))
}

fn starts_upper(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.starts_with(char::is_uppercase)
}

/// Named as exceptions are.
fn is_named(name: &str) -> bool {
    let last = name.rsplit(['.', '$']).next().unwrap_or_default();
    let ends = ["Exception", "Error", "Throwable", "Failure", "Fault"];
    starts_upper(name)
        && (name.contains('.') || !ends.contains(&last))
        && ends.iter().any(|end| last.ends_with(end))
}

/// A read `at CALL(PLACE)`.
struct Call<'l> {
    name: &'l str,
    place: &'l str,
    jar: Option<&'l str>,
}

/// What stands behind `at ` to the end of the line.
fn frame(line: &str) -> Option<Call<'_>> {
    let call = line.strip_prefix("at ")?.trim();
    let (call, jar) = split_jar(call);
    let inner = call.strip_suffix(')')?;
    let open = opening(inner)?;
    let (name, place) = (inner[..open].trim_end(), &inner[open + 1..]);
    // Dumps name the module before the place.
    let place = match place.split_once('/') {
        Some((module, rest)) if module.contains('@') => rest,
        _ => place,
    };
    let frame = Call { name, place, jar };
    frame.is_java().then_some(frame)
}

/// Where the place begins; Google's own places hold parentheses themselves.
fn opening(inner: &str) -> Option<usize> {
    let first = inner.find('(')?;
    match inner[first + 1..].starts_with(":com.") {
        true => Some(first),
        false => inner.rfind('('),
    }
}

/// `call(place) ~[jar:version]`
fn split_jar(call: &str) -> (&str, Option<&str>) {
    let parts = call
        .strip_suffix(']')
        .and_then(|rest| rest.rsplit_once(") "));
    match parts {
        Some((before, jar)) => {
            let jar = jar.strip_prefix('~').unwrap_or(jar);
            let name = jar.strip_prefix('[').unwrap_or(jar);
            (&call[..before.len() + 1], Some(name))
        }
        None => (call, None),
    }
}

impl Call<'_> {
    fn is_java(&self) -> bool {
        let is_name =
            |c: char| is_of_name(c) || matches!(c, '<' | '>' | '/' | '@' | '\\' | '#' | '+');
        let name_ends = self
            .name
            .rsplit_once('.')
            .is_some_and(|(class, method)| !class.is_empty() && !method.is_empty());
        // Names of tests may hold blanks and more.
        let is_name =
            self.name.chars().all(is_name) || (self.is_source() && !self.name.contains(['(', ')']));
        name_ends && is_name && self.is_place()
    }

    /// A source file of a language of the JVM.
    fn is_source(&self) -> bool {
        let file = at::split_number(self.place).map_or(self.place, |(file, _)| file);
        let ends = [
            "java", "kt", "scala", "kts", "groovy", "clj", "cljc", "aj", "jsp", "gradle", "xtend",
        ];
        let end = file.rsplit_once('.').map(|(_, end)| end);
        end.is_some_and(|end| ends.contains(&end)) && !file.contains(['/', '\\'])
    }

    fn is_place(&self) -> bool {
        let known = [
            "Native Method",
            "Unknown Source",
            "SourceFile",
            "Redefined",
            "PG",
            "<generated>",
            "Unknown",
            "NO_SOURCE_FILE",
            "D8$$SyntheticClass",
            "R8$$SyntheticClass",
            "<Unknown Source>",
            "Compiled Code",
            "Inlined Compiled Code",
            "SOURCE",
        ];
        match at::split_number(self.place) {
            Some((file, _)) => {
                let is_google = file.starts_with(":com.");
                let is_plain =
                    !file.contains(['/', '\\', '(', ')']) && at::split_number(file).is_none();
                let is_script = [
                    ".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".html", ".bundle", ".vue",
                ]
                .iter()
                .any(|end| file.ends_with(end));
                is_google || (is_plain && !is_script && file != "<anonymous>")
            }
            None => known.contains(&self.place) || self.is_source(),
        }
    }

    /// Whether nothing but the JVM prints it so.
    fn is_strong(&self) -> bool {
        self.name.contains('.') && !self.place.is_empty()
    }

    fn read(&self) -> Frame {
        let name = without_module(self.name);
        let (module, function) = match name.rsplit_once('.') {
            Some((module, function)) => (Some(module.to_owned()), function),
            None => (None, name),
        };
        let mut frame = Frame {
            function: Some(function.to_owned()),
            module,
            package: self.jar.and_then(jar_name).map(str::to_owned),
            ..Frame::default()
        };
        let (file, line) = match at::split_number(self.place) {
            Some((file, line)) => (file, Some(line)),
            None => (self.place, None),
        };
        frame.lineno = line;
        if ![
            "Native Method",
            "Unknown Source",
            "Unknown",
            "<Unknown Source>",
        ]
        .contains(&file)
        {
            at::set_file(&mut frame, file);
        }
        frame
    }
}

/// `spring-core-5.3.jar!/:5.3` is a jar; `classes/:na` and `?:?` are none.
fn jar_name(jar: &str) -> Option<&str> {
    let name = jar.rsplit_once(':').map_or(jar, |(name, _)| name);
    let name = name.strip_suffix("!/").unwrap_or(name);
    (name.ends_with(".jar") || name.ends_with(".war") || name.ends_with(".aar")).then_some(name)
}

/// `app//a.B.c` and `java.base@17/a.B.c` without what loaded them; the slash in the name of a lambda's class stays.
fn without_module(name: &str) -> &str {
    let is_class =
        |rest: &str| rest.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '$'));
    let lambda = name.find("$$").unwrap_or(name.len());
    let slashes = name
        .match_indices('/')
        .take_while(|(at, _)| *at < lambda + 2);
    let loaded = slashes.filter(|(at, _)| is_class(&name[at + 1..])).last();
    loaded.map_or(name, |(at, _)| &name[at + 1..])
}

/// What a line behind a head may be.
enum Line<'l> {
    Frame(Call<'l>),
    Cause(Head<'l>),
    Suppressed(Head<'l>),
    /// Logs that print the root cause first.
    Wrapper(Head<'l>),
    /// Belongs to a stack and says nothing.
    Passed,
    Blank,
    Other,
}

impl<'l> Line<'l> {
    fn of(line: &'l str) -> Self {
        let line = line.trim();
        let headed = |words: &str| {
            let rest = line.strip_prefix(words)?;
            Head::of_type(rest, Trust::Full)
        };
        if line.is_empty() {
            Self::Blank
        } else if line.starts_with("at ") {
            match frame(line) {
                Some(frame) => Self::Frame(frame),
                None if line.starts_with("at (Coroutine boundary") => Self::Passed,
                None => Self::Other,
            }
        } else if let Some(head) = headed("Caused by: ") {
            Self::Cause(head)
        } else if let Some(head) = headed("Suppressed: ") {
            Self::Suppressed(head)
        } else if let Some(head) = headed("Wrapped by: ") {
            Self::Wrapper(head)
        } else if is_passed(line) {
            Self::Passed
        } else {
            Self::Other
        }
    }
}

fn is_passed(line: &str) -> bool {
    let after_dots = || {
        let rest = line.strip_prefix("...")?.trim_start();
        let rest = rest.strip_prefix("suppressed ").unwrap_or(rest);
        rest.is_empty()
            .then_some(true)
            .or_else(|| rest.chars().next().map(|c| c.is_ascii_digit()))
    };
    after_dots().unwrap_or(false)
        || line.starts_with("[CIRCULAR REFERENCE")
        || line
            .strip_prefix("Caused by: [CIRCULAR REFERENCE")
            .is_some()
        || [
            "- locked ",
            "- waiting ",
            "- parking ",
            "- eliminated ",
            "- None",
            "- sleeping ",
            "native: ",
        ]
        .iter()
        .any(|words| line.starts_with(words))
}

/// An exception while it is read.
struct Node {
    ty: Option<String>,
    value: Option<String>,
    frames: Vec<Frame>,
    parent: Option<usize>,
    suppressed: bool,
    indentation: usize,
    /// Lines of its frames that begin with something else than a tab.
    without_tab: usize,
    last_with_tab: bool,
    /// The line of its first frame.
    stack_start: usize,
}

impl Node {
    fn new(
        head: Option<&Head<'_>>,
        parent: Option<usize>,
        suppressed: bool,
        indentation: usize,
    ) -> Self {
        Self {
            ty: head.map(|head| head.ty.to_owned()),
            value: head.and_then(|head| head.value).map(str::to_owned),
            frames: Vec::new(),
            parent,
            suppressed,
            indentation,
            without_tab: 0,
            last_with_tab: false,
            stack_start: 0,
        }
    }
}

/// The reading of one failure, line by line.
struct Walk<'a, 't> {
    text: &'a Text<'t>,
    prefix: Prefix<'a>,
    start: usize,
    nodes: Vec<Node>,
    /// Printed from the root cause outwards.
    root_first: bool,
}

impl<'a, 't> Walk<'a, 't> {
    fn new(text: &'a Text<'t>, prefix: Prefix<'a>, start: usize) -> Self {
        Self {
            text,
            prefix,
            start,
            nodes: Vec::new(),
            root_first: false,
        }
    }

    fn line(&self, number: usize) -> &'a str
    where
        't: 'a,
    {
        let line: &'a str = self.text.line(number);
        self.prefix.strip(line)
    }

    /// A failure with this head; its other lines begin at `next`.
    fn read(mut self, head: Option<Head<'_>>, next: usize) -> Option<Trace> {
        self.nodes.push(Node::new(head.as_ref(), None, false, 0));
        let mut next = self.message(next).unwrap_or(next);
        while let Some(after) = self.step(next) {
            next = after;
        }
        Some(self.trace(next))
    }

    /// Reads a line and what belongs to it; the number of the next one, or `None` at the end.
    fn step(&mut self, number: usize) -> Option<usize> {
        if number >= self.text.len() {
            return None;
        }
        let line = self.line(number);
        match Line::of(line) {
            Line::Frame(call) => {
                self.push(&call, number, line.starts_with('\t'));
                return Some(number + 1);
            }
            Line::Cause(head) => self.add(&head, false, line),
            Line::Suppressed(head) => self.add(&head, true, line),
            Line::Wrapper(head) => {
                self.root_first = true;
                self.add(&head, false, line);
            }
            Line::Passed => return Some(number + 1),
            Line::Blank => return self.continues(number + 1).then_some(number + 1),
            Line::Other => return self.beyond_strangers(number),
        }
        Some(self.message(number + 1).unwrap_or(number + 1))
    }

    /// Whether the line goes on with what was begun.
    fn continues(&self, number: usize) -> bool {
        number < self.text.len()
            && matches!(
                Line::of(self.line(number)),
                Line::Frame(_)
                    | Line::Cause(_)
                    | Line::Suppressed(_)
                    | Line::Wrapper(_)
                    | Line::Passed
            )
    }

    fn add(&mut self, head: &Head<'_>, suppressed: bool, line: &str) {
        if self.nodes.len() < EXCEPTIONS_MAX {
            let indentation = at::indentation(line);
            let parent = self.parent(indentation, suppressed);
            self.nodes
                .push(Node::new(Some(head), parent, suppressed, indentation));
        }
    }

    /// A suppressed one belongs to the last that is indented less, a cause to the last of the chain it is in line with.
    fn parent(&self, indentation: usize, suppressed: bool) -> Option<usize> {
        let mut at = self.nodes.len().checked_sub(1)?;
        while at > 0 {
            let node = &self.nodes[at];
            let chain = self.chain_indentation(at);
            let is_below = match suppressed {
                true => node.indentation < indentation,
                false => chain.is_none_or(|chain| chain <= indentation),
            };
            if is_below {
                break;
            }
            at = self.nodes[at].parent.unwrap_or_default();
        }
        Some(at)
    }

    /// How far the suppressed exception is indented that a chain of causes hangs on.
    fn chain_indentation(&self, mut at: usize) -> Option<usize> {
        loop {
            let node = &self.nodes[at];
            if node.suppressed {
                return Some(node.indentation);
            }
            at = node.parent?;
        }
    }

    fn push(&mut self, call: &Call<'_>, number: usize, with_tab: bool) {
        let Some(node) = self.nodes.last() else {
            return;
        };
        let changes = with_tab && !node.last_with_tab && node.without_tab == node.frames.len();
        if changes && node.value.is_some() && node.without_tab > 0 {
            // The JVM's own frames have a tab.
            self.stack_was_message(number);
        }
        let Some(node) = self.nodes.last_mut() else {
            return;
        };
        node.last_with_tab = with_tab;
        node.without_tab += usize::from(!with_tab);
        if node.frames.is_empty() {
            node.stack_start = number;
        }
        if node.frames.len() < FRAMES_MAX {
            node.frames.push(call.read());
        }
    }

    /// What was taken for frames was part of the message, which goes on to the line before `end`.
    fn stack_was_message(&mut self, end: usize) {
        let Some(node) = self.nodes.last() else {
            return;
        };
        let start = node.stack_start.max(end.saturating_sub(MESSAGE_LINES_MAX));
        let lines: Vec<&str> = (start..end).map(|number| self.line(number)).collect();
        let Some(node) = self.nodes.last_mut() else {
            return;
        };
        node.frames.clear();
        node.without_tab = 0;
        let value = node.value.get_or_insert_default();
        for line in lines {
            value.push('\n');
            value.push_str(line);
        }
    }

    /// Appends the lines from `number` on to the message of the last exception, if frames follow them; the number of
    /// the first of these.
    fn message(&mut self, number: usize) -> Option<usize> {
        let end = self.end_of_message(number)?;
        let lines = (number..end).map(|number| self.line_of_message(number));
        let lines: Vec<&str> = lines.collect();
        let node = self.nodes.last_mut()?;
        if !lines.is_empty() && !lines.iter().all(|line| line.trim().is_empty()) {
            let value = node.value.get_or_insert_default();
            for line in lines {
                value.push('\n');
                value.push_str(line.trim_end());
            }
            // A message may end with an empty line before the stack.
            value.truncate(value.trim_end().len());
        }
        Some(end)
    }

    fn end_of_message(&self, number: usize) -> Option<usize> {
        let last = self.text.len().min(number + MESSAGE_LINES_MAX);
        // A date that all lines have begins no other record.
        let mut is_dated = false;
        for number in number..last {
            let whole = self.text.line(number);
            let said = self.logged(whole);
            match Line::of(said.unwrap_or(whole)) {
                Line::Blank => {}
                Line::Other if !is_head_of_another(whole) => {}
                Line::Other => {
                    let said = said?.trim_start();
                    if is_head_of_another(said) || begins_a_record(said) {
                        return None;
                    }
                    is_dated = true;
                }
                _ => return (!is_dated || said.is_some()).then_some(number),
            }
        }
        None
    }

    /// What stands behind the prefix of the log; `None` in lines without.
    fn logged<'l>(&self, whole: &'l str) -> Option<&'l str> {
        let said = self.prefix.of_line(whole)?;
        (said.len() < whole.len()).then_some(said)
    }

    /// A line of a message: the prefix of frames ends before the blank that ends it.
    fn line_of_message(&self, number: usize) -> &'a str
    where
        't: 'a,
    {
        let whole: &'a str = self.text.line(number);
        match self.logged(whole) {
            Some(said) => said.strip_prefix(' ').unwrap_or(said),
            None => whole,
        }
    }

    /// Frames may go on behind a few lines: what looked like frames was part of a message, or another thread wrote between.
    fn beyond_strangers(&mut self, number: usize) -> Option<usize> {
        let last = self.text.len().min(number + STRANGE_LINES_MAX);
        let resumed = (number..=last).find(|&number| {
            number < self.text.len() && matches!(Line::of(self.line(number)), Line::Frame(_))
        })?;
        let strangers = number..resumed;
        if strangers.clone().any(|number| {
            let line = self.line(number);
            line.contains("Exception in thread \"")
                || Head::anywhere(line, Trust::Full).is_some()
                || thread_head(line)
        }) {
            return None;
        }
        let node = self.nodes.last()?;
        let is_log = |line: &str| line.starts_with(|c: char| c.is_ascii_digit() || c == '[');
        let wrapped = self.line(number).trim_start().starts_with("at ");
        if wrapped || is_log(self.text.line(number)) || node.value.is_none() {
            return Some(resumed);
        }
        // Plain text between frames: the message had lines like frames.
        self.stack_was_message(resumed);
        Some(resumed)
    }

    /// The stack of a thread in a dump of all of them, and those that follow.
    fn read_thread(mut self, name: &str, frames: usize) -> Option<Trace> {
        let mut threads = Vec::new();
        let (mut name, mut next) = (name.to_owned(), frames);
        loop {
            self.nodes = vec![Node::new(None, None, false, 0)];
            while let Some(after) = self.thread_step(next) {
                next = after;
            }
            let node = self.nodes.pop()?;
            threads.push(thread(&name, node.frames));
            let ahead = (next..self.text.len())
                .take(64)
                .find(|&number| matches!(Line::of(self.line(number)), Line::Frame(_)));
            let Some((after, following)) = ahead.and_then(|ahead| {
                Some((ahead, thread_name(self.text, ahead, next, &self.prefix)?))
            }) else {
                break;
            };
            (name, next) = (following.to_owned(), after);
        }
        Some(Trace {
            language: "java",
            exceptions: Vec::new(),
            threads,
            lines: self.start..next,
        })
    }

    fn thread_step(&mut self, number: usize) -> Option<usize> {
        let line = self.line(number);
        match Line::of(line) {
            Line::Frame(call) => self.push(&call, number, true),
            Line::Passed => {}
            _ => return None,
        }
        (number < self.text.len()).then_some(number + 1)
    }

    fn trace(self, end: usize) -> Trace {
        let is_tree = self.nodes.iter().any(|node| node.suppressed) && !self.root_first;
        let asides: Vec<bool> = (0..self.nodes.len())
            .map(|at| self.chain_indentation(at).is_some())
            .collect();
        let mut exceptions: Vec<(bool, Exception)> = Vec::with_capacity(self.nodes.len());
        for (id, node) in self.nodes.into_iter().enumerate() {
            let mut read = exception(node.ty.as_deref(), node.value.as_deref(), node.frames);
            if is_tree {
                let way = node.parent.map(|_| {
                    if node.suppressed {
                        SUPPRESSED
                    } else {
                        "chained"
                    }
                });
                at::set_parent(&mut read, id, node.parent, way);
            } else if asides[id] {
                // Without a tree nothing else tells its own causes from the failure's.
                let mechanism = read.mechanism.get_or_insert_with(Mechanism::default);
                mechanism.ty = Some(SUPPRESSED.to_owned());
            }
            exceptions.push((asides[id], read));
        }
        if !self.root_first {
            exceptions.reverse();
        }
        // The root cause stays first and the thrown one last.
        if let Some(thrown) = exceptions.pop() {
            exceptions.sort_by_key(|(is_aside, _)| *is_aside);
            exceptions.push(thrown);
        }
        Trace {
            language: "java",
            exceptions: exceptions
                .into_iter()
                .map(|(_, exception)| exception)
                .collect(),
            threads: failed_thread(self.text.line(self.start))
                .into_iter()
                .collect(),
            lines: start_with_announcement(self.text, self.start)..end,
        }
    }
}

/// The thread that the first line names; the main one goes without saying.
fn failed_thread(line: &str) -> Option<Thread> {
    let (_, rest) = line.split_once("Exception in thread \"")?;
    let name = rest
        .match_indices("\" ")
        .take(16)
        .find(|(at, mark)| Head::of_type(&rest[at + mark.len()..], Trust::Full).is_some())
        .map(|(at, _)| &rest[..at])?;
    (!matches!(name, "" | "main")).then(|| Thread {
        name: Some(name.to_owned()),
        crashed: Some(true),
        ..Thread::default()
    })
}

fn thread(name: &str, mut frames: Vec<Frame>) -> Thread {
    frames.reverse();
    Thread {
        name: Some(name.to_owned()),
        stacktrace: (!frames.is_empty()).then(|| Stacktrace {
            frames,
            ..Stacktrace::default()
        }),
        ..Thread::default()
    }
}

fn thread_head(line: &str) -> bool {
    line.trim_start().starts_with('"')
}

/// A line that begins another failure or another record of a log, within what might be a message.
fn is_head_of_another(line: &str) -> bool {
    let is_dated = line.len() > 10
        && line.as_bytes()[..4].iter().all(u8::is_ascii_digit)
        && line.as_bytes()[4] == b'-';
    is_dated || line.contains("Exception in thread \"")
}

/// Android announces a failure in lines of their own.
fn start_with_announcement(text: &Text<'_>, start: usize) -> usize {
    let announces = |number: &usize| {
        let line = text.line(*number);
        line.contains("FATAL EXCEPTION: ") || line.contains("Process: ")
    };
    (start.saturating_sub(2)..start)
        .rev()
        .take_while(announces)
        .last()
        .unwrap_or(start)
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

    /// One frame below a head.
    #[track_caller]
    fn check_frame(line: &str, expected: &str) {
        check(
            &format!("a.X: y\n{line}\n"),
            &[&format!("a.X: y | {expected}")],
        );
    }

    #[test]
    fn a_name_of_slashes_alone_ends() {
        let name = "/".repeat(2 << 20);
        assert_eq!(without_module(&name), name);
        assert_eq!(without_module("m//a.B$$L/0x1.c"), "a.B$$L/0x1.c");
    }

    const CHAIN: &str = "Exception in thread \"main\" a.Outer: no cart\n\tat shop.Cart.total(Cart.java:30)\n\tat shop.App.main(App.java:5)\nCaused by: java.lang.NullPointerException\n\tat shop.Cart.price(Cart.java:12)\n\t... 1 more\n";

    #[test]
    fn a_thread_that_failed_has_its_name() {
        let names = |text: &str| -> Vec<Option<String>> {
            let mut found = Vec::new();
            find(&Text::new(text), &mut found);
            let threads = found.into_iter().flat_map(|trace| trace.threads);
            threads.map(|thread| thread.name).collect()
        };
        let named = "x Exception in thread \"pool \"1\" a\" a.X: no\n\tat A.a(A.java:1)\n";
        assert_eq!(names(named), [Some("pool \"1\" a".to_owned())]);
        assert_eq!(names(CHAIN), []);
    }

    #[test]
    fn a_cause_comes_before_what_it_caused() {
        check(
            CHAIN,
            &[
                "java.lang.NullPointerException | shop.Cart::price Cart.java:12",
                "a.Outer: no cart | shop.Cart::total Cart.java:30 | shop.App::main App.java:5",
            ],
        );
    }

    #[test]
    fn suppressed_exceptions_stand_beside_the_chain() {
        let text = "a.A: x\n\tat a.A.a(A.java:1)\n\tSuppressed: a.B: y\n\t\tat a.B.b(B.java:2)\n\t\t... 1 more\n\tCaused by: a.C\n\t\t... 2 more\nCaused by: a.D: z\n\tat a.D.d(D.java:4)\n\t... 1 more\n";
        check(
            text,
            &[
                "a.D: z | a.D::d D.java:4",
                "a.C",
                "a.B: y | a.B::b B.java:2",
                "a.A: x | a.A::a A.java:1",
            ],
        );
        let mut found = Vec::new();
        find(&Text::new(text), &mut found);
        let parents = found[0].exceptions.iter().map(|exception| {
            let mechanism = exception.mechanism.as_ref().expect("a tree");
            mechanism.other.get("parent_id").and_then(|id| id.as_u64())
        });
        assert_eq!(
            parents.collect::<Vec<_>>(),
            [Some(0), Some(1), Some(0), None]
        );
    }

    #[test]
    fn circular_references_are_no_exceptions() {
        check(
            "a.A: x\n\tat a.A.a(A.java:1)\nCaused by: a.B: y\n\t... 1 more\nCaused by: [CIRCULAR REFERENCE: a.A: x]\n",
            &["a.B: y", "a.A: x | a.A::a A.java:1"],
        );
        check(
            "a.A: x\n\tat a.A.a(A.java:1)\n\t[CIRCULAR REFERENCE:a.A: x]\n\tat a.B.b(B.java:1)\n",
            &["a.A: x | a.A::a A.java:1 | a.B::b B.java:1"],
        );
    }

    #[test]
    fn a_log_may_print_the_root_first() {
        check(
            "a.Root: x\n\tat a.A.a(A.java:1)\n\t... 2 common frames omitted\nWrapped by: a.Outer: y\n\tat a.B.b(B.java:2)\n",
            &[
                "a.Root: x | a.A::a A.java:1",
                "a.Outer: y | a.B::b B.java:2",
            ],
        );
        let text = "a.Root: x\n\tat a.A.a(A.java:1)\n\tSuppressed: a.Close\n\t\tat a.C.c(C.java:3)\nWrapped by: a.Outer: y\n\tat a.B.b(B.java:2)\n";
        let mut found = Vec::new();
        find(&Text::new(text), &mut found);
        let asides = found[0].exceptions.iter().map(Exception::is_suppressed);
        assert_eq!(asides.collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn a_message_may_have_lines() {
        check(
            "a.X: one\ntwo: b\n\nthree\n\tat a.A.a(A.java:1)\n",
            &["a.X: one\ntwo: b\n\nthree | a.A::a A.java:1"],
        );
        check(
            "a.X: one\n\tat a.A.a(A.java:1)\nCaused by: a.Y: one\ntwo\n\tat a.B.b(B.java:1)\n",
            &[
                "a.Y: one\ntwo | a.B::b B.java:1",
                "a.X: one | a.A::a A.java:1",
            ],
        );
    }

    #[test]
    fn lines_like_frames_may_be_part_of_a_message() {
        check(
            "a.X: one\n\tat fake.F.f(F.java:1)\nend\n\tat a.A.a(A.java:1)\n",
            &["a.X: one\n\tat fake.F.f(F.java:1)\nend | a.A::a A.java:1"],
        );
        check(
            "a.X: one\n    at fake.F.f(F.java:1)\n\tat a.A.a(A.java:1)\n",
            &["a.X: one\n    at fake.F.f(F.java:1) | a.A::a A.java:1"],
        );
    }

    #[test]
    fn an_exception_may_have_no_message_and_no_stack() {
        check("a.X\n\tat A.a(A.java:1)\n", &["a.X | A::a A.java:1"]);
        check("a.X: \n\tat A.a(A.java:1)\n", &["a.X | A::a A.java:1"]);
        check("Boom\n\tat A.a(A.java:1)\n", &["Boom | A::a A.java:1"]);
        check("Exception in thread \"main\" a.X: gone\n", &["a.X: gone"]);
        check(
            "Exception in thread \"a \"q\" b\" a.X: \"y\" z\nCaused by: a.Y\n",
            &["a.Y", "a.X: \"y\" z"],
        );
    }

    #[test]
    fn the_thread_may_have_no_name() {
        check(
            "Exception in thread \"\" a.X\n\tat A.a(A.java:1)\n",
            &["a.X | A::a A.java:1"],
        );
    }

    #[test]
    fn places_may_be_unknown() {
        check_frame("\tat a.A.a(Native Method)", "a.A::a");
        check_frame("\tat a.A.a(Unknown Source)", "a.A::a");
        check_frame("\tat a.A.a(Unknown Source:4)", "a.A::a 4");
        check_frame("\tat a.A.a(SourceFile:6)", "a.A::a SourceFile:6");
        check_frame("\tat a.A.a(A.java)", "a.A::a A.java");
        check_frame(
            "\tat a.A.a(D8$$SyntheticClass)",
            "a.A::a D8$$SyntheticClass",
        );
        check_frame(
            "\tat a.A.a(:com.google.gms@21@21.06 (15-35):3)",
            "a.A::a :com.google.gms@21@21.06 (15-35):3",
        );
    }

    #[test]
    fn modules_and_loaders_are_taken_off() {
        check_frame(
            "\tat java.base/java.lang.A.a(A.java:1)",
            "java.lang.A::a A.java:1",
        );
        check_frame(
            "\tat java.base@17.0.1/java.lang.A.a(A.java:1)",
            "java.lang.A::a A.java:1",
        );
        check_frame("\tat app//a.A.a(A.java:1)", "a.A::a A.java:1");
        check_frame("\tat app/mod@1.0/a.A.a(A.java:1)", "a.A::a A.java:1");
        check_frame("\tat deployment.x.war//a.A.a(A.java:1)", "a.A::a A.java:1");
        check_frame("\tat a.A.a(java.base@17.0.1/A.java:1)", "a.A::a A.java:1");
        check_frame(
            "\tat a.A$$Lambda$1/0x08c8.run(Unknown Source)",
            "a.A$$Lambda$1/0x08c8::run",
        );
    }

    #[test]
    fn jars_are_packages() {
        check_frame(
            "\tat a.A.a(A.java:1) ~[spring-web-5.3.jar!/:5.3]",
            "a.A::a A.java:1 [spring-web-5.3.jar]",
        );
        check_frame(
            "\tat a.A.a(A.java:1) [x-1.jar:1]",
            "a.A::a A.java:1 [x-1.jar]",
        );
        check_frame("\tat a.A.a(A.java:1) ~[?:1.8.0_1]", "a.A::a A.java:1");
        check_frame("\tat a.A.a(A.java:1) [classes/:na]", "a.A::a A.java:1");
    }

    #[test]
    fn names_are_of_many_languages() {
        check_frame("\tat a.A.<init>(A.java:1)", "a.A::<init> A.java:1");
        check_frame("\tat a.AKt.main(A.kt)", "a.AKt::main A.kt");
        check_frame(
            "\tat a.ATest.adds two numbers(ATest.kt:3)",
            "a.ATest::adds two numbers ATest.kt:3",
        );
        check_frame(
            "\tat a.A$.$anonfun$main$1(A.scala:7)",
            "a.A$::$anonfun$main$1 A.scala:7",
        );
        check_frame(
            "\tat clojure.core$eval.invoke(core.clj:1)",
            "clojure.core$eval::invoke core.clj:1",
        );
        check_frame(
            "\tat größe.Maß.süß(Maß.java:1)",
            "größe.Maß::süß Maß.java:1",
        );
        check_frame(
            "\tat _COROUTINE._BOUNDARY._(CoroutineDebugging.kt:46)",
            "_COROUTINE._BOUNDARY::_ CoroutineDebugging.kt:46",
        );
        check_frame(
            "\tat (Coroutine boundary.(Coroutine boundary)\n\tat a.A.a(A.kt:1)",
            "a.A::a A.kt:1",
        );
    }

    #[test]
    fn frames_may_be_indented_in_any_way() {
        check_frame("at a.A.a(A.java:1)", "a.A::a A.java:1");
        check_frame("  at a.A.a (A.java:1)", "a.A::a A.java:1");
        check_frame("        at a.A.a(A.java:1) \r", "a.A::a A.java:1");
    }

    #[test]
    fn what_a_log_writes_before_is_taken_off() {
        let frames = "\tat a.A.a(A.java:1)\nE/AndroidRuntime(   8): \tat a.B.b(B.java:2)\n";
        check(
            &format!(
                "E/AndroidRuntime(   9): FATAL EXCEPTION: main\nE/AndroidRuntime(   9): Process: a, PID: 9\nE/AndroidRuntime(   9): a.X: y\nE/AndroidRuntime(   9): {frames}E/AndroidRuntime(   9): Caused by: a.Y\nE/AndroidRuntime(   9): \t... 2 more\n"
            ),
            &["a.Y", "a.X: y | a.A::a A.java:1 | a.B::b B.java:2"],
        );
        check(
            "2026-01-02 03:04:05 ERROR [main] a.B - failed a.XException: y\n\tat a.A.a(A.java:1)\n",
            &["a.XException: y | a.A::a A.java:1"],
        );
        check(
            "app_1  | a.X: y\napp_1  | \tat a.A.a(A.java:1)\napp_2  | z\n",
            &["a.X: y | a.A::a A.java:1"],
        );
        check(
            "[ERROR] java.io.IOException: y\n\tat a.A.a(A.java:1)\n",
            &["java.io.IOException: y | a.A::a A.java:1"],
        );
    }

    #[test]
    fn lines_may_each_have_their_own_time() {
        let text = "Exception in thread \"main\" a.X: one\ntwo\n\tat a.A.a(A.java:1)\nCaused by: a.Y: three\n\nfour\n\tat a.B.b(B.java:1)\n\t... 1 more\nnext\n";
        let lines = text.lines().enumerate();
        let stamped: String = lines
            .map(|(number, line)| {
                format!(
                    "2026-01-02T03:04:05.{:09}Z stderr F {line}\n",
                    number * 7_919_000
                )
            })
            .collect();
        let expected = [
            "a.Y: three\n\nfour | a.B::b B.java:1",
            "a.X: one\ntwo | a.A::a A.java:1",
        ];
        check(&stamped, &expected);
        check(
            &stamped.replace("Exception in thread \"main\" ", ""),
            &expected,
        );
        check(
            "2026-01-02 03:04:05 a.X: one\n2026-01-02 03:04:06 two\n\tat a.A.a(A.java:1)\n\tat a.B.b(B.java:2)\n",
            &["? | a.A::a A.java:1 | a.B::b B.java:2"],
        );
    }

    #[test]
    fn another_thread_may_log_between_frames() {
        check(
            "a.X: y\n\tat a.A.a(A.java:1)\n2026-01-02 03:04:05 INFO other\n\tat a.B.b(B.java:2)\n",
            &["a.X: y | a.A::a A.java:1 | a.B::b B.java:2"],
        );
    }

    #[test]
    fn two_failures_are_two() {
        check(
            "a.X: y\n\tat a.A.a(A.java:1)\nb.Y: z\n\tat b.B.b(B.java:2)\n",
            &["a.X: y | a.A::a A.java:1", "b.Y: z | b.B::b B.java:2"],
        );
    }

    #[test]
    fn frames_alone_are_a_stack() {
        check(
            "\tat a.A.a(A.java:1)\n\tat a.B.b(B.java:2)\n",
            &["? | a.A::a A.java:1 | a.B::b B.java:2"],
        );
        check("it broke at a.A.a(A.java:1)\n", &[]);
    }

    #[test]
    fn other_languages_are_passed_over() {
        check(
            "Error: x\n    at foo (/a.js:1:2)\n    at A.b (b.js:1:2)\n",
            &[],
        );
        check(
            "Error: x\n    at Array.map (<anonymous>)\n    at a.b (native)\n",
            &[],
        );
        check(
            "A.B: x\n   at A.C.D(String x) in /a.cs:line 3\n   at A.C.E()\n",
            &[],
        );
        check("look at this (a.b:3) and that\n", &[]);
    }

    #[test]
    fn dumps_of_threads_are_threads() {
        let text = "\"main\" #1 prio=5 tid=0x1 runnable\n   java.lang.Thread.State: RUNNABLE\n\tat a.A.a(java.base@17/Native Method)\n\tat a.B.b(B.java:2)\n\t- locked <0x1> (a a.C)\n\n\"VM\" os_prio=0 tid=0x1 runnable\n\n\"w 2\" #2 daemon prio=5 nid=0x2\n   java.lang.Thread.State: WAITING (parking)\n\tat a.C.c(C.java:3)\n";
        let mut found = Vec::new();
        find(&Text::new(text), &mut found);
        assert_eq!(found.len(), 1);
        let threads = found[0].threads.iter().map(|thread| {
            let stack = thread.stacktrace.as_ref().expect("a stack");
            (thread.name.as_deref().expect("a name"), stack.frames.len())
        });
        assert_eq!(threads.collect::<Vec<_>>(), [("main", 2), ("w 2", 1)]);
    }

    #[test]
    fn bytes_of_any_kind_are_read() {
        any_bytes(find, CHAIN);
        any_bytes(
            find,
            "x | a.X: y\nx | \tat a.A.a(A.java:1)\nz\nx | \tSuppressed: b.Y\n1 x\n\tat a.A.a(A.kt:1) ~[a.jar:1]\n",
        );
    }
}
