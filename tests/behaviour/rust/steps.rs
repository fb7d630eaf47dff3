//! The steps of one run → calls of the public verbs. This is the program that the case is about.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use crashvault::{
    Breadcrumb, Clock, Event, EventId, FixedClock, Level, Options, Scope, ScopeHandle, User, Vault,
};
use serde_json::Value;

use crate::case::{Case, Run, numbered};
use crate::decisions;
use crate::places::{Failure, fail_in};

const RETURNED: &str = "returned";
const CLOCK: &str = "clock";

/// Does what the numbered run of the case says; the vault lies in `work`.
pub fn run(case: &Case, number: usize, work: &Path) {
    let run = &case.runs[number];
    let returned = OpenOptions::new()
        .append(true)
        .create(true)
        .open(work.join(RETURNED));
    let program = Program {
        clock: FixedClock::at(&run.clock).expect("the clock shows RFC 3339"),
        errors: &case.errors,
        work,
        home: &work.join("vault"),
        returned: returned.expect("the parent made the directory"),
    };
    program.advance_clock(0);
    if case.installs {
        program.options(run, &case.hooks).install();
    }
    program.steps(&run.steps);
    crashvault::close();
}

/// The ids that labelled steps returned, in all runs.
pub fn returned(work: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(work.join(RETURNED)).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs
        .map(|(id, label)| (label.to_owned(), id.to_owned()))
        .collect()
}

/// The injected clock as the last run left it.
pub fn clock(work: &Path) -> FixedClock {
    let text = std::fs::read_to_string(work.join(CLOCK)).expect("each run tells its clock");
    FixedClock::at(&text).expect("the clock shows RFC 3339")
}

struct Program<'c> {
    clock: FixedClock,
    errors: &'c Value,
    work: &'c Path,
    home: &'c Path,
    returned: File,
}

impl Program<'_> {
    fn options(&self, run: &Run, hooks: &Value) -> Options {
        let mut options = crashvault::options()
            .vault(self.home)
            .clock(self.clock.clone())
            .drain(false)
            .project("behaviour")
            .environment("test");
        for (key, value) in run.options.as_object().expect("options is an object") {
            options = match key.as_str() {
                "project" => options.project(text(value)),
                "release" => options.release(text(value)),
                "environment" => options.environment(text(value)),
                "dist" => options.dist(text(value)),
                "server_name" => options.server_name(text(value)),
                "sample_rate" => options.sample_rate(value.as_f64().expect("a rate is a number")),
                "max_breadcrumbs" => options.max_breadcrumbs(number(value) as usize),
                "throttle" => options.throttle(*value == true),
                "stacks" => options.stacks(*value == true),
                "tags" => pairs(value).fold(options, |options, (key, value)| {
                    options.tag(key, text(value))
                }),
                other => panic!("the schema knows no option {other}"),
            };
        }
        with_hooks(options, hooks)
    }

    fn steps(&self, steps: &[Value]) {
        for step in steps {
            let (verb, argument) = pairs(step).next().expect("a step has a verb");
            self.step(verb, argument);
        }
    }

    fn step(&self, verb: &str, argument: &Value) {
        match verb {
            "capture_error" => {
                let name = argument["error"]
                    .as_str()
                    .expect("capture_error names an error");
                let failure =
                    Failure::declared(self.errors.get(name).expect("the error is declared"));
                self.note(argument, self.fail(argument, &failure));
            }
            "capture_message" => {
                let level = argument.get("level").map_or(Level::Info, level);
                self.note(
                    argument,
                    crashvault::capture_message(text(&argument["message"]), level),
                );
            }
            "capture_event" => {
                let event = Event::from_json(argument["event"].to_string().as_bytes())
                    .expect("an event is an object");
                self.note(argument, crashvault::capture_event(event));
            }
            "panic" => {
                self.fail(
                    argument,
                    &Failure::Panic(text(&argument["message"]).to_owned()),
                );
            }
            "add_breadcrumb" => crashvault::add_breadcrumb(breadcrumb(argument)),
            "with_scope" => crashvault::with_scope(
                |scope| set_all(scope, &argument["set"]),
                || self.steps(list(&argument["steps"])),
            ),
            "global_scope" => {
                crashvault::configure_global_scope(|scope| set_all(scope, &argument["set"]))
            }
            "thread" => self.thread(argument),
            "repeat" => {
                for pass in 0..number(&argument["times"]) {
                    self.steps(list(&numbered(&argument["steps"], pass)));
                }
            }
            "advance_clock" => {
                self.advance_clock(argument.as_i64().expect("advance_clock takes seconds"))
            }
            "drain" => drop(self.drained()),
            decision if decisions::VERBS.contains(&decision) => {
                let event = |name: &Value| self.event(text(name));
                decisions::decide(&mut self.drained(), decision, argument, event);
            }
            "close" => crashvault::close(),
            // The short verbs, where the language has them, else the scope's own.
            "set_tag" => crashvault::set_tag(text(&argument[0]), text(&argument[1])),
            "set_user" => crashvault::set_user(user(argument)),
            "set_context" => crashvault::set_context(text(&argument[0]), argument[1].clone()),
            "set_extra" => crashvault::set_extra(text(&argument[0]), argument[1].clone()),
            _ => crashvault::configure_scope(|scope| set(scope, verb, argument)),
        }
    }

    fn drained(&self) -> Vault {
        let options = Vault::options()
            .clock(self.clock.clone())
            .author("behaviour");
        let mut vault = options.open(self.home).expect("the vault opens");
        vault.drain_all().expect("the vault drains");
        vault
    }

    /// Written at once: the next step may end the program.
    fn advance_clock(&self, seconds: i64) {
        self.clock.advance_secs(seconds);
        std::fs::write(self.work.join(CLOCK), self.clock.now().to_string())
            .expect("the file can be written");
    }

    /// The event that a step of this run or an earlier one returned.
    fn event(&self, label: &str) -> EventId {
        let returned = returned(self.work);
        let id = returned.get(label).expect("a step returned it");
        id.parse().expect("what was noted is an id")
    }

    fn fail(&self, argument: &Value, failure: &Failure) -> EventId {
        let place = argument["at"].as_str().unwrap_or("checkout");
        fail_in(place, argument["depth"].as_u64().unwrap_or(1), failure)
    }

    fn thread(&self, argument: &Value) {
        let inherited = (argument["inherit"] == true).then(ScopeHandle::current);
        let steps = || self.steps(list(&argument["steps"]));
        std::thread::scope(|threads| {
            let thread = threads.spawn(|| match inherited {
                Some(scope) => scope.run(steps),
                None => steps(),
            });
            // A panic in it is the case's business.
            let _ = thread.join();
        });
    }

    /// Written at once: the next step may end the program.
    fn note(&self, argument: &Value, id: EventId) {
        if let Some(label) = argument["as"].as_str() {
            let line = format!("{id} {label}\n");
            (&self.returned)
                .write_all(line.as_bytes())
                .expect("the file can be written");
        }
    }
}

