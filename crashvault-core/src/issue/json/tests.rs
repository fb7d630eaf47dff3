//! The forms themselves, both ways; then what must not be read.

use super::*;
use crate::error::ErrorKind;
use crate::issue::samples::{Lcg, activity, at, every_deed};
use crate::issue::{IssueId, IssueState, VariantKey, fold};

fn check(deed: Deed, expected: Value) {
    assert_eq!(deed.to_value(), expected);
}

fn check_error(value: Value, kind: ErrorKind, named: &str) {
    let err = Deed::from_value(&value).unwrap_err();
    assert_eq!(err.kind(), kind, "{err}");
    assert!(err.message().contains(named), "{err}");
}

fn check_invalid(value: Value, field: &str) {
    check_error(value, ErrorKind::InvalidInput, &format!("'{field}'"));
}

fn check_unsupported(value: Value, word: &str) {
    check_error(value, ErrorKind::Unsupported, &format!("'{word}'"));
}

fn every_activity() -> Vec<Activity> {
    (1..)
        .zip(every_deed())
        .map(|(n, deed)| activity(n, deed))
        .collect()
}

/// The state after each deed alone, and after each start of the list.
fn states() -> Vec<IssueState> {
    let activities = every_activity();
    let starts = (0..activities.len()).map(|end| fold(&activities[..end]));
    activities
        .iter()
        .map(|one| fold([one]))
        .chain(starts)
        .collect()
}

#[test]
fn every_deed_comes_back() {
    for deed in every_deed() {
        assert_eq!(Deed::from_value(&deed.to_value()).unwrap(), deed);
    }
}

#[test]
fn every_activity_comes_back_through_text() {
    for activity in every_activity() {
        let text = activity.to_value().to_string();
        let value = serde_json::from_str(&text).unwrap();
        assert_eq!(Activity::from_value(&value).unwrap(), activity);
    }
}

#[test]
fn an_activity_was_decided_when_it_says_else_at_the_time_of_its_wall_clock() {
    let mut activity = activity(1, Deed::Reopen);
    activity.time.wall = at(9);
    let mut value = activity.to_value();
    let decided_at = |value: &Value| Activity::from_value(value).unwrap().decided_at;
    assert_eq!(decided_at(&value), at(1));
    value.as_object_mut().unwrap().remove("decided_at");
    assert_eq!(decided_at(&value), at(9));
}

#[test]
fn every_state_comes_back() {
    for state in states() {
        assert_eq!(IssueState::from_value(&state.to_value()).unwrap(), state);
    }
}

#[test]
fn every_kind_is_its_word() {
    for deed in every_deed() {
        assert_eq!(deed.to_value()["kind"], deed.kind());
    }
}

#[test]
fn the_form_of_a_deed_stays() {
    check(
        Deed::Resolve(Resolution::Now),
        json!({"kind": "resolve", "in": "now"}),
    );
    check(
        Deed::Resolve(Resolution::NextRelease(Some("shop@1.2".into()))),
        json!({"kind": "resolve", "in": "next_release", "after": "shop@1.2"}),
    );
    check(
        Deed::Resolve(Resolution::NextRelease(None)),
        json!({"kind": "resolve", "in": "next_release", "after": null}),
    );
    check(
        Deed::Resolve(Resolution::Release("shop@1.3".into())),
        json!({"kind": "resolve", "in": "release", "release": "shop@1.3"}),
    );
    check(
        Deed::Ignore(Ignore::Forever),
        json!({"kind": "ignore", "until": "forever"}),
    );
    check(
        Deed::Ignore(Ignore::UntilSeenCount(50)),
        json!({"kind": "ignore", "until": {"seen_count": 50}}),
    );
    check(
        Deed::Ignore(Ignore::UntilTime(crate::issue::samples::at(1))),
        json!({"kind": "ignore", "until": {"time": "1970-01-01T00:00:01Z"}}),
    );
    check(
        Deed::Ignore(Ignore::UntilDayCount(9)),
        json!({"kind": "ignore", "until": {"day_count": 9}}),
    );
    check(Deed::Assign(None), json!({"kind": "assign", "to": null}));
    check(
        Deed::Comment("a".into()),
        json!({"kind": "comment", "text": "a"}),
    );
    let (key, value) = ("k".into(), Some("v".into()));
    check(
        Deed::Tag { key, value },
        json!({"kind": "tag", "key": "k", "value": "v"}),
    );
    check(
        Deed::SetTitle(None),
        json!({"kind": "set_title", "title": null}),
    );
    check(
        Deed::SetSeverity(None),
        json!({"kind": "set_severity", "severity": null}),
    );
    check(
        Deed::Bookmark(true),
        json!({"kind": "bookmark", "on": true}),
    );
    check(
        Deed::Review(Some(ReviewStep::Fix)),
        json!({"kind": "review", "step": "fix"}),
    );
    check(Deed::Tombstone, json!({"kind": "tombstone"}));
    let hex = "03".repeat(16);
    let event = crate::issue::samples::event(3);
    check(
        Deed::MoveEvent(event),
        json!({"kind": "move_event", "event": hex}),
    );
    check(
        Deed::Merge(IssueId::from_bytes([3; 16])),
        json!({"kind": "merge", "issue": hex}),
    );
    check(
        Deed::Regroup {
            variant: VariantKey::from_bytes([3; 16]),
            events: vec![event],
        },
        json!({"kind": "regroup", "variant": hex, "events": [hex]}),
    );
    check(
        Deed::Unmerge {
            variant: VariantKey::from_bytes([3; 16]),
            to: IssueId::from_bytes([3; 16]),
        },
        json!({"kind": "unmerge", "variant": hex, "to": hex}),
    );
    check(
        Deed::Regress(event),
        json!({"kind": "regress", "event": hex}),
    );
    check(Deed::Resume(event), json!({"kind": "resume", "event": hex}));
    check(
        Deed::Undo(crate::issue::samples::id(3)),
        json!({"kind": "undo", "activity": hex}),
    );
}

