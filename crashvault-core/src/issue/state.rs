//! Activities → what an issue is now.

use std::collections::{BTreeMap, HashSet};

use super::{AUTHOR_OF_EVENTS, Activity, Deed, Ignore, Resolution, ReviewStep, Status};
use crate::event::EventId;
use crate::time::Timestamp;

/// What was decided about an issue, taken together.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct IssueState {
    /// Open, resolved or ignored.
    pub status: Status,
    /// What the resolution covers, while it is resolved.
    pub resolution: Option<Resolution>,
    /// How long it is ignored, while it is.
    pub ignore: Option<Ignore>,
    /// When it got its status, by the clock of whoever decided; `None` if nobody gave it one.
    pub since: Option<Timestamp>,
    /// The event that came although it was resolved, while it is open because of that.
    pub regression: Option<EventId>,
    /// Who is to deal with it.
    pub assignee: Option<String>,
    /// A title of its own.
    pub title: Option<String>,
    /// How bad a person thinks it is.
    pub severity: Option<String>,
    /// Its own tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it is bookmarked.
    pub is_bookmarked: bool,
    /// How far its review is.
    pub review: Option<ReviewStep>,
    /// How many comments it has.
    pub comment_count: u64,
    /// Whether it was deleted; what is shown of it came later.
    pub is_deleted: bool,
}

/// What an issue's activities say together, in whatever order they are given.
///
/// They are taken in the order of (time, id); an id that comes twice counts once. An [`Deed::Undo`] takes back an
/// activity before it, another undo among them; what was taken back has no effect, as if it had never been.
///
/// ```
/// use crashvault::issue::fold;
/// let state = fold([]);
/// assert_eq!(state.status.name(), "open");
/// assert_eq!(state.since, None);
/// ```
pub fn fold<'a>(activities: impl IntoIterator<Item = &'a Activity>) -> IssueState {
    let mut state = IssueState::default();
    for activity in standing(activities) {
        state.apply(activity);
    }
    state
}

/// The activity that an undo takes back: the last one by (time, id) that still counts, was decided by a person, and is
/// no undo itself. `None` if there is none.
pub fn last_standing(activities: &[Activity]) -> Option<&Activity> {
    let standing = standing(activities);
    standing
        .into_iter()
        .rfind(|activity| activity.author != AUTHOR_OF_EVENTS)
}

/// The activities that count, in the order of (time, id): each id once, without those that were taken back and without
/// the undos themselves. What [`fold`] does not look at, such as moved events, is decided by these too.
pub fn standing<'a>(activities: impl IntoIterator<Item = &'a Activity>) -> Vec<&'a Activity> {
    let mut activities: Vec<_> = activities.into_iter().collect();
    activities.sort_by_key(|activity| (activity.time, activity.id));
    let mut known = HashSet::new();
    activities.retain(|activity| known.insert(activity.id));

    // From the last to the first: whether an undo counts is settled before what it names is met, and what it names
    // after itself has been passed already.
    let mut undone = HashSet::new();
    let counts = |activity: &&Activity| {
        if undone.contains(&activity.id) {
            return false;
        }
        if let Deed::Undo(earlier) = activity.deed {
            undone.insert(earlier);
            return false;
        }
        true
    };
    let mut standing: Vec<_> = activities.into_iter().rev().filter(counts).collect();
    standing.reverse();
    standing
}

impl IssueState {
    fn apply(&mut self, activity: &Activity) {
        let at = activity.decided_at;
        match &activity.deed {
            Deed::Resolve(resolution) => {
                self.turn(Status::Resolved, at);
                self.resolution = Some(resolution.clone());
            }
            Deed::Reopen => self.turn(Status::Open, at),
            Deed::Ignore(ignore) => {
                self.turn(Status::Ignored, at);
                self.ignore = Some(ignore.clone());
            }
            Deed::Regress(event) if self.status == Status::Resolved => {
                self.turn(Status::Open, at);
                self.regression = Some(*event);
            }
            Deed::Resume(_) if self.status == Status::Ignored => self.turn(Status::Open, at),
            // Somebody was faster than the event, or the deed is not about the state.
            Deed::Regress(_)
            | Deed::Resume(_)
            | Deed::MoveEvent(_)
            | Deed::Merge(_)
            | Deed::Unmerge { .. }
            | Deed::Regroup { .. }
            | Deed::Undo(_) => {}
            Deed::Assign(assignee) => self.assignee.clone_from(assignee),
            Deed::Comment(_) => self.comment_count += 1,
            Deed::Tag { key, value } => self.tag(key, value.as_ref()),
            Deed::SetTitle(title) => self.title.clone_from(title),
            Deed::SetSeverity(severity) => self.severity.clone_from(severity),
            Deed::Bookmark(is_set) => self.is_bookmarked = *is_set,
            Deed::Review(step) => self.review = *step,
            Deed::Tombstone => self.is_deleted = true,
        }
    }

