//! The engine's vault in the host's hand: shared by threads, closed once, never used by a forked child.
//!
//! Never: holds the interpreter while the engine works, or waits for the engine while it holds the interpreter.

use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, ThreadId};

use crashvault::{Clock, Error, ErrorKind, Result, Timestamp};
use pyo3::prelude::*;

use crate::error::raised;
use crate::record::Moment;

/// A vault that can be closed.
pub struct Shared {
    vault: Mutex<Option<crashvault::Vault>>,
    /// Who has the vault in hand now: it may call the host, which must not come back to it.
    worker: Mutex<Option<ThreadId>>,
    process: u32,
}

impl Shared {
    pub fn new(vault: crashvault::Vault) -> Self {
        Self {
            vault: Mutex::new(Some(vault)),
            worker: Mutex::new(None),
            process: std::process::id(),
        }
    }

    /// Lets the engine work while other threads of the host run.
    pub fn work<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut crashvault::Vault) -> Result<T> + Send,
    ) -> PyResult<T> {
        let done = py.detach(|| {
            let mut turn = self.turn()?;
            let vault = turn.vault.as_mut().ok_or_else(closed)?;
            let done = catch_unwind(AssertUnwindSafe(|| work(vault)));
            done.unwrap_or_else(|_| Err(panicked()))
        });
        done.map_err(|error| raised(py, &error))
    }

    /// Waits for what is under way, then closes; nothing if it is closed.
    pub fn close(&self, py: Python<'_>) -> PyResult<()> {
        let done = py.detach(|| {
            drop(self.turn()?.vault.take());
            Ok(())
        });
        done.map_err(|error: Error| raised(py, &error))
    }

    /// Does not wait: a vault at work is open.
    pub fn is_closed(&self) -> bool {
        match self.vault.try_lock() {
            Ok(vault) => vault.is_none(),
            Err(TryLockError::Poisoned(vault)) => vault.into_inner().is_none(),
            Err(TryLockError::WouldBlock) => false,
        }
    }

    fn turn(&self) -> Result<Turn<'_>> {
        if self.process != std::process::id() {
            let message = "a vault stays in the process that opened it; this one is a forked child, which may capture, \
                           and may read the vault in a new program";
            return Err(Error::new(ErrorKind::Unsupported, "use vault", message));
        }
        let me = thread::current().id();
        if *lock(&self.worker) == Some(me) {
            let message = "the vault is at work for this very call; what it calls must not call it";
            return Err(Error::new(ErrorKind::Conflict, "use vault", message));
        }
        let vault = lock(&self.vault);
        *lock(&self.worker) = Some(me);
        Ok(Turn {
            vault,
            worker: &self.worker,
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // Closing would touch the log of a database that is the parent's.
            let vault = self.vault.get_mut();
            forget(vault.unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

struct Turn<'o> {
    vault: MutexGuard<'o, Option<crashvault::Vault>>,
    worker: &'o Mutex<Option<ThreadId>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(self.worker) = None;
    }
}

/// Nothing panics while these are held but the engine, whose panics are caught.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn closed() -> Error {
    let message = "this vault was closed; crashvault.open() opens it again";
    Error::new(ErrorKind::InvalidInput, "use vault", message)
}

/// What is known of it went to stderr, or where the host has panics go.
fn panicked() -> Error {
    let message = "the engine panicked; what it was at was rolled back";
    Error::new(ErrorKind::Internal, "use vault", message)
}

/// A clock that the host gave: a function that answers a `datetime` or, as `time.time_ns`, nanoseconds.
pub struct HostClock(pub Py<PyAny>);

impl HostClock {
    fn ask(&self, py: Python<'_>) -> PyResult<Timestamp> {
        Ok(Moment::told(&self.0.bind(py).call0()?)?.0)
    }
}

impl Clock for HostClock {
    /// The system's time where the host's clock fails, which the interpreter then reports.
    fn now(&self) -> Timestamp {
        Python::attach(|py| {
            self.ask(py).unwrap_or_else(|error| {
                error.write_unraisable(py, Some(self.0.bind(py)));
                Timestamp::now()
            })
        })
    }
}
