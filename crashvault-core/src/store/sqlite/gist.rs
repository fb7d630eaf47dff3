//! An event → what derived state takes from it: its values, its words, what an issue shows of it.
//!
//! Taken once, when the event is at hand, so that the event itself can go. It holds few, long pieces of memory: a batch
//! has thousands of these.

use super::super::FrameField;
use super::super::facts::{self, Fact};
use super::super::view::line;
use super::super::words::spell;
use super::terms;
use crate::event::{Event, Frame, Level};

/// What derived state takes from one event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gist {
    pub(super) level: Level,
    /// The words of the columns of the full-text index.
    pub(super) message: String,
    pub(super) breadcrumb: String,
    pub(super) value: String,
    /// The names and texts of the values, one behind the other.
    texts: String,
    values: Vec<Span>,
    user: Option<Span>,
}

/// Where a value stands in the texts.
#[derive(Clone, Copy, Debug)]
struct Span {
    is_tag: bool,
    start: u32,
    /// Where the name ends and the text begins.
    middle: u32,
    end: u32,
}

impl Gist {
    pub(super) fn of(event: &Event) -> Self {
        let values = facts::values(event);
        let readable = values
            .iter()
            .filter(|(fact, _)| facts::is_readable(*fact))
            .map(|(_, text)| text);
        let mut gist = Self {
            level: event.level,
            message: joined(facts::messages(event)),
            breadcrumb: joined(facts::breadcrumbs(event)),
            value: joined(readable),
            values: Vec::with_capacity(values.len()),
            ..Self::default()
        };
        for (fact, text) in &values {
            let span = gist.span(*fact, text);
            gist.values.push(span);
        }
        gist.user = facts::user(event).map(|(fact, text)| gist.span(fact, &text));
        gist
    }

    pub(super) fn bytes(&self) -> usize {
        self.message.len() + self.breadcrumb.len() + self.value.len() + self.texts.len()
    }

    fn span(&mut self, fact: Fact<'_>, text: &str) -> Span {
        let start = self.texts.len() as u32;
        self.texts.push_str(fact.name);
        let middle = self.texts.len() as u32;
        self.texts.push_str(text);
        Span {
            is_tag: fact.is_tag,
            start,
            middle,
            end: self.texts.len() as u32,
        }
    }

    /// As [`facts::values`].
    pub(super) fn values(&self) -> impl Iterator<Item = (Fact<'_>, &str)> {
        self.values.iter().map(|span| self.at(span))
    }

    /// As [`facts::user`].
    pub(super) fn user(&self) -> Option<(Fact<'_>, &str)> {
        self.user.as_ref().map(|span| self.at(span))
    }

    fn at(&self, span: &Span) -> (Fact<'_>, &str) {
        let fact = Fact {
            is_tag: span.is_tag,
            name: &self.texts[span.start as usize..span.middle as usize],
        };
        (fact, &self.texts[span.middle as usize..span.end as usize])
    }
}

/// The words of texts as the index takes them: spelt here, so that its idea of a word is ours.
fn joined<T: AsRef<str>>(texts: impl Iterator<Item = T>) -> String {
    let mut all = String::new();
    for text in texts {
        all.push_str(terms::BARRIER);
        all.push(' ');
        spell(text.as_ref(), &mut all);
    }
    all
}

/// What a stack shows of functions, modules and files.
pub(super) fn stack_text(frames: &[Frame]) -> [String; 3] {
    [
        FrameField::Function,
        FrameField::Module,
        FrameField::Filename,
    ]
    .map(|field| joined(frames.iter().flat_map(|frame| field.texts(frame))))
}

/// The face of an issue that gets one later.
pub(super) static NO_FACE: Face = Face {
    title: String::new(),
    culprit: None,
    platform: String::new(),
};

/// What an issue shows of its newest event.
#[derive(Clone, Debug)]
pub(crate) struct Face {
    pub(super) title: String,
    pub(super) culprit: Option<String>,
    pub(super) platform: String,
}

impl Face {
    pub(super) fn of(event: &Event) -> Self {
        Self {
            title: line(event.title()),
            culprit: event.culprit().map(line),
            platform: line(event.platform.clone()),
        }
    }
}
