//! The door for servers: what others send is in the journal, and on the disk, before they are answered.
//!
//! Many requests wait together: one thread writes what has come meanwhile with one `write(2)` and waits for the disk
//! once for all of it. Whoever drains the vault takes it in later, as everything that lies in the journal.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::door::Vault;
use crate::capture::{self, free_bytes};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Delivery;
use crate::ingest;
use crate::journal::{
    BODY_BYTES_MAX, FRAME_HEADER_BYTES, Fullness, Journal, Limits, Preamble, Unsealed,
};

/// What waits to be written, in bytes; more is refused.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What is written at once, in bytes, where the first delivery is not longer: so that one segment stays readable.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long the room on the disk is believed.
const ROOM_AGE_MAX: Duration = Duration::from_millis(200);

/// How an [`Intake`] writes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct IntakeOptions {
    is_synced: bool,
}

impl Default for IntakeOptions {
    fn default() -> Self {
        Self { is_synced: true }
    }
}

impl IntakeOptions {
    /// Whether the disk is waited for (`fdatasync`): else what was taken survives SIGKILL, but not a power cut. Default:
    /// true.
    #[must_use]
    pub fn synced(mut self, on: bool) -> Self {
        self.is_synced = on;
        self
    }
}

/// Takes deliveries into a vault's journal. Shared by threads; ends when dropped, after everything that waits is written.
///
/// ```
/// use crashvault::{Delivery, EventId, Timestamp, Vault};
/// # let home = std::env::temp_dir().join(format!("crashvault-doc-intake-{}", std::process::id()));
/// let mut vault = Vault::open(&home)?;
/// let intake = vault.intake(Default::default())?;
/// let id: EventId = "0123456789abcdef0123456789abcdef".parse().unwrap();
/// let sent = br#"{"message":"disk full"}"#;
/// let (done, outcome) = std::sync::mpsc::channel();
/// intake.take(
///     &[Delivery::new("event", "shop", Timestamp::now(), sent).event(id)],
///     move |result| done.send(result).unwrap(),
/// )?;
/// outcome.recv().unwrap()?; // it is on the disk
/// vault.drain_all()?;
/// assert_eq!(vault.event(id)?.event.title(), "disk full");
/// # let _ = std::fs::remove_dir_all(&home);
/// # Ok::<(), crashvault::Error>(())
/// ```
pub struct Intake {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake")
            .field("home", &self.shared.home)
            .finish_non_exhaustive()
    }
}

struct Shared {
    home: PathBuf,
    free_bytes_min: u64,
    is_synced: bool,
    journal: Journal,
    queue: Mutex<Queue>,
    wake: Condvar,
    /// Whether the disk had room, and when that was asked.
    room: Mutex<Option<(Instant, bool)>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    is_closed: bool,
}

struct Waiting {
    frames: Vec<Unsealed>,
    bytes: usize,
    done: Box<dyn FnOnce(Result<()>) + Send>,
}

/// A server's own process says nothing of those who send to it.
struct Nobody;

impl Preamble for Nobody {
    fn process(&self, _: &mut Vec<u8>) {}

    fn modules(&self, _: &mut Vec<u8>) -> u64 {
        1
    }
}

impl Vault {
    /// Opens the door for what others send. It lives beside the vault, and may be used by many threads.
    ///
    /// # Errors
    /// ReadOnly; Io if its thread cannot be started; Unsupported in a forked child.
    pub fn intake(&self, options: IntakeOptions) -> Result<Intake> {
        self.lineage.check()?;
        if self.is_read_only {
            let message = format!("{} is open for reading only", self.home.display());
            return Err(Error::new(ErrorKind::ReadOnly, "open intake", message));
        }
        let process = capture::random_bytes();
        let journal = Journal::new(
            self.home.join("journal"),
            Limits::default(),
            capture::identity(process, self.settings.vault_id, String::new()),
            Box::new(Nobody),
            capture::random_bytes,
        );
        journal.prepare();
        let shared = Arc::new(Shared {
            home: self.home.clone(),
            free_bytes_min: self.settings.free_bytes_min,
            is_synced: options.is_synced,
            journal,
            queue: Mutex::default(),
            wake: Condvar::new(),
            room: Mutex::default(),
        });
        let own = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("crashvault-intake".into())
            .spawn(move || own.write_all())
            .map_err(|error| Error::io("open intake", &self.home, error))?;
        Ok(Intake {
            shared,
            writer: Some(writer),
        })
    }
}

