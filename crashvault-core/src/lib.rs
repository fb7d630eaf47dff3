//! The SQLite of crash reporting.
