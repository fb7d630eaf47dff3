//! The timing, the same for everybody.
//!
//! Subjects take turns in blocks of [`Plan::block`] calls, so that a slow minute of the machine or a warm cache
//! serves all alike; who begins changes with each round. A call is timed by two readings of the clock around it;
//! the error it captures was made before.

use std::cell::Cell;
use std::env;
use std::io;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use crate::alloc;
use crate::stats::{Sample, Samples};
use crate::subject::Subject;
use crate::workload::{self, LoadError, at_depth};

/// How often and how deep.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Plan {
    /// Timed calls per subject and verb.
    pub calls: usize,
    /// Calls of a subject in one turn; of these the first [`Plan::settle`] are not kept.
    pub block: usize,
    /// Calls at the begin of a turn that only bring the subject's code and data back into the caches.
    pub settle: usize,
    /// Frames between the harness and the capture.
    pub depth: usize,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            calls: 2000,
            block: 50,
            settle: 2,
            depth: workload::DEPTH,
        }
    }
}

impl Plan {
    pub fn calls(mut self, calls: usize) -> Plan {
        self.calls = calls;
        self
    }

    /// Every call counts: for a benchmark that compares the number of captures with the number kept,
    /// and for a look at what cold caches cost.
    pub fn without_settling(mut self) -> Plan {
        self.settle = 0;
        self
    }
}

type Hook = Arc<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// A subject that runs in this process, with the panic hook it brought.
pub struct Installed {
    pub subject: &'static dyn Subject,
    hook: Hook,
}

/// What was measured of one subject.
pub struct Timed<'s, S = Samples> {
    pub subject: &'s dyn Subject,
    pub samples: S,
}

/// Starts all subjects in this process and sets their scopes. Their panic hooks are taken out again: panics
/// print nothing from here on, and [`panics`] calls each hook by itself.
pub fn install(subjects: &[&'static dyn Subject]) -> Vec<Installed> {
    let installed = subjects
        .iter()
        .map(|subject| {
            panic::set_hook(Box::new(|_| {}));
            subject.install();
            let hook = Arc::from(panic::take_hook());
            subject.take_turn(&mut || subject.set_scope());
            Installed {
                subject: *subject,
                hook,
            }
        })
        .collect();
    panic::set_hook(Box::new(|_| {}));
    installed
}

/// Times one call of `work`; it says whether it was accepted.
pub fn measure(work: &mut dyn FnMut() -> bool) -> (Sample, bool) {
    let before = alloc::count();
    let start = Instant::now();
    let accepted = work();
    let ns = start.elapsed().as_nanos() as u64;
    let count = alloc::count() - before;
    (
        Sample {
            ns,
            allocations: count.allocations,
            bytes: count.bytes,
        },
        accepted,
    )
}

/// `capture_error` of a chain of two links.
pub fn errors<'s>(installed: &'s [Installed], plan: &Plan) -> Vec<Timed<'s>> {
    interleave(installed, plan, |one, number| {
        let error = LoadError::new(number);
        at_depth(plan.depth, &mut || {
            measure(&mut || one.subject.capture_error(&error))
        })
    })
}

/// `capture_message` of a text that differs from call to call.
pub fn messages<'s>(installed: &'s [Installed], plan: &Plan) -> Vec<Timed<'s>> {
    interleave(installed, plan, |one, number| {
        let text = format!("profile {number} was loaded from the old cache");
        at_depth(plan.depth, &mut || {
            measure(&mut || one.subject.capture_message(&text))
        })
    })
}

/// Calls in one sample of [`breadcrumbs`]: one alone is as short as the reading of the clock.
pub const BREADCRUMB_BLOCK: u64 = 100;

/// `add_breadcrumb`, in samples of [`BREADCRUMB_BLOCK`] calls. The scope is restored afterwards.
pub fn breadcrumbs<'s>(installed: &'s [Installed], plan: &Plan) -> Vec<Timed<'s>> {
    let timed = interleave(installed, plan, |one, number| {
        let message = format!("loaded profile {number}");
        measure(&mut || {
            for _ in 0..BREADCRUMB_BLOCK {
                one.subject.add_breadcrumb(&message);
            }
            true
        })
    });
    for one in installed {
        one.subject.take_turn(&mut || one.subject.set_scope());
    }
    timed
}

