//! Enters: events with the issue each was found to belong to, decisions, searches. Leaves: issues, events, activities
//! and counts, as asked for.
//!
//! [`Store`] is what the vault knows; SQLite and memory behind it are two ways to keep it. Ground records (events,
//! joins, issue numbers, activities) are added to, and leave only by deletion, retention or into an archive; everything
//! else is derived from them in the same transaction; offsets and counters are local state of this vault.
//!
//! Never: lets an SQL type out, decides what belongs together, reads a clock, the journal or the settings.

mod attachment;
mod condition;
mod facts;
mod item;
mod matching;
#[cfg(test)]
mod memory;
mod record;
mod sqlite;
#[cfg(test)]
mod testkit;
mod told;
mod view;
mod words;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventId, Level};
use crate::group::Traits;
use crate::issue::{
    Activity, ActivityId, Deed, Issue, IssueId, IssueRef, Join, Status, VariantKey,
};
use crate::time::Timestamp;

pub use attachment::Attachment;
pub(crate) use attachment::{attachment_line, attachment_name, hex};
pub(crate) use condition::{
    Condition, EventTest, FrameField, IssueTest, Key, PartTest, Pattern, ReleasePart, Words,
};
pub(crate) use facts::{ATTRIBUTES, FLAG, attribute};
pub(crate) use item::NewItem;
pub use item::{Item, ItemFilter};
pub(crate) use matching::fits;
#[cfg(test)]
pub(crate) use memory::MemoryStore;
pub(crate) use record::{Exported, Record, Residue};
pub use sqlite::RebuildReport;
pub(crate) use sqlite::{Access, SqliteStore, rescue};
pub(crate) use told::{Estimate, Plan};
pub(crate) use view::IssueView;
pub(crate) use words::{fold, words};

/// Title and culprit of an issue are cut to this many characters; the event keeps them whole.
pub(crate) const LINE_CHARS_MAX: usize = 200;

/// The counter of issues that came from Crashvault 1.
const LEGACY_COUNTER: &str = "v1_issues";

/// The same event does the same to an issue in every vault.
pub(crate) fn id_of_reaction(issue: &IssueId, deed: &Deed) -> ActivityId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(issue.as_bytes());
    hasher.update(deed.to_value().to_string().as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    ActivityId::from_bytes(id)
}

/// A place that keeps a vault's records. One writer at a time; the store itself waits for its turn.
///
/// Every function that writes does so in one transaction: after an error nothing of the call has happened.
pub(crate) trait Store: Send {
    /// Makes an event ready for [`Store::commit`], outside of any transaction: the next batch is the one it belongs to.
    ///
    /// # Errors
    /// InvalidInput for an event without an id; as reading.
    fn pack(&mut self, new: NewEvent) -> Result<Packed>;

    /// Keeps a batch: its events, the joins of new variants, the issues' view, offsets and counters.
    ///
    /// An event id that is already kept (or comes twice in the batch) changes nothing. A variant that has joined an
    /// issue before stays there, whatever the batch proposes. A new one that has traits joins the issue whose variants
    /// it is like, also of those that come before it in the batch; what was compared is recorded with the join. Else it
    /// founds the issue proposed. Offsets only ever grow.
    ///
    /// # Errors
    /// Busy when another writer does not finish in time; Io when the disk is
    /// full (retryable); ReadOnly; Corrupt.
    fn commit(&mut self, batch: &Batch) -> Result<Committed>;

    /// Gives issues of Crashvault 1 their numbers there, as far as these are free; the others get the next ones, after
    /// all that are free are taken. An issue that has a number keeps it. From then on [`Store::has_legacy`]. Of each
    /// issue its number, and whether that is new. Unless it is to be kept, it stays a question.
    ///
    /// # Errors
    /// As [`Store::commit`].
    #[cfg(feature = "v1")]
    fn number_legacy(
        &mut self,
        project: &str,
        issues: &[(IssueId, Option<u64>)],
        keep: bool,
    ) -> Result<Vec<(u64, bool)>>;

    /// Whether issues of Crashvault 1 were ever numbered here, so that events may belong to one.
    fn has_legacy(&self) -> Result<bool>;