impl Intake {
    /// Longest delivery that is taken, in bytes; its head takes part of it.
    pub const BYTES_MAX: usize = BODY_BYTES_MAX;

    /// Takes deliveries that belong together: written one behind the other, and `done` is called once, from another
    /// thread, when all of them are on the disk or none can be counted on. It must not wait.
    ///
    /// An event that names no id is refused: its sender could not be told one.
    ///
    /// # Errors
    /// Nothing was taken, and `done` is not called: InvalidInput for an event without an id; LimitReached for a delivery
    /// above [`Intake::BYTES_MAX`], and (with the context `retry`) while too much waits or the journal is full; Io,
    /// retryable, while the disk is as good as full.
    pub fn take(
        &self,
        deliveries: &[Delivery<'_>],
        done: impl FnOnce(Result<()>) + Send + 'static,
    ) -> Result<()> {
        let frames: Vec<Unsealed> = deliveries.iter().map(frame).collect::<Result<_>>()?;
        self.shared.refuse_full()?;
        let bytes = frames.iter().map(|frame| frame.bytes.len()).sum();
        let mut queue = self.shared.queue();
        if queue.bytes + bytes > WAITING_BYTES_MAX {
            return Err(too_much("more comes in than the disk takes"));
        }
        queue.bytes += bytes;
        queue.waiting.push_back(Waiting {
            frames,
            bytes,
            done: Box::new(done),
        });
        drop(queue);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Says why nothing would be taken now; `Ok` if it would.
    ///
    /// # Errors
    /// As [`Intake::take`].
    pub fn check(&self) -> Result<()> {
        self.shared.refuse_full()
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.shared.queue().is_closed = true;
        self.shared.wake.notify_one();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn frame(delivery: &Delivery<'_>) -> Result<Unsealed> {
    if delivery.is_event() && delivery.event.is_none_or(|id| id.is_nil()) {
        let message = "an event needs an id before it is taken in";
        return Err(Error::new(ErrorKind::InvalidInput, "take in", message));
    }
    let mut bytes = vec![0; FRAME_HEADER_BYTES];
    delivery.encode(&mut bytes);
    let length = bytes.len() - FRAME_HEADER_BYTES;
    if length > BODY_BYTES_MAX {
        let message = format!("{length} bytes are more than the {BODY_BYTES_MAX} of one delivery");
        return Err(Error::new(ErrorKind::LimitReached, "take in", message));
    }
    let id = ingest::key_of(delivery, capture::random_bytes());
    Ok(Unsealed { id, bytes })
}

fn too_much(what: &str) -> Error {
    Error::new(ErrorKind::LimitReached, "take in", what).with_context("retry", "later")
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it is held; and what is in it is whole after each step.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse_full(&self) -> Result<()> {
        if self.journal.fullness() != Fullness::HasRoom {
            return Err(too_much(
                "the journal is full: more came in than could be taken into the vault",
            ));
        }
        if self.has_room() {
            return Ok(());
        }
        let message = format!(
            "the disk of {} is as good as full (space.free_min_mb)",
            self.home.display()
        );
        let full = io::Error::from(io::ErrorKind::StorageFull);
        Err(Error::new(ErrorKind::Io, "take in", message).with_source(full))
    }

    fn has_room(&self) -> bool {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, has_room)) = *room
            && at.elapsed() < ROOM_AGE_MAX
        {
            return has_room;
        }
        let has_room = free_bytes(&self.home).is_none_or(|free| free >= self.free_bytes_min);
        *room = Some((Instant::now(), has_room));
        has_room
    }

    fn write_all(&self) {
        capture::mark_own_thread();
        while let Some(group) = self.next_group() {
            self.write(group);
        }
        let _ = self.journal.close();
    }

    /// What waits, as much of it as is written at once; `None` once nothing more will come.
    fn next_group(&self) -> Option<Vec<Waiting>> {
        let mut queue = self.queue();
        while queue.waiting.is_empty() {
            if queue.is_closed {
                return None;
            }
            let woken = self.wake.wait(queue);
            queue = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let mut bytes = 0;
        let mut group = Vec::new();
        while let Some(next) = queue.waiting.front() {
            if !group.is_empty() && bytes + next.bytes > GROUP_BYTES_MAX {
                break;
            }
            bytes += next.bytes;
            group.extend(queue.waiting.pop_front());
        }
        queue.bytes -= bytes;
        Some(group)
    }

    fn write(&self, group: Vec<Waiting>) {
        let mut frames = Vec::new();
        let mut waiting = Vec::with_capacity(group.len());
        for one in group {
            frames.extend(one.frames);
            waiting.push(one.done);
        }
        let written = match frames.is_empty() {
            true => Ok(()),
            false => self.journal.append_all(&mut frames, self.is_synced),
        };
        for done in waiting {
            done(
                written
                    .as_ref()
                    .copied()
                    .map_err(|error| self.failed(error)),
            );
        }
    }

    /// Each that waited gets an error of its own.
    fn failed(&self, error: &io::Error) -> Error {
        let again = match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => error.kind().into(),
        };
        Error::io("take in", self.journal.directory(), again)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::event::EventId;
    use crate::scratch::{Scratch, scratch};
    use crate::store::ItemFilter;
    use crate::time::Timestamp;
    use serde_json::json;

    fn vault() -> (Scratch, Vault) {
        let home = scratch();
        let vault = Vault::open(home.path()).unwrap();
        (home, vault)
    }

    fn id(number: u8) -> EventId {
        EventId::from_bytes([number; 16])
    }

    /// Takes them and waits until they are on the disk.
    fn take(intake: &Intake, deliveries: &[Delivery<'_>]) -> Result<()> {
        let (done, outcome) = mpsc::channel();
        intake.take(deliveries, move |result| done.send(result).unwrap())?;
        outcome.recv().unwrap()
    }

    fn sent<'d>(kind: &str, payload: &'d [u8]) -> Delivery<'d> {
        Delivery::new(kind, "shop", Timestamp::now(), payload)
    }

    #[test]
    fn what_is_taken_waits_in_the_journal_and_is_drained_in_its_order() {
        let (_home, mut vault) = vault();
        let intake = vault.intake(IntakeOptions::default()).unwrap();
        for number in 1..=3 {
            let body =
                json!({"message": format!("disk {number} full"), "event_id": id(9).to_string()});
            take(
                &intake,
                &[sent("event", body.to_string().as_bytes()).event(id(number))],
            )
            .unwrap();
        }
        assert_eq!(vault.status().unwrap().waiting_count, 3);
        assert_eq!(vault.drain_all().unwrap().events_new, 3);
        let stored = vault.event(id(2)).unwrap();
        assert_eq!(stored.event.title(), "disk 2 full");
        assert_eq!(stored.event.project(), Some("shop"));
        assert_eq!(vault.issue(&"#1".parse().unwrap()).unwrap().project, "shop");
    }

    #[test]
    fn the_same_event_twice_is_one() {
        let (_home, mut vault) = vault();
        let intake = vault.intake(IntakeOptions::default()).unwrap();
        for _ in 0..2 {
            take(&intake, &[sent("event", b"{}").event(id(1))]).unwrap();
        }
        let report = vault.drain_all().unwrap();
        assert_eq!((report.events_new, report.events_known), (1, 1));
    }

    #[test]
    fn an_item_is_kept_without_its_secrets_and_one_without_any_as_it_came() {
        let (_home, mut vault) = vault();
        let intake = vault.intake(IntakeOptions::default()).unwrap();
        let check = br#"{ "check_in_id": "5", "duration": 1.10 }"#;
        let log = br#"{"items":[{"body":"hello","attributes":{"password":{"value":"hunter2"}}}]}"#;
        let head = json!({"type": "check_in"}).as_object().cloned().unwrap();
        take(
            &intake,
            &[
                sent("check_in", check).head(head),
                sent("log", log),
                sent("replay_recording", b"\x01\xff"),
            ],
        )
        .unwrap();
        vault.drain_all().unwrap();
        let items = vault.items(&ItemFilter::default()).unwrap();
        let kinds: Vec<&str> = items.iter().map(|item| item.kind.as_str()).collect();
        assert_eq!(kinds, ["replay_recording", "log", "check_in"]);
        assert_eq!(vault.read_item(&items[0]).unwrap(), b"\x01\xff");
        let log = String::from_utf8(vault.read_item(&items[1]).unwrap()).unwrap();
        assert!(log.contains("hello") && !log.contains("hunter2"), "{log}");
        assert_eq!(vault.read_item(&items[2]).unwrap(), check);
        assert_eq!(items[2].head["type"], "check_in");
        let of_kind = ItemFilter::default().kind("log");
        assert_eq!(vault.items(&of_kind).unwrap(), [items[1].clone()]);
    }

    #[test]
    fn items_of_an_envelope_that_is_sent_twice_are_kept_once() {
        let (_home, mut vault) = vault();
        let intake = vault.intake(IntakeOptions::default()).unwrap();
        let named = || sent("feedback", b"{}").event(id(1));
        take(&intake, &[named()]).unwrap();
        take(
            &intake,
            &[named(), sent("session", b"{}"), sent("session", b"{}")],
        )
        .unwrap();
        vault.drain_all().unwrap();
        assert_eq!(vault.items(&ItemFilter::default()).unwrap().len(), 3);
        let of_event = ItemFilter::default().event(id(1));
        assert_eq!(vault.items(&of_event).unwrap().len(), 1);
    }

    #[test]
    fn a_file_goes_with_its_event() {
        let (_home, mut vault) = vault();
        let intake = vault.intake(IntakeOptions::default()).unwrap();
        let head =
            json!({"type": "attachment", "filename": "../app.log", "content_type": "text/plain"});
        let file = sent("attachment", b"it began well").head(head.as_object().cloned().unwrap());
        take(
            &intake,
            &[sent("event", b"{}").event(id(1)), file.event(id(1))],
        )
        .unwrap();
        vault.drain_all().unwrap();
        let files = vault.attachments(id(1)).unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].name, ".._app.log");
        assert_eq!(vault.read_attachment(&files[0]).unwrap(), b"it began well");
    }

