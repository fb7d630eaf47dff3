//! The keys of a query: what each asks about, and what those of Sentry's that mean nothing here are answered with.

use crate::store::{ATTRIBUTES, FLAG, FrameField, Key as StoreKey, ReleasePart, attribute};

/// What a key asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Has,
    Is,
    Status,
    Level,
    Assigned,
    Bookmarked,
    Severity,
    Review,
    Project,
    Title,
    Culprit,
    Issue,
    EventId,
    Age,
    FirstSeen,
    LastSeen,
    EventTime,
    SeenCount,
    UserCount,
    FirstRelease,
    Release(ReleasePart),
    Message,
    Breadcrumb,
    Frame(FrameField),
    User,
    Trace,
    Handled,
    Unhandled,
}

/// The keys with a meaning of their own, without case. All else is an attribute or a tag.
const SUBJECTS: &[(&str, Subject)] = &[
    ("has", Subject::Has),
    ("is", Subject::Is),
    ("status", Subject::Status),
    ("level", Subject::Level),
    ("assigned", Subject::Assigned),
    ("assignee", Subject::Assigned),
    // Nobody is suggested: whoever has it was given it.
    ("assigned_or_suggested", Subject::Assigned),
    ("bookmarked", Subject::Bookmarked),
    ("severity", Subject::Severity),
    ("issue.priority", Subject::Severity),
    ("review", Subject::Review),
    ("project", Subject::Project),
    ("project.name", Subject::Project),
    ("title", Subject::Title),
    ("culprit", Subject::Culprit),
    ("issue", Subject::Issue),
    ("issue.id", Subject::Issue),
    ("id", Subject::EventId),
    ("age", Subject::Age),
    ("firstSeen", Subject::FirstSeen),
    ("first_seen", Subject::FirstSeen),
    ("lastSeen", Subject::LastSeen),
    ("last_seen", Subject::LastSeen),
    ("timestamp", Subject::EventTime),
    ("event.timestamp", Subject::EventTime),
    ("timesSeen", Subject::SeenCount),
    ("times_seen", Subject::SeenCount),
    ("seen_count", Subject::SeenCount),
    ("users", Subject::UserCount),
    ("usersSeen", Subject::UserCount),
    ("user_count", Subject::UserCount),
    ("firstRelease", Subject::FirstRelease),
    ("first_release", Subject::FirstRelease),
    ("release.package", Subject::Release(ReleasePart::Package)),
    ("release.version", Subject::Release(ReleasePart::Version)),
    ("release.build", Subject::Release(ReleasePart::Build)),
    ("message", Subject::Message),
    ("error.value", Subject::Message),
    ("breadcrumb", Subject::Breadcrumb),
    ("breadcrumbs", Subject::Breadcrumb),
    ("stack", Subject::Frame(FrameField::Any)),
    ("stack.function", Subject::Frame(FrameField::Function)),
    ("stack.module", Subject::Frame(FrameField::Module)),
    ("stack.package", Subject::Frame(FrameField::Module)),
    ("stack.filename", Subject::Frame(FrameField::Filename)),
    ("stack.abs_path", Subject::Frame(FrameField::Filename)),
    ("user", Subject::User),
    ("trace", Subject::Trace),
    ("trace_id", Subject::Trace),
    ("error.handled", Subject::Handled),
    ("error.unhandled", Subject::Unhandled),
];

/// Other names of attributes.
const ALIASES: &[(&str, &str)] = &[
    ("env", "environment"),
    ("http.url", "url"),
    ("mechanism", "error.mechanism"),
    ("platform.name", "platform"),
    ("request.method", "http.method"),
    ("request.url", "url"),
    ("runtime", "runtime.name"),
    ("server_name", "server"),
    ("user.geo.city", "geo.city"),
    ("user.geo.country_code", "geo.country_code"),
    ("user.geo.region", "geo.region"),
    ("user.geo.subdivision", "geo.subdivision"),
    ("user.ip_address", "user.ip"),
];