    /// Returns once everything committed so far survives a power cut. To be called before a drained segment is removed.
    fn sync(&mut self) -> Result<()>;

    /// Keeps what was decided, in one transaction, each with the next time of the vault's hybrid clock.
    ///
    /// An id that is already kept changes nothing. `Undo` must name an activity of the same issue.
    ///
    /// # Errors
    /// NotFound for an issue, event or activity that is not there; as [`Store::commit`].
    fn act(&mut self, decisions: &[Decision]) -> Result<Vec<Activity>>;

    /// What was decided about an issue, in the order of the hybrid clock.
    fn activities(&self, issue: &IssueId) -> Result<Vec<Activity>>;

    /// How many issues pass the filter, whatever its limit.
    fn issue_count(&self, filter: &IssueFilter) -> Result<u64>;

    /// The issues that pass the filter, in its order.
    fn issues(&self, filter: &IssueFilter) -> Result<Vec<Issue>>;

    /// The issues of which at least one event fits, in the order asked for, from a place on.
    fn search(&self, search: &IssueSearch) -> Result<IssuePage>;

    /// The events that fit, newest first by (time, ingest sequence), from a place on.
    fn search_events(&self, search: &EventSearch) -> Result<EventPage>;

    /// What a condition is looked up in, and how many fit.
    fn estimate(&self, condition: &Condition) -> Result<Estimate>;

    /// Searches as [`Store::search`], and tells how.
    fn explain(&self, search: &IssueSearch) -> Result<Plan>;

    /// Searches as [`Store::search_events`], and tells how.
    fn explain_events(&self, search: &EventSearch) -> Result<Plan>;

    /// How often an issue was seen in each hour that it was seen in: the hour's start, the count; oldest first.
    fn hours(&self, issue: &IssueId) -> Result<Vec<(Timestamp, u64)>>;

    /// The values of an issue's events, by key: each with the number of its events, most frequent first, at most
    /// `limit` of each key. Of more than 4,096 different values of an issue the most frequent are looked at.
    fn values(&self, issue: &IssueId, limit: usize) -> Result<Vec<ValueCount>>;

    /// One issue.
    ///
    /// # Errors
    /// NotFound; Conflict for a prefix that fits several, naming them.
    fn issue(&self, reference: &IssueRef) -> Result<Issue>;

    /// The newest events of an issue, newest first by (time, process, sequence, id).
    fn events(&self, issue: &IssueId, limit: usize) -> Result<Vec<StoredEvent>>;

    /// One event.
    ///
    /// # Errors
    /// NotFound; Corrupt if its payload cannot be read.
    fn event(&self, id: EventId) -> Result<StoredEvent>;

    /// The events that were taken in after that ingest sequence, in the order they came, at most `limit`; and how far that
    /// is, with those that cannot be read and were passed over.
    fn events_behind(&self, ingest_sequence: u64, limit: usize) -> Result<(Vec<StoredEvent>, u64)>;

    /// The ingest sequence of the event that came last; 0 if there is none.
    fn last_ingest_sequence(&self) -> Result<u64>;

    /// How many events were taken in after that ingest sequence and are here still.
    fn event_count_behind(&self, ingest_sequence: u64) -> Result<u64>;

    /// The highest ingest sequence that was ever given, also to an event that has left; 0 if none was.
    fn last_given_sequence(&self) -> Result<u64>;

    /// What there is, counted; hours from the one on in which `since` lies.
    fn tally(&self, since: Timestamp) -> Result<Tally>;

    /// The variants that belong to an issue now, in the order in which their joins were recorded, each with its reason.
    fn joins(&self, issue: &IssueId) -> Result<Vec<Join>>;

    /// The join of an event's variant: of the last one that it was found to be.
    ///
    /// # Errors
    /// NotFound.
    fn join_of(&self, event: EventId) -> Result<Join>;

    /// What is known of a variant; `None` if it joined no issue.
    fn known_variant(&self, project: &str, variant: &VariantKey) -> Result<Option<KnownVariant>>;

    /// The events that are where somebody said, whatever their variants say: `None` for people, else the variant that
    /// each was found to be since.
    fn moved(&self) -> Result<Vec<(EventId, Option<VariantKey>)>>;

