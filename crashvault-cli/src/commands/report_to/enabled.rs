use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crashvault::{Error, Timestamp, Vault};
use crashvault_notify::{Dsn, ReportEnd, ReportOptions, ReportOutcome, report};

use super::told;
use crate::args::{ReportTo, Wait};
use crate::commands::Done;
use crate::commands::reading::{self, Place};
use crate::output::failure::FAILED;
use crate::output::text::visible;
use crate::output::{Failure, Screen, Stop};

/// How soon Ctrl-C is noticed.
const NAP: Duration = Duration::from_millis(50);
/// The code of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;
/// With `--watch` a round ends after this at the latest, so that what was sent is told.
const ROUND_TIME_MAX: Duration = Duration::from_secs(60);
/// Without it, nothing but the work itself ends it.
const TIME_MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

pub fn run(place: &Place, words: &ReportTo, screen: &mut Screen) -> Result<Done, Stop> {
    // What was captured is to be sent, however much waits in the journal.
    let mut vault = reading::open(place, Wait { wait: true }, screen)?.vault;
    let dsn = dsn(&vault, words)?;
    if !dsn.is_private() {
        screen.note("events and the key go there unencrypted: the DSN begins with http://");
    }
    let interrupted = interruption()?;
    let progress = told::Progress::new();
    let options = options(words, &interrupted, &progress);
    if !words.watch {
        let outcome = report(&mut vault, &dsn, &options);
        progress.end();
        let outcome = outcome.map_err(|error| failed(&error))?;
        told::tell(&outcome, screen)?;
        return Ok(ended(&outcome));
    }
    screen.note(format!("sending what comes in to {dsn}; Ctrl-C ends"));
    watch(words.interval, &interrupted, screen, || {
        let outcome = report(&mut vault, &dsn, &options);
        progress.end();
        outcome
    })
}

/// Round after round. What passes by itself, such as another process that reports there, is told once and waited out.
fn watch(
    interval: Duration,
    interrupted: &AtomicBool,
    screen: &mut Screen,
    mut round: impl FnMut() -> Result<ReportOutcome, Error>,
) -> Result<Done, Stop> {
    let mut last = ReportOutcome::default();
    let mut told = String::new();
    while !interrupted.load(Ordering::Relaxed) {
        let outcome = match round() {
            Ok(outcome) => outcome,
            Err(error) if error.is_retryable() => {
                let why = error.to_string();
                if why != told {
                    screen.note(visible(&why));
                    told = why;
                }
                nap(interval, interrupted);
                continue;
            }
            Err(error) => return Err(failed(&error).into()),
        };
        told.clear();
        if told::is_news(&outcome, &last) {
            told::tell(&outcome, screen)?;
            screen.flush()?;
        }
        nap(pause(&outcome, interval), interrupted);
        last = outcome;
    }
    Ok(Done::Well)
}

/// The one that was named, else that of the settings.
fn dsn(vault: &Vault, words: &ReportTo) -> Result<Dsn, Stop> {
    let Some(text) = words.dsn.as_deref().or_else(|| vault.report_to()) else {
        let hint = "name its DSN, or keep it: crashvault config set report.to https://KEY@host/1";
        return Err(Failure::usage("report where to?", hint).into());
    };
    text.parse::<Dsn>()
        .map_err(|error| Failure::usage(error.message(), "").into())
}

fn options(
    words: &ReportTo,
    interrupted: &Arc<AtomicBool>,
    progress: &told::Progress,
) -> ReportOptions {
    let (stop, progress) = (Arc::clone(interrupted), progress.clone());
    let mut options = ReportOptions::new()
        .events_max(words.limit.unwrap_or(u64::MAX))
        .bytes_max(u64::MAX)
        .time_max(if words.watch {
            ROUND_TIME_MAX
        } else {
            TIME_MAX
        })
        .dumps(words.dumps)
        .anew(words.again)
        .dry_run(words.dry_run)
        .stop_when(move || stop.load(Ordering::Relaxed))
        .progress(move |outcome| progress.tell(outcome));
    if words.no_attachments {
        options = options.attachments_bytes_max(0);
    }
    match &words.since {
        Some(since) => options.since(since),
        None => options,
    }
}

/// Set by the first Ctrl-C, which lets a request end; the second ends the process.
fn interruption() -> Result<Arc<AtomicBool>, Failure> {
    use signal_hook::consts::SIGINT;
    use signal_hook::flag;
    let interrupted = Arc::new(AtomicBool::new(false));
    flag::register_conditional_shutdown(SIGINT, INTERRUPTED, Arc::clone(&interrupted))
        .and_then(|_| flag::register(SIGINT, Arc::clone(&interrupted)))
        .map_err(|error| Failure::new(format!("cannot wait for Ctrl-C: {error}"), ""))?;
    Ok(interrupted)
}

/// A command line that was understood, and a collector that did not want to.
fn failed(error: &Error) -> Failure {
    let mut failure = Failure::from(error);
    if error.operation() == "report" {
        failure.code = FAILED;
    }
    failure
}

fn ended(outcome: &ReportOutcome) -> Done {
    let is_well = matches!(outcome.end, ReportEnd::Done | ReportEnd::Limit);
    match is_well && outcome.refused_count == 0 {
        true => Done::Well,
        false => Done::Badly,
    }
}

/// How long to wait for the next round: as the collector wants it, and never shorter than asked for.
fn pause(outcome: &ReportOutcome, interval: Duration) -> Duration {
    if outcome.end == ReportEnd::Limit {
        return Duration::ZERO;
    }
    let now = Timestamp::now().as_nanos();
    let left = outcome.next_try_at.map_or(0, |at| at.as_nanos() - now);
    interval.max(Duration::from_nanos(left.max(0) as u64))
}

fn nap(time: Duration, interrupted: &AtomicBool) {
    let end = Instant::now() + time;
    while !interrupted.load(Ordering::Relaxed) {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(NAP));
    }
}
