//! Enters: an empty store. Leaves: whether it keeps what [`Store`] promises. Every store passes the same cases.
//!
//! `conformance!(open)` makes one test of each; `open` gives whatever dereferences to a `Store`.

mod counting;
mod decisions;
mod leaving;
mod likeness;
mod merging;
mod reactions;
mod sampling;
mod searching;

use super::*;
use crate::error::ErrorKind;
use crate::event::Level;

pub(super) use counting::*;
pub(super) use decisions::*;
pub(super) use leaving::*;
pub(super) use likeness::*;
pub(super) use merging::*;
pub(super) use reactions::*;
pub(super) use sampling::*;
pub(super) use searching::*;

/// One test per case, each with a store of its own.
macro_rules! conformance {
    ($open:path) => {
        $crate::store::testkit::conformance! { $open;
            a_kept_event_is_read_back_whole
            an_event_id_counts_once
            an_event_id_twice_in_a_batch_counts_once
            a_variant_stays_where_it_joined
            an_event_joins_what_its_legacy_variant_joined
            only_new_variants_leave_a_join
            joins_are_read_back_whole
            variants_of_two_projects_are_apart
            numbers_are_in_the_order_of_creation
            an_issue_has_its_worst_level
            an_issue_shows_its_newest_event
            an_older_event_that_comes_later_changes_only_first_seen
            equal_times_fall_by_process_then_sequence
            an_event_without_a_time_has_that_of_its_receipt
            long_titles_are_cut_at_a_character
            events_are_newest_first_and_bounded
            issues_are_newest_first_and_bounded
            issues_sort_by_count_creation_and_number
            issues_are_filtered_by_project_and_status
            a_reference_finds_its_issue
            a_prefix_of_several_names_them
            what_is_not_there_is_not_found
            an_event_without_an_id_cannot_be_packed
            offsets_only_grow_until_forgotten
            counters_add_up_and_stop_at_the_largest
            stats_count_what_is_there
            a_sound_store_has_no_findings
            an_attachment_is_kept_once_and_read_back
            attachments_of_an_event_have_a_limit
            attachments_leave_with_their_event
            what_is_given_up_still_counts
            an_issue_keeps_its_newest_event
            the_oldest_are_given_up_first
            only_events_of_that_kind_are_given_up
            what_was_released_comes_back
            what_has_changed_is_not_released
            what_got_an_attachment_is_not_released
            an_issue_that_was_empty_counts_what_was_given_up
            the_move_of_an_event_that_left_can_be_undone
            a_released_issue_keeps_number_and_decisions
            a_set_counter_is_no_sum
            a_decision_is_recorded_as_it_was_made
            every_deed_is_read_back_whole
            a_decision_is_seen_in_its_issue_alone
            an_issue_without_a_title_of_its_own_has_its_events
            an_issue_keeps_its_project
            issues_are_filtered_by_what_was_decided
            a_new_event_leaves_what_was_decided
            the_clock_never_goes_back
            a_decision_counts_once
            nothing_is_decided_about_what_is_not_there
            a_call_that_fails_decides_nothing
            an_undo_takes_back
            undos_that_name_each_other_end
            a_moved_event_belongs_to_its_new_issue
            only_the_event_moves_not_its_variant
            a_move_can_be_undone_and_done_again
            the_last_move_that_stands_counts
            an_issue_without_events_is_not_shown
            an_issue_comes_back_with_its_number_and_state
            a_deleted_issue_is_gone_with_its_events
            a_deleted_event_does_not_come_back
            a_new_event_of_a_deleted_issue_is_kept
            a_deletion_cannot_be_undone
            a_release_is_new_to_the_batch_that_brings_it
            an_event_after_a_resolution_is_a_regression
            a_clock_that_ran_ahead_hides_no_regression
            the_first_event_of_a_batch_is_the_regression
            an_event_from_before_the_resolution_is_none
            a_known_event_is_no_regression
            a_regression_can_be_resolved_and_come_again
            an_older_release_is_no_regression
            the_release_it_was_resolved_in_is_no_regression
            a_release_without_a_version_is_newer_if_it_is_new
            what_is_ignored_for_ever_stays_so
            what_is_ignored_resumes_at_its_count
            what_is_ignored_resumes_after_its_time
            what_is_ignored_resumes_when_a_day_has_more
            a_batch_counts_as_a_whole
            an_event_moved_by_hand_is_no_regression
            users_are_counted_once_each
            a_user_is_known_by_the_first_of_its_names
            hours_count_their_events
            values_are_counted_most_frequent_first
            values_are_listed_by_key
            a_tally_counts_all_issues
            events_are_read_in_the_order_they_came
            a_place_in_the_order_is_given_once
            a_value_counts_once_in_an_event
            a_moved_event_takes_its_counts_along
            nothing_asked_finds_all
            a_found_issue_is_the_listed_one
            messages_are_found_by_words
            a_phrase_lies_within_one_text
            frames_are_found_by_their_fields
            events_that_share_a_stack_are_all_found
            breadcrumbs_are_found_by_words
            words_are_found_anywhere
            values_are_compared_from_end_to_end
            signs_of_other_languages_mean_nothing
            titles_are_compared_as_they_are_shown
            tags_and_attributes_of_one_name_are_apart
            one_event_must_fit_it_all
            issues_are_found_by_what_was_decided
            issues_are_found_by_name_and_number
            ranges_hold_both_ends
            an_event_without_a_time_is_found_by_that_of_its_receipt
            a_trace_is_found_by_its_whole_id
            an_event_is_found_by_its_id
            questions_of_issues_and_events_mix
            a_search_pages_through_every_order
            a_page_of_none_is_the_last
            found_events_are_newest_first
            a_moved_event_is_found_where_it_is
            what_was_deleted_is_not_found
            words_are_the_same_in_every_script
            large_conditions_are_answered
            a_variant_joins_the_issue_of_those_it_is_like
            what_was_compared_is_kept_with_the_join
            a_founded_issue_tells_what_was_nearest
            what_has_no_traits_joins_nothing
            projects_are_compared_apart
            a_variant_known_from_before_is_compared_from_its_next_event_on
            a_join_by_likeness_outlives_a_release
            related_issues_are_the_most_alike_first
            the_same_events_in_the_same_order_make_the_same_issues
            a_merged_issue_is_part_of_the_other
            a_merged_number_leads_on
            a_merged_issue_is_found_by_its_names
            later_events_go_where_theirs_went
            events_go_where_their_new_variant_is
            what_people_moved_is_not_regrouped
            an_adopted_variant_stays_where_it_joined
            deeds_together_are_as_deeds_alone
            what_is_foreseen_comes_to_be
            a_merge_can_be_undone_and_done_again
            what_cannot_be_merged_is_refused
            a_moved_event_goes_where_its_issue_went
            a_variant_leaves_with_its_events
            a_merged_variant_goes_back_to_its_own_issue
            only_what_belongs_to_an_issue_leaves_it
            what_was_given_up_goes_along
            what_was_merged_comes_back_from_an_archive
            merges_from_elsewhere_come_to_the_same
            a_rebuild_comes_to_the_same
            searches_find_what_looking_at_each_event_finds
        }
    };
    ($open:path; $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                let mut store = $open();
                $crate::store::testkit::$case(&mut *store);
            }
        )*
    };
}
pub(crate) use conformance;

