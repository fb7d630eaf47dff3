//! Derived state made again.

use super::door::Vault;
use crate::error::Result;
use crate::store::RebuildReport;

impl Vault {
    /// Makes issues, counters and the search index again from the records, while others read and write, and puts them in
    /// the place of the old. Nothing is lost if it is interrupted.
    ///
    /// # Errors
    /// Corrupt for a record that cannot be read, naming it: then everything stays as it was. ReadOnly, Busy, Io;
    /// Unsupported in a forked child.
    pub fn rebuild(&mut self) -> Result<RebuildReport> {
        self.lineage.check()?;
        let _chore = self.begin_chore("rebuild")?;
        self.refuse_full_disk("rebuild")?;
        self.store.rebuild()
    }

    /// Makes all that again and tells where what is there differs, in words; empty if it is as it should be. Changes
    /// nothing.
    ///
    /// # Errors
    /// As [`Vault::rebuild`].
    pub fn verify(&mut self) -> Result<Vec<String>> {
        self.lineage.check()?;
        let _chore = self.begin_chore("verify")?;
        self.refuse_full_disk("verify")?;
        self.store.verify()
    }

    /// Writes all records and all derived state as text, for tests: two vaults that know the same write the same.
    ///
    /// # Errors
    /// Corrupt, Io.
    #[doc(hidden)]
    pub fn dump(&self, out: &mut dyn std::io::Write) -> Result<()> {
        self.store.dump(out)
    }
}