    #[test]
    fn a_clock_that_is_off_is_put_right() {
        let (_home, mut vault) = vault();
        let intake = vault.intake(IntakeOptions::default()).unwrap();
        let mut check = |number: u8, sent_at: &str, expected: &str| {
            let body = br#"{"timestamp": "2026-01-05T09:59:50Z"}"#;
            let received = Timestamp::parse("2026-01-05T12:00:00Z").unwrap();
            let delivery = Delivery::new("event", "shop", received, body)
                .event(id(number))
                .sent_at(Timestamp::parse(sent_at));
            take(&intake, &[delivery]).unwrap();
            vault.drain_all().unwrap();
            let stored = vault.event(id(number)).unwrap();
            assert_eq!(stored.event.timestamp, Timestamp::parse(expected));
        };
        check(1, "2026-01-05T10:00:00Z", "2026-01-05T11:59:50Z");
        check(2, "2026-01-05T11:59:30Z", "2026-01-05T09:59:50Z");
        check(3, "", "2026-01-05T09:59:50Z");
    }

    #[test]
    fn what_cannot_be_taken_is_refused_whole() {
        let (_home, mut vault) = vault();
        let intake = vault.intake(IntakeOptions::default()).unwrap();
        let long = vec![b' '; Intake::BYTES_MAX];
        let mut check = |delivery: Delivery<'_>, expected: ErrorKind| {
            let refused = take(&intake, &[sent("log", b"{}"), delivery]).unwrap_err();
            assert_eq!(refused.kind(), expected);
            vault.drain_all().unwrap();
            assert!(vault.items(&ItemFilter::default()).unwrap().is_empty());
        };
        check(sent("event", b"{}"), ErrorKind::InvalidInput);
        check(sent("log", &long), ErrorKind::LimitReached);
    }

    #[test]
    fn many_at_once_are_all_taken() {
        let (_home, mut vault) = vault();
        let intake = vault.intake(IntakeOptions::default()).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let intake = &intake;
                scope.spawn(move || {
                    for number in 0..25 {
                        let event = id(thread * 25 + number + 1);
                        take(intake, &[sent("event", b"{}").event(event)]).unwrap();
                    }
                });
            }
        });
        drop(intake);
        let report = vault.drain_all().unwrap();
        assert_eq!((report.events_new, report.segments_removed), (100, 1));
    }
}
