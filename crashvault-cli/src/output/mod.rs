//! Enters: what a command found out. Leaves: text on stdout and stderr, for a terminal, a pipe or a program.
//!
//! Never: lets a control character of an event reach the terminal, or asks a vault for anything.

pub mod activity;
pub mod age;
pub mod event;
pub mod explanation;
pub mod failure;
pub mod fields;
pub mod json;
pub mod link;
pub mod log;
pub mod pager;
pub mod paint;
pub mod progress;
pub mod screen;
pub mod source;
pub mod table;
pub mod text;
pub mod trend;
pub mod values;

pub use failure::{Failure, Stop};
pub use paint::{Paint, Style};
pub use screen::Screen;
pub use text::visible;
