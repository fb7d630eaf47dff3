//! The command as people and programs meet it: arguments in, exit code, stdout and stderr out.

mod add;
mod bad_days;
mod demo;
mod help;
mod list;
mod run;
mod show;
mod status;
