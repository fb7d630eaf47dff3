//! `resolve`, `reopen`, `ignore`, `assign`, `comment`, `undo`: what people decide about issues.

use std::collections::HashSet;
use std::io::Read;

use crashvault::{
    Activity, Deed, ErrorKind, IgnoreUntil, Issue, IssueRef, Resolution, Timestamp, Vault,
};
use serde_json::json;

use super::Done;
use super::reading::{self, Place};
use crate::args::{Assign, Comment, Ignore, Reopen, Resolve, Undo, Wait};
use crate::output::age::age;
use crate::output::failure::{FAILED, NOT_FOUND, USAGE};
use crate::output::text::visible;
use crate::output::{Failure, Screen, Stop, Style, activity, json};

/// Of a comment on stdin, in bytes: what is more is refused by the engine, not cut.
const COMMENT_BYTES_READ: u64 = crashvault::issue::COMMENT_BYTES_MAX as u64 + 1;

/// As an assignee: who decides, as in `search assigned:me`.
const ME: &str = "me";

pub fn resolve(place: &Place, resolve: &Resolve, screen: &mut Screen) -> Result<Done, Stop> {
    let resolution = match (&resolve.in_release, resolve.in_next_release) {
        (Some(release), _) => Resolution::Release(release.clone()),
        (None, true) => Resolution::NextRelease(None),
        (None, false) => Resolution::Now,
    };
    let comment = resolve.comment.as_deref().map(said).transpose()?;
    each(place, &resolve.of.issues, screen, |vault, issue| {
        let activities = match &comment {
            None => vec![vault.resolve(issue, resolution.clone())?],
            // The comment comes first, so that `undo` takes back the resolution.
            Some(text) => vault.decide_all(&[
                (issue.clone(), Deed::Comment(text.clone())),
                (issue.clone(), Deed::Resolve(resolution.clone())),
            ])?,
        };
        Ok(Decided::of(activities))
    })
}

pub fn reopen(place: &Place, reopen: &Reopen, screen: &mut Screen) -> Result<Done, Stop> {
    each(place, &reopen.of.issues, screen, |vault, issue| {
        Ok(Decided::of([vault.reopen(issue)?]))
    })
}

pub fn ignore(place: &Place, ignore: &Ignore, screen: &mut Screen) -> Result<Done, Stop> {
    let until = match (ignore.until, ignore.count, ignore.until_grows) {
        (Some(time), ..) => IgnoreUntil::Time(time),
        (_, Some(count), _) => IgnoreUntil::SeenAgain(count),
        (.., true) => IgnoreUntil::Grown,
        _ => IgnoreUntil::Reopened,
    };
    each(place, &ignore.of.issues, screen, |vault, issue| {
        Ok(Decided::of([vault.ignore(issue, until)?]))
    })
}

pub fn assign(place: &Place, assign: &Assign, screen: &mut Screen) -> Result<Done, Stop> {
    let (issues, name) = assign
        .read()
        .map_err(|why| Failure::usage(why, "`crashvault assign --help` has examples"))?;
    each(place, &issues, screen, |vault, issue| {
        let author = vault.author().to_owned();
        let name = name.map(|name| if name == ME { &author } else { name });
        Ok(Decided::of([vault.assign(issue, name)?]))
    })
}

pub fn comment(place: &Place, comment: &Comment, screen: &mut Screen) -> Result<Done, Stop> {
    let text = said(&comment.text)?;
    let issues = std::slice::from_ref(&comment.issue);
    each(place, issues, screen, |vault, issue| {
        Ok(Decided::of([vault.comment(issue, &text)?]))
    })
}

pub fn undo(place: &Place, undo: &Undo, screen: &mut Screen) -> Result<Done, Stop> {
    each(place, &undo.of.issues, screen, |vault, issue| {
        let (undone, activity) = vault.undo(issue)?;
        Ok(Decided {
            undone: Some(undone),
            ..Decided::of([activity])
        })
    })
}