thread_local! {
    static IN_HOOK: Cell<Option<Sample>> = const { Cell::new(None) };
}

/// The time inside each subject's panic hook, without the unwinding that follows. Of the subjects that have one.
pub fn panics<'s>(installed: &'s [Installed], plan: &Plan) -> Vec<Timed<'s>> {
    let timed = interleave_some(
        installed,
        plan,
        |one| one.subject.has_panic_hook(),
        |one, number| {
            let hook = Arc::clone(&one.hook);
            panic::set_hook(Box::new(move |info| {
                let (sample, _) = measure(&mut || {
                    hook(info);
                    true
                });
                IN_HOOK.set(Some(sample));
            }));
            let caught = panic::catch_unwind(AssertUnwindSafe(|| {
                at_depth(plan.depth, &mut || -> () {
                    panic!("profile {number} is empty")
                });
            }));
            let sample = IN_HOOK.take().unwrap_or(Sample {
                ns: 0,
                allocations: 0,
                bytes: 0,
            });
            (sample, caught.is_err() && sample.ns > 0)
        },
    );
    panic::set_hook(Box::new(|_| {}));
    timed
}

/// Lets the subjects take turns with `call(subject, number)` until each has [`Plan::calls`] samples.
/// The way to time a verb that only this benchmark knows.
pub fn interleave<'s>(
    installed: &'s [Installed],
    plan: &Plan,
    call: impl FnMut(&Installed, usize) -> (Sample, bool),
) -> Vec<Timed<'s>> {
    interleave_some(installed, plan, |_| true, call)
}

fn interleave_some<'s>(
    installed: &'s [Installed],
    plan: &Plan,
    takes_part: impl Fn(&Installed) -> bool,
    mut call: impl FnMut(&Installed, usize) -> (Sample, bool),
) -> Vec<Timed<'s>> {
    let players: Vec<&Installed> = installed.iter().filter(|one| takes_part(one)).collect();
    let empty = || Samples {
        samples: Vec::with_capacity(plan.calls),
        ..Samples::default()
    };
    let mut results: Vec<Samples> = players.iter().map(|_| empty()).collect();
    let kept_per_turn = plan.block.saturating_sub(plan.settle).max(1);
    let rounds = plan.calls.div_ceil(kept_per_turn);
    for round in 0..rounds {
        let wanted = kept_per_turn.min(plan.calls - round * kept_per_turn);
        for turn in 0..players.len() {
            let at = (round + turn) % players.len();
            let (player, result) = (players[at], &mut results[at]);
            let first = round * (kept_per_turn + plan.settle);
            player.subject.take_turn(&mut || {
                for step in 0..plan.settle + wanted {
                    let (sample, accepted) = call(player, first + step);
                    if step >= plan.settle {
                        result.samples.push(sample);
                    }
                    result.accepted += u64::from(accepted);
                    result.refused += u64::from(!accepted);
                }
            });
        }
    }
    let timed = players.iter().zip(results);
    timed
        .map(|(one, samples)| Timed {
            subject: one.subject,
            samples,
        })
        .collect()
}

/// What one fresh process measured.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    pub install: Sample,
    pub capture: Sample,
}

const CHILD: &str = "--first-capture-of";

/// The first call in `main`: true where this process is a child of [`first_captures`], which has then done its work.
pub fn was_child(subjects: &[&'static dyn Subject]) -> bool {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() != Some(CHILD) {
        return false;
    }
    let prefix = arguments.next().unwrap_or_default();
    if let Some(subject) = subjects.iter().find(|subject| subject.prefix() == prefix) {
        print_start(*subject);
    }
    true
}