    /// A new status ends whatever belonged to the old one.
    fn turn(&mut self, status: Status, at: Timestamp) {
        self.status = status;
        self.since = Some(at);
        self.resolution = None;
        self.ignore = None;
        self.regression = None;
    }

    fn tag(&mut self, key: &str, value: Option<&String>) {
        match value {
            Some(value) => self.tags.insert(key.to_owned(), value.clone()),
            None => self.tags.remove(key),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::samples::{Lcg, activity, at, by_event, event, every_deed, id};

    fn folded(deeds: &[Deed]) -> IssueState {
        fold(&listed(deeds))
    }

    /// The deeds as activities 1, 2, 3 …, one second apart.
    fn listed(deeds: &[Deed]) -> Vec<Activity> {
        (1..)
            .zip(deeds)
            .map(|(n, deed)| activity(n, deed.clone()))
            .collect()
    }

    fn check(deeds: &[Deed], expected: IssueState) {
        assert_eq!(folded(deeds), expected);
    }

    fn check_last(activities: &[Activity], expected: Option<u8>) {
        assert_eq!(
            last_standing(activities).map(|last| last.id),
            expected.map(id)
        );
    }

    fn check_standing(deeds: &[Deed], expected: &[u8]) {
        let activities = listed(deeds);
        let found: Vec<_> = standing(&activities).iter().map(|one| one.id).collect();
        assert_eq!(found, expected.iter().map(|n| id(*n)).collect::<Vec<_>>());
    }

    fn since(second: u8) -> IssueState {
        IssueState {
            since: Some(at(second)),
            ..IssueState::default()
        }
    }

    fn resolved(second: u8) -> IssueState {
        let resolution = Some(Resolution::Now);
        IssueState {
            status: Status::Resolved,
            resolution,
            ..since(second)
        }
    }

    fn ignored(second: u8) -> IssueState {
        IssueState {
            status: Status::Ignored,
            ignore: Some(Ignore::Forever),
            ..since(second)
        }
    }

    const RESOLVE: Deed = Deed::Resolve(Resolution::Now);
    const IGNORE: Deed = Deed::Ignore(Ignore::Forever);

    fn regress() -> Deed {
        Deed::Regress(event(9))
    }

    fn resume() -> Deed {
        Deed::Resume(event(9))
    }

    fn undo(n: u8) -> Deed {
        Deed::Undo(id(n))
    }

    fn tag(value: Option<&str>) -> Deed {
        Deed::Tag {
            key: "k".into(),
            value: value.map(Into::into),
        }
    }

    #[test]
    fn nothing_decided_is_open() {
        check(&[], IssueState::default());
    }

    #[test]
    fn a_resolution_stands_until_it_is_reopened() {
        check(&[RESOLVE], resolved(1));
        check(&[RESOLVE, Deed::Reopen], since(2));
    }

    #[test]
    fn the_later_resolution_counts() {
        check(&[RESOLVE, RESOLVE], resolved(2));
    }

    #[test]
    fn ignoring_replaces_a_resolution_and_the_other_way_round() {
        check(&[RESOLVE, IGNORE], ignored(2));
        check(&[IGNORE, RESOLVE], resolved(2));
    }

    #[test]
    fn a_regression_names_its_event() {
        check(
            &[RESOLVE, regress()],
            IssueState {
                regression: Some(event(9)),
                ..since(2)
            },
        );
    }

    #[test]
    fn only_what_is_resolved_regresses() {
        check(&[regress()], IssueState::default());
        check(&[IGNORE, regress()], ignored(1));
    }

    #[test]
    fn only_what_is_ignored_resumes() {
        check(&[IGNORE, resume()], since(2));
        check(&[RESOLVE, resume()], resolved(1));
        check(&[resume()], IssueState::default());
    }

    #[test]
    fn the_first_of_two_regressions_is_kept() {
        let second = Deed::Regress(event(8));
        let expected = IssueState {
            regression: Some(event(9)),
            ..since(2)
        };
        check(&[RESOLVE, regress(), second], expected);
    }

    #[test]
    fn a_later_decision_ends_a_regression() {
        check(&[RESOLVE, regress(), RESOLVE], resolved(3));
        check(&[RESOLVE, regress(), Deed::Reopen], since(3));
        check(&[RESOLVE, regress(), IGNORE], ignored(3));
    }

    #[test]
    fn tags_are_set_and_removed() {
        let tags = BTreeMap::from([("k".to_owned(), "b".to_owned())]);
        check(
            &[tag(Some("a")), tag(Some("b"))],
            IssueState {
                tags,
                ..IssueState::default()
            },
        );
        check(&[tag(Some("a")), tag(None)], IssueState::default());
    }

    #[test]
    fn comments_are_counted_without_those_taken_back() {
        let comment = || Deed::Comment("seen again".into());
        let expected = IssueState {
            comment_count: 1,
            ..IssueState::default()
        };
        check(&[comment(), comment(), undo(1)], expected);
    }

    #[test]
    fn a_tombstone_deletes() {
        check(
            &[Deed::Tombstone],
            IssueState {
                is_deleted: true,
                ..IssueState::default()
            },
        );
    }

    #[test]
    fn fields_of_people_are_set_and_taken_away() {
        let set = folded(&[
            Deed::Assign(Some("ada".into())),
            Deed::SetTitle(Some("t".into())),
            Deed::SetSeverity(Some("high".into())),
            Deed::Bookmark(true),
            Deed::Review(Some(ReviewStep::Fix)),
        ]);
        let texts = [&set.assignee, &set.title, &set.severity].map(|text| text.as_deref());
        assert_eq!(texts, [Some("ada"), Some("t"), Some("high")]);
        assert_eq!(
            (set.is_bookmarked, set.review),
            (true, Some(ReviewStep::Fix))
        );
        let mut deeds = vec![
            Deed::Assign(Some("ada".into())),
            Deed::SetTitle(Some("t".into())),
        ];
        deeds.extend([Deed::SetSeverity(Some("high".into())), Deed::Bookmark(true)]);
        deeds.extend([Deed::Review(Some(ReviewStep::Fix)), Deed::Assign(None)]);
        deeds.extend([
            Deed::SetTitle(None),
            Deed::SetSeverity(None),
            Deed::Bookmark(false),
        ]);
        deeds.push(Deed::Review(None));
        check(&deeds, IssueState::default());
    }

    #[test]
    fn what_was_taken_back_never_was() {
        check(&[RESOLVE, undo(1)], IssueState::default());
        check(&[RESOLVE, IGNORE, undo(2)], resolved(1));
    }

    #[test]
    fn a_regression_falls_with_the_resolution_it_answers() {
        check(&[RESOLVE, regress(), undo(1)], IssueState::default());
    }

    #[test]
    fn an_undo_can_be_undone() {
        check(&[RESOLVE, undo(1), undo(2)], resolved(1));
        check(&[RESOLVE, undo(1), undo(2), undo(3)], IssueState::default());
    }

    #[test]
    fn an_undo_reaches_only_what_was_before_it() {
        check(&[undo(2), RESOLVE], resolved(2));
        check(&[RESOLVE, undo(2)], resolved(1));
    }

    #[test]
    fn a_move_stands_until_it_is_taken_back() {
        let moved = || Deed::MoveEvent(event(9));
        check_standing(&[moved(), RESOLVE], &[1, 2]);
        check_standing(&[moved(), RESOLVE, undo(1)], &[2]);
    }

    #[test]
    fn a_hybrid_clock_that_runs_ahead_does_not_say_since_when() {
        let mut activities = listed(&[RESOLVE]);
        activities[0].time.wall = at(200);
        assert_eq!(fold(&activities), resolved(1));
    }

    #[test]
    fn activities_of_one_moment_go_by_id() {
        let mut activities = listed(&[RESOLVE, IGNORE]);
        activities[0].time = activities[1].time;
        activities.reverse();
        assert_eq!(fold(&activities), ignored(2));
    }

    #[test]
    fn an_id_that_comes_twice_counts_once() {
        let mut activities = listed(&[Deed::Comment("a".into())]);
        activities.push(activities[0].clone());
        assert_eq!(fold(&activities).comment_count, 1);
    }

    #[test]
    fn the_order_they_are_given_in_does_not_matter() {
        let mut random = Lcg(7);
        for _ in 0..300 {
            let mut activities = some_activities(&mut random);
            activities.extend_from_within(..5);
            let expected = (
                fold(&activities),
                last_standing(&activities).map(|last| last.id),
            );
            random.shuffle(&mut activities);
            let found = (
                fold(&activities),
                last_standing(&activities).map(|last| last.id),
            );
            assert_eq!(found, expected, "{activities:#?}");
        }
    }

    /// Forty activities of any kind in ten seconds; undos name any of them.
    fn some_activities(random: &mut Lcg) -> Vec<Activity> {
        let deeds = every_deed();
        let some = (1..=40).map(|n| {
            let deed = match random.below(4) {
                0 => undo(1 + random.below(40) as u8),
                _ => deeds[random.below(deeds.len())].clone(),
            };
            let mut activity = activity(n, deed);
            activity.time.wall = at(random.below(10) as u8);
            activity
        });
        some.collect()
    }

    #[test]
    fn the_last_decision_is_taken_back() {
        check_last(&listed(&[RESOLVE, IGNORE]), Some(2));
    }

    #[test]
    fn undoing_again_goes_one_further_back() {
        check_last(&listed(&[RESOLVE, IGNORE, undo(2)]), Some(1));
        check_last(&listed(&[RESOLVE, IGNORE, undo(2), undo(1)]), None);
    }

    #[test]
    fn what_an_event_decided_is_not_taken_back() {
        let activities = [activity(1, RESOLVE), by_event(2, regress())];
        check_last(&activities, Some(1));
        check_last(&activities[1..], None);
    }
}
