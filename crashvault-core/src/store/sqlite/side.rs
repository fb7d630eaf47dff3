//! Where derived state is written: into the tables that are read, or into those that a rebuild fills.

use std::borrow::Cow;

use rusqlite::Connection;

const DERIVED: &str = include_str!("../migrations/derived.sql");
/// What derived state has since format 3.
const DERIVED_LIKENESS: &str = include_str!("../migrations/derived_likeness.sql");

/// The tables of derived state.
pub(super) const TABLES: [&str; 20] = [
    "text",
    "stack_text",
    "placement",
    "shelf",
    "issue",
    "label",
    "key",
    "value",
    "posting",
    "shelf_stack",
    "issue_value",
    "issue_user",
    "hour",
    "total",
    "bearer",
    "issue_name",
    "spread",
    "compared",
    "alias",
    "taken_out",
];

/// Which tables are meant by `derived_…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Those that are read.
    Live,
    /// Those that a rebuild fills.
    Rebuilt,
}

impl Side {
    /// A statement for this side.
    pub(super) fn sql(self, text: &'static str) -> Cow<'static, str> {
        match self {
            Self::Live => Cow::Borrowed(text),
            Self::Rebuilt => Cow::Owned(text.replace("derived_", "rebuilt_")),
        }
    }

    /// Makes the tables. Indexes keep their names for life, so each generation has its own.
    pub(super) fn create(self, conn: &Connection, generation: i64) -> rusqlite::Result<()> {
        let sql = DERIVED.replace("generation_", &format!("generation{generation}_"));
        match self {
            Self::Live => conn.execute_batch(&sql)?,
            Self::Rebuilt => conn.execute_batch(&sql.replace("derived_", "rebuilt_"))?,
        }
        self.create_likeness(conn)
    }

    /// Makes the tables that a vault of format 2 lacks.
    pub(super) fn create_likeness(self, conn: &Connection) -> rusqlite::Result<()> {
        conn.execute_batch(&self.sql(DERIVED_LIKENESS))
    }
}
