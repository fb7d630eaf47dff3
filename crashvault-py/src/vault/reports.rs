//! What a vault tells of itself, and of what was done to it.

use std::path::PathBuf;

use pyo3::prelude::*;

use crate::issue::{Activity, Doubt, Issue};
use crate::record::{Counts, Moment, Rows, mirror, record};

record! {
    /// What draining did.
    DrainReport(events_new, waiting_count) {
        /// Events that are in the vault now and were not before.
        events_new: u64,
        /// Events that had been there already.
        events_known: u64,
        /// Events that still wait because time was up, the vault is read-only, or another process is draining.
        waiting_count: u64,
        /// Damaged places in the journal that were passed over.
        torn_count: u64,
        /// Bytes of those places.
        torn_bytes: u64,
        /// Files of the journal that were removed.
        segments_removed: u64,
        /// What is wrong with files of the journal that could not be read; they were left as they are.
        faults: Rows<String>,
        /// Whether another process is draining; then nothing was done here.
        is_elsewhere: bool,
    }
}

impl From<crashvault::DrainReport> for DrainReport {
    fn from(report: crashvault::DrainReport) -> Self {
        Self {
            events_new: report.events_new,
            events_known: report.events_known,
            waiting_count: report.waiting_count,
            torn_count: report.torn_count,
            torn_bytes: report.torn_bytes,
            segments_removed: report.segments_removed,
            faults: Rows(report.faults.iter().map(ToString::to_string).collect()),
            is_elsewhere: report.is_elsewhere,
        }
    }
}

impl DrainReport {
    /// Nothing was done yet.
    pub fn none() -> Self {
        crashvault::DrainReport::default().into()
    }

    /// Whether nothing waits, and nobody else is taking anything in.
    pub fn is_all(&self) -> bool {
        self.waiting_count == 0 && !self.is_elsewhere
    }

    /// What was done before and what was done then, with what is left now.
    pub fn then(self, next: Self) -> Self {
        Self {
            events_new: self.events_new + next.events_new,
            events_known: self.events_known + next.events_known,
            torn_count: self.torn_count + next.torn_count,
            torn_bytes: self.torn_bytes + next.torn_bytes,
            segments_removed: self.segments_removed + next.segments_removed,
            ..next
        }
    }
}

mirror! {
    /// What a rebuild made.
    RebuildReport(event_count, issue_count) of crashvault::RebuildReport {
        /// Events that were read.
        event_count: u64,
        /// Issues there are now.
        issue_count: u64,
    }
}

record! {
    /// A setting of the vault.
    Setting(key, value, source) {
        /// Its name in ``vault.toml``.
        key: &'static str,
        /// Its value.
        value: String,
        /// Where the value came from.
        source: String,
    }
}

impl From<crashvault::Setting> for Setting {
    fn from(setting: crashvault::Setting) -> Self {
        Self {
            key: setting.key,
            value: setting.value,
            source: setting.source.to_string(),
        }
    }
}

mirror! {
    /// What a vault holds and has lost. Bytes are bytes on disk.
    VaultStatus(directory, issue_count, event_count, waiting_count) of crashvault::VaultStatus {
        /// The vault's directory.
        directory: PathBuf,
        /// The vault's id, 32 hex digits.
        vault_id: String,
        /// The store's format.
        format: u32,
        /// Whether it cannot be written.
        is_read_only: bool,
        /// Events in the store.
        event_count: u64,
        /// Issues in the store.
        issue_count: u64,
        /// Projects in the store.
        project_count: u64,
        /// Events in the journal that are not in the store yet.
        waiting_count: u64,
        /// Programs that have the journal open now.
        writers_alive: u64,
        /// Captures thinned out of floods (a lower bound).
        throttled_count: u64,
        /// Captures left out by a sample rate (a lower bound).
        sampled_count: u64,
        /// Events that a ``before_send`` dropped (a lower bound).
        refused_count: u64,
        /// Captures that could not be written (a lower bound).
        lost_count: u64,
        /// Why captures are being lost, and what to do.
        last_failure: Option<String>,
        /// Damaged places that were passed over in the journal.
        torn_count: u64,
        /// Journal files or frames that this version cannot read; they are kept.
        unreadable_count: u64,
        /// Bytes of ``vault.db`` with its log.
        store_bytes: u64,
        /// Bytes of ``journal/``.
        journal_bytes: u64,
        /// Bytes that ``symbols/`` keeps alive.
        symbols_bytes: u64,
        /// Bytes of ``attachments/``.
        attachments_bytes: u64,
        /// Bytes of ``archive/``.
        archive_bytes: u64,
        /// Bytes of ``store_bytes`` that the next events fill first.
        store_free_bytes: u64,
        /// Bytes of ``store_bytes`` that are payloads.
        payload_bytes: u64,
        /// Bytes that the file system has left; ``None`` where it does not say.
        disk_free_bytes: Option<u64>,
        /// Whether that is too little: events stay in the journal until there is room.
        is_disk_full: bool,
        /// The settings and where each came from.
        settings: Rows<Setting>,
    }
}