/// Nanoseconds of a second, for readable times.
const SECOND: i64 = 1_000_000_000;

fn time(second: i64) -> Timestamp {
    Timestamp::from_nanos(second * SECOND)
}

fn issue_id(byte: u8) -> IssueId {
    IssueId::from_bytes([byte; 16])
}

/// Event number `event`, of the variant and issue `variant`, at that second.
pub(crate) fn new_event(event: u32, variant: u8) -> NewEvent {
    let mut id = [7; 16];
    id[12..].copy_from_slice(&event.to_be_bytes());
    let mut made = Event::new();
    made.event_id = EventId::from_bytes(id);
    made.timestamp = Some(time(event.into()));
    made.message = Some(format!("message {event}"));
    let variant_key = VariantKey::from_bytes([variant; 16]);
    let mut join = Join::new(variant_key, issue_id(variant), "shop", time(event.into()));
    join.reason = "stack".into();
    join.parts = vec!["Error".into(), "naïve \"quoted\"".into()];
    join.algorithm = 3;
    NewEvent {
        event: made,
        legacy: None,
        join,
        traits: None,
        received_at: time(i64::from(event) + 1),
        process: [1; 16],
        sequence: event.into(),
    }
}

/// A batch of these events.
pub(crate) fn batch(store: &mut dyn Store, events: Vec<NewEvent>) -> Batch {
    let events = events.into_iter().map(|new| store.pack(new).unwrap());
    Batch {
        events: events.collect(),
        ..Batch::default()
    }
}

