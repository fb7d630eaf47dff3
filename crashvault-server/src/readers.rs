//! Vaults that are open for reading, lent to one request at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crashvault::{Result, Vault};
use tokio::sync::Semaphore;

use crate::refusal::Refusal;

/// Reading is the work of one core each.
const READERS_MAX: usize = 2;

/// Opens vaults as they are needed, and keeps them.
#[derive(Debug)]
pub(crate) struct Readers {
    home: PathBuf,
    idle: Mutex<Vec<Vault>>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(home: PathBuf) -> Self {
        Self {
            home,
            idle: Mutex::default(),
            places: Arc::new(Semaphore::new(READERS_MAX)),
        }
    }

    fn borrow(&self) -> Result<Vault> {
        let kept = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        kept.map_or_else(|| Vault::options().read_only(true).open(&self.home), Ok)
    }

    /// Reads, on a thread that may wait for the disk.
    pub(crate) async fn read<T: Send + 'static>(
        state: &Arc<crate::state::State>,
        work: impl FnOnce(&Vault) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Refusal> {
        let place = Arc::clone(&state.readers.places).acquire_owned().await;
        let place = place.map_err(|_| Refusal::busy())?;
        let own = Arc::clone(state);
        let read = tokio::task::spawn_blocking(move || {
            // Held by the work itself, which goes on where a client has hung up.
            let _place = place;
            let vault = own.readers.borrow()?;
            let answer = work(&vault);
            let mut idle = own
                .readers
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            idle.push(vault);
            answer
        });
        match read.await {
            Ok(answer) => answer.map_err(|error| Refusal::of(&error)),
            Err(_) => Err(Refusal::busy()),
        }
    }
}