fn set_all(scope: &mut Scope, steps: &Value) {
    for (verb, argument) in list(steps).iter().flat_map(pairs) {
        set(scope, verb, argument);
    }
}

fn set(scope: &mut Scope, verb: &str, argument: &Value) {
    match verb {
        "set_tag" => scope.set_tag(text(&argument[0]), text(&argument[1])),
        "remove_tag" => scope.remove_tag(text(argument)),
        "set_user" => scope.set_user(user(argument)),
        "set_context" => scope.set_context(text(&argument[0]), argument[1].clone()),
        "set_extra" => scope.set_extra(text(&argument[0]), argument[1].clone()),
        "set_fingerprint" => scope.set_fingerprint(list(argument).iter().map(text)),
        "set_level" => scope.set_level((!argument.is_null()).then(|| level(argument))),
        "set_transaction" => scope.set_transaction(text(argument)),
        "add_breadcrumb" => scope.add_breadcrumb(breadcrumb(argument)),
        "clear_scope" => scope.clear(),
        other => panic!("the schema knows no verb {other}"),
    }
}

fn with_hooks(mut options: Options, hooks: &Value) -> Options {
    if let Some(hook) = hooks.get("before_send").cloned() {
        options = options.before_send(move |mut event| match &hook {
            Value::String(word) if word == "drop" => None,
            Value::String(word) if word == "panic" => panic!("the hook failed"),
            other => {
                let tag = &other["set_tag"];
                event
                    .tags
                    .insert(text(&tag[0]).into(), text(&tag[1]).into());
                Some(event)
            }
        });
    }
    if let Some(hook) = hooks.get("before_breadcrumb").cloned() {
        let category = text(&hook["drop_category"]).to_owned();
        options = options.before_breadcrumb(move |crumb| {
            (crumb.category.as_deref() != Some(category.as_str())).then_some(crumb)
        });
    }
    options
}

fn breadcrumb(argument: &Value) -> Breadcrumb {
    let mut crumb = Breadcrumb::new(text(&argument["message"]));
    crumb.ty = argument["type"].as_str().map(str::to_owned);
    crumb.category = argument["category"].as_str().map(str::to_owned);
    crumb.level = argument.get("level").map(level);
    pairs(&argument["data"]).fold(crumb, |crumb, (key, value)| crumb.data(key, value.clone()))
}

fn user(argument: &Value) -> Option<User> {
    let mut user = User::default();
    for (key, value) in argument.as_object()? {
        let value = text(value).to_owned();
        match key.as_str() {
            "id" => user.id = Some(value),
            "email" => user.email = Some(value),
            "username" => user.username = Some(value),
            "ip_address" => user.ip_address = Some(value),
            _ => drop(user.other.insert(key.clone(), value.into())),
        }
    }
    Some(user)
}

fn level(value: &Value) -> Level {
    Level::from_name(text(value)).expect("a level of the list")
}

pub fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

pub fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn pairs(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value))
}
