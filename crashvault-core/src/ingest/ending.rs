//! The end of a process, seen from outside: what its place for last words holds, which frames belong together, and
//! whether it ended without notice.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::{last_words, stacks};
use crate::event::wire::{self, LastWords};
use crate::event::{Event, EventId, Exception, Image, Level, Mechanism};
use crate::journal::{BoxContent, Dying, Identity, Kind, Mark, MemoryGroup, Scan};
use crate::symbol::Symbolizer;
use crate::time::Timestamp;
use crate::trace::Trace;

/// Frames about the end of a process that still lives wait so long for what follows them.
const HOLD_MS: u64 = 5000;

/// What the places for last words of one process say.
#[derive(Default)]
pub(super) struct Ending {
    places: Vec<Scan>,
    /// What the runtime of the program's language said of its threads.
    stacks: Option<Trace>,
    /// By the event they add to.
    amends: HashMap<[u8; 16], Vec<Vec<u8>>>,
    /// Events that are parts of others: the part, the whole.
    absorbed: HashMap<[u8; 16], [u8; 16]>,
    /// Events of panics that may be the end of their process.
    dying: HashSet<[u8; 16]>,
}

impl Ending {
    /// `stacks` is the text that lies beside the place.
    pub(super) fn add(&mut self, place: Scan, stacks: Option<Vec<u8>>) {
        self.stacks = stacks
            .and_then(|text| stacks::read(&text))
            .or(self.stacks.take());
        for frame in place.frames().filter(|frame| frame.kind == Kind::Amend) {
            let mut words = LastWords::default();
            words.read(frame.body);
            if let Some(part) = words.absorbed {
                self.absorbed.insert(part, frame.id);
            }
            let amends = self.amends.entry(frame.id).or_default();
            amends.push(frame.body.to_vec());
        }
        if let Some(content) = place.black_box() {
            for dying in content.dying() {
                self.dying
                    .extend(dying.events.iter().filter(|id| **id != [0; 16]));
            }
        }
        self.places.push(place);
    }

    /// Whether an event of a living process waits for what may follow it.
    pub(super) fn holds(&self, is_place: bool, id: [u8; 16], now: Timestamp) -> bool {
        let age_ms = (now.as_nanos() / 1_000_000).saturating_sub(time_of(id) as i64);
        (is_place || self.dying.contains(&id)) && (0..HOLD_MS as i64).contains(&age_ms)
    }

    /// The event that an event is to be told as a part of.
    pub(super) fn whole_of(&self, id: [u8; 16]) -> Option<[u8; 16]> {
        self.absorbed.get(&id).copied()
    }

    /// The events that are parts of this one.
    pub(super) fn parts_of(&self, id: [u8; 16]) -> impl Iterator<Item = [u8; 16]> {
        let parts = self.absorbed.iter();
        parts
            .filter(move |(_, whole)| **whole == id)
            .map(|(part, _)| *part)
    }

    /// Whether the place has something to say about an event.
    pub(super) fn concerns(&self, is_in_place: bool, id: [u8; 16]) -> bool {
        is_in_place || self.amends.contains_key(&id)
    }

    /// Adds what the place says about an event: its own body is `body`.
    pub(super) fn complete(
        &self,
        event: &mut Event,
        id: [u8; 16],
        body: &[u8],
        images: &mut Vec<Image>,
        symbolizer: &mut Symbolizer,
    ) {
        let amends = self.amends.get(&id).map(Vec::as_slice).unwrap_or_default();
        let mut words = LastWords::default();
        for body in std::iter::once(body).chain(amends.iter().map(Vec::as_slice)) {
            words.read(body);
        }
        for amend in amends {
            wire::decode_onto(event, amend);
        }
        let Some(signal) = &words.signal else { return };
        if event.exceptions.is_empty()
            && let Some(place) = self.places.first()
            && let Some(content) = place.black_box()
        {
            let is_forked = place.header.is_forked;
            last_words::add_surroundings(event, &content, signal.thread, is_forked);
        }
        last_words::add_signal(event, &words, images, symbolizer);
        if let Some(told) = &self.stacks {
            stacks::add(event, told);
        }
    }
}

/// Adds the chain of an event that is a part of this one: it stands before, as the event's own exception is what began the
/// end.
pub(super) fn absorb(event: &mut Event, part: Event) {
    let mut chain = part.exceptions;
    chain.append(&mut event.exceptions);
    event.exceptions = chain;
}