    /// Lets variants join the issues that their joins name, which get numbers where they have none. A variant that has
    /// joined an issue stays there.
    ///
    /// # Errors
    /// As [`Store::commit`].
    fn adopt(&mut self, adoptions: &[Adoption]) -> Result<()>;

    /// The issue that an event would come to if it were kept now, whether or not it is kept already. Nothing is changed.
    fn foresee(&self, new: &NewEvent) -> Result<Foreseen>;

    /// The numbers of these issues, of those that have one.
    fn numbers(&self, issues: &[IssueId]) -> Result<BTreeMap<IssueId, u64>>;

    /// The issues that are shown and have variants like those of this one, the most alike first.
    fn related(&self, issue: &IssueId) -> Result<Vec<RelatedIssue>>;

    /// The issues that are part of this one, by number.
    fn merged(&self, issue: &IssueId) -> Result<Vec<(u64, IssueId)>>;

    /// What people took apart and put together.
    fn links(&self) -> Result<Links>;

    /// Keeps the record of an attachment, whose file is in place; its `id` is given here. One that the event has
    /// already changes nothing.
    ///
    /// # Errors
    /// LimitReached if the event has `count_max` already; Conflict for an event that was removed; as [`Store::commit`].
    fn attach(&mut self, attachment: &Attachment, count_max: usize) -> Result<Attachment>;

    /// The attachments of an event, in the order they came. It may have some before it is here itself.
    fn attachments(&self, event: EventId) -> Result<Vec<Attachment>>;

    /// All attachments whose `id` is greater, in the order of their ids.
    fn attachments_behind(&self, id: u64, limit: usize) -> Result<Vec<Attachment>>;

    /// The items that pass the filter, newest first.
    fn items(&self, filter: &ItemFilter) -> Result<Vec<Item>>;

    /// One item.
    ///
    /// # Errors
    /// NotFound.
    fn item(&self, id: u64) -> Result<Item>;

    /// What an item holds.
    ///
    /// # Errors
    /// NotFound; Corrupt if it cannot be read.
    fn item_payload(&self, id: u64) -> Result<Vec<u8>>;

    /// How far each journal segment (by file stem) has been drained, in bytes.
    fn offsets(&self) -> Result<BTreeMap<String, u64>>;

    /// Drops the offsets of segments that no longer exist.
    fn forget_segments(&mut self, names: &[String]) -> Result<()>;

    /// The vault's counters, by name.
    fn counters(&self) -> Result<BTreeMap<String, u64>>;

    /// How much the store holds.
    fn stats(&self) -> Result<StoreStats>;

    /// Hands out all records of an issue that is shown, of one moment.
    ///
    /// # Errors
    /// NotFound; Corrupt for an event that cannot be read; what `put` says.
    fn export(&self, number: u64, put: &mut dyn FnMut(Record) -> Result<()>) -> Result<Exported>;

    /// Hands out all records of these issues, else of the whole store, of one moment: issues, joins, activities, events
    /// with their attachments, what retention left, removals for good; each kind in the order in which it came. How
    /// many events cannot be read and were passed over.
    ///
    /// # Errors
    /// What `put` says.
    fn records(
        &self,
        issues: Option<&[u64]>,
        put: &mut dyn FnMut(Record) -> Result<()>,
    ) -> Result<u64>;

    /// Writes the database, as it is at this moment, into a new file.
    ///
    /// # Errors
    /// Unsupported where there is no database; Io.
    fn copy(&self, path: &std::path::Path) -> Result<()>;

    /// Takes the events of an issue out that were exported, with their attachments and what retention left, unless the
    /// issue has changed since: then `false`. Its number, its joins and its activities stay, so that a new event finds
    /// it, and what was taken out can come back.
    fn release(&mut self, exported: &Exported, at: Timestamp) -> Result<bool>;

    /// Puts records back that were exported; those that are there, or were removed for good, change nothing. How many
    /// events came back.
    ///
    /// # Errors
    /// Corrupt for records that name what is not there; as [`Store::commit`].
    fn restore(&mut self, records: &[Record]) -> Result<u64>;

    /// Gives up at most `limit` events in one transaction, oldest first, behind a place: their issues go on counting
    /// them. Attachments leave with their events; those whose event never came, and items, with the events of their time.
    fn retire(
        &mut self,
        which: &Expendable,
        limit: usize,
        after: Option<Place>,
        at: Timestamp,
    ) -> Result<Retired>;

