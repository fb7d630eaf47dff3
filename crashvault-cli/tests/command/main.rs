//! The command as people and programs meet it: arguments in, exit code, stdout and stderr out.

#[path = "../../../tests/skip.rs"]
mod skip;

mod add;
mod archive;
mod attach;
mod bad_days;
mod begin;
mod causes;
mod change;
mod completion;
mod config;
mod decide;
mod demo;
mod diagnose;
mod dumps;
mod events;
mod export;
mod from_v1;
mod group;
mod group_rules;
mod guide;
mod help;
mod import;
mod list;
mod manners;
mod merge;
mod note;
mod parse;
#[cfg(unix)]
mod plugin;
mod prune;
mod queries;
mod rebuild;
#[cfg(feature = "out-of-process")]
mod receive;
#[cfg(all(unix, feature = "report"))]
mod report_to;
mod rescue;
mod run;
mod search;
mod searches;
#[cfg(all(unix, feature = "serve"))]
mod serve;
mod show;
mod stats;
mod status;
mod tail;
#[cfg(target_os = "linux")]
mod terminal;
mod webhook;
mod why;
#[cfg(unix)]
mod wrap;
