//! Enters: files in a shape that others read or wrote. Leaves: with the feature `v1`, the issues, events and files that
//! Crashvault 1 kept, as data of this version, with what was wrong with them.
//!
//! Never: writes to what it reads, opens a vault, or gives up a file because another one is damaged.

#[cfg(feature = "v1")]
pub(crate) mod v1;