/// Packs and commits.
pub(crate) fn try_keep(store: &mut dyn Store, events: Vec<NewEvent>) -> Result<Committed> {
    let batch = batch(store, events);
    store.commit(&batch)
}

pub(crate) fn keep(store: &mut dyn Store, events: Vec<NewEvent>) -> Committed {
    try_keep(store, events).unwrap()
}

fn all(sort: IssueSort) -> IssueFilter {
    IssueFilter {
        sort,
        ..IssueFilter::default()
    }
}

fn numbers(store: &dyn Store, filter: &IssueFilter) -> Vec<u64> {
    let issues = store.issues(filter).unwrap();
    issues.iter().map(|issue| issue.number).collect()
}

fn event_numbers(store: &dyn Store, issue: u8, limit: usize) -> Vec<u64> {
    let events = store.events(&issue_id(issue), limit).unwrap();
    events.iter().map(|stored| stored.sequence).collect()
}

fn only(store: &dyn Store) -> Issue {
    numbered(store, 1)
}

fn numbered(store: &dyn Store, number: u64) -> Issue {
    store.issue(&IssueRef::Number(number)).unwrap()
}

/// Decision number `decision` about issue `issue`, at that second.
pub(crate) fn decision(decision: u8, issue: u8, second: i64, deed: Deed) -> Decision {
    Decision {
        id: ActivityId::from_bytes([decision; 16]),
        vault: [3; 16],
        author: "anna".into(),
        at: time(second),
        issue: issue_id(issue),
        deed,
    }
}

/// Decides about issue `issue` a little after everything that was decided before.
fn decide(store: &mut dyn Store, number: u8, issue: u8, deed: Deed) -> Activity {
    let decision = decision(number, issue, 100 + i64::from(number), deed);
    store.act(&[decision]).unwrap().remove(0)
}

fn deeds(store: &dyn Store, issue: u8) -> Vec<Deed> {
    let activities = store.activities(&issue_id(issue)).unwrap();
    activities
        .into_iter()
        .map(|activity| activity.deed)
        .collect()
}

pub(super) fn a_kept_event_is_read_back_whole(store: &mut dyn Store) {
    let mut new = new_event(5, 1);
    new.event
        .tags
        .insert("key".into(), "värde \0 \u{10ffff}".into());
    new.event.other.insert("unknown".into(), 1.25e-9.into());
    new.process = [9; 16];
    new.sequence = i64::MAX as u64;
    keep(store, vec![new_event(4, 1), new.clone()]);
    let stored = store.event(new.event.event_id).unwrap();
    assert_eq!(stored.event, new.event);
    assert_eq!((stored.issue, stored.issue_number), (issue_id(1), 1));
    assert_eq!(stored.variant, new.join.variant);
    assert_eq!(stored.received_at, new.received_at);
    assert_eq!(
        (stored.process, stored.sequence),
        (new.process, new.sequence)
    );
    assert_eq!(stored.ingest_sequence, 2);
}

