//! What a server is started with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crashvault::Result;

use crate::listen::{self, Server};

/// How a server is started.
///
/// ```no_run
/// let server = crashvault_server::ServerOptions::new("/var/lib/crashvault").start()?;
/// println!("{} {}", server.address(), server.dsn());
/// server.wait();
/// # Ok::<(), crashvault::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    pub(crate) home: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) is_synced: bool,
    pub(crate) connections_max: usize,
}

/// v1's port.
const PORT: u16 = 5678;
/// Below the number of open files that a process usually may have.
const CONNECTIONS_MAX: usize = 800;

impl ServerOptions {
    /// On this machine alone, port 5678, into the vault in `home`, which is made if there is none.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT),
            is_synced: true,
            connections_max: CONNECTIONS_MAX,
        }
    }

    /// Where it listens; port 0 takes one that is free. Any other address than loopback demands a project's key of each
    /// request.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Whether the disk is waited for before an answer. Default: true; else what was answered survives SIGKILL, but not a
    /// power cut.
    #[must_use]
    pub fn synced(mut self, on: bool) -> Self {
        self.is_synced = on;
        self
    }

    /// Connections at once; others wait until one ends. Default: 800.
    #[must_use]
    pub fn connections_max(mut self, count: usize) -> Self {
        self.connections_max = count.max(1);
        self
    }

    /// Opens the vault and listens. What was accepted before and waits in the journal is taken in meanwhile.
    ///
    /// # Errors
    /// InvalidInput for an address that others can reach while no project has a key; Io for one that cannot be listened
    /// on; what opening a vault says.
    pub fn start(self) -> Result<Server> {
        listen::start(self)
    }
}