    /// How many events there are that can be given up.
    fn count_expendable(&self, which: &Expendable) -> Result<u64>;

    /// Bytes that would be left if all free room were given back, with those of attachments of events that are here
    /// (each content once, before compression).
    fn in_use_bytes(&self) -> Result<u64>;

    /// Bytes of each table with its indexes, largest first.
    fn tables(&self) -> Result<Vec<(String, u64)>>;

    /// Gives room that is free back to the file system.
    fn shrink(&mut self, effort: Effort) -> Result<()>;

    /// Removes what nothing names any more. Nobody may rebuild meanwhile.
    fn collect(&mut self, now: Timestamp) -> Result<Collected>;

    /// Sets a counter that is no sum.
    fn set_counter(&mut self, name: &str, value: u64) -> Result<()>;

    /// Does what has come due: learns what payloads have in common, gives back room. To be called when a batch of work is done.
    fn tend(&mut self, now: Timestamp) -> Result<()>;

    /// Makes derived state again from the ground records, while others read and write, and puts it in the place of the
    /// old. An interruption leaves the old.
    ///
    /// # Errors
    /// Corrupt for a record that cannot be read, naming it: then the old state stays. Busy, Io.
    fn rebuild(&mut self) -> Result<RebuildReport>;

    /// Makes derived state again and tells where the present one differs, in words; empty if it is the same.
    ///
    /// # Errors
    /// As [`Store::rebuild`]; others wait to write while the two are compared.
    fn verify(&mut self) -> Result<Vec<String>>;

    /// Writes all records and all derived state as text, one line each, in an order that does not depend on how the
    /// store keeps them: two stores that know the same write the same.
    fn dump(&self, out: &mut dyn std::io::Write) -> Result<()>;

    /// What is wrong with the store, in words; empty if it is healthy. Reads and unpacks everything: half a minute per million events.
    ///
    /// # Errors
    /// Only what keeps it from looking at all; damage that it finds is a finding.
    fn check(&self) -> Result<Vec<String>>;
}

/// What people decided about which issues are one; regroupings do not count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    /// Issues that were one, and what left them: nobody has put the two together since.
    pub(crate) apart: Vec<(IssueId, IssueId)>,
    /// Issues, and those that became part of them and still are.
    pub(crate) together: Vec<(IssueId, IssueId)>,
}

impl Links {
    /// Whether people took two issues apart.
    pub(crate) fn are_apart(&self, one: &IssueId, other: &IssueId) -> bool {
        let mut pairs = self.apart.iter();
        pairs.any(|(a, b)| (a, b) == (one, other) || (b, a) == (one, other))
    }
}

/// Where a variant is that has joined an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownVariant {
    /// The issue that it joined.
    pub(crate) joined: IssueId,
    /// The issue that it belongs to now.
    pub(crate) home: IssueId,
    /// What decided.
    pub(crate) reason: String,
}

/// A variant that joins an issue without an event that comes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Adoption {
    pub(crate) join: Join,
    /// What of it is compared.
    pub(crate) traits: Option<Traits>,
}

/// What one commit keeps, all of it or nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    /// The events, in the order they came.
    pub(crate) events: Vec<Packed>,
    /// What came beside events, in the order it came. An item whose key is here changes nothing.
    pub(crate) items: Vec<NewItem>,
    /// Files that came with events and are in their place; one that the event has changes nothing.
    pub(crate) files: Vec<Attachment>,
    /// Segment file stem → bytes drained with these events.
    pub(crate) offsets: Vec<(String, u64)>,
    /// Counter name → what to add.
    pub(crate) counters: Vec<(String, u64)>,
}

/// An event on its way into the store.
#[derive(Clone, Debug)]
pub(crate) struct NewEvent {
    /// The event, scrubbed and symbolicated.
    pub(crate) event: Event,
    /// The variant that an issue of Crashvault 1 would know it by: where that has joined one, it goes before `join`.
    pub(crate) legacy: Option<VariantKey>,
    /// Its variant, the issue it would found, and why; recorded only if the variant is new.
    pub(crate) join: Join,
    /// What of it is compared with known variants, if it may join the issue of one that it is like.
    pub(crate) traits: Option<Traits>,
    /// When the vault received it; its time if the sender gave none.
    pub(crate) received_at: Timestamp,
    /// The process that captured it: the uuid of its set of segments.
    pub(crate) process: [u8; 16],
    /// Its place in the order of that process.
    pub(crate) sequence: u64,
}