pub(super) fn an_event_id_counts_once(store: &mut dyn Store) {
    let first = keep(store, vec![new_event(1, 1)]);
    assert_eq!((first.events_new, first.events_known), (1, 0));
    let mut again = new_event(1, 2);
    again.event.level = Level::Fatal;
    let second = keep(store, vec![again]);
    assert_eq!((second.events_new, second.events_known), (0, 1));
    assert!(second.issues_new.is_empty());
    let outcome = second.outcomes[0];
    assert!(outcome.is_known && !outcome.is_new_issue && outcome.issue_number == 1);
    assert_eq!(
        (only(store).seen_count, only(store).level),
        (1, Level::Error)
    );
    assert_eq!(store.stats().unwrap().events, 1);
}

pub(super) fn an_event_id_twice_in_a_batch_counts_once(store: &mut dyn Store) {
    let committed = keep(
        store,
        vec![new_event(1, 1), new_event(1, 1), new_event(2, 1)],
    );
    assert_eq!((committed.events_new, committed.events_known), (2, 1));
    let known: Vec<bool> = committed.outcomes.iter().map(|o| o.is_known).collect();
    assert_eq!(known, [false, true, false]);
    assert_eq!(only(store).seen_count, 2);
}

pub(super) fn a_variant_stays_where_it_joined(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1)]);
    let mut other = new_event(2, 1);
    other.join.issue = issue_id(9);
    let committed = keep(store, vec![other]);
    assert_eq!(committed.outcomes[0].issue_number, 1);
    assert_eq!(event_numbers(store, 1, 10), [2, 1]);
    assert!(store.issue(&IssueRef::Id(issue_id(9))).is_err());
}

pub(super) fn an_event_joins_what_its_legacy_variant_joined(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1)]);
    let with_legacy = |event, variant, legacy| NewEvent {
        legacy: Some(VariantKey::from_bytes([legacy; 16])),
        ..new_event(event, variant)
    };
    // One that has joined nothing founds nothing, also within a batch.
    let batch = vec![
        with_legacy(2, 2, 1),
        with_legacy(3, 3, 9),
        with_legacy(4, 3, 9),
    ];
    let numbers: Vec<u64> = keep(store, batch)
        .outcomes
        .iter()
        .map(|outcome| outcome.issue_number)
        .collect();
    assert_eq!(numbers, [1, 2, 2]);
    assert_eq!(event_numbers(store, 1, 10), [2, 1]);
    let stored = &store.events(&issue_id(1), 1).unwrap()[0];
    assert_eq!(stored.variant, VariantKey::from_bytes([1; 16]));
    assert!(store.joins(&issue_id(2)).unwrap().is_empty());
    assert!(!store.has_legacy().unwrap());
}

/// Numbers of issues that came from Crashvault 1.
#[cfg(feature = "v1")]
pub(super) fn legacy_numbers_are_kept_where_they_are_free(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    let wishes = [
        (issue_id(11), Some(2)),
        (issue_id(12), None),
        (issue_id(13), Some(7)),
        (issue_id(14), Some(7)),
        (issue_id(1), Some(5)),
        (issue_id(15), Some(4)),
    ];
    let expected = [
        (8, true),
        (9, true),
        (7, true),
        (10, true),
        (1, false),
        (4, true),
    ];
    let asked = store.number_legacy("shop", &wishes, false).unwrap();
    assert_eq!(asked, expected);
    assert!(!store.has_legacy().unwrap());
    let kept = store.number_legacy("shop", &wishes, true).unwrap();
    assert_eq!(kept, expected);
    assert!(store.has_legacy().unwrap());
    let again = store.number_legacy("shop", &wishes, true).unwrap();
    assert!(again.iter().all(|(_, is_new)| !is_new));
    assert_eq!(
        keep(store, vec![new_event(3, 13)]).outcomes[0].issue_number,
        7
    );
    assert_eq!(keep(store, vec![new_event(4, 16)]).issues_new, [11]);
}

