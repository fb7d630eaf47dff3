//! What goes into the black box while the process lives: breadcrumbs, scopes, suppressed counts, panics that may be
//! its end, the memory group. Without a box all of this does nothing.

use std::sync::Mutex;

use super::engine::{self, State};
use super::local;
use super::scope::Scope;
use crate::event::EventId;
use crate::event::wire::{Encoder, Field};
use crate::journal::{DYING_MAX, FRAME_HEADER_BYTES, Flags, Kind, PANE_BYTES, Ring};

/// The box of this process, if it has one by now.
fn ring() -> Option<&'static Ring> {
    if local::collector().is_some() {
        return None;
    }
    engine::place()?.ring()
}

/// Adds a breadcrumb that is encoded already.
pub(super) fn note_crumb(field: &[u8]) {
    if let Some(ring) = ring() {
        ring.add_crumb(local::cached_thread_id(), field);
    }
}

/// Shows a thread's scope, or the process's in slot 0.
pub(super) fn show_scope(slot: usize, scope: &mut Scope) {
    let Some(ring) = ring() else { return };
    scope.refresh();
    local::with_buffer(|buffer| {
        let mut encoder = Encoder::within(buffer, PANE_BYTES);
        scope.encode_head(&mut encoder);
        scope.encode_fingerprint(&mut encoder);
        scope.encode_data(&mut encoder);
        ring.put_scope(slot, buffer);
    });
}

/// A place for the calling thread's scope.
pub(super) fn claim_slot() -> Option<usize> {
    ring()?.claim_slot(local::cached_thread_id())
}

pub(super) fn release_slot(slot: usize) {
    if let Some(ring) = ring() {
        ring.release_slot(slot);
    }
}

/// Notes suppressed captures that are not yet in a frame, or now are.
pub(super) fn count_suppressed(state: &State, which: usize, added: u64, written: u64) {
    if let Some(ring) = state.place.as_ref().and_then(crate::journal::Place::ring) {
        ring.count_suppressed(which, added, written);
    }
}

/// A thread whose last panic may be the end of the process.
#[derive(Clone, Copy)]
struct Dying {
    thread: u32,
    generation: u64,
    last: EventId,
    before: EventId,
}

/// Those threads. A handler of signals looks into it, so it only ever asks for the lock and never waits.
static DYING: Mutex<[Option<Dying>; DYING_MAX]> = Mutex::new([None; DYING_MAX]);

fn find(dying: &[Option<Dying>; DYING_MAX], thread: u32) -> Option<(usize, Dying)> {
    let generation = super::platform::fork_generation();
    dying
        .iter()
        .enumerate()
        .filter_map(|(index, entry)| Some((index, (*entry)?)))
        .find(|(_, entry)| entry.thread == thread && entry.generation == generation)
}

/// The calling thread panicked, and `id` is the event of it.
pub(super) fn note_panic(id: EventId) {
    let thread = local::cached_thread_id();
    let Ok(mut dying) = DYING.try_lock() else {
        return;
    };
    let generation = super::platform::fork_generation();
    let (index, before) = match find(&dying, thread) {
        Some((index, entry)) => (Some(index), entry.last),
        None => {
            let is_free = |entry: &Option<Dying>| entry.is_none_or(|e| e.generation != generation);
            (dying.iter().position(is_free), EventId::NIL)
        }
    };
    let Some(index) = index else { return };
    dying[index] = Some(Dying {
        thread,
        generation,
        last: id,
        before,
    });
    show_dying(index, &dying[index]);
}

/// A thread lives on after its panic.
pub(super) fn note_survival(thread: u32) {
    if let Ok(mut dying) = DYING.try_lock()
        && let Some((index, _)) = find(&dying, thread)
    {
        dying[index] = None;
        show_dying(index, &None);
    }
}

fn show_dying(index: usize, entry: &Option<Dying>) {
    if let Some(ring) = ring() {
        let (thread, events) = entry.map_or((0, [[0; 16]; 2]), |entry| {
            (
                entry.thread,
                [*entry.last.as_bytes(), *entry.before.as_bytes()],
            )
        });
        ring.put_dying(index, thread, events);
    }
}

/// A panic left a destructor while another one unwound: the event of the inner one becomes a part of the outer one's.
pub(super) fn join_panics() {
    let thread = local::cached_thread_id();
    let Ok(mut dying) = DYING.try_lock() else {
        return;
    };
    let Some((index, entry)) = find(&dying, thread) else {
        return;
    };
    if entry.before.is_nil() || entry.last.is_nil() {
        return;
    }
    let Some(place) = engine::place() else { return };
    local::with_buffer(|frame| {
        frame.resize(FRAME_HEADER_BYTES, 0);
        Encoder::new(frame).bytes(Field::Absorbed as u8, entry.last.as_bytes());
        let id = *entry.before.as_bytes();
        let _ = place.write(frame, Kind::Amend, Flags::FATAL, id);
    });
    dying[index] = Some(Dying {
        last: entry.before,
        before: EventId::NIL,
        ..entry
    });
}

/// The event of the panic that a thread is dying of, if it is. Async-signal-safe.
#[cfg(feature = "native")]
pub(super) fn dying_of(thread: u32) -> Option<EventId> {
    let dying = DYING.try_lock().ok()?;
    find(&dying, thread)
        .map(|(_, entry)| entry.last)
        .filter(|id| !id.is_nil())
}

/// Notes the process's control group, so that a later reader can see whether the kernel killed in it. The path alone does
/// not say which one it is: in another container it is another group's.
pub(super) fn note_memory_group(ring: &Ring) {
    let Ok(groups) = std::fs::read_to_string("/proc/self/cgroup") else {
        return;
    };
    let Some(path) = groups.lines().find_map(|line| line.strip_prefix("0::")) else {
        return;
    };
    let directory = std::fs::metadata(format!("/sys/fs/cgroup{path}"));
    if let (Ok(directory), Some(kills)) = (directory, memory_kills(path)) {
        let inode = std::os::unix::fs::MetadataExt::ino(&directory);
        ring.put_memory_group(&format!("{inode} {path}"), kills);
    }
}

/// How often the kernel has killed in a control group for want of memory.
fn memory_kills(path: &str) -> Option<u64> {
    let events = std::fs::read_to_string(format!("/sys/fs/cgroup{path}/memory.events")).ok()?;
    let line = events
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?;
    line.trim().parse().ok()
}