impl NewEvent {
    /// When it happened, as issues and lists see it.
    pub(crate) fn time(&self) -> Timestamp {
        self.event.timestamp.unwrap_or(self.received_at)
    }
}

/// What would become of an event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Foreseen {
    /// Its join, as it would be recorded if the variant is new.
    pub(crate) join: Join,
    /// Whether the variant has joined an issue before.
    pub(crate) is_known: bool,
    /// The issue; `None` if it would found one.
    pub(crate) issue_number: Option<u64>,
}

/// An event made ready to be kept: what takes time is done, what is not needed any more is gone.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    pub(crate) event_id: EventId,
    pub(crate) release: Option<String>,
    /// When it happened, as issues and lists see it.
    pub(crate) time: Timestamp,
    pub(crate) legacy: Option<VariantKey>,
    pub(crate) join: Join,
    pub(crate) traits: Option<Traits>,
    pub(crate) received_at: Timestamp,
    pub(crate) process: [u8; 16],
    pub(crate) sequence: u64,
    pub(crate) contents: Contents,
}

/// An event as one kind of store keeps it.
#[derive(Clone, Debug)]
pub(crate) enum Contents {
    /// In tables.
    Parts(Box<sqlite::Parts>),
    /// In memory.
    #[cfg(test)]
    Whole(Box<Event>),
}

impl Packed {
    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let traits = self.traits.as_ref().map_or(0, Traits::bytes);
        match &self.contents {
            Contents::Parts(parts) => parts.bytes() + traits,
            #[cfg(test)]
            Contents::Whole(_) => traits,
        }
    }

    fn new(new: NewEvent, contents: impl FnOnce(Event) -> Result<Contents>) -> Result<Self> {
        Ok(Self {
            event_id: new.event.event_id,
            release: new.event.release.clone(),
            time: new.time(),
            legacy: new.legacy,
            join: new.join,
            traits: new.traits,
            received_at: new.received_at,
            process: new.process,
            sequence: new.sequence,
            contents: contents(new.event)?,
        })
    }
}

/// Refuses an event without an id: it could not be found, nor known again.
fn needs_id(event: &Event) -> Result<()> {
    if event.event_id.is_nil() {
        let message = "an event needs an id before it is stored";
        return Err(Error::new(ErrorKind::InvalidInput, "commit", message));
    }
    Ok(())
}

/// What somebody decides about an issue.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decision {
    /// The activity's id.
    pub(crate) id: ActivityId,
    /// The vault.
    pub(crate) vault: [u8; 16],
    /// Who decides.
    pub(crate) author: String,
    /// The wall clock.
    pub(crate) at: Timestamp,
    /// The issue.
    pub(crate) issue: IssueId,
    /// What is decided.
    pub(crate) deed: Deed,
}

/// Events that can be given up. An issue's newest event never can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expendable {
    /// Only those that happened before; `None`: all.
    pub(crate) before: Option<Timestamp>,
    /// Only those of such a level in an issue of such a status; none: all.
    pub(crate) kinds: Vec<(Level, Status)>,
}

/// What was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retired {
    /// Events.
    pub(crate) events: u64,
    /// Attachments.
    pub(crate) attachments: u64,
    /// Where to go on (time, ingest sequence), if there may be more.
    pub(crate) next: Option<Place>,
}

/// How much is done to give room back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effort {
    /// Free pages leave the file when the log is next moved into it.
    Pages,
    /// And the log is moved into it now.
    Log,
    /// Before that the indexes of words are written anew without what was deleted.
    Words,
}

/// What was removed because nothing names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Collected {
    /// Keys and values.
    pub(crate) texts: u64,
    /// Stacks.
    pub(crate) stacks: u64,
    /// Dictionaries.
    pub(crate) dictionaries: u64,
}

