//! Takes in what Sentry's SDKs send, and keeps it in a vault: [`ServerOptions::start`] opens the door, [`Server`] says
//! where it is.
//!
//! Enters: requests. Leaves: answers, and frames in the vault's journal; a thread takes these into the vault.
//!
//! # What it does not do
//!
//! - It answers 200 only for what is in the journal, on the disk.
//! - It opens no connection to anywhere.
//! - It takes nothing from other machines without a key.
//!
//! Never: knows how a vault is stored, or what events mean; what it needs of either are the engine's public functions.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod accept;
mod auth;
mod body;
mod digest;
mod envelope;
mod listen;
mod options;
mod projects;
mod read;
mod readers;
mod refusal;
mod state;

pub use listen::Server;
pub use options::ServerOptions;
pub use projects::{Project, Projects};