fn print_start(subject: &'static dyn Subject) {
    panic::set_hook(Box::new(|_| {}));
    let (install, _) = measure(&mut || {
        subject.install();
        true
    });
    let mut capture = None;
    subject.take_turn(&mut || {
        subject.set_scope();
        let error = LoadError::new(0);
        let depth = workload::DEPTH;
        capture = Some(at_depth(depth, &mut || {
            measure(&mut || subject.capture_error(&error))
        }));
    });
    if let Some((capture, true)) = capture {
        let row = |sample: Sample| format!("{} {} {}", sample.ns, sample.allocations, sample.bytes);
        println!("{} {}", row(install), row(capture));
    }
}

/// Installs and captures once in each of `processes` fresh processes per subject, in turns.
///
/// # Errors
/// A child that cannot be started or whose capture was refused.
pub fn first_captures<'s>(
    subjects: &[&'s dyn Subject],
    processes: usize,
) -> io::Result<Vec<Timed<'s, Vec<Start>>>> {
    let mut timed: Vec<Timed<'s, Vec<Start>>> = subjects
        .iter()
        .map(|subject| Timed {
            subject: *subject,
            samples: Vec::new(),
        })
        .collect();
    for _ in 0..processes {
        for one in &mut timed {
            one.samples.push(start_once(one.subject.prefix())?);
        }
    }
    Ok(timed)
}

fn start_once(prefix: &str) -> io::Result<Start> {
    let output = Command::new(env::current_exe()?)
        .args([CHILD, prefix])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = text
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let sample = |at: usize| Sample {
        ns: numbers[at],
        allocations: numbers[at + 1],
        bytes: numbers[at + 2],
    };
    if numbers.len() != 6 {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!(
            "first capture of `{prefix}` failed: {text}{complaint}"
        )));
    }
    Ok(Start {
        install: sample(0),
        capture: sample(3),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::Kept;
    use std::error::Error;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Writes down who was called when, and refuses every tenth capture.
    struct Recording {
        prefix: &'static str,
        captures: AtomicU64,
    }

    static TURNS: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    static ONE: Recording = Recording {
        prefix: "one_",
        captures: AtomicU64::new(0),
    };
    static TWO: Recording = Recording {
        prefix: "two_",
        captures: AtomicU64::new(0),
    };

    impl Subject for Recording {
        fn prefix(&self) -> &'static str {
            self.prefix
        }
        fn version(&self) -> String {
            "recording 1".into()
        }
        fn install(&self) {}
        fn set_scope(&self) {}
        fn take_turn(&self, turn: &mut dyn FnMut()) {
            TURNS.lock().unwrap().push(self.prefix);
            turn();
        }
        fn capture_error(&self, _error: &(dyn Error + 'static)) -> bool {
            !self
                .captures
                .fetch_add(1, Ordering::Relaxed)
                .is_multiple_of(10)
        }
        fn capture_message(&self, _text: &str) -> bool {
            true
        }
        fn add_breadcrumb(&self, _message: &str) {}
        fn kept(&self) -> Kept {
            Kept::default()
        }
    }

    // One test, because installing changes the hook of the whole process.
    #[test]
    fn subjects_take_turns_and_none_is_called_less() {
        let installed = install(&[&ONE, &TWO]);
        TURNS.lock().unwrap().clear();
        let plan = Plan {
            calls: 100,
            block: 42,
            settle: 2,
            depth: 3,
        };
        let timed = errors(&installed, &plan);
        assert_eq!(
            *TURNS.lock().unwrap(),
            ["one_", "two_", "two_", "one_", "one_", "two_"]
        );
        for Timed { samples, .. } in &timed {
            assert_eq!(samples.samples.len(), 100);
            // 100 kept and three times two to settle; numbers 0, 10, … 100 of them are refused.
            assert_eq!((samples.accepted, samples.refused), (95, 11));
        }
        // Their hook is the silent one, which takes some nanoseconds or none: only the number of samples is certain.
        assert!(
            panics(&installed, &plan)
                .iter()
                .all(|timed| timed.samples.samples.len() == 100)
        );
    }
}