record! {
    /// What there is, counted.
    Stats(issues, events) {
        /// How many issues have each status, of all statuses.
        issues: Counts,
        /// How many events have each level, of all levels, without those that left.
        events: Counts,
        /// How many events each hour had, by its start, with those that left; oldest first, without hours that had
        /// none.
        hours: Rows<(Moment, u64)>,
    }
}

impl From<crashvault::Tally> for Stats {
    fn from(tally: crashvault::Tally) -> Self {
        let issues = tally.issues.iter();
        let events = tally.events.iter();
        Self {
            issues: Counts(
                issues
                    .map(|(status, count)| (status.name(), *count))
                    .collect(),
            ),
            events: Counts(
                events
                    .map(|(level, count)| (level.name(), *count))
                    .collect(),
            ),
            hours: Rows(hours(tally.hours).into()),
        }
    }
}

pub fn hours(hours: Vec<(crashvault::Timestamp, u64)>) -> Vec<(Moment, u64)> {
    hours
        .into_iter()
        .map(|(hour, count)| (hour.into(), count))
        .collect()
}

record! {
    /// One thing that ``Vault.doctor`` looked at.
    Finding(severity, what, advice) {
        /// ``fine``, ``notice`` or ``problem``.
        severity: String,
        /// What was found.
        what: String,
        /// What to do; empty if nothing.
        advice: String,
    }
}

impl From<crashvault::Finding> for Finding {
    fn from(finding: crashvault::Finding) -> Self {
        Self {
            severity: finding.severity.to_string(),
            what: finding.what,
            advice: finding.advice,
        }
    }
}

mirror! {
    /// Where the bytes of a vault are: bytes on disk, unless said otherwise.
    SpaceReport(store_bytes, journal_bytes) of crashvault::SpaceReport {
        /// Each table of ``vault.db`` with its indexes, largest first.
        tables: Rows<(String, u64)>,
        /// ``vault.db`` with its log.
        store_bytes: u64,
        /// Bytes of ``store_bytes`` that the next events fill first.
        store_free_bytes: u64,
        /// Bytes of all payloads as stored; what they share left out.
        payload_bytes: u64,
        /// Contents of attachments.
        attachments_bytes: u64,
        /// Archives of old issues.
        archive_bytes: u64,
        /// Events that are not in the store yet.
        journal_bytes: u64,
        /// Programs kept for their symbols.
        symbols_bytes: u64,
        /// What the file system has left; ``None`` where it does not say.
        disk_free_bytes: Option<u64>,
    }
}

mirror! {
    /// A search that was saved under a name.
    SavedSearch(name, query) of crashvault::SavedSearch {
        /// The name; ``@name`` in a query stands for the search.
        name: String,
        /// The query.
        query: String,
    }
}

mirror! {
    /// A value that events of an issue have.
    ValueCount(key, value, count) of crashvault::ValueCount {
        /// The attribute's name, or the tag's key.
        key: String,
        /// Whether ``key`` is a tag's.
        is_tag: bool,
        /// The value.
        value: String,
        /// How many of the issue's events have it.
        count: u64,
    }
}

