//! The thread that takes what was accepted into the vault, in batches, while the server answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crashvault::{Error, ErrorKind, Result, Vault};

/// What comes in so long after the first is taken in with it: one transaction for many.
const DELAY: Duration = Duration::from_millis(50);
/// How long it waits after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it looks without being told to: for what programs captured into the same vault.
const LOOK: Duration = Duration::from_secs(5);

/// What the thread is told.
#[derive(Debug, Default)]
pub(crate) struct Digester {
    orders: Mutex<Orders>,
    told: Condvar,
}

#[derive(Debug, Default)]
struct Orders {
    is_due: bool,
    is_over: bool,
    /// Why the last time failed.
    failure: Option<String>,
}

impl Digester {
    /// Something lies in the journal.
    pub(crate) fn wake(&self) {
        let mut orders = self.orders();
        if !orders.is_due {
            orders.is_due = true;
            self.told.notify_one();
        }
    }

    /// Nothing will come any more.
    pub(crate) fn end(&self) {
        self.orders().is_over = true;
        self.told.notify_one();
    }

    /// Why the vault takes nothing in at present; `None` if it does.
    pub(crate) fn failure(&self) -> Option<String> {
        self.orders().failure.clone()
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        // What is in it is whole after each step.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to do; `false` once there will be nothing.
    fn wait(&self) -> bool {
        let mut orders = self.orders();
        while !orders.is_due && !orders.is_over {
            let woken = self.told.wait_timeout(orders, LOOK);
            let (woken, time) = woken.unwrap_or_else(PoisonError::into_inner);
            orders = woken;
            if time.timed_out() {
                break;
            }
        }
        !orders.is_over
    }

    fn run(&self, mut vault: Vault) {
        while self.wait() {
            std::thread::sleep(DELAY);
            self.orders().is_due = false;
            self.digest(&mut vault);
        }
        // What a last request brought.
        self.digest(&mut vault);
    }

    /// Nothing is lost by a failure: the next time begins where this one ended.
    fn digest(&self, vault: &mut Vault) {
        // What one event may do to it must not keep all others out for ever.
        let done = catch_unwind(AssertUnwindSafe(|| vault.drain_all())).unwrap_or_else(|_| {
            let message = "taking in failed for a fault in the program";
            Err(Error::new(ErrorKind::Internal, "drain", message))
        });
        let failure = match &done {
            Ok(report) => report.faults.first().map(ToString::to_string),
            Err(error) => Some(error.to_string()),
        };
        let mut orders = self.orders();
        orders.failure = failure;
        if done.is_err() && !orders.is_over {
            orders.is_due = true;
            drop(self.told.wait_timeout(orders, PAUSE));
        }
    }
}

/// Starts the thread; at once it takes in what a former server left.
///
/// # Errors
/// Io.
pub(crate) fn start(digester: std::sync::Arc<Digester>, vault: Vault) -> Result<JoinHandle<()>> {
    digester.wake();
    let home = vault.directory().to_owned();
    std::thread::Builder::new()
        .name("crashvault-digest".into())
        .spawn(move || digester.run(vault))
        .map_err(|error| crashvault::Error::io("start server", &home, error))
}