pub(super) fn only_new_variants_leave_a_join(store: &mut dyn Store) {
    let mut similar = new_event(2, 2);
    similar.join.issue = issue_id(1);
    let committed = keep(store, vec![new_event(1, 1), similar, new_event(3, 2)]);
    assert_eq!(committed.issues_new, [1]);
    let joins = store.joins(&issue_id(1)).unwrap();
    let variants: Vec<u8> = joins.iter().map(|j| j.variant.as_bytes()[0]).collect();
    assert_eq!(variants, [1, 2]);
    assert_eq!(only(store).seen_count, 3);
}

pub(super) fn joins_are_read_back_whole(store: &mut dyn Store) {
    let new = new_event(1, 1);
    keep(store, vec![new.clone()]);
    assert_eq!(store.joins(&issue_id(1)).unwrap(), [new.join]);
}

pub(super) fn variants_of_two_projects_are_apart(store: &mut dyn Store) {
    let mut other = new_event(2, 1);
    other.join.project = "till".into();
    other.join.issue = issue_id(2);
    let committed = keep(store, vec![new_event(1, 1), other]);
    assert_eq!(committed.issues_new, [1, 2]);
    let of = |number| store.joins(&issue_id(number)).unwrap()[0].project.clone();
    assert_eq!((of(1), of(2)), ("shop".into(), "till".into()));
    assert_eq!(store.stats().unwrap().projects, 2);
}

pub(super) fn numbers_are_in_the_order_of_creation(store: &mut dyn Store) {
    let first = keep(
        store,
        vec![new_event(1, 8), new_event(2, 3), new_event(3, 8)],
    );
    let second = keep(store, vec![new_event(4, 3), new_event(5, 1)]);
    assert_eq!((first.issues_new, second.issues_new), (vec![1, 2], vec![3]));
    let is_new: Vec<bool> = first.outcomes.iter().map(|o| o.is_new_issue).collect();
    assert_eq!(is_new, [true, true, false]);
}

pub(super) fn an_issue_has_its_worst_level(store: &mut dyn Store) {
    let with_level = |event, level| {
        let mut new = new_event(event, 1);
        new.event.level = level;
        new
    };
    keep(
        store,
        vec![with_level(1, Level::Info), with_level(2, Level::Warning)],
    );
    assert_eq!(only(store).level, Level::Warning);
    keep(
        store,
        vec![with_level(3, Level::Fatal), with_level(4, Level::Debug)],
    );
    keep(store, vec![with_level(5, Level::Debug)]);
    assert_eq!(only(store).level, Level::Fatal);
}

pub(super) fn an_issue_shows_its_newest_event(store: &mut dyn Store) {
    keep(
        store,
        vec![new_event(1, 1), new_event(3, 1), new_event(2, 1)],
    );
    let mut newest = new_event(9, 1);
    newest.event.platform = "python".into();
    newest.event.transaction = Some("/pay".into());
    keep(store, vec![newest.clone()]);
    let issue = only(store);
    assert_eq!(issue.title, "message 9");
    assert_eq!(issue.culprit.as_deref(), Some("/pay"));
    assert_eq!(issue.platform, "python");
    assert_eq!((issue.first_seen, issue.last_seen), (time(1), time(9)));
    assert_eq!(
        (issue.last_event, issue.seen_count),
        (newest.event.event_id, 4)
    );
    assert_eq!(issue.project, "shop");
}

pub(super) fn an_older_event_that_comes_later_changes_only_first_seen(store: &mut dyn Store) {
    keep(store, vec![new_event(5, 1)]);
    keep(store, vec![new_event(2, 1)]);
    let issue = only(store);
    assert_eq!(issue.title, "message 5");
    assert_eq!((issue.first_seen, issue.last_seen), (time(2), time(5)));
}

pub(super) fn equal_times_fall_by_process_then_sequence(store: &mut dyn Store) {
    let at_once = |event, process, sequence| {
        let mut new = new_event(event, 1);
        new.event.timestamp = Some(time(1));
        new.process = [process; 16];
        new.sequence = sequence;
        new
    };
    keep(
        store,
        vec![at_once(1, 2, 10), at_once(2, 1, 30), at_once(3, 2, 11)],
    );
    keep(store, vec![at_once(4, 1, 20)]);
    assert_eq!(event_numbers(store, 1, 10), [11, 10, 30, 20]);
    assert_eq!(event_numbers(store, 1, 2), [11, 10]);
    assert_eq!(only(store).title, "message 3");
    keep(store, vec![at_once(5, 2, 12)]);
    assert_eq!(only(store).title, "message 5");
}