record! {
    /// An issue that has a variant like one of another issue's, though not so that they were found to be one.
    RelatedIssue(issue, score) {
        /// The issue.
        issue: Issue,
        /// How alike the two variants are, from 0 to 1.
        score: f64,
        /// Its variant.
        variant: String,
        /// The variant of the issue that was asked for.
        is_like: String,
    }
}

impl From<crashvault::RelatedIssue> for RelatedIssue {
    fn from(related: crashvault::RelatedIssue) -> Self {
        Self {
            issue: related.issue.into(),
            score: related.score,
            variant: related.variant.to_string(),
            is_like: related.is_like.to_string(),
        }
    }
}

mirror! {
    /// What issues have in common, the best first.
    CausesFound(causes, issue_count) of crashvault::CausesFound {
        /// The candidates.
        causes: Rows<Cause>,
        /// How many issues were looked at.
        issue_count: usize,
        /// Whether more issues fit than were looked at.
        is_cut: bool,
    }
}

mirror! {
    /// A candidate for the one cause of several issues.
    Cause(score, project, facts) of crashvault::Cause {
        /// From 0 to 1; for comparing candidates, no probability.
        score: f64,
        /// The project of the issues.
        project: String,
        /// What they share, the strongest first; at most 8.
        facts: Rows<SharedFact>,
        /// The issues that have the first fact, seen most first.
        issues: Rows<Issue>,
    }
}

record! {
    /// Something that issues share.
    SharedFact(kind, key, value, score) {
        /// ``function``, ``module``, ``release`` or ``tag``.
        kind: &'static str,
        /// The key of a tag.
        key: Option<String>,
        /// The function, the module, the release, the tag's value.
        value: String,
        /// From 0 to 1, as ``Cause.score``.
        score: f64,
        /// How many issues have it.
        issue_count: usize,
        /// How many issues of the project were looked at.
        project_count: usize,
        /// The share of these issues' events that have it; 1 of functions and modules.
        share_inside: f64,
        /// The same of the project's other issues.
        share_outside: f64,
        /// How much commoner it is inside than in all of the project.
        lift: f64,
    }
}

impl From<crashvault::SharedFact> for SharedFact {
    fn from(fact: crashvault::SharedFact) -> Self {
        Self {
            kind: fact.kind.name(),
            key: fact.key,
            value: fact.value,
            score: fact.score,
            issue_count: fact.issue_count,
            project_count: fact.project_count,
            share_inside: fact.share_inside,
            share_outside: fact.share_outside,
            lift: fact.lift,
        }
    }
}

record! {
    /// What a regrouping changes, or would change.
    Regrouping(merges, splits, variant_count) {
        /// Issues that become part of another, the most alike first.
        merges: Rows<RegroupedMerge>,
        /// Variants that leave their issue, those with the most events first.
        splits: Rows<RegroupedSplit>,
        /// How many variants were compared.
        variant_count: u64,
        /// What was recorded of it; empty of a plan.
        activities: Rows<Activity>,
    }
}

impl From<(crashvault::Regrouping, Vec<crashvault::Activity>)> for Regrouping {
    fn from((regrouping, activities): (crashvault::Regrouping, Vec<crashvault::Activity>)) -> Self {
        Self {
            merges: Rows::of(regrouping.merges),
            splits: Rows::of(regrouping.splits),
            variant_count: regrouping.variant_count,
            activities: Rows::of(activities),
        }
    }
}

mirror! {
    /// An issue that becomes part of another.
    RegroupedMerge(issue, into, score) of crashvault::RegroupedMerge {
        /// The issue that becomes part.
        issue: Issue,
        /// The older issue that it becomes part of, which keeps its number.
        into: Issue,
        /// How alike two variants of them are, from 0 to 1.
        score: f64,
        /// How many of its variants are compared.
        variant_count: u64,
    }
}