/// Milliseconds since 1970, as a UUID v7 begins with them.
fn time_of(id: [u8; 16]) -> u64 {
    id[..6]
        .iter()
        .fold(0, |time, byte| time << 8 | u64::from(*byte))
}

/// Whether the process of an ownerless segment is there all the same: a host may close descriptors that are not its own.
pub(super) fn is_still_there(writer: &Identity) -> bool {
    if writer.start_ticks == 0 || present_boot() != Some(writer.boot) {
        return false;
    }
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{}/stat", writer.pid)) else {
        return false;
    };
    // proc(5): state and start follow the name, which may hold anything.
    let Some((_, behind_name)) = stat.rsplit_once(')') else {
        return false;
    };
    let mut fields = behind_name.split_whitespace();
    let is_dead = matches!(fields.next(), None | Some("Z" | "X"));
    !is_dead && fields.nth(18).and_then(|start| start.parse().ok()) == Some(writer.start_ticks)
}

fn present_boot() -> Option<[u8; 16]> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let id: EventId = text.trim().parse().ok()?;
    Some(*id.as_bytes())
}

/// Why a process ended without notice, where something proves it.
enum Cause {
    /// Since it began the kernel has killed in its control group for want of memory: this process or a neighbour.
    OutOfMemory,
    /// The machine was started anew since.
    Restart,
}

/// How long after a panic a process that leaves breadcrumbs has lived on.
const OUTLIVED_MS: i64 = 10_000;

/// Whether the process left breadcrumbs long after a panic: somebody caught it in a thread that never came by again.
fn was_outlived(dying: &Dying, last_seen: Option<Timestamp>) -> bool {
    let panicked_ms = time_of(dying.events[0]) as i64;
    last_seen.is_some_and(|seen| seen.as_nanos() / 1_000_000 > panicked_ms + OUTLIVED_MS)
}

/// The event of a process that ended without notice; `None` if it did not, or another event tells of its end.
///
/// `base` is what all its events share. `id` is made from the segment, so that a drain that is repeated finds it known.
pub(super) fn without_notice(
    place: &Scan,
    stacks: Option<Vec<u8>>,
    base: &Event,
    id: EventId,
) -> Option<Event> {
    let header = &place.header;
    if header.mark != Mark::None || !place.is_ownerless {
        return None;
    }
    if place.frames().any(|frame| frame.kind == Kind::Event) {
        return None;
    }
    let content = place.black_box();
    if let Some(told) = stacks.and_then(|text| stacks::read(&text)) {
        return Some(told_by_runtime(place, content.as_ref(), told, base, id));
    }
    if !header.has_mark {
        return None;
    }
    let group = content.as_ref().and_then(|content| content.memory_group());
    let cause = cause(header.identity.boot, group);
    // A child that was forked ends by `_exit` in the usual way.
    if header.is_forked && cause.is_none() {
        return None;
    }
    let mut event = base.clone();
    event.event_id = id;
    if let Some(content) = &content {
        last_words::add_surroundings(&mut event, content, None, header.is_forked);
    }
    let last_seen = event
        .breadcrumbs
        .iter()
        .filter_map(|crumb| crumb.timestamp)
        .max();
    let mut dying = content.iter().flat_map(BoxContent::dying);
    if dying.any(|dying| !was_outlived(&dying, last_seen)) {
        return None;
    }
    event.timestamp = last_seen.or(Some(Timestamp::from_nanos(header.created_at_ns)));
    let (level, value) = match cause {
        None => (Level::Warning, "killed, _exit or exec"),
        Some(Cause::OutOfMemory) => (
            Level::Fatal,
            "killed, most likely by the kernel: it killed in this control group for want of memory",
        ),
        Some(Cause::Restart) => (
            Level::Error,
            "the machine was restarted or lost power while it ran",
        ),
    };
    event.level = level;
    let mut mechanism = Mechanism {
        ty: Some("black_box".into()),
        handled: Some(false),
        ..Mechanism::default()
    };
    mechanism.other.insert("synthetic".into(), true.into());
    event.exceptions.push(Exception {
        ty: Some("ended without notice".into()),
        value: Some(value.into()),
        mechanism: Some(mechanism),
        ..Exception::default()
    });
    event.contexts.insert(
        "black_box".into(),
        json!({
            "pid": header.identity.pid,
            "began": Timestamp::from_nanos(header.created_at_ns).to_string(),
        }),
    );
    Some(event)
}

