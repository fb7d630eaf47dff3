//! The words of the commands around the server.

use std::net::SocketAddr;

use clap::Args as Group;

/// Take events from Sentry's SDKs over HTTP, into the vault
#[derive(Debug, Group)]
#[command(after_help = "\
Prints where it listens and the DSN for SDKs, and goes on until Ctrl-C or SIGTERM; then everything
that was accepted is in the vault. An event is answered when it is on the disk, and visible a moment
later, here and to every other command.

On 127.0.0.1 whoever is on this machine may send, and read over HTTP; a project that a DSN names and
that does not exist yet is made. Where others can reach the address, each request must carry a key
of its project. Projects and keys are in server.toml beside vault.toml.

JSON: address, dsn, project

Examples:
  crashvault serve
  crashvault serve --addr 127.0.0.1:0
  curl http://127.0.0.1:5678/api/v1/issues")]
pub struct Serve {
    /// Where to listen; port 0 takes one that is free
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5678")]
    pub addr: SocketAddr,
    /// Answer before the disk has it: survives a crash of the server, not a power cut
    #[arg(long)]
    pub no_fsync: bool,
}