record! {
    /// Variants of one issue that leave it together.
    RegroupedSplit(issue, to, event_count) {
        /// The issue that they leave.
        issue: Issue,
        /// The issue that they go to; ``None``: one of their own.
        to: Option<Issue>,
        /// The variants' keys.
        variants: Rows<String>,
        /// How many events of them are here.
        event_count: u64,
    }
}

impl From<crashvault::RegroupedSplit> for RegroupedSplit {
    fn from(split: crashvault::RegroupedSplit) -> Self {
        Self {
            issue: split.issue.into(),
            to: split.to.map(Issue::from),
            variants: Rows(split.variants.iter().map(ToString::to_string).collect()),
            event_count: split.event_count,
        }
    }
}

record! {
    /// Why a variant joined an issue.
    Join(variant, reason) {
        /// The variant's key, 32 hex digits.
        variant: String,
        /// The id of the issue it belongs to from then on.
        issue: String,
        /// The project of both.
        project: String,
        /// Why, in a word: ``rule``, ``fingerprint``, ``stack``, ``type``, ``message``, ``similar``, ``note`` or
        /// ``report``.
        reason: String,
        /// What the key was made of, for people.
        parts: Rows<String>,
        /// The version of the algorithm that decided.
        algorithm: u32,
        /// When it was decided.
        joined_at: Moment,
    }
}

impl From<crashvault::Join> for Join {
    fn from(join: crashvault::Join) -> Self {
        Self {
            variant: join.variant.to_string(),
            issue: join.issue.to_string(),
            project: join.project,
            reason: join.reason,
            parts: join.parts.into(),
            algorithm: join.algorithm,
            joined_at: join.joined_at.into(),
        }
    }
}

mirror! {
    /// What left a vault.
    PruneReport(events_removed, bytes_freed) of crashvault::PruneReport {
        /// Events that left, or would.
        events_removed: u64,
        /// Attachments that left with them.
        attachments_removed: u64,
        /// Bytes that the disk got back; of a dry run an estimate.
        bytes_freed: u64,
        /// Whether this is all.
        is_complete: bool,
    }
}

mirror! {
    /// What ``Vault.collect_garbage`` removed.
    GarbageReport(bytes_freed) of crashvault::GarbageReport {
        /// Contents of attachments that no event and no archive names.
        attachments_removed: u64,
        /// Names and values that no event has any more.
        texts_removed: u64,
        /// Stacks that no event has any more.
        stacks_removed: u64,
        /// Dictionaries that no payload needs any more.
        dictionaries_removed: u64,
        /// Half-written files of processes that were killed.
        temporaries_removed: u64,
        /// Bytes that the disk got back.
        bytes_freed: u64,
        /// Archives that cannot be read. As long as there are any, no attachment is removed: they may name it.
        archives_unreadable: u64,
    }
}

mirror! {
    /// What ``Vault.empty`` removed.
    EmptyReport(issues_removed, events_removed) of crashvault::EmptyReport {
        /// Issues that were deleted.
        issues_removed: u64,
        /// Their events.
        events_removed: u64,
        /// Bytes that the disk got back.
        bytes_freed: u64,
    }
}

mirror! {
    /// What went into an archive.
    ArchiveReport(issues, events, path) of crashvault::ArchiveReport {
        /// Issues that left the store.
        issues: u64,
        /// Their events.
        events: u64,
        /// The file; ``None`` if there was nothing to archive.
        path: Option<PathBuf>,
        /// Its bytes.
        bytes: u64,
    }
}

record! {
    /// An archive.
    Archive(path, issues, events) {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        bytes: u64,
        /// The id of the vault that wrote it, 32 hex digits; empty if the file cannot be read.
        vault_id: String,
        /// When it was written.
        created_at: Option<Moment>,
        /// Issues in it, as far as it can be read.
        issues: u64,
        /// Events in it, as far as it can be read.
        events: u64,
        /// What is wrong with it.
        fault: Option<String>,
    }
}