/// A search for issues.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IssueSearch {
    /// What must fit.
    pub(crate) condition: Condition,
    /// The order.
    pub(crate) order: IssueOrder,
    /// At most so many.
    pub(crate) limit: usize,
    /// Only those behind this place in that order.
    pub(crate) after: Option<Place>,
}

/// A search for events.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventSearch {
    /// What must fit.
    pub(crate) condition: Condition,
    /// At most so many.
    pub(crate) limit: usize,
    /// Only those behind this place: (time, ingest sequence).
    pub(crate) after: Option<Place>,
}

/// A place in a list: what it is sorted by, and what tells equal ones apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The value that is sorted by: nanoseconds or a count.
    pub(crate) by: i64,
    /// The issue's number or the event's ingest sequence.
    pub(crate) id: u64,
}

/// Issues found, and where the next ones begin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IssuePage {
    /// The issues.
    pub(crate) issues: Vec<Issue>,
    /// The last one's place, if there may be more.
    pub(crate) next: Option<Place>,
}

/// Events found, and where the next ones begin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventPage {
    /// The events.
    pub(crate) events: Vec<StoredEvent>,
    /// The last one's place, if there may be more.
    pub(crate) next: Option<Place>,
}

/// How many of an issue's events have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValueCount {
    /// The attribute's name, or the tag's key.
    pub key: String,
    /// Whether `key` is a tag's.
    pub is_tag: bool,
    /// The value.
    pub value: String,
    /// How many of the issue's events have it.
    pub count: u64,
}

/// An issue that has a variant like one of another issue, though not so that they were found to be one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RelatedIssue {
    /// The issue.
    pub issue: Issue,
    /// How alike the two variants are, from 0 to 1.
    pub score: f64,
    /// Its variant.
    pub variant: VariantKey,
    /// The variant of the issue that was asked for.
    pub is_like: VariantKey,
}

/// Variants of an issue whose likes are looked for, the newest.
const RELATED_FROM_MAX: usize = 16;

/// What a vault holds, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// How many issues have each status, of all statuses.
    pub issues: Vec<(Status, u64)>,
    /// How many events have each level, without those that left; of all levels, mildest first.
    pub events: Vec<(Level, u64)>,
    /// How many events each hour had, by its start, with those that left; oldest first, without hours that had none.
    pub hours: Vec<(Timestamp, u64)>,
}

/// The statuses in the order of a [`Tally`].
pub(crate) const STATUSES: [Status; 3] = [Status::Open, Status::Resolved, Status::Ignored];

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Committed {
    /// Events kept for the first time.
    pub(crate) events_new: u64,
    /// Events that were there already.
    pub(crate) events_known: u64,
    /// Numbers of the issues this batch created, in order.
    pub(crate) issues_new: Vec<u64>,
    /// What became of each event, in the order of the batch.
    pub(crate) outcomes: Vec<Outcome>,
}

/// What became of one event of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The event.
    pub(crate) event: EventId,
    /// The issue it belongs to.
    pub(crate) issue_number: u64,
    /// Whether it created that issue.
    pub(crate) is_new_issue: bool,
    /// Whether it was kept before, so that nothing changed.
    pub(crate) is_known: bool,
    /// Whether it opened an issue that was resolved.
    pub(crate) is_regression: bool,
}

impl Committed {
    /// Says of the event that regressed that it did.
    pub(crate) fn note_reaction(&mut self, deed: &Deed) {
        let Deed::Regress(event) = deed else { return };
        let mut outcomes = self.outcomes.iter_mut();
        if let Some(outcome) = outcomes.find(|outcome| outcome.event == *event) {
            outcome.is_regression = true;
        }
    }
}

/// An event as the store keeps it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredEvent {
    /// The event.
    pub event: Event,
    /// The issue it belongs to now.
    pub issue: IssueId,
    /// That issue's local number.
    pub issue_number: u64,
    /// The variant it was found to be.
    pub variant: VariantKey,
    /// Its place in the order of ingestion, which a rebuild follows.
    pub ingest_sequence: u64,
    /// When the vault received it.
    pub received_at: Timestamp,
    /// The process that captured it.
    pub process: [u8; 16],
    /// Its place in the order of that process.
    pub sequence: u64,
}

