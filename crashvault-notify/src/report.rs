//! The vault's events, in the order they came, to one place.

use std::time::Duration;

use crashvault::{
    Error, ErrorKind, EventId, READER_DRAIN_MAX, ReportCursor, ReportRefusal, ReportTurn, Result,
    Search, StoredEvent, Timestamp, Vault,
};

use crate::dsn::Dsn;
use crate::envelope::{self, File};
use crate::options::ReportOptions;
use crate::outcome::{ReportEnd, ReportOutcome};
use crate::pauses::{self, Pauses};
use crate::sender::{Answer, Sender};

/// Events that are read together. After as many it is written down how far it has come, so that as many are sent twice
/// at most after a process died, which changes nothing where they were taken.
const PAGE_EVENTS: usize = 20;
/// Refusals that are told.
const REFUSALS_MAX: usize = 100;
/// The first wait after a request without an answer is a part of this; each further one may be twice as long …
const BACKOFF: Duration = Duration::from_secs(1);
/// … up to this.
const BACKOFF_MAX: Duration = Duration::from_secs(300);
/// After so many tries that the collector itself failed at, the event may be at fault.
const FAULT_TRIES: u32 = 12;
/// Attachments that hold memory as it was, with whatever secrets were in it.
const DUMPS: [&str; 2] = ["event.minidump", "event.applecrashreport"];

/// Sends the vault's events to a collector, each once, from where it ended the last time.
///
/// Events go in the order they came into the vault, as they are stored, with their own ids: one that arrives twice,
/// because an answer was lost, is one. Those that come in meanwhile are sent too. What the collector says about when it
/// wants more is heeded, also by the next call.
///
/// It blocks, and does nothing beside this call. Where it cannot go on it says when to try again; a host that wants all
/// events sent calls it again then.
///
/// ```no_run
/// use crashvault::Vault;
/// use crashvault_notify::{Dsn, ReportOptions, report};
/// let dsn: Dsn = "https://0123456789abcdef0123456789abcdef@errors.example.com/42".parse()?;
/// let mut vault = Vault::open("vault")?;
/// let outcome = report(&mut vault, &dsn, &ReportOptions::new())?;
/// println!("{} sent, {} left", outcome.sent_count, outcome.waiting_count);
/// # Ok::<(), crashvault::Error>(())
/// ```
///
/// # Errors
/// InvalidInput where the collector does not know the key, or no collector answers there, saying what to do, and for
/// `since` that cannot be read; Busy while another process reports there; ReadOnly; what the vault says. What was sent
/// before is kept. A collector that cannot be reached is no error.
pub fn report(vault: &mut Vault, to: &Dsn, options: &ReportOptions) -> Result<ReportOutcome> {
    // What cannot be read is told before anything is sent.
    vault.follow(&search(options), u64::MAX)?;
    let destination = to.destination();
    let turn = match options.is_dry_run {
        true => None,
        false => Some(vault.begin_report(&destination)?),
    };
    let mut cursor = match &turn {
        Some(turn) => turn.cursor().clone(),
        None => known_cursor(vault, &destination)?,
    };
    if options.is_anew {
        cursor.reached = 0;
        cursor.reached_event = None;
    }
    let outcome = ReportOutcome {
        destination,
        is_dry_run: options.is_dry_run,
        ..ReportOutcome::default()
    };
    let mut run = Run {
        began_behind: cursor.reached,
        pauses: Pauses(std::mem::take(&mut cursor.pauses)),
        until: time_after(options.now(), options.time_max),
        sender: Sender::new(to, options.request_time_max),
        tries: 0,
        handled: 0,
        has_failed_itself: false,
        vault,
        options,
        turn,
        cursor,
        outcome,
    };
    let ended = run.go();
    let kept = run.keep();
    run.outcome.end = ended?;
    kept?;
    run.count()?;
    Ok(run.outcome)
}

fn search(options: &ReportOptions) -> Search {
    let search = Search::new("").limit(PAGE_EVENTS);
    match &options.since {
        Some(since) => search.since(since),
        None => search,
    }
}

fn known_cursor(vault: &Vault, destination: &str) -> Result<ReportCursor> {
    let mut known = vault.reports()?.into_iter();
    let found = known.find(|cursor| cursor.destination == destination);
    Ok(found.unwrap_or_default())
}

fn time_after(now: Timestamp, time: Duration) -> Timestamp {
    let nanos = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    Timestamp::from_nanos(now.as_nanos().saturating_add(nanos))
}

/// How it goes on after an event.
enum Step {
    /// The event was answered.
    On,
    /// It was not; that is the end.
    End(ReportEnd),
}

