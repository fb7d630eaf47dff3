//! Events that are told apart by what they come from: notes, reports, what Crashvault 1 kept outside of issues.

use std::fmt;

use super::{Event, Level};

/// What an event is, where it is no ordinary one. What a person wrote ([`EventKind::is_written`]) is an issue of its own: it
/// never joins another one, so that neither a crash with the same words nor retention takes it in.
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
    /// A command that failed under Crashvault 1's `wrap`.
    Wrap,
    /// An exception that nobody caught, as Crashvault 1 kept it.
    Autolog,
}

/// The key in Crashvault's own context.
const KEY: &str = "kind";

impl EventKind {
    const ALL: [Self; 4] = [Self::Note, Self::Report, Self::Wrap, Self::Autolog];

    /// The name: `note`, `report`, `wrap`, `autolog`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Report => "report",
            Self::Wrap => "wrap",
            Self::Autolog => "autolog",
        }
    }

    /// Whether a person wrote it: a note or a report.
    ///
    /// ```
    /// use crashvault::event::EventKind;
    /// assert!(EventKind::Note.is_written());
    /// assert!(!EventKind::Wrap.is_written());
    /// ```
    pub fn is_written(self) -> bool {
        matches!(self, Self::Note | Self::Report)
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
        event.set_kind(kind);
        event
    }

    pub(crate) fn set_kind(&mut self, kind: EventKind) {
        self.set_own(KEY, kind.name());
    }

    /// What kind it is (`contexts.crashvault.kind`); `None` for an ordinary event.
    pub fn kind(&self) -> Option<EventKind> {
        let name = self.contexts.get("crashvault")?.get(KEY)?.as_str()?;
        EventKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