pub(super) fn an_event_without_a_time_has_that_of_its_receipt(store: &mut dyn Store) {
    let mut new = new_event(1, 1);
    new.event.timestamp = None;
    keep(store, vec![new.clone()]);
    assert_eq!(only(store).last_seen, new.received_at);
    let stored = store.event(new.event.event_id).unwrap();
    assert_eq!(stored.event.timestamp, None);
}

pub(super) fn long_titles_are_cut_at_a_character(store: &mut dyn Store) {
    let mut new = new_event(1, 1);
    new.event.message = Some("é".repeat(LINE_CHARS_MAX + 1));
    let mut exact = new_event(2, 2);
    exact.event.message = Some("é".repeat(LINE_CHARS_MAX));
    keep(store, vec![new, exact.clone()]);
    let title = only(store).title;
    assert_eq!(title.chars().count(), LINE_CHARS_MAX);
    assert!(title.ends_with("é…"));
    let whole = store.issue(&IssueRef::Number(2)).unwrap().title;
    assert_eq!(Some(whole), exact.event.message);
}

pub(super) fn events_are_newest_first_and_bounded(store: &mut dyn Store) {
    keep(
        store,
        vec![new_event(2, 1), new_event(4, 1), new_event(9, 2)],
    );
    keep(store, vec![new_event(1, 1), new_event(3, 1)]);
    assert_eq!(event_numbers(store, 1, 10), [4, 3, 2, 1]);
    assert_eq!(event_numbers(store, 1, 2), [4, 3]);
    assert!(event_numbers(store, 1, 0).is_empty());
    assert!(event_numbers(store, 77, 10).is_empty());
}

pub(super) fn issues_are_newest_first_and_bounded(store: &mut dyn Store) {
    keep(
        store,
        vec![new_event(1, 1), new_event(2, 2), new_event(3, 3)],
    );
    keep(store, vec![new_event(4, 1)]);
    let mut filter = IssueFilter::default();
    assert_eq!(numbers(store, &filter), [1, 3, 2]);
    filter.limit = 2;
    assert_eq!(numbers(store, &filter), [1, 3]);
}

pub(super) fn issues_sort_by_count_creation_and_number(store: &mut dyn Store) {
    keep(
        store,
        vec![new_event(5, 1), new_event(6, 2), new_event(3, 3)],
    );
    keep(
        store,
        vec![new_event(7, 3), new_event(8, 3), new_event(9, 1)],
    );
    assert_eq!(numbers(store, &all(IssueSort::SeenCount)), [3, 1, 2]);
    assert_eq!(numbers(store, &all(IssueSort::FirstSeen)), [2, 1, 3]);
    assert_eq!(numbers(store, &all(IssueSort::Number)), [3, 2, 1]);
    assert_eq!(numbers(store, &all(IssueSort::LastSeen)), [1, 3, 2]);
}

pub(super) fn issues_are_filtered_by_project_and_status(store: &mut dyn Store) {
    let mut other = new_event(2, 2);
    other.join.project = "till".into();
    keep(store, vec![new_event(1, 1), other]);
    let mut filter = IssueFilter {
        project: Some("till".into()),
        ..IssueFilter::default()
    };
    assert_eq!(numbers(store, &filter), [2]);
    filter.status = Some(Status::Open);
    assert_eq!(numbers(store, &filter), [2]);
    filter.status = Some(Status::Resolved);
    assert!(numbers(store, &filter).is_empty());
    filter.project = Some("none".into());
    filter.status = None;
    assert!(numbers(store, &filter).is_empty());
}

