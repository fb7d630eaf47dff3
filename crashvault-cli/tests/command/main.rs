//! The command as people and programs meet it: arguments in, exit code, stdout and stderr out.

mod add;
mod bad_days;
mod decide;
mod demo;
mod guide;
mod help;
mod list;
mod prune;
mod rebuild;
mod run;
mod search;
mod show;
mod status;