/// Keys of Sentry's that mean nothing here, and what to write instead.
const REFUSED: &[(&str, &str)] = &[
    (
        "bookmarks",
        "a bookmark belongs to everybody here: write is:bookmarked",
    ),
    (
        "detector",
        "there are no detectors here: write error.mechanism: for what captured it",
    ),
    (
        "event.type",
        "every event is an error or a message here: write level: or error.type:",
    ),
    (
        "issue.category",
        "every issue is of errors here: write level: or error.type:",
    ),
    (
        "issue.seer_actionability",
        "nothing judges issues here: write review: or severity:",
    ),
    (
        "issue.seer_last_run",
        "nothing judges issues here: write review: or severity:",
    ),
    (
        "issue.type",
        "every issue is of errors here: write error.type: for the kind of error",
    ),
    (
        "location",
        "where it happens is looked for with culprit: or stack.filename:",
    ),
    (
        "profile.id",
        "there are no profiles here: write trace: for what happened together",
    ),
    (
        "project.id",
        "a project is known by its name here: write project:",
    ),
    (
        "regressed_in_release",
        "which release it came back in is not kept: write is:regressed release:NAME",
    ),
    (
        "release.stage",
        "how far a release has spread is not known: write environment:",
    ),
    (
        "replayId",
        "there are no replays here: write trace: or breadcrumb:",
    ),
    (
        "stack.colno",
        "columns are not searched: write stack.function: or stack.filename:",
    ),
    (
        "stack.in_app",
        "the program's own frames are not told apart in a search: write stack.module:",
    ),
    (
        "stack.lineno",
        "lines are not searched: write stack.function: or stack.filename:",
    ),
    (
        "stack.resource",
        "resources are not searched: write stack.filename:",
    ),
    (
        "stack.stack_level",
        "how deep a frame lies is not searched: write stack.function:",
    ),
    (
        "symbolicated_in_app",
        "whether frames have names is not searched: write has:stack.function",
    ),
    (
        "timestamp.to_day",
        "write timestamp: with a date, as timestamp:2026-01-05",
    ),
    (
        "timestamp.to_hour",
        "write timestamp:>= and timestamp:< with the two times",
    ),
    (
        "trace.parent_span",
        "there are no spans here: write trace: with the whole trace id",
    ),
    (
        "trace.span",
        "there are no spans here: write trace: with the whole trace id",
    ),
    (
        "transaction.duration",
        "there are no transactions here; transaction: is where an event happened",
    ),
    (
        "transaction.op",
        "there are no transactions here; transaction: is where an event happened",
    ),
    (
        "transaction.status",
        "there are no transactions here; transaction: is where an event happened",
    ),
];

/// States of Sentry's that mean nothing here, and what to write instead.
pub(super) const REFUSED_STATES: &[(&str, &str)] = &[
    (
        "linked",
        "issues are not linked to trackers here: write has:labels[ticket] for those labelled so",
    ),
    (
        "unlinked",
        "issues are not linked to trackers here: write !has:labels[ticket] for those not labelled so",
    ),
    ("new", "write is:unresolved age:-7d for what came lately"),
    ("ongoing", "write is:unresolved age:+7d for what is not new"),
    (
        "escalating",
        "an issue ignored until it grows opens again by itself: write is:unresolved timesSeen:>100",
    ),
    ("subscribed", "nobody subscribes here: write assigned:me"),
];

impl Subject {
    pub(super) fn of(name: &str) -> Option<Self> {
        let found = SUBJECTS
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known));
        found.map(|(_, subject)| *subject)
    }

    pub(super) fn is_comparable(self) -> bool {
        use Subject::{Age, EventTime, FirstSeen, LastSeen, Level, Release, SeenCount, UserCount};
        matches!(
            self,
            Level
                | Age
                | FirstSeen
                | LastSeen
                | EventTime
                | SeenCount
                | UserCount
                | Release(ReleasePart::Version | ReleasePart::Build)
        )
    }
}

/// The attribute or tag that a key without a meaning of its own names.
pub(super) fn store_key(name: &str) -> StoreKey {
    let lower = name.to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == lower);
    match attribute(alias.map_or(&lower, |(_, name)| name)) {
        // Flags are asked for by their names.
        Some(known) if known != FLAG => StoreKey::Attribute(known.to_owned()),
        _ => StoreKey::Tag(name.to_owned()),
    }
}

/// Why a key of Sentry's is not understood, and what to write instead.
pub(super) fn refused(name: &str) -> Option<&'static str> {
    let found = REFUSED
        .iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known));
    found.map(|(_, why)| *why)
}

/// All keys that mean something, as they are written.
pub(crate) fn known() -> impl Iterator<Item = &'static str> {
    let subjects = SUBJECTS.iter().map(|(name, _)| *name);
    let attributes = ATTRIBUTES.iter().map(|(name, ..)| *name);
    let aliases = ALIASES.iter().map(|(name, _)| *name);
    let named = attributes.filter(|name| *name != FLAG && Subject::of(name).is_none());
    subjects.chain(named).chain(aliases)
}

/// The keys that are refused with advice.
#[cfg(test)]
pub(crate) fn all_refused() -> impl Iterator<Item = &'static str> {
    REFUSED.iter().map(|(name, _)| *name)
}