/// What an answer means for what was sent.
enum Verdict {
    Taken,
    Known,
    Refused,
    TooLarge,
    Denied,
    Paused,
    Trouble,
}

struct Run<'r> {
    vault: &'r mut Vault,
    options: &'r ReportOptions,
    turn: Option<ReportTurn>,
    sender: Sender,
    cursor: ReportCursor,
    pauses: Pauses,
    outcome: ReportOutcome,
    /// The ingest sequence it began behind.
    began_behind: u64,
    /// When it ends at the latest.
    until: Timestamp,
    /// Requests in a row that brought nothing.
    tries: u32,
    /// Events of this call that were answered.
    handled: u64,
    /// Whether the last answer was that of a collector that failed at what it was sent.
    has_failed_itself: bool,
}

impl Run<'_> {
    fn go(&mut self) -> Result<ReportEnd> {
        let search = search(self.options);
        loop {
            let page = self.vault.follow(&search, self.cursor.reached)?;
            if page.reached == self.cursor.reached && !self.has_more()? {
                return Ok(ReportEnd::Done);
            }
            for stored in &page.events {
                if let Some(end) = self.end_before_next() {
                    return Ok(end);
                }
                match self.deliver(stored)? {
                    Step::On => {}
                    Step::End(ReportEnd::Waiting) if self.is_at_fault(stored)? => {}
                    Step::End(end) => return Ok(end),
                }
                self.pass(stored);
            }
            if page.reached > self.cursor.reached {
                self.cursor.reached = page.reached;
                self.cursor.reached_event = None;
            }
            self.keep()?;
        }
    }

    /// Takes in what was captured meanwhile. That it cannot be taken in now holds nobody up: the next call finds it.
    fn has_more(&mut self) -> Result<bool> {
        let _ = self.vault.drain(READER_DRAIN_MAX);
        Ok(self.vault.last_ingest_sequence()? > self.cursor.reached)
    }

    fn end_before_next(&self) -> Option<ReportEnd> {
        let options = self.options;
        if options.is_to_stop() {
            return Some(ReportEnd::Stopped);
        }
        let is_full = self.handled >= options.events_max
            || self.outcome.sent_bytes >= options.bytes_max
            || options.now() >= self.until;
        is_full.then_some(ReportEnd::Limit)
    }

    fn pass(&mut self, stored: &StoredEvent) {
        self.handled += 1;
        self.cursor.reached = stored.ingest_sequence;
        self.cursor.reached_event = Some(stored.event.event_id);
        self.options.tell(&self.outcome);
    }

    /// Sends one event until it is answered, or may not be sent any more.
    fn deliver(&mut self, stored: &StoredEvent) -> Result<Step> {
        let id = stored.event.event_id;
        let mut files = self.files(id)?;
        if self.options.is_dry_run {
            self.outcome.sent_count += 1;
            self.outcome.attachments_sent += files.len() as u64;
            return Ok(Step::On);
        }
        loop {
            if let Some(end) = self.await_pause() {
                return Ok(Step::End(end));
            }
            let now = self.options.now();
            if self.pauses.until(pauses::ATTACHMENT, now).is_some() {
                self.leave_out(&mut files);
            }
            let packed = envelope::packed(&envelope::of(&stored.event, &files, now));
            let (verdict, reason) = self.ask(&packed, !files.is_empty())?;
            match verdict {
                Verdict::Taken => {
                    self.outcome.sent_count += 1;
                    self.cursor.sent_count += 1;
                    self.outcome.attachments_sent += files.len() as u64;
                    return Ok(Step::On);
                }
                Verdict::Known => {
                    self.outcome.known_count += 1;
                    return Ok(Step::On);
                }
                // It may have been the files.
                Verdict::TooLarge if !files.is_empty() => self.leave_out(&mut files),
                Verdict::Refused | Verdict::TooLarge => {
                    self.refuse(id, reason);
                    return Ok(Step::On);
                }
                Verdict::Denied => match self.is_known_here()? {
                    Some(true) => {
                        self.refuse(id, reason);
                        return Ok(Step::On);
                    }
                    Some(false) => return Err(self.unknown_key(&reason)),
                    None => {
                        if let Some(end) = self.back_off() {
                            return Ok(Step::End(end));
                        }
                    }
                },
                Verdict::Paused => {}
                Verdict::Trouble => {
                    if let Some(end) = self.back_off() {
                        return Ok(Step::End(end));
                    }
                }
            }
        }
    }

    /// Whether the collector fails at this event alone, again and again, and takes the one behind it; then it is
    /// refused, or it would hold up all others for ever. The one behind it is sent once more in its turn.
    fn is_at_fault(&mut self, stored: &StoredEvent) -> Result<bool> {
        if !self.has_failed_itself || self.cursor.failed_tries < FAULT_TRIES {
            return Ok(false);
        }
        let said = self.outcome.trouble.clone().unwrap_or_default();
        let behind = self
            .vault
            .follow(&search(self.options), stored.ingest_sequence)?;
        let Some(next) = behind.events.first() else {
            return Ok(false);
        };
        let envelope = envelope::of(&next.event, &[], self.options.now());
        let (verdict, _) = self.ask(&envelope::packed(&envelope), false)?;
        let is_at_fault = matches!(verdict, Verdict::Taken | Verdict::Known);
        if is_at_fault {
            self.refuse(stored.event.event_id, said);
            self.outcome.next_try_at = None;
        }
        Ok(is_at_fault)
    }

    /// Sends, and finds out what the answer means and how it was put.
    fn ask(&mut self, packed: &[u8], has_files: bool) -> Result<(Verdict, String)> {
        self.outcome.sent_bytes += packed.len() as u64;
        self.has_failed_itself = false;
        let answer = match self.sender.post(packed) {
            Ok(answer) => answer,
            Err(why) => {
                self.outcome.trouble = Some(format!("no answer: {why}"));
                return Ok((Verdict::Trouble, why));
            }
        };
        let said = told(&answer);
        // The others of this hundred are of what stands before the collector, or of too much work.
        self.has_failed_itself = matches!(answer.status, 500 | 501);
        self.heed(&answer, has_files);
        let verdict = match answer.status {
            200..300 if answer.is_of_a_collector => Verdict::Taken,
            401 => return Err(self.unknown_key(&said)),
            403 => Verdict::Denied,
            408 | 500.. => Verdict::Trouble,
            409 => Verdict::Known,
            // Bugsink's answer to an event that it has.
            400 if answer
                .reason
                .to_ascii_lowercase()
                .contains("event already exists") =>
            {
                Verdict::Known
            }
            413 => Verdict::TooLarge,
            429 => Verdict::Paused,
            200..400 | 404 | 405 | 407 => return Err(self.no_collector(&answer, &said)),
            _ => Verdict::Refused,
        };
        match verdict {
            Verdict::Trouble | Verdict::Paused => self.outcome.trouble = Some(said.clone()),
            _ => self.well(),
        }
        Ok((verdict, said))
    }

    /// It can be reached and answers.
    fn well(&mut self) {
        self.tries = 0;
        self.cursor.failed_tries = 0;
        self.outcome.trouble = None;
    }

    /// What the answer says about when to send more.
    fn heed(&mut self, answer: &Answer, has_files: bool) {
        let now = self.options.now();
        let retry_at = answer
            .retry_after
            .as_deref()
            .map(|text| pauses::retry_after(text, now));
        match (&answer.limits, retry_at) {
            (Some(limits), _) => self.pauses.add_limits(limits, now),
            (None, Some(retry_at)) => self.pauses.add(pauses::ALL, retry_at),
            (None, None) => {}
        }
        let is_told = self.pauses.until(pauses::ERROR, now).is_some()
            || has_files && self.pauses.until(pauses::ATTACHMENT, now).is_some();
        if answer.status == 429 && !is_told {
            let otherwise = pauses::after(now, pauses::PAUSE_SECS_DEFAULT);
            self.pauses
                .add(pauses::ERROR, retry_at.unwrap_or(otherwise));
        }
    }

    /// Waits until events are wanted again, if that is in time.
    fn await_pause(&mut self) -> Option<ReportEnd> {
        loop {
            if self.options.is_to_stop() {
                return Some(ReportEnd::Stopped);
            }
            let now = self.options.now();
            let until = self.pauses.until(pauses::ERROR, now)?;
            if let Some(end) = self.rest(now, until) {
                return Some(end);
            }
        }
    }

    /// After a request that brought nothing: the wait before the next, or the end.
    fn back_off(&mut self) -> Option<ReportEnd> {
        self.tries += 1;
        let doublings = self.cursor.failed_tries.min(20);
        self.cursor.failed_tries = self.cursor.failed_tries.saturating_add(1);
        let longest = BACKOFF.saturating_mul(1 << doublings).min(BACKOFF_MAX);
        let now = self.options.now();
        let until = time_after(now, self.options.part_of(longest));
        if self.tries >= self.options.tries_max.max(1) {
            self.outcome.next_try_at = Some(until);
            return Some(ReportEnd::Waiting);
        }
        self.rest(now, until)
    }

    fn rest(&mut self, now: Timestamp, until: Timestamp) -> Option<ReportEnd> {
        self.outcome.next_try_at = Some(until);
        if until >= self.until || until > time_after(now, self.options.wait_max) {
            return Some(ReportEnd::Waiting);
        }
        self.options.tell(&self.outcome);
        let nanos = until.as_nanos().saturating_sub(now.as_nanos());
        self.options
            .wait_for(Duration::from_nanos(nanos.max(0) as u64));
        if self.options.is_to_stop() {
            return Some(ReportEnd::Stopped);
        }
        self.outcome.next_try_at = None;
        None
    }

    /// Whether the collector knows the key, asked with nothing to refuse; `None` if it does not answer that.
    fn is_known_here(&mut self) -> Result<Option<bool>> {
        let packed = envelope::packed(&envelope::empty(self.options.now()));
        let (verdict, _) = self.ask(&packed, false)?;
        Ok(match verdict {
            Verdict::Denied => Some(false),
            Verdict::Paused | Verdict::Trouble => None,
            _ => Some(true),
        })
    }

    /// The files of an event that may go with it.
    fn files(&mut self, event: EventId) -> Result<Vec<File>> {
        let mut files = Vec::new();
        let mut bytes = 0;
        for attachment in self.vault.attachments(event)? {
            let is_wanted = self.options.has_dumps || !DUMPS.contains(&attachment.kind.as_str());
            let is_small = bytes + attachment.size_bytes <= self.options.attachments_bytes_max;
            let content = match is_wanted && is_small {
                true => self.vault.read_attachment(&attachment).ok(),
                false => None,
            };
            match content {
                Some(content) => {
                    bytes += attachment.size_bytes;
                    files.push((attachment, content));
                }
                None => self.outcome.attachments_left_out += 1,
            }
        }
        Ok(files)
    }

    fn leave_out(&mut self, files: &mut Vec<File>) {
        self.outcome.attachments_left_out += files.len() as u64;
        files.clear();
    }

    fn refuse(&mut self, event: EventId, reason: String) {
        self.outcome.refused_count += 1;
        self.cursor.refused_count += 1;
        let refusal = ReportRefusal::new(event, reason, self.options.now());
        self.cursor.refusals.push(refusal.clone());
        if self.outcome.refusals.len() < REFUSALS_MAX {
            self.outcome.refusals.push(refusal);
        }
    }

    fn unknown_key(&self, said: &str) -> Error {
        let message = format!(
            "{} does not take this key ({said}); copy the DSN from the project's settings again",
            self.outcome.destination
        );
        Error::new(ErrorKind::InvalidInput, "report", message)
    }

    fn no_collector(&self, answer: &Answer, said: &str) -> Error {
        let place = &self.outcome.destination;
        let message = match (answer.status, &answer.location) {
            (300..400, Some(location)) => format!(
                "{place} wants to be asked elsewhere ({said}: {}), which is not followed; correct the DSN",
                location
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(200)
                    .collect::<String>()
            ),
            (407, _) => format!(
                "the proxy on the way to {place} wants a password ({said}); name it in $HTTPS_PROXY"
            ),
            _ => format!(
                "no collector answers at {place} ({said}); look at host, port and project in the DSN"
            ),
        };
        Error::new(ErrorKind::InvalidInput, "report", message)
    }

    /// Writes down how far it has come.
    fn keep(&mut self) -> Result<()> {
        let now = self.options.now();
        self.pauses.forget_past(now);
        let Some(turn) = &mut self.turn else {
            return Ok(());
        };
        self.cursor.pauses.clone_from(&self.pauses.0);
        self.cursor.trouble.clone_from(&self.outcome.trouble);
        self.cursor.kept_at = Some(now);
        turn.keep(&self.cursor)
    }

    /// What is only known at the end.
    fn count(&mut self) -> Result<()> {
        let behind = self.vault.event_count_behind(self.began_behind)?;
        self.outcome.waiting_count = self.vault.event_count_behind(self.cursor.reached)?;
        let answered =
            self.outcome.sent_count + self.outcome.known_count + self.outcome.refused_count;
        self.outcome.passed_count = behind
            .saturating_sub(self.outcome.waiting_count)
            .saturating_sub(answered);
        self.outcome.pauses.clone_from(&self.pauses.0);
        Ok(())
    }
}

/// The status, and what was said with it.
fn told(answer: &Answer) -> String {
    match answer.reason.as_str() {
        "" => answer.status.to_string(),
        reason => format!("{}: {reason}", answer.status),
    }
}
