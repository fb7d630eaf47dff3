//! What was sent beside events.

use super::door::Vault;
use crate::error::Result;
use crate::store::{Item, ItemFilter};

impl Vault {
    /// The items that pass the filter, newest first.
    ///
    /// # Errors
    /// Corrupt, Io.
    pub fn items(&self, filter: &ItemFilter) -> Result<Vec<Item>> {
        self.store.items(filter)
    }

    /// One item.
    ///
    /// # Errors
    /// NotFound; Corrupt, Io.
    pub fn item(&self, id: u64) -> Result<Item> {
        self.store.item(id)
    }

    /// An item's content: what followed its head, without secrets where it is JSON, else as it was sent.
    ///
    /// # Errors
    /// NotFound; Corrupt if it cannot be read; Io.
    pub fn read_item(&self, item: &Item) -> Result<Vec<u8>> {
        self.store.item_payload(item.id)
    }
}