#[test]
fn the_form_of_an_activity_stays() {
    let expected = json!({
        "id": "03".repeat(16),
        "vault": "01".repeat(16),
        "author": "ada",
        "time": {"wall": "1970-01-01T00:00:03Z", "tick": 0},
        "decided_at": "1970-01-01T00:00:03Z",
        "issue": "02".repeat(16),
        "deed": {"kind": "reopen"},
    });
    assert_eq!(activity(3, Deed::Reopen).to_value(), expected);
}

#[test]
fn the_form_of_a_state_stays() {
    let resolved = fold([&activity(3, Deed::Resolve(Resolution::Now))]);
    let since = "1970-01-01T00:00:03Z";
    let expected = json!({"status": "resolved", "resolution": {"in": "now"}, "since": since});
    assert_eq!(resolved.to_value(), expected);
}

#[test]
fn what_a_later_version_writes_is_unsupported() {
    check_unsupported(json!({"kind": "link", "with": "x"}), "link");
    check_unsupported(json!({"kind": "resolve", "in": "branch"}), "branch");
    check_unsupported(json!({"kind": "ignore", "until": "monday"}), "monday");
    check_unsupported(
        json!({"kind": "ignore", "until": {"user_count": 3}}),
        "user_count",
    );
    check_unsupported(json!({"kind": "review", "step": "ship"}), "ship");
}

#[test]
fn an_unknown_word_is_shown_short_and_without_its_signs() {
    check_unsupported(json!({"kind": "\u{1b}[2J"}), "\\u{1b}[2J");
    let err = Deed::from_value(&json!({"kind": "x".repeat(100_000)})).unwrap_err();
    assert!(err.message().len() < 400);
}

#[test]
fn a_field_that_a_later_version_adds_is_not_looked_at() {
    let value = json!({"kind": "reopen", "because": "it came back"});
    assert_eq!(Deed::from_value(&value).unwrap(), Deed::Reopen);
}

#[test]
fn a_wrong_value_is_named_by_its_field() {
    check_invalid(json!({"kind": 7}), "kind");
    check_invalid(
        json!({"kind": "ignore", "until": {"seen_count": -1}}),
        "until.seen_count",
    );
    check_invalid(
        json!({"kind": "ignore", "until": {"day_count": 1.5}}),
        "until.day_count",
    );
    check_invalid(
        json!({"kind": "ignore", "until": {"time": "monday"}}),
        "until.time",
    );
    check_invalid(
        json!({"kind": "ignore", "until": {"seen_count": 1, "day_count": 1}}),
        "until",
    );
    check_invalid(json!({"kind": "ignore", "until": {}}), "until");
    check_invalid(json!({"kind": "regress", "event": "abc"}), "event");
}

#[test]
fn what_is_no_object_is_refused() {
    for value in [json!(null), json!([]), json!("resolve"), json!(7)] {
        check_error(value.clone(), ErrorKind::InvalidInput, "object");
        assert!(Activity::from_value(&value).is_err());
        assert!(IssueState::from_value(&value).is_err());
    }
}

/// Every path to a value inside objects, as JSON pointers.
fn paths(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (name, inner) in value.as_object().into_iter().flatten() {
        found.push(format!("/{name}"));
        found.extend(
            paths(inner)
                .into_iter()
                .map(|path| format!("/{name}{path}")),
        );
    }
    found
}

/// Neither a list nor nothing at all passes in the place of any field.
fn check_every_field(value: &Value, read: impl Fn(&Value) -> Result<(), Error>) {
    for path in paths(value) {
        let field = path[1..].replace('/', ".");
        let mut broken = value.clone();
        *broken.pointer_mut(&path).unwrap() = json!([]);
        let err = read(&broken).expect_err(&path);
        assert_eq!(err.kind(), ErrorKind::InvalidInput);
        assert!(
            err.message().contains(&format!("'{field}'")),
            "{path}: {err}"
        );
    }
}

#[test]
fn every_field_of_an_activity_must_hold_what_it_should() {
    for activity in every_activity() {
        check_every_field(&activity.to_value(), |value| {
            Activity::from_value(value).map(drop)
        });
    }
}

#[test]
fn every_field_of_a_state_must_hold_what_it_should() {
    for state in states() {
        check_every_field(&state.to_value(), |value| {
            IssueState::from_value(value).map(drop)
        });
    }
}

#[test]
fn no_field_of_a_deed_may_be_left_out() {
    for deed in every_deed() {
        let value = deed.to_value();
        for name in value.as_object().unwrap().keys() {
            let mut broken = value.clone();
            broken.as_object_mut().unwrap().remove(name);
            check_invalid(broken, name);
        }
    }
}

#[test]
fn broken_text_never_panics() {
    let mut random = Lcg(3);
    let texts: Vec<_> = every_activity()
        .iter()
        .map(|one| one.to_value().to_string())
        .collect();
    for _ in 0..20_000 {
        let mut bytes = texts[random.below(texts.len())].clone().into_bytes();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            bytes[at] = b"\"{}[]:,0-.eZn\\u \xff"[random.below(17)];
        }
        if let Ok(value) = serde_json::from_slice::<Value>(&bytes) {
            let _ = Activity::from_value(&value);
            let _ = Deed::from_value(&value);
            let _ = IssueState::from_value(&value);
        }
    }
}