/// What there is to say: the words themselves, or stdin.
fn said(text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin()
        .lock()
        .take(COMMENT_BYTES_READ)
        .read_to_end(&mut bytes);
    read.map_err(|error| Failure::new(format!("cannot read stdin: {error}"), ""))?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// What was recorded about one issue.
pub struct Decided {
    activities: Vec<Activity>,
    /// What that took back.
    undone: Option<Activity>,
    /// Whether all of it is told; else the last one.
    is_told_whole: bool,
}

impl Decided {
    /// Several things that are told each.
    pub fn all(activities: Vec<Activity>) -> Self {
        Self {
            is_told_whole: true,
            ..Self::of(activities)
        }
    }

    pub fn of(activities: impl IntoIterator<Item = Activity>) -> Self {
        Self {
            activities: activities.into_iter().collect(),
            undone: None,
            is_told_whole: false,
        }
    }
}

/// Decides about each issue once. One that fails keeps the others from nothing.
pub fn each(
    place: &Place,
    references: &[IssueRef],
    screen: &mut Screen,
    decide: impl FnMut(&mut Vault, &IssueRef) -> crashvault::Result<Decided>,
) -> Result<Done, Stop> {
    let mut vault = reading::open(place, Wait::default(), screen)?.vault;
    each_in(&mut vault, references, screen, decide)
}

/// As [`each`], in a vault that is open.
pub fn each_in(
    vault: &mut Vault,
    references: &[IssueRef],
    screen: &mut Screen,
    mut decide: impl FnMut(&mut Vault, &IssueRef) -> crashvault::Result<Decided>,
) -> Result<Done, Stop> {
    let mut done = HashSet::new();
    let mut values = Vec::new();
    let mut worst = Worst::default();
    for reference in references {
        let decided = reading::find(vault, reference, screen).and_then(|(issue, _)| {
            let reference = IssueRef::Id(issue.id);
            if !done.insert(issue.id) {
                return Ok(None);
            }
            let decided = decide(vault, &reference)?;
            let issue = match vault.issue(&reference) {
                // Its last event left with what was taken back: it is told as it was.
                Err(error) if error.kind() == ErrorKind::NotFound => issue,
                found => found?,
            };
            Ok(Some((issue, decided)))
        });
        match decided {
            Ok(Some((issue, decided))) if screen.json => values.push(value(&issue, &decided)),
            Ok(Some((issue, decided))) => tell(&issue, &decided, screen)?,
            Ok(None) => {}
            Err(stop) => worst.meet(stop, screen)?,
        }
    }
    if !values.is_empty() {
        screen.value(&json!({ "decided": values }))?;
    }
    Ok(worst.done())
}

/// Answers what was decided about one issue.
pub fn answer(issue: &Issue, decided: Decided, screen: &mut Screen) -> Result<(), Stop> {
    match screen.json {
        true => screen.value(&json!({ "decided": [value(issue, &decided)] }))?,
        false => tell(issue, &decided, screen)?,
    }
    Ok(())
}

/// The worst failure of several that did not end the command.
#[derive(Debug, Default)]
pub struct Worst(Option<(u8, u8)>);

impl Worst {
    /// Tells a failure and goes on.
    pub fn meet(&mut self, stop: Stop, screen: &mut Screen) -> Result<(), Stop> {
        match stop {
            Stop::Failed(failure) => {
                self.0 = self.0.max(Some(badness(failure.code)));
                Ok(screen.fail(&failure)?)
            }
            closed => Err(closed),
        }
    }

    pub fn done(self) -> Done {
        self.0.map_or(Done::Well, |(_, code)| Done::Partly(code))
    }
}

/// Exit codes in the order in which they hide each other.
fn badness(code: u8) -> (u8, u8) {
    let rank = match code {
        NOT_FOUND => 0,
        USAGE => 1,
        FAILED => 2,
        _ => 3,
    };
    (rank, code)
}

fn value(issue: &Issue, decided: &Decided) -> serde_json::Value {
    let activities = decided.activities.iter().map(Activity::to_value);
    let mut value = json!({
        "issue": json::issue(issue),
        "activities": activities.collect::<Vec<_>>(),
    });
    if let Some(undone) = &decided.undone {
        value["undone"] = undone.to_value();
    }
    value
}

fn tell(issue: &Issue, decided: &Decided, screen: &mut Screen) -> std::io::Result<()> {
    let number = screen.paint.on(Style::Name, format!("#{}", issue.number));
    let title = screen.paint.on(Style::Dim, visible(&issue.title));
    let what = match (&decided.undone, decided.activities.last()) {
        (Some(undone), _) => format!(
            "took back: {} ({}, {})",
            activity::deed(&undone.deed),
            visible(&undone.author),
            age(undone.decided_at, Timestamp::now()),
        ),
        (None, Some(_)) if decided.is_told_whole => {
            let deeds = decided.activities.iter();
            let deeds: Vec<_> = deeds.map(|one| activity::deed(&one.deed)).collect();
            deeds.join(", ")
        }
        (None, Some(last)) => activity::deed(&last.deed),
        (None, None) => return Ok(()),
    };
    screen.line(format!("{number} {what}: {title}"))
}
