//! What Crashvault is compared with, and the harness that times all subjects by the same code.
//!
//! Enters: [`Subject`]s. Leaves: one JSON object of medians and percentiles, and the raw samples in files.
//!
//! Never: times one library under conditions that another one did not have. All subjects live in one process,
//! take turns in short blocks, and capture the same error at the same depth with the same scope.
//!
//! A benchmark is a program that installs its subjects and asks for each verb:
//!
//! ```no_run
//! use bench_peers::{Plan, Report, Subject, harness, sentry::Sentry};
//!
//! let subjects: Vec<&'static dyn Subject> = vec![Sentry::with_stack(), Sentry::without_stack()];
//! if harness::was_child(&subjects) {
//!     return;
//! }
//! let plan = Plan::default();
//! let mut report = Report::new("capture");
//! let first = harness::first_captures(&subjects, 11).unwrap();
//! let installed = harness::install(&subjects);
//! report.add("capture_error", &harness::errors(&installed, &plan)).unwrap();
//! report.add_starts(&first).unwrap();
//! println!("{}", report.to_json());
//! ```
//!
//! A new subject implements [`Subject`] and is put into that list; nothing else changes.

pub mod alloc;
pub mod events;
pub mod grouping;
pub mod harness;
pub mod logging;
pub mod ours;
pub mod requests;
pub mod sentry;
pub mod sink;
pub mod sites;
pub mod stats;
pub mod subject;
pub mod terms;
pub mod usage;
pub mod workload;

pub use harness::Plan;
pub use stats::{Report, Samples};
pub use subject::{Kept, Subject};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;
