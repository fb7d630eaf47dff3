//! Events that a person wrote: notes and reports.

use std::fmt;

use super::{Event, Level};

/// What an event is that no program ran into. Such an event is an issue of its own: it never joins another one, so that
/// neither a crash with the same words nor retention takes it in.
///
/// ```
/// use crashvault::Event;
/// use crashvault::event::EventKind;
/// assert_eq!(Event::note("deployed shop 2.1").kind(), Some(EventKind::Note));
/// assert_eq!(Event::new().kind(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// Something worth remembering.
    Note,
    /// Something that somebody has met, told by hand.
    Report,
}

/// The key in Crashvault's own context.
const KEY: &str = "kind";

impl EventKind {
    /// The name: `note`, `report`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Report => "report",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Event {
    /// A note: level info, with the tag `note`.
    pub fn note(text: impl Into<String>) -> Self {
        Self::written(EventKind::Note, text.into())
    }

    /// A report: level info, with the tag `report`; its body is kept as text beside it.
    pub fn report(title: impl Into<String>, body: impl Into<String>) -> Self {
        let mut event = Self::written(EventKind::Report, title.into());
        let body = body.into();
        if !body.is_empty() {
            event.set_own("stack", body);
        }
        event
    }

    fn written(kind: EventKind, text: String) -> Self {
        let mut event = Self::new();
        event.platform = "other".into();
        event.level = Level::Info;
        event.message = Some(text);
        event.tags.insert(kind.name().into(), "true".into());
        event.set_own(KEY, kind.name());
        event
    }

    /// What kind of writing it is (`contexts.crashvault.kind`); `None` for what a program ran into.
    pub fn kind(&self) -> Option<EventKind> {
        let name = self.contexts.get("crashvault")?.get(KEY)?.as_str()?;
        [EventKind::Note, EventKind::Report]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}