/// Which issues to list, how many and in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssueFilter {
    /// Only this project's.
    pub project: Option<String>,
    /// Only those of this status.
    pub status: Option<Status>,
    /// The order.
    pub sort: IssueSort,
    /// At most so many.
    pub limit: usize,
}

impl Default for IssueFilter {
    /// The 50 issues seen last, of any project and status.
    fn default() -> Self {
        Self {
            project: None,
            status: None,
            sort: IssueSort::default(),
            limit: 50,
        }
    }
}

impl IssueFilter {
    /// Only issues of this project.
    #[must_use]
    pub fn project(mut self, name: impl Into<String>) -> Self {
        self.project = Some(name.into());
        self
    }

    /// Only issues of this status.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// In this order.
    #[must_use]
    pub fn sort(mut self, sort: IssueSort) -> Self {
        self.sort = sort;
        self
    }

    /// At most so many.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

impl IssueSort {
    /// Whether it begins with the least: titles with A, statuses with open. All else begins with the most.
    pub fn is_ascending(self) -> bool {
        matches!(self, Self::Title | Self::Status)
    }
}

/// An order and its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IssueOrder {
    pub(crate) sort: IssueSort,
    /// Whether it goes the other way than [`IssueSort::is_ascending`] says.
    pub(crate) is_reversed: bool,
}

impl From<IssueSort> for IssueOrder {
    fn from(sort: IssueSort) -> Self {
        let is_reversed = false;
        Self { sort, is_reversed }
    }
}

impl IssueOrder {
    pub(crate) fn is_ascending(self) -> bool {
        self.sort.is_ascending() != self.is_reversed
    }

    /// Where an issue stands: places descend along every list. Titles do not fit into one, so that in their order a
    /// place only names the issue.
    pub(crate) fn place(self, issue: &Issue) -> Place {
        let by = match self.sort {
            IssueSort::LastSeen => issue.last_seen.as_nanos(),
            IssueSort::FirstSeen => issue.first_seen.as_nanos(),
            IssueSort::SeenCount => i64::try_from(issue.seen_count).unwrap_or(i64::MAX),
            IssueSort::UserCount => i64::try_from(issue.user_count).unwrap_or(i64::MAX),
            IssueSort::Number => i64::try_from(issue.number).unwrap_or(i64::MAX),
            IssueSort::Status => issue.status as i64,
            IssueSort::Title => 0,
        };
        let id = issue.number;
        self.turned(Place { by, id })
    }

    /// A place as it is where values ascend, and back.
    pub(crate) fn turned(self, place: Place) -> Place {
        match self.is_ascending() {
            true => Place {
                by: !place.by,
                id: !place.id,
            },
            false => place,
        }
    }

    /// Which of two issues comes first.
    pub(crate) fn compare(self, one: &Issue, other: &Issue) -> Ordering {
        let titles = match self.sort {
            IssueSort::Title => one.title.cmp(&other.title),
            _ => Ordering::Equal,
        };
        let titles = match self.is_ascending() {
            true => titles,
            false => titles.reverse(),
        };
        titles.then_with(|| self.place(other).cmp(&self.place(one)))
    }
}

/// The order of a list of issues, most of it first, but titles from A on and statuses from open on. Equal ones by number,
/// newest first where the list descends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum IssueSort {
    /// Seen last.
    #[default]
    LastSeen,
    /// First seen last: the newest issues.
    FirstSeen,
    /// Seen most often.
    SeenCount,
    /// Seen by most users.
    UserCount,
    /// The highest number.
    Number,
    /// Open, resolved, ignored.
    Status,
    /// By the title, capitals before small letters.
    Title,
}

/// How much a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreStats {
    /// Events kept.
    pub(crate) events: u64,
    /// Issues.
    pub(crate) issues: u64,
    /// Projects.
    pub(crate) projects: u64,
    /// Bytes on disk, write-ahead log included.
    pub(crate) disk_bytes: u64,
    /// Bytes of `disk_bytes` that are free inside the file.
    pub(crate) free_bytes: u64,
    /// Bytes of all payloads as stored.
    pub(crate) payload_bytes: u64,
    /// Bytes of all payloads as JSON.
    pub(crate) json_bytes: u64,
    /// The version of the format.
    pub(crate) schema_version: u32,
}