pub(super) fn a_reference_finds_its_issue(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 0xab), new_event(2, 0xcd)]);
    for text in ["2", "#2", "cdcdcd", "CDCDCDC", &"cd".repeat(16)] {
        let issue = store.issue(&text.parse().unwrap()).unwrap();
        assert_eq!((issue.number, issue.id), (2, issue_id(0xcd)), "{text}");
    }
}

pub(super) fn a_prefix_of_several_names_them(store: &mut dyn Store) {
    let mut twin = new_event(2, 2);
    let mut id = [0xab; 16];
    id[15] = 0;
    twin.join.issue = IssueId::from_bytes(id);
    keep(store, vec![new_event(1, 0xab), twin]);
    let error = store.issue(&"ababab".parse().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("#1 (") && error.message().contains("#2 ("));
}

pub(super) fn what_is_not_there_is_not_found(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1)]);
    for text in ["2", "0", "18446744073709551615", "ffffff", &"ee".repeat(16)] {
        let error = store.issue(&text.parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{text}");
    }
    let error = store.event(EventId::from_bytes([3; 16])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

pub(super) fn an_event_without_an_id_cannot_be_packed(store: &mut dyn Store) {
    let mut nameless = new_event(2, 2);
    nameless.event.event_id = EventId::NIL;
    let error = store.pack(nameless).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(keep(store, vec![new_event(1, 1)]).events_new, 1);
}

pub(super) fn offsets_only_grow_until_forgotten(store: &mut dyn Store) {
    let mut put = |offsets: &[(&str, u64)]| {
        let offsets = offsets.iter().map(|(n, o)| (n.to_string(), *o)).collect();
        store
            .commit(&Batch {
                offsets,
                ..Batch::default()
            })
            .unwrap();
        store.offsets().unwrap().into_iter().collect::<Vec<_>>()
    };
    put(&[("a", 10), ("b", 20)]);
    assert_eq!(
        put(&[("a", 5), ("b", 25)]),
        [("a".into(), 10), ("b".into(), 25)]
    );
    store
        .forget_segments(&["a".into(), "never there".into()])
        .unwrap();
    assert_eq!(
        store.offsets().unwrap().into_iter().collect::<Vec<_>>(),
        [("b".into(), 25)]
    );
}

pub(super) fn counters_add_up_and_stop_at_the_largest(store: &mut dyn Store) {
    let mut add = |counters: &[(&str, u64)]| {
        let counters = counters
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count));
        let counters = counters.collect();
        store
            .commit(&Batch {
                counters,
                ..Batch::default()
            })
            .unwrap();
    };
    add(&[("a", 2), ("b", 1), ("a", 3)]);
    add(&[("a", 1), ("b", u64::MAX)]);
    let counters = store.counters().unwrap();
    assert_eq!(counters["a"], 6);
    assert_eq!(counters["b"], i64::MAX as u64);
}

pub(super) fn stats_count_what_is_there(store: &mut dyn Store) {
    let first = new_event(1, 1);
    let json_bytes = first.event.to_json().len() as u64;
    keep(store, vec![first]);
    let one = store.stats().unwrap();
    assert_eq!((one.events, one.issues, one.projects), (1, 1, 1));
    assert_eq!(one.json_bytes, json_bytes);
    let is_in_memory = one.disk_bytes == 0;
    assert!(one.payload_bytes > 0 && (is_in_memory || one.disk_bytes > one.payload_bytes));
    keep(store, vec![new_event(2, 1), new_event(3, 2)]);
    let three = store.stats().unwrap();
    assert_eq!((three.events, three.issues, three.projects), (3, 2, 1));
}

pub(super) fn a_sound_store_has_no_findings(store: &mut dyn Store) {
    assert_eq!(store.check().unwrap(), [""; 0]);
    keep(
        store,
        (1..50).map(|n| new_event(n, (n % 7) as u8)).collect(),
    );
    keep(
        store,
        (25..75).map(|n| new_event(n, (n % 9) as u8)).collect(),
    );
    assert_eq!(store.check().unwrap(), [""; 0]);
}