impl From<crashvault::Archive> for Archive {
    fn from(archive: crashvault::Archive) -> Self {
        Self {
            path: archive.path,
            bytes: archive.bytes,
            vault_id: archive.vault_id,
            created_at: archive.created_at.map(Moment),
            issues: archive.issues,
            events: archive.events,
            fault: archive.fault,
        }
    }
}

mirror! {
    /// An issue that lies in an archive.
    ArchivedIssue(path, issue) of crashvault::ArchivedIssue {
        /// The archive.
        path: PathBuf,
        /// The issue, as it was.
        issue: Issue,
    }
}

record! {
    /// A page of archived issues; it can be iterated, indexed and measured like its ``issues``.
    ArchivesFound(issues, next) {
        /// The issues, in the order asked for.
        issues: Rows<ArchivedIssue>,
        /// Where the next page begins, for ``after=``; ``None`` if this is the last one.
        next: Option<String>,
        /// Where nothing was found: keys that were taken for tags and are nearly the name of something else.
        doubts: Rows<Doubt>,
        /// Archives that are damaged: what they hold behind the damage was not looked at.
        unreadable: Rows<PathBuf>,
    }
    with {
        fn __len__(&self) -> usize {
            self.issues.0.len()
        }

        fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
            self.issues.get(index)
        }

        fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            self.issues.iterator(py)
        }
    }
}

impl From<crashvault::ArchivesFound> for ArchivesFound {
    fn from(found: crashvault::ArchivesFound) -> Self {
        Self {
            issues: Rows::of(found.issues),
            next: found.next.map(|cursor| cursor.to_string()),
            doubts: Rows::of(found.doubts),
            unreadable: Rows::of(found.unreadable),
        }
    }
}

mirror! {
    /// What came back from an archive.
    RestoreReport(issues, events) of crashvault::RestoreReport {
        /// Issues in the archive.
        issues: u64,
        /// Events that came back.
        events: u64,
        /// Events that were there already, or were removed for good meanwhile.
        events_known: u64,
    }
}

mirror! {
    /// How a search is understood and answered.
    Explanation(meaning, found_count) of crashvault::Explanation {
        /// The query as it was read.
        tree: ExplainedTerm,
        /// All that is asked, in one line, with the times that ages came to.
        meaning: String,
        /// Which way the store went, as a sentence.
        route: String,
        /// The lists that were joined in the store, each with how deep it lies within others.
        lists: Rows<(usize, String)>,
        /// Rows and index entries that were read for the answer.
        rows_read: u64,
        /// Issues or events on the page.
        found_count: usize,
        /// How long the store took for it, in microseconds.
        elapsed_us: u64,
        /// Keys that are taken for tags and are nearly the name of something else.
        doubts: Rows<Doubt>,
    }
}

record! {
    /// A part of a query.
    ExplainedTerm(kind, text, meaning) {
        /// ``all``, ``any``, ``not``, ``saved``, ``text`` or ``pair``.
        kind: &'static str,
        /// Where its first word begins, in bytes of the query; inside of a saved search, of that search's text.
        position: usize,
        /// What stands there; empty for what holds other parts.
        text: String,
        /// What is asked by it; ``None`` for what holds other parts.
        meaning: Option<String>,
        /// What the store looks it up in.
        index: Option<String>,
        /// How many fit it.
        rows: Option<TermRows>,
        /// The parts it holds.
        parts: Rows<ExplainedTerm>,
    }
}

impl From<crashvault::ExplainedTerm> for ExplainedTerm {
    fn from(term: crashvault::ExplainedTerm) -> Self {
        Self {
            kind: term.kind.name(),
            position: term.position,
            text: term.text,
            meaning: term.meaning,
            index: term.index,
            rows: term.rows.map(Into::into),
            parts: Rows::of(term.parts),
        }
    }
}

mirror! {
    /// How many issues or events fit a part of a query by itself.
    TermRows(count, is_at_least, is_of_issues) of crashvault::TermRows {
        /// How many.
        count: u64,
        /// Whether there may be more.
        is_at_least: bool,
        /// Whether they are issues; else events.
        is_of_issues: bool,
    }
}