/// The event of an end that a signal made and of which no handler of ours has left a record.
fn told_by_runtime(
    place: &Scan,
    content: Option<&BoxContent<'_>>,
    told: Trace,
    base: &Event,
    id: EventId,
) -> Event {
    let mut event = base.clone();
    event.event_id = id;
    if let Some(content) = content {
        last_words::add_surroundings(&mut event, content, None, place.header.is_forked);
    }
    let crumbs = event.breadcrumbs.iter().filter_map(|crumb| crumb.timestamp);
    let began = Timestamp::from_nanos(place.header.created_at_ns);
    event.timestamp = crumbs.max().or(Some(began));
    stacks::tell(&mut event, told);
    event
}

fn cause(boot: [u8; 16], group: Option<MemoryGroup<'_>>) -> Option<Cause> {
    let has_restarted = boot != [0; 16] && present_boot().is_some_and(|present| present != boot);
    if has_restarted {
        return Some(Cause::Restart);
    }
    let group = group?;
    let directory = format!("/sys/fs/cgroup{}", group.path);
    if inode(&directory)? != group.inode {
        return None;
    }
    let events = std::fs::read_to_string(directory + "/memory.events").ok()?;
    (kills_in(&events)? > group.kills).then_some(Cause::OutOfMemory)
}

#[cfg(unix)]
fn inode(path: &str) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    Some(std::fs::metadata(path).ok()?.ino())
}

#[cfg(not(unix))]
fn inode(_: &str) -> Option<u64> {
    None
}

fn kills_in(events: &str) -> Option<u64> {
    let line = events
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_boot_id_proves_a_restart() {
        assert!(matches!(cause([7; 16], None), Some(Cause::Restart)));
        assert!(cause(present_boot().unwrap_or_default(), None).is_none());
        assert!(cause([0; 16], None).is_none(), "not known");
    }

    #[test]
    fn a_control_group_that_is_gone_or_another_proves_nothing() {
        let group = |path, inode| MemoryGroup {
            inode,
            path,
            kills: 0,
        };
        assert!(cause([0; 16], Some(group("/no/such/group", 0))).is_none());
        assert!(cause([0; 16], Some(group("", 1 << 60))).is_none());
    }

    #[test]
    fn kills_are_read_from_the_groups_events() {
        let events = "low 0\nhigh 0\nmax 9\noom 2\noom_kill 3\noom_group_kill 0\n";
        assert_eq!(kills_in(events), Some(3));
        assert_eq!(kills_in("oom 2\n"), None);
    }

    fn check_held(is_place: bool, dying: bool, age_ms: i64, expected: bool) {
        let mut ending = Ending::default();
        let id = *EventId::v7(1_000_000, &[1; 10]).as_bytes();
        if dying {
            ending.dying.insert(id);
        }
        let now = Timestamp::from_nanos((1_000_000 + age_ms) * 1_000_000);
        assert_eq!(ending.holds(is_place, id, now), expected, "{age_ms} ms");
    }

    #[test]
    fn what_may_be_the_end_waits_for_a_while() {
        check_held(true, false, 0, true);
        check_held(false, true, 4999, true);
        check_held(false, true, 5000, false);
        check_held(false, false, 0, false);
        // A clock that was set back.
        check_held(true, true, -1, false);
    }

    fn check_outlived(last_seen_ms: Option<i64>, expected: bool) {
        let dying = Dying {
            thread: 1,
            events: [*EventId::v7(1_000_000, &[1; 10]).as_bytes(), [0; 16]],
        };
        let last_seen = last_seen_ms.map(|ms| Timestamp::from_nanos(ms * 1_000_000));
        assert_eq!(
            was_outlived(&dying, last_seen),
            expected,
            "{last_seen_ms:?}"
        );
    }

    #[test]
    fn a_process_that_leaves_breadcrumbs_long_after_a_panic_has_outlived_it() {
        check_outlived(None, false);
        check_outlived(Some(1_000_100), false);
        check_outlived(Some(1_010_001), true);
    }

    #[test]
    fn this_process_is_there_and_one_of_another_start_is_not() {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let (_, behind_name) = stat.rsplit_once(')').unwrap();
        let start = behind_name.split_whitespace().nth(19).unwrap();
        let mut writer = Identity {
            pid: std::process::id(),
            boot: present_boot().unwrap(),
            start_ticks: start.parse().unwrap(),
            ..Identity::default()
        };
        assert!(is_still_there(&writer));
        writer.start_ticks += 1;
        assert!(!is_still_there(&writer));
    }
}
